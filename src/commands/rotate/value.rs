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
use crate::settings::World;

/// New values, by name.
pub(super) type Values = BTreeMap<SecretName, SecretValue>;

/// Where one new value comes from.
enum Source {
    /// It is made.
    Generated(Kind),
    /// Somebody issued it.
    Asked,
}

impl Source {
    fn of(declaration: Option<&Declaration>) -> Self {
        declaration.and_then(|declaration| declaration.generate).map_or(Self::Asked, Self::Generated)
    }
}

/// Returns the new values that can be had before anything is noted: a person who gives up has changed nothing then.
pub(super) fn beforehand(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    world: &mut World,
) -> anyhow::Result<Values> {
    let source = |name: &SecretName| Source::of(site.selection.project.secrets.get(name));
    let asked = names.iter().filter(|name| matches!(source(name), Source::Asked)).count();
    if asked > 1 && !world.ui.interactive {
        return Err(Refusal::OneValueAtATime.into());
    }
    let mut values = Values::new();
    for name in names {
        let value = match source(name) {
            Source::Generated(kind) => {
                kind.generate(getrandom::fill).context("the system has no random bytes; nothing was changed")?
            }
            Source::Asked => ask(site, opened, name, world)?,
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn ask(site: &Site, opened: &Opened, name: &SecretName, world: &mut World) -> anyhow::Result<SecretValue> {
    let value = world.ui.read_value(name.as_str(), false)?;
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
