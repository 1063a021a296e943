//! `undrift history`: what is recorded, what it tells, and what it makes of a record that was cut.

use insta::assert_snapshot;

use crate::world::{World, files, repository, twins};

/// Runs an audit on a day of November and records it.
fn record(world: &mut World, day: u8) {
    world.now = format!("2026-11-{day:02}T08:00:00Z").parse().unwrap();
    let _ = world.run(&["audit", "-e", "staging", "--record"]);
}

#[test]
fn recorded_audits_tell_how_long_a_drift_stayed_open() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let empty = world.run(&["history"]).status(0);
    assert_eq!((empty.output.as_str(), empty.talk.contains("--record")), ("", true));
    let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
    record(&mut world, 1);
    world.set("SMTP_PASSWORD", "password-2");
    record(&mut world, 8);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    record(&mut world, 15);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    record(&mut world, 22);
    assert_snapshot!("history", world.run(&["history"]).status(0).transcript());
    assert_snapshot!("history_secret", world.run(&["history", "--secret", "SMTP_PASSWORD"]).status(0).output);
    let json = world.run(&["history", "--secret", "API_TOKEN", "-t", "ci", "--format", "json"]).status(0).json();
    assert_eq!(json["lives"].as_array().map(Vec::len), Some(1));
    assert_eq!((&json["mended"], &json["open"], &json["mean_open_hours"]), (&2.into(), &1.into(), &(14 * 24).into()));
    let typo = world.run(&["history", "--secret", "SMTP_PASWORD"]).status(2);
    assert!(typo.talk.ends_with("hint: did you mean `SMTP_PASSWORD`?\n"), "{}", typo.talk);
    // The page has the trend, and says since when a row is wrong.
    let _ = world.run(&["audit", "-e", "staging", "--write", "html=a.html", "--format", "json"]).status(1);
    let page = world.read("a.html");
    assert!(page.contains("Over the recorded audits") && page.contains("\"2026-11-22 08:00 UTC\""));
}

#[test]
fn nothing_is_recorded_unasked_and_each_record_is_a_file_of_its_own() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(!world.path("history").exists());
    for _ in 0..2 {
        let _ = world.run(&["audit", "-e", "staging", "--record"]).status(1);
    }
    let names: Vec<String> = files(&world.path("history"))
        .into_keys()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["20261120T080000Z-2.json", "20261120T080000Z.json"]);
    let _ = world.run(&["audit", "-e", "staging", "--record", "--history", "other/runs"]).status(1);
    assert_eq!(files(&world.path("other/runs")).len(), 1);
    let json = world.run(&["history", "--history", "other/runs", "--format", "json"]).status(0).json();
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(1));
    fly.clear_requests();
    let refused = world.run(&["audit", "--record", "--history", "vault/staging"]).status(2);
    assert!(refused.talk.contains("belongs to the vault"), "{}", refused.talk);
    assert!(fly.requests().is_empty());
}

#[test]
fn a_record_that_was_cut_is_named_and_the_others_are_read() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    for day in 1..4 {
        record(&mut world, day);
    }
    let whole = world.read("history/20261102T080000Z.json");
    world.write("history/20261102T080000Z.json", &whole[..whole.len() / 2]);
    world.write("history/20261103T080000Z.json", whole.replace("recorded-audit/1", "recorded-audit/9"));
    world.write("history/mine.json", "{}");
    let ran = world.run(&["history"]).status(2);
    assert!(!ran.talk.contains("mine.json"), "{}", ran.talk);
    for expected in [
        "error: history/20261102T080000Z.json was cut short, and is left out\n",
        "error: history/20261103T080000Z.json has another format than `undrift/recorded-audit/1`, and is left out\n",
    ] {
        assert!(ran.talk.contains(expected), "{}", ran.transcript());
    }
    assert!(ran.output.starts_with("2026-11-01 08:00 UTC"), "{}", ran.output);
    let audit = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(audit.talk.contains("note: history/20261102T080000Z.json was cut short"), "{}", audit.talk);
}

#[test]
fn no_record_is_written_into_the_vault_by_a_way_around() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    for folder in ["vault/staging/records", "nothere/../vault/staging/records", "./vault"] {
        let _ = world.run(&["audit", "--record", "--history", folder]).status(2);
    }
    assert!(!world.path("vault/staging/records").exists());
}
