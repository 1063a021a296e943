//! What an audit has to tell, in short: the body of a webhook with `format = "json"`, and the one model of every message.
//! Names, verdicts and commands; no value, no digest, no fingerprint.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The format's name and version.
pub const SCHEMA: &str = "undrift/message/1";

/// What one audit has to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Message {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// The name of the project's folder.
    pub project: String,
    /// When the audit began.
    pub at: Timestamp,
    /// How it stands.
    pub state: State,
    /// The counts in a sentence; of an audit that failed, why.
    pub summary: String,
    /// What has changed, in a sentence; absent when there was nothing to compare with.
    pub changes: Option<String>,
    /// What wants attention, the newest and the worst first, and what was mended.
    pub rows: Vec<Row>,
    /// How many rows more there are.
    pub more: usize,
    /// The last day on which the next audit is not late, where that is declared.
    pub next_audit: Option<Date>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is wrong.
    InSync,
    /// Something is wrong.
    Drift,
    /// Not everything could be read, so that nobody knows.
    Incomplete,
    /// There was no audit.
    Failed,
}

impl State {
    /// Returns the state in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Drift => "drift",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// One thing that is, or was, wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Row {
    /// Since when.
    pub part: Part,
    /// The environment.
    pub environment: Option<String>,
    /// The one place in the world, or the file and line.
    pub place: Option<String>,
    /// The name there, or the secret's.
    pub name: Option<String>,
    /// The code; none of a place that could not be read.
    pub code: Option<String>,
    /// What is wrong; of what is mended, what was.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// Which part of the message a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// It was not wrong at the last audit, or there is none to compare with.
    New,
    /// It was wrong then, and still is.
    Open,
    /// It was wrong then, and is no longer.
    Mended,
}

impl Part {
    /// Returns the part in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "still open",
            Self::Mended => "mended",
        }
    }
}
