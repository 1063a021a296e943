//! The faults both twins share, and the record they keep.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use twins::{FLY_TOKEN, Fault, FaultKind, FlyTwin};

use crate::client::Client;

const SECRETS: &str = "/v1/apps/shop/secrets";

fn twin(kind: FaultKind) -> (FlyTwin, Client) {
    let fly = FlyTwin::start();
    fly.create_app("shop");
    fly.inject(Fault::new(kind).method("POST").path_contains("/secrets"));
    let client = Client::new(fly.address(), &format!("Bearer {FLY_TOKEN}"));
    (fly, client)
}

fn set(client: &Client) -> std::io::Result<crate::client::Answer> {
    client.try_send("POST", SECRETS, &[], Some(&json!({ "values": { "A": "x" } })))
}

#[test]
fn a_status_replaces_the_effect_and_is_recorded() {
    let kind = FaultKind::Status {
        code: 503,
        headers: vec![("Retry-After".to_owned(), "1".to_owned())],
        body: "unavailable".to_owned(),
    };
    let (fly, client) = twin(kind);
    assert_eq!(client.get(SECRETS).status, 200);
    let answer = set(&client).unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(fly.values("shop").is_empty());
    assert_eq!(set(&client).unwrap().status, 200);
    let requests = fly.requests();
    assert_eq!(requests.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 503, 200]);
    assert_eq!(requests[1].response_body, b"unavailable");
    assert_eq!(requests[1].body, br#"{"values":{"A":"x"}}"#);
    assert_eq!(requests[1].authorization.as_deref(), Some("Bearer fly-test-token"));
    fly.clear_requests();
    assert!(fly.requests().is_empty());
}

#[test]
fn a_reset_before_has_no_effect() {
    let (fly, client) = twin(FaultKind::ResetBefore);
    assert_eq!(set(&client).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(fly.values("shop").is_empty());
    assert_eq!(fly.requests()[0].status, 0);
}

#[test]
fn a_reset_after_has_its_effect() {
    let (fly, client) = twin(FaultKind::ResetAfter);
    assert_eq!(set(&client).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(fly.values("shop")["A"], "x");
}

#[test]
fn a_cut_body_is_shorter_than_promised() {
    let (fly, client) = twin(FaultKind::CutBody);
    let answer = set(&client).unwrap();
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), promised / 2);
    assert_eq!(fly.requests()[0].response_body.len(), promised);
    assert_eq!(fly.values("shop")["A"], "x");
}

#[test]
fn garbage_is_not_json() {
    let (fly, client) = twin(FaultKind::Garbage);
    let answer = set(&client).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html")));
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    assert_eq!(fly.values("shop")["A"], "x");
}

#[test]
fn a_huge_body_comes_without_a_length() {
    let (_fly, client) = twin(FaultKind::HugeBody(300_000));
    let answer = set(&client).unwrap();
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.body.iter().map(|&byte| usize::from(byte == b' ')).sum::<usize>(), 300_000);
}

#[test]
fn a_redirect_leads_elsewhere() {
    let (_fly, client) = twin(FaultKind::Redirect("http://127.0.0.1:1/elsewhere".to_owned()));
    let answer = set(&client).unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://127.0.0.1:1/elsewhere")));
}

#[test]
fn a_twin_stops_although_a_request_hangs() {
    let (fly, client) = twin(FaultKind::Hang);
    let waiting = std::thread::spawn(move || set(&client).map(|answer| answer.status));
    while fly.requests().is_empty() {
        std::thread::yield_now();
    }
    drop(fly);
    assert_ne!(waiting.join().unwrap().ok(), Some(200));
}

#[test]
fn latency_is_added_and_concurrency_seen() {
    let (fly, client) = twin(FaultKind::Delay(Duration::from_millis(1)));
    assert_eq!(set(&client).unwrap().status, 200);
    fly.latency(Duration::from_millis(40));
    let start = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                client.get(SECRETS)
            });
        }
    });
    assert!(fly.in_flight_peak() > 1);
    assert_eq!(fly.connections(), 5);
}
