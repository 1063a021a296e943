//! `undrift rotate --due --format json`: which values should be made new, without the values.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The name and version of the format.
pub const SCHEMA: &str = "undrift/due/1";

/// What is due in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Due {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When.
    pub at: Timestamp,
    /// The environment.
    pub environment: String,
    /// What is due, by name.
    pub secrets: Vec<Secret>,
}

/// A value that should be made new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Secret {
    /// The secret.
    pub name: String,
    /// Why.
    pub why: Why,
    /// The day on which it is due, ends or has ended.
    pub day: Date,
    /// The day on which the value was made, where that is written down.
    pub rotated: Option<Date>,
    /// Who makes the new one.
    pub maker: Maker,
    /// Where its issuer makes a new one, where that is known.
    pub issuer: Option<String>,
    /// Why it cannot be rotated as it is, if it cannot.
    pub obstacle: Option<String>,
}

/// Why a value should be made new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is valid no longer.
    Expired,
    /// It ends soon.
    Expires,
    /// It has stood as long as it may.
    Due,
}

/// Who makes a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// undrift, as `generate` says.
    Generate,
    /// The program that `command` names.
    Command,
    /// Somebody who issues it to a person.
    Person,
}
