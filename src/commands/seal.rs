//! `undrift seal`: somebody who can read the files vouches for them as they are.

use anyhow::Context;

use crate::cli::{Global, Seal};
use crate::domain::finding::ProblemKind;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::log::{Action, Chain, Deed};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::seal::{Breach, BreachKind, ContentHash, KEY_FILE, RECIPIENTS_FILE};
use crate::error::{Exit, Refusal};
use crate::report::intake::count;
use crate::report::log as report;
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::identity::Identities;
use crate::vault::layout::Layout;
use crate::vault::log::Log;
use crate::vault::read::{self, Environment, Key, RecipientsError};
use crate::vault::recipients::Recipients;
use crate::vault::{attributes, key, lock, memory, rotation, seal};

pub(super) fn run(arguments: &Seal, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let identities = world.identity_chain(global).load()?;
    let _lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    for name in &selection.environments {
        environment(&selection, name, arguments.yes, &identities, world)?;
    }
    Ok(Exit::Clean)
}

fn environment(
    selection: &Selection,
    name: &EnvironmentName,
    yes: bool,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let layout = &selection.layout;
    let found = read::environments(layout, std::slice::from_ref(name), identities).swap_remove(0);
    refuse_unread(&found)?;
    rotation::check(layout, name).context("what cannot be read cannot be vouched for")?;
    let chain = match &found.key {
        Key::Known(key) => Log::of(layout, name, key).read()?,
        Key::Absent if !found.sealed.is_unsealed() || layout.receipts(name).exists() => {
            return Err(Refusal::KeyGone(name.clone()).into());
        }
        Key::Absent => Chain::default(),
        Key::Unreadable => return Err(Refusal::KeyUnreadable(name.clone()).into()),
    };
    if found.sealed.breaches.iter().any(|breach| breach.kind == BreachKind::Gone) {
        return Err(Refusal::Gone(name.clone()).into());
    }
    if found.sealed.contents.is_empty() {
        world.ui.say(&format!("`{name}` has no file to seal"));
        return Ok(());
    }
    if found.sealed.breaches.is_empty() && chain.is_whole() {
        world.ui.say(&format!("`{name}` is sealed, and nothing has changed since"));
        return Ok(());
    }
    for line in changes(&found).into_iter().chain(chain.faults.iter().map(report::fault)) {
        world.ui.say(&format!("{name}: {line}"));
    }
    if !yes && !world.ui.confirm(&format!("seal `{name}` as it is?"))? {
        return Err(AskError::Declined.into());
    }
    let secrets: Vec<SecretName> =
        files_at_stake(&found).filter_map(|file| found.names.get(file)).flatten().cloned().collect();
    let mut sealed = found.sealed;
    let key = match found.key {
        Key::Known(key) => key,
        // One that cannot be read was refused above.
        Key::Absent | Key::Unreadable => {
            let (key, hash) = make_key(layout, name, found.recipients)?;
            sealed.contents.add(KEY_FILE.to_owned(), Some(hash));
            world.ui.say(&format!("made the fingerprint key of `{name}`"));
            key
        }
    };
    let seal = seal::accept(layout, name, &key, &sealed)?;
    // What is accepted as lost is not looked for any more.
    memory::change(layout, name, |memory| memory.heads.clear()).context("cannot write .undrift/seen.toml")?;
    let (lost, foreign) = chain.to_accept();
    let deed = Deed { lost, foreign, ..Deed::in_vault(Action::Seal, secrets) };
    Log::of(layout, name, &key).append(&world.author(layout), (world.clock)(), &[deed])?;
    attributes::ensure(layout).context("cannot write vault/.gitattributes")?;
    world.ui.say(&format!("sealed `{name}`: {}, seal number {}", count(seal.files.len(), "file"), seal.serial));
    Ok(())
}

fn make_key(
    layout: &Layout,
    name: &EnvironmentName,
    recipients: Result<Recipients, RecipientsError>,
) -> anyhow::Result<(FingerprintKey, ContentHash)> {
    let file = layout.shown(&layout.recipients(name));
    let recipients = recipients.with_context(|| format!("cannot read {file}"))?;
    let key = key::generate().context("cannot make a fingerprint key")?;
    let hash = key::create(layout, name, &key, &recipients.keys)
        .with_context(|| format!("cannot make the fingerprint key of `{name}`"))?;
    Ok((key, hash))
}

/// Returns the files that nobody has vouched for yet.
fn files_at_stake(found: &Environment) -> impl Iterator<Item = &str> {
    found.sealed.contents.iter().map(|(file, _)| file).filter(|file| {
        found.sealed.is_unsealed()
            || found.sealed.breaches.iter().any(|breach| breach.kind.voids_all() || breach.file == *file)
    })
}

/// Says what a seal would accept, with the names in each file; its ciphertext cannot tell which of them changed.
fn changes(found: &Environment) -> Vec<String> {
    let mut lines = Vec::new();
    let of_file = |file: &str| -> String {
        let names: Vec<String> = match (file, found.names.get(file), &found.recipients) {
            (RECIPIENTS_FILE, _, Ok(recipients)) => recipients.names.clone(),
            (_, Some(names), _) => names.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        if names.is_empty() { file.to_owned() } else { format!("{file}: {}", names.join(", ")) }
    };
    for Breach { file, kind } in &found.sealed.breaches {
        lines.push(match kind {
            BreachKind::Altered => format!("changed  {}", of_file(file)),
            BreachKind::Unfinished => format!("changed  {} (by this machine, and interrupted)", of_file(file)),
            BreachKind::Added => format!("new      {}", of_file(file)),
            BreachKind::Removed => format!("gone     {file}"),
            BreachKind::Unsealed => "is not sealed yet".to_owned(),
            BreachKind::Gone | BreachKind::Damaged(_) | BreachKind::RolledBack { .. } | BreachKind::KeyReplaced => {
                format!("{file} {kind}")
            }
        });
    }
    let voids = found.sealed.breaches.iter().any(|b| b.kind.voids_all() || b.kind == BreachKind::Unsealed);
    if voids {
        // Nothing vouches for any file, so all of them are shown.
        let shown = |file: &str| lines.iter().any(|line| line.contains(file));
        let all: Vec<&str> = found.sealed.contents.iter().map(|(file, _)| file).filter(|file| !shown(file)).collect();
        lines.extend(all.into_iter().map(|file| format!("has      {}", of_file(file))));
    }
    lines
}

/// Refuses to vouch for what could not be read.
fn refuse_unread(found: &Environment) -> anyhow::Result<()> {
    if let Some(refusal) = Refusal::locked(found) {
        return Err(refusal.into());
    }
    let unread = |kind: &ProblemKind| {
        matches!(
            kind,
            ProblemKind::Undecryptable { .. }
                | ProblemKind::NotAge
                | ProblemKind::Damaged
                | ProblemKind::TooLarge { .. }
                | ProblemKind::Unreadable(_)
                | ProblemKind::NotUtf8
                | ProblemKind::BadToml(_)
                | ProblemKind::BadDotenv(_)
        )
    };
    if let Some(problem) = found.inventory.problems.iter().find(|problem| unread(&problem.kind)) {
        let file = problem.file.as_deref().unwrap_or_default();
        anyhow::bail!("what cannot be read cannot be vouched for: {file}: {}", problem.kind);
    }
    if found.sealed.contents.iter().any(|(_, hash)| hash.is_none()) {
        anyhow::bail!("what cannot be read cannot be vouched for: {RECIPIENTS_FILE}");
    }
    Ok(())
}
