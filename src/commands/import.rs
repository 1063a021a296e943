//! `undrift import`: the way in for a team with plain files. It decides everything before the first write, and what
//! it cannot decide it leaves out.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::cli::{Global, Import};
use crate::domain::intake::{self, Candidate};
use crate::domain::inventory::Inventory;
use crate::domain::name::EnvironmentName;
use crate::error::{Exit, Refusal};
use crate::report::intake as report;
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::declare::{self, Additions, NewSecret};
use crate::vault::identity::Identities;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::recipients::Recipients;
use crate::vault::tree::placing::{self, Placed};
use crate::vault::tree::{self, Request};
use crate::vault::{lock, read, store, write};

pub(super) fn run(arguments: &Import, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let declared: Vec<EnvironmentName> = selection.project.environments.keys().cloned().collect();
    let otherwise = match selection.environments.as_slice() {
        [only] if selection.environments_named => Some(only),
        _ => None,
    };
    let gathered = tree::gather(&Request {
        layout: &selection.layout,
        folder: &world.folder,
        path: &arguments.path,
        prefer: &arguments.prefer,
        declared: &declared,
        meant: &selection.environments,
        otherwise,
    })?;
    let identities = world.identity_chain(global).load()?;
    // What is decided below must still be so when it is written.
    let _lock = if arguments.dry_run {
        None
    } else {
        Some(lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?)
    };
    let (vault, recipients) = open(&selection, &gathered.candidates, &identities)?;
    let decisions = intake::decide(&gathered.candidates, &vault);
    let placed = placing::place(&selection.layout, &decisions).context("cannot read the vault")?;
    let secrets: Vec<NewSecret> = intake::undeclared(&gathered.candidates, &decisions, &selection.project)
        .into_iter()
        .map(|(name, environments)| NewSecret { name, targets: selection.targets.clone(), environments })
        .collect();
    let view = report::View {
        gathered: &gathered,
        decisions: &decisions,
        placed: &placed,
        undeclared: secrets.len(),
        project: &selection.project,
        command: &typed(arguments, global),
    };
    world.ui.write(&report::text(&view));
    let nothing = placed.is_empty() && secrets.is_empty();
    if arguments.dry_run {
        world.ui.say("nothing was written: this was a dry run");
    } else if !nothing {
        if !arguments.yes && !world.ui.confirm("write this?")? {
            return Err(AskError::Declined.into());
        }
        put(&selection, &placed, &recipients, &identities, world)?;
        let names = report::count(secrets.len(), "secret");
        let additions = Additions { environments: Vec::new(), secrets };
        if !additions.is_empty() {
            declare::add(&selection.layout, &additions).with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
            world.ui.say(&format!("declared {names} in {PROJECT_FILE}"));
        }
    }
    for hint in report::hints(&view) {
        world.ui.say(&format!("hint: {hint}"));
    }
    if !arguments.dry_run && decisions.iter().any(|decision| decision.taken().is_some()) {
        let files = report::count(gathered.files, "plain file");
        let first = if view.is_partial() { "settle what is left out, " } else { "" };
        world.ui.say(&format!(
            "next: {first}check with `undrift list`, then remove {files}, which nothing here has touched"
        ));
    }
    Ok(if view.is_partial() { Exit::Drift } else { Exit::Clean })
}

type Opened = (BTreeMap<EnvironmentName, Inventory>, BTreeMap<EnvironmentName, Recipients>);

/// Reads the environments that values were found for. One that cannot be read whole cannot be compared with.
fn open(selection: &Selection, candidates: &[Candidate], identities: &Identities) -> anyhow::Result<Opened> {
    let found = |name: &&EnvironmentName| candidates.iter().any(|candidate| candidate.environment == **name);
    let names: Vec<EnvironmentName> = selection.environments.iter().filter(found).cloned().collect();
    let (mut vault, mut recipients) = Opened::default();
    for environment in read::environments(&selection.layout, &names, identities) {
        let name = environment.inventory.environment.clone();
        if let Some(refusal) = Refusal::locked(&environment) {
            return Err(refusal.into());
        }
        let file = selection.layout.shown(&selection.layout.recipients(&name));
        let readers = environment.recipients.with_context(|| format!("cannot read {file}"))?;
        if let Some(problem) = environment.inventory.problems.iter().find(|problem| problem.kind.hides_values()) {
            let file = problem.file.as_deref().unwrap_or_default();
            let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
            anyhow::bail!("`{name}` cannot be compared with: {file}{line}: {}", problem.kind);
        }
        recipients.insert(name.clone(), readers);
        vault.insert(name, environment.inventory);
    }
    Ok((vault, recipients))
}

/// Writes file by file, and says each, so that after a failure it is known what was written.
fn put(
    selection: &Selection,
    placed: &[Placed<'_>],
    recipients: &BTreeMap<EnvironmentName, Recipients>,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    for (index, placed) in placed.iter().enumerate() {
        let folder = selection.layout.environment(placed.environment);
        store::make_folder(&folder).with_context(|| format!("cannot make {}", selection.layout.shown(&folder)))?;
        let recipients = recipients.get(placed.environment).context("the environment was not read")?;
        let entries = placed.entries();
        write::put(&placed.file, &entries, None, identities, recipients)
            .with_context(|| format!("stopped after {}; run it again to do the rest", report::count(index, "file")))?;
        let (values, readers) = (report::count(entries.len(), "value"), recipients.names.join(", "));
        world.ui.say(&format!("wrote {values} to {}, readable by {readers}", placed.file.shown));
    }
    Ok(())
}

/// Returns the command as it was typed, without what only says yes.
fn typed(arguments: &Import, global: &Global) -> String {
    let path = |path: &std::path::Path| report::quoted(&path.display().to_string());
    let mut command = format!("undrift import {}", path(&arguments.path));
    let flags = [("-e", &global.environments), ("-t", &global.targets)];
    for (flag, names) in flags {
        command.extend(names.iter().map(|name| format!(" {flag} {}", report::quoted(name))));
    }
    command.extend(global.identities.iter().map(|file| format!(" -i {}", path(file))));
    command.extend(arguments.prefer.iter().map(|file| format!(" --prefer {}", path(file))));
    command
}
