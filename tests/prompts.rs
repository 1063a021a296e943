//! What a person at a terminal sees and types: `script` (Debian's bsdutils) gives the program a terminal of its own.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::world::{World, files, repository, twins};

/// A program at a terminal.
pub(crate) struct Terminal {
    child: Child,
    output: ChildStdout,
    seen: String,
    /// How much of it has been waited for.
    passed: usize,
}

impl Terminal {
    pub(crate) fn start(world: &World, arguments: &str) -> Self {
        Self::start_behind(world, "exec", arguments)
    }

    /// Starts the program behind other words of a shell.
    pub(crate) fn start_behind(world: &World, before: &str, arguments: &str) -> Self {
        let program = assert_cmd::cargo::cargo_bin("undrift");
        let command = format!("stty cols 80 rows 24; {before} {} {arguments}", program.display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        script.env_clear().envs(&world.variables).env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        script.env("SHELL", "/bin/sh").current_dir(world.path(""));
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        Self { child, output, seen: String::new(), passed: 0 }
    }

    /// Reads until the terminal shows this, behind what was waited for before.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.seen[self.passed..].contains(text) {
            let length = self.output.read(&mut buffer).unwrap();
            assert!(length > 0, "the program ended before it showed {text:?}: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        self.passed += self.seen[self.passed..].find(text).unwrap() + text.len();
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Returns the status and all that was shown.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }
}

#[test]
fn a_value_is_typed_twice_and_never_shown() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let mut terminal = Terminal::start(&world, "set SMTP_PASSWORD -e staging");
    terminal.wait_for("value of SMTP_PASSWORD:");
    terminal.press("typed-canary\r");
    terminal.wait_for("once more:");
    terminal.press("typed-canary\r");
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
    assert!(seen.contains("changed SMTP_PASSWORD in vault/staging/secrets.toml.age"), "{seen}");
    assert_eq!(world.value("staging", "SMTP_PASSWORD"), "typed-canary");
}

#[test]
fn a_value_that_is_not_typed_to_its_end_is_not_set() {
    let world = World::new();
    world.shop();
    let before = files(&world.path(""));
    for keys in [&["\u{3}"][..], &["\u{1b}"], &["typed-canary\r", "\u{3}"], &["typed-canary\r", "another\r", "\u{3}"]] {
        let mut terminal = Terminal::start(&world, "set SMTP_PASSWORD -e staging");
        for (question, keys) in ["value of SMTP_PASSWORD:", "once more:", "value of SMTP_PASSWORD:"].iter().zip(keys) {
            terminal.wait_for(question);
            terminal.press(keys);
        }
        let (status, seen) = terminal.end();
        assert_eq!(status, 2, "{keys:?}: {seen}");
        assert!(seen.contains("nothing was done") && !seen.contains("canary"), "{keys:?}: {seen}");
        assert_eq!(files(&world.path("")), before, "{keys:?}");
    }
}

#[test]
fn what_was_edited_is_opened_again_beside_what_was_written_meanwhile() {
    let mut world = World::new();
    world.shop();
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let (editor, seen) = (world.home().join("editor"), world.home().join("seen"));
    let script = format!(
        "#!/bin/sh\nif grep -q '^# undrift' \"$1\"; then cat \"$1\" > {seen}; cat \"$(dirname \"$1\")/now-secrets.toml\" >> {seen}\n\
         sed -i '/^# undrift/d; s/password-1/password-3/' \"$1\"\n\
         else echo password-2 | {program} set SMTP_PASSWORD -e staging 2> /dev/null; echo 'MINE = \"1\"' >> \"$1\"; fi\n",
        program = program.display(),
        seen = seen.display()
    );
    std::fs::write(&editor, script).unwrap();
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.variables.insert("EDITOR".to_owned(), editor.into());
    let mut terminal = Terminal::start(&world, "edit -e staging");
    terminal.wait_for("open what you wrote again?");
    terminal.press("n\r");
    let (status, shown) = terminal.end();
    assert_eq!(status, 2, "{shown}");
    assert_eq!(world.value("staging", "SMTP_PASSWORD"), "password-2", "{shown}");
    world.set("SMTP_PASSWORD", "password-1");
    let mut terminal = Terminal::start(&world, "edit -e staging");
    terminal.wait_for("open what you wrote again?");
    terminal.press("\r");
    let (status, shown) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("# undrift: meanwhile, by name: changed SMTP_PASSWORD\n"), "{seen}");
    assert!(seen.contains("MINE = \"1\"") && seen.contains("password-1") && seen.contains("password-2"), "{seen}");
    assert_eq!(world.value("staging", "SMTP_PASSWORD"), "password-3");
    assert_eq!(world.value("staging", "MINE"), "1");
}

#[test]
fn a_push_says_how_much_it_removes_before_it_asks() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let text = world.read("undrift.toml");
    world.write(
        "undrift.toml",
        text.replace("[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\nenvironments = [\"staging\"]\n", ""),
    );
    let mut terminal = Terminal::start(&world, "push -e staging --prune");
    terminal.wait_for("removes 1 at github:acme/shop (staging); write to");
    terminal.press("n\r");
    let (status, seen) = terminal.end();
    assert_eq!(status, 2, "{seen}");
    assert!(github.values(&repository()).contains_key("STRIPE_KEY"), "{seen}");
}

#[test]
fn an_adoption_asks_for_the_value_and_for_a_yes() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.set(&repository(), "STRIPE_KEY", "typed-canary");
    for (keys, expected, value) in [("n\r", 2, "stripe-1"), ("y\r", 0, "typed-canary")] {
        let mut terminal = Terminal::start(&world, "adopt STRIPE_KEY -e staging -t ci");
        for question in ["value of STRIPE_KEY:", "once more:"] {
            terminal.wait_for(question);
            terminal.press("typed-canary\r");
        }
        terminal.wait_for("is that right?");
        terminal.press(keys);
        let (status, seen) = terminal.end();
        assert_eq!(status, expected, "{seen}");
        assert!(!seen.contains("canary"), "{seen}");
        assert_eq!(world.value("staging", "STRIPE_KEY"), value);
    }
}

#[test]
fn a_push_shows_the_places_and_writes_only_after_yes() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    for keys in ["n\r", "\r", "\u{3}", "\u{1b}"] {
        let mut terminal = Terminal::start(&world, "push -e staging");
        terminal.wait_for("write to");
        terminal.press(keys);
        let (status, seen) = terminal.end();
        assert_eq!(status, 2, "{keys:?}: {seen}");
        assert!(seen.contains("nothing was done"), "{keys:?}: {seen}");
        assert!(fly.values("shop-staging").is_empty() && github.values(&repository()).is_empty(), "{keys:?}");
    }
    let mut terminal = Terminal::start(&world, "push -e staging");
    terminal.wait_for("write to");
    terminal.press("y\r");
    let (status, seen) = terminal.end();
    assert_eq!(status, 0, "{seen}");
    assert!(seen.contains("fly:shop-staging (staging)") && seen.contains("github:acme/shop (staging)"), "{seen}");
    assert_eq!(fly.values("shop-staging")["API_TOKEN"], "token-1");
}

#[test]
fn a_rotation_of_what_somebody_still_knows_begins_at_once() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let text = world.read("undrift.toml");
    let made = |text: String, name: &str| {
        let head = format!("[secrets.{name}]\n");
        text.replace(&head, &format!("{head}generate = \"hex:16\"\n"))
    };
    world.write("undrift.toml", ["API_TOKEN", "SMTP_PASSWORD", "STRIPE_KEY"].into_iter().fold(text, made));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let key = undrift::vault::identity::generate().1;
    for (answer, is_rotated) in [("n", false), ("y", true)] {
        let _ = world.run(&["grant", "bob", &key, "-e", "staging", "--yes"]).status(0);
        let mut terminal = Terminal::start(&world, "revoke bob -e staging");
        terminal.wait_for("take access to `staging` from bob?");
        terminal.press("y\r");
        terminal.wait_for("undrift rotate API_TOKEN SMTP_PASSWORD STRIPE_KEY -e staging");
        terminal.wait_for("rotate them in `staging` now?");
        terminal.press(&format!("{answer}\r"));
        if is_rotated {
            terminal.wait_for("write new values of API_TOKEN, SMTP_PASSWORD, STRIPE_KEY to");
            terminal.press("y\r");
        }
        let (status, seen) = terminal.end();
        assert_eq!(status, 0, "{seen}");
        assert_eq!(world.value("staging", "STRIPE_KEY") != "stripe-1", is_rotated, "{seen}");
        let there = github.values(&repository())["STRIPE_KEY"].clone();
        assert_eq!(there, world.value("staging", "STRIPE_KEY").into_bytes(), "{seen}");
    }
}
