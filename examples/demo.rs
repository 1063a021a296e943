//! The whole story in one command: `cargo run --release --example demo`.
//!
//! It starts loopback twins of Fly and GitHub, makes a small vault like a real shop's in a temporary folder, and runs
//! the program step by step over the real wire protocols. It leaves nothing behind.
#![expect(clippy::print_stdout, reason = "a demonstration is there to be read")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use twins::{FLY_TOKEN, Fault, FaultKind, FlyTwin, GITHUB_TOKEN, GitHubPlace, GitHubTwin};
use undrift::flow::apply::Patience;
use undrift::settings::World;
use undrift::targets::client::ClientSettings;
use undrift::ui::Ui;
use undrift::vault::keyring::Keyring;

const DECLARATIONS: &str = r#"version = 1

[environments.staging]

[targets.web]
kind = "fly"
app = "shop-{environment}"

[targets.ci]
kind = "github"
repository = "acme/shop"
scope = "environment"
environment = "{environment}"

[secrets.CHATWOOT_API_TOKEN]
generate = "alphanumeric:40"
targets = ["web", { target = "ci", name = "CHATWOOT_TOKEN" }]

[secrets.SMTP_PASSWORD]
targets = ["web"]

[secrets.STRIPE_KEY]

[[ignore]]
target = "ci"
name = "CODECOV_TOKEN"
reason = "owned by the platform team"
"#;

/// The plain files the shop has today.
const PLAIN: &[(&str, &str)] = &[
    ("plain/chat/tokens_staging.env", "CHATWOOT_API_TOKEN=cw-3f9a1c77d2\n"),
    ("plain/shop/api_staging.env", "SMTP_PASSWORD='correct horse # battery'\nSTRIPE_KEY=sk_test_51Hx\n"),
];

struct Demo<'a> {
    folder: &'a Path,
    variables: BTreeMap<String, OsString>,
}

impl Demo<'_> {
    /// Runs one command the way a person would type it, with a line on what to look for.
    fn step(&self, why: &str, command: &str, expected: u8) -> anyhow::Result<()> {
        println!("\n# {why}\n$ {command}");
        io::stdout().flush()?;
        let mut ui = Ui::new(Box::new(io::stdout()), Box::new(io::stdout()), Box::new(Cursor::new(Vec::new())));
        ui.width = if io::stdout().is_terminal() { 100 } else { 80 };
        let mut world = World {
            variables: self.variables.clone(),
            folder: self.folder.to_owned(),
            clock: Box::new(Timestamp::now),
            network: ClientSettings::default(),
            patience: Patience::default(),
            keyring: Keyring::default(),
            user: || None,
            ui,
        };
        let status = undrift::run(command.split(' ').map(OsString::from), &mut world);
        println!("[exit status {status}]");
        anyhow::ensure!(status == expected, "`{command}` ended with {status}, and the story needs {expected}");
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (fly, github) = (FlyTwin::start(), GitHubTwin::start());
    fly.create_app("shop-staging");
    fly.add_machine("shop-staging");
    fly.add_machine("shop-staging");
    let ci = GitHubPlace::environment("acme/shop", "staging");
    github.create_repository("acme/shop");
    github.create_environment("acme/shop", "staging");
    github.set(&ci, "CODECOV_TOKEN", "theirs");

    let root = folder.path().join("shop");
    for (path, content) in PLAIN {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        std::fs::write(path, content)?;
    }
    let variables = [
        ("HOME", folder.path().join("home").into_os_string()),
        ("USER", "alice".into()),
        ("FLY_API_TOKEN", FLY_TOKEN.into()),
        ("GH_TOKEN", GITHUB_TOKEN.into()),
        ("FLY_FLAPS_BASE_URL", fly.url().into()),
        ("FLY_API_BASE_URL", fly.url().into()),
        ("GITHUB_API_URL", github.url().into()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
    let demo = Demo { folder: &root, variables };

    println!("A shop runs on Fly, is built by GitHub Actions, and keeps its secrets in plain files.");
    demo.step("make a vault, and a key that opens it", "undrift init staging", 0)?;
    std::fs::write(root.join("undrift.toml"), DECLARATIONS)?;
    println!("\n# (undrift.toml now declares one Fly app, one GitHub environment and three secrets)");
    demo.step("encrypt the plain files into the vault", "undrift import plain --yes", 0)?;
    demo.step("what do the targets hold?", "undrift audit", 1)?;
    demo.step(
        "write what is missing: one request for the Fly app, a sealed box for each GitHub secret",
        "undrift push -e staging --yes",
        0,
    )?;
    demo.step("stored everywhere, but the Fly machines still run without it", "undrift audit", 1)?;
    println!("\n# roll it out, as the hint says\n$ fly secrets deploy -a shop-staging");
    fly.deploy("shop-staging");
    demo.step("everything in sync, and proved", "undrift audit --all", 0)?;
    println!("\n# somebody edits a secret in GitHub's settings page ...");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    github.set(&ci, "STRIPE_KEY", "pasted by hand");
    demo.step(
        "... and it shows: GitHub never gives a value back, but the receipt no longer matches",
        "undrift audit",
        1,
    )?;
    demo.step("a push does not write over what somebody else wrote", "undrift push -e staging --yes", 1)?;
    demo.step("unless it is told to", "undrift push -e staging -t ci --overwrite STRIPE_KEY --yes", 0)?;
    demo.step("clean again, for every script and every Monday", "undrift audit", 0)?;
    println!("\n# the token of Chatwoot has to change, and GitHub is down for the moment ...");
    github.inject(Fault::new(FaultKind::status(503, "{}")).method("PUT"));
    demo.step(
        "... so one target has the new value, the other the old one, and the vault both",
        "undrift rotate CHATWOOT_API_TOKEN -e staging --yes",
        2,
    )?;
    github.clear_faults();
    demo.step(
        "an hour or a crash later: what is left is done, and only that",
        "undrift rotate --continue -e staging --yes",
        1,
    )?;
    println!("\n# roll it out, as the hint says\n$ fly secrets deploy -a shop-staging");
    fly.deploy("shop-staging");
    demo.step(
        "every target was seen to run the new value, so the old one goes",
        "undrift rotate --continue -e staging --yes",
        0,
    )?;
    demo.step("who did what, without any value", "undrift log -e staging", 0)?;
    let held = github.values(&ci);
    anyhow::ensure!(held.get("STRIPE_KEY").is_some_and(|value| value == b"sk_test_51Hx"), "the push did not arrive");
    println!("\nThe twins are gone, and so is the folder. With real tokens the same commands do it for real.");
    Ok(())
}
