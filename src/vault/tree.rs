//! A tree of plain env files: found, named by their paths, and read. Nothing in it is changed.

pub mod naming;
pub mod placing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::dotenv;
use super::layout::Layout;
use super::store::{self, ReadError};
use crate::domain::finding::Source;
use crate::domain::intake::Candidate;
use crate::domain::name::{EnvironmentName, NameError, SecretName};
use crate::domain::secret::SecretValue;
use crate::domain::suggest::nearest;
use naming::{Kind, Named, Skip};

/// Folders in which nobody keeps a project's values.
const PASSED_OVER: &[&str] = &[".git", ".undrift", "node_modules", "target"];

/// What is asked of a tree.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where the project is.
    pub layout: &'a Layout,
    /// The folder the person is in, which the paths are relative to.
    pub folder: &'a Path,
    /// The folder or file, as it was typed.
    pub path: &'a Path,
    /// The preferred files, as they were typed.
    pub prefer: &'a [PathBuf],
    /// Every declared environment.
    pub declared: &'a [EnvironmentName],
    /// The environments that are meant.
    pub meant: &'a [EnvironmentName],
    /// The environment of files that name none.
    pub otherwise: Option<&'a EnvironmentName>,
}

/// What a tree holds.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Every value, in the order of files and lines, those of environments that are not meant among them.
    pub candidates: Vec<Candidate>,
    /// What could not be taken.
    pub left: Vec<Left>,
    /// The env files that are not meant to be taken.
    pub skipped: Vec<(String, Skip)>,
    /// How many plain files there are for the environments that are meant.
    pub files: usize,
    /// How many plain files belong to other environments.
    pub elsewhere: usize,
}

/// A file, or a line of one, that nothing was taken from.
#[derive(Debug)]
pub struct Left {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// Why.
    pub reason: Reason,
}

/// Why nothing was taken from a file or line. None holds any text of a file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Its path names no environment.
    #[error("names no environment")]
    NoEnvironment,
    /// Its path names an environment that is not declared.
    #[error("names `{0}`, which is not declared in undrift.toml")]
    Undeclared(String),
    /// Its path names several environments.
    #[error("names {}", .0.join(" and "))]
    Ambiguous(Vec<String>),
    /// A line is outside the grammar, so that the lines around it may not be what they seem.
    #[error("{0}")]
    Broken(dotenv::ProblemKind),
    /// Its values are encrypted by another program.
    #[error("is encrypted by sops or dotenvx; decrypt it first")]
    Encrypted,
    /// A name that the vault does not take.
    #[error("the name {0}")]
    Name(NameError),
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// No env file is that large.
    #[error("is too large to be an env file")]
    TooLarge,
}

/// Why a tree was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The folder or file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// What was typed.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to import.
    #[error("there is no plain .env file in {0}")]
    Nothing(String),
    /// A preferred file that is not among them.
    #[error("`--prefer {file}`: no values are read from that file{}", .nearest.as_ref().map_or_else(String::new, |file| format!("; did you mean `{file}`?")))]
    NotAmong {
        /// What was typed.
        file: String,
        /// The nearest file that values are read from.
        nearest: Option<String>,
    },
    /// A path that makes no group.
    #[error("no group can be named after {file}")]
    Group {
        /// The file.
        file: String,
        /// Why.
        source: NameError,
    },
}

/// A plain file that was found.
struct Found {
    path: PathBuf,
    /// The file's path below what was typed.
    below: PathBuf,
    metadata: Metadata,
}

/// Finds and reads every plain env file.
pub fn gather(request: &Request<'_>) -> Result<Gathered, TreeError> {
    let mut gathered = Gathered::default();
    let found = find(request, &mut gathered)?;
    if found.is_empty() && gathered.left.is_empty() {
        return Err(TreeError::Nothing(shown(request.path)));
    }
    let ranks = ranks(request, &found)?;
    for file in &found {
        let rank = ranks.get(file.path.as_path()).copied();
        take(request, file, rank, &mut gathered)?;
    }
    Ok(gathered)
}

/// Walks the tree in the order of its names, without following links.
fn find(request: &Request<'_>, gathered: &mut Gathered) -> Result<Vec<Found>, TreeError> {
    let unreadable = |source| TreeError::Unreadable { path: shown(request.path), source };
    let root = request.folder.join(request.path);
    let metadata = fs::metadata(&root).map_err(unreadable)?;
    if !metadata.is_dir() {
        // A file that was named by hand is meant, whatever its name and wherever it lies.
        return Ok(vec![Found { path: root, below: PathBuf::new(), metadata }]);
    }
    let vault = request.declared.iter().map(|name| request.layout.environment(name));
    let ours: Vec<PathBuf> = vault.filter_map(|folder| folder.canonicalize().ok()).collect();
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let folder = root.join(&below);
        let entries = match sorted(&folder) {
            Ok(entries) => entries,
            Err(error) if below.as_os_str().is_empty() => return Err(unreadable(error)),
            Err(error) => {
                let file = shown(&request.path.join(&below));
                gathered.left.push(Left { file, line: None, reason: Reason::Unreadable(error.kind()) });
                continue;
            }
        };
        let mut inner = Vec::new();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, below) = (entry.path(), below.join(entry.file_name()));
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                if !PASSED_OVER.contains(&name.as_str()) {
                    inner.push(below);
                }
                continue;
            }
            let kind = naming::kind(&name, request.declared);
            let file = || shown(&request.path.join(&below));
            match kind {
                // Those are what the vault itself is made of.
                Kind::Skipped(Skip::Encrypted) if folder.canonicalize().is_ok_and(|real| ours.contains(&real)) => {}
                Kind::Skipped(skip) => gathered.skipped.push((file(), skip)),
                Kind::Plain if metadata.is_symlink() => gathered.skipped.push((file(), Skip::Link)),
                Kind::Plain if metadata.is_file() => found.push(Found { path, below, metadata }),
                Kind::Other | Kind::Plain => {}
            }
        }
        folders.extend(inner.into_iter().rev());
    }
    found.sort_by(|left, right| left.below.cmp(&right.below));
    Ok(found)
}

fn sorted(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// Returns the preferred files with their order.
fn ranks<'a>(request: &Request<'_>, found: &'a [Found]) -> Result<BTreeMap<&'a Path, usize>, TreeError> {
    let mut ranks = BTreeMap::new();
    for (rank, file) in request.prefer.iter().enumerate() {
        // A path can be typed in many ways; the system knows which are one file.
        let real = request.folder.join(file).canonicalize().ok();
        let same = |found: &&Found| real.is_some() && found.path.canonicalize().ok() == real;
        let found = found.iter().find(same).ok_or_else(|| {
            // Folders are mostly the same, so that the files' own names are compared.
            let own_name = |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned());
            let among: Vec<_> = found.iter().filter_map(|found| Some((own_name(&found.path)?, found))).collect();
            let near = own_name(file).and_then(|name| {
                let near = nearest(&name, among.iter().map(|(name, _)| name.as_str()))?;
                among.iter().find(|(name, _)| name == near)
            });
            let nearest = near.map(|(_, found)| shown(&request.path.join(&found.below)));
            let file = shown(file);
            TreeError::NotAmong { file, nearest }
        })?;
        ranks.entry(found.path.as_path()).or_insert(rank);
    }
    Ok(ranks)
}

/// Reads one file, or says why nothing is taken from it.
fn take(request: &Request<'_>, found: &Found, rank: Option<usize>, gathered: &mut Gathered) -> Result<(), TreeError> {
    let file = shown(&request.path.join(&found.below));
    let (folders, name) = parts(request, &found.below);
    let naming = naming::name(&folders, &name, request.declared)
        .map_err(|source| TreeError::Group { file: file.clone(), source })?;
    let mut named: Vec<Named> = naming.environments.into_iter().collect();
    let environment = match (named.pop(), named.is_empty()) {
        (None, _) => request.otherwise.cloned().ok_or(Reason::NoEnvironment),
        (Some(Named::Declared(name)), true) => Ok(name),
        (Some(Named::Undeclared(name)), true) => Err(Reason::Undeclared(name)),
        (Some(last), false) => {
            named.push(last);
            Err(Reason::Ambiguous(named.iter().map(|named| format!("`{}`", named.as_str())).collect()))
        }
    };
    let environment = match environment {
        Ok(environment) => environment,
        Err(reason) => {
            gathered.files += 1;
            gathered.left.push(Left { file, line: None, reason });
            return Ok(());
        }
    };
    let meant = request.meant.contains(&environment);
    *(if meant { &mut gathered.files } else { &mut gathered.elsewhere }) += 1;
    let modified = found.metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
    match read(&found.path) {
        Ok(entries) => {
            for entry in entries {
                match SecretName::parse(&entry.name) {
                    Ok(name) => gathered.candidates.push(Candidate {
                        environment: environment.clone(),
                        group: naming.group.clone(),
                        name,
                        value: SecretValue::new(entry.value),
                        source: Source { file: file.clone(), line: entry.line },
                        modified,
                        rank,
                        disputed: disputed(&entry.disagreements),
                    }),
                    Err(error) if meant => {
                        let reason = Reason::Name(error);
                        gathered.left.push(Left { file: file.clone(), line: Some(entry.line), reason });
                    }
                    Err(_) => {}
                }
            }
        }
        Err(reasons) if meant => {
            let left = reasons.into_iter().map(|(line, reason)| Left { file: file.clone(), line, reason });
            gathered.left.extend(left);
        }
        Err(_) => {}
    }
    Ok(())
}

/// Reads a file whole or not at all: next to a line that is not understood, a value may be a part of another one.
fn read(path: &Path) -> Result<Vec<dotenv::Entry>, Vec<(Option<usize>, Reason)>> {
    let content = store::read(path).map(Zeroizing::new).map_err(|error| {
        vec![match error {
            ReadError::TooLarge => (None, Reason::TooLarge),
            ReadError::Io(error) => (None, Reason::Unreadable(error.kind())),
        }]
    })?;
    let document = dotenv::parse(&content);
    // A name that stands twice is understood well; whether its values differ is decided with all the others.
    let broken: Vec<_> = document
        .problems
        .iter()
        .filter(|problem| !matches!(problem.kind, dotenv::ProblemKind::Duplicate { .. }))
        .map(|problem| (Some(problem.line), Reason::Broken(problem.kind)))
        .collect();
    if !broken.is_empty() {
        return Err(broken);
    }
    let encrypted = |value: &str| value.starts_with("ENC[AES256_GCM,") || value.starts_with("encrypted:");
    if document.entries.iter().any(|entry| encrypted(&entry.value)) {
        return Err(vec![(None, Reason::Encrypted)]);
    }
    Ok(document.entries)
}

fn disputed(dialects: &[dotenv::Dialect]) -> Option<String> {
    let words: Vec<String> = dialects.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Returns the folders that may name something, and the file's name.
///
/// Those that were typed count, those above the person's folder do not: nobody means `/srv/production` by typing `.`.
fn parts(request: &Request<'_>, below: &Path) -> (Vec<String>, String) {
    let typed = request.path.strip_prefix(request.folder).unwrap_or(request.path);
    let leaves = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
    let typed = if typed.components().any(leaves) {
        typed.file_name().map(PathBuf::from).unwrap_or_default()
    } else {
        typed.to_owned()
    };
    let mut parts: Vec<String> = typed
        .components()
        .chain(below.components())
        .filter(|part| matches!(part, Component::Normal(_)))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let file = parts.pop().unwrap_or_default();
    (parts, file)
}

/// Returns a path as a person would type it.
fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.components().filter(|part| *part != Component::CurDir).collect();
    if parts.is_empty() {
        return ".".to_owned();
    }
    parts.iter().collect::<PathBuf>().display().to_string().replace('\\', "/")
}
