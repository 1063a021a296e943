use super::Verdict::{
    Behind, ChangedRemotely, Conflict, Differs, InSync, Missing, Orphaned, Unmanaged, Unreadable, Unverified,
};
use super::*;

const PRESENT: VaultSide = VaultSide::Present;
const ABSENT: VaultSide = VaultSide::Absent;
const UNREADABLE: VaultSide = VaultSide::Unreadable;

const NO_RECEIPT: Option<ReceiptSide> = None;
const NOTHING_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: true, same_evidence: true, knows_value: true });
const REMOTE_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: true, same_evidence: false, knows_value: true });
const VAULT_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: false, same_evidence: true, knows_value: true });
const BOTH_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: false, same_evidence: false, knows_value: true });

// The same for a state that was accepted as it was.
const ACCEPTED: Option<ReceiptSide> = Some(ReceiptSide { same_value: true, same_evidence: true, knows_value: false });
const ACCEPTED_REMOTE_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: true, same_evidence: false, knows_value: false });
const ACCEPTED_VAULT_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: false, same_evidence: true, knows_value: false });
const ACCEPTED_BOTH_MOVED: Option<ReceiptSide> =
    Some(ReceiptSide { same_value: false, same_evidence: false, knows_value: false });

const UNREAD: RemoteSide = RemoteSide::Unreadable;
const NOTHING: RemoteSide = RemoteSide::Absent;
const REMOVED: RemoteSide = RemoteSide::Removed;
const SAME_VALUE: RemoteSide = RemoteSide::Comparable { equal: true, by: Comparison::Value };
const OTHER_VALUE: RemoteSide = RemoteSide::Comparable { equal: false, by: Comparison::Value };
const SAME_DIGEST: RemoteSide = RemoteSide::Comparable { equal: true, by: Comparison::Digest };
const OTHER_DIGEST: RemoteSide = RemoteSide::Comparable { equal: false, by: Comparison::Digest };
const OPAQUE: RemoteSide = RemoteSide::Opaque;

const NO_ROW: Option<(Verdict, Proof)> = None;

type Case = (VaultSide, Option<ReceiptSide>, RemoteSide, Option<(Verdict, Proof)>);

/// The whole function, written out: three vaults, nine receipts, eight answers of a target. It is the table of the
/// design, line by line, so that a change of any one of them has to be made here as well.
const TABLE: [Case; 216] = [
    (PRESENT, NO_RECEIPT, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, NO_RECEIPT, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, NO_RECEIPT, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, NO_RECEIPT, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, NO_RECEIPT, OTHER_VALUE, Some((Differs, Proof::Value))),
    (PRESENT, NO_RECEIPT, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, NO_RECEIPT, OTHER_DIGEST, Some((Differs, Proof::Digest))),
    (PRESENT, NO_RECEIPT, OPAQUE, Some((Unverified, Proof::None))),
    (PRESENT, NOTHING_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, NOTHING_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, NOTHING_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, NOTHING_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, NOTHING_MOVED, OTHER_VALUE, Some((ChangedRemotely, Proof::Value))),
    (PRESENT, NOTHING_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, NOTHING_MOVED, OTHER_DIGEST, Some((ChangedRemotely, Proof::Digest))),
    (PRESENT, NOTHING_MOVED, OPAQUE, Some((InSync, Proof::Receipt))),
    (PRESENT, REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, REMOTE_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, REMOTE_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, REMOTE_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, REMOTE_MOVED, OTHER_VALUE, Some((ChangedRemotely, Proof::Value))),
    (PRESENT, REMOTE_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, REMOTE_MOVED, OTHER_DIGEST, Some((ChangedRemotely, Proof::Digest))),
    (PRESENT, REMOTE_MOVED, OPAQUE, Some((ChangedRemotely, Proof::Receipt))),
    (PRESENT, VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, VAULT_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, VAULT_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, VAULT_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, VAULT_MOVED, OTHER_VALUE, Some((Behind, Proof::Value))),
    (PRESENT, VAULT_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, VAULT_MOVED, OTHER_DIGEST, Some((Behind, Proof::Digest))),
    (PRESENT, VAULT_MOVED, OPAQUE, Some((Behind, Proof::Receipt))),
    (PRESENT, BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, BOTH_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, BOTH_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, BOTH_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, BOTH_MOVED, OTHER_VALUE, Some((Conflict, Proof::Value))),
    (PRESENT, BOTH_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, BOTH_MOVED, OTHER_DIGEST, Some((Conflict, Proof::Digest))),
    (PRESENT, BOTH_MOVED, OPAQUE, Some((Conflict, Proof::Receipt))),
    (PRESENT, ACCEPTED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, ACCEPTED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, ACCEPTED, OTHER_VALUE, Some((Differs, Proof::Value))),
    (PRESENT, ACCEPTED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, ACCEPTED, OTHER_DIGEST, Some((Differs, Proof::Digest))),
    (PRESENT, ACCEPTED, OPAQUE, Some((Unverified, Proof::None))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, OTHER_VALUE, Some((ChangedRemotely, Proof::Value))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, OTHER_DIGEST, Some((ChangedRemotely, Proof::Digest))),
    (PRESENT, ACCEPTED_REMOTE_MOVED, OPAQUE, Some((ChangedRemotely, Proof::Receipt))),
    (PRESENT, ACCEPTED_VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, ACCEPTED_VAULT_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_VAULT_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_VAULT_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, ACCEPTED_VAULT_MOVED, OTHER_VALUE, Some((Differs, Proof::Value))),
    (PRESENT, ACCEPTED_VAULT_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, ACCEPTED_VAULT_MOVED, OTHER_DIGEST, Some((Differs, Proof::Digest))),
    (PRESENT, ACCEPTED_VAULT_MOVED, OPAQUE, Some((Unverified, Proof::None))),
    (PRESENT, ACCEPTED_BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (PRESENT, ACCEPTED_BOTH_MOVED, NOTHING, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_BOTH_MOVED, REMOVED, Some((Missing, Proof::Value))),
    (PRESENT, ACCEPTED_BOTH_MOVED, SAME_VALUE, Some((InSync, Proof::Value))),
    (PRESENT, ACCEPTED_BOTH_MOVED, OTHER_VALUE, Some((Conflict, Proof::Value))),
    (PRESENT, ACCEPTED_BOTH_MOVED, SAME_DIGEST, Some((InSync, Proof::Digest))),
    (PRESENT, ACCEPTED_BOTH_MOVED, OTHER_DIGEST, Some((Conflict, Proof::Digest))),
    (PRESENT, ACCEPTED_BOTH_MOVED, OPAQUE, Some((Conflict, Proof::Receipt))),
    (ABSENT, NO_RECEIPT, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, NO_RECEIPT, NOTHING, NO_ROW),
    (ABSENT, NO_RECEIPT, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, NO_RECEIPT, SAME_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, NO_RECEIPT, OTHER_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, NO_RECEIPT, SAME_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, NO_RECEIPT, OTHER_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, NO_RECEIPT, OPAQUE, Some((Unmanaged, Proof::None))),
    (ABSENT, NOTHING_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, NOTHING_MOVED, NOTHING, NO_ROW),
    (ABSENT, NOTHING_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, NOTHING_MOVED, SAME_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, NOTHING_MOVED, OTHER_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, NOTHING_MOVED, SAME_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, NOTHING_MOVED, OTHER_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, NOTHING_MOVED, OPAQUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, REMOTE_MOVED, NOTHING, NO_ROW),
    (ABSENT, REMOTE_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, SAME_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, OTHER_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, SAME_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, OTHER_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, REMOTE_MOVED, OPAQUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, VAULT_MOVED, NOTHING, NO_ROW),
    (ABSENT, VAULT_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, SAME_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, OTHER_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, SAME_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, OTHER_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, VAULT_MOVED, OPAQUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, BOTH_MOVED, NOTHING, NO_ROW),
    (ABSENT, BOTH_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, SAME_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, OTHER_VALUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, SAME_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, OTHER_DIGEST, Some((Orphaned, Proof::Receipt))),
    (ABSENT, BOTH_MOVED, OPAQUE, Some((Orphaned, Proof::Receipt))),
    (ABSENT, ACCEPTED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, ACCEPTED, NOTHING, NO_ROW),
    (ABSENT, ACCEPTED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, ACCEPTED, SAME_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED, OTHER_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED, SAME_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED, OTHER_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED, OPAQUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, NOTHING, NO_ROW),
    (ABSENT, ACCEPTED_REMOTE_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, SAME_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, OTHER_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, SAME_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, OTHER_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_REMOTE_MOVED, OPAQUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, NOTHING, NO_ROW),
    (ABSENT, ACCEPTED_VAULT_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, ACCEPTED_VAULT_MOVED, SAME_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, OTHER_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, SAME_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, OTHER_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_VAULT_MOVED, OPAQUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, NOTHING, NO_ROW),
    (ABSENT, ACCEPTED_BOTH_MOVED, REMOVED, Some((InSync, Proof::Receipt))),
    (ABSENT, ACCEPTED_BOTH_MOVED, SAME_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, OTHER_VALUE, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, SAME_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, OTHER_DIGEST, Some((Unmanaged, Proof::None))),
    (ABSENT, ACCEPTED_BOTH_MOVED, OPAQUE, Some((Unmanaged, Proof::None))),
    (UNREADABLE, NO_RECEIPT, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, NO_RECEIPT, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, NOTHING_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, REMOTE_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, VAULT_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, BOTH_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_REMOTE_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_VAULT_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, UNREAD, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, NOTHING, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, REMOVED, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, SAME_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, OTHER_VALUE, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, SAME_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, OTHER_DIGEST, Some((Unreadable, Proof::None))),
    (UNREADABLE, ACCEPTED_BOTH_MOVED, OPAQUE, Some((Unreadable, Proof::None))),
];

#[test]
fn the_table_has_every_combination_once() {
    let vaults = [PRESENT, ABSENT, UNREADABLE];
    let receipts = [
        NO_RECEIPT,
        NOTHING_MOVED,
        REMOTE_MOVED,
        VAULT_MOVED,
        BOTH_MOVED,
        ACCEPTED,
        ACCEPTED_REMOTE_MOVED,
        ACCEPTED_VAULT_MOVED,
        ACCEPTED_BOTH_MOVED,
    ];
    let remotes = [UNREAD, NOTHING, REMOVED, SAME_VALUE, OTHER_VALUE, SAME_DIGEST, OTHER_DIGEST, OPAQUE];
    for vault in vaults {
        for receipt in receipts {
            for remote in remotes {
                let lines = TABLE.iter().filter(|line| (line.0, line.1, line.2) == (vault, receipt, remote)).count();
                assert_eq!(lines, 1, "{vault:?}, {receipt:?}, {remote:?}");
            }
        }
    }
    assert_eq!(TABLE.len(), vaults.len() * receipts.len() * remotes.len());
}

#[test]
fn classify_is_the_table() {
    for (vault, receipt, remote, expected) in TABLE {
        let judgement = classify(vault, receipt, remote).map(|judgement| (judgement.verdict, judgement.proof));
        assert_eq!(judgement, expected, "{vault:?}, {receipt:?}, {remote:?}");
    }
}

#[test]
fn only_in_sync_and_running_is_good() {
    const VERDICTS: [Verdict; 10] =
        [InSync, Missing, Behind, ChangedRemotely, Conflict, Differs, Unverified, Orphaned, Unmanaged, Unreadable];
    const ROLLOUTS: [Rollout; 5] = [Rollout::Live, Rollout::Staged, Rollout::Partial, Rollout::Unknown, Rollout::None];
    let mut good = Vec::new();
    for verdict in VERDICTS {
        good.extend(
            ROLLOUTS.into_iter().filter(|rollout| is_good(verdict, *rollout)).map(|rollout| (verdict, rollout)),
        );
    }
    assert_eq!(good, [(InSync, Rollout::Live), (InSync, Rollout::None)]);
}

#[test]
fn what_was_accepted_as_it_was_is_so_while_neither_side_moves_and_never_in_sync_for_it() {
    for (vault, receipt, remote, expected) in TABLE {
        let Some((verdict, _)) = expected else { continue };
        assert_eq!(
            is_accepted(verdict, receipt),
            vault == PRESENT && receipt == ACCEPTED && remote == OPAQUE,
            "{vault:?}, {receipt:?}, {remote:?}"
        );
        // Only what the place itself shows may say that the two are equal, or that neither has anything.
        if receipt.is_some_and(|receipt| !receipt.knows_value) && verdict == InSync {
            assert!(matches!(remote, SAME_VALUE | SAME_DIGEST | REMOVED), "{receipt:?}, {remote:?}");
        }
    }
}
