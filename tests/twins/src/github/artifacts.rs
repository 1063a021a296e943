//! The artifacts of a repository's workflow runs, as far as one run looks for what an earlier one has kept.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::GitHub;
use super::listing::{Page, PageQuery, PageSize};
use super::target::Target;
use crate::exchange::Origin;

/// Which artifacts are listed: those of one name, or all.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    name: Option<String>,
}

/// The list, the newest at its beginning, which is an order that GitHub has and does not promise.
pub(super) async fn list(
    State(github): State<Arc<GitHub>>,
    Extension(origin): Extension<Origin>,
    target: Target,
    Query(wanted): Query<Wanted>,
    Query(page): Query<PageQuery>,
) -> Response {
    let mut state = github.state();
    let repository_id = state.repository(&target.repository()).id;
    let artifacts = state.artifacts(&target.repository());
    let found =
        artifacts.iter().rev().filter(|artifact| wanted.name.as_ref().is_none_or(|name| *name == artifact.name));
    let found = found.map(|artifact| {
        json!({
            "name": artifact.name,
            "expired": artifact.expired,
            "created_at": artifact.created_at,
            "workflow_run": {
                "id": artifact.run,
                "head_branch": artifact.branch,
                "repository_id": repository_id,
                "head_repository_id": if artifact.from_a_fork { 0 } else { repository_id },
            },
        })
    });
    Page::of(found.collect(), &page, PageSize::USUAL).response("artifacts", &origin)
}
