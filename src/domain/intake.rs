//! Taking plain files in: which of the values that were found goes into the vault, and which waits for a person.
//!
//! The rule is to refuse to guess. A name that has one value in all files of an environment is taken. Where two
//! values are found, or the vault holds another one, nothing is taken until a person prefers a file; of several
//! preferred files the one named first decides. A placeholder is not a value: it is never taken, and it does not
//! stand in the way of a value from another file.

#[cfg(test)]
mod tests;
pub mod unfit;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Unit};

use super::declaration::Project;
use super::finding::Source;
use super::inventory::Inventory;
use super::name::{EnvironmentName, GroupName, SecretName};
use super::secret::SecretValue;
use unfit::Unfit;

/// Files whose times are nearer than this were made together, by a checkout or a copy, and tell nothing by their age.
const TOGETHER: i64 = 60;

/// One assignment of a plain file.
#[derive(Debug)]
pub struct Candidate {
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// The group it would be written to.
    pub group: GroupName,
    /// The secret's name.
    pub name: SecretName,
    /// The value.
    pub value: SecretValue,
    /// Where it stands.
    pub source: Source,
    /// When its file was last changed.
    pub modified: Timestamp,
    /// Its file's place among the preferred ones.
    pub rank: Option<usize>,
    /// The programs that would read the line as another value.
    pub disputed: Option<String>,
}

/// What is done about one name in one environment.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The name.
    pub name: &'a SecretName,
    /// The different values, each with every place it stands at.
    pub values: Vec<Vec<&'a Candidate>>,
    /// The places that have none.
    pub unfit: Vec<(&'a Candidate, Unfit)>,
    /// What the vault holds under the name.
    pub vault: Held,
    /// The file of the vault that has the name.
    pub file: Option<&'a str>,
    /// The decision.
    pub ruling: Ruling,
}

/// What the vault holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// One of the values that were found, by its position among them.
    One(usize),
    /// A value that none of the files has.
    Another,
}

/// What is done about a name. A number is a value's position among those that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The value goes into the vault.
    Add(usize),
    /// It takes the place of the vault's, because its file is preferred.
    Replace(usize),
    /// The vault has it.
    Keep(usize),
    /// The files have several values: left out until one is preferred.
    Conflict,
    /// The vault has another value: left out until the file is preferred.
    VaultDiffers,
    /// There are only placeholders, and the vault has no value either.
    NoValue,
    /// There are only placeholders, and the vault has a value.
    Settled,
}

impl<'a> Decision<'a> {
    /// Returns where the value that is to be written stands.
    pub fn written(&self) -> Option<&'a Candidate> {
        match self.ruling {
            Ruling::Add(index) | Ruling::Replace(index) => self.first(index),
            Ruling::Keep(_) | Ruling::Conflict | Ruling::VaultDiffers | Ruling::NoValue | Ruling::Settled => None,
        }
    }

    /// Returns where the value stands that the vault has, or will have.
    pub fn taken(&self) -> Option<&'a Candidate> {
        match self.ruling {
            Ruling::Keep(index) => self.first(index),
            _ => self.written(),
        }
    }

    fn first(&self, index: usize) -> Option<&'a Candidate> {
        self.values.get(index)?.first().copied()
    }

    /// Returns whether a person has to do something about it.
    pub const fn is_left_out(&self) -> bool {
        matches!(self.ruling, Ruling::Conflict | Ruling::VaultDiffers | Ruling::NoValue)
    }

    /// Returns when the newest of the files with a value was changed.
    pub fn newest(&self) -> Option<Timestamp> {
        self.values.iter().flatten().map(|candidate| candidate.modified).max()
    }

    /// Returns the file that is newer than every file with another value, if its age tells that.
    fn newest_file(&self) -> Option<&'a Candidate> {
        let all = || self.values.iter().enumerate().flat_map(|(index, places)| places.iter().map(move |c| (index, *c)));
        let (own, newest) = all().max_by_key(|(_, candidate)| candidate.modified)?;
        let clear = |candidate: &Candidate| {
            candidate.source.file != newest.source.file && age(newest.modified, candidate.modified) != Age::Same
        };
        all().filter(|(index, _)| *index != own).all(|(_, candidate)| clear(candidate)).then_some(newest)
    }
}

/// How much older one file is than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Changed at one time, as far as that can be told.
    Same,
    /// Older by less than a day.
    Hours,
    /// Older by this many days.
    Days(i64),
}

/// Returns how much older a file is than the newest.
pub fn age(newest: Timestamp, modified: Timestamp) -> Age {
    // Seconds need no calendar, so the difference always has them.
    let seconds = newest.since((Unit::Second, modified)).map_or(0, |span| span.get_seconds());
    match seconds {
        ..=TOGETHER => Age::Same,
        _ if seconds < 86_400 => Age::Hours,
        _ => Age::Days(seconds / 86_400),
    }
}

/// Decides about every name of the environments that were read, sorted by environment and name. Candidates of other
/// environments are passed over.
pub fn decide<'a>(candidates: &'a [Candidate], vault: &'a BTreeMap<EnvironmentName, Inventory>) -> Vec<Decision<'a>> {
    let mut names: BTreeMap<_, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        names.entry((&candidate.environment, &candidate.name)).or_default().push(candidate);
    }
    names
        .into_iter()
        .filter_map(|((environment, name), places)| {
            let inventory = vault.get(environment)?;
            Some(decide_one(environment, name, places, inventory))
        })
        .collect()
}

fn decide_one<'a>(
    environment: &'a EnvironmentName,
    name: &'a SecretName,
    places: Vec<&'a Candidate>,
    inventory: &'a Inventory,
) -> Decision<'a> {
    let mut values: Vec<Vec<&Candidate>> = Vec::new();
    let mut unfit = Vec::new();
    for place in places {
        if let Some(why) = unfit::unfit(place.value.expose()) {
            unfit.push((place, why));
            continue;
        }
        match values.iter_mut().find(|same| same.iter().any(|other| other.value.expose() == place.value.expose())) {
            Some(same) => same.push(place),
            None => values.push(vec![place]),
        }
    }
    let held = inventory.entries.get(name);
    let vault = held.map_or(Held::Nothing, |entry| {
        let equal = |same: &Vec<&Candidate>| same.iter().any(|place| place.value.expose() == entry.value.expose());
        values.iter().position(equal).map_or(Held::Another, Held::One)
    });
    let ruling = rule(&values, vault);
    let file = held.map(|entry| entry.source.file.as_str());
    Decision { environment, name, values, unfit, vault, file, ruling }
}

fn rule(values: &[Vec<&Candidate>], vault: Held) -> Ruling {
    let preferred = preferred(values);
    match (preferred, values.len(), vault) {
        (_, 0, Held::Nothing) => Ruling::NoValue,
        (_, 0, _) => Ruling::Settled,
        (Some(index), _, Held::One(held)) if index == held => Ruling::Keep(index),
        (Some(index), _, Held::One(_) | Held::Another) => Ruling::Replace(index),
        (Some(index), _, Held::Nothing) => Ruling::Add(index),
        (None, 1, Held::Nothing) => Ruling::Add(0),
        (None, 1, Held::One(_)) => Ruling::Keep(0),
        (None, 1, Held::Another) => Ruling::VaultDiffers,
        (None, _, _) => Ruling::Conflict,
    }
}

/// Returns the value of the file that was preferred first, unless that file itself has two.
fn preferred(values: &[Vec<&Candidate>]) -> Option<usize> {
    let best = values.iter().flatten().filter_map(|place| place.rank).min()?;
    let mut having = (0..values.len()).filter(|index| values[*index].iter().any(|place| place.rank == Some(best)));
    having.next().filter(|_| having.next().is_none())
}

/// Returns the names whose value several environments have, with those environments.
pub fn shared<'a>(decisions: &[Decision<'a>]) -> Vec<(&'a SecretName, Vec<&'a EnvironmentName>)> {
    let mut names: BTreeMap<&SecretName, Vec<Vec<&Candidate>>> = BTreeMap::new();
    for taken in decisions.iter().filter_map(Decision::taken) {
        let values = names.entry(&taken.name).or_default();
        match values.iter_mut().find(|same| same.iter().any(|other| other.value.expose() == taken.value.expose())) {
            Some(same) => same.push(taken),
            None => values.push(vec![taken]),
        }
    }
    let several = names.into_iter().flat_map(|(name, values)| values.into_iter().map(move |same| (name, same)));
    several
        .filter(|(_, same)| same.len() > 1)
        .map(|(name, same)| (name, same.into_iter().map(|taken| &taken.environment).collect()))
        .collect()
}

/// Returns the names that are to be declared, each with the environments whose files speak of it; none where all do.
pub fn undeclared(
    candidates: &[Candidate],
    decisions: &[Decision<'_>],
    project: &Project,
) -> BTreeMap<SecretName, Vec<EnvironmentName>> {
    let taken: BTreeSet<_> = decisions.iter().filter_map(Decision::taken).map(|taken| &taken.name).collect();
    taken
        .into_iter()
        .filter(|name| !project.secrets.contains_key(*name))
        .map(|name| {
            let found: BTreeSet<_> = candidates.iter().filter(|c| c.name == *name).map(|c| &c.environment).collect();
            let everywhere = project.environments.keys().all(|environment| found.contains(environment));
            (name.clone(), if everywhere { Vec::new() } else { found.into_iter().cloned().collect() })
        })
        .collect()
}

/// Returns the files whose preference would decide every conflict that their age can decide, the newest first.
pub fn newest_files<'a>(decisions: &[Decision<'a>]) -> Vec<&'a str> {
    let conflicts = decisions.iter().filter(|decision| decision.ruling == Ruling::Conflict);
    let mut newest: Vec<_> = conflicts.filter_map(Decision::newest_file).collect();
    newest.sort_by(|left, right| (right.modified, &left.source).cmp(&(left.modified, &right.source)));
    let mut files: Vec<&str> = newest.into_iter().map(|candidate| candidate.source.file.as_str()).collect();
    files.dedup();
    files
}
