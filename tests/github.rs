//! GitHub beyond a repository's secrets: organizations, variables, and what one level does to another.

use insta::assert_snapshot;
use serde_json::Value;
use twins::{Access, Fault, FaultKind, GitHubPlace, GitHubTwin, Permissions, Visibility};

use crate::world::{World, repository, twins};

/// An organization whose secrets are for one repository, and variables that one secret is published to.
const DECLARED: &str = r#"version = 1

[environments.staging]

[targets.org]
kind = "github"
scope = "organization"
organization = "acme"
repositories = ["acme/shop"]

[targets.vars]
kind = "github"
repository = "acme/shop"
store = "variables"

[secrets.API_TOKEN]

[secrets.SMTP_PASSWORD]
targets = ["org"]

[secrets.STRIPE_KEY]
targets = [{ target = "vars", name = "STRIPE_PUBLIC" }]
"#;

/// One secret of an organization.
const DECLARED_ORGANIZATION: &str = r#"version = 1
[environments.staging]
[targets.org]
kind = "github"
scope = "organization"
organization = "acme"
[secrets.API_TOKEN]
[secrets.SMTP_PASSWORD]
targets = []
[secrets.STRIPE_KEY]
targets = []
"#;

fn organization() -> GitHubPlace {
    GitHubPlace::organization("acme")
}

/// A project with these declarations and the values of the shop.
fn world(declared: &str) -> (GitHubTwin, World) {
    let (fly, github) = twins();
    github.create_repository("acme/other");
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write("undrift.toml", declared);
    (github, world)
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn an_organization_and_variables_are_kept_in_step() {
    let (github, world) = world(DECLARED);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let values = github.values(&organization());
    assert_eq!(values.keys().collect::<Vec<_>>(), ["API_TOKEN", "SMTP_PASSWORD"]);
    let shared = github.secret(&organization(), "API_TOKEN").unwrap();
    assert_eq!(
        (shared.visibility, shared.selected_repositories),
        (Some(Visibility::Selected), vec!["acme/shop".to_owned()])
    );
    let variables = github.variables(&repository());
    assert_eq!(variables.keys().collect::<Vec<_>>(), ["STRIPE_PUBLIC"], "nothing is published by itself");
    assert_eq!(variables["STRIPE_PUBLIC"], b"stripe-1");
    let clean = world.run(&["audit"]).status(0);
    assert!(clean.output.contains("3 checked: 3 in sync (3 proved)"), "{}", clean.output);
    github.set_variable(&repository(), "STRIPE_PUBLIC", "theirs");
    github.set(&organization(), "SMTP_PASSWORD", "theirs");
    let drifted = world.run(&["audit", "--format", "json"]).status(1);
    assert!(!drifted.output.contains("theirs") && !drifted.output.contains("stripe-1"), "{}", drifted.output);
    let report = drifted.json();
    let seen: Vec<_> = report["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (entry["place"].as_str().unwrap(), entry["verdict"].as_str().unwrap(), entry["proof"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("github:acme", "in-sync", "receipt"),
            ("github:acme", "changed-remotely", "receipt"),
            ("github-variables:acme/shop", "changed-remotely", "value"),
        ]
    );
}

#[test]
fn values_of_variables_are_written_to_no_file() {
    let (github, world) = world(DECLARED);
    github.set_variable(&repository(), "THEIRS", "canary-4711");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit"]).status(1);
    for (path, content) in crate::world::files(&world.path("")) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("canary-4711") && !text.contains("stripe-1"), "{}", path.display());
    }
    let receipts = world.read("vault/staging/receipts.toml");
    assert!(receipts.contains("[receipts.\"github:acme\".API_TOKEN]"), "{receipts}");
    assert!(receipts.contains("\naccess = \""), "{receipts}");
}

#[test]
fn access_that_is_not_as_declared_is_a_finding_and_no_push_changes_it() {
    let (github, world) = world(DECLARED);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.share(&organization(), "API_TOKEN", Visibility::All, &[]);
    assert_snapshot!("github_access", world.run(&["audit"]).status(1).transcript());
    let _ = world.run(&["push", "-e", "staging", "--yes", "--overwrite", "API_TOKEN"]).status(0);
    assert_eq!(github.secret(&organization(), "API_TOKEN").unwrap().visibility, Some(Visibility::All));
    let report = world.run(&["audit", "--format", "json"]).status(1).json();
    assert_eq!((codes(&report), &report["summary"]["drift"]), (vec!["UD401"], &0.into()));
    github.share(&organization(), "API_TOKEN", Visibility::Selected, &["acme/other"]);
    let report = world.run(&["audit", "--format", "json"]).status(1).json();
    let next = report["findings"][0]["next"].as_str().unwrap();
    assert!(next.starts_with("`gh api -X PUT orgs/acme/actions/secrets/API_TOKEN/repositories/$(gh api"), "{next}");
    assert!(next.contains(" && gh api -X DELETE orgs/acme/actions/secrets/API_TOKEN/repositories/1"), "{next}");
}

#[test]
fn what_somebody_writes_while_its_access_is_read_is_left_as_it_is() {
    let only = DECLARED_ORGANIZATION;
    for is_update in [false, true] {
        let (github, world) = world(only);
        let push = ["push", "-e", "staging", "--yes"];
        if is_update {
            let _ = world.run(&push).status(0);
            world.set("API_TOKEN", "token-2");
        }
        github.clock().advance(std::time::Duration::from_secs(60));
        // The look before the write is the first request for the name; the second one asks who may use it.
        let asked = Fault::new(FaultKind::Hold).method("GET").path_contains("secrets/API_TOKEN");
        github.inject(asked.skip(1).times(1));
        let held = github.held();
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| {
                while github.held() == held {
                    std::thread::yield_now();
                }
                github.set(&organization(), "API_TOKEN", "theirs");
                github.release();
            });
            world.run(&push)
        });
        let told = ran.status(1);
        assert!(told.output.contains("stale"), "{}", told.transcript());
        assert_eq!(github.values(&organization())["API_TOKEN"], b"theirs");
    }
}

#[test]
fn one_name_at_two_levels_says_which_one_wins() {
    let declared = "version = 1\n[environments.staging]\n[targets.ci]\nkind = \"github\"\nrepository = \"acme/shop\"\n\
                    [targets.deploy]\nkind = \"github\"\nrepository = \"acme/shop\"\nscope = \"environment\"\n\
                    environment = \"live\"\n[secrets.API_TOKEN]\n[secrets.STRIPE_KEY]\ntargets = [\"ci\"]\n\
                    [secrets.SMTP_PASSWORD]\ntargets = []\n";
    let (github, world) = world(declared);
    github.create_environment("acme/shop", "live");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit"]).status(0);
    github.set(&GitHubPlace::environment("acme/shop", "live"), "STRIPE_KEY", "somebody's");
    assert_snapshot!("github_shadow", world.run(&["audit"]).status(1).transcript());
}

#[test]
fn nothing_is_made_at_a_place_that_is_full() {
    let declared = "version = 1\n[environments.staging]\n[targets.ci]\nkind = \"github\"\nrepository = \"acme/shop\"\n\
                    [secrets.API_TOKEN]\n[secrets.SMTP_PASSWORD]\n[secrets.STRIPE_KEY]\n";
    let (github, world) = world(declared);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.remove(&repository(), "API_TOKEN");
    world.set("STRIPE_KEY", "stripe-2");
    for number in 0..98 {
        github.set(&repository(), &format!("THEIRS_{number}"), "theirs");
    }
    let pushed = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert_snapshot!("github_full", pushed.transcript());
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"stripe-2", "what is there is brought up to date");
    assert!(!github.values(&repository()).contains_key("API_TOKEN"));
    github.remove(&repository(), "THEIRS_7");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(github.values(&repository()).len(), 100);
}

#[test]
fn what_no_workflow_sees_is_a_finding() {
    let (github, world) = world(DECLARED);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    for number in 0..99 {
        github.set(&organization(), &format!("B_{number:03}"), "theirs");
    }
    let report = world.run(&["audit", "--format", "json"]).status(1).json();
    assert_eq!(codes(&report), ["UD402"]);
    let message = report["findings"][0]["message"].as_str().unwrap();
    assert!(message.ends_with("not seen are SMTP_PASSWORD"), "{message}");
}

#[test]
fn a_missing_permission_is_named() {
    let (github, mut world) = world(DECLARED);
    let hints = |world: &World| {
        let report = world.run(&["audit", "--format", "json"]).status(2).json();
        let failures = report["failures"].as_array().unwrap().iter();
        failures.map(|failure| failure["hint"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    github.allow_token("nobody", Permissions::all(Access::None));
    world.variables.insert("GH_TOKEN".to_owned(), "nobody".into());
    let rights = [
        "the organization permission `Secrets` (read to audit, write to push), or the scope `admin:org`",
        "the repository permission `Variables`: read to audit, write to push",
    ];
    assert_eq!(hints(&world), rights.map(|right| format!("give the token {right}")));
    // The one that a workflow is given.
    world.variables.remove("GH_TOKEN");
    world.variables.insert("GITHUB_TOKEN".to_owned(), "nobody".into());
    world.variables.insert("GITHUB_ACTIONS".to_owned(), "true".into());
    let never = "a workflow's own `GITHUB_TOKEN` can never do this: set GH_TOKEN to another one, with";
    assert_eq!(hints(&world), rights.map(|right| format!("{never} {right}")));
    github.hide_missing_permissions(true);
    assert_eq!(
        hints(&world),
        rights.map(|right| format!(
            "check the names in undrift.toml; GitHub says the same to a token without {right}, \
             which a workflow's own `GITHUB_TOKEN` never has"
        ))
    );
}
