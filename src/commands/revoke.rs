//! `undrift revoke`: somebody's keys go, every file is encrypted anew, and the values that they know are named.

use anyhow::Context;

use super::grant::{distinct, known_key, open, text};
use super::rotate;
use crate::cli::{Global, Revoke, Rotate};
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::error::Exit;
use crate::report::intake::count;
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::identity::Identities;
use crate::vault::layout::{GroupFormat, Layout};
use crate::vault::log::{Log, LogError};
use crate::vault::read::Environment;
use crate::vault::recipients::{AccessError, Recipients};
use crate::vault::reencrypt::Change;
use crate::vault::{attributes, key, lock};

pub(super) fn run(arguments: &Revoke, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let identities = world.identity_chain(global).load()?;
    let lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    let mut known = Vec::new();
    for name in &selection.environments {
        let is_settled = lock.settled.iter().any(|settled| settled == name.as_str());
        if is_settled {
            world.ui.say(&format!("note: a grant or revoke of `{name}` was interrupted, and is done now"));
        }
        known.push((name, environment(&selection, name, arguments, is_settled, &identities, world)?));
    }
    attributes::ensure(&selection.layout).context("cannot write vault/.gitattributes")?;
    // A rotation locks the project itself.
    drop(lock);
    let mut exit = Exit::Clean;
    for (name, secrets) in known.into_iter().filter(|(_, secrets)| !secrets.is_empty()) {
        if !arguments.yes && world.ui.interactive && world.ui.confirm(&format!("rotate them in `{name}` now?"))? {
            let global = Global { environments: vec![name.to_string()], ..global.clone() };
            let names = secrets.iter().map(ToString::to_string).collect();
            let run = Rotate { names, confirm: arguments.confirm.clone(), ..Rotate::default() };
            exit = exit.max(rotate::run(&run, &global, world)?);
        }
    }
    Ok(exit)
}

/// Takes the access to one environment away. Returns the secrets that can be rotated in one run.
fn environment(
    selection: &Selection,
    name: &EnvironmentName,
    arguments: &Revoke,
    is_settled: bool,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<Vec<SecretName>> {
    let (layout, who) = (&selection.layout, arguments.who.as_str());
    let (found, listed) = open(selection, name, identities, world)?;
    let gone = listed.of(who).count();
    let key = known_key(name, &found)?;
    if gone == 0 && is_settled && is_last_deed(layout, name, key, who)? {
        return Ok(tell_what_is_known(selection, &found, who, world));
    }
    if gone == 0 {
        return Err(
            AccessError::NotThere { environment: name.clone(), who: who.to_owned(), names: listed.names }.into()
        );
    }
    if gone == listed.entries.len() {
        return Err(AccessError::Last { environment: name.clone(), who: who.to_owned() }.into());
    }
    let left = listed.without(&text(selection, name)?, who);
    let staying = Recipients::parse(&left)?;
    let files = count(found.files, "file");
    world.ui.say(&format!(
        "{name}: {} of {who} will be removed, and {files} encrypted anew for {}",
        count(gone, "key"),
        distinct(&staying.names)
    ));
    for entry in unnamed_below(&listed, who) {
        world.ui.say(&format!("note: the key below, {entry}, has no name of its own, and stays"));
    }
    let locks_out = !staying.opened_by(&identities.keys).contains(&true);
    if locks_out {
        let error = AccessError::LocksYouOut { environment: name.clone() };
        if !arguments.yes {
            return Err(error.into());
        }
        world.ui.say(&format!("warning: {error}"));
    }
    if !arguments.yes && !world.ui.confirm(&format!("take access to `{name}` from {who}?"))? {
        return Err(AskError::Declined.into());
    }
    let next_key = key::succeed(key).context("cannot make a fingerprint key")?;
    let change = Change {
        layout,
        found: &found,
        key,
        next_key: Some(&next_key),
        recipients: &left,
        who: &world.author(layout),
        at: (world.clock)(),
    };
    let files = change.apply(Deed::of_access(Action::Revoke, who), identities)?;
    world.ui.say(&format!(
        "encrypted {} of `{name}` anew, readable by {}; its fingerprint key is a new one",
        count(files, "file"),
        distinct(&staying.names)
    ));
    Ok(tell_what_is_known(selection, &found, who, world))
}

/// Returns whether the newest that the log tells is that this person's access was taken away.
fn is_last_deed(layout: &Layout, name: &EnvironmentName, key: &FingerprintKey, who: &str) -> Result<bool, LogError> {
    let chain = Log::of(layout, name, key).read()?;
    let newest = chain.entries.iter().filter(|entry| chain.heads.contains(&entry.mac));
    Ok(newest.map(|entry| &entry.line).any(|line| line.action == Action::Revoke && line.people == [who]))
}

/// Says which values somebody still knows, and what changes them. Returns those that one run rotates.
fn tell_what_is_known(selection: &Selection, found: &Environment, who: &str, world: &mut World) -> Vec<SecretName> {
    let (name, entries) = (&found.inventory.environment, &found.inventory.entries);
    let flags = selection.write_flags(name);
    if entries.is_empty() {
        world.ui.say(&format!("hint: commit vault/{name} as a whole"));
        return Vec::new();
    }
    world.ui.say(&format!(
        "{who} still knows the {} of `{name}`, and git's history keeps them readable for {who}; change each, at its issuer where it has one:",
        count(entries.len(), "value")
    ));
    // What is composed of others changes with them.
    let plain = entries.iter().filter(|(_, entry)| entry.template.is_none());
    let (fit, others): (Vec<_>, Vec<_>) = plain
        .partition(|(_, entry)| entry.previous.is_none() && !entry.source.file.ends_with(GroupFormat::Dotenv.ending()));
    let fit: Vec<SecretName> = fit.into_iter().map(|(secret, _)| secret.clone()).collect();
    if !fit.is_empty() {
        let names: Vec<&str> = fit.iter().map(SecretName::as_str).collect();
        world.ui.say(&format!("  undrift rotate {}{flags}", names.join(" ")));
    }
    for (secret, _) in &others {
        let declaration = selection.project.secrets.get(*secret);
        let generate = if declaration.is_some_and(|it| it.generate.is_some()) { " --generate" } else { "" };
        world.ui.say(&format!("  undrift set {secret} -e {name}{generate}"));
    }
    let push = if others.is_empty() { String::new() } else { format!(" and `undrift push{flags}`") };
    world.ui.say(&format!("hint: commit vault/{name} as a whole, then change the values{push}"));
    fit
}

/// Returns the names of keys that stand right below one of this name, without a comment of their own: a person may have
/// meant one comment for all of them.
fn unnamed_below<'a>(listed: &'a Recipients, who: &str) -> Vec<&'a str> {
    let pairs = listed.entries.windows(2).filter(|pair| pair[0].name == who && pair[1].name != who);
    pairs.filter(|pair| pair[1].is_unnamed_below(&pair[0])).map(|pair| pair[1].name.as_str()).collect()
}
