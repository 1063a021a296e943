//! `undrift edit`, by small scripts in the place of an editor.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use insta::assert_snapshot;

use crate::process::undrift;
use crate::tools;
use crate::world::{Ran, World, files};

/// A world in which plain text lies in a folder of its own, with one file of comments, order and a table.
fn world() -> World {
    let mut world = World::new();
    world.shop();
    std::fs::create_dir_all(scratch(&world)).unwrap();
    world.variables.insert("XDG_RUNTIME_DIR".to_owned(), scratch(&world).into());
    let _ = edit(&mut world, "printf '%s\\n' '# ours' 'B = \"2\" # why' 'A = \"1\"' >> \"$1\"").status(0);
    world
}

/// Memory, if this machine has it where everybody expects it.
fn memory() -> PathBuf {
    PathBuf::from("/dev/shm")
}

/// Returns the folder for plain text: it is below a place in memory, so that the program takes it.
fn scratch(world: &World) -> PathBuf {
    let name = world.folder().file_name().unwrap().to_string_lossy().into_owned();
    memory().join(format!("test{name}"))
}

/// Makes a script the editor, whose first argument is the file.
fn with_editor(world: &mut World, script: &str) {
    let path = world.home().join("editor");
    std::fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.variables.insert("EDITOR".to_owned(), path.into());
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
}

fn edit(world: &mut World, script: &str) -> Ran {
    with_editor(world, script);
    let ran = world.run(&["edit", "-e", "staging"]);
    is_wiped(world);
    ran
}

#[track_caller]
fn is_wiped(world: &World) {
    let left: Vec<_> = std::fs::read_dir(scratch(world)).unwrap().collect();
    assert!(left.is_empty(), "plain text is left: {left:?}");
}

/// The folder in memory is not below the world's own.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn cleared(world: &World) -> Cleared {
    Cleared(scratch(world))
}

/// Returns the plain text of a file of the vault.
fn plain(world: &World, file: &str) -> String {
    let identity = std::fs::read_to_string(world.home().join(".config/undrift/identity.txt")).unwrap();
    let identity: age::x25519::Identity =
        identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).unwrap().parse().unwrap();
    let content = age::decrypt(&identity, world.read(file).as_bytes()).unwrap();
    String::from_utf8(content).unwrap()
}

const SECRETS: &str = "vault/staging/secrets.toml.age";

#[test]
fn every_byte_is_the_persons_own() {
    let mut world = world();
    let _cleared = cleared(&world);
    let text = "# shop\r\nSTRIPE_KEY = \"stripe-2\"   # keep\n\n\n[NEW]   # a table\nrotated = 2026-01-01\nvalue = '''\nx\n'''\n# undrift: not yours";
    world.write("text", text);
    let from = world.path("text");
    let ran = edit(&mut world, &format!("cp {} \"$1\"", from.display())).status(0);
    assert_eq!(plain(&world, SECRETS), text);
    assert_snapshot!("edited", ran.transcript());
    assert_snapshot!("edited_log", world.run(&["log", "-e", "staging"]).status(0).output);
    assert_eq!(world.value("staging", "STRIPE_KEY"), "stripe-2");
    assert!(world.read("undrift.toml").contains("[secrets.NEW]"));
    // The new value of a table is not dated by anybody but the person.
    let ran = edit(&mut world, "sed -i s/^x$/y/ \"$1\"").status(0);
    assert!(
        ran.talk.contains("note: NEW has a new value, and its `rotated` is the day of the old one"),
        "{}",
        ran.talk
    );
    let ran = edit(&mut world, "sed -i 's/# shop/# the shop/' \"$1\"").status(0);
    assert!(ran.talk.contains("changed no value in vault/staging/secrets.toml.age"), "{}", ran.talk);
}

#[test]
fn untouched_text_writes_nothing_at_all() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path(""));
    for script in ["true", "touch \"$1\"", "cp \"$1\" \"$1.new\"; mv \"$1.new\" \"$1\""] {
        let ran = edit(&mut world, script).status(0);
        assert_eq!(ran.talk, "nothing changed in vault/staging/secrets.toml.age\n", "{script}");
        assert_eq!(files(&world.path("")), before, "{script}");
    }
}

#[test]
fn the_text_lies_in_memory_for_us_alone_and_is_wiped_with_what_the_editor_left() {
    let mut world = world();
    let _cleared = cleared(&world);
    let seen = world.home().join("seen");
    let script = "stat -c '%a %n' \"$(dirname \"$1\")\" \"$1\" > SEEN; env | cut -d= -f1 >> SEEN\n\
                  echo canary > \"$1~\"; echo canary > \"$(dirname \"$1\")/.swp\"; cp SEEN \"$1.log\"";
    let identity = std::fs::read_to_string(world.home().join(".config/undrift/identity.txt")).unwrap();
    let key = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).unwrap();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key.into());
    let ran = edit(&mut world, &script.replace("SEEN", &seen.display().to_string())).status(0);
    assert_eq!(ran.talk, "nothing changed in vault/staging/secrets.toml.age\n");
    let seen = std::fs::read_to_string(&seen).unwrap();
    let mut lines = seen.lines();
    let folder = lines.next().unwrap();
    assert!(folder.starts_with(&format!("700 {}/undrift-edit-", scratch(&world).display())), "{folder}");
    let file = lines.next().unwrap();
    assert!(file.starts_with("600 ") && file.ends_with("/secrets.toml"), "{file}");
    assert!(seen.contains("\nXDG_RUNTIME_DIR\n") && !seen.contains("UNDRIFT_IDENTITY"), "{seen}");
}

#[test]
fn where_there_is_no_memory_that_is_said_once() {
    let mut world = world();
    let _cleared = cleared(&world);
    if !tools::has("strace", "an edit without a place in memory") {
        return;
    }
    let (temporary, seen) = (world.home().join("tmp"), world.home().join("seen"));
    std::fs::create_dir_all(&temporary).unwrap();
    world.variables.insert("TMPDIR".to_owned(), temporary.clone().into());
    with_editor(&mut world, &format!("echo \"$1\" > {}", seen.display()));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=statfs", "-e", "inject=statfs:error=ENOSYS"]);
    strace.arg(assert_cmd::cargo::cargo_bin("undrift")).args(["edit", "-e", "staging"]);
    let output = strace.env_clear().envs(&world.variables).current_dir(world.path("")).output().unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(talk.matches("note: no place in memory was found").count(), 1, "{talk}");
    assert!(std::fs::read_to_string(&seen).unwrap().starts_with(&temporary.display().to_string()));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_mistake_opens_the_editor_again_and_loses_nothing() {
    let mut world = world();
    let _cleared = cleared(&world);
    let seen = world.home().join("seen");
    // The first time each mistake is made; the second time it is mended.
    for (mistake, mend, expected) in [
        ("B-C = \"x\"", "s/^B-C/B_C/", "line 10: B-C cannot be a secret's name"),
        ("OPEN = \"canary", "s/canary/&\"/", "is not TOML"),
        ("A = \"again\"", "/again/d; s/\"1\"/\"3\"/", "line 12: A stands also in secrets.toml:9"),
        ("EMPTY = \"\"", "s/\"\"/\"no\"/", "line 12: EMPTY is empty; `--allow-empty` takes it"),
        ("NUL = \"\\u0000\"", "/^NUL/d; s/\"no\"/\"yes\"/", "NUL has a NUL character"),
    ] {
        let once = world.home().join("once");
        let script = format!(
            "if [ -e {0} ]; then rm {0}; cp \"$1\" {1}; sed -i '{mend}' \"$1\"; else touch {0}; printf '%s\\n' '{mistake}' >> \"$1\"; fi",
            once.display(),
            seen.display()
        );
        let ran = edit(&mut world, &script);
        let remarks = std::fs::read_to_string(&seen).unwrap();
        assert_eq!(ran.status, 0, "{mistake}: {}{remarks}", ran.transcript());
        assert!(remarks.starts_with("# undrift: this text cannot be written yet:\n# undrift: line "), "{remarks}");
        assert!(remarks.contains(expected), "{mistake}: {remarks}");
        assert!(!plain(&world, SECRETS).contains("# undrift:"), "{mistake}");
    }
    assert_eq!(world.value("staging", "B_C"), "x");
    assert_eq!(world.value("staging", "EMPTY"), "yes");
}

#[test]
fn a_mistake_that_is_left_is_given_up_and_the_vault_is_as_it_was() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path(""));
    let ran =
        edit(&mut world, "grep -q '^# undrift' \"$1\" || printf 'B-C = \"canary\"\\nA = \"canary\"\\n' >> \"$1\"");
    assert!(!ran.transcript().contains("canary"));
    assert_snapshot!("given_up", ran.status(2).transcript());
    let ran = edit(&mut world, ": > \"$1\"").status(2);
    assert!(ran.talk.starts_with("error: the text was left empty, which removes nothing"), "{}", ran.talk);
    // A script that never ends to make other mistakes.
    let ran = edit(&mut world, "echo 'A = \"again\"' >> \"$1\"").status(2);
    assert!(ran.talk.contains("A stands also in secrets.toml:6"), "{}", ran.talk);
    let ran = edit(&mut world, "rm \"$1\"").status(2);
    assert!(ran.talk.starts_with("error: cannot read what the editor left; nothing was written"), "{}", ran.talk);
    let ran = edit(&mut world, "printf 'BAD = \"\\377\"\\n' > \"$1\"").status(2);
    assert!(ran.talk.contains("line 1: is not UTF-8 text"), "{}", ran.talk);
    let huge = "printf 'BIG = \"' > \"$1\"; head -c 1100000 /dev/zero | tr '\\0' x >> \"$1\"; printf '\"\\n' >> \"$1\"";
    let ran = edit(&mut world, &format!("grep -q '^# undrift' \"$1\" || {{ {huge}; }}")).status(2);
    assert!(ran.talk.contains("line 1: BIG is longer than 1 MiB"), "{}", ran.talk);
    let ran = edit(&mut world, "truncate -s 17M \"$1\"").status(2);
    assert!(ran.talk.contains("larger than 16777216 bytes"), "{}", ran.talk);
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn dotenv_is_edited_as_dotenv() {
    let mut world = world();
    let _cleared = cleared(&world);
    let (once, seen) = (world.home().join("once"), world.home().join("seen"));
    let key = world.read("vault/staging/recipients.txt");
    let recipient: age::x25519::Recipient = key.lines().find(|line| line.starts_with("age1")).unwrap().parse().unwrap();
    let text = "\u{feff}# old\r\nexport OLD='1'\r\n";
    world.write("vault/staging/old.env.age", age::encrypt_and_armor(&recipient, text.as_bytes()).unwrap());
    world.seal();
    let script = format!(
        "if [ -e {0} ]; then cp \"$1\" {1}; sed -i s/BAD-NAME/GOOD/ \"$1\"; else touch {0}; printf 'BAD-NAME=1' >> \"$1\"; fi",
        once.display(),
        seen.display()
    );
    with_editor(&mut world, &script);
    let ran = world.run(&["edit", "old", "-e", "staging"]).status(0);
    assert!(ran.talk.starts_with("set GOOD in vault/staging/old.env.age"), "{}", ran.talk);
    assert!(std::fs::read_to_string(seen).unwrap().contains("line 6: is not dotenv"));
    assert_eq!(plain(&world, "vault/staging/old.env.age"), format!("{text}GOOD=1"));
}

#[test]
fn one_file_is_meant_and_a_new_one_begins_empty() {
    let mut world = world();
    let _cleared = cleared(&world);
    with_editor(&mut world, "[ -s \"$1\" ] || echo 'PAYMENT = \"1\"' > \"$1\"");
    let _ = world.run(&["edit", "payments", "-e", "staging"]).status(0);
    assert_eq!(plain(&world, "vault/staging/payments.toml.age"), "PAYMENT = \"1\"\n");
    assert_snapshot!("which_file", world.run(&["edit", "-e", "staging"]).status(2).transcript());
    for name in ["payments", "payments.toml", "payments.toml.age"] {
        let ran = world.run(&["edit", name, "-e", "staging"]).status(0);
        assert_eq!(ran.talk, "nothing changed in vault/staging/payments.toml.age\n", "{name}");
    }
    let ran = world.run(&["edit", "../payments", "-e", "staging"]).status(2);
    assert!(ran.talk.starts_with("error: that cannot be a group's name\n"), "{}", ran.talk);
    // A name that stands in another file would stand twice.
    with_editor(&mut world, "grep -q PAYMENT \"$1\" || echo 'PAYMENT = \"2\"' >> \"$1\"");
    let ran = world.run(&["edit", "secrets", "-e", "staging"]).status(2);
    assert!(ran.talk.contains("PAYMENT stands in payments.toml.age already"), "{}", ran.talk);
}

#[test]
fn a_write_says_where_and_confirms_a_protected_environment() {
    let mut world = world();
    let _cleared = cleared(&world);
    with_editor(&mut world, "echo 'A = \"1\"' > \"$1\"");
    let ran = world.run(&["edit"]).status(2);
    assert!(ran.talk.contains("hint: add `-e NAME`"), "{}", ran.talk);
    let ran = world.run(&["edit", "-e", "production"]).status(2);
    assert!(ran.talk.contains("hint: if it is meant, add `--confirm production`"), "{}", ran.talk);
    let _ = world.run(&["edit", "-e", "production", "--confirm", "production"]).status(0);
    assert_eq!(world.value("production", "A"), "1");
    let ran = world.run(&["edit", "-e", "production", "-e", "staging", "--confirm", "production"]).status(2);
    assert!(ran.talk.contains("say which one environment is meant"), "{}", ran.talk);
}

#[test]
fn what_was_written_meanwhile_stays() {
    let mut world = world();
    let _cleared = cleared(&world);
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let meanwhile =
        format!("echo other | {} set A -e staging 2>/dev/null; echo 'MINE = \"1\"' >> \"$1\"", program.display());
    let ran = edit(&mut world, &meanwhile).status(2);
    assert_snapshot!("changed_underneath", ran.transcript());
    assert_eq!(world.value("staging", "A"), "other");
    assert!(!plain(&world, SECRETS).contains("MINE"));
}

#[test]
fn an_editor_that_is_not_there_or_fails_is_named() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path(""));
    world.variables.insert("PATH".to_owned(), "/nowhere".into());
    world.variables.remove("EDITOR");
    assert_snapshot!("no_editor", world.run(&["edit", "-e", "staging"]).status(2).transcript());
    world.variables.insert("VISUAL".to_owned(), "/nowhere/code --wait".into());
    assert_snapshot!("unknown_editor", world.run(&["edit", "-e", "staging"]).status(2).transcript());
    world.variables.insert("VISUAL".to_owned(), "code 'open".into());
    let ran = world.run(&["edit", "-e", "staging"]).status(2);
    assert!(ran.talk.starts_with("error: VISUAL has a quote that is never closed"), "{}", ran.talk);
    world.variables.remove("VISUAL");
    let ran = edit(&mut world, "echo 'LOST = \"1\"' >> \"$1\"; exit 3").status(2);
    assert!(ran.talk.contains("ended with exit status: 3, and nothing was written"), "{}", ran.talk);
    let ran = edit(&mut world, "kill -KILL $$").status(2);
    assert!(ran.talk.contains("ended with signal: 9"), "{}", ran.talk);
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn an_editor_gets_its_arguments() {
    let mut world = world();
    let _cleared = cleared(&world);
    with_editor(&mut world, "[ \"$1\" = --wait ] && [ \"$2\" = 'a b' ] && echo 'C = \"3\"' >> \"$3\"");
    let editor = world.home().join("editor");
    world.variables.insert("VISUAL".to_owned(), format!("{} --wait 'a b'", editor.display()).into());
    let _ = world.run(&["edit", "-e", "staging"]).status(0);
    assert_eq!(world.value("staging", "C"), "3");
}

#[test]
fn a_vault_that_cannot_be_opened_or_written_back_is_not_edited() {
    for (file, content, expected) in [
        (SECRETS, "\u{0}garbage", "cannot open vault/staging/secrets.toml.age"),
        ("vault/staging/recipients.txt", "# nobody\n", "vault/staging/recipients.txt"),
        ("vault/staging/key.age", "garbage", "the fingerprint key that checks it is not there or cannot be read"),
        ("vault/staging/seal.toml", "garbage", "vault/staging/seal.toml"),
    ] {
        let mut world = world();
        let _cleared = cleared(&world);
        world.write(file, content);
        if file == SECRETS {
            // Garbage that somebody vouched for: an age file never becomes it by our own writes.
            world.by_hand("staging");
        }
        let ran = edit(&mut world, "touch opened").status(2);
        assert!(ran.talk.contains(expected), "{file}: {}", ran.talk);
        assert!(!world.path("opened").exists(), "{file}");
    }
    let mut world = world();
    let _cleared = cleared(&world);
    std::fs::remove_dir_all(world.path("vault/production")).unwrap();
    with_editor(&mut world, "touch opened");
    let ran = world.run(&["edit", "-e", "production", "--confirm", "production"]).status(2);
    assert!(ran.talk.contains("vault/production"), "{}", ran.talk);
    assert!(!world.path("opened").exists());
}

#[test]
fn a_broken_text_can_be_opened_and_mended() {
    let mut world = world();
    let _cleared = cleared(&world);
    let key = world.read("vault/staging/recipients.txt");
    let recipient: age::x25519::Recipient = key.lines().find(|line| line.starts_with("age1")).unwrap().parse().unwrap();
    world.write(SECRETS, age::encrypt_and_armor(&recipient, b"A = \"1\"\nB-C = \"2\"\n").unwrap());
    world.seal();
    let _ = edit(&mut world, "grep -q '^# undrift: line 5: B-C' \"$1\" && sed -i s/B-C/B_C/ \"$1\"").status(0);
    assert_eq!(plain(&world, SECRETS), "A = \"1\"\nB_C = \"2\"\n");
}

/// Starts the real program with an editor that tells when it runs, and waits for that.
fn started(world: &mut World, script: &str) -> (Child, PathBuf) {
    let ready = world.home().join("ready");
    let _ = std::fs::remove_file(&ready);
    with_editor(
        world,
        &format!(
            "echo 'LOST = \"canary\"' >> \"$1\"; echo \"$1\" > {0}.new; mv {0}.new {0}; {script}",
            ready.display()
        ),
    );
    let mut command = undrift(world);
    let child = command.args(["edit", "-e", "staging"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !ready.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let file = std::fs::read_to_string(&ready).unwrap();
    (child, PathBuf::from(file.trim()))
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

fn waits(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[test]
fn what_asks_us_to_end_wipes_the_text_first() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path(""));
    for (name, number) in [("TERM", 15), ("HUP", 1)] {
        // An editor that saves when it is told to end, and one that does not care.
        for script in ["trap 'echo x >> \"$1\"; exit 0' TERM; sleep 60 & wait", "trap '' TERM; exec sleep 2"] {
            let (child, file) = started(&mut world, &format!("exec 2>/dev/null; {script}"));
            assert!(file.exists());
            signal(&child, name);
            let output = waits(child);
            assert_eq!(output.status.signal(), Some(number), "{name} {script}: {output:?}");
            assert!(!file.exists(), "{name} {script}");
            is_wiped(&world);
        }
    }
    assert_eq!(files(&world.path("")), before);
}

#[test]
fn the_keys_of_the_terminal_are_for_the_editor() {
    let mut world = world();
    let _cleared = cleared(&world);
    // An editor that a failed test leaves behind ends with the folder.
    let (go, world_home) = (world.home().join("go"), world.home());
    let (child, file) = started(
        &mut world,
        &format!("while [ ! -e {0} ] && [ -d {1} ]; do sleep 0.01; done", go.display(), world_home.display()),
    );
    signal(&child, "INT");
    signal(&child, "QUIT");
    assert!(file.exists());
    std::fs::write(go, "").unwrap();
    let output = waits(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.value("staging", "LOST"), "canary");
    is_wiped(&world);
}

#[test]
fn what_a_killed_edit_left_goes_with_the_next() {
    let mut world = world();
    let _cleared = cleared(&world);
    // An editor that a failed test leaves behind ends with the folder.
    let (go, world_home) = (world.home().join("go"), world.home());
    let (child, file) = started(
        &mut world,
        &format!("while [ ! -e {0} ] && [ -d {1} ]; do sleep 0.01; done", go.display(), world_home.display()),
    );
    // One that is still at work is left alone.
    with_editor(&mut world, "true");
    let ran = world.run(&["edit", "-e", "staging"]).status(0);
    assert_eq!(ran.talk, "nothing changed in vault/staging/secrets.toml.age\n");
    assert!(file.exists());
    signal(&child, "KILL");
    assert_eq!(waits_without_its_editor(child, &go), Some(9));
    assert!(std::fs::read_to_string(&file).unwrap().contains("canary"));
    let ran = edit(&mut world, "true").status(0);
    let folder = file.parent().unwrap().display().to_string();
    assert!(ran.talk.starts_with(&format!("note: removed the text that an interrupted edit had left in {folder}\n")));
}

fn waits_without_its_editor(mut child: Child, go: &Path) -> Option<i32> {
    let status = child.wait().unwrap();
    std::fs::write(go, "").unwrap();
    status.signal()
}

#[test]
fn without_a_terminal_or_an_input_a_script_edits_all_the_same() {
    let mut world = world();
    let _cleared = cleared(&world);
    with_editor(&mut world, "echo 'C = \"3\"' >> \"$1\"");
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} edit -e staging <&- >&-", program.display())]);
    let output = shell.env_clear().envs(&world.variables).current_dir(world.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.value("staging", "C"), "3");
    // Nobody reads what is said.
    with_editor(&mut world, "sed -i '/^C/d' \"$1\"");
    let mut command = undrift(&world);
    let mut child =
        command.args(["edit", "-e", "staging"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!plain(&world, SECRETS).contains("C ="));
    is_wiped(&world);
}

#[test]
fn a_disk_that_is_full_or_may_not_be_written_leaves_the_vault_as_it_was() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path(""));
    // No file may grow beyond one block from here on; the signal for that is ignored, so that it is an error.
    let program = assert_cmd::cargo::cargo_bin("undrift");
    with_editor(&mut world, "head -c 3000 /dev/zero | tr '\\0' '#' >> \"$1\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {} edit -e staging", program.display())]);
    let output = shell.env_clear().envs(&world.variables).current_dir(world.path("")).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{talk}");
    assert!(!talk.contains("panicked"), "{talk}");
    is_wiped(&world);
    assert_eq!(files(&world.path("")), before);
}

/// Runs the program with a system call refused, the first time, the second and so on, until it is not called so often.
fn refused(world: &World, call: &str, error: &str, arguments: &[&str], mut check: impl FnMut(&str)) -> usize {
    for number in 1.. {
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:error={error}:when={number}")]);
        strace.arg(assert_cmd::cargo::cargo_bin("undrift")).args(arguments);
        let output = strace.env_clear().envs(&world.variables).current_dir(world.path("")).output().unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        let what = format!("{error} at {call} {number}: {talk}");
        assert!(!talk.contains("panicked"), "{what}");
        check(&what);
        if output.status.code() == Some(0) {
            return number - 1;
        }
        assert_eq!(output.status.code(), Some(2), "{what}");
        let is_named = ["vault/staging/", ".undrift/", "private folder", "undrift-edit-", "undrift.toml"];
        assert!(is_named.iter().any(|name| talk.contains(name)), "{what}");
        let next = [("EROFS", "hint: this disk can only be read"), ("ENOSPC", "hint: make room")];
        assert!(next.iter().all(|(other, hint)| *other != error || talk.contains(hint)), "{what}");
    }
    0
}

#[test]
fn whatever_the_disk_refuses_a_file_has_the_old_text_or_the_new() {
    if !tools::has("strace", "edits on a disk that refuses") {
        return;
    }
    let mut refusals = 0;
    for (call, error) in [("rename", "EROFS"), ("rename", "ENOSPC"), ("fsync", "EIO")] {
        let mut world = world();
        let _cleared = cleared(&world);
        with_editor(&mut world, "sed -i '/^C/d' \"$1\"; echo \"C = \\\"$$\\\"\" >> \"$1\"");
        let mut before = plain(&world, SECRETS);
        refusals += refused(&world, call, error, &["edit", "-e", "staging"], |what| {
            let after = plain(&world, SECRETS);
            let is_new = after != before;
            assert!(!is_new || after.contains("\nC = \"") && after.starts_with("API_TOKEN = "), "{what}");
            assert!(!what.contains("has nothing of what you wrote") || !is_new, "{what}");
            assert!(!what.contains("has what you wrote") || is_new, "{what}");
            before = after;
            is_wiped(&world);
        });
        world.seal();
        assert_eq!(world.run(&["log", "-e", "staging"]).status, 0, "{call} {error}");
        let left = files(&world.path("vault")).into_keys().filter(|path| path.to_string_lossy().ends_with(".new"));
        assert_eq!(left.count(), 0, "{call} {error}");
    }
    assert!(refusals >= 8, "only {refusals} edits were refused");
}

#[test]
fn whatever_the_disk_refuses_a_secret_has_the_old_value_or_the_new() {
    if !tools::has("strace", "values on a disk that refuses") {
        return;
    }
    let mut refusals = 0;
    for (call, error) in [("rename", "EROFS"), ("rename", "ENOSPC"), ("fsync", "EIO")] {
        let world = World::new();
        world.shop();
        world.write("value", "token-2");
        let arguments = ["set", "API_TOKEN", "-e", "staging", "--file", "value"];
        refusals += refused(&world, call, error, &arguments, |what| {
            let text = plain(&world, SECRETS);
            assert!(text.contains("API_TOKEN = \"token-1\"\n") || text.contains("API_TOKEN = \"token-2\"\n"), "{what}");
            assert!(text.contains("SMTP_PASSWORD = \"password-1\"\n"), "{what}");
        });
        assert_eq!(world.value("staging", "API_TOKEN"), "token-2");
    }
    assert!(refusals >= 8, "only {refusals} were refused");
}

#[test]
fn what_cannot_be_declared_is_not_written() {
    let mut world = world();
    let _cleared = cleared(&world);
    let before = files(&world.path("vault"));
    let ran = edit(&mut world, "echo 'NEW = \"1\"' >> \"$1\"; echo 'not toml' >> undrift.toml").status(2);
    assert!(ran.talk.contains("what is new cannot be declared in undrift.toml"), "{}", ran.talk);
    assert!(ran.talk.contains("has nothing of what you wrote"), "{}", ran.talk);
    assert_eq!(files(&world.path("vault")), before);
}
