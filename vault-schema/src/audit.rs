//! `undrift audit --format json`: the contract that scripts read, and the one model every report is rendered from.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::verdict::{Proof, Rollout, Verdict};

/// The format's name and version.
pub const SCHEMA: &str = "undrift/audit/1";

/// One audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Report {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When the audit began.
    pub at: Timestamp,
    /// Whether every target and every vault file could be read.
    pub complete: bool,
    /// Whether nothing drifted that is not ignored.
    pub in_sync: bool,
    /// The counts.
    pub summary: Summary,
    /// One row for each secret at each target, sorted by environment, target and remote name.
    pub entries: Vec<Entry>,
    /// Faults of hygiene and of the vault.
    pub findings: Vec<Finding>,
    /// Targets that could not be read.
    pub failures: Vec<Failure>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Summary {
    /// All entries.
    pub checked: usize,
    /// Entries in sync, stored and rolled out.
    pub in_sync: usize,
    /// Entries that drifted and are not ignored.
    pub drift: usize,
    /// Entries that drifted and are covered by an ignore rule.
    pub ignored: usize,
    /// Entries whose value nobody knows, that a person has accepted as they are.
    #[serde(default)]
    pub accepted: usize,
    /// Entries whose target could not be read.
    pub unreadable: usize,
    /// Entries in sync whose proof is not `none`.
    pub proved: usize,
}

/// One secret at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Entry {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The target's kind.
    pub kind: String,
    /// The one place in the world: `fly:shop-staging`.
    pub place: String,
    /// The secret's name in the vault; null when it is not ours.
    pub secret: Option<String>,
    /// Its name at the target.
    pub remote_name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How it is known.
    pub proof: Proof,
    /// Whether the running program has it.
    pub rollout: Rollout,
    /// Whether an ignore rule covers it.
    pub ignored: bool,
    /// Whether a person has accepted it as it is, without knowing its value.
    #[serde(default)]
    pub accepted: bool,
    /// What is known beyond the verdict, in a few words.
    pub detail: String,
    /// The code of what is wrong; absent when nothing is.
    pub code: Option<String>,
    /// The command that mends it; absent when nothing is wrong, or nothing can be typed.
    pub next: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something could not be read or may not be used.
    Error,
    /// Something that should be mended.
    Warning,
    /// Something worth knowing, which may well be meant. It does not change the exit status.
    Note,
}

/// A fault that is not drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The stable code.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The environment it was found in.
    pub environment: Option<String>,
    /// The secret it is about.
    pub secret: Option<String>,
    /// The file and line it is about, relative to the project.
    pub location: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// Why a target could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No token, or one that is not accepted.
    Unauthorized,
    /// The token may not do this.
    Forbidden,
    /// Not there, or hidden from this token.
    NotFound,
    /// Too many requests.
    RateLimited,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// The target refused the request.
    Rejected,
    /// The answer could not be understood.
    Unexpected,
}

/// A target that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Failure {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The target's kind.
    pub kind: String,
    /// The one place in the world.
    pub place: String,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, in a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
