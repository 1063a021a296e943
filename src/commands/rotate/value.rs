//! Where the new values of a rotation come from.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use anyhow::Context;
use vault_schema::due::Maker;

use super::site::{Opened, Site};
use crate::commands::set::mention_faults;
use crate::commands::survey::block_on;
use crate::domain::declaration::{Declaration, Project, TokenSource};
use crate::domain::generate::Kind;
use crate::domain::kind::Kind as Form;
use crate::domain::name::SecretName;
use crate::domain::place::Place;
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::issue::{Issuer, Limits};
use crate::report::intake::quoted;
use crate::settings::{IDENTITY_VARIABLE, World};
use crate::ui::value_of;

/// New values, by name.
pub(super) type Given = BTreeMap<SecretName, SecretValue>;

/// The variables in which people have the tokens of targets.
const TOKEN_VARIABLES: [&str; 6] =
    ["FLY_ACCESS_TOKEN", "FLY_API_TOKEN", "GH_ENTERPRISE_TOKEN", "GH_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITHUB_TOKEN"];

/// What there is for the secrets of a run.
#[derive(Default)]
pub(super) struct Values {
    /// New values that were made, or that a person has given.
    pub(super) given: Given,
    /// Whether a program has ended well: it may have issued a value, whatever became of that.
    pub(super) has_issued: bool,
}

/// Where one new value comes from.
enum Source<'a> {
    /// It is made.
    Generated(Kind),
    /// A program issues it.
    Issued(&'a [String]),
    /// A person was given it.
    Asked,
}

impl<'a> Source<'a> {
    fn of(site: &'a Site, name: &SecretName) -> Self {
        match site.selection.project.secrets.get(name) {
            Some(Declaration { generate: Some(kind), .. }) => Self::Generated(*kind),
            Some(Declaration { command: Some(command), .. }) => Self::Issued(command),
            _ => Self::Asked,
        }
    }
}

/// Returns who makes a new value of a secret.
pub(super) fn maker(site: &Site, name: &SecretName) -> Maker {
    match Source::of(site, name) {
        Source::Generated(_) => Maker::Generate,
        Source::Issued(_) => Maker::Command,
        Source::Asked => Maker::Person,
    }
}

/// Returns where the issuer of a secret makes a new value, where that is known.
pub(super) fn issuer(site: &Site, name: &SecretName) -> Option<&'static str> {
    match site.selection.project.secrets.get(name)?.kind? {
        Form::Issued(issuer) => Some(issuer.facts().rotate.as_str()),
        Form::Form(_) => None,
    }
}

/// Returns whether a program issues the new value of a secret.
pub(super) fn is_issued(site: &Site, name: &SecretName) -> bool {
    matches!(Source::of(site, name), Source::Issued(_))
}

/// Says which programs will be run for these secrets.
pub(super) fn mention_programs<'a>(site: &Site, names: impl IntoIterator<Item = &'a SecretName>, world: &mut World) {
    for name in names {
        if let Source::Issued(command) = Source::of(site, name) {
            let words = typed(site, command, name);
            world.ui.say(&format!("a new value of {name} is what this program issues: {words}"));
        }
    }
}

/// Returns what a declared program of a secret is started with, as one would type it.
pub(super) fn typed(site: &Site, command: &[String], name: &SecretName) -> String {
    let words = command.iter().map(String::as_str).chain([name.as_str(), site.environment.as_str()]);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// Returns the new values that can be had before anything is noted: a person who gives up has changed nothing then. What
/// a program issues is not among them.
pub(super) fn beforehand(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    world: &mut World,
) -> anyhow::Result<Values> {
    let names: Vec<&SecretName> = names.iter().filter(|name| !is_issued(site, name)).collect();
    let mut values = Values::default();
    complete(site, opened, &names, &mut values.given, world)?;
    Ok(values)
}

/// Adds the new values that are missing, but for those that a program issues.
pub(super) fn complete(
    site: &Site,
    opened: &Opened,
    names: &[&SecretName],
    values: &mut Given,
    world: &mut World,
) -> anyhow::Result<()> {
    let missing: Vec<&SecretName> = names.iter().copied().filter(|name| !values.contains_key(*name)).collect();
    let asked = missing.iter().filter(|name| matches!(Source::of(site, name), Source::Asked)).count();
    if asked > 1 && !world.ui.interactive {
        return Err(Refusal::OneValueAtATime.into());
    }
    for name in missing {
        let value = match Source::of(site, name) {
            Source::Generated(kind) => kind.generate(getrandom::fill).context("the system has no random bytes")?,
            Source::Asked => fit(site, opened, name, world.ui.read_value(name.as_str(), false)?, world)?,
            Source::Issued(_) => continue,
        };
        refuse_too_large(site, name, &value).with_context(|| format!("{name} was not rotated"))?;
        values.insert(name.clone(), value);
    }
    Ok(())
}

/// Refuses a value that a place of the secret does not take: a run with it would never end.
fn refuse_too_large(site: &Site, name: &SecretName, value: &SecretValue) -> Result<(), Refusal> {
    let project = &site.selection.project;
    let has = |place: &Place| project.bindings(place).iter().any(|binding| binding.secret == *name);
    let size = value.expose().len();
    let mut places = project.places(&site.environment).into_iter().filter(has).map(|place| place.location);
    match places.find(|location| size > location.largest_value()) {
        Some(location) => Err(Refusal::TooLargeThere { name: name.clone(), limit: location.largest_value(), location }),
        None => Ok(()),
    }
}

/// Has a program issue a new value. `has_issued` is set as soon as it has ended well.
pub(super) fn issue(
    site: &Site,
    opened: &Opened,
    name: &SecretName,
    has_issued: &mut bool,
    world: &mut World,
) -> anyhow::Result<SecretValue> {
    let Source::Issued(command) = Source::of(site, name) else {
        anyhow::bail!("no program issues {name}");
    };
    let entries = &opened.read.inventory.entries;
    let values: Vec<&SecretValue> =
        entries.values().flat_map(|entry| [Some(&entry.value), entry.previous.as_ref()]).flatten().collect();
    let variables = inherited(&site.selection.project, world);
    let limits = Limits::default();
    let issuer = Issuer { command, folder: site.selection.layout.root(), variables, limits };
    let issued = block_on(issuer.issue(name, &site.environment, &entries[name].value, &values))?;
    let output = issued.with_context(|| format!("no new value of {name} was issued"))?;
    *has_issued = true;
    fit(site, opened, name, value_of(&output, false)?, world)
}

/// Returns the variables that a declared program inherits. The key to the whole vault and the tokens of the targets are
/// ours, not the program's.
pub(in crate::commands) fn inherited<'w>(project: &Project, world: &'w World) -> Vec<(&'w OsStr, &'w OsStr)> {
    let tokens = project.targets.values().filter_map(|target| match &target.token {
        Some(TokenSource::Variable(variable)) => Some(variable.as_str()),
        Some(TokenSource::Vault(_)) | None => None,
    });
    let ours: BTreeSet<&str> = tokens.chain(TOKEN_VARIABLES).chain([IDENTITY_VARIABLE]).collect();
    let inherited = world.variables.iter().filter(|(variable, _)| !ours.contains(variable.as_str()));
    inherited.map(|(variable, value)| (variable.as_ref(), value.as_ref())).collect()
}

/// Refuses a value that is none, or no new one.
fn fit(
    site: &Site,
    opened: &Opened,
    name: &SecretName,
    value: SecretValue,
    world: &mut World,
) -> anyhow::Result<SecretValue> {
    let entry = &opened.read.inventory.entries[name];
    let unfit = match () {
        () if value.is_empty() => Some("is empty"),
        () if value.expose() == entry.value.expose() => Some("is the one that it has"),
        () => None,
    };
    if let Some(why) = unfit {
        return Err(anyhow::Error::from(Refusal::BadValue(why)).context(format!("{name} was not rotated")));
    }
    mention_faults(&site.selection, name, &value, &entry.source.file, world);
    Ok(value)
}
