//! Rotations of a person at a terminal: who is asked for each value, and who presses Ctrl-C.

use super::*;
use crate::prompts::Terminal;

/// Declares programs for `API_TOKEN`.
fn declare(world: &mut World, lines: &str) {
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let section = "[secrets.API_TOKEN]\n";
    world.write("undrift.toml", SHOP.replace(section, &format!("{section}{lines}\n")));
}

/// What a program does that has started another one and takes its time.
const SLOW: &str = "sleep 60 & echo $! > number.new; mv number.new number; exec sleep 60";

/// Waits until such a program runs, breaks it off, and returns what was shown, once what it has started is gone.
fn broken_off(world: &World, mut terminal: Terminal) -> String {
    while !world.path("number").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    terminal.press("\u{3}");
    let (status, seen) = terminal.end();
    assert_eq!(status, 2, "{seen}");
    let number = world.read("number");
    let runs = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    };
    // One that was told to end is gone in a moment.
    let is_gone = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !runs()
    });
    assert!(is_gone, "{seen}");
    // A terminal breaks lines where it likes.
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn all_that_somebody_issues_is_asked_for_in_turn() {
    let (fly, github, world) = pushed();
    let mut terminal = Terminal::start(&world, "rotate --at web -e staging");
    terminal.wait_for("write new values of API_TOKEN, SMTP_PASSWORD to");
    terminal.press("y\r");
    for (name, value) in [("API_TOKEN", "typed-canary-1"), ("SMTP_PASSWORD", "typed-canary-2")] {
        for question in [&format!("value of {name}:"), "once more:"] {
            terminal.wait_for(question);
            terminal.press(&format!("{value}\r"));
        }
    }
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
    assert!(seen.contains("API_TOKEN, SMTP_PASSWORD in staging (web was broken into): finished"), "{seen}");
    assert_eq!(there(&fly, &github), ["typed-canary-1", "typed-canary-1"]);
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "typed-canary-2");
    // Who does not know the second one has changed nothing.
    let before = crate::world::files(&world.path("vault"));
    let mut terminal = Terminal::start(&world, "rotate --at web -e staging");
    terminal.wait_for("write new values of");
    terminal.press("y\r");
    for question in ["value of API_TOKEN:", "once more:"] {
        terminal.wait_for(question);
        terminal.press("typed-canary-3\r");
    }
    terminal.wait_for("value of SMTP_PASSWORD:");
    terminal.press("\u{3}");
    let (status, seen) = terminal.end();
    assert_eq!(status, 2, "{seen}");
    assert!(seen.contains("nothing was done"), "{seen}");
    assert!(crate::world::files(&world.path("vault")) == before);
}

#[test]
fn an_issuer_that_is_broken_off_is_ended_with_all_that_it_has_started_and_nothing_is_changed() {
    let (fly, github, mut world) = pushed();
    declare(&mut world, "command = [\"./issue\"]");
    script(&world, "issue", SLOW);
    let before = world.read("vault/staging/secrets.toml.age");
    let mut terminal = Terminal::start(&world, "rotate API_TOKEN -e staging");
    terminal.wait_for("write new values of API_TOKEN to");
    terminal.press("y\r");
    let seen = broken_off(&world, terminal);
    assert!(seen.contains("`./issue` was stopped, for somebody wants this to end"), "{seen}");
    assert!(seen.contains("error: nothing was changed"), "{seen}");
    assert_eq!(world.read("vault/staging/secrets.toml.age"), before);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
    assert_eq!(writes(&fly, &github), 0);
    let status = world.run(&["rotate", "--status", "-e", "staging"]).status(0).output;
    assert_eq!(status, "no rotation is under way in `staging`\n");
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
}

#[test]
fn a_probe_that_is_broken_off_is_ended_with_all_that_it_has_started_and_says_nothing_of_a_value() {
    let (fly, github, mut world) = pushed();
    declare(&mut world, "generate = \"hex:16\"\nprobe = { command = [\"./ask\"] }");
    script(&world, "ask", SLOW);
    let mut terminal = Terminal::start(&world, "rotate API_TOKEN -e staging");
    terminal.wait_for("write new values of API_TOKEN to");
    terminal.press("y\r");
    let seen = broken_off(&world, terminal);
    assert!(seen.contains("the rotation stays open; `undrift rotate --continue -e staging`"), "{seen}");
    assert!(seen.contains("was stopped, for somebody wants this to end"), "{seen}");
    // The new value is in the vault, and nobody knows whether it is alive, so that it is nowhere else.
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    assert_eq!(writes(&fly, &github), 0);
    let status = world.run(&["rotate", "--status", "-e", "staging", "--format", "json"]).status(1).json();
    assert_eq!(status["runs"][0]["probes"], serde_json::json!([]));
    std::fs::remove_file(world.path("number")).unwrap();
    let asked = broken_off(&world, Terminal::start(&world, "probe API_TOKEN -e staging"));
    assert!(asked.contains("the program that tells whether a value of API_TOKEN is alive was stopped"), "{asked}");
    script(&world, "ask", "[ \"$(cat)\" != token-1 ]");
    let _ = go_on(&world).status(0);
    assert_eq!(values(&world, "API_TOKEN").1, None);
    let value = values(&world, "API_TOKEN").0;
    assert_eq!(there(&fly, &github), [value.clone(), value]);
}

#[test]
fn a_terminal_shows_how_far_each_place_is() {
    let (fly, github, mut world) = pushed();
    declare(&mut world, "generate = \"hex:16\"");
    let web = "[targets.web]\nkind = \"fly\"\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(web, &format!("{web}rollout = \"machines\"\n")));
    let _machines = [fly.add_machine("shop-staging"), fly.add_machine("shop-staging")];
    fly.latency(Duration::from_millis(300));
    github.latency(Duration::from_millis(150));
    let mut terminal = Terminal::start(&world, "rotate API_TOKEN -e staging --yes");
    for shown in ["fly:shop-staging  0 of 1 written", "github:acme/shop  written", "updating machine 2 of 2"] {
        terminal.wait_for(shown);
    }
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    // What is drawn is gone in the end.
    assert!(
        seen.rsplit_once("API_TOKEN in staging: finished").is_some_and(|(_, end)| !end.contains("machine 2")),
        "{seen}"
    );
}
