//! Many values under one key, as `fnox reencrypt` and `fnox sync` write them: age has the key, and each value is closed by
//! AES-GCM under what is derived of it.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce, Tag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What such a value begins with.
const PREFIX: &str = "fnox-age-batch-v1:";
/// What the key is derived for.
const PURPOSE: &[u8] = b"fnox-age-batch-v1";
const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Returns the key that age has encrypted, and the value under it; none of a value that is by itself.
pub(super) fn parts(value: &str) -> Option<(&str, &str)> {
    value.strip_prefix(PREFIX)?.split_once(':')
}

/// Opens a value under the key, as it was before age encrypted it.
pub(super) fn open(key: &[u8], value: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(STANDARD.decode(key).ok().filter(|key| key.len() == KEY)?);
    let mut bytes = Zeroizing::new(STANDARD.decode(value).ok()?);
    let content = bytes.len().checked_sub(NONCE + TAG)?;
    let tag = *Tag::from_slice(&bytes[NONCE + content..]);
    let nonce = *Nonce::<U12>::from_slice(&bytes[..NONCE]);
    bytes.truncate(NONCE + content);
    bytes.drain(..NONCE);
    let cipher = AesGcm::<Aes256, U12>::new_from_slice(derived(&key).as_slice()).ok()?;
    cipher.decrypt_in_place_detached(&nonce, b"", &mut bytes, &tag).ok()?;
    Some(bytes)
}

/// HKDF-SHA-256 without salt. What is derived is as long as one hash, so its first step is all there is.
fn derived(key: &[u8]) -> Zeroizing<[u8; KEY]> {
    let extracted = authenticate(&[0; KEY], &[key]);
    authenticate(extracted.as_slice(), &[PURPOSE, &[1]])
}

fn authenticate(key: &[u8], content: &[&[u8]]) -> Zeroizing<[u8; KEY]> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in content {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `canary-batch` as fnox 1.46 closes it under the key of the bytes 0 to 31.
    const KEY_TEXT: &[u8] = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const VALUE: &str = "drKV7Rujk85zSjcB3iWNMVSu968MSCGmtx5cpT2k4MgATptnLjm1tg==";

    #[test]
    fn what_fnox_closed_opens() {
        assert_eq!(open(KEY_TEXT, VALUE).expect("it opens").as_slice(), b"canary-batch");
    }

    #[test]
    fn what_was_altered_does_not_open() {
        let mut altered = STANDARD.decode(VALUE).expect("base64");
        for position in 0..altered.len() {
            altered[position] ^= 1;
            assert!(open(KEY_TEXT, &STANDARD.encode(&altered)).is_none(), "{position}");
            altered[position] ^= 1;
        }
        for cut in ["", "AAAA", "no base64!", &STANDARD.encode(&altered[1..])] {
            assert!(open(KEY_TEXT, cut).is_none(), "{cut}");
        }
        for key in ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "", "no base64!"] {
            assert!(open(key.as_bytes(), VALUE).is_none(), "{key}");
        }
    }

    #[test]
    fn only_what_begins_so_is_one_of_many() {
        assert_eq!(parts("fnox-age-batch-v1:a2V5:dmFsdWU="), Some(("a2V5", "dmFsdWU=")));
        for other in ["YWdl", "fnox-age-batch-v1:a2V5", "fnox-age-batch-v2:a2V5:dmFsdWU="] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
