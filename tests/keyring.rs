//! The real keyring of a Linux desktop, in a session of its own: gnome-keyring behind dbus.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::tools;
use crate::world::{World, twins};

/// Runs a script in a session with a bus of its own, and returns its status and all that it said.
fn in_session(world: &World, script: &str) -> (Option<i32>, String) {
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", &format!("exec 2>&1; {script}")]).current_dir(world.path(""));
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").env("U", program);
    command.env("XDG_RUNTIME_DIR", world.home()).stdin(Stdio::null());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn has_tools() -> bool {
    tools::has("dbus-run-session", "the real keyring") && tools::has("gnome-keyring-daemon", "the real keyring")
}

const UNLOCKED: &str = "echo x | gnome-keyring-daemon --components=secrets --daemonize --unlock >/dev/null 2>&1;";

#[test]
fn the_keyring_of_a_desktop_keeps_the_identity() {
    if !has_tools() {
        return;
    }
    let world = World::new();
    world.shop();
    let (status, said) = in_session(
        &world,
        &format!(
            "{UNLOCKED} $U login --from-file && test ! -e $HOME/.config/undrift/identity.txt \
             && $U get STRIPE_KEY -e staging && $U logout --yes && ! $U get STRIPE_KEY -e staging"
        ),
    );
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("stripe-1"), "{said}");
    assert!(said.contains("error: no identity was found"), "{said}");
}

#[test]
fn one_that_nobody_has_unlocked_is_told_of_and_makes_nobody_wait() {
    if !has_tools() {
        return;
    }
    let world = World::new();
    world.write("id.txt", undrift::vault::identity::generate().0.as_bytes());
    world.write("undrift.toml", "version = 1\n[environments.staging]\n");
    let (status, said) = in_session(&world, &format!("{UNLOCKED} $U login --file id.txt"));
    assert_eq!(status, Some(0), "{said}");
    let locked = "gnome-keyring-daemon --components=secrets --daemonize >/dev/null 2>&1;";
    let (status, said) = in_session(&world, &format!("{locked} $U list"));
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("error: no identity was found\n  caused by: the keyring is locked\n"), "{said}");
}

#[test]
fn a_bus_without_a_keyring_is_like_none() {
    if !has_tools() {
        return;
    }
    let world = World::new();
    world.shop();
    // The bus would start one by itself.
    let (status, said) = in_session(&world, "XDG_DATA_DIRS=/nowhere $U get STRIPE_KEY -e staging");
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn the_first_steps_work_with_the_identity_in_the_keyring() {
    if !has_tools() {
        return;
    }
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.write("api/.env", "API_TOKEN=abcd1234efgh5678\nSMTP_PASSWORD='correct horse'\n");
    let target = "printf '[targets.web]\\nkind = \"fly\"\\napp = \"shop-staging\"\\n' >> undrift.toml";
    let script = format!(
        "{UNLOCKED} $U init staging && $U login --from-file && $U import . -e staging --yes && {target} \
         && $U push -e staging --yes && $U audit"
    );
    let (status, said) = in_session(&world, &script);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("2 checked: 2 in sync (2 proved), none drifted"), "{said}");
    assert!(!world.home().join(".config/undrift/identity.txt").exists());
}
