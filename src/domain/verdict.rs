//! The verdict: the one function that decides what inventory, receipt and observation together say.
//!
//! Nothing else in the program decides a verdict. The table is small enough to be written out whole in the tests.

pub use vault_schema::verdict::{Proof, Rollout, Verdict};

/// What the vault says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultSide {
    /// It has a value for this target.
    Present,
    /// It has none, or the secret is not mapped to this target.
    Absent,
    /// It could not be read whole, so that a value may be there that we do not see.
    Unreadable,
}

/// What the receipt says, compared with the vault and with the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptSide {
    /// The vault still has the value we pushed (`V = V_L`). False as well when the vault has none.
    pub same_value: bool,
    /// The target still shows what it showed right after (`R = E_L`). False as well when the target has none.
    pub same_evidence: bool,
    /// The receipt says what value the target held. One of a state that was accepted as it was does not: there the two
    /// above say only whether either side moved since.
    pub knows_value: bool,
}

/// What the target says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteSide {
    /// It could not be read.
    Unreadable,
    /// It has nothing under this name.
    Absent,
    /// It has nothing under this name because we removed it, and what runs there may still have it.
    Removed,
    /// It has something that can be compared with the vault's value.
    Comparable {
        /// The two are the same.
        equal: bool,
        /// What was compared.
        by: Comparison,
    },
    /// It has something that cannot be compared.
    Opaque,
}

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The values themselves.
    Value,
    /// Digests of them.
    Digest,
}

impl From<Comparison> for Proof {
    fn from(comparison: Comparison) -> Self {
        match comparison {
            Comparison::Value => Self::Value,
            Comparison::Digest => Self::Digest,
        }
    }
}

/// A verdict and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How it is known.
    pub proof: Proof,
}

/// Returns the verdict on one secret at one target, or none when there is nothing to report.
pub fn classify(vault: VaultSide, receipt: Option<ReceiptSide>, remote: RemoteSide) -> Option<Judgement> {
    let judgement = |verdict, proof| Some(Judgement { verdict, proof });
    match (vault, receipt, remote) {
        (_, _, RemoteSide::Unreadable) | (VaultSide::Unreadable, _, _) => judgement(Verdict::Unreadable, Proof::None),
        (VaultSide::Present, _, RemoteSide::Absent | RemoteSide::Removed) => judgement(Verdict::Missing, Proof::Value),
        (VaultSide::Absent, _, RemoteSide::Absent) => None,
        // Nothing is stored and nothing should be, by our own note; whether it still runs is for the roll-out to say.
        (VaultSide::Absent, _, RemoteSide::Removed) => judgement(Verdict::InSync, Proof::Receipt),
        (
            VaultSide::Absent,
            Some(ReceiptSide { knows_value: true, .. }),
            RemoteSide::Comparable { .. } | RemoteSide::Opaque,
        ) => judgement(Verdict::Orphaned, Proof::Receipt),
        // What was accepted as it was is not of our writing, so that it may never be removed as an orphan.
        (
            VaultSide::Absent,
            None | Some(ReceiptSide { knows_value: false, .. }),
            RemoteSide::Comparable { .. } | RemoteSide::Opaque,
        ) => judgement(Verdict::Unmanaged, Proof::None),
        (VaultSide::Present, _, RemoteSide::Comparable { equal: true, by }) => judgement(Verdict::InSync, by.into()),
        (VaultSide::Present, receipt, RemoteSide::Comparable { equal: false, by }) => judgement(
            match receipt {
                None | Some(ReceiptSide { knows_value: false, same_evidence: true, .. }) => Verdict::Differs,
                Some(ReceiptSide { same_value: true, .. }) => Verdict::ChangedRemotely,
                Some(ReceiptSide { same_value: false, same_evidence: true, .. }) => Verdict::Behind,
                Some(ReceiptSide { same_value: false, same_evidence: false, .. }) => Verdict::Conflict,
            },
            by.into(),
        ),
        (
            VaultSide::Present,
            None | Some(ReceiptSide { knows_value: false, same_evidence: true, .. }),
            RemoteSide::Opaque,
        ) => judgement(Verdict::Unverified, Proof::None),
        (VaultSide::Present, Some(ReceiptSide { same_value, same_evidence, .. }), RemoteSide::Opaque) => judgement(
            match (same_value, same_evidence) {
                (true, true) => Verdict::InSync,
                (false, true) => Verdict::Behind,
                (true, false) => Verdict::ChangedRemotely,
                (false, false) => Verdict::Conflict,
            },
            Proof::Receipt,
        ),
    }
}

/// Returns whether a person has accepted that nobody can say what is there: neither side has moved since.
pub const fn is_accepted(verdict: Verdict, receipt: Option<ReceiptSide>) -> bool {
    matches!(
        (verdict, receipt),
        (Verdict::Unverified, Some(ReceiptSide { same_value: true, same_evidence: true, knows_value: false }))
    )
}

/// Returns whether nothing needs to be done: the target holds the vault's value and whatever runs there has it.
pub const fn is_good(verdict: Verdict, rollout: Rollout) -> bool {
    matches!(verdict, Verdict::InSync) && matches!(rollout, Rollout::Live | Rollout::None)
}

#[cfg(test)]
mod tests;
