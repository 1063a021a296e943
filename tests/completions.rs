//! `undrift completions` in a real shell, and the manual pages.

use std::path::Path;
use std::process::Command;

use crate::world::World;

/// Asks bash what may come after these words.
fn bash(world: &World, words: &[&str]) -> Vec<String> {
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let path = format!("{}:/usr/bin:/bin", program.parent().map(Path::display).unwrap());
    let words = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "source <(undrift completions bash)\n\
         COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9\n\
         $(complete -p undrift | sed 's/.*-F \\([^ ]*\\).*/\\1/') undrift \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).env_clear().envs(&world.variables).env("PATH", path);
    let output = command.current_dir(world.path("")).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bash_completes_names_of_the_project() {
    let world = World::new();
    world.shop();
    assert_eq!(bash(&world, &["undrift", "get", "S"]), ["SMTP_PASSWORD", "STRIPE_KEY"]);
    assert_eq!(bash(&world, &["undrift", "push", "--overwrite", "API"]), ["API_TOKEN"]);
    assert_eq!(bash(&world, &["undrift", "rotate", "API"]), ["API_TOKEN"]);
    assert_eq!(bash(&world, &["undrift", "audit", "-e", "st"]), ["staging"]);
    assert_eq!(bash(&world, &["undrift", "audit", "-t", ""]), ["ci", "web"]);
    assert_eq!(bash(&world, &["undrift", "pu"]), ["push"]);
    assert_eq!(bash(&world, &["undrift", "explain", "UD10"]).len(), 9);
    assert_eq!(bash(&world, &["undrift", "push", "--take"]), ["--take-vault"]);
}

#[test]
fn a_folder_without_a_project_completes_verbs() {
    let world = World::new();
    assert_eq!(bash(&world, &["undrift", "exp"]), ["export", "explain"]);
    world.write("undrift.toml", "version = \"canary\"\n");
    assert_eq!(bash(&world, &["undrift", "exp"]), ["export", "explain"]);
}

#[test]
fn every_shell_has_completions_and_every_verb_a_page() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = world.run(&["completions", shell]).status(0).output;
        assert!(script.contains("UNDRIFT_COMPLETE"), "{shell}: {script}");
    }
    let page = world.run(&["man"]).status(0).output;
    assert!(page.starts_with(".ie") && page.contains(".TH undrift 1"), "{page}");
    let page = world.run(&["man", "push"]).status(0).output;
    assert!(
        page.contains("take\\-vault") && page.contains("undrift\\-push") || page.contains("undrift push"),
        "{page}"
    );
    let unknown = world.run(&["man", "pusch"]).status(2);
    assert_eq!(unknown.talk, "error: there is no verb `pusch`\nhint: did you mean `push`?\n");
}
