//! Leaving: what `export` writes is everything, and docs/leaving.md tells commands that work.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::tools;
use crate::world::World;

/// Values that some format could change on its way.
const HARD: &[(&str, &str)] = &[
    ("PLAIN", "hunter2"),
    ("a1", "lower case"),
    ("_UNDER", "=#;"),
    ("QUOTES", "it's \"hard\" `x` 'y' \"\"\"z\"\"\""),
    ("DOLLAR", "$HOME ${HOME} $(id) \\$x"),
    ("HASH", "a #b#c # d"),
    ("EDGES", "  two blanks  "),
    ("LINES", "one\ntwo\r\nthree\n\n"),
    ("CARRIAGE", "a\rb\r"),
    ("TABS", "\ta\\tb\\n\\\\"),
    ("UNICODE", "\u{e4}\u{20ac}\u{1f600}\u{feff}\u{7f}\u{1}"),
    ("JSON", "{\"a\": [1, null, \"\\u00e4\"]}"),
    ("YAML", "- a: *b\n  c: !d"),
    ("PEM", "-----BEGIN PRIVATE KEY-----\nAAAA+/==\n-----END PRIVATE KEY-----\n"),
];

fn world() -> World {
    let world = World::new();
    let _ = world.run(&["init", "staging", "production"]).status(0);
    for (name, value) in HARD {
        let _ = world.run_with(&["set", name, "-e", "staging", "--exact"], value).status(0);
    }
    world
}

/// Runs a script as a person would, with undrift and the usual programs.
fn sh(world: &World, script: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_undrift")).parent().unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", script]).env_clear().envs(&world.variables).current_dir(world.path("")).stdin(Stdio::null());
    let output = command.env("PATH", format!("{}:/usr/bin:/bin", program.display())).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn all_are_back(world: &World) {
    for (name, value) in HARD {
        assert_eq!(world.value("production", name), *value, "{name}");
    }
}

#[test]
fn what_export_writes_import_reads_again_byte_for_byte() {
    for (format, file) in [("dotenv", "all.env"), ("json", "all.json")] {
        let world = world();
        let exported = world.run(&["export", "-e", "staging", "--format", format]).status(0).output;
        world.write(file, exported);
        let _ = world.run(&["import", file, "-e", "production", "--yes"]).status(0);
        all_are_back(&world);
    }
}

#[test]
fn what_export_writes_for_a_shell_a_shell_reads_byte_for_byte() {
    let world = world();
    sh(&world, "undrift export -e staging --format shell > all.sh");
    for (name, _) in HARD {
        let set = format!("undrift set {name} -e production --exact");
        sh(&world, &format!(". ./all.sh; printf %s \"${{{name}}}\" | {set}"));
    }
    all_are_back(&world);
}

#[test]
fn the_commands_of_the_page_on_leaving_work() {
    if !tools::has("age", "the commands of docs/leaving.md") {
        return;
    }
    let world = world();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/leaving.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        sh(&world, block);
    }
    sh(&world, "age -d -i ~/.config/undrift/identity.txt staging.env.age | cmp - staging.env");
    let toml: toml::Table = world.read("staging.toml").parse().unwrap();
    let json: serde_json::Value = serde_json::from_str(&world.read("staging.json")).unwrap();
    for (name, value) in HARD {
        assert_eq!(toml[*name].as_str(), Some(*value), "{name}");
        assert_eq!(json[*name].as_str(), Some(*value), "{name}");
    }
    let recipients = world.read("recipients");
    assert!(recipients.starts_with("age1") && recipients.lines().count() == 1, "{recipients}");
    assert!(world.read("staging.sh").contains("export PLAIN='hunter2'\n"));
}
