//! `undrift access --format json`: who can read what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Finding;

/// The name and version of the format.
pub const SCHEMA: &str = "undrift/access/1";

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Access {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// The environments.
    pub environments: Vec<String>,
    /// Whoever is listed in any of them, sorted by name.
    pub people: Vec<Person>,
    /// Where the files say otherwise than the lists.
    pub findings: Vec<Finding>,
}

/// A person or a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Person {
    /// The name in `recipients.txt`.
    pub name: String,
    /// Their keys, by environment; an environment that they are not listed in is absent.
    pub keys: BTreeMap<String, Vec<Key>>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Key {
    /// `age`, `ssh-ed25519`, `ssh-rsa`, or the name of a plugin such as `age-plugin-yubikey`.
    pub kind: String,
    /// The public key.
    pub key: String,
    /// Whether one of the identities that were found is its private half.
    pub yours: bool,
}
