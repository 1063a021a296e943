//! `log.jsonl`: who did what to an environment, and when; a line each, without values.
//!
//! Every line names the lines before it by their HMACs, and ends with its own: the HMAC under the environment's key
//! over everything in the line before `,"mac":`. Lines of two branches are put together by git in any order.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::push::Outcome;
use crate::rotation::Record;

/// The one version of a line there is.
pub const VERSION: u32 = 1;

/// The name and version of `undrift log --format json`.
pub const SCHEMA: &str = "undrift/log/1";

/// One line, without the HMAC that ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// When, by the clock of the machine that did it.
    pub at: Timestamp,
    /// Who did it.
    pub who: Who,
    /// What was done.
    pub action: Action,
    /// The environment.
    pub environment: String,
    /// The place it was done at: `fly:shop-staging`; absent for what was done to the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The names in the vault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The names at the place, in the order of the names in the vault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_names: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// What let it happen, where a person had to choose: `--overwrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// The newest write that the environment's receipts told of by then: with it, a log that was cut short is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
    /// Lines that were missing, by their HMACs, and that a person has accepted as lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Lines that no key of ours has made, by HMACs over their text, and that a person has accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<String>,
    /// Whose access was granted or revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// What is kept of a rotation that ends with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Record>,
    /// The HMACs of the lines that nothing followed when this one was written.
    pub after: Vec<String>,
}

/// Who did it, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Who {
    /// `name <email>`, as git would sign a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The user of the operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The run of a build server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A value was written over an older one of ours.
    Write,
    /// A value was written where nothing was.
    Create,
    /// A secret was removed from the vault.
    Remove,
    /// A value was written over what was held.
    Override,
    /// What a target holds was taken as the baseline.
    Adopt,
    /// What the vault no longer has was removed from a target.
    Prune,
    /// What was written was brought to the machines.
    RollOut,
    /// The files were sealed.
    Seal,
    /// A value was set in the vault.
    Set,
    /// Values were imported into the vault.
    Import,
    /// Values, or the text around them, were changed in an editor.
    Edit,
    /// A secret was given another name in the vault: the old one, then the new one.
    Rename,
    /// New values stand in the vault, the old ones beside them.
    Rotate,
    /// Every place runs them, and the old ones are gone from the vault.
    Finish,
    /// The old values are back at every place, and the new ones are gone from the vault.
    RollBack,
    /// Somebody was given access.
    Grant,
    /// Somebody's access was taken away, and the environment got another key.
    Revoke,
}

impl Action {
    /// Returns the action as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Create => "create",
            Self::Remove => "remove",
            Self::Override => "override",
            Self::Adopt => "adopt",
            Self::Prune => "prune",
            Self::RollOut => "roll-out",
            Self::Seal => "seal",
            Self::Set => "set",
            Self::Import => "import",
            Self::Edit => "edit",
            Self::Rename => "rename",
            Self::Rotate => "rotate",
            Self::Finish => "finish",
            Self::RollBack => "roll-back",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }
}

/// `undrift log --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Log {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// Whether every log is whole.
    pub whole: bool,
    /// The logs, by environment.
    pub environments: Vec<EnvironmentLog>,
}

/// One environment's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct EnvironmentLog {
    /// The environment.
    pub environment: String,
    /// Whether nothing in it was changed, taken out or put in.
    pub whole: bool,
    /// What was done, the newest last.
    pub entries: Vec<Line>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Fault {
    /// The stable code.
    pub code: String,
    /// The line, from 1, if it is about one.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}
