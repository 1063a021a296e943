//! `undrift seal`: what nobody has vouched for is found, never pushed, and nothing is deleted for it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use twins::{FlyTwin, GitHubTwin};
use undrift::domain::fingerprint::FingerprintKey;
use undrift::domain::name::EnvironmentName;
use undrift::domain::seal::{ContentHash, Recorded, begun};
use undrift::vault::identity::IdentityChain;
use undrift::vault::layout::Layout;
use undrift::vault::read::{self, Environment};
use undrift::vault::{key, memory, seal};
use zeroize::Zeroizing;

use crate::tools;
use crate::world::{SHOP, World, files, repository, twins};

const FILE: &str = "vault/staging/secrets.toml.age";

fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    fly.clear_requests();
    github.clear_requests();
    (fly, github, world)
}

/// The requests that changed something.
fn writes(fly: &FlyTwin, github: &GitHubTwin) -> usize {
    fly.requests().iter().chain(&github.requests()).filter(|request| request.method != "GET").count()
}

/// The codes of an audit's findings, with the files they are about.
fn findings(world: &World) -> Vec<(String, String)> {
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = audit["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(&finding["code"]), text(&finding["location"]))).collect()
}

fn found(code: &str, file: &str) -> (String, String) {
    (code.to_owned(), format!("vault/staging/{file}"))
}

/// Encrypts a file with the real `age`, as everybody can who knows the recipients.
fn forge(world: &World, path: &str, plaintext: &str) {
    let mut command = Command::new("age");
    command.args(["-a", "-R"]).arg(world.path("vault/staging/recipients.txt")).arg("-o").arg(world.path(path));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(plaintext.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn without_stripe() -> String {
    SHOP.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", "")
}

fn staging() -> EnvironmentName {
    EnvironmentName::parse("staging").unwrap()
}

fn opened(world: &World) -> Environment {
    let identity = world.home().join(".config/undrift/identity.txt");
    let identities = IdentityChain { files: vec![identity], ..IdentityChain::default() }.load().unwrap();
    read::environments(&Layout::at(&world.path("")), &[staging()], &identities).swap_remove(0)
}

/// The vault's files, to be put back later as somebody could in git.
fn vault(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    files(&world.path("vault"))
}

fn put_back(world: &World, vault: &BTreeMap<PathBuf, Vec<u8>>) {
    std::fs::remove_dir_all(world.path("vault")).unwrap();
    for (path, content) in vault {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

#[test]
fn a_file_that_was_forged_for_the_recipients_is_found_not_pushed_and_nothing_is_deleted() {
    if !tools::has("age", "a forged file made with the real age") {
        return;
    }
    let (fly, github, world) = pushed();
    forge(&world, "vault/staging/aaa.toml.age", "SMTP_PASSWORD = \"forged\"\nNEW = \"forged\"\n");
    world.write("undrift.toml", without_stripe() + "\n[secrets.NEW]\n");
    assert_snapshot!("forged_added", world.run(&["audit", "-e", "staging"]).status(2).transcript());
    let push = world.run(&["push", "-e", "staging", "--yes", "--prune", "--take-vault"]).status(2);
    assert!(push.output.contains("UD320"), "{}", push.output);
    assert_eq!(writes(&fly, &github), 0);
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
    // What was sealed is judged as before, and a name in the forged file does not make it a double.
    assert_eq!(world.value("staging", "SMTP_PASSWORD"), "password-1");
    let get = world.run(&["get", "NEW", "-e", "staging"]).status(2);
    assert!(!get.transcript().contains("forged"), "{}", get.transcript());

    std::fs::remove_file(world.path("vault/staging/aaa.toml.age")).unwrap();
    forge(&world, "vault/staging/more.toml.age", "X = \"1\"\n");
    let _ = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    forge(&world, "vault/staging/more.toml.age", "X = \"2\"\nSMTP_PASSWORD = \"forged\"\n");
    std::fs::remove_file(world.path(FILE)).unwrap();
    std::fs::rename(world.path("vault/staging/more.toml.age"), world.path(FILE)).unwrap();
    world.write("undrift.toml", without_stripe());
    assert_snapshot!("forged_altered", world.run(&["audit", "-e", "staging"]).status(2).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune", "--take-vault", "--allow-shrink"]).status(2);
    assert_eq!(writes(&fly, &github), 0);
    assert_eq!(github.values(&repository()).len(), 2);
}

#[test]
fn nothing_is_built_on_a_file_that_the_seal_does_not_vouch_for() {
    if !tools::has("age", "a forged file made with the real age") {
        return;
    }
    let world = World::new();
    world.shop();
    let _ = world.run_with(&["set", "OTHER", "-e", "staging", "-g", "other"], "1").status(0);
    forge(&world, FILE, "API_TOKEN = \"forged\"\n");
    let line = |world: &World| {
        let seal = world.read("vault/staging/seal.toml");
        seal.lines().find(|line| line.contains("secrets.toml.age")).unwrap().to_owned()
    };
    let (before, forged) = (line(&world), world.read(FILE));
    assert_snapshot!("set_altered", world.run_with(&["set", "API_TOKEN", "-e", "staging"], "2").status(2).transcript());
    let _ = world.run_with(&["set", "NEW", "-e", "staging", "-g", "third"], "2").status(2);
    world.write("plain/api_staging.env", "NEW=1\n");
    let import = world.run(&["import", "plain", "--yes"]).status(2);
    assert!(import.talk.contains("hint: look at what changed; if it is meant, `undrift seal -e staging`"));
    // A value of another file is changed, and the forged one is no better for it.
    let _ = world.run_with(&["set", "OTHER", "-e", "staging"], "2").status(0);
    assert_eq!(world.value("staging", "OTHER"), "2");
    assert_eq!((line(&world), world.read(FILE)), (before, forged));
    assert!(findings(&world).contains(&found("UD319", "secrets.toml.age")));
}

#[test]
fn a_file_that_is_gone_makes_the_vault_incomplete() {
    let (fly, github, world) = pushed();
    let _ = world.run_with(&["set", "EXTRA", "-e", "staging", "-g", "extra"], "1").status(0);
    std::fs::remove_file(world.path("vault/staging/extra.toml.age")).unwrap();
    world.write("undrift.toml", without_stripe());
    assert!(findings(&world).contains(&found("UD321", "extra.toml.age")));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(2);
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"));
    let refused = world.run_with(&["set", "EXTRA", "-e", "staging", "-g", "extra"], "2").status(2);
    assert!(refused.talk.contains("extra.toml.age was sealed, and is not there"), "{}", refused.talk);
    assert_snapshot!("seal_gone", world.run(&["seal", "-e", "staging", "--yes"]).status(0).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(0);
    assert!(!github.values(&repository()).contains_key("STRIPE_KEY"));
    drop(fly);
}

#[test]
fn nothing_is_encrypted_for_recipients_that_nobody_vouches_for() {
    let world = World::new();
    world.shop();
    world.write("plain/api_staging.env", "NEW=1\n");
    let other = age::x25519::Identity::generate().to_public();
    let (recipients, key) = (world.read("vault/staging/recipients.txt"), world.read("vault/staging/key.age"));
    let before = world.read(FILE);
    let verbs = [&["set", "API_TOKEN", "-e", "staging"][..], &["import", "plain", "--yes"][..]];
    let refused = |file: &str| {
        for verb in verbs {
            let refused = world.run_with(verb, "2").status(2);
            assert!(refused.talk.contains(&format!("vault/staging/{file} is not the file that was sealed")));
            assert!(refused.talk.contains("`undrift seal -e staging`"), "{}", refused.talk);
        }
        assert_eq!(findings(&world), [found("UD319", file)]);
        assert_eq!(world.read(FILE), before);
    };
    world.write("vault/staging/recipients.txt", format!("{recipients}# mallory\n{other}\n"));
    refused("recipients.txt");
    let seal = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    assert!(seal.talk.starts_with("staging: changed  recipients.txt: alice, mallory\n"), "{}", seal.talk);
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "staging"], "token-1").status(0);
    world.write("vault/staging/recipients.txt", &recipients);
    let _ = world.run(&["seal", "-e", "staging", "--yes"]).status(0);

    // The same key, encrypted once more: for whom, nobody knows.
    let before = world.read(FILE);
    let opened = opened(&world);
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    let layout = Layout::at(&world.path(""));
    key::create(&layout, &staging(), opened.known_key().unwrap(), &opened.recipients.as_ref().unwrap().keys).unwrap();
    assert_ne!(world.read("vault/staging/key.age"), key);
    for verb in verbs {
        let _ = world.run_with(verb, "2").status(2);
    }
    // What was set for mallory is still encrypted for mallory.
    assert_eq!(findings(&world), [found("UD319", "key.age"), found("UD332", "secrets.toml.age")]);
    assert_eq!(world.read(FILE), before);
}

#[test]
fn a_seal_that_says_nothing_vouches_for_nothing() {
    let (fly, github, world) = pushed();
    world.set("STRIPE_KEY", "stripe-2");
    let seal = world.read("vault/staging/seal.toml");
    let without_line: String = seal.split_inclusive('\n').filter(|line| !line.contains("secrets")).collect();
    let conflict = format!("<<<<<<< HEAD\n{seal}=======\n{}>>>>>>> other\n", seal.replace("serial = ", "serial = 1"));
    for damaged in [without_line, conflict, String::new(), seal.replace("version = 1", "version = 2")] {
        world.write("vault/staging/seal.toml", &damaged);
        assert_eq!(findings(&world), [found("UD322", "seal.toml")], "{damaged}");
        let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault", "--prune"]).status(2);
        assert_eq!(writes(&fly, &github), 0, "{damaged}");
        let _ = world.run_with(&["set", "STRIPE_KEY", "-e", "staging"], "stripe-3").status(2);
    }
    world.write("vault/staging/seal.toml", "<<<<<<< HEAD\n");
    assert_snapshot!("seal_damaged", world.run(&["seal", "-e", "staging", "--yes"]).status(0).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-2");
}

#[test]
fn older_files_that_were_put_back_are_found_by_who_has_seen_the_newer_ones() {
    let (fly, github, world) = pushed();
    let old = vault(&world);
    world.set("STRIPE_KEY", "stripe-2");
    let new = vault(&world);
    put_back(&world, &old);
    // The log is older too.
    assert_eq!(findings(&world), [found("UD329", "log.jsonl"), found("UD323", "seal.toml")]);
    assert_snapshot!("rolled_back", world.run(&["audit", "-e", "staging"]).status(2).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault"]).status(2);
    assert_eq!(writes(&fly, &github), 0);
    let _ = world.run_with(&["set", "STRIPE_KEY", "-e", "staging"], "stripe-3").status(2);
    put_back(&world, &new);
    assert_eq!(findings(&world), []);
    // A seal that is gone altogether is no vault made by hand to who has seen it.
    std::fs::remove_file(world.path("vault/staging/seal.toml")).unwrap();
    assert_eq!(findings(&world), [found("UD323", "seal.toml")]);
    put_back(&world, &old);
    // A machine that sees it for the first time cannot know; one that accepts it says so in the log.
    let seen = world.read(".undrift/seen.toml");
    std::fs::remove_file(world.path(".undrift/seen.toml")).unwrap();
    assert_eq!(findings(&world), []);
    world.write(".undrift/seen.toml", &seen);
    let _ = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    assert_eq!(findings(&world), []);
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.contains("accepted 1 line of this log as lost"), "{}", log.output);
    // An audit remembers what it has seen as well.
    std::fs::remove_file(world.path(".undrift/seen.toml")).unwrap();
    assert_eq!(findings(&world), []);
    put_back(&world, &old);
    assert!(findings(&world).contains(&found("UD323", "seal.toml")));
    world.write(".undrift/seen.toml", "nonsense");
    assert_eq!(findings(&world), [found("UD322", "seal.toml")]);
}

#[test]
fn a_key_and_a_seal_of_somebody_elses_making_are_found_by_who_has_seen_ours() {
    let (fly, github, world) = pushed();
    let opened = opened(&world);
    let layout = Layout::at(&world.path(""));
    let seen = world.read(".undrift/seen.toml");
    let forged = FingerprintKey::new(Zeroizing::new([9; 32]));
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    let hash = key::create(&layout, &staging(), &forged, &opened.recipients.as_ref().unwrap().keys).unwrap();
    let mut sealed = opened.sealed.clone();
    sealed.contents = undrift::domain::seal::Contents::default();
    for (file, known) in opened.sealed.contents.iter() {
        sealed.contents.add(file.to_owned(), if file == "key.age" { Some(hash) } else { known });
    }
    seal::accept(&layout, &staging(), &forged, &sealed).unwrap();
    world.write(".undrift/seen.toml", seen);
    assert!(findings(&world).contains(&found("UD324", "seal.toml")));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--take-vault"]).status(2);
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn a_vault_made_by_hand_is_audited_and_pushed_once_it_is_sealed() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.by_hand("staging");
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    let audit = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(audit.output.contains("UD318") && audit.output.contains("missing"), "{}", audit.output);
    assert_snapshot!("push_unsealed", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    assert_eq!(writes(&fly, &github), 0);
    let before = files(&world.path("vault"));
    assert_snapshot!("seal_no_terminal", world.run(&["seal", "-e", "staging"]).status(2).transcript());
    assert_eq!(files(&world.path("vault")), before);
    assert_snapshot!("seal_first", world.run(&["seal", "-e", "staging", "--yes"]).status(0).transcript());
    assert!(world.path("vault/staging/key.age").is_file());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(findings(&world), []);
    let again = world.run(&["seal", "-e", "staging"]).status(0);
    assert_eq!(again.talk, "`staging` is sealed, and nothing has changed since\n");
}

#[test]
fn a_value_set_in_a_vault_made_by_hand_leaves_it_unsealed() {
    let world = World::new();
    world.shop();
    world.by_hand("staging");
    world.set("API_TOKEN", "token-2");
    assert!(!world.path("vault/staging/seal.toml").exists());
    assert_eq!(findings(&world), [found("UD318", "seal.toml")]);
    // What was there before `init` is somebody's to look at first.
    for file in ["vault/staging/key.age", "vault/staging/log.jsonl", ".undrift/seen.toml"] {
        std::fs::remove_file(world.path(file)).unwrap();
    }
    let init = world.run(&["init", "staging"]).status(0);
    assert!(init.talk.contains("hint: look at the files in vault/staging, then `undrift seal -e staging`"));
    assert_eq!(findings(&world), [found("UD318", "seal.toml")]);
}

#[test]
fn who_seals_names_the_environment_and_can_read_it() {
    let mut world = World::new();
    world.shop();
    assert_snapshot!("seal_no_environment", world.run(&["seal", "--yes"]).status(2).transcript());
    let protected = world.run(&["seal", "-e", "production", "--yes"]).status(2);
    assert!(protected.talk.contains("hint: if it is meant, add `--confirm production`"), "{}", protected.talk);
    let _ = world.run(&["seal", "-e", "production", "--confirm", "production", "--yes"]).status(0);
    world.write("vault/staging/broken.toml.age", "not age");
    assert_snapshot!("seal_unread", world.run(&["seal", "-e", "staging", "--yes"]).status(2).transcript());
    std::fs::remove_file(world.path("vault/staging/broken.toml.age")).unwrap();
    let key = std::fs::read(world.path("vault/staging/key.age")).unwrap();
    std::fs::remove_file(world.path("vault/staging/key.age")).unwrap();
    assert_snapshot!("seal_key_gone", world.run(&["seal", "-e", "staging", "--yes"]).status(2).transcript());
    world.write("vault/staging/key.age", key);
    let other = age::x25519::Identity::generate();
    let text = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), text.into());
    let locked = world.run(&["seal", "-e", "staging", "--yes"]).status(2);
    assert!(locked.talk.starts_with("error: no identity opens the files of `staging`"), "{}", locked.talk);
}

/// Makes the state that a crash leaves between the file and its seal: the mark and the file are new, the seal is old.
fn crashed(world: &World, before: &str) {
    let key = opened(world);
    let hash = ContentHash::of(&std::fs::read(world.path(FILE)).unwrap());
    world.write("vault/staging/seal.toml", before);
    let layout = Layout::at(&world.path(""));
    let Recorded::Read(old) = seal::read(&layout, &staging()) else { panic!("the older seal") };
    let key = key.known_key().unwrap();
    let mark = begun(key, &staging(), old.serial + 1, "secrets.toml.age", hash);
    memory::change(&layout, &staging(), |memory| {
        memory.sealed(key, &old);
        memory.seal.begun.insert("secrets.toml.age".to_owned(), mark);
    })
    .unwrap();
}

#[test]
fn our_own_write_that_a_crash_left_unsealed_is_used_by_nobody_and_taken_up_by_the_next() {
    for verb in [&["set", "API_TOKEN", "-e", "staging"][..], &["import", "plain", "--yes"][..]] {
        let (fly, github, world) = pushed();
        world.write("plain/api_staging.env", "NEW=1\n");
        let before = world.read("vault/staging/seal.toml");
        world.set("API_TOKEN", "token-2");
        crashed(&world, &before);
        assert_eq!(findings(&world), [found("UD325", "secrets.toml.age")]);
        let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(2);
        assert_eq!(writes(&fly, &github), 0);
        let again = world.run_with(verb, "token-2").status(0);
        let note = "note: sealed vault/staging/secrets.toml.age, whose writing was interrupted on this machine\n";
        assert!(again.talk.contains(note), "{}", again.talk);
        assert_eq!(findings(&world).iter().filter(|(code, _)| code.starts_with("UD32")).count(), 0);
        assert_eq!(world.value("staging", "API_TOKEN"), "token-2");
    }
}

#[test]
fn a_file_that_was_forged_after_a_crash_is_not_taken_for_ours() {
    if !tools::has("age", "a forged file made with the real age") {
        return;
    }
    let world = World::new();
    world.shop();
    let before = world.read("vault/staging/seal.toml");
    world.set("API_TOKEN", "token-2");
    crashed(&world, &before);
    let ours = std::fs::read(world.path(FILE)).unwrap();
    forge(&world, FILE, "API_TOKEN = \"forged\"\n");
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "staging"], "token-3").status(2);
    assert_eq!(findings(&world), [found("UD319", "secrets.toml.age")]);
    world.write("vault/staging/secrets.toml.age", ours);
    let seal = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    assert!(seal.talk.contains("changed  secrets.toml.age: API_TOKEN, SMTP_PASSWORD, STRIPE_KEY (by this machine"));
    assert_eq!(world.value("staging", "API_TOKEN"), "token-2");
}

#[test]
fn two_branches_of_git_are_put_together_by_one_seal() {
    if !tools::has("git", "two branches of the real git") {
        return;
    }
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Alice", "-c", "user.email=alice@example.com"]).args(arguments);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", world.home()).current_dir(world.path(""));
        command.output().unwrap().status.success()
    };
    let commit = |message: &str| assert!(git(&["add", "-A"]) && git(&["commit", "-qm", message]));
    assert!(git(&["init", "-q", "-b", "main"]));
    commit("init");
    assert!(git(&["checkout", "-qb", "other"]));
    let _ = world.run_with(&["set", "A", "-e", "staging", "-g", "a"], "1").status(0);
    commit("A");
    assert!(git(&["checkout", "-q", "main"]));
    // This machine has seen the other branch, which looks like older files that were put back.
    let refused = world.run_with(&["set", "B", "-e", "staging", "-g", "b"], "2").status(2);
    assert!(refused.talk.contains("or this is another git branch"), "{}", refused.talk);
    std::fs::remove_file(world.path(".undrift/seen.toml")).unwrap();
    let _ = world.run_with(&["set", "B", "-e", "staging", "-g", "b"], "2").status(0);
    commit("B");
    assert!(!git(&["merge", "-q", "other"]), "both branches changed the list");
    assert!(git(&["checkout", "--theirs", "undrift.toml"]) || world.path("undrift.toml").is_file());
    world.write("undrift.toml", "version = 1\n[environments.staging]\n[secrets.A]\n[secrets.B]\n");
    assert_eq!(findings(&world), [found("UD322", "seal.toml")]);
    let _ = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    assert_eq!(findings(&world), []);
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.ends_with("4 entries, the chain is whole\n"), "{}", log.output);
    assert_eq!((world.value("staging", "A"), world.value("staging", "B")), ("1".to_owned(), "2".to_owned()));
    commit("merge");
    assert!(Path::new(&world.path("vault/.gitattributes")).is_file());
}

#[test]
fn what_was_remembered_of_others_is_not_given_up_with_one_seal() {
    let (_fly, _github, world) = pushed();
    let set = |value: &str| {
        let _ = world.run_with(&["set", "X", "-e", "production"], value).status(0);
    };
    set("1");
    let older = files(&world.path("vault/production"));
    set("2");
    world.write(".undrift/seen.toml", "nonsense");
    let forgotten = world.run(&["audit"]).status(2);
    assert_eq!(forgotten.output.matches(".undrift/seen.toml").count(), 2, "{}", forgotten.transcript());
    let _ = world.run(&["seal", "-e", "staging", "--yes"]).status(0);
    // Nobody has said of production that it is as it should be, and older files are there by now.
    for (path, content) in &older {
        std::fs::write(path, content).unwrap();
    }
    let audit = world.run(&["audit"]).status(2);
    assert_eq!(audit.output.matches(".undrift/seen.toml").count(), 1, "{}", audit.transcript());
    assert!(audit.output.contains("vault/production/"), "{}", audit.transcript());
}
