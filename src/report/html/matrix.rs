//! The matrix of an environment: its secrets down, its places across; the other way round where there are more places.

use std::collections::BTreeMap;

use vault_schema::audit::{Entry, Report};
use vault_schema::verdict::{Proof, Verdict};

use super::super::audit::is_open;
use super::{Look, look, proof_sign};

/// More columns than this are hard to follow, so that the longer side goes down.
const FEW: usize = 8;

pub(super) struct Matrix<'a> {
    pub(super) environment: &'a str,
    pub(super) corner: &'static str,
    pub(super) dense: bool,
    pub(super) columns: Vec<Head<'a>>,
    pub(super) rows: Vec<Row<'a>>,
}

/// What a column or a row is of. The target is there where it is of a place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head<'a> {
    pub(super) label: &'a str,
    pub(super) note: Option<&'static str>,
    pub(super) target: Option<&'a str>,
}

pub(super) struct Row<'a> {
    pub(super) head: Head<'a>,
    pub(super) search: String,
    /// The items of each column.
    pub(super) cells: Vec<Vec<Item>>,
}

pub(super) struct Item {
    pub(super) index: usize,
    pub(super) tone: &'static str,
    pub(super) sign: &'static str,
    pub(super) words: String,
    pub(super) proof: String,
    pub(super) verdict: &'static str,
    pub(super) open: bool,
}

pub(super) fn matrices(report: &Report) -> Vec<Matrix<'_>> {
    let mut environments: BTreeMap<&str, Vec<(usize, &Entry)>> = BTreeMap::new();
    for (index, entry) in report.entries.iter().enumerate() {
        environments.entry(&entry.environment).or_default().push((index, entry));
    }
    environments.into_iter().map(|(environment, entries)| matrix(report, environment, &entries)).collect()
}

fn matrix<'a>(report: &'a Report, environment: &'a str, entries: &[(usize, &'a Entry)]) -> Matrix<'a> {
    let mut secrets: BTreeMap<(bool, &str), Head<'_>> = BTreeMap::new();
    let mut places: BTreeMap<&str, Head<'_>> = BTreeMap::new();
    for place in report.places.iter().filter(|place| place.environment == environment) {
        let note = (!place.read).then_some("could not be read");
        places.insert(&place.target, Head { label: &place.place, note, target: Some(&place.target) });
    }
    for (_, entry) in entries {
        let target = entry.target.as_str();
        places.entry(target).or_insert_with(|| Head { label: &entry.place, note: None, target: Some(target) });
        let key = secret(entry);
        let note = key.0.then_some("not ours");
        secrets.entry(key).or_insert(Head { label: key.1, note, target: None });
    }
    let is_turned = places.len() > FEW && places.len() > secrets.len();
    let secret_index: BTreeMap<_, _> = secrets.keys().enumerate().map(|(index, key)| (*key, index)).collect();
    let place_index: BTreeMap<_, _> = places.keys().enumerate().map(|(index, key)| (*key, index)).collect();
    let (down, across): (Vec<_>, Vec<_>) = if is_turned {
        (places.values().cloned().collect(), secrets.values().cloned().collect())
    } else {
        (secrets.values().cloned().collect(), places.values().cloned().collect())
    };
    let cells = || across.iter().map(|_| Vec::new()).collect();
    let mut rows: Vec<Row<'_>> =
        down.into_iter().map(|head| Row { search: head.label.to_lowercase(), head, cells: cells() }).collect();
    for (index, entry) in entries {
        let (secret, place) = (secret_index[&secret(entry)], place_index[entry.target.as_str()]);
        let (row, column) = if is_turned { (place, secret) } else { (secret, place) };
        let row = &mut rows[row];
        if entry.secret.as_deref().is_some_and(|secret| secret != entry.remote_name) && !is_turned {
            row.search.push(' ');
            row.search.push_str(&entry.remote_name.to_lowercase());
        }
        row.cells[column].push(item(*index, entry));
    }
    let corner = if is_turned { "place" } else { "secret" };
    Matrix { environment, corner, dense: across.len() > FEW, columns: across, rows }
}

/// What a row or column of the matrix is of: a secret of ours, or after those a name that is not.
fn secret(entry: &Entry) -> (bool, &str) {
    (entry.secret.is_none(), entry.secret.as_deref().unwrap_or(&entry.remote_name))
}

fn item(index: usize, entry: &Entry) -> Item {
    let Look { tone, sign, words } = look(entry);
    let proof = match entry.proof {
        Proof::Value => "by value",
        Proof::Digest => "by digest",
        Proof::Receipt => "by receipt",
        Proof::None if entry.verdict == Verdict::Unmanaged => "nobody’s receipt",
        Proof::None => "no proof",
    };
    Item {
        index,
        tone,
        sign,
        words,
        proof: format!("{} {proof}", proof_sign(entry.proof)),
        verdict: entry.verdict.words(),
        open: is_open(entry),
    }
}
