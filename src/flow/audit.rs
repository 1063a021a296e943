//! From what is known to what it means: the rows of every place.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::observe::Observations;
use crate::domain::binding;
use crate::domain::declaration::Project;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::Inventory;
use crate::domain::name::EnvironmentName;
use crate::domain::place::Place;
use crate::domain::plan::Memory;
use crate::domain::receipt::{DigestBook, Receipts};
use crate::domain::row::{self, Bindings, Knowledge, Row};

/// One environment, ready to be judged.
#[derive(Debug)]
pub struct Subject {
    /// The vault's side.
    pub inventory: Inventory,
    /// The fingerprint key: the environment's own, or one for this run alone where there is none.
    pub key: FingerprintKey,
    /// What was pushed before.
    pub receipts: Receipts,
    /// Whether the receipts there are were made under another key.
    pub foreign_receipts: bool,
    /// The secrets of each of its places.
    pub bindings: BTreeMap<Place, Bindings>,
}

impl Subject {
    /// Brings one environment together, and checks every name at every place.
    pub fn new(
        project: &Project,
        mut inventory: Inventory,
        key: FingerprintKey,
        receipts: Receipts,
        foreign_receipts: bool,
        places: impl IntoIterator<Item = Place>,
    ) -> Self {
        let mut problems = binding::declared(project, &inventory);
        let mut bindings = BTreeMap::new();
        for place in places {
            let (bound, faults) = binding::bind(project, &place, &inventory);
            problems.extend(faults);
            bindings.insert(place, bound);
        }
        if foreign_receipts {
            let file = format!("vault/{}/receipts.toml", inventory.environment);
            let kind = ProblemKind::ForeignReceipts;
            problems.push(Problem { file: Some(file), line: None, secret: None, kind });
        }
        inventory.problems.extend(problems);
        inventory.problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
        Self { inventory, key, receipts, foreign_receipts, bindings }
    }
}

/// The environments that are judged together.
pub type Subjects = BTreeMap<EnvironmentName, Subject>;

/// Returns the rows of every place, sorted by environment, target and remote name.
pub fn rows(project: &Project, subjects: &Subjects, observations: &Observations, today: Date) -> Vec<Row> {
    let mut rows = Vec::new();
    for subject in subjects.values() {
        let book = DigestBook::new(&subject.receipts);
        let known = Knowledge {
            inventory: &subject.inventory,
            receipts: &subject.receipts,
            book: &book,
            key: &subject.key,
            ignores: &project.ignores,
            today,
        };
        for (place, bindings) in &subject.bindings {
            let observation = observations.get(place).and_then(|result| result.as_ref().ok());
            rows.extend(row::rows(place, bindings, &known, observation));
        }
    }
    rows
}

/// Returns what a plan needs to know of each place besides its rows.
pub fn memory(subjects: &Subjects, observations: &Observations) -> BTreeMap<Place, Memory> {
    let mut memory = BTreeMap::new();
    for subject in subjects.values() {
        for place in subject.bindings.keys() {
            if let Some(Ok(observation)) = observations.get(place) {
                let known = subject.receipts.at(&place.location).count();
                let vanished = row::vanished(place, &subject.receipts, observation).len();
                memory.insert(place.clone(), Memory { known, vanished });
            }
        }
    }
    memory
}
