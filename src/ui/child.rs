//! The program that `undrift run` starts: it gets the terminal as it is, or a mask in front of its output.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use super::mask::Mask;
use crate::domain::secret::SecretValue;

/// A program to be started.
#[derive(Debug)]
pub struct Child<'a> {
    /// Its name or path.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// The folder it runs in.
    pub folder: &'a Path,
    /// The variables it inherits.
    pub variables: Vec<(&'a OsStr, &'a OsStr)>,
    /// The values, by the variable they stand in; they win over what is inherited.
    pub values: Vec<(&'a str, &'a SecretValue)>,
}

impl Child<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(self.arguments).current_dir(self.folder).env_clear();
        command.envs(self.variables.iter().copied());
        command.envs(self.values.iter().map(|(name, value)| (name, value.expose())));
        command
    }
}

/// Becomes the program, so that its status, its signals and its terminal are its own. Returns only if it cannot.
#[cfg(unix)]
pub fn become_it(child: &Child<'_>) -> io::Result<u8> {
    use std::os::unix::process::CommandExt;
    Err(child.command().exec())
}

/// Runs the program and returns its status: a process cannot become another one here.
#[cfg(not(unix))]
pub fn become_it(child: &Child<'_>) -> io::Result<u8> {
    Ok(code(child.command().status()?))
}

/// Runs the program with a mask over the values in its output and its errors, and returns its status.
///
/// Its standard output and error are pipes then, so that it may draw no colours and buffer more than on a terminal.
pub fn run_redacted(child: &Child<'_>) -> io::Result<u8> {
    let values: Vec<&SecretValue> = child.values.iter().map(|(_, value)| *value).collect();
    let mask = Mask::new(&values).map_err(io::Error::other)?;
    let mut running = child.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (output, errors) = (running.stdout.take(), running.stderr.take());
    let passed_on = signals::pass_on(running.id())?;
    thread::scope(|scope| {
        let errors = scope.spawn(|| copy(errors, &mut io::stderr(), &mask));
        let output = copy(output, &mut io::stdout(), &mask);
        // Whoever reads us may go away before the program does; the program is told by its own broken pipe.
        let _ = (output, errors.join());
    });
    let status = running.wait()?;
    drop(passed_on);
    Ok(code(status))
}

fn copy(from: Option<impl Read>, to: &mut impl Write, mask: &Mask) -> io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    let mut stream = mask.stream();
    let mut buffer = zeroize::Zeroizing::new([0; 16 * 1024]);
    loop {
        let length = match from.read(&mut *buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let shown = if length == 0 { stream.finish() } else { stream.push(&buffer[..length]) };
        to.write_all(&shown)?;
        to.flush()?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// A program that a signal has ended counts as 128 and the signal, as in a shell.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// While the program runs, what asks us to end asks it.
#[cfg(unix)]
mod signals {
    use std::io;
    use std::thread;

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::{Handle, Signals};

    /// Passes signals on until it is dropped.
    pub(super) struct PassedOn(Handle);

    impl Drop for PassedOn {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    pub(super) fn pass_on(process: u32) -> io::Result<PassedOn> {
        // The keys of a terminal reach the program by themselves: they go to all processes of its group.
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let handle = signals.handle();
        let process = i32::try_from(process).ok().and_then(Pid::from_raw);
        thread::spawn(move || {
            for signal in signals.forever() {
                let signal = match signal {
                    SIGHUP => Signal::HUP,
                    SIGTERM => Signal::TERM,
                    _ => continue,
                };
                // A program that has just ended needs no signal.
                let _ = process.map(|process| kill_process(process, signal));
            }
        });
        Ok(PassedOn(handle))
    }
}

#[cfg(not(unix))]
mod signals {
    /// The keys of a terminal reach the program by themselves, and there are no other signals here.
    pub(super) struct PassedOn;

    pub(super) fn pass_on(_process: u32) -> std::io::Result<PassedOn> {
        Ok(PassedOn)
    }
}
