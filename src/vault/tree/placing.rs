//! Which file of the vault each imported value goes to.

use std::collections::BTreeMap;
use std::io;

use crate::domain::intake::Decision;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::secret::SecretValue;
use crate::vault::layout::{GroupFile, Layout};

/// The values that go to one file.
#[derive(Debug)]
pub struct Placed<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The file.
    pub file: GroupFile,
    /// The decisions that write to it, sorted by name.
    pub decisions: Vec<&'a Decision<'a>>,
}

impl<'a> Placed<'a> {
    /// Returns the names and values to put there.
    pub fn entries(&self) -> Vec<(&'a SecretName, &'a SecretValue)> {
        let written = self.decisions.iter().filter_map(|decision| decision.written());
        written.map(|candidate| (&candidate.name, &candidate.value)).collect()
    }
}

/// Places every value that is to be written: where the name stands already, or in its group's file.
pub fn place<'a>(layout: &Layout, decisions: &'a [Decision<'a>]) -> io::Result<Vec<Placed<'a>>> {
    let mut environments: BTreeMap<&EnvironmentName, Vec<GroupFile>> = BTreeMap::new();
    let mut placed: BTreeMap<(&EnvironmentName, String), Placed<'a>> = BTreeMap::new();
    for decision in decisions {
        let Some(candidate) = decision.written() else { continue };
        if !environments.contains_key(decision.environment) {
            environments.insert(decision.environment, layout.groups(decision.environment)?);
        }
        let there = environments.get(decision.environment).map(Vec::as_slice).unwrap_or_default();
        let group = candidate.group.as_str();
        let file = match decision.file {
            Some(shown) => there.iter().find(|file| file.shown == shown),
            // Many disks cannot tell `API` from `api`.
            None => there.iter().find(|file| file.group.eq_ignore_ascii_case(group)),
        };
        let file = file.cloned().unwrap_or_else(|| layout.new_group(decision.environment, &candidate.group));
        placed
            .entry((decision.environment, file.shown.clone()))
            .or_insert_with(|| Placed { environment: decision.environment, file, decisions: Vec::new() })
            .decisions
            .push(decision);
    }
    Ok(placed.into_values().collect())
}
