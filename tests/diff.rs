//! `undrift diff`: names that differ from a git revision, and what git shows through it.

use std::process::Command;

use insta::assert_snapshot;

use crate::world::{SHOP, World};

fn git(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "init.defaultBranch=main"]);
    let output = command.args(arguments).current_dir(world.path("")).env("HOME", world.home()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn commit(world: &World, message: &str) {
    git(world, &["add", "-A"]);
    git(world, &["commit", "-q", "-m", message]);
}

/// A shop in a repository, with everything committed.
fn world() -> World {
    let mut world = World::new();
    world.variables.insert("PATH".to_owned(), std::env::var_os("PATH").unwrap());
    world.shop();
    git(&world, &["init", "-q"]);
    commit(&world, "first");
    world
}

/// Takes out what differs from run to run: the commit.
fn clean(world: &World, text: &str) -> String {
    let commit = git(world, &["rev-parse", "HEAD"]);
    text.replace(commit.trim(), "[commit]").replace(&commit[..8], "[commit]")
}

#[test]
fn names_that_differ_are_told_and_values_are_not() {
    let world = world();
    let same = world.run(&["diff"]).status(0);
    assert_eq!((same.output.as_str(), same.talk.as_str()), ("", ""));
    world.set("API_TOKEN", "token-2");
    let _ = world.run(&["rm", "STRIPE_KEY", "-e", "staging", "--yes"]).status(0);
    let _ = world.run_with(&["set", "NEW", "-e", "production", "-g", "other"], "new-1").status(0);
    let _ = world.run(&["rm", "SMTP_PASSWORD", "-e", "staging", "--yes"]).status(0);
    let _ = world.run_with(&["set", "SMTP_PASSWORD", "-e", "staging", "-g", "mail"], "password-1").status(0);
    let diff = world.run(&["diff"]).status(1);
    assert_snapshot!("diff", diff.transcript());
    for value in ["token-", "stripe-", "new-1", "password-"] {
        assert!(!diff.transcript().contains(value), "{value}");
    }
    let json = world.run(&["diff", "--format", "json"]).status(1);
    assert_snapshot!("diff_json", clean(&world, &json.transcript()));
    let one = world.run(&["diff", "-e", "production"]).status(1);
    assert!(one.output.starts_with("production\n") && !one.output.contains("staging"), "{}", one.output);
    commit(&world, "second");
    let _ = world.run(&["diff"]).status(0);
    let older = world.run(&["diff", "HEAD~1"]).status(1);
    assert_eq!(older.output, diff.output);
}

#[test]
fn a_change_that_nobody_has_sealed_is_compared_too() {
    let world = world();
    let older = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    world.set("API_TOKEN", "token-2");
    commit(&world, "second");
    world.write("vault/staging/secrets.toml.age", older);
    let diff = world.run(&["diff"]).status(1);
    assert_eq!(diff.output, "staging\n  changed  API_TOKEN  value\n");
}

#[test]
fn what_git_cannot_say_is_an_error_with_its_reason() {
    let mut world = world();
    let key = "ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5";
    for (arguments, expected) in [
        (&["diff", "nowhere"][..], "error: git has no revision `nowhere`\n"),
        (&["diff", "--", "--output=x"], "error: git has no revision of that name\n"),
        (&["diff", key], "error: git has no revision of that name\n"),
        (&["diff", "HEAD", "-e", "stagin"], "error: there is no environment `stagin` in undrift.toml\n"),
    ] {
        let refused = world.run(arguments).status(2);
        assert!(refused.talk.starts_with(expected), "{}", refused.talk);
    }
    std::fs::remove_dir_all(world.path(".git")).unwrap();
    let refused = world.run(&["diff"]).status(2);
    assert!(refused.talk.starts_with("error: this is not a git repository\n"), "{}", refused.talk);
    world.variables.insert("PATH".to_owned(), world.home().into_os_string());
    let refused = world.run(&["diff"]).status(2);
    assert!(refused.talk.starts_with("error: `git` is not on the PATH\n"), "{}", refused.talk);
}

#[test]
fn a_file_that_cannot_be_read_makes_nothing_vanish() {
    let world = world();
    world.write("vault/staging/secrets.toml.age", "not age");
    let diff = world.run(&["diff"]).status(2);
    assert_eq!(diff.output, "");
    assert_eq!(diff.talk, "vault/staging/secrets.toml.age: is not an age file (UD302)\n");
    let json = world.run(&["diff", "--format", "json"]).status(2).json();
    assert_eq!(json["complete"], false);
}

#[test]
fn git_shows_names_through_it() {
    let world = world();
    let program = assert_cmd::cargo::cargo_bin("undrift");
    world.write(".gitattributes", "vault/staging/*.age diff=undrift-staging\n");
    let textconv = format!("{} diff -e staging --textconv", program.display());
    git(&world, &["config", "diff.undrift-staging.textconv", &textconv]);
    commit(&world, "attributes");
    world.set("API_TOKEN", "token-2");
    let shown = git(&world, &["diff", "--", "vault/staging/secrets.toml.age"]);
    let changed: Vec<&str> =
        shown.lines().filter(|line| line.starts_with(['+', '-']) && !line.contains("secrets.toml")).collect();
    let [old, new] = changed.as_slice() else { panic!("{shown}") };
    assert!(old.starts_with("-API_TOKEN  ") && new.starts_with("+API_TOKEN  "), "{shown}");
    assert!(shown.contains(" SMTP_PASSWORD  "), "{shown}");
    // The fingerprint is that of the receipts: of the key and the value alone.
    let again = world.run(&["diff", "--textconv", "vault/staging/secrets.toml.age"]).status(0);
    assert!(again.output.contains(&new[1..]), "{}", again.output);
    assert_eq!(again.output.lines().count(), 3);
    // A hash of what is not encrypted would be a way to guess it.
    world.write("vault/staging/plain.env.age", "PIN=1234\n");
    let plain = world.run(&["diff", "-e", "staging", "--textconv", "vault/staging/plain.env.age"]).status(0);
    assert_eq!(plain.output, "not an age file\n");
    std::fs::remove_file(world.path("vault/staging/plain.env.age")).unwrap();
    // Nobody's key: what git shows is told apart by the ciphertext, and nothing fails.
    std::fs::remove_file(world.home().join(".config/undrift/identity.txt")).unwrap();
    let closed = world.run(&["diff", "--textconv", "vault/staging/secrets.toml.age"]).status(0);
    assert!(closed.output.starts_with("there is no identity to open it with: ciphertext "), "{}", closed.output);
    let key = world.run(&["diff", "--textconv", "undrift.toml"]).status(2);
    assert!(key.talk.starts_with("error: say which one environment is meant\n"), "{}", key.talk);
}

#[test]
fn an_environment_for_others_is_left_out_and_one_that_is_gone_is_not() {
    let world = world();
    let theirs = age::x25519::Identity::generate().to_public();
    world.write("vault/production/a.toml.age", age::encrypt_and_armor(&theirs, b"A = \"1\"").unwrap());
    let diff = world.run(&["diff"]).status(0);
    assert_eq!(diff.talk, "note: left out: `production`, where no identity of yours opens 1 file\n");
    let _ = world.run(&["diff", "-e", "production"]).status(2);
    std::fs::remove_file(world.path("vault/production/a.toml.age")).unwrap();
    std::fs::remove_dir_all(world.path("vault/staging")).unwrap();
    world.write("undrift.toml", "version = 1\n[environments.production]\n");
    let gone = world.run(&["diff"]).status(1);
    assert_eq!(gone.output.lines().count(), 4, "{}", gone.output);
    world.write("undrift.toml", SHOP);
}
