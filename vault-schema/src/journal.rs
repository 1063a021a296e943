//! `.undrift/journal.jsonl`: writes that were begun, a line each, without values.
//!
//! It is this machine's own and is never committed. The last line about a write holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The one version of the journal there is.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Line {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// Which write it speaks of: 16 hexadecimal digits.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// The place: `fly:shop-staging`.
    pub place: String,
    /// The name there.
    pub name: String,
    /// The write that was begun; absent when it has come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
}

/// A write that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Begun {
    /// When, by this machine's clock; shown to people.
    pub at: Timestamp,
    /// When, by the place's own clock, if it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub there: Option<Timestamp>,
}
