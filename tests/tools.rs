//! Checks that need a real tool: run where it is, left out aloud where it is not, and a failure where it must be.

use std::io::Write;
use std::process::{Command, Stdio};

/// Says that a check was left out, or fails when nothing may be.
///
/// The line goes straight to the terminal: the test harness would swallow what a passing test prints.
#[track_caller]
pub(crate) fn left_out(check: &str, why: &str) {
    assert!(std::env::var_os("UNDRIFT_REQUIRE_TOOLS").is_none(), "{check} was left out: {why}");
    let _ = writeln!(std::io::stderr(), "left out: {check}: {why}");
}

/// Returns whether a program is there, and says so when it is not.
#[track_caller]
pub(crate) fn has(program: &str, check: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        left_out(check, &format!("`{program}` is not installed"));
    }
    found
}

/// Returns a folder or file that a variable names, and says so when there is none.
#[track_caller]
pub(crate) fn named_by(variable: &str, check: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os(variable).map(std::path::PathBuf::from);
    if path.is_none() {
        left_out(check, &format!("{variable} is not set"));
    }
    path
}
