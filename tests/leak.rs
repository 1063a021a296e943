//! No value is ever shown or stored: canaries through every verb, and a search of every byte that came out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use clap::CommandFactory;
use twins::{
    FLY_TOKEN, Fault, FaultKind, FlyTwin, GITHUB_TOKEN, GitHubTwin, IssuerTwin, MailSink, Request, WebhookSink,
};

use undrift::vault::keyring::Keyring;

use crate::tools;
use crate::world::{SHOP, World, files, repository, twins};

const CANARIES: [&str; 4] = [
    "canary-one-4711-of-the-first-kind",
    "canary two\nwith = \"two\" lines & more",
    "canary#three$4711/with+odd=signs",
    "kanarienvogel-ü-4711-größer-als-sonst",
];

/// What leads to those who are told: a part of an address, and a password.
const SECRETS: [&str; 2] = ["canary-of-a-webhook-4711", "canary-of-a-mail-password-4711"];

/// A token that no platform knows.
const REFUSED_TOKEN: &str = "ghp_4711-a-token-of-nobody";
/// Somebody's public key.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// The least part of a value that counts as one, in bytes.
const PART: usize = 12;

/// The forms in which a value could leak, some of them cut so that a part of it is found too.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(value).unwrap();
    let percent = |escapes: fn(u8) -> bool, pair: fn(u8) -> String| -> String {
        let escaped = |byte: u8| if escapes(byte) { pair(byte) } else { char::from(byte).to_string() };
        value.bytes().map(escaped).collect()
    };
    let reserved = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte);
    let mut forms = vec![
        value.as_bytes().to_vec(),
        value.split(['\n', '#']).next().unwrap().as_bytes().to_vec(),
        value.chars().rev().collect::<String>().into_bytes(),
        json.trim_matches('"').as_bytes().to_vec(),
        in_ascii(json.trim_matches('"')),
        format!("{value:?}").trim_matches('"').as_bytes().to_vec(),
        percent(|_| true, |byte| format!("%{byte:02X}")).into_bytes(),
        percent(|_| true, |byte| format!("%{byte:02x}")).into_bytes(),
        percent(reserved, |byte| format!("%{byte:02X}")).into_bytes(),
        percent(reserved, |byte| format!("%{byte:02x}")).into_bytes(),
        percent(reserved, |byte| if byte == b' ' { "+".to_owned() } else { format!("%{byte:02X}") }).into_bytes(),
        hex::encode(value).into_bytes(),
        hex::encode_upper(value).into_bytes(),
        STANDARD.encode(value).into_bytes(),
        STANDARD_NO_PAD.encode(value).into_bytes(),
        URL_SAFE.encode(value).into_bytes(),
        URL_SAFE_NO_PAD.encode(value).into_bytes(),
        format!("{:?}", value.as_bytes()).trim_matches(['[', ']']).as_bytes().to_vec(),
    ];
    // Encoded inside a longer text, base64 shifts by one or two bytes.
    for shift in 1..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            let shifted = engine.encode([&vec![b'x'; shift], value.as_bytes()].concat());
            forms.push(shifted.as_bytes()[4..shifted.len() - 4].to_vec());
        }
    }
    let middle = value.len() / 2;
    forms.extend([&value.as_bytes()[..middle], &value.as_bytes()[middle..]].map(<[u8]>::to_vec));
    forms.retain(|form| form.len() >= PART.min(value.len()));
    forms
}

/// Writes JSON as programs do that keep to ASCII.
fn in_ascii(json: &str) -> Vec<u8> {
    let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    json.chars().map(escaped).collect::<String>().into_bytes()
}

/// Finds any form of any of these values.
struct Hunt {
    forms: Vec<Vec<u8>>,
    automaton: AhoCorasick,
}

impl Hunt {
    fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let forms: Vec<Vec<u8>> = values.into_iter().flat_map(forms).collect();
        Self {
            automaton: AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&forms).unwrap(),
            forms,
        }
    }

    #[track_caller]
    fn through(&self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.automaton.find(bytes) {
            panic!("`{}` leaked into {place}", String::from_utf8_lossy(&self.forms[found.pattern()]));
        }
    }
}

#[test]
fn the_hunt_finds_what_leaks() {
    let hunt = Hunt::new(CANARIES);
    for value in CANARIES {
        for form in forms(value) {
            let text = [b"before ".as_slice(), &form, b" after"].concat();
            assert!(std::panic::catch_unwind(|| hunt.through("here", &text)).is_err());
        }
    }
    hunt.through("here", b"a canary, and nothing of it");
}

/// One place of everything that values pass through, with what is searched for in it.
struct Scene {
    fly: FlyTwin,
    github: GitHubTwin,
    world: World,
    /// What was said, by command.
    said: RefCell<BTreeMap<String, String>>,
    /// The verbs that were run.
    verbs: RefCell<BTreeSet<String>>,
    tokens: Hunt,
}

impl Scene {
    fn new() -> Self {
        let (fly, github) = twins();
        let mut world = World::with_twins(&fly, &github);
        world.keyring = Keyring::of(keyring_core::mock::Store::new().unwrap());
        world.network.retries = 0;
        world.network.secondary_wait = Duration::from_millis(1);
        world.network.request_timeout = Duration::from_secs(2);
        world.shop();
        // Values of another kind than is declared are spoken of in every report.
        let mut declared = SHOP.to_owned();
        for (name, kind) in [("API_TOKEN", "github-token"), ("SMTP_PASSWORD", "jwt"), ("STRIPE_KEY", "postgres-url")] {
            let table = format!("[secrets.{name}]\n");
            declared = declared.replace(&table, &format!("{table}kind = \"{kind}\"\npattern = \"[0-9]+\"\n"));
        }
        world.write("undrift.toml", declared);
        let scene = Self {
            fly,
            github,
            world,
            said: RefCell::default(),
            verbs: RefCell::default(),
            tokens: Hunt::new([FLY_TOKEN, GITHUB_TOKEN, REFUSED_TOKEN]),
        };
        for (name, value) in ["API_TOKEN", "SMTP_PASSWORD", "STRIPE_KEY", "UNDECLARED"].iter().zip(CANARIES) {
            scene.run_with(&["set", name, "-e", "staging"], value);
        }
        scene
    }

    fn run(&self, arguments: &[&str]) {
        self.run_with(arguments, "");
    }

    fn run_with(&self, arguments: &[&str], input: &str) {
        let transcript = self.world.run_with(arguments, input).transcript();
        let mut said = self.said.borrow_mut();
        let number = said.len();
        said.insert(format!("{number} {arguments:?}"), transcript);
        self.verbs.borrow_mut().insert(arguments[0].to_owned());
    }

    /// Runs a command whose output is the values themselves; what it says beside them is searched.
    fn run_for_its_values(&self, arguments: &[&str]) {
        let talk = self.world.run(arguments).talk;
        self.verbs.borrow_mut().insert(arguments[0].to_owned());
        self.said.borrow_mut().insert(format!("the talk of {arguments:?}"), talk);
    }

    /// Searches all that was said since the last time, every file there is, and every request since the last time.
    fn search(&self, hunt: &Hunt) {
        let digests: Vec<String> =
            self.fly.values("shop-staging").values().map(|value| self.fly.digest_of(value)).collect();
        let digests = Hunt::new(digests.iter().map(String::as_str));
        let tokens = &self.tokens;
        let all = |place: &str, bytes: &[u8]| [hunt, &digests, tokens].iter().for_each(|it| it.through(place, bytes));
        for (place, text) in std::mem::take(&mut *self.said.borrow_mut()) {
            all(&place, text.as_bytes());
            assert!(!text.to_ascii_uppercase().contains("AGE-SECRET-KEY"), "the identity leaked into {place}");
        }
        let lock = std::fs::read(self.world.path(".undrift/lock")).unwrap_or_default();
        all("the lock", &lock);
        for (path, content) in files(&self.world.path("")).into_iter().chain(files(&self.world.home())) {
            if path.starts_with(self.world.path("plain")) || path.starts_with(self.world.home().join("bin")) {
                continue;
            }
            all(&path.display().to_string(), &content);
            let is_identity = path.ends_with("identity.txt");
            let text = String::from_utf8_lossy(&content).to_ascii_uppercase();
            assert!(is_identity || !text.contains("AGE-SECRET-KEY"), "the identity is in {}", path.display());
        }
        for request in self.fly.requests() {
            travels(&request, hunt, tokens);
        }
        for request in self.github.requests() {
            travels(&request, hunt, tokens);
            // To GitHub a value goes only sealed.
            all("the body of a request to GitHub", &request.body);
        }
        self.fly.clear_requests();
        self.github.clear_requests();
    }
}

/// A value travels in a body alone, and a token in one header.
fn travels(request: &Request, hunt: &Hunt, tokens: &Hunt) {
    let address = format!("{}?{}", request.path, request.query);
    hunt.through("an address", address.as_bytes());
    tokens.through("an address", address.as_bytes());
    tokens.through("a body", &request.body);
    for (name, value) in &request.headers {
        hunt.through(name, value);
        if name != "authorization" {
            tokens.through(name, value);
        }
    }
}

/// What a platform may answer that repeats what it was sent, and what else may befall a request.
fn misfortunes() -> Vec<FaultKind> {
    let echo = |code: u16, headers: &[(&str, &str)], body: String| FaultKind::Status {
        code,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body,
    };
    let message = |canary: &str| serde_json::json!({ "message": canary, "error": canary }).to_string();
    let mut kinds: Vec<FaultKind> = [400, 401, 403, 404, 409, 412, 422]
        .into_iter()
        .map(|code| echo(code, &[("x-request-id", CANARIES[0])], message(CANARIES[usize::from(code) % 4])))
        .collect();
    kinds.extend([408, 500, 502, 503].map(|code| echo(code, &[], CANARIES[0].to_owned())));
    kinds.extend([
        echo(429, &[("retry-after", "0")], message(CANARIES[1])),
        echo(403, &[("retry-after", "0")], message(CANARIES[2])),
        echo(429, &[("retry-after", CANARIES[0])], message(CANARIES[3])),
        echo(200, &[], serde_json::json!({ "errors": [{ "message": CANARIES[1] }] }).to_string()),
        echo(200, &[("content-type", CANARIES[0])], format!("<html>{}", CANARIES[2])),
        echo(200, &[("link", "<canary-one-4711-of-the-first-kind>; rel=\"next\"")], message(CANARIES[0])),
        FaultKind::Redirect(format!("http://127.0.0.1:9/{}", CANARIES[0])),
        FaultKind::Garbage,
        FaultKind::CutBody,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::HugeBody(32 * 1024 * 1024),
    ]);
    kinds
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each way to call each verb")]
fn no_verb_shows_or_stores_a_value() {
    let mut scene = Scene::new();
    let hunt = Hunt::new(CANARIES);
    scene.world.write(
        "plain/api_staging.env",
        format!("API_TOKEN='{}'\nNEW='{}'\nBROKEN='{}\n", CANARIES[0], CANARIES[2], CANARIES[3]),
    );
    scene.world.write("plain/web_staging.env", format!("STRIPE_KEY='{}'\nOTHER=\"{}\"\n", CANARIES[3], CANARIES[0]));
    for arguments in [
        &["set", CANARIES[0], "-e", "staging"][..],
        &["set", "API_TOKEN=canary-one-4711-of-the-first-kind", "-e", "staging"],
        &["set", "API_TOKEN", CANARIES[1], "-e", "staging"],
    ] {
        let ran = scene.world.run(arguments).transcript();
        hunt.through("the answer to a value in the wrong place", ran.as_bytes());
    }
    scene.world.write("undrift.toml", format!("version = 1\n[secrets]\nAPI_TOKEN = \"{}\"\n", CANARIES[0]));
    let mistaken = scene.world.run(&["audit"]).transcript();
    hunt.through("the answer to a value in undrift.toml", mistaken.as_bytes());
    scene.world.write("undrift.toml", SHOP);
    scene.search(&hunt);
    let verbs: &[&[&str]] = &[
        &["list"],
        &["list", "--format", "json"],
        &["audit"],
        &["audit", "--all", "--format", "json"],
        &["plan", "--take-vault", "--prune"],
        &["plan", "--format", "json"],
        &["push", "-e", "staging", "--yes"],
        &["push", "-e", "staging", "--yes", "--format", "json"],
        &["import", "plain", "--dry-run"],
        &["import", "plain", "--yes"],
        &["audit", "--all"],
        &["audit", "--format", "markdown", "--all"],
        &["ignore", "UNDECLARED", "-t", "web", "--reason", "ours", "--yes"],
        &["ignore", "--from-current", "--reason", "theirs", "--yes"],
        &["seal", "-e", "staging", "--yes"],
        &["log"],
        &["log", "--format", "json"],
        &["audit", "--record", "--write", "html=audit.html", "--write", "sarif=a.sarif", "--write", "junit=a.xml"],
        &["audit", "--write", "json=audit.json", "--write", "html=audit.html", "--record"],
        &["audit", "--changed-since", "audit.json"],
        &["audit", "--shard", "1/2", "--write", "json=1.json"],
        &["audit", "--shard", "2/2", "--write", "json=2.json"],
        &["report", "--merge", "1.json", "2.json", "--all", "--write", "html=merged.html"],
        &["report", "--merge", "1.json", "--format", "json"],
        &["history", "--secret", "API_TOKEN"],
        &["history", "--format", "json"],
        &["ci", "github", "--action", "acme/undrift@3d3c42e5aac5ba805825da76410c181273ba90b1"],
        &["grant", "bob", RECIPIENT, "-e", "staging", "--yes"],
        &["access", "--format", "json"],
        &["access"],
        &["revoke", "bob", "-e", "staging", "--yes"],
        &["explain", "UD104"],
        &["completions", "bash"],
        &["man"],
        &["doctor"],
        &["doctor", "--format", "json"],
        &["init", "another"],
        &["diff"],
        &["diff", "-e", "staging", "--textconv", "vault/staging/secrets.toml.age"],
        &["rename", "UNDECLARED", "OTHER_NAME", "--yes"],
        &["rm", "OTHER_NAME", "-e", "staging", "--yes"],
    ];
    for verb in verbs {
        scene.run(verb);
    }
    // A rotation that fails half-way, goes back, begins again and is finished.
    scene.github.inject(Fault::new(FaultKind::status(500, CANARIES[2])).method("PUT").always());
    scene.run_with(&["rotate", "SMTP_PASSWORD", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[2]);
    scene.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[2]);
    scene.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[3]);
    scene.run(&["rotate", "--status", "-e", "staging"]);
    scene.run(&["diff"]);
    scene.github.clear_faults();
    scene.run(&["rotate", "--rollback", "-e", "staging", "--yes", "--format", "json"]);
    scene.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes", "--format", "markdown"], CANARIES[2]);
    probes(&mut scene, &hunt);
    overlap(&mut scene);
    scene.run_with(&["rotate", "--leaked", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[3]);
    scene.run_with(&["rotate", "--leaked", "API_TOKEN", "-e", "staging", "--yes", "--format", "json"], CANARIES[2]);
    scene.run(&["rotate", "--at", "web", "-e", "staging", "--yes"]);
    scene.run(&["rotate", "--due", "-e", "staging"]);
    scene.run(&["rotate", "--due", "-e", "staging", "--yes", "--format", "json"]);
    // Keys and tokens are hunted too: one that is refused, and one that is kept.
    for (arguments, input) in [
        (&["login", "github"][..], REFUSED_TOKEN),
        (&["login", "github"], GITHUB_TOKEN),
        (&["login", "fly"], FLY_TOKEN),
        (&["login"], CANARIES[0]),
        (&["login", "--file", "plain/api_staging.env"], ""),
        (&["logout", "github"], ""),
    ] {
        scene.run_with(arguments, input);
    }
    for verb in [
        &["get", "API_TOKEN", "-e", "staging"][..],
        &["export", "-e", "staging"],
        &["export", "-e", "staging", "--format", "json"],
        &["export", "-e", "staging", "--format", "shell"],
    ] {
        scene.run_for_its_values(verb);
    }
    // A person decides, rightly, wrongly and with the value in the wrong place.
    scene.github.set(&repository(), "STRIPE_KEY", CANARIES[3]);
    scene.run(&["plan", "-e", "staging", "--out", "plan.json", "--overwrite", "STRIPE_KEY"]);
    scene.run(&["plan", "--format", "markdown"]);
    for arguments in [
        &["adopt", "STRIPE_KEY", CANARIES[0], "-e", "staging", "-t", "ci"][..],
        &["adopt", CANARIES[1], "-e", "staging", "-t", "ci"],
    ] {
        let ran = scene.world.run(arguments).transcript();
        hunt.through("the answer to a value in the wrong place", ran.as_bytes());
    }
    scene.run_with(&["adopt", "API_TOKEN", "-e", "staging", "-t", "web", "--yes"], CANARIES[1]);
    scene.run_with(&["adopt", "STRIPE_KEY", "-e", "staging", "-t", "ci", "--yes"], CANARIES[3]);
    scene.run(&["adopt", "STRIPE_KEY", "--as-is", "-e", "staging", "-t", "ci", "--yes"]);
    scene.run(&["push", "-e", "staging", "--yes", "--plan", "plan.json"]);
    // An editor that writes, one that makes every mistake, and one that fails.
    let bin = scene.world.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    scene.world.variables.insert("EDITOR".to_owned(), bin.join("editor").into());
    scene.world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let value = CANARIES[0];
    for lines in [
        format!("EDITED = \"{value}\""),
        format!("B-C = \"{value}\"\nEDITED = \"{value}\"\nEMPTY = \"\"\nNUL = \"{value}\\u0000\""),
        value.to_string(),
        format!("OPEN = \"{value}"),
        format!("OTHER = [\"{value}\"]"),
    ] {
        let script = format!("#!/bin/sh\ngrep -q '^# undrift' \"$1\" || cat >> \"$1\" <<'END'\n{lines}\nEND\n");
        std::fs::write(bin.join("editor"), script).unwrap();
        std::fs::set_permissions(bin.join("editor"), std::fs::Permissions::from_mode(0o755)).unwrap();
        scene.run(&["edit", "-e", "staging"]);
    }
    scene.search(&hunt);
    // A verb that is new has to be hunted through as well.
    let verbs = undrift::cli::Cli::command();
    let verbs = verbs.get_subcommands().map(|verb| verb.get_name().to_owned());
    let missed: Vec<String> = verbs.filter(|verb| verb != "run" && !scene.verbs.borrow().contains(verb)).collect();
    assert!(missed.is_empty(), "no canary went through {missed:?}");
}

/// The old value stands beside the new one for a while, is written over there, and goes.
fn overlap(scene: &mut Scene) {
    let declared = scene.world.read("undrift.toml");
    let overlap = "[secrets.API_TOKEN]\noverlap = true\nfinish-after = \"24h\"\n";
    scene.world.write("undrift.toml", declared.replace("[secrets.API_TOKEN]\n", overlap));
    scene.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[1]);
    scene.run(&["audit", "-e", "staging", "--all"]);
    scene.run_with(&["set", "API_TOKEN_PREVIOUS", "-e", "staging"], CANARIES[0]);
    scene.world.write("undrift.toml", &declared);
    scene.run(&["plan", "-e", "staging", "--prune"]);
    scene.run(&["rotate", "--continue", "-e", "staging", "--yes", "--format", "json"]);
    scene.run(&["rotate", "--rollback", "-e", "staging", "--yes"]);
    scene.run(&["log", "-e", "staging", "--format", "json"]);
}

/// A new value is asked about, at the start and at the end, and the issuer answers whatever it may; a program that is
/// asked repeats all that it was told.
fn probes(scene: &mut Scene, hunt: &Hunt) {
    let issuer = IssuerTwin::start(&[CANARIES[0]]);
    let declared = scene.world.read("undrift.toml");
    let url = issuer.url();
    let by_header = format!("probe = {{ url = \"{url}/me\", headers = {{ api_access_token = \"{{value}}\" }} }}");
    let by_body = format!("probe = {{ url = \"{url}/introspect\", method = \"POST\", body = \"{{value}}\" }}");
    let missing = "probe = { url = \"{SMTP_PASSWORD}/me\", headers = { a = \"{value}\" } }";
    let by_program = "probe = { command = [\"plain/probe\"] }";
    scene.world.write("plain/probe", "#!/bin/sh\nread value; echo \"$value\"; echo \"$value $*\" >&2; exit 3\n");
    std::fs::set_permissions(scene.world.path("plain/probe"), std::fs::Permissions::from_mode(0o755)).unwrap();
    scene.world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    for probe in [&by_header, &by_body, missing, by_program] {
        scene.world.write(
            "undrift.toml",
            declared.replace("[secrets.API_TOKEN]\n", &format!("[secrets.API_TOKEN]\n{probe}\n")),
        );
        scene.run(&["probe", "API_TOKEN", "-e", "staging"]);
        for kind in misfortunes() {
            issuer.inject(Fault::new(kind));
            scene.run(&["probe", "API_TOKEN", "-e", "staging"]);
            issuer.clear_faults();
        }
        scene.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes"], CANARIES[3]);
        scene.run(&["rotate", "--status", "-e", "staging", "--format", "json"]);
        scene.run(&["rotate", "--rollback", "-e", "staging", "--yes", "--format", "markdown"]);
    }
    let asked = issuer.requests();
    assert!(asked.iter().any(|request| !request.body.is_empty()));
    for request in asked {
        hunt.through("an address", format!("{}?{}", request.path, request.query).as_bytes());
        assert!(request.authorization.is_none());
    }
    scene.world.write("undrift.toml", declared);
}

#[test]
fn no_value_is_shown_or_stored_whatever_happens() {
    let mut scene = Scene::new();
    let _ = scene.world.run(&["push", "-e", "staging", "--yes"]).status(0);
    // The machines are updated too.
    let web = "[targets.web]\nkind = \"fly\"\n";
    scene.world.write("undrift.toml", SHOP.replace(web, &format!("{web}rollout = \"machines\"\n")));
    scene.fly.add_machine("shop-staging");
    let misfortunes = misfortunes();
    let fresh: Vec<String> = (0..misfortunes.len() * 2).map(|index| format!("again-canary-{index}-of-many")).collect();
    let hunt = Hunt::new(CANARIES.into_iter().chain(fresh.iter().map(String::as_str)));
    for (index, kind) in misfortunes.into_iter().enumerate() {
        for (name, value) in ["API_TOKEN", "SMTP_PASSWORD"].iter().zip(&fresh[index * 2..]) {
            scene.run_with(&["set", name, "-e", "staging"], value);
        }
        for methods in [&["POST", "PUT", "DELETE"][..], &["GET"]] {
            for method in methods {
                scene.fly.inject(Fault::new(kind.clone()).method(method).always());
                scene.github.inject(Fault::new(kind.clone()).method(method).always());
            }
            scene.run(&["push", "-e", "staging", "--yes", "--take-vault", "--overwrite", "API_TOKEN", "--prune"]);
            if methods == ["GET"] {
                scene.run(&["audit", "--format", "json"]);
                scene.run(&["plan", "--format", "markdown"]);
            }
            scene.search(&hunt);
            scene.fly.clear_faults();
            scene.github.clear_faults();
        }
    }
    assert!(scene.github.values(&repository()).contains_key("SHOP_TOKEN"));
    // Every place answers, so that what was begun comes to its end.
    scene.world.network.request_timeout = Duration::from_secs(5);
    scene.run(&["push", "-e", "staging", "--yes", "--take-vault", "--overwrite", "API_TOKEN", "--prune"]);
    scene.search(&hunt);
}

#[test]
fn no_value_is_told_to_anybody_whatever_happens() {
    let mut scene = Scene::new();
    let hunt = Hunt::new(CANARIES.into_iter().chain(SECRETS));
    let (webhook, mail) = (WebhookSink::start(), MailSink::start());
    let address = format!("{}/{}", webhook.url(), SECRETS[0]);
    scene.world.variables.insert("AUDIT_WEBHOOK".to_owned(), address.into());
    scene.world.variables.insert("MAIL_PASSWORD".to_owned(), SECRETS[1].into());
    let forms = ["json", "slack", "discord", "teams"];
    let webhooks = forms.map(|form| format!("[[notify.webhook]]\nurl = \"env:AUDIT_WEBHOOK\"\nformat = \"{form}\"\n"));
    let declared = scene.world.read("undrift.toml");
    scene.world.write(
        "undrift.toml",
        format!(
            "{declared}\n[notify]\non = \"always\"\n{}[notify.issue]\nrepository = \"acme/shop\"\n[notify.mail]\nsmtp = \
             \"{}\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\nuser = \"me\"\npassword = \"env:MAIL_PASSWORD\"\n",
            webhooks.concat(),
            mail.url()
        ),
    );
    mail.want_login("me", SECRETS[1]);
    scene.fly.set("shop-staging", "API_TOKEN", "somebody's");
    let mut told = 0;
    for kind in [None].into_iter().chain(misfortunes().into_iter().map(Some)) {
        if let Some(kind) = kind {
            scene.fly.inject(Fault::new(kind.clone()).always());
            scene.github.inject(Fault::new(kind.clone()).always());
            if !matches!(kind, FaultKind::HugeBody(_)) {
                webhook.inject(Fault::new(kind).times(1));
            }
        }
        scene.run(&["audit", "--notify", "--record"]);
        scene.fly.clear_faults();
        scene.github.clear_faults();
        webhook.clear_faults();
        let requests = webhook.requests();
        let bodies = requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned());
        let digests: Vec<String> =
            scene.fly.values("shop-staging").values().map(|value| scene.fly.digest_of(value)).collect();
        let digests = Hunt::new(digests.iter().map(String::as_str));
        for text in bodies.chain(mail.take().into_iter().map(|mail| mail.content)) {
            for hunt in [&hunt, &digests, &scene.tokens] {
                hunt.through("a message", text.as_bytes());
            }
            told += 1;
        }
        webhook.clear_requests();
        scene.search(&hunt);
    }
    assert!(told > 100, "{told}");
}

/// The real program, with a folder of its own for temporary files, and every program that it starts.
#[test]
fn no_value_is_in_a_temporary_file_or_in_the_arguments_of_a_child() {
    let mut scene = Scene::new();
    let hunt = Hunt::new(CANARIES);
    let (bin, temporary, log) =
        (scene.world.home().join("bin"), scene.world.home().join("tmp"), scene.world.home().join("children"));
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&temporary).unwrap();
    let script =
        format!("#!/bin/sh\n{{ echo \"$0 $@\"; env; }} | grep -v FLY_API_TOKEN >> {}\nexit 3\n", log.display());
    std::fs::write(bin.join("fly"), script).unwrap();
    std::fs::set_permissions(bin.join("fly"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    for (name, value) in [("PATH", path.as_str()), ("TMPDIR", temporary.to_str().unwrap()), ("RUST_LOG", "trace")] {
        scene.world.variables.insert(name.to_owned(), value.into());
    }
    scene.world.variables.insert("RUST_BACKTRACE".to_owned(), "full".into());
    scene.world.variables.insert("EDITOR".to_owned(), "true".into());
    scene.fly.add_machine("shop-staging");
    let web = "[targets.web]\nkind = \"fly\"\napp = \"shop-{environment}\"\n";
    scene.world.write("undrift.toml", SHOP.replace(web, &format!("{web}rollout = \"flyctl\"\n")));
    let traced = tools::has("strace", "arguments of every child");
    let trace = scene.world.home().join("trace");
    for arguments in [
        &["audit", "--all"][..],
        &["plan", "-e", "staging", "--out", "plan.json"],
        &["push", "-e", "staging", "--yes"],
        &["export", "-e", "staging"],
        &["run", "-e", "staging", "--redact", "--", "sh", "-c", "echo $API_TOKEN; echo $STRIPE_KEY >&2"],
        &["run", "-e", "staging", "--", "true"],
        &["edit", "-e", "staging"],
    ] {
        let program = assert_cmd::cargo::cargo_bin("undrift");
        let mut command = if traced {
            let mut strace = Command::new("strace");
            // Arguments whole, environments not at all: a child of `run` has the values there, and nowhere else.
            strace.args(["-f", "-qq", "-s", "65536", "-e", "trace=execve,openat,rename,linkat", "-o"]).arg(&trace);
            strace.arg(program);
            strace
        } else {
            Command::new(program)
        };
        command.args(arguments).env_clear().envs(&scene.world.variables).current_dir(scene.world.path(""));
        let output = command.output().unwrap();
        if arguments[0] != "export" {
            hunt.through(&format!("the output of {arguments:?}"), &output.stdout);
        }
        hunt.through(&format!("the talk of {arguments:?}"), &output.stderr);
        if traced {
            hunt.through(&format!("the arguments of a child of {arguments:?}"), &std::fs::read(&trace).unwrap());
            std::fs::remove_file(&trace).unwrap();
        }
    }
    let children = std::fs::read(&log).unwrap();
    assert!(String::from_utf8_lossy(&children).contains("secrets deploy --app shop-staging"));
    hunt.through("what `fly` was started with", &children);
    std::fs::remove_file(&log).unwrap();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "a temporary file is left");
    scene.search(&hunt);
}
