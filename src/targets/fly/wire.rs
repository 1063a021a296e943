//! What Fly's APIs send and take. What is not named here is ignored, above all a `value`.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

/// `GET /v1/apps/{app}/secrets`.
#[derive(Debug, Deserialize)]
pub(super) struct Secrets {
    #[serde(deserialize_with = "list")]
    pub(super) secrets: Vec<Secret>,
}

/// `POST /v1/apps/{app}/secrets`.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    #[serde(default, deserialize_with = "list")]
    pub(super) secrets: Vec<Secret>,
    version: Option<u64>,
    // Servers of before October 2025 send only this one.
    #[serde(rename = "Version")]
    old_version: Option<u64>,
}

impl Written {
    pub(super) fn version(&self) -> Option<u64> {
        self.version.or(self.old_version)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) digest: Option<Digest>,
    pub(super) updated_at: Option<String>,
}

/// A digest on its way into the domain's type, which keeps it from being printed.
#[derive(Deserialize)]
pub(super) struct Digest(pub(super) String);

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Digest(redacted)")
    }
}

/// One of `GET /v1/apps/{app}/machines`.
#[derive(Debug, Deserialize)]
pub(super) struct Machine {
    pub(super) id: String,
    #[serde(default)]
    pub(super) state: String,
    host_status: Option<String>,
    config: Option<MachineConfig>,
    // What Fly still knows of the configuration while the host is not well.
    incomplete_config: Option<MachineConfig>,
}

#[derive(Debug, Deserialize)]
struct MachineConfig {
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Machine {
    /// Returns what is wrong with its host, if Fly does not know its whole configuration at present.
    pub(super) fn trouble(&self) -> Option<String> {
        match self.host_status.as_deref().filter(|status| *status != "ok") {
            None if self.config.is_some() => None,
            status => Some(status.unwrap_or("unknown").to_owned()),
        }
    }

    /// Returns the metadata, or `None` if Fly does not know the configuration at present.
    pub(super) fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        const EMPTY: &BTreeMap<String, String> = &BTreeMap::new();
        let config = self.config.as_ref().or(self.incomplete_config.as_ref())?;
        Some(config.metadata.as_ref().unwrap_or(EMPTY))
    }
}

/// `GET /v1/apps/{app}/machines`, which is `null` for none.
#[derive(Debug, Deserialize)]
pub(super) struct Machines(#[serde(deserialize_with = "list")] pub(super) Vec<Machine>);

/// `GET /api/v1/apps/{app}/releases`.
#[derive(Debug, Deserialize)]
pub(super) struct Releases {
    #[serde(deserialize_with = "list")]
    pub(super) releases: Vec<Release>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Release {
    pub(super) version: u64,
    pub(super) created_at: String,
}

/// Reads a list for which a Go server may have written `null`.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Parses the times Fly is known to write: RFC 3339, and the same without a zone, which is then UTC.
///
/// A date alone is no time: taken for its midnight, it would make a secret look older than it is.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    text.parse().ok().or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// Returns the body that sets names to values and removes those without one.
///
/// The buffer is large enough from the start: one that grew would leave pieces of the values behind.
pub(super) fn body<'a>(values: &[(&'a str, Option<&'a str>)]) -> Zeroizing<Vec<u8>> {
    // JSON makes six bytes of one at worst.
    let size = |text: &str| text.len() * 6 + 2;
    let entry = |(name, value): &(&str, Option<&str>)| size(name) + value.map_or(4, size) + 2;
    let capacity = values.iter().map(entry).sum::<usize>() + r#"{"values":{}}"#.len();
    let mut body = Zeroizing::new(Vec::with_capacity(capacity));
    serde_json::to_writer(&mut *body, &Values { values: Entries(values) }).expect("text is always JSON");
    debug_assert!(body.len() <= capacity, "the buffer must not have grown");
    body
}

#[derive(Serialize)]
struct Values<'a> {
    values: Entries<'a>,
}

struct Entries<'a>(&'a [(&'a str, Option<&'a str>)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_seen() {
        let instant = "2026-01-15T10:00:00Z".parse::<Timestamp>().expect("a literal time");
        for form in [
            "2026-01-15T10:00:00Z",
            "2026-01-15T10:00:00.000000000Z",
            "2026-01-15T11:00:00+01:00",
            "2026-01-15T10:00:00",
            "2026-01-15T10:00:00.000000",
        ] {
            assert_eq!(time(form), Some(instant), "{form}");
        }
        for bad in ["", "yesterday", "2026-01-15", "1768471200"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_body_says_it_all_and_never_grows() {
        let control = "\u{1}".repeat(1000);
        let body = body(&[("A", Some("x\"\n")), ("OLD", None), ("B", Some(&control)), ("C", Some(""))]);
        let json: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
        assert_eq!(json, serde_json::json!({ "values": { "A": "x\"\n", "OLD": null, "B": control, "C": "" } }));
    }

    #[test]
    fn a_list_may_be_null_but_not_missing() {
        assert!(serde_json::from_str::<Secrets>("{\"secrets\":null}").is_ok_and(|list| list.secrets.is_empty()));
        assert!(serde_json::from_str::<Secrets>("{}").is_err());
        assert!(serde_json::from_str::<Machines>("null").is_ok_and(|list| list.0.is_empty()));
    }

    #[test]
    fn the_version_is_read_under_both_its_names() {
        let version = |text| serde_json::from_str::<Written>(text).expect("a literal answer").version();
        assert_eq!(version("{\"secrets\":[],\"version\":12,\"Version\":12}"), Some(12));
        assert_eq!(version("{\"Version\":11}"), Some(11));
        assert_eq!(version("{\"secrets\":null}"), None);
    }
}
