//! A push that is killed at, or refused, one system call after the other: `strace` does it to the real program.
//!
//! Whatever the call was, the next push leaves everything as it should be, writes nothing twice without need and
//! removes nothing twice.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "how much was tried is worth knowing")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use twins::{FlyTwin, GitHubTwin};

use crate::tools;
use crate::world::{World, repository, twins};

/// What a push does to the disk and to the network.
const CALLS: [&str; 11] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "linkat",
    "unlink",
    "ftruncate",
    "sendto",
    "writev",
];

/// What a push opens and adds to in place. Everything opens and writes something, the network runtime to wake itself and
/// the system to start the program; of these two calls, only those on these files are met.
const WRITTEN: [&str; 4] =
    [".undrift/lock", ".undrift/journal.jsonl", "vault/staging/log.jsonl", "vault/staging/receipts.toml"];

/// A project after one push, in which one value has changed, one name is new and one is not declared any more: the next
/// push updates, creates and removes at two places.
fn prepared() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    world.set("API_TOKEN", "token-2");
    let _ = world.run_with(&["set", "NEW", "-e", "staging"], "new-1").status(0);
    let without = world
        .read("undrift.toml")
        .replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", "");
    world.write("undrift.toml", without);
    fly.set("shop-staging", "THEIRS", "untouched");
    github.set(&repository(), "THEIRS", "untouched");
    fly.clear_requests();
    github.clear_requests();
    (fly, github, world)
}

/// Runs the push with something injected into one system call.
fn push(world: &World, call: &str, injected: &str) -> Output {
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let mut command = Command::new("strace");
    narrow(&mut command, call, world);
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{injected}")]).arg(program);
    command.args(["push", "-e", "staging", "--yes", "--prune"]);
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    command.output().unwrap()
}

fn narrow(strace: &mut Command, call: &str, world: &World) {
    if matches!(call, "openat" | "write") {
        for file in WRITTEN {
            strace.arg("-P").arg(world.path(file));
        }
    }
}

fn is_right_after(fly: &FlyTwin, github: &GitHubTwin, world: &World, what: &str) {
    let again = world.run(&["push", "-e", "staging", "--yes", "--prune"]);
    assert_eq!(again.status, 0, "{what}: {}", again.transcript());
    let app = fly.values("shop-staging");
    for (name, value) in
        [("API_TOKEN", "token-2"), ("SMTP_PASSWORD", "password-1"), ("NEW", "new-1"), ("THEIRS", "untouched")]
    {
        assert_eq!(app.get(name).map(String::as_str), Some(value), "{what}: {name}");
    }
    let there = github.values(&repository());
    for (name, value) in [("SHOP_TOKEN", "token-2"), ("NEW", "new-1"), ("THEIRS", "untouched")] {
        assert_eq!(there.get(name).map(Vec::as_slice), Some(value.as_bytes()), "{what}: {name}");
    }
    assert!(!there.contains_key("STRIPE_KEY"), "{what}: what was to be removed is there");
    for (method, name, most) in [("PUT", "SHOP_TOKEN", 2), ("PUT", "/NEW", 2), ("DELETE", "STRIPE_KEY", 1)] {
        let requests = github.requests();
        let count = requests.iter().filter(|r| r.method == method && r.path.ends_with(name) && r.status < 300).count();
        assert!((1..=most).contains(&count), "{what}: {method} {name} was sent {count} times");
    }
    // What is not declared any more still has its value in the vault, which is a finding and no drift.
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).json();
    assert_eq!(audit["summary"]["drift"], 2, "{what}: nothing but THEIRS at two places: {audit:#}");
    assert_eq!(std::fs::read_to_string(world.path(".undrift/journal.jsonl")).unwrap_or_default(), "", "{what}");
    let log = world.run(&["log", "-e", "staging"]);
    assert_eq!(log.status, 0, "{what}: {}", log.transcript());
    fly.clear_requests();
    github.clear_requests();
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(0);
    let requests = fly.requests().into_iter().chain(github.requests());
    assert!(requests.into_iter().all(|request| request.method == "GET"), "{what}: a push of nothing wrote");
}

#[test]
fn a_push_killed_at_any_system_call_is_finished_by_the_next() {
    if !tools::has("strace", "kills at system calls") {
        return;
    }
    let mut kills = 0;
    for call in CALLS {
        for number in 1.. {
            let (fly, github, world) = prepared();
            let output = push(&world, call, &format!("signal=KILL:when={number}"));
            let what = format!("killed at {call} {number}");
            let was_killed = output.status.signal() == Some(9);
            assert!(was_killed || output.status.code() == Some(0), "{what}: {output:?}");
            is_right_after(&fly, &github, &world, &what);
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills");
    assert!(kills >= 30, "only {kills} pushes were killed");
}

#[test]
fn a_push_that_the_disk_refuses_loses_nothing_and_says_so() {
    if !tools::has("strace", "refused system calls") {
        return;
    }
    let mut refusals = 0;
    for (call, error) in [
        ("openat", "EIO"),
        ("openat", "ENOSPC"),
        ("fsync", "EIO"),
        ("fsync", "ENOSPC"),
        ("rename", "EIO"),
        ("rename", "ENOSPC"),
        ("ftruncate", "EIO"),
        ("write", "EIO"),
        ("write", "ENOSPC"),
    ] {
        for number in 1.. {
            let (fly, github, world) = prepared();
            let output = push(&world, call, &format!("error={error}:when={number}"));
            let what = format!("{error} at {call} {number}");
            let talk = String::from_utf8_lossy(&output.stderr);
            let status = output.status.code();
            assert!(matches!(status, Some(0 | 2)), "{what}: {output:?}");
            assert!(!talk.contains("panicked"), "{what}: {talk}");
            let was_refused = status == Some(2);
            let said = format!("{}{talk}", String::from_utf8_lossy(&output.stdout));
            let is_named =
                ["receipt", "journal", "log.jsonl", "seen.toml", ".undrift"].iter().any(|f| said.contains(f));
            assert!(!was_refused || is_named, "{what}: {said}");
            is_right_after(&fly, &github, &world, &what);
            if was_refused {
                refusals += 1;
            } else if number > 40 || is_past(call, number) {
                break;
            }
        }
    }
    println!("{refusals} refusals");
    assert!(refusals >= 12, "only {refusals} pushes were refused something");
}

/// Returns whether a push makes this call less often than that, by counting those of one that is left alone.
fn is_past(call: &str, number: usize) -> bool {
    let (_fly, _github, world) = prepared();
    let counted = world.path("calls");
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let mut command = Command::new("strace");
    narrow(&mut command, call, &world);
    command.args(["-f", "-qq", "-e", &format!("trace={call}"), "-o"]).arg(&counted).arg(program);
    command.args(["push", "-e", "staging", "--yes", "--prune"]);
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    command.output().unwrap();
    number > std::fs::read_to_string(counted).unwrap().lines().count()
}

/// What an adoption writes is the file, the receipt and the log, in this order: where it ends in between, nobody is
/// accused of having cut the log.
#[test]
fn an_adoption_killed_at_any_system_call_accuses_nobody_and_is_done_by_the_next() {
    if !tools::has("strace", "kills at system calls") {
        return;
    }
    let mut kills = 0;
    for call in ["fsync", "rename", "renameat", "renameat2", "linkat"] {
        for number in 1.. {
            let (fly, github) = twins();
            let mut world = World::with_twins(&fly, &github);
            world.shop();
            let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
            github.set(&repository(), "STRIPE_KEY", "stripe-2");
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
            command.arg(assert_cmd::cargo::cargo_bin("undrift")).args(ADOPT).env_clear().envs(&world.variables);
            let mut command = assert_cmd::Command::from_std(command);
            command.env("PATH", "/usr/bin:/bin").current_dir(world.path("")).write_stdin("stripe-2");
            let output = command.output().unwrap();
            let what = format!("killed at {call} {number}");
            let was_killed = output.status.signal() == Some(9);
            assert!(was_killed || output.status.code() == Some(0), "{what}: {output:?}");
            // The program that was killed has the clock of this machine, which is later.
            world.now = jiff::Timestamp::now();
            let report = world.run(&["audit", "-e", "staging", "--format", "json"]).json();
            let codes: Vec<&str> =
                report["findings"].as_array().unwrap().iter().filter_map(|f| f["code"].as_str()).collect();
            assert!(!codes.iter().any(|code| LOG.contains(code)), "{what}: {codes:?}");
            let again = world.run_with(&ADOPT, "stripe-2");
            assert_eq!(again.status, 0, "{what}: {}", again.transcript());
            let _ = world.run(&["audit", "-e", "staging"]).status(0);
            assert_eq!(world.run(&["log", "-e", "staging"]).status, 0, "{what}");
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 8, "only {kills} adoptions were killed");
}

const ADOPT: [&str; 7] = ["adopt", "STRIPE_KEY", "-e", "staging", "-t", "ci", "--yes"];

/// The findings of a log that somebody cut or changed.
const LOG: [&str; 5] = ["UD326", "UD327", "UD328", "UD329", "UD330"];

/// A crash of the machine is no test's to make; what the disk was asked for beforehand is.
#[test]
fn the_disk_has_every_write_before_the_network_has_it() {
    if !tools::has("strace", "what the disk is asked for") {
        return;
    }
    let (_fly, _github, world) = prepared();
    let trace = world.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-s", "2000", "-e", "trace=write,fsync,sendto,writev", "-o"]).arg(&trace);
    command.arg(assert_cmd::cargo::cargo_bin("undrift")).args(["push", "-e", "staging", "--yes", "--prune"]);
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    assert!(command.output().unwrap().status.success());
    // What was noted, and what of it the disk has.
    let (mut sent, mut noted, mut kept) = (0, String::new(), String::new());
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        if line.contains("journal.jsonl>") && line.contains("begun") {
            noted.push_str(line);
        } else if line.contains("journal.jsonl>") && line.contains("fsync(") {
            kept.push_str(&std::mem::take(&mut noted));
        } else if let Some(method) = ["\"PUT ", "\"DELETE ", "\"POST /v1/apps"].iter().find(|it| line.contains(**it)) {
            let path = line.split(method).nth(1).unwrap().split(' ').next().unwrap();
            let name = path.rsplit('/').next().unwrap();
            // Fly takes all names of a batch in one request.
            let names = if name == "secrets" { vec!["API_TOKEN", "NEW"] } else { vec![name] };
            for name in names {
                assert!(kept.contains(&format!("\\\"name\\\":\\\"{name}\\\"")), "{name}: {line}");
            }
            sent += 1;
        }
    }
    assert!(sent >= 4, "only {sent} writes were seen");
}
