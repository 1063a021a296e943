//! A tree of env files, and of files of sops, passage and fnox: found, named by their paths, and read. Nothing in it is
//! changed.

pub mod naming;
pub mod placing;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

use super::crypt::{AnyIdentity, OpenError};
use super::foreign::{self, fnox, passage, sops};
use super::layout::Layout;
use crate::domain::finding::Source;
use crate::domain::intake::Candidate;
use crate::domain::name::{EnvironmentName, GroupName, NameError, SecretName};
use crate::domain::secret::SecretValue;
use crate::domain::suggest::nearest;
use crate::vault::dotenv;
use naming::{Named, Skip};
use reading::{Form, Reading};

/// Folders in which nobody keeps a project's values.
const PASSED_OVER: &[&str] = &[".extensions", ".git", ".undrift", "node_modules", "target"];

/// What is asked of a tree.
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
    /// The keys that open what is encrypted.
    pub identities: &'a [AnyIdentity],
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
    /// The names that were made of keys or paths, by file: of what, and the name.
    pub made: Vec<(String, Vec<(String, String)>)>,
    /// What sops keeps in the clear, by file, which is no secret.
    pub in_the_clear: Vec<(String, Vec<String>)>,
    /// How many files there are for the environments that are meant.
    pub files: usize,
    /// Whether some of those are no plain env files.
    pub foreign: bool,
    /// How many files belong to other environments.
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

/// Why nothing was taken from a file or line. None holds any value.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// Sops has encrypted it, and it is not taken.
    #[error("{0}")]
    Sops(sops::Refusal),
    /// Fnox has encrypted it, and it is not taken.
    #[error("{0}")]
    Fnox(fnox::Refusal),
    /// An entry of a store that is not taken.
    #[error("{0}")]
    Passage(passage::Refusal),
    /// It is not text.
    #[error("is not text")]
    NotText,
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

impl Reason {
    /// Returns whether another identity may open what is left.
    pub fn wants_identity(&self) -> bool {
        match self {
            Self::Sops(sops::Refusal::NoIdentity) => true,
            Self::Passage(passage::Refusal::Closed(error)) | Self::Fnox(fnox::Refusal::Closed { error, .. }) => {
                *error == OpenError::NoIdentity
            }
            _ => false,
        }
    }
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
    #[error("there is no plain .env file in {0}, nor one of sops, passage or fnox")]
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

/// A file that was found.
struct Found {
    form: Form,
    /// Whether it was named itself, not a folder it is in.
    by_hand: bool,
    path: PathBuf,
    /// The file's path below what was typed.
    below: PathBuf,
    metadata: Metadata,
}

/// Finds and reads every file.
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
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let form = reading::form_by_hand(&root, &name, request.declared);
        return Ok(vec![Found { form, by_hand: true, path: root, below: PathBuf::new(), metadata }]);
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
        let ours = folder.canonicalize().is_ok_and(|real| ours.contains(&real));
        let store = !ours && passage::is_store(&folder);
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
            match (reading::form(&path, &name, kind, store), kind) {
                // Those are what the vault itself is made of.
                _ if ours && name.strip_suffix(".age").is_some() => {}
                (Some(_), _) if metadata.is_symlink() => gathered.skipped.push((file(), Skip::Link)),
                (Some(form), _) if metadata.is_file() => {
                    found.push(Found { form, by_hand: false, path, below, metadata });
                }
                (None, naming::Kind::Skipped(skip)) => gathered.skipped.push((file(), skip)),
                _ => {}
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
    let called = match found.form {
        Form::Environment | Form::Document(_) => naming::without_marks(&name),
        Form::Fnox => name.replacen("fnox", "", 1),
        // Its name is that of a secret.
        Form::Passage => String::new(),
    };
    let folders: Vec<String> = match found.form {
        Form::Passage => folders.into_iter().filter(|folder| folder != "store").collect(),
        _ => folders,
    };
    let naming = naming::name(&folders, &called, request.declared)
        .map_err(|source| TreeError::Group { file: file.clone(), source })?;
    let environment = environment(request, naming.environments.into_iter().collect());
    let mut taking = Taking { request, found, file, group: naming.group, rank, gathered };
    if found.form != Form::Fnox {
        taking.whole(environment, &name);
        return Ok(());
    }
    let mut readings = reading::read(&found.path, found.form, found.by_hand, request.identities);
    let profiles: Vec<_> = readings
        .iter()
        .map(|reading| reading.profile.as_deref().map(|profile| naming::of_profile(profile, request.declared)))
        .collect();
    // What stands at the top of the file is in every profile already.
    let covered = match &environment {
        Err(Reason::NoEnvironment) => readings.len() > 1,
        Err(_) => false,
        Ok(environment) => profiles.iter().flatten().any(|named| named.as_str() == environment.as_str()),
    };
    for (reading, profile) in readings.drain(..).zip(profiles) {
        let own = match profile {
            Some(Named::Declared(name)) => Ok(name),
            Some(Named::Undeclared(name)) => Err(Reason::Undeclared(name)),
            None if covered => {
                let imports = |(_, reason): &(_, Reason)| matches!(reason, Reason::Fnox(fnox::Refusal::Imports));
                let left = reading.left.into_iter().filter(imports);
                taking.left(left);
                continue;
            }
            None => environment.clone(),
        };
        match own {
            Ok(environment) => taking.values(&environment, reading),
            Err(reason) => taking.left([(None, reason)]),
        }
    }
    let meant = taking
        .gathered
        .candidates
        .iter()
        .any(|c| c.source.file == taking.file && request.meant.contains(&c.environment));
    taking.count(meant || taking.gathered.left.iter().any(|left| left.file == taking.file));
    Ok(())
}

/// Returns the one environment that a path names.
fn environment(request: &Request<'_>, mut named: Vec<Named>) -> Result<EnvironmentName, Reason> {
    match (named.pop(), named.is_empty()) {
        (None, _) => request.otherwise.cloned().ok_or(Reason::NoEnvironment),
        (Some(Named::Declared(name)), true) => Ok(name),
        (Some(Named::Undeclared(name)), true) => Err(Reason::Undeclared(name)),
        (Some(last), false) => {
            named.push(last);
            Err(Reason::Ambiguous(named.iter().map(|named| format!("`{}`", named.as_str())).collect()))
        }
    }
}

/// What is known of a file while its values are taken.
struct Taking<'a, 'b> {
    request: &'a Request<'b>,
    found: &'a Found,
    file: String,
    group: GroupName,
    rank: Option<usize>,
    gathered: &'a mut Gathered,
}

impl Taking<'_, '_> {
    /// Takes a file that belongs to one environment.
    fn whole(&mut self, environment: Result<EnvironmentName, Reason>, name: &str) {
        let environment = match environment {
            Ok(environment) => environment,
            Err(reason) => {
                self.count(true);
                self.left([(None, reason)]);
                return;
            }
        };
        self.count(self.request.meant.contains(&environment));
        for mut reading in reading::read(&self.found.path, self.found.form, self.found.by_hand, self.request.identities)
        {
            if self.found.form == Form::Passage {
                let path = self.entry(name);
                for found in &mut reading.found {
                    found.entry.name = foreign::name_of(&path);
                    found.entry.made_of = Some(path.join("/"));
                }
            }
            self.values(&environment, reading);
        }
    }

    /// The path of an entry of a store below what was typed, without the folders that name the environment.
    fn entry(&self, name: &str) -> Vec<String> {
        let parts = self.found.below.parent().into_iter().flat_map(Path::components);
        let folders = parts.map(|part| part.as_os_str().to_string_lossy().into_owned());
        let folders = folders.filter(|folder| !naming::is_environment(folder, self.request.declared));
        folders.chain([name.strip_suffix(".age").unwrap_or(name).to_owned()]).collect()
    }

    /// Counts the file.
    fn count(&mut self, meant: bool) {
        *(if meant { &mut self.gathered.files } else { &mut self.gathered.elsewhere }) += 1;
        self.gathered.foreign |= meant && self.found.form != Form::Environment;
    }

    /// Keeps what was not taken; what a profile inherits is told once.
    fn left(&mut self, left: impl IntoIterator<Item = (Option<usize>, Reason)>) {
        for (line, reason) in left {
            let same = |other: &Left| {
                other.file == self.file && other.line == line && other.reason.to_string() == reason.to_string()
            };
            if !self.gathered.left.iter().any(same) {
                self.gathered.left.push(Left { file: self.file.clone(), line, reason });
            }
        }
    }

    fn values(&mut self, environment: &EnvironmentName, reading: Reading) {
        let meant = self.request.meant.contains(environment);
        let modified = self.found.metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        let mut made = Vec::new();
        for reading::Found { entry, disputed } in reading.found {
            let foreign::Entry { name, made_of, value, line } = entry;
            match SecretName::parse(&name) {
                Ok(name) => {
                    made.extend(made_of.map(|path| (path, name.to_string())));
                    self.gathered.candidates.push(Candidate {
                        environment: environment.clone(),
                        group: self.group.clone(),
                        name,
                        value: SecretValue::new(value),
                        source: Source { file: self.file.clone(), line },
                        modified: modified.unwrap_or_default(),
                        rank: self.rank,
                        disputed,
                    });
                }
                Err(error) if meant => self.left([(Some(line), Reason::Name(error))]),
                Err(_) => {}
            }
        }
        if meant {
            self.left(reading.left);
            // The entries of a store are told together.
            let of = if self.found.form == Form::Passage { shown(self.request.path) } else { self.file.clone() };
            match self.gathered.made.last_mut() {
                _ if made.is_empty() => {}
                Some((last, all)) if *last == of => {
                    made.retain(|name| !all.contains(name));
                    all.extend(made);
                }
                _ => self.gathered.made.push((of, made)),
            }
            if !reading.in_the_clear.is_empty() {
                self.gathered.in_the_clear.push((self.file.clone(), reading.in_the_clear));
            }
        }
    }
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
