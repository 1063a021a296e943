//! `undrift rm`: names are taken out of the vault. What the targets hold is left to `undrift push --prune`.

use anyhow::Context;

use super::set::mention_unfinished;
use super::values;
use crate::cli::{Global, Rm};
use crate::domain::declaration::TokenSource;
use crate::domain::log::{Action, Deed};
use crate::domain::name::SecretName;
use crate::error::{Exit, Refusal};
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::identity::Identities;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::log::Log;
use crate::vault::read::Environment;
use crate::vault::seal::Sealing;
use crate::vault::{lock, receipts, write};

pub(super) fn run(arguments: &Rm, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if arguments.names.iter().any(|name| name.contains('=')) {
        return Err(Refusal::ValueInArguments.into());
    }
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let identities = world.identity_chain(global).load()?;
    let _lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    let mut found = Vec::new();
    // Every name is looked for everywhere before the first is taken out.
    for name in &selection.environments {
        let (environment, unfinished) = write::open(&selection.layout, name, &identities)?;
        mention_unfinished(name, &unfinished, world);
        if let Some(refusal) = Refusal::locked(&environment) {
            return Err(refusal.into());
        }
        let mut names = Vec::new();
        for typed in &arguments.names {
            let (name, _) = values::one(&environment.inventory, typed)?;
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        values::refuse_parts(&environment.inventory, &names)?;
        let meant: Vec<&SecretName> = names.iter().collect();
        values::refuse_rotating(&selection, name, &environment.sealed, &meant)?;
        found.push((environment, names));
    }
    for (environment, names) in &found {
        for name in names {
            let source = &environment.inventory.entries[name].source;
            world.ui.say(&format!("{name} goes from {}", source.file));
        }
    }
    if !arguments.yes && !world.ui.confirm("take it out of the vault?")? {
        return Err(AskError::Declined.into());
    }
    for (environment, names) in &found {
        remove(&selection, environment, names, &identities, world)?;
    }
    for (environment, names) in &found {
        still_there(&selection, environment, names, world)?;
    }
    for name in &found[0].1 {
        still_declared(&selection, name, world);
    }
    Ok(Exit::Clean)
}

/// Takes the names out of one environment, file by file.
fn remove(
    selection: &Selection,
    environment: &Environment,
    names: &[SecretName],
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let Environment { inventory, key, recipients, sealed, .. } = environment;
    let (layout, name) = (&selection.layout, &inventory.environment);
    let mut sealing = Sealing::open(layout, name, key.known(), sealed)?;
    let file = layout.shown(&layout.recipients(name));
    let recipients = recipients.as_ref().map_err(|error| anyhow::anyhow!("{error}"));
    let recipients = recipients.with_context(|| format!("cannot read {file}"))?;
    let groups = layout.groups(name).with_context(|| format!("cannot read vault/{name}"))?;
    for secret in names {
        let shown = &inventory.entries[secret].source.file;
        let Some(file) = groups.iter().find(|file| file.shown == *shown) else {
            anyhow::bail!("{shown} is gone since it was read");
        };
        let has_values = write::remove(file, secret, identities, recipients, &mut sealing)?;
        world.ui.say(&format!("removed {secret} from {shown}"));
        if !has_values {
            world.ui.say(&format!("note: {shown} has no value left, and stays"));
        }
        if let Some(key) = key.known() {
            let deed = Deed::in_vault(Action::Remove, vec![secret.clone()]);
            Log::of(layout, name, key).append(&world.author(layout), (world.clock)(), &[deed])?;
        }
    }
    Ok(())
}

/// Says what the targets still hold, as far as receipts tell, and what removes it there.
fn still_there(
    selection: &Selection,
    environment: &Environment,
    names: &[SecretName],
    world: &mut World,
) -> anyhow::Result<()> {
    let Some(key) = environment.known_key() else { return Ok(()) };
    let name = &environment.inventory.environment;
    let receipts = receipts::read(&selection.layout, name, key)?.receipts;
    let held: Vec<_> = receipts.iter().filter(|(_, _, receipt)| names.contains(&receipt.secret)).collect();
    for (place, remote_name, _) in &held {
        world.ui.say(&format!("note: {place} still holds {remote_name}"));
    }
    if !held.is_empty() {
        world.ui.say(&format!("hint: `undrift push{} --prune` removes it there", selection.write_flags(name)));
    }
    Ok(())
}

/// Says where undrift.toml still speaks of the name, and how to take it out.
fn still_declared(selection: &Selection, name: &SecretName, world: &mut World) {
    let project = &selection.project;
    for (target, _) in
        project.targets.iter().filter(|(_, target)| target.token == Some(TokenSource::Vault(name.clone())))
    {
        world.ui.say(&format!("note: the token of `{target}` is `vault:{name}`: give it another in {PROJECT_FILE}"));
    }
    if !selection.environments.iter().any(|environment| project.expects(name, environment)) {
        return;
    }
    let others = project.environments.keys().filter(|other| !selection.environments.contains(other));
    let others: Vec<String> =
        others.filter(|other| project.expects(name, other)).map(|other| format!("\"{other}\"")).collect();
    let mend = if others.is_empty() {
        format!("take `[secrets.{name}]` out of {PROJECT_FILE}")
    } else {
        format!("write `environments = [{}]` in `[secrets.{name}]` of {PROJECT_FILE}", others.join(", "))
    };
    world.ui.say(&format!("note: {name} is still declared; {mend}"));
}
