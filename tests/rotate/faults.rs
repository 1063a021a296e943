//! Rotations that something befalls: a place that is down, an answer that is lost, a disk that is full.

use twins::{Fault, FaultKind};

use super::*;

/// What a place that is down answers to every write.
fn down() -> Fault {
    Fault::new(FaultKind::status(500, "{}")).always()
}

#[test]
fn a_place_that_fails_stops_no_other_and_is_done_later() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    assert_snapshot!("half_way", rotate(&world, "token-2").status(2).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    let _ = go_on(&world).status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("continued", go_on(&world).status(0).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(writes(&fly, &github), 1);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}

#[test]
fn a_place_that_cannot_even_be_read_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.inject(down());
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-2");
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    github.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_token_that_is_revoked_meanwhile_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.inject(Fault::new(FaultKind::status(401, "{\"message\":\"Bad credentials\"}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    github.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_rollback_brings_the_old_value_back_everywhere_it_left() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("rolled_back", roll_back(&world).status(0).transcript());
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
    // GitHub never had the new value.
    assert_eq!(writes(&fly, &github), 1);
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
    assert_snapshot!("log_rolled_back", world.run(&["log", "-e", "staging"]).status(0).output);
    // Nothing stands in the way of the next one.
    let _ = rotate(&world, "token-3").status(0);
    assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
}

#[test]
fn a_rollback_while_a_place_is_down_keeps_both_values_until_it_is_back() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.inject(down().method("POST"));
    let _ = roll_back(&world).status(2);
    // Fly still has the new value, and so has the vault.
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), Some("token-2".to_owned())));
    assert_snapshot!("status_returning", world.run(&["rotate", "--status", "-e", "staging"]).status(1).transcript());
    fly.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn a_write_whose_answer_was_lost_is_looked_at_again_forth_and_back() {
    for back in [false, true] {
        let (fly, github, world) = pushed();
        for twin_is_fly in [true, false] {
            let fault = || Fault::new(FaultKind::ResetAfter).times(8);
            if twin_is_fly {
                fly.inject(fault().method("POST"));
            } else {
                github.inject(fault().method("PUT"));
            }
        }
        let _ = rotate(&world, "token-2").status(2);
        fly.clear_faults();
        github.clear_faults();
        assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
        let (ended, expected) = if back { (roll_back(&world), "token-1") } else { (go_on(&world), "token-2") };
        assert_eq!(ended.status, 0, "{}", ended.transcript());
        assert_eq!(there(&fly, &github), [expected, expected]);
        assert_eq!(values(&world, "API_TOKEN"), (expected.to_owned(), None));
        assert_eq!(world.run(&["audit"]).status(0).talk, "");
    }
}

#[test]
fn what_somebody_wrote_at_a_place_is_held_and_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.set(&repository(), "SHOP_TOKEN", "theirs");
    assert_snapshot!("held", rotate(&world, "token-2").status(1).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "theirs"]);
    let _ = go_on(&world).status(1);
    let _ = world.run(&["push", "-e", "staging", "-t", "ci", "--overwrite", "API_TOKEN", "--yes"]).status(0);
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_value_that_is_set_meanwhile_is_the_one_that_goes_everywhere() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    world.set("API_TOKEN", "token-3");
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-3".to_owned(), None));
}

#[test]
fn a_key_that_is_replaced_meanwhile_changes_nothing_for_the_run() {
    let (fly, github, world) = pushed();
    let _ = world
        .run(&[
            "grant",
            "bob",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "-e",
            "staging",
            "--yes",
        ])
        .status(0);
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    let _ = world.run(&["revoke", "bob", "-e", "staging", "--yes"]);
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn a_file_that_somebody_changed_is_not_believed() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    let whole = world.read("vault/staging/rotation.toml");
    world.write("vault/staging/rotation.toml", whole.replace("stage = \"staged\"", "stage = \"verified\""));
    for ran in [go_on(&world), roll_back(&world), rotate(&world, "token-3")] {
        assert!(ran.status(2).talk.contains("is not the file that was sealed"));
    }
    std::fs::remove_file(world.path("vault/staging/rotation.toml")).unwrap();
    assert!(rotate(&world, "token-3").status(2).talk.contains("was sealed, and is not there"));
    assert_eq!(writes(&fly, &github), 0);
    world.write("vault/staging/rotation.toml", whole);
    let _ = go_on(&world).status(0);
}
