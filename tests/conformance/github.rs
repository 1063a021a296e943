//! What is GitHub's alone: sealed boxes, times in whole seconds, pages, budgets and two kinds of rate limit.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use twins::{Access, Fault, FaultKind, GITHUB_TOKEN, GitHubPlace, GitHubTwin, Permission, Permissions, Server, Store};
use undrift::domain::observation::{Evidence, Observation};
use undrift::domain::place::{GithubHolder, GithubStore};
use undrift::domain::secret::SecretValue;
use undrift::flow::event::{self, Event, Listener};
use undrift::targets::client::{Client, ClientSettings};
use undrift::targets::error::Limit;
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{AnyTarget, Coming, Effect, Target, TargetError, Write};

use super::raw::Raw;
use super::{Harness, hasty, name, run, seen, write, write_all};

pub(super) const ORGANIZATION: &str = "acme";
pub(super) const REPOSITORY: &str = "acme/shop";
// A slash and a space: both have to be escaped, and only once.
const ENVIRONMENT: &str = "eu/west 1";

pub(super) const READER: &str = "reader";
const STRANGER: &str = "stranger";

pub(super) fn start() -> GitHubTwin {
    let twin = GitHubTwin::start();
    twin.create_repository(REPOSITORY);
    twin.create_environment(REPOSITORY, ENVIRONMENT);
    twin.allow_token(READER, Permissions::all(Access::Read));
    twin.allow_token(STRANGER, Permissions::all(Access::None));
    twin
}

pub(super) fn of_repository() -> GithubHolder {
    GithubHolder::Repository { repository: REPOSITORY.to_owned() }
}

pub(super) fn of_environment() -> GithubHolder {
    GithubHolder::Environment { repository: REPOSITORY.to_owned(), environment: ENVIRONMENT.to_owned() }
}

pub(super) fn of_organization() -> GithubHolder {
    GithubHolder::Organization { organization: ORGANIZATION.to_owned() }
}

fn environment() -> GitHubPlace {
    GitHubPlace::environment(REPOSITORY, ENVIRONMENT)
}

pub(super) fn target(
    url: &str,
    store: GithubStore,
    holder: GithubHolder,
    token: &str,
    client: &Client,
) -> Result<AnyTarget, TargetError> {
    let token = SecretValue::copied_from(token);
    let settings =
        GithubSettings { api_url: url.to_owned(), store, holder, access: None, token: &token, of_workflow: false };
    GithubPlace::new(client, settings).map(AnyTarget::Github)
}

/// A place with its name in the tests, how it is written, its store and holder, and the twin's view of it.
macro_rules! harness {
    ($harness:ident, $module:ident: $write:literal $store:ident $holder:ident, $place:expr, $set:ident $values:ident) => {
        pub(super) struct $harness(pub(super) GitHubTwin);

        impl Harness for $harness {
            const MANY: usize = 250;
            const WRITE: &'static str = $write;
            const BULK: bool = false;
            const TOKEN: &'static str = GITHUB_TOKEN;
            const READER: &'static str = READER;
            const STRANGER: &'static str = STRANGER;

            fn start() -> Self {
                Self(start())
            }

            fn server(&self) -> &Server {
                &self.0
            }

            fn target_at(&self, url: &str, token: &str, settings: &ClientSettings) -> AnyTarget {
                target(url, GithubStore::$store, $holder(), token, &Client::new(settings))
                    .expect("the settings are good")
            }

            fn set(&self, name: &str, value: &str) {
                self.0.$set(&$place, name, value);
            }

            fn values(&self) -> BTreeMap<String, Vec<u8>> {
                self.0.$values(&$place)
            }

            fn remove_place(&self) {
                self.0.remove_organization(ORGANIZATION);
            }
        }

        mod $module {
            crate::conformance::checks::conformance!(super::$harness);
        }
    };
}

harness!(Repository, repository: "PUT" Actions of_repository, place(), set values);
harness!(Environment, in_environment: "PUT" Actions of_environment, environment(), set values);
harness!(Organization, organization: "PUT" Actions of_organization, organization(), set values);
harness!(Dependabot, dependabot: "PUT" Dependabot of_repository, place().in_store(Store::Dependabot), set values);
harness!(Codespaces, codespaces: "PUT" Codespaces of_repository, place().in_store(Store::Codespaces), set values);
harness!(Variables, variables: "POST" Variables of_repository, place(), set_variable variables);
harness!(
    EnvironmentVariables,
    environment_variables: "POST" Variables of_environment, environment(), set_variable variables
);

pub(super) fn organization() -> GitHubPlace {
    GitHubPlace::organization(ORGANIZATION)
}

pub(super) fn place() -> GitHubPlace {
    GitHubPlace::repository(REPOSITORY)
}

fn times(observation: &Observation, wanted: &str) -> (Timestamp, Timestamp) {
    match observation.entries[&name(wanted)].evidence {
        Evidence::Times { created, updated } => (created, updated),
        ref other => panic!("{other:?}"),
    }
}

fn one_secret(count: usize, link: Option<&str>) -> FaultKind {
    let secret = "{\"name\":\"A\",\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-01T00:00:00Z\"}";
    FaultKind::Status {
        code: 200,
        headers: link.map(|link| ("link".to_owned(), format!("<{link}>; rel=\"next\""))).into_iter().collect(),
        body: format!("{{\"total_count\":{count},\"secrets\":[{secret}]}}"),
    }
}

#[test]
fn requests_say_who_asks_and_for_which_version() {
    let harness = Environment::start();
    let target = harness.target(&hasty());
    run(async {
        target.observe().await.expect("the place can be read");
        write(&target, "A", "one").await;
        target.look(&[&name("A")]).await.expect("the place can be read");
        target.remove(&[&name("A")]).await;
    });
    let requests = harness.server().requests();
    let base = "/repos/acme/shop/environments/eu%2Fwest%201/secrets";
    let lines: Vec<String> =
        requests.iter().map(|request| format!("{} {}?{}", request.method, request.path, request.query)).collect();
    assert_eq!(
        lines,
        [
            format!("GET {base}?per_page=100"),
            format!("GET {base}/public-key?"),
            format!("PUT {base}/A?"),
            format!("GET {base}/A?"),
            format!("DELETE {base}/A?"),
        ]
    );
    for request in requests {
        assert_eq!(request.authorization.as_deref(), Some("Bearer github-test-token"));
        assert_eq!(request.x_github_api_version.as_deref(), Some("2022-11-28"));
        assert!(request.user_agent.is_some_and(|agent| agent.starts_with("undrift/")));
    }
}

#[test]
fn an_enterprise_address_keeps_its_path_on_every_page() {
    let harness = Repository::start();
    for number in 0..150 {
        harness.set(&format!("NAME_{number}"), "value");
    }
    let target = harness.target_at(&format!("{}/api/v3/", harness.server().url()), GITHUB_TOKEN, &hasty());
    assert_eq!(run(target.observe()).expect("the place can be read").entries.len(), 150);
    let requests = harness.server().requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.path == "/api/v3/repos/acme/shop/actions/secrets"));
}

#[test]
fn names_are_listed_as_github_keeps_them() {
    let harness = Repository::start();
    let target = harness.target(&hasty());
    run(async {
        assert!(matches!(write(&target, "lower_case", "one").await, Effect::Accepted(None)));
        let observation = target.observe().await.expect("the place can be read");
        assert!(observation.entries.contains_key(&name("LOWER_CASE")));
    });
}

#[test]
fn a_page_on_another_host_is_not_asked_for() {
    let elsewhere = Raw::start(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec());
    let harness = Repository::start();
    let target = harness.target(&hasty());
    let path = "/repos/acme/shop/actions/secrets?page=2";
    for link in [format!("{}{path}", elsewhere.url()), format!("//{}{path}", &elsewhere.url()[7..])] {
        harness.server().clear_faults();
        harness.server().inject(Fault::new(one_secret(2, Some(&link))).always());
        let error = run(target.observe()).expect_err("it leads elsewhere");
        assert!(error.to_string().contains("a page link leads to another host"), "{error}");
    }
    assert_eq!(elsewhere.accepted(), 0, "nothing was sent elsewhere");
}

#[test]
fn pages_without_end_are_given_up() {
    let harness = Repository::start();
    let next = format!("{}/repos/acme/shop/actions/secrets?per_page=100&page=2", harness.server().url());
    harness.server().inject(Fault::new(one_secret(1, Some(&next))).always());
    let error = run(harness.target(&hasty()).observe()).expect_err("there is no end");
    assert!(error.to_string().contains("more than 100 pages"), "{error}");
    assert_eq!(harness.server().requests().len(), 101);
}

#[test]
fn a_listing_that_changes_meanwhile_is_read_once_more() {
    let harness = Repository::start();
    for number in 0..150 {
        harness.set(&format!("NAME_{number:03}"), "value");
    }
    let target = harness.target(&hasty());
    // The second page of the first reading is of another listing.
    harness.server().inject(Fault::new(one_secret(149, None)).path_contains("&page=2"));
    assert_eq!(run(target.observe()).expect("the second reading agrees").entries.len(), 150);
    assert_eq!(harness.server().requests().len(), 4);
    // A page that is short of what it promises.
    harness.server().inject(Fault::new(one_secret(2, None)).always());
    let error = run(target.observe()).expect_err("it never agrees");
    assert!(error.to_string().contains("the listing changed while it was read"), "{error}");
    assert_eq!(harness.server().requests().len(), 6);
}

#[test]
fn few_names_are_looked_at_one_by_one() {
    let harness = Repository::start();
    harness.set("A", "value");
    let target = harness.target(&hasty());
    let wanted = [name("A"), name("B"), name("C"), name("D")];
    run(async {
        let observation = target.look(&[&wanted[0], &wanted[1]]).await.expect("the place can be read");
        assert_eq!(observation.entries.len(), 1);
        assert_eq!(harness.server().requests().len(), 2);
        target.look(&wanted.each_ref()).await.expect("the place can be read");
        assert_eq!(harness.server().requests().len(), 3);
    });
}

#[test]
fn the_key_is_fetched_once_for_each_place() {
    let harness = Repository::start();
    for numeric in [false, true] {
        harness.0.numeric_key_ids(numeric);
        harness.server().clear_requests();
        let target = harness.target(&hasty());
        let effects = run(write_all(&target, &[("A", "one"), ("B", "two"), ("C", "three")]));
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Accepted(None))), "{effects:?}");
        assert_eq!((seen(harness.server(), "GET"), seen(harness.server(), "PUT")), (1, 3));
        let body: serde_json::Value =
            serde_json::from_slice(&harness.server().requests()[1].body).expect("a body of JSON");
        assert!(body["key_id"].is_string(), "the description of the API wants text: {body}");
    }
}

#[test]
fn a_key_that_was_replaced_is_fetched_again() {
    let harness = Repository::start();
    let target = harness.target(&hasty());
    run(async {
        write(&target, "A", "one").await;
        harness.0.rotate_key(&place());
        let effects = write_all(&target, &[("A", "two"), ("B", "two")]).await;
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Accepted(None))), "{effects:?}");
    });
    assert_eq!(harness.values()["A"], b"two");
    // The first write, the refused one, the same with the new key, and the last one.
    assert_eq!(seen(harness.server(), "PUT"), 4);
}

#[test]
fn a_value_that_is_refused_is_not_sent_again_with_the_same_key() {
    let harness = Repository::start();
    let large = "x".repeat(48 * 1024 + 1);
    let effects = run(write_all(&harness.target(&hasty()), &[("A", &large), ("B", "two")]));
    assert!(matches!(effects[0], Effect::Refused(TargetError::Rejected { status: 422, .. })), "{effects:?}");
    assert!(matches!(effects[1], Effect::Accepted(None)), "a bad value concerns itself alone: {effects:?}");
    assert_eq!((seen(harness.server(), "GET"), seen(harness.server(), "PUT")), (2, 2));
}

#[test]
fn a_key_of_another_length_seals_nothing() {
    let harness = Repository::start();
    let odd = "{\"key_id\":\"1\",\"key\":\"hBT5WZEj8ZoOv6TYJsfWq7MxTEQopZO5/IT3ZCVQPzs1\"}";
    harness.server().inject(Fault::new(FaultKind::status(200, odd)).path_contains("public-key").always());
    let effects = run(write_all(&harness.target(&hasty()), &[("A", "one"), ("B", "two")]));
    assert!(matches!(effects[0], Effect::Refused(TargetError::Unexpected(_))), "{effects:?}");
    assert!(matches!(effects[1], Effect::Skipped), "{effects:?}");
    assert_eq!(seen(harness.server(), "PUT"), 0);
}

#[test]
fn a_write_never_shares_its_second_with_the_last_one() {
    let harness = Repository::start();
    let target = harness.target(&hasty());
    run(async {
        write(&target, "A", "one").await;
        let (created, first) = times(&target.look(&[&name("A")]).await.expect("it is there"), "A");
        let value = SecretValue::copied_from("two");
        let again = Write { name: &name("A"), value: &value, last_written: Some(first) };
        assert!(matches!(target.write(&[again]).await[..], [Effect::Accepted(None)]));
        let (still, second) = times(&target.look(&[&name("A")]).await.expect("it is there"), "A");
        assert!(second > first, "{first} {second}");
        assert_eq!(created, still);
    });
}

#[test]
fn a_time_far_ahead_is_not_waited_for() {
    let harness = Repository::start();
    let target = harness.target(&hasty());
    let value = SecretValue::copied_from("one");
    let ahead = Timestamp::now() + SignedDuration::from_hours(24);
    let write = Write { name: &name("A"), value: &value, last_written: Some(ahead) };
    let start = std::time::Instant::now();
    assert!(matches!(run(target.write(&[write]))[..], [Effect::Accepted(None)]));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_listing_lags_behind_a_write_as_the_place_does() {
    let harness = Repository::start();
    harness.0.list_lag(2);
    let target = harness.target(&hasty());
    run(async {
        write(&target, "A", "one").await;
        let mut shown = Vec::new();
        for _ in 0..3 {
            shown.push(target.look(&[&name("A")]).await.expect("the place can be read").entries.len());
        }
        assert_eq!(shown, [0, 0, 1], "what the place shows is passed on as it is");
    });
}

#[test]
fn what_is_missing_is_told_in_githubs_words() {
    let harness = Repository::start();
    let read = |token| run(harness.target_at(&harness.server().url(), token, &hasty()).observe());
    harness
        .0
        .allow_token("environments only", Permissions::all(Access::None).with(Permission::Environments, Access::Read));
    for token in [Repository::STRANGER, "environments only"] {
        let error = read(token).expect_err("it may not");
        assert!(
            matches!(&error, TargetError::Forbidden { needs: Some(needs), of_workflow: false } if needs == "secrets=read"),
            "{error:?}"
        );
    }
    harness.0.hide_missing_permissions(true);
    let error = read(Repository::STRANGER).expect_err("it may not");
    assert_eq!(
        error.to_string(),
        "the repository `acme/shop` was not found, or is hidden from this token (404); it needs secrets=read"
    );
}

#[test]
fn a_removal_that_is_hidden_from_the_token_is_not_taken_for_done() {
    let harness = Repository::start();
    harness.set("A", "value");
    harness.0.hide_missing_permissions(true);
    let target = harness.target_at(&harness.server().url(), Repository::READER, &hasty());
    let effects = run(target.remove(&[&name("A")]));
    assert!(matches!(effects[..], [Effect::Refused(TargetError::NotFound { .. })]), "{effects:?}");
    assert!(harness.values().contains_key("A"));
}

#[test]
fn the_primary_limit_is_told_by_the_services_clock() {
    for too_many in [false, true] {
        let harness = Repository::start();
        // An hour ahead of ours: whoever took the reset for a moment of our own clock would wait twice as long.
        harness.server().clock().set_offset(SignedDuration::from_hours(1));
        harness.0.limit_with_too_many_requests(too_many);
        harness.0.set_remaining(0);
        let target = harness.target(&hasty());
        let Err(TargetError::RateLimited { until: Some(until), .. }) = run(target.observe()) else {
            panic!("it must be rate limited");
        };
        let wait = until.duration_since(harness.server().clock().now()).as_secs();
        assert!((3590..=3602).contains(&wait), "{wait}");
        harness.0.reset_limit_in(Duration::from_millis(500));
        run(target.observe()).expect("a wait within patience is waited");
    }
}

#[test]
fn the_secondary_limit_is_waited_for_even_if_it_does_not_say_how_long() {
    let harness = Repository::start();
    let wait = Duration::from_millis(50);
    let target = harness.target(&ClientSettings { secondary_wait: wait, patience: 3 * wait, ..hasty() });
    harness.0.secondary_limit(2, None);
    let batch = [("A", "one"), ("B", "two"), ("C", "three"), ("D", "four")];
    let effects = run(write_all(&target, &batch));
    assert!(matches!(effects[1], Effect::Accepted(None)), "{effects:?}");
    assert!(matches!(effects[2], Effect::Refused(TargetError::TurnedAway(Limit::Platform))), "{effects:?}");
    assert!(matches!(effects[3], Effect::Skipped), "{effects:?}");
    run(async {
        let begun = Instant::now();
        target.make_ready(Coming::Removal).await;
        assert!(begun.elapsed() >= wait, "{:?}", begun.elapsed());
        let effect = write(&target, "C", "three").await;
        assert!(matches!(effect, Effect::Refused(TargetError::TurnedAway(_))), "a longer wait comes next: {effect:?}");
        let effect = write(&target, "C", "three").await;
        assert!(matches!(effect, Effect::Refused(TargetError::RateLimited { .. })), "beyond patience: {effect:?}");
    });
    assert_eq!(seen(harness.server(), "PUT"), 5, "two writes, and one that was turned away three times");
    harness.0.clear_secondary_limit();
    let effect = run(write(&target, "C", "three"));
    assert!(matches!(effect, Effect::Accepted(None)), "{effect:?}");
    harness.0.secondary_limit(0, None);
    let effect = run(write(&target, "D", "four"));
    assert!(matches!(effect, Effect::Refused(TargetError::TurnedAway(_))), "it begins anew: {effect:?}");
}

#[test]
fn writes_of_one_token_share_a_budget() {
    let harness = Repository::start();
    let url = harness.server().url();
    let client = Client::new(&hasty());
    let at = |holder, token| target(&url, GithubStore::Actions, holder, token, &client).expect("the settings are good");
    let targets = [of_repository(), of_environment()].map(|holder| at(holder, GITHUB_TOKEN));
    run(async {
        for number in 0..80 {
            let effect = write(&targets[number % 2], &format!("NAME_{number}"), "value").await;
            assert!(matches!(effect, Effect::Accepted(None)), "{number}: {effect:?}");
        }
        for target in &targets {
            let effect = write(target, "ONE_MORE", "value").await;
            assert!(
                matches!(
                    effect,
                    Effect::Refused(TargetError::RateLimited { limit: Limit::Minute(80), until: Some(_) })
                ),
                "{effect:?}"
            );
        }
        let other = at(of_repository(), "another-token");
        harness.0.allow_token("another-token", Permissions::all(Access::Write));
        assert!(matches!(write(&other, "ONE_MORE", "value").await, Effect::Accepted(None)));
    });
    assert_eq!(seen(harness.server(), "PUT"), 81);
}

fn at_repository(harness: &Repository, client: &Client) -> AnyTarget {
    let url = harness.server().url();
    target(&url, GithubStore::Actions, of_repository(), GITHUB_TOKEN, client).expect("the settings are good")
}

/// Hears what is waited for.
#[derive(Default)]
struct Heard(RefCell<Vec<(String, Limit)>>);

impl Listener for Heard {
    fn hear(&self, event: &Event<'_>) {
        if let Event::Limited(wait) = event {
            self.0.borrow_mut().push((wait.host.clone(), wait.limit));
        }
    }
}

#[test]
fn what_is_waited_for_is_told_when_the_wait_begins() {
    let harness = Repository::start();
    let heard = Heard::default();
    let told = || heard.0.take().into_iter().inspect(|(host, _)| assert_eq!(host, "127.0.0.1")).map(|(_, limit)| limit);
    let client = Client::new(&ClientSettings { patience: Duration::from_secs(120), ..hasty() });
    let target = at_repository(&harness, &client);
    run(async {
        harness.0.secondary_limit(0, None);
        for limits in [&[][..], &[Limit::Platform]] {
            let turn = async {
                target.make_ready(Coming::Removal).await;
                write(&target, "A", "value").await
            };
            event::with_waits(&client, &heard, turn).await;
            assert_eq!(told().collect::<Vec<_>>(), limits);
        }
        harness.0.clear_secondary_limit();
        for number in 2..80 {
            event::with_waits(&client, &heard, write(&target, &format!("NAME_{number}"), "value")).await;
        }
        assert_eq!(told().count(), 0);
        let one_more = event::with_waits(&client, &heard, write(&target, "ONE_MORE", "value"));
        assert!(one_more.now_or_never().is_none(), "it waits for the minute to pass");
        assert_eq!(told().collect::<Vec<_>>(), [Limit::Minute(80)]);
    });
}

#[test]
fn many_writes_are_sent_one_at_a_time() {
    let harness = Repository::start();
    let client = Client::new(&ClientSettings { write_gap: Duration::from_secs(60), ..hasty() });
    let target = at_repository(&harness, &client);
    run(async {
        for number in 0..20 {
            let effect = write(&target, &format!("NAME_{number}"), "value").await;
            assert!(matches!(effect, Effect::Accepted(None)), "a small number goes out at once: {effect:?}");
        }
        let effect = write(&target, "ONE_MORE", "value").await;
        assert!(matches!(effect, Effect::Refused(TargetError::RateLimited { limit: Limit::Pace, .. })), "{effect:?}");
    });
}

#[test]
fn a_repository_needs_an_owner_and_a_name() {
    let client = Client::new(&hasty());
    for strange in ["shop", "acme/..", "../shop", "acme/", "/shop"] {
        let holder = GithubHolder::Repository { repository: strange.to_owned() };
        let place = target("http://127.0.0.1:1", GithubStore::Actions, holder, GITHUB_TOKEN, &client);
        let observed = place.and_then(|place| run(place.observe()));
        assert!(matches!(observed, Err(TargetError::Unusable(_))), "{strange}: {observed:?}");
    }
}

#[test]
fn a_token_that_can_never_do_it_is_known() {
    let harness = Repository::start();
    for token in ["ghs_of-an-app", "ghp_of-a-person"] {
        harness.0.allow_token(token, Permissions::all(Access::None));
        for hide in [false, true] {
            harness.0.hide_missing_permissions(hide);
            let error = run(harness.target_at(&harness.server().url(), token, &hasty()).observe());
            let (TargetError::Forbidden { of_workflow, .. } | TargetError::NotFound { of_workflow, .. }) =
                error.expect_err("it may not")
            else {
                panic!("it is told what it may not");
            };
            assert_eq!(of_workflow, token.starts_with("ghs_"));
        }
    }
}
