//! Bringing what was stored to the machines, once everything at their place is written. All places at once; at each,
//! one machine after the other.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::future::{Either, join_all, select};
use jiff::Timestamp;
use vault_schema::project::RolloutMode;
use vault_schema::verdict::Rollout;

use super::audit::Subjects;
use super::event::{Event, Listener};
use super::interruption::{Held, interruption};
use super::observe::Connection;
use crate::domain::observation::RolloutState;
use crate::domain::outcome::{Outcome, StepOutcome};
use crate::domain::place::Place;
use crate::domain::rollout::{RollOut, RollOutOutcome};
use crate::targets::fly::{Cause, FlyApp, FlyctlError};
use crate::targets::{AnyTarget, Target, TargetError};

/// What a roll-out is carried out with.
pub struct Tools<'a> {
    /// The adapters.
    pub connections: &'a BTreeMap<Place, Connection>,
    /// The receipts, for what was removed earlier.
    pub subjects: &'a Subjects,
    /// Who shows progress.
    pub listener: &'a dyn Listener,
}

/// Carries out roll-outs, each only where every write has worked, and returns what became of them.
pub async fn roll_out(roll_outs: &[RollOut], steps: &[StepOutcome], tools: &Tools<'_>) -> Vec<RollOutOutcome> {
    let _held = Held::begin();
    let each = roll_outs.iter().map(|roll_out| async move {
        let outcome = one(roll_out, steps, tools).await;
        tools.listener.hear(&Event::RolledOut(&outcome));
        outcome
    });
    join_all(each).await
}

async fn one(roll_out: &RollOut, steps: &[StepOutcome], tools: &Tools<'_>) -> RollOutOutcome {
    let end = |outcome, detail: String| RollOutOutcome { roll_out: roll_out.clone(), outcome, detail };
    if steps.iter().any(|step| step.step.place == roll_out.place && step.outcome != Outcome::Done) {
        return end(Outcome::Skipped, "not everything there was written".to_owned());
    }
    let Some(app) = tools.connections.get(&roll_out.place).and_then(|it| it.as_ref().ok()).and_then(AnyTarget::fly)
    else {
        return end(Outcome::Failed, "the target could not be read".to_owned());
    };
    let removed = last_removal(roll_out, steps, tools, app);
    let work = async {
        match roll_out.mode {
            RolloutMode::Machines => machines(app, removed, &roll_out.place, tools.listener).await,
            RolloutMode::Flyctl => app.deploy_by_flyctl().await.map_err(|error| by_flyctl(&error, tools)),
            RolloutMode::Manual | RolloutMode::Unchecked => Ok(()),
        }
    };
    let done = match select(pin!(work), pin!(interruption())).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err((Outcome::Failed, "it was interrupted".to_owned())),
    };
    // Those of a roll-out that was given up half-way.
    app.release_leases().await;
    if let Err((outcome, detail)) = done {
        return end(outcome, detail);
    }
    match look(app, removed).await {
        Ok(None) => end(Outcome::Done, String::new()),
        Ok(Some(detail)) => end(Outcome::Unconfirmed, detail),
        Err(error) => end(Outcome::Unconfirmed, format!("done, and could not be looked at: {error}")),
    }
}

/// Updates the machines that lack something. The first failure ends it, so that no other machine meets it too.
async fn machines(
    app: &FlyApp,
    removed: Option<Timestamp>,
    place: &Place,
    listener: &dyn Listener,
) -> Result<(), (Outcome, String)> {
    let begin = |number, count| listener.hear(&Event::RollingOut { place, number, count });
    app.roll_out(removed, &begin).await.map_err(|stopped| {
        let is_lost = matches!(stopped.cause, Cause::Lost { .. });
        (if is_lost { Outcome::Uncertain } else { Outcome::Failed }, stopped.to_string())
    })
}

fn by_flyctl(error: &FlyctlError, tools: &Tools<'_>) -> (Outcome, String) {
    let FlyctlError::Failed { said, .. } = error else { return (Outcome::Failed, error.to_string()) };
    let entries = tools.subjects.values().flat_map(|subject| subject.inventory.entries.values());
    let said = said.without(entries.map(|entry| &entry.value));
    let told = if said.is_empty() { error.to_string() } else { format!("{error}: {said}") };
    (Outcome::Failed, told)
}

/// Returns when the last name was removed there, by its own clock: in this push, or earlier.
fn last_removal(roll_out: &RollOut, steps: &[StepOutcome], tools: &Tools<'_>, app: &FlyApp) -> Option<Timestamp> {
    let of_old = tools.subjects.get(&roll_out.place.environment).into_iter();
    let of_old = of_old.flat_map(|subject| subject.receipts.removals_at(&roll_out.place.location));
    let mut last = of_old.map(|(_, removal)| removal.at).max();
    let removes = |step: &StepOutcome| {
        step.step.place == roll_out.place && step.step.action == crate::domain::plan::Action::Delete
    };
    if steps.iter().any(removes) {
        // It was a moment ago; the machines are updated after this very moment.
        last = last.max(app.now_there().and_then(|now| Timestamp::from_second(now.as_second()).ok()));
    }
    last
}

/// Returns what is still not at the machines, if anything.
async fn look(app: &FlyApp, removed: Option<Timestamp>) -> Result<Option<String>, TargetError> {
    let seen = app.observe().await?;
    let of_removal = removed.map(|removed| seen.fleet.runs_without(removed));
    let states = seen.entries.values().map(|observed| &observed.rollout).chain(of_removal.as_ref());
    let is_open = |state: &&RolloutState| !matches!(state.rollout, Rollout::Live | Rollout::None);
    Ok(states.into_iter().find(is_open).map(|state| state.detail.clone()))
}
