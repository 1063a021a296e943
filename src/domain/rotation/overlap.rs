//! Old values that stay for a while: in the vault, and at places whose consumers take two values at once.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Run, Stage};
use crate::domain::declaration::Project;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::{Entry, Inventory};
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;

/// How a run comes to its end once every place runs the new values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The time has not passed for which the old values stay.
    Later,
    /// They go.
    Now,
    /// They go from the places first, where they stand beside the new ones.
    AfterOverlap,
}

impl End {
    /// Returns how a run ends whose old values stay until then.
    pub fn of(run: &Run, at: Timestamp, until: Option<Timestamp>) -> Self {
        if until.is_some_and(|until| at < until) {
            Self::Later
        } else if run.beside().is_empty() {
            Self::Now
        } else {
            Self::AfterOverlap
        }
    }
}

/// Returns until when the old values of a run stay, where every place was seen to run the new ones and that time is
/// declared. What could not wait ends at once.
pub fn stays_until(project: &Project, run: &Run) -> Option<Timestamp> {
    if run.stage != Stage::Verified || run.reason.is_some() {
        return None;
    }
    let longest = run.secrets.keys().filter_map(|name| project.finish_after(name)).max()?;
    run.since.checked_add(longest).ok()
}

/// Returns the secrets whose old value belongs at the places now, beside the new one: it is in the vault, and its name is
/// nobody else's there.
fn lasting(runs: &[Run], inventory: &Inventory, key: &FingerprintKey) -> BTreeSet<SecretName> {
    let overlapping = runs
        .iter()
        .filter(|run| matches!(run.stage, Stage::Staged | Stage::Verified))
        .flat_map(|run| &run.secrets)
        .filter(|(_, before)| before.overlap);
    let lasting = overlapping.filter(|(name, before)| {
        let entry = inventory.entries.get(*name);
        let has_old = entry.and_then(|entry| entry.previous.as_ref()).is_some_and(|old| key.value(old) == before.old);
        has_old && name.previous().is_some_and(|previous| !inventory.entries.contains_key(&previous))
    });
    lasting.map(|(name, _)| name.clone()).collect()
}

/// Puts the old values that belong at the places now into an inventory under names of their own, so that they are judged,
/// planned and pushed as all others are; and the names of those that are to be gone.
pub fn put_beside(inventory: &mut Inventory, runs: &[Run], key: &FingerprintKey) {
    let lasting = lasting(runs, inventory, key);
    inventory.over = runs.iter().flat_map(Run::beside).collect();
    for name in &lasting {
        let entry = inventory.entries.get(name);
        let old = entry.and_then(|entry| Some((entry.previous.as_ref()?, &entry.source)));
        let (Some((value, source)), Some(previous)) = (old, name.previous()) else { continue };
        let entry = Entry {
            value: SecretValue::copied_from(value.expose()),
            template: None,
            previous: None,
            rotated: None,
            expires: None,
            source: source.clone(),
        };
        inventory.entries.insert(previous.clone(), entry);
        inventory.over.remove(&previous);
        inventory.beside.insert(previous);
    }
}
