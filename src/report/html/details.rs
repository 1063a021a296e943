//! What the page's script shows of a cell that is opened: texts alone, ready to be read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use vault_schema::audit::{Entry, Report};
use vault_schema::verdict::{Proof, Rollout, Verdict};

use super::super::explain::CODES;
use super::super::table;

#[derive(Serialize)]
pub(super) struct Data<'a> {
    entries: Vec<Details<'a>>,
    codes: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Details<'a> {
    environment: &'a str,
    target: &'a str,
    place: &'a str,
    name: &'a str,
    state: String,
    proof: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rollout: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

pub(super) fn data(report: &Report) -> Data<'_> {
    let is_used = |code: &str| report.entries.iter().any(|entry| entry.code.as_deref() == Some(code));
    let used = CODES.iter().filter(|code| is_used(code.code));
    Data {
        entries: report.entries.iter().map(details).collect(),
        codes: used.map(|code| (code.code, format!("{} {}", code.meaning, code.matters))).collect(),
    }
}

fn details(entry: &Entry) -> Details<'_> {
    Details {
        environment: &entry.environment,
        target: &entry.target,
        place: &entry.place,
        name: &entry.remote_name,
        state: table::line(entry).state,
        proof: match (entry.proof, entry.verdict) {
            (Proof::Value, Verdict::Missing) => "its absence was seen",
            (Proof::Value, _) => "the value itself",
            (Proof::Digest, _) => "a digest of the value",
            (Proof::Receipt, _) => "the receipt of our last write",
            (Proof::None, _) => "nothing",
        },
        rollout: match entry.rollout {
            Rollout::Live => "the machines run the stored value",
            Rollout::Staged => "stored, and no machine has it yet",
            Rollout::Partial => "some machines still run the older value",
            Rollout::Unknown => "it could not be told what the machines run",
            Rollout::None => "",
        },
        detail: &entry.detail,
        secret: entry.secret.as_deref(),
        written: entry.written.map(minute),
        open_since: entry.open_since.map(minute),
        location: entry.location.as_deref(),
        code: entry.code.as_deref(),
        next: entry.next.as_deref(),
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
