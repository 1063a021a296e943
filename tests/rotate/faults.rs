//! Rotations that something befalls: a place that is down, an answer that is lost, a disk that is full.

use twins::{Fault, FaultKind};
use undrift::domain::name::SecretName;
use undrift::vault::seal::Sealing;
use undrift::vault::write;

use super::*;

/// What a place that is down answers to every write.
fn down() -> Fault {
    Fault::new(FaultKind::status(500, "{}")).always()
}

/// A project in which a rotation stands half-way: Fly has the new value and GitHub the old one.
fn half_way() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    (fly, github, world)
}

/// Another value of `API_TOKEN`, as a merge brings one: what stands beside it stays.
pub(super) fn merge(world: &World, value: &str) {
    let identity = world.home().join(".config/undrift/identity.txt");
    let identities = IdentityChain { files: vec![identity], ..IdentityChain::default() }.load().unwrap();
    let (layout, staging) = (Layout::at(&world.path("")), EnvironmentName::parse("staging").unwrap());
    let (read, _) = write::open(&layout, &staging, &identities).unwrap();
    let name = SecretName::parse("API_TOKEN").unwrap();
    let shown = &read.inventory.entries[&name].source.file;
    let file = layout.groups(&staging).unwrap().into_iter().find(|file| file.shown == *shown).unwrap();
    let mut sealing = Sealing::open(&layout, &staging, read.known_key(), &read.sealed).unwrap();
    let value = SecretValue::copied_from(value);
    let recipients = read.recipients.as_ref().unwrap();
    write::put(&file, &[(&name, &value)], write::Dating::Kept, &identities, recipients, &mut sealing).unwrap();
}

#[test]
fn a_place_that_fails_stops_no_other_and_is_done_later() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    assert_snapshot!("half_way", rotate(&world, "token-2").status(2).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    let _ = go_on(&world).status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("continued", go_on(&world).status(0).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(writes(&fly, &github), 1);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}

#[test]
fn a_place_that_cannot_even_be_read_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.inject(down());
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-2");
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    github.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_token_that_is_revoked_meanwhile_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.inject(Fault::new(FaultKind::status(401, "{\"message\":\"Bad credentials\"}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    github.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_rollback_brings_the_old_value_back_everywhere_it_left() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("rolled_back", roll_back(&world).status(0).transcript());
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
    // GitHub never had the new value.
    assert_eq!(writes(&fly, &github), 1);
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
    assert_snapshot!("log_rolled_back", world.run(&["log", "-e", "staging"]).status(0).output);
    // Nothing stands in the way of the next one.
    let _ = rotate(&world, "token-3").status(0);
    assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
}

#[test]
fn a_rollback_while_a_place_is_down_keeps_both_values_until_it_is_back() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.inject(down().method("POST"));
    let _ = roll_back(&world).status(2);
    // Fly still has the new value, and so has the vault.
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), Some("token-2".to_owned())));
    assert_snapshot!("status_returning", world.run(&["rotate", "--status", "-e", "staging"]).status(1).transcript());
    fly.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn a_write_whose_answer_was_lost_is_looked_at_again_forth_and_back() {
    for back in [false, true] {
        let (fly, github, world) = pushed();
        for twin_is_fly in [true, false] {
            let fault = || Fault::new(FaultKind::ResetAfter).times(8);
            if twin_is_fly {
                fly.inject(fault().method("POST"));
            } else {
                github.inject(fault().method("PUT"));
            }
        }
        let _ = rotate(&world, "token-2").status(2);
        fly.clear_faults();
        github.clear_faults();
        assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
        let (ended, expected) = if back { (roll_back(&world), "token-1") } else { (go_on(&world), "token-2") };
        assert_eq!(ended.status, 0, "{}", ended.transcript());
        assert_eq!(there(&fly, &github), [expected, expected]);
        assert_eq!(values(&world, "API_TOKEN"), (expected.to_owned(), None));
        assert_eq!(world.run(&["audit"]).status(0).talk, "");
    }
}

#[test]
fn what_somebody_wrote_at_a_place_is_held_and_keeps_the_run_open() {
    let (fly, github, world) = pushed();
    github.set(&repository(), "SHOP_TOKEN", "theirs");
    assert_snapshot!("held", rotate(&world, "token-2").status(1).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "theirs"]);
    let _ = go_on(&world).status(1);
    let _ = world.run(&["push", "-e", "staging", "-t", "ci", "--overwrite", "API_TOKEN", "--yes"]).status(0);
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn a_third_value_beside_the_old_one_stops_the_run_and_is_dropped_by_nothing() {
    let (fly, github, world) = half_way();
    merge(&world, "token-3");
    let before = crate::world::files(&world.path("vault"));
    github.clear_requests();
    fly.clear_requests();
    for ran in [roll_back(&world), go_on(&world)] {
        assert!(ran.status(2).talk.contains("is neither the old nor the new one of its rotation"));
    }
    assert!(crate::world::files(&world.path("vault")) == before);
    assert_eq!(writes(&fly, &github), 0);
    merge(&world, "token-2");
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
}

#[test]
fn a_file_of_an_older_undrift_learns_the_new_value() {
    let (fly, github, world) = half_way();
    let noted = world.read("vault/staging/rotation.toml");
    let is_new = |line: &&str| line.starts_with("new = ");
    assert_eq!(noted.lines().filter(is_new).count(), 1, "{noted}");
    let older: Vec<&str> = noted.lines().filter(|line| !is_new(line)).collect();
    world.write("vault/staging/rotation.toml", older.join("\n") + "\n");
    world.seal();
    github.inject(down().method("PUT"));
    let _ = go_on(&world).status(2);
    github.clear_faults();
    assert_eq!(world.read("vault/staging/rotation.toml").lines().filter(is_new).count(), 1);
    merge(&world, "token-3");
    let _ = roll_back(&world).status(2);
    merge(&world, "token-2");
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
}

#[test]
fn a_list_of_runs_that_git_has_merged_is_a_finding_and_is_not_sealed() {
    let (fly, github, world) = half_way();
    let whole = world.read("vault/staging/rotation.toml");
    world.write("vault/staging/rotation.toml", format!("<<<<<<< HEAD\n{whole}"));
    let refused = world.run(&["seal", "-e", "staging", "--yes"]).status(2);
    assert_snapshot!("seal_of_broken_list", refused.transcript());
    world.write("vault/staging/rotation.toml", whole);
    let _ = go_on(&world).status(0);
    drop((fly, github));
    // One that somebody has sealed by an older undrift.
    let (_fly, _github, world) = pushed();
    vouched(&world, "rotation.toml", b"version = 1\n<<<<<<< HEAD\n");
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).status(1).json();
    let findings: Vec<_> = audit["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "UD257").collect();
    let [finding] = findings[..] else { panic!("{audit:#}") };
    let place = "vault/staging/rotation.toml:2";
    assert_eq!((&finding["severity"], &finding["location"]), (&"error".into(), &place.into()), "{finding:#}");
}

/// Puts a file into staging under its seal, as an older undrift would have.
fn vouched(world: &World, name: &str, content: &[u8]) {
    let identity = world.home().join(".config/undrift/identity.txt");
    let identities = IdentityChain { files: vec![identity], ..IdentityChain::default() }.load().unwrap();
    let (layout, staging) = (Layout::at(&world.path("")), EnvironmentName::parse("staging").unwrap());
    let (read, _) = write::open(&layout, &staging, &identities).unwrap();
    let mut sealing = Sealing::open(&layout, &staging, read.known_key(), &read.sealed).unwrap();
    sealing.write(&layout.environment(&staging).join(name), content, true).unwrap();
}

#[test]
fn a_run_that_can_never_end_says_why() {
    // An ignore rule takes the name out of every push.
    let (fly, github, world) = pushed();
    let declared = world.read("undrift.toml");
    let rule = "\n[[ignore]]\ntarget = \"ci\"\nname = \"SHOP_TOKEN\"\nreason = \"theirs\"\n";
    world.write("undrift.toml", format!("{declared}{rule}"));
    assert_snapshot!("ignored_there", rotate(&world, "token-2").status(1).transcript());
    world.write("undrift.toml", &declared);
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    // A value that a place does not take is refused before anything is written.
    let before = crate::world::files(&world.path("vault"));
    let large = "x".repeat(48 * 1024 + 1);
    let refused = rotate(&world, &large).status(2);
    assert_snapshot!("too_large", refused.transcript());
    assert!(crate::world::files(&world.path("vault")) == before);
    // One that a program issues stands in the vault first.
    let mut issuing = world.below("");
    issuing.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let command = "[secrets.API_TOKEN]\ncommand = [\"sh\", \"-c\", \"head -c 49153 /dev/zero | tr '\\\\0' x\"]\n";
    issuing.write("undrift.toml", declared.replace("[secrets.API_TOKEN]\n", command));
    assert_snapshot!(
        "too_large_issued",
        issuing.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(1).transcript()
    );
    let _ = roll_back(&issuing).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn an_old_value_that_a_merge_brings_back_never_changes_places_with_itself() {
    let (fly, github, world) = half_way();
    merge(&world, "token-1");
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), Some("token-1".to_owned())));
    let _ = world.run_with(&["rotate", "--continue", "-e", "staging", "--yes"], "token-3").status(0);
    assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-3".to_owned(), None));
    let (fly, github, world) = half_way();
    merge(&world, "token-1");
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn no_other_verb_changes_a_name_that_is_being_rotated() {
    let (fly, github, world) = half_way();
    github.set(&repository(), "SHOP_TOKEN", "theirs");
    world.write("shop.env", "API_TOKEN=token-3\n");
    let mut editing = world.below("");
    let script = editing.home().join("editor");
    std::fs::write(&script, "#!/bin/sh\nsed -i s/token-1/token-3/ \"$1\"\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    editing.variables.insert("EDITOR".to_owned(), script.into());
    editing.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let before = crate::world::files(&world.path("vault"));
    let declared = world.read("undrift.toml");
    for (world, arguments, value) in [
        (&world, &["set", "API_TOKEN", "-e", "staging"][..], "token-3"),
        (&world, &["set", "API_TOKEN", "-e", "staging"], "token-1"),
        (&world, &["rm", "API_TOKEN", "-e", "staging", "--yes"], ""),
        (&world, &["rename", "API_TOKEN", "OTHER_TOKEN", "--yes", "--confirm", "production"], ""),
        (&world, &["import", "shop.env", "-e", "staging", "--prefer", "shop.env", "--yes"], ""),
        (&world, &["adopt", "API_TOKEN", "-e", "staging", "-t", "ci", "--yes"], "theirs"),
        (&editing, &["edit", "-e", "staging", "secrets"], ""),
    ] {
        let refused = world.run_with(arguments, value).status(2);
        for said in [
            "a rotation of API_TOKEN is under way in `staging`",
            "`undrift rotate --continue -e staging`",
            "`undrift rotate --rollback -e staging`",
        ] {
            assert!(refused.talk.contains(said), "{arguments:?}: {}", refused.transcript());
        }
        assert!(crate::world::files(&world.path("vault")) == before, "{arguments:?}");
        assert_eq!(world.read("undrift.toml"), declared);
    }
    world.set("SMTP_PASSWORD", "password-2");
    drop(fly);
}

#[test]
fn a_value_that_is_neither_stops_the_run_and_is_not_lost() {
    let (fly, github, world) = half_way();
    fly.inject(down().method("POST"));
    let _ = roll_back(&world).status(2);
    fly.clear_faults();
    merge(&world, "token-3");
    let before = crate::world::files(&world.path("vault"));
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("neither", go_on(&world).status(2).transcript());
    let _ = roll_back(&world).status(2);
    assert!(crate::world::files(&world.path("vault")) == before);
    assert_eq!(writes(&fly, &github), 0);
    merge(&world, "token-1");
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn a_value_that_is_neither_in_a_protected_environment_is_mended_by_what_is_typed_as_it_stands() {
    let (_fly, github, world) = half_way();
    let staging = "[environments.staging]\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(staging, &format!("{staging}protected = true\n")));
    let merged = world.read("vault/staging/secrets.toml.age");
    merge(&world, "token-3");
    let confirmed = ["rotate", "--continue", "-e", "staging", "--confirm", "staging", "--yes"];
    let stopped = world.run(&confirmed).status(2).talk;
    let hint = "take its file as it was before that, then `undrift seal -e staging --confirm staging` and \
                `undrift rotate --continue -e staging --confirm staging`\n";
    assert!(stopped.ends_with(hint), "{stopped}");
    world.write("vault/staging/secrets.toml.age", merged);
    let _ = world.run(&["seal", "-e", "staging", "--confirm", "staging", "--yes"]).status(0);
    let _ = world.run(&confirmed).status(0);
    assert_eq!(github.values(&repository())["SHOP_TOKEN"], b"token-2");
}

#[test]
fn a_key_that_is_replaced_meanwhile_changes_nothing_for_the_run() {
    let (fly, github, world) = pushed();
    let _ = world
        .run(&[
            "grant",
            "bob",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "-e",
            "staging",
            "--yes",
        ])
        .status(0);
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    let _ = world.run(&["revoke", "bob", "-e", "staging", "--yes"]);
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
}

#[test]
fn a_file_that_somebody_changed_is_not_believed() {
    let (fly, github, world) = pushed();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    fly.clear_requests();
    github.clear_requests();
    let whole = world.read("vault/staging/rotation.toml");
    world.write("vault/staging/rotation.toml", whole.replace("stage = \"staged\"", "stage = \"verified\""));
    for ran in [go_on(&world), roll_back(&world), rotate(&world, "token-3")] {
        assert!(ran.status(2).talk.contains("is not the file that was sealed"));
    }
    std::fs::remove_file(world.path("vault/staging/rotation.toml")).unwrap();
    assert!(rotate(&world, "token-3").status(2).talk.contains("was sealed, and is not there"));
    assert_eq!(writes(&fly, &github), 0);
    world.write("vault/staging/rotation.toml", whole);
    let _ = go_on(&world).status(0);
}
