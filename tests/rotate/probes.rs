//! Rotations of values that somebody can be asked about: what is dead goes nowhere, and what is alive is never forgotten.

use twins::{Fault, FaultKind, IssuerTwin};

use super::*;
use crate::probe::{by_header, forge};

/// A project after one push, whose token an issuer knows: the old one is alive, and so is `token-2`.
fn probed() -> (IssuerTwin, FlyTwin, GitHubTwin, World) {
    let (fly, github, world) = pushed();
    let issuer = IssuerTwin::start(&["token-1", "token-2"]);
    declare(&world, &format!("probe = {{ {} }}", by_header(&issuer)));
    (issuer, fly, github, world)
}

fn declare(world: &World, probe: &str) {
    let section = "[secrets.API_TOKEN]\n";
    world.write("undrift.toml", SHOP.replace(section, &format!("{section}{probe}\n")));
}

/// How often the issuer was asked about a token.
fn asked(issuer: &IssuerTwin, token: &str) -> usize {
    let header = |name: &str, value: &[u8]| name == "api_access_token" && value == token.as_bytes();
    issuer.requests().iter().filter(|it| it.headers.iter().any(|(name, value)| header(name, value))).count()
}

/// Clears the address of the issuer, which is another one each time.
fn clean(issuer: &IssuerTwin, ran: &Ran) -> String {
    ran.transcript().replace(&issuer.url(), "[issuer]")
}

#[test]
fn a_run_ends_when_the_old_value_is_dead_and_says_until_then_what_it_waits_for() {
    let (issuer, fly, github, mut world) = probed();
    assert_snapshot!("old_alive", clean(&issuer, &rotate(&world, "token-2\n").status(1)));
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    // Before the first push, after the roll-out, and the old one at the end.
    assert_eq!((asked(&issuer, "token-2"), asked(&issuer, "token-1")), (2, 1));
    let audit = world.run(&["audit", "-e", "staging", "--all"]).status(0).output;
    assert!(audit.replace('\n', " ").contains("the end of the old value of API_TOKEN"), "{audit}");
    // Where nobody can tell, the old value stays as well.
    issuer.inject(Fault::new(FaultKind::status(500, "{}")).skip(2));
    assert_snapshot!("old_unknown", clean(&issuer, &go_on(&world).status(2)));
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    // Still alive, five minutes later.
    world.now = "2026-11-20T09:05:00Z".parse().unwrap();
    let _ = go_on(&world).status(1);
    issuer.revoke("token-1");
    world.now = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_snapshot!("old_revoked", clean(&issuer, &go_on(&world).status(0)));
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    assert_eq!(writes(&fly, &github), 2);
    // What the run was stays in the log.
    let log = world.run(&["log", "-e", "staging"]).status(0).output;
    assert_snapshot!("log", log.split_once("rotate").unwrap().1.replace(&issuer.url(), "[issuer]"));
    let json = world.run(&["log", "-e", "staging", "--format", "json"]).status(0).json();
    let last = json["environments"][0]["entries"].as_array().unwrap().last().unwrap().clone();
    assert_snapshot!("log_json", format!("{:#}", last["run"]));
}

#[test]
fn a_new_value_that_is_dead_or_unknown_goes_to_no_place() {
    for (kind, status, name) in [
        (None, 1, "new_dead"),
        (Some(FaultKind::status(500, "{}")), 2, "new_500"),
        (Some(FaultKind::status(404, "{}")), 2, "new_404"),
        (Some(FaultKind::Redirect("http://127.0.0.1:9/".to_owned())), 2, "new_redirected"),
        (Some(FaultKind::ResetBefore), 2, "new_reset"),
    ] {
        let (issuer, fly, github, world) = probed();
        if let Some(kind) = kind {
            issuer.inject(Fault::new(kind).always());
        } else {
            issuer.revoke("token-2");
        }
        assert_snapshot!(name, clean(&issuer, &rotate(&world, "token-2\n").status(status)));
        // No place was written to, or even asked.
        assert_eq!((fly.requests().len(), github.requests().len()), (0, 0), "{name}");
        assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
        assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
        let _ = go_on(&world).status(status);
        assert_eq!((fly.requests().len(), github.requests().len()), (0, 0), "{name}");
        let _ = roll_back(&world).status(0);
        assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
        assert_eq!(writes(&fly, &github), 0, "{name}");
        assert_eq!(world.run(&["audit"]).status(0).talk, "");
        // What was wrong is mended, and another attempt goes through.
        issuer.clear_faults();
        issuer.issue("token-3");
        issuer.revoke("token-1");
        let _ = rotate(&world, "token-3").status(0);
        assert_eq!(there(&fly, &github), ["token-3", "token-3"]);
    }
}

#[test]
fn an_answer_that_comes_later_lets_the_run_go_on() {
    let (issuer, fly, github, world) = probed();
    issuer.revoke("token-1");
    issuer.inject(Fault::new(FaultKind::status(503, "{}")));
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    // An issuer that kills the old value at once is no reason to wait.
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
}

#[test]
fn a_service_that_is_half_configured_does_not_stop_what_mends_it() {
    let (issuer, fly, github, world) = probed();
    issuer.revoke("token-1");
    let down = || Fault::new(FaultKind::status(500, "{}")).always();
    github.inject(down().method("PUT"));
    let _ = rotate(&world, "token-2").status(2);
    assert_eq!(there(&fly, &github), ["token-2", "token-1"]);
    github.clear_faults();
    issuer.inject(down());
    // Every place gets the value that was alive before, and nobody can tell whether it is.
    assert_snapshot!("unknown_at_the_end", clean(&issuer, &go_on(&world).status(2)));
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    issuer.clear_faults();
    let _ = go_on(&world).status(0);
    assert_eq!(values(&world, "API_TOKEN").1, None);
}

#[test]
fn a_new_value_that_is_revoked_on_the_way_stops_the_run_and_the_old_one_comes_back() {
    // Between two attempts: no further place gets it.
    let (issuer, fly, github, world) = probed();
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    github.clear_faults();
    issuer.revoke("token-2");
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("revoked_on_the_way", clean(&issuer, &go_on(&world).status(1)));
    assert_eq!((fly.requests().len(), github.requests().len()), (0, 0));
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
    // In one attempt: every place runs it, and the old one stays beside it.
    let (issuer, fly, github, world) = probed();
    issuer.inject(Fault::new(FaultKind::status(401, "{}")).skip(1).always());
    let _ = rotate(&world, "token-2").status(1);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN").1.as_deref(), Some("token-1"));
    let _ = roll_back(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-1", "token-1"]);
}

#[test]
fn a_probe_that_cannot_be_asked_any_more_is_taken_out_by_who_declares_it() {
    let (issuer, fly, github, world) = probed();
    issuer.inject(Fault::new(FaultKind::status(500, "{}")).always());
    let _ = rotate(&world, "token-2").status(2);
    declare(&world, "probe = false");
    let finished = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    let hint = "hint: nobody has asked whether the old value of API_TOKEN still works: revoke it where it was issued\n";
    assert_eq!(finished.talk, hint);
}

#[test]
fn what_changes_together_is_asked_about_together() {
    let (fly, github, world) = pushed();
    let issuer = IssuerTwin::start(&["password-1:token-1", "password-2:token-2"]);
    let probe = by_header(&issuer).replace("{value}", "{SMTP_PASSWORD}:{value}");
    let declared = SHOP
        .replace(
            "[secrets.API_TOKEN]\n",
            &format!("[secrets.API_TOKEN]\nprobe = {{ {probe} }}\ncommand = [\"./issue\"]\n"),
        )
        .replace("[secrets.SMTP_PASSWORD]\n", "[secrets.SMTP_PASSWORD]\ncommand = [\"./issue\"]\n");
    world.write("undrift.toml", declared);
    script(&world, "issue", "read old; echo \"${old%1}2\"");
    let _ = world.run(&["rotate", "API_TOKEN", "SMTP_PASSWORD", "-e", "staging", "--yes"]).status(1);
    assert_eq!((asked(&issuer, "password-2:token-2"), asked(&issuer, "password-1:token-1")), (2, 1));
    issuer.revoke("password-1:token-1");
    let _ = go_on(&world).status(0);
    drop((fly, github));
}

#[test]
fn a_run_that_is_killed_while_it_asks_is_ended_by_the_next() {
    for questions in 1..=3 {
        let (issuer, fly, github, world) = probed();
        issuer.revoke("token-1");
        issuer.latency(Duration::from_millis(500));
        let mut child = kills::command(&world, &kills::ROTATE).spawn().unwrap();
        while issuer.requests().len() < questions && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(child.try_wait().unwrap().is_none(), "{questions}");
        child.kill().unwrap();
        child.wait().unwrap();
        issuer.latency(Duration::ZERO);
        // Nothing was written before the first answer.
        let expected = if questions == 1 { "token-1" } else { "token-2" };
        assert_eq!(there(&fly, &github), [expected, expected]);
        let _ = go_on(&world).status(0);
        assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
        assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    }
}

#[test]
fn who_will_be_asked_is_said_before_anything_is_done() {
    let (issuer, _fly, _github, world) = probed();
    let asked = world.run_with(&["rotate", "API_TOKEN", "-e", "staging"], "token-2").status(2).talk;
    let said = format!("whether a value of API_TOKEN is alive is asked at {}/me\n", issuer.url());
    assert!(asked.starts_with(&said), "{asked}");
    declare(&world, "probe = { command = [\"./ask\"] }");
    let asked = world.run_with(&["rotate", "API_TOKEN", "-e", "staging"], "token-2").status(2).talk;
    let said = "whether a value of API_TOKEN is alive is told by this program: ./ask API_TOKEN staging\n";
    assert!(asked.starts_with(said), "{asked}");
    assert_eq!(issuer.requests().len(), 0);
}

#[test]
fn where_nobody_has_vouched_for_a_file_nobody_is_asked() {
    let (issuer, fly, github, world) = probed();
    let _ = rotate(&world, "token-2").status(1);
    let questions = issuer.requests().len();
    let other = IssuerTwin::start(&[]);
    let probe = by_header(&issuer).replace(&issuer.url(), "{BASE_URL}");
    declare(&world, &format!("probe = {{ {probe} }}"));
    forge(&world, &other);
    let refused = go_on(&world).status(2);
    assert!(refused.talk.contains("vault/staging/forged.toml.age"), "{}", refused.transcript());
    let other_run = world.run_with(&["rotate", "SMTP_PASSWORD", "-e", "staging", "--yes"], "x").status(2);
    assert!(other_run.talk.contains("vault/staging/forged.toml.age"), "{}", other_run.transcript());
    // Nor where no file at all is sealed.
    std::fs::remove_file(world.path("vault/staging/forged.toml.age")).unwrap();
    declare(&world, &format!("probe = {{ {} }}", by_header(&issuer)));
    world.by_hand("staging");
    let refused = go_on(&world).status(2);
    assert!(refused.talk.contains("are not sealed"), "{}", refused.transcript());
    assert_eq!((issuer.requests().len(), other.requests().len()), (questions, 0));
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
}

#[test]
fn an_issuer_that_is_known_is_named_where_a_person_has_to_revoke() {
    let (issuer, _fly, _github, world) = probed();
    let probe = by_header(&issuer);
    declare(&world, &format!("kind = \"chatwoot-token\"\nprobe = {{ {probe} }}"));
    let new = "x".repeat(24);
    issuer.issue(&new);
    let open = rotate(&world, &new).status(1).talk;
    let link = "revoke it at https://app.chatwoot.com/app/profile";
    assert!(open.contains(&format!("still works: {link}, then `undrift rotate --continue -e staging`")), "{open}");
    declare(&world, "kind = \"chatwoot-token\"");
    let finished = go_on(&world).status(0).talk;
    assert!(finished.contains(link), "{finished}");
}

#[test]
fn the_record_for_a_ticket_has_answers_durations_and_receipts_and_nothing_of_it_is_a_sign() {
    let (issuer, fly, github, mut world) = probed();
    world.write(
        ".git/config",
        "[user]\n\tname = \"Eve | [x](https://x.y) `b` @acme \u{1b}[31m\"\n\temail = eve@example.com\n",
    );
    let _ = rotate(&world, "token-2").status(1);
    issuer.revoke("token-1");
    world.now = "2026-11-20T09:12:30Z".parse().unwrap();
    let ended = world.run(&["rotate", "--continue", "-e", "staging", "--yes", "--format", "markdown"]).status(0);
    assert_snapshot!("record", ended.output);
    assert!(!ended.output.contains('\u{1b}'));
    let log = world.run(&["log", "-e", "staging"]).status(0).output;
    assert!(!log.contains('\u{1b}'), "{log}");
    drop((fly, github));
}

#[test]
fn what_is_composed_of_it_is_asked_about_as_it_is_and_as_it_was() {
    let (fly, github, world) = pushed();
    let url = "[secrets.URL]\nenvironments = [\"staging\"]\nprobe = { command = [\"./ask\"] }\n";
    world.write("undrift.toml", format!("{SHOP}{url}"));
    let mut editing = world.below("");
    script(&editing, "editor", "echo '[URL]\ncompose = \"https://u:${API_TOKEN}@mail\"' >> \"$1\"");
    editing.variables.insert("EDITOR".to_owned(), editing.path("editor").into());
    editing.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let _ = editing.run(&["edit", "-e", "staging", "secrets"]).status(0);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    fly.clear_requests();
    github.clear_requests();
    // It knows the values that work, and what it was asked.
    let ask = "value=$(cat); printf '%s %s %s\\n' \"$1\" \"$2\" \"$value\" >> asked; grep -qxF \"$value\" works";
    script(&world, "ask", ask);
    world.write("works", "https://u:token-1@mail\n");
    let ran = rotate(&world, "token-2\n").status(1);
    assert!(ran.talk.contains("the new value of URL does not work"), "{}", ran.transcript());
    assert_eq!(writes(&fly, &github), 0);
    world.write("works", "https://u:token-1@mail\nhttps://u:token-2@mail\n");
    let ran = go_on(&world).status(1);
    assert!(ran.talk.contains("the old value of URL still works"), "{}", ran.transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    world.write("works", "https://u:token-2@mail\n");
    let _ = go_on(&world).status(0);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    let asked = world.read("asked");
    let last = asked.lines().last().unwrap();
    assert_eq!(last, "URL staging https://u:token-1@mail", "{asked}");
}
