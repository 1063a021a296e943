//! Asking whether the values of a run are alive.

use std::collections::BTreeMap;

use anyhow::Context;

use super::site::{Opened, Site};
use super::value;
use crate::commands::survey::block_on;
use crate::domain::inventory::Entry;
use crate::domain::name::SecretName;
use crate::domain::probe::{Probe, Told};
use crate::domain::rotation::{Standing, Which};
use crate::domain::secret::SecretValue;
use crate::flow::probe::{Interrupted, LONGEST, Prober, Subject};
use crate::settings::World;
use crate::targets::client::Client;

/// Says who will be asked about the values of these secrets.
pub(super) fn mention<'a>(site: &Site, names: impl IntoIterator<Item = &'a SecretName>, world: &mut World) {
    for name in names {
        match site.selection.project.probe(name) {
            Some(probe @ Probe::Request(_)) => {
                world.ui.say(&format!("whether a value of {name} is alive is asked at {}", probe.asks()));
            }
            Some(Probe::Command(command)) => {
                let words = value::typed(site, command, name);
                world.ui.say(&format!("whether a value of {name} is alive is told by this program: {words}"));
            }
            None => {}
        }
    }
}

/// Asks about each secret that has both values and a probe.
pub(super) fn ask(
    site: &Site,
    opened: &Opened,
    standings: &BTreeMap<SecretName, Standing>,
    which: Which,
    world: &World,
) -> anyhow::Result<Vec<(SecretName, Told)>> {
    let project = &site.selection.project;
    let entries = &opened.read.inventory.entries;
    let has_both = standings.iter().filter(|(_, standing)| **standing == Standing::New);
    let asked: Vec<(&SecretName, &Probe)> =
        has_both.filter_map(|(name, _)| Some((name, project.probe(name)?))).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let prober = Prober {
        client: Client::new(&world.network),
        folder: site.selection.layout.root(),
        variables: value::inherited(project, world),
        longest: LONGEST,
    };
    block_on(async {
        let mut told = Vec::new();
        for (name, probe) in asked {
            let subject = Subject { name, environment: &site.environment, value: value_of(&entries[name], which) };
            // What changes together is asked about together: an old user goes with an old password.
            let secret = |name: &SecretName| Some(value_of(entries.get(name)?, which));
            told.push((name.clone(), prober.ask(probe, &subject, secret).await?));
        }
        Ok::<_, Interrupted>(told)
    })?
    .with_context(|| format!("the rotation stays open; `undrift rotate --continue{}` does what is left", site.flags()))
}

fn value_of(entry: &Entry, which: Which) -> &SecretValue {
    match which {
        Which::New => &entry.value,
        Which::Old => entry.previous.as_ref().unwrap_or(&entry.value),
    }
}
