//! Keys that need a person or a program: behind a passphrase, of ssh, of a plugin.

#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::{ExposeSecret, SecretString};

use crate::process::undrift;
use crate::prompts::Terminal;
use crate::tools;
use crate::world::World;

const PASSPHRASE: &str = "correct horse canary";

/// Seals a text for a recipient, as armored or binary age.
fn sealed(text: &str, recipient: &dyn age::Recipient, armored: bool) -> Vec<u8> {
    let format = if armored { age::armor::Format::AsciiArmor } else { age::armor::Format::Binary };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
    let armor = age::armor::ArmoredWriter::wrap_output(Vec::new(), format).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

/// A shop whose identity is behind a passphrase.
fn locked(armored: bool) -> World {
    let world = World::new();
    world.shop();
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE));
    recipient.set_work_factor(8);
    let file = identity_file(&world);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, sealed(&text, &recipient, armored)).unwrap();
    world
}

fn identity_file(world: &World) -> PathBuf {
    world.home().join(".config/undrift/identity.txt")
}

const GET: &str = "get STRIPE_KEY -e staging";
const QUESTION: &str = "identity.txt:";

#[test]
fn an_identity_behind_a_passphrase_is_opened_by_it() {
    for armored in [true, false] {
        let world = locked(armored);
        let mut terminal = Terminal::start(&world, GET);
        terminal.wait_for(QUESTION);
        terminal.press("wrong-canary\r");
        terminal.wait_for("that is not the passphrase");
        terminal.wait_for(QUESTION);
        terminal.press(&format!("{PASSPHRASE}\r"));
        let (status, seen) = terminal.end();
        assert_eq!(status, 0, "{seen}");
        assert!(seen.contains("stripe-1") && !seen.contains("canary"), "{seen}");
    }
}

#[test]
fn a_passphrase_is_asked_for_three_times_and_a_person_may_leave() {
    let world = locked(true);
    let mut terminal = Terminal::start(&world, GET);
    for attempt in 1..=3 {
        terminal.wait_for(QUESTION);
        terminal.press("wrong\r");
        if attempt < 3 {
            terminal.wait_for("that is not the passphrase");
        }
    }
    let (status, seen) = terminal.end();
    assert_eq!(status, 2, "{seen}");
    assert!(seen.contains("none of 3 passphrases opens"), "{seen}");
    for keys in ["\u{3}", "\u{1b}"] {
        let mut terminal = Terminal::start(&world, GET);
        terminal.wait_for(QUESTION);
        terminal.press(keys);
        let (status, seen) = terminal.end();
        assert_eq!(status, 2, "{seen}");
        assert!(seen.contains("nothing was done") && !seen.contains("error"), "{seen}");
    }
}

#[test]
fn a_passphrase_is_asked_for_while_a_value_is_piped_in() {
    let world = locked(true);
    let mut terminal = Terminal::start_behind(&world, "printf piped-value |", "set STRIPE_KEY -e staging");
    terminal.wait_for(QUESTION);
    terminal.press(&format!("{PASSPHRASE}\r"));
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    let mut terminal = Terminal::start(&world, GET);
    terminal.wait_for(QUESTION);
    terminal.press(&format!("{PASSPHRASE}\r"));
    assert!(terminal.end().1.contains("piped-value"));
}

#[test]
fn without_a_terminal_a_passphrase_is_named_and_nobody_waits() {
    let mut world = locked(true);
    let refused = world.run(&["get", "STRIPE_KEY", "-e", "staging"]).status(2);
    insta::assert_snapshot!("no_terminal", refused.transcript());
    // The same where the key stands in the variable.
    let text = std::fs::read_to_string(identity_file(&world)).unwrap();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), text.into());
    let refused = world.run(&["get", "STRIPE_KEY", "-e", "staging"]).status(2);
    assert!(refused.talk.starts_with("error: UNDRIFT_IDENTITY is protected by a passphrase"), "{}", refused.talk);
    let mut terminal = Terminal::start(&world, GET);
    terminal.wait_for("passphrase of UNDRIFT_IDENTITY:");
    terminal.press(&format!("{PASSPHRASE}\r"));
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn a_file_that_no_passphrase_opens_is_told_apart_before_anybody_types_one() {
    let world = locked(true);
    let somebody = age::x25519::Identity::generate().to_public();
    std::fs::write(identity_file(&world), sealed("x", &somebody, true)).unwrap();
    let refused = world.run(&["list"]).status(2).talk;
    assert!(
        refused.contains("is an encrypted file that no passphrase opens: it is meant for somebody's key"),
        "{refused}"
    );
    // A header that asks for 2 GiB, as a stranger could write it.
    let mut costly = age::scrypt::Recipient::new(SecretString::from("x"));
    costly.set_work_factor(9);
    let file = sealed("x", &costly, false);
    let at = file.windows(3).position(|part| part == b" 9\n").unwrap();
    std::fs::write(identity_file(&world), [&file[..at], b" 21\n", &file[at + 3..]].concat()).unwrap();
    let mut terminal = Terminal::start(&world, GET);
    terminal.wait_for(QUESTION);
    terminal.press("x\r");
    let (status, seen) = terminal.end();
    assert_eq!(status, 2, "{seen}");
    assert!(seen.contains("would take more than 1 GiB"), "{seen}");
}

#[test]
fn an_ssh_key_behind_a_passphrase_is_asked_for_once_and_only_when_a_file_is_for_it() {
    if !tools::has("ssh-keygen", "ssh keys behind a passphrase") {
        return;
    }
    let world = World::new();
    let key = world.home().join(".ssh/id_ed25519");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let mut command = std::process::Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", PASSPHRASE, "-C", "alice", "-f"]).arg(&key);
    assert!(command.status().unwrap().success());
    // The public half stands in the private key's own file, too.
    std::fs::remove_file(key.with_extension("pub")).unwrap();
    let mut terminal = Terminal::start(&world, "init staging");
    terminal.wait_for("id_ed25519:");
    terminal.press(&format!("{PASSPHRASE}\r"));
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    assert!(world.read("vault/staging/recipients.txt").contains("\nssh-ed25519 AAAA"));
    // With another key beside it, only a file that is for it asks.
    let config = identity_file(&world);
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let (content, recipient) = undrift::vault::identity::generate();
    std::fs::write(&config, content.as_bytes()).unwrap();
    let mut terminal = Terminal::start(&world, "list");
    terminal.wait_for("id_ed25519:");
    terminal.press("wrong\r");
    terminal.wait_for("that is not the passphrase");
    terminal.press(&format!("{PASSPHRASE}\r"));
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    assert_eq!(seen.matches("not the passphrase").count(), 1, "{seen}");
    for folder in ["vault/staging", ".undrift"] {
        std::fs::remove_dir_all(world.path(folder)).unwrap();
    }
    let for_us = sealed("A = \"1\"\n", &recipient.parse::<age::x25519::Recipient>().unwrap(), true);
    world.write("vault/staging/a.toml.age", for_us);
    world.write("vault/staging/recipients.txt", format!("# us\n{recipient}\n"));
    let (status, seen) = Terminal::start(&world, "get A -e staging").end();
    assert_eq!(status, 0, "{seen}");
    assert!(!seen.contains("passphrase"), "{seen}");
}

/// Writes a file's key into its header as it is. A plugin that gives it back is the smallest there can be.
struct Open;

impl age::Recipient for Open {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let stanza = Stanza { tag: "open".to_owned(), args: Vec::new(), body: key.expose_secret().to_vec() };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// The plugin's own protocol, by hand: what is asked until `done`, a word to the person, and the key.
const PLUGIN: &str = r#"#!/bin/sh
[ "$1" = --age-plugin=identity-v1 ] || exit 1
while read -r arrow command rest; do
    case "$arrow $command $rest" in
        "-> recipient-stanza 0 open") read -r key ;;
        "-> done "*) read -r empty; break ;;
    esac
done
printf -- '-> msg
dG91Y2ggaXQbWzJKCg
'
read -r answer; read -r empty
if [ -n "$FAIL" ]; then
    printf -- '-> error internal
bm8gZGV2aWNl
'
else
    printf -- '-> file-key 0
%s
' "$key"
fi
read -r answer; read -r empty
printf -- '-> done

'
"#;

#[test]
fn a_plugin_opens_what_is_for_it() {
    let mut world = World::new();
    world.write("undrift.toml", "version = 1\n[environments.staging]\n[secrets.A]\n");
    world.write("vault/staging/a.toml.age", sealed("A = \"from-the-plugin\"\n", &Open, true));
    world.write("vault/staging/recipients.txt", format!("# us\n{}\n", undrift::vault::identity::generate().1));
    let identity = age::plugin::Identity::default_for_plugin("open").unwrap().to_string();
    world.write("id.txt", format!("# a device\n{identity}\n"));
    let run = |world: &World| {
        let output = undrift(world).args(["get", "A", "-e", "staging", "-i", "id.txt"]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let (status, _, said) = run(&world);
    assert_eq!(status, Some(2));
    assert_eq!(
        said.replace(&world.path("").display().to_string(), "[shop]/"),
        "error: [shop]/id.txt needs the program `age-plugin-open`, which is not in PATH\n\
         hint: install `age-plugin-open`, or give another key with `--identity FILE`\n"
    );
    let program = world.home().join("age-plugin-open");
    std::fs::write(&program, PLUGIN).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.variables.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", world.home().display()).into());
    let (status, value, said) = run(&world);
    assert_eq!((status, value.trim_end()), (Some(0), "from-the-plugin"), "{said}");
    // What it wants the person to do is said, without anything that a terminal would obey.
    assert_eq!(said, "age-plugin-open: touch it[2J\n");
    // The variable does as well.
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), identity.into());
    let output = undrift(&world).args(["get", "A", "-e", "staging"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    world.variables.insert("FAIL".to_owned(), "1".into());
    let (status, _, said) = run(&world);
    assert_eq!(status, Some(2));
    assert!(said.contains("note: `age-plugin-open` failed: ") && said.contains("no device"), "{said}");
    assert!(said.contains("error: no identity opens the files of `staging`"), "{said}");
}
