//! Reports beside the normal output: written whole or refused before anything is asked, and compared with earlier ones.

use age::secrecy::ExposeSecret;
use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{World, files, repository, twins};

#[test]
fn every_format_goes_to_its_own_file() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let before = files(&world.path(""));
    let ran = world.run(&[
        "audit",
        "-e",
        "staging",
        "--write",
        "json=a.json",
        "--write",
        "markdown=a.md",
        "--write",
        "sarif=a.sarif",
        "--write",
        "junit=a.xml",
        "--write",
        "table=a.txt",
    ]);
    let ran = ran.status(1);
    assert!(ran.output.contains("never pushed"), "{}", ran.transcript());
    let json = world.run(&["audit", "-e", "staging", "--format", "json"]).status(1);
    assert_eq!(world.read("a.json"), json.output);
    assert_snapshot!("report_sarif", world.read("a.sarif"));
    assert_snapshot!("report_junit", world.read("a.xml"));
    assert!(world.read("a.md").starts_with("## undrift audit: drift\n"));
    assert!(world.read("a.txt").contains("5 drifted"), "{}", world.read("a.txt"));
    let mut after = files(&world.path(""));
    for file in ["a.json", "a.md", "a.sarif", "a.xml", "a.txt", ".undrift/etags.json"] {
        assert!(after.remove(&world.path(file)).is_some(), "{file}");
    }
    assert_eq!(after, before);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_asked() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    std::fs::create_dir(world.path("folder")).unwrap();
    std::fs::create_dir(world.folder().join(".git")).unwrap();
    world.write("history/20261120T080000Z.json", "{}");
    let before = files(&world.path(""));
    let mut said = String::new();
    for arguments in [
        &["--write", "sarif=nowhere/a.sarif"][..],
        &["--write", "sarif=folder"],
        &["--write", "json=undrift.toml"],
        &["--write", "json=vault/staging/a.json"],
        &["--write", "json=../.git/a.json"],
        &["--write", "json=history/20261120T080000Z.json"],
        &["--write", "json=a.json", "--write", "sarif=./a.json"],
        &["--write", "pdf=a.pdf"],
        &["--write", "json"],
        &["--write", "json="],
        &["--changed-since", "nowhere.json"],
        &["--changed-since", "undrift.toml"],
    ] {
        said += &world.run(&[&["audit"], arguments].concat()).status(2).talk;
    }
    assert_snapshot!("report_refusals", said);
    assert!(fly.requests().is_empty() && github.requests().is_empty());
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn only_what_changed_is_shown() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["audit", "-e", "staging", "--write", "json=before.json"]).status(1);
    world.now = "2026-11-27T08:00:00Z".parse().unwrap();
    let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let since = |more: &[&str]| world.run(&[&["audit", "--changed-since", "before.json"], more].concat());
    assert_snapshot!("report_changes", since(&["-e", "staging"]).status(1).transcript());
    assert_snapshot!("report_changes_markdown", since(&["-e", "staging", "--format", "markdown"]).status(1).output);
    let json = since(&["-e", "staging", "-t", "web", "--format", "json"]).status(0).json();
    let count = |part: &str| json["changes"][part].as_array().map(Vec::len);
    assert_eq!([count("new"), count("open"), count("mended"), count("unseen")], [Some(0), Some(0), Some(2), Some(2)]);
    world.write("older.json", world.read("before.json").replace("undrift/audit/1", "undrift/audit/0"));
    let older = world.run(&["audit", "--changed-since", "older.json"]).status(2);
    assert!(older.talk.contains("older.json has the format `undrift/audit/0`"), "{}", older.talk);
}

#[test]
fn a_report_that_is_larger_than_any_is_refused_unread() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    // A file with a hole has the size, and takes no room.
    let file = std::fs::File::create(world.path("huge.json")).unwrap();
    file.set_len(256 * 1024 * 1024 + 1).unwrap();
    fly.clear_requests();
    for arguments in [&["audit", "--changed-since", "huge.json"][..], &["report", "--merge", "huge.json"]] {
        let ran = world.run(arguments).status(2);
        let said = "error: huge.json is larger than 256 MiB, the most that is read of a report\n";
        assert_eq!(ran.talk, format!("{said}hint: begin anew: `undrift audit --write json=FILE` writes one\n"));
    }
    // A smaller one is read, and found to be none.
    file.set_len(1024).unwrap();
    assert!(world.run(&["report", "--merge", "huge.json"]).status(2).talk.contains("huge.json is not a report"));
    assert!(fly.requests().is_empty() && github.requests().is_empty());
}

#[test]
fn an_environment_that_is_for_others_is_named_where_the_rest_is_summed_up() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    world.width = 160;
    let only_there = "\n[secrets.ONLY_THERE]\nenvironments = [\"production\"]\n";
    world.write("undrift.toml", format!("{}{only_there}", crate::world::SHOP));
    let _ = world.run_with(&["set", "ONLY_THERE", "-e", "production"], "1").status(0);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let other = age::x25519::Identity::generate();
    let _ = world.run(&["grant", "bob", &other.to_public().to_string(), "-e", "staging", "--yes"]).status(0);
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), other.to_string().expose_secret().into());
    std::fs::remove_file(world.home().join(".config/undrift/identity.txt")).unwrap();
    let ran = world.run(&["audit", "--write", "markdown=a.md", "--write", "html=a.html", "--write", "json=a.json"]);
    let ran = ran.status(0);
    let said = "; production is left out, which no identity opens";
    for text in [ran.output.clone(), world.read("a.md"), world.read("a.html")] {
        assert!(text.contains(said), "{text}");
    }
    assert!(ran.talk.starts_with("note: left out: no identity opens the files of `production`"), "{}", ran.talk);
    let json: Value = serde_json::from_str(&world.read("a.json")).unwrap();
    assert_eq!(json["scope"]["left_out"], serde_json::json!(["production"]));
    // By name it is an error.
    let _ = world.run(&["audit", "-e", "production", "-e", "staging"]).status(2);
}

#[test]
fn how_bad_something_is_can_be_declared() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let _ = world.run(&["audit", "-e", "staging"]).status(1);
    let with = |rules: &str| {
        world.write("undrift.toml", format!("{}\n[audit]\n{rules}\n", crate::world::SHOP));
        world.run(&["audit", "-e", "staging", "--format", "json"])
    };
    let quiet = with("severity = { UD108 = \"note\" }").status(0).json();
    assert_eq!((&quiet["entries"][0]["severity"], &quiet["in_sync"]), (&"note".into(), &false.into()));
    let _ = with("fail-on = \"error\"").status(0);
    let _ = with("fail-on = \"error\"\nseverity = { UD108 = \"error\" }").status(1);
    let _ = with("fail-on = \"note\"\nseverity = { UD108 = \"note\" }").status(1);
    let typo = with("severity = { UD180 = \"note\" }").status(2);
    assert!(typo.talk.starts_with("error: there is no code `UD180`\nhint: did you mean "), "{}", typo.talk);
    let word = with("fail-on = \"eror\"").status(2);
    assert!(word.talk.contains("unknown word `eror`; did you mean `error`?"), "{}", word.talk);
}
