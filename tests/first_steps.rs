//! The first steps of `undrift --help`, typed at a terminal as they stand there, with and without a keyring.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::prompts::Terminal;
use crate::world::{World, twins};

/// What the help says to type.
fn steps(world: &World) -> Vec<String> {
    let help = world.run(&["--help"]).status(0).output;
    let lines = help.lines().skip_while(|line| !line.starts_with("First steps")).skip(1);
    let steps = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.trim().split("  ").next());
    steps.map(str::to_owned).collect()
}

/// An editor that takes the marks of a comment away from the first target.
fn editor(world: &mut World) {
    let path = world.home().join("editor");
    let script = "#!/bin/sh\nexec sed -i '/^# \\[targets.web\\]/,/^# app/s/^# //' \"$1\"\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    world.variables.insert("EDITOR".to_owned(), path.into());
}

#[test]
fn they_lead_from_env_files_to_a_clean_audit() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    editor(&mut world);
    world.write("api/.env", "API_TOKEN=abcd1234efgh5678\nSMTP_PASSWORD='correct horse'\n");
    world.write("web/.env", "STRIPE_KEY=k9s8d7f6g5h4j3\n");
    let steps = steps(&world);
    assert_eq!(steps.len(), 5, "{steps:?}");
    let mut last = String::new();
    for step in steps {
        let Some(arguments) = step.strip_prefix("undrift ") else {
            let edited =
                Command::new("sh").args(["-c", &step]).current_dir(world.path("")).envs(&world.variables).status();
            assert!(edited.unwrap().success(), "{step}");
            continue;
        };
        let mut terminal = Terminal::start(&world, arguments);
        let question = match arguments.split(' ').next() {
            Some("import") => Some("write this?"),
            Some("push") => Some("write to fly:shop-staging (staging)"),
            _ => None,
        };
        if let Some(question) = question {
            terminal.wait_for(question);
            terminal.press("y\r");
        }
        let (status, seen) = terminal.end();
        assert_eq!(status, 0, "{step}: {seen}");
        last = seen;
    }
    assert!(last.contains("3 checked: 3 in sync (3 proved), none drifted"), "{last}");
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "correct horse");
}
