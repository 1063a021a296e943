//! Runs both twins by hand, with a small state to look at.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, bail};
use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubPlace, GitHubTwin};

const USAGE: &str = "usage: twins [FLY_PORT GITHUB_PORT]";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (fly_port, github_port) = match arguments.as_slice() {
        [] => (4010, 4020),
        [fly, github] => (fly.parse().context(USAGE)?, github.parse().context(USAGE)?),
        _ => bail!(USAGE),
    };
    let fly = FlyTwin::start_on(loopback(fly_port)).with_context(|| format!("listening on port {fly_port}"))?;
    let github = GitHubTwin::start_on(loopback(github_port), None)
        .with_context(|| format!("listening on port {github_port}"))?;
    seed(&fly, &github);

    let (fly, github) = (fly.url(), github.url());
    println!("export FLY_FLAPS_BASE_URL={fly}");
    println!("export FLY_API_BASE_URL={fly}");
    println!("export FLY_UIEX_BASE_URL={fly}");
    println!("export FLY_API_TOKEN={FLY_TOKEN}");
    println!("export GITHUB_API_URL={github}");
    println!("export GITHUB_TOKEN={GITHUB_TOKEN}");
    println!("# For gh, which insists on TLS unless the host is github.localhost:");
    println!("export GH_HOST=github.localhost GH_TOKEN={GITHUB_TOKEN} HTTP_PROXY={github}");
    println!("# The Fly app is shop, the GitHub repository acme/shop with the environment production.");
    println!("# The twins stop when standard input closes, or on Ctrl-C.");
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("waiting for the end of standard input")?;
    Ok(())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Leaves one secret staged on Fly, and one name in each of GitHub's two places.
fn seed(fly: &FlyTwin, github: &GitHubTwin) {
    fly.create_app("shop");
    fly.set("shop", "DATABASE_URL", "postgres://shop@db.internal/shop");
    fly.add_machine("shop");
    fly.add_machine("shop");
    fly.set("shop", "SESSION_KEY", "correct horse battery staple");

    github.create_repository("acme/shop");
    github.create_environment("acme/shop", "production");
    github.set(&GitHubPlace::repository("acme/shop"), "NPM_TOKEN", "npm_0123456789");
    github.set(
        &GitHubPlace::environment("acme/shop", "production"),
        "DATABASE_URL",
        "postgres://shop@db.internal/shop",
    );
}
