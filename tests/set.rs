//! `undrift set`: where a value may come from, and what is refused before anything is written.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::process::undrift;
use crate::tools;
use crate::world::{SHOP, World, files};

fn world() -> World {
    let world = World::new();
    world.shop();
    world
}

#[test]
fn a_generated_value_is_of_its_kind_is_never_shown_and_is_another_in_each_environment() {
    let world = world();
    let mut values = BTreeSet::new();
    for kind in ["alphanumeric:40", "hex:32", "base64:32", "base64url:32", "words:12", "uuid", "ed25519"] {
        let ran = world.run(&["set", "NEW", "-e", "staging", "-e", "production", "--generate", kind]).status(0);
        for environment in ["staging", "production"] {
            let value = world.value(environment, "NEW");
            assert!(!ran.transcript().contains(&value), "{kind}");
            assert!(values.insert(value), "{kind}");
        }
    }
    assert_eq!(values.len(), 14);
    assert_eq!(world.value("staging", "NEW").lines().count(), 3, "a key keeps its lines");
}

#[test]
fn a_generated_key_is_one_that_openssl_reads() {
    if !tools::has("openssl", "generated keys as openssl reads them") {
        return;
    }
    let world = world();
    for (kind, expected) in [("ed25519", "ED25519 Private-Key"), ("rsa:3072", "Private-Key: (3072 bit, 2 primes)")] {
        let _ = world.run(&["set", "KEY", "-e", "staging", "--generate", kind]).status(0);
        world.write("key.pem", world.value("staging", "KEY"));
        let mut openssl = Command::new("openssl");
        let output = openssl.args(["pkey", "-noout", "-text", "-in"]).arg(world.path("key.pem")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(expected), "{kind}: {text}");
        if kind.starts_with("rsa") {
            let mut check = Command::new("openssl");
            let output = check.args(["rsa", "-noout", "-check", "-in"]).arg(world.path("key.pem")).output().unwrap();
            assert!(String::from_utf8_lossy(&output.stdout).contains("RSA key ok"), "{output:?}");
        }
    }
}

#[test]
fn without_a_kind_the_declaration_says_what_a_new_value_is() {
    let world = world();
    let ran = world.run(&["set", "API_TOKEN", "-e", "staging", "--generate"]);
    assert_snapshot!("nothing_to_generate", ran.status(2).transcript());
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\ngenerate = \"hex:16\"\n"));
    let _ = world.run(&["set", "API_TOKEN", "-e", "staging", "--generate"]).status(0);
    assert_eq!(hex::decode(world.value("staging", "API_TOKEN")).map(|bytes| bytes.len()), Ok(16));
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\ngenerate = \"hex:8\"\n"));
    let ran = world.run(&["set", "API_TOKEN", "-e", "staging", "--generate"]).status(2);
    assert_eq!(ran.talk, "error: undrift.toml:18: `generate` is too short to be safe; the shortest is `hex:16`\n");
}

#[test]
fn a_kind_that_is_none_is_refused_and_not_repeated() {
    let world = world();
    let before = files(&world.path(""));
    let ran = world.run(&["set", "NEW", "-e", "staging", "--generate", "canary"]).status(2);
    assert!(!ran.talk.contains("canary"), "{}", ran.talk);
    assert_snapshot!("no_kind", ran.transcript());
    let ran = world.run(&["set", "NEW", "-e", "staging", "--generate", "words:6"]).status(2);
    assert!(ran.talk.contains("is too short to be safe; the shortest is `words:12`"), "{}", ran.talk);
    for other in [&["--file", "x"][..], &["--exact"], &["--allow-empty"]] {
        let arguments = [&["set", "NEW", "-e", "staging", "--generate", "uuid"][..], other].concat();
        let ran = world.run(&arguments).status(2);
        assert!(ran.talk.contains("cannot be used with"), "{other:?}: {}", ran.talk);
    }
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn a_file_is_taken_by_the_rules_of_standard_input() {
    let world = world();
    for (content, exact, expected) in [
        ("one\n", false, "one"),
        ("one\r\n", false, "one"),
        ("one\n\n", false, "one\n"),
        ("one\n", true, "one\n"),
        ("größer = \"#\"", false, "größer = \"#\""),
    ] {
        world.write("below/value.txt", content);
        let mut arguments = vec!["set", "NEW", "-e", "staging", "--file", "value.txt"];
        arguments.extend(exact.then_some("--exact"));
        let _ = world.below("below").run(&arguments).status(0);
        assert_eq!(world.value("staging", "NEW"), expected);
    }
}

#[test]
fn a_file_that_cannot_be_a_value_is_named_and_nothing_is_written() {
    let world = world();
    world.write("folder/x", "");
    world.write("binary", b"\xff\xfe");
    world.write("nul", "a\0b");
    world.write("empty", "");
    world.write("line", "\n");
    world.write("large", "x".repeat(1024 * 1024 + 1));
    std::fs::File::create(world.path("huge")).unwrap().set_len(64 * 1024 * 1024).unwrap();
    let before = files(&world.path(""));
    let mut told = String::new();
    for file in ["absent", "folder", "binary", "nul", "empty", "line", "large", "huge"] {
        told.push_str(&world.run(&["set", "NEW", "-e", "staging", "--file", file]).status(2).talk);
    }
    assert_snapshot!("unfit_files", told);
    assert_eq!(files(&world.path("")), before);
    let _ = world.run(&["set", "NEW", "-e", "staging", "--file", "empty", "--allow-empty"]).status(0);
    assert_eq!(world.value("staging", "NEW"), "");
}

#[test]
fn a_name_that_is_none_is_refused_and_not_repeated() {
    let world = world();
    let before = files(&world.path(""));
    for name in ["CAN ARY", "CANARY-X", "1CANARY", "CANARÝ", "", "CANARY\n"] {
        let ran = world.run_with(&["set", name, "-e", "staging"], "value").status(2);
        assert!(
            ran.talk.starts_with("error: that cannot be a secret's name\n") && !ran.talk.contains("CANAR"),
            "{name}"
        );
    }
    let ran = world.run(&["set", "CANARY=value", "-e", "staging"]).status(2);
    assert!(ran.talk.contains("never given on the command line") && !ran.talk.contains("CANARY"), "{}", ran.talk);
    assert_eq!(files(&world.path("")), before);
    // What an environment takes is a name, in whichever letters.
    let _ = world.run_with(&["set", "lower_case", "-e", "staging"], "value").status(0);
    assert_eq!(world.value("staging", "lower_case"), "value");
}

#[test]
fn a_vault_that_is_missing_or_garbage_is_named() {
    for (file, expected) in [
        ("vault/staging/secrets.toml.age", "vault/staging/secrets.toml.age"),
        ("vault/staging/recipients.txt", "vault/staging/recipients.txt"),
        ("vault/staging/seal.toml", "vault/staging/seal.toml"),
    ] {
        let world = world();
        world.write(file, b"\x00\xff garbage");
        let before = files(&world.path("vault"));
        let ran = world.run_with(&["set", "API_TOKEN", "-e", "staging"], "value").status(2);
        assert!(ran.talk.contains(expected) && !ran.talk.contains("garbage"), "{file}: {}", ran.talk);
        assert_eq!(files(&world.path("vault")), before);
    }
    let world = world();
    std::fs::remove_dir_all(world.path("vault")).unwrap();
    let ran = world.run_with(&["set", "API_TOKEN", "-e", "staging"], "value").status(2);
    assert!(ran.talk.contains("vault/staging/seal.toml is not there"), "{}", ran.talk);
}

#[cfg(unix)]
#[test]
fn a_closed_input_is_an_empty_value_and_a_closed_reader_no_fault() {
    let world = world();
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} set NEW -e staging <&-", program.display())]);
    let output = shell.env_clear().envs(&world.variables).current_dir(world.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the value is empty"), "{output:?}");
    let mut command = undrift(&world);
    command.args(["set", "NEW", "-e", "staging", "--generate", "uuid"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(world.value("staging", "NEW").len(), 36);
}

#[test]
fn what_cannot_be_declared_is_not_set() {
    let world = World::new();
    world.shop();
    // Both environments would write one name at one place.
    world.write("undrift.toml", "version = 1\n[environments.staging]\n[environments.production]\n[targets.web]\nkind = \"fly\"\napp = \"shop\"\n");
    let before = files(&world.path(""));
    let refused = world.run_with(&["set", "NEW", "-e", "staging"], "v").status(2);
    assert!(refused.talk.contains("nothing was set"), "{}", refused.transcript());
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn a_value_that_has_to_be_made_new_from_time_to_time_begins_its_age() {
    let mut world = world();
    let age = |world: &World| {
        let list = world.run(&["list", "-e", "staging"]).output;
        list.lines()
            .find(|line| line.starts_with("API_TOKEN"))
            .unwrap()
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let every = "[secrets.API_TOKEN]\nrotate-every = \"90d\"\n";
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", every));
    assert_eq!(age(&world), "set, age unknown");
    // The same value again is no new one.
    world.set("API_TOKEN", "token-1");
    assert_eq!(age(&world), "set, age unknown");
    world.set("API_TOKEN", "token-2");
    assert_eq!(age(&world), "set");
    world.now = "2027-02-19T08:00:00Z".parse().unwrap();
    assert_eq!(age(&world), "overdue");
}
