//! Removals come last of all: after every write that they could make up for, and never on a guess.

use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, repository, twins};

const STRIPE: &str = "[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n";

const PRUNE: [&str; 5] = ["push", "-e", "staging", "--yes", "--prune"];

fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    (fly, github, world)
}

/// Returns what a push holds, by name and reason.
#[track_caller]
fn held(world: &World, status: u8) -> String {
    let report = world.run(&[&PRUNE[..], &["--format", "json"]].concat()).status(status).json();
    let text = |held: &serde_json::Value| format!("{}: {}", held["secret"], held["detail"]).replace('"', "");
    report["held"].as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(", ")
}

#[test]
fn nothing_is_removed_while_a_place_cannot_be_read() {
    let (fly, github, world) = pushed();
    world.write("undrift.toml", SHOP.replace(STRIPE, ""));
    world.set("API_TOKEN", "token-2");
    fly.inject(Fault::new(FaultKind::status(401, "{}")).always());
    let told = held(&world, 2);
    assert!(told.starts_with("STRIPE_KEY: ") && told.ends_with("has to be written first"), "{told}");
    let there = github.values(&repository());
    assert_eq!((&there["SHOP_TOKEN"][..], &there["STRIPE_KEY"][..]), (&b"token-2"[..], &b"stripe-1"[..]));
    // Once it can be read, the removal follows.
    fly.clear_faults();
    let _ = world.run(&PRUNE).status(0);
    assert!(!github.values(&repository()).contains_key("STRIPE_KEY"));
}

#[test]
fn an_old_name_stays_until_the_new_one_is_written() {
    // (the new name, what somebody else has put there, how the push ends: a name that no place takes is a fault)
    for (name, there, status) in [("GITHUB_KEY", None, 2), ("STRIPE_NEW", Some("older"), 1)] {
        let (_fly, github, world) = pushed();
        if let Some(value) = there {
            github.set(&repository(), name, value);
        }
        let renamed = STRIPE.replace("[\"ci\"]", &format!("[{{ target = \"ci\", name = \"{name}\" }}]"));
        world.write("undrift.toml", SHOP.replace(STRIPE, &renamed));
        let told = held(&world, status);
        assert!(told.contains("STRIPE_KEY: ") && told.contains("has to be written first"), "{name}: {told}");
        assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-1", "{name}");
        if there.is_some() {
            let _ = world.run(&[&PRUNE[..], &["--overwrite", "STRIPE_KEY"]].concat()).status(0);
            let now = github.values(&repository());
            assert_eq!((now.contains_key("STRIPE_KEY"), &now[name][..]), (false, &b"stripe-1"[..]));
        }
    }
}
