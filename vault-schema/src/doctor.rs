//! `undrift doctor --format json`: how everything stands that undrift needs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The format's name and version.
pub const SCHEMA: &str = "undrift/doctor/1";

/// One examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Report {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When it was made.
    pub at: Timestamp,
    /// The counts.
    pub summary: Summary,
    /// What was looked at, in the order in which a person mends it.
    pub checks: Vec<Check>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Checks that found nothing wrong.
    pub ok: usize,
    /// Checks that found what may become trouble.
    pub warn: usize,
    /// Checks that found what does not work.
    pub fail: usize,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Check {
    /// How it stands.
    pub state: State,
    /// What it is: `project`, `identity`, `environment`, `token`, `target`, `clock`, `git`, `machine` or `versions`.
    pub topic: Topic,
    /// Which one, where there are several: an environment, a platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was found.
    pub message: String,
    /// What mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is wrong.
    Ok,
    /// It works, and may become trouble.
    Warn,
    /// It does not work.
    Fail,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// `undrift.toml`.
    Project,
    /// The keys that open the vault.
    Identity,
    /// One environment of the vault.
    Environment,
    /// The token of one platform.
    Token,
    /// The targets.
    Target,
    /// This machine's clock.
    Clock,
    /// The repository.
    Git,
    /// What this machine has begun and not ended.
    Machine,
    /// The programs.
    Versions,
}
