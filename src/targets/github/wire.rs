//! What the GitHub API sends and takes. What is not named here is ignored.

use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::targets::TargetError;

/// One page of a list of secrets.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) total_count: usize,
    pub(super) secrets: Vec<Secret>,
}

/// A secret, of which GitHub shows this much.
///
/// Its times come as `2023-11-18T21:47:19Z` and, from some endpoints, as `2021-10-26T19:17:07.000+00:00`; they are
/// instants, and never compared as text.
#[derive(Debug, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// The public key of a place.
#[derive(Debug, Deserialize)]
pub(super) struct PublicKey {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) key_id: String,
    pub(super) key: String,
}

/// A sealed value, for the key of this id.
#[derive(Debug, Serialize)]
pub(super) struct SealedValue<'a> {
    pub(super) encrypted_value: String,
    pub(super) key_id: &'a str,
}

impl SealedValue<'_> {
    /// Returns the body of the request that writes it.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, TargetError> {
        serde_json::to_vec(self).map_err(|_| TargetError::Unexpected("its key has an id that is not text".to_owned()))
    }
}

/// Reads a key's id, which some enterprise servers send as a number, and one too large for a float to hold.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Id;

    impl Visitor<'_> for Id {
        type Value = String;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("text or a whole number")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }

    deserializer.deserialize_any(Id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_one_instant() {
        let secret: Secret = serde_json::from_str(
            "{\"name\":\"A\",\"created_at\":\"2021-10-26T19:17:07Z\",\"updated_at\":\"2021-10-26T19:17:07.000+00:00\"}",
        )
        .expect("a literal secret");
        assert_eq!(secret.created_at, secret.updated_at);
        assert!(serde_json::from_str::<Secret>("{\"name\":\"A\",\"created_at\":\"\",\"updated_at\":\"\"}").is_err());
    }

    #[test]
    fn the_id_of_a_key_is_text_or_a_number_and_never_a_float() {
        let id = |id: &str| serde_json::from_str::<PublicKey>(&format!("{{\"key_id\":{id},\"key\":\"\"}}"));
        let large = "568250167242549743";
        assert_eq!(id(large).expect("a number").key_id, large);
        assert_eq!(id(&format!("\"{large}\"")).expect("text").key_id, large);
        assert_eq!(id("18446744073709551615").expect("the largest number").key_id, "18446744073709551615");
        for bad in ["1.5", "1e3", "null", "18446744073709551616", "[]"] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
