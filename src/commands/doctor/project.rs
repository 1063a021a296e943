//! What the examination looks at where there is a project.

use std::collections::BTreeMap;
use std::fmt::Write;

use vault_schema::audit::Severity;
use vault_schema::doctor::{State, Topic};

use super::{Examination, program};
use crate::commands::survey::block_on;
use crate::domain::declaration::TokenSource;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::inventory::Inventory;
use crate::domain::name::EnvironmentName;
use crate::domain::place::Place;
use crate::domain::seal::BreachKind;
use crate::error::Refusal;
use crate::flow::event;
use crate::flow::observe::{self, Connection};
use crate::report::{advice, doctor};
use crate::settings::{Selection, World, token};
use crate::targets::Target;
use crate::targets::client::Client;
use crate::ui::progress::Progress;
use crate::vault::identity::Identities;
use crate::vault::journal::Journal;
use crate::vault::layout::{Layout, PROJECT_FILE};
use crate::vault::log::Log;
use crate::vault::read::{self, Environment, Key};
use crate::vault::{attributes, git, lock, store};

impl Examination {
    pub(super) fn project(
        &mut self,
        selection: &Selection,
        identities: Option<&Identities>,
        client: &Client,
        world: &mut World,
    ) -> anyhow::Result<()> {
        let Selection { layout, project, .. } = selection;
        let (environments, targets) = (project.environments.len(), project.targets.len());
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut message =
            format!("{}, {} in {PROJECT_FILE}", count(environments, "environment"), count(targets, "target"));
        if layout.root() != world.folder {
            let _ = write!(message, " of {}", layout.root().display());
        }
        let next = (targets == 0).then(|| format!("say where values go: `[targets.web]` in {PROJECT_FILE}"));
        let state = if targets == 0 { State::Warn } else { State::Ok };
        self.checks.push(doctor::check(state, Topic::Project, None, message, next));

        let opened = match identities {
            Some(identities) => self.environments(selection, identities),
            None => BTreeMap::new(),
        };
        self.tokens(selection, &opened, client, world)?;
        self.targets(selection, &opened, client, world)?;
        self.repository(selection, world);
        self.begun(layout);
        Ok(())
    }

    /// Opens every environment, and returns what those hold that our keys open.
    fn environments(&mut self, selection: &Selection, identities: &Identities) -> BTreeMap<EnvironmentName, Inventory> {
        let mut opened = BTreeMap::new();
        for environment in read::environments(&selection.layout, &selection.environments, identities) {
            let name = environment.inventory.environment.clone();
            if let Some(refusal) = Refusal::locked(&environment) {
                let next = refusal.hint();
                let check =
                    doctor::check(State::Fail, Topic::Environment, Some(name.as_str()), refusal.to_string(), next);
                self.checks.push(check);
                continue;
            }
            let problems = problems(&selection.layout, &environment);
            self.checks.push(doctor::opened(&doctor::Opened {
                name: &name,
                values: environment.inventory.entries.len(),
                recipients: match &environment.recipients {
                    Ok(recipients) => Ok(&recipients.names),
                    Err(error) => Err(error.to_string()),
                },
                has_ours: has_ours(&selection.layout, &name, identities),
                is_unsealed: environment.sealed.is_unsealed() && environment.files > 0,
                problems,
            }));
            opened.insert(name, environment.inventory);
        }
        opened
    }

    /// Asks each platform once for each token that is used there.
    fn tokens(
        &mut self,
        selection: &Selection,
        opened: &BTreeMap<EnvironmentName, Inventory>,
        client: &Client,
        world: &World,
    ) -> anyhow::Result<()> {
        let mut asked = Vec::new();
        for name in &selection.environments {
            for place in places(selection, name) {
                let target = &selection.project.targets[&place.target];
                let inventory = opened.get(name);
                if matches!(target.token, Some(TokenSource::Vault(_))) && inventory.is_none() {
                    continue;
                }
                let access = token::of_target(target, inventory, world)?;
                let origin = access.found.as_ref().map(|found| found.origin.clone());
                // A vault has a token of its own for each environment.
                let of = matches!(target.token, Some(TokenSource::Vault(_))).then(|| name.clone());
                let key = (access.kind, access.address.clone(), origin, of);
                if !asked.contains(&key) {
                    self.token(&access, client, world)?;
                    asked.push(key);
                }
            }
        }
        Ok(())
    }

    /// Asks every target what it holds, which tells whether it answers us.
    fn targets(
        &mut self,
        selection: &Selection,
        opened: &BTreeMap<EnvironmentName, Inventory>,
        client: &Client,
        world: &mut World,
    ) -> anyhow::Result<()> {
        let mut connections: BTreeMap<Place, Connection> = BTreeMap::new();
        for (name, inventory) in opened {
            for place in places(selection, name) {
                let target = &selection.project.targets[&place.target];
                let connection = token::connect(client, &place, target, inventory, world)?;
                connections.insert(place, connection);
            }
        }
        if connections.is_empty() {
            return Ok(());
        }
        let progress = Progress::new(&mut world.ui);
        let observations = block_on(event::with_waits(client, &progress, observe::observe(&connections, &progress)))?;
        drop(progress);
        let answering = observations.values().filter(|observation| observation.is_ok()).count();
        if answering > 0 {
            let message = format!("{answering} of {} answer", observations.len());
            self.checks.push(doctor::check(State::Ok, Topic::Target, None, message, None));
        }
        for (place, observation) in &observations {
            if let Err(error) = observation {
                let message = format!("{}: {error}", place.location);
                let next = advice::remedy(error, &place.location);
                let name = Some(place.target.as_str());
                self.checks.push(doctor::check(State::Fail, Topic::Target, name, message, next));
            } else if let Some(Ok(target)) = connections.get(place)
                && let Some(there) = target.now_there()
            {
                self.clocks.push((place.location.to_string(), there, (world.clock)()));
            }
        }
        Ok(())
    }

    fn repository(&mut self, selection: &Selection, world: &World) {
        let git = program("git", world);
        let repository = git.as_ref().and_then(|git| git::look(git, selection.layout.root()));
        let missing = attributes::missing(&selection.layout);
        let declared: Vec<EnvironmentName> = selection.project.environments.keys().cloned().collect();
        self.checks.extend(doctor::git(repository.as_ref(), git.is_some(), &missing, &declared));
    }

    /// Looks for what this machine has begun and not ended.
    fn begun(&mut self, layout: &Layout) {
        let mut found = Vec::new();
        match Journal::of(layout).open_intents() {
            Ok(intents) => {
                for intent in intents.iter().take(1) {
                    let more = match intents.len() - 1 {
                        0 => String::new(),
                        more => format!(", and {more} more"),
                    };
                    let message =
                        format!("a push was interrupted while it wrote {} at {}{more}", intent.name, intent.place);
                    found.push((State::Warn, message, format!("`undrift push -e {}` finishes it", intent.environment)));
                }
            }
            Err(error) => found.push((State::Fail, error.to_string(), "look at it, then remove it".to_owned())),
        }
        if let Some(holder) = lock::holder(layout) {
            let (message, next) = match process(&holder) {
                Some(process) if is_gone(process) => (
                    format!("the lock is held by what a process that has ended left behind: {holder}"),
                    "end what it started; the lock goes with it".to_owned(),
                ),
                _ => (format!("another undrift is writing: {holder}"), "wait for it to end".to_owned()),
            };
            found.push((State::Warn, message, next));
        }
        if found.is_empty() {
            found.push((State::Ok, "nothing is left open".to_owned(), String::new()));
        }
        for (state, message, next) in found {
            let next = Some(next).filter(|next| !next.is_empty());
            self.checks.push(doctor::check(state, Topic::Machine, None, message, next));
        }
    }
}

fn places(selection: &Selection, name: &EnvironmentName) -> Vec<Place> {
    let places = selection.project.places(name).into_iter();
    places.filter(|place| selection.means(&place.target)).collect()
}

/// Returns what is wrong with an environment's files and log, worst first. That it was never sealed is told by itself.
fn problems(layout: &Layout, environment: &Environment) -> Vec<String> {
    let mut found: Vec<(bool, String)> = environment
        .inventory
        .problems
        .iter()
        .filter(|problem| problem.kind.severity() == Severity::Error)
        .filter(|problem| !matches!(problem.kind, ProblemKind::Seal(BreachKind::Unsealed)))
        .map(|problem| (!problem.kind.hides_values(), problem.to_string()))
        .collect();
    if let Key::Known(key) = &environment.key {
        let name = &environment.inventory.environment;
        let file = layout.shown(&layout.log(name));
        found.extend(Log::of(layout, name, key).check().faults.iter().map(|fault| {
            let kind = ProblemKind::Log(fault.kind);
            (true, Problem { file: Some(file.clone()), line: fault.number, secret: None, kind }.to_string())
        }));
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, text)| text).collect()
}

/// Returns whether one of our public keys is a recipient; none where we know of none or the list does not read.
fn has_ours(layout: &Layout, name: &EnvironmentName, identities: &Identities) -> Option<bool> {
    let content = store::read(&layout.recipients(name)).ok()?;
    let text = String::from_utf8_lossy(&content);
    // A comment may stand behind an ssh key.
    let key = |line: &str| line.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let ours: Vec<String> = identities.recipients.iter().map(|line| key(line)).collect();
    let all_known = identities.recipients.len() >= identities.keys.len();
    let is_there = text.lines().any(|line| ours.contains(&key(line)));
    (is_there || all_known).then_some(is_there)
}

/// Returns the process that the lock's own words name.
fn process(holder: &str) -> Option<u32> {
    let (_, rest) = holder.split_once("process ")?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Returns whether a process has ended, where the system shows which there are.
fn is_gone(process: u32) -> bool {
    let all = std::path::Path::new("/proc");
    all.join("self").exists() && !all.join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_words_name_its_process() {
        assert_eq!(process("alice, process 4711, since 2026-11-20 08:00:00 UTC"), Some(4711));
        assert_eq!(process("it has just begun"), None);
        assert!(!is_gone(std::process::id()));
    }
}
