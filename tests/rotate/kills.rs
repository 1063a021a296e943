//! Rotations that are killed, at every request and at every file that they replace, or that the disk refuses.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use assert_cmd::prelude::*;

use super::overlap::{beside, overlapping};
use super::*;
use crate::tools;

pub(super) fn command(world: &World, arguments: &[&str]) -> Command {
    world.write("input", "token-2\n");
    let mut command = Command::cargo_bin("undrift").unwrap();
    command.env_clear().envs(&world.variables).current_dir(world.path("")).args(arguments);
    command.stdin(std::fs::File::open(world.path("input")).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub(super) const ROTATE: [&str; 5] = ["rotate", "API_TOKEN", "-e", "staging", "--yes"];
/// How a file takes another one's name, in the words of one system or another.
const RENAMES: [&str; 3] = ["rename", "renameat", "renameat2"];
const ROLL_BACK: [&str; 5] = ["rotate", "--rollback", "-e", "staging", "--yes"];

/// At every moment the vault knows each value that a place has.
fn knows_all(fly: &FlyTwin, github: &GitHubTwin, world: &World, what: &str) {
    // What this machine was writing when it was killed is taken up by the next write.
    let _ = world.run(&["rotate", "--continue", "NOTHING", "-e", "staging", "--yes"]);
    let (value, previous) = values(world, "API_TOKEN");
    for there in there(fly, github).into_iter().chain(beside(fly, github).into_iter().flatten()) {
        assert!(there == value || Some(&there) == previous.as_ref(), "{what}: a place has what the vault has not");
    }
}

/// Ends what was begun, if anything was, and looks whether everything is as it should be.
fn ends_well(fly: &FlyTwin, github: &GitHubTwin, world: &World, what: &str, expected: &[&str]) {
    knows_all(fly, github, world, what);
    let open = world.run(&["rotate", "--status", "-e", "staging"]).status == 1;
    if open {
        let ended = world.run_with(&["rotate", "--continue", "-e", "staging", "--yes"], "token-2\n");
        assert_eq!(ended.status, 0, "{what}: {}", ended.transcript());
    }
    let (value, previous) = values(world, "API_TOKEN");
    assert!(expected.contains(&value.as_str()) && previous.is_none(), "{what}: {value} {previous:?}");
    assert_eq!((there(fly, github), beside(fly, github)), ([value.clone(), value], [None, None]), "{what}");
    let audit = world.run(&["audit", "-e", "staging"]);
    assert_eq!(audit.status, 0, "{what}: {}", audit.transcript());
    assert_eq!(world.run(&["log", "-e", "staging"]).status, 0, "{what}");
    assert_eq!(world.run(&["rotate", "--status", "-e", "staging"]).status, 0, "{what}");
    // What a full disk has left in the journal has nothing more to say.
    assert_eq!(world.run(&["push", "-e", "staging", "--yes"]).status, 0, "{what}");
    assert_eq!(std::fs::read_to_string(world.path(".undrift/journal.jsonl")).unwrap_or_default(), "", "{what}");
}

#[test]
fn a_run_killed_after_any_request_is_ended_by_the_next() {
    for (scene, least) in [(pushed as fn() -> _, 6), (overlapping, 12)] {
        killed_after_any_request(scene, least);
    }
}

fn killed_after_any_request(scene: fn() -> (FlyTwin, GitHubTwin, World), least: usize) {
    let mut kills = 0;
    for requests in 1.. {
        let (fly, github, world) = scene();
        let answered = || fly.requests().len() + github.requests().len();
        fly.latency(Duration::from_millis(60));
        github.latency(Duration::from_millis(60));
        let before = answered();
        let mut child = command(&world, &ROTATE).spawn().unwrap();
        while answered() < before + requests && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let was_running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        fly.latency(Duration::ZERO);
        github.latency(Duration::ZERO);
        ends_well(&fly, &github, &world, &format!("killed after {requests}"), &["token-2"]);
        if !was_running {
            break;
        }
        kills += 1;
    }
    assert!(kills >= least, "only {kills} runs were killed in their course");
}

/// Runs the program with something injected into one system call.
fn injected(world: &World, arguments: &[&str], call: &str, injected: &str) -> Output {
    world.write("input", "token-2\n");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{injected}")]).arg(assert_cmd::cargo::cargo_bin("undrift"));
    command.args(arguments).env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin");
    command.current_dir(world.path("")).stdin(std::fs::File::open(world.path("input")).unwrap());
    command.output().unwrap()
}

/// Returns how often the program makes a system call when nothing befalls it.
fn calls((_fly, _github, world): (FlyTwin, GitHubTwin, World), arguments: &[&str], call: &str) -> usize {
    let counted = world.path("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={call}"), "-o"]).arg(&counted);
    command.arg(assert_cmd::cargo::cargo_bin("undrift")).args(arguments);
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    world.write("input", "token-2\n");
    command.stdin(std::fs::File::open(world.path("input")).unwrap());
    command.output().unwrap();
    std::fs::read_to_string(counted).unwrap().lines().count()
}

/// A project in which a rotation stands half-way: Fly has the new value and GitHub the old one.
fn half_way() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github, world) = pushed();
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    (fly, github, world)
}

/// What is run, where, which values it may end with, and how many files it replaces at least.
type Scene = (&'static [&'static str], fn() -> (FlyTwin, GitHubTwin, World), &'static [&'static str], usize);

#[test]
fn a_run_killed_at_any_file_that_it_replaces_is_ended_by_the_next() {
    if !tools::has("strace", "kills at system calls") {
        return;
    }
    let either = &["token-1", "token-2"];
    let scenes: [Scene; 3] =
        [(&ROTATE, pushed, either, 20), (&ROTATE, overlapping, either, 30), (&ROLL_BACK, half_way, either, 15)];
    for (arguments, scene, expected, least) in scenes {
        let mut kills = 0;
        for call in RENAMES {
            for number in 1..=calls(scene(), arguments, call) {
                let (fly, github, world) = scene();
                let output = injected(&world, arguments, call, &format!("signal=KILL:when={number}"));
                let what = format!("{arguments:?} killed at {call} {number}");
                let was_killed = output.status.signal() == Some(9);
                assert!(was_killed || output.status.code() == Some(0), "{what}: {output:?}");
                ends_well(&fly, &github, &world, &what, expected);
                kills += usize::from(was_killed);
            }
        }
        assert!(kills >= least, "only {kills} of {arguments:?} were killed");
    }
}

#[test]
fn a_run_that_the_disk_refuses_is_ended_by_the_next() {
    if !tools::has("strace", "refused system calls") {
        return;
    }
    let mut refusals = 0;
    for call in RENAMES {
        for number in 1..=calls(pushed(), &ROTATE, call) {
            let (fly, github, world) = pushed();
            let output = injected(&world, &ROTATE, call, &format!("error=ENOSPC:when={number}"));
            let what = format!("a full disk at {call} {number}");
            let talk = String::from_utf8_lossy(&output.stderr);
            assert!(!talk.contains("panicked"), "{what}: {talk}");
            let status = output.status.code();
            assert!(matches!(status, Some(0..=2)), "{what}: {output:?}");
            ends_well(&fly, &github, &world, &what, &["token-1", "token-2"]);
            refusals += usize::from(status != Some(0));
        }
    }
    assert!(refusals >= 12, "only {refusals} runs were refused something");
}

#[test]
fn where_the_run_cannot_be_noted_nothing_is_pushed_and_nothing_is_changed() {
    let (fly, github, world) = pushed();
    // A folder stands in the way of the file.
    std::fs::create_dir_all(world.path("vault/staging/rotation.toml/x")).unwrap();
    let before = crate::world::files(&world.path("vault"));
    let _ = rotate(&world, "token-2").status(2);
    assert!(crate::world::files(&world.path("vault")) == before);
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn where_the_log_cannot_be_written_the_old_value_does_not_go() {
    let (fly, github, world) = pushed();
    fly.latency(Duration::from_millis(200));
    github.latency(Duration::from_millis(200));
    let mut child = command(&world, &ROTATE).spawn().unwrap();
    // The log is read before the first write, and written after the last.
    while !fly.requests().iter().chain(&github.requests()).any(|request| request.method != "GET") {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    let log = world.path("vault/staging/log.jsonl");
    std::fs::rename(&log, world.path("log")).unwrap();
    std::fs::create_dir(&log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    fly.latency(Duration::ZERO);
    github.latency(Duration::ZERO);
    std::fs::remove_dir(&log).unwrap();
    std::fs::rename(world.path("log"), &log).unwrap();
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    ends_well(&fly, &github, &world, "a log that cannot be written", &["token-2"]);
}
