//! `undrift push --format json`: what was done, step by step, without values.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::{Failure, Finding};
use crate::plan::{Action, Held};
use crate::project::RolloutMode;

/// The format's name and version.
pub const SCHEMA: &str = "undrift/push/1";

/// One push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Push {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When it began.
    pub at: Timestamp,
    /// Whether every step was done.
    pub complete: bool,
    /// What became of every step.
    pub steps: Vec<Step>,
    /// What was not done because a person has to choose.
    pub held: Vec<Held>,
    /// Targets that could not be read; nothing was done there.
    pub failures: Vec<Failure>,
    /// Faults of the vault that keep a secret from being written, or that hide one.
    pub findings: Vec<Finding>,
    /// Targets that could be read, and where nothing is done because too much of what we wrote would vanish or has, or
    /// nothing is made because they would hold more than they take.
    pub refused: Vec<Failure>,
    /// What became of every roll-out.
    pub roll_outs: Vec<RollOut>,
}

/// The machines of one place, and whether they were brought to what is stored there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RollOut {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The one place in the world.
    pub place: String,
    /// How.
    pub by: RolloutMode,
    /// How many names waited for it.
    pub waiting: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a few words; empty when there is nothing to add.
    pub detail: String,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, and seen at the target afterwards.
    Done,
    /// Accepted by the target, which does not show it yet: there is no receipt, and the next audit looks again.
    Unconfirmed,
    /// The target had moved since the plan was made, so nothing was written.
    Stale,
    /// Refused or failed; nothing was written.
    Failed,
    /// The answer was lost: it may or may not have been written.
    Uncertain,
    /// Not tried, because an earlier step failed.
    Skipped,
}

impl Outcome {
    /// Returns the outcome as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unconfirmed => "unconfirmed",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Skipped => "skipped",
        }
    }
}

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Step {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The one place in the world.
    pub place: String,
    /// The secret's name in the vault.
    pub secret: String,
    /// Its name at the target.
    pub remote_name: String,
    /// What was to be done.
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a few words; empty when there is nothing to add.
    pub detail: String,
}
