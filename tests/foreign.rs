//! `undrift import` of what other programs keep: sops, passage, fnox.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools;
use crate::world::{World, files};

/// A part of every value, so that one search finds any leak.
const CANARY: &str = "canary";

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign").join(file)
}

/// A world with a vault, whose identity is also the one that the fixtures are encrypted for.
fn world() -> World {
    let world = World::new();
    let identity = world.home().join(".config/undrift/identity.txt");
    std::fs::create_dir_all(identity.parent().unwrap()).unwrap();
    std::fs::copy(fixture("identity.txt"), identity).unwrap();
    let _ = world.run(&["init", "staging", "production"]).status(0);
    world
}

impl World {
    /// Brings a fixture into the project.
    fn bring(&self, file: &str, to: &str) {
        self.write(to, std::fs::read(fixture(file)).unwrap());
    }

    /// Runs an import, and insists that neither stream shows a value and that no file but the vault's has changed.
    #[track_caller]
    fn take(&self, arguments: &[&str], status: u8) -> String {
        let theirs = || {
            let own = [self.path("vault"), self.path(".undrift"), self.path("undrift.toml")];
            let mut all = files(&self.path(""));
            all.retain(|path, _| !own.iter().any(|own| path.starts_with(own)));
            all
        };
        let before = theirs();
        let arguments: Vec<&str> = ["import"].iter().chain(arguments).copied().collect();
        let said = self.run(&arguments).status(status).transcript();
        assert!(!said.contains(CANARY), "{said}");
        assert_eq!(theirs(), before);
        said
    }
}

#[test]
fn a_tree_of_sops_files_goes_in() {
    let world = world();
    world.bring("staging.yaml", "secrets/staging.yaml");
    world.bring("staging.env", "secrets/api/.env.production.enc");
    world.bring("manifest.yaml", "deploy/production/secret.sops.yaml");
    world.write("deploy/values.yaml", "a: 1\n");
    world.write(".sops.yaml", "creation_rules:\n  - path_regex: .*\n");
    let said = world.take(&[".", "--dry-run"], 0);
    insta::assert_snapshot!("sops_tree", said);
    assert!(!world.path("vault/staging/secrets.toml.age").exists());
    world.take(&[".", "--yes"], 0);
    for (environment, name, value) in [
        ("staging", "api_token", "canary-token"),
        ("staging", "DB_PASSWORD", "canary-\u{e4}\u{20ac} pass\n"),
        ("staging", "DB_PORT", "5432"),
        ("staging", "debug", "true"),
        ("staging", "HOSTS_2_NAME", "canary-c"),
        ("production", "MULTI", "canary one\ncanary two"),
        ("production", "STRINGDATA_API_KEY", "canary-key"),
    ] {
        assert_eq!(world.value(environment, name), value, "{environment} {name}");
    }
    assert!(world.path("vault/production/api.toml.age").exists());
    assert!(!world.read("undrift.toml").contains("apiVersion"));
    let said = world.take(&[".", "--yes"], 0);
    assert!(said.contains("\nnothing to import\n"), "{said}");
}

#[test]
fn a_sops_file_that_was_altered_or_is_not_ours_is_left_out() {
    let world = world();
    let json = std::fs::read_to_string(fixture("staging.json")).unwrap();
    world.write("staging/altered.json", json.replace("db.example.com", "evil.example.com"));
    world.write("staging/pgp.json", json.replace("\"age\"", "\"pgp\""));
    let armored = json.split_once("\"enc\": \"").unwrap().1.split_once('"').unwrap().0;
    world.write("staging/other.json", json.replace(armored, "-----BEGIN AGE ENCRYPTED FILE-----\\ncut"));
    let said = world.take(&[".", "--yes"], 1);
    insta::assert_snapshot!("sops_refused", said);
    assert!(!world.read("undrift.toml").contains("\n[secrets"));
}

#[test]
fn keys_that_make_one_name_are_a_conflict() {
    let world = world();
    world.write("staging.json", "{\"db\": {\"port\": \"canary-1\"}, \"db-port\": \"canary-2\"}\n");
    // In the clear, such a file is taken only where it is named itself.
    let said = world.take(&[".", "--yes"], 2);
    assert!(said.contains("error: there is no plain .env file in ., nor one of sops, passage or fnox\n"), "{said}");
    let said = world.take(&["staging.json", "--yes"], 1);
    assert!(said.contains("  2 values: staging DB_PORT\n"), "{said}");
    assert!(said.contains("hint: keep one line of DB_PORT in staging.json\n"), "{said}");
}

#[test]
fn a_fnox_file_goes_in_with_its_profiles() {
    let world = world();
    world.bring("fnox.toml", "fnox.toml");
    let said = world.take(&["."], 2);
    assert!(said.contains("there is no terminal to ask on"), "{said}");
    let said = world.take(&[".", "--yes"], 1);
    insta::assert_snapshot!("fnox", said);
    for (environment, name, value) in [
        ("staging", "API_TOKEN", "canary-base"),
        ("staging", "DB_URL", "postgres://u:canary@db/shop\n"),
        ("production", "API_TOKEN", "canary-production"),
        ("production", "ARMORED", "canary-armored"),
        ("production", "ONE_OF_MANY", "canary-one"),
        ("production", "TWO_OF_MANY", "canary-two"),
        ("production", "ONLY_TOP", "canary-top"),
    ] {
        assert_eq!(world.value(environment, name), value, "{environment} {name}");
    }
}

#[test]
fn a_fnox_file_without_profiles_needs_its_environment() {
    let world = world();
    let text = std::fs::read_to_string(fixture("fnox.toml")).unwrap();
    let top = text.split_once("[profiles.prod").unwrap().0;
    world.write("fnox.toml", top);
    let said = world.take(&["."], 1);
    assert!(said.contains("  fnox.toml\n    names no environment\n"), "{said}");
    world.take(&[".", "-e", "staging", "--yes"], 1);
    assert_eq!(world.value("staging", "API_TOKEN"), "canary-base");
    std::fs::rename(world.path("fnox.toml"), world.path("fnox.prod.toml")).unwrap();
    world.take(&[".", "--yes"], 1);
    assert_eq!(world.value("production", "API_TOKEN"), "canary-base");
    world.write("fnox.local.toml", top);
    let said = world.take(&["fnox.local.toml"], 1);
    assert!(said.contains("names `local`, which is not declared in undrift.toml"), "{said}");
    // A profile that nobody has declared.
    world.write("fnox.toml", text.replace("profiles.prod", "profiles.eu"));
    let said = world.take(&["fnox.toml"], 1);
    assert!(said.contains("names `eu`, which is not declared in undrift.toml"), "{said}");
}

/// A store as passage makes it: `echo` into the real `age`, for the recipients beside it.
#[test]
fn a_passage_store_goes_in() {
    if !tools::has("age", "a passage store made by the real age") {
        return;
    }
    let world = world();
    let recipients = world.home().join(".passage/store/.age-recipients");
    let recipient = world.read("vault/staging/recipients.txt").lines().last().unwrap().to_owned();
    std::fs::create_dir_all(recipients.parent().unwrap()).unwrap();
    std::fs::write(&recipients, recipient + "\n").unwrap();
    let insert = |entry: &str, content: &[u8]| {
        let file = recipients.with_file_name(format!("{entry}.age"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut child = Command::new("age")
            .arg("-e")
            .args(["-R".as_ref(), recipients.as_os_str(), "-o".as_ref(), file.as_os_str()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), content).unwrap();
        assert!(child.wait().unwrap().success());
    };
    insert("shop/staging/db/password", b"canary-1\n");
    insert("shop/staging/github-token", b"canary-2");
    insert("shop/staging/tls", b"canary line 1\nline 2\n\n");
    insert("shop/production/db/password", b"canary-3\n");
    insert("shop/production/picture", b"canary\xff\n");
    insert("mail/login", b"canary-4\n");
    std::fs::write(recipients.with_file_name("shop/staging/broken.age"), "no age file").unwrap();
    let store = world.home().join(".passage/store").display().to_string();
    let said = world.take(&[&store, "--dry-run"], 1);
    insta::assert_snapshot!("passage", said);
    let below = format!("{store}/shop");
    world.take(&[&below, "--yes"], 1);
    for (environment, name, value) in [
        ("staging", "DB_PASSWORD", "canary-1"),
        ("staging", "GITHUB_TOKEN", "canary-2"),
        ("staging", "TLS", "canary line 1\nline 2\n"),
        ("production", "DB_PASSWORD", "canary-3"),
    ] {
        assert_eq!(world.value(environment, name), value, "{environment} {name}");
    }
    // The name of one entry that is named by hand is its own.
    let one = format!("{store}/mail/login.age");
    world.take(&[&one, "-e", "production", "--yes"], 0);
    assert_eq!(world.value("production", "LOGIN"), "canary-4");
}

#[test]
fn a_store_for_another_identity_says_how_to_give_it() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    world.bring("staging.yaml", "staging.yaml");
    let said = world.take(&["."], 1);
    assert!(said.contains("    is encrypted by sops, and no identity opens it\n"), "{said}");
    assert!(said.contains("hint: `undrift import . -i FILE -i OWN` opens it"), "{said}");
    let (other, own) = (fixture("identity.txt"), world.home().join(".config/undrift/identity.txt"));
    let (other, own) = (other.display().to_string(), own.display().to_string());
    world.take(&[".", "-i", &other, "-i", &own, "--yes"], 0);
    assert_eq!(world.value("staging", "api_token"), "canary-token");
}
