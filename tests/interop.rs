//! Other people's programs at the same targets: Debian's `gh` writes, and the audit sees it.

use std::io::Write;
use std::process::{Command, Stdio};

use twins::GITHUB_TOKEN;

use crate::tools;
use crate::world::{World, repository, twins};

/// Runs the real `gh` against the twin, which it takes for a proxy.
fn gh(world: &World, url: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("gh")
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", world.home())
        .env("GH_CONFIG_DIR", world.home().join("gh"))
        .env("GH_HOST", "github.localhost")
        .env("GH_TOKEN", GITHUB_TOKEN)
        .env("GH_NO_UPDATE_NOTIFIER", "1")
        .env("HTTP_PROXY", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_the_real_gh_writes_is_reported_as_changed_remotely() {
    if !tools::has("gh", "the real gh against the GitHub twin") {
        return;
    }
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let repository_flag = ["-R", "github.localhost/acme/shop"];
    let listed = gh(&world, &github.url(), &[&["secret", "list"][..], &repository_flag].concat(), "");
    let names: Vec<_> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, ["SHOP_TOKEN", "STRIPE_KEY"]);
    gh(&world, &github.url(), &[&["secret", "set", "STRIPE_KEY"][..], &repository_flag].concat(), "by gh");
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"by gh");
    let audit = world.run(&["audit", "--format", "json"]).status(1).json();
    let changed: Vec<_> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["verdict"] == "changed-remotely")
        .map(|entry| entry["remote_name"].clone())
        .collect();
    assert_eq!(changed, ["STRIPE_KEY"]);
}
