//! Checks that need a real tool: run where it is, left out aloud where it is not, and a failure where it must be.
//!
//! What is left out is noted in a file, for the harness swallows what a passing test prints; `tests/left_out.rs` runs
//! after these and names it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says that a check was left out, or fails when nothing may be.
#[track_caller]
pub(crate) fn left_out(check: &str, why: &str) {
    assert!(std::env::var_os("UNDRIFT_REQUIRE_TOOLS").is_none(), "{check} was left out: {why}");
    note(check, why);
}

fn note(check: &str, why: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("left-out");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(check.replace(' ', "-")), format!("{check}: {why}\n")).unwrap();
}

/// Returns whether a program is there, and says so when it is not.
#[track_caller]
pub(crate) fn has(program: &str, check: &str) -> bool {
    let found = is_there(program);
    if !found {
        left_out(check, &format!("`{program}` is not installed"));
    }
    found
}

/// Returns whether a program is there that no package of Debian brings, and says so when it is not. Nothing fails for want
/// of it.
pub(crate) fn may_have(program: &str, check: &str) -> bool {
    let found = is_there(program);
    if !found {
        note(check, &format!("`{program}` is not installed"));
    }
    found
}

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Returns a folder or file that a variable names, and says so when there is none.
#[track_caller]
pub(crate) fn named_by(variable: &str, check: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        left_out(check, &format!("{variable} is not set"));
    }
    path
}
