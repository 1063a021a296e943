//! `undrift plan --out FILE`: a plan that was reviewed, to be done exactly or refused.
//!
//! It has no values: what would be written, and what each place must still show, stand here as in `receipts.toml`, as
//! HMACs under the environment's own key. Each environment's MAC covers the whole file, with every MAC left empty.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::{Action, RollOut};
use crate::verdict::Verdict;

/// The format's name and version.
pub const SCHEMA: &str = "undrift/saved-plan/1";

/// What every version of the format begins with.
pub const FAMILY: &str = "undrift/saved-plan/";

/// One saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When it was made.
    pub at: Timestamp,
    /// The environments it is for.
    pub environments: BTreeMap<String, Environment>,
    /// The targets it was narrowed to; every one when empty.
    pub targets: Vec<String>,
    /// The places that were looked at.
    pub places: Vec<Place>,
    /// What a person had decided.
    pub choices: Choices,
    /// What will be done, in order.
    pub steps: Vec<Step>,
    /// Whose machines are updated afterwards.
    pub roll_outs: Vec<RollOut>,
}

/// What binds a plan to one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Tells which key made the fingerprints.
    pub key_id: String,
    /// The fingerprint of all receipts: 64 hexadecimal digits.
    pub receipts: String,
    /// The HMAC of the file under the environment's key: 64 hexadecimal digits.
    pub mac: String,
}

/// One place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The one place in the world.
    pub place: String,
    /// Who is meant to use what is made there, where the place has such a notion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

/// What a person had decided: the options of `undrift plan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// `--take-vault`
    pub take_vault: bool,
    /// `--overwrite NAME`
    pub overwrite: Vec<String>,
    /// `--prune`
    pub prune: bool,
    /// `--max-deletes COUNT`
    pub max_deletes: usize,
    /// `--allow-shrink`
    pub allow_shrink: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The environment.
    pub environment: String,
    /// The target's name in `undrift.toml`.
    pub target: String,
    /// The one place in the world.
    pub place: String,
    /// The secret's name in the vault.
    pub secret: String,
    /// Its name at the target.
    pub remote_name: String,
    /// What is done.
    pub action: Action,
    /// The verdict that asks for it.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub detail: String,
    /// The fingerprint of the value that is written: 64 hexadecimal digits; none for a removal.
    pub value: Option<String>,
    /// What the place must still show; none when nothing may be there.
    pub expected: Option<Evidence>,
}

/// What a place showed, as in `receipts.toml`; all are absent where it showed the name alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The keyed form of the digest: 64 hexadecimal digits.
    pub digest: Option<String>,
    /// When the target says it was created.
    pub created: Option<Timestamp>,
    /// When the target says it was last written.
    pub updated: Option<Timestamp>,
    /// The keyed form of who the target let use it, where it tells: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}
