//! The words in which undrift says what it knows: verdict, proof and rollout.

use serde::{Deserialize, Serialize};

/// What inventory, receipt and observation together say about one secret at one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The target holds the vault's value.
    InSync,
    /// The vault has a value for this target, and the target has nothing under its name.
    Missing,
    /// The target holds an older value of the vault.
    Behind,
    /// The target was written since our last push, and not by us.
    ChangedRemotely,
    /// The vault and the target have both moved since our last push.
    Conflict,
    /// The target holds another value, and nothing says which side moved.
    Differs,
    /// The target holds something under this name, and nothing says what it is.
    Unverified,
    /// We wrote it, and the vault no longer has it.
    Orphaned,
    /// Somebody else's: no receipt, and not in the vault.
    Unmanaged,
    /// The target could not be read.
    Unreadable,
}

impl Verdict {
    /// Returns the verdict as people read it: `changed remotely`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::Missing => "missing",
            Self::Behind => "behind",
            Self::ChangedRemotely => "changed remotely",
            Self::Conflict => "conflict",
            Self::Differs => "differs",
            Self::Unverified => "unverified",
            Self::Orphaned => "orphaned",
            Self::Unmanaged => "unmanaged",
            Self::Unreadable => "unreadable",
        }
    }
}

/// How a verdict is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The value, or its absence, was seen.
    Value,
    /// A digest of the value was compared.
    Digest,
    /// What we wrote and what the target showed right after are both unchanged, or one of them visibly moved.
    Receipt,
    /// Nothing shows it.
    None,
}

/// Whether the running program has the stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// Every machine was started or updated after the value was stored.
    Live,
    /// The value is stored, and no machine has it yet.
    Staged,
    /// Some machines have it, some still run the older value.
    Partial,
    /// It could not be told.
    Unknown,
    /// The place has no such notion, or nothing runs there.
    None,
}
