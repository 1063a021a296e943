//! What happens to every request before and after its handler: tokens, versions, limits and entity tags.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::response::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use sha2::{Digest, Sha256};

use super::GitHub;
use super::permissions::{Access, Permissions};
use super::refusal::Refusal;

const DEFAULT_VERSION: &str = "2022-11-28";

/// The versions of the API a request may ask for.
pub(super) const VERSIONS: [&str; 2] = [DEFAULT_VERSION, "2026-03-10"];

/// Who sent a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) permissions: Permissions,
    /// The version of the API the request asked for, or the default one.
    pub(super) version: String,
    token: String,
}

impl Caller {
    /// Returns whose the token is: the user's of this twin, or a bot's where it is that of an app.
    pub(super) fn login(&self) -> &'static str {
        if self.token.starts_with(APP_TOKEN) { "github-actions[bot]" } else { USER }
    }
}

/// The one user there is.
pub(super) const USER: &str = "octocat";

/// How the tokens of apps begin, which may not ask whose they are.
const APP_TOKEN: &str = "ghs_";

pub(super) async fn gate(State(github): State<Arc<GitHub>>, mut request: Request, next: Next) -> Response {
    let is_public = request.uri().path().starts_with("/users/");
    let caller = match identify(&github, request.headers(), is_public) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    let counted = request.uri().path() != "/rate_limit";
    let method = request.method().clone();
    let if_none_match = request.headers().get(header::IF_NONE_MATCH).cloned();
    let admitted = admit(&github, &method, counted);
    let spends = counted && admitted.is_ok();
    let response = match admitted {
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let (mut parts, body) = response.into_parts();
    let mut body = body.collect().await.expect("a handler's body is in memory").to_bytes();
    if method == Method::GET && parts.status == StatusCode::OK {
        let tag = entity_tag(&caller.token, &body);
        if if_none_match.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            // A client that wants the next page has to have kept where it is: RFC 9110, 15.4.5 asks for no more.
            parts.headers.remove(header::LINK);
            body = Bytes::new();
        }
        set(&mut parts, header::ETAG, &tag);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut state = github.state();
    if spends && parts.status != StatusCode::NOT_MODIFIED {
        state.limits.spend();
    }
    for (name, value) in state.limits.headers() {
        set(&mut parts, HeaderName::from_static(name), &value);
    }
    drop(state);
    decorate(&mut parts, &caller);
    Response::from_parts(parts, Body::from(body))
}

fn identify(github: &GitHub, headers: &HeaderMap, is_public: bool) -> Result<Caller, Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::USER_AGENT).is_none_or(str::is_empty) {
        let message =
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let version = text(HeaderName::from_static("x-github-api-version")).unwrap_or(DEFAULT_VERSION).to_owned();
    if !VERSIONS.contains(&version.as_str()) {
        let message = format!("{version} is not a supported API version.");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    let token = text(header::AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"))
        .map(|(_, token)| token.trim());
    let permissions = token.and_then(|token| github.state().tokens.get(token).cloned());
    match (token, permissions) {
        (Some(token), Some(permissions)) => Ok(Caller { permissions, version, token: token.to_owned() }),
        (None, _) if is_public && !headers.contains_key(header::AUTHORIZATION) => {
            Ok(Caller { permissions: Permissions::all(Access::None), version, token: String::new() })
        }
        (None, _) => Err(Refusal::new(StatusCode::UNAUTHORIZED, "Requires authentication")),
        (Some(_), None) => Err(Refusal::new(StatusCode::UNAUTHORIZED, "Bad credentials")),
    }
}

fn admit(github: &GitHub, method: &Method, counted: bool) -> Result<(), Refusal> {
    let now = github.clock.now();
    let mut state = github.state();
    if counted {
        state.limits.admit(now)?;
    }
    if method != Method::GET {
        state.limits.admit_write(now)?;
    }
    Ok(())
}

/// Tags the answer for this token alone, as the `Vary` header says.
fn entity_tag(token: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(token).chain_update([0]).chain_update(body).finalize();
    format!("W/\"{}\"", hex::encode(digest))
}

fn decorate(parts: &mut Parts, caller: &Caller) {
    if parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json") {
        set(parts, header::CONTENT_TYPE, "application/json; charset=utf-8");
    }
    if parts.status.is_success() || parts.status == StatusCode::NOT_MODIFIED {
        set(parts, header::CACHE_CONTROL, "private, max-age=60, s-maxage=60");
        set(
            parts,
            header::VARY,
            "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
        );
    }
    set(parts, HeaderName::from_static("x-github-api-version-selected"), &caller.version);
    set(parts, HeaderName::from_static("x-github-media-type"), "github.v3; format=json");
    if let Some(expires_at) = caller.permissions.expires_at {
        let expires_at = expires_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        set(parts, HeaderName::from_static("github-authentication-token-expiration"), &expires_at);
    }
}

fn set(parts: &mut Parts, name: HeaderName, value: &str) {
    parts.headers.insert(name, HeaderValue::from_str(value).expect("the twin's header values are plain text"));
}
