//! Secrets that change in one run or not at all.

use std::collections::BTreeSet;

use vault_schema::rotation::LeftOut;

use super::obstacle::obstacle;
use super::site::{Opened, Site};
use super::value;
use crate::domain::name::SecretName;
use crate::settings::World;

/// Adds what changes together with these names and has a value here, and says so.
pub(super) fn completed(site: &Site, opened: &Opened, names: &[String], world: &mut World) -> Vec<String> {
    let mut all = names.to_vec();
    for name in names.iter().filter_map(|name| SecretName::parse(name).ok()) {
        for other in others(site, opened, &name) {
            if !all.iter().any(|known| known == other.as_str()) {
                world.ui.say(&format!("note: {other} changes together with {name}"));
                all.push(other.to_string());
            }
        }
    }
    all
}

/// Adds what changes together with these names, and leaves a name out where one of the others cannot have a new value now.
pub(super) fn parted(site: &Site, opened: &Opened, names: &[String], can_ask: bool) -> (Vec<String>, Vec<LeftOut>) {
    let (mut ready, mut left_out) = (BTreeSet::new(), Vec::new());
    for name in names.iter().filter_map(|name| SecretName::parse(name).ok()) {
        let others = others(site, opened, &name);
        let is_new = |other: &&&SecretName| !names.iter().any(|name| name == other.as_str());
        let hindered =
            others.iter().filter(is_new).find_map(|other| Some((other, obstacle(site, opened, other, can_ask)?)));
        match hindered {
            None => ready.extend(others.into_iter().chain([&name]).map(ToString::to_string)),
            Some((other, why)) => left_out.push(LeftOut {
                secret: name.to_string(),
                why: format!("changes together with {other}, and {other} {why}"),
                issuer: value::issuer(site, &name).map(str::to_owned),
            }),
        }
    }
    (ready.into_iter().collect(), left_out)
}

/// Returns the other names that change together with this one and have a value here.
fn others<'a>(site: &'a Site, opened: &Opened, name: &SecretName) -> Vec<&'a SecretName> {
    let together = site.selection.project.together_with(name).into_iter().flatten();
    together.filter(|other| *other != name && opened.read.inventory.entries.contains_key(*other)).collect()
}
