//! `undrift set`: one value, from standard input, a hidden prompt or a file, or made new; never from the command line.

use std::path::Path;

use anyhow::Context;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use super::values;
use crate::cli::{Global, Set};
use crate::domain::generate::Kind;
use crate::domain::hygiene;
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, GroupName, SecretName};
use crate::domain::secret::SecretValue;
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::settings::{Selection, World};
use crate::ui::value_of;
use crate::vault::declare::{self, Additions, NewSecret};
use crate::vault::identity::Identities;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::log::Log;
use crate::vault::read::Environment;
use crate::vault::seal::{SealError, Sealing};
use crate::vault::write::Dating;
use crate::vault::{lock, store, write};

pub(super) fn run(arguments: &Set, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if !arguments.value.is_empty() || arguments.name.contains('=') {
        return Err(Refusal::ValueInArguments.into());
    }
    // What was typed is not repeated: it may be the value, with the name forgotten.
    let name = SecretName::parse(&arguments.name).context("that cannot be a secret's name")?;
    let group = GroupName::parse(&arguments.group).context("that cannot be a group's name")?;
    if !Typed::new(group.as_str()).is_shown() {
        return Err(Refusal::OddName("a group's").into());
    }
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    let identities = world.identity_chain(global).load()?;
    let origin = origin(arguments, &name, &selection, world)?;
    // The file is read, changed and replaced: two at once would lose the value of one.
    let _lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    let secret = NewSecret { name: name.clone(), targets: selection.targets.clone(), environments: Vec::new() };
    let additions = Additions { environments: Vec::new(), secrets: vec![secret] };
    if !selection.project.secrets.contains_key(&name) {
        declare::check(&selection.layout, &additions)
            .with_context(|| format!("nothing was set: {name} cannot be declared in {PROJECT_FILE}"))?;
    }
    for environment in &selection.environments {
        let made;
        let value = match &origin {
            Origin::Given(value) => value,
            Origin::Generated(kind) => {
                made = new_value(*kind)?;
                &made
            }
        };
        put(&selection, environment, &name, &group, value, &identities, world)?;
    }
    if let Some(declaration) = selection.project.secrets.get(&name) {
        let is_pushed_to = |target| declaration.targets.as_ref().is_none_or(|targets| targets.contains_key(target));
        if !selection.targets.is_empty()
            && selection.project.targets.keys().any(|t| is_pushed_to(t) != selection.means(t))
        {
            world.ui.say(&format!(
                "note: {name} is declared already, and `-t` changes nothing: edit its targets in {PROJECT_FILE}"
            ));
        }
        for environment in selection.environments.iter().filter(|e| !selection.project.expects(&name, e)) {
            world.ui.say(&format!("note: {name} is not declared for `{environment}`, and is pushed nowhere: edit its environments in {PROJECT_FILE}"));
        }
    } else {
        declare::add(&selection.layout, &additions).with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
        world.ui.say(&format!("declared {name} in {PROJECT_FILE}"));
    }
    let flags: String = selection.environments.iter().flat_map(|name| [" -e ", name.as_str()]).collect();
    world.ui.say(&format!("hint: `undrift plan{flags}` shows where it differs now"));
    Ok(Exit::Clean)
}

/// Where the value comes from.
enum Origin {
    /// It is the same in every environment that is meant.
    Given(SecretValue),
    /// Each environment gets one of its own.
    Generated(Kind),
}

fn origin(arguments: &Set, name: &SecretName, selection: &Selection, world: &mut World) -> anyhow::Result<Origin> {
    if let Some(kind) = &arguments.generate {
        let declared = || selection.project.secrets.get(name).and_then(|declaration| declaration.generate);
        let kind = match kind {
            Some(kind) => Kind::parse(kind).map_err(|error| anyhow::anyhow!("`--generate` {error}"))?,
            None => declared().ok_or_else(|| Refusal::NothingToGenerate(name.clone()))?,
        };
        return Ok(Origin::Generated(kind));
    }
    let value = match &arguments.file {
        Some(file) => value_in(file, arguments.exact, world)?,
        None => world.ui.read_value(name.as_str(), arguments.exact)?,
    };
    if value.is_empty() && !arguments.allow_empty {
        return Err(
            anyhow::Error::from(Refusal::BadValue("is empty")).context("nothing was set; `--allow-empty` sets it")
        );
    }
    Ok(Origin::Given(value))
}

fn value_in(file: &Path, exact: bool, world: &World) -> anyhow::Result<SecretValue> {
    let content = store::read(&world.absolute(file)).map(Zeroizing::new);
    let content = content.with_context(|| format!("nothing was set: cannot read {}", file.display()))?;
    value_of(&content, exact).with_context(|| format!("nothing was set: {} cannot be a value", file.display()))
}

/// Makes a value of the system's randomness.
fn new_value(kind: Kind) -> anyhow::Result<SecretValue> {
    kind.generate(getrandom::fill).context("the system has no random bytes; nothing was set")
}

/// Puts the value into the file that has the name already, or into the group's.
pub(super) fn put(
    selection: &Selection,
    environment: &EnvironmentName,
    name: &SecretName,
    group: &GroupName,
    value: &SecretValue,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let layout = &selection.layout;
    let folder = layout.environment(environment);
    store::make_folder(&folder).with_context(|| format!("cannot make {}", layout.shown(&folder)))?;
    let (read, unfinished) = write::open(layout, environment, identities)?;
    mention_unfinished(environment, &unfinished, world);
    let Environment { inventory, key, recipients, sealed, .. } = read;
    let mut sealing = Sealing::open(layout, environment, key.known(), &sealed)?;
    if let Some(template) = inventory.entries.get(name).and_then(|entry| entry.template.as_ref()) {
        let parts = template.names().into_iter().map(ToString::to_string).collect();
        return Err(Refusal::Composed { environment: environment.clone(), name: name.clone(), parts }.into());
    }
    // A name that stands twice is not known, and one in a file that could not be read may be this very one.
    let is_known = inventory.entries.contains_key(name);
    // A name that a merge has lost may come back.
    values::refuse_run(selection, environment, &sealed, |run| {
        if is_known { run.has_any([name]) } else { run.beside().contains(name) }
    })?;
    if !is_known && let Some(problem) = inventory.problems.iter().find(|problem| problem.may_hide(name)) {
        if let Some(breach) = sealed.breaches.iter().find(|breach| breach.kind.hides_values()) {
            return Err(anyhow::Error::from(SealError::broken(layout, environment, breach))
                .context(format!("{name} may stand in a file that the seal does not vouch for")));
        }
        anyhow::bail!("{name} may stand in a file that must be mended first: {problem}");
    }
    let file = layout.shown(&layout.recipients(environment));
    let recipients = recipients.with_context(|| format!("cannot read {file}"))?;
    let groups = layout.groups(environment).with_context(|| format!("cannot read {}", layout.shown(&folder)))?;
    let others: Vec<String> = groups.iter().map(|file| file.group.clone()).collect();
    let present = inventory.entries.get(name).map(|entry| entry.source.file.clone());
    let new = layout.new_group(environment, group);
    let file = match &present {
        Some(shown) => groups.into_iter().find(|file| file.shown == *shown).unwrap_or(new),
        None => groups.into_iter().find(|file| file.group == group.as_str()).unwrap_or(new),
    };
    if present.is_none() && !file.path.exists() {
        let near = others.iter().map(String::as_str).filter(|other| *other != group.as_str());
        if let Some(near) = nearest(group.as_str(), near) {
            world.ui.say(&format!("note: {} is a new file; did you mean `{near}`?", file.shown));
        }
    }
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    let dating = Dating::MadeOn { day: today, begins: selection.project.rotate_every(name).is_some() };
    write::put(&file, &[(name, value)], dating, identities, &recipients, &mut sealing)?;
    let verb = if present.is_some() { "changed" } else { "set" };
    world.ui.say(&format!("{verb} {name} in {}, readable by {}", file.shown, recipients.names.join(", ")));
    mention_faults(selection, name, value, &file.shown, world);
    if let Some(old) = inventory.entries.get(name)
        && let Some(day) = old.expires
        && old.value.expose() != value.expose()
    {
        world.ui.say(&format!("note: the old value would have expired on {day}; write down when the new one does"));
    }
    if let Some(key) = key.known() {
        let deed = Deed::in_vault(Action::Set, vec![name.clone()]);
        Log::of(layout, environment, key).append(&world.author(layout), (world.clock)(), &[deed])?;
    }
    Ok(())
}

/// Says what is odd about a value. It is written all the same: a person may know better.
pub(super) fn mention_faults(
    selection: &Selection,
    name: &SecretName,
    value: &SecretValue,
    file: &str,
    world: &mut World,
) {
    let declaration = selection.project.secrets.get(name);
    for fault in hygiene::of_value(declaration, value, false, (world.clock)()) {
        world.ui.say(&format!("warning: {file}: {name} {fault} ({})", fault.code()));
    }
}

/// Says which writes of this machine were interrupted before they were sealed, and are now.
pub(super) fn mention_unfinished(environment: &EnvironmentName, unfinished: &[String], world: &mut World) {
    for file in unfinished {
        world
            .ui
            .say(&format!("note: sealed vault/{environment}/{file}, whose writing was interrupted on this machine"));
    }
}
