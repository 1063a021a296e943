//! Sealed boxes: how a value reaches GitHub, which takes none in the open.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::OsRng;

use super::wire;
use crate::domain::secret::SecretValue;
use crate::targets::TargetError;

/// The public key of one place.
///
/// Its id does not identify it: GitHub has been seen to give two places different keys under one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SealingKey {
    id: String,
    key: [u8; 32],
}

impl SealingKey {
    /// Decodes a key. A longer one is refused rather than cut, since what is sealed for half a key is lost.
    pub(super) fn decode(key: wire::PublicKey) -> Result<Self, TargetError> {
        let decoded = STANDARD.decode(&key.key).ok().and_then(|bytes| bytes.try_into().ok());
        let decoded = decoded.ok_or_else(|| TargetError::Unexpected("its public key is not of 32 bytes".to_owned()))?;
        Ok(Self { id: key.key_id, key: decoded })
    }

    /// Seals a value so that GitHub alone can open it; no two boxes of one value are alike.
    pub(super) fn seal(&self, value: &SecretValue) -> Result<wire::SealedValue<'_>, TargetError> {
        let sealed = crypto_box::PublicKey::from(self.key).seal(&mut OsRng, value.expose().as_bytes());
        // Only a value beyond any memory fails, or a machine without randomness.
        let sealed = sealed.map_err(|_| TargetError::Unexpected("its public key seals nothing".to_owned()))?;
        Ok(wire::SealedValue {
            encrypted_value: STANDARD.encode(sealed),
            key_id: &self.id,
            visibility: None,
            selected_repository_ids: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(key: &str) -> Result<SealingKey, TargetError> {
        SealingKey::decode(wire::PublicKey { key_id: "7".to_owned(), key: key.to_owned() })
    }

    #[test]
    fn a_box_opens_to_what_was_sealed() {
        let secret = crypto_box::SecretKey::generate(&mut OsRng);
        let key = decode(&STANDARD.encode(secret.public_key().as_bytes())).expect("a key of 32 bytes");
        let large = "x".repeat(48 * 1024);
        for text in ["", "hunter2", "ä\n\"=\0", &large] {
            let value = SecretValue::copied_from(text);
            let sealed = key.seal(&value).expect("a good key");
            assert_eq!(sealed.key_id, "7");
            let sealed = STANDARD.decode(sealed.encrypted_value).expect("a box is base64");
            assert_eq!(secret.unseal(&sealed).expect("the box is ours"), text.as_bytes());
        }
    }

    #[test]
    fn no_two_boxes_are_alike() {
        let key = decode("xbyho85Ug/ysuXTKJPangp/Yn66bsia6PY55UsDPM1g=").expect("a key that GitHub once gave");
        let value = SecretValue::copied_from("hunter2");
        let seal = || key.seal(&value).expect("a good key").encrypted_value;
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_key_has_32_bytes() {
        // The last one is the example in GitHub's own description, which decodes to 33.
        for bad in ["", "AAAA", "not base64", "hBT5WZEj8ZoOv6TYJsfWq7MxTEQopZO5/IT3ZCVQPzs1"] {
            assert!(matches!(decode(bad), Err(TargetError::Unexpected(_))), "{bad}");
        }
    }
}
