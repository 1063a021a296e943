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
        ".undrift/seen.toml",
        "undrift.toml",
        "vault/.gitattributes",
        "vault/production/key.age",
        "vault/production/log.jsonl",
        "vault/production/recipients.txt",
        "vault/production/seal.toml",
        "vault/staging/key.age",
        "vault/staging/log.jsonl",
        "vault/staging/recipients.txt",
        "vault/staging/seal.toml",
        "vault/undrift.schema.json",
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
        ("value_behind_the_name", &["set", "A=hunter2", "-e", "staging"][..], ""),
        ("value_for_a_name", &["set", "hunter-2", "-e", "staging"][..], "A"),
    ] {
        let refused = world.run_with(arguments, input).status(2);
        assert!(!refused.transcript().contains("hunter"), "{}", refused.transcript());
        assert_snapshot!(format!("set_{name}"), refused.transcript());
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

#[test]
fn production_is_protected_however_late_it_comes() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let _ = world.run(&["init", "production"]).status(0);
    assert!(world.read("undrift.toml").contains("[environments.production]\nprotected = true\n"));
}

#[test]
fn values_that_are_set_at_once_all_arrive() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let names: Vec<String> = (0..8).map(|index| format!("NAME_{index}")).collect();
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_undrift"));
            command.env_clear().envs(&world.variables).current_dir(world.path(""));
            command.args(["set", name, "-e", "staging"]).stdin(std::process::Stdio::piped());
            let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), name.as_bytes()).unwrap();
            child
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for name in &names {
        assert_eq!(world.value("staging", name), *name);
        assert!(world.read("undrift.toml").contains(&format!("[secrets.{name}]")));
    }
}

#[test]
fn set_says_what_it_leaves_as_it_is_declared() {
    let world = World::new();
    world.shop();
    let notes = |arguments: &[&str]| -> Vec<String> {
        let ran = world.run_with(&[&["set"], arguments].concat(), "1").status(0);
        ran.talk.lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect()
    };
    assert_eq!(notes(&["STRIPE_KEY", "-e", "staging"]), [""; 0]);
    assert_eq!(notes(&["STRIPE_KEY", "-e", "staging", "-t", "ci"]), [""; 0]);
    assert_eq!(
        notes(&["STRIPE_KEY", "-e", "staging", "-t", "web"]),
        ["note: STRIPE_KEY is declared already, and `-t` changes nothing: edit its targets in undrift.toml"]
    );
    assert_eq!(
        notes(&["STRIPE_KEY", "-e", "production"]),
        [
            "note: STRIPE_KEY is not declared for `production`, and is pushed nowhere: edit its environments in undrift.toml"
        ]
    );
}

#[cfg(unix)]
#[test]
fn what_others_may_read_stays_so() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let file = world.path("undrift.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _ = world.run_with(&["set", "A", "-e", "staging"], "1").status(0);
    assert!(world.read("undrift.toml").contains("[secrets.A]"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn declarations_with_dots_are_added_to_or_left_alone() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    world.write("undrift.toml", "version = 1\nenvironments.staging = {}\nsecrets.A = {}\n");
    let _ = world.run_with(&["set", "B", "-e", "staging"], "1").status(0);
    let listed = world.run(&["list", "--format", "json"]).output;
    assert!(listed.contains("\"B\""), "{listed}");
    assert!(world.read("undrift.toml").starts_with("version = 1\nenvironments.staging = {}\nsecrets.A = {}\n"));
}

/// Makes an ssh key, or says that it cannot.
fn ssh_key(world: &World, name: &str, passphrase: &str) -> Option<std::path::PathBuf> {
    if !crate::tools::has("ssh-keygen", "ssh identities of many kinds") {
        return None;
    }
    let key = world.home().join(".ssh").join(name);
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let mut command = std::process::Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "alice", "-f"]).arg(&key);
    assert!(command.status().unwrap().success());
    Some(key)
}

#[test]
fn an_ssh_key_behind_a_passphrase_is_like_none() {
    let world = World::new();
    if ssh_key(&world, "id_ed25519", "secret words").is_none() {
        return;
    }
    world.write("undrift.toml", "version = 1\n[environments.staging]\n");
    let audit = world.run(&["audit"]).status(2);
    assert!(
        audit.talk.contains("caused by: [folder]/home/.ssh/id_ed25519 is protected by a passphrase"),
        "{}",
        audit.talk
    );
    let init = world.run(&["init", "staging"]).status(0);
    assert!(init.talk.starts_with("made the identity [folder]/home/.config/undrift/identity.txt"), "{}", init.talk);
}

#[test]
fn the_public_half_is_the_identitys_own() {
    let world = World::new();
    let (Some(key), Some(_)) = (ssh_key(&world, "acme.staging", ""), ssh_key(&world, "acme", "")) else { return };
    let identity = key.display().to_string();
    let _ = world.run(&["init", "staging", "--identity", &identity]).status(0);
    let _ = world.run_with(&["set", "A", "-e", "staging", "--identity", &identity], "1").status(0);
    // A public half of another key beside the identity would lock its owner out.
    let other = World::new();
    let (Some(key), Some(another)) = (ssh_key(&other, "one", ""), ssh_key(&other, "two", "")) else { return };
    std::fs::copy(another.with_extension("pub"), key.with_extension("pub")).unwrap();
    let refused = other.run(&["init", "staging", "--identity", &key.display().to_string()]).status(2);
    assert!(refused.talk.contains("belongs to another key"), "{}", refused.talk);
    assert!(!other.path("undrift.toml").exists());
}
