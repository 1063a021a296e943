//! The twin of GitHub: where its places differ.

use serde_json::{Value, json};
use twins::{GitHubPlace, Store, Visibility};

use crate::client::Client;
use crate::github::twin;

#[test]
fn environments_take_encoded_names() {
    let (github, client) = twin();
    let created = client.put("/repos/acme/shop/environments/eu%2Fproduction", &json!({}));
    assert_eq!((created.status, &created.json()["name"]), (200, &json!("eu/production")));
    let list = "/repos/acme/shop/environments/eu%2Fproduction/secrets";
    assert_eq!(client.write(list, "A", b"x"), 201);
    assert_eq!(client.get("/repos/acme/shop/environments/eu/production/secrets").status, 404);
    assert_eq!(github.values(&GitHubPlace::environment("acme/shop", "eu/production"))["A"], b"x");
    let environments = client.get("/repos/acme/shop/environments?per_page=1");
    assert_eq!(environments.json()["total_count"], 1);
    assert_eq!(client.delete("/repos/acme/shop/environments/eu%2Fproduction").status, 204);
    assert_eq!(client.get(list).status, 404);
}

#[test]
fn every_store_keeps_its_own_secrets() {
    let (github, client) = twin();
    let stores = [
        ("actions", Store::Actions),
        ("agents", Store::Agents),
        ("dependabot", Store::Dependabot),
        ("codespaces", Store::Codespaces),
    ];
    for (path, store) in stores {
        let list = format!("/repos/acme/shop/{path}/secrets");
        assert_eq!(client.write(&list, "A", path.as_bytes()), 201);
        assert_eq!(github.values(&GitHubPlace::repository("acme/shop").in_store(store))["A"], path.as_bytes());
    }
    assert_eq!(client.write("/user/codespaces/secrets", "A", b"mine"), 201);
    let mine = client.get("/user/codespaces/secrets/A").json();
    assert!(mine["updated_at"].as_str().unwrap().ends_with(".000+00:00"));
    assert!(mine["selected_repositories_url"].is_string());
    assert_eq!(github.values(&GitHubPlace::User)["A"], b"mine");
}

fn write_shared(client: &Client, name: &str, sharing: &Value) -> u16 {
    let list = "/orgs/acme/actions/secrets";
    let mut body = client.seal(list, b"x");
    body.as_object_mut().unwrap().extend(sharing.as_object().unwrap().clone());
    client.put(&format!("{list}/{name}"), &body).status
}

#[test]
fn secrets_of_an_organization_are_shared() {
    let (github, client) = twin();
    github.clock().pin("2026-01-14T10:00:00Z".parse().unwrap());
    let other = github.create_repository("acme/other");
    assert_eq!(write_shared(&client, "A", &json!({})), 422);
    assert_eq!(write_shared(&client, "A", &json!({ "visibility": "some" })), 422);
    assert_eq!(write_shared(&client, "A", &json!({ "visibility": "selected" })), 422);
    assert_eq!(write_shared(&client, "A", &json!({ "visibility": "all" })), 201);
    let selected = json!({ "visibility": "selected", "selected_repository_ids": [other.to_string()] });
    assert_eq!(write_shared(&client, "B", &selected), 201);

    let listed = client.get("/orgs/acme/actions/secrets").json()["secrets"].clone();
    assert_eq!(listed[0]["visibility"], "all");
    let url = format!("{}/orgs/acme/actions/secrets/B/repositories", github.url());
    assert_eq!(listed[1]["selected_repositories_url"], url);
    let seen = |repository: &str| client.get(&format!("/repos/{repository}/actions/organization-secrets")).json();
    assert_eq!(seen("acme/shop")["total_count"], 1);
    assert_eq!(seen("acme/other")["total_count"], 2);
    assert_eq!(seen("acme/other")["secrets"][0].get("visibility"), None);

    let repositories = client.get("/orgs/acme/actions/secrets/B/repositories").json();
    assert_eq!(repositories["repositories"][0]["full_name"], "acme/other");
    let place = GitHubPlace::organization("acme");
    let before = github.secret(&place, "B").unwrap();
    assert_eq!(client.delete(&format!("/orgs/acme/actions/secrets/B/repositories/{other}")).status, 204);
    let after = github.secret(&place, "B").unwrap();
    assert!(after.updated_at > before.updated_at, "a change of sharing left the time as it was");
    assert_eq!(after.selected_repositories, Vec::<String>::new());
    assert_eq!(client.delete(&format!("/orgs/acme/actions/secrets/A/repositories/{other}")).status, 409);
    github.share(&place, "B", Visibility::Private, &[]);
    assert_eq!(seen("acme/shop")["total_count"], 2);
}

#[test]
fn variables_are_created_once_and_readable() {
    let (github, client) = twin();
    let list = "/repos/acme/shop/actions/variables";
    let body = json!({ "name": "region", "value": "eu" });
    assert_eq!(client.post(list, &body).status, 201);
    assert_eq!(client.post(list, &body).status, 409);
    assert_eq!(client.send("PATCH", &format!("{list}/REGION"), &[], Some(&json!({ "value": "us" }))).status, 204);
    let variables = client.get(list).json();
    assert_eq!(
        (&variables["variables"][0]["name"], &variables["variables"][0]["value"]),
        (&json!("REGION"), &json!("us"))
    );
    assert_eq!(github.variables(&GitHubPlace::repository("acme/shop"))["REGION"], b"us");
    assert_eq!(client.delete(&format!("{list}/REGION")).status, 204);
}
