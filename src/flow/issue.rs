//! A new value that a program issues: it gets the old one on standard input, and writes the new one to standard output.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::program::{Unended, attended, declared};
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
    /// It took too long and was ended, with all that it had started.
    #[error("`{program}` did not end within {} minutes and was stopped", .after.as_secs() / 60)]
    Hangs {
        /// The program.
        program: String,
        /// How long we waited.
        after: Duration,
    },
    /// Somebody asked us to end, and it was ended, too.
    #[error("`{program}` was stopped, for somebody wants this to end")]
    Interrupted {
        /// The program.
        program: String,
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

/// How long a program is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until it has ended.
    pub end: Duration,
    /// Until what it has left behind has closed its output, once it has ended itself.
    pub rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { end: Duration::from_secs(10 * 60), rest: Duration::from_secs(2) }
    }
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
    /// How long it is waited for.
    pub limits: Limits,
}

impl Issuer<'_> {
    /// Has a new value issued: what the program wrote to standard output. What it says is told where it has failed and
    /// written nothing there, without any of `values`; what it has written may be a part of what it says, in any form.
    pub async fn issue(
        &self,
        name: &SecretName,
        environment: &EnvironmentName,
        old: &SecretValue,
        values: &[&SecretValue],
    ) -> Result<Zeroizing<Vec<u8>>, IssueError> {
        let program = self.command.first().cloned().unwrap_or_default();
        let (mut new, mut complaint) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
        let mut command = declared(self.command, self.folder, &self.variables, name, environment);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let wait = async |running: &mut Child| self.ended(running, old, &mut new, &mut complaint).await;
        let ended = attended(command, self.limits.end, wait).await;
        let status = match ended {
            Ok(Ok(status)) => status,
            Ok(Err(source)) | Err(Unended::Unstartable(source)) => {
                return Err(IssueError::Unstartable { program, source });
            }
            Err(Unended::TooLong) => return Err(IssueError::Hangs { program, after: self.limits.end }),
            Err(Unended::Interrupted) => return Err(IssueError::Interrupted { program }),
        };
        if status.success() {
            return Ok(new);
        }
        let said = if new.is_empty() {
            presentable(&String::from_utf8_lossy(&complaint), values.iter().copied().chain([old]))
        } else {
            String::new()
        };
        Err(IssueError::Failed { program, status: status.to_string(), said })
    }

    /// Waits for its end. What it has started and left behind may hold its output open for ever, and is not waited for.
    async fn ended(
        &self,
        running: &mut Child,
        old: &SecretValue,
        new: &mut Vec<u8>,
        complaint: &mut Vec<u8>,
    ) -> io::Result<ExitStatus> {
        let input = running.stdin.take();
        let feeding = async {
            if let Some(mut input) = input {
                // One that does not want the old value closes its end.
                let _ = input.write_all(old.expose().as_bytes()).await;
            }
        };
        let (output, errors) = (running.stdout.take(), running.stderr.take());
        let mut talk = pin!(join3(feeding, read(output, new), read(errors, complaint)));
        match select(pin!(running.wait()), talk.as_mut()).await {
            Either::Left((status, _)) => {
                let _ = timeout(self.limits.rest, talk).await;
                status
            }
            Either::Right((_, running)) => running.await,
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) {
    if let Some(mut from) = from {
        // What was read until something failed is all there is.
        let _ = from.read_to_end(to).await;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::program::tests::{is_gone, number, runs};
    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    fn issue(script: &str, limits: Limits, values: &[&str]) -> (Result<String, IssueError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let path = OsStr::new("/usr/bin:/bin");
        let issuer =
            Issuer { command: &command, folder: folder.path(), variables: vec![(OsStr::new("PATH"), path)], limits };
        let (name, staging) = (SecretName::parse("API_TOKEN"), EnvironmentName::parse("staging"));
        let (name, staging) = (name.expect("a name"), staging.expect("a name"));
        let values: Vec<SecretValue> = values.iter().map(|value| SecretValue::copied_from(value)).collect();
        let values: Vec<&SecretValue> = values.iter().collect();
        let old = SecretValue::copied_from("old-token-1");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let issued = runtime.block_on(issuer.issue(&name, &staging, &old, &values));
        (issued.map(|new| String::from_utf8_lossy(&new).into_owned()), folder)
    }

    #[test]
    fn one_that_does_not_end_is_stopped_with_all_that_it_has_started() {
        let script = "sleep 600 & echo $! > number; exec sleep 600";
        let (issued, folder) = issue(script, Limits { end: Duration::from_secs(1), rest: LONG }, &[]);
        assert!(matches!(issued, Err(IssueError::Hangs { .. })), "{issued:?}");
        assert!(is_gone(folder.path()));
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for() {
        let script = "sleep 600 & echo $! > number; echo new-token";
        let (issued, folder) = issue(script, Limits { end: LONG, rest: SHORT }, &[]);
        assert_eq!(issued.expect("a value"), "new-token\n");
        // It is not ours to end: a program may start one that is meant to stay.
        assert!(runs(folder.path()));
        let process = rustix::process::Pid::from_raw(number(folder.path())).expect("a process");
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }

    #[test]
    fn what_it_says_is_told_without_any_value() {
        let script = "cat >&2; echo >&2; echo it was previous-token-0 >&2; echo no more today >&2; exit 3";
        let (issued, _folder) = issue(script, Limits { end: LONG, rest: LONG }, &["previous-token-0"]);
        let said = issued.expect_err("it has failed").to_string();
        assert_eq!(said, "`/bin/sh` has failed (exit status: 3): no more today");
    }
}
