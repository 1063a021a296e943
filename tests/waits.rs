//! What undrift waits for is said when the wait begins. Nobody here waits for its end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use twins::{Fault, FaultKind};

use crate::process::undrift;
use crate::world::{World, twins};

/// Runs a command until it has said a line, and ends it.
fn first_line(world: &World, arguments: &[&str]) -> String {
    let mut child = undrift(world).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line
}

fn limited() -> Fault {
    let headers = vec![("retry-after".to_owned(), "55".to_owned())];
    Fault::new(FaultKind::Status { code: 429, headers, body: "{}".to_owned() }).always()
}

#[test]
fn a_log_says_what_an_audit_or_a_push_waits_for() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let waiting = |line: &str| {
        let (what, left) = line.split_once(", ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(what, "note: 127.0.0.1: the rate limit is used up");
        // The random part of a wait is a second at most.
        assert!(["55 s left\n", "56 s left\n"].contains(&left), "{line}");
    };
    github.inject(limited());
    waiting(&first_line(&world, &["audit"]));
    github.clear_faults();
    github.inject(limited().method("PUT"));
    waiting(&first_line(&world, &["push", "-e", "staging", "--yes"]));
}

#[test]
fn a_wait_that_is_too_long_is_an_error_that_says_when_to_come_back() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    github.set_remaining(0);
    let report = world.run(&["audit", "-t", "ci", "--format", "json"]).status(2).json();
    let failure = &report["failures"][0];
    // The twin's clock stands still at 09:12, and a limit lasts for an hour and up to a second.
    assert_eq!(failure["message"], "the rate limit is used up until 10:12:01 UTC");
    assert_eq!(failure["hint"], "run the same command again after 10:12:01 UTC");
}

#[test]
fn a_turn_is_waited_for_before_the_look_at_each_of_two_places_that_share_a_budget() {
    let (fly, github) = twins();
    github.create_repository("acme/site");
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let places = "[targets.a]\nkind = \"github\"\nrepository = \"acme/shop\"\n\
                  [targets.b]\nkind = \"github\"\nrepository = \"acme/site\"\n";
    // Twenty writes are sent at once; each one after them waits for its turn.
    let names: Vec<String> = (10..21).map(|number| format!("S{number}")).collect();
    let declared = names.iter().map(|name| format!("[secrets.{name}]\n")).collect::<Vec<_>>().concat();
    let others: String =
        ["API_TOKEN", "SMTP_PASSWORD", "STRIPE_KEY"].map(|name| format!("[secrets.{name}]\ntargets = []\n")).concat();
    world.write("undrift.toml", format!("version = 1\n[environments.staging]\n{places}{declared}{others}"));
    for name in &names {
        world.set(name, "ours");
    }
    world.network.write_gap = std::time::Duration::from_secs(2);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let of_last = |request: &twins::Request| request.path.split('?').next().is_some_and(|path| path.ends_with("/S20"));
    let lines: Vec<String> =
        github.requests().iter().filter(|it| of_last(it)).map(|it| format!("{} {}", it.method, it.path)).collect();
    let writes: Vec<usize> = (0..lines.len()).filter(|index| lines[*index].starts_with("PUT")).collect();
    assert_eq!(writes.len(), 2, "{lines:#?}");
    for index in writes {
        assert_eq!(lines[index - 1], lines[index].replace("PUT", "GET"), "{lines:#?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_counts_the_seconds_down() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let headers = vec![("retry-after".to_owned(), "3".to_owned())];
    github.inject(Fault::new(FaultKind::Status { code: 429, headers, body: "{}".to_owned() }).times(1));
    let mut terminal = crate::prompts::Terminal::start(&world, "audit -e staging");
    for seconds in ["3 s left", "2 s left", "1 s left"] {
        terminal.wait_for(seconds);
    }
    let (status, seen) = terminal.end();
    assert_eq!(status, 1, "{seen}");
    // Nothing of it is left on the screen.
    assert!(seen.rfind("\u{1b}[2K") > seen.rfind("left"), "{seen:?}");
}
