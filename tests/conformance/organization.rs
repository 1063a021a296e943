//! What is an organization's alone: who may use what it holds, which a value never changes.

use std::collections::BTreeSet;

use twins::{Fault, FaultKind, GITHUB_TOKEN, Visibility};
use undrift::domain::access::{Access, DeclaredAccess};
use undrift::domain::observation::Observation;
use undrift::domain::place::GithubStore;
use undrift::domain::secret::SecretValue;
use undrift::targets::client::Client;
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{AnyTarget, Effect, Target, TargetError, Write};

use super::github::{Organization, of_organization, organization};
use super::{Harness, hasty, name, rewrite, run, seen, write};

/// Returns the adapter for the organization, with what its undrift.toml says of who may use what is made there.
fn target(harness: &Organization, store: GithubStore, access: Option<DeclaredAccess>) -> AnyTarget {
    let token = SecretValue::copied_from(GITHUB_TOKEN);
    let settings = GithubSettings {
        api_url: harness.server().url(),
        store,
        holder: of_organization(),
        access,
        token: &token,
        of_workflow: false,
    };
    AnyTarget::Github(GithubPlace::new(&Client::new(&hasty()), settings).expect("the settings are good"))
}

fn selected(repositories: &[&str]) -> DeclaredAccess {
    DeclaredAccess::Selected(repositories.iter().map(|name| (*name).to_owned()).collect())
}

fn access(observation: &Observation, wanted: &str) -> Access {
    observation.entries[&name(wanted)].access.clone().expect("an organization tells")
}

#[test]
fn a_new_value_never_changes_who_may_use_it() {
    let harness = Organization::start();
    harness.0.create_repository("acme/other");
    // (what is there, what undrift.toml says)
    let table = [
        (Visibility::Selected, &["acme/other"][..], Some(DeclaredAccess::All)),
        (Visibility::Selected, &[], Some(selected(&["acme/shop"]))),
        (Visibility::Private, &[], Some(DeclaredAccess::All)),
        (Visibility::All, &[], Some(selected(&["acme/shop"]))),
        (Visibility::All, &[], None),
    ];
    for (visibility, repositories, declared) in table {
        harness.set("A", "one");
        harness.0.share(&organization(), "A", visibility, repositories);
        let effect = run(rewrite(&target(&harness, GithubStore::Actions, declared), "A", "two"));
        assert!(matches!(effect, Effect::Accepted(None)), "{effect:?}");
        assert_eq!(harness.values()["A"], b"two");
        let after = harness.0.secret(&organization(), "A").expect("it is there");
        assert_eq!((after.visibility, after.selected_repositories), (Some(visibility), own(repositories)));
    }
}

fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_is_made_is_for_those_who_are_declared() {
    let harness = Organization::start();
    harness.0.create_repository("acme/other");
    let table = [
        (None, Visibility::Private, &[][..]),
        (Some(DeclaredAccess::Private), Visibility::Private, &[]),
        (Some(DeclaredAccess::All), Visibility::All, &[]),
        (Some(selected(&["Acme/Shop", "acme/other"])), Visibility::Selected, &["acme/shop", "acme/other"]),
        (Some(selected(&[])), Visibility::Selected, &[]),
    ];
    for (number, (declared, visibility, repositories)) in table.into_iter().enumerate() {
        let made = format!("NAME_{number}");
        let target = target(&harness, GithubStore::Actions, declared.clone());
        assert!(matches!(run(write(&target, &made, "one")), Effect::Accepted(None)));
        let there = harness.0.secret(&organization(), &made).expect("it is there");
        let names: BTreeSet<String> = there.selected_repositories.into_iter().collect();
        assert_eq!(
            (there.visibility, names),
            (Some(visibility), own(repositories).into_iter().collect()),
            "{declared:?}"
        );
        let shown = access(&run(target.observe()).expect("the place can be read"), &made);
        assert!(shown.is(&declared.unwrap_or(DeclaredAccess::Private)), "{shown}");
    }
}

#[test]
fn nothing_is_made_for_a_repository_that_is_not_there() {
    let harness = Organization::start();
    let target = target(&harness, GithubStore::Actions, Some(selected(&["acme/shop", "acme/gone"])));
    let Effect::Refused(error) = run(write(&target, "A", "one")) else { panic!("it must be refused") };
    assert_eq!(error.to_string(), "the repository `acme/gone` was not found, or is hidden from this token (404)");
    assert_eq!(seen(harness.server(), "PUT"), 0);
}

#[test]
fn who_may_use_it_is_read_right_before_the_write() {
    let harness = Organization::start();
    harness.set("A", "one");
    harness.0.share(&organization(), "A", Visibility::Selected, &["acme/shop"]);
    let target = target(&harness, GithubStore::Actions, None);
    run(async {
        write(&target, "B", "one").await;
        harness.server().clear_requests();
        rewrite(&target, "A", "two").await;
    });
    let requests = harness.server().requests();
    let lines: Vec<String> = requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    let base = "/orgs/acme/actions/secrets/A";
    let look = [format!("GET {base}"), format!("GET {base}/repositories")];
    assert_eq!(lines, [&look[..], &look, &[format!("PUT {base}")]].concat());
}

#[test]
fn what_moves_right_before_the_write_is_left_as_it_is() {
    let at = |time: &str| Some(time.parse::<jiff::Timestamp>().expect("a literal time"));
    let there = at("2026-11-20T08:00:00Z");
    // (what is there, when it was last written as the look before the write has seen it)
    let table = [(None, there), (there, None), (there, at("2026-11-20T07:59:59Z"))];
    for (is_there, last_written) in table {
        let harness = Organization::start();
        if let Some(time) = is_there {
            harness.server().clock().pin(time);
            harness.set("A", "theirs");
        }
        let target = target(&harness, GithubStore::Actions, Some(DeclaredAccess::All));
        let value = SecretValue::copied_from("ours");
        let effects = run(target.write(&[Write { name: &name("A"), value: &value, last_written }]));
        assert!(matches!(effects[..], [Effect::Refused(TargetError::Moved)]), "{effects:?}");
        assert_eq!(seen(harness.server(), "PUT"), 0);
    }
}

#[test]
fn a_long_list_of_repositories_is_read_to_its_end() {
    let harness = Organization::start();
    let names: Vec<String> = (0..150).map(|number| format!("acme/repository-{number}")).collect();
    for name in &names {
        harness.0.create_repository(name);
    }
    harness.set("A", "one");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    harness.0.share(&organization(), "A", Visibility::Selected, &names);
    let target = target(&harness, GithubStore::Actions, None);
    for observation in [run(target.observe()), run(target.look(&[&name("A")]))] {
        let shown = access(&observation.expect("the place can be read"), "A");
        assert!(shown.is(&selected(&names)), "{shown}");
    }
}

#[test]
fn a_secret_that_goes_meanwhile_is_read_once_more() {
    let harness = Organization::start();
    harness.set("A", "one");
    harness.set("B", "one");
    harness.0.share(&organization(), "A", Visibility::Selected, &["acme/shop"]);
    let target = target(&harness, GithubStore::Actions, None);
    for code in [404, 409] {
        harness.server().inject(Fault::new(FaultKind::status(code, "{}")).path_contains("/repositories"));
        assert_eq!(run(target.observe()).expect("the second reading agrees").entries.len(), 2);
    }
    harness.server().inject(Fault::new(FaultKind::status(404, "{}")).path_contains("/repositories").always());
    let error = run(target.observe()).expect_err("it never agrees");
    assert!(error.to_string().contains("the listing changed while it was read"), "{error}");
    let effect = run(rewrite(&target, "B", "two"));
    assert!(matches!(effect, Effect::Accepted(None)), "what concerns A is no business of B: {effect:?}");
}

#[test]
fn an_organization_that_does_not_say_who_is_not_guessed_about() {
    let harness = Organization::start();
    let silent = "{\"name\":\"A\",\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-01T00:00:00Z\"}";
    harness
        .server()
        .inject(Fault::new(FaultKind::status(200, silent)).path_contains("/secrets/A").method("GET").always());
    let effect = run(write(&target(&harness, GithubStore::Actions, None), "A", "two"));
    assert!(matches!(effect, Effect::Refused(TargetError::Unexpected(_))), "{effect:?}");
    assert_eq!(seen(harness.server(), "PUT"), 0);
}

#[test]
fn other_products_keep_their_own_and_share_alike() {
    for store in [GithubStore::Dependabot, GithubStore::Codespaces] {
        let harness = Organization::start();
        let target = target(&harness, store, Some(selected(&["acme/shop"])));
        assert!(matches!(run(write(&target, "A", "one")), Effect::Accepted(None)));
        let shown = run(target.observe()).expect("the place can be read");
        assert!(access(&shown, "A").is(&selected(&["acme/shop"])));
        assert!(harness.values().is_empty(), "those of Actions are others");
    }
}
