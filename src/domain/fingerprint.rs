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

/// An environment's own key for fingerprints.
///
/// Without it a fingerprint says nothing, not even about a value that could be guessed.
pub struct FingerprintKey(Zeroizing<[u8; KEY_LENGTH]>);

impl FingerprintKey {
    /// Takes the key's bytes.
    pub fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        Self(bytes)
    }

    /// Returns the key's bytes, to be encrypted into the vault.
    pub fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    /// Returns the fingerprint of a value; it depends on the key and the value alone.
    pub fn value(&self, value: &SecretValue) -> Fingerprint {
        self.authenticate(b"undrift value 1\0", value.expose().as_bytes())
    }

    /// Returns the storable form of a digest that a target showed.
    pub fn digest(&self, digest: &RemoteDigest) -> Fingerprint {
        self.authenticate(b"undrift digest 1\0", digest.expose().as_bytes())
    }

    /// Returns the fingerprint of an environment's receipts, as a saved plan remembers them.
    pub fn receipts(&self, text: &str) -> Fingerprint {
        self.authenticate(b"undrift receipts 1\0", text.as_bytes())
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
        self.authenticate(b"undrift log line 1\0", content)
    }

    /// Returns the name of a line in a log that no key of ours has made.
    pub fn foreign_line(&self, content: &[u8]) -> Fingerprint {
        self.authenticate(b"undrift foreign line 1\0", content)
    }

    /// Returns the storable form of who may use something.
    pub fn access(&self, access: &Access) -> Fingerprint {
        self.authenticate(b"undrift access 1\0", access.canonical().as_bytes())
    }

    /// Returns a name for this key, by which receipts made under another key are recognised.
    pub fn id(&self) -> String {
        let mut id = self.authenticate(b"undrift key 1\0", b"").to_string();
        id.truncate(16);
        id
    }

    // The purpose comes first, so that a value can never have the fingerprint of a digest.
    fn authenticate(&self, purpose: &[u8], content: &[u8]) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(content);
        Fingerprint(mac.finalize().into_bytes().into())
    }
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
            key(1).saved_plan(text),
            key(1).sealed_file(text.as_bytes()),
            key(1).seal(text.as_bytes()),
            key(1).begun_write(text.as_bytes()),
            key(1).log_line(text.as_bytes()),
            key(1).foreign_line(text.as_bytes()),
        ];
        for (index, one) in purposes.iter().enumerate() {
            assert!(!purposes[..index].contains(one), "{index}");
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
