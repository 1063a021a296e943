//! Rotations that cannot wait: a value that somebody has who should not, and a target that was broken into.

use super::*;

/// Declares kinds, so that it is known where a value is issued.
fn declared(world: &World) {
    let declared = world
        .read("undrift.toml")
        .replace("[secrets.STRIPE_KEY]\n", "[secrets.STRIPE_KEY]\nkind = \"stripe-key\"\nprobe = false\n")
        .replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\nkind = \"github-token\"\nprobe = false\n");
    world.write("undrift.toml", declared);
}

#[test]
fn what_has_leaked_is_told_with_every_place_that_ever_had_it() {
    let (fly, github, mut world) = pushed();
    declared(&world);
    // It stood at GitHub until an hour ago, and had another name before.
    let whole = world.read("undrift.toml");
    world.write("undrift.toml", whole.replace(", { target = \"ci\", name = \"SHOP_TOKEN\" }", ""));
    let _ = world.run(&["push", "-e", "staging", "--prune", "--yes"]).status(0);
    world.set("SMTP_PASSWORD", "token-1");
    world.now = "2026-11-20T10:00:00Z".parse().unwrap();
    let leaked = world.run_with(&["rotate", "--leaked", "API_TOKEN", "-e", "staging", "--yes"], "token-2").status(0);
    assert_snapshot!("leaked", leaked.transcript());
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-2");
    assert!(world.run(&["log", "-e", "staging"]).status(0).output.contains("API_TOKEN (leaked)"));
    drop(github);
}

#[test]
fn a_leak_whose_run_stays_open_says_so_until_it_is_over() {
    let (fly, github, world) = pushed();
    declared(&world);
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let open = world.run_with(&["rotate", "API_TOKEN", "--leaked", "-e", "staging", "--yes"], "token-2").status(2);
    let said =
        "revoke the old value of API_TOKEN at https://github.com/settings/tokens as soon as github:acme/shop runs";
    assert!(open.talk.contains(said), "{}", open.talk);
    github.clear_faults();
    let status = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(status["runs"][0]["reason"], "leaked");
    let asked = world.run(&["rotate", "--rollback", "-e", "staging"]).status(2);
    assert!(asked.talk.contains("the rotation of API_TOKEN was begun for this: leaked"), "{}", asked.talk);
    let record = world.run(&["rotate", "--continue", "-e", "staging", "--yes", "--format", "markdown"]).status(0);
    assert_snapshot!("leaked_record", record.transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_target_that_was_broken_into_gets_new_values_of_all_that_it_ever_had() {
    let (fly, github, world) = pushed();
    declared(&world);
    // STRIPE_KEY is made here; API_TOKEN is issued by somebody; SMTP_PASSWORD was never there.
    fly.clear_requests();
    github.clear_requests();
    let breached = world.run(&["rotate", "--at", "ci", "-e", "staging", "--yes"]).status(1);
    assert_snapshot!("breached", breached.transcript());
    assert_eq!(github.values(&repository())["STRIPE_KEY"].len(), 32);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    // One look at each target, and what the write itself asks.
    let looks = fly.requests().iter().filter(|request| request.method == "GET").count();
    assert!(looks <= 3, "{looks}");
    // What was moved away from it since is not forgotten.
    let whole = world.read("undrift.toml");
    world.write("undrift.toml", whole.replace("targets = [\"ci\"]", "targets = [\"web\"]"));
    let _ = world.run(&["push", "-e", "staging", "--prune", "--yes"]).status(0);
    let json = world.run(&["rotate", "--at", "ci", "-e", "staging", "--yes", "--format", "json"]).status(1).json();
    assert_eq!(json["runs"][0]["secrets"], serde_json::json!(["STRIPE_KEY"]));
    assert_eq!(json["runs"][0]["reason"], serde_json::json!({"breached": "ci"}));
    assert_eq!(json["left_out"][0]["secret"], "API_TOKEN");
    assert_eq!(json["left_out"][0]["issuer"], "https://github.com/settings/tokens");
}

#[test]
fn where_nothing_can_be_made_all_is_left_out_and_nothing_is_written() {
    let (fly, github, world) = pushed();
    world.write("undrift.toml", SHOP);
    let before = crate::world::files(&world.path("vault"));
    let all = world.run(&["rotate", "--at", "ci", "-e", "staging", "--yes"]).status(1);
    assert_snapshot!("breached_left_out", all.transcript());
    let unknown = world.run(&["rotate", "--at", "cy", "-e", "staging", "--yes"]).status(2);
    assert!(unknown.talk.contains("there is no target `cy`"), "{}", unknown.talk);
    let foreign = ["rotate", "--at", "ci", "-e", "production", "--confirm", "production", "--yes"];
    assert!(world.run(&foreign).status(2).talk.contains("`ci` is no target of `production`"));
    assert!(crate::world::files(&world.path("vault")) == before);
    assert_eq!(writes(&fly, &github), 0);
    // One is not in the vault any more, and the other is being rotated already.
    let _ = world.run(&["rm", "STRIPE_KEY", "-e", "staging", "--yes"]).status(0);
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    let all = world.run(&["rotate", "--at", "ci", "-e", "staging", "--yes"]).status(1);
    assert_snapshot!("breached_obstacles", all.transcript());
}
