//! `undrift log`: who did what, and what is found when somebody changed that.

use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, repository, twins};

const LOG: &str = "vault/staging/log.jsonl";

fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    (fly, github, world)
}

#[test]
fn every_change_is_told_with_who_what_and_where() {
    let (fly, github, mut world) = pushed();
    world.write(".git/config", "[user]\n\tname = Alice Baker\n\temail = alice@example.com\n");
    world.now = "2026-11-21T09:30:00Z".parse().unwrap();
    world.write("plain/api_staging.env", "IMPORTED=1\n");
    let _ = world.run(&["import", "plain", "--yes"]).status(0);
    world.set("API_TOKEN", "token-2");
    github.clock().advance(Duration::from_secs(60));
    github.set(&repository(), "STRIPE_KEY", "by hand");
    fly.inject(Fault::new(FaultKind::status(422, "{}")).method("POST").times(1));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--overwrite", "STRIPE_KEY"]).status(2);
    for (name, value) in [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_ACTOR", "bob"),
    ] {
        world.variables.insert(name.to_owned(), value.into());
    }
    world.write(
        "undrift.toml",
        SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]);
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert_snapshot!("log", log.transcript());
    assert!(log.output.lines().all(|line| line.chars().count() <= 80), "{}", log.output);
    let json = world.run(&["log", "-e", "staging", "--format", "json"]).status(0).json();
    assert_eq!((&json["schema"], &json["whole"]), (&"undrift/log/1".into(), &true.into()));
    let entries = json["environments"][0]["entries"].as_array().unwrap().clone();
    assert_eq!(entries.last().unwrap()["who"]["ci"], "acme/shop run 42 by bob");
    assert_eq!(entries.last().unwrap()["who"]["git"], "Alice Baker <alice@example.com>");
    let _ = world.run(&["audit", "-e", "staging"]);
    assert!(!world.run(&["audit", "-e", "staging"]).output.contains("log.jsonl"));
}

#[test]
fn what_nobody_saw_end_is_told_as_that() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    fly.inject(Fault::new(FaultKind::ResetAfter).method("POST").times(1));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.contains("(uncertain)"), "{}", log.output);
}

#[test]
fn a_log_that_somebody_changed_is_found_and_what_was_accepted_is_told_for_ever() {
    let (fly, github, world) = pushed();
    let whole = world.read(LOG);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 6);
    let edited = whole.replace("SMTP_PASSWORD", "SMTP_PASSWORT");
    let missing = [&lines[..2], &lines[3..]].concat().concat();
    let foreign = format!("{whole}{{\"version\":1}}\n");
    let cut = lines[..5].concat();
    for (name, text, code) in [
        ("edited", edited, "UD326"),
        ("missing", missing, "UD328"),
        ("foreign", foreign, "UD327"),
        ("cut", cut, "UD329"),
    ] {
        world.write(LOG, &text);
        let log = world.run(&["log", "-e", "staging"]).status(1);
        assert_snapshot!(format!("log_{name}"), log.transcript());
        assert!(log.output.lines().all(|line| line.chars().count() <= 80), "{}", log.output);
        let json = world.run(&["log", "-e", "staging", "--format", "json"]).status(1).json();
        assert_eq!(json["environments"][0]["faults"][0]["code"], code);
        let audit = world.run(&["audit", "-e", "staging"]).status(1);
        assert!(audit.output.contains(code), "{}", audit.output);
        // It hides no value, so what is to be pushed is pushed.
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        let seen = world.read(".undrift/seen.toml");
        let sealed = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
        assert!(sealed.talk.contains(code), "{}", sealed.talk);
        let log = world.run(&["log", "-e", "staging"]).status(0);
        assert!(log.output.contains("accepted "), "{}", log.output);
        assert!(!world.run(&["audit", "-e", "staging"]).status(0).output.contains("log.jsonl"));
        world.write(LOG, &whole);
        world.write(".undrift/seen.toml", seen);
        let _ = world.run(&["seal", "-e", "staging", "--yes"]);
    }
    drop((fly, github));
}

#[test]
fn a_log_that_is_gone_or_cut_is_known_from_the_receipts() {
    let (fly, github, world) = pushed();
    let lines = world.read(LOG);
    let lines: Vec<&str> = lines.split_inclusive('\n').collect();
    for left in [0, 3, 4] {
        // A machine that has never seen it.
        let _ = std::fs::remove_file(world.path(".undrift/seen.toml"));
        world.write(LOG, lines[..left].concat());
        let log = world.run(&["log", "-e", "staging"]).status(1);
        assert!(log.output.contains("UD329"), "{left}: {}", log.output);
    }
    drop((fly, github));
}

#[test]
fn a_line_that_a_crash_has_cut_is_mended_by_the_next_write() {
    let world = World::new();
    world.shop();
    let whole = world.read(LOG);
    world.write(LOG, format!("{whole}{{\"version\":1,\"at\":\"2026-"));
    let _ = world.run(&["log", "-e", "staging"]).status(0);
    world.set("API_TOKEN", "token-2");
    let mended = world.read(LOG);
    assert!(mended.starts_with(&whole) && mended.lines().count() == whole.lines().count() + 1, "{mended}");
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.ends_with("5 entries, the chain is whole\n"), "{}", log.output);
}

#[test]
fn a_log_that_cannot_be_read_stops_a_push_and_one_that_cannot_be_written_is_told() {
    let (fly, github, mut world) = pushed();
    world.now = "2026-11-21T09:30:00Z".parse().unwrap();
    world.set("STRIPE_KEY", "stripe-2");
    let log = std::fs::read(world.path(LOG)).unwrap();
    std::fs::remove_file(world.path(LOG)).unwrap();
    std::fs::create_dir(world.path(LOG)).unwrap();
    let _ = world.run(&["log", "-e", "staging"]).status(2);
    let audit = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(audit.output.contains("UD330"), "{}", audit.output);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    std::fs::remove_dir(world.path(LOG)).unwrap();
    world.write(LOG, &log);

    // It becomes unwritable while the push waits for the answer to its own write.
    github.inject(Fault::new(FaultKind::Delay(Duration::from_secs(1))).method("PUT").times(1));
    let path = world.path(LOG);
    let before = github.requests().len();
    let ran = std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            while !github.requests()[before..].iter().any(|request| request.method == "PUT") {
                std::thread::yield_now();
            }
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
        });
        let ran = world.run(&["push", "-e", "staging", "--yes"]);
        meddler.join().unwrap();
        ran
    });
    assert_eq!(ran.status, 2, "{}", ran.transcript());
    assert!(ran.output.contains("STRIPE_KEY  updated"), "{}", ran.transcript());
    let told =
        "error: what was done could not be written down in the log\n  caused by: cannot read vault/staging/log.jsonl\n";
    assert!(ran.talk.contains(told), "{}", ran.talk);
    std::fs::remove_dir(world.path(LOG)).unwrap();
    world.write(LOG, &log);
    // The next push writes down what the receipts tell of it.
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let json = world.run(&["log", "-e", "staging", "--format", "json"]).status(0).json();
    let last = json["environments"][0]["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["secrets"], serde_json::json!(["STRIPE_KEY"]), "{last}");
    assert_eq!(last["choice"], "of an interrupted push, told by its receipt");
    drop(fly);
}

#[test]
fn whoever_has_no_name_in_a_variable_is_known_to_the_system() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let mut command = assert_cmd::Command::from_std(crate::process::undrift(&world));
    command
        .args(["set", "A", "-e", "staging"])
        .env_remove("USER")
        .env_remove("USERNAME")
        .write_stdin("v")
        .assert()
        .code(0);
    let log = world.read("vault/staging/log.jsonl");
    let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    let name = std::process::Command::new("id").arg("-un").output().unwrap();
    assert_eq!(line["who"]["user"].as_str(), String::from_utf8(name.stdout).ok().as_deref().map(str::trim), "{log}");
}
