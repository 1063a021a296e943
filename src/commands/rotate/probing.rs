//! Asking whether the values of a run are alive.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;

use super::site::{Opened, Site};
use super::value;
use crate::commands::survey::block_on;
use crate::domain::compose;
use crate::domain::inventory::Inventory;
use crate::domain::name::SecretName;
use crate::domain::probe::{Probe, Told};
use crate::domain::rotation::{self, Answer, Standing, Which};
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

/// Asks about each secret that has both values and a probe, and about what is composed of such.
pub(super) fn ask(
    site: &Site,
    opened: &Opened,
    standings: &BTreeMap<SecretName, Standing>,
    which: Which,
    world: &World,
) -> anyhow::Result<Vec<(SecretName, Told)>> {
    let (project, inventory) = (&site.selection.project, &opened.read.inventory);
    let has_both = standings.iter().filter(|(_, standing)| **standing == Standing::New).map(|(name, _)| name);
    let scope = rotation::in_scope(inventory, has_both);
    let asked: Vec<(&SecretName, &Probe)> =
        scope.iter().filter_map(|name| Some((name, project.probe(name)?))).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    // What changes together is asked about together: an old user goes with an old password.
    let needed: BTreeSet<&SecretName> =
        asked.iter().flat_map(|(name, probe)| probe.secrets().into_iter().chain([*name])).collect();
    let values: BTreeMap<&SecretName, SecretValue> =
        needed.into_iter().filter_map(|name| Some((name, value_of(inventory, name, which)?))).collect();
    let prober = Prober {
        client: Client::new(&world.network),
        folder: site.selection.layout.root(),
        variables: value::inherited(project, world),
        longest: LONGEST,
    };
    block_on(async {
        let mut told = Vec::new();
        for (name, probe) in asked {
            let answer = match values.get(name) {
                Some(value) => {
                    let subject = Subject { name, environment: &site.environment, value };
                    prober.ask(probe, &subject, |name| values.get(name)).await?
                }
                // Nothing follows of a value that nobody could be asked about.
                None => Told { answer: Answer::Unknown, reason: "it cannot be composed as it was".to_owned() },
            };
            told.push((name.clone(), answer));
        }
        Ok::<_, Interrupted>(told)
    })?
    .with_context(|| format!("the rotation stays open; `undrift rotate --continue{}` does what is left", site.flags()))
}

fn value_of(inventory: &Inventory, name: &SecretName, which: Which) -> Option<SecretValue> {
    match which {
        Which::New => Some(SecretValue::copied_from(inventory.entries.get(name)?.value.expose())),
        Which::Old => compose::before(inventory, name),
    }
}
