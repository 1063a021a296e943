//! What is true of variables alone: they are read whole, made once, and changed without a word on who may use them.

use twins::{Fault, FaultKind, GITHUB_TOKEN, GitHubPlace};
use undrift::domain::access::{Access, DeclaredAccess};
use undrift::domain::observation::Evidence;
use undrift::domain::place::GithubStore;
use undrift::domain::secret::SecretValue;
use undrift::targets::client::Client;
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{AnyTarget, Effect, Target, TargetError, Write};

use super::github::{ORGANIZATION, Variables, of_organization};
use super::{Harness, hasty, name, run, seen, write};

/// Writes over what is there, as a push does after it has looked.
async fn change(target: &AnyTarget, wanted: &str, value: &str) -> Effect {
    let name = name(wanted);
    let there = target.look(&[&name]).await.expect("the place can be read");
    let value = SecretValue::copied_from(value);
    let write = Write { name: &name, value: &value, last_written: there.entries[&name].written };
    target.write(&[write]).await.pop().expect("one effect")
}

fn value(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Accepted(Some(Evidence::Value(value))) => Some(value.expose()),
        _ => None,
    }
}

#[test]
fn a_variable_is_made_and_then_changed() {
    let harness = Variables::start();
    let target = harness.target(&hasty());
    run(async {
        assert_eq!(value(&write(&target, "REGION", "eu").await), Some("eu"));
        assert_eq!(value(&change(&target, "REGION", "us").await), Some("us"));
        let observation = target.observe().await.expect("the place can be read");
        let Evidence::Value(shown) = &observation.entries[&name("REGION")].evidence else { panic!("it is read whole") };
        assert_eq!(shown.expose(), "us");
    });
    let requests = harness.server().requests();
    let lines: Vec<String> =
        requests.iter().map(|request| format!("{} {}?{}", request.method, request.path, request.query)).collect();
    let base = "/repos/acme/shop/actions/variables";
    assert_eq!(
        lines,
        [
            format!("POST {base}?"),
            format!("GET {base}/REGION?"),
            format!("PATCH {base}/REGION?"),
            format!("GET {base}?per_page=30"),
        ]
    );
}

#[test]
fn one_that_somebody_made_meanwhile_is_left_as_it_is() {
    let harness = Variables::start();
    let target = harness.target(&hasty());
    harness.set("REGION", "theirs");
    harness.set("SAME", "ours");
    run(async {
        let effect = write(&target, "REGION", "ours").await;
        assert!(matches!(effect, Effect::Refused(TargetError::Moved)), "{effect:?}");
        assert_eq!(value(&write(&target, "SAME", "ours").await), Some("ours"));
        harness.server().inject(Fault::new(FaultKind::status(500, "{}")).method("GET").always());
        let effect = write(&target, "SAME", "ours").await;
        assert!(matches!(effect, Effect::Refused(TargetError::Moved)), "{effect:?}");
    });
    assert_eq!(harness.values()["REGION"], b"theirs");
    assert_eq!(seen(harness.server(), "PATCH"), 0);
}

#[test]
fn one_that_somebody_removed_meanwhile_is_not_made_anew() {
    let harness = Variables::start();
    let target = harness.target(&hasty());
    let last_written = Some("2026-11-20T08:00:00Z".parse().expect("a literal time"));
    let value = SecretValue::copied_from("eu");
    let effects = run(target.write(&[Write { name: &name("REGION"), value: &value, last_written }]));
    assert!(matches!(effects[..], [Effect::Refused(TargetError::NotFound { .. })]), "{effects:?}");
    assert!(harness.values().is_empty());
}

#[test]
fn an_organizations_variable_keeps_those_who_may_use_it() {
    let harness = Variables::start();
    let at = |access| {
        let token = SecretValue::copied_from(GITHUB_TOKEN);
        let settings = GithubSettings {
            api_url: harness.server().url(),
            store: GithubStore::Variables,
            holder: of_organization(),
            access: Some(access),
            token: &token,
            of_workflow: false,
        };
        AnyTarget::Github(GithubPlace::new(&Client::new(&hasty()), settings).expect("the settings are good"))
    };
    let declared = || DeclaredAccess::Selected(["acme/shop".to_owned()].into());
    let access = |target: &AnyTarget| {
        let observation = run(target.observe()).expect("the place can be read");
        observation.entries[&name("REGION")].access.clone().expect("an organization tells")
    };
    let target = at(declared());
    assert_eq!(value(&run(write(&target, "REGION", "eu"))), Some("eu"));
    assert!(access(&target).is(&declared()));
    let wider = at(DeclaredAccess::All);
    assert_eq!(value(&run(change(&wider, "REGION", "us"))), Some("us"));
    assert!(matches!(access(&wider), Access::Selected(_)));
    assert_eq!(harness.0.variables(&GitHubPlace::organization(ORGANIZATION))["REGION"], b"us");
}

#[test]
fn a_value_is_never_told() {
    let harness = Variables::start();
    harness.set("REGION", "canary-4711");
    let target = harness.target(&hasty());
    let told = format!("{:?} {:?}", run(target.observe()), run(change(&target, "REGION", "canary-4712")));
    assert!(!told.contains("canary"), "{told}");
}
