//! The endpoints that write a variable, whose value is no secret and comes back out.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::GitHub;
use super::names::normalise;
use super::refusal::Refusal;
use super::sharing::wanted_sharing;
use super::state::Kind;
use super::target::Target;

pub(super) async fn create(
    State(github): State<Arc<GitHub>>,
    target: Target,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let text = |field: &str| {
        let message = format!("Invalid request.\n\n\"{field}\" wasn't supplied.");
        body[field].as_str().ok_or_else(|| Refusal::invalid(field, "missing_field", message))
    };
    let (name, value) = (normalise(text("name")?)?, text("value")?.as_bytes().to_vec());
    let mut state = github.state();
    let items = &state.drawer(&target.place, Kind::Variables).items;
    if items.contains_key(&name) {
        return Err(Refusal::new(StatusCode::CONFLICT, "Already exists - Variable already exists"));
    }
    if items.len() >= target.place.capacity(Kind::Variables) {
        return Err(Refusal::invalid("name", "too_many", "The limit of variables for this place has been reached."));
    }
    let sharing = wanted_sharing(&state, &target.place, &body)?;
    let moment = github.moment_of_write();
    state.drawer_for_write(&target.place, Kind::Variables).write(name, value, sharing, moment);
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

/// Changes the name, the value, the sharing, or any of them.
pub(super) async fn update(
    State(github): State<Arc<GitHub>>,
    target: Target,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let name = target.name();
    let wanted = body["name"].as_str().map_or_else(|| Ok(name.clone()), normalise)?;
    let mut state = github.state();
    let items = &state.drawer(&target.place, Kind::Variables).items;
    let mut item = items.get(&name).cloned().ok_or_else(Refusal::not_found)?;
    if wanted != name && items.contains_key(&wanted) {
        return Err(Refusal::new(StatusCode::CONFLICT, "Already exists - Variable already exists"));
    }
    if let Some(value) = body["value"].as_str() {
        item.content = value.as_bytes().to_vec();
    }
    if !body["visibility"].is_null() {
        item.sharing = wanted_sharing(&state, &target.place, &body)?;
    }
    item.updated_at = github.moment_of_write();
    let drawer = state.drawer_for_write(&target.place, Kind::Variables);
    drawer.items.remove(&name);
    drawer.items.insert(wanted, item);
    Ok(StatusCode::NO_CONTENT.into_response())
}
