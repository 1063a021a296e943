//! The recorded audits: a file for each, never written over, so that two machines and two git branches do not meet in one.

use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use vault_schema::history::{Fault, RUN_SCHEMA, Run};

use super::layout::Layout;
use super::reports::{Destination, ReportError, is_of_the_vault, without_controls};
use super::store::{self, ReadError};

/// The folder's name, beside the vault, unless another is named.
const FOLDER: &str = "history";

/// A folder of recorded audits, which may not be there yet.
#[derive(Clone, Debug)]
pub struct Records {
    folder: PathBuf,
    shown: String,
}

/// What was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The audits, the oldest first.
    pub runs: Vec<Run>,
    /// The files that could not be read.
    pub faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl Records {
    /// Takes the folder beside the vault, or the one that is named: a path from `here`.
    pub fn of(layout: &Layout, here: &Path, named: Option<&Path>) -> Self {
        match named {
            Some(path) => Self { folder: here.join(path), shown: path.display().to_string() },
            None => Self { folder: layout.root().join(FOLDER), shown: FOLDER.to_owned() },
        }
    }

    /// Makes sure that an audit can be recorded, before it begins. Nothing is left there.
    pub fn check(&self, layout: &Layout) -> Result<(), ReportError> {
        let unwritable = |source| ReportError::Unwritable { file: self.shown.clone(), source };
        let there = self.folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        // What is not there yet may lead up again.
        let mut leads_to = there.canonicalize().map_err(unwritable)?;
        for part in self.folder.strip_prefix(there).unwrap_or(Path::new("")).components() {
            match part {
                Component::ParentDir => drop(leads_to.pop()),
                part => leads_to.push(part),
            }
        }
        if is_of_the_vault(layout, &leads_to) {
            return Err(ReportError::OfTheVault { file: self.shown.clone() });
        }
        store::try_to_write(&there.join("audit.json")).map_err(unwritable)
    }

    /// Makes sure that no report takes the place of a record.
    pub fn keep_from(&self, destinations: &[Destination]) -> Result<(), ReportError> {
        let Ok(folder) = self.folder.canonicalize() else { return Ok(()) };
        let is_in_the_way = |destination: &&Destination| {
            let name = destination.path.file_name().unwrap_or_default().to_string_lossy();
            destination.path.parent() == Some(&folder) && is_record(&name)
        };
        match destinations.iter().find(is_in_the_way) {
            None => Ok(()),
            Some(destination) => Err(ReportError::OfTheHistory { file: destination.shown.clone() }),
        }
    }

    /// Writes down one audit.
    pub fn append(&self, run: &Run) -> Result<(), ReportError> {
        let unwritable = |source| ReportError::Unwritable { file: self.shown.clone(), source };
        store::make_folder(&self.folder).map_err(unwritable)?;
        let text = serde_json::to_string(run).map_err(|error| unwritable(error.into()))? + "\n";
        let name = run.at.strftime("%Y%m%dT%H%M%SZ").to_string();
        // Two machines may well begin in one second.
        for number in 1..100 {
            let ending = if number == 1 { String::new() } else { format!("-{number}") };
            match store::create(&self.folder.join(format!("{name}{ending}.json")), text.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.map_err(unwritable),
            }
        }
        Err(unwritable(io::ErrorKind::AlreadyExists.into()))
    }

    /// Reads every recorded audit. One that cannot be read is named and left out.
    pub fn read(&self) -> Result<Recorded, ReportError> {
        let unreadable = |source| ReportError::Unreadable { file: self.shown.clone(), source: ReadError::Io(source) };
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recorded::default()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut recorded = Recorded::default();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            // The folder may have been there before, with files of somebody else.
            if !path.file_name().is_some_and(|name| is_record(&name.to_string_lossy())) {
                continue;
            }
            match parse(&path) {
                Ok(run) => recorded.runs.push(run),
                Err(message) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    recorded.faults.push(Fault { file: format!("{}/{name}", self.shown), message });
                }
            }
        }
        recorded.runs.sort_by_key(|run| run.at);
        recorded.faults.sort_by(|left, right| left.file.cmp(&right.file));
        Ok(recorded)
    }
}

/// Returns whether a file is called as a record is: `20261120T080000Z.json`.
fn is_record(name: &str) -> bool {
    let is_digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(instant) = name.strip_suffix(".json") else { return false };
    instant
        .split_once('Z')
        .and_then(|(instant, _)| instant.split_once('T'))
        .is_some_and(|(day, time)| is_digits(day, 8) && is_digits(time, 6))
}

fn parse(path: &Path) -> Result<Run, String> {
    let content = store::read_record(path).map_err(|error| format!("cannot be read: {error}"))?;
    let said = |error: &serde_json::Error| if error.is_eof() { "was cut short" } else { "is not what undrift wrote" };
    let Head { schema } = serde_json::from_slice(&content).map_err(|error| said(&error).to_owned())?;
    if schema != RUN_SCHEMA {
        return Err(format!("has another format than `{RUN_SCHEMA}`"));
    }
    // What serde says repeats what is written there, which anybody may have chosen.
    let value = serde_json::from_slice(&content).map_err(|error| said(&error).to_owned())?;
    serde_json::from_value(without_controls(value)).map_err(|error| said(&error).to_owned())
}
