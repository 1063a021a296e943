//! `undrift diff --format json`: which names differ between the vault and a git revision.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The name and version of the report.
pub const SCHEMA: &str = "undrift/diff/1";

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Diff {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// The commit that the vault was compared with.
    pub revision: String,
    /// Whether every file of both sides could be read.
    pub complete: bool,
    /// What differs, sorted by environment and name.
    pub changes: Vec<Change>,
}

/// One name that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Change {
    /// The environment.
    pub environment: String,
    /// The name.
    pub secret: String,
    /// How it differs.
    pub change: Kind,
    /// The file it stood in at the revision.
    pub from: Option<String>,
    /// The file it stands in now.
    pub to: Option<String>,
    /// What of it has changed.
    pub facts: Vec<Fact>,
}

/// How a name differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Something that is said of it is not the same.
    Changed,
    /// It stands in another file, and is the same.
    Moved,
}

impl Kind {
    /// Returns the kind as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }
}

/// Something of a name that has changed. Of a value, nothing more is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// Its value.
    Value,
    /// The value that is kept from before.
    Previous,
    /// The day it was last changed.
    Rotated {
        /// Until then.
        from: Option<Date>,
        /// Now.
        to: Option<Date>,
    },
    /// The day it ceases to be valid.
    Expires {
        /// Until then.
        from: Option<Date>,
        /// Now.
        to: Option<Date>,
    },
}
