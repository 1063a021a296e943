//! Other people's programs at the same targets: Debian's `gh` writes, and the audit sees it.

use std::io::Write;
use std::process::{Command, Stdio};

use twins::{GITHUB_TOKEN, GitHubPlace, Store, Visibility};

use crate::tools;
use crate::world::{World, repository, twins};

/// Runs the real `gh` against the twin, which it takes for a proxy.
fn gh(world: &World, url: &str, arguments: &[&str], input: &str) -> String {
    talk_to("gh", world, url, arguments, input)
}

fn talk_to(program: &str, world: &World, url: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
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

#[test]
fn the_commands_that_mend_access_are_ones_that_the_real_gh_takes() {
    if !tools::has("gh", "the real gh at an organization") {
        return;
    }
    let (fly, github) = twins();
    github.create_repository("acme/other");
    let world = World::with_twins(&fly, &github);
    world.shop();
    let declared = "version = 1\n[environments.staging]\n[targets.org]\nkind = \"github\"\nscope = \"organization\"\n\
                    organization = \"acme\"\n[targets.updates]\nkind = \"github\"\nscope = \"organization\"\n\
                    organization = \"acme\"\nstore = \"dependabot\"\nrepositories = [\"acme/shop\"]\n\
                    [secrets.API_TOKEN]\ntargets = [\"org\"]\n[secrets.STRIPE_KEY]\ntargets = [\"updates\"]\n\
                    [secrets.SMTP_PASSWORD]\ntargets = []\n";
    world.write("undrift.toml", declared);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let (actions, updates) =
        (GitHubPlace::organization("acme"), GitHubPlace::organization("acme").in_store(Store::Dependabot));
    let mends = || {
        let report = world.run(&["audit", "--format", "json"]).status(1).json();
        report["findings"].get(0).map(|finding| finding["next"].as_str().unwrap().trim_matches('`').to_owned())
    };
    let widen = ["secret", "set", "API_TOKEN", "--org", "acme", "--visibility", "all"];
    gh(&world, &github.url(), &widen, "token-1");
    let next = mends().unwrap();
    let (value, command) = next.split_once(" | gh ").unwrap();
    assert_eq!(value, "undrift get API_TOKEN -e staging");
    let value = world.run(&value.split(' ').skip(1).collect::<Vec<_>>()).status(0).output;
    gh(&world, &github.url(), &command.split(' ').collect::<Vec<_>>(), &value);
    assert_eq!(mends(), None);
    assert_eq!(github.values(&actions)["API_TOKEN"], b"token-1");
    github.share(&updates, "STRIPE_KEY", Visibility::Selected, &["acme/other"]);
    talk_to("sh", &world, &github.url(), &["-c", &mends().unwrap()], "");
    assert_eq!(mends(), None);
    let listed = gh(&world, &github.url(), &["secret", "list", "--org", "acme"], "");
    let names: Vec<_> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, ["API_TOKEN"]);
}

#[test]
fn what_the_real_gh_writes_for_dependabot_is_seen() {
    if !tools::has("gh", "the real gh at Dependabot") {
        return;
    }
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let declared = "version = 1\n[environments.staging]\n[targets.updates]\nkind = \"github\"\nrepository = \"acme/shop\"\n\
                    store = \"dependabot\"\n[secrets.API_TOKEN]\n[secrets.STRIPE_KEY]\ntargets = []\n\
                    [secrets.SMTP_PASSWORD]\ntargets = []\n";
    world.write("undrift.toml", declared);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let flags = ["--app", "dependabot", "-R", "github.localhost/acme/shop"];
    let listed = gh(&world, &github.url(), &[&["secret", "list"][..], &flags].concat(), "");
    assert!(listed.starts_with("API_TOKEN\t"), "{listed}");
    gh(&world, &github.url(), &[&["secret", "set", "API_TOKEN"][..], &flags].concat(), "by gh");
    assert_eq!(github.values(&repository().in_store(Store::Dependabot))["API_TOKEN"], b"by gh");
    let audit = world.run(&["audit", "--format", "json"]).status(1).json();
    assert_eq!(audit["entries"][0]["verdict"], "changed-remotely");
    assert_eq!(audit["entries"][0]["place"], "github-dependabot:acme/shop");
}
