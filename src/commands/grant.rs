//! `undrift grant`: somebody is let in, and every file of the environment is encrypted anew.

use std::path::Path;

use anyhow::Context;

use super::set::mention_unfinished;
use super::survey::block_on;
use crate::cli::{Global, Grant};
use crate::domain::finding::ProblemKind;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::log::{Action, Deed};
use crate::domain::name::EnvironmentName;
use crate::error::{Exit, Refusal};
use crate::report::intake::count;
use crate::settings::{Selection, World, token};
use crate::targets::client::Client;
use crate::ui::AskError;
use crate::vault::identity::Identities;
use crate::vault::log::Log;
use crate::vault::read::Environment;
use crate::vault::recipients::{self, AccessError, PublicKey, Recipients};
use crate::vault::reencrypt::Change;
use crate::vault::seal::SealError;
use crate::vault::{attributes, lock, store, write};

/// How a user of GitHub is named.
const GITHUB: &str = "github:";

pub(super) fn run(arguments: &Grant, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    recipients::check_name(&arguments.who)?;
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let identities = world.identity_chain(global).load()?;
    let keys = keys(&arguments.key.join(" "), world)?;
    let lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    for name in &selection.environments {
        let is_settled = lock.settled.iter().any(|settled| settled == name.as_str());
        environment(&selection, name, arguments, &keys, is_settled, &identities, world)?;
    }
    attributes::ensure(&selection.layout).context("cannot write vault/.gitattributes")?;
    Ok(Exit::Clean)
}

fn environment(
    selection: &Selection,
    name: &EnvironmentName,
    arguments: &Grant,
    keys: &[PublicKey],
    is_settled: bool,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let (layout, who) = (&selection.layout, arguments.who.as_str());
    if is_settled {
        world.ui.say(&format!("note: a grant or revoke of `{name}` was interrupted, and is done now"));
    }
    let (found, listed) = open(selection, name, identities, world)?;
    let added = new_keys(name, who, keys, &found, &listed, is_settled)?;
    if added.is_empty() && is_settled {
        world.ui.say(&format!("{who} can read `{name}`"));
        return Ok(());
    }
    let text = recipients::with(&text(selection, name)?, who, &added);
    let files = count(found.files, "file");
    if added.is_empty() {
        world.ui.say(&format!("{name}: {who} is listed already; {files} will be encrypted anew for everybody listed"));
    }
    for key in &added {
        world.ui.say(&format!("{name}: {who} will be able to read {files}, with the key {}", shown(key)));
    }
    if !arguments.yes && !world.ui.confirm(&format!("let {who} read `{name}`?"))? {
        return Err(AskError::Declined.into());
    }
    let key = known_key(name, &found)?;
    let change = Change {
        layout,
        found: &found,
        key,
        next_key: None,
        recipients: &text,
        who: &world.author(layout),
        at: (world.clock)(),
    };
    let files = change.apply(Deed::of_access(Action::Grant, who), identities)?;
    let everybody = Recipients::parse(&text)?.names;
    world.ui.say(&format!("encrypted {} of `{name}` anew, readable by {}", count(files, "file"), distinct(&everybody)));
    world.ui.say(&format!("hint: commit vault/{name} as a whole; {who} reads it from then on"));
    Ok(())
}

/// Returns the keys that are not listed yet, and refuses those that say something else than what is there. Without any,
/// there is something to do only where a file is not encrypted for everybody who is listed.
fn new_keys(
    name: &EnvironmentName,
    who: &str,
    keys: &[PublicKey],
    found: &Environment,
    listed: &Recipients,
    is_settled: bool,
) -> Result<Vec<PublicKey>, AccessError> {
    let owner = |key: &PublicKey| listed.entries.iter().find(|entry| entry.key.text == key.text);
    if let Some(entry) = keys.iter().filter_map(owner).find(|entry| entry.name != who) {
        return Err(AccessError::OtherName { environment: name.clone(), name: entry.name.clone() });
    }
    let added: Vec<PublicKey> = keys.iter().filter(|key| owner(key).is_none()).cloned().collect();
    // One key that is known tells that the others are the same person's.
    if added.len() == keys.len() && listed.of(who).next().is_some() {
        return Err(AccessError::NameTaken { environment: name.clone(), who: who.to_owned() });
    }
    let differs = found.inventory.problems.iter().any(|it| matches!(it.kind, ProblemKind::RecipientsDiffer { .. }));
    if added.is_empty() && !differs && !is_settled {
        return Err(AccessError::AlreadyThere { environment: name.clone(), who: who.to_owned() });
    }
    Ok(added)
}

/// Reads an environment whose files are about to be encrypted anew, and refuses one that anybody may have meddled with:
/// what is encrypted anew is vouched for.
pub(super) fn open(
    selection: &Selection,
    name: &EnvironmentName,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<(Environment, Recipients)> {
    let layout = &selection.layout;
    let (mut found, unfinished) = write::open(layout, name, identities)?;
    mention_unfinished(name, &unfinished, world);
    if let Some(refusal) = Refusal::locked(&found) {
        return Err(refusal.into());
    }
    if found.sealed.is_unsealed() {
        return Err(AccessError::Unsealed(name.clone()).into());
    }
    if let Some(breach) = found.sealed.breaches.first() {
        return Err(SealError::broken(layout, name, breach).into());
    }
    if let Some(key) = found.key.known() {
        Log::of(layout, name, key).recover(&world.author(layout), (world.clock)())?;
    }
    let file = layout.shown(&layout.recipients(name));
    let listed = std::mem::replace(&mut found.recipients, Ok(Recipients::default()));
    let listed = listed.with_context(|| format!("cannot read {file}"))?;
    Ok((found, listed))
}

/// Returns the text of an environment's list.
pub(super) fn text(selection: &Selection, name: &EnvironmentName) -> anyhow::Result<String> {
    let path = selection.layout.recipients(name);
    let unread = || format!("cannot read {}", selection.layout.shown(&path));
    String::from_utf8(store::read(&path).with_context(unread)?).with_context(unread)
}

/// Returns names, each of them once.
pub(super) fn distinct(names: &[String]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name.as_str()) {
            once.push(name);
        }
    }
    once.join(", ")
}

/// Returns a key in short: its kind, and how it begins or ends.
fn shown(key: &PublicKey) -> String {
    match key.text.split_once(' ') {
        Some((kind, body)) => format!("{kind} ...{}", &body[body.len().saturating_sub(12)..]),
        None => format!("{}...", &key.text[..key.text.len().min(20)]),
    }
}

/// Takes what was given for keys: a key, a file with keys, or a user of GitHub.
fn keys(given: &str, world: &mut World) -> anyhow::Result<Vec<PublicKey>> {
    let given = given.trim();
    if recipients::is_private(given) {
        return Err(AccessError::PrivateKey.into());
    }
    if let Some(user) = given.strip_prefix(GITHUB) {
        return of_github(user, world);
    }
    match recipients::parse_public(given) {
        Err(AccessError::NotAKey) => of_file(&world.absolute(Path::new(given))),
        other => Ok(vec![other?]),
    }
}

/// Reads a file of public keys. Nothing that stands in it is ever repeated.
fn of_file(path: &Path) -> anyhow::Result<Vec<PublicKey>> {
    if !path.is_file() {
        return Err(AccessError::NotAKey.into());
    }
    let unread = || format!("cannot read {}", path.display());
    let content = zeroize::Zeroizing::new(store::read(path).with_context(unread)?);
    let text = std::str::from_utf8(&content).map_err(|_| AccessError::NotAKey).with_context(unread)?;
    if recipients::is_private(text) {
        return Err(anyhow::Error::from(AccessError::PrivateKey).context(unread()));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(recipients::parse_public).collect::<Result<Vec<_>, _>>().with_context(unread)?;
    if keys.is_empty() {
        return Err(anyhow::Error::from(AccessError::NotAKey).context(unread()));
    }
    Ok(keys)
}

/// Reads the keys that a user has published at GitHub, and says which of them cannot be used.
fn of_github(user: &str, world: &mut World) -> anyhow::Result<Vec<PublicKey>> {
    let is_user = !user.is_empty()
        && user.len() <= 64
        && user.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_user {
        return Err(AccessError::NotAKey.into());
    }
    let client = Client::new(&world.network);
    let published = block_on(token::published_keys(&client, user, world))?
        .with_context(|| format!("cannot read the ssh keys that {user} has published at GitHub"))?;
    let mut keys: Vec<PublicKey> = Vec::new();
    for text in &published {
        match recipients::parse_public(text) {
            Ok(key) if !keys.contains(&key) => keys.push(key),
            Ok(_) => {}
            Err(AccessError::Unsupported(kind)) => {
                world
                    .ui
                    .say(&format!("note: left out: a key of {user} of the kind {kind}, which age cannot encrypt for"));
            }
            Err(_) => world.ui.say(&format!("note: left out: a key of {user} that is none")),
        }
    }
    if keys.is_empty() {
        return Err(AccessError::NothingPublished { user: user.to_owned() }.into());
    }
    Ok(keys)
}

/// Returns the key of an environment that is about to be written.
pub(super) fn known_key<'a>(name: &EnvironmentName, found: &'a Environment) -> Result<&'a FingerprintKey, Refusal> {
    found.known_key().ok_or_else(|| Refusal::KeyUnreadable(name.clone()))
}
