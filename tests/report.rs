//! `undrift report --merge` and `undrift audit --shard`: the parts together are what one audit of everything is, and what does
//! not belong together is refused.

use std::collections::BTreeSet;
use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::Value;
use twins::{FlyTwin, GitHubPlace, GitHubTwin};

use crate::world::{SHOP, World, files, repository, twins};

/// A project of twelve places with something wrong at several of them and in the vault.
fn fleet() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let mut declared = SHOP.to_owned();
    for number in 0..8 {
        fly.create_app(&format!("app-{number}"));
        write!(
            declared,
            "\n[targets.fly-{number}]\nkind = \"fly\"\napp = \"app-{number}\"\nenvironments = [\"staging\"]\n\
             \n[secrets.SECRET_{number}]\ntargets = [\"fly-{number}\"]\nenvironments = [\"staging\"]\n"
        )
        .unwrap();
    }
    declared += "\n[targets.acme]\nkind = \"github\"\nscope = \"organization\"\norganization = \"acme\"\n\
                 environments = [\"staging\"]\n\n[secrets.NO_VALUE]\nenvironments = [\"staging\"]\ntargets = [\"web\"]\n";
    world.write("undrift.toml", declared);
    for number in 0..7 {
        world.set(&format!("SECRET_{number}"), "a-value-of-this-app");
    }
    let _ = world.run(&["push", "-e", "staging", "--yes"]);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    github.set(&GitHubPlace::organization("acme"), "STRIPE_KEY", "what hides behind the repository's");
    fly.set("app-3", "SECRET_3", "changed by somebody");
    (fly, github, world)
}

/// Writes the report of each shard, and returns the names of the files.
fn shards(world: &World, of: usize) -> Vec<String> {
    let part = |number: usize| {
        let (file, shard) = (format!("{number}-of-{of}.json"), format!("{number}/{of}"));
        let ran = world.run(&["audit", "--shard", &shard, "--write", &format!("json={file}")]);
        assert!(ran.status < 2, "{}", ran.transcript());
        file
    };
    (1..=of).map(part).collect()
}

fn merge<'a>(files: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let names = files.iter().map(String::as_str);
    ["report", "--merge"].into_iter().chain(names).chain(more.iter().copied()).collect()
}

/// Findings in an order of their own: each shard tells them in the order in which it finds them.
fn sorted(mut report: Value) -> Value {
    let findings = report["findings"].as_array_mut().unwrap();
    findings.sort_by_key(ToString::to_string);
    report
}

#[test]
fn the_shards_together_are_the_audit_of_everything() {
    let (_fly, _github, world) = fleet();
    let whole = world.run(&["audit", "--format", "json"]).status(1);
    assert!(whole.output.contains("UD403"), "a name of the organization hides: {}", whole.output);
    for of in [1, 2, 3, 7] {
        let files = shards(&world, of);
        let merged = world.run(&merge(&files, &["--format", "json"])).status(1);
        assert_eq!(sorted(merged.json()), sorted(whole.json()), "{of} shards");
        let mut backwards = files;
        backwards.reverse();
        assert_eq!(world.run(&merge(&backwards, &["--format", "json"])).status(1).output, merged.output);
    }
}

#[test]
fn each_place_is_asked_by_one_shard_and_the_organization_by_all() {
    let (fly, github, world) = fleet();
    fly.clear_requests();
    github.clear_requests();
    let files = shards(&world, 3);
    let mut asked: Vec<String> =
        fly.requests().into_iter().map(|it| it.path).filter(|path| path.ends_with("/secrets")).collect();
    asked.sort();
    let once: BTreeSet<&String> = asked.iter().collect();
    assert_eq!((asked.len(), once.len()), (10, 10), "{asked:?}");
    let of_organization = github.requests().iter().filter(|it| it.path == "/orgs/acme/actions/secrets").count();
    assert_eq!(of_organization, 3);
    let places = |file: &String| {
        let report: Value = serde_json::from_str(&world.read(file)).unwrap();
        assert_eq!(report["scope"]["shard"]["of"], 3);
        report["places"].as_array().unwrap().len()
    };
    let told = world.run(&["audit", "--shard", "2/3"]).output;
    let words: Vec<&str> = told.split_whitespace().collect();
    assert!(words.join(" ").contains("; shard 2 of 3"), "{told}");
    assert_eq!(files.iter().map(places).sum::<usize>(), 12, "the organization is told of once");
}

#[test]
fn a_shard_that_is_missing_is_trouble_in_every_format() {
    let (fly, github, world) = fleet();
    let parts = shards(&world, 3);
    fly.clear_requests();
    github.clear_requests();
    let before = files(&world.path(""));
    let ran = world.run(&merge(&parts[..2], &["--format", "table"])).status(2);
    assert_snapshot!("report_merge_missing", ran.transcript());
    for format in ["json", "markdown", "html", "sarif", "junit"] {
        let ran = world.run(&merge(&parts[..2], &["--format", format])).status(2);
        assert!(ran.output.contains("shard 3 of 3 is missing"), "{format}: {}", ran.output);
    }
    assert_eq!(files(&world.path("")), before, "it only reads");
    assert!(fly.requests().is_empty() && github.requests().is_empty(), "it asks nobody");
    let ran = world.run(&merge(&parts, &["--write", "html=all.html", "--write", "json=all.json"])).status(1);
    assert!(ran.output.contains("changed remotely") && world.read("all.html").contains("undrift audit: drift"));
    // What was merged may be merged once more.
    let again = world.run(&["report", "--merge", "all.json", "--format", "json"]).status(1);
    assert_eq!(again.output, world.read("all.json"));
}

#[test]
fn environments_that_were_audited_apart_make_one_report() {
    let (_fly, _github, world) = fleet();
    let _ = world.run(&["audit", "-e", "staging", "--write", "json=staging.json"]).status(1);
    let _ = world.run(&["audit", "-e", "production", "--write", "json=production.json"]).status(0);
    let merged = world.run(&["report", "--merge", "staging.json", "production.json", "--format", "json"]).status(1);
    let whole = world.run(&["audit", "--format", "json"]).status(1).json();
    assert_eq!(sorted(merged.json()), sorted(whole));
    let good = world.run(&["report", "--merge", "production.json"]).status(0);
    assert!(good.output.contains("1 checked") || good.output.contains("0 checked"), "{}", good.transcript());
}

/// The reports may be merged by a job that has neither the vault nor its declarations.
#[test]
fn no_project_is_needed() {
    let (_fly, _github, world) = fleet();
    let parts = shards(&world, 2);
    let bare = World::new();
    for part in &parts {
        bare.write(part, world.read(part));
    }
    let here = world.run(&merge(&parts, &[])).status(1);
    assert_eq!(bare.run(&merge(&parts, &[])).status(1).transcript(), here.transcript());
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let (_fly, _github, mut world) = fleet();
    let parts = shards(&world, 2);
    let spoilt = |from: &str, to: &str| {
        let text = world.read("2-of-2.json");
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    world.write("version.json", spoilt("\"undrift 0.1.0\"", "\"undrift 0.0.9\""));
    world.write("format.json", spoilt("undrift/audit/1", "undrift/audit/2"));
    world.write("cut.json", &world.read("2-of-2.json")[..400]);
    world.write("shard.json", spoilt("\"of\": 2", "\"of\": 1"));
    world.write("answer.json", world.read("1-of-2.json").replacen("\"proof\": \"receipt\"", "\"proof\": \"none\"", 1));
    world.now = "2026-11-27T08:00:00Z".parse().unwrap();
    let _ = world.run(&["audit", "--shard", "2/2", "--write", "json=week.json"]);
    world.now = "2026-11-20T08:00:00Z".parse().unwrap();
    world.write("undrift.toml", world.read("undrift.toml") + "\n# another state\n");
    let _ = world.run(&["audit", "--shard", "2/2", "--write", "json=project.json"]);
    let mut said = String::new();
    for file in ["version", "format", "cut", "shard", "answer", "week", "project", "nowhere"] {
        let file = format!("{file}.json");
        let ran = world.run(&["report", "--merge", &parts[0], &file]).status(2);
        assert!(ran.output.is_empty() && ran.talk.contains(&file), "{}", ran.transcript());
        said += &ran.talk;
    }
    world.write("undrift.json", "{}");
    for arguments in [
        &["report", "--merge", "undrift.json"][..],
        &["report", "--merge", "undrift.toml"],
        &["report", "--merge", "1-of-2.json", "--write", "json=1-of-2.json"],
        &["report", "--merge", "1-of-2.json", "--write", "json=vault/staging/a.json"],
        &["report", "--merge", "1-of-2.json", "-e", "staging"],
        &["report", "--merge", "1-of-2.json", "-t", "web"],
        &["report", "--merge"],
        &["report"],
    ] {
        said += &world.run(arguments).status(2).talk;
    }
    assert_snapshot!("report_merge_refusals", said);
}

#[test]
fn what_is_no_shard_is_refused_before_anything_is_asked() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    for shard in ["0/3", "4/3", "x", "1", "1/0", "1/257", "-1/3", ""] {
        let ran = world.run(&["audit", &format!("--shard={shard}")]).status(2);
        assert!(ran.talk.contains("from 1/N to N/N, such as 2/3"), "{shard}: {}", ran.transcript());
    }
    assert!(fly.requests().is_empty() && github.requests().is_empty());
}

/// What another shard looks at is never called mended.
#[test]
fn a_shard_says_nothing_of_what_it_did_not_look_at() {
    let (_fly, _github, world) = fleet();
    let _ = world.run(&["audit", "--write", "json=before.json"]).status(1);
    let compare = |shard| {
        let ran = world.run(&["audit", "--shard", shard, "--changed-since", "before.json", "--format", "json"]);
        let report: Value = serde_json::from_str(&ran.output).unwrap();
        let count = |part: &str| report["changes"][part].as_array().map_or(0, Vec::len);
        [count("new"), count("mended"), count("unseen")]
    };
    let (one, two) = (compare("1/2"), compare("2/2"));
    assert_eq!([one[..2].to_vec(), two[..2].to_vec()], [[0, 0], [0, 0]]);
    assert!(one[2] + two[2] > 0);
}

/// One listing a page, at as many places as need two of them, and for nothing the second time.
#[test]
fn a_fleet_is_read_with_one_request_a_page_and_then_for_nothing() {
    const REPOSITORIES: usize = 60;
    const SECRETS: usize = 120;
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    let _ = world.run(&["init", "staging"]).status(0);
    let mut declared = "version = 1\n[environments.staging]\n".to_owned();
    for number in 0..REPOSITORIES {
        let name = format!("acme/repository-{number}");
        github.create_repository(&name);
        let place = GitHubPlace::repository(&name);
        for secret in 0..SECRETS {
            github.set(&place, &format!("SECRET_{secret:03}"), "theirs");
        }
        writeln!(declared, "[targets.github-{number}]\nkind = \"github\"\nrepository = \"{name}\"").unwrap();
    }
    declared += "[[ignore]]\nname = \"*\"\nreason = \"only counted\"\n";
    world.write("undrift.toml", declared);
    world.network.concurrency = 8;
    let audit = |expected: u16| {
        github.clear_requests();
        let report = world.run(&["audit", "--format", "json"]).status(0).json();
        assert_eq!(report["summary"]["checked"], REPOSITORIES * SECRETS);
        let requests = github.requests();
        let addresses: BTreeSet<_> = requests.iter().map(|it| (it.path.clone(), it.query.clone())).collect();
        assert_eq!((requests.len(), addresses.len()), (REPOSITORIES * 2, REPOSITORIES * 2), "a page is asked for once");
        assert!(requests.iter().all(|request| request.status == expected), "{expected}");
        assert!(github.in_flight_peak() <= 8, "no more at once than is allowed");
        report["entries"].clone()
    };
    let first = audit(200);
    assert_eq!(audit(304), first);
}
