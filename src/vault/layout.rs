//! Where things are: the folder with `undrift.toml`, and the vault beside it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::name::{EnvironmentName, GroupName};
use crate::domain::seal::ROTATION_FILE;

/// The declarations' file name.
pub const PROJECT_FILE: &str = "undrift.toml";

/// Where the schema of that file is, from the project's folder.
pub const SCHEMA_FILE: &str = "vault/undrift.schema.json";

/// The name of the folder of files that take the place of others all at once.
pub(super) const COMING: &str = ".coming";

/// Returns what lies in a folder, by name; nothing where there is none.
fn list(folder: &Path) -> io::Result<BTreeMap<OsString, PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| entry.map(|entry| (entry.file_name(), entry.path()))).collect()
}

/// Returns whether a path is a folder, and not a link to one that lies elsewhere: nothing of that is ever moved.
pub(super) fn is_own_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn is_plain_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

/// A project's folder and what lies where in it.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

/// The format of a group's plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupFormat {
    /// `NAME = "value"`.
    Toml,
    /// `NAME=value`.
    Dotenv,
}

impl GroupFormat {
    /// Returns how the names of its files end.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Toml => ".toml.age",
            Self::Dotenv => ".env.age",
        }
    }
}

/// A file of the vault that holds values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFile {
    /// Where it is.
    pub path: PathBuf,
    /// How people call it: its path from the project's folder, with `/` between the parts.
    pub shown: String,
    /// The group's name.
    pub group: String,
    /// The format of its plaintext.
    pub format: GroupFormat,
}

impl GroupFile {
    /// Returns the file's own name, without the folder.
    pub fn name(&self) -> &str {
        self.shown.rsplit('/').next().unwrap_or(&self.shown)
    }
}

impl Layout {
    /// Takes the folder that has, or will have, `undrift.toml`.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Finds the project that a folder belongs to: its own `undrift.toml`, or that of the nearest folder above.
    pub fn find(start: &Path) -> Option<Self> {
        start.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file()).map(Self::at)
    }

    /// Returns the project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where `undrift.toml` is.
    pub fn project_file(&self) -> PathBuf {
        self.root.join(PROJECT_FILE)
    }

    /// Returns an environment's folder.
    pub fn environment(&self, environment: &EnvironmentName) -> PathBuf {
        self.root.join("vault").join(environment.as_str())
    }

    /// Returns the environments that have a folder, declared or not.
    pub fn environments(&self) -> io::Result<Vec<EnvironmentName>> {
        let folders = list(&self.root.join("vault"))?.into_iter().filter(|(_, path)| path.is_dir());
        Ok(folders.filter_map(|(name, _)| EnvironmentName::parse(name.to_str()?).ok()).collect())
    }

    /// Returns the folder of those files of an environment that take the place of others all at once: from the moment that
    /// it is there, what lies in it is what counts.
    pub fn coming(&self, environment: &EnvironmentName) -> PathBuf {
        self.environment(environment).join(COMING)
    }

    fn file(&self, environment: &EnvironmentName, name: &str) -> PathBuf {
        let coming = self.coming(environment);
        let file = coming.join(name);
        if is_own_folder(&coming) && is_plain_file(&file) { file } else { self.environment(environment).join(name) }
    }

    /// Returns where an environment's recipients are.
    pub fn recipients(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, "recipients.txt")
    }

    /// Returns where an environment's fingerprint key is.
    pub fn key(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, "key.age")
    }

    /// Returns where an environment's receipts are.
    pub fn receipts(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, "receipts.toml")
    }

    /// Returns where an environment's seal is.
    pub fn seal(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, "seal.toml")
    }

    /// Returns where an environment's rotations are that are under way.
    pub fn rotation(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, ROTATION_FILE)
    }

    /// Returns where an environment's log is.
    pub fn log(&self, environment: &EnvironmentName) -> PathBuf {
        self.file(environment, "log.jsonl")
    }

    /// Returns the schema of undrift.toml, which editors read.
    pub fn schema(&self) -> PathBuf {
        self.root.join(SCHEMA_FILE)
    }

    /// Returns where it is said how git treats the vault's files.
    pub fn attributes(&self) -> PathBuf {
        self.root.join("vault").join(".gitattributes")
    }

    /// Returns what this machine remembers of seals and logs.
    pub fn seen(&self) -> PathBuf {
        self.local().join("seen.toml")
    }

    /// Returns this machine's own folder.
    pub fn local(&self) -> PathBuf {
        self.root.join(".undrift")
    }

    /// Returns how people call a file: its path from the project's folder, with `/` between the parts.
    pub fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        let parts = path.components().map(std::path::Component::as_os_str).filter(|part| *part != COMING);
        parts.map(OsStr::to_string_lossy).collect::<Vec<_>>().join("/")
    }

    /// Returns the file a new group is written to.
    pub fn new_group(&self, environment: &EnvironmentName, group: &GroupName) -> GroupFile {
        let path = self.environment(environment).join(format!("{group}{}", GroupFormat::Toml.ending()));
        GroupFile { shown: self.shown(&path), path, group: group.to_string(), format: GroupFormat::Toml }
    }

    /// Returns the file with values of this name, if such a file has values.
    pub fn group(&self, environment: &EnvironmentName, name: &str) -> Option<GroupFile> {
        let path = self.environment(environment).join(name);
        let of = |format: GroupFormat| Some((name.strip_suffix(format.ending())?, format));
        let (group, format) = of(GroupFormat::Toml).or_else(|| of(GroupFormat::Dotenv))?;
        let is_hidden = group.starts_with('.');
        (!is_hidden).then(|| GroupFile { shown: self.shown(&path), group: group.to_owned(), format, path })
    }

    /// Returns an environment's files with values, sorted by name. An environment without a folder has none.
    pub fn groups(&self, environment: &EnvironmentName) -> io::Result<Vec<GroupFile>> {
        let mut paths = list(&self.environment(environment))?;
        let coming = self.coming(environment);
        if is_own_folder(&coming) {
            paths.extend(list(&coming)?.into_iter().filter(|(_, path)| is_plain_file(path)));
        }
        let mut groups = Vec::new();
        for (name, path) in paths {
            // A link that leads nowhere is a file that cannot be read, not one that is not there.
            let file = self.group(environment, &name.to_string_lossy()).filter(|_| !path.is_dir());
            groups.extend(file.map(|file| GroupFile { shown: self.shown(&path), path, ..file }));
        }
        groups.sort_by(|left, right| left.shown.cmp(&right.shown));
        Ok(groups)
    }
}
