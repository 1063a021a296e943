//! No value is ever shown or stored: canaries through every verb, and a search of every byte that came out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use clap::CommandFactory;
use twins::{FLY_TOKEN, Fault, FaultKind, FlyTwin, GITHUB_TOKEN, GitHubTwin};

use crate::world::{World, files, repository, twins};

const CANARIES: [&str; 4] =
    ["canary-one-4711", "canary two\nwith = \"two\" lines", "canary#three$4711", "kanarienvogel-ü-4711"];

/// The forms in which a value could leak, some of them cut so that a part of it is found too.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(value).unwrap();
    let percent: String = hex::encode_upper(value)
        .as_bytes()
        .chunks(2)
        .map(|pair| format!("%{}", String::from_utf8_lossy(pair)))
        .collect::<Vec<_>>()
        .concat();
    let mut forms = vec![
        value.as_bytes().to_vec(),
        value.split(['\n', '#']).next().unwrap().as_bytes().to_vec(),
        json.trim_matches('"').as_bytes().to_vec(),
        percent.into_bytes(),
        hex::encode(value).into_bytes(),
        hex::encode_upper(value).into_bytes(),
        value.chars().rev().collect::<String>().into_bytes(),
        value.chars().take(12).collect::<String>().into_bytes(),
        URL_SAFE.encode(value).into_bytes(),
        STANDARD.encode(value).into_bytes(),
        URL_SAFE_NO_PAD.encode(value).into_bytes(),
    ];
    // Encoded inside a longer text, base64 shifts by one or two bytes.
    for shift in 1..3 {
        let shifted = STANDARD.encode([&vec![b'x'; shift], value.as_bytes()].concat());
        forms.push(shifted.as_bytes()[4..shifted.len() - 4].to_vec());
    }
    forms
}

fn hunt(place: &str, bytes: &[u8], extra: &[String]) {
    for value in CANARIES.iter().map(ToString::to_string).chain(extra.iter().cloned()) {
        for form in forms(&value) {
            let found = bytes.windows(form.len()).any(|window| window == form);
            assert!(!found, "`{}` leaked into {place}", String::from_utf8_lossy(&form));
        }
    }
}

#[test]
fn the_hunt_finds_what_leaks() {
    for value in CANARIES {
        for form in forms(value) {
            let text = [b"before ".as_slice(), &form, b" after"].concat();
            assert!(std::panic::catch_unwind(|| hunt("here", &text, &[])).is_err());
        }
    }
}

/// The verbs whose work it is to hand out values.
const HANDS_OUT: [&str; 3] = ["get", "export", "run"];

#[test]
fn no_value_is_shown_or_stored_whatever_happens() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.network.retries = 0;
    world.shop();
    let mut said = BTreeMap::new();
    let verbs_run = RefCell::new(BTreeSet::from(["init".to_owned()]));
    let mut run = |world: &World, arguments: &[&str], input: &str| {
        let ran = world.run_with(arguments, input);
        said.insert(format!("{} {arguments:?}", said.len()), ran.transcript());
        verbs_run.borrow_mut().insert(arguments[0].to_owned());
    };
    for (name, value) in ["API_TOKEN", "SMTP_PASSWORD", "STRIPE_KEY", "UNDECLARED"].iter().zip(CANARIES) {
        run(&world, &["set", name, "-e", "staging"], value);
    }
    world.write(
        "plain/api_staging.env",
        format!("API_TOKEN='{}'\nNEW='{}'\nBROKEN='{}\n", CANARIES[0], CANARIES[2], CANARIES[3]),
    );
    world.write("plain/web_staging.env", format!("STRIPE_KEY='{}'\nOTHER=\"{}\"\n", CANARIES[3], CANARIES[0]));
    for arguments in
        [&["set", CANARIES[0], "-e", "staging"][..], &["set", "API_TOKEN=canary-one-4711", "-e", "staging"][..]]
    {
        run(&world, arguments, "");
    }
    let declarations = world.read("undrift.toml");
    world.write("undrift.toml", format!("version = 1\n[secrets]\nAPI_TOKEN = \"{}\"\n", CANARIES[0]));
    run(&world, &["audit"], "");
    world.write("undrift.toml", declarations);
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
        &["seal", "-e", "staging", "--yes"],
        &["log"],
        &["log", "--format", "json"],
    ];
    for verb in verbs {
        run(&world, verb, "");
    }
    // A person decides, rightly, wrongly and with the value in the wrong place.
    github.set(&repository(), "STRIPE_KEY", CANARIES[3]);
    run(&world, &["plan", "-e", "staging", "--out", "plan.json", "--overwrite", "STRIPE_KEY"], "");
    run(&world, &["plan", "--format", "markdown"], "");
    run(&world, &["audit", "--format", "markdown"], "");
    run(&world, &["adopt", "STRIPE_KEY", CANARIES[0], "-e", "staging", "-t", "ci"], "");
    run(&world, &["adopt", CANARIES[1], "-e", "staging", "-t", "ci"], "");
    run(&world, &["adopt", "API_TOKEN", "-e", "staging", "-t", "web", "--yes"], CANARIES[1]);
    run(&world, &["adopt", "STRIPE_KEY", "-e", "staging", "-t", "ci", "--yes"], CANARIES[3]);
    run(&world, &["push", "-e", "staging", "--yes", "--plan", "plan.json"], "");
    run(&world, &["adopt", "STRIPE_KEY", "-e", "staging", "-t", "ci", "--yes", "--as-is"], "");
    run(&world, &["ignore", "--from-current", "--reason", "not ours", "--yes"], "");
    for verb in [&["explain"][..], &["completions", "bash"], &["man"]] {
        run(&world, verb, "");
    }
    // The machines are updated too, with and without faults on the way.
    let declarations = world.read("undrift.toml");
    world.write("undrift.toml", declarations.replace("kind = \"fly\"", "kind = \"fly\"\nrollout = \"machines\""));
    fly.add_machine("shop-staging");
    run(&world, &["push", "-e", "staging", "--yes"], "");
    // A platform that repeats what it was sent, and one that answers nonsense.
    for (index, kind) in [
        FaultKind::status(400, format!("{{\"error\":\"\\\"{}\\\" is not a valid secret name\"}}", CANARIES[0])),
        FaultKind::status(422, format!("{{\"message\":\"{}\"}}", CANARIES[2])),
        FaultKind::status(500, CANARIES[0]),
        FaultKind::Garbage,
        FaultKind::CutBody,
        FaultKind::ResetAfter,
    ]
    .into_iter()
    .enumerate()
    {
        for (name, value) in ["API_TOKEN", "SMTP_PASSWORD"].iter().zip(["again", "and again"]) {
            run(&world, &["set", name, "-e", "staging"], &format!("{value}-canary-{index}"));
        }
        fly.inject(Fault::new(kind.clone()).method("POST").always());
        github.inject(Fault::new(kind).method("PUT").always());
        run(&world, &["push", "-e", "staging", "--yes", "--take-vault", "--overwrite", "API_TOKEN"], "");
        fly.clear_faults();
        github.clear_faults();
        run(&world, &["audit", "--format", "json"], "");
    }
    // A verb that is new has to be hunted through as well.
    let verbs = undrift::cli::Cli::command();
    let verbs = verbs.get_subcommands().map(|verb| verb.get_name().to_owned());
    let missed: Vec<String> =
        verbs.filter(|verb| !HANDS_OUT.contains(&verb.as_str()) && !verbs_run.borrow().contains(verb)).collect();
    assert!(missed.is_empty(), "no canary went through {missed:?}");
    search(&world, &fly, &github, &said);
    assert!(github.values(&repository()).contains_key("SHOP_TOKEN"));
}

/// Searches everything that was said, stored and sent.
fn search(world: &World, fly: &FlyTwin, github: &GitHubTwin, said: &BTreeMap<String, String>) {
    let extra: Vec<String> =
        (0..6).flat_map(|i| [format!("again-canary-{i}"), format!("and again-canary-{i}")]).collect();
    let digests: Vec<String> = fly.values("shop-staging").values().map(|value| fly.digest_of(value)).collect();
    for (place, text) in said {
        hunt(place, text.as_bytes(), &extra);
        hunt(place, text.as_bytes(), &digests);
    }
    let tokens = [FLY_TOKEN.to_owned(), GITHUB_TOKEN.to_owned()];
    for (place, text) in said {
        hunt(place, text.as_bytes(), &tokens);
    }
    for (path, content) in files(&world.folder()) {
        if !path.starts_with(world.path("plain")) {
            for sought in [&extra[..], &digests[..], &tokens[..]] {
                hunt(&path.display().to_string(), &content, sought);
            }
        }
    }
    // A value travels in a body alone, and to GitHub only sealed.
    for request in fly.requests().iter().chain(&github.requests()) {
        hunt("an address", format!("{}?{}", request.path, request.query).as_bytes(), &extra);
    }
    for request in github.requests() {
        hunt("a GitHub request", &request.body, &extra);
    }
}
