//! Receipts: what we pushed and what the target showed right after.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::fingerprint::{Fingerprint, FingerprintKey};
use super::name::{RemoteName, SecretName};
use super::observation::SealedEvidence;
use super::place::Location;

/// How it came about that a receipt was filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// We wrote the value there.
    #[default]
    Pushed,
    /// It was there already, and a person gave its value.
    Adopted,
    /// It was there already, and a person accepted it without knowing its value: the receipt's fingerprint is that of
    /// the vault's value at that moment, and says nothing of what is there.
    AsIs,
}

impl Origin {
    /// Returns what was done, in a word.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Adopted => "adopted",
            Self::AsIs => "accepted as it is",
        }
    }
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The secret's name in the vault.
    pub secret: SecretName,
    /// The fingerprint of the value that was written.
    pub value: Fingerprint,
    /// When it was written, by our clock; shown to people, never compared.
    pub written: Timestamp,
    /// What the target showed right after.
    pub evidence: SealedEvidence,
    /// How it came about.
    pub origin: Origin,
}

impl Receipt {
    /// Returns whether it says what value the target held.
    pub fn knows_value(&self) -> bool {
        self.origin != Origin::AsIs
    }
}

/// What we removed from a place whose machines may still run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The secret's name in the vault, as long as it was there.
    pub secret: SecretName,
    /// When it was removed, by the place's own clock, in whole seconds.
    pub at: Timestamp,
}

/// All receipts of one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    by_place: BTreeMap<String, BTreeMap<RemoteName, Receipt>>,
    removed: BTreeMap<String, BTreeMap<RemoteName, Removal>>,
}

impl Receipts {
    /// Returns the receipt for one name at one place.
    pub fn get(&self, location: &Location, name: &RemoteName) -> Option<&Receipt> {
        self.by_place.get(&location.to_string())?.get(name)
    }

    /// Returns all receipts of one place.
    pub fn at(&self, location: &Location) -> impl Iterator<Item = (&RemoteName, &Receipt)> {
        self.by_place.get(&location.to_string()).into_iter().flatten()
    }

    /// Returns every receipt with the place it is filed under.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RemoteName, &Receipt)> {
        self.by_place
            .iter()
            .flat_map(|(place, receipts)| receipts.iter().map(move |(name, receipt)| (place.as_str(), name, receipt)))
    }

    /// Returns what was removed from one place and may still run there.
    pub fn removals_at(&self, location: &Location) -> impl Iterator<Item = (&RemoteName, &Removal)> {
        self.removed.get(&location.to_string()).into_iter().flatten()
    }

    /// Returns every removal with the place it is filed under.
    pub fn removals(&self) -> impl Iterator<Item = (&str, &RemoteName, &Removal)> {
        self.removed
            .iter()
            .flat_map(|(place, removals)| removals.iter().map(move |(name, removal)| (place.as_str(), name, removal)))
    }

    /// Files a removal.
    pub fn insert_removal(&mut self, place: String, name: RemoteName, removal: Removal) {
        self.removed.entry(place).or_default().insert(name, removal);
    }

    /// Takes a removal away: nothing runs with it any more, or it is there again.
    pub fn forget_removal(&mut self, location: &Location, name: &RemoteName) {
        if let Some(removals) = self.removed.get_mut(&location.to_string()) {
            removals.remove(name);
        }
    }

    /// Files a receipt in place of an older one, and of its removal.
    pub fn insert(&mut self, place: String, name: RemoteName, receipt: Receipt) {
        if let Some(removals) = self.removed.get_mut(&place) {
            removals.remove(&name);
        }
        self.by_place.entry(place).or_default().insert(name, receipt);
    }

    /// Takes a receipt away: the target no longer holds what it speaks of.
    pub fn remove(&mut self, location: &Location, name: &RemoteName) {
        if let Some(receipts) = self.by_place.get_mut(&location.to_string()) {
            receipts.remove(name);
        }
    }

    /// Returns the same receipts under the next generation of their key: every fingerprint is carried over, and nothing
    /// else changes.
    #[must_use]
    pub fn carried(&self, key: &FingerprintKey) -> Self {
        let mut receipts = self.clone();
        for receipt in receipts.by_place.values_mut().flat_map(BTreeMap::values_mut) {
            receipt.value = key.carried(receipt.value);
            match &mut receipt.evidence {
                SealedEvidence::Digest(digest) => *digest = key.carried(*digest),
                SealedEvidence::Times { access: Some(access), .. } => *access = key.carried(*access),
                SealedEvidence::Times { access: None, .. } | SealedEvidence::Name => {}
            }
        }
        receipts
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_place.values().all(BTreeMap::is_empty)
    }
}

/// What the receipts of one environment say about digests that depend on the value alone: one receipt speaks for
/// every place that shows the same digest.
#[derive(Debug, Default)]
pub struct DigestBook<'a> {
    by_digest: HashMap<Fingerprint, &'a Receipt>,
}

impl<'a> DigestBook<'a> {
    /// Collects the digests of all receipts; the oldest receipt of a digest is the one that dates its value.
    pub fn new(receipts: &'a Receipts) -> Self {
        let mut by_digest: HashMap<Fingerprint, &Receipt> = HashMap::new();
        for (_, _, receipt) in receipts.iter() {
            // A state that was accepted as it was stands for no value, and a person's word holds for the one place that
            // it was given for.
            if let SealedEvidence::Digest(digest) = receipt.evidence
                && receipt.origin == Origin::Pushed
            {
                by_digest
                    .entry(digest)
                    .and_modify(|known| {
                        if receipt.written < known.written {
                            *known = receipt;
                        }
                    })
                    .or_insert(receipt);
            }
        }
        Self { by_digest }
    }

    /// Returns the receipt that says what value has this digest.
    pub fn look_up(&self, evidence: &SealedEvidence) -> Option<&'a Receipt> {
        match evidence {
            SealedEvidence::Digest(digest) => self.by_digest.get(digest).copied(),
            SealedEvidence::Times { .. } | SealedEvidence::Name => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::fingerprint::KEY_LENGTH;
    use crate::domain::secret::SecretValue;

    fn receipt(secret: &str, written: &str) -> Receipt {
        let key = FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]));
        let value = key.value(&SecretValue::copied_from("the same value"));
        Receipt {
            secret: SecretName::parse(secret).expect("a name"),
            value,
            written: written.parse().expect("an instant"),
            evidence: SealedEvidence::Digest(value),
            origin: Origin::Pushed,
        }
    }

    #[test]
    fn receipts_are_filed_by_place_and_name() {
        let shop = Location::FlyApp { app: "shop".to_owned() };
        let other = Location::FlyApp { app: "other".to_owned() };
        let name = RemoteName::new("A");
        let mut receipts = Receipts::default();
        assert!(receipts.is_empty());
        receipts.insert(shop.to_string(), name.clone(), receipt("OLD", "2026-08-01T00:00:00Z"));
        receipts.insert(shop.to_string(), name.clone(), receipt("NEW", "2026-10-05T00:00:00Z"));
        assert_eq!(receipts.get(&shop, &name).map(|receipt| receipt.secret.as_str()), Some("NEW"));
        assert_eq!(receipts.get(&shop, &RemoteName::new("a")), None);
        assert_eq!((receipts.get(&other, &name), receipts.at(&other).count()), (None, 0));
        assert_eq!((receipts.at(&shop).count(), receipts.iter().count()), (1, 1));
        receipts.remove(&other, &name);
        assert!(!receipts.is_empty());
        receipts.remove(&shop, &name);
        assert!(receipts.is_empty());
    }

    #[test]
    fn the_oldest_receipt_of_a_digest_dates_its_value() {
        let mut receipts = Receipts::default();
        for (place, written) in
            [("fly:a", "2026-10-05T00:00:00Z"), ("fly:b", "2026-08-01T00:00:00Z"), ("fly:c", "2026-11-01T00:00:00Z")]
        {
            receipts.insert(place.to_owned(), RemoteName::new("A"), receipt("A", written));
        }
        let (at, digest) =
            (receipt("A", "2026-08-01T00:00:00Z").written, receipt("A", "2026-08-01T00:00:00Z").evidence);
        let accepted = Receipt { origin: Origin::AsIs, ..receipt("A", "2026-01-01T00:00:00Z") };
        receipts.insert("fly:d".to_owned(), RemoteName::new("A"), accepted);
        let book = DigestBook::new(&receipts);
        assert_eq!(book.look_up(&digest).map(|known| known.written), Some(at));
        assert_eq!(book.look_up(&SealedEvidence::Times { created: at, updated: at, access: None }), None);
        assert_eq!(book.look_up(&SealedEvidence::Name), None);
    }
}
