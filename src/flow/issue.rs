//! A new value that a program issues: it gets the old one on standard input, and writes the new one to standard output.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use zeroize::Zeroizing;

use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::rollout::presentable;
use crate::domain::secret::SecretValue;

/// Why a program has issued nothing.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// It could not be started.
    #[error("cannot start `{program}`")]
    Unstartable {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It says itself that it has failed.
    #[error("`{program}` has failed ({status}){}", told(.said))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// What it said last, without any value.
        said: String,
    },
}

fn told(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// A program that issues values.
#[derive(Debug)]
pub struct Issuer<'a> {
    /// The program and its arguments, to which the name and the environment are added.
    pub command: &'a [String],
    /// The folder it runs in.
    pub folder: &'a Path,
    /// The variables it inherits.
    pub variables: Vec<(&'a OsStr, &'a OsStr)>,
}

impl Issuer<'_> {
    /// Has a new value issued: what the program wrote to standard output. What it says is told where it has failed and
    /// written nothing there, without any of `values`; what it has written may be a part of what it says, in any form.
    pub fn issue(
        &self,
        name: &SecretName,
        environment: &EnvironmentName,
        old: &SecretValue,
        values: &[&SecretValue],
    ) -> Result<Zeroizing<Vec<u8>>, IssueError> {
        let program = self.command.first().cloned().unwrap_or_default();
        let unstartable = |source| IssueError::Unstartable { program: program.clone(), source };
        let mut command = Command::new(&program);
        command.args(self.command.iter().skip(1)).arg(name.as_str()).arg(environment.as_str());
        command.current_dir(self.folder).env_clear().envs(self.variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().map_err(unstartable)?;
        let input = running.stdin.take();
        let output = thread::scope(|scope| {
            // One that does not want the old value closes its end.
            scope.spawn(move || input.map(|mut input| input.write_all(old.expose().as_bytes())));
            running.wait_with_output()
        });
        let output = output.map_err(unstartable)?;
        let new = Zeroizing::new(output.stdout);
        let complaint = Zeroizing::new(output.stderr);
        if output.status.success() {
            return Ok(new);
        }
        let said = if new.is_empty() {
            presentable(&String::from_utf8_lossy(&complaint), values.iter().copied().chain([old]))
        } else {
            String::new()
        };
        Err(IssueError::Failed { program, status: output.status.to_string(), said })
    }
}
