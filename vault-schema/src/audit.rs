//! `undrift audit --format json`: the contract that scripts read, and the one model every report is rendered from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
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
    /// What was looked at.
    #[serde(default)]
    pub scope: Scope,
    /// What `undrift.toml` was, as a digest of its text: only reports of one state of it belong together.
    #[serde(default)]
    pub project: String,
    /// Every place that was asked.
    #[serde(default)]
    pub places: Vec<Place>,
    /// How old the values of the vault are.
    #[serde(default)]
    pub ages: Vec<Age>,
    /// The least severity with which an audit fails.
    #[serde(default)]
    pub fail_on: Severity,
    /// What has changed since an earlier report, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The last day on which the next audit is not late, where `every` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_audit: Option<Date>,
}

/// What an audit was asked to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Scope {
    /// The environments that were opened.
    pub environments: Vec<String>,
    /// The targets that were named; every one when empty.
    pub targets: Vec<String>,
    /// The environments that nobody named and that no identity opens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Which part of the places was asked, where an audit was parted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// One part of the places of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Shard {
    /// Which part, from 1.
    pub number: u16,
    /// How many parts there are.
    pub of: u16,
}

/// A place that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Place {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The target's kind.
    pub kind: String,
    /// The one place in the world.
    pub place: String,
    /// Whether it could be read.
    pub read: bool,
}

/// How old a value is, against what is declared of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Age {
    /// The environment.
    pub environment: String,
    /// The secret.
    pub secret: String,
    /// What its dates say.
    pub state: AgeState,
    /// The day it was last changed.
    pub rotated: Option<Date>,
    /// The last day on which it is not overdue.
    pub due: Option<Date>,
    /// The first day on which it is not valid.
    pub expires: Option<Date>,
}

/// What the dates beside a value say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AgeState {
    /// Nothing says that it is too old.
    Good,
    /// It has to be made new from time to time, and nobody wrote down when it last was.
    AgeUnknown,
    /// It should have been made new.
    Overdue,
    /// It is valid no longer.
    Expired,
}

/// What has changed since an earlier report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Changes {
    /// When the earlier audit began.
    pub since: Timestamp,
    /// What was not wrong then.
    pub new: Vec<Change>,
    /// What was wrong then, and still is.
    pub open: Vec<Change>,
    /// What was wrong then, and is no longer.
    pub mended: Vec<Change>,
    /// What was wrong then, and could not be looked at or was not asked for.
    pub unseen: Vec<Change>,
}

/// One thing that is, or was, wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Change {
    /// The environment.
    pub environment: Option<String>,
    /// The target's name in `undrift.toml`.
    pub target: Option<String>,
    /// The one place in the world, or the file and line.
    pub place: Option<String>,
    /// The name there, or the secret's.
    pub name: Option<String>,
    /// The code; none of a target that could not be read.
    pub code: Option<String>,
    /// What is wrong; of what is mended, what was.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// How many of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Of those in sync, how many are known by which proof.
    #[serde(default)]
    pub proofs: BTreeMap<Proof, usize>,
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
    /// How bad it is; absent when nothing is wrong.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Where it is declared: `undrift.toml:12`.
    #[serde(default)]
    pub location: Option<String>,
    /// When the place says it was last written, if it tells.
    #[serde(default)]
    pub written: Option<Timestamp>,
    /// The first of the recorded audits in a row that found it wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_since: Option<Timestamp>,
}

/// How bad something is, the worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something could not be read or may not be used, or a place does not have the vault's value.
    Error,
    /// Something that should be mended.
    #[default]
    Warning,
    /// Something worth knowing, which may well be meant. It does not change the exit status, unless `fail-on` says so.
    Note,
}

impl Severity {
    /// Returns the severity as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
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
    /// Where the target is declared: `undrift.toml:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}
