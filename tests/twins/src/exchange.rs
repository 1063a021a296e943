//! One request and its answer: recorded, counted, delayed, and spoiled if a fault says so.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Uri};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::body::TwinBody;
use crate::clock::{Clock, http_date};
use crate::fault::{Fault, FaultKind};

const GARBAGE: &str = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n";

/// A request the twin has seen, with the answer it gave.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path as sent, still percent-encoded, without the origin of an absolute-form target.
    pub path: String,
    /// The query as sent, without its question mark; empty when there is none.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// The `X-GitHub-Api-Version` header.
    pub x_github_api_version: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// Every header as sent, those above too.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The request body.
    pub body: Vec<u8>,
    /// The status of the answer, or 0 when the connection was reset or left hanging without one.
    pub status: u16,
    /// The body of the answer. A cut body is recorded whole, a huge one not at all.
    pub response_body: Vec<u8>,
}

/// The address under which the client reached this request, for answers that link back to the service.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Scheme, authority and path prefix, such as `http://127.0.0.1:4020/api/v3`.
    pub(crate) base: String,
    /// The path below the base.
    pub(crate) path: String,
}

/// What all connections of a twin share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) latency: Mutex<Duration>,
    pub(crate) in_flight_peak: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    pub(crate) held: AtomicUsize,
    pub(crate) released: Notify,
    in_flight: AtomicUsize,
    router: Router,
    prefix: &'static str,
}

impl Shared {
    pub(crate) fn new(router: Router, clock: Clock, prefix: &'static str) -> Self {
        Self {
            clock,
            requests: Mutex::default(),
            faults: Mutex::default(),
            latency: Mutex::default(),
            in_flight_peak: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            released: Notify::new(),
            in_flight: AtomicUsize::new(0),
            router,
            prefix,
        }
    }

    fn fault_for(&self, method: &str, target: &str) -> Option<FaultKind> {
        let mut faults = self.faults.lock().expect("no holder of the faults panics");
        faults.iter_mut().find_map(|fault| fault.meet(method, target))
    }

    fn record(&self, mut request: Request, status: StatusCode, response_body: &Bytes) {
        request.status = status.as_u16();
        request.response_body = response_body.to_vec();
        self.push(request);
    }

    fn push(&self, request: Request) {
        self.requests.lock().expect("no holder of the requests panics").push(request);
    }

    async fn handle(&self, parts: Parts, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
        let request = hyper::Request::from_parts(parts, Body::from(body));
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a handler's body is in memory").to_bytes();
        (parts.status, parts.headers, body)
    }
}

/// Counts a request for as long as it is being handled, even when the client gives it up.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.in_flight_peak.fetch_max(now, Ordering::SeqCst);
        Self(&shared.in_flight)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers one request, or notifies `reset` and never returns.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    reset: Arc<Notify>,
    request: hyper::Request<Incoming>,
) -> Result<Response<TwinBody>, Infallible> {
    let _in_flight = InFlight::enter(&shared);
    let (mut parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        // The client went away in the middle of its own request; nobody is left to answer.
        return pending().await;
    };
    let body = body.to_bytes();
    let seen = seen(&parts, &body);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let fault = shared.fault_for(parts.method.as_str(), &target);
    locate(&mut parts, shared.prefix);

    let (status, headers, body) = match &fault {
        Some(FaultKind::ResetBefore) => {
            shared.push(seen);
            reset.notify_one();
            return pending().await;
        }
        Some(FaultKind::Hang) => {
            shared.push(seen);
            return pending().await;
        }
        Some(FaultKind::Status { code, headers, body }) => {
            let code = StatusCode::from_u16(*code).expect("a fault has a valid status code");
            (code, fault_headers(headers), Bytes::from(body.clone()))
        }
        Some(FaultKind::Redirect(location)) => {
            let location = [(header::LOCATION.to_string(), location.clone())];
            (StatusCode::FOUND, fault_headers(&location), Bytes::new())
        }
        Some(FaultKind::Delay(duration)) => {
            tokio::time::sleep(*duration).await;
            shared.handle(parts, body).await
        }
        Some(FaultKind::Hold) => {
            let released = shared.released.notified();
            shared.held.fetch_add(1, Ordering::SeqCst);
            released.await;
            shared.handle(parts, body).await
        }
        Some(FaultKind::ResetAfter | FaultKind::CutBody | FaultKind::Garbage | FaultKind::HugeBody(_)) | None => {
            shared.handle(parts, body).await
        }
    };

    if fault == Some(FaultKind::ResetAfter) || (fault == Some(FaultKind::CutBody) && body.is_empty()) {
        shared.push(seen);
        reset.notify_one();
        return pending().await;
    }
    let (status, headers, body) = match fault {
        Some(FaultKind::Garbage) => {
            let headers = fault_headers(&[("content-type".to_owned(), "text/html".to_owned())]);
            (StatusCode::OK, headers, Bytes::from_static(GARBAGE.as_bytes()))
        }
        Some(FaultKind::HugeBody(_)) => (StatusCode::OK, fault_headers(&[]), Bytes::new()),
        _ => (status, headers, body),
    };
    shared.record(seen, status, &body);
    let latency = *shared.latency.lock().expect("no holder of the latency panics");
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    Ok(response(&shared.clock, fault.as_ref(), status, headers, body))
}

fn response(
    clock: &Clock,
    fault: Option<&FaultKind>,
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<TwinBody> {
    headers.remove(header::CONTENT_LENGTH);
    let body = match fault {
        Some(FaultKind::CutBody) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            TwinBody::cut(&body)
        }
        Some(FaultKind::HugeBody(bytes)) => TwinBody::Spaces { left: *bytes },
        _ => TwinBody::Whole(body),
    };
    let date = HeaderValue::from_str(&http_date(clock.now())).expect("a date is a valid header");
    headers.entry(header::DATE).or_insert(date);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn fault_headers(given: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a fault has valid header names");
        headers.insert(name, HeaderValue::from_str(value).expect("a fault has valid header values"));
    }
    headers
}

fn seen(parts: &Parts, body: &Bytes) -> Request {
    let header =
        |name: HeaderName| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: header(header::AUTHORIZATION),
        if_none_match: header(header::IF_NONE_MATCH),
        x_github_api_version: header(HeaderName::from_static("x-github-api-version")),
        user_agent: header(header::USER_AGENT),
        content_type: header(header::CONTENT_TYPE),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
        status: 0,
        response_body: Vec::new(),
    }
}

/// Reduces the target to the path the router knows, and keeps what was taken away as the request's [`Origin`].
///
/// A client behind `HTTP_PROXY` sends an absolute target, and an enterprise client a path prefix.
fn locate(parts: &mut Parts, prefix: &str) {
    let scheme = parts.uri.scheme_str().unwrap_or("http");
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = parts.uri.authority().map_or(host.unwrap_or("localhost"), |authority| authority.as_str());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let below = target.strip_prefix(prefix).filter(|below| below.starts_with('/'));
    let (prefix, target) = below.map_or(("", target), |below| (prefix, below));
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let origin = Origin { base: format!("{scheme}://{authority}{prefix}"), path };
    parts.uri = target.parse::<Uri>().expect("the tail of a valid target is a valid target");
    parts.extensions.insert(origin);
}
