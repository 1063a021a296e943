//! `undrift plan --out` and `undrift push --plan`: what was reviewed is done exactly, or nothing is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use insta::assert_snapshot;
use twins::{FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, files, repository, twins};

/// A shop in step but for one new value, which a saved plan would push.
fn planned() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    world.now = "2026-11-21T08:00:00Z".parse().unwrap();
    world.set("API_TOKEN", "token-2");
    let _ = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(1);
    fly.clear_requests();
    github.clear_requests();
    (fly, github, world)
}

/// Every file but what an audit keeps for the next one.
fn kept(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = files(&world.path(""));
    all.remove(&world.path(".undrift/etags.json"));
    all
}

fn written(fly: &FlyTwin, github: &GitHubTwin) -> usize {
    fly.requests().iter().chain(&github.requests()).filter(|request| request.method != "GET").count()
}

const PUSH: [&str; 6] = ["push", "-e", "staging", "--yes", "--plan", "plan.json"];

#[test]
fn a_reviewed_plan_is_done_exactly_and_only_once() {
    let (fly, github, world) = planned();
    let again = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(1);
    assert_snapshot!("plan_out", again.transcript());
    let saved = world.read("plan.json");
    let hidden = without_fingerprints(&saved);
    assert_snapshot!("plan_out_file", hidden);
    for value in ["token-1", "token-2", "password-1"] {
        assert!(!saved.contains(value));
    }
    assert_snapshot!("push_plan", world.run(&PUSH).status(0).transcript());
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-2");
    assert_eq!(github.values(&repository())["SHOP_TOKEN"], b"token-2");
    fly.clear_requests();
    github.clear_requests();
    // What is done is done: the plan is of the past.
    assert_snapshot!("push_plan_again", world.run(&PUSH).status(2).transcript());
    assert_eq!(written(&fly, &github), 0);
}

/// Takes the fingerprints out, which differ from run to run.
fn without_fingerprints(saved: &str) -> String {
    let is_fingerprint = |word: &str| word.len() >= 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    saved
        .split('"')
        .map(|word| if is_fingerprint(word) { "[fingerprint]" } else { word })
        .collect::<Vec<_>>()
        .join("\"")
}

type Move<'a> = (&'a str, &'a dyn Fn(&FlyTwin, &GitHubTwin, &World));

#[test]
fn whatever_moved_is_named_and_nothing_is_written() {
    let moves: [Move<'_>; 6] = [
        ("vault", &|_, _, world| world.set("API_TOKEN", "token-3")),
        ("target", &|_, github, _| {
            github.clock().advance(std::time::Duration::from_secs(60));
            github.set(&repository(), "SHOP_TOKEN", "pasted");
        }),
        ("new_step", &|_, _, world| world.set("SMTP_PASSWORD", "password-2")),
        ("receipts", &|fly, _, world| {
            fly.unset("shop-staging", "SMTP_PASSWORD");
            let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
        }),
        ("declarations", &|_, _, world| world.write("undrift.toml", SHOP.replace("\"web\", { target", "{ target"))),
        ("place", &|fly, _, world| {
            fly.create_app("shop2-staging");
            world.write("undrift.toml", SHOP.replace("shop-{environment}", "shop2-{environment}"));
        }),
    ];
    for (what, move_it) in moves {
        let (fly, github, world) = planned();
        move_it(&fly, &github, &world);
        fly.clear_requests();
        github.clear_requests();
        let before = kept(&world);
        assert_snapshot!(format!("push_plan_moved_{what}"), world.run(&PUSH).status(2).transcript());
        assert_eq!(written(&fly, &github), 0, "{what}");
        assert_eq!(kept(&world), before, "{what}");
    }
}

#[test]
fn who_may_use_what_a_plan_makes_is_part_of_it() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let organization = "version = 1\n[environments.staging]\n[targets.org]\nkind = \"github\"\nscope = \"organization\"\n\
                        organization = \"acme\"\nvisibility = \"private\"\n[secrets.API_TOKEN]\n[secrets.SMTP_PASSWORD]\n\
                        targets = []\n[secrets.STRIPE_KEY]\ntargets = []\n";
    world.write("undrift.toml", organization);
    let _ = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(1);
    world.write("undrift.toml", organization.replace("\"private\"", "\"all\""));
    github.clear_requests();
    assert_snapshot!("push_plan_wider", world.run(&PUSH).status(2).transcript());
    assert_eq!(written(&fly, &github), 0);
    world.write("undrift.toml", organization);
    let _ = world.run(&PUSH).status(0);
    assert_eq!(written(&fly, &github), 1);
}

#[test]
fn a_roll_out_that_somebody_made_meanwhile_is_a_move_too() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let machine = fly.add_machine("shop-staging");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let web = "[targets.web]\nkind = \"fly\"\napp = \"shop-{environment}\"\n";
    world.write("undrift.toml", SHOP.replace(web, &format!("{web}rollout = \"machines\"\n")));
    let _ = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(1);
    fly.deploy_machine("shop-staging", &machine);
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("push_plan_rolled_out", world.run(&PUSH).status(2).transcript());
    assert_eq!(written(&fly, &github), 0);
}

#[test]
fn a_plan_holds_its_choices_and_its_targets() {
    let (fly, github, world) = planned();
    github.set(&repository(), "STRIPE_KEY", "pasted");
    let plan = ["plan", "-e", "staging", "-t", "ci", "--overwrite", "STRIPE_KEY", "--out", "plan.json"];
    let _ = world.run(&plan).status(1);
    let mut talk = String::new();
    for option in [
        &["-t", "ci"][..],
        &["--overwrite", "STRIPE_KEY"],
        &["--take-vault"],
        &["--prune"],
        &["--allow-shrink"],
        &["--max-deletes", "3"],
    ] {
        let ran = world.run(&[&PUSH, option].concat()).status(2);
        talk += ran.talk.lines().next().unwrap();
        talk += "\n";
    }
    assert_snapshot!("push_plan_conflicts", talk);
    let _ = world.run(&PUSH).status(0);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1");
    // The other target was no part of it.
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-1");
}

#[test]
fn a_file_that_is_not_the_plan_is_refused_by_name() {
    let (fly, github, world) = planned();
    let saved = world.read("plan.json");
    let mut talk = String::new();
    let mut refused = |content: &str| {
        world.write("plan.json", content);
        talk += &world.run(&PUSH).status(2).talk;
    };
    refused(&saved.replace("\"secret\": \"API_TOKEN\"", "\"secret\": \"STRIPE_KEY\""));
    refused(&saved.replace("saved-plan/1", "saved-plan/2"));
    refused(&saved.replace("\"targets\": []", "\"targets\": [],\n  \"more\": 1"));
    refused("not a plan");
    refused("{\"schema\": \"undrift/plan/1\"}");
    world.write("plan.json", &saved);
    talk += &world.run(&["push", "-e", "production", "--confirm", "production", "--plan", "plan.json"]).status(2).talk;
    talk += &world.run(&["push", "--plan", "plan.json"]).status(2).talk;
    talk += &world.run(&["push", "-e", "staging", "--plan", "nowhere.json"]).status(2).talk;
    talk += &world.run(&["push", "-e", "staging", "--plan", "plan.json"]).status(2).talk;
    // Another project of the same names has another key.
    let (fly2, github2) = twins();
    let other = World::with_twins(&fly2, &github2);
    other.shop();
    other.write("plan.json", &saved);
    talk += &other.run(&PUSH).status(2).talk;
    assert_snapshot!("push_plan_not_it", talk);
    assert_eq!(written(&fly, &github) + written(&fly2, &github2), 0);
}

#[test]
fn a_plan_is_saved_only_where_it_can_be_done() {
    let (_fly, github, world) = planned();
    let mut talk = String::new();
    talk += &world.run(&["plan", "--out", "other.json"]).status(2).talk;
    talk += &world.run(&["plan", "-e", "staging", "--out", "undrift.toml"]).status(2).talk;
    let key = std::fs::read(world.path("vault/staging/key.age")).unwrap();
    let receipts = world.read("vault/staging/receipts.toml");
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    talk += &world.run(&["plan", "-e", "staging", "--out", "other.json"]).status(2).talk;
    std::fs::remove_file(world.path("vault/staging/receipts.toml")).unwrap();
    talk += &world.run(&["plan", "-e", "staging", "--out", "other.json"]).status(2).talk;
    world.write("vault/staging/key.age", key);
    world.write("vault/staging/receipts.toml", receipts);
    github.remove_repository("acme/shop");
    talk += &world.run(&["plan", "-e", "staging", "--out", "other.json"]).status(2).talk;
    assert_snapshot!("plan_out_refused", talk);
    assert_eq!(world.read("undrift.toml"), SHOP);
    assert!(!world.path("other.json").exists());
}

#[test]
fn a_plan_with_nothing_to_do_is_saved_and_does_nothing() {
    let (fly, github, world) = planned();
    let _ = world.run(&PUSH).status(0);
    let _ = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(0);
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("push_plan_nothing", world.run(&PUSH).status(0).transcript());
    assert_eq!(written(&fly, &github), 0);
}

#[test]
fn a_protected_environment_is_named_twice_with_a_plan_too() {
    let (_fly, _github, world) = planned();
    let ran = world.run(&["plan", "-e", "production", "--out", "plan.json"]).status(0);
    assert!(ran.talk.contains("`undrift push -e production --confirm production --plan plan.json`"), "{}", ran.talk);
    let _ = world.run(&["push", "-e", "production", "--yes", "--plan", "plan.json"]).status(2);
    let _ = world.run(&["push", "-e", "production", "--confirm", "production", "--plan", "plan.json"]).status(0);
}
