//! `.undrift/etags.json`: what listings were when they were last read, without values.
//!
//! It is this machine's own and is never committed. Whoever cannot read it begins anew.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The one version of the file there is.
pub const VERSION: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Etags {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// 64 random hexadecimal digits, under which every key and every seal is made.
    pub salt: String,
    /// The listings, each under a keyed hash of its address and of the token it was read with.
    pub listings: BTreeMap<String, Listing>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listing {
    /// When it was last of use, by this machine's clock.
    pub used: Timestamp,
    /// The entity tag, as the platform gave it.
    pub etag: String,
    /// The `Link` header; empty when there was none.
    pub link: String,
    /// The body: names and times.
    pub body: String,
    /// A keyed hash of the three above, which nobody can make without the token.
    pub seal: String,
}
