//! Programs that a secret declares: one that issues its values, and one that tells whether a value is alive.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::interruption::{Held, interruption};
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

/// Why nobody knows how a program would have ended.
#[derive(Debug)]
pub(super) enum Unended {
    /// It could not be started.
    Unstartable(io::Error),
    /// It took too long and was ended, with all that it had started.
    TooLong,
    /// Somebody asked us to end, and it was ended, too, with all that it had started.
    Interrupted,
}

/// Starts a program and waits for it. It is the first of a group of its own, which is ended when it takes too long and when
/// somebody asks us to end.
pub(super) async fn attended<T>(
    mut command: Command,
    longest: Duration,
    wait: impl AsyncFnOnce(&mut Child) -> T,
) -> Result<T, Unended> {
    let _held = Held::begin();
    #[cfg(unix)]
    command.process_group(0);
    let mut running = command.spawn().map_err(Unended::Unstartable)?;
    let group = running.id();
    let ended = {
        let ended = pin!(timeout(longest, wait(&mut running)));
        match select(ended, pin!(interruption())).await {
            Either::Left((ended, _)) => ended.map_err(|_| Unended::TooLong),
            Either::Right(_) => Err(Unended::Interrupted),
        }
    };
    if ended.is_err() {
        end_all(group);
        // It may have ended in this very moment.
        let _ = running.kill().await;
    }
    ended
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
pub(super) mod tests {
    use std::path::Path;

    /// Returns whether the process runs that a script has written the number of.
    pub(in crate::flow) fn runs(folder: &Path) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number(folder))).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    }

    /// Returns whether that process is gone: one that was told to end is gone in a moment.
    pub(in crate::flow) fn is_gone(folder: &Path) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            !runs(folder)
        })
    }

    pub(in crate::flow) fn number(folder: &Path) -> i32 {
        let number = std::fs::read_to_string(folder.join("number")).expect("a number");
        number.trim().parse().expect("a number")
    }
}
