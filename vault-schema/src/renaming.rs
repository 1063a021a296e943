//! `.undrift/rename.toml`: a rename that was begun on this machine, until all of it is done.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The one version of `rename.toml` there is.
pub const VERSION: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RenamingFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// The name it had.
    pub old: String,
    /// The name it gets.
    pub new: String,
    /// The environments in which it is renamed.
    pub environments: Vec<String>,
    /// When it was begun, by this machine's clock.
    pub at: Timestamp,
}
