//! What a target says it holds: names with evidence, never (normally) values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vault_schema::verdict::Rollout;

use super::access::Access;
use super::digest::RemoteDigest;
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::fleet::Fleet;
use super::name::RemoteName;
use super::secret::SecretValue;

/// What a target lets us see of one value.
#[derive(Debug)]
pub enum Evidence {
    /// The value itself.
    Value(SecretValue),
    /// The SHA-256 of the value in lower-case hexadecimal, which we can compute too.
    Sha256(RemoteDigest),
    /// A digest that depends on the value alone but that only the target can compute.
    OpaqueDigest(RemoteDigest),
    /// A digest in a form that is not the one we know, so that it may not be compared with older ones.
    UnknownDigest(RemoteDigest),
    /// When it was made and last written, by the target's clock.
    Times {
        /// When it was made.
        created: Timestamp,
        /// When it was last written, with whatever value.
        updated: Timestamp,
    },
    /// That it is there, and no more.
    Name,
}

/// Evidence in the form in which it may be stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedEvidence {
    /// The keyed form of a value or of its digest.
    Digest(Fingerprint),
    /// When it was made and last written, by the target's clock.
    Times {
        /// When it was made.
        created: Timestamp,
        /// When it was last written.
        updated: Timestamp,
        /// The keyed form of who may use it, where the target tells.
        access: Option<Fingerprint>,
    },
    /// That it was there, and no more: two of these never count as equal, see [`SealedEvidence::unmoved`].
    Name,
}

impl SealedEvidence {
    /// Returns whether the target shows that nobody wrote between the two looks.
    ///
    /// A name alone shows nothing, so it never counts as unmoved.
    pub fn unmoved(&self, since: &Self) -> bool {
        match (self, since) {
            (Self::Digest(now), Self::Digest(then)) => now == then,
            (Self::Times { .. }, Self::Times { .. }) if self.access_changed(since) => false,
            (
                Self::Times { created, updated, .. },
                Self::Times { created: created_then, updated: updated_then, .. },
            ) => created == created_then && updated == updated_then,
            (Self::Digest(_) | Self::Times { .. } | Self::Name, _) => false,
        }
    }

    /// Returns whether others may use it than then. What was not told on one of the two looks did not visibly change.
    pub fn access_changed(&self, since: &Self) -> bool {
        match (self, since) {
            (Self::Times { access: Some(now), .. }, Self::Times { access: Some(then), .. }) => now != then,
            (Self::Digest(_) | Self::Times { .. } | Self::Name, _) => false,
        }
    }

    /// Returns whether the two looks can be compared at all: if not, that they differ shows no write.
    pub const fn is_comparable_with(&self, since: &Self) -> bool {
        matches!((self, since), (Self::Digest(_), Self::Digest(_)) | (Self::Times { .. }, Self::Times { .. }))
    }
}

impl Evidence {
    /// Returns the form of the evidence that may be stored and compared.
    pub fn seal(&self, key: &FingerprintKey) -> SealedEvidence {
        match self {
            Self::Value(value) => SealedEvidence::Digest(key.value(value)),
            Self::Sha256(digest) | Self::OpaqueDigest(digest) | Self::UnknownDigest(digest) => {
                SealedEvidence::Digest(key.digest(digest))
            }
            Self::Times { created, updated } => {
                SealedEvidence::Times { created: *created, updated: *updated, access: None }
            }
            Self::Name => SealedEvidence::Name,
        }
    }
}

/// Whether the running program has one stored value, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutState {
    /// The state.
    pub rollout: Rollout,
    /// What it rests on, in a few words; empty when there is nothing to add.
    pub detail: String,
}

impl RolloutState {
    /// The place has no such notion, or nothing runs there.
    pub const fn none() -> Self {
        Self { rollout: Rollout::None, detail: String::new() }
    }
}

/// One secret as its target shows it.
#[derive(Debug)]
pub struct Observed {
    /// What is seen of the value.
    pub evidence: Evidence,
    /// Whether the running program has it.
    pub rollout: RolloutState,
    /// When it was last written, by the place's own clock, if the place tells.
    pub written: Option<Timestamp>,
    /// Which repositories may use it, at a place that shares it among several.
    pub access: Option<Access>,
}

impl Observed {
    /// Returns the form of the evidence that may be stored and compared. Where a place shows times alone, who may use
    /// it belongs to that: the time moves with it.
    pub fn seal(&self, key: &FingerprintKey) -> SealedEvidence {
        match self.evidence.seal(key) {
            SealedEvidence::Times { created, updated, .. } => {
                let access = self.access.as_ref().map(|access| key.access(access));
                SealedEvidence::Times { created, updated, access }
            }
            sealed @ (SealedEvidence::Digest(_) | SealedEvidence::Name) => sealed,
        }
    }
}

/// Everything one place holds, read to the end.
///
/// There is no half of one: an adapter that could not read every page returns an error instead.
#[derive(Debug, Default)]
pub struct Observation {
    /// What it holds, by the name it lists.
    pub entries: BTreeMap<RemoteName, Observed>,
    /// The machines that run what it holds.
    pub fleet: Fleet,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fingerprint::KEY_LENGTH;

    #[test]
    fn only_the_same_kind_can_be_compared_and_a_name_shows_nothing() {
        let key = FingerprintKey::new(zeroize::Zeroizing::new([7; KEY_LENGTH]));
        let digest = |text: &str| SealedEvidence::Digest(key.digest(&RemoteDigest::new(text)));
        let times = |created: i64, updated: i64| SealedEvidence::Times {
            created: Timestamp::from_second(created).expect("an instant"),
            updated: Timestamp::from_second(updated).expect("an instant"),
            access: None,
        };
        // (then, now, comparable, unmoved)
        let table = [
            (digest("a"), digest("a"), true, true),
            (digest("a"), digest("b"), true, false),
            (times(1, 2), times(1, 2), true, true),
            (times(1, 2), times(1, 3), true, false),
            (times(1, 2), times(2, 2), true, false),
            (digest("a"), times(1, 2), false, false),
            (times(1, 2), digest("a"), false, false),
            (digest("a"), SealedEvidence::Name, false, false),
            (SealedEvidence::Name, times(1, 2), false, false),
            (SealedEvidence::Name, SealedEvidence::Name, false, false),
        ];
        for (then, now, comparable, unmoved) in table {
            assert_eq!(now.is_comparable_with(&then), comparable, "{then:?}, {now:?}");
            assert_eq!(now.unmoved(&then), unmoved, "{then:?}, {now:?}");
        }
    }

    #[test]
    fn others_that_may_use_it_move_the_evidence() {
        let key = FingerprintKey::new(zeroize::Zeroizing::new([7; KEY_LENGTH]));
        let at = Timestamp::UNIX_EPOCH;
        let sealed =
            |evidence, access| Observed { evidence, rollout: RolloutState::none(), written: None, access }.seal(&key);
        let times = |access| sealed(Evidence::Times { created: at, updated: at }, access);
        let selected = |id: u64| Some(Access::Selected(BTreeMap::from([(id, "acme/shop".to_owned())])));
        // (then, now, unmoved)
        let table = [
            (Some(Access::All), Some(Access::All), true),
            (Some(Access::Private), Some(Access::All), false),
            (selected(1), selected(1), true),
            (selected(1), selected(2), false),
            // A receipt of before access was noted.
            (None, Some(Access::All), true),
        ];
        for (then, now, unmoved) in table {
            let (then, now) = (times(then), times(now));
            assert_eq!((now.unmoved(&then), now.access_changed(&then)), (unmoved, !unmoved), "{then:?}, {now:?}");
        }
        let value = |access| sealed(Evidence::Value(SecretValue::copied_from("eu")), access);
        assert!(value(Some(Access::All)).unmoved(&value(Some(Access::Private))), "a value speaks for itself");
    }

    #[test]
    fn a_digest_is_never_shown() {
        assert_eq!(format!("{:?}", RemoteDigest::new("d8c5ac2e11c8e492")), "RemoteDigest(redacted)");
    }
}
