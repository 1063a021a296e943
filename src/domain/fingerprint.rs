//! Fingerprints: the only form of a value, or of a target's digest, that is ever stored outside the vault.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::access::Access;
use super::digest::RemoteDigest;
use super::secret::SecretValue;

/// The length of a fingerprint key, in bytes.
pub const KEY_LENGTH: usize = 32;

/// The most generations that a key may have: nobody revokes access so often, and a damaged file has any length.
const MOST_GENERATIONS: usize = 4096;

/// An environment's own key for fingerprints.
///
/// Without it a fingerprint says nothing, not even about a value that could be guessed.
///
/// Whenever somebody's access is revoked, the key gets a further generation. The fingerprint of a value passes through
/// all of them, the oldest first: so what an older key has made is carried over by the newest generation alone, without
/// the value, and equal values still have equal fingerprints. Who knows only the older generations can make none of it.
/// Everything else, such as a seal, is made by the newest generation alone.
pub struct FingerprintKey(Zeroizing<Vec<u8>>);

impl FingerprintKey {
    /// Takes the key's bytes.
    #[expect(clippy::needless_pass_by_value, reason = "they are wiped here, where the key takes their place")]
    pub fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Takes the bytes of all generations, the oldest first.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let generations = bytes.len() / KEY_LENGTH;
        let is_whole = bytes.len().is_multiple_of(KEY_LENGTH) && (1..=MOST_GENERATIONS).contains(&generations);
        is_whole.then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// Returns the key with one generation more.
    #[must_use]
    pub fn successor(&self, newest: &Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() + KEY_LENGTH));
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(newest.as_slice());
        Self(bytes)
    }

    /// Returns the key's bytes, to be encrypted into the vault.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    fn generations(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.chunks_exact(KEY_LENGTH)
    }

    fn newest(&self) -> &[u8] {
        &self.0[self.0.len() - KEY_LENGTH..]
    }

    /// Returns the fingerprint of a value; it depends on the key and the value alone.
    pub fn value(&self, value: &SecretValue) -> Fingerprint {
        self.through_all(b"undrift value 1\0", value.expose().as_bytes())
    }

    /// Returns the storable form of a digest that a target showed.
    pub fn digest(&self, digest: &RemoteDigest) -> Fingerprint {
        self.through_all(b"undrift digest 1\0", digest.expose().as_bytes())
    }

    /// Returns what the key before this one called a fingerprint of a value, a digest or who may use something, as this
    /// one calls it.
    #[must_use]
    pub fn carried(&self, older: Fingerprint) -> Fingerprint {
        carried(self.newest(), older)
    }

    /// Returns the fingerprint of an environment's receipts, as a saved plan remembers them.
    pub fn receipts(&self, text: &str) -> Fingerprint {
        self.authenticate(b"undrift receipts 1\0", text.as_bytes())
    }

    /// Returns what shows that a receipt was made by somebody who has this key.
    pub fn receipt(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(b"undrift receipt 1\0", content)
    }

    /// Returns what shows that a saved plan was made by somebody who has this key.
    pub fn saved_plan(&self, text: &str) -> Fingerprint {
        self.authenticate(b"undrift saved plan 1\0", text.as_bytes())
    }

    /// Returns what vouches for one file of an environment.
    pub fn sealed_file(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(b"undrift sealed file 1\0", content)
    }

    /// Returns what vouches for an environment's whole list of files.
    pub fn seal(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(b"undrift seal 1\0", content)
    }

    /// Returns what tells a write that this machine began from anybody else's.
    pub fn begun_write(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(b"undrift begun write 1\0", content)
    }

    /// Returns what vouches for one line of a log.
    pub fn log_line(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(LOG_LINE, content)
    }

    /// Returns whether an older generation has made what vouches for one line of a log.
    pub fn was_log_line(&self, content: &[u8], mac: Fingerprint) -> bool {
        self.generations().rev().skip(1).any(|key| authenticate(key, LOG_LINE, content) == mac)
    }

    /// Returns the name of a line in a log that no key of ours has made.
    pub fn foreign_line(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(FOREIGN_LINE, content)
    }

    /// Returns the names that every generation has for such a line: it may have been accepted under any of them.
    pub fn foreign_line_names(&self, content: &[u8]) -> impl Iterator<Item = Fingerprint> {
        self.generations().map(move |key| authenticate(key, FOREIGN_LINE, content))
    }

    /// Returns the storable form of who may use something.
    pub fn access(&self, access: &Access) -> Fingerprint {
        self.through_all(b"undrift access 1\0", access.canonical().as_bytes())
    }

    /// Returns a name for this key, by which receipts made under another key are recognised.
    pub fn id(&self) -> String {
        id(self.newest())
    }

    /// Returns whether the key of this name is one of its older generations.
    pub fn follows(&self, id: &str) -> bool {
        self.generations().rev().skip(1).any(|key| self::id(key) == id)
    }

    fn through_all(&self, purpose: &[u8], content: &[u8]) -> Fingerprint {
        let (oldest, later) = self.0.split_at(KEY_LENGTH);
        later.chunks_exact(KEY_LENGTH).fold(authenticate(oldest, purpose, content), |older, key| carried(key, older))
    }

    fn authenticate(&self, purpose: &[u8], content: &[u8]) -> Fingerprint {
        authenticate(self.newest(), purpose, content)
    }
}

const LOG_LINE: &[u8] = b"undrift log line 1\0";

const FOREIGN_LINE: &[u8] = b"undrift foreign line 1\0";

fn carried(key: &[u8], older: Fingerprint) -> Fingerprint {
    authenticate(key, b"undrift carried 1\0", &older.0)
}

fn id(key: &[u8]) -> String {
    let mut id = authenticate(key, b"undrift key 1\0", b"").to_string();
    id.truncate(16);
    id
}

// The purpose comes first, so that a value can never have the fingerprint of a digest.
fn authenticate(key: &[u8], purpose: &[u8], content: &[u8]) -> Fingerprint {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose);
    mac.update(content);
    Fingerprint(mac.finalize().into_bytes().into())
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(redacted)")
    }
}

/// An HMAC-SHA-256 under an environment's key; safe to store, to compare and to print as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([byte; KEY_LENGTH]))
    }

    #[test]
    fn depends_on_key_and_value_alone() {
        let value = SecretValue::copied_from("hunter2");
        assert_eq!(key(1).value(&value), key(1).value(&SecretValue::copied_from("hunter2")));
        assert_ne!(key(1).value(&value), key(2).value(&value));
        assert_ne!(key(1).value(&value), key(1).value(&SecretValue::copied_from("hunter3")));
    }

    #[test]
    fn is_the_hmac_that_openssl_computes() {
        // printf 'undrift value 1\0hunter2' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01
        let value = SecretValue::copied_from("hunter2");
        assert_eq!(
            key(1).value(&value).to_string(),
            "5637d5bd9f80f77171c0c7683d8fd728cd5c33b8d87911ed2e577068c4de88a0"
        );
    }

    #[test]
    fn what_is_made_for_one_purpose_never_passes_for_another() {
        let text = "d8c5ac2e11c8e492";
        let purposes = [
            key(1).value(&SecretValue::copied_from(text)),
            key(1).digest(&RemoteDigest::new(text)),
            key(1).receipts(text),
            key(1).receipt(text.as_bytes()),
            key(1).saved_plan(text),
            key(1).sealed_file(text.as_bytes()),
            key(1).seal(text.as_bytes()),
            key(1).begun_write(text.as_bytes()),
            key(1).log_line(text.as_bytes()),
            key(1).foreign_line(text.as_bytes()),
            key(1).carried(key(1).value(&SecretValue::copied_from(text))),
        ];
        for (index, one) in purposes.iter().enumerate() {
            assert!(!purposes[..index].contains(one), "{index}");
        }
    }

    #[test]
    fn a_further_generation_carries_over_what_older_ones_have_made_and_nothing_else_has_its_fingerprints() {
        let bytes = |byte: u8| Zeroizing::new([byte; KEY_LENGTH]);
        let (first, second) = (key(1), key(1).successor(&bytes(2)));
        let third = second.successor(&bytes(3));
        let (value, digest) = (SecretValue::copied_from("hunter2"), RemoteDigest::new("d8c5"));
        let carried = |older: Fingerprint| third.carried(second.carried(older));
        assert_eq!(third.value(&value), carried(first.value(&value)));
        assert_eq!(third.digest(&digest), carried(first.digest(&digest)));
        assert_eq!(third.access(&Access::All), carried(first.access(&Access::All)));
        assert_ne!(third.value(&value), first.value(&value));
        // Another key in any of the places makes other fingerprints.
        for other in [
            key(9).successor(&bytes(2)).successor(&bytes(3)),
            key(1).successor(&bytes(9)).successor(&bytes(3)),
            second.successor(&bytes(9)),
        ] {
            assert_ne!(other.value(&value), third.value(&value));
        }
        // What vouches for something is made by the newest generation alone.
        assert_eq!(third.seal(b"x"), key(3).seal(b"x"));
        assert_eq!(third.id(), key(3).id());
        assert!(third.follows(&first.id()) && third.follows(&second.id()));
        assert!(!third.follows(&third.id()) && !second.follows(&third.id()));
        assert!(third.was_log_line(b"x", first.log_line(b"x")) && !third.was_log_line(b"x", third.log_line(b"x")));
        assert_eq!(FingerprintKey::parse(third.expose()).map(|key| key.value(&value)), Some(third.value(&value)));
        for length in [0, 1, KEY_LENGTH - 1, KEY_LENGTH + 1, KEY_LENGTH * (MOST_GENERATIONS + 1)] {
            assert!(FingerprintKey::parse(&vec![1; length]).is_none(), "{length}");
        }
    }

    #[test]
    fn round_trips_as_text() {
        let fingerprint = key(7).value(&SecretValue::copied_from("x"));
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_eq!(Fingerprint::parse("00"), None);
        assert_eq!(format!("{:?}", key(7)), "FingerprintKey(redacted)");
    }
}
