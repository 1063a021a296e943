//! `undrift audit --notify`: who is told what and when, what is never shown, and what becomes of those who do not answer.

use std::time::Duration;

use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::Value;
use twins::{Access, Fault, FaultKind, FlyTwin, GitHubTwin, MailFault, MailSink, Permission, Permissions, WebhookSink};
use undrift::domain::declaration::{Encryption, MailServer};
use undrift::targets::notify::{Envelope, MailError, Mailer};

use crate::schemas::insist;
use crate::world::{SHOP, World, files, repository, twins};

/// What whoever knows the address of a webhook knows, and nobody else should.
const CANARY: &str = "canary-of-a-webhook-4711";

/// A shop that is in sync, with those who want to know.
struct Scene {
    fly: FlyTwin,
    github: GitHubTwin,
    webhook: WebhookSink,
    mail: MailSink,
    world: World,
}

impl Scene {
    fn new(notify: &str) -> Self {
        let (fly, github) = twins();
        let mut world = World::with_twins(&fly, &github);
        let (webhook, mail) = (WebhookSink::start(), MailSink::start());
        world.shop();
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        world.variables.insert("AUDIT_WEBHOOK".to_owned(), format!("{}/services/{CANARY}", webhook.url()).into());
        world.variables.insert("MAIL_PASSWORD".to_owned(), "canary-of-a-mail-4711".into());
        let scene = Self { fly, github, webhook, mail, world };
        scene.declare(notify);
        scene
    }

    fn declare(&self, notify: &str) {
        let notify = notify.replace("SMTP", &self.mail.url());
        self.world.write("undrift.toml", format!("{SHOP}\n[audit]\nevery = \"7d\"\n\n[notify]\n{notify}"));
    }

    /// Audits on a day of November, with a record, and tells.
    fn tell(&mut self, day: u8, status: u8) -> String {
        self.world.now = format!("2026-11-{day:02}T08:00:00Z").parse().unwrap();
        let talk = self.world.run(&["audit", "--record", "--notify"]).status(status).talk;
        assert!(!talk.contains("canary"), "{talk}");
        talk
    }

    fn drift(&self) {
        self.github.set(&repository(), "CODECOV_TOKEN", "theirs");
    }

    fn mend(&self) {
        self.github.remove(&repository(), "CODECOV_TOKEN");
    }
}

const WEBHOOK: &str = "[[notify.webhook]]\nurl = \"env:AUDIT_WEBHOOK\"\n";
const MAIL: &str = "[notify.mail]\nsmtp = \"SMTP\"\nfrom = \"undrift@example.com\"\nto = [\"ops@example.com\"]\n";
const ISSUE: &str = "[notify.issue]\nrepository = \"acme/shop\"\n";

#[test]
fn whoever_wants_to_know_hears_of_a_change_once() {
    let mut scene = Scene::new(&format!("{WEBHOOK}format = \"slack\"\n{WEBHOOK}{MAIL}"));
    assert_eq!(scene.tell(1, 0), "nothing is to be told that was not told before\n");
    scene.drift();
    assert_snapshot!("notify_told", scene.tell(8, 1));
    let messages = scene.webhook.take();
    assert_eq!(messages.len(), 2);
    let (json, slack): (Vec<Value>, Vec<Value>) = messages.into_iter().partition(|body| body["schema"].is_string());
    insist("message", &json[0]);
    assert_snapshot!("notify_json", format!("{:#}", json[0]));
    assert_snapshot!("notify_slack", format!("{:#}", slack[0]));
    let mails = scene.mail.take();
    assert_eq!(
        (mails[0].from.as_str(), mails[0].to.as_slice()),
        ("undrift@example.com", &["ops@example.com".to_owned()][..])
    );
    let lines = mails[0].content.lines().filter(|line| !line.starts_with("Message-ID: "));
    assert_snapshot!("notify_mail", lines.collect::<Vec<_>>().join("\n"));
    // The same again is nothing new, and its end is.
    assert!(scene.tell(15, 1).contains("nothing is to be told"));
    assert!(scene.webhook.take().is_empty() && scene.mail.take().is_empty());
    scene.mend();
    let _ = scene.tell(22, 0);
    let told = scene.webhook.take();
    let told = told.iter().find(|body| body["schema"].is_string()).unwrap();
    assert_eq!((&told["state"], &told["rows"][0]["part"]), (&"in-sync".into(), &"mended".into()));
}

#[test]
fn when_to_tell_is_declared_and_what_nobody_knows_is_always_told() {
    let mut scene = Scene::new(WEBHOOK);
    for (on, well, first, again) in [("change", 0, 1, 0), ("drift", 0, 1, 1), ("always", 1, 1, 1)] {
        std::fs::remove_dir_all(scene.world.path("history")).ok();
        scene.declare(&format!("on = \"{on}\"\n{WEBHOOK}"));
        scene.mend();
        let _ = scene.tell(1, 0);
        assert_eq!(scene.webhook.take().len(), well, "{on}");
        scene.drift();
        let _ = scene.tell(2, 1);
        assert_eq!(scene.webhook.take().len(), first, "{on}");
        let _ = scene.tell(3, 1);
        assert_eq!(scene.webhook.take().len(), again, "{on}");
        // Twice the same, and twice told.
        scene.fly.inject(Fault::new(FaultKind::status(500, "")).always());
        for day in [4, 5] {
            let _ = scene.tell(day, 2);
            let told = scene.webhook.take();
            assert_eq!((told.len(), &told[0]["state"]), (1, &"incomplete".into()), "{on}");
        }
        scene.fly.clear_faults();
    }
    // An audit that ends before it begins is told as well.
    std::fs::remove_file(scene.world.home().join(".config/undrift/identity.txt")).unwrap();
    let _ = scene.tell(6, 2);
    let told = scene.webhook.take();
    assert_eq!((told.len(), &told[0]["state"]), (1, &"failed".into()));
}

#[test]
fn a_dry_run_shows_every_message_and_sends_none() {
    let scene = Scene::new(&format!("{WEBHOOK}format = \"discord\"\n{WEBHOOK}format = \"teams\"\n{MAIL}{ISSUE}"));
    scene.drift();
    scene.github.clear_requests();
    let shown = scene.world.run(&["audit", "--notify", "--dry-run"]).status(1);
    assert!(!shown.transcript().contains("canary") && !shown.transcript().contains("/services"), "{}", shown.talk);
    assert_snapshot!("notify_dry_run", shown.talk);
    assert!(scene.webhook.requests().is_empty() && scene.mail.said().is_empty());
    assert!(scene.github.requests().iter().all(|request| !request.path.contains("issues")));
    // What is shown is what is sent.
    let _ = scene.world.run(&["audit", "--notify"]).status(1);
    for message in scene.webhook.take() {
        assert!(shown.talk.contains(&format!("{message:#}")), "{message:#}");
    }
    assert!(shown.talk.contains(&scene.github.issues("acme/shop")[0].body.trim_end().to_owned()));
}

#[test]
fn what_was_only_shown_is_still_to_be_told() {
    let mut scene = Scene::new(WEBHOOK);
    let _ = scene.tell(1, 0);
    scene.drift();
    scene.world.now = "2026-11-02T08:00:00Z".parse().unwrap();
    let _ = scene.world.run(&["audit", "--record", "--notify", "--dry-run"]).status(1);
    assert!(scene.webhook.take().is_empty());
    let _ = scene.tell(3, 1);
    assert_eq!(scene.webhook.take().len(), 1);
}

#[test]
fn a_report_that_is_named_says_what_was_there_before() {
    let mut scene = Scene::new(WEBHOOK);
    let _ = scene.tell(1, 0);
    scene.drift();
    let _ = scene.world.run(&["audit", "--write", "json=before.json"]).status(1);
    let since = ["audit", "--notify", "--changed-since", "before.json"];
    assert!(scene.world.run(&since).status(1).talk.contains("nothing is to be told"));
    scene.mend();
    let _ = scene.world.run(&since).status(0);
    let told = scene.webhook.take();
    assert_eq!((told.len(), &told[0]["rows"][0]["part"]), (1, &"mended".into()));
}

#[test]
fn one_who_does_not_answer_is_named_keeps_nobody_waiting_and_is_told_the_next_time() {
    let mut scene = Scene::new(&format!("{WEBHOOK}{MAIL}"));
    scene.world.network.request_timeout = Duration::from_millis(600);
    let _ = scene.tell(1, 0);
    scene.drift();
    let status = |code| FaultKind::status(code, format!("no {CANARY}"));
    let limited = FaultKind::Status {
        code: 429,
        headers: vec![("retry-after".to_owned(), "3600".to_owned())],
        body: String::new(),
    };
    let elsewhere = WebhookSink::start();
    let redirect = FaultKind::Redirect(format!("{}/{CANARY}", elsewhere.url()));
    // The second is how often it is tried: a few times where nothing can be told twice by it.
    for (fault, tries, said) in [
        (status(500), 4, "the request was refused (500)"),
        (status(404), 1, "nobody takes messages there"),
        (redirect, 1, "it leads elsewhere"),
        (limited, 1, "the rate limit is used up"),
        (FaultKind::Hang, 1, "no answer within 0.6 s"),
        (FaultKind::ResetAfter, 1, "the connection broke"),
    ] {
        scene.webhook.inject(Fault::new(fault).always());
        let talk = scene.tell(2, 2);
        let line = talk.lines().find(|line| line.contains("was not told")).unwrap_or_else(|| panic!("{talk}"));
        assert!(line.starts_with("error: 127.0.0.1 (json) was not told: ") && line.contains(said), "{talk}");
        assert_eq!(scene.webhook.requests().len(), tries, "{said}");
        assert_eq!(scene.mail.take().len(), 1, "the other one is told: {said}");
        scene.webhook.clear_faults();
        scene.webhook.clear_requests();
    }
    assert!(elsewhere.requests().is_empty());
    // A limit that passes is waited for, and what was recorded and not told is still new.
    scene.webhook.inject(Fault::new(FaultKind::Status {
        code: 429,
        headers: vec![("retry-after".to_owned(), "0".to_owned())],
        body: String::new(),
    }));
    let _ = scene.tell(3, 1);
    assert_eq!(scene.webhook.take().len(), 1);
    assert!(scene.tell(4, 1).contains("nothing is to be told"));
}

#[test]
fn a_mail_server_that_does_not_take_it_is_named_without_a_word_of_its_own() {
    let login = "user = \"canary-user\"\npassword = \"env:MAIL_PASSWORD\"\n";
    let mut scene = Scene::new(&format!("on = \"always\"\n{MAIL}{login}"));
    scene.world.network.request_timeout = Duration::from_millis(600);
    scene.mail.want_login("canary-user", "canary-of-a-mail-4711");
    assert!(scene.tell(1, 0).contains("told 127.0.0.1 (mail to ops@example.com)\n"));
    assert_eq!(scene.mail.take().len(), 1);
    for (fault, said) in [
        (MailFault::RefusesSender, "the mail server refuses it (550)"),
        (MailFault::TakesNothingNow, "the mail server does not take it now (451)"),
        (MailFault::Hangs, "no answer of the mail server within 0.6 s"),
    ] {
        scene.mail.fail(Some(fault));
        let talk = scene.tell(2, 2);
        assert!(talk.contains(&format!("was not told: {said}\n")), "{talk}");
        assert!(scene.mail.take().is_empty());
    }
    scene.mail.fail(None);
    scene.mail.want_login("canary-user", "another");
    assert!(scene.tell(3, 2).contains("the mail server refuses it (535)"));
}

/// What a configuration leads to off this machine, tried on it.
#[test]
fn without_encryption_nothing_is_said_to_a_mail_server_but_a_greeting() {
    let sink = MailSink::start();
    let server = MailServer { host: "127.0.0.1".to_owned(), port: sink.port(), encryption: Encryption::StartTls };
    let mailer = Mailer { server, login: None, timeout: Duration::from_secs(5) };
    let to = ["ops@example.com".to_owned()];
    let envelope =
        Envelope { from: "undrift@example.com", to: &to, subject: "s", text: "t", at: Timestamp::UNIX_EPOCH };
    assert!(matches!(wait(mailer.send(&envelope)), Err(MailError::Lacking)));
    assert!(sink.said().iter().all(|line| line.starts_with("EHLO") || line == "QUIT"));
    let mailer = Mailer { server: MailServer { encryption: Encryption::Implicit, ..mailer.server }, ..mailer };
    assert!(wait(mailer.send(&envelope)).is_err());
    assert!(sink.take().is_empty());
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn one_issue_is_opened_kept_closed_and_opened_again() {
    let mut scene = Scene::new(ISSUE);
    // Somebody else's, with the very mark that ours has.
    scene.github.open_issue("acme/shop", "mallory", "<!-- undrift-audit: . -->\ntheirs");
    assert!(scene.tell(1, 0).contains("the issue of acme/shop is closed, as it should be\n"));
    assert_eq!(scene.github.issues("acme/shop").len(), 1);
    scene.drift();
    assert!(scene.tell(2, 1).contains("the issue of acme/shop is opened: #2\n"));
    let opened = scene.github.issues("acme/shop")[1].clone();
    assert_snapshot!("notify_issue", format!("{}\n\n{}", opened.title, opened.body));
    assert!(scene.tell(3, 1).contains("is brought up to date: #2\n"));
    // Who looks at a part does not know whether all is well.
    let part = scene.world.run(&["audit", "-e", "staging", "-t", "web", "--notify"]).status(0);
    assert!(part.talk.contains("note: the issue of acme/shop is left as it is"), "{}", part.talk);
    scene.mend();
    assert!(scene.tell(4, 0).contains("is closed: #2\n"));
    scene.drift();
    assert!(scene.tell(5, 1).contains("is open again: #2\n"));
    scene.mend();
    scene.fly.inject(Fault::new(FaultKind::status(500, "")).always());
    assert!(scene.tell(6, 2).contains("is brought up to date: #2\n"), "an audit that is incomplete closes nothing");
    let issues = scene.github.issues("acme/shop");
    assert_eq!((issues.len(), issues[0].body.as_str()), (2, "<!-- undrift-audit: . -->\ntheirs"));
}

#[test]
fn a_pull_request_is_not_its_issue_whatever_it_says() {
    let mut scene = Scene::new(ISSUE);
    scene.github.open_pull_request("acme/shop", "octocat", "<!-- undrift-audit: . -->\nours");
    scene.drift();
    assert!(scene.tell(1, 1).contains("the issue of acme/shop is opened: #2\n"));
    assert_eq!(scene.github.issues("acme/shop")[0].body, "<!-- undrift-audit: . -->\nours");
}

#[test]
fn where_its_issue_cannot_be_looked_for_to_the_end_none_is_opened() {
    let mut scene = Scene::new(ISSUE);
    scene.drift();
    for _ in 0..1001 {
        scene.github.open_issue("acme/shop", "octocat", "another");
    }
    let talk = scene.tell(1, 2);
    assert!(talk.contains("was not told: ") && talk.contains("ours is not among the first 10 pages"), "{talk}");
    assert_eq!(scene.github.issues("acme/shop").len(), 1001);
}

#[test]
fn the_token_of_a_workflow_finds_its_issue_again_and_one_that_may_not_write_is_named() {
    let mut scene = Scene::new(&format!("{ISSUE}token = \"env:ISSUES\"\n"));
    let issues = |access| Permissions::all(Access::None).with(Permission::Issues, access);
    scene.github.allow_token("ghs_workflow", issues(Access::Write));
    scene.github.allow_token("ghs_reader", issues(Access::Read));
    scene.drift();
    scene.world.variables.insert("ISSUES".to_owned(), "ghs_reader".into());
    assert!(scene.tell(1, 2).contains("error: the issue of acme/shop was not told: the token may not do this (403)"));
    scene.world.variables.insert("ISSUES".to_owned(), "ghs_workflow".into());
    assert!(scene.tell(2, 1).contains("is opened: #1"));
    assert!(scene.tell(3, 1).contains("is brought up to date: #1"));
    scene.world.variables.remove("ISSUES");
    assert!(scene.tell(4, 2).contains("was not told: `env:ISSUES` has nothing in it"));
}

#[test]
fn what_cannot_be_told_is_refused_before_anything_is_asked_or_named_where_it_is_missing() {
    let scene = Scene::new(&format!("{WEBHOOK}[[notify.webhook]]\nurl = \"vault:HOOK\"\n"));
    scene.drift();
    let mut world = scene.world.below("");
    world.variables.insert("AUDIT_WEBHOOK".to_owned(), format!("http://hooks.example.com/{CANARY}").into());
    let wrong = world.run(&["audit", "--notify"]).status(2);
    assert!(!wrong.talk.contains("canary"), "{}", wrong.talk);
    assert_snapshot!("notify_wrong", wrong.talk);
    // The vault has it now; it is pushed nowhere.
    scene
        .world
        .write("undrift.toml", scene.world.read("undrift.toml") + "\n[secrets.HOOK]\nenvironments = [\"staging\"]\n");
    let address = format!("{}/vault/{CANARY}", scene.webhook.url());
    let _ = scene.world.run_with(&["set", "HOOK", "-e", "staging"], &address).status(0);
    let told = scene.world.run(&["audit", "--notify"]).status(1);
    assert!(!told.transcript().contains("HOOK"), "{}", told.transcript());
    assert!(scene.webhook.requests().iter().any(|request| request.path == format!("/vault/{CANARY}")));
    let before = files(&scene.world.path("vault"));
    scene.world.write("undrift.toml", SHOP);
    scene.fly.clear_requests();
    let nobody = scene.world.run(&["audit", "--notify"]).status(2);
    assert!(nobody.talk.starts_with("error: undrift.toml names nobody to tell\nhint: "), "{}", nobody.talk);
    let _ = scene.world.run(&["audit", "--dry-run"]).status(2);
    assert!(scene.fly.requests().is_empty());
    assert_eq!(files(&scene.world.path("vault")), before);
}

#[test]
fn an_audit_that_is_late_is_said_to_be() {
    let mut scene = Scene::new(WEBHOOK);
    let _ = scene.tell(1, 0);
    scene.world.now = "2026-11-08T08:00:00Z".parse().unwrap();
    let history = scene.world.run(&["history"]).status(0);
    assert!(history.output.ends_with("the next audit is due by 2026-11-08\n"), "{}", history.output);
    assert_eq!(history.talk, "");
    scene.world.now = "2026-11-09T08:00:00Z".parse().unwrap();
    let late = "note: the last recorded audit is of 2026-11-01 08:00 UTC, and the next was due by 2026-11-08\n";
    assert_eq!(scene.world.run(&["history"]).status(0).talk, late);
    let audit = scene.world.run(&["audit", "--write", "html=a.html", "--write", "markdown=a.md"]).status(0);
    assert!(audit.talk.starts_with(late), "{}", audit.talk);
    for text in [audit.output, scene.world.read("a.html"), scene.world.read("a.md")] {
        assert!(text.contains("the next audit is due by 2026-11-16"), "{text}");
    }
    assert_eq!(scene.world.run(&["history", "--format", "json"]).status(0).json()["next_audit"], "2026-11-08");
}
