//! `undrift ci github`: the workflow it writes, and what its steps do when they are run one after the other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use age::secrecy::ExposeSecret;
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use twins::{Artifact, Fault, FaultKind, GITHUB_TOKEN, GitHubTwin, WebhookSink};

use crate::tools;
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
    assert_eq!(permissions.keys().collect::<Vec<_>>(), ["actions", "contents", "security-events"]);
    assert_eq!((&permissions["contents"], &permissions["actions"]), (&"read".into(), &"read".into()));
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
    assert!(text.contains("undrift audit -e production -e staging --notify --record --history"), "{text}");
    assert!(text.contains("          AUDIT_WEBHOOK: ${{ secrets.AUDIT_WEBHOOK }}\n"), "{text}");
    assert!(text.contains("          GITHUB_TOKEN: ${{ github.token }}\n"), "{text}");
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let permissions = workflow["jobs"]["audit"]["permissions"].as_object().unwrap();
    assert_eq!(permissions.keys().collect::<Vec<_>>(), ["actions", "contents", "issues", "security-events"]);
    // With a token of its own it needs no right of the workflow's.
    world = World::new();
    world.shop();
    world.write("undrift.toml", format!("{}{notify}", crate::world::SHOP));
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    assert!(!world.read(".github/workflows/undrift-audit.yml").contains("issues: write"));
}

#[test]
fn a_tool_that_looks_for_unsafe_workflows_finds_nothing() {
    if !tools::may_have("zizmor", "the workflow under zizmor") {
        return;
    }
    let audit = |file: &Path| {
        let mut command = Command::new("zizmor");
        command.args(["--offline", "--no-progress", "--no-config", "--strict-collection", "--persona", "pedantic"]);
        command.arg(file).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap()
    };
    let insist = |file: &Path| {
        let output = audit(file);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    let world = World::new();
    world.shop();
    let notify = "\n[notify.issue]\nrepository = \"acme/shop\"\ntoken = \"env:GITHUB_TOKEN\"\n";
    world.write("undrift.toml", format!("{}{notify}", crate::world::SHOP));
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    let file = world.path(".github/workflows/undrift-audit.yml");
    insist(&file);
    insist(&Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    // It does look.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&ACTION[ACTION.len() - 40..], "v1")).unwrap();
    assert!(!audit(&file).status.success());
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

/// A runner for the workflow: its shell runs as it is, and of others' actions those that carry the history.
struct Runner<'a> {
    world: &'a World,
    github: &'a GitHubTwin,
    workflow: String,
    runs: Cell<u64>,
    /// The action that fails, by the beginning of its name.
    broken: Cell<&'static str>,
}

impl<'a> Runner<'a> {
    fn new(world: &'a World, github: &'a GitHubTwin) -> Self {
        let workflow = world.read(".github/workflows/undrift-audit.yml");
        Self { world, github, workflow, runs: Cell::new(0), broken: Cell::new("none") }
    }

    /// Runs every step that is due on a fresh machine, and returns the statuses of those that failed.
    fn run(&self) -> BTreeMap<String, i32> {
        self.runs.set(self.runs.get() + 1);
        std::fs::remove_dir_all(self.temporary()).ok();
        std::fs::create_dir(self.temporary()).unwrap();
        let mut known = BTreeMap::from([
            ("github.token".to_owned(), GITHUB_TOKEN.to_owned()),
            ("runner.temp".to_owned(), self.temporary().display().to_string()),
        ]);
        let mut failed = BTreeMap::new();
        for step in steps(&self.workflow) {
            let status = is_due(&step, !failed.is_empty(), &known).then(|| match step["run"].as_str() {
                Some(script) => self.shell(script, &step, &mut known),
                None => self.action(&step, &known),
            });
            let outcome = status.map_or("skipped", |status| if status == 0 { "success" } else { "failure" });
            known.insert(format!("steps.{}.outcome", step["id"].as_str().unwrap_or_default()), outcome.to_owned());
            if let Some(status) = status.filter(|status| *status != 0) {
                failed.insert(step["name"].as_str().unwrap().to_owned(), status);
            }
        }
        failed
    }

    fn temporary(&self) -> PathBuf {
        self.world.home().join("runner")
    }

    fn shell(&self, script: &str, step: &Value, known: &mut BTreeMap<String, String>) -> i32 {
        let program = assert_cmd::cargo::cargo_bin("undrift");
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        let (output, summary) = (self.temporary().join("output"), self.temporary().join("summary"));
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).env_clear();
        command.envs(&self.world.variables).env("PATH", path).env("RUNNER_TEMP", self.temporary());
        command.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
        command.envs([("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_REF_NAME", "main")]);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            // What the repository keeps for the job is among the variables already.
            if !value.contains("secrets.") {
                command.env(name, filled(value, known));
            }
        }
        if script.contains("gh api") {
            let config = self.world.home().join("gh");
            command.env("GH_CONFIG_DIR", config).env("HTTP_PROXY", self.github.url());
            command.env("GH_HOST", "github.localhost");
        }
        let status = command.current_dir(self.world.path("")).status().unwrap().code().unwrap();
        let told = std::fs::read_to_string(&output).unwrap_or_default();
        std::fs::remove_file(&output).ok();
        for (name, value) in told.lines().filter_map(|line| line.split_once('=')) {
            known.insert(format!("steps.{}.outputs.{name}", step["id"].as_str().unwrap()), value.to_owned());
        }
        status
    }

    fn action(&self, step: &Value, known: &BTreeMap<String, String>) -> i32 {
        let with = |name: &str| filled(step["with"][name].as_str().unwrap(), known);
        let kept = |run: &str| self.world.home().join("artifacts").join(run).join(with("name"));
        let action = step["uses"].as_str().unwrap();
        if action.starts_with(self.broken.get()) {
            return 1;
        }
        if action.starts_with("actions/download-artifact@") {
            let kept = kept(&with("run-id"));
            assert!(kept.exists(), "{}", kept.display());
            copy(&kept, Path::new(&with("path")));
        } else if action.starts_with("actions/upload-artifact@") && Path::new(&with("path")).exists() {
            copy(Path::new(&with("path")), &kept(&self.runs.get().to_string()));
            self.keep(&with("name"), |_| ());
        }
        0
    }

    /// Lets GitHub know of an artifact of this run.
    fn keep(&self, name: &str, change: impl FnOnce(&mut Artifact)) {
        let run = self.runs.get();
        let created_at = Timestamp::constant(1_795_000_000, 0) + SignedDuration::from_hours(run.cast_signed());
        let (name, branch) = (name.to_owned(), "main".to_owned());
        let mut artifact = Artifact { name, run, branch, from_a_fork: false, expired: false, created_at };
        change(&mut artifact);
        self.github.keep_artifact("acme/shop", artifact);
    }

    /// Returns the names of the records that a run has kept.
    fn records(&self, run: u64) -> Vec<PathBuf> {
        let kept = self.world.home().join(format!("artifacts/{run}/undrift-history"));
        let records = if kept.exists() { files(&kept) } else { BTreeMap::new() };
        records.into_keys().map(|path| path.strip_prefix(&kept).unwrap().to_owned()).collect()
    }
}

/// Returns a text of the workflow with what is known put in.
fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    let filled =
        known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{{ {name} }}}}"), value));
    // An output that no step has written is empty.
    if filled.starts_with("${{ steps.") { String::new() } else { filled }
}

/// Returns whether a step is run: its condition in the little of the language that the workflow uses.
fn is_due(step: &Value, has_failed: bool, known: &BTreeMap<String, String>) -> bool {
    let condition = step["if"].as_str().unwrap_or("${{ !false }}");
    let condition = condition.strip_prefix("${{ ").unwrap().strip_suffix(" }}").unwrap();
    let holds = |term: &str| {
        let (left, is_equal, right) = match (term.split_once(" == "), term.split_once(" != ")) {
            (Some((left, right)), _) => (left, true, right),
            (_, Some((left, right))) => (left, false, right),
            (None, None) => return ["!cancelled()", "!false"].contains(&term),
        };
        (known.get(left).map_or("", String::as_str) == right.trim_matches('\'')) == is_equal
    };
    let is_met = |terms: &str| match terms.strip_prefix('(').and_then(|terms| terms.strip_suffix(')')) {
        Some(terms) => terms.split(" || ").any(holds),
        None => holds(terms),
    };
    (!has_failed || condition.contains("!cancelled()")) && condition.split(" && ").all(is_met)
}

fn copy(from: &Path, to: &Path) {
    for (path, content) in files(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

const LAST: &str = "Fail on drift, and on an audit that is not complete";

fn failed(step: &str, status: i32) -> BTreeMap<String, i32> {
    BTreeMap::from([(step.to_owned(), status)])
}

#[test]
fn its_steps_report_and_fail_as_the_audit_does() {
    if !tools::has("gh", "the workflow's steps") {
        return;
    }
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    // In a job the key comes from a variable, and from nowhere else.
    let identity = world.home().join(".config/undrift/identity.txt");
    let key = std::fs::read_to_string(&identity).unwrap();
    std::fs::remove_file(&identity).unwrap();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key.trim().into());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let read = |file: &str| std::fs::read_to_string(world.home().join("runner").join(file)).unwrap();
    assert_eq!(Runner::new(&world, &github).run(), BTreeMap::new());
    assert!(read("summary").contains("## undrift audit: in sync"), "{}", read("summary"));
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    assert_eq!(Runner::new(&world, &github).run(), failed(LAST, 1));
    assert!(read("undrift-audit/audit.html").contains("CODECOV_TOKEN"));
    assert!(read("undrift-audit/audit.xml").contains("UD108") && read("undrift-audit/audit.sarif").contains("UD108"));
    assert!(read("undrift-audit/audit.json").contains("undrift/audit/1"));
    assert!(read("summary").contains("## undrift audit: drift"), "{}", read("summary"));
    // An environment that the job's key does not open is no environment that is in sync.
    let job = age::x25519::Identity::generate();
    let _ = world.run(&["grant", "weekly-audit", &job.to_public().to_string(), "-e", "staging", "--yes"]).status(0);
    let _ = world.run_with(&["set", "NEW", "-e", "production"], "1").status(0);
    let key = world.variables.insert("UNDRIFT_IDENTITY".to_owned(), job.to_string().expose_secret().into()).unwrap();
    assert_eq!(Runner::new(&world, &github).run(), failed(LAST, 2));
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key);
    github.inject(Fault::new(FaultKind::status(404, "")).path_contains("/secrets").always());
    assert_eq!(Runner::new(&world, &github).run(), failed(LAST, 2));
}

#[test]
fn its_history_goes_from_run_to_run_and_nobody_is_told_twice() {
    if !tools::has("gh", "the workflow's history") {
        return;
    }
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let notify = "[[notify.webhook]]\nurl = \"env:AUDIT_WEBHOOK\"\n";
    world.write("undrift.toml", format!("{}\n{notify}", crate::world::SHOP));
    let webhook = WebhookSink::start();
    world.variables.insert("AUDIT_WEBHOOK".to_owned(), webhook.url().into());
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["ci", "github", "--action", ACTION]).status(0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let runner = Runner::new(&world, &github);
    // The first run finds no history and goes on; the second has that of the first.
    assert_eq!(runner.run(), failed(LAST, 1));
    assert_eq!((runner.records(1).len(), webhook.take().len()), (1, 1));
    assert_eq!(runner.run(), failed(LAST, 1));
    assert_eq!((runner.records(2).len(), webhook.take().len()), (2, 0));
    assert!(runner.records(2).contains(&runner.records(1)[0]));
    // What is newer and not its own, or can be had no more, is passed over.
    runner.runs.set(90);
    runner.keep("undrift-history", |artifact| artifact.from_a_fork = true);
    runner.keep("undrift-history", |artifact| artifact.branch = "else".to_owned());
    runner.keep("undrift-history", |artifact| artifact.expired = true);
    runner.keep("undrift-audit", |_| ());
    runner.runs.set(2);
    assert_eq!(runner.run(), failed(LAST, 1));
    assert_eq!((runner.records(3).len(), webhook.take().len()), (3, 0));
    // Where nobody knows whether there is one, the audit is made and told, the job fails, and what there is stays.
    github.inject(Fault::new(FaultKind::status(500, "{}")).path_contains("/actions/artifacts").always());
    assert_eq!(runner.run(), failed("Find the history", 1));
    assert_eq!((runner.records(4), webhook.take().len()), (Vec::new(), 1));
    github.clear_faults();
    runner.broken.set("actions/download-artifact@");
    assert_eq!(runner.run(), failed("Fetch the history", 1));
    assert_eq!((runner.records(5), webhook.take().len()), (Vec::new(), 1));
    // Without the program there is no audit, and nobody is told of one.
    runner.broken.set("acme/undrift@");
    assert_eq!(runner.run(), failed("Install undrift", 1));
    assert_eq!((runner.records(6), webhook.take().len()), (Vec::new(), 0));
    runner.broken.set("none");
    assert_eq!(runner.run(), failed(LAST, 1));
    assert_eq!((runner.records(7).len(), webhook.take().len()), (4, 0));
    // `undrift history` reads what was fetched.
    let kept = world.home().join("artifacts/7/undrift-history").display().to_string();
    let history = world.run(&["history", "--history", &kept, "--format", "json"]).status(0).json();
    assert_eq!(history["runs"].as_array().unwrap().len(), 4);
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
