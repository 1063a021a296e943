//! The endpoints of an app and of its secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Fly;
use super::access::{OpenApp, Refusal};

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    min_version: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Values {
    values: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Deserialize)]
struct OneValue {
    value: String,
}

pub(super) async fn show_app(State(fly): State<Arc<Fly>>, open: OpenApp) -> Response {
    let mut state = fly.state();
    let undeployed = state.app(&open.app).releases.is_empty();
    let status = if undeployed { "pending" } else { "deployed" };
    let organization = json!({ "name": "Personal", "slug": "personal" });
    Json(json!({ "id": open.app, "name": open.app, "status": status, "organization": organization })).into_response()
}

pub(super) async fn list(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    Query(query): Query<ListQuery>,
) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let app = state.app(&open.app);
    replicated(query.min_version, app.version)?;
    let secrets = app.secrets.clone();
    let secrets: Vec<Value> = secrets.iter().map(|(name, secret)| state.secret_json(name, secret)).collect();
    Ok(Json(json!({ "secrets": secrets })).into_response())
}

pub(super) async fn show(
    State(fly): State<Arc<Fly>>,
    open: OpenApp,
    Query(query): Query<ListQuery>,
) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let app = state.app(&open.app);
    replicated(query.min_version, app.version)?;
    let name = open.parameter("name");
    let secret = app.secrets.get(name).cloned().ok_or_else(no_such_secret)?;
    Ok(Json(state.secret_json(name, &secret)).into_response())
}

/// Answers the secrets that were set, not those unset nor those left alone.
pub(super) async fn set_many(State(fly): State<Arc<Fly>>, open: OpenApp, body: Bytes) -> Result<Response, Refusal> {
    let Values { values } = serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?;
    for name in values.keys() {
        validate(name)?;
    }
    let moment = fly.clock.moment_of_write();
    let mut state = fly.state();
    let app = state.app(&open.app);
    app.apply(values.clone(), moment);
    let (version, secrets) = (app.version, app.secrets.clone());
    let mut answer = state.version_json(version);
    answer["secrets"] = secrets
        .iter()
        .filter(|(name, _)| values.contains_key(*name))
        .map(|(name, secret)| state.secret_json(name, secret))
        .collect();
    Ok(Json(answer).into_response())
}

pub(super) async fn set_one(State(fly): State<Arc<Fly>>, open: OpenApp, body: Bytes) -> Result<Response, Refusal> {
    let OneValue { value } = serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?;
    let name = open.parameter("name");
    validate(name)?;
    let moment = fly.clock.moment_of_write();
    let mut state = fly.state();
    let app = state.app(&open.app);
    app.apply([(name.to_owned(), Some(value))], moment);
    let (version, secret) = (app.version, app.secrets[name].clone());
    let mut answer = state.secret_json(name, &secret);
    let Value::Object(versions) = state.version_json(version) else { unreachable!("a version is told as an object") };
    answer.as_object_mut().expect("a secret is told as an object").extend(versions);
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

pub(super) async fn unset_one(State(fly): State<Arc<Fly>>, open: OpenApp) -> Result<Response, Refusal> {
    let name = open.parameter("name");
    if !fly.state().app(&open.app).secrets.contains_key(name) {
        return Err(no_such_secret());
    }
    let moment = fly.clock.moment_of_write();
    let mut state = fly.state();
    let app = state.app(&open.app);
    app.apply([(name.to_owned(), None)], moment);
    let version = app.version;
    Ok(Json(state.version_json(version)).into_response())
}

/// Refuses a version of the secrets that is not there yet.
pub(super) fn replicated(wanted: Option<u64>, stored: u64) -> Result<(), Refusal> {
    match wanted {
        Some(wanted) if wanted > stored => {
            let error = format!("min_secrets_version {wanted} is not yet available");
            Err(Refusal::new(StatusCode::PRECONDITION_FAILED, error))
        }
        _ => Ok(()),
    }
}

fn validate(name: &str) -> Result<(), Refusal> {
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
        && characters.all(|character| character == '_' || character.is_ascii_alphanumeric());
    if valid {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::BAD_REQUEST, format!("\"{name}\" is not a valid secret name")))
    }
}

fn no_such_secret() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "secret not found")
}
