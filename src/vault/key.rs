//! `key.age`: the environment's fingerprint key.

use std::io;

use zeroize::Zeroizing;

use super::crypt::{self, AnyRecipient};
use super::layout::Layout;
use super::store;
use crate::domain::fingerprint::{FingerprintKey, KEY_LENGTH};
use crate::domain::name::EnvironmentName;
use crate::domain::seal::ContentHash;

/// Makes a key of the system's randomness.
pub fn generate() -> io::Result<FingerprintKey> {
    random().map(FingerprintKey::new)
}

/// Makes the key that follows one which somebody knows who may not know it any more.
pub fn succeed(key: &FingerprintKey) -> io::Result<FingerprintKey> {
    random().map(|newest| key.successor(&newest))
}

fn random() -> io::Result<Zeroizing<[u8; KEY_LENGTH]>> {
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Reads a key from the plaintext of its file.
pub fn parse(plaintext: &[u8]) -> Option<FingerprintKey> {
    FingerprintKey::parse(plaintext)
}

/// Writes an environment's key and returns the hash of its file. It fails if there is one: a second key would void
/// every receipt.
pub fn create(
    layout: &Layout,
    environment: &EnvironmentName,
    key: &FingerprintKey,
    recipients: &[AnyRecipient],
) -> io::Result<ContentHash> {
    let content = crypt::seal(key.expose(), recipients)?;
    store::create(&layout.key(environment), &content)?;
    Ok(ContentHash::of(&content))
}
