//! `undrift rename`: another name for a secret, in the vault and in undrift.toml, as one act.
//!
//! What is meant is noted on this machine first, then each environment is written, then undrift.toml. After a crash the
//! same command finds the note and does what is left.

use anyhow::Context;
use jiff::tz::TimeZone;

use super::set::mention_unfinished;
use super::values;
use crate::cli::{Global, Rename};
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::receipt::Receipts;
use crate::domain::renaming::{self, Move};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::declare::{self, Renamed};
use crate::vault::identity::Identities;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::log::Log;
use crate::vault::read::Environment;
use crate::vault::renaming::{self as note, Renaming};
use crate::vault::seal::Sealing;
use crate::vault::{lock, receipts, write};

/// One environment in which the secret is renamed.
struct Part {
    environment: Environment,
    receipts: Receipts,
    moves: Vec<Move>,
}

impl Part {
    fn name(&self) -> &EnvironmentName {
        &self.environment.inventory.environment
    }

    fn has(&self, secret: &SecretName) -> bool {
        self.environment.inventory.entries.contains_key(secret)
    }
}

pub(super) fn run(arguments: &Rename, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if [&arguments.old, &arguments.new].iter().any(|name| name.contains('=')) {
        return Err(Refusal::ValueInArguments.into());
    }
    let old = SecretName::parse(&arguments.old).context("the old one cannot be a secret's name")?;
    let new = SecretName::parse(&arguments.new).context("the new one cannot be a secret's name")?;
    anyhow::ensure!(old != new, "the two names are the same");
    if !Typed::new(new.as_str()).is_shown() {
        return Err(Refusal::OddName("a secret's").into());
    }
    let mut selection = Selection::resolve(global, world)?;
    let identities = world.identity_chain(global).load()?;
    let _lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    let begun = note::read(&selection.layout)?;
    if let Some(begun) = &begun {
        if (&begun.old, &begun.new) != (&old, &new) {
            return Err(Refusal::RenameUnfinished { old: begun.old.clone(), new: begun.new.clone() }.into());
        }
        selection.environments.clone_from(&begun.environments);
    }
    let mut parts = open(&selection, &identities, world)?;
    let is_known = selection.project.secrets.contains_key(&old) || selection.project.is_token(&old);
    if begun.is_none() && !is_known && !parts.iter().any(|part| part.has(&old)) {
        return Err(no_secret(&selection, &parts, &old).into());
    }
    refuse_taken(&selection, &parts, (&old, &new), begun.is_some())?;
    for part in &parts {
        values::refuse_parts(&part.environment.inventory, std::slice::from_ref(&old))?;
        values::refuse_rotating(&selection, part.name(), &part.environment.sealed, &[&old, &new])?;
    }
    let declared = match &begun {
        Some(_) if selection.project.secrets.contains_key(&new) => None,
        _ => declare::renamed(&selection.layout, &old, &new, &selection.environments)?,
    };
    let after = declared.as_ref().map_or(&selection.project, |declared| &declared.project);
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    for part in &mut parts {
        part.moves =
            renaming::moves((&selection.project, &old), (after, &new), &part.environment.inventory.environment);
        if let Some(obstacle) = renaming::obstacle(after, &new, &part.moves, today) {
            return Err(anyhow::Error::from(obstacle).context(format!("{old} cannot be renamed to {new}")));
        }
    }
    let renaming = if let Some(begun) = begun {
        world
            .ui
            .say(&format!("note: finishing a rename that was interrupted {}", begun.at.strftime("%Y-%m-%d %H:%M UTC")));
        begun
    } else {
        agree(arguments, &mut selection, &parts, (&old, &new), declared.is_some(), world)?;
        Renaming { old, new, environments: selection.environments.clone(), at: (world.clock)() }
    };
    carry_out(&selection, &parts, declared.as_ref(), &renaming, &identities, world)?;
    for part in parts.iter().filter(|part| part.moves.iter().any(|it| it.from != it.to)) {
        let name = part.name();
        world.ui.say(&format!("hint: `undrift push{} --prune` moves it at the targets", selection.write_flags(name)));
    }
    Ok(Exit::Clean)
}

/// Reads every environment that is meant. One that cannot be read whole may have either name.
fn open(selection: &Selection, identities: &Identities, world: &mut World) -> anyhow::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for name in &selection.environments {
        let (environment, unfinished) = write::open(&selection.layout, name, identities)?;
        mention_unfinished(name, &unfinished, world);
        if let Some(refusal) = Refusal::locked(&environment) {
            return Err(refusal.into());
        }
        if let Some(problem) = environment.inventory.problems.iter().find(|problem| problem.kind.hides_values()) {
            return Err(Refusal::Incomplete { environment: name.clone(), problem: problem.to_string() }.into());
        }
        let receipts = match environment.known_key() {
            Some(key) => receipts::read(&selection.layout, name, key)?.receipts,
            None => Receipts::default(),
        };
        parts.push(Part { environment, receipts, moves: Vec::new() });
    }
    Ok(parts)
}

/// Refuses a new name that is not new. Where a rename was begun, an environment has one of the two names, and not both.
fn refuse_taken(
    selection: &Selection,
    parts: &[Part],
    (old, new): (&SecretName, &SecretName),
    is_begun: bool,
) -> Result<(), Refusal> {
    let taken = |place: String| Err(Refusal::NameTaken { name: new.clone(), place });
    if let Some(part) = parts.iter().find(|part| part.has(new) && (!is_begun || part.has(old))) {
        return taken(format!("in `{}`", part.name()));
    }
    if !is_begun && selection.project.secrets.contains_key(new) {
        return taken(format!("in {PROJECT_FILE}"));
    }
    Ok(())
}

fn no_secret(selection: &Selection, parts: &[Part], name: &SecretName) -> Refusal {
    let stored = parts.iter().flat_map(|part| part.environment.inventory.entries.keys());
    let known = stored.chain(selection.project.secrets.keys()).map(SecretName::as_str);
    let nearest = nearest(name.as_str(), known).map(str::to_owned);
    Refusal::NoSecret { name: Typed::new(name.as_str()), nearest }
}

/// Shows what follows from it, and asks.
fn agree(
    arguments: &Rename,
    selection: &mut Selection,
    parts: &[Part],
    (old, new): (&SecretName, &SecretName),
    is_declared: bool,
    world: &mut World,
) -> anyhow::Result<()> {
    for part in parts.iter().filter(|part| part.has(old)) {
        let file = &part.environment.inventory.entries[old].source.file;
        world.ui.say(&format!("{old} becomes {new} in {file}"));
    }
    if is_declared {
        world.ui.say(&format!("{old} becomes {new} in {PROJECT_FILE}"));
    }
    for Move { place, from, .. } in parts.iter().flat_map(|part| &part.moves).filter(|it| it.from != it.to) {
        if let Some(from) = from {
            world.ui.say(&format!("{} keeps {from} until the next push with `--prune`", place.location));
        }
    }
    // Only an environment that is written to has to be named twice.
    let all = std::mem::take(&mut selection.environments);
    selection.environments = parts.iter().filter(|part| part.has(old)).map(|part| part.name().clone()).collect();
    let confirmed = selection.needs_confirm(&arguments.confirm);
    selection.environments = all;
    confirmed?;
    if arguments.yes || world.ui.confirm("rename it?")? { Ok(()) } else { Err(AskError::Declined.into()) }
}

/// Does what is left to do, in an order in which a crash leaves nothing that the note does not explain.
fn carry_out(
    selection: &Selection,
    parts: &[Part],
    declared: Option<&Renamed>,
    renaming: &Renaming,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let layout = &selection.layout;
    note::begin(layout, renaming).context("cannot write .undrift/rename.toml")?;
    for part in parts {
        rename(selection, part, renaming, identities, world)?;
    }
    if let Some(declared) = declared {
        declared.write(layout).with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
        world.ui.say(&format!("renamed {} to {} in {PROJECT_FILE}", renaming.old, renaming.new));
    }
    note::end(layout).context("cannot remove .undrift/rename.toml")
}

/// Renames the secret in one environment, as far as that is not done.
fn rename(
    selection: &Selection,
    part: &Part,
    renaming: &Renaming,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let Environment { inventory, key, recipients, sealed, .. } = &part.environment;
    let (layout, name, Renaming { old, new, at, .. }) = (&selection.layout, &inventory.environment, renaming);
    if let Some(entry) = inventory.entries.get(old) {
        let mut sealing = Sealing::open(layout, name, key.known(), sealed)?;
        let shown = layout.shown(&layout.recipients(name));
        let recipients = recipients.as_ref().map_err(|error| anyhow::anyhow!("{error}"));
        let recipients = recipients.with_context(|| format!("cannot read {shown}"))?;
        let groups = layout.groups(name).with_context(|| format!("cannot read vault/{name}"))?;
        let Some(file) = groups.iter().find(|file| file.shown == entry.source.file) else {
            anyhow::bail!("{} is gone since it was read", entry.source.file);
        };
        write::rename(file, old, new, identities, recipients, &mut sealing)?;
        world.ui.say(&format!("renamed {old} to {new} in {}", file.shown));
    } else if !part.has(new) {
        return Ok(());
    }
    let Some(key) = key.known() else { return Ok(()) };
    let mut carried = part.receipts.clone();
    if crate::domain::renaming::carry(&mut carried, old, new, &part.moves) {
        receipts::write(layout, name, key, &carried)
            .with_context(|| format!("cannot write vault/{name}/receipts.toml"))?;
    }
    let log = Log::of(layout, name, key);
    let secrets = vec![old.clone(), new.clone()];
    let is_told = log.read()?.entries.iter().any(|entry| {
        entry.line.action == Action::Rename
            && entry.line.at >= *at
            && entry.line.secrets.iter().map(String::as_str).eq(secrets.iter().map(SecretName::as_str))
    });
    if !is_told {
        log.append(&world.author(layout), (world.clock)(), &[Deed::in_vault(Action::Rename, secrets)])?;
    }
    Ok(())
}
