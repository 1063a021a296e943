//! The twin of GitHub: its limits and the headers of every answer.

use std::time::Duration;

use jiff::Timestamp;
use twins::{Access, Permissions};

use crate::client::Client;
use crate::github::{SECRETS, twin};

#[test]
fn the_primary_limit_refuses_until_its_reset() {
    let (github, client) = twin();
    github.set_remaining(1);
    assert_eq!(client.get(SECRETS).header("x-ratelimit-remaining"), Some("0"));
    let refused = client.get(SECRETS);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let reset: i64 = refused.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!(Timestamp::from_second(reset).unwrap() > github.clock().now());
    assert_eq!(client.get("/rate_limit").json()["resources"]["core"]["remaining"], 0);
    github.limit_with_too_many_requests(true);
    assert_eq!(client.get(SECRETS).status, 429);
    github.clock().advance(Duration::from_secs(3601));
    assert_eq!(client.get(SECRETS).status, 200);
}

#[test]
fn the_secondary_limit_minds_writes_alone() {
    let (github, client) = twin();
    github.secondary_limit(1, Some(Duration::from_secs(30)));
    assert_eq!(client.write(SECRETS, "A", b"x"), 201);
    let refused = client.delete(&format!("{SECRETS}/A"));
    assert_eq!((refused.status, refused.header("retry-after")), (403, Some("30")));
    assert!(refused.json()["message"].as_str().unwrap().starts_with("You have exceeded a secondary rate limit"));
    assert_eq!(client.get(SECRETS).status, 200);
    github.clock().advance(Duration::from_secs(30));
    assert_eq!(client.write(SECRETS, "A", b"x"), 204);
    github.secondary_limit(0, None);
    let refused = client.delete(&format!("{SECRETS}/A"));
    assert_eq!((refused.status, refused.header("retry-after")), (403, None));
    github.clear_secondary_limit();
    assert_eq!(client.delete(&format!("{SECRETS}/A")).status, 204);
}

#[test]
fn answers_tell_the_version_the_date_and_the_expiry_of_the_token() {
    let (github, client) = twin();
    github.clock().pin("2026-01-14T10:00:00Z".parse().unwrap());
    let version = |version: &str| client.send("GET", SECRETS, &[("X-GitHub-Api-Version", version)], None);
    assert_eq!(client.get(SECRETS).header("x-github-api-version-selected"), Some("2022-11-28"));
    assert_eq!(version("2026-03-10").header("x-github-api-version-selected"), Some("2026-03-10"));
    assert_eq!(version("2020-01-01").status, 400);
    assert_eq!(client.get(SECRETS).header("date"), Some("Wed, 14 Jan 2026 10:00:00 GMT"));
    let expiring = Permissions::all(Access::Read).expires_at("2026-02-01T00:00:00Z".parse().unwrap());
    github.allow_token("expiring", expiring);
    let answer = Client::new(github.address(), "Bearer expiring").get("/user");
    assert_eq!(answer.header("github-authentication-token-expiration"), Some("2026-02-01 00:00:00 UTC"));
}
