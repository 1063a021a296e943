//! `undrift rename`: one act over vault, receipts and declarations, which a crash may interrupt anywhere.

use std::process::Command;

use insta::assert_snapshot;
use twins::IssuerTwin;

use crate::tools;
use crate::world::{SHOP, World, files, repository, twins};

const RENAME: [&str; 4] = ["rename", "API_TOKEN", "API_KEY", "--yes"];

const CONFIRMED: [&str; 6] = ["rename", "API_TOKEN", "API_KEY", "--confirm", "production", "--yes"];

#[test]
fn a_secret_is_moved_where_its_name_there_changes_and_left_where_it_does_not() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]", "# why\n[secrets.API_TOKEN] # what"));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_snapshot!("rename", world.run(&RENAME).status(0).transcript());
    assert_eq!(world.read("undrift.toml"), SHOP.replace("[secrets.API_TOKEN]", "# why\n[secrets.API_KEY] # what"));
    assert_eq!(world.value("staging", "API_KEY"), "token-1");
    // At Fly the name changes; at GitHub it is `SHOP_TOKEN` as before, and there is nothing to do.
    assert_snapshot!("rename_plan", world.run(&["plan", "--prune"]).status(1).output);
    let _ = world.run(&["push", "-e", "staging", "--prune", "--yes"]).status(0);
    let names: Vec<String> = fly.values("shop-staging").into_keys().collect();
    assert_eq!(names, ["API_KEY", "SMTP_PASSWORD"]);
    assert_eq!(github.values(&repository())["SHOP_TOKEN"], b"token-1");
    let _ = world.run(&["audit"]).status(0);
    let receipts = world.read("vault/staging/receipts.toml");
    // That it was removed there is remembered under the name it had.
    let (filed, _) = receipts.split_once("[removed.").unwrap();
    assert!(!filed.contains("API_TOKEN") && filed.contains("secret = \"API_KEY\""), "{receipts}");
    let log = world.run(&["log", "-e", "staging", "--format", "json"]).status(0).json();
    let entries = log["environments"][0]["entries"].as_array().unwrap();
    let renames: Vec<_> = entries.iter().filter(|entry| entry["action"] == "rename").collect();
    assert_eq!(renames.len(), 1);
    assert_eq!(renames[0]["secrets"], serde_json::json!(["API_TOKEN", "API_KEY"]));
}

#[test]
fn the_token_of_a_target_goes_along() {
    let world = World::new();
    world.shop();
    let web = "[targets.web]\nkind = \"fly\"\n";
    world.write("undrift.toml", SHOP.replace(web, &format!("{web}token = \"vault:API_TOKEN\" # ours\n")));
    let _ = world.run(&RENAME).status(0);
    assert!(world.read("undrift.toml").contains("token = \"vault:API_KEY\" # ours\n"));
}

#[test]
fn what_a_probe_asks_with_goes_along() {
    let issuer = IssuerTwin::start(&["token-1"]);
    let world = World::new();
    world.shop();
    world.set("BASE_URL", &issuer.url());
    let probe = "probe = { url = \"{BASE_URL}/me\", headers = { api_access_token = \"{value}\" } } # ours\n";
    let section = "[secrets.API_TOKEN]\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(section, &format!("{section}{probe}")));
    let before = world.read("undrift.toml");
    let renamed = world.run(&["rename", "BASE_URL", "CHAT_URL", "--yes"]).status(0);
    assert!(renamed.talk.contains("renamed BASE_URL to CHAT_URL in undrift.toml\n"), "{}", renamed.talk);
    assert_eq!(world.read("undrift.toml"), before.replace("BASE_URL", "CHAT_URL"));
    let told = world.run(&["probe", "API_TOKEN", "-e", "staging"]).status(0).output;
    assert_eq!(told, "alive: it answered 200\n");
}

#[test]
fn one_environment_alone_gets_a_declaration_of_its_own() {
    let world = World::new();
    world.shop();
    let own = "[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n";
    world.write("undrift.toml", SHOP.replace(own, "[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\n"));
    let _ = world.run_with(&["set", "SMTP_PASSWORD", "-e", "production"], "other").status(0);
    let _ = world.run(&["rename", "SMTP_PASSWORD", "SMTP_KEY", "-e", "staging", "--yes"]).status(0);
    assert_eq!(world.value("staging", "SMTP_KEY"), "password-1");
    assert_eq!(world.value("production", "SMTP_PASSWORD"), "other");
    let text = world.read("undrift.toml");
    for part in [
        "[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\nenvironments = [\"production\"]\n",
        "[secrets.SMTP_KEY]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let list = world.run(&["list"]).status(0);
    assert!(list.output.contains("SMTP_KEY       -           set"), "{}", list.output);
}

#[test]
fn what_cannot_be_renamed_is_refused_before_anything_is_written() {
    let world = World::new();
    world.shop();
    let _ = world.run_with(&["set", "OTHER", "-e", "production"], "x").status(0);
    let rule = |name: &str| format!("{SHOP}\n[[ignore]]\nname = \"{name}\"\nreason = \"theirs\"\n");
    let cases: [(String, &[&str], &str); 11] = [
        (
            SHOP.to_owned(),
            &["rename", "API_TOKEN", "STRIPE_KEY", "--yes"],
            "there is a secret `STRIPE_KEY` already, in `staging`",
        ),
        (
            SHOP.to_owned(),
            &["rename", "API_TOKEN", "OTHER", "--yes"],
            "there is a secret `OTHER` already, in `production`",
        ),
        (
            format!("{SHOP}[secrets.DECLARED]\ntargets = []\n"),
            &["rename", "API_TOKEN", "DECLARED", "--yes"],
            "there is a secret `DECLARED` already, in undrift.toml",
        ),
        (SHOP.to_owned(), &["rename", "API_TOKNE", "NEW", "--yes"], "hint: did you mean `API_TOKEN`?"),
        (SHOP.to_owned(), &["rename", "API_TOKEN", "API_TOKEN", "--yes"], "the two names are the same"),
        (SHOP.to_owned(), &["rename", "API_TOKEN", "NEW"], "there is no terminal to ask on"),
        (SHOP.to_owned(), &["rename", "API_TOKEN", "a b", "--yes"], "the new one cannot be a secret's name"),
        (
            SHOP.to_owned(),
            &["rename", "API_TOKEN", "FLY_TOKEN", "--yes"],
            "it cannot be called `FLY_TOKEN` at fly:shop-staging",
        ),
        (
            rule("API_T*"),
            &["rename", "API_TOKEN", "NEW", "--yes"],
            "the ignore rule for `API_T*` covers `API_TOKEN` at fly:shop-staging",
        ),
        (
            rule("NEW"),
            &["rename", "API_TOKEN", "NEW", "--yes"],
            "the ignore rule for `NEW` covers `NEW` at fly:shop-staging",
        ),
        (SHOP.to_owned(), &["rename", "OTHER", "NEW", "--yes"], "`production` is protected"),
    ];
    for (text, arguments, line) in cases {
        world.write("undrift.toml", &text);
        let before = files(&world.path(""));
        let refused = world.run(arguments).status(2);
        assert!(refused.talk.contains(line), "{}", refused.transcript());
        assert_eq!(files(&world.path("")), before, "{arguments:?}");
    }
}

/// A project with the secret in two environments and at two places, all of it pushed.
fn pushed() -> World {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let own = "name = \"SHOP_TOKEN\" }]\nenvironments = [\"staging\"]\n";
    world.write("undrift.toml", SHOP.replace(own, "name = \"SHOP_TOKEN\" }]\n"));
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "production"], "token-2").status(0);
    let both = ["push", "-e", "staging", "-e", "production", "--confirm", "production", "--yes"];
    let _ = world.run(&both).status(0);
    world
}

/// Runs the rename and kills it at one system call. Returns whether it came so far.
fn is_killed(world: &World, call: &str, when: usize) -> bool {
    let mut command = Command::new("strace");
    if call == "write" {
        for file in [".undrift/lock", "vault/staging/log.jsonl", "vault/production/log.jsonl"] {
            command.arg("-P").arg(world.path(file));
        }
    }
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
    command.arg(assert_cmd::cargo::cargo_bin("undrift")).args(CONFIRMED);
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    !command.output().unwrap().status.success()
}

#[test]
fn a_rename_that_is_killed_anywhere_is_finished_by_the_same_command() {
    if !tools::has("strace", "renames that are killed") {
        return;
    }
    let world = pushed();
    let done = World::new();
    done.copy_files_of(&world.folder());
    let _ = done.run(&CONFIRMED).status(0);
    let mut kills = 0;
    for call in ["rename", "unlink", "fsync", "write"] {
        for when in 1.. {
            let killed = World::new();
            killed.copy_files_of(&world.folder());
            let was_killed = is_killed(&killed, call, when);
            let what = format!("killed at {call} {when}");
            if killed.path(".undrift/rename.toml").exists() {
                let other = killed.run(&["rename", "STRIPE_KEY", "NEW", "--yes"]).status(2);
                assert!(other.talk.contains("hint: `undrift rename API_TOKEN API_KEY` finishes it"), "{}", other.talk);
            }
            let again = killed.run(&CONFIRMED);
            let is_done = again.talk.starts_with("error: there is no secret `API_TOKEN`\n");
            assert!(again.status == 0 || is_done, "{what}: {}", again.transcript());
            for (environment, value) in [("staging", "token-1"), ("production", "token-2")] {
                assert_eq!(killed.value(environment, "API_KEY"), value, "{what}");
                let log = killed.run(&["log", "-e", environment, "--format", "json"]).status(0).json();
                let entries = log["environments"][0]["entries"].as_array().unwrap();
                assert_eq!(entries.iter().filter(|it| it["action"] == "rename").count(), 1, "{what}");
                let receipts = format!("vault/{environment}/receipts.toml");
                assert_eq!(killed.read(&receipts), done.read(&receipts), "{what}");
            }
            assert_eq!(killed.read("undrift.toml"), done.read("undrift.toml"), "{what}");
            assert!(!killed.path(".undrift/rename.toml").exists(), "{what}");
            let list = killed.run(&["list", "-e", "staging"]).status(0);
            assert_eq!(list.talk, "", "{what}");
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 30, "only {kills} renames were killed in their course");
}
