//! How far each place is: what a look and a push have shown of a run's secrets there.

use std::collections::{BTreeMap, BTreeSet};

use vault_schema::project::RolloutMode;
use vault_schema::verdict::{Rollout, Verdict};

use super::Reach;
use crate::domain::compose;
use crate::domain::inventory::Inventory;
use crate::domain::name::SecretName;
use crate::domain::outcome::{Outcome, StepOutcome};
use crate::domain::rollout::RollOutOutcome;
use crate::domain::row::Row;

/// Returns these secrets and all that are composed of them, directly or by others.
pub fn in_scope<'a>(inventory: &Inventory, names: impl IntoIterator<Item = &'a SecretName>) -> BTreeSet<SecretName> {
    let mut scope = BTreeSet::new();
    let mut next: Vec<SecretName> = names.into_iter().cloned().collect();
    while let Some(name) = next.pop() {
        // What is composed of itself would never end.
        if scope.insert(name.clone()) {
            next.extend(compose::users_of(inventory, &name).into_iter().cloned());
        }
    }
    scope
}

/// Returns how far each place is that has one of these secrets: as far as the one that is least far.
pub fn reached(
    rows: &[Row],
    scope: &BTreeSet<SecretName>,
    outcomes: &[StepOutcome],
    roll_outs: &[RollOutOutcome],
) -> BTreeMap<String, Reach> {
    let mut places: BTreeMap<String, Reach> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.secret.as_ref().is_some_and(|secret| scope.contains(secret))) {
        let reach = of(row, outcomes, roll_outs);
        places.entry(row.place.location.to_string()).and_modify(|least| *least = (*least).min(reach)).or_insert(reach);
    }
    places
}

fn of(row: &Row, outcomes: &[StepOutcome], roll_outs: &[RollOutOutcome]) -> Reach {
    let step = outcomes.iter().find(|it| it.step.place == row.place && it.step.remote_name == row.remote_name);
    let is_stored = step.map_or(row.judgement.verdict == Verdict::InSync, |step| step.outcome == Outcome::Done);
    if !is_stored {
        return Reach::Waiting;
    }
    let roll_out = roll_outs.iter().find(|it| it.roll_out.place == row.place);
    let nothing_runs = row.shown.is_some() && row.rollout.rollout == Rollout::None;
    let runs = match (roll_out, row.mode) {
        (Some(roll_out), _) => roll_out.outcome == Outcome::Done,
        (None, RolloutMode::Unchecked) => true,
        (None, _) if step.is_none() => row.is_good(),
        // None was planned because nothing runs there.
        (None, RolloutMode::Flyctl | RolloutMode::Machines) => true,
        (None, RolloutMode::Manual) => nothing_runs,
    };
    if runs { Reach::Running } else { Reach::Written }
}
