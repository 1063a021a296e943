//! Rotations that cannot wait: a value that somebody has who should not, and a target that was broken into.

use std::collections::BTreeSet;

use vault_schema::due::Maker;
use vault_schema::rotation::LeftOut;

use super::obstacle::obstacle;
use super::site::{Opened, Site};
use super::{Wanted, together, value};
use crate::domain::inventory::Inventory;
use crate::domain::log::Line;
use crate::domain::name::SecretName;
use crate::domain::receipt::Receipts;
use crate::domain::rotation::{self, Answer, Held, Reason, Run, Stage, Which};
use crate::error::Refusal;
use crate::settings::World;
use crate::vault::log::Log;
use crate::vault::receipts;

/// What is known of what was ever written where.
struct Past {
    receipts: Receipts,
    lines: Vec<Line>,
    /// Whether lines of the log are missing or changed.
    is_whole: bool,
}

impl Past {
    fn of(site: &Site, opened: &Opened) -> anyhow::Result<Self> {
        let (layout, name, key) = (&site.selection.layout, &site.environment, opened.key()?);
        let read = receipts::read(layout, name, key)?;
        let chain = Log::of(layout, name, key).read()?;
        let is_whole = chain.is_whole() && !read.foreign && read.forged.is_empty();
        let lines = chain.entries.into_iter().map(|entry| entry.line).collect();
        Ok(Self { receipts: read.receipts, lines, is_whole })
    }
}

/// Returns where the secrets of a run ever stood, if they have leaked.
pub(super) fn held_of(site: &Site, run: &Run) -> anyhow::Result<Vec<Held>> {
    if run.reason != Some(Reason::Leaked) {
        return Ok(Vec::new());
    }
    let opened = site.open()?;
    let past = Past::of(site, &opened)?;
    let scope = rotation::in_scope(&opened.read.inventory, run.secrets.keys());
    Ok(rotation::held(&scope, &past.receipts, &past.lines, Some(run.begun)))
}

/// Says where these secrets ever stood, and what else has their values.
pub(super) fn mention_held(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    world: &mut World,
) -> anyhow::Result<()> {
    let past = Past::of(site, opened)?;
    let inventory = &opened.read.inventory;
    let scope = rotation::in_scope(inventory, names);
    let all = rotation::held(&scope, &past.receipts, &past.lines, None);
    for Held { place, secret, remote_name, first, last, removed } in &all {
        let [first, last] = [first, last].map(|at| at.strftime("%Y-%m-%d").to_string());
        let until = match removed {
            Some(at) => format!("was removed there on {}", at.strftime("%Y-%m-%d")),
            None if first == last => "stands there".to_owned(),
            None => format!("was last written on {last}, and stands there"),
        };
        world.ui.say(&format!("note: {secret} was written to {place} as {remote_name} on {first}; it {until}"));
    }
    if all.is_empty() {
        world.ui.say("note: neither the receipts nor the log know of any place that ever had it");
    }
    if !past.is_whole {
        world.ui.say("note: the log or the receipts are not whole, so that there may have been other places");
    }
    let key = opened.key()?;
    let values: BTreeSet<_> =
        names.iter().filter_map(|name| inventory.entries.get(name)).map(|entry| key.value(&entry.value)).collect();
    let same = inventory.entries.iter().filter(|(name, entry)| {
        !scope.contains(*name) && entry.template.is_none() && values.contains(&key.value(&entry.value))
    });
    for (name, _) in same {
        world.ui.say(&format!(
            "note: {name} has the same value: `undrift rotate --leaked {name}{}` is needed, too",
            site.flags()
        ));
    }
    Ok(())
}

/// Says before runs are turned back which of the old values somebody has who should not.
pub(super) fn mention_reasons(runs: &[Run], world: &mut World) {
    for (run, reason) in runs.iter().filter_map(|run| Some((run, run.reason.as_ref()?))) {
        world.ui.say(&format!("note: the rotation of {} was begun for this: {reason}", run.names()));
    }
}

/// Returns what there is to rotate where a target was broken into: all that was ever stored there, and is in the vault,
/// and can have a new value now; with what is left out.
pub(super) fn all_at(
    site: &Site,
    opened: &Opened,
    target: &str,
    world: &World,
) -> anyhow::Result<(Wanted, Vec<LeftOut>)> {
    let (project, inventory) = (&site.selection.project, &opened.read.inventory);
    let target = site.selection.target(target)?;
    let place = project.places(&site.environment).into_iter().find(|place| place.target == *target);
    let Some(place) = place else {
        let (environment, target) = (site.environment.clone(), target.clone());
        return Err(Refusal::NotServed { environment, target }.into());
    };
    let past = Past::of(site, opened)?;
    let stored = rotation::stored_at(&place.location.to_string(), &past.receipts, &past.lines).into_iter();
    // An old value that stood beside the new one for a while was one of the same secret.
    let mut stored: BTreeSet<SecretName> =
        stored.map(|name| name.current().filter(|current| project.overlaps(current)).unwrap_or(name)).collect();
    stored.extend(project.bindings(&place).into_iter().map(|binding| binding.secret).filter(|secret| {
        // Declared for it and never given a value: nothing of it can be known there.
        inventory.entries.contains_key(secret)
    }));
    let mut wanted = Wanted { names: Vec::new(), reason: Some(Reason::Breached(target.to_string())) };
    let mut left_out = Vec::new();
    for name in parts(inventory, stored) {
        match obstacle(site, opened, &name, world.ui.interactive) {
            None => wanted.names.push(name.to_string()),
            Some(why) => {
                let issuer = value::issuer(site, &name).map(str::to_owned);
                left_out.push(LeftOut { secret: name.to_string(), why, issuer });
            }
        }
    }
    let (names, parted) = together::parted(site, opened, &wanted.names, world.ui.interactive);
    left_out.extend(parted);
    Ok((Wanted { names, ..wanted }, left_out))
}

/// Returns these names with those that they are composed of in the place of what is composed.
fn parts(inventory: &Inventory, names: BTreeSet<SecretName>) -> BTreeSet<SecretName> {
    let (mut all, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut next: Vec<SecretName> = names.into_iter().collect();
    while let Some(name) = next.pop() {
        // What is composed of itself would never end.
        if !seen.insert(name.clone()) {
            continue;
        }
        match inventory.entries.get(&name).and_then(|entry| entry.template.as_ref()) {
            Some(template) => next.extend(template.names().into_iter().cloned()),
            None => {
                all.insert(name);
            }
        }
    }
    all
}

/// Says what a person has to revoke, and where, once a run that could not wait is over or stands.
pub(super) fn to_revoke(site: &Site, run: &Run) -> Vec<String> {
    if run.reason.is_none() || matches!(run.stage, Stage::Returning | Stage::Abandoned) {
        return Vec::new();
    }
    let late: Vec<&str> = run
        .places
        .iter()
        .filter(|(_, progress)| progress.reach != rotation::Reach::Running)
        .map(|(place, _)| place.as_str())
        .collect();
    let when = match (run.stage.is_over(), late.is_empty()) {
        (true, _) => "now".to_owned(),
        (false, true) => "as soon as this run is finished".to_owned(),
        (false, false) => {
            format!("as soon as {} runs the new one, or now, where a break is the lesser harm", late.join(", "))
        }
    };
    let dead = run.last_told(Which::Old, Answer::Dead);
    let names = run.secrets.keys().filter(|name| !dead.iter().any(|probe| probe.secret == name.as_str()));
    names
        .map(|name| match (value::maker(site, name), value::issuer(site, name)) {
            (Maker::Generate, _) => {
                format!("the old value of {name} was made here: whatever else accepts it has to forget it {when}")
            }
            (_, Some(link)) => format!("revoke the old value of {name} at {link} {when}"),
            (_, None) => format!("revoke the old value of {name} where it was issued, {when}"),
        })
        .collect()
}
