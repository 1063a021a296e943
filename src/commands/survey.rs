//! What audit, plan and push have in common: the vault read, the targets asked, and every row judged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vault_schema::plan::Held;

use crate::cli::{Choices, Global};
use crate::domain::age;
use crate::domain::binding::Shared;
use crate::domain::declaration::Project;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::fleet::Fleet;
use crate::domain::intent::Intent;
use crate::domain::name::{EnvironmentName, RemoteName, SecretName};
use crate::domain::place::Place;
use crate::domain::plan::{self, Plan};
use crate::domain::receipt::Removal;
use crate::domain::rotation::{Open, Run, put_beside, stays_until};
use crate::domain::row::{Row, filed};
use crate::domain::seal::{BreachKind, Seal};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::Refusal;
use crate::flow::audit::{self, Subject, Subjects};
use crate::flow::event;
use crate::flow::observe::{self, Connection, Observations};
use crate::report::advice;
use crate::report::intake::count;
use crate::settings::{Selection, World, token};
use crate::targets::client::Client;
use crate::ui::progress::Progress;
use crate::vault::identity::Identities;
use crate::vault::journal::Journal;
use crate::vault::layout::Layout;
use crate::vault::log::Log;
use crate::vault::read::{self, Key};
use crate::vault::rotation::RotationError;
use crate::vault::{etags, key, memory, receipts, rotation};

/// Everything that is known once the targets have answered.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) selection: Selection,
    pub(super) at: Timestamp,
    pub(super) client: Client,
    pub(super) subjects: Subjects,
    pub(super) connections: BTreeMap<Place, Connection>,
    pub(super) observations: Observations,
    pub(super) rows: Vec<Row>,
    /// Environments that have no fingerprint key.
    pub(super) keyless: BTreeSet<EnvironmentName>,
    /// Environments whose key is there and could not be read.
    pub(super) key_unreadable: BTreeSet<EnvironmentName>,
    /// Environments that nobody has sealed.
    pub(super) unsealed: BTreeSet<EnvironmentName>,
    /// Environments that nobody named and that no identity opens.
    pub(super) left_out: Vec<EnvironmentName>,
    /// The seals that were found good, with the heads of a log that is whole.
    seen: BTreeMap<EnvironmentName, (Seal, Option<BTreeSet<Fingerprint>>)>,
    /// Writes of an earlier push that nobody saw end.
    pub(super) interrupted: Vec<Intent>,
    /// Environments where one of them was a removal that is done, which no file says yet.
    pub(super) recalled: BTreeSet<EnvironmentName>,
}

/// Reads the vault and asks the targets.
pub(super) fn survey(selection: Selection, global: &Global, world: &mut World) -> anyhow::Result<Survey> {
    let at = (world.clock)();
    let identities = world.identity_chain(global).load()?;
    let client = client(&selection.layout, at, world);
    let mut survey = Survey {
        selection,
        at,
        client,
        subjects: Subjects::new(),
        connections: BTreeMap::new(),
        observations: Observations::new(),
        rows: Vec::new(),
        keyless: BTreeSet::new(),
        key_unreadable: BTreeSet::new(),
        unsealed: BTreeSet::new(),
        left_out: Vec::new(),
        seen: BTreeMap::new(),
        interrupted: Vec::new(),
        recalled: BTreeSet::new(),
    };
    survey.interrupted = Journal::of(&survey.selection.layout).open_intents()?;
    survey.open(&identities, world)?;
    survey.connect(world)?;
    let progress = Progress::new(&mut world.ui);
    let observing = observe::observe(&survey.connections, &progress);
    survey.observations = block_on(event::with_waits(&survey.client, &progress, observing))?;
    if let Some(etags) = survey.client.etags() {
        // Where nothing can be written, the next audit asks for everything anew, and that is all.
        let _ = etags::write(&survey.selection.layout, etags, at);
    }
    survey.recall_removals();
    survey.rows = audit::rows(&survey.selection.project, &survey.subjects, &survey.observations, survey.today());
    Ok(survey)
}

/// Returns the client, with what this machine knows of listings.
fn client(layout: &Layout, at: Timestamp, world: &World) -> Client {
    match etags::read(layout) {
        Ok(etags) => Client::remembering(&world.network, etags, at),
        Err(_) => Client::new(&world.network),
    }
}

/// Runs what needs the network on this one thread.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the network runtime")?.block_on(future))
}

/// Returns the rotations that are open, as a person is told of them.
fn open_runs(runs: &Result<Vec<Run>, RotationError>, project: &Project, file: &str, at: Timestamp) -> Vec<Problem> {
    let problem = |line, kind| Problem { file: Some(file.to_owned()), line, secret: None, kind };
    let open = |run| problem(None, ProblemKind::Rotating(Open::of(run, at, stays_until(project, run))));
    match runs {
        Ok(runs) => runs.iter().map(open).collect(),
        // The finding about the seal says it.
        Err(RotationError::Seal(_)) => Vec::new(),
        Err(RotationError::Malformed { line, message, .. }) => {
            vec![problem(Some(*line), ProblemKind::BadRotation(message.clone()))]
        }
        Err(error) => vec![problem(None, ProblemKind::BadRotation(error.to_string()))],
    }
}

/// Returns what is odd about an environment's receipts: those that nobody vouches for, and those of places that no
/// target is any more.
fn receipt_problems(read: &receipts::Read, places: &[Place], file: &str) -> Vec<Problem> {
    let problem = |line, kind| Problem { file: Some(file.to_owned()), line, secret: None, kind };
    let forged = read.forged.iter().map(|forged| {
        let (name, place) = (forged.name.clone(), forged.place.clone());
        problem(forged.line, ProblemKind::ForgedReceipt { name, place })
    });
    let declared: BTreeSet<String> = places.iter().map(|place| place.location.to_string()).collect();
    let mut left: BTreeMap<&str, Vec<RemoteName>> = BTreeMap::new();
    for (place, name, _) in read.receipts.iter().filter(|(place, _, _)| !declared.contains(*place)) {
        left.entry(place).or_default().push(name.clone());
    }
    let left = left
        .into_iter()
        .map(|(place, names)| problem(None, ProblemKind::LeftBehind { place: place.to_owned(), names }));
    forged.chain(left).collect()
}

impl Survey {
    /// Returns the options that name an environment for a write.
    pub(super) fn flags(&self, name: &EnvironmentName) -> String {
        self.selection.write_flags(name)
    }

    /// Returns the day of the survey.
    pub(super) fn today(&self) -> Date {
        self.at.to_zoned(TimeZone::UTC).date()
    }

    /// Decrypts the environments. One that is wholly for others is left out unless it was named.
    fn open(&mut self, identities: &Identities, world: &mut World) -> anyhow::Result<()> {
        let Selection { layout, project, environments, environments_named, .. } = &self.selection;
        let shared = Shared::of(project);
        let mut locked = Vec::new();
        for mut environment in read::environments(layout, environments, identities) {
            let name = environment.inventory.environment.clone();
            if let Some(refusal) = Refusal::locked(&environment) {
                locked.push(refusal);
                self.left_out.push(name);
                continue;
            }
            if environment.sealed.is_unsealed() {
                self.unsealed.insert(name.clone());
            }
            if let Key::Known(key) = &environment.key {
                let chain = Log::of(layout, &name, key).check();
                let file = layout.shown(&layout.log(&name));
                environment.inventory.problems.extend(chain.faults.iter().map(|fault| Problem {
                    file: Some(file.clone()),
                    line: fault.number,
                    secret: None,
                    kind: ProblemKind::Log(fault.kind),
                }));
                let heads = chain.is_whole().then_some(chain.heads);
                self.seen.extend(environment.sealed.valid().map(|seal| (name.clone(), (seal.clone(), heads))));
            }
            let (key, is_its_own) = match environment.key {
                Key::Known(key) => (key, true),
                Key::Absent => {
                    self.keyless.insert(name.clone());
                    (key::generate().context("cannot make a fingerprint key")?, false)
                }
                Key::Unreadable => {
                    self.key_unreadable.insert(name.clone());
                    (key::generate().context("cannot make a fingerprint key")?, false)
                }
            };
            // Receipts without the key that made them cannot be checked, and are never written over.
            let read = if is_its_own {
                receipts::read(layout, &name, &key)?
            } else {
                receipts::Read { foreign: layout.receipts(&name).exists(), ..receipts::Read::default() }
            };
            let runs = rotation::read(layout, &name, &environment.sealed);
            let file = layout.shown(&layout.rotation(&name));
            environment.inventory.problems.extend(open_runs(&runs, project, &file, self.at));
            environment.inventory.problems.extend(age::problems(project, &environment.inventory, self.today()));
            if let Ok(runs) = &runs {
                put_beside(&mut environment.inventory, runs, &key);
            }
            let places = project.places(&name);
            environment.inventory.problems.extend(receipt_problems(
                &read,
                &places,
                &layout.shown(&layout.receipts(&name)),
            ));
            let places = places.into_iter().filter(|place| self.selection.asks(place));
            let subject =
                Subject::new(project, &shared, environment.inventory, key, read.receipts, read.foreign, places);
            self.subjects.insert(name, subject);
        }
        // A developer's identity opens staging, not production: that is no fault of an audit that names neither.
        if *environments_named || self.subjects.is_empty() {
            if let Some(refusal) = locked.into_iter().next() {
                return Err(refusal.into());
            }
        } else {
            for refusal in locked {
                world.ui.say(&format!("note: left out: {refusal}"));
            }
        }
        Ok(())
    }

    /// Refuses to write where a receipt would be made under a key that is not the environment's.
    pub(super) fn refuse_without_key(&self, name: &EnvironmentName) -> Result<(), Refusal> {
        if self.key_unreadable.contains(name) {
            return Err(Refusal::KeyUnreadable(name.clone()));
        }
        if self.subjects[name].receipts_void {
            return Err(Refusal::ForeignReceipts(name.clone()));
        }
        Ok(())
    }

    /// Refuses to decide anything where a place could not be read, or where nobody can say what was pushed.
    pub(super) fn refuse_unread(&self) -> Result<(), Refusal> {
        for (place, observation) in &self.observations {
            if let Err(why) = observation {
                return Err(Refusal::Unread { place: place.location.clone(), why: why.clone() });
            }
        }
        let void = self.subjects.iter().find(|(_, subject)| subject.receipts_void);
        void.map_or(Ok(()), |(name, _)| Err(Refusal::ForeignReceipts(name.clone())))
    }

    /// Refuses to write anything for an environment that nobody has sealed.
    pub(super) fn refuse_unsealed(&self) -> Result<(), Refusal> {
        let Some(name) = self.unsealed.first() else { return Ok(()) };
        let is_gone = |problem: &Problem| problem.kind == ProblemKind::Seal(BreachKind::Gone);
        let is_gone = self.subjects.get(name).is_some_and(|subject| subject.inventory.problems.iter().any(is_gone));
        Err(if is_gone { Refusal::Gone(name.clone()) } else { Refusal::Unsealed(name.clone()) })
    }

    /// Remembers on this machine what was seen of seals and logs. The project's lock is held meanwhile.
    pub(super) fn remember(&self) -> io::Result<()> {
        self.seen.iter().try_for_each(|(name, (seal, heads))| {
            let key = &self.subjects[name].key;
            memory::change(&self.selection.layout, name, |memory| memory.saw(key, seal, heads.clone()))
        })
    }

    /// Returns whether there is something to remember that this machine has not seen before.
    pub(super) fn has_seen_new(&self) -> bool {
        self.seen.iter().any(|(name, (seal, heads))| {
            let known = memory::read(&self.selection.layout, name).unwrap_or_default();
            let mut now = known.clone();
            now.saw(&self.subjects[name].key, seal, heads.clone());
            now != known
        })
    }

    /// Returns the environments that have a fingerprint key of their own, with it.
    pub(super) fn keys(&self) -> Vec<(&EnvironmentName, &FingerprintKey)> {
        let is_own = |name: &EnvironmentName| !self.keyless.contains(name) && !self.key_unreadable.contains(name);
        let own = self.subjects.iter().filter(|(name, _)| is_own(name));
        own.map(|(name, subject)| (name, &subject.key)).collect()
    }

    fn connect(&mut self, world: &World) -> anyhow::Result<()> {
        for subject in self.subjects.values() {
            for place in subject.bindings.keys() {
                let target = &self.selection.project.targets[&place.target];
                let connection = token::connect(&self.client, place, target, &subject.inventory, world)?;
                self.connections.insert(place.clone(), connection);
            }
        }
        Ok(())
    }

    /// Takes a removal whose end nobody saw for done where the name is gone: machines may still run what it removed.
    fn recall_removals(&mut self) {
        for intent in &self.interrupted {
            // As in every removal, the fraction of the second is dropped: only whole ones are known of the place.
            let at = intent.there.and_then(|there| Timestamp::from_second(there.as_second()).ok());
            let found = self.observations.iter().find(|(place, result)| result.is_ok() && intent.is_at(place));
            let (Some(at), Some((place, Ok(observation)))) = (at, found) else { continue };
            let Some(subject) = self.subjects.get_mut(&place.environment) else { continue };
            let Some(bindings) = subject.bindings.get(place) else { continue };
            let is_gone = filed(place, bindings, &subject.receipts, observation).retired.contains(&intent.name);
            let receipt = subject.receipts.get(&place.location, &intent.name);
            if let Some(secret) = receipt.map(|receipt| receipt.secret.clone())
                && is_gone
                && observation.fleet != Fleet::None
            {
                subject.receipts.remove(&place.location, &intent.name);
                subject.receipts.insert_removal(intent.place.clone(), intent.name.clone(), Removal { secret, at });
                self.recalled.insert(place.environment.clone());
            }
        }
    }

    /// Returns the plan for what was decided.
    pub(super) fn plan(&self, choices: &plan::Choices) -> Plan {
        let partial = self
            .subjects
            .iter()
            .filter(|(_, subject)| !subject.inventory.is_complete())
            .map(|(name, _)| name.clone())
            .collect();
        let filed = audit::filed(&self.subjects, &self.observations);
        let memory = filed
            .into_iter()
            .map(|(place, filed)| {
                let held = self.observations.get(&place).and_then(|result| result.as_ref().ok());
                let held = held.map_or(0, |observation| observation.entries.len());
                (place, filed.memory(held))
            })
            .collect();
        plan::plan(&self.rows, choices, &partial, &memory)
    }

    /// Returns what a person has decided.
    pub(super) fn choices(&self, choices: &Choices) -> anyhow::Result<plan::Choices> {
        let known: BTreeSet<&str> =
            self.rows.iter().filter_map(|row| row.secret.as_ref().map(SecretName::as_str)).collect();
        let mut overwrite = BTreeSet::new();
        for name in &choices.overwrite {
            if !known.contains(name.as_str()) {
                return Err(Refusal::NothingToOverwrite {
                    name: Typed::new(name),
                    nearest: nearest(name, known.iter().copied()).map(str::to_owned),
                }
                .into());
            }
            overwrite.extend(SecretName::parse(name));
        }
        Ok(plan::Choices {
            take_vault: choices.take_vault,
            overwrite,
            prune: choices.prune,
            retired: BTreeSet::new(),
            allow_shrink: choices.allow_shrink,
            interrupted: self.explained(),
        })
    }

    /// Returns the writes of an interrupted push that what the places show now bears out.
    pub(super) fn explained(&self) -> BTreeSet<(String, RemoteName)> {
        let explains = |intent: &&Intent| {
            self.rows.iter().any(|row| intent.is_of(&row.place, &row.remote_name) && intent.explains(row.written))
        };
        self.interrupted.iter().filter(explains).map(|intent| (intent.place.clone(), intent.name.clone())).collect()
    }

    /// Says which writes of an earlier push nobody saw end.
    pub(super) fn mention_interrupted(&self, world: &mut World) {
        for intent in &self.interrupted {
            let Intent { environment, place, name, at, .. } = intent;
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            let flags = self.flags(environment);
            world.ui.say(&format!(
                "note: a push was interrupted {at} while it wrote {name} at {place}; \
                 `undrift push{flags}` finishes it"
            ));
        }
    }

    /// Says what decides the held steps, one way or the other.
    pub(super) fn hint_held(held: &[Held], world: &mut World) {
        Self::hint(held.iter().map(|held| held.next.as_str()), "decides", world);
        let keeping = advice::keeping(held).into_iter().map(|(command, count)| {
            let of = if count == 1 { String::new() } else { format!(", for each of {count}") };
            format!("`{command}` keeps what is there{of}")
        });
        say_first(keeping.collect(), world);
    }

    /// Says that the vault has values which no plan speaks of.
    pub(super) fn mention_undeclared(&self, world: &mut World) {
        for (name, subject) in &self.subjects {
            let is_undeclared = |problem: &&Problem| matches!(problem.kind, ProblemKind::NotDeclared);
            let undeclared = subject.inventory.problems.iter().filter(is_undeclared).count();
            if undeclared > 0 {
                let (values, go) = (count(undeclared, "value"), if undeclared == 1 { "goes" } else { "go" });
                world.ui.say(&format!(
                    "note: undrift.toml does not speak of {values} of `{name}`, which {go} nowhere: `undrift audit -e {name}` says more"
                ));
            }
        }
    }

    /// Says what to type next.
    pub(super) fn hint<'a>(commands: impl Iterator<Item = &'a str>, verb: &str, world: &mut World) {
        let commands = crate::report::table::next_commands(commands).into_iter();
        say_first(commands.map(|(command, count)| format!("`{command}` {verb} {count}")).collect(), world);
    }
}

/// How many hints of one sort are said at once. A fleet has one for each target, and nobody reads a thousand.
const MOST_HINTS: usize = 8;

fn say_first(hints: Vec<String>, world: &mut World) {
    let rest = hints.len().saturating_sub(MOST_HINTS);
    for hint in hints.into_iter().take(MOST_HINTS) {
        world.ui.say(&format!("hint: {hint}"));
    }
    if rest > 0 {
        world.ui.say(&format!("hint: {} like these; `--format json` has one at each row", count(rest, "more command")));
    }
}
