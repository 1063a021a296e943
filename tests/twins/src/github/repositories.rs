//! The endpoints around the secrets: repositories, environments, the user and the limits.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hyper::StatusCode;
use serde_json::json;

use super::gate::{Caller, USER, VERSIONS};
use super::listing::{Page, PageQuery, PageSize};
use super::refusal::Refusal;
use super::target::Target;
use super::{GitHub, shapes};
use crate::exchange::Origin;

pub(super) async fn user(
    Extension(origin): Extension<Origin>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refusal> {
    if caller.login() != USER {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Resource not accessible by integration"));
    }
    Ok(Json(shapes::user(USER, &origin.base)).into_response())
}

pub(super) async fn versions() -> Response {
    Json(VERSIONS).into_response()
}

pub(super) async fn rate_limit(State(github): State<Arc<GitHub>>, Extension(caller): Extension<Caller>) -> Response {
    let limit = github.state().limits.json();
    let mut body = json!({ "resources": { "core": limit, "search": limit } });
    if caller.version == VERSIONS[0] {
        body["rate"] = limit;
    }
    Json(body).into_response()
}

pub(super) async fn show(State(github): State<Arc<GitHub>>, target: Target) -> Response {
    let state = github.state();
    Json(shapes::repository(state.repository(&target.repository()), &target.origin.base)).into_response()
}

pub(super) async fn environments(
    State(github): State<Arc<GitHub>>,
    target: Target,
    Query(query): Query<PageQuery>,
) -> Response {
    let state = github.state();
    let repository = state.repository(&target.repository());
    let environments = repository.environments.values();
    let environments = environments.map(|found| shapes::environment(repository, found, &target.origin.base)).collect();
    Page::of(environments, &query, PageSize::USUAL).response_without_links("environments")
}

pub(super) async fn environment(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    let state = github.state();
    let repository = state.repository(&target.repository());
    let found = repository.environments.get(&target.parameter("environment").to_lowercase());
    let found = found.ok_or_else(Refusal::not_found)?;
    Ok(Json(shapes::environment(repository, found, &target.origin.base)).into_response())
}

/// Creates an environment, or leaves the one there is.
pub(super) async fn create_environment(State(github): State<Arc<GitHub>>, target: Target) -> Response {
    let moment = github.moment_of_write();
    let mut state = github.state();
    let created = state.create_environment(&target.repository(), target.parameter("environment"), moment);
    let repository = state.repository(&target.repository());
    Json(shapes::environment(repository, &created, &target.origin.base)).into_response()
}

pub(super) async fn remove_environment(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    if github.state().remove_environment(&target.repository(), target.parameter("environment")) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Refusal::not_found())
    }
}

/// The ssh keys that a user has published, which everybody may read.
pub(super) async fn published_keys(
    State(github): State<Arc<GitHub>>,
    Extension(origin): Extension<Origin>,
    Path(user): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let state = github.state();
    let keys = state.published.get(&user.to_lowercase()).ok_or_else(Refusal::not_found)?;
    let keys = (1..)
        .zip(keys)
        .map(|(id, key)| json!({ "id": id, "key": key, "created_at": "2026-01-01T00:00:00Z", "last_used": null }));
    Ok(Page::of(keys.collect(), &query, PageSize::USUAL).bare_response(&origin))
}

pub(super) async fn nothing_here() -> Refusal {
    Refusal::not_found()
}
