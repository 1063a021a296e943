//! The vault as git has it at a revision, and as it lies on the disk. Nothing is written, and no file of either is
//! taken for vouched for: what is compared is what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use super::crypt;
use super::group;
use super::identity::Identities;
use super::layout::{GroupFile, Layout};
use super::read::read_problem;
use super::store::{self, LARGEST_FILE, ReadError};
use crate::domain::difference::Side;
use crate::domain::finding::Problem;
use crate::domain::name::EnvironmentName;
use crate::domain::typed::Typed;

/// Why git did not say what it has.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no such program.
    #[error("`git` is not on the PATH")]
    Absent,
    /// It could not be run.
    #[error("`git` could not be run")]
    Unusable(#[source] io::Error),
    /// The project is in no repository.
    #[error("this is not a git repository")]
    NoRepository,
    /// There is no such revision.
    #[error("git has no revision {0}")]
    NoRevision(Typed),
    /// It says itself that it failed.
    #[error("`git` failed: {0}")]
    Failed(String),
}

/// The content of a file, or why it was not read.
type Content = Result<Vec<u8>, ReadError>;

/// The files with values of each environment.
pub type Files = BTreeMap<EnvironmentName, BTreeMap<String, Content>>;

/// The repository that a project is in.
#[derive(Debug)]
pub struct Repository<'a> {
    layout: &'a Layout,
    variables: &'a BTreeMap<String, OsString>,
}

impl<'a> Repository<'a> {
    /// Takes a project, and the variables that git is run with as far as they are its business.
    pub const fn of(layout: &'a Layout, variables: &'a BTreeMap<String, OsString>) -> Self {
        Self { layout, variables }
    }

    /// Returns the commit that a revision means.
    pub fn commit(&self, revision: &str) -> Result<String, GitError> {
        let wanted = format!("{revision}^{{commit}}");
        let output = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted], &[])?;
        let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(commit);
        }
        // Without a word, the revision is what it does not know.
        Err(failure(&output).unwrap_or_else(|| GitError::NoRevision(Typed::new(revision))))
    }

    /// Returns the files with values at a commit.
    pub fn files(&self, commit: &str) -> Result<Files, GitError> {
        let output = self.run(&["ls-tree", "-r", "-z", "-l", commit, "--", "vault/"], &[])?;
        if !output.status.success() {
            return Err(failure(&output).unwrap_or_else(|| GitError::Failed(output.status.to_string())));
        }
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let listed: Vec<Listed<'_>> = listing.split('\0').filter_map(|line| self.listed(line)).collect();
        let small = || listed.iter().filter(|it| it.size <= LARGEST_FILE);
        let contents = self.contents(small().map(|it| it.object))?;
        let mut contents = contents.into_iter();
        let mut files = Files::new();
        for Listed { environment, file, size, .. } in &listed {
            let content = if *size > LARGEST_FILE {
                Err(ReadError::TooLarge(LARGEST_FILE))
            } else {
                contents.next().ok_or_else(|| GitError::Failed("it has not every file".to_owned())).map(Ok)?
            };
            files.entry(environment.clone()).or_default().insert(file.name().to_owned(), content);
        }
        Ok(files)
    }

    /// Reads one line of `git ls-tree -l`: mode, kind, object, size, and behind a tab the path.
    fn listed<'b>(&self, line: &'b str) -> Option<Listed<'b>> {
        let (facts, path) = line.split_once('\t')?;
        let mut facts = facts.split_ascii_whitespace();
        let (_, kind, object, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?.parse().ok()?);
        let (environment, name) = path.strip_prefix("vault/")?.split_once('/')?;
        let environment = EnvironmentName::parse(environment).ok()?;
        let file = self.layout.group(&environment, name).filter(|_| kind == "blob" && !name.contains('/'))?;
        Some(Listed { environment, file, object, size })
    }

    /// Returns the contents of objects, in their order.
    fn contents<'b>(&self, objects: impl Iterator<Item = &'b str>) -> Result<Vec<Vec<u8>>, GitError> {
        let wanted: String = objects.flat_map(|object| [object, "\n"]).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.run(&["cat-file", "--batch"], wanted.as_bytes())?;
        if !output.status.success() {
            return Err(failure(&output).unwrap_or_else(|| GitError::Failed(output.status.to_string())));
        }
        contents(&output.stdout).ok_or_else(|| GitError::Failed("it has not every file of that revision".to_owned()))
    }

    /// Runs git without a shell, in the project's folder. It gets no variable that may hold a key or token.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Output, GitError> {
        const ITS_OWN: &[&str] = &["PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "XDG_CONFIG_HOME"];
        let is_its_own = |name: &str| ITS_OWN.contains(&name.to_ascii_uppercase().as_str()) || name.starts_with("GIT_");
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.layout.root()).env_clear();
        command.envs(self.variables.iter().filter(|(name, _)| is_its_own(name)));
        // Its words are compared; nothing is asked, and nothing is fetched.
        command.envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_NO_LAZY_FETCH", "1")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::Absent,
            _ => GitError::Unusable(error),
        })?;
        let stdin = child.stdin.take();
        thread::scope(|scope| {
            // It answers while it is asked, so that both ends are served at once.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output().map_err(GitError::Unusable)
        })
    }
}

struct Listed<'a> {
    environment: EnvironmentName,
    file: GroupFile,
    object: &'a str,
    size: u64,
}

/// Takes apart what `git cat-file --batch` writes: a line of object, kind and size, the content, and a line end.
fn contents(mut output: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut contents = Vec::new();
    while !output.is_empty() {
        let end = output.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&output[..end]).ok()?;
        let size: usize = line.rsplit(' ').next()?.parse().ok()?;
        let content = output.get(end + 1..end + 1 + size)?;
        contents.push(content.to_vec());
        output = output.get(end + 2 + size..)?;
    }
    Some(contents)
}

/// Returns why git failed, if it says so.
fn failure(output: &Output) -> Option<GitError> {
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    if line.contains("not a git repository") {
        return Some(GitError::NoRepository);
    }
    Some(GitError::Failed(line.chars().filter(|c| !c.is_control()).collect()))
}

/// Returns the files with values of these environments as they lie on the disk.
pub fn present(layout: &Layout, environments: &BTreeSet<EnvironmentName>) -> io::Result<Files> {
    let mut files = Files::new();
    for environment in environments {
        for file in layout.groups(environment)? {
            let content = store::read(&file.path);
            files.entry(environment.clone()).or_default().insert(file.name().to_owned(), content);
        }
    }
    Ok(files)
}

/// Opens the files of one environment, but for those that are the same in `other`.
pub fn side(
    layout: &Layout,
    environment: &EnvironmentName,
    files: &BTreeMap<String, Content>,
    other: &BTreeMap<String, Content>,
    identities: &Identities,
    recipients: &[String],
) -> (Side, Vec<Problem>) {
    let (mut side, mut problems) = (Side::default(), Vec::new());
    for (name, content) in files {
        let Some(file) = layout.group(environment, name) else { continue };
        let same = matches!((content, other.get(name)), (Ok(one), Some(Ok(other))) if one == other);
        if same {
            continue;
        }
        let problem = |kind| Problem { file: Some(file.shown.clone()), line: None, secret: None, kind };
        let opened = match content {
            Ok(ciphertext) => crypt::open(ciphertext, &identities.keys).map_err(|error| error.problem(recipients)),
            Err(error) => Err(read_problem(error)),
        };
        match opened {
            Ok(plaintext) => {
                let group = group::parse(&file.shown, file.format, &plaintext);
                side.entries.extend(group.entries);
                problems.extend(group.problems);
            }
            Err(kind) => problems.push(problem(kind)),
        }
    }
    side.is_partial = problems.iter().any(|problem| problem.kind.hides_values());
    (side, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_writes_is_taken_apart_by_its_sizes() {
        let output = b"0a blob 4\na\n\nb\n0b blob 0\n\n0c blob 1\nx\n";
        assert_eq!(contents(output), Some(vec![b"a\n\nb".to_vec(), Vec::new(), b"x".to_vec()]));
        assert_eq!(contents(b""), Some(Vec::new()));
        for broken in [b"0a missing\n".as_slice(), b"0a blob 9\nx\n", b"0a blob 1", b"\xff\n"] {
            assert_eq!(contents(broken), None);
        }
    }
}
