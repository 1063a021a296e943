//! Digests as targets show them, which may not be stored.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::secret::SecretValue;

/// A digest as a target shows it.
///
/// Anyone who may use the same platform can test a guess against it, so it may not be stored or printed; its keyed
/// form, [`super::fingerprint::FingerprintKey::digest`], may.
pub struct RemoteDigest(Zeroizing<String>);

impl RemoteDigest {
    /// Takes a digest as the target spells it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the digest itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether it is the lower-case hexadecimal SHA-256 of a value.
    pub fn is_sha256_of(&self, value: &SecretValue) -> bool {
        hex::encode(Sha256::digest(value.expose().as_bytes())) == *self.0
    }
}

impl fmt::Debug for RemoteDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RemoteDigest(redacted)")
    }
}
