//! `receipts.toml`: what was pushed and what the target showed right after.
//!
//! Safe to commit: values and remote digests appear only as HMAC-SHA-256 under the environment's own key. One table a
//! receipt, sorted, so that two people's pushes merge in git. Equal values of one environment show as equal here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The one version of `receipts.toml` there is.
pub const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReceiptsFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// Tells which key made the fingerprints, so that receipts of a lost key are recognised instead of misread.
    pub key_id: String,
    /// Place (`fly:shop-staging`) → name there → receipt.
    #[serde(default)]
    pub receipts: BTreeMap<String, BTreeMap<String, Receipt>>,
    /// Place → name there → when undrift removed it, as long as machines may still run it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<String, BTreeMap<String, Removal>>,
}

/// A secret that was removed from a place, and that machines keep until they are updated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Removal {
    /// The secret's name in the vault.
    pub secret: String,
    /// When it was removed, by the target's own clock.
    pub at: Timestamp,
    /// What shows that somebody who has the environment's key wrote this table: 64 hexadecimal digits.
    #[serde(default)]
    pub mac: String,
}

/// How a receipt that we did not push came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The value was there already, and a person gave it.
    Adopted,
    /// Something was there already, and a person accepted it without knowing its value: `value` is that of the vault at
    /// that moment.
    AsIs,
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Receipt {
    /// The secret's name in the vault.
    pub secret: String,
    /// The fingerprint of the value that was written: 64 hexadecimal digits.
    pub value: String,
    /// When it was written, by this machine's clock; shown to people, never compared.
    pub written: Timestamp,
    /// How it came about; absent when we pushed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The keyed form of the digest the target showed: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the target says it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When the target says it was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// The keyed form of who the target let use it, where it tells: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// What shows that somebody who has the environment's key wrote this table, for this name at this place: 64
    /// hexadecimal digits. Each table has its own, so that tables of two branches merge.
    #[serde(default)]
    pub mac: String,
}
