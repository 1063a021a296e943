//! `undrift import`: the way in for a team with plain files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::world::{World, files};

/// A part of every value, so that one search finds any leak.
const CANARY: &str = "canary";

/// A world with a vault, and no plain file yet.
fn world() -> World {
    let world = World::new();
    let _ = world.run(&["init", "staging", "production"]).status(0);
    world
}

impl World {
    /// Writes a plain file that was last changed on a day.
    fn plain(&self, path: &str, day: &str, content: impl AsRef<[u8]>) {
        self.write(path, content);
        let time: Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
        File::options().write(true).open(self.path(path)).unwrap().set_modified(time.into()).unwrap();
    }

    /// Runs an import, and insists that neither stream shows a value or, but for paths, is too wide.
    #[track_caller]
    fn import(&self, arguments: &[&str], status: u8) -> String {
        let arguments: Vec<&str> = ["import"].iter().chain(arguments).copied().collect();
        let ran = self.run(&arguments).status(status);
        let transcript = ran.transcript();
        assert!(!transcript.contains(CANARY), "{transcript}");
        for line in ran.output.lines().filter(|line| !line.contains(".env")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        transcript
    }
}

/// The tree of a team: services, each with a file for every environment, and what gathers beside them.
fn tree(world: &World) {
    let occ = "vault/occ";
    world.plain(
        &format!("{occ}/api/api_staging.env"),
        "2026-03-02",
        "# api\nAPI_TOKEN=canary-s1\nexport DATABASE_URL='postgres://u:canary@db/shop'\nSMTP_HOST=canary.example.com\n",
    );
    world.plain(
        &format!("{occ}/api/api_production.env"),
        "2026-03-02",
        "API_TOKEN=canary-p1\nSMTP_HOST=canary.example.com\n",
    );
    world.plain(
        &format!("{occ}/web/web_staging.env"),
        "2026-08-14",
        "WEB_KEY=\"canary\\nline\"\nSMTP_HOST=canary.example.com\n",
    );
    world.plain(&format!("{occ}/chat/.env.staging"), "2026-08-14", "CHAT_TOKEN=canary-c\n");
    world.plain(&format!("{occ}/chat/.env.example"), "2026-08-14", "CHAT_TOKEN=changeme\n");
}

fn stamps(world: &World) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let plain = files(&world.path("vault/occ")).into_iter();
    plain.map(|(path, content)| (path.clone(), (content, path.metadata().unwrap().modified().unwrap()))).collect()
}

#[test]
fn a_tree_goes_in_whole_and_stays_as_it_was() {
    let world = world();
    tree(&world);
    let before = stamps(&world);
    let said = world.import(&["vault/occ", "--yes"], 0);
    insta::assert_snapshot!(said);
    assert_eq!(stamps(&world), before);
    for (environment, name, value) in [
        ("staging", "API_TOKEN", "canary-s1"),
        ("staging", "DATABASE_URL", "postgres://u:canary@db/shop"),
        ("staging", "SMTP_HOST", "canary.example.com"),
        ("staging", "WEB_KEY", "canary\nline"),
        ("staging", "CHAT_TOKEN", "canary-c"),
        ("production", "API_TOKEN", "canary-p1"),
        ("production", "SMTP_HOST", "canary.example.com"),
    ] {
        assert_eq!(world.value(environment, name), value, "{environment} {name}");
    }
    let declared = world.read("undrift.toml");
    assert!(declared.contains(
        "\n[secrets.API_TOKEN]\n\n[secrets.CHAT_TOKEN]\nenvironments = [\"staging\"]\n\n[secrets.DATABASE_URL]\n\
         environments = [\"staging\"]\n\n[secrets.SMTP_HOST]\n\n[secrets.WEB_KEY]\nenvironments = [\"staging\"]\n"
    ));
    assert!(world.read("vault/staging/api.toml.age").starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    let _ = world.run(&["list"]).status(0);
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let world = world();
    tree(&world);
    world.import(&["vault/occ", "--yes"], 0);
    let before = files(&world.path(""));
    // Without `--yes`: there is nothing to ask about.
    let said = world.import(&["vault/occ"], 0);
    assert!(said.contains("\nnothing to import\n"), "{said}");
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn a_dry_run_writes_nothing_and_a_write_asks() {
    let world = world();
    tree(&world);
    let before = files(&world.path(""));
    let said = world.import(&["vault/occ", "--dry-run"], 0);
    assert!(said.contains("7 values to import into 4 files, 5 secrets to declare\n"), "{said}");
    assert!(said.ends_with("nothing was written: this was a dry run\n"), "{said}");
    let said = world.import(&["vault/occ"], 2);
    assert!(said.contains("there is no terminal to ask on"), "{said}");
    assert_eq!(files(&world.path("")), before);
    world.plain("vault/occ/chat/chat_production.env", "2026-08-14", "CHAT_TOKEN=changeme\n");
    world.import(&["vault/occ", "--dry-run"], 1);
}

#[test]
fn two_values_wait_until_a_file_is_preferred() {
    let world = world();
    world.plain("occ/api/api_staging.env", "2026-03-02", "# api\n\nAPI_TOKEN=canary-old\nOWN=canary-own\n");
    world.plain("occ/web/web_staging.env", "2026-08-14", "API_TOKEN=canary-new\n");
    world.plain("occ/web/extra_staging.env", "2026-08-13", "API_TOKEN=canary-old\n");
    let said = world.import(&["occ", "--yes"], 1);
    insta::assert_snapshot!(said);
    assert_eq!(world.value("staging", "OWN"), "canary-own");
    assert!(!world.read("undrift.toml").contains("[secrets.API_TOKEN]"));
    world.import(&["occ", "--prefer", "./occ/web/../web/web_staging.env", "--yes"], 0);
    assert_eq!(world.value("staging", "API_TOKEN"), "canary-new");
    // The vault has the one, and the files have both still.
    let said = world.import(&["occ"], 1);
    assert!(said.contains("  in the vault\n"), "{said}");
    world.import(&["occ", "--prefer", "occ/web/web_staging.env"], 0);
    let said = world.import(&["occ", "--prefer", "occ/nothing.env"], 2);
    assert!(said.contains("error: `--prefer occ/nothing.env`: no values are read from that file\n"), "{said}");
}

#[test]
fn files_of_one_age_get_no_advice_about_age() {
    let world = world();
    world.plain("a_staging.env", "2026-03-02", "TWO=canary-1\n");
    world.plain("b_staging.env", "2026-03-02", "TWO=canary-2\n");
    world.plain("c_staging.env", "2026-03-02", "SAME=canary-1\nSAME=canary-1\n");
    let said = world.import(&[".", "--yes"], 1);
    assert!(said.contains("--prefer FILE` takes one file's value; the age of these tells nothing\n"), "{said}");
    assert_eq!(world.value("staging", "SAME"), "canary-1");
    world.write("b_staging.env", "OWN=canary-1\nOWN=canary-2\n");
    let said = world.import(&["b_staging.env", "--yes", "--prefer", "b_staging.env"], 1);
    assert!(said.contains("hint: keep one line of OWN in b_staging.env\n"), "{said}");
}

#[test]
fn what_the_vault_holds_is_not_written_over_unasked() {
    let world = world();
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "staging", "--group", "other"], "canary-vault").status(0);
    world.plain("api_staging.env", "2026-03-02", "API_TOKEN=canary-file\n");
    let said = world.import(&[".", "--yes"], 1);
    insta::assert_snapshot!(said);
    assert_eq!(world.value("staging", "API_TOKEN"), "canary-vault");
    let said = world.import(&[".", "--yes", "--prefer", "api_staging.env"], 0);
    assert!(said.contains("  vault/staging/other.toml.age: 1 changed\n"), "{said}");
    assert_eq!(world.value("staging", "API_TOKEN"), "canary-file");
    assert!(!world.path("vault/staging/api.toml.age").exists());
}

#[test]
fn placeholders_are_left_out_until_the_vault_has_a_value() {
    let world = world();
    world.plain("api_staging.env", "2026-03-02", "A=changeme\nB=\nC=your-token-here\nD=xxxx\nREAL=canary\n");
    world.plain("web_staging.env", "2026-03-02", "D=canary-d\n");
    let said = world.import(&[".", "--yes"], 1);
    insta::assert_snapshot!(said);
    assert_eq!(world.value("staging", "D"), "canary-d");
    for name in ["A", "B", "C"] {
        let _ = world.run_with(&["set", name, "-e", "staging"], "canary-set").status(0);
    }
    world.import(&["."], 0);
}

#[test]
fn nothing_is_taken_from_a_broken_file() {
    let world = world();
    world.plain("api_staging.env", "2026-03-02", "GOOD=canary\nKEY='canary-begin\ncanary_middle=canary-1\n");
    world.plain("web_staging.env", "2026-03-02", "OTHER=canary-2\n");
    world.plain("sops_staging.env", "2026-03-02", "SEALED=ENC[AES256_GCM,data:canary,type:str]\nsops_version=3.9\n");
    world.plain("bytes_staging.env", "2026-03-02", b"A=\xff\xfecanary\n");
    let said = world.import(&[".", "--yes"], 1);
    assert!(!said.contains("GOOD") && !said.contains("KEY") && !said.contains("middle"), "{said}");
    insta::assert_snapshot!(said);
    let declared = world.read("undrift.toml");
    assert!(declared.contains("[secrets.OTHER]") && !declared.contains("GOOD") && !declared.contains("SEALED"));
}

#[test]
fn a_path_must_name_one_declared_environment() {
    let world = world();
    world.plain("production/api_staging.env", "2026-03-02", "A=canary\n");
    world.plain("deploy/.env.qa", "2026-03-02", "B=canary\n");
    world.plain("deploy/web.env", "2026-03-02", "C=canary\n");
    let said = world.import(&["."], 1);
    insta::assert_snapshot!(said);
    // The environment that is said for a file must not reach one that says another.
    world.import(&[".", "-e", "staging", "--yes"], 1);
    assert_eq!(world.value("staging", "C"), "canary");
    let declared = world.read("undrift.toml");
    assert!(!declared.contains("[secrets.A]") && !declared.contains("[secrets.B]"), "{declared}");
    assert!(declared.contains("\n[secrets.C]\nenvironments = [\"staging\"]\n"), "{declared}");
    let said = world.import(&[".", "-e", "qa"], 2);
    assert!(said.contains("there is no environment `qa` in undrift.toml"), "{said}");
    let said = world.import(&["deploy/web.env", "-e", "staging", "-e", "production"], 1);
    assert!(said.contains("names no environment"), "{said}");
}

#[test]
fn an_environment_narrows_and_targets_are_declared() {
    let world = world();
    world.write(
        "undrift.toml",
        "version = 1\n\n[environments.staging]\n[environments.production]\n\n[targets.web]\nkind = \"fly\"\n\
         app = \"shop-{environment}\"\n\n[secrets.OLD]\nenvironments = [\"production\"]\n",
    );
    world.plain("api_staging.env", "2026-03-02", "A=canary-1\nOLD=canary-3\n");
    world.plain("api_prod.env", "2026-03-02", "A=canary-2\nB=canary-4\n");
    let said = world.import(&[".", "-e", "staging", "-t", "web", "--yes"], 0);
    assert!(said.contains("  1 file of other environments\n"), "{said}");
    assert!(said.contains("  declared for other environments only, so not pushed: staging OLD\n"), "{said}");
    assert!(!world.path("vault/production/api.toml.age").exists());
    let declared = world.read("undrift.toml");
    assert!(declared.ends_with("environments = [\"production\"]\n\n[secrets.A]\ntargets = [\"web\"]\n"), "{declared}");
    world.import(&[".", "--yes"], 0);
    assert_eq!(world.value("production", "A"), "canary-2");
    assert_eq!(world.value("production", "B"), "canary-4");
}

#[test]
fn a_locked_or_damaged_environment_is_not_compared_with() {
    let world = world();
    world.plain("api_staging.env", "2026-03-02", "A=canary\n");
    world.by_hand("staging");
    world.write("vault/staging/other.toml.age", "no age file");
    let before = files(&world.path(""));
    let said = world.import(&[".", "--yes"], 2);
    let expected = "error: `staging` cannot be compared with: vault/staging/other.toml.age: is not an age file\n";
    assert!(said.contains(expected), "{said}");
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn what_is_not_meant_is_passed_over() {
    let world = world();
    for path in [".git/a_staging.env", "node_modules/x/.env.staging", "target/.env.staging", ".undrift/.env.staging"] {
        world.plain(path, "2026-03-02", "A=canary\n");
    }
    world.plain("env.ts", "2026-03-02", "A=canary\n");
    let said = world.import(&["."], 2);
    assert!(said.contains("error: there is no plain .env file in ., nor one of sops, passage or fnox\n"), "{said}");
    world.plain("api_staging.env", "2026-03-02", "A=canary\n");
    world.plain(".env.staging.bak", "2026-03-02", "A=canary-2\n");
    world.plain("old/api_staging.env.gpg", "2026-03-02", "canary");
    #[cfg(unix)]
    std::os::unix::fs::symlink("api_staging.env", world.path("linked_staging.env")).unwrap();
    let said = world.import(&[".", "--yes"], 0);
    assert!(said.contains("  skipped, a backup: .env.staging.bak\n"), "{said}");
    assert!(said.contains("  skipped, encrypted: old/api_staging.env.gpg\n"), "{said}");
    assert_eq!(said.contains("  skipped, a link: linked_staging.env\n"), cfg!(unix), "{said}");
    assert!(!said.contains(".toml.age\n"), "{said}");
    let said = world.import(&["nowhere"], 2);
    assert!(said.starts_with("status 2\n--- output\n--- talk\nerror: cannot read nowhere\n  caused by: "), "{said}");
}

#[test]
fn what_other_programs_read_differently_is_told() {
    let world = world();
    world.plain("api_staging.env", "2026-03-02", "A=canary$HOME\n");
    let said = world.import(&[".", "--yes"], 0);
    assert!(said.contains("  read as another value by docker compose, "), "{said}");
    assert!(said.contains("    api_staging.env:1 A\n"), "{said}");
    assert_eq!(world.value("staging", "A"), "canary$HOME");
}

#[test]
fn an_existing_file_keeps_its_other_values() {
    let world = world();
    let _ = world.run_with(&["set", "FIRST", "-e", "staging", "--group", "api"], "canary-0").status(0);
    world.plain("api_staging.env", "2026-03-02", "SECOND=canary-1\n");
    world.import(&[".", "--yes"], 0);
    assert_eq!(world.value("staging", "FIRST"), "canary-0");
    assert_eq!(world.value("staging", "SECOND"), "canary-1");
}

#[test]
fn a_failure_says_what_was_written_and_the_next_run_does_the_rest() {
    let world = world();
    world.plain("api_staging.env", "2026-03-02", "A=canary-1\n");
    world.plain("web_staging.env", "2026-03-02", "B=canary-2\n");
    // A folder where the second file should be.
    world.write("vault/staging/web.toml.age/x", "");
    let said = world.import(&[".", "--yes"], 2);
    assert!(said.contains("wrote 1 value to vault/staging/api.toml.age"), "{said}");
    assert!(said.contains("error: stopped after 1 file; run it again to do the rest\n"), "{said}");
    std::fs::remove_dir_all(world.path("vault/staging/web.toml.age")).unwrap();
    let said = world.import(&[".", "--yes"], 0);
    assert!(said.contains("1 value to import into 1 file, 2 secrets to declare\n"), "{said}");
    let _ = world.run(&["list"]).status(0);
}
