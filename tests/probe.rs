//! `undrift probe`: one question, three answers, and a reason for each.

use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, IssuerTwin};

use crate::conformance::tls::Server;
use crate::tools;
use crate::world::{Ran, SHOP, World};

/// A project whose token an issuer knows.
pub(crate) fn declare(world: &World, probe: &str) {
    let section = "[secrets.API_TOKEN]\n";
    world.write("undrift.toml", SHOP.replace(section, &format!("{section}probe = {{ {probe} }}\n")));
}

/// A probe at an issuer by a header.
pub(crate) fn by_header(issuer: &IssuerTwin) -> String {
    format!(
        "url = \"{}/me\", headers = {{ api_access_token = \"{{value}}\" }}, alive = [200], dead = [401, 403]",
        issuer.url()
    )
}

fn shop() -> (IssuerTwin, World) {
    let (issuer, world) = (IssuerTwin::start(&["token-1"]), World::new());
    world.shop();
    declare(&world, &by_header(&issuer));
    (issuer, world)
}

fn probe(world: &World) -> Ran {
    world.run(&["probe", "API_TOKEN", "-e", "staging"])
}

#[test]
fn a_value_is_alive_or_dead_or_nobody_can_tell() {
    let (issuer, mut world) = shop();
    let before = crate::world::files(&world.path(""));
    let mut told = vec![probe(&world).status(0).transcript()];
    issuer.revoke("token-1");
    told.push(probe(&world).status(1).transcript());
    for kind in [
        FaultKind::status(500, "{}"),
        FaultKind::status(404, "{}"),
        FaultKind::status(429, "{}"),
        FaultKind::status(204, ""),
        // A token in a header goes nowhere else.
        FaultKind::Redirect(format!("{}/other", issuer.url())),
        FaultKind::ResetAfter,
    ] {
        issuer.inject(Fault::new(kind));
        told.push(probe(&world).status(2).transcript());
    }
    world.network.request_timeout = Duration::from_millis(200);
    issuer.inject(Fault::new(FaultKind::Hang));
    told.push(probe(&world).status(2).transcript());
    // Each is asked once, whatever comes of it.
    assert_eq!(issuer.requests().len(), told.len());
    assert!(issuer.requests().iter().all(|request| (request.method.as_str(), request.path.as_str()) == ("GET", "/me")));
    world.network.request_timeout = Duration::from_secs(5);
    declare(&world, &by_header(&issuer).replace("http://", "https://"));
    told.push(probe(&world).status(2).transcript());
    declare(&world, &by_header(&issuer));
    drop(issuer);
    told.push(probe(&world).status(2).transcript());
    assert_snapshot!("answers", told.join("\n"));
    assert!(crate::world::files(&world.path("")) == before);
}

#[test]
fn what_needs_no_asking_is_refused() {
    let (issuer, world) = shop();
    let refused = |arguments: &[&str]| world.run(arguments).status(2).talk;
    assert_snapshot!("no_probe", refused(&["probe", "SMTP_PASSWORD", "-e", "staging"]));
    assert!(refused(&["probe", "API_TOKE", "-e", "staging"]).contains("did you mean `API_TOKEN`?"));
    assert!(refused(&["probe", "API_TOKEN"]).contains("say which one environment is meant"));
    // Nobody vouches for the files: one of them may name another host.
    world.by_hand("staging");
    assert!(refused(&["probe", "API_TOKEN", "-e", "staging"]).contains("are not sealed"));
    assert_eq!(issuer.requests().len(), 0);
}

#[test]
fn a_file_that_nobody_has_vouched_for_names_no_host() {
    let (issuer, world) = shop();
    declare(&world, &by_header(&issuer).replace(&issuer.url(), "{BASE_URL}"));
    forge(&world, &issuer);
    let talk = probe(&world).status(2).talk;
    assert!(talk.contains("vault/staging/forged.toml.age"), "{talk}");
    assert_eq!(issuer.requests().len(), 0);
    // As soon as somebody vouches for it, it counts.
    world.seal();
    let _ = probe(&world).status(0);
    assert_eq!(issuer.requests().len(), 1);
}

/// Adds a file to staging that says who is to be asked. Nobody vouches for it: a public key is all that it takes.
pub(crate) fn forge(world: &World, issuer: &IssuerTwin) {
    let recipients = world.read("vault/staging/recipients.txt");
    let recipient: age::x25519::Recipient = recipients.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    let forged = format!("[BASE_URL]\nvalue = \"{}\"\n", issuer.url());
    world.write("vault/staging/forged.toml.age", age::encrypt_and_armor(&recipient, forged.as_bytes()).unwrap());
}

#[test]
fn a_host_that_nobody_vouches_for_is_told_no_value() {
    if !tools::has("openssl", "a probe at a host that nobody vouches for") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let world = World::new();
    world.shop();
    let url = format!("https://localhost:{}/me", server.port());
    declare(&world, &format!("url = \"{url}\", headers = {{ api_access_token = \"{{value}}\" }}"));
    let told = probe(&world).status(2).output;
    assert!(!String::from_utf8_lossy(&server.heard()).contains("token-1"));
    // A machine without any certificates trusts nobody at all.
    let expected = [
        "unknown: its certificate is not one that this machine trusts\n",
        "unknown: this machine has no certificates to check a connection with\n",
    ];
    assert!(expected.contains(&told.as_str()), "{told}");
}

#[test]
fn a_value_goes_into_a_body_and_the_address_may_begin_with_a_secret() {
    let (issuer, world) = shop();
    declare(&world, "url = \"{BASE_URL}/introspect\", method = \"POST\", body = \"{value}\"");
    let told = probe(&world).status(2).output;
    assert_eq!(told, "unknown: nobody was asked: the probe needs BASE_URL, which has no value in this environment\n");
    world.set("BASE_URL", &format!("{}/", issuer.url()));
    assert_eq!(probe(&world).status(0).output, "alive: it answered 200\n");
    let [asked] = &issuer.requests()[..] else { panic!("one request") };
    assert_eq!((asked.path.as_str(), &asked.body[..]), ("/introspect", &b"token-1"[..]));
    world.set("BASE_URL", "http://chat.example.com");
    let told = probe(&world).status(2).output;
    assert_eq!(told, "unknown: nobody was asked: the value of BASE_URL is no address that a probe may begin with\n");
}

#[test]
fn nothing_on_the_way_of_a_plain_address_is_a_proxy() {
    let (issuer, mut world) = shop();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        world.variables.insert(name.to_owned(), "http://127.0.0.1:9".into());
    }
    let told = crate::process::undrift(&world).args(["probe", "API_TOKEN", "-e", "staging"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout), "alive: it answered 200\n");
    drop(issuer);
}

#[test]
fn a_program_is_asked_with_the_value_on_its_standard_input_and_nobody_hears_it() {
    let (_issuer, mut world) = shop();
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    world.variables.insert("FLY_API_TOKEN".to_owned(), "fly-token".into());
    declare(&world, "command = [\"./ask\", \"--fast\"]");
    let script = |lines: &str| {
        world.write("ask", format!("#!/bin/sh\n{lines}\n"));
        std::fs::set_permissions(world.path("ask"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    script("echo \"$1 $2 $3 $(cat) ${FLY_API_TOKEN:-none}\" > asked; cat asked; cat asked >&2");
    // What it writes goes nowhere, not even to the streams that it inherits.
    let told = crate::process::undrift(&world).args(["probe", "API_TOKEN", "-e", "staging"]).output().unwrap();
    let told = [told.stdout, told.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert_eq!(told, ["alive: the program ended with 0\n", ""]);
    assert_eq!(world.read("asked"), "--fast API_TOKEN staging token-1 none\n");
    // One that does not want the value is none the worse for it.
    for (lines, status, output) in [
        ("exit 1", 1, "dead: the program ended with 1\n"),
        ("exit 7", 2, "unknown: the program ended with 7, which is neither 0 for alive nor 1 for dead\n"),
        ("kill -9 $$", 2, "unknown: a signal has ended the program\n"),
    ] {
        script(lines);
        assert_eq!(probe(&world).status(status).output, output);
    }
    std::fs::remove_file(world.path("ask")).unwrap();
    let told = probe(&world).status(2).output;
    assert_eq!(told, "unknown: the program cannot be started: No such file or directory (os error 2)\n");
}

#[test]
fn a_wrong_declaration_is_named_with_its_line() {
    let (_issuer, world) = shop();
    declare(&world, "url = \"https://chat.example.com/?token={value}\"");
    let line = world.read("undrift.toml").lines().position(|line| line.starts_with("probe")).unwrap() + 1;
    let talk = probe(&world).status(2).talk;
    assert!(talk.starts_with(&format!("error: undrift.toml:{line}: `{{value}}` never stands in `url`")), "{talk}");
    declare(&world, "urll = \"https://chat.example.com\"");
    let talk = probe(&world).status(2).talk;
    assert_eq!(talk, format!("error: undrift.toml:{line}: unknown key `urll`; did you mean `url`?\n"));
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\nprobe = true\n"));
    let talk = probe(&world).status(2).talk;
    assert!(talk.contains("expected a table with `url` or `command`, or `false`"), "{talk}");
}
