//! Programs that a secret declares: one that issues its values, and one that tells whether a value is alive.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::domain::name::{EnvironmentName, SecretName};

/// Prepares a program with its declared arguments, and the name and the environment as the last two. It gets a value on
/// standard input, inherits these variables and no other, and does not outlive whoever waits for it.
pub(super) fn declared(
    words: &[String],
    folder: &Path,
    variables: &[(&OsStr, &OsStr)],
    name: &SecretName,
    environment: &EnvironmentName,
) -> Command {
    let mut command = Command::new(words.first().map(String::as_str).unwrap_or_default());
    command.args(words.iter().skip(1)).arg(name.as_str()).arg(environment.as_str());
    command.current_dir(folder).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::piped()).kill_on_drop(true);
    command
}
