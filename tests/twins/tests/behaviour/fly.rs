//! The twin of Fly.

use serde_json::{Value, json};
use twins::{FLY_TOKEN, FlyTwin, TimestampStyle};

use crate::client::Client;

const SECRETS: &str = "/v1/apps/shop/secrets";

fn twin() -> (FlyTwin, Client) {
    let fly = FlyTwin::start();
    fly.create_app("shop");
    let client = Client::new(fly.address(), &format!("Bearer {FLY_TOKEN}"));
    (fly, client)
}

fn names(list: &Value) -> Vec<&str> {
    list["secrets"].as_array().unwrap().iter().map(|secret| secret["name"].as_str().unwrap()).collect()
}

#[test]
fn tokens_open_their_apps_and_no_others() {
    let (fly, client) = twin();
    fly.create_app("other");
    fly.allow_token("limited", &["shop"]);
    fly.allow_token("fm2_macaroon", &["shop"]);
    fly.allow_read_only_token("reader", &["shop"]);
    let status = |authorization: &str, target: &str| Client::new(fly.address(), authorization).get(target).status;
    assert_eq!(status("Bearer limited", SECRETS), 200);
    assert_eq!(status("Bearer limited", "/v1/apps/other/secrets"), 403);
    assert_eq!(status("Bearer limited", "/v1/apps/missing/secrets"), 404);
    assert_eq!(status("Bearer unknown", SECRETS), 401);
    assert_eq!(status("FlyV1 limited", SECRETS), 401);
    assert_eq!(status("FlyV1 fm2_unknown,fm2_macaroon", SECRETS), 200);
    assert_eq!(status("Bearer reader", SECRETS), 200);
    let reader = Client::new(fly.address(), "Bearer reader");
    assert_eq!(reader.post(SECRETS, &json!({ "values": { "A": "x" } })).status, 403);
    assert_eq!(client.get("/v1/apps/missing/secrets").json(), json!({ "error": "app not found" }));
    fly.forget_token("limited");
    assert_eq!(status("Bearer limited", SECRETS), 401);
}

#[test]
fn a_bulk_write_sets_and_unsets_as_one_version() {
    let (fly, client) = twin();
    fly.set("shop", "OLD", "gone soon");
    let answer = client.post(SECRETS, &json!({ "values": { "A": "x", "B": "", "OLD": null, "NEVER": null } }));
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!((&answer["version"], &answer["Version"]), (&json!(2), &json!(2)));
    assert_eq!(names(&answer), ["A", "B"]);
    assert_eq!(answer["secrets"][0]["digest"], fly.digest_of("x"));
    assert_eq!(fly.values("shop").into_keys().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(names(&client.get(SECRETS).json()), ["A", "B"]);
}

#[test]
fn one_invalid_name_refuses_the_whole_batch() {
    let (fly, client) = twin();
    let answer = client.post(SECRETS, &json!({ "values": { "A": "x", "not-a-name": "y" } }));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), json!({ "error": "\"not-a-name\" is not a valid secret name" }));
    assert!(fly.values("shop").is_empty());
    assert_eq!(fly.version("shop"), 0);
}

#[test]
fn a_digest_depends_on_the_value_alone() {
    let (fly, client) = twin();
    fly.create_app("other");
    fly.set("shop", "A", "same");
    fly.set("other", "B", "same");
    fly.set("other", "C", "different");
    let digest = |target: &str| client.get(target).json()["digest"].as_str().unwrap().to_owned();
    let first = digest("/v1/apps/shop/secrets/A");
    assert_eq!(first, digest("/v1/apps/other/secrets/B"));
    assert_ne!(first, digest("/v1/apps/other/secrets/C"));
    assert_eq!(first.len(), 16);
    assert_ne!(first, FlyTwin::start().digest_of("same"), "two twins share a key");
    fly.rotate_digest_scheme();
    assert_ne!(first, digest("/v1/apps/shop/secrets/A"));
    assert_eq!(digest("/v1/apps/shop/secrets/A"), digest("/v1/apps/other/secrets/B"));
}

/// See <https://github.com/superfly/flyctl/issues/3468>.
#[test]
fn setting_an_equal_value_does_not_move_its_time() {
    let (fly, client) = twin();
    fly.clock().pin("2026-01-14T10:00:00Z".parse().unwrap());
    let set = |value: &str| client.post(SECRETS, &json!({ "values": { "A": value } })).json()["secrets"][0].clone();
    let first = set("x");
    assert_eq!(first["updated_at"], "2026-01-14T10:00:01Z");
    assert_eq!(set("x"), first);
    let third = set("y");
    assert_eq!(third["created_at"], "2026-01-14T10:00:01Z");
    assert_eq!(third["updated_at"], "2026-01-14T10:00:03Z");
    assert_eq!(fly.version("shop"), 3);
}

#[test]
fn single_writes_answer_like_the_bulk_one() {
    let (fly, client) = twin();
    let created = client.post("/v1/apps/shop/secrets/A", &json!({ "value": "x" }));
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["name"], "A");
    assert_eq!(created.json()["Version"], 1);
    assert_eq!(client.get("/v1/apps/shop/secrets?min_version=2").status, 412);
    fly.legacy_version_only(true);
    assert_eq!(client.delete("/v1/apps/shop/secrets/A").json(), json!({ "Version": 2 }));
    assert_eq!(client.delete("/v1/apps/shop/secrets/A").status, 404);
    assert_eq!(client.get("/v1/apps/shop/secrets/A").status, 404);
}

#[test]
fn times_can_be_written_in_every_form_seen() {
    let (fly, client) = twin();
    fly.clock().pin("2026-01-14T10:00:00.25Z".parse().unwrap());
    fly.set("shop", "A", "x");
    let time = |style| {
        fly.set_timestamp_style(style);
        client.get("/v1/apps/shop/secrets/A").json()["updated_at"].clone()
    };
    assert_eq!(time(TimestampStyle::Rfc3339), "2026-01-14T10:00:01.25Z");
    assert_eq!(time(TimestampStyle::WholeSeconds), "2026-01-14T10:00:01Z");
    assert_eq!(time(TimestampStyle::NoZone), "2026-01-14T10:00:01.25");
    assert_eq!(time(TimestampStyle::Absent), Value::Null);
}

#[test]
fn machines_run_what_they_were_updated_with() {
    let (fly, client) = twin();
    fly.set("shop", "A", "old");
    let (first, second) = (fly.add_machine("shop"), fly.add_machine("shop"));
    let before = client.get("/v1/apps/shop/machines").json();
    client.post(SECRETS, &json!({ "values": { "A": "new" } }));
    assert_eq!(client.get("/v1/apps/shop/machines").json(), before, "a write touched a machine");
    assert_eq!(fly.running_values("shop", &first)["A"], "old");

    fly.deploy_machine("shop", &first);
    assert_eq!(fly.running_values("shop", &first)["A"], "new");
    assert_eq!(fly.running_values("shop", &second)["A"], "old");
    let release = |id: &str| {
        let machine = client.get(&format!("/v1/apps/shop/machines/{id}")).json();
        machine["config"]["metadata"]["fly_release_version"].clone()
    };
    assert_eq!((release(&first), release(&second)), (json!("2"), json!("1")));

    fly.deploy("shop");
    assert_eq!(fly.running_values("shop", &second)["A"], "new");
    assert_eq!((release(&first), release(&second)), (json!("3"), json!("3")));
    let releases = client.get("/api/v1/apps/shop/releases?limit=2").json();
    let versions: Vec<_> = releases["releases"].as_array().unwrap().iter().map(|found| &found["version"]).collect();
    assert_eq!(versions, [3, 2]);
    let secret = client.get("/v1/apps/shop/secrets/A").json();
    let later = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(later(&secret["updated_at"]) < later(&releases["releases"][1]["created_at"]));
}

#[test]
fn an_update_loads_the_secrets_and_a_start_does_not() {
    let (fly, client) = twin();
    fly.set("shop", "A", "old");
    let id = fly.add_machine("shop");
    let target = format!("/v1/apps/shop/machines/{id}");
    fly.set("shop", "A", "new");
    let config = client.get(&target).json()["config"].clone();
    assert_eq!(client.post(&target, &json!({ "config": config, "min_secrets_version": 3 })).status, 412);
    client.post(&format!("{target}/stop"), &json!({}));
    assert_eq!(client.get(&format!("{target}/wait?state=started")).status, 408);
    client.post(&format!("{target}/start"), &json!({}));
    assert_eq!(fly.running_values("shop", &id)["A"], "old");
    let update = json!({ "config": config, "min_secrets_version": 2, "skip_launch": true });
    assert_eq!(client.post(&target, &update).status, 200);
    assert_eq!(fly.running_values("shop", &id)["A"], "old");
    client.post(&format!("{target}/start"), &json!({}));
    assert_eq!(fly.running_values("shop", &id)["A"], "new");
    assert_eq!(client.get(&format!("{target}/wait?state=started")).status, 200);
}

#[test]
fn a_lease_keeps_others_out_until_it_ends() {
    let (fly, client) = twin();
    let id = fly.add_machine("shop");
    let target = format!("/v1/apps/shop/machines/{id}");
    let lease = client.post(&format!("{target}/lease"), &json!({ "ttl": 30 })).json();
    let nonce = lease["data"]["nonce"].as_str().unwrap();
    let update = json!({ "config": client.get(&target).json()["config"] });
    let with_nonce = [("fly-machine-lease-nonce", nonce)];
    assert_eq!(client.post(&target, &update).status, 409);
    assert_eq!(client.post(&format!("{target}/lease"), &json!({})).status, 409);
    assert_eq!(client.send("POST", &target, &with_nonce, Some(&update)).status, 200);
    assert_eq!(client.send("DELETE", &format!("{target}/lease"), &with_nonce, None).status, 200);
    assert_eq!(client.post(&target, &update).status, 200);
    client.post(&format!("{target}/lease"), &json!({ "ttl": 30 }));
    assert_eq!(client.post(&target, &update).status, 409);
    fly.clock().advance(std::time::Duration::from_secs(31));
    assert_eq!(client.post(&target, &update).status, 200);
}

#[test]
fn a_release_can_be_created_and_completed() {
    let (_fly, client) = twin();
    let created = client.post("/api/v1/releases", &json!({ "app_name": "shop", "image": "registry.fly.io/shop:1" }));
    assert_eq!(created.status, 201);
    let release = created.json()["release"].clone();
    assert_eq!((&release["version"], &release["in_progress"]), (&json!(1), &json!(true)));
    let target = format!("/api/v1/releases/{}", release["id"].as_str().unwrap());
    let completed = client.send("PATCH", &target, &[], Some(&json!({ "status": "complete" }))).json();
    assert_eq!((&completed["stable"], &completed["in_progress"]), (&json!(true), &json!(false)));
    assert_eq!(client.get("/api/v1/apps/shop/releases/current").json(), completed);
}

#[test]
fn a_machine_in_trouble_shows_no_config_to_post_back() {
    let (fly, client) = twin();
    let id = fly.add_machine("shop");
    fly.edit_machine("shop", &id, |machine| machine.host_status = "unreachable".to_owned());
    let machine = &client.get("/v1/apps/shop/machines").json()[0];
    assert!(machine.get("config").is_none());
    assert!(machine.get("incomplete_config").is_some());
}

#[test]
fn a_lease_of_somebody_else_is_shown_with_its_owner_and_its_end() {
    let (fly, client) = twin();
    let id = fly.add_machine("shop");
    let target = format!("/v1/apps/shop/machines/{id}");
    fly.clock().pin("2026-01-14T12:00:00Z".parse().unwrap());
    fly.lease("shop", &id, "eve@example.com", std::time::Duration::from_secs(60));
    assert_eq!(fly.leased("shop"), [id]);
    assert_eq!(client.post(&format!("{target}/lease"), &json!({})).status, 409);
    let lease = client.get(&format!("{target}/lease")).json();
    assert_eq!(lease["data"]["owner"], "eve@example.com");
    let end: jiff::Timestamp = "2026-01-14T12:01:00Z".parse().unwrap();
    assert_eq!(lease["data"]["expires_at"], end.as_second());
    fly.clock().advance(std::time::Duration::from_secs(61));
    assert_eq!(fly.leased("shop"), Vec::<String>::new());
    assert_eq!(client.get(&format!("{target}/lease")).status, 404);
}

#[test]
fn a_machine_that_fails_to_start_is_waited_for_in_vain() {
    let (fly, client) = twin();
    let id = fly.add_machine("shop");
    let target = format!("/v1/apps/shop/machines/{id}");
    let before = client.get(&target).json();
    assert!(before.get("checks").is_none());
    fly.edit_machine("shop", &id, |machine| {
        machine.fails_to_start = true;
        machine.checks = vec![json!({ "name": "http", "status": "critical" })];
    });
    let updated = client.post(&target, &json!({ "config": before["config"] })).json();
    assert_eq!((&updated["state"], &updated["checks"][0]["status"]), (&json!("starting"), &json!("critical")));
    assert_eq!(client.get(&format!("{target}/wait?state=started")).status, 408);
    fly.edit_machine("shop", &id, |machine| machine.fails_to_start = false);
    client.post(&format!("{target}/start"), &json!({}));
    // The version from before the update is not what runs now.
    let wait = |instance: &Value| format!("{target}/wait?state=started&instance_id={}", instance.as_str().unwrap());
    assert_eq!(client.get(&wait(&updated["instance_id"])).status, 200);
    assert_eq!(client.get(&wait(&before["instance_id"])).status, 408);
}
