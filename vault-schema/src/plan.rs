//! `undrift plan --format json`: the steps that would put it right, without values.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::{Failure, Finding};
use crate::project::RolloutMode;
use crate::verdict::Verdict;

/// The format's name and version.
pub const SCHEMA: &str = "undrift/plan/1";

/// One plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Plan {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When it was made.
    pub at: Timestamp,
    /// Whether every target and every vault file could be read.
    pub complete: bool,
    /// What would be written and removed, in order.
    pub steps: Vec<Step>,
    /// What needs a person's choice first.
    pub held: Vec<Held>,
    /// Targets that could not be read; nothing is planned there.
    pub failures: Vec<Failure>,
    /// Faults of the vault that keep a secret from being written, or that hide one.
    pub findings: Vec<Finding>,
    /// Targets that could be read, and where nothing is done because too much of what we wrote would vanish or has, or
    /// nothing is made because they would hold more than they take.
    pub refused: Vec<Failure>,
    /// Whose machines would be updated once everything there is written.
    pub roll_outs: Vec<RollOut>,
}

/// The machines of one place, brought to what is stored there.
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
    /// How many names wait for it.
    pub waiting: usize,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Write a name that is not there.
    Create,
    /// Write over what is there.
    Update,
    /// Remove what we wrote and no longer have.
    Delete,
}

impl Action {
    /// Returns the action as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One step.
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
    /// What is done.
    pub action: Action,
    /// The verdict that asks for it.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub detail: String,
}

/// What is not done until a person chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Held {
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
    /// The verdict that holds it.
    pub verdict: Verdict,
    /// Why it is held, in a few words.
    pub detail: String,
    /// The command that decides it for the vault.
    pub next: String,
    /// The command that decides it for the target, where what is there can be kept.
    #[serde(default)]
    pub keep: Option<String>,
}
