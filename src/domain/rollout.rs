//! Roll-outs: what brings stored values to the machines that should run them.

use vault_schema::project::RolloutMode;
pub use vault_schema::push::Outcome;
use vault_schema::verdict::{Rollout, Verdict};

use super::place::Place;
use super::plan::Step;
use super::row::Row;

/// One place whose machines are to be updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOut {
    /// The place.
    pub place: Place,
    /// How.
    pub mode: RolloutMode,
    /// How many names wait for it there: those that the plan writes, and those that were written before.
    pub waiting: usize,
}

/// A roll-out and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOutOutcome {
    /// The roll-out.
    pub roll_out: RollOut,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a few words; empty when there is nothing to add.
    pub detail: String,
}

/// Returns the roll-outs that these rows and steps ask for: one for each place, however many names wait there.
///
/// A name that was stored before, and that no machine has yet, asks for one as well: a push that was cut short before
/// its roll-out is finished by the next.
pub fn roll_outs(rows: &[Row], steps: &[Step]) -> Vec<RollOut> {
    let mut roll_outs: Vec<RollOut> = Vec::new();
    for row in rows.iter().filter(|row| matches!(row.mode, RolloutMode::Flyctl | RolloutMode::Machines)) {
        let written = steps.iter().any(|step| step.place == row.place && step.remote_name == row.remote_name);
        let staged = !row.ignored
            && row.judgement.verdict == Verdict::InSync
            && matches!(row.rollout.rollout, Rollout::Staged | Rollout::Partial);
        if written || staged {
            match roll_outs.iter_mut().find(|known| known.place == row.place) {
                Some(known) => known.waiting += 1,
                None => roll_outs.push(RollOut { place: row.place.clone(), mode: row.mode, waiting: 1 }),
            }
        }
    }
    // Where every name that is there has no roll-out, nothing runs.
    let nothing_runs = |place: &Place| {
        let mut shown = rows.iter().filter(|row| row.place == *place && row.shown.is_some()).peekable();
        shown.peek().is_some() && shown.all(|row| row.rollout.rollout == Rollout::None)
    };
    roll_outs.retain(|roll_out| !nothing_runs(&roll_out.place));
    roll_outs
}
