//! What the GitHub API sends and takes. What is not named here is ignored.

use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::domain::secret::SecretValue;
use crate::targets::TargetError;

/// One page of a list of secrets or variables.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) total_count: usize,
    #[serde(rename = "secrets", alias = "variables")]
    pub(super) items: Vec<Item>,
}

/// A secret, of which GitHub shows this much, or a variable, which it shows whole.
///
/// Times come as `2023-11-18T21:47:19Z` and, from some endpoints, as `2021-10-26T19:17:07.000+00:00`; they are
/// instants, and never compared as text.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Of a variable alone.
    pub(super) value: Option<Readable>,
    /// Of an organization's alone.
    pub(super) visibility: Option<Visibility>,
}

impl Item {
    /// Returns whether two pages show the same of one name.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let shown = |item: &Self| (item.created_at, item.updated_at, item.visibility);
        let value = |item: &'_ Self| item.value.as_ref().map(|value| Zeroizing::new(value.0.expose().to_owned()));
        shown(self) == shown(other) && value(self) == value(other)
    }
}

/// A value that GitHub shows.
#[derive(Debug)]
pub(super) struct Readable(pub(super) SecretValue);

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretValue::new(Zeroizing::new(text))))
    }
}

/// Which repositories may use what an organization holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Visibility {
    All,
    Private,
    Selected,
}

/// One page of a list of repositories.
#[derive(Debug, Deserialize)]
pub(super) struct Repositories {
    pub(super) total_count: usize,
    pub(super) repositories: Vec<Repository>,
}

/// A repository.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
}

/// The public key of a place.
#[derive(Debug, Deserialize)]
pub(super) struct PublicKey {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) key_id: String,
    pub(super) key: String,
}

/// Who may use what is written at an organization. It is said with every secret that is written there.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    pub(super) visibility: Visibility,
    /// For [`Visibility::Selected`] alone.
    pub(super) ids: Option<Vec<u64>>,
}

/// A sealed value, for the key of this id.
#[derive(Debug, Serialize)]
pub(super) struct SealedValue<'a> {
    pub(super) encrypted_value: String,
    pub(super) key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<Visibility>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selected_repository_ids: Option<Vec<u64>>,
}

impl SealedValue<'_> {
    /// Says who may use it.
    pub(super) fn share(&mut self, sharing: &Sharing) {
        self.visibility = Some(sharing.visibility);
        self.selected_repository_ids.clone_from(&sharing.ids);
    }

    /// Returns the body of the request that writes it.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, TargetError> {
        serde_json::to_vec(self).map_err(|_| TargetError::Unexpected("its key has an id that is not text".to_owned()))
    }
}

/// A variable to be made or, without a name, given another value; then who may use it is left as it is.
#[derive(Serialize)]
pub(super) struct Variable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<Visibility>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selected_repository_ids: Option<Vec<u64>>,
}

impl Variable<'_> {
    /// Returns the body of the request that writes it.
    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, TargetError> {
        let body = serde_json::to_vec(self).map(Zeroizing::new);
        body.map_err(|_| TargetError::Unexpected("it has a value that is not text".to_owned()))
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
        let secret: Item = serde_json::from_str(
            "{\"name\":\"A\",\"created_at\":\"2021-10-26T19:17:07Z\",\"updated_at\":\"2021-10-26T19:17:07.000+00:00\"}",
        )
        .expect("a literal secret");
        assert_eq!(secret.created_at, secret.updated_at);
        assert!(serde_json::from_str::<Item>("{\"name\":\"A\",\"created_at\":\"\",\"updated_at\":\"\"}").is_err());
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
