//! From what is known to what it means: the rows of every place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::observe::Observations;
use crate::domain::access::{self, DeclaredAccess};
use crate::domain::binding::{self, Shared};
use crate::domain::declaration::Project;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::hygiene;
use crate::domain::inventory::Inventory;
use crate::domain::name::{EnvironmentName, RemoteName};
use crate::domain::place::{GithubHolder, GithubStore, Location, Place};
use crate::domain::receipt::{DigestBook, Receipts};
use crate::domain::row::{self, Bindings, Filed, Knowledge, Row};
use crate::domain::shadow;

/// One environment, ready to be judged.
#[derive(Debug)]
pub struct Subject {
    /// The vault's side.
    pub inventory: Inventory,
    /// The fingerprint key: the environment's own, or one for this run alone where there is none.
    pub key: FingerprintKey,
    /// What was pushed before.
    pub receipts: Receipts,
    /// Whether there are receipts that cannot be read for want of the key that made them.
    pub receipts_void: bool,
    /// Whether a write to it names it twice.
    pub is_protected: bool,
    /// The secrets of each of its places.
    pub bindings: BTreeMap<Place, Bindings>,
    /// Who is meant to use what stands at those places that have such a notion.
    pub access: BTreeMap<Place, DeclaredAccess>,
}

impl Subject {
    /// Brings one environment together, and checks every name at every place.
    pub fn new(
        project: &Project,
        shared: &Shared,
        mut inventory: Inventory,
        key: FingerprintKey,
        receipts: Receipts,
        receipts_void: bool,
        places: impl IntoIterator<Item = Place>,
    ) -> Self {
        let mut problems = binding::declared(project, &inventory);
        let mut bindings = BTreeMap::new();
        let mut access = BTreeMap::new();
        for place in places {
            let declared = project.targets.get(&place.target).and_then(|target| target.spec.access(&place.environment));
            access.extend(declared.map(|declared| (place.clone(), declared)));
            let (bound, faults) = binding::bind(project, shared, &place, &inventory);
            problems.extend(faults);
            bindings.insert(place, bound);
        }
        if receipts_void {
            let file = format!("vault/{}/receipts.toml", inventory.environment);
            let kind = ProblemKind::ForeignReceipts;
            problems.push(Problem { file: Some(file), line: None, secret: None, kind });
        }
        inventory.problems.extend(problems);
        inventory.problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
        let is_protected = project.is_protected(&inventory.environment);
        Self { inventory, key, receipts, receipts_void, is_protected, bindings, access }
    }
}

/// The environments that are judged together.
pub type Subjects = BTreeMap<EnvironmentName, Subject>;

/// Returns whether a write to an environment names it twice.
pub fn is_protected(subjects: &Subjects, environment: &EnvironmentName) -> bool {
    subjects.get(environment).is_some_and(|subject| subject.is_protected)
}

/// Returns whether every environment's vault could be read whole.
pub fn is_whole(subjects: &Subjects) -> bool {
    subjects.values().all(|subject| subject.inventory.is_complete())
}

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
            receipts_void: subject.receipts_void,
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

/// Returns the faults that only what the places hold can show, each with its environment.
pub fn faults_there(subjects: &Subjects, observations: &Observations, rows: &[Row]) -> Vec<(EnvironmentName, Problem)> {
    let mut found = Vec::new();
    for (environment, subject) in subjects {
        let problem =
            |secret: Option<String>, kind| (environment.clone(), Problem { file: None, line: None, secret, kind });
        for (place, bindings) in &subject.bindings {
            let Some(Ok(observation)) = observations.get(place) else { continue };
            let location = || place.location.clone();
            for binding in &bindings.usable {
                let there = observation.entries.get(&binding.remote_name).and_then(|observed| observed.access.as_ref());
                let (Some(there), Some(declared)) = (there, subject.access.get(place)) else { continue };
                if !there.is(declared) {
                    let kind = ProblemKind::AccessDiffers {
                        name: binding.remote_name.clone(),
                        location: location(),
                        there: Box::new(there.clone()),
                        declared: Box::new(declared.clone()),
                    };
                    found.push(problem(Some(binding.secret.to_string()), kind));
                }
            }
            if matches!(
                place.location,
                Location::Github { store: GithubStore::Actions, holder: GithubHolder::Organization { .. } }
            ) {
                let ours = bindings.usable.iter().map(|binding| &binding.remote_name);
                let names: Vec<_> = access::beyond_reach(observation, ours).into_iter().cloned().collect();
                if !names.is_empty() {
                    found.push(problem(None, ProblemKind::BeyondReach { location: location(), names }));
                }
            }
        }
        let access = |place: &Place, name: &RemoteName| {
            observations.get(place)?.as_ref().ok()?.entries.get(name)?.access.as_ref()
        };
        for shadow in shadow::shadows(rows, &subject.inventory, &subject.key, access) {
            let secret = shadow.hidden.secret.as_ref().or(shadow.winner.secret.as_ref()).map(ToString::to_string);
            let kind = ProblemKind::Shadowed {
                name: shadow.hidden.remote_name.clone(),
                winner: Box::new(shadow.winner.place.location.clone()),
                hidden: Box::new(shadow.hidden.place.location.clone()),
                differ: shadow.differ,
            };
            found.push(problem(secret, kind));
        }
    }
    found
}

/// Returns the faults of the values themselves, each with its environment.
pub fn faults_of_values(project: &Project, subjects: &Subjects, at: Timestamp) -> Vec<(EnvironmentName, Problem)> {
    let inventories: Vec<_> = subjects.values().map(|subject| &subject.inventory).collect();
    // Values of several environments are compared under one key, whichever it is.
    let key = subjects.values().next().map(|subject| &subject.key);
    key.map_or_else(Vec::new, |key| hygiene::check(project, &inventories, key, at))
}

/// Returns the receipts of each place that was read, by what has become of their names.
pub fn filed(subjects: &Subjects, observations: &Observations) -> BTreeMap<Place, Filed> {
    let mut all = BTreeMap::new();
    for subject in subjects.values() {
        for (place, bindings) in &subject.bindings {
            if let Some(Ok(observation)) = observations.get(place) {
                all.insert(place.clone(), row::filed(place, bindings, &subject.receipts, observation));
            }
        }
    }
    all
}
