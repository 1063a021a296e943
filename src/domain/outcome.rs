//! Outcomes: what became of each step of a plan.

pub use vault_schema::push::Outcome;

use super::plan::Step;

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a few words; empty when there is nothing to add.
    pub detail: String,
}
