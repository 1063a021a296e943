//! What is due, and one run for all of it that needs nobody.

use super::*;

/// A project in which one value of each maker is due, one is in time and one of unknown age.
fn aged() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github, mut world) = pushed();
    let declared = SHOP
        .replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\nkind = \"token\"\ngenerate = \"hex:16\"\n")
        .replace("[secrets.SMTP_PASSWORD]\n", "[secrets.SMTP_PASSWORD]\nrotate-every = \"1y\"\ngenerate = \"uuid\"\n")
        .replace("[secrets.STRIPE_KEY]\n", "[secrets.STRIPE_KEY]\nkind = \"stripe-key\"\nprobe = false\n");
    world.write("undrift.toml", format!("{declared}\n[rotation.every]\ntoken = \"90d\"\nstripe-key = \"30d\"\n"));
    let mut editing = world.below("");
    let script = editing.home().join("editor");
    let text = "API_TOKEN = { value = \"token-1\", rotated = 2026-08-01 }\n\
                SMTP_PASSWORD = { value = \"password-1\", rotated = 2026-08-01 }\n\
                STRIPE_KEY = { value = \"stripe-1\", rotated = 2026-08-01 }\n";
    std::fs::write(&script, format!("#!/bin/sh\ncat > \"$1\" <<'END'\n{text}END\n")).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    editing.variables.insert("EDITOR".to_owned(), script.into());
    editing.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let _ = editing.run(&["edit", "-e", "staging", "secrets"]).status(0);
    world.now = "2026-11-20T09:00:00Z".parse().unwrap();
    (fly, github, world)
}

#[test]
fn what_is_due_is_listed_and_nothing_is_written_without_a_yes() {
    let (fly, github, world) = aged();
    let before = crate::world::files(&world.path(""));
    assert_snapshot!("due", world.run(&["rotate", "--due", "-e", "staging"]).status(1).transcript());
    let json = world.run(&["rotate", "--due", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(json["schema"], "undrift/due/1");
    let makers: Vec<_> = json["secrets"].as_array().unwrap().iter().map(|it| (&it["name"], &it["maker"])).collect();
    assert_eq!(makers, [(&"API_TOKEN".into(), &"generate".into()), (&"STRIPE_KEY".into(), &"person".into())]);
    let markdown = world.run(&["rotate", "--due", "-e", "staging", "--format", "markdown"]).status(1);
    assert_snapshot!("due_markdown", markdown.output);
    assert!(crate::world::files(&world.path("")) == before);
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn a_yes_makes_what_needs_nobody_in_one_run_and_names_the_rest() {
    let (fly, github, mut world) = aged();
    assert_snapshot!("due_made", world.run(&["rotate", "--due", "-e", "staging", "--yes"]).status(1).transcript());
    let [at_fly, at_github] = there(&fly, &github);
    assert_eq!((at_fly.len(), &at_fly), (32, &at_github));
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
    // What was made new is due no longer.
    let json = world.run(&["rotate", "--due", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(json["secrets"].as_array().unwrap().len(), 1);
    let _ = world.run_with(&["rotate", "STRIPE_KEY", "-e", "staging", "--yes"], "stripe-2").status(0);
    assert_snapshot!("due_none", world.run(&["rotate", "--due", "-e", "staging"]).status(0).transcript());
    // With a year gone, all of it is, and one document says what was done.
    world.now = "2027-11-20T09:00:00Z".parse().unwrap();
    let json = world.run(&["rotate", "--due", "-e", "staging", "--yes", "--format", "json"]).status(1).json();
    assert_eq!((&json["schema"], &json["runs"][0]["stage"]), (&"undrift/rotation/1".into(), &"finished".into()));
    assert_eq!(json["runs"][0]["secrets"], serde_json::json!(["API_TOKEN", "SMTP_PASSWORD"]));
    assert_eq!(json["left_out"][0]["secret"], "STRIPE_KEY");
}

#[test]
fn what_an_open_run_has_made_new_is_due_again_only_when_it_is_rolled_back() {
    let (fly, github, world) = aged();
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let _ = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
    github.clear_faults();
    let due = |world: &World| -> Vec<String> {
        let json = world.run(&["rotate", "--due", "-e", "staging", "--format", "json"]).status(1).json();
        json["secrets"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(due(&world), ["STRIPE_KEY"]);
    let _ = roll_back(&world).status(0);
    assert_eq!(due(&world), ["API_TOKEN", "STRIPE_KEY"]);
    drop(fly);
}

#[test]
fn an_environment_that_is_not_named_as_a_write_names_it_is_only_listed() {
    let (_fly, _github, world) = aged();
    let _ = world.run(&["rotate", "--due", "--yes"]).status(2);
    let refused = world.run(&["rotate", "--due", "-e", "production", "--yes"]).status(2);
    assert!(refused.talk.contains("`production` is protected"), "{}", refused.talk);
    let _ = world.run(&["rotate", "--due", "-e", "production"]).status(0);
    for (typed, said) in [
        ("[rotation.every]\ntokens = \"90d\"\n", "tokens"),
        ("[rotation.every]\ntoken = \"often\"\n", "90d"),
        ("[rotation]\nevery = \"90d\"\n", "expected a map"),
    ] {
        world.write("undrift.toml", format!("{SHOP}\n{typed}"));
        let refused = world.run(&["rotate", "--due", "-e", "staging"]).status(2);
        assert!(refused.talk.contains("undrift.toml:") && refused.talk.contains(said), "{}", refused.talk);
    }
}
