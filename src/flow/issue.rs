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

use super::interruption::{Held, interruption};
use super::program::declared;
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
        let unstartable = |source| IssueError::Unstartable { program: program.clone(), source };
        let _held = Held::begin();
        let mut running = self.start(name, environment).map_err(unstartable)?;
        let group = running.id();
        let (mut new, mut complaint) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
        let ended = {
            let ended = pin!(timeout(self.limits.end, self.ended(&mut running, old, &mut new, &mut complaint)));
            match select(ended, pin!(interruption())).await {
                Either::Left((ended, _)) => {
                    ended.map_err(|_| IssueError::Hangs { program: program.clone(), after: self.limits.end })
                }
                Either::Right(_) => Err(IssueError::Interrupted { program: program.clone() }),
            }
        };
        let status = match ended {
            Ok(status) => status.map_err(unstartable)?,
            Err(error) => {
                end_all(group);
                // It may have ended in this very moment.
                let _ = running.kill().await;
                return Err(error);
            }
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

    /// Starts it, as the first of a group of its own, which can be ended with all that it starts.
    fn start(&self, name: &SecretName, environment: &EnvironmentName) -> io::Result<Child> {
        let mut command = declared(self.command, self.folder, &self.variables, name, environment);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
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

/// Ends a group of processes.
#[cfg(unix)]
fn end_all(group: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = group.and_then(|group| Pid::from_raw(i32::try_from(group).ok()?));
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
}

/// There are no such groups here.
#[cfg(not(unix))]
fn end_all(_group: Option<u32>) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
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

    /// Returns whether the process runs that a script has written the number of.
    fn runs(folder: &tempfile::TempDir) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number(folder))).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    }

    fn number(folder: &tempfile::TempDir) -> i32 {
        let number = std::fs::read_to_string(folder.path().join("number")).expect("a number");
        number.trim().parse().expect("a number")
    }

    #[test]
    fn one_that_does_not_end_is_stopped_with_all_that_it_has_started() {
        let script = "sleep 600 & echo $! > number; exec sleep 600";
        let (issued, folder) = issue(script, Limits { end: Duration::from_secs(1), rest: LONG }, &[]);
        assert!(matches!(issued, Err(IssueError::Hangs { .. })), "{issued:?}");
        // One that was told to end is gone in a moment.
        assert!((0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !runs(&folder)
        }));
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for() {
        let script = "sleep 600 & echo $! > number; echo new-token";
        let (issued, folder) = issue(script, Limits { end: LONG, rest: SHORT }, &[]);
        assert_eq!(issued.expect("a value"), "new-token\n");
        // It is not ours to end: a program may start one that is meant to stay.
        assert!(runs(&folder));
        let process = rustix::process::Pid::from_raw(number(&folder)).expect("a process");
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
