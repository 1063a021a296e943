//! Who may do what, and how Fly says no.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::response::{IntoResponse, Response};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, header};
use serde_json::json;

use super::Fly;

/// What a token opens.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The apps it is limited to, if it is.
    apps: Option<BTreeSet<String>>,
    writes: bool,
}

impl Token {
    pub(super) fn unlimited() -> Self {
        Self { apps: None, writes: true }
    }

    pub(super) fn limited(apps: &[&str], writes: bool) -> Self {
        Self { apps: Some(apps.iter().map(|&app| app.to_owned()).collect()), writes }
    }

    pub(super) fn opens(&self, app: &str, write: bool) -> bool {
        self.apps.as_ref().is_none_or(|apps| apps.contains(app)) && (self.writes || !write)
    }
}

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) String);

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self(status, error.into())
    }

    pub(super) fn bad_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid request body")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// The app of a request's path, once the token is known to open it.
#[derive(Debug)]
pub(super) struct OpenApp {
    pub(super) app: String,
    parameters: BTreeMap<String, String>,
}

impl OpenApp {
    /// Returns a further parameter of the path.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

impl FromRequestParts<Arc<Fly>> for OpenApp {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, fly: &Arc<Fly>) -> Result<Self, Refusal> {
        let tokens = OpenTokens::from_request_parts(parts, fly).await?;
        let parameters = RawPathParams::from_request_parts(parts, fly)
            .await
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "malformed path"))?;
        let parameters: BTreeMap<String, String> =
            parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let app = parameters.get("app").cloned().unwrap_or_default();
        tokens.open(fly, &app, parts.method != Method::GET)?;
        Ok(Self { app, parameters })
    }
}

/// The known tokens of a request, for the endpoints that name their app elsewhere than in the path.
#[derive(Debug)]
pub(super) struct OpenTokens(Vec<Token>);

impl OpenTokens {
    pub(super) fn open(&self, fly: &Fly, app: &str, write: bool) -> Result<(), Refusal> {
        if !fly.state().apps.contains_key(app) {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "app not found"));
        }
        if !self.0.iter().any(|token| token.opens(app, write)) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "unauthorized"));
        }
        Ok(())
    }
}

impl FromRequestParts<Arc<Fly>> for OpenTokens {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, fly: &Arc<Fly>) -> Result<Self, Refusal> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let dashboard = parts.uri.path().starts_with("/api/v1/");
        let state = fly.state();
        let known: Vec<Token> = header
            .map(|header| presented(header, dashboard))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|token| state.tokens.get(token).cloned())
            .collect();
        if known.is_empty() {
            let error = "verify: invalid token: no verified tokens; token was not found or has been revoked";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, error));
        }
        Ok(Self(known))
    }
}

/// Shows what the request's macaroons are for.
pub(super) async fn show_tokens(OpenTokens(tokens): OpenTokens) -> Response {
    let show = |token: &Token| match &token.apps {
        Some(apps) => json!({ "org_slug": "acme", "organization": "Acme", "apps": apps }),
        None => json!({ "org_slug": "acme", "organization": "Acme" }),
    };
    Json(json!({ "tokens": tokens.iter().map(show).collect::<Vec<_>>() })).into_response()
}

/// Lists the apps that the tokens open.
pub(super) async fn list_apps(State(fly): State<Arc<Fly>>, OpenTokens(tokens): OpenTokens) -> Response {
    let state = fly.state();
    let opened = state.apps.keys().filter(|app| tokens.iter().any(|token| token.opens(app, false)));
    let apps: Vec<_> = opened.map(|app| json!({ "name": app })).collect();
    Json(json!({ "total_apps": apps.len(), "apps": apps })).into_response()
}

/// Splits the header into its tokens, or into none if its scheme does not go with them.
///
/// `FlyV1` carries macaroons only, and only to the Machines API: the dashboard API takes all tokens under `Bearer`.
fn presented(header: &str, dashboard: bool) -> Vec<&str> {
    let Some((scheme, list)) = header.split_once(' ') else {
        return Vec::new();
    };
    let list: Vec<&str> = list.split(',').map(str::trim).collect();
    let fits = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => true,
        "flyv1" => !dashboard && list.iter().all(|token| is_macaroon(token)),
        _ => false,
    };
    if fits { list } else { Vec::new() }
}

fn is_macaroon(token: &str) -> bool {
    ["fm1r_", "fm1a_", "fm2_"].iter().any(|prefix| token.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_has_to_go_with_the_tokens() {
        assert_eq!(presented("FlyV1 fm2_a, fm2_b", false), ["fm2_a", "fm2_b"]);
        assert_eq!(presented("Bearer fo1_a", false), ["fo1_a"]);
        assert_eq!(presented("Bearer fm2_a,fo1_b", true), ["fm2_a", "fo1_b"]);
        assert!(presented("FlyV1 fo1_a", false).is_empty());
        assert!(presented("FlyV1 fm2_a", true).is_empty());
        assert!(presented("Basic fm2_a", false).is_empty());
        assert!(presented("fm2_a", false).is_empty());
    }
}
