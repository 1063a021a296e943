//! `undrift push`: only what differs, nothing that is somebody else's, and the rest after a fault.

use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, FlyTwin, GitHubPlace, GitHubTwin};

use crate::world::{SHOP, World, repository, twins};

/// The requests that changed something.
fn writes(fly: &FlyTwin, github: &GitHubTwin) -> usize {
    fly.requests().iter().chain(&github.requests()).filter(|request| request.method != "GET").count()
}

fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    (fly, github, world)
}

#[test]
fn writes_what_is_missing_and_then_nothing() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    assert_snapshot!("plan", world.run(&["plan"]).status(1).transcript());
    assert_snapshot!("push", world.run(&["push", "-e", "staging", "--yes"]).status(0).transcript());
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-1");
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
    assert_eq!(github.values(&repository())["SHOP_TOKEN"], b"token-1");
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    // One bulk write for the app, one sealed box for each GitHub secret.
    assert_eq!(writes(&fly, &github), 3);
    assert_snapshot!("audit_clean", world.run(&["audit", "--all"]).status(0).transcript());
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("push_nothing", world.run(&["push", "-e", "staging", "--yes"]).status(0).transcript());
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn a_changed_value_is_behind_and_only_it_is_written() {
    let (fly, github, mut world) = pushed();
    world.now = "2026-11-27T08:00:00Z".parse().unwrap();
    world.set("API_TOKEN", "token-2");
    assert_snapshot!("audit_behind", world.run(&["audit"]).status(1).transcript());
    fly.clear_requests();
    github.clear_requests();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let bodies: Vec<_> =
        fly.requests().into_iter().filter(|r| r.method == "POST").map(|r| String::from_utf8(r.body).unwrap()).collect();
    assert_eq!(bodies, [r#"{"values":{"API_TOKEN":"token-2"}}"#]);
    let paths: Vec<_> = github.requests().into_iter().filter(|r| r.method == "PUT").map(|r| r.path).collect();
    assert_eq!(paths, ["/repos/acme/shop/actions/secrets/SHOP_TOKEN"]);
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn what_somebody_else_wrote_is_held_until_it_is_named() {
    let (fly, github, world) = pushed();
    github.set(&repository(), "STRIPE_KEY", "pasted");
    fly.set("shop-staging", "SMTP_PASSWORD", "pasted");
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    assert_snapshot!("audit_changed", world.run(&["audit"]).status(1).transcript());
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("push_held", world.run(&["push", "-e", "staging", "--yes"]).status(1).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault"]).status(1);
    assert_eq!(writes(&fly, &github), 0);
    let arguments = ["push", "-e", "staging", "--yes", "--overwrite", "STRIPE_KEY", "--overwrite", "SMTP_PASSWORD"];
    let _ = world.run(&arguments).status(0);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
    assert_eq!(github.values(&repository())["CODECOV_TOKEN"], b"theirs");
    assert_snapshot!("overwrite_unknown", world.run(&["plan", "--overwrite", "STRIPE"]).status(2).transcript());
}

#[test]
fn the_same_name_made_anew_is_seen() {
    let (_fly, github, world) = pushed();
    github.remove(&repository(), "STRIPE_KEY");
    let removed = world.run(&["audit"]).status(1);
    assert!(removed.output.contains("missing  removed there since it was pushed"), "{}", removed.output);
    github.set(&repository(), "STRIPE_KEY", "stripe-1");
    let made = world.run(&["audit"]).status(1);
    assert!(made.output.contains("changed remotely  removed and made anew"), "{}", made.output);
}

#[test]
fn what_was_there_before_is_taken_only_when_told() {
    let (fly, github) = twins();
    fly.set("shop-staging", "API_TOKEN", "older");
    github.set(&repository(), "STRIPE_KEY", "older");
    let world = World::with_twins(&fly, &github);
    world.shop();
    assert_snapshot!("audit_unverified", world.run(&["audit"]).status(1).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(1);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "older");
    let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault"]).status(0);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-1");
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
}

#[test]
fn a_receipt_of_one_app_proves_the_value_at_another() {
    let (fly, github, world) = pushed();
    let second = SHOP
        .replace(
            "[targets.ci]",
            "[targets.worker]\nkind = \"fly\"\napp = \"worker\"\nenvironments = [\"staging\"]\n\n[targets.ci]",
        )
        .replace("targets = [\"web\"]", "targets = [\"web\", \"worker\"]");
    world.write("undrift.toml", second);
    fly.create_app("worker");
    fly.set("worker", "SMTP_PASSWORD", "password-1");
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).status(0).json();
    let entry = audit["entries"].as_array().unwrap().iter().find(|e| e["place"] == "fly:worker").unwrap().clone();
    assert_eq!((&entry["verdict"], &entry["proof"]), (&"in-sync".into(), &"digest".into()));
    drop(github);
}

#[test]
fn nothing_is_removed_without_prune_and_nothing_that_is_not_ours() {
    let (fly, github, world) = pushed();
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    world.write(
        "undrift.toml",
        SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    assert_snapshot!("push_orphan", world.run(&["push", "-e", "staging", "--yes"]).status(1).transcript());
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
    let pruned = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(0);
    assert_snapshot!("push_pruned", pruned.transcript());
    let left: Vec<_> = github.values(&repository()).into_keys().collect();
    assert_eq!(left, ["CODECOV_TOKEN", "SHOP_TOKEN"]);
    assert!(!world.read("vault/staging/receipts.toml").contains("STRIPE_KEY"));
    drop(fly);
}

#[test]
fn removals_are_counted_before_they_are_agreed_to_and_bounded() {
    let (fly, github, world) = pushed();
    let start = SHOP.find("[secrets.API_TOKEN]").unwrap();
    world.write(
        "undrift.toml",
        format!("{}[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", &SHOP[..start]),
    );
    fly.clear_requests();
    github.clear_requests();
    let prune = ["--prune", "--allow-shrink", "-e", "staging"];
    let with = |verb: &[&'static str]| world.run(&[verb, &prune].concat());
    assert_snapshot!("plan_removals", with(&["plan"]).status(1).transcript());
    assert_snapshot!("plan_too_many_removals", with(&["plan", "--max-deletes", "2"]).status(2).transcript());
    assert_snapshot!("push_too_many_removals", with(&["push", "--yes", "--max-deletes", "2"]).status(2).transcript());
    assert_eq!(writes(&fly, &github), 0);
    let _ = with(&["push", "--yes", "--max-deletes", "3"]).status(0);
    assert_eq!(github.values(&repository()).into_keys().collect::<Vec<_>>(), ["STRIPE_KEY"]);
}

#[test]
fn a_vault_that_cannot_be_read_whole_removes_nothing() {
    let (fly, github, world) = pushed();
    let _ = world.run_with(&["set", "EXTRA", "-e", "staging", "-g", "extra"], "x").status(0);
    world.write(
        "undrift.toml",
        SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    world.write("vault/staging/extra.toml.age", "not age");
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(2);
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
    drop(fly);
}

#[test]
fn a_target_that_moved_since_the_plan_is_stale() {
    let (_fly, github, world) = pushed();
    world.set("STRIPE_KEY", "stripe-2");
    // The audit's listing is answered first; then, while the next request waits, somebody writes.
    let place = repository();
    let before = github.secret(&place, "STRIPE_KEY").unwrap().updated_at;
    github.inject(
        Fault::new(FaultKind::Delay(Duration::from_secs(1))).method("GET").path_contains("secrets").skip(1).times(1),
    );
    github.clear_requests();
    let ran = std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            while github.requests().iter().filter(|r| r.path.contains("secrets")).count() < 2 {
                std::thread::yield_now();
            }
            github.set(&place, "STRIPE_KEY", "meddled");
        });
        let ran = world.run(&["push", "-e", "staging", "--yes"]);
        meddler.join().unwrap();
        ran
    });
    assert_eq!(ran.status, 1, "{}", ran.transcript());
    assert!(ran.output.contains("update stale"), "{}", ran.output);
    assert_eq!(github.values(&place)["STRIPE_KEY"], b"meddled");
    assert!(github.secret(&place, "STRIPE_KEY").unwrap().updated_at > before);
}

#[test]
fn a_push_cut_after_any_write_is_finished_by_the_next() {
    for cut in 0..2 {
        let (fly, github) = twins();
        let world = World::with_twins(&fly, &github);
        world.shop();
        github.inject(Fault::new(FaultKind::ResetBefore).method("PUT").skip(cut).times(1));
        let first = world.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(2);
        assert!(first.output.contains("uncertain"), "{}", first.output);
        assert_eq!(github.values(&repository()).len(), cut);
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        assert_eq!(github.values(&repository()).len(), 2);
        let _ = world.run(&["audit"]).status(0);
    }
}

#[test]
fn a_lost_answer_is_uncertain_and_never_taken_for_success() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    fly.inject(Fault::new(FaultKind::ResetAfter).method("POST").times(1));
    assert_snapshot!("push_uncertain", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    // The journal remembers what was begun, and the app's own clock says that it is ours: it is finished unasked.
    let audit = world.run(&["audit"]).status(1);
    assert!(
        audit.talk.starts_with("note: a push was interrupted 2026-11-20 08:00 UTC while it wrote"),
        "{}",
        audit.talk
    );
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}

#[test]
fn a_listing_that_lags_is_waited_for() {
    let (fly, github) = twins();
    github.list_lag(2);
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.list_lag(0);
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn a_listing_that_never_catches_up_leaves_no_receipt() {
    let (fly, github) = twins();
    github.list_lag(1_000);
    let world = World::with_twins(&fly, &github);
    world.shop();
    let ran = world.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(2);
    assert!(ran.output.contains("unconfirmed"), "{}", ran.output);
    assert!(!world.path("vault/staging/receipts.toml").exists());
    // What was accepted and not seen stays noted for the next push.
    assert!(world.read(".undrift/journal.jsonl").contains("STRIPE_KEY"));
    drop(fly);
}

#[test]
fn a_protected_environment_is_named_twice() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    assert_snapshot!("push_protected", world.run(&["push", "-e", "production", "--yes"]).status(2).transcript());
    let _ = world.run(&["push", "-e", "production", "--confirm", "production", "--yes"]).status(0);
    assert_snapshot!("push_no_environment", world.run(&["push", "--yes"]).status(2).transcript());
    assert_snapshot!("push_no_terminal", world.run(&["push", "-e", "staging"]).status(2).transcript());
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn nasty_values_arrive_byte_for_byte() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let long = "x".repeat(48 * 1024 - 64);
    for value in ["a\nb\n", "a=b;c d", "it's \"quoted\" \\ back", "zażółć 🔑", "trailing\n", long.as_str()] {
        let _ = world.run_with(&["set", "API_TOKEN", "-e", "staging", "--exact"], value).status(0);
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        assert_eq!(fly.values("shop-staging")["API_TOKEN"], value);
        assert_eq!(github.values(&repository())["SHOP_TOKEN"], value.as_bytes());
    }
}

#[test]
fn a_listing_that_lost_most_of_what_we_wrote_is_refused() {
    let (fly, github, world) = pushed();
    fly.destroy_app("shop-staging");
    fly.create_app("shop-staging");
    assert_snapshot!("push_shrunk", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    assert!(fly.values("shop-staging").is_empty());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--allow-shrink"]).status(0);
    assert_eq!(fly.values("shop-staging").len(), 2);
    drop(github);
}

#[test]
fn receipts_without_their_key_are_never_written_over() {
    let (fly, github, world) = pushed();
    let receipts = world.read("vault/staging/receipts.toml");
    let key = std::fs::read(world.path("vault/staging/key.age")).unwrap();
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    fly.unset("shop-staging", "API_TOKEN");
    let audit = world.run(&["audit"]).status(2);
    assert!(audit.output.contains("UD317") && !audit.output.contains("never pushed"), "{}", audit.output);
    assert_snapshot!("push_receipts_void", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    assert_eq!(world.read("vault/staging/receipts.toml"), receipts);
    assert!(!world.path("vault/staging/key.age").exists());
    world.write("vault/staging/key.age", key);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    drop(github);
}

#[test]
fn what_a_place_does_not_take_is_said_and_not_passed_over() {
    let (fly, github, world) = pushed();
    let large = "x".repeat(48 * 1024 + 1);
    let _ = world.run_with(&["set", "STRIPE_KEY", "-e", "staging"], &large).status(0);
    let plan = world.run(&["plan", "-e", "staging"]).status(1);
    assert!(plan.output.contains("STRIPE_KEY is larger than the 49152 bytes"), "{}", plan.output);
    let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(push.output.contains("UD315"), "{}", push.output);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    drop(fly);
}

#[test]
fn receipts_of_names_that_are_nowhere_any_more_are_retired() {
    let (fly, github, world) = pushed();
    let without = |name: &str, text: &str| {
        let start = text.find(&format!("[secrets.{name}]")).unwrap();
        let end = text[start + 1..].find("\n[").map_or(text.len(), |end| start + 1 + end + 1);
        format!("{}{}", &text[..start], &text[end..])
    };
    world.write("undrift.toml", without("SMTP_PASSWORD", &without("API_TOKEN", SHOP)));
    fly.unset("shop-staging", "API_TOKEN");
    fly.unset("shop-staging", "SMTP_PASSWORD");
    github.remove(&repository(), "SHOP_TOKEN");
    // Most of what the receipts know is gone. Whether it was meant to go, a person says.
    let refused = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(refused.transcript().contains("has lost 2 of the 2 secrets"), "{}", refused.transcript());
    assert!(world.read("vault/staging/receipts.toml").contains("SMTP_PASSWORD"));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--allow-shrink"]).status(0);
    let receipts = world.read("vault/staging/receipts.toml");
    assert!(receipts.contains("STRIPE_KEY") && !receipts.contains("SMTP_PASSWORD"), "{receipts}");
}

#[test]
fn a_write_that_follows_ours_gets_no_receipt_of_ours() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let place = repository();
    // Our write is answered late; before anybody looks again, somebody has written over it.
    github.inject(
        Fault::new(FaultKind::Delay(Duration::from_millis(1500))).method("GET").path_contains("secrets").skip(5),
    );
    let ran = std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            while !github.values(&place).contains_key("STRIPE_KEY") {
                std::thread::yield_now();
            }
            // The answer to our own write is dated before this one.
            std::thread::sleep(Duration::from_millis(300));
            github.clock().advance(Duration::from_secs(60));
            github.set(&place, "STRIPE_KEY", "meddled");
        });
        let ran = world.run(&["push", "-e", "staging", "-t", "ci", "--yes"]);
        meddler.join().unwrap();
        ran
    });
    assert_eq!(ran.status, 2, "{}", ran.transcript());
    assert!(ran.output.contains("STRIPE_KEY  create unconfirmed"), "{}", ran.output);
    assert!(!world.read("vault/staging/receipts.toml").contains("STRIPE_KEY"));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_hides_values_and_forbids_removals() {
    let (fly, github, world) = pushed();
    std::os::unix::fs::symlink("nowhere", world.path("vault/staging/shared.toml.age")).unwrap();
    world.write(
        "undrift.toml",
        SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    let audit = world.run(&["audit"]).status(2);
    assert!(
        audit.output.contains("shared.toml.age: cannot be read") && audit.output.contains("UD310"),
        "{}",
        audit.output
    );
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(2);
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
    drop(fly);
}

#[test]
fn plan_push_and_list_write_their_json() {
    let (fly, github) = twins();
    fly.set("shop-staging", "API_TOKEN", "older");
    let world = World::with_twins(&fly, &github);
    world.shop();
    assert_snapshot!(
        "plan_json",
        world.run(&["plan", "-e", "staging", "-t", "web", "--format", "json"]).status(1).output
    );
    let push = ["push", "-e", "staging", "-t", "web", "--yes", "--format", "json"];
    assert_snapshot!("push_json", world.run(&push).status(1).output);
    assert_snapshot!("list_json", world.run(&["list", "--format", "json"]).status(0).output);
    drop(github);
}

#[test]
fn a_plan_and_an_audit_are_written_for_a_pull_request() {
    let (fly, github, world) = pushed();
    github.set(&repository(), "STRIPE_KEY", "pasted");
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    world.set("API_TOKEN", "token-2");
    assert_snapshot!(
        "plan_markdown",
        world.run(&["plan", "-e", "staging", "--format", "markdown"]).status(1).transcript()
    );
    assert_snapshot!("audit_markdown", world.run(&["audit", "--format", "markdown"]).status(1).transcript());
    github.remove_repository("acme/shop");
    let failed = world.run(&["audit", "-e", "staging", "--format", "markdown"]).status(2);
    assert_snapshot!("audit_markdown_incomplete", failed.transcript());
    drop(fly);
}

#[test]
fn the_secrets_of_a_github_environment_are_its_own() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.create_environment("acme/shop", "blue/staging");
    let scope = "repository = \"acme/shop\"\nscope = \"environment\"\nenvironment = \"blue/{environment}\"";
    world.write("undrift.toml", SHOP.replace("repository = \"acme/shop\"", scope));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let place = twins::GitHubPlace::environment("acme/shop", "blue/staging");
    assert_eq!(github.values(&place)["STRIPE_KEY"], b"stripe-1");
    assert!(github.values(&repository()).is_empty());
    let audit = world.run(&["audit", "--all"]).status(0);
    assert!(audit.output.contains("github:acme/shop@blue/staging"), "{}", audit.output);
    drop(fly);
}

#[test]
fn nothing_is_said_of_the_past_while_the_key_cannot_be_read() {
    let (fly, github, world) = pushed();
    world.write("vault/staging/key.age", "garbage");
    fly.unset("shop-staging", "API_TOKEN");
    let audit = world.run(&["audit"]);
    assert!(audit.output.contains("UD317") && !audit.output.contains("never pushed"), "{}", audit.output);
    drop(github);
}

#[test]
fn a_fleet_is_told_of_some_commands_and_how_many_more_there_are() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    let targets = (0..10).map(|number| {
        let repository = format!("acme/fleet-{number}");
        github.create_repository(&repository);
        github.set(&GitHubPlace::repository(&repository), "A", "theirs");
        format!("[targets.ci-{number}]\nkind = \"github\"\nrepository = \"{repository}\"\n")
    });
    let targets: Vec<String> = targets.collect();
    let declared = format!("version = 1\n[environments.staging]\n[secrets.A]\n{}", targets.concat());
    world.shop();
    world.write("undrift.toml", declared);
    world.set("A", "ours");
    let audit = world.run(&["audit"]).status(1).talk;
    let plan = world.run(&["plan", "-e", "staging"]).status(1).talk;
    for (talk, command, sorts) in [(audit, "hint: `undrift push", 1), (plan, "hint: `undrift", 2)] {
        let lines = talk.lines().filter(|line| line.starts_with(command)).count();
        assert_eq!(lines, 8 * sorts, "{talk}");
        let rest = talk.matches("hint: 2 more commands like these; `--format json` has one at each row").count();
        assert_eq!(rest, sorts, "{talk}");
    }
}
