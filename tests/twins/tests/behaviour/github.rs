//! The twin of GitHub: what every place of secrets does.

use std::os::unix::net::UnixStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use twins::{Access, Artifact, GITHUB_TOKEN, GitHubPlace, GitHubTwin, Permission, Permissions};

use crate::client::Client;

pub(crate) const SECRETS: &str = "/repos/acme/shop/actions/secrets";

pub(crate) fn twin() -> (GitHubTwin, Client) {
    let github = GitHubTwin::start();
    github.create_repository("acme/shop");
    let client = Client::new(github.address(), &format!("Bearer {GITHUB_TOKEN}"));
    (github, client)
}

pub(crate) fn shop() -> GitHubPlace {
    GitHubPlace::repository("acme/shop")
}

#[test]
fn tokens_need_the_permission_of_the_place() {
    let (github, client) = twin();
    github.create_environment("acme/shop", "production");
    let status = |authorization: &str, target: &str| Client::new(github.address(), authorization).get(target).status;
    assert_eq!(status(&format!("token {GITHUB_TOKEN}"), SECRETS), 200);
    assert_eq!(status("Bearer unknown", SECRETS), 401);
    assert_eq!(client.get("/repos/acme/missing/actions/secrets").status, 404);
    assert_eq!(client.get("/repos/acme/shop/environments/missing/secrets").status, 404);

    github.allow_token("reader", Permissions::all(Access::Read).with(Permission::Environments, Access::None));
    let reader = Client::new(github.address(), "Bearer reader");
    assert_eq!(reader.get(SECRETS).status, 200);
    let body = reader.seal(SECRETS, b"x");
    let refused = reader.put(&format!("{SECRETS}/A"), &body);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-accepted-github-permissions"), Some("secrets=write"));
    assert_eq!(refused.json()["message"], "Resource not accessible by personal access token");
    let refused = reader.get("/repos/acme/shop/environments/production/secrets");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-accepted-github-permissions"), Some("environments=read"));
    github.hide_missing_permissions(true);
    assert_eq!(reader.get("/repos/acme/shop/environments/production/secrets").status, 404);

    github.create_repository("acme/other");
    github.allow_token("one", Permissions::all(Access::Write).only_repositories(&["acme/shop"]));
    assert_eq!(status("Bearer one", SECRETS), 200);
    assert_eq!(status("Bearer one", "/repos/acme/other/actions/secrets"), 404);
}

#[test]
fn artifacts_are_listed_by_name_to_whoever_may_see_the_actions() {
    let (github, client) = twin();
    let list = "/repos/acme/shop/actions/artifacts?name=history";
    for (run, name) in [(1, "history"), (2, "reports"), (3, "history")] {
        let (name, branch) = (name.to_owned(), "main".to_owned());
        let created_at = "2026-01-14T10:00:00Z".parse().unwrap();
        let artifact = Artifact { name, run, branch, from_a_fork: run == 3, expired: run == 1, created_at };
        github.keep_artifact("acme/shop", artifact);
    }
    let listed = client.get(list).json();
    assert_eq!(listed["total_count"], 2);
    let [newest, oldest] = [&listed["artifacts"][0], &listed["artifacts"][1]];
    assert_eq!((&newest["workflow_run"]["id"], &oldest["workflow_run"]["id"]), (&json!(3), &json!(1)));
    assert_eq!((&newest["expired"], &oldest["expired"]), (&json!(false), &json!(true)));
    let is_own = |artifact: &serde_json::Value| {
        artifact["workflow_run"]["head_repository_id"] == artifact["workflow_run"]["repository_id"]
    };
    assert!(!is_own(newest) && is_own(oldest));
    github.allow_token("nobody", Permissions::all(Access::Read).with(Permission::Actions, Access::None));
    assert_eq!(Client::new(github.address(), "Bearer nobody").get(list).status, 403);
}

#[test]
fn a_sealed_value_is_opened_and_its_time_moves_on_every_write() {
    let (github, client) = twin();
    github.clock().pin("2026-01-14T10:00:00.9Z".parse().unwrap());
    let body = client.seal(SECRETS, b"hunter2");
    let created = client.put(&format!("{SECRETS}/api_key"), &body);
    assert_eq!((created.status, created.body.as_slice()), (201, b"{}".as_slice()));
    assert_eq!(created.header("content-type"), Some("application/json; charset=utf-8"));
    let updated = client.put(&format!("{SECRETS}/API_KEY"), &body);
    assert_eq!((updated.status, updated.body.len()), (204, 0));
    assert_eq!(github.values(&shop())["API_KEY"], b"hunter2");
    let expected = json!({
        "name": "API_KEY",
        "created_at": "2026-01-14T10:00:01Z",
        "updated_at": "2026-01-14T10:00:02Z",
    });
    assert_eq!(client.get(SECRETS).json(), json!({ "total_count": 1, "secrets": [expected] }));
    assert_eq!(client.get(&format!("{SECRETS}/api_key")).json(), expected);
    assert_eq!(client.delete(&format!("{SECRETS}/API_KEY")).status, 204);
    assert_eq!(client.delete(&format!("{SECRETS}/API_KEY")).status, 404);
}

#[test]
fn writes_that_break_a_rule_are_refused() {
    let (github, client) = twin();
    let good = client.seal(SECRETS, b"x");
    let put = |name: &str, body: &serde_json::Value| {
        let answer = client.put(&format!("{SECRETS}/{name}"), body);
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.json()["documentation_url"].is_string());
    };
    put("GITHUB_TOKEN", &good);
    put("1A", &good);
    put("A-B", &good);
    put("A", &json!({ "encrypted_value": good["encrypted_value"], "key_id": "1" }));
    put("A", &json!({ "encrypted_value": good["encrypted_value"] }));
    put("A", &json!({ "encrypted_value": "not base64!", "key_id": good["key_id"] }));
    put("A", &json!({ "encrypted_value": STANDARD.encode([7; 64]), "key_id": good["key_id"] }));
    put("A", &client.seal(SECRETS, &vec![b'x'; 48 * 1024 + 1]));
    assert!(github.values(&shop()).is_empty());
    assert_eq!(client.write(SECRETS, "A", &vec![b'x'; 48 * 1024]), 201);
    assert_eq!(client.write(SECRETS, "EMPTY", b""), 201);
}

#[test]
fn a_place_is_full_at_a_hundred_secrets() {
    let (github, client) = twin();
    for number in 0..100 {
        github.set(&shop(), &format!("NAME_{number}"), "x");
    }
    assert_eq!(client.write(SECRETS, "ONE_MORE", b"x"), 422);
    assert_eq!(client.write(SECRETS, "NAME_7", b"y"), 204);
}

#[test]
fn keys_share_an_id_across_places_and_lose_it_when_rotated() {
    let (github, client) = twin();
    github.create_environment("acme/shop", "production");
    let environment = "/repos/acme/shop/environments/production/secrets";
    let key = |list: &str| client.get(&format!("{list}/public-key")).json();
    assert_eq!(key(SECRETS)["key_id"], key(environment)["key_id"]);
    assert_ne!(key(SECRETS)["key"], key(environment)["key"]);
    let for_the_wrong_place = client.seal(environment, b"x");
    assert_eq!(client.put(&format!("{SECRETS}/A"), &for_the_wrong_place).status, 422);

    let stale = client.seal(SECRETS, b"x");
    github.rotate_key(&shop());
    assert_eq!(client.put(&format!("{SECRETS}/A"), &stale).status, 422);
    assert_eq!(client.write(SECRETS, "A", b"x"), 201);
    github.numeric_key_ids(true);
    assert!(key(SECRETS)["key_id"].is_u64());
    assert_eq!(client.write(SECRETS, "A", b"x"), 204);
}

#[test]
fn pages_link_to_each_other_on_the_origin_of_the_client() {
    let (github, client) = twin();
    for number in 0..35 {
        github.set(&shop(), &format!("NAME_{number:02}"), "x");
    }
    let first = client.get(SECRETS);
    assert_eq!(first.json()["total_count"], 35);
    assert_eq!(first.json()["secrets"].as_array().unwrap().len(), 30);
    assert_eq!(first.link("prev"), None);
    let next = first.link("next").unwrap();
    assert_eq!(next, format!("{}{SECRETS}?per_page=30&page=2", github.url()));
    let second = client.get(next.strip_prefix(&github.url()).unwrap());
    assert_eq!(second.json()["secrets"][4]["name"], "NAME_34");
    assert_eq!((second.link("next"), second.link("first").is_some()), (None, true));
    assert!(client.get(&format!("{SECRETS}?per_page=1000")).header("link").is_none());
    let prefixed = client.get(&format!("/api/v3{SECRETS}?per_page=1"));
    assert!(prefixed.link("next").unwrap().starts_with(&format!("{}/api/v3{SECRETS}?", github.url())));
}

#[test]
fn an_absolute_target_is_taken_as_it_comes_through_a_proxy() {
    let (github, client) = twin();
    let answer = client.get(&format!("http://api.github.localhost{SECRETS}"));
    assert_eq!(answer.status, 200);
    assert_eq!(github.requests()[0].path, SECRETS);
}

#[test]
fn reads_after_a_write_can_lag() {
    let (github, client) = twin();
    client.write(SECRETS, "A", b"x");
    github.list_lag(2);
    client.write(SECRETS, "B", b"x");
    let count = || client.get(SECRETS).json()["total_count"].clone();
    assert_eq!(count(), 1);
    assert_eq!(client.get(&format!("{SECRETS}/B")).status, 404);
    assert_eq!(count(), 2);
    client.delete(&format!("{SECRETS}/A"));
    github.remove(&shop(), "B");
    assert_eq!(count(), 0, "an edit from outside was not seen at once");
}

#[test]
fn an_unchanged_list_is_not_modified() {
    let (github, client) = twin();
    let first = client.get(SECRETS);
    let tag = first.header("etag").unwrap();
    assert!(tag.starts_with("W/\""));
    let known = [("If-None-Match", tag)];
    let again = client.send("GET", SECRETS, &known, None);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag));
    for header in ["x-ratelimit-remaining", "x-ratelimit-used"] {
        assert!(first.header(header).is_some());
        assert_eq!(again.header(header), first.header(header));
    }
    github.allow_token("another", Permissions::all(Access::Read));
    let another = Client::new(github.address(), "Bearer another");
    assert_eq!(another.send("GET", SECRETS, &known, None).status, 200);
    github.set(&shop(), "A", "x");
    assert_eq!(client.send("GET", SECRETS, &known, None).status, 200);
}

#[test]
fn an_unchanged_page_does_not_say_where_the_next_one_is() {
    let (github, client) = twin();
    for index in 0..3 {
        github.set(&shop(), &format!("A{index}"), "x");
    }
    let page = format!("{SECRETS}?per_page=2");
    let first = client.get(&page);
    assert!(first.link("next").is_some());
    let again = client.send("GET", &page, &[("If-None-Match", first.header("etag").unwrap())], None);
    assert_eq!((again.status, again.link("next")), (304, None));
}

#[test]
fn a_unix_socket_serves_the_same_state() {
    let directory = std::env::temp_dir().join(format!("twins-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("github.sock");
    let github = GitHubTwin::start_on_unix_socket(&path);
    github.create_repository("acme/shop");
    let client = Client::new(github.address(), &format!("token {GITHUB_TOKEN}"));
    let mut stream = UnixStream::connect(&path).unwrap();
    let answer = client.exchange(&mut stream, "GET", SECRETS, &[], None).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    drop(github);
    assert!(!path.exists());
    std::fs::remove_dir(&directory).unwrap();
}
