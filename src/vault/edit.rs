//! One file of the vault as text that a person edits: opened whole, and written back only over what was opened.

use std::io;

use zeroize::Zeroizing;

use super::crypt;
use super::group::{self, Group};
use super::identity::Identities;
use super::layout::{GroupFile, GroupFormat};
use super::read::Environment;
use super::recipients::Recipients;
use super::seal::Sealing;
use super::store;
use super::write::{self, WriteError};
use crate::domain::edit::{Difference, with_remarks};
use crate::domain::finding::Problem;
use crate::domain::seal::ContentHash;
use crate::domain::secret::LONGEST_VALUE;

/// What a value must not be, and how that is told.
type Rule = (fn(&str) -> bool, &'static str);

/// A file as it was when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: GroupFile,
    /// Its text.
    pub text: Zeroizing<Vec<u8>>,
    /// The hash of its ciphertext; none for a file that is not there yet.
    hash: Option<ContentHash>,
}

/// Why an edit was not written. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Somebody else wrote it meanwhile.
    #[error("{file} was changed by somebody else while you edited it")]
    Moved {
        /// The file.
        file: String,
    },
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Opens a file, or begins one that is not there yet. The project's lock is held meanwhile.
pub fn open(file: GroupFile, identities: &Identities, sealing: &Sealing<'_>) -> Result<Opened, WriteError> {
    let name = || file.shown.clone();
    let ciphertext =
        store::read_if_present(&file.path).map_err(|source| WriteError::Unreadable { file: name(), source })?;
    sealing.vouches_for(&file.path, ciphertext.as_deref())?;
    let text = match &ciphertext {
        None => Zeroizing::default(),
        Some(ciphertext) => {
            crypt::open(ciphertext, &identities.keys).map_err(|source| WriteError::Closed { file: name(), source })?
        }
    };
    Ok(Opened { hash: ciphertext.as_deref().map(ContentHash::of), text, file })
}

impl Opened {
    /// Returns what a text holds for this file.
    pub fn parse(&self, text: &[u8]) -> Group {
        group::parse(self.name(), self.file.format, text)
    }

    /// Returns what the text in hand touches.
    pub fn difference(&self, text: &[u8]) -> Difference {
        Difference::between(&self.parse(&self.text).entries, &self.parse(text).entries)
    }

    /// Returns what the plain text is called: the file's name without `.age`.
    pub fn name(&self) -> &str {
        self.file.name().trim_end_matches(".age")
    }

    /// Returns why a text cannot stand in this file, a line each: `line 3: B-C cannot be a secret's name`. The lines are
    /// counted in the text as it is shown, below that many remarks.
    pub fn faults(&self, text: &[u8], remarks: usize, allow_empty: bool, environment: &Environment) -> Vec<String> {
        let shown = Zeroizing::new(with_remarks(text, &vec![String::new(); remarks]));
        let mut group = self.parse(&shown);
        group.problems.sort_by_key(|problem| problem.line);
        let mut faults = Vec::new();
        for problem in group.problems.iter().filter(|problem| problem.kind.hides_values()) {
            let line = problem.line.map_or_else(String::new, |line| format!("line {line}: "));
            let name = problem.secret.as_ref().map_or_else(String::new, |name| format!("{name} "));
            faults.push(format!("{line}{name}{}", problem.kind));
        }
        let before = self.parse(&self.text).entries;
        let was =
            |name, is: fn(&str) -> bool| before.iter().any(|(old, entry)| old == name && is(entry.value.expose()));
        for (name, entry) in &group.entries {
            let rules: [Rule; 3] = [
                (|value| value.contains('\0'), "has a NUL character, which no environment variable can hold"),
                (|value| value.len() > LONGEST_VALUE, "is longer than 1 MiB, which no target takes"),
                (str::is_empty, "is empty; `--allow-empty` takes it"),
            ];
            for (is_wrong, why) in rules {
                let is_allowed = allow_empty && entry.value.is_empty();
                if is_wrong(entry.value.expose()) && !is_allowed && !was(name, is_wrong) {
                    faults.push(format!("line {}: {name} {why}", entry.source.line));
                }
            }
        }
        faults.extend(self.clashes(&group, environment));
        faults
    }

    /// Returns which names are new here and stand in another file of the environment, or may do so.
    fn clashes(&self, group: &Group, environment: &Environment) -> Vec<String> {
        let before = self.parse(&self.text).entries;
        let is_new = |name| !before.iter().any(|(old, _)| old == name);
        let may_hide = |problem: &&Problem, name| {
            problem.may_hide(name) && problem.file.as_ref().is_some_and(|file| *file != self.file.shown)
        };
        let mut clashes = Vec::new();
        for (name, entry) in group.entries.iter().filter(|(name, _)| is_new(name)) {
            let line = entry.source.line;
            let others = environment.names.iter().filter(|(file, _)| *file != self.file.name());
            let mut known = others.filter(|(_, names)| names.contains(name)).map(|(file, _)| file);
            if let Some(file) = known.next() {
                clashes.push(format!("line {line}: {name} stands in {file} already"));
            } else if let Some(problem) = environment.inventory.problems.iter().find(|it| may_hide(it, name)) {
                clashes.push(format!("line {line}: {name} may stand in a file that must be mended first: {problem}"));
            }
        }
        clashes
    }

    /// Writes a text over what was opened, and over nothing else. The project's lock is held meanwhile.
    pub fn replace(&self, text: &[u8], recipients: &Recipients, sealing: &mut Sealing<'_>) -> Result<(), EditError> {
        let file = || self.file.shown.clone();
        let there = store::read_if_present(&self.file.path)
            .map_err(|source| WriteError::Unreadable { file: file(), source })?;
        if there.as_deref().map(ContentHash::of) != self.hash {
            return Err(EditError::Moved { file: file() });
        }
        sealing.vouches_for(&self.file.path, there.as_deref()).map_err(WriteError::from)?;
        let unencrypted = |source: io::Error| WriteError::Unencrypted { file: file(), source };
        let encrypted = crypt::seal(text, &recipients.keys).map_err(unencrypted)?;
        write::is_readable(&self.file, &encrypted)?;
        sealing.write(&self.file.path, &encrypted, there.is_none()).map_err(WriteError::from)?;
        Ok(())
    }

    /// Returns whether the file is as it was opened.
    pub fn is_untouched(&self) -> bool {
        store::read_if_present(&self.file.path).is_ok_and(|there| there.as_deref().map(ContentHash::of) == self.hash)
    }

    /// Returns names whose value is new while the day beside it, on which it was made, is the old one.
    pub fn undated(&self, text: &[u8]) -> Vec<String> {
        let before = self.parse(&self.text).entries;
        let after = self.parse(text).entries;
        let is_undated = |(name, new): &&(_, crate::domain::inventory::Entry)| {
            let old = before.iter().find(|(old, _)| old == name).map(|(_, entry)| entry);
            new.rotated.is_some()
                && old.is_some_and(|old| old.rotated == new.rotated && old.value.expose() != new.value.expose())
        };
        after.iter().filter(is_undated).map(|(name, _)| name.to_string()).collect()
    }
}

/// Returns the file that a person names: by its group, or by its name with the format where that is not enough. A name
/// that no file has is that of a new one.
pub fn named<'a>(groups: &'a [GroupFile], name: &str) -> Vec<&'a GroupFile> {
    let bare = name.strip_suffix(".age").unwrap_or(name);
    let exact: Vec<&GroupFile> = groups.iter().filter(|file| file.name().trim_end_matches(".age") == bare).collect();
    if exact.is_empty() { groups.iter().filter(|file| file.group == name).collect() } else { exact }
}

/// Returns what a person calls a file, so that no other is meant.
pub fn called(file: &GroupFile, groups: &[GroupFile]) -> String {
    let is_alone = groups.iter().filter(|other| other.group == file.group).count() == 1;
    let ending = match file.format {
        GroupFormat::Toml => ".toml",
        GroupFormat::Dotenv => ".env",
    };
    if is_alone { file.group.clone() } else { format!("{}{ending}", file.group) }
}
