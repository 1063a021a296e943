//! `undrift import`: the way in for a team with plain files. It decides everything before the first write, and what
//! it cannot decide it leaves out.

use std::collections::BTreeMap;

use anyhow::Context;

use super::set::mention_unfinished;
use super::values;
use crate::cli::{Global, Import};
use crate::domain::intake::{self, Candidate};
use crate::domain::inventory::Inventory;
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::error::{Exit, Refusal};
use crate::report::intake as report;
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::declare::{self, Additions, NewSecret};
use crate::vault::identity::Identities;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::log::Log;
use crate::vault::read::{Environment, Key};
use crate::vault::recipients::Recipients;
use crate::vault::seal::{SealError, Sealed, Sealing};
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
    let identities = world.identity_chain(global).load()?;
    let gathered = tree::gather(&Request {
        layout: &selection.layout,
        folder: &world.folder,
        path: &arguments.path,
        prefer: &arguments.prefer,
        declared: &declared,
        meant: &selection.environments,
        otherwise,
        identities: &identities.keys,
    })?;
    // What is decided below must still be so when it is written.
    let _lock = if arguments.dry_run {
        None
    } else {
        Some(lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?)
    };
    let (vault, opened) = open(&selection, &gathered.candidates, &identities, arguments.dry_run, world)?;
    let decisions = intake::decide(&gathered.candidates, &vault);
    let placed = placing::place(&selection.layout, &decisions).context("cannot read the vault")?;
    for placed in &placed {
        if let Some(Opened { sealed, .. }) = opened.get(placed.environment) {
            let names: Vec<&SecretName> = placed.entries().iter().map(|(name, _)| *name).collect();
            values::refuse_rotating(&selection, placed.environment, sealed, &names)?;
        }
    }
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
        put(&selection, &placed, &opened, &identities, world)?;
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
        let files = report::count(gathered.files, if gathered.foreign { "file" } else { "plain file" });
        let first = if view.is_partial() { "settle what is left out, " } else { "" };
        world.ui.say(&format!(
            "next: {first}check with `undrift list`, then remove {files}, which nothing here has touched"
        ));
    }
    Ok(if view.is_partial() { Exit::Drift } else { Exit::Clean })
}

/// What an environment is written with.
struct Opened {
    recipients: Recipients,
    key: Key,
    sealed: Sealed,
}

type Vault = (BTreeMap<EnvironmentName, Inventory>, BTreeMap<EnvironmentName, Opened>);

/// Reads the environments that values were found for. One that cannot be read whole cannot be compared with.
fn open(
    selection: &Selection,
    candidates: &[Candidate],
    identities: &Identities,
    dry_run: bool,
    world: &mut World,
) -> anyhow::Result<Vault> {
    let found = |name: &&EnvironmentName| candidates.iter().any(|candidate| candidate.environment == **name);
    let names: Vec<EnvironmentName> = selection.environments.iter().filter(found).cloned().collect();
    let (mut vault, mut opened) = Vault::default();
    for name in names {
        let environment = if dry_run {
            read::environments(&selection.layout, std::slice::from_ref(&name), identities).swap_remove(0)
        } else {
            let (environment, unfinished) = write::open(&selection.layout, &name, identities)?;
            mention_unfinished(&name, &unfinished, world);
            environment
        };
        if let Some(refusal) = Refusal::locked(&environment) {
            return Err(refusal.into());
        }
        let file = selection.layout.shown(&selection.layout.recipients(&name));
        let readers = environment.recipients.with_context(|| format!("cannot read {file}"))?;
        if let Some(breach) = environment.sealed.breaches.iter().find(|breach| breach.kind.hides_values()) {
            return Err(anyhow::Error::from(SealError::broken(&selection.layout, &name, breach))
                .context(format!("`{name}` cannot be compared with")));
        }
        if let Some(problem) = environment.inventory.problems.iter().find(|problem| problem.kind.hides_values()) {
            let file = problem.file.as_deref().unwrap_or_default();
            let line = problem.line.map_or_else(String::new, |line| format!(":{line}"));
            anyhow::bail!("`{name}` cannot be compared with: {file}{line}: {}", problem.kind);
        }
        let Environment { inventory, key, sealed, .. } = environment;
        opened.insert(name.clone(), Opened { recipients: readers, key, sealed });
        vault.insert(name, inventory);
    }
    Ok((vault, opened))
}

/// Writes file by file, and says each, so that after a failure it is known what was written.
fn put(
    selection: &Selection,
    placed: &[Placed<'_>],
    opened: &BTreeMap<EnvironmentName, Opened>,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let mut sealings = BTreeMap::new();
    for (name, Opened { key, sealed, .. }) in opened {
        sealings.insert(name, Sealing::open(&selection.layout, name, key.known(), sealed)?);
    }
    for (index, placed) in placed.iter().enumerate() {
        let folder = selection.layout.environment(placed.environment);
        store::make_folder(&folder).with_context(|| format!("cannot make {}", selection.layout.shown(&folder)))?;
        let (Some(Opened { recipients, key, .. }), Some(sealing)) =
            (opened.get(placed.environment), sealings.get_mut(placed.environment))
        else {
            anyhow::bail!("`{}` was not read", placed.environment);
        };
        let entries = placed.entries();
        write::put(&placed.file, &entries, write::Dating::Kept, identities, recipients, sealing)
            .with_context(|| format!("stopped after {}; run it again to do the rest", report::count(index, "file")))?;
        let (values, readers) = (report::count(entries.len(), "value"), recipients.names.join(", "));
        world.ui.say(&format!("wrote {values} to {}, readable by {readers}", placed.file.shown));
        if let Some(key) = key.known() {
            let names = entries.iter().map(|(name, _)| (*name).clone()).collect();
            let log = Log::of(&selection.layout, placed.environment, key);
            log.append(&world.author(&selection.layout), (world.clock)(), &[Deed::in_vault(Action::Import, names)])?;
        }
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
