//! One value of sops: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Tag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Refusal;

/// The cipher of a file, under its data key.
pub(super) struct Cipher(AesGcm<Aes256, U32>);

/// What was encrypted, and what it was.
pub(super) struct Opened {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// `str` and `bytes`.
    Text,
    /// `int`, and `time`, which both have one form.
    AsIs,
    Float,
    Bool,
    Comment,
}

impl Cipher {
    pub(super) fn under(key: &[u8]) -> Result<Self, Refusal> {
        AesGcm::new_from_slice(key).map(Self).map_err(|_| Refusal::BadMetadata)
    }

    /// Opens a value under the path it must stand at.
    pub(super) fn open(&self, text: &str, aad: &str) -> Result<Opened, Refusal> {
        let inner = text.strip_prefix("ENC[AES256_GCM,data:").and_then(|rest| rest.strip_suffix(']'));
        let (data, rest) = inner.and_then(|inner| inner.split_once(",iv:")).ok_or(Refusal::InTheClear)?;
        let parts = rest.split_once(",tag:").and_then(|(iv, rest)| Some((iv, rest.split_once(",type:")?)));
        let (iv, (tag, kind)) = parts.ok_or(Refusal::BadValue)?;
        let kind = match kind {
            "str" | "bytes" => Kind::Text,
            "int" | "time" => Kind::AsIs,
            "float" => Kind::Float,
            "bool" => Kind::Bool,
            "comment" => Kind::Comment,
            _ => return Err(Refusal::BadValue),
        };
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| Refusal::BadValue);
        let (iv, tag) = (decode(iv)?, decode(tag)?);
        if iv.len() != 32 || tag.len() != 16 {
            return Err(Refusal::BadValue);
        }
        let mut bytes = Zeroizing::new(decode(data)?);
        self.0
            .decrypt_in_place_detached(GenericArray::from_slice(&iv), aad.as_bytes(), &mut bytes, Tag::from_slice(&tag))
            .map_err(|_| Refusal::BadValue)?;
        Ok(Opened { bytes, kind })
    }
}

impl Opened {
    /// Returns what sops hashes of it; nothing of a comment.
    pub(super) fn hashed(&self) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match self.kind {
            Kind::Comment => return None,
            Kind::Text | Kind::AsIs => self.bytes.to_vec(),
            Kind::Float => {
                let number = self.text().and_then(|text| text.parse::<f64>().ok());
                number.map_or_else(|| self.bytes.to_vec(), |number| number.to_string().into_bytes())
            }
            Kind::Bool if self.bytes.eq_ignore_ascii_case(b"true") => b"True".to_vec(),
            Kind::Bool => b"False".to_vec(),
        };
        Some(Zeroizing::new(bytes))
    }

    /// Returns it as text, if it is one.
    pub(super) fn shown(&self) -> Option<Zeroizing<String>> {
        let text = self.text()?;
        Some(Zeroizing::new(if matches!(self.kind, Kind::Bool) { text.to_ascii_lowercase() } else { text.to_owned() }))
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}
