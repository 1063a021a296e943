//! Reports as files: written where a person says, and an earlier one read back.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use vault_schema::audit::{Report, SCHEMA};

use super::layout::{Layout, PROJECT_FILE};
use super::store::{self, ReadError};

/// What the schemas of all versions begin with.
const FAMILY: &str = "undrift/audit/";

/// How much is read of one report, in bytes: some three hundred thousand rows.
const LARGEST_REPORT: u64 = 256 * 1024 * 1024;

/// Why a report was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The operating system refused to read it.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// Larger than any report.
    #[error("{file} is larger than {} MiB, the most that is read of a report", LARGEST_REPORT >> 20)]
    TooLarge {
        /// The file.
        file: String,
    },
    /// Not the report of an audit.
    #[error("{file} is not a report that `undrift audit --format json` wrote")]
    NotOne {
        /// The file.
        file: String,
    },
    /// A report with a line that no undrift wrote.
    #[error("{file}:{line}: is not what undrift wrote there")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A version this program does not read.
    #[error("{file} has the format `{schema}`, and this undrift reads `{SCHEMA}`")]
    Version {
        /// The file.
        file: String,
        /// Its format.
        schema: String,
    },
    /// The operating system refused to write it.
    #[error("cannot write {file}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device, or something else that a report would destroy.
    #[error("{file} is there already, and is not a plain file")]
    InTheWay {
        /// The file.
        file: String,
    },
    /// A file of the vault, or one that says what is in it.
    #[error("{file} belongs to the vault or to git, and an audit writes nothing there")]
    OfTheVault {
        /// The file.
        file: String,
    },
    /// A recorded audit.
    #[error("{file} is where an audit is recorded, and no report takes the place of a record")]
    OfTheHistory {
        /// The file.
        file: String,
    },
    /// A report that is read.
    #[error("{file} is one of the reports that are read, and would be written over")]
    Read {
        /// The file.
        file: String,
    },
    /// Two reports in one file.
    #[error("{file} is named twice, and would hold the last report alone")]
    Twice {
        /// The file.
        file: String,
    },
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// Reads an earlier report. `path` is shown as it is, and lies in `folder` unless it is absolute.
pub fn read(folder: &Path, path: &Path) -> Result<Report, ReportError> {
    let file = path.display().to_string();
    let content = store::read_up_to(&folder.join(path), LARGEST_REPORT)
        .map_err(|source| ReportError::Unreadable { file: file.clone(), source: source.into() })?;
    let Some(content) = content else { return Err(ReportError::TooLarge { file }) };
    let Ok(Head { schema }) = serde_json::from_slice(&content) else { return Err(ReportError::NotOne { file }) };
    if !schema.starts_with(FAMILY) {
        return Err(ReportError::NotOne { file });
    }
    if schema != SCHEMA {
        return Err(ReportError::Version { file, schema });
    }
    // What serde says repeats what is written there, which anybody may have chosen.
    let malformed = |error: serde_json::Error| ReportError::Malformed { file: file.clone(), line: error.line() };
    // Only text has lines to name.
    let _: Report = serde_json::from_slice(&content).map_err(malformed)?;
    let value = serde_json::from_slice(&content).map_err(malformed)?;
    serde_json::from_value(without_controls(value)).map_err(malformed)
}

/// Takes out what would command a terminal: a report may come from anywhere, and its texts are shown.
pub(super) fn without_controls(value: Value) -> Value {
    let clean = |text: String| text.replace(char::is_control, "?");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(values) => values.into_iter().map(without_controls).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (clean(name), without_controls(value))).collect()
        }
        other => other,
    }
}

/// A file that a report can be written to.
#[derive(Debug)]
pub struct Destination {
    pub(super) path: PathBuf,
    pub(super) shown: String,
}

/// Makes sure that reports can be written to all of these files, before anything else is done. Nothing is left there.
pub fn destinations(layout: &Layout, folder: &Path, paths: &[&Path]) -> Result<Vec<Destination>, ReportError> {
    let mut destinations: Vec<Destination> = Vec::with_capacity(paths.len());
    for path in paths {
        let destination = destination(layout, folder, path)?;
        if destinations.iter().any(|other| other.path == destination.path) {
            return Err(ReportError::Twice { file: destination.shown });
        }
        destinations.push(destination);
    }
    Ok(destinations)
}

fn destination(layout: &Layout, folder: &Path, path: &Path) -> Result<Destination, ReportError> {
    let shown = path.display().to_string();
    let unwritable = |source| ReportError::Unwritable { file: shown.clone(), source };
    let path = folder.join(path);
    // What leads there may be a link, and two ways may lead to one file.
    let path = if let Ok(path) = path.canonicalize() {
        path
    } else {
        let name = path.file_name().ok_or_else(|| unwritable(io::ErrorKind::InvalidFilename.into()))?;
        store::folder_of(&path).canonicalize().map_err(unwritable)?.join(name)
    };
    if is_of_the_vault(layout, &path) {
        return Err(ReportError::OfTheVault { file: shown });
    }
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(ReportError::InTheWay { file: shown });
    }
    store::try_to_write(&path).map_err(unwritable)?;
    Ok(Destination { path, shown })
}

/// Refuses to write over a report that is read: it could not be merged anew.
pub fn keeps(destinations: &[Destination], folder: &Path, path: &Path) -> Result<(), ReportError> {
    let Ok(read) = folder.join(path).canonicalize() else { return Ok(()) };
    match destinations.iter().find(|destination| destination.path == read) {
        None => Ok(()),
        Some(destination) => Err(ReportError::Read { file: destination.shown.clone() }),
    }
}

/// Returns whether a path, followed to its end, leads to what an audit must not write to.
pub(super) fn is_of_the_vault(layout: &Layout, path: &Path) -> bool {
    let Ok(root) = layout.root().canonicalize() else { return false };
    let own = [root.join("vault"), root.join(".undrift")];
    // The repository may be that of a folder above, or of another one that this is a work tree of.
    let is_of_git = path.components().any(|part| part.as_os_str() == ".git");
    is_of_git || own.iter().any(|own| path.starts_with(own)) || path == root.join(PROJECT_FILE)
}

/// Writes a report in place of what was there.
pub fn write(destination: &Destination, text: &str) -> Result<(), ReportError> {
    let unwritable = |source| ReportError::Unwritable { file: destination.shown.clone(), source };
    store::replace_public(&destination.path, text.as_bytes()).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("vault/staging")).expect("a vault");
        std::fs::write(folder.path().join("undrift.toml"), "version = 1\n").expect("declarations");
        let layout = Layout::at(folder.path());
        (folder, layout)
    }

    #[test]
    fn nothing_in_an_earlier_report_commands_a_terminal() {
        let found = serde_json::json!({ "na\u{1b}me": ["\u{1b}[2Jtext\n", 1, null] });
        assert_eq!(without_controls(found), serde_json::json!({ "na?me": ["?[2Jtext?", 1, null] }));
    }

    #[test]
    fn no_report_goes_where_it_would_destroy_something() {
        let (folder, layout) = project();
        let (_elsewhere, other) = project();
        let checked = |path: &str| destinations(&layout, folder.path(), &[Path::new(path)]).map(|_| ());
        assert!(checked("report.json").is_ok());
        for path in ["vault/staging/report.json", "vault/report.json", "undrift.toml", "vault/../undrift.toml"] {
            assert!(matches!(checked(path), Err(ReportError::OfTheVault { .. })), "{path}");
        }
        for path in ["vault", "."] {
            assert!(checked(path).is_err(), "{path}");
        }
        assert!(matches!(checked("nowhere/report.json"), Err(ReportError::Unwritable { .. })));
        let beyond = other.root().join("report.json");
        assert!(destinations(&layout, folder.path(), &[&beyond]).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "a check leaves nothing");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_and_a_link_to_the_vault_are_refused() {
        let (folder, layout) = project();
        let checked = |path: &str| destinations(&layout, folder.path(), &[Path::new(path)]).map(|_| ());
        assert!(matches!(checked("/dev/null"), Err(ReportError::InTheWay { .. })));
        std::os::unix::fs::symlink("undrift.toml", folder.path().join("link.json")).expect("a link");
        assert!(matches!(checked("link.json"), Err(ReportError::OfTheVault { .. })));
    }

    #[test]
    fn two_ways_to_one_file_are_one_file() {
        let (folder, layout) = project();
        let (one, other) = (Path::new("report.json"), Path::new("vault/../report.json"));
        let both = destinations(&layout, folder.path(), &[one, other]);
        assert!(matches!(both, Err(ReportError::Twice { .. })));
    }

    #[test]
    fn an_earlier_report_is_read_or_refused_by_name() {
        let (folder, _) = project();
        let read = |content: &str| {
            std::fs::write(folder.path().join("before.json"), content).expect("writing");
            read(folder.path(), Path::new("before.json")).map(|_| ()).expect_err("no report").to_string()
        };
        assert_eq!(read("{}"), "before.json is not a report that `undrift audit --format json` wrote");
        assert_eq!(read("not JSON"), "before.json is not a report that `undrift audit --format json` wrote");
        assert_eq!(
            read(r#"{"schema": "undrift/audit/0"}"#),
            "before.json has the format `undrift/audit/0`, and this undrift reads `undrift/audit/1`"
        );
        assert_eq!(
            read("{\"schema\": \"undrift/audit/1\",\n\"tool\": 1}"),
            "before.json:2: is not what undrift wrote there"
        );
    }
}
