//! The endpoints that put a secret: the key to seal for, and the write that opens the box.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::GitHub;
use super::names::normalise;
use super::refusal::Refusal;
use super::sharing::wanted_sharing;
use super::state::{Key, Kind};
use super::target::Target;

/// The documented 48 KB, taken as kibibytes of plain text.
const LARGEST_VALUE: usize = 48 * 1024;

pub(super) async fn public_key(State(github): State<Arc<GitHub>>, target: Target) -> Response {
    let mut state = github.state();
    let numeric = state.numeric_key_ids;
    let key = &state.shelf(&target.place).key;
    let id = if numeric { Value::from(key.id) } else { Value::from(key.id.to_string()) };
    let public = STANDARD.encode(key.secret.public_key().as_bytes());
    Json(json!({ "key_id": id, "key": public })).into_response()
}

pub(super) async fn write(State(github): State<Arc<GitHub>>, target: Target, body: Bytes) -> Result<Response, Refusal> {
    let name = normalise(target.parameter("name"))?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let mut state = github.state();
    let value = open(&state.shelf(&target.place).key, &body)?;
    let sharing = wanted_sharing(&state, &target.place, &body)?;
    let items = &state.drawer(&target.place, Kind::Secrets).items;
    if !items.contains_key(&name) && items.len() >= target.place.capacity(Kind::Secrets) {
        return Err(Refusal::invalid("name", "too_many", "The limit of secrets for this place has been reached."));
    }
    let moment = github.moment_of_write();
    let created = state.drawer_for_write(&target.place, Kind::Secrets).write(name, value, sharing, moment);
    Ok(if created {
        (StatusCode::CREATED, Json(json!({}))).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    })
}

fn open(key: &Key, body: &Value) -> Result<Vec<u8>, Refusal> {
    let missing = |field: &str| {
        let message = format!("Invalid request.\n\n\"{field}\" wasn't supplied.");
        Refusal::invalid(field, "missing_field", message)
    };
    let sealed = body["encrypted_value"].as_str().ok_or_else(|| missing("encrypted_value"))?;
    let id = match &body["key_id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return Err(missing("key_id")),
    };
    if id != key.id.to_string() {
        return Err(Refusal::invalid("key_id", "invalid", "The key_id does not match the current public key."));
    }
    let sealed = STANDARD.decode(sealed).map_err(|_| {
        Refusal::invalid(
            "encrypted_value",
            "invalid",
            "Bad request - The value to be encrypted must be base64 encoded.",
        )
    })?;
    let value = key.secret.unseal(&sealed).map_err(|_| {
        Refusal::invalid(
            "encrypted_value",
            "invalid",
            "The encrypted_value could not be opened with the key of this key_id.",
        )
    })?;
    if value.len() > LARGEST_VALUE {
        return Err(Refusal::invalid("encrypted_value", "too_large", "Secrets are limited to 48 KB in size."));
    }
    Ok(value)
}
