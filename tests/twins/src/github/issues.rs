//! The issues of a repository, as far as one program keeps one.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gate::Caller;
use super::listing::{Page, PageQuery, PageSize};
use super::refusal::Refusal;
use super::target::Target;
use super::{GitHub, Issue};
use crate::exchange::Origin;

/// The longest text of an issue, in characters.
const LONGEST_BODY: usize = 65_536;

/// Which issues are listed. GitHub leaves closed ones out unless they are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    state: Option<String>,
    creator: Option<String>,
}

fn shape(issue: &Issue) -> Value {
    let mut shape = json!({
        "number": issue.number,
        "state": if issue.open { "open" } else { "closed" },
        "title": issue.title,
        "body": issue.body,
        "user": { "login": issue.author, "type": if issue.author.ends_with("[bot]") { "Bot" } else { "User" } },
    });
    if issue.is_pull_request {
        shape["pull_request"] = json!({ "merged_at": null });
    }
    shape
}

/// The list, the one that was changed last at its beginning.
pub(super) async fn list(
    State(github): State<Arc<GitHub>>,
    Extension(origin): Extension<Origin>,
    target: Target,
    Query(wanted): Query<Wanted>,
    Query(page): Query<PageQuery>,
) -> Response {
    let mut state = github.state();
    let issues = state.issues(&target.repository());
    let state_wanted = wanted.state.as_deref().unwrap_or("open");
    let is_wanted = |issue: &&Issue| {
        (state_wanted == "all" || (state_wanted == "open") == issue.open)
            && wanted.creator.as_ref().is_none_or(|creator| issue.author.eq_ignore_ascii_case(creator))
    };
    let mut found: Vec<&Issue> = issues.iter().filter(is_wanted).collect();
    found.sort_by_key(|issue| std::cmp::Reverse((issue.updates, issue.number)));
    Page::of(found.into_iter().map(shape).collect(), &page, PageSize::USUAL).bare_response(&origin)
}

pub(super) async fn create(
    State(github): State<Arc<GitHub>>,
    Extension(caller): Extension<Caller>,
    target: Target,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let title = body["title"].as_str().ok_or_else(|| Refusal::invalid("title", "missing_field", "no title"))?;
    let mut state = github.state();
    let updates = state.next_id();
    let issues = state.issues(&target.repository());
    let mut issue = Issue {
        number: issues.len() as u64 + 1,
        open: true,
        title: title.to_owned(),
        body: String::new(),
        author: caller.login().to_owned(),
        is_pull_request: false,
        updates,
    };
    change(&mut issue, &body)?;
    issues.push(issue.clone());
    Ok((StatusCode::CREATED, Json(shape(&issue))).into_response())
}

pub(super) async fn update(
    State(github): State<Arc<GitHub>>,
    target: Target,
    body: Bytes,
) -> Result<Response, Refusal> {
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_json())?;
    let mut state = github.state();
    let updates = state.next_id();
    let issues = state.issues(&target.repository());
    let number = target.parameter("number").parse::<u64>().ok();
    let issue = issues.iter_mut().find(|issue| Some(issue.number) == number).ok_or_else(Refusal::not_found)?;
    change(issue, &body)?;
    issue.updates = updates;
    Ok(Json(shape(issue)).into_response())
}

fn change(issue: &mut Issue, body: &Value) -> Result<(), Refusal> {
    if let Some(text) = body["body"].as_str() {
        if text.chars().count() > LONGEST_BODY {
            return Err(Refusal::invalid("body", "custom", "body is too long (maximum is 65536 characters)"));
        }
        text.clone_into(&mut issue.body);
    }
    if let Some(title) = body["title"].as_str() {
        title.clone_into(&mut issue.title);
    }
    if let Some(state) = body["state"].as_str() {
        issue.open = state == "open";
    }
    Ok(())
}
