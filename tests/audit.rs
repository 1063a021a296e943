//! `undrift audit`: what it says, what it never does, and what it makes of targets that fail.

use std::fmt::Write;
use std::time::Duration;

use insta::assert_snapshot;
use twins::{Access, Fault, FaultKind, Permission, Permissions};

use crate::world::{World, files, repository, twins};

#[test]
fn asks_each_place_once_and_writes_nothing() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let before = files(&world.path(""));
    let audit = world.run(&["audit"]).status(1);
    assert_snapshot!("audit_missing", audit.transcript());
    // What it knows of listings is this machine's own, and is all that an audit leaves.
    let mut after = files(&world.path(""));
    assert!(after.remove(&world.path(".undrift/etags.json")).is_some());
    assert_eq!(after, before);
    let asked = |requests: Vec<twins::Request>| {
        requests.into_iter().map(|r| format!("{} {}", r.method, r.path)).collect::<Vec<_>>()
    };
    let mut at_fly = asked(fly.requests());
    at_fly.sort();
    // No machines, so the releases need not be asked for.
    let expected = ["production", "staging"]
        .map(|e| [format!("GET /v1/apps/shop-{e}/machines"), format!("GET /v1/apps/shop-{e}/secrets")])
        .concat();
    let mut expected = expected;
    expected.sort();
    assert_eq!(at_fly, expected);
    assert_eq!(asked(github.requests()), ["GET /repos/acme/shop/actions/secrets"]);
}

#[test]
fn the_json_is_the_contract() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let ran = world.run(&["audit", "-e", "staging", "-t", "ci", "--format", "json"]).status(1);
    assert_snapshot!("audit_json", ran.output);
    assert_eq!(ran.talk, "");
}

#[test]
fn stored_is_not_running() {
    let (fly, github) = twins();
    let machine = fly.add_machine("shop-staging");
    fly.add_machine("shop-staging");
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let staged = world.run(&["audit"]).status(1);
    assert!(staged.output.contains("in sync, staged"), "{}", staged.output);
    assert!(staged.talk.contains("hint: `fly secrets deploy -a shop-staging` mends 2\n"), "{}", staged.talk);
    fly.deploy_machine("shop-staging", &machine);
    let partial = world.run(&["audit", "--format", "json"]).status(1).json();
    let rollouts: Vec<_> = partial["entries"].as_array().unwrap().iter().map(|e| e["rollout"].clone()).collect();
    assert_eq!(rollouts, ["none", "none", "partial", "partial"]);
    fly.deploy("shop-staging");
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn one_target_that_fails_hides_no_other_and_is_never_in_sync() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.remove_repository("acme/shop");
    let ran = world.run(&["audit", "-e", "staging"]).status(2);
    assert_snapshot!("audit_not_found", ran.transcript());
    let json = world.run(&["audit", "-e", "staging", "--format", "json"]).status(2).json();
    assert_eq!((&json["complete"], &json["in_sync"]), (&false.into(), &false.into()));
    assert_eq!(json["summary"]["in_sync"], 2);
    assert_eq!(json["failures"][0]["reason"], "not-found");
}

#[test]
fn every_way_to_fail_has_its_own_words() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.network.request_timeout = Duration::from_millis(300);
    world.network.retries = 1;
    world.network.patience = Duration::from_millis(50);
    world.shop();
    fly.allow_token("other", &["elsewhere"]);
    github.allow_token("reader", Permissions::all(Access::Read).with(Permission::Secrets, Access::None));
    let reason = |world: &World, target: &str| {
        let json = world.run(&["audit", "-e", "staging", "-t", target, "--format", "json"]).status(2).json();
        let failure = &json["failures"][0];
        format!(
            "{}: {}\n  hint: {}\n",
            failure["reason"].as_str().unwrap(),
            failure["message"].as_str().unwrap(),
            failure["hint"].as_str().unwrap_or("none")
        )
    };
    let mut said = String::new();
    for (target, variable, token) in [
        ("web", "FLY_API_TOKEN", None),
        ("web", "FLY_API_TOKEN", Some("wrong")),
        ("web", "FLY_API_TOKEN", Some("other")),
        ("ci", "GH_TOKEN", None),
        ("ci", "GH_TOKEN", Some("wrong")),
        ("ci", "GH_TOKEN", Some("reader")),
    ] {
        let old = world.variables.remove(variable);
        world.variables.extend(token.map(|token| (variable.to_owned(), token.into())));
        write!(said, "{target} {}\n  {}", token.unwrap_or("no token"), reason(&world, target)).unwrap();
        world.variables.insert(variable.to_owned(), old.unwrap());
    }
    for (name, kind) in [
        (
            "429",
            FaultKind::Status {
                code: 429,
                headers: vec![("retry-after".to_owned(), "3600".to_owned())],
                body: "{}".to_owned(),
            },
        ),
        ("500", FaultKind::status(500, "{\"message\":\"canary-4711\"}")),
        ("reset", FaultKind::ResetBefore),
        ("hang", FaultKind::Hang),
        ("garbage", FaultKind::Garbage),
        ("cut body", FaultKind::CutBody),
        ("huge body", FaultKind::HugeBody(32 * 1024 * 1024)),
        ("redirect", FaultKind::Redirect(fly.url())),
    ] {
        github.inject(Fault::new(kind).always());
        fly.clear_requests();
        // Instants differ from run to run.
        let text = reason(&world, "ci");
        let text = text
            .split(" until ")
            .next()
            .map(|start| if start == text { text.clone() } else { format!("{start} until [instant]\n") })
            .unwrap();
        write!(said, "ci {name}\n  {text}").unwrap();
        github.clear_faults();
        assert!(fly.requests().is_empty(), "a token went to another origin");
    }
    assert!(!said.contains("canary"), "{said}");
    assert_snapshot!("failures", said);
}

#[test]
fn a_fault_that_passes_is_tried_again() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.inject(Fault::new(FaultKind::status(502, "bad gateway")).times(2));
    fly.inject(Fault::new(FaultKind::ResetBefore).times(1));
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn a_thousand_names_are_read_to_the_last_page() {
    let (fly, github) = twins();
    for index in 0..1_000 {
        fly.set("shop-staging", &format!("NAME_{index:04}"), "x");
        github.set(&repository(), &format!("NAME_{index:04}"), "x");
    }
    let world = World::with_twins(&fly, &github);
    world.shop();
    let json = world.run(&["audit", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(json["summary"]["checked"], 2_004);
    let pages = github.requests().len();
    assert_eq!(pages, 10);
}

#[test]
fn an_ignore_rule_covers_what_it_names_until_its_last_day() {
    let (fly, github) = twins();
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit"]).status(1);
    let rule = "\n[[ignore]]\ntarget = \"ci\"\nname = \"CODECOV_TOKEN\"\nreason = \"theirs\"\nuntil = 2026-11-20\n";
    world.write("undrift.toml", crate::world::SHOP.to_owned() + rule);
    let covered = world.run(&["audit"]).status(0);
    assert_eq!(covered.output, "5 checked: 4 in sync (4 proved), none drifted, 1 ignored, none unreadable\n");
    world.now = "2026-11-21T00:00:00Z".parse().unwrap();
    let _ = world.run(&["audit"]).status(1);
}

#[test]
fn a_narrow_terminal_still_shows_whole_words() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    github.set(&repository(), "STRIPE_KEY", "theirs");
    world.width = 60;
    let ran = world.run(&["audit"]).status(1);
    assert!(ran.output.lines().all(|line| line.len() <= 60), "{}", ran.output);
    assert_snapshot!("audit_narrow", ran.output);
}
