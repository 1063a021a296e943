//! `.undrift/rename.toml`: a rename that was begun, so that the same command finishes one that was interrupted.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use vault_schema::renaming::{RenamingFile, VERSION};

use super::layout::Layout;
use super::store::{self, ReadError};
use crate::domain::name::{EnvironmentName, SecretName};

/// A rename of one secret in some environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renaming {
    /// The name it had.
    pub old: SecretName,
    /// The name it gets.
    pub new: SecretName,
    /// The environments.
    pub environments: Vec<EnvironmentName>,
    /// When it was begun.
    pub at: Timestamp,
}

/// What was begun cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RenamingError {
    /// The operating system refused.
    #[error("cannot read .undrift/rename.toml")]
    Unreadable(#[source] ReadError),
    /// It is not one that undrift wrote.
    #[error(".undrift/rename.toml is not one that undrift wrote")]
    Malformed,
}

fn path(layout: &Layout) -> PathBuf {
    layout.local().join("rename.toml")
}

/// Reads the rename that was begun and not finished.
pub fn read(layout: &Layout) -> Result<Option<Renaming>, RenamingError> {
    let content = store::read_if_present(&path(layout)).map_err(RenamingError::Unreadable)?;
    content.map(|content| unfile(&content).ok_or(RenamingError::Malformed)).transpose()
}

fn unfile(content: &[u8]) -> Option<Renaming> {
    let file: RenamingFile = toml::from_str(std::str::from_utf8(content).ok()?).ok()?;
    let environments = file.environments.iter().map(|name| EnvironmentName::parse(name).ok()).collect::<Option<_>>()?;
    let (old, new) = (SecretName::parse(&file.old).ok()?, SecretName::parse(&file.new).ok()?);
    (file.version == VERSION).then_some(Renaming { old, new, environments, at: file.at })
}

/// Notes that a rename begins.
pub fn begin(layout: &Layout, renaming: &Renaming) -> io::Result<()> {
    let file = RenamingFile {
        version: VERSION,
        old: renaming.old.to_string(),
        new: renaming.new.to_string(),
        environments: renaming.environments.iter().map(ToString::to_string).collect(),
        at: renaming.at,
    };
    store::make_folder(&layout.local())?;
    let text = toml::to_string(&file).map_err(io::Error::other)?;
    store::replace(&path(layout), text.as_bytes())
}

/// Notes that all of it is done.
pub fn end(layout: &Layout) -> io::Result<()> {
    std::fs::remove_file(path(layout))?;
    store::sync_folder_of(&path(layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_known_from_its_beginning_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        assert_eq!(read(&layout).expect("nothing"), None);
        let name = |text| SecretName::parse(text).expect("a name");
        let renaming = Renaming {
            old: name("A"),
            new: name("B"),
            environments: vec![EnvironmentName::parse("staging").expect("a name")],
            at: "2026-11-20T08:00:00Z".parse().expect("a time"),
        };
        begin(&layout, &renaming).expect("writing");
        assert_eq!(read(&layout).expect("a rename"), Some(renaming));
        end(&layout).expect("removing");
        assert_eq!(read(&layout).expect("nothing"), None);
        std::fs::write(path(&layout), "version = 2\n").expect("writing");
        assert!(matches!(read(&layout), Err(RenamingError::Malformed)));
    }
}
