//! What git knows of a project's files, asked of git itself.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What git says of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Whether this machine's own folder is kept out of it.
    pub ignores_local: bool,
    /// Files that are in it.
    pub committed: Vec<String>,
    /// Files that are not in it, and that the next `git add` would take.
    pub untracked: Vec<String>,
}

/// A program to ask, with the variables it gets.
#[derive(Debug)]
pub struct Program<'a> {
    /// Where it is.
    pub path: PathBuf,
    /// The variables it inherits.
    pub variables: Vec<(&'a OsStr, &'a OsStr)>,
}

impl Program<'_> {
    /// Runs the program in a folder, and returns its output if it says that all went well.
    pub fn ask<A: AsRef<OsStr>>(&self, folder: &Path, arguments: &[A]) -> Option<Vec<u8>> {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(folder).env_clear().envs(self.variables.iter().copied());
        command.env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok()?;
        output.status.success().then_some(output.stdout)
    }
}

/// Finds a program in the folders of `PATH`.
pub fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let name = OsString::from(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    std::env::split_paths(path).map(|folder| folder.join(&name)).find(|file| file.is_file())
}

/// Asks git, and returns none where the folder is in no repository.
pub fn look(git: &Program<'_>, root: &Path) -> Option<Repository> {
    git.ask(root, &["rev-parse", "--is-inside-work-tree"])?;
    let listed = |arguments: &[&str]| -> Vec<String> {
        let output = git.ask(root, arguments).unwrap_or_default();
        let names = output.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    };
    Some(Repository {
        ignores_local: git.ask(root, &["check-ignore", "--quiet", ".undrift/lock"]).is_some(),
        committed: listed(&["ls-files", "-z"]),
        untracked: listed(&["ls-files", "-z", "--others", "--exclude-standard"]),
    })
}
