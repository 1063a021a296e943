//! What is Fly's alone: digests, one request for a batch, versions, and the roll-out.

use std::collections::BTreeMap;
use std::time::Duration;

use twins::{FLY_TOKEN, Fault, FaultKind, FlyTwin, Server, TimestampStyle};
use undrift::domain::observation::{Evidence, RolloutState};
use undrift::domain::secret::SecretValue;
use undrift::targets::client::{Client, ClientSettings};
use undrift::targets::fly::{FlyApp, FlySettings};
use undrift::targets::{AnyTarget, Effect, Target, TargetError};
use vault_schema::project::RolloutMode;
use vault_schema::verdict::Rollout;

use super::{Harness, hasty, name, run, seen, write, write_all};

const APP: &str = "shop";

struct Fly(FlyTwin);

impl Harness for Fly {
    const MANY: usize = 1000;
    const WRITE: &'static str = "POST";
    const BULK: bool = true;
    const TOKEN: &'static str = FLY_TOKEN;
    const READER: &'static str = "reader";
    const STRANGER: &'static str = "stranger";

    fn start() -> Self {
        let twin = FlyTwin::start();
        twin.create_app(APP);
        twin.allow_read_only_token(Self::READER, &[APP]);
        twin.allow_token(Self::STRANGER, &["another"]);
        Self(twin)
    }

    fn server(&self) -> &Server {
        &self.0
    }

    fn target_at(&self, url: &str, token: &str, settings: &ClientSettings) -> AnyTarget {
        AnyTarget::Fly(app(url, url, token, RolloutMode::Unchecked, settings))
    }

    fn set(&self, name: &str, value: &str) {
        self.0.set(APP, name, value);
    }

    fn values(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.values(APP).into_iter().map(|(name, value)| (name, value.into_bytes())).collect()
    }

    fn remove_place(&self) {
        self.0.destroy_app(APP);
    }
}

super::checks::conformance!(Fly);

fn app(machines_url: &str, api_url: &str, token: &str, rollout: RolloutMode, settings: &ClientSettings) -> FlyApp {
    let token = SecretValue::copied_from(token);
    let place = FlySettings {
        app: APP.to_owned(),
        machines_url: machines_url.to_owned(),
        api_url: api_url.to_owned(),
        token: &token,
        rollout,
        flyctl: None,
    };
    FlyApp::new(&Client::new(settings), place).expect("the settings are good")
}

/// An app with one secret and this many machines that were updated after it was set.
fn running(machines: usize) -> (FlyTwin, Vec<String>) {
    let Fly(twin) = Fly::start();
    twin.set(APP, "A", "one");
    let machines = (0..machines).map(|_| twin.add_machine(APP)).collect();
    twin.deploy(APP);
    (twin, machines)
}

fn watched(twin: &FlyTwin) -> FlyApp {
    app(&twin.url(), &twin.url(), FLY_TOKEN, RolloutMode::Manual, &hasty())
}

fn rollout(target: &FlyApp) -> RolloutState {
    let mut observation = run(target.observe()).expect("the app can be read");
    observation.entries.remove(&name("A")).expect("it has the secret").rollout
}

#[test]
fn the_roll_out_is_told_from_machines_and_releases() {
    let (twin, machines) = running(3);
    let target = watched(&twin);
    assert_eq!(rollout(&target), RolloutState { rollout: Rollout::Live, detail: String::new() });

    twin.set(APP, "A", "two");
    assert_eq!(rollout(&target).rollout, Rollout::Staged);
    assert!(machines.iter().all(|machine| twin.running_values(APP, machine)["A"] == "one"));

    twin.deploy_machine(APP, &machines[0]);
    let partial = rollout(&target);
    assert_eq!(partial.rollout, Rollout::Partial);
    assert!(partial.detail.starts_with("2 of 3 machines still run the older value: "), "{}", partial.detail);
    assert!(machines[1..].iter().all(|machine| partial.detail.contains(machine.as_str())), "{}", partial.detail);
    assert!(!partial.detail.contains(&machines[0]), "{}", partial.detail);

    twin.deploy(APP);
    assert_eq!(rollout(&target).rollout, Rollout::Live);
    assert!(machines.iter().all(|machine| twin.running_values(APP, machine)["A"] == "two"));
}

#[test]
fn machines_that_do_not_run_the_app_do_not_count() {
    let (twin, machines) = running(2);
    twin.set(APP, "A", "two");
    twin.deploy_machine(APP, &machines[0]);
    let target = watched(&twin);
    assert_eq!(rollout(&target).rollout, Rollout::Partial);
    twin.edit_machine(APP, &machines[1], |machine| {
        machine.config["metadata"]["fly_process_group"] = "fly_app_release_command".into();
    });
    assert_eq!(rollout(&target).rollout, Rollout::Live);
    twin.edit_machine(APP, &machines[0], |machine| machine.state = "destroyed".to_owned());
    assert_eq!(rollout(&target), RolloutState::none());
}

#[test]
fn an_app_without_machines_has_no_roll_out() {
    let Fly(twin) = Fly::start();
    twin.set(APP, "A", "one");
    assert_eq!(rollout(&watched(&twin)), RolloutState::none());
    assert!(twin.requests().iter().all(|request| !request.path.ends_with("/releases")));
}

#[test]
fn a_roll_out_that_is_not_to_be_checked_is_not_asked_for() {
    let (twin, _) = running(1);
    let target = app(&twin.url(), &twin.url(), FLY_TOKEN, RolloutMode::Unchecked, &hasty());
    assert_eq!(rollout(&target), RolloutState::none());
    assert_eq!(twin.requests().len(), 1);
}

#[test]
fn what_cannot_be_seen_of_the_roll_out_is_unknown_and_never_staged() {
    let (twin, machines) = running(1);
    twin.set(APP, "A", "two");
    let target = watched(&twin);
    for (path, what) in [("/machines", "the machines could not be listed"), ("/releases", "the releases could not")] {
        for fault in [FaultKind::status(403, "{}"), FaultKind::status(500, "{}"), FaultKind::Garbage] {
            twin.clear_faults();
            twin.inject(Fault::new(fault).path_contains(path).always());
            let state = rollout(&target);
            assert_eq!(state.rollout, Rollout::Unknown);
            assert!(state.detail.starts_with(what), "{}", state.detail);
        }
    }
    twin.clear_faults();
    twin.edit_machine(APP, &machines[0], |machine| machine.host_status = "unreachable".to_owned());
    assert_eq!(rollout(&target).rollout, Rollout::Staged);
    twin.edit_machine(APP, &machines[0], |machine| {
        machine.config["metadata"]["fly_release_version"] = "4711".into();
    });
    assert_eq!(rollout(&target).rollout, Rollout::Unknown);
    twin.set_timestamp_style(TimestampStyle::Absent);
    assert_eq!(rollout(&target).detail, "Fly does not say when it was written");
}

#[test]
fn times_without_a_zone_are_understood() {
    for style in [TimestampStyle::NoZone, TimestampStyle::Rfc3339] {
        let (twin, _) = running(1);
        twin.set_timestamp_style(style);
        let target = watched(&twin);
        assert_eq!(rollout(&target).rollout, Rollout::Live, "{style:?}");
        twin.set(APP, "A", "two");
        assert_eq!(rollout(&target).rollout, Rollout::Staged, "{style:?}");
    }
}

#[test]
fn a_batch_is_one_request_with_one_version() {
    let Fly(twin) = Fly::start();
    let target = app(&twin.url(), &twin.url(), FLY_TOKEN, RolloutMode::Unchecked, &hasty());
    run(async {
        let target = AnyTarget::Fly(target);
        let effects = write_all(&target, &[("A", "one"), ("B", "two")]).await;
        for (effect, value) in effects.iter().zip(["one", "two"]) {
            let Effect::Accepted(Some(Evidence::OpaqueDigest(digest))) = effect else { panic!("{effect:?}") };
            assert_eq!(digest.expose(), twin.digest_of(value));
        }
        target.remove(&[&name("A"), &name("B")]).await;
    });
    assert_eq!(twin.version(APP), 2);
    assert_eq!(seen(&twin, "POST"), 2);
    let body: serde_json::Value = serde_json::from_slice(&twin.requests()[1].body).expect("a body of JSON");
    assert_eq!(body, serde_json::json!({ "values": { "A": null, "B": null } }));
}

#[test]
fn one_bad_name_refuses_the_whole_batch() {
    let harness = Fly::start();
    let effects = run(write_all(&harness.target(&hasty()), &[("A", "one"), ("1B", "two")]));
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Refused(TargetError::Rejected { status: 400, .. }))));
    assert!(harness.values().is_empty());
    assert!(!format!("{effects:?}").contains("1B"), "Fly repeats the name, which may be a value: {effects:?}");
}

#[test]
fn a_look_after_a_write_asks_for_the_version_written() {
    for legacy in [false, true] {
        let harness = Fly::start();
        harness.0.legacy_version_only(legacy);
        harness.set("B", "value");
        let target = harness.target(&hasty());
        run(async {
            target.look(&[]).await.expect("the app can be read");
            assert!(matches!(write(&target, "A", "one").await, Effect::Accepted(_)));
            target.look(&[]).await.expect("the app can be read");
        });
        let queries: Vec<String> = harness.server().requests().into_iter().map(|request| request.query).collect();
        assert_eq!(queries, ["", "", "min_version=2"]);
    }
}

#[test]
fn a_version_that_has_not_arrived_yet_is_waited_for() {
    let harness = Fly::start();
    let target = harness.target(&hasty());
    let behind = FaultKind::status(412, "{\"error\":\"min_secrets_version 1 is not yet available\"}");
    run(async {
        write(&target, "A", "one").await;
        harness.server().inject(Fault::new(behind).method("GET").times(2));
        assert!(target.look(&[]).await.expect("it arrives").entries.contains_key(&name("A")));
    });
}

#[test]
fn a_digest_in_another_form_is_known_as_such() {
    let harness = Fly::start();
    harness.set("A", "value");
    let target = harness.target(&hasty());
    for (width, known) in [(16, true), (32, false), (15, false)] {
        harness.0.set_digest_width(width);
        let observation = run(target.observe()).expect("the app can be read");
        let evidence = &observation.entries[&name("A")].evidence;
        assert_eq!(matches!(evidence, Evidence::OpaqueDigest(_)), known, "{width}");
        assert_eq!(matches!(evidence, Evidence::UnknownDigest(_)), !known, "{width}");
    }
}

#[test]
fn macaroons_go_alone_to_the_machines_and_with_all_tokens_to_the_dashboard() {
    let (twin, _) = running(1);
    twin.allow_token("fm2_a", &[APP]);
    let target = app(&twin.url(), &twin.url(), "FlyV1 fm2_a,fo1_b", RolloutMode::Manual, &hasty());
    assert_eq!(rollout(&target).rollout, Rollout::Live);
    for request in twin.requests() {
        let expected = if request.path.starts_with("/api/") { "Bearer fm2_a,fo1_b" } else { "FlyV1 fm2_a" };
        assert_eq!(request.authorization.as_deref(), Some(expected), "{}", request.path);
        assert!(request.user_agent.is_some_and(|agent| agent.starts_with("undrift/")));
    }
}

#[test]
fn an_empty_token_is_no_token() {
    let token = SecretValue::copied_from(" \n");
    let settings = FlySettings {
        app: APP.to_owned(),
        machines_url: "http://127.0.0.1:1".to_owned(),
        api_url: "http://127.0.0.1:1".to_owned(),
        token: &token,
        rollout: RolloutMode::Manual,
        flyctl: None,
    };
    let error = FlyApp::new(&Client::new(&hasty()), settings).expect_err("there is no token");
    assert!(matches!(error, TargetError::NoToken));
}

#[test]
fn an_app_with_a_strange_name_is_asked_for_and_no_other() {
    let Fly(twin) = Fly::start();
    let token = SecretValue::copied_from(FLY_TOKEN);
    for strange in ["shop/machines?x=", "..", "../shop"] {
        twin.clear_requests();
        let settings = FlySettings {
            app: strange.to_owned(),
            machines_url: twin.url(),
            api_url: twin.url(),
            token: &token,
            rollout: RolloutMode::Unchecked,
            flyctl: None,
        };
        let target = FlyApp::new(&Client::new(&hasty()), settings).expect("the settings are good");
        assert!(run(target.observe()).is_err(), "{strange}");
        assert!(twin.requests().iter().all(|request| !request.path.starts_with("/v1/apps/shop/")), "{strange}");
    }
}

#[test]
fn secrets_and_machines_are_asked_for_at_the_same_time() {
    let (twin, _) = running(1);
    twin.latency(Duration::from_millis(200));
    rollout(&watched(&twin));
    assert_eq!(twin.in_flight_peak(), 2);
}
