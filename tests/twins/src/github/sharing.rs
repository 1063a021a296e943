//! Which repositories see an item of an organization or a user: the one thing that changes without a value.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde_json::Value;

use super::listing::{Page, PageQuery, PageSize};
use super::place::GitHubPlace;
use super::refusal::Refusal;
use super::state::{Item, Sharing, State as Held, Visibility};
use super::target::Target;
use super::{GitHub, shapes};

pub(super) async fn list(
    State(github): State<Arc<GitHub>>,
    target: Target,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let mut state = github.state();
    let items = state.drawer(&target.place, target.kind).read();
    let item = items.get(&target.name()).ok_or_else(Refusal::not_found)?;
    let selected = item.sharing.iter().flat_map(|sharing| &sharing.selected);
    let repositories = selected.filter_map(|&id| state.repository_of_id(id));
    let repositories =
        repositories.map(|name| shapes::repository(state.repository(&name), &target.origin.base)).collect();
    Ok(Page::of(repositories, &query, PageSize::USUAL).response("repositories", &target.origin))
}

pub(super) async fn replace(
    State(github): State<Arc<GitHub>>,
    target: Target,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let selected = selected_ids(&github.state(), &body)?.ok_or_else(|| missing("selected_repository_ids"))?;
    change(&github, &target, |ids| *ids = selected)
}

pub(super) async fn add(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    let id = repository_id(&github, &target)?;
    change(&github, &target, |ids| {
        ids.insert(id);
    })
}

pub(super) async fn remove(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    let id = repository_id(&github, &target)?;
    change(&github, &target, |ids| {
        ids.remove(&id);
    })
}

/// Returns the sharing a write asks for, or none for a place that has no sharing.
pub(super) fn wanted_sharing(state: &Held, place: &GitHubPlace, body: &Value) -> Result<Option<Sharing>, Refusal> {
    let visibility = match place {
        GitHubPlace::Repository { .. } | GitHubPlace::Environment { .. } => return Ok(None),
        GitHubPlace::User => Visibility::Selected,
        GitHubPlace::Organization { .. } => {
            let name = body["visibility"].as_str().ok_or_else(|| missing("visibility"))?;
            let message = "visibility must be one of all, private, selected.";
            Visibility::parse(name).ok_or_else(|| Refusal::invalid("visibility", "invalid", message))?
        }
    };
    let selected = match (visibility, selected_ids(state, body)?) {
        (Visibility::Selected, Some(ids)) => ids,
        (Visibility::Selected, None) if *place != GitHubPlace::User => return Err(missing("selected_repository_ids")),
        _ => BTreeSet::new(),
    };
    Ok(Some(Sharing { visibility, selected }))
}

/// Reads the list of ids, which the API takes as numbers and as strings.
fn selected_ids(state: &Held, body: &Value) -> Result<Option<BTreeSet<u64>>, Refusal> {
    let invalid = || {
        let message = "selected_repository_ids must be the ids of repositories of the organization.";
        Refusal::invalid("selected_repository_ids", "invalid", message)
    };
    let ids = match &body["selected_repository_ids"] {
        Value::Null => return Ok(None),
        Value::Array(ids) => ids,
        _ => return Err(invalid()),
    };
    let read = |id: &Value| id.as_u64().or_else(|| id.as_str()?.parse().ok());
    let known = |id: &u64| state.repository_of_id(*id).is_some();
    ids.iter().map(|id| read(id).filter(known).ok_or_else(invalid)).collect::<Result<_, _>>().map(Some)
}

fn change(github: &GitHub, target: &Target, edit: impl FnOnce(&mut BTreeSet<u64>)) -> Result<Response, Refusal> {
    let mut state = github.state();
    let name = target.name();
    let present = state.drawer(&target.place, target.kind).items.get(&name);
    let selected =
        |item: &Item| item.sharing.as_ref().is_some_and(|sharing| sharing.visibility == Visibility::Selected);
    if !selected(present.ok_or_else(Refusal::not_found)?) {
        let message = "The visibility must be set to selected to change the list of repositories.";
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    let moment = github.moment_of_write();
    let drawer = state.drawer_for_write(&target.place, target.kind);
    if let Some(Item { sharing: Some(sharing), updated_at, .. }) = drawer.items.get_mut(&name) {
        edit(&mut sharing.selected);
        *updated_at = moment;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn repository_id(github: &GitHub, target: &Target) -> Result<u64, Refusal> {
    let id = target.parameter("repository_id").parse().map_err(|_| Refusal::not_found())?;
    github.state().repository_of_id(id).map(|_| id).ok_or_else(Refusal::not_found)
}

fn missing(field: &str) -> Refusal {
    Refusal::invalid(field, "missing_field", format!("Invalid request.\n\n\"{field}\" wasn't supplied."))
}
