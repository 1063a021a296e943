//! `undrift adopt`: the target is right, and nothing is written to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, files, repository, twins};

/// A shop in step, where somebody then wrote a new value of `API_TOKEN` at both of its places.
fn changed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.set(&repository(), "SHOP_TOKEN", "token-2");
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

#[test]
fn the_value_goes_to_the_vault_and_the_other_places_are_behind() {
    let (fly, github, mut world) = changed();
    world.now = "2026-11-21T08:00:00Z".parse().unwrap();
    fly.clear_requests();
    github.clear_requests();
    let adopt = ["adopt", "API_TOKEN", "-e", "staging", "-t", "ci", "--yes"];
    assert_snapshot!("adopt", world.run_with(&adopt, "token-2\n").status(0).transcript());
    assert_eq!(written(&fly, &github), 0);
    assert_eq!(world.value("staging", "API_TOKEN"), "token-2");
    assert_snapshot!("adopt_audit", world.run(&["audit", "-e", "staging", "--all"]).status(1).transcript());
    // Once more, nothing but the receipt is written.
    let vault = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    assert_snapshot!("adopt_again", world.run_with(&adopt, "token-2").status(0).transcript());
    assert_eq!(std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap(), vault);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-2");
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn a_value_that_the_receipts_contradict_is_refused() {
    let (fly, _github, world) = changed();
    fly.set("shop-staging", "API_TOKEN", "password-1");
    let before = kept(&world);
    let adopt = ["adopt", "API_TOKEN", "-e", "staging", "-t", "web", "--yes"];
    // The app shows the digest of SMTP_PASSWORD's value, which a receipt knows.
    assert_snapshot!("adopt_other_value", world.run_with(&adopt, "token-3").status(2).transcript());
    // It does not show the digest of the value that was pushed before.
    let _ = world.run_with(&adopt, "token-1").status(2);
    assert_eq!(kept(&world), before);
    let _ = world.run_with(&adopt, "password-1").status(0);
    assert_eq!(world.value("staging", "API_TOKEN"), "password-1");
}

#[test]
fn what_nobody_knows_is_accepted_until_either_side_moves() {
    let (fly, github) = twins();
    fly.set("shop-staging", "API_TOKEN", "older");
    github.set(&repository(), "STRIPE_KEY", "older");
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(1);
    let as_is = |name, target| {
        let arguments = ["adopt", name, "-e", "staging", "-t", target, "--as-is", "--yes"];
        world.run(&arguments)
    };
    assert_snapshot!("adopt_as_is", as_is("STRIPE_KEY", "ci").status(0).transcript());
    let _ = as_is("API_TOKEN", "web").status(0);
    assert_snapshot!("adopt_as_is_audit", world.run(&["audit", "-e", "staging"]).status(0).transcript());
    assert_snapshot!("adopt_as_is_audit_all", world.run(&["audit", "-e", "staging", "--all"]).status(0).transcript());
    let json = world.run(&["audit", "-e", "staging", "--format", "json"]).status(0).json();
    assert_eq!((&json["summary"]["accepted"], &json["summary"]["in_sync"]), (&2.into(), &2.into()));
    // Nothing that is accepted is written over unasked.
    let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault"]).status(0);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "older");
    github.clock().pin("2026-11-22T09:12:00Z".parse().unwrap());
    github.set(&repository(), "STRIPE_KEY", "newer");
    world.now = "2026-11-23T08:00:00Z".parse().unwrap();
    world.set("API_TOKEN", "token-2");
    assert_snapshot!("adopt_as_is_moved", world.run(&["plan", "-e", "staging"]).status(1).transcript());
    // What was never written by us is no orphan of ours.
    world.write(
        "undrift.toml",
        SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    let _ = world.run(&["push", "-e", "staging", "-t", "ci", "--yes", "--prune"]);
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    let (fly, github, world) = changed();
    fly.unset("shop-staging", "API_TOKEN");
    let before = kept(&world);
    let mut talk = String::new();
    for (arguments, input) in [
        (&["API_TOKEN", "-t", "ci"][..], "x"),
        (&["API_TOKEN", "-e", "staging", "-e", "production", "-t", "ci"], "x"),
        (&["API_TOKEN", "-e", "staging"], "x"),
        (&["API_TOKEN", "-e", "staging", "-t", "ci", "-t", "web"], "x"),
        (&["API_TOKEM", "-e", "staging", "-t", "ci"], "x"),
        (&["SMTP_PASSWORD", "-e", "staging", "-t", "ci"], "x"),
        (&["API_TOKEN", "-e", "staging", "-t", "ci"], ""),
        (&["API_TOKEN", "token-2", "-e", "staging", "-t", "ci"], ""),
        (&["API_TOKEN=token-2", "-e", "staging", "-t", "ci"], ""),
        (&["token-2", "-e", "staging", "-t", "ci"], ""),
        (&["API_TOKEN", "-e", "staging", "-t", "web"], "x"),
        (&["STRIPE_KEY", "-e", "staging", "-t", "ci", "--as-is"], ""),
        (&["API_TOKEN", "-e", "production", "-t", "web"], "x"),
        (&["API_TOKEN", "-e", "production", "--confirm", "production", "-t", "ci"], "x"),
    ] {
        talk += &world.run_with(&[&["adopt", "--yes"], arguments].concat(), input).status(2).talk;
    }
    talk += &world.run_with(&["adopt", "API_TOKEN", "-e", "staging", "-t", "ci"], "token-2").status(2).talk;
    github.remove_repository("acme/shop");
    talk += &world.run_with(&["adopt", "API_TOKEN", "-e", "staging", "-t", "ci", "--yes"], "x").status(2).talk;
    assert_snapshot!("adopt_mistakes", talk);
    assert_eq!(kept(&world), before);
}

#[test]
fn a_place_that_moves_while_a_person_decides_is_stale() {
    let (_fly, github, world) = changed();
    let before = kept(&world);
    let place = repository();
    github.clear_requests();
    github.inject(
        Fault::new(FaultKind::Delay(Duration::from_secs(1))).method("GET").path_contains("secrets").skip(1).times(1),
    );
    let ran = std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            while github.requests().iter().filter(|r| r.path.contains("secrets")).count() < 1 {
                std::thread::yield_now();
            }
            github.clock().advance(Duration::from_secs(60));
            github.set(&place, "SHOP_TOKEN", "meddled");
        });
        let ran = world.run_with(&["adopt", "API_TOKEN", "-e", "staging", "-t", "ci", "--yes"], "token-2");
        meddler.join().unwrap();
        ran
    });
    assert_snapshot!("adopt_stale", ran.status(2).transcript());
    assert_eq!(kept(&world), before);
}

#[test]
fn a_write_whose_end_nobody_saw_is_settled_by_the_persons_word() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.inject(Fault::new(FaultKind::ResetAfter).method("PUT").skip(1).times(1));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(world.run(&["audit", "-e", "staging"]).status(1).talk.contains("a push was interrupted"));
    let _ = world.run(&["adopt", "STRIPE_KEY", "-e", "staging", "-t", "ci", "--as-is", "--yes"]).status(0);
    fly.clear_requests();
    github.clear_requests();
    assert_eq!(world.run(&["audit", "-e", "staging"]).status(0).talk, "");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(written(&fly, &github), 0);
}
