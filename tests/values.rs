//! The verbs that hand out values: `get`, `export` and `run`.

use std::process::{Command, Stdio};

use assert_cmd::prelude::*;
use insta::assert_snapshot;

use crate::world::World;

const HARD: &str = "it's \"hard\" $HOME `x` \\ # and\nof two lines";

fn world() -> World {
    let world = World::new();
    let _ = world.run(&["init", "staging", "production"]).status(0);
    for (name, value) in [("EASY", "hunter2"), ("HARD", HARD)] {
        let _ = world.run_with(&["set", name, "-e", "staging"], value).status(0);
    }
    world
}

fn undrift(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("undrift").unwrap();
    command.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").current_dir(world.path(""));
    command.args(arguments);
    command
}

#[test]
fn get_writes_the_value_and_nothing_else() {
    let world = world();
    let got = world.run(&["get", "EASY", "-e", "staging"]).status(0);
    assert_eq!((got.output.as_str(), got.talk.as_str()), ("hunter2\n", ""));
    let exact = world.run(&["get", "HARD", "-e", "staging", "--exact"]).status(0);
    assert_eq!(exact.output, HARD);
    assert_snapshot!("get_unknown", world.run(&["get", "EAZY", "-e", "staging"]).status(2).transcript());
    assert_snapshot!("get_which", world.run(&["get", "EASY"]).status(2).transcript());
}

#[test]
fn what_get_writes_set_reads_back() {
    let world = world();
    let got = world.run(&["get", "HARD", "-e", "staging"]).status(0);
    let _ = world.run_with(&["set", "HARD", "-e", "production"], &got.output).status(0);
    assert_eq!(world.value("production", "HARD"), HARD);
}

#[test]
fn a_value_that_may_be_in_a_broken_file_is_not_said_to_be_absent() {
    let world = world();
    world.by_hand("staging");
    world.write("vault/staging/broken.toml.age", "garbage");
    let _ = world.run(&["get", "EASY", "-e", "staging"]).status(0);
    assert_snapshot!("get_incomplete", world.run(&["get", "OTHER", "-e", "staging"]).status(2).transcript());
    let export = world.run(&["export", "-e", "staging"]).status(2);
    assert_eq!(export.output, "");
    let _ = world.run(&["export", "-e", "staging", "--only", "EASY"]).status(0);
}

#[test]
fn export_writes_what_each_format_reads() {
    let world = world();
    let dotenv = world.run(&["export", "-e", "staging"]).status(0).output;
    let read = undrift::vault::dotenv::parse(dotenv.as_bytes());
    assert!(read.problems.is_empty());
    let values: Vec<_> = read.entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_str())).collect();
    assert_eq!(values, [("EASY", "hunter2"), ("HARD", HARD)]);
    let json = world.run(&["export", "-e", "staging", "--format", "json"]).status(0).json();
    assert_eq!(json, serde_json::json!({"EASY": "hunter2", "HARD": HARD}));
    let shell = world.run(&["export", "-e", "staging", "--format", "shell"]).status(0).output;
    let script = format!("{shell}printf %s \"$HARD\"");
    let shown = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), HARD);
    let one = world.run(&["export", "-e", "staging", "--only", "EASY"]).status(0).output;
    assert_eq!(one, "EASY=hunter2\n");
    assert_eq!(world.run(&["export", "-e", "production", "--format", "json"]).status(0).output, "{}\n");
}

#[cfg(unix)]
#[test]
fn run_gives_the_program_its_values_and_ends_as_it_does() {
    use std::os::unix::process::ExitStatusExt;

    let world = world();
    let run = |rest: &[&str]| undrift(&world, &[&["run", "-e", "staging"], rest].concat());
    run(&["--", "sh", "-c", "printf '%s' \"$HARD\""]).assert().code(0).stdout(HARD);
    run(&["--only", "EASY", "--", "sh", "-c", "echo \"$EASY${HARD-unset}\""]).assert().code(0).stdout("hunter2unset\n");
    run(&["--", "sh", "-c", "exit 7"]).assert().code(7);
    let killed = run(&["--", "sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(killed.signal(), Some(15));
    // The key to the vault does not go with the values.
    let identity = world.home().join(".config/undrift/identity.txt");
    let key = std::fs::read_to_string(identity).unwrap();
    let mut command = run(&["--", "sh", "-c", "echo \"${UNDRIFT_IDENTITY-unset}\""]);
    command.env("UNDRIFT_IDENTITY", key.lines().last().unwrap()).assert().code(0).stdout("unset\n");
    // Standard input is the program's.
    let mut cat = run(&["--", "cat"]);
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"typed").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"typed");
    // As POSIX has it for `env`.
    run(&["--", "no-such-program"])
        .assert()
        .code(127)
        .stderr("error: cannot start `no-such-program`\n  caused by: No such file or directory (os error 2)\n");
    run(&["--", "./undrift.toml"]).assert().code(126);
    run(&["--"]).assert().code(2);
}

#[cfg(unix)]
#[test]
fn redact_masks_values_in_both_streams() {
    let world = world();
    let run = |script: &str| undrift(&world, &["run", "-e", "staging", "--redact", "--", "sh", "-c", script]);
    run("echo \"it is $EASY\"; printf 'hun'; printf 'ter2'; echo \"err $EASY\" >&2; exit 3")
        .assert()
        .code(3)
        .stdout("it is ***\n***")
        .stderr("err ***\n");
    run("kill -KILL $$").assert().code(128 + 9);
    // A request to end reaches the program, which may still say something.
    let mut waiting = run("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done");
    let mut child = waiting.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).assert().code(0);
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!((line.as_str(), child.wait().unwrap().code()), ("ready\nbye\n", Some(5)));
}
