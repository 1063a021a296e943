//! Removals come last of all: after every write that they could make up for, and never on a guess.

use std::time::Duration;

use twins::{Fault, FaultKind, FlyTwin, GitHubTwin, Server};

use crate::world::{SHOP, World, repository, twins};

const STRIPE: &str = "[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n";

const SMTP: &str = "[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n";

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

#[test]
fn what_somebody_has_written_since_the_plan_is_not_removed() {
    for target in ["web", "ci"] {
        let (fly, github, world) = pushed();
        let gone = if target == "ci" { STRIPE } else { SMTP };
        world.write("undrift.toml", SHOP.replace(gone, ""));
        github.clock().advance(Duration::from_secs(60));
        let server: &Server = if target == "ci" { &github } else { &fly };
        // At GitHub the name is looked at by itself; at Fly, the second listing of the app is the look.
        let look = if target == "ci" { ("/STRIPE_KEY", 0) } else { ("/secrets", 1) };
        server.inject(Fault::new(FaultKind::Hold).method("GET").path_contains(look.0).skip(look.1).times(1));
        let held = server.held();
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| {
                while server.held() == held {
                    std::thread::yield_now();
                }
                if target == "ci" {
                    github.set(&repository(), "STRIPE_KEY", "theirs");
                } else {
                    fly.set("shop-staging", "SMTP_PASSWORD", "theirs");
                }
                server.release();
            });
            world.run(&[&PRUNE[..], &["-t", target]].concat())
        });
        let told = ran.status(1);
        assert!(told.output.contains("stale"), "{target}: {}", told.transcript());
        assert!(server.requests().iter().all(|request| request.method != "DELETE"), "{target}");
        let (there, app) = (github.values(&repository()), fly.values("shop-staging"));
        let kept = if target == "ci" { there["STRIPE_KEY"] == b"theirs" } else { app["SMTP_PASSWORD"] == "theirs" };
        assert!(kept, "{target}");
    }
}

#[test]
fn nothing_is_removed_anywhere_unless_every_write_was_done() {
    let (fly, github, world) = pushed();
    world.write("undrift.toml", SHOP.replace(STRIPE, ""));
    world.set("SMTP_PASSWORD", "password-2");
    // Somebody writes what we are about to write, so that our write is left out.
    fly.inject(Fault::new(FaultKind::Hold).method("GET").path_contains("/secrets").skip(1).times(1));
    let held = fly.held();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            while fly.held() == held {
                std::thread::yield_now();
            }
            fly.set("shop-staging", "SMTP_PASSWORD", "theirs");
            fly.release();
        });
        world.run(&PRUNE)
    });
    let told = ran.status(2);
    assert!(told.output.contains("delete skipped"), "{}", told.transcript());
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
}
