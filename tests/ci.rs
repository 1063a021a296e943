//! `undrift ci github`: the workflow it writes, and what its steps do when they are run one after the other.

use std::collections::BTreeMap;
use std::process::Command;

use age::secrecy::ExposeSecret;
use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{World, files, repository, twins};

const ACTION: &str = "acme/undrift@3d3c42e5aac5ba805825da76410c181273ba90b1";

fn steps(workflow: &str) -> Vec<Value> {
    let workflow: Value = serde_saphyr::from_str(workflow).unwrap();
    workflow["jobs"]["audit"]["steps"].as_array().unwrap().clone()
}

#[test]
fn the_workflow_is_pinned_and_may_do_no_more_than_it_needs() {
    let world = World::new();
    world.shop();
    let ran = world.run(&["ci", "github", "--action", ACTION]).status(0);
    assert_snapshot!("ci_github", ran.talk);
    let text = world.read(".github/workflows/undrift-audit.yml");
    assert_snapshot!("ci_github_workflow", text);
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    let permissions = workflow["jobs"]["audit"]["permissions"].as_object().unwrap();
    assert_eq!(permissions.keys().collect::<Vec<_>>(), ["contents", "security-events"]);
    assert_eq!(permissions["contents"], "read");
    for step in steps(&text) {
        if let Some(action) = step["uses"].as_str() {
            let (_, commit) = action.split_once('@').unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
        }
        // What comes from outside reaches a shell by its environment alone.
        assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step}");
    }
}

#[test]
fn it_tells_where_somebody_is_named_to_tell() {
    let mut world = World::new();
    world.shop();
    let notify = "\n[[notify.webhook]]\nurl = \"env:AUDIT_WEBHOOK\"\n[notify.issue]\nrepository = \"acme/shop\"\n";
    world.write("undrift.toml", format!("{}{notify}token = \"env:GITHUB_TOKEN\"\n", crate::world::SHOP));
    let ran = world.run(&["ci", "github", "--action", ACTION]).status(0);
    assert!(ran.talk.contains("`gh secret set AUDIT_WEBHOOK`"), "{}", ran.talk);
    let text = world.read(".github/workflows/undrift-audit.yml");
    assert!(text.contains("undrift audit -e production -e staging --notify --format"), "{text}");
    assert!(text.contains("          AUDIT_WEBHOOK: ${{ secrets.AUDIT_WEBHOOK }}\n"), "{text}");
    assert!(text.contains("          GITHUB_TOKEN: ${{ github.token }}\n"), "{text}");
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let permissions = workflow["jobs"]["audit"]["permissions"].as_object().unwrap();
    assert_eq!(permissions.keys().collect::<Vec<_>>(), ["contents", "issues", "security-events"]);
    // With a token of its own it needs no right of the workflow's.
    world = World::new();
    world.shop();
    world.write("undrift.toml", format!("{}{notify}", crate::world::SHOP));
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    assert!(!world.read(".github/workflows/undrift-audit.yml").contains("issues: write"));
}

#[test]
fn nothing_is_written_over_and_nothing_that_can_be_moved_is_used() {
    let world = World::new();
    world.shop();
    let before = files(&world.path(""));
    for action in ["acme/undrift", "acme/undrift@v1", "undrift"] {
        let ran = world.run(&["ci", "github", "--action", action]).status(2);
        assert!(ran.talk.contains("does not name a repository at a full commit"), "{}", ran.talk);
    }
    assert_eq!(files(&world.path("")), before);
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    let again = world.run(&["ci", "github", "--action", ACTION]).status(0);
    assert!(again.talk.contains("is there already, and as it should be"), "{}", again.talk);
    world.write(".github/workflows/undrift-audit.yml", "name: mine\n");
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(2);
    assert_eq!(world.read(".github/workflows/undrift-audit.yml"), "name: mine\n");
}

#[test]
fn a_project_below_its_repository_is_audited_where_it_is() {
    let world = World::new();
    world.shop();
    std::fs::create_dir(world.folder().join(".git")).unwrap();
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    let text = std::fs::read_to_string(world.folder().join(".github/workflows/undrift-audit.yml")).unwrap();
    let audit = steps(&text).into_iter().find(|step| step["id"] == "audit").unwrap();
    assert_eq!(audit["working-directory"], "shop");
}

/// Runs the shell of each step as a runner would, and returns the status of the last.
fn run_steps(world: &World, workflow: &str) -> i32 {
    let temporary = world.home().join("runner");
    std::fs::create_dir_all(&temporary).unwrap();
    let (output, summary) = (temporary.join("output"), temporary.join("summary"));
    let program = assert_cmd::cargo::cargo_bin("undrift");
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut status = 0;
    for step in steps(workflow) {
        let Some(script) = step["run"].as_str() else { continue };
        let told = std::fs::read_to_string(&output).unwrap_or_default();
        let told: BTreeMap<_, _> = told.lines().filter_map(|line| line.split_once('=')).collect();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).env_clear().envs(&world.variables);
        command.envs([("PATH", path.as_str()), ("STATUS", told.get("status").copied().unwrap_or_default())]);
        command.env("RUNNER_TEMP", &temporary).env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
        status = command.current_dir(world.path("")).status().unwrap().code().unwrap();
    }
    status
}

#[test]
fn its_steps_report_and_fail_as_the_audit_does() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    let workflow = world.read(".github/workflows/undrift-audit.yml");
    // In a job the key comes from a variable, and from nowhere else.
    let identity = world.home().join(".config/undrift/identity.txt");
    let key = std::fs::read_to_string(&identity).unwrap();
    std::fs::remove_file(&identity).unwrap();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key.trim().into());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(run_steps(&world, &workflow), 0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    assert_eq!(run_steps(&world, &workflow), 1);
    let reports = world.home().join("runner/undrift-audit");
    let read = |file: &str| std::fs::read_to_string(reports.join(file)).unwrap();
    assert!(read("audit.html").contains("CODECOV_TOKEN") && read("audit.xml").contains("UD108"));
    assert!(read("audit.sarif").contains("UD108") && read("audit.json").contains("undrift/audit/1"));
    let summary = std::fs::read_to_string(world.home().join("runner/summary")).unwrap();
    assert!(summary.contains("## undrift audit: in sync") && summary.contains("## undrift audit: drift"), "{summary}");
    // An environment that the job's key does not open is no environment that is in sync.
    let job = age::x25519::Identity::generate();
    let _ = world.run(&["grant", "weekly-audit", &job.to_public().to_string(), "-e", "staging", "--yes"]).status(0);
    let _ = world.run_with(&["set", "NEW", "-e", "production"], "1").status(0);
    let key = world.variables.insert("UNDRIFT_IDENTITY".to_owned(), job.to_string().expose_secret().into()).unwrap();
    assert_eq!(run_steps(&world, &workflow), 2);
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key);
    github.remove_repository("acme/shop");
    assert_eq!(run_steps(&world, &workflow), 2);
}

#[test]
fn nothing_that_is_declared_can_write_into_the_workflow() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    for token in ["env:X: y\\n        run: evil", "env:${{ secrets.X }}", "env:9", "env:"] {
        let target = format!(
            "version = 1\n[environments.staging]\n[targets.web]\nkind = \"fly\"\napp = \"a\"\ntoken = \"{token}\"\n"
        );
        world.write("undrift.toml", target);
        let _ = world.run(&["ci", "github", "--action", ACTION]).status(2);
        assert!(!world.path(".github").exists(), "{token}");
    }
}
