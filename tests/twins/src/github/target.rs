//! What a request is about, once its caller is known to be allowed to ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::GitHub;
use super::gate::Caller;
use super::permissions::{Access, Permission};
use super::place::{GitHubPlace, Store};
use super::refusal::Refusal;
use super::state::Kind;
use crate::exchange::Origin;

/// The place and kind a request is about. That the place exists, is visible and is open to the caller has been checked.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) place: GitHubPlace,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    parameters: BTreeMap<String, String>,
}

impl Target {
    /// Returns the name of the secret or variable, in the case GitHub keeps.
    pub(super) fn name(&self) -> String {
        self.parameter("name").to_ascii_uppercase()
    }

    /// Returns a parameter of the path, decoded.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// Returns the repository of the path as `owner/name`.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.parameter("owner"), self.parameter("repo"))
    }
}

impl FromRequestParts<Arc<GitHub>> for Target {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, github: &Arc<GitHub>) -> Result<Self, Refusal> {
        let parameters = RawPathParams::from_request_parts(parts, github).await.map_err(|_| Refusal::not_found())?;
        let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let pattern = parts.extensions.get::<MatchedPath>().ok_or_else(Refusal::not_found)?.as_str().to_owned();
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Refusal::not_found)?;
        let origin = parts.extensions.get::<Origin>().cloned().ok_or_else(Refusal::not_found)?;
        let kind = if pattern.contains("variables") { Kind::Variables } else { Kind::Secrets };
        let mut target = Self { place: GitHubPlace::User, kind, origin, parameters };
        target.place = place(&pattern, &target);
        check(&target, &pattern, &parts.method, &caller, github)?;
        Ok(target)
    }
}

fn place(pattern: &str, target: &Target) -> GitHubPlace {
    let store = match pattern.split('/').find(|part| ["agents", "dependabot", "codespaces"].contains(part)) {
        Some("agents") => Store::Agents,
        Some("dependabot") => Store::Dependabot,
        Some("codespaces") => Store::Codespaces,
        _ => Store::Actions,
    };
    if pattern.starts_with("/user/") {
        GitHubPlace::User
    } else if pattern.starts_with("/orgs/") {
        GitHubPlace::organization(target.parameter("org")).in_store(store)
    } else if pattern.contains("/environments/{environment}/") {
        GitHubPlace::environment(&target.repository(), target.parameter("environment"))
    } else {
        GitHubPlace::repository(&target.repository()).in_store(store)
    }
}

/// Returns what the caller must be allowed for this request, beyond seeing the repository.
fn need(target: &Target, pattern: &str, method: &Method) -> Option<(Permission, Access)> {
    let access = if method == Method::GET { Access::Read } else { Access::Write };
    match pattern {
        "/repos/{owner}/{repo}" => None,
        "/repos/{owner}/{repo}/actions/artifacts" => Some((Permission::Actions, access)),
        _ if pattern.contains("/issues") => Some((Permission::Issues, access)),
        "/repos/{owner}/{repo}/environments" | "/repos/{owner}/{repo}/environments/{environment}" => {
            if access == Access::Read {
                Some((Permission::Actions, access))
            } else {
                Some((Permission::Administration, access))
            }
        }
        _ => Some((target.place.permission(target.kind), access)),
    }
}

fn check(target: &Target, pattern: &str, method: &Method, caller: &Caller, github: &GitHub) -> Result<(), Refusal> {
    let need = need(target, pattern, method);
    let explain = |refusal: Refusal| match need {
        Some((permission, access)) => {
            let access = if access == Access::Read { "read" } else { "write" };
            refusal.header("x-accepted-github-permissions", &format!("{}={access}", permission.name()))
        }
        None => refusal,
    };
    let state = github.state();
    let visible = match &target.place {
        GitHubPlace::Repository { repository, .. } | GitHubPlace::Environment { repository, .. } => {
            caller.permissions.see(repository)
        }
        GitHubPlace::Organization { .. } | GitHubPlace::User => true,
    };
    if !visible || !state.exists(&target.place) {
        return Err(explain(Refusal::not_found()));
    }
    match need {
        Some((permission, access)) if caller.permissions.grant(permission) < access => {
            Err(explain(if state.hide_missing_permissions {
                Refusal::not_found()
            } else {
                Refusal::new(StatusCode::FORBIDDEN, "Resource not accessible by personal access token")
            }))
        }
        _ => Ok(()),
    }
}
