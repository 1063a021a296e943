//! Where the new values of a rotation come from.

use std::collections::BTreeMap;

use anyhow::Context;

use super::site::{Opened, Site};
use crate::commands::set::mention_faults;
use crate::domain::declaration::Declaration;
use crate::domain::generate::Kind;
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::issue::Issuer;
use crate::settings::{IDENTITY_VARIABLE, World};
use crate::ui::value_of;

/// New values, by name.
pub(super) type Values = BTreeMap<SecretName, SecretValue>;

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

/// Returns the new values that can be had before anything is noted: a person who gives up has changed nothing then. What
/// a program issues is not among them.
pub(super) fn beforehand(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    world: &mut World,
) -> anyhow::Result<Values> {
    let is_issued = |name: &&SecretName| matches!(Source::of(site, name), Source::Issued(_));
    let names: Vec<SecretName> = names.iter().filter(|name| !is_issued(name)).cloned().collect();
    let mut values = Values::new();
    complete(site, opened, &names, &mut values, world)?;
    Ok(values)
}

/// Adds the new values that are missing.
pub(super) fn complete(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    values: &mut Values,
    world: &mut World,
) -> anyhow::Result<()> {
    let missing: Vec<&SecretName> = names.iter().filter(|name| !values.contains_key(*name)).collect();
    let asked = missing.iter().filter(|name| matches!(Source::of(site, name), Source::Asked)).count();
    if asked > 1 && !world.ui.interactive {
        return Err(Refusal::OneValueAtATime.into());
    }
    for name in missing {
        let value = match Source::of(site, name) {
            Source::Generated(kind) => {
                kind.generate(getrandom::fill).context("the system has no random bytes; nothing was changed")?
            }
            Source::Asked => fit(site, opened, name, world.ui.read_value(name.as_str(), false)?, world)?,
            Source::Issued(command) => {
                let value = issued(command, site, opened, name, world)?;
                fit(site, opened, name, value, world)?
            }
        };
        values.insert(name.clone(), value);
    }
    Ok(())
}

fn issued(
    command: &[String],
    site: &Site,
    opened: &Opened,
    name: &SecretName,
    world: &mut World,
) -> anyhow::Result<SecretValue> {
    let entries = &opened.read.inventory.entries;
    let values: Vec<&SecretValue> = entries.values().map(|entry| &entry.value).collect();
    // The key to the whole vault is ours, not the program's.
    let inherited = world.variables.iter().filter(|(variable, _)| *variable != IDENTITY_VARIABLE);
    let issuer = Issuer {
        command,
        folder: site.selection.layout.root(),
        variables: inherited.map(|(variable, value)| (variable.as_ref(), value.as_ref())).collect(),
    };
    let issued = issuer.issue(name, &site.environment, &entries[name].value, &values);
    let issued = issued.with_context(|| format!("no new value of {name} was issued"))?;
    if !issued.said.is_empty() {
        world.ui.say(&format!("note: {name}: {}", issued.said));
    }
    Ok(value_of(&issued.output, false)?)
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
