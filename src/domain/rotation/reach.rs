//! How far each place is: what a look and a push have shown of a run's secrets there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vault_schema::project::RolloutMode;
use vault_schema::verdict::Verdict;

use super::Reach;
use crate::domain::compose;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::Inventory;
use crate::domain::name::SecretName;
use crate::domain::outcome::{Outcome, StepOutcome};
use crate::domain::place::Place;
use crate::domain::plan::{Action, Choices, Plan, Step};
use crate::domain::receipt::Receipts;
use crate::domain::rollout::{self, RollOutOutcome};
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

/// Leaves of a plan what a run asks for, and what finishes writes that were interrupted: those would be forgotten
/// otherwise.
pub fn narrow(plan: &mut Plan, rows: &[Row], scope: &BTreeSet<SecretName>, choices: &Choices) {
    let finishes =
        |step: &Step| choices.interrupted.contains(&(step.place.location.to_string(), step.remote_name.clone()));
    plan.steps.retain(|step| match step.action {
        Action::Delete => choices.retired.contains(&step.secret),
        Action::Create | Action::Update => scope.contains(&step.secret) || finishes(step),
    });
    plan.held.retain(|held| scope.contains(&held.step.secret));
    let is_meant = |row: &&Row| row.secret.as_ref().is_some_and(|secret| scope.contains(secret));
    let meant: BTreeSet<&Place> = rows.iter().filter(is_meant).map(|row| &row.place).collect();
    let is_refused = |place: &Place| plan.refusals.iter().any(|refusal| refusal.place == *place);
    let mut roll_outs = rollout::roll_outs(rows, &plan.steps);
    roll_outs.retain(|roll_out| meant.contains(&roll_out.place) && !is_refused(&roll_out.place));
    plan.roll_outs = roll_outs;
}

/// Returns how far each place is that has one of these secrets: as far as the one that is least far. Nothing runs at the
/// places that are idle.
pub fn reached(
    rows: &[Row],
    scope: &BTreeSet<SecretName>,
    outcomes: &[StepOutcome],
    roll_outs: &[RollOutOutcome],
    idle: &BTreeSet<&Place>,
) -> BTreeMap<String, Reach> {
    let mut places: BTreeMap<String, Reach> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.secret.as_ref().is_some_and(|secret| scope.contains(secret))) {
        let reach = of(row, outcomes, roll_outs, idle);
        places.entry(row.place.location.to_string()).and_modify(|least| *least = (*least).min(reach)).or_insert(reach);
    }
    places
}

/// Returns, by place, when the newest receipt was written there of what the vault has of these secrets.
pub fn filed(
    receipts: &Receipts,
    inventory: &Inventory,
    key: &FingerprintKey,
    scope: &BTreeSet<SecretName>,
) -> BTreeMap<String, Timestamp> {
    let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (place, _, receipt) in receipts.iter() {
        let entry = inventory.entries.get(&receipt.secret).filter(|_| scope.contains(&receipt.secret));
        if entry.is_some_and(|entry| receipt.knows_value() && key.value(&entry.value) == receipt.value) {
            let written = newest.entry(place.to_owned()).or_insert(receipt.written);
            *written = (*written).max(receipt.written);
        }
    }
    newest
}

fn of(row: &Row, outcomes: &[StepOutcome], roll_outs: &[RollOutOutcome], idle: &BTreeSet<&Place>) -> Reach {
    let step = outcomes.iter().find(|it| it.step.place == row.place && it.step.remote_name == row.remote_name);
    let is_stored = step.map_or(row.judgement.verdict == Verdict::InSync, |step| step.outcome == Outcome::Done);
    if !is_stored {
        return Reach::Waiting;
    }
    let roll_out = roll_outs.iter().find(|it| it.roll_out.place == row.place);
    let runs = match (roll_out, row.mode) {
        (Some(roll_out), _) => roll_out.outcome == Outcome::Done,
        (None, RolloutMode::Unchecked) => true,
        (None, _) if step.is_none() => row.is_good(),
        // None was planned because nothing runs there.
        (None, RolloutMode::Flyctl | RolloutMode::Machines) => true,
        (None, RolloutMode::Manual) => idle.contains(&row.place),
    };
    if runs { Reach::Running } else { Reach::Written }
}
