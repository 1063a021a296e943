//! `undrift grant`, `revoke` and `access`: who can read an environment, shown by the real `age`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use twins::{FlyTwin, GitHubTwin};
use undrift::vault::identity;

use crate::tools;
use crate::world::{SHOP, World, files, repository, twins};

const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@laptop";
const YUBIKEY: &str = "age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt";
const ECDSA: &str =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5";

/// Makes somebody's identity, and returns its file and its public half.
fn somebody(world: &World, name: &str) -> (PathBuf, String) {
    let (content, public) = identity::generate();
    let file = world.home().join(format!("{name}.txt"));
    std::fs::write(&file, content.as_bytes()).unwrap();
    (file, public)
}

fn own(world: &World) -> PathBuf {
    world.home().join(".config/undrift/identity.txt")
}

fn grant(world: &World, who: &str, key: &str) {
    let _ = world.run(&["grant", who, key, "-e", "staging", "--yes"]).status(0);
}

/// The files of staging that the real `age` opens with an identity, and those that it does not.
fn opened(world: &World, identity: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = files(&world.path("vault/staging")).into_keys();
    let sealed = all.filter(|path| path.extension().is_some_and(|ending| ending == "age"));
    let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let (open, closed): (Vec<_>, Vec<_>) = sealed.partition(|path| {
        let mut command = Command::new("age");
        command.arg("-d").arg("-i").arg(identity).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    });
    (open.into_iter().map(name).collect(), closed.into_iter().map(name).collect())
}

/// Asserts that the real `age` opens every file with an identity, or none.
#[track_caller]
fn reads(world: &World, identity: &Path, all: bool) {
    let (open, closed) = opened(world, identity);
    let (right, wrong) = if all { (open, closed) } else { (closed, open) };
    assert!(wrong.is_empty() && right.len() >= 2, "{}: {wrong:?} are wrong, {right:?} right", identity.display());
}

fn codes(world: &World) -> Vec<String> {
    let access = world.run(&["access", "-e", "staging", "--format", "json"]).json();
    let findings = access["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_is_granted_access_reads_every_file_and_who_loses_it_reads_none() {
    if !tools::has("age", "grants read by the real age") {
        return;
    }
    let world = World::new();
    world.shop();
    let _ = world.run_with(&["set", "OTHER", "-e", "staging", "--group", "more"], "x").status(0);
    let (bob, key) = somebody(&world, "bob");
    reads(&world, &bob, false);
    let granted = world.run(&["grant", "bob", &key, "-e", "staging", "--yes"]).status(0);
    assert_snapshot!("granted", granted.transcript().replace(&key[..20], "age1[begins]"));
    reads(&world, &bob, true);
    reads(&world, &own(&world), true);
    assert_eq!(codes(&world), [""; 0]);
    assert_eq!(world.value("staging", "OTHER"), "x");
    assert_snapshot!("access", world.run(&["access"]).status(0).transcript());
    let declared = world.read("undrift.toml").replace("[secrets.OTHER]\n", "[secrets.OTHER]\ngenerate = \"hex:32\"\n");
    world.write("undrift.toml", declared);
    let before = files(&world.path("vault/staging"));
    let revoked = world.run(&["revoke", "bob", "-e", "staging", "--yes"]).status(0);
    assert_snapshot!("revoked", revoked.transcript());
    reads(&world, &bob, false);
    reads(&world, &own(&world), true);
    assert_eq!(codes(&world), [""; 0]);
    // Every file is another one, the key that bob knows among them.
    for (path, content) in files(&world.path("vault/staging")) {
        assert_ne!(before.get(&path), Some(&content), "{}", path.display());
    }
    world.set("OTHER", "y");
    assert_eq!(world.value("staging", "OTHER"), "y");
    reads(&world, &bob, false);
    assert_snapshot!("log_of_access", world.run(&["log", "-e", "staging"]).status(0).transcript());
}

/// A project whose audit shows every kind of row: in sync by a receipt and by a digest, behind, changed, conflict.
fn audited() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let org = "[targets.org]\nkind = \"github\"\nscope = \"organization\"\norganization = \"acme\"\nvisibility = \"selected\"\nrepositories = [\"acme/shop\"]\nenvironments = [\"staging\"]\n\n[secrets.API_TOKEN]\ntargets = [\"org\", \"web\"";
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\ntargets = [\"web\"", org));
    for (name, value) in [("OLD_ONE", "1"), ("OLD_TWO", "1"), ("REMOTE", "1")] {
        let _ = world.run_with(&["set", name, "-e", "staging", "-t", "ci", "-t", "web"], value).status(0);
    }
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.clock().pin("2026-11-19T09:12:00Z".parse().unwrap());
    world.set("OLD_ONE", "2");
    world.set("OLD_TWO", "2");
    github.set(&repository(), "OLD_TWO", "theirs");
    github.set(&repository(), "REMOTE", "theirs");
    fly.set("shop-staging", "REMOTE", "theirs");
    fly.set("shop-staging", "OLD_TWO", "1");
    (fly, github, world)
}

#[test]
fn an_audit_after_a_revocation_says_what_it_said_before() {
    let (_fly, _github, world) = audited();
    let (_, key) = somebody(&world, "bob");
    grant(&world, "bob", &key);
    let audit = |world: &World| {
        let ran = world.run(&["audit", "--all", "--format", "json"]);
        (ran.status, ran.output)
    };
    let before = audit(&world);
    let verdicts: BTreeSet<String> = serde_json::from_str::<serde_json::Value>(&before.1).unwrap()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["verdict"].as_str().unwrap(), entry["proof"].as_str().unwrap()))
        .collect();
    assert!(verdicts.len() >= 4, "{verdicts:?}");
    assert!(before.1.contains("holds the value of"), "{}", before.1);
    let receipts = world.read("vault/staging/receipts.toml");
    for name in ["bob", "carol"] {
        let _ = world.run(&["revoke", name, "-e", "staging", "--yes"]);
        assert_eq!(audit(&world), before, "after {name}");
        // Nothing that the older key has made is left.
        let now = world.read("vault/staging/receipts.toml");
        let prints =
            |text: &str| text.split('"').filter(|word| word.len() == 64).map(str::to_owned).collect::<BTreeSet<_>>();
        assert!(!prints(&receipts).is_empty() && prints(&receipts).is_disjoint(&prints(&now)));
        // A second one, over a key that has two generations already.
        let (_, key) = somebody(&world, "carol");
        grant(&world, "carol", &key);
    }
    let log = world.run(&["log", "-e", "staging"]);
    assert_eq!(log.status, 0, "{}", log.transcript());
    // A push goes on from there.
    let pushed = world.run(&["push", "-e", "staging", "--yes", "--overwrite", "REMOTE", "--overwrite", "OLD_TWO"]);
    assert_eq!(pushed.status, 0, "{}", pushed.transcript());
    assert_eq!(world.run(&["log", "-e", "staging"]).status, 0);
}

#[test]
fn what_would_be_a_mistake_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.shop();
    let (file, bob) = somebody(&world, "bob");
    let (_, carol) = somebody(&world, "carol");
    grant(&world, "bob", &bob);
    std::fs::write(world.home().join("id.pub"), format!("{SSH}\n")).unwrap();
    std::fs::write(world.home().join("empty.pub"), "# nobody\n").unwrap();
    let private = std::fs::read_to_string(&file).unwrap();
    let private = private.lines().last().unwrap();
    let file = file.display().to_string();
    let empty = world.home().join("empty.pub").display().to_string();
    let before = files(&world.path("vault"));
    let mut told = String::new();
    for (what, arguments) in [
        ("the same key again", vec!["grant", "bob", &bob]),
        ("under another name", vec!["grant", "robert", &bob]),
        ("another key of the same name", vec!["grant", "bob", &carol]),
        ("no key", vec!["grant", "carol", "canary-4711"]),
        ("an empty file", vec!["grant", "carol", &empty]),
        ("a private key", vec!["grant", "carol", private]),
        ("a private key for a name", vec!["grant", private, &carol]),
        ("a private key and no more", vec!["grant", private]),
        ("a private key of ssh", vec!["grant", "carol", "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-4711"]),
        ("a file with a private key", vec!["grant", "carol", &file]),
        ("an ssh key that age does not use", vec!["grant", "carol", ECDSA]),
        ("a key for a name", vec!["grant", &carol, "carol"]),
        ("a plugin that is not there", vec!["grant", "carol", YUBIKEY]),
        ("nobody of that name", vec!["revoke", "bop"]),
        ("oneself, and others are left", vec!["revoke", "alice"]),
        ("a private key for a name", vec!["revoke", private]),
    ] {
        let arguments = [arguments, vec!["-e", "staging"]].concat();
        let yes = if arguments[..2] == ["revoke", "alice"] { vec![] } else { vec!["--yes"] };
        let ran = world.run(&[arguments, yes].concat()).status(2);
        let text = ran.transcript();
        assert!(!text.to_ascii_uppercase().contains("AGE-SECRET-KEY") && !text.contains("canary"), "{what}: {text}");
        write!(told, "{what}\n{text}\n").unwrap();
    }
    let _ = world.run(&["revoke", "bob", "-e", "staging", "--yes"]).status(0);
    let last = world.run(&["revoke", "alice", "-e", "staging", "--yes"]).status(2);
    write!(told, "the last one\n{}\n", last.transcript()).unwrap();
    let protected = world.run(&["grant", "bob", &bob, "-e", "production", "--yes"]).status(2);
    write!(told, "a protected environment\n{}\n", protected.transcript()).unwrap();
    let asked = world.run(&["grant", "bob", &bob, "-e", "staging"]).status(2);
    write!(told, "without a word\n{}\n", asked.transcript()).unwrap();
    let everywhere = world.run(&["grant", "bob", &bob, "--yes"]).status(2);
    write!(told, "without an environment\n{}", everywhere.transcript()).unwrap();
    assert_snapshot!("refused", told.replace(&bob[..20], "age1[begins]"));
    let production = |files: &std::collections::BTreeMap<PathBuf, Vec<u8>>| {
        files
            .iter()
            .filter(|(path, _)| path.to_string_lossy().contains("production"))
            .map(|(p, c)| (p.clone(), c.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(production(&files(&world.path("vault"))), production(&before));
}

#[test]
fn nothing_that_was_refused_was_written() {
    let world = World::new();
    world.shop();
    let (_, bob) = somebody(&world, "bob");
    let (_, carol) = somebody(&world, "carol");
    grant(&world, "bob", &bob);
    let before = files(&world.path(""));
    for arguments in [["grant", "bob", &carol], ["grant", "eve", &bob], ["grant", "bob", &bob], ["grant", "eve", "x"]] {
        let _ = world.run(&[&arguments[..], &["-e", "staging", "--yes"]].concat()).status(2);
        assert_eq!(files(&world.path("")), before, "{arguments:?}");
    }
}

#[test]
fn oneself_is_revoked_only_with_a_clear_word() {
    if !tools::has("age", "locking oneself out") {
        return;
    }
    let world = World::new();
    world.shop();
    let (bob, key) = somebody(&world, "bob");
    grant(&world, "bob", &key);
    let ran = world.run(&["revoke", "alice", "-e", "staging", "--yes"]).status(0);
    assert!(ran.talk.contains("warning: you would lock yourself out of `staging`"), "{}", ran.transcript());
    reads(&world, &own(&world), false);
    reads(&world, &bob, true);
    assert_eq!(world.run(&["list", "-e", "staging"]).status, 2);
    let bob = bob.display().to_string();
    let as_bob = world.run(&["log", "-e", "staging", "--identity", &bob]);
    assert_eq!(as_bob.status, 0, "{}", as_bob.transcript());
}

#[test]
fn keys_come_from_files_and_from_github() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    std::fs::write(world.home().join("id.pub"), format!("{SSH}\n")).unwrap();
    let file = world.home().join("id.pub").display().to_string();
    let _ = world.run(&["grant", "from a file", &file, "-e", "staging", "--yes"]).status(0);
    // A shell that was given no quotes makes three arguments of a key.
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDm4Cv6ZnYxjxkUR2UuYcT8DyVkWJ4gYx8xkHxz2cDGb";
    let [kind, body] = [0, 1].map(|index| other.split(' ').nth(index).unwrap());
    let parts = world.run(&["grant", "unquoted", kind, body, "x@y", "-e", "staging", "--yes"]);
    assert_eq!(parts.status, 0, "{}", parts.transcript());
    let [one, two] = [
        "AAAAC3NzaC1lZDI1NTE5AAAAIGPKoeZfK7bqo2rHgbcmR8kNNJ8o3HVQb3xbLl8nW9kb",
        "AAAAC3NzaC1lZDI1NTE5AAAAIHh5c2u3oJk4b2C0eK3mGxM5bq0F1S6m8Qd6pHf1rR1Z",
    ]
    .map(|body| format!("ssh-ed25519 {body}"));
    let many: Vec<String> = (0..40).map(|_| ECDSA.to_owned()).collect();
    let mut published: Vec<&str> = many.iter().map(String::as_str).collect();
    published.extend([one.as_str(), two.as_str(), one.as_str()]);
    github.publish_keys("octocat", &published[38..]);
    github.publish_keys("nobody", &[ECDSA]);
    let granted = world.run(&["grant", "octo", "github:octocat", "-e", "staging", "--yes"]).status(0);
    assert_snapshot!("from_github", granted.transcript());
    let text = world.read("vault/staging/recipients.txt");
    assert!(text.ends_with(&format!("\n\n# octo\n{one}\n\n# octo\n{two}\n")), "{text}");
    // A key that was published since goes to the same person.
    github.publish_keys("octocat", &[&one, &two, ECDSA]);
    world.variables.remove("GH_TOKEN");
    let ran = world.run(&["grant", "octo", "github:octocat", "-e", "staging", "--yes"]).status(2);
    assert!(ran.talk.contains("octo can read `staging` already"), "{}", ran.transcript());
    assert!(github.requests().iter().any(|request| request.path.ends_with("/users/octocat/keys")));
    for (user, expected) in
        [("nobody", "has published no ssh key"), ("absent", "was not found"), ("a/b", "not a public key")]
    {
        let ran = world.run(&["grant", "x", &format!("github:{user}"), "-e", "staging", "--yes"]).status(2);
        assert!(ran.talk.contains(expected), "{}", ran.transcript());
    }
    assert_snapshot!("access_of_many", world.run(&["access", "-e", "staging"]).status(0).transcript());
}

#[test]
fn a_list_that_was_edited_by_hand_is_told_and_mended() {
    if !tools::has("age", "a list edited by hand") {
        return;
    }
    let world = World::new();
    world.shop();
    let (bob, key) = somebody(&world, "bob");
    let list = world.read("vault/staging/recipients.txt");
    world.write("vault/staging/recipients.txt", format!("{list}\n# bob\n{key}\n"));
    assert_eq!(codes(&world), ["UD319"]);
    let carol = somebody(&world, "carol").1;
    // Whoever could write the list has not been let in by anybody.
    for arguments in [["grant", "bob", &key], ["grant", "carol", &carol]] {
        let ran = world.run(&[&arguments[..], &["-e", "staging", "--yes"]].concat()).status(2);
        assert!(ran.talk.contains("recipients.txt is not the file that was sealed"), "{}", ran.transcript());
    }
    world.seal();
    assert_snapshot!("edited_by_hand", world.run(&["access", "-e", "staging"]).status(1).transcript());
    reads(&world, &bob, false);
    let mended = world.run(&["grant", "bob", &key, "-e", "staging", "--yes"]).status(0);
    assert!(mended.talk.contains("bob is listed already"), "{}", mended.transcript());
    reads(&world, &bob, true);
    assert_eq!(codes(&world), [""; 0]);
}

#[test]
fn another_machine_takes_the_new_key_and_never_the_old_one_again() {
    let world = World::new();
    world.shop();
    let (_, key) = somebody(&world, "bob");
    grant(&world, "bob", &key);
    let other = World::new();
    other.copy_files_of(&world.folder());
    let old = files(&world.path("vault"));
    let _ = world.run(&["revoke", "bob", "-e", "staging", "--yes"]).status(0);
    world.set("SMTP_PASSWORD", "password-2");
    std::fs::remove_dir_all(other.path("vault")).unwrap();
    let bring = |files: &std::collections::BTreeMap<PathBuf, Vec<u8>>| {
        for (path, content) in files {
            let path = path.strip_prefix(world.path("")).unwrap().display().to_string();
            other.write(&path, content);
        }
    };
    bring(&files(&world.path("vault")));
    let listed = other.run(&["list", "-e", "staging"]);
    assert!(listed.talk.is_empty() && listed.status == 0, "{}", listed.transcript());
    assert_eq!(other.run(&["log", "-e", "staging"]).status, 0);
    other.set("SMTP_PASSWORD", "password-3");
    bring(&old);
    let listed = other.run(&["list", "-e", "staging"]).status(2);
    assert!(listed.talk.contains("UD324"), "{}", listed.transcript());
}

#[test]
fn two_branches_that_let_somebody_in_are_put_together_by_git() {
    if !(tools::has("git", "a merge of two grants") && tools::has("age", "a merge of two grants")) {
        return;
    }
    let world = World::new();
    world.shop();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=alice", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]);
        command.args(arguments).current_dir(world.path("")).env("HOME", world.home());
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let commit = || {
        assert!(git(&["add", "-A"]).0);
        assert!(git(&["commit", "-qm", "x"]).0);
    };
    assert!(git(&["init", "-q"]).0);
    commit();
    let ([bob, carol], mut keys) = (["bob", "carol"].map(|name| somebody(&world, name)), Vec::new());
    assert!(git(&["checkout", "-qb", "other"]).0);
    grant(&world, "carol", &carol.1);
    commit();
    assert!(git(&["checkout", "-q", "main"]).0);
    // This machine has seen the other branch, which looks like a vault that was put back.
    world.seal();
    grant(&world, "bob", &bob.1);
    commit();
    assert!(!git(&["merge", "-q", "other"]).0, "the files themselves cannot be merged");
    let list = world.read("vault/staging/recipients.txt");
    for (who, key) in [("bob", &bob.1), ("carol", &carol.1)] {
        assert!(list.contains(&format!("# {who}\n{key}\n")), "{list}");
        keys.push(key);
    }
    assert!(!list.contains("<<<<"), "{list}");
    // Either side's files do: they hold the same values.
    let conflicts = git(&["diff", "--name-only", "--diff-filter=U"]).1;
    assert!(!conflicts.contains("recipients.txt") && !conflicts.contains("log.jsonl"), "{conflicts}");
    for file in conflicts.lines() {
        assert!(git(&["checkout", "-q", "--ours", file]).0, "{file}");
    }
    world.seal();
    assert!(codes(&world).contains(&"UD332".to_owned()));
    grant(&world, "carol", keys[1]);
    reads(&world, &bob.0, true);
    reads(&world, &carol.0, true);
    reads(&world, &own(&world), true);
    assert_eq!(codes(&world), [""; 0]);
    assert_eq!(world.run(&["log", "-e", "staging"]).status, 0);
}

#[test]
fn an_audit_reads_files_that_wait_to_be_put_in_place_and_writes_nothing() {
    let (_fly, _github, world) = audited();
    let entries = || world.run(&["audit", "--all", "--format", "json"]).json()["entries"].clone();
    let before = entries();
    let other = World::new();
    other.copy_files_of(&world.folder());
    let (_, key) = somebody(&other, "bob");
    grant(&other, "bob", &key);
    let _ = other.run(&["revoke", "bob", "-e", "staging", "--yes"]).status(0);
    // As a crash leaves it: all new files are there, and none is in its place.
    for (path, content) in files(&other.path("vault/staging")) {
        let name = path.file_name().unwrap().to_string_lossy();
        world.write(&format!("vault/staging/.coming/{name}"), content);
    }
    let vault = files(&world.path("vault"));
    assert_eq!(entries(), before);
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).json();
    let findings: Vec<_> = audit["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert_eq!(findings, ["UD333"]);
    assert_eq!(world.run(&["log", "-e", "staging"]).status, 0);
    assert_eq!(files(&world.path("vault")), vault);
    let pushed = world.run(&["push", "-e", "staging", "--yes", "--overwrite", "REMOTE", "--overwrite", "OLD_TWO"]);
    assert_eq!(pushed.status, 0, "{}", pushed.transcript());
    assert!(!world.path("vault/staging/.coming").exists());
    assert_eq!(codes(&world), [""; 0]);
    assert_eq!(world.run(&["log", "-e", "staging"]).status, 0);
}

#[test]
fn what_was_interrupted_is_ended_by_the_same_command_which_says_the_rest() {
    let world = World::new();
    world.shop();
    let (_, key) = somebody(&world, "bob");
    for (arguments, expected) in [
        (vec!["grant", "bob", &key], "bob can read `staging`"),
        (vec!["revoke", "bob"], "  undrift rotate API_TOKEN SMTP_PASSWORD STRIPE_KEY -e staging\n"),
    ] {
        let arguments = [&arguments[..], &["-e", "staging", "--yes"]].concat();
        let other = World::new();
        other.copy_files_of(&world.folder());
        let _ = other.run(&arguments).status(0);
        for (path, content) in files(&other.path("vault/staging")) {
            let name = path.file_name().unwrap().to_string_lossy();
            world.write(&format!("vault/staging/.coming/{name}"), content);
        }
        let ended = world.run(&arguments).status(0);
        assert!(ended.talk.contains("was interrupted, and is done now"), "{}", ended.transcript());
        assert!(ended.talk.contains(expected), "{}", ended.transcript());
        assert_eq!(codes(&world), [""; 0]);
        let again = world.run(&arguments).status(2);
        assert!(!again.talk.contains("interrupted"), "{}", again.transcript());
    }
    assert!(!world.read("vault/staging/recipients.txt").contains("bob"));
}

#[test]
fn whoever_reads_while_somebody_is_let_in_and_out_sees_one_state_or_the_other() {
    let world = World::new();
    world.shop();
    let (_, key) = somebody(&world, "bob");
    let script = format!(
        "for turn in 1 2 3 4 5 6 7 8 9 10; do undrift grant bob {key} -e staging --yes && \
         undrift revoke bob -e staging --yes || exit 1; done"
    );
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env_clear().env("HOME", world.home()).env("PATH", path);
    let mut child = command.current_dir(world.path("")).stderr(Stdio::null()).spawn().unwrap();
    let mut looks = 0;
    let status = loop {
        let listed = world.run(&["list", "-e", "staging"]);
        assert!(listed.talk.lines().all(|line| line.ends_with("(UD333)")), "{}", listed.transcript());
        looks += 1;
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert!(status.success() && looks > 3, "{looks} looks");
    assert_eq!(codes(&world), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_plugin_encrypts_for_its_own_keys_and_a_file_that_is_a_link_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.shop();
    let bin = world.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let plugin = bin.join("age-plugin-yubikey");
    // It hides nothing: it answers with what it was given.
    let script = "#!/bin/sh\nwhile IFS= read -r line; do case \"$line\" in '-> wrap-file-key'*) IFS= read -r body ;;\n\
                  '-> done'*) IFS= read -r end; break ;; esac; done\n\
                  printf -- '-> recipient-stanza 0 fake\\n%s\\n' \"$body\"\nIFS= read -r ok; IFS= read -r end\n\
                  printf -- '-> done\\n\\n'\nIFS= read -r end\n";
    std::fs::write(&plugin, script).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("undrift"));
    command.args(["grant", "carol", YUBIKEY, "-e", "staging", "--yes"]).current_dir(world.path(""));
    command.env_clear().env("HOME", world.home()).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(codes(&world), [""; 0]);
    assert_eq!(world.value("staging", "API_TOKEN"), "token-1");
    let access = world.run(&["access", "-e", "staging"]).status(0);
    assert!(access.output.contains("carol  age-plugin-yubikey"), "{}", access.transcript());
    let _ = world.run(&["revoke", "carol", "-e", "staging", "--yes"]).status(0);
    let (path, elsewhere) = (world.path("vault/staging/secrets.toml.age"), world.path("elsewhere.age"));
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let before = files(&world.path("vault"));
    let (_, key) = somebody(&world, "bob");
    let linked = world.run(&["grant", "bob", &key, "-e", "staging", "--yes"]).status(2);
    assert!(linked.talk.contains("secrets.toml.age is a link"), "{}", linked.transcript());
    assert_eq!(files(&world.path("vault")), before);
}

#[cfg(target_os = "linux")]
mod killed {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Output;

    use super::*;

    /// What a grant and a revocation do to the disk.
    const CALLS: [&str; 8] = ["mkdir", "fsync", "linkat", "rename", "chmod", "rmdir", "unlink", "ftruncate"];

    /// Kills a command at every system call of its own, and shows after each that all files are old, or all new.
    fn at_every_call(command: &[&str], starts_with: bool) {
        if !(tools::has("strace", "a kill at every call") && tools::has("age", "a kill at every call")) {
            return;
        }
        let (_fly, _github, first) = audited();
        let (bob, key) = somebody(&first, "bob");
        let (_, other) = somebody(&first, "carol");
        grant(&first, "carol", &other);
        if starts_with {
            grant(&first, "bob", &key);
        }
        let arguments: Vec<&str> =
            command.iter().map(|word| if *word == "KEY" { key.as_str() } else { word }).collect();
        let (mut old, mut new, mut counts) = (0, 0, Vec::new());
        for call in CALLS {
            for number in 1.. {
                let (world, output) = run(&first, &arguments, call, &format!("signal=KILL:when={number}"));
                let what = format!("killed at {call} {number}");
                let was_killed = output.status.signal() == Some(9);
                assert!(was_killed || output.status.code() == Some(0), "{what}: {output:?}");
                let bob = world.home().join(bob.file_name().unwrap());
                let listed = is_whole(&world, &bob, &what);
                if listed == starts_with {
                    old += 1;
                } else {
                    new += 1;
                }
                // The same command again does the rest, or says that it is done.
                let again = world.run(&[&arguments[..], &["-e", "staging", "--yes"]].concat());
                assert_eq!(again.status, if listed == starts_with { 0 } else { 2 }, "{what}: {}", again.transcript());
                reads(&world, &bob, !starts_with);
                if !was_killed {
                    counts.push((call, number));
                    break;
                }
            }
        }
        assert!(old >= 10 && new >= 10, "{old} were left old, and {new} new");
        for (call, count) in counts {
            for number in 1..count {
                let what = format!("refused at {call} {number}");
                let (world, output) = run(&first, &arguments, call, &format!("error=EIO:when={number}"));
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(
                    matches!(output.status.code(), Some(0 | 2)) && !said.contains("panicked"),
                    "{what}: {output:?}"
                );
                let bob = world.home().join(bob.file_name().unwrap());
                let is_done = is_whole(&world, &bob, &what) != starts_with;
                // Whoever is told of an error knows whether it was done.
                let words = ["anew, readable by", "are written and count", "it was done"];
                let is_told = words.iter().any(|words| said.contains(words));
                assert_eq!(is_done, is_told, "{what}: {said}");
            }
        }
    }

    /// Runs a command in a copy of a world, with something injected into one system call.
    fn run(first: &World, arguments: &[&str], call: &str, injected: &str) -> (World, Output) {
        let world = World::new();
        world.copy_files_of(&first.folder());
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:{injected}")]);
        strace.arg(assert_cmd::cargo::cargo_bin("undrift")).args(arguments).args(["-e", "staging", "--yes"]);
        strace.env_clear().env("HOME", world.home()).env("USER", "alice").env("PATH", "/usr/bin:/bin");
        let output = strace.current_dir(world.path("")).output().unwrap();
        (world, output)
    }

    /// Asserts that an environment is wholly of one kind, before and after somebody writes. Returns whether bob is in.
    fn is_whole(world: &World, bob: &Path, what: &str) -> bool {
        let before = files(&world.path("vault"));
        let access = world.run(&["access", "-e", "staging", "--format", "json"]).json();
        let listed = access["people"].as_array().unwrap().iter().any(|person| person["name"] == "bob");
        let findings = access["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["code"] == "UD333"), "{what}: {access:#}");
        let list = world.run(&["list", "-e", "staging"]);
        assert!(list.talk.lines().all(|line| line.ends_with("(UD333)")), "{what}: {}", list.transcript());
        for (name, value) in [("API_TOKEN", "token-1"), ("OLD_ONE", "2")] {
            assert_eq!(world.value("staging", name), value, "{what}");
        }
        let log = world.run(&["log", "-e", "staging"]);
        assert_eq!(log.status, 0, "{what}: {}", log.transcript());
        assert_eq!(files(&world.path("vault")), before, "{what}: a reader wrote");
        world.seal();
        let left: Vec<String> = std::fs::read_dir(world.path("vault/staging"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with('.') && Path::new(name).extension().is_none_or(|it| it != "new"))
            .collect();
        assert_eq!(left, [""; 0], "{what}");
        assert!(codes(world).is_empty(), "{what}");
        assert_eq!(world.read("vault/staging/recipients.txt").contains("# bob\n"), listed, "{what}");
        reads(world, bob, listed);
        reads(world, &own(world), true);
        assert_eq!(world.run(&["log", "-e", "staging"]).status, 0, "{what}");
        listed
    }

    #[test]
    fn a_grant_killed_at_any_system_call_leaves_all_old_or_all_new() {
        at_every_call(&["grant", "bob", "KEY"], false);
    }

    #[test]
    fn a_revocation_killed_at_any_system_call_leaves_all_old_or_all_new() {
        at_every_call(&["revoke", "bob"], true);
    }
}
