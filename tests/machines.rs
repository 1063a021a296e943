//! Two machines with one project and no lock in common.

use std::process::Command;
use std::time::Duration;

use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::tools;
use crate::world::{World, repository, twins};

/// A copy of a project on another machine.
fn copy(world: &World, fly: &FlyTwin, github: &GitHubTwin) -> World {
    let second = World::with_twins(fly, github);
    second.copy_files_of(&world.folder());
    second
}

#[test]
fn what_the_other_machine_wrote_is_settled_once_it_is_named() {
    let (fly, github) = twins();
    let first = World::with_twins(&fly, &github);
    first.shop();
    let second = copy(&first, &fly, &github);
    first.set("SMTP_PASSWORD", "password-2");
    let _ = first.run(&["push", "-e", "staging", "--yes"]).status(0);
    first.set("SMTP_PASSWORD", "password-1");
    let held = second.run(&["push", "-e", "staging", "--yes", "-t", "web", "--take-vault"]).status(0);
    assert!(held.output.contains("SMTP_PASSWORD"), "{}", held.transcript());
    // The first one finds its own value there, and a receipt of another one.
    let _ = first.run(&["audit", "-e", "staging", "-t", "web"]).status(1);
    let _ = first.run(&["push", "-e", "staging", "--yes", "-t", "web", "--overwrite", "SMTP_PASSWORD"]).status(0);
    let _ = first.run(&["push", "-e", "staging", "--yes", "-t", "web"]).status(0);
}

#[test]
fn of_two_pushes_at_once_the_second_is_stale_and_overwrites_nothing() {
    let (fly, github) = twins();
    let first = World::with_twins(&fly, &github);
    first.shop();
    let _ = first.run(&["push", "-e", "staging", "--yes"]).status(0);
    let second = copy(&first, &fly, &github);
    first.set("STRIPE_KEY", "of-the-first");
    second.set("STRIPE_KEY", "of-the-second");
    // The second one has seen everything, got the key, and looks once more right before it writes. That look is held
    // back, and in between the first one is quicker.
    github.clock().advance(Duration::from_secs(5));
    github.clear_requests();
    let folder = second.folder();
    let ran = std::thread::scope(|scope| {
        github.inject(
            Fault::new(FaultKind::Delay(Duration::from_millis(900))).path_contains("secrets/STRIPE_KEY").times(1),
        );
        let late = scope.spawn(|| {
            // A world is not for two threads, so the late push makes its own from the same files.
            let world = World::with_twins(&fly, &github);
            world.copy_files_of(&folder);
            world.run(&["push", "-e", "staging", "--yes"])
        });
        while !github.requests().iter().any(|request| request.path.ends_with("/public-key")) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(100));
        let _ = first.run(&["push", "-e", "staging", "--yes"]).status(0);
        late.join().unwrap()
    });
    assert_eq!(ran.status, 1, "{}", ran.transcript());
    assert!(ran.output.contains("update stale"), "{}", ran.transcript());
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"of-the-first");
    // Later it is told that somebody was there, and overwrites nothing either.
    let _ = second.run(&["push", "-e", "staging", "--yes"]).status(1);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"of-the-first");
}

/// Runs git in a project, as nobody in particular.
fn git(world: &World, arguments: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    command.args(arguments).current_dir(world.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nonexistent")]);
    command.output().unwrap().status.success()
}

/// Two machines push different things and commit; the second one merges what the first one has pushed to the branch.
fn merged(
    prepare: impl Fn(&World),
    on_first: impl Fn(&World),
    on_second: impl Fn(&World),
) -> (bool, World, FlyTwin, GitHubTwin) {
    let (fly, github) = twins();
    let first = World::with_twins(&fly, &github);
    first.shop();
    prepare(&first);
    assert!(git(&first, &["init", "-q"]) && git(&first, &["add", "-A"]) && git(&first, &["commit", "-qm", "begin"]));
    let second = copy(&first, &fly, &github);
    on_first(&first);
    assert!(git(&first, &["commit", "-qam", "first"]));
    on_second(&second);
    assert!(git(&second, &["commit", "-qam", "second"]));
    let other = first.path("");
    assert!(git(&second, &["fetch", "-q", other.to_str().unwrap(), "main"]));
    let clean = git(&second, &["merge", "-q", "-m", "merge", "FETCH_HEAD"]);
    (clean, second, fly, github)
}

#[test]
fn receipts_and_logs_of_pushes_to_different_targets_merge_without_a_conflict() {
    if !tools::has("git", "merging receipts with git") {
        return;
    }
    let push = |target: &'static str| {
        move |world: &World| {
            let _ = world.run(&["push", "-e", "staging", "--yes", "-t", target]).status(0);
        }
    };
    let (clean, second, _fly, _github) = merged(
        |world| {
            let _ = world.run(&["push", "-e", "staging", "--yes", "-t", "web"]).status(0);
        },
        push("ci"),
        |world| {
            world.set("SMTP_PASSWORD", "password-2");
            let _ = world.run(&["push", "-e", "staging", "--yes", "-t", "web"]).status(0);
        },
    );
    assert!(clean, "the merge has conflicts");
    let audit = second.run(&["audit", "-e", "staging"]).status(0);
    assert!(audit.output.contains("4 in sync"), "{}", audit.transcript());
    let log = second.run(&["log", "-e", "staging"]).status(0);
    assert!(log.talk.contains("whole") || log.output.contains("whole"), "{}", log.transcript());
}

#[test]
fn receipts_of_different_names_at_one_target_merge_without_a_conflict() {
    if !tools::has("git", "merging receipts with git") {
        return;
    }
    let names = ["A_FIRST", "M_MIDDLE", "Z_LAST"];
    let change = |name: &'static str| {
        move |world: &World| {
            let _ = world.run_with(&["set", name, "-e", "staging", "-g", name], "changed").status(0);
            // What the other one has pushed meanwhile is held here.
            let _ = world.run(&["push", "-e", "staging", "--yes"]);
        }
    };
    let (clean, second, _fly, _github) = merged(
        |world| {
            for name in names {
                let _ = world.run_with(&["set", name, "-e", "staging", "-g", name], "begin").status(0);
            }
            let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        },
        change(names[0]),
        change(names[2]),
    );
    // The seals of the two vaults differ, and that is for a person to look at; the receipts have no conflict.
    assert!(!clean);
    assert!(!second.read("vault/staging/receipts.toml").contains("<<<<<<<"));
    assert!(second.read("vault/staging/seal.toml").contains("<<<<<<<"));
    let _ = second.run(&["seal", "-e", "staging", "--yes"]).status(0);
    let audit = second.run(&["audit", "-e", "staging"]).status(0);
    assert!(audit.output.contains("none drifted"), "{}", audit.transcript());
}
