//! Rotations of a team: what git brings together while one is open, and clocks that do not agree.

use super::*;
use crate::machines::{commit, git};
use crate::tools;
use crate::world::files;

/// A project after one push that git keeps, and a clone of it on another machine of the same person.
fn machines(fly: &FlyTwin, github: &GitHubTwin, first: &World) -> World {
    assert!(git(first, &["init", "-q"]));
    commit(first, "a project");
    cloned(fly, github, first)
}

fn cloned(fly: &FlyTwin, github: &GitHubTwin, first: &World) -> World {
    let mut second = World::with_twins(fly, github);
    second.now = first.now;
    for (path, content) in files(&first.home()) {
        let path = second.home().join(path.strip_prefix(first.home()).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    assert!(git(&second, &["clone", "-q", &first.path("").display().to_string(), "."]));
    second
}

/// Merges what another machine has committed, and returns whether git could.
fn merge(first: &World, second: &World) -> bool {
    commit(first, "the first");
    commit(second, "the second");
    assert!(git(first, &["fetch", "-q", &second.path("").display().to_string(), "main:other"]));
    git(first, &["merge", "-q", "-m", "both", "other"])
}

fn fail(github: &GitHubTwin) {
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
}

#[test]
fn what_a_colleague_has_changed_meanwhile_is_merged_into_an_open_run() {
    if !tools::has("git", "a merge into an open rotation") {
        return;
    }
    let (fly, github, first) = pushed();
    let second = machines(&fly, &github, &first);
    fail(&github);
    let _ = rotate(&first, "token-2").status(2);
    github.clear_faults();
    let _ = second.run_with(&["set", "NEW", "-e", "staging", "-g", "more"], "new-1").status(0);
    assert!(!merge(&first, &second), "both have changed the list of files");
    assert!(git(&first, &["checkout", "--ours", "vault/staging/seal.toml"]));
    assert_snapshot!("merged_not_sealed", go_on(&first).status(2).transcript());
    first.seal();
    let _ = go_on(&first).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&first, "API_TOKEN"), ("token-2".to_owned(), None));
    assert_eq!(values(&first, "NEW").0, "new-1");
    assert!(first.run(&["log", "-e", "staging"]).status(0).output.ends_with("the chain is whole\n"));
}

#[test]
fn of_two_branches_that_rotated_one_name_either_side_is_right() {
    if !tools::has("git", "two branches that rotate one name") {
        return;
    }
    for (side, expected) in [("--ours", "token-2"), ("--theirs", "token-3")] {
        let (fly, github, first) = pushed();
        let second = machines(&fly, &github, &first);
        let _ = rotate(&first, "token-2").status(0);
        // What the first one wrote is somebody else's to the second, and is not written over.
        let _ = rotate(&second, "token-3").status(1);
        assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
        assert!(!merge(&first, &second), "both have changed the values");
        for file in ["secrets.toml.age", "seal.toml", "rotation.toml"] {
            assert!(git(&first, &["checkout", side, &format!("vault/staging/{file}")]), "{file}");
        }
        first.seal();
        if side == "--theirs" {
            let _ = go_on(&first).status(0);
        }
        assert_eq!(there(&fly, &github), [expected; 2], "{side}");
        assert_eq!(values(&first, "API_TOKEN"), (expected.to_owned(), None));
        let _ = first.run(&["rotate", "--status", "-e", "staging"]).status(0);
        let audit = first.run(&["audit", "-e", "staging"]).status(0);
        assert_eq!(audit.talk, "", "{}", audit.transcript());
    }
}

#[test]
fn a_run_that_one_machine_began_is_ended_on_another() {
    if !tools::has("git", "a rotation that another machine ends") {
        return;
    }
    let (fly, github, first) = pushed();
    assert!(git(&first, &["init", "-q"]));
    fail(&github);
    let _ = rotate(&first, "token-2").status(2);
    github.clear_faults();
    commit(&first, "half a rotation");
    let second = cloned(&fly, &github, &first);
    let _ = go_on(&second).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    commit(&second, "the other half");
    assert!(git(&first, &["pull", "-q", &second.path("").display().to_string(), "main"]));
    let _ = first.run(&["rotate", "--status", "-e", "staging"]).status(0);
    let _ = first.run(&["audit", "-e", "staging"]).status(0);
}

#[test]
fn a_clock_that_goes_back_ends_no_run_early_and_hides_none() {
    let (fly, github, mut world) = pushed();
    fail(&github);
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    // An hour before the run began, by the clock of the machine that goes on with it.
    world.now = "2026-11-20T08:00:00Z".parse().unwrap();
    let status = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(status["runs"][0]["since"], "2026-11-20T09:00:00Z");
    let audit = world.run(&["audit", "-e", "staging", "--all"]).status(1);
    let words = audit.output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("that began today, on 2026-11-20"), "{}", audit.output);
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    // A further run, which begins before the first one by that clock, has lines of its own.
    world.now = "2026-11-20T07:00:00Z".parse().unwrap();
    let _ = rotate(&world, "token-3").status(0);
    assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
    let log = world.run(&["log", "-e", "staging", "--format", "json"]).status(0).json();
    let actions: Vec<&str> = log["environments"][0]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .filter(|action| ["rotate", "finish"].contains(action))
        .collect();
    assert_eq!(actions.iter().filter(|action| **action == "rotate").count(), 2, "{actions:?}");
    assert_eq!(actions.iter().filter(|action| **action == "finish").count(), 2, "{actions:?}");
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}
