//! The endpoints of an app's machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Fly;
use super::access::{OpenApp, Refusal};
use super::secrets::replicated;
use super::state::{App, Lease, Machine};

const NONCE: &str = "fly-machine-lease-nonce";

/// Who holds the leases that are asked for: whoever the token belongs to.
const OWNER: &str = "dev@example.com";

#[derive(Debug, Deserialize)]
struct Update {
    config: Option<Value>,
    region: Option<String>,
    #[serde(default)]
    skip_launch: bool,
    #[serde(default)]
    skip_secrets: bool,
    min_secrets_version: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct LeaseWish {
    ttl: Option<u32>,
}

pub(super) async fn list(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let summary = query.get("summary").is_some_and(|summary| summary == "true");
    let wanted = |machine: &&Machine| {
        query.iter().all(|(key, wanted)| match key.as_str() {
            "state" => machine.state == *wanted,
            "region" => machine.region == *wanted,
            key => key
                .strip_prefix("metadata.")
                .is_none_or(|key| machine.config["metadata"][key].as_str() == Some(wanted.as_str())),
        })
    };
    let mut state = fly.state();
    let machines = state.app(&open.app).machines.values();
    Json(machines.filter(wanted).map(|machine| machine.json(summary)).collect::<Value>()).into_response()
}

pub(super) async fn show(State(fly): State<Arc<Fly>>, open: OpenApp) -> Result<Response, Refusal> {
    let mut state = fly.state();
    Ok(Json(find(state.app(&open.app), &open)?.json(false)).into_response())
}

/// Replaces the configuration and loads the secrets of this moment.
pub(super) async fn update(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let update: Update = serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?;
    let config = update.config.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "config is required"))?;
    let mut state = fly.state();
    let instance = state.next_id();
    let app = state.app(&open.app);
    replicated(update.min_secrets_version, app.version)?;
    let values = if update.skip_secrets { BTreeMap::new() } else { app.values() };
    let machine = find(app, &open)?;
    check_lease(machine, &headers, fly.clock.now())?;
    if let Some(region) = update.region {
        machine.region = region;
    }
    machine.update(config, values, !update.skip_launch, instance, fly.clock.moment_of_write());
    Ok(Json(machine.json(false)).into_response())
}

/// Boots the machine with the secrets its last update loaded, not with those set since: only an update is certain to
/// load secrets.
pub(super) async fn start(State(fly): State<Arc<Fly>>, open: OpenApp, headers: HeaderMap) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let machine = find(state.app(&open.app), &open)?;
    check_lease(machine, &headers, fly.clock.now())?;
    let previous = machine.state.clone();
    machine.start(fly.clock.moment_of_write());
    Ok(Json(json!({ "previous_state": previous })).into_response())
}

pub(super) async fn stop(State(fly): State<Arc<Fly>>, open: OpenApp, headers: HeaderMap) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let machine = find(state.app(&open.app), &open)?;
    check_lease(machine, &headers, fly.clock.now())?;
    "stopped".clone_into(&mut machine.state);
    machine.happened("exit", "stopped", "flyd", fly.clock.moment_of_write());
    Ok(Json(json!({ "ok": true })).into_response())
}

/// Answers at once whether the machine is in the wanted state, in the wanted version: nothing it could wait for happens
/// by itself, and a client that waits for a moment ago is found out.
pub(super) async fn wait(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let machine = find(state.app(&open.app), &open)?;
    let wanted = query.get("state").map_or("started", String::as_str);
    let is_wanted = query.get("instance_id").is_none_or(|instance| machine.instance_id == *instance);
    if is_wanted && machine.state == wanted {
        return Ok(Json(json!({ "ok": true })).into_response());
    }
    let error =
        format!("deadline_exceeded: machine failed to reach desired state, {wanted}, currently {}", machine.state);
    Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, error))
}

pub(super) async fn show_lease(State(fly): State<Arc<Fly>>, open: OpenApp) -> Result<Response, Refusal> {
    let now = fly.clock.now();
    let mut state = fly.state();
    let lease = find(state.app(&open.app), &open)?.lease.clone().filter(|lease| lease.expires_at > now);
    let lease = lease.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "lease not found"))?;
    Ok(Json(lease_json(&lease)).into_response())
}

/// Takes a lease, or renews the one whose nonce the request carries.
pub(super) async fn take_lease(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let wish: LeaseWish = if body.is_empty() {
        LeaseWish::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?
    };
    let now = fly.clock.now();
    let mut state = fly.state();
    let fresh = state.next_id();
    let machine = find(state.app(&open.app), &open)?;
    check_lease(machine, &headers, now)?;
    let held = machine.lease.take().filter(|lease| lease.expires_at > now);
    let (nonce, owner) = held.map_or_else(|| (fresh, OWNER.to_owned()), |lease| (lease.nonce, lease.owner));
    let expires_at = now + SignedDuration::from_secs(wish.ttl.unwrap_or(30).into());
    let lease = machine.lease.insert(Lease { nonce, owner, expires_at });
    Ok((StatusCode::CREATED, Json(lease_json(lease))).into_response())
}

pub(super) async fn release_lease(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let machine = find(state.app(&open.app), &open)?;
    check_lease(machine, &headers, fly.clock.now())?;
    machine.lease = None;
    Ok(Json(json!({ "ok": true })).into_response())
}

fn find<'a>(app: &'a mut App, open: &OpenApp) -> Result<&'a mut Machine, Refusal> {
    let machine = app.machines.get_mut(open.parameter("machine"));
    machine.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "machine not found"))
}

/// Refuses a request that does not carry the nonce of the lease on the machine, if there is a lease.
fn check_lease(machine: &Machine, headers: &HeaderMap, now: Timestamp) -> Result<(), Refusal> {
    let Some(lease) = machine.lease.as_ref().filter(|lease| lease.expires_at > now) else {
        return Ok(());
    };
    if headers.get(NONCE).is_some_and(|nonce| nonce.as_bytes() == lease.nonce.as_bytes()) {
        return Ok(());
    }
    let error = format!("failed to get lease on VM {}: lease currently held by {}", machine.id, lease.owner);
    Err(Refusal::new(StatusCode::CONFLICT, error))
}

fn lease_json(lease: &Lease) -> Value {
    json!({
        "status": "success",
        "data": {
            "nonce": lease.nonce,
            "expires_at": lease.expires_at.as_second(),
            "owner": lease.owner,
            "description": "",
        },
    })
}
