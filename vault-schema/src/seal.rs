//! `seal.toml`: which files an environment has, vouched for by whoever can read it.
//!
//! Everybody can encrypt a file for recipients that are known. Only who can read the environment has its key, and
//! with it can make a line of this file. `.undrift/seen.toml` is what one machine remembers of the seals it has seen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The one version of `seal.toml` there is.
pub const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SealFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// One higher at each change.
    pub serial: u64,
    /// The HMAC over version, environment, serial and every line: 64 hexadecimal digits.
    pub seal: String,
    /// File name → the HMAC over environment, file name and SHA-256 of the file.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// The one version of `.undrift/seen.toml` there is.
pub const SEEN_VERSION: u32 = 1;

/// `.undrift/seen.toml`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeenFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SEEN_VERSION)))]
    pub version: u32,
    /// What was seen of each environment.
    #[serde(default)]
    pub environments: BTreeMap<String, Seen>,
}

/// What this machine has seen of one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seen {
    /// The newest seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SeenSeal>,
    /// The heads of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<String>,
    /// A push that was begun and has not written its log yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushing: Option<Timestamp>,
    /// File name → the HMAC of a write that was begun and is not sealed yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<String, String>,
    /// What was remembered of it was lost with a file that could not be read, and nobody has looked at it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// A seal that this machine has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeenSeal {
    /// The name of the key it was made under.
    pub key_id: String,
    /// Its serial number.
    pub serial: u64,
    /// Its HMAC over the whole list.
    pub seal: String,
}
