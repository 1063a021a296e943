//! `rotation.toml`: the rotations of one environment that are under way, and `undrift rotate --format json`.
//!
//! Safe to commit: values appear only as HMAC-SHA-256 under the environment's own key.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::log::Who;
use crate::push::Push;

/// The one version of `rotation.toml` there is.
pub const VERSION: u32 = 1;

/// The name and version of `undrift rotate --format json`.
pub const SCHEMA: &str = "undrift/rotation/1";

/// The whole file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RotationFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// The runs that are under way, the oldest first. No secret is in two of them.
    #[serde(default)]
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// When it began.
    pub begun: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// Who began it.
    pub who: Who,
    /// Why in a hurry, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The secrets that change together.
    pub secrets: BTreeMap<String, Before>,
    /// The places that have them, as they were last seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<String, Progress>,
    /// What probes have told of its values, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeReport>,
}

/// Why a run was begun that could not wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody has the old values who should not.
    Leaked,
    /// Somebody may have all that was ever stored at this target.
    Breached(
        /// The target, by its name in `undrift.toml`.
        String,
    ),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaked => formatter.write_str("leaked"),
            Self::Breached(target) => write!(formatter, "{target} was broken into"),
        }
    }
}

/// What the vault said of a secret when its run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Before {
    /// The fingerprint of the value it had: 64 hexadecimal digits.
    pub old: String,
    /// The fingerprint of the value it gets, once the vault has that: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// The day on which that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Date>,
    /// The day on which that ceases to be valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// Whether the old value stands at the places as `NAME_PREVIOUS` for a while.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overlap: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
const fn is_false(is: &bool) -> bool {
    !*is
}

/// How far a place was seen to be, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Progress {
    /// How far.
    pub reach: Reach,
    /// Since when, by the clock of the machine that looked.
    pub since: Timestamp,
    /// When the newest receipt was written of what the run has stored there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Timestamp>,
}

/// What a probe has told of a value, as often as it has told the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ProbeReport {
    /// The secret.
    pub secret: String,
    /// Which of its values.
    pub value: Which,
    /// Whether it is alive.
    pub answer: Answer,
    /// How that is known, or why it is not.
    pub reason: String,
    /// When it was first told, by the clock of the machine that asked.
    pub first: Timestamp,
    /// When it was last told.
    pub last: Timestamp,
}

/// Which of the two values of a secret in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one that the run brings.
    New,
    /// The one that it takes away.
    Old,
}

impl Which {
    /// Returns it as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
        }
    }
}

/// Whether a value is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It works.
    Alive,
    /// It works no more, or never did.
    Dead,
    /// Nobody can tell.
    Unknown,
}

impl Answer {
    /// Returns the answer as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is noted, and the vault has not all new values yet.
    Prepared,
    /// The vault has the new values, with the old ones beside them, and they are brought to the places.
    Staged,
    /// Every place was seen to run the new values.
    Verified,
    /// The old values, which stood beside the new ones at the places, are taken away there.
    Retiring,
    /// The old values are gone from the vault.
    Finished,
    /// The old values are brought back to the places.
    Returning,
    /// Every place runs the old values again.
    Abandoned,
}

impl Stage {
    /// Returns the stage as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Staged => "under way",
            Self::Verified => "verified",
            Self::Retiring => "ending its overlap",
            Self::Finished => "finished",
            Self::Returning => "being rolled back",
            Self::Abandoned => "rolled back",
        }
    }

    /// Returns whether there is nothing left to do.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Abandoned)
    }
}

/// How far a place is towards the values that a run wants there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// It does not have them, or nobody could see whether it does.
    Waiting,
    /// They are stored there, and not everything that runs has them.
    Written,
    /// They are stored there, and everything that runs has them.
    Running,
}

/// `undrift rotate --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Rotation {
    /// The name and version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// When.
    pub at: Timestamp,
    /// The environment.
    pub environment: String,
    /// The runs that were meant, as they are now.
    pub runs: Vec<RunReport>,
    /// Secrets that should have had new values, and are in no run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A secret that should have a new value, and is in no run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct LeftOut {
    /// The secret.
    pub secret: String,
    /// Why.
    pub why: String,
    /// Where its issuer makes a new one, where that is known.
    pub issuer: Option<String>,
}

/// One run, without any fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RunReport {
    /// The secrets that change together.
    pub secrets: Vec<String>,
    /// How far it is.
    pub stage: Stage,
    /// When it began.
    pub begun: Timestamp,
    /// Since when it is that far.
    pub since: Timestamp,
    /// Who began it.
    pub who: Who,
    /// Why in a hurry, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Until when the old values stay, where every place runs the new ones and that time is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays_until: Option<Timestamp>,
    /// How many seconds it has taken, where it is over.
    pub seconds: Option<u64>,
    /// The places that have them.
    pub places: Vec<PlaceReport>,
    /// What probes have told of its values, the first first.
    pub probes: Vec<ProbeReport>,
    /// Where they ever stood, as the receipts and the log tell it; for what has leaked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldReport>,
    /// What was just written, if anything was to be.
    pub push: Option<Push>,
}

/// How far one place is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct PlaceReport {
    /// The place.
    pub place: String,
    /// How far it is.
    pub reach: Reach,
    /// Since when, by the clock of the machine that looked.
    pub since: Timestamp,
    /// How many seconds after the run began everything there was seen to run its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// When the newest receipt was written of what the run has stored there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Timestamp>,
}

/// What the log keeps of a run that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// When it began.
    pub begun: Timestamp,
    /// The places that have its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceReport>,
    /// What probes have told of its values, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeReport>,
}

/// A place where a secret stands or stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct HeldReport {
    /// The place.
    pub place: String,
    /// The secret.
    pub secret: String,
    /// Its name there.
    pub remote_name: String,
    /// When it was first written there, as far as anything tells.
    pub first: Timestamp,
    /// When it was last written there.
    pub last: Timestamp,
    /// When it was removed there, if it was.
    pub removed: Option<Timestamp>,
}
