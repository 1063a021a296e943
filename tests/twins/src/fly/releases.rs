//! The release endpoints of Fly's dashboard API.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Fly;
use super::access::{OpenApp, OpenTokens, Refusal};
use super::state::Release;

const DEFAULT_LIMIT: usize = 20;
const HIGHEST_LIMIT: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Creation {
    app_name: String,
    image: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Change {
    status: String,
}

/// Lists the newest releases first.
pub(super) async fn list(State(fly): State<Arc<Fly>>, open: OpenApp, Query(query): Query<ListQuery>) -> Response {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(HIGHEST_LIMIT);
    let mut state = fly.state();
    let releases = state.app(&open.app).releases.iter().rev().take(limit);
    Json(json!({ "releases": releases.map(Release::json).collect::<Value>() })).into_response()
}

pub(super) async fn current(State(fly): State<Arc<Fly>>, open: OpenApp) -> Result<Response, Refusal> {
    let mut state = fly.state();
    let newest = state.app(&open.app).releases.last().ok_or_else(no_such_release)?;
    Ok(Json(newest.json()).into_response())
}

pub(super) async fn create(State(fly): State<Arc<Fly>>, tokens: OpenTokens, body: Bytes) -> Result<Response, Refusal> {
    let creation: Creation = serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?;
    tokens.open(&fly, &creation.app_name, true)?;
    let moment = fly.clock.moment_of_write();
    let mut state = fly.state();
    let id = state.next_id();
    let release = state.app(&creation.app_name).release(id, "running", moment, creation.image.as_deref());
    Ok((StatusCode::CREATED, Json(json!({ "release": release.json() }))).into_response())
}

pub(super) async fn update(
    State(fly): State<Arc<Fly>>,
    tokens: OpenTokens,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Change { status } = serde_json::from_slice(&body).map_err(|_| Refusal::bad_body())?;
    let app = {
        let state = fly.state();
        let holds = |app: &&String| state.apps[*app].releases.iter().any(|release| release.id == id);
        state.apps.keys().find(holds).cloned().ok_or_else(no_such_release)?
    };
    tokens.open(&fly, &app, true)?;
    let mut state = fly.state();
    let release = state.app(&app).releases.iter_mut().find(|release| release.id == id).ok_or_else(no_such_release)?;
    release.status = status;
    Ok(Json(release.json()).into_response())
}

fn no_such_release() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "release not found")
}
