//! What undrift waits for is said when the wait begins. Nobody here waits for its end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use twins::{Fault, FaultKind};

use crate::process::undrift;
use crate::world::{World, twins};

/// Runs a command until it has said a line, and ends it.
fn first_line(world: &World, arguments: &[&str]) -> String {
    let mut child = undrift(world).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line
}

fn limited() -> Fault {
    let headers = vec![("retry-after".to_owned(), "55".to_owned())];
    Fault::new(FaultKind::Status { code: 429, headers, body: "{}".to_owned() }).always()
}

#[test]
fn a_log_says_what_an_audit_or_a_push_waits_for() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let waiting = |line: &str| {
        let (what, left) = line.split_once(", ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(what, "note: 127.0.0.1: the rate limit is used up");
        // The random part of a wait is a second at most.
        assert!(["55 s left\n", "56 s left\n"].contains(&left), "{line}");
    };
    github.inject(limited());
    waiting(&first_line(&world, &["audit"]));
    github.clear_faults();
    github.inject(limited().method("PUT"));
    waiting(&first_line(&world, &["push", "-e", "staging", "--yes"]));
}

#[test]
fn a_wait_that_is_too_long_is_an_error_that_says_when_to_come_back() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.set_remaining(0);
    let report = world.run(&["audit", "-t", "ci", "--format", "json"]).status(2).json();
    let failure = &report["failures"][0];
    // The twin's clock stands still at 09:12, and a limit lasts for an hour and up to a second.
    assert_eq!(failure["message"], "the rate limit is used up until 10:12:01 UTC");
    assert_eq!(failure["hint"], "run the same command again after 10:12:01 UTC");
}
