//! Rotations of values whose consumers take two at once, and of values that stay for a while.

use twins::{Fault, FaultKind, IssuerTwin};

use super::faults::merge;
use super::*;
use crate::probe::by_header;

/// Adds to what is declared of `API_TOKEN`.
fn declare(world: &World, more: &str) {
    let section = "[secrets.API_TOKEN]\n";
    world.write("undrift.toml", SHOP.replace(section, &format!("{section}{more}\n")));
}

/// A project after one push, whose consumers take two tokens.
pub(super) fn overlapping() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github, world) = pushed();
    declare(&world, "overlap = true");
    (fly, github, world)
}

/// The same, and the old token stays for a day.
fn staying() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github, world) = pushed();
    declare(&world, "overlap = true\nfinish-after = \"24h\"");
    (fly, github, world)
}

/// What Fly and GitHub have of the old value of `API_TOKEN`.
pub(super) fn beside(fly: &FlyTwin, github: &GitHubTwin) -> [Option<String>; 2] {
    let stored = github.values(&repository()).get("SHOP_TOKEN_PREVIOUS").cloned();
    let stored = stored.map(|value| String::from_utf8(value).unwrap());
    [fly.values("shop-staging").get("API_TOKEN_PREVIOUS").cloned(), stored]
}

fn both(text: &str) -> [Option<String>; 2] {
    [Some(text.to_owned()), Some(text.to_owned())]
}

/// Lets the time pass for which the old value stays.
fn next_day(github: &GitHubTwin, world: &mut World) {
    world.now = "2026-11-21T09:00:00Z".parse().unwrap();
    github.clock().advance(Duration::from_secs(24 * 3600));
}

#[test]
fn the_old_value_stands_beside_the_new_one_and_goes_when_its_time_is_over() {
    let (fly, github, mut world) = staying();
    assert_snapshot!("staying", rotate(&world, "token-2\n").status(1).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(beside(&fly, &github), both("token-1"));
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    // Both go there in one: a bulk write for the app, and a box for each name at GitHub.
    assert_eq!(writes(&fly, &github), 3);
    // It is no drift, nothing else removes it, and it is said when it ends.
    let audit = world.run(&["audit", "-e", "staging", "--all"]).status(0);
    assert_snapshot!("staying_audit", audit.transcript());
    assert_snapshot!("staying_status", world.run(&["rotate", "--status", "-e", "staging"]).status(1).transcript());
    let json = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(json["runs"][0]["stays_until"], "2026-11-21T09:00:00Z");
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(0);
    world.now = "2026-11-21T08:59:59Z".parse().unwrap();
    let _ = go_on(&world).status(1);
    assert_eq!((writes(&fly, &github), beside(&fly, &github)), (3, both("token-1")));
    next_day(&github, &mut world);
    assert_snapshot!("stayed", go_on(&world).status(0).transcript());
    assert_eq!(
        (there(&fly, &github), beside(&fly, &github)),
        (["token-2", "token-2"].map(str::to_owned), [None, None])
    );
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    assert_eq!(writes(&fly, &github), 5);
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
    assert_snapshot!(
        "stayed_log",
        world.run(&["log", "-e", "staging"]).status(0).output.split_once("rotate").unwrap().1
    );
}

#[test]
fn without_a_time_to_stay_one_attempt_does_both() {
    let (fly, github, world) = overlapping();
    let ran = rotate(&world, "token-2\n").status(0);
    assert!(ran.output.contains("finished"), "{}", ran.transcript());
    assert_eq!(
        (there(&fly, &github), beside(&fly, &github)),
        (["token-2", "token-2"].map(str::to_owned), [None, None])
    );
    assert_eq!((writes(&fly, &github), values(&world, "API_TOKEN").1), (5, None));
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
    // The name is free again, for the next one.
    let _ = rotate(&world, "token-3\n").status(0);
    assert_eq!((writes(&fly, &github), beside(&fly, &github)), (10, [None, None]));
}

#[test]
fn a_value_that_stays_without_overlap_is_in_the_vault_alone() {
    let (fly, github, mut world) = pushed();
    declare(&world, "finish-after = \"1d\"");
    let _ = rotate(&world, "token-2\n").status(1);
    assert_eq!((writes(&fly, &github), beside(&fly, &github)), (2, [None, None]));
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    let _ = rotate(&world, "token-2\n").status(1);
    next_day(&github, &mut world);
    let _ = go_on(&world).status(0);
    assert_eq!((writes(&fly, &github), values(&world, "API_TOKEN").1), (6, None));
}

#[test]
fn a_place_that_is_down_at_the_end_keeps_the_old_value_in_the_vault() {
    for method in ["DELETE", "GET"] {
        let (fly, github, mut world) = staying();
        let _ = rotate(&world, "token-2\n").status(1);
        next_day(&github, &mut world);
        github.inject(Fault::new(FaultKind::status(500, "{}")).method(method).path_contains("secrets").always());
        let _ = go_on(&world).status(2);
        // Fly has let go of it, GitHub has not: the vault knows it.
        assert_eq!(beside(&fly, &github)[1].as_deref(), Some("token-1"), "{method}");
        assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"), "{method}");
        assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
        github.clear_faults();
        let _ = go_on(&world).status(0);
        assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN").1), ([None, None], None), "{method}");
        assert_eq!(world.run(&["audit"]).status(0).talk, "");
    }
}

#[test]
fn a_rollback_takes_the_place_beside_away_at_once_from_any_stage() {
    for stage in ["staged", "verified", "retiring"] {
        let (fly, github, mut world) = staying();
        let fault = |method| Fault::new(FaultKind::status(500, "{}")).method(method).always();
        if stage == "staged" {
            github.inject(fault("PUT"));
        }
        let _ = rotate(&world, "token-2\n");
        if stage == "retiring" {
            next_day(&github, &mut world);
            github.inject(fault("DELETE"));
            let _ = go_on(&world).status(2);
        }
        github.clear_faults();
        let status = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
        assert_eq!(status["runs"][0]["stage"], stage);
        let _ = roll_back(&world).status(0);
        assert_eq!(there(&fly, &github), ["token-1", "token-1"], "{stage}");
        assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN")), ([None, None], ("token-1".to_owned(), None)));
        assert_eq!(world.run(&["audit"]).status(0).talk, "", "{stage}");
    }
}

#[test]
fn what_somebody_wrote_over_the_old_value_is_held_at_the_end() {
    let (fly, github, mut world) = staying();
    let _ = rotate(&world, "token-2\n").status(1);
    next_day(&github, &mut world);
    // Right before it is removed there.
    github.set(&repository(), "SHOP_TOKEN_PREVIOUS", "somebody's");
    let ran = go_on(&world).status(1);
    assert_snapshot!("beside_changed", ran.transcript());
    assert_eq!(beside(&fly, &github), [None, Some("somebody's".to_owned())]);
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    // The command that is shown decides it.
    let decide = ["push", "-e", "staging", "-t", "ci", "--prune", "--overwrite", "API_TOKEN_PREVIOUS", "--yes"];
    let _ = world.run(&decide).status(0);
    let _ = go_on(&world).status(0);
    assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN").1), ([None, None], None));
}

#[test]
fn what_no_receipt_speaks_of_is_not_forgotten() {
    // The first attempt is killed when Fly has both values, and nothing was written down of it.
    for goes_on in [true, false] {
        let (fly, github, world) = overlapping();
        github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
        let _ = rotate(&world, "token-2\n").status(2);
        github.clear_faults();
        let receipts = world.read("vault/staging/receipts.toml");
        world.write("vault/staging/receipts.toml", without(&receipts, "API_TOKEN_PREVIOUS"));
        assert_eq!(beside(&fly, &github), [Some("token-1".to_owned()), None]);
        if goes_on {
            let ran = go_on(&world).status(1);
            assert!(ran.talk.contains("--take-vault"), "{}", ran.talk);
            let _ = world.run(&["push", "-e", "staging", "-t", "web", "--take-vault", "--yes"]).status(0);
            let _ = go_on(&world).status(0);
        } else {
            // Nobody can tell who has written it: a person decides.
            let ran = roll_back(&world).status(1);
            assert_snapshot!("beside_unfiled", ran.transcript());
            assert_eq!(beside(&fly, &github)[0].as_deref(), Some("token-1"));
            let decide =
                ["push", "-e", "staging", "-t", "web", "--prune", "--overwrite", "API_TOKEN_PREVIOUS", "--yes"];
            let _ = world.run(&decide).status(0);
            let _ = go_on(&world).status(0);
        }
        assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN").1), ([None, None], None));
    }
}

/// Returns the receipts without those of a name.
fn without(receipts: &str, name: &str) -> String {
    let mut file: toml::Table = toml::from_str(receipts).unwrap();
    for (_, place) in file["receipts"].as_table_mut().unwrap() {
        place.as_table_mut().unwrap().remove(name);
    }
    toml::to_string(&file).unwrap()
}

#[test]
fn what_has_leaked_does_not_stay() {
    let (fly, github, world) = staying();
    let _ = world.run_with(&["rotate", "--leaked", "API_TOKEN", "-e", "staging", "--yes"], "token-2\n").status(0);
    assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN")), ([None, None], ("token-2".to_owned(), None)));
    assert_eq!(writes(&fly, &github), 2);
}

#[test]
fn what_was_declared_when_it_began_is_ended_whatever_is_declared_now() {
    let (fly, github, world) = staying();
    let _ = rotate(&world, "token-2\n").status(1);
    // Who cannot wait writes a shorter time, or none.
    world.write("undrift.toml", SHOP);
    assert_eq!(world.run(&["audit", "-e", "staging"]).status, 0);
    let _ = go_on(&world).status(0);
    assert_eq!((beside(&fly, &github), values(&world, "API_TOKEN").1), ([None, None], None));
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}

#[test]
fn the_name_of_the_old_value_is_nobody_elses() {
    let (fly, github, world) = staying();
    let named = format!("{}[secrets.API_TOKEN_PREVIOUS]\n", world.read("undrift.toml"));
    let declared = world.read("undrift.toml");
    world.write("undrift.toml", named);
    assert_snapshot!("previous_declared", rotate(&world, "token-2\n").status(2).transcript());
    world.write("undrift.toml", SHOP);
    world.set("API_TOKEN_PREVIOUS", "another");
    world.write("undrift.toml", &declared);
    assert_snapshot!("previous_taken", rotate(&world, "token-2\n").status(2).transcript());
    let _ = world.run(&["rm", "API_TOKEN_PREVIOUS", "-e", "staging", "--yes"]).status(0);
    assert_eq!(writes(&fly, &github), 0);
    let _ = rotate(&world, "token-2\n").status(1);
    // Whatever undrift.toml says meanwhile, the name is taken as long as the run is open.
    world.write("undrift.toml", SHOP);
    let refused = world.run_with(&["set", "API_TOKEN_PREVIOUS", "-e", "staging"], "another").status(2);
    assert!(refused.talk.contains("rotate --continue"), "{}", refused.talk);
    assert_eq!(beside(&fly, &github), both("token-1"));
}

#[test]
fn nobody_is_asked_about_the_old_value_before_its_time_is_over() {
    let (_fly, github, mut world) = pushed();
    let issuer = IssuerTwin::start(&["token-1", "token-2"]);
    declare(&world, &format!("overlap = true\nfinish-after = \"24h\"\nprobe = {{ {} }}", by_header(&issuer)));
    let ran = rotate(&world, "token-2\n").status(1);
    assert!(!ran.talk.contains("revoke"), "{}", ran.talk);
    next_day(&github, &mut world);
    let ran = go_on(&world).status(1);
    assert!(ran.talk.contains("the old value of API_TOKEN still works"), "{}", ran.talk);
    issuer.revoke("token-1");
    let _ = go_on(&world).status(0);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
}

#[test]
fn a_place_that_loses_the_old_value_gets_it_again() {
    let (fly, github, mut world) = staying();
    let _ = rotate(&world, "token-2\n").status(1);
    github.remove(&repository(), "SHOP_TOKEN_PREVIOUS");
    world.now = "2026-11-20T21:00:00Z".parse().unwrap();
    github.clock().advance(Duration::from_secs(12 * 3600));
    let audit = world.run(&["audit", "-e", "staging"]).status(1).output;
    assert!(audit.contains("SHOP_TOKEN_PREVIOUS"), "{audit}");
    let _ = go_on(&world).status(1);
    assert_eq!(beside(&fly, &github), both("token-1"));
    let json = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(json["runs"][0]["stays_until"], "2026-11-21T09:00:00Z");
}

/// Adds two machines that undrift updates, and returns a look at what they run.
fn with_machines<'a>(fly: &'a FlyTwin, world: &World) -> impl Fn(&str) -> [Option<String>; 2] + use<'a> {
    let web = "[targets.web]\nkind = \"fly\"\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(web, &format!("{web}rollout = \"machines\"\n")));
    let machines = [fly.add_machine("shop-staging"), fly.add_machine("shop-staging")];
    move |name| machines.each_ref().map(|it| fly.running_values("shop-staging", it).get(name).cloned())
}

#[test]
fn machines_run_both_values_and_then_the_new_one_alone() {
    let (fly, github, mut world) = staying();
    let running = with_machines(&fly, &world);
    let _ = rotate(&world, "token-2\n").status(1);
    assert_eq!((running("API_TOKEN"), running("API_TOKEN_PREVIOUS")), (both("token-2"), both("token-1")));
    next_day(&github, &mut world);
    // What runs the old value still, the vault knows.
    fly.inject(Fault::new(FaultKind::status(500, "{}")).method("POST").path_contains("machines").always());
    let _ = go_on(&world).status(2);
    assert_eq!((running("API_TOKEN_PREVIOUS"), beside(&fly, &github)), (both("token-1"), [None, None]));
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    fly.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!((running("API_TOKEN"), running("API_TOKEN_PREVIOUS")), (both("token-2"), [None, None]));
    assert_eq!(values(&world, "API_TOKEN").1, None);
}

#[test]
fn machines_that_were_updated_in_the_second_of_the_removal_are_updated_again() {
    for _ in 0..3 {
        let (fly, _github, world) = overlapping();
        let running = with_machines(&fly, &world);
        let _ = rotate(&world, "token-2\n").status(0);
        assert_eq!((running("API_TOKEN"), running("API_TOKEN_PREVIOUS")), (both("token-2"), [None, None]));
    }
}

#[test]
fn a_target_that_was_broken_into_had_one_secret_and_not_two() {
    let (_fly, _github, world) = overlapping();
    let _ = rotate(&world, "token-2\n").status(0);
    let ran = world.run(&["rotate", "--at", "ci", "-e", "staging", "--yes", "--format", "json"]).status(1).json();
    let left_out: Vec<_> = ran["left_out"].as_array().unwrap().iter().map(|it| it["secret"].clone()).collect();
    assert_eq!(left_out, ["API_TOKEN", "STRIPE_KEY"]);
}

#[test]
fn a_value_that_a_merge_brings_stops_a_run_that_waits_for_its_time() {
    let (fly, github, mut world) = staying();
    let _ = rotate(&world, "token-2\n").status(1);
    merge(&world, "token-9");
    next_day(&github, &mut world);
    let ran = go_on(&world).status(2);
    assert!(ran.talk.contains("neither"), "{}", ran.talk);
    assert_eq!(
        (there(&fly, &github), beside(&fly, &github)),
        (["token-2", "token-2"].map(str::to_owned), both("token-1"))
    );
}
