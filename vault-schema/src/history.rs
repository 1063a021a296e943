//! Recorded audits, `history/*.json`, and `undrift history --format json`: names, verdicts and counts, no values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::audit::{Scope, Severity, Summary};
use crate::verdict::Verdict;

/// The name and version of a recorded audit.
pub const RUN_SCHEMA: &str = "undrift/recorded-audit/1";

/// The name and version of the report.
pub const SCHEMA: &str = "undrift/history/1";

/// One audit, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Run {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = RUN_SCHEMA)))]
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
    /// What was looked at.
    pub scope: Scope,
    /// How many findings had which code.
    pub findings: BTreeMap<String, usize>,
    /// Which findings those were; a record of an older undrift does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Vec<FindingThen>>,
    /// Whether everybody who wants to know was told of it, so that the next audit tells of what is new since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// How many values were overdue or had expired.
    pub overdue: usize,
    /// What stood at each place.
    pub places: Vec<PlaceThen>,
}

/// A finding, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct FindingThen {
    /// Its code.
    pub code: String,
    /// How bad it was.
    pub severity: Severity,
    /// The environment it was found in.
    pub environment: Option<String>,
    /// The secret it was about.
    pub secret: Option<String>,
    /// The file it was about.
    pub file: Option<String>,
}

/// One place, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct PlaceThen {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The one place in the world.
    pub place: String,
    /// Whether it could be read.
    pub read: bool,
    /// The secrets that were in sync there, and rolled out.
    pub in_sync: Vec<String>,
    /// Everything else that was there, or should have been.
    pub others: Vec<NameThen>,
}

/// A name at a place that was not simply in sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct NameThen {
    /// Its name there.
    pub name: String,
    /// The secret's name in the vault; null when it is not ours.
    pub secret: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// The code of what was wrong.
    pub code: String,
    /// How bad it was; a record of an older undrift does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Whether a person had ignored or accepted it.
    pub accepted: bool,
}

/// What the recorded audits tell together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct History {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// Whether every recorded audit could be read.
    pub whole: bool,
    /// The files that could not be read, each with the reason.
    pub faults: Vec<Fault>,
    /// The audits, the oldest first.
    pub runs: Vec<RunLine>,
    /// How many drifts have been mended.
    pub mended: usize,
    /// How many are open since some audit.
    pub open: usize,
    /// How long those that were mended stayed open on average, in hours, as far as the audits saw.
    pub mean_open_hours: Option<i64>,
    /// The last day on which the next audit is not late, where `every` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_audit: Option<Date>,
    /// The life of one secret, where one was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<Life>,
}

/// A recorded audit that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Why.
    pub message: String,
}

/// One audit in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RunLine {
    /// When it began.
    pub at: Timestamp,
    /// Whether every target and every vault file could be read.
    pub complete: bool,
    /// The counts.
    pub summary: Summary,
    /// How many findings it had.
    pub findings: usize,
    /// How many values were overdue or had expired.
    pub overdue: usize,
    /// What was looked at.
    pub scope: Scope,
}

/// What became of one secret at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Life {
    /// The environment.
    pub environment: String,
    /// The one place in the world.
    pub place: String,
    /// How it stood there, the oldest first.
    pub spells: Vec<Spell>,
}

/// A time in which nothing changed, as far as the audits saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Spell {
    /// The first audit that saw it so.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// The code of what was wrong; none when nothing was.
    pub code: Option<String>,
}
