//! Listings that have not changed: asked for each time, answered for nothing, and never taken for anything else.

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use twins::{Access, Fault, FaultKind, FlyTwin, GITHUB_TOKEN, GitHubTwin, Permissions, Request};
use undrift::domain::name::RemoteName;
use undrift::domain::place::{GithubHolder, GithubStore};
use undrift::domain::secret::SecretValue;
use undrift::targets::client::{Ask, Client, Origin, OriginSettings};
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{Target, TargetError};
use undrift::vault::etags;
use undrift::vault::layout::Layout;

use crate::conformance::run;
use crate::world::{World, repository, twins};

const PAGES: usize = 3;

/// A project that was pushed, at a repository with three pages of secrets.
fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    // More than GitHub takes, but a listing may be of any length.
    for index in 0..250 {
        github.set(&repository(), &format!("NAME_{index:03}"), "theirs");
    }
    std::fs::remove_file(file(&world)).unwrap();
    github.clear_requests();
    (fly, github, world)
}

fn file(world: &World) -> PathBuf {
    world.path(".undrift/etags.json")
}

/// What an audit says, and what it asked of GitHub.
fn audit(world: &World, github: &GitHubTwin) -> (String, Vec<Request>) {
    github.clear_requests();
    let ran = world.run(&["audit", "--all", "--format", "json"]).status(1);
    (ran.transcript(), github.requests())
}

fn statuses(requests: &[Request]) -> Vec<u16> {
    requests.iter().map(|request| request.status).collect()
}

#[test]
fn an_unchanged_repository_is_audited_for_nothing() {
    let (_fly, github, world) = pushed();
    let (first, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [200; PAGES]);
    assert!(asked.iter().all(|request| request.if_none_match.is_none()));
    github.set_remaining(1000);
    let (second, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [304; PAGES]);
    assert!(asked.iter().all(|request| request.if_none_match.is_some()));
    assert_eq!(second, first);
    // Nor is anything of it used up by a third one.
    github.set_remaining(1);
    let (third, asked) = audit(&world, &github);
    assert_eq!((statuses(&asked), third), (vec![304; PAGES], first));
}

#[test]
fn what_has_changed_at_github_is_seen() {
    let (_fly, github, world) = pushed();
    let (first, _) = audit(&world, &github);
    github.set(&repository(), "STRIPE_KEY", "pasted");
    let (changed, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [304, 304, 200]);
    assert!(!first.contains("changed-remotely") && changed.contains("changed-remotely"), "{changed}");
    github.remove(&repository(), "NAME_249");
    let (removed, asked) = audit(&world, &github);
    assert!(changed.contains("NAME_249") && !removed.contains("NAME_249"));
    assert_eq!(statuses(&asked), [200; PAGES], "every page tells how many there are");
    github.set(&repository(), "NAME_249", "theirs");
    let _ = audit(&world, &github);
    let (_, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [304; PAGES]);
}

#[test]
fn another_token_is_not_given_what_the_first_one_saw() {
    let (_fly, github, mut world) = pushed();
    let (first, _) = audit(&world, &github);
    github.allow_token("another-token", Permissions::all(Access::Read));
    world.variables.insert("GH_TOKEN".to_owned(), "another-token".into());
    let (another, asked) = audit(&world, &github);
    assert_eq!((statuses(&asked), another), (vec![200; PAGES], first));
    assert!(asked.iter().all(|request| request.if_none_match.is_none()));
    // A token that is no longer accepted is shown nothing, whatever it was shown before.
    github.forget_token("another-token");
    let ran = world.run(&["audit", "-t", "ci", "--format", "json"]).status(2).json();
    assert_eq!(ran["failures"][0]["reason"], "unauthorized");
    world.variables.insert("GH_TOKEN".to_owned(), GITHUB_TOKEN.into());
    let (_, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [304; PAGES], "both are kept");
}

#[test]
fn only_an_answer_that_says_so_is_answered_from_what_was_kept() {
    let (_fly, github, mut world) = pushed();
    world.network.retries = 0;
    let _ = audit(&world, &github);
    for kind in [
        FaultKind::status(500, ""),
        FaultKind::status(404, ""),
        FaultKind::status(429, ""),
        FaultKind::status(204, ""),
        FaultKind::Garbage,
        FaultKind::ResetBefore,
    ] {
        github.inject(Fault::new(kind.clone()).always());
        let report = world.run(&["audit", "-t", "ci", "--format", "json"]).status(2).json();
        assert_eq!(report["summary"]["in_sync"], 0, "{kind:?}");
        github.clear_faults();
    }
    let (_, asked) = audit(&world, &github);
    assert_eq!(statuses(&asked), [304; PAGES]);
    // Nobody asked whether it has changed, so that this is no answer.
    std::fs::remove_file(file(&world)).unwrap();
    github.inject(Fault::new(FaultKind::status(304, "")).always());
    let report = world.run(&["audit", "-t", "ci", "--format", "json"]).status(2).json();
    assert_eq!(report["failures"][0]["reason"], "unexpected");
}

#[test]
fn two_audits_at_once_do_not_disturb_each_other() {
    let (_fly, github, world) = pushed();
    let (first, _) = audit(&world, &github);
    let command = || {
        let mut command = crate::process::undrift(&world);
        command.args(["audit", "--all", "--format", "json"]).stdout(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    for keep in [true, false] {
        if !keep {
            std::fs::remove_file(file(&world)).unwrap();
        }
        let reports: Vec<String> = [command(), command(), command()]
            .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
            .into();
        for report in reports {
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            assert_eq!(report["summary"]["in_sync"], 4);
        }
        let (again, asked) = audit(&world, &github);
        assert_eq!((statuses(&asked), again), (vec![304; PAGES], first.clone()));
    }
}

#[test]
fn a_file_full_of_garbage_is_replaced() {
    let (_fly, github, world) = pushed();
    let (first, _) = audit(&world, &github);
    let good = std::fs::read_to_string(file(&world)).unwrap();
    for garbage in [
        String::new(),
        "\u{0}\u{1}[[[".repeat(1000),
        good[..good.len() - 10].to_owned(),
        good.replace("NAME_2", "NAME_X"),
        good.replace("rel=\\\"next\\\"", "rel=\\\"prev\\\""),
        good.replace("W/", "\\n/"),
    ] {
        assert_ne!(garbage, good);
        std::fs::write(file(&world), &garbage).unwrap();
        let (report, _) = audit(&world, &github);
        assert_eq!(report, first);
        let (report, asked) = audit(&world, &github);
        assert_eq!((statuses(&asked), report), (vec![304; PAGES], first.clone()));
    }
}

#[test]
fn no_token_no_value_and_no_digest_is_kept() {
    let (fly, github, world) = pushed();
    let _ = audit(&world, &github);
    let kept = std::fs::read_to_string(file(&world)).unwrap();
    assert!(kept.contains("STRIPE_KEY"), "it is of names and times");
    let mut forbidden = vec!["stripe-1".to_owned(), "token-1".to_owned(), "theirs".to_owned()];
    forbidden.extend(fly.values("shop-staging").values().map(|value| fly.digest_of(value)));
    for token in [GITHUB_TOKEN.to_owned(), format!("Bearer {GITHUB_TOKEN}"), twins::FLY_TOKEN.to_owned()] {
        forbidden.extend([hex::encode(&token), hex::encode(Sha256::digest(&token))]);
        forbidden.push(token);
    }
    for text in forbidden {
        assert!(!kept.contains(&text), "`{text}` is kept");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_takes_no_file_is_no_fault() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let (_fly, github, world) = pushed();
    let (first, _) = audit(&world, &github);
    std::fs::remove_file(file(&world)).unwrap();
    let folder = world.path(".undrift");
    set_permissions(&folder, Permissions::from_mode(0o500)).unwrap();
    let (report, _) = audit(&world, &github);
    set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(report, first);
    // Modes hold nobody back who may do everything, and a folder in the file's place does.
    let _ = std::fs::remove_file(file(&world));
    std::fs::create_dir(file(&world)).unwrap();
    let (report, _) = audit(&world, &github);
    assert_eq!(report, first);
    // The lock, the journal, and what this machine has seen of seals and logs.
    assert_eq!(std::fs::read_dir(&folder).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count(), 3);
}

/// A place with a cache, outside of any command.
fn place(world: &World, github: &GitHubTwin) -> (Client, GithubPlace) {
    let kept = etags::read(&Layout::at(&world.path(""))).unwrap();
    let client = Client::remembering(&world.network, kept, world.now);
    let token = SecretValue::copied_from(GITHUB_TOKEN);
    let settings = GithubSettings {
        api_url: github.url(),
        store: GithubStore::Actions,
        holder: GithubHolder::Repository { repository: "acme/shop".to_owned() },
        access: None,
        token: &token,
        of_workflow: false,
    };
    let place = GithubPlace::new(&client, settings).unwrap();
    (client, place)
}

#[test]
fn a_look_at_a_write_asks_anew() {
    let (_fly, github, world) = pushed();
    let (client, place) = place(&world, &github);
    run(place.observe()).unwrap();
    assert_eq!(client.etags().unwrap().listings.len(), PAGES);
    github.clear_requests();
    let names = ["A", "B", "C", "STRIPE_KEY"].map(RemoteName::new);
    let seen = run(place.look(&names.each_ref())).unwrap();
    assert!(seen.entries.contains_key(&names[3]));
    let asked = github.requests();
    assert_eq!(statuses(&asked), [200; PAGES]);
    assert!(asked.iter().all(|request| request.if_none_match.is_none()));
}

#[test]
fn a_listing_that_is_not_understood_is_neither_kept_nor_the_end() {
    let (_fly, github, world) = pushed();
    let (client, place) = place(&world, &github);
    let strange = FaultKind::Status {
        code: 200,
        headers: vec![("etag".to_owned(), "W/\"strange\"".to_owned())],
        body: "{\"total\":1}".to_owned(),
    };
    github.inject(Fault::new(strange).times(1));
    assert!(matches!(run(place.observe()), Err(TargetError::Unexpected(_))));
    assert!(client.etags().is_none());
    run(place.observe()).unwrap();
    assert_eq!(client.etags().unwrap().listings.len(), PAGES);
}

#[test]
fn the_clock_of_the_place_is_that_of_the_fresh_answer() {
    let (_fly, github, world) = pushed();
    let (_, place) = place(&world, &github);
    run(place.observe()).unwrap();
    let later = "2026-11-19T09:12:00Z".parse().unwrap();
    github.clock().pin(later);
    run(place.observe()).unwrap();
    assert_eq!(statuses(&github.requests()), [200, 200, 200, 304, 304, 304]);
    assert!(place.now_there().is_some_and(|now| now >= later));
}

#[test]
fn what_is_kept_and_no_longer_understood_is_asked_anew() {
    let (_fly, github, world) = pushed();
    let kept = etags::read(&Layout::at(&world.path(""))).unwrap();
    let client = Client::remembering(&world.network, kept, world.now);
    let settings = OriginSettings {
        base_url: &github.url(),
        authorization: format!("Bearer {GITHUB_TOKEN}").into(),
        headers: &[],
        place: "the repository".to_owned(),
        unstated_wait: Duration::ZERO,
        budgeted: false,
    };
    let origin = Origin::new(&client, settings).unwrap();
    let path = ["repos", "acme", "shop", "actions", "secrets"];
    run(origin.get_page::<serde_json::Value>(&path, &[], Ask::IfChanged)).unwrap();
    let error = run(origin.get_page::<Vec<u8>>(&path, &[], Ask::IfChanged)).unwrap_err();
    assert!(matches!(error, TargetError::Unexpected(_)), "{error}");
    let asked = github.requests();
    assert_eq!(statuses(&asked), [200, 304, 200]);
    assert!(asked[2].if_none_match.is_none());
}
