//! The endpoints that secrets and variables have in common.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::GitHub;
use super::listing::{Page, PageQuery, PageSize};
use super::place::{GitHubPlace, Store};
use super::refusal::Refusal;
use super::state::{Item, Kind, Visibility};
use super::target::Target;

pub(super) async fn list(
    State(github): State<Arc<GitHub>>,
    target: Target,
    Query(query): Query<PageQuery>,
) -> Response {
    let items = github.state().drawer(&target.place, target.kind).read();
    let items = items.iter().map(|(name, item)| item_json(&target, name, item, &target.origin.path)).collect();
    page(&target, items, &query)
}

pub(super) async fn show(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    let items = github.state().drawer(&target.place, target.kind).read();
    let name = target.name();
    let item = items.get(&name).ok_or_else(Refusal::not_found)?;
    let list = target.origin.path.rsplit_once('/').map_or("", |(list, _)| list);
    Ok(Json(item_json(&target, &name, item, list)).into_response())
}

pub(super) async fn remove(State(github): State<Arc<GitHub>>, target: Target) -> Result<Response, Refusal> {
    let mut state = github.state();
    let name = target.name();
    if !state.drawer(&target.place, target.kind).items.contains_key(&name) {
        return Err(Refusal::not_found());
    }
    state.drawer_for_write(&target.place, target.kind).items.remove(&name);
    github.clock.moment_of_write();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lists what the repository's organization shares with it. The place of the target is the repository.
pub(super) async fn shared_by_organization(
    State(github): State<Arc<GitHub>>,
    target: Target,
    Query(query): Query<PageQuery>,
) -> Response {
    let mut state = github.state();
    let repository = state.repository(&target.repository()).id;
    let store = if target.origin.path.contains("/agents/") { Store::Agents } else { Store::Actions };
    let organization = GitHubPlace::organization(target.parameter("owner")).in_store(store);
    let items = state.drawer(&organization, target.kind).read();
    let shared = items.iter().filter(|(_, item)| {
        item.sharing.as_ref().is_none_or(|sharing| match sharing.visibility {
            // Every repository of the twin is private.
            Visibility::All | Visibility::Private => true,
            Visibility::Selected => sharing.selected.contains(&repository),
        })
    });
    page(&target, shared.map(|(name, item)| plain_json(target.kind, name, item)).collect(), &query)
}

fn page(target: &Target, items: Vec<Value>, query: &PageQuery) -> Response {
    let (key, size) = match target.kind {
        Kind::Secrets => ("secrets", PageSize::USUAL),
        Kind::Variables => ("variables", PageSize::VARIABLES),
    };
    Page::of(items, query, size).response(key, &target.origin)
}

fn item_json(target: &Target, name: &str, item: &Item, list: &str) -> Value {
    let mut json = plain_json(target.kind, name, item);
    if target.place == GitHubPlace::User {
        json["created_at"] = long_time(item.created_at).into();
        json["updated_at"] = long_time(item.updated_at).into();
    }
    if let Some(sharing) = &item.sharing {
        json["visibility"] = sharing.visibility.name().into();
        if sharing.visibility == Visibility::Selected {
            json["selected_repositories_url"] = format!("{}{list}/{name}/repositories", target.origin.base).into();
        }
    }
    json
}

fn plain_json(kind: Kind, name: &str, item: &Item) -> Value {
    let mut json = json!({
        "name": name,
        "created_at": item.created_at.to_string(),
        "updated_at": item.updated_at.to_string(),
    });
    if kind == Kind::Variables {
        json["value"] = String::from_utf8_lossy(&item.content).into();
    }
    json
}

/// Returns the other form in which GitHub has been seen to write a time, for the codespaces of users.
fn long_time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.000+00:00").to_string()
}
