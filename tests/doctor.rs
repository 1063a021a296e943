//! `undrift doctor`: one screen, and nothing written.

use std::process::Command;

use insta::assert_snapshot;
use jiff::ToSpan;
use keyring_core::mock;
use twins::{Access, FlyTwin, GITHUB_TOKEN, GitHubTwin, Permissions};
use undrift::vault::keyring::{IDENTITY, Keyring};
use undrift::vault::{layout::Layout, lock};

use crate::tools;
use crate::world::{World, files, twins};

/// A project that is all right, in a repository.
fn shop() -> Option<(FlyTwin, GitHubTwin, World)> {
    if !tools::has("git", "what git knows of a project") {
        return None;
    }
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    fly.clock().pin(world.now);
    github.clock().pin(world.now);
    world.variables.insert("PATH".to_owned(), std::env::var_os("PATH").unwrap());
    world.shop();
    git(&world, &["init", "-q"]);
    git(&world, &["add", "."]);
    Some((fly, github, world))
}

fn git(world: &World, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(world.path("")).env_clear().envs(&world.variables);
    assert!(command.output().unwrap().status.success());
}

/// What was said, without the versions of this machine's programs.
fn examined(world: &World) -> String {
    let transcript = world.run(&["doctor"]).transcript();
    assert!(transcript.lines().all(|line| line.chars().count() <= 80), "{transcript}");
    let mut lines: Vec<&str> = Vec::new();
    let mut is_versions = false;
    for line in transcript.lines() {
        is_versions = line.contains("versions") || (is_versions && line.starts_with("         "));
        if !is_versions {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn states(world: &World) -> Vec<(String, String, String)> {
    let report = world.run(&["doctor", "--format", "json"]).json();
    assert_eq!(report["schema"], "undrift/doctor/1");
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    checks.map(|check| (text(&check["state"]), text(&check["topic"]), text(&check["message"]))).collect()
}

/// Insists that this is the one thing that is wrong.
#[track_caller]
fn only(world: &World, state: &str, topic: &str, words: &str) {
    let all = states(world);
    let wrong: Vec<_> = all.iter().filter(|(state, _, _)| state != "ok").collect();
    let [(found, of, message)] = wrong.as_slice() else { panic!("{all:#?}") };
    assert_eq!((found.as_str(), of.as_str()), (state, topic), "{message}");
    assert!(message.contains(words), "{message}");
    assert_eq!(world.run(&["doctor"]).status, u8::from(state == "fail"));
}

#[test]
fn a_fresh_machine_is_told_the_first_command() {
    let world = World::new();
    assert_snapshot!("fresh", examined(&world));
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    github.clock().pin(world.now);
    fly.clock().pin(world.now);
    world.variables.remove("FLY_API_TOKEN");
    assert_snapshot!("fresh_with_a_token", examined(&world));
}

#[test]
fn all_is_well_and_nothing_is_written() {
    let Some((fly, github, world)) = shop() else { return };
    let before = files(&world.folder());
    assert_snapshot!("well", examined(&world));
    let _ = world.run(&["doctor"]).status(0);
    assert!(states(&world).iter().all(|(state, _, _)| state == "ok"));
    assert_eq!(files(&world.folder()), before);
    assert!(fly.requests().iter().chain(&github.requests()).all(|request| request.method == "GET"));
}

#[test]
fn a_project_that_does_not_read_is_trouble() {
    let world = World::new();
    world.write("undrift.toml", "version = 1\nnonsense = 2\n");
    let _ = world.run(&["doctor"]).status(2);
}

#[test]
fn every_fault_is_found_by_itself() {
    let Some((fly, github, mut world)) = shop() else { return };
    // Git.
    world.write("api/.env", "A=1\n");
    only(&world, "warn", "git", "plain values are not ignored: api/.env");
    git(&world, &["add", "-f", "api/.env"]);
    only(&world, "fail", "git", "plain values are committed: api/.env");
    git(&world, &["rm", "-qf", "api/.env"]);
    let ignored = world.read(".gitignore");
    world.write(".gitignore", "");
    only(&world, "warn", "git", ".undrift/ is not ignored");
    world.write(".gitignore", ignored);
    world.write("vault/.gitattributes", "* -text\n");
    only(&world, "warn", "git", "vault/.gitattributes");
    world.write("vault/.gitattributes", "* -text\nlog.jsonl merge=union\nrecipients.txt merge=union\n");
    // The identity.
    let identity = world.home().join(".config/undrift/identity.txt");
    set_mode(&identity, 0o644);
    only(&world, "warn", "identity", "~/.config/undrift/identity.txt can be read by others on this machine (644)");
    set_mode(&identity, 0o600);
    let store = mock::Store::new().unwrap();
    let entry = keyring_core::api::CredentialStoreApi::build(&*store, "undrift", IDENTITY, None).unwrap();
    let credential: &mock::Cred = entry.as_any().downcast_ref().unwrap();
    credential.set_error(keyring_core::Error::NoStorageAccess("locked".into()));
    world.keyring = Keyring::of(store);
    let locked = states(&world);
    assert!(
        locked.iter().any(|(state, _, text)| state == "warn" && text.contains("the keyring is locked")),
        "{locked:?}"
    );
    world.keyring = Keyring::default();
    // The environments.
    let sealed = world.read("vault/staging/seal.toml");
    std::fs::remove_file(world.path("vault/staging/seal.toml")).unwrap();
    assert!(states(&world).iter().any(|(state, topic, _)| state == "fail" && topic == "environment"));
    world.write("vault/staging/seal.toml", sealed);
    // Tokens.
    let ends = (world.now + 48.hours()).to_string();
    github.allow_token("ghp_ends", Permissions::all(Access::Write).expires_at(ends.parse().unwrap()));
    world.variables.insert("GH_TOKEN".to_owned(), "ghp_ends".into());
    only(&world, "warn", "token", "found in GH_TOKEN, of octocat; it ends 2026-11-22");
    world.variables.insert("GH_TOKEN".to_owned(), GITHUB_TOKEN.into());
    github.forget_token(GITHUB_TOKEN);
    let refused = states(&world);
    assert!(refused.contains(&(
        "fail".to_owned(),
        "token".to_owned(),
        "the token in GH_TOKEN is not accepted".to_owned()
    )));
    assert!(refused.iter().any(|(state, topic, _)| state == "fail" && topic == "target"));
    github.allow_token(GITHUB_TOKEN, Permissions::all(Access::Write));
    // Targets.
    fly.destroy_app("shop-production");
    only(&world, "fail", "target", "fly:shop-production: the app `shop-production` was not found");
    fly.create_app("shop-production");
    // The clock.
    github.clock().pin(world.now - 3.minutes());
    only(&world, "warn", "clock", "3 minutes before that of github");
    github.clock().pin(world.now);
    // What was begun.
    let layout = Layout::at(&world.path(""));
    let held = lock::acquire(&layout, "bob", world.now).unwrap();
    only(&world, "warn", "machine", "another undrift is writing: bob, process");
    drop(held);
    let line = "{\"version\":1,\"id\":\"x\",\"environment\":\"staging\",\"place\":\"fly:shop-staging\",\"name\":\"A\",\
                \"begun\":{\"at\":\"2026-11-20T08:00:00Z\"}}\n";
    world.write(".undrift/journal.jsonl", line);
    only(&world, "warn", "machine", "a push was interrupted while it wrote A at fly:shop-staging");
    std::fs::remove_file(world.path(".undrift/journal.jsonl")).unwrap();
    // What there is no way into.
    std::fs::write(&identity, undrift::vault::identity::generate().0.as_bytes()).unwrap();
    let locked = states(&world);
    let shut = locked.iter().filter(|(state, topic, _)| state == "fail" && topic == "environment").count();
    assert_eq!(shut, 2, "{locked:#?}");
    std::fs::remove_file(&identity).unwrap();
    only(&world, "fail", "identity", "no identity was found");
}

#[test]
fn one_whom_the_next_write_shuts_out_is_told() {
    let Some((_fly, _github, world)) = shop() else { return };
    let bob = undrift::vault::identity::generate().1;
    world.write("vault/production/recipients.txt", format!("# bob\n{bob}\n"));
    let _ = world.run(&["seal", "-e", "production", "--confirm", "production", "--yes"]).status(0);
    only(&world, "warn", "environment", "your key opens it, and is not in recipients.txt");
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
