//! What the page's script shows of a cell that is opened: texts alone, ready to be read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use vault_schema::audit::{Entry, Report};
use vault_schema::verdict::{Proof, Rollout, Verdict};

use super::super::explain::CODES;
use super::super::table;

/// What is known of each entry, by the names that the script has for it.
const FIELDS: [&str; 14] = [
    "environment",
    "target",
    "place",
    "name",
    "state",
    "proof",
    "rollout",
    "detail",
    "secret",
    "written",
    "open_since",
    "location",
    "code",
    "next",
];

#[derive(Serialize)]
pub(super) struct Data<'a> {
    fields: [&'static str; FIELDS.len()],
    /// Each text once: ten thousand rows say few different things.
    texts: Vec<Cow<'a, str>>,
    /// The text of each field of each entry, by its place in `texts`.
    entries: Vec<[usize; FIELDS.len()]>,
    codes: BTreeMap<&'static str, String>,
}

pub(super) fn data(report: &Report) -> Data<'_> {
    let is_used = |code: &str| report.entries.iter().any(|entry| entry.code.as_deref() == Some(code));
    let used = CODES.iter().filter(|code| is_used(code.code));
    let mut texts = Texts::default();
    let entries = report.entries.iter().map(|entry| details(entry).map(|text| texts.number(text))).collect();
    Data {
        fields: FIELDS,
        texts: texts.all,
        entries,
        codes: used.map(|code| (code.code, format!("{} {}", code.meaning, code.matters))).collect(),
    }
}

/// Texts, each of which has a number.
#[derive(Default)]
struct Texts<'a> {
    numbers: HashMap<Cow<'a, str>, usize>,
    all: Vec<Cow<'a, str>>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: Cow<'a, str>) -> usize {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.all.push(text.clone());
        self.numbers.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }
}

/// Returns the texts of [`FIELDS`]; what is not known is empty.
fn details(entry: &Entry) -> [Cow<'_, str>; FIELDS.len()] {
    let proof = match (entry.proof, entry.verdict) {
        (Proof::Value, Verdict::Missing) => "its absence was seen",
        (Proof::Value, _) => "the value itself",
        (Proof::Digest, _) => "a digest of the value",
        (Proof::Receipt, _) => "the receipt of our last write",
        (Proof::None, _) => "nothing",
    };
    let rollout = match entry.rollout {
        Rollout::Live => "the machines run the stored value",
        Rollout::Staged => "stored, and no machine has it yet",
        Rollout::Partial => "some machines still run the older value",
        Rollout::Unknown => "it could not be told what the machines run",
        Rollout::None => "",
    };
    [
        entry.environment.as_str().into(),
        entry.target.as_str().into(),
        entry.place.as_str().into(),
        entry.remote_name.as_str().into(),
        table::line(entry).state.into(),
        proof.into(),
        rollout.into(),
        entry.detail.as_str().into(),
        entry.secret.as_deref().unwrap_or_default().into(),
        entry.written.map(minute).unwrap_or_default().into(),
        entry.open_since.map(minute).unwrap_or_default().into(),
        entry.location.as_deref().unwrap_or_default().into(),
        entry.code.as_deref().unwrap_or_default().into(),
        entry.next.as_deref().unwrap_or_default().into(),
    ]
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
