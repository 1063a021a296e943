//! The inventory: one environment of the vault, decrypted and typed, with every problem found while reading it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::compose::Template;
use super::finding::{Problem, ProblemKind, Source};
use super::name::{EnvironmentName, SecretName};
use super::secret::SecretValue;

/// One environment of the vault.
#[derive(Debug)]
pub struct Inventory {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its values by name. A name that stands twice is not among them.
    pub entries: BTreeMap<SecretName, Entry>,
    /// Those of the names that stand in no file: old values which belong at the places, too, while a rotation lasts.
    pub beside: BTreeSet<SecretName>,
    /// Names under which old values stood at the places that are to be gone from there, while a rotation is open.
    pub over: BTreeSet<SecretName>,
    /// Everything that was wrong, sorted by file and line.
    pub problems: Vec<Problem>,
}

/// One value with what is said about it.
#[derive(Debug)]
pub struct Entry {
    /// The value.
    pub value: SecretValue,
    /// What the value is composed by, if it is composed of others.
    pub template: Option<Template>,
    /// The value before it, kept while a rotation is under way.
    pub previous: Option<SecretValue>,
    /// The day it was last changed.
    pub rotated: Option<Date>,
    /// The day it ceases to be valid.
    pub expires: Option<Date>,
    /// Where it stands.
    pub source: Source,
}

impl Inventory {
    /// Returns whether every file could be read to the end, so that a name that is not here is not in the vault.
    pub fn is_complete(&self) -> bool {
        !self.problems.iter().any(|problem| problem.kind.hides_values())
    }

    /// Returns whether values are missing because the seal does not vouch for their files.
    pub fn is_sealed_off(&self) -> bool {
        let hides = |problem: &Problem| matches!(&problem.kind, ProblemKind::Seal(breach) if breach.hides_values());
        self.problems.iter().any(hides)
    }
}
