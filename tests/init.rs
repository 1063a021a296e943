//! `undrift init`, `set` and `list`: from nothing to a vault with values.

use insta::assert_snapshot;

use crate::world::{World, files};

#[test]
fn makes_everything_and_says_what_comes_next() {
    let world = World::new();
    assert_snapshot!("init", world.run(&["init"]).transcript());
    assert_snapshot!("init_toml", world.read("undrift.toml"));
    let mut found: Vec<_> =
        files(&world.path("")).into_keys().map(|p| p.strip_prefix(world.path("")).unwrap().to_owned()).collect();
    found.sort();
    let expected = [
        ".gitignore",
        "undrift.toml",
        "vault/production/key.age",
        "vault/production/recipients.txt",
        "vault/staging/key.age",
        "vault/staging/recipients.txt",
    ];
    assert_eq!(found, expected.map(std::path::PathBuf::from));
}

#[test]
fn a_second_time_changes_nothing_that_is_there() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let before = files(&world.path(""));
    let again = world.run(&["init", "staging"]).status(0);
    assert_eq!(files(&world.path("")), before);
    assert!(
        again.talk.starts_with("uses the identity in [folder]/home/.config/undrift/identity.txt\n"),
        "{}",
        again.talk
    );
    let _ = world.run(&["init", "production"]).status(0);
    assert!(world.read("undrift.toml").contains("[environments.production]"));
    assert!(files(&world.path("")).len() > before.len());
}

#[test]
fn refuses_a_folder_inside_another_project_and_names_that_are_none() {
    let world = World::new();
    assert_snapshot!("init_bad_name", world.run(&["init", "../staging"]).status(2).transcript());
    let inner = World::new();
    inner.write("undrift.toml", "version = 1\n");
    inner.write("sub/x", "");
    // The folder above is the project's; the person stands in one below it.
    let below = inner.below("sub");
    assert_snapshot!("init_inside", below.run(&["init"]).status(2).transcript());
}

#[cfg(unix)]
#[test]
fn the_identity_is_ours_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _ = world.run(&["init"]).status(0);
    let mode = std::fs::metadata(world.home().join(".config/undrift/identity.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn sets_values_in_the_file_that_has_them_and_declares_new_ones() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    assert_snapshot!("set_new", world.run_with(&["set", "API_TOKEN", "-e", "staging"], "hunter2\n").transcript());
    assert_snapshot!(
        "set_changed",
        world.run_with(&["set", "API_TOKEN", "-e", "staging", "-g", "other"], "hunter3\n").transcript()
    );
    assert_eq!(world.value("staging", "API_TOKEN"), "hunter3");
    assert!(world.read("undrift.toml").contains("\n[secrets.API_TOKEN]\n"));
    let _ = world.run_with(&["set", "OTHER", "-e", "staging", "-g", "other"], "x").status(0);
    assert!(world.path("vault/staging/other.toml.age").is_file());
    assert_snapshot!("list", world.run(&["list"]).transcript());
}

#[test]
fn one_line_end_is_dropped_unless_every_byte_counts() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    for (arguments, input, expected) in [
        (&["set", "A", "-e", "staging"][..], "v\n", "v"),
        (&["set", "A", "-e", "staging"][..], "v\r\n", "v"),
        (&["set", "A", "-e", "staging"][..], "v\n\n", "v\n"),
        (&["set", "A", "-e", "staging"][..], " v ", " v "),
        (&["set", "A", "-e", "staging", "--exact"][..], "v\n", "v\n"),
        (
            &["set", "A", "-e", "staging"][..],
            "-----BEGIN\n\"'\\ = # $X ü\n-----END\n",
            "-----BEGIN\n\"'\\ = # $X ü\n-----END",
        ),
    ] {
        let _ = world.run_with(arguments, input).status(0);
        assert_eq!(world.value("staging", "A"), expected, "{input:?}");
    }
}

#[test]
fn set_refuses_what_cannot_be_meant() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let before = files(&world.path(""));
    for (name, arguments, input) in [
        ("no_environment", &["set", "A"][..], "x"),
        ("unknown_environment", &["set", "A", "-e", "stagin"][..], "x"),
        ("bad_name", &["set", "A-B", "-e", "staging"][..], "x"),
        ("empty", &["set", "A", "-e", "staging"][..], "\n"),
        ("nul", &["set", "A", "-e", "staging"][..], "a\0b"),
        ("value_on_the_command_line", &["set", "A", "hunter2", "-e", "staging"][..], ""),
    ] {
        assert_snapshot!(format!("set_{name}"), world.run_with(arguments, input).status(2).transcript());
    }
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn without_a_project_or_an_identity_says_what_to_do() {
    let world = World::new();
    assert_snapshot!("no_project", world.run(&["audit"]).status(2).transcript());
    world.write("undrift.toml", "version = 1\n[environments.staging]\n");
    assert_snapshot!("no_identity", world.run(&["audit"]).status(2).transcript());
}
