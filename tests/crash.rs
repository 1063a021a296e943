//! A push that is killed: the next one finds what was begun, finishes it, and leaves everything as it should be.

use std::process::{Command, Stdio};
use std::time::Duration;

use assert_cmd::prelude::*;
use twins::{FlyTwin, GitHubTwin};

use crate::world::{World, repository, twins};

fn answered(fly: &FlyTwin, github: &GitHubTwin) -> usize {
    fly.requests().len() + github.requests().len()
}

fn push(world: &World) -> Command {
    let mut command = Command::cargo_bin("undrift").unwrap();
    command.env_clear().envs(&world.variables).current_dir(world.path(""));
    command.args(["push", "-e", "staging", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills a push once the twins have seen this many requests. Returns whether it was still running.
fn killed_after(requests: usize, world: &World, fly: &FlyTwin, github: &GitHubTwin) -> bool {
    // The effect comes first and the answer late, so the kill falls between the two.
    fly.latency(Duration::from_millis(60));
    github.latency(Duration::from_millis(60));
    let before = answered(fly, github);
    let mut child = push(world).spawn().unwrap();
    while answered(fly, github) < before + requests {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    fly.latency(Duration::ZERO);
    github.latency(Duration::ZERO);
    was_running
}

#[test]
fn a_push_killed_after_any_request_is_finished_by_the_next() {
    let mut kills = 0;
    for requests in 1.. {
        let (fly, github) = twins();
        // The clock of a place runs while a process is killed and started again.
        github.clock().pin("2026-11-18T09:12:00Z".parse().unwrap());
        let world = World::with_twins(&fly, &github);
        world.shop();
        fly.set("shop-staging", "THEIRS", "untouched");
        let was_running = killed_after(requests, &world, &fly, &github);
        let again = world.run(&["push", "-e", "staging", "--yes"]);
        assert_eq!(again.status, 0, "killed after {requests}: {}", again.transcript());
        assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-1");
        assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
        assert_eq!(fly.values("shop-staging")["THEIRS"], "untouched");
        assert_eq!(github.values(&repository())["SHOP_TOKEN"], b"token-1");
        assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
        // Each name is written once, or once more when nobody saw the end of the first time.
        for name in ["SHOP_TOKEN", "STRIPE_KEY"] {
            let writes = github.requests().iter().filter(|r| r.method == "PUT" && r.path.ends_with(name)).count();
            assert!((1..=2).contains(&writes), "killed after {requests}: {name} was written {writes} times");
        }
        let audit = world.run(&["audit"]);
        assert!(audit.output.contains("4 in sync (4 proved)"), "killed after {requests}: {}", audit.transcript());
        assert_eq!(std::fs::read_to_string(world.path(".undrift/journal.jsonl")).unwrap_or_default(), "");
        // Every write that a receipt tells of stands in the log, whoever wrote it down.
        let log = world.run(&["log", "-e", "staging"]);
        assert_eq!(log.status, 0, "killed after {requests}: {}", log.transcript());
        if !was_running {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 8, "only {kills} pushes were killed in their course");
}

#[test]
fn a_push_killed_while_it_updates_machines_is_finished_by_the_next() {
    let mut kills = 0;
    for requests in 1.. {
        let (fly, github) = twins();
        let world = World::with_twins(&fly, &github);
        world.shop();
        let text = world.read("undrift.toml");
        world.write(
            "undrift.toml",
            text.replace("app = \"shop-{environment}\"", "app = \"shop-{environment}\"\nrollout = \"machines\""),
        );
        let machines = [fly.add_machine("shop-staging"), fly.add_machine("shop-staging")];
        let was_running = killed_after(requests, &world, &fly, &github);
        // Whoever was killed has given no lease back; it ends by itself.
        fly.clock().advance(Duration::from_secs(301));
        let again = world.run(&["push", "-e", "staging", "--yes"]);
        assert_eq!(again.status, 0, "killed after {requests}: {}", again.transcript());
        for machine in &machines {
            assert_eq!(fly.running_values("shop-staging", machine)["API_TOKEN"], "token-1", "killed after {requests}");
        }
        let _ = world.run(&["audit", "-e", "staging"]).status(0);
        if !was_running {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 14, "only {kills} pushes were killed in their course");
}

#[test]
fn what_somebody_wrote_after_the_crash_is_not_taken_for_ours() {
    let (fly, github) = twins();
    github.clock().pin("2026-11-18T09:12:00Z".parse().unwrap());
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    world.set("STRIPE_KEY", "stripe-2");
    // One look for the audit, one before the write, and the write itself.
    github.inject(twins::Fault::new(twins::FaultKind::ResetAfter).method("PUT").times(1));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-2");
    github.clock().advance(Duration::from_secs(3600));
    github.set(&repository(), "STRIPE_KEY", "mended by hand");
    let held = world.run(&["push", "-e", "staging", "--yes"]).status(1);
    assert!(held.output.contains("held until you choose"), "{}", held.transcript());
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"mended by hand");
}

#[test]
fn a_second_push_on_this_machine_is_told_who_has_the_lock() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.latency(Duration::from_millis(300));
    let before = github.requests().len();
    let mut first = push(&world).spawn().unwrap();
    while github.requests().len() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
    let second = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(
        second.talk.starts_with("error: another undrift is writing for this project: alice, process "),
        "{}",
        second.talk
    );
    assert!(first.wait().unwrap().success());
}

#[test]
fn what_a_second_push_could_not_finish_is_finished_by_a_third() {
    for (method, code) in [("GET", 500), ("PUT", 403)] {
        let (fly, github) = twins();
        let world = World::with_twins(&fly, &github);
        world.shop();
        github.inject(twins::Fault::new(twins::FaultKind::ResetAfter).method("PUT").path_contains("STRIPE_KEY"));
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
        assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
        // The second one meets a fault of its own: before it writes, or when it does.
        let fault = twins::Fault::new(twins::FaultKind::status(code, "{}")).method(method).path_contains("STRIPE_KEY");
        github.inject(fault.always());
        let second = world.run(&["push", "-e", "staging", "--yes"]);
        assert_eq!(second.status, 2, "{method} {code}: {}", second.transcript());
        github.clear_faults();
        let third = world.run(&["push", "-e", "staging", "--yes"]);
        assert_eq!(third.status, 0, "{method} {code}: {}", third.transcript());
        assert_eq!(world.run(&["audit"]).status(0).talk, "");
    }
}

#[test]
fn a_journal_that_the_crash_cut_does_not_stand_in_the_way() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write(".undrift/journal.jsonl", "{\"version\":1,\"id\":\"00\",\"envir");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit"]).status(0);
    drop((fly, github));
}
