//! `undrift login` and `logout`: what the keyring takes, what it gives back, and what happens without one.

use std::process::Command;

use insta::assert_snapshot;
use keyring_core::mock;
use twins::{Access, FLY_TOKEN, Fault, FaultKind, GITHUB_TOKEN, Permissions};
use undrift::domain::secret::SecretValue;
use undrift::vault::keyring::{IDENTITY, Keyring};

use crate::world::{World, twins};

fn with_keyring(mut world: World) -> World {
    world.keyring = Keyring::of(mock::Store::new().unwrap());
    world
}

fn kept(world: &World, account: &str) -> Option<String> {
    world.keyring.get(account).unwrap().map(|value| value.expose().to_owned())
}

#[test]
fn the_identity_moves_to_the_keyring_and_opens_the_vault_from_there() {
    let world = with_keyring(World::new());
    world.shop();
    let file = world.home().join(".config/undrift/identity.txt");
    let content = std::fs::read_to_string(&file).unwrap();
    assert_snapshot!("moved", world.run(&["login", "--from-file"]).status(0).transcript());
    assert!(!file.exists());
    assert_eq!(kept(&world, IDENTITY).as_deref(), Some(content.as_str()));
    let _ = world.run(&["get", "STRIPE_KEY", "-e", "staging"]).status(0);
    // Twice is as once, and another key would be lost with the first.
    let _ = world.run_with(&["login"], &content).status(0);
    let other = undrift::vault::identity::generate().0;
    let refused = world.run_with(&["login"], &other).status(2);
    assert_snapshot!("another", refused.transcript());
    assert_eq!(kept(&world, IDENTITY).as_deref(), Some(content.as_str()));
    assert!(world.run_with(&["login", "--from-file"], "").status(2).talk.contains("identity.txt"));
    // It is given up only when somebody says so.
    let _ = world.run(&["logout"]).status(2);
    assert!(kept(&world, IDENTITY).is_some());
    assert_snapshot!("forgotten", world.run(&["logout", "identity", "--yes"]).status(0).transcript());
    assert_eq!(kept(&world, IDENTITY), None);
    assert!(world.run(&["logout", "--yes"]).status(0).talk.contains("was not in the keyring"));
    let _ = world.run(&["get", "STRIPE_KEY", "-e", "staging"]).status(2);
}

#[test]
fn what_is_no_identity_is_not_kept() {
    let world = with_keyring(World::new());
    for text in ["", "hunter2-canary", "AGE-SECRET-KEY-1CANARY", "-----BEGIN AGE ENCRYPTED FILE-----"] {
        let refused = world.run_with(&["login"], text).status(2);
        assert!(!refused.talk.to_ascii_lowercase().contains("canary"), "{}", refused.talk);
        assert_eq!(kept(&world, IDENTITY), None, "{text}");
    }
}

#[test]
fn what_comes_before_the_keyring_decides() {
    let world = with_keyring(World::new());
    world.shop();
    let stranger = undrift::vault::identity::generate().0;
    world.keyring.set(IDENTITY, &SecretValue::copied_from(&stranger)).unwrap();
    let read = |world: &World, arguments: &[&str]| {
        world.run(&[&["get", "STRIPE_KEY", "-e", "staging"], arguments].concat()).status
    };
    // The keyring comes before the file in the configuration folder, and after everything that is said by name.
    assert_eq!(read(&world, &[]), 2);
    let file = world.home().join(".config/undrift/identity.txt").display().to_string();
    assert_eq!(read(&world, &["--identity", &file]), 0);
    for (name, value) in
        [("UNDRIFT_IDENTITY", std::fs::read_to_string(&file).unwrap()), ("UNDRIFT_IDENTITY_FILE", file.clone())]
    {
        let mut world = world.below("");
        world.variables.insert(name.to_owned(), value.into());
        assert_eq!(read(&world, &[]), 0, "{name}");
    }
}

#[test]
fn a_token_is_kept_once_its_platform_takes_it_and_is_used_from_there() {
    let (fly, github) = twins();
    let mut world = with_keyring(World::with_twins(&fly, &github));
    world.shop();
    for variable in ["FLY_API_TOKEN", "GH_TOKEN"] {
        world.variables.remove(variable);
    }
    let audit = |world: &World| world.run(&["audit", "-e", "staging", "--format", "json"]).json()["complete"].clone();
    assert_eq!(audit(&world), false);
    github.allow_token("ghp_ends", Permissions::all(Access::Write).expires_at("2026-12-01T08:00:00Z".parse().unwrap()));
    assert_snapshot!("refused", {
        let refused = world.run_with(&["login", "github"], "ghp_wrong").status(2).transcript();
        refused.replace(&github.url(), "[github]")
    });
    fly.allow_token("fm2_org", &["shop-staging", "shop-production"]);
    let said: String = [
        world.run_with(&["login", "github"], "ghp_ends\n"),
        world.run_with(&["login", "github"], &format!(" {GITHUB_TOKEN}\n")),
        world.run_with(&["login", "fly"], "FlyV1 fm2_org"),
        world.run_with(&["login", "fly"], FLY_TOKEN),
    ]
    .into_iter()
    .map(|ran| ran.status(0).talk)
    .collect();
    assert_snapshot!("kept", said);
    assert_eq!(audit(&world), true);
    // It was checked with this address, and is for no other.
    let mut elsewhere = world.below("");
    elsewhere.variables.insert("GITHUB_API_URL".to_owned(), "https://127.0.0.1:1".into());
    elsewhere.variables.insert("FLY_FLAPS_BASE_URL".to_owned(), "https://127.0.0.1:1".into());
    let report = elsewhere.run(&["audit", "-e", "staging", "--format", "json"]).json();
    for failure in report["failures"].as_array().unwrap() {
        assert_eq!(failure["message"], "no token for it was found");
    }
    // A variable comes first, and is told of.
    world.variables.insert("GH_TOKEN".to_owned(), "ghp_wrong".into());
    assert_eq!(audit(&world), false);
    let told = world.run_with(&["login", "github"], GITHUB_TOKEN).status(0).talk;
    assert!(told.contains("note: GH_TOKEN is set, and is used before the keyring"), "{told}");
    let _ = world.run(&["logout", "github"]).status(0);
    let _ = world.run(&["logout", "fly"]).status(0);
    world.variables.remove("GH_TOKEN");
    assert_eq!(audit(&world), false);
    assert!(fly.requests().iter().chain(&github.requests()).all(|request| request.method != "POST"));
}

#[test]
fn scopes_are_shown_as_github_tells_them() {
    let (fly, github) = twins();
    let world = with_keyring(World::with_twins(&fly, &github));
    let kind = FaultKind::Status {
        code: 200,
        headers: vec![("x-oauth-scopes".to_owned(), "repo, admin:org".to_owned())],
        body: "{\"login\":\"octo\\u001b[2Jcat\"}".to_owned(),
    };
    github.inject(Fault::new(kind).method("GET"));
    let said = world.run_with(&["login", "github"], "ghp_classic").status(0).talk;
    assert!(said.contains("which is octo[2Jcat's; its scopes: repo, admin:org\n"), "{said:?}");
}

#[test]
fn without_a_keyring_the_ways_out_are_named() {
    let world = World::new();
    let mut said = String::new();
    for arguments in [&["login"][..], &["login", "fly"], &["login", "github"], &["logout", "github"]] {
        said.push_str(&world.run_with(arguments, "x").status(2).talk);
    }
    assert_snapshot!("headless", said);
}

#[test]
fn a_locked_keyring_is_told_of_where_nothing_else_has_the_key() {
    let mut world = World::new();
    let store = mock::Store::new().unwrap();
    let entry = keyring_core::api::CredentialStoreApi::build(&*store, "undrift", IDENTITY, None).unwrap();
    let credential: &mock::Cred = entry.as_any().downcast_ref().unwrap();
    credential.set_error(keyring_core::Error::NoStorageAccess("locked".into()));
    world.keyring = Keyring::of(store);
    world.write("undrift.toml", "version = 1\n[environments.staging]\n");
    assert_snapshot!("locked", world.run(&["list"]).status(2).transcript());
    // A second key beside the one that is locked away would be of no use.
    let _ = world.run(&["init", "staging"]).status(2);
    assert!(!world.home().join(".config/undrift/identity.txt").exists());
}

#[test]
fn help_asks_nobody() {
    let world = World::new();
    let mut command: Command = crate::process::undrift(&world);
    // Whoever connects there waits for ever.
    let listener = std::os::unix::net::UnixListener::bind(world.home().join("bus")).unwrap();
    let address = format!("unix:path={}", world.home().join("bus").display());
    command.env("DBUS_SESSION_BUS_ADDRESS", address).args(["set", "--help"]);
    assert!(command.output().unwrap().status.success());
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the keyring was asked");
}
