//! One origin with its token: where requests go, and nowhere else.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::address::plain;
use super::answer::{Answer, Unread};
use super::kept::{Ask, Known};
use super::retry::{Again, again, delays, jitter};
use super::turn::Turn;
use super::{Client, SharedBudget, SharedReads, Wait};
use crate::targets::TargetError;
use crate::targets::error::{Broken, Limit, Unusable};

/// How many redirects one read follows.
const REDIRECTS: usize = 3;

/// What makes an [`Origin`].
#[derive(Debug)]
pub struct OriginSettings<'a> {
    /// The base URL, which may have a path.
    pub base_url: &'a str,
    /// The `Authorization` header; none is sent where it is empty. It is sent to this origin alone.
    pub authorization: Zeroizing<String>,
    /// Further headers of every request.
    pub headers: &'a [(&'static str, &'static str)],
    /// What is asked for there, for messages: `the app shop`.
    pub place: String,
    /// The first wait for a rate limit that does not say how long; each further one is twice as long.
    pub unstated_wait: Duration,
    /// Whether writes are counted against a [`super::WriteBudget`], and reads against what GitHub takes of them.
    pub budgeted: bool,
}

/// A base URL with the token that belongs to it.
pub struct Origin {
    pub(super) client: Client,
    transport: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    place: String,
    pub(super) unstated_wait: Duration,
    permits: Arc<Semaphore>,
    pub(super) budget: Option<SharedBudget>,
    pub(super) reads: Option<SharedReads>,
    pub(super) turn: Turn,
    // The server's time in the last answer, and when we got it.
    clock: Mutex<Option<(Timestamp, Instant)>>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Origin")
            .field("base", &self.base.as_str())
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// One failed attempt.
struct Failure {
    error: TargetError,
    again: Again,
}

impl Failure {
    fn last(error: TargetError) -> Self {
        Self { error, again: Again::Never }
    }

    fn passing(error: TargetError) -> Self {
        Self { error, again: Again::Later(None) }
    }
}

#[derive(Clone, Copy)]
enum Purpose<'a> {
    Read { known: Option<&'a Known> },
    Write { method: &'a Method, body: Option<&'a [u8]>, header: Option<(&'a HeaderName, &'a HeaderValue)>, once: bool },
}

impl Origin {
    /// Checks the base URL and the token.
    pub fn new(client: &Client, settings: OriginSettings<'_>) -> Result<Self, TargetError> {
        let base = parse_base(settings.base_url).ok_or(TargetError::Unusable(Unusable::BaseUrl))?;
        let mut headers = HeaderMap::new();
        for (name, value) in settings.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if !settings.authorization.is_empty() {
            let mut authorization =
                HeaderValue::from_str(&settings.authorization).map_err(|_| TargetError::Unusable(Unusable::Token))?;
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        let host = base.origin().ascii_serialization();
        let (budget, reads) = settings.budgeted.then(|| client.budgets(&host, &settings.authorization)).unzip();
        Ok(Self {
            transport: client.transport(base.scheme() == "https")?,
            permits: client.host(&host),
            budget,
            reads,
            client: client.clone(),
            base,
            headers,
            place: settings.place,
            unstated_wait: settings.unstated_wait,
            turn: Turn::default(),
            clock: Mutex::default(),
        })
    }

    /// Reads a resource. Each segment of its path is percent-encoded, its slashes too.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, TargetError> {
        let (_, answer) = self.read(self.url_with(path, query)?, Ask::Anew).await?;
        Ok(answer)
    }

    /// Reads a page of a listing, of which nothing is a secret value, and what stands on it.
    pub async fn get_page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        ask: Ask,
    ) -> Result<(T, Answer), TargetError> {
        self.read_page(self.url_with(path, query)?, ask).await
    }

    /// Reads the page after this one, if there is one.
    pub async fn get_next_page<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        ask: Ask,
    ) -> Result<Option<(T, Answer)>, TargetError> {
        let Some(link) = answer.next() else { return Ok(None) };
        let url = self.join(&self.base, link).ok_or_else(|| unexpected("a page link leads to another host"))?;
        self.read_page(url, ask).await.map(Some)
    }

    /// Sends a write, and returns its answer if that is a success.
    ///
    /// An error says by [`TargetError::surely_not_applied`] whether the write may have happened all the same.
    pub async fn send(&self, method: &Method, path: &[&str], body: Option<&[u8]>) -> Result<Answer, TargetError> {
        let url = self.url(path)?;
        self.exchange(&url, Purpose::Write { method, body, header: None, once: false }).await
    }

    /// Sends a write of what was looked at just before, and never again by itself: where a limit turns it away, what was
    /// looked at may move in the meantime. [`Origin::wait_for_turn`] then waits before the next look.
    pub async fn send_once(&self, method: &Method, path: &[&str], body: Option<&[u8]>) -> Result<Answer, TargetError> {
        let url = self.url(path)?;
        self.exchange(&url, Purpose::Write { method, body, header: None, once: true }).await
    }

    /// Sends a write with one header more, see [`Origin::send`].
    pub async fn send_with(
        &self,
        method: &Method,
        path: &[&str],
        body: Option<&[u8]>,
        header: (HeaderName, &str),
    ) -> Result<Answer, TargetError> {
        let (name, value) = header;
        let value = HeaderValue::from_str(value).map_err(|_| unexpected("it has characters that no header has"))?;
        let url = self.url(path)?;
        self.exchange(&url, Purpose::Write { method, body, header: Some((&name, &value)), once: false }).await
    }

    /// Returns the server's time, as far as an earlier answer tells: no later than it really is.
    pub fn server_now(&self) -> Option<Timestamp> {
        let (date, at) = (*self.clock.lock().expect("no holder of the clock panics"))?;
        date.checked_add(at.elapsed()).ok()
    }

    /// Waits until the server's clock has left the second of this time.
    pub async fn wait_for_second_after(&self, time: Timestamp) {
        const SECOND: Duration = Duration::from_secs(1);
        let next = time.as_second().checked_add(1).and_then(|next| Timestamp::from_second(next).ok());
        let Some((next, now)) = next.zip(self.server_now()) else { return };
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        // A time far ahead is no time of this clock, and waiting for it would not help.
        if wait <= 2 * SECOND {
            sleep(wait).await;
        }
    }

    fn url(&self, path: &[&str]) -> Result<Url, TargetError> {
        // The URL standard takes such segments for steps up the path; an escaped form does not exist.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(TargetError::Unusable(Unusable::Path));
        }
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| TargetError::Unusable(Unusable::BaseUrl))?.pop_if_empty().extend(path);
        Ok(url)
    }

    fn url_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, TargetError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Resolves a link of an answer, if it stays on this origin.
    fn join(&self, from: &Url, link: &str) -> Option<Url> {
        let url = from.join(link).ok()?;
        let stays = url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none();
        stays.then_some(url)
    }

    /// Reads a page. One that was kept and can no longer be understood is asked for anew, and only what can be
    /// understood is kept.
    async fn read_page<T: DeserializeOwned>(&self, url: Url, ask: Ask) -> Result<(T, Answer), TargetError> {
        let (mut at, mut answer) = self.read(url.clone(), ask).await?;
        let mut content = answer.json();
        if content.is_err() && answer.is_kept {
            (at, answer) = self.read(url, Ask::Anew).await?;
            content = answer.json();
        }
        let content = content?;
        if let (Ask::IfChanged, Some(kept)) = (ask, self.client.kept()) {
            kept.keep(&at, &self.headers, &answer);
        }
        Ok((content, answer))
    }

    /// Reads what is there, or where it has moved to, and returns its address with it.
    async fn read(&self, mut url: Url, ask: Ask) -> Result<(Url, Answer), TargetError> {
        for _ in 0..=REDIRECTS {
            let known = match ask {
                Ask::Anew => None,
                Ask::IfChanged => self.client.kept().and_then(|kept| kept.find(&url, &self.headers)),
            };
            let answer = self.exchange(&url, Purpose::Read { known: known.as_ref() }).await?;
            if answer.status() == StatusCode::OK {
                return Ok((url, answer));
            }
            let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
            let location = location.ok_or_else(|| unexpected("a redirect leads nowhere"))?;
            url = self.join(&url, location).ok_or_else(|| unexpected("a redirect leads to another host"))?;
        }
        Err(unexpected("redirects lead in a circle"))
    }

    /// Sends a request as often as it takes and is allowed, and returns a success or, for a read, a redirect.
    async fn exchange(&self, url: &Url, purpose: Purpose<'_>) -> Result<Answer, TargetError> {
        let settings = self.client.settings();
        let mut delays = delays(settings);
        let mut unstated_wait = self.unstated_wait;
        loop {
            match purpose {
                Purpose::Read { .. } => self.wait_for_reads().await?,
                Purpose::Write { .. } => self.wait_for_budget().await?,
            }
            let failure = match self.attempt(url, purpose).await {
                Ok(answer) => {
                    if matches!(purpose, Purpose::Write { .. }) {
                        self.turn.went_through();
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            if let (Again::Limited(stated), Purpose::Write { once: true, .. }) = (failure.again, purpose) {
                return Err(self.turned_away(stated, failure.error));
            }
            let may = match (failure.again, purpose) {
                (Again::Never, _) | (Again::Later(_), Purpose::Write { .. }) => false,
                (Again::Later(_), Purpose::Read { .. }) | (Again::Limited(_), _) => true,
            };
            let (limit, wait) = match failure.again {
                Again::Never | Again::Later(None) => (None, Duration::ZERO),
                Again::Later(Some(stated)) => (None, stated),
                Again::Limited(Some(stated)) => (Some(Limit::Platform), stated),
                Again::Limited(None) => {
                    let wait = unstated_wait;
                    unstated_wait = wait.saturating_mul(2);
                    (Some(Limit::Platform), wait)
                }
            };
            let Some(delay) = delays.next().filter(|_| may && wait <= settings.patience) else {
                return Err(self.dated(failure.error, wait));
            };
            self.pause(limit, wait + jitter(delay)).await;
        }
    }

    /// Says when to come back, where the platform has not said so itself.
    pub(super) fn dated(&self, error: TargetError, wait: Duration) -> TargetError {
        match error {
            TargetError::RateLimited { limit, until: None } if !wait.is_zero() => {
                let now = self.server_now().unwrap_or_else(Timestamp::now);
                TargetError::RateLimited { limit, until: now.checked_add(wait).ok() }
            }
            error => error,
        }
    }

    pub(super) async fn pause(&self, limit: Option<Limit>, wait: Duration) {
        if let Some(limit) = limit {
            let host = self.base.host_str().unwrap_or_default().to_owned();
            self.client.tell(Wait { limit, host, until: Instant::now() + wait });
        }
        sleep(wait).await;
    }

    async fn attempt(&self, url: &Url, purpose: Purpose<'_>) -> Result<Answer, Failure> {
        let _permit = self.permits.acquire().await.expect("nobody closes the permits");
        let request = match purpose {
            Purpose::Read { known: None } => self.transport.get(url.clone()),
            Purpose::Read { known: Some(known) } => {
                self.transport.get(url.clone()).header(IF_NONE_MATCH, known.etag.clone())
            }
            Purpose::Write { method, body, header, .. } => {
                let mut request = self.transport.request(method.clone(), url.clone());
                if let Some((name, value)) = header {
                    request = request.header(name, value);
                }
                match body {
                    // A copy for each attempt, which is sent as it is and freed after it.
                    Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_vec()),
                    None => request,
                }
            }
        };
        let response = request.headers(self.headers.clone()).send().await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        let is_answer = status.is_success() && (status == StatusCode::OK || matches!(purpose, Purpose::Write { .. }));
        if is_answer {
            let answer = Answer::read(response, self.client.settings().largest_body).await;
            let answer = answer.map_err(|unread| match unread {
                Unread::TooLarge => Failure::last(unexpected("it is larger than any we take")),
                Unread::Broken(error) => self.broken(&error),
            })?;
            self.set_clock(&answer);
            return Ok(answer);
        }
        let answer = Answer::read_error(response).await;
        self.set_clock(&answer);
        match (status.as_u16(), purpose) {
            (304, Purpose::Read { known: Some(known) }) => Ok(known.revive(answer)),
            (301 | 302 | 307 | 308, Purpose::Read { .. }) => Ok(answer),
            (307 | 308, Purpose::Write { .. }) => Err(Failure::last(TargetError::Rejected {
                status: status.as_u16(),
                message: Some("it has moved, and goes by another name now".to_owned()),
            })),
            (..400, _) => Err(Failure::last(unexpected(&format!("its status is {}", status.as_u16())))),
            _ => Err(self.refusal(&answer)),
        }
    }

    fn set_clock(&self, answer: &Answer) {
        if let Some(date) = answer.server_date() {
            *self.clock.lock().expect("no holder of the clock panics") = Some((date, Instant::now()));
        }
    }

    /// Tells an error status in our words: a platform may repeat a name, a value or a token in its own.
    fn refusal(&self, answer: &Answer) -> Failure {
        let now = answer.server_date().unwrap_or_else(Timestamp::now);
        let again = again(answer.status(), &answer.headers, answer.body(), now);
        if let Again::Limited(wait) = again {
            let until = wait.and_then(|wait| now.checked_add(wait).ok());
            return Failure { error: TargetError::RateLimited { limit: Limit::Platform, until }, again };
        }
        let rejected = |message: Option<&str>| TargetError::Rejected {
            status: answer.status().as_u16(),
            message: message.map(str::to_owned),
        };
        let error = match answer.status() {
            StatusCode::UNAUTHORIZED => TargetError::Unauthorized,
            StatusCode::FORBIDDEN => TargetError::Forbidden { needs: needs(&answer.headers), of_workflow: false },
            StatusCode::NOT_FOUND => {
                TargetError::NotFound { what: self.place.clone(), needs: needs(&answer.headers), of_workflow: false }
            }
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                rejected(Some("it takes the name or the value for invalid"))
            }
            StatusCode::CONFLICT => rejected(Some("somebody else is changing it at this moment")),
            StatusCode::PRECONDITION_FAILED => rejected(Some("what was just written cannot be read yet")),
            StatusCode::PAYLOAD_TOO_LARGE => rejected(Some("it is too large")),
            _ => rejected(None),
        };
        Failure { error, again }
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        match broken(error, self.client.settings().request_timeout) {
            error @ (TargetError::Unreachable(Broken::Certificate) | TargetError::Unusable(_)) => Failure::last(error),
            error => Failure::passing(error),
        }
    }
}

/// Tells in our words why there is no answer.
pub(super) fn broken(error: &reqwest::Error, after: Duration) -> TargetError {
    match () {
        () if is_distrust(error) => TargetError::Unreachable(Broken::Certificate),
        () if error.is_connect() => TargetError::Unreachable(Broken::Connect),
        () if error.is_timeout() => TargetError::Timeout { after },
        () if error.is_builder() => TargetError::Unusable(Unusable::Path),
        () => TargetError::Unreachable(Broken::Midway),
    }
}

/// Returns whether a connection failed because of the other side's certificate.
pub(super) fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An input/output error stands for the one inside it, and names that one's source as its own.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inner {
        Some(inner) => is_distrust(inner),
        None => error.source().is_some_and(is_distrust),
    }
}

fn unexpected(text: &str) -> TargetError {
    TargetError::Unexpected(text.to_owned())
}

/// Parses a base URL to which a token may be sent.
fn parse_base(text: &str) -> Option<Url> {
    plain(text).filter(|url| url.query().is_none() && url.fragment().is_none())
}

/// Returns what permissions GitHub says would do, and for a classic token which it has.
fn needs(headers: &HeaderMap) -> Option<String> {
    let stated = |name: &str| {
        let printable = |character: &char| character.is_ascii_graphic() || *character == ' ';
        let text: String = headers.get(name)?.to_str().ok()?.trim().chars().filter(printable).take(120).collect();
        (!text.is_empty()).then_some(text)
    };
    if let Some(permissions) = stated("x-accepted-github-permissions") {
        return Some(permissions);
    }
    let scopes = stated("x-accepted-oauth-scopes")?;
    Some(match (headers.contains_key("x-oauth-scopes"), stated("x-oauth-scopes")) {
        (true, Some(has)) => format!("{scopes}, and has {has}"),
        (true, None) => format!("{scopes}, and has no scope"),
        (false, _) => scopes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::client::ClientSettings;

    fn origin(base_url: &str) -> Result<Origin, TargetError> {
        let client = Client::new(&ClientSettings::default());
        let settings = OriginSettings {
            base_url,
            authorization: Zeroizing::new("Bearer canary-4711".to_owned()),
            headers: &[],
            place: "the app shop".to_owned(),
            unstated_wait: Duration::ZERO,
            budgeted: false,
        };
        Origin::new(&client, settings)
    }

    #[test]
    fn a_token_goes_to_safe_addresses_alone() {
        for good in ["http://127.0.0.1:1", "http://localhost/api/v3/", "http://[::1]:8080"] {
            assert!(parse_base(good).is_some(), "{good}");
        }
        assert!(parse_base("https://api.github.com").is_some());
        for bad in [
            "http://api.github.com",
            "http://127.0.0.1@evil.example",
            "https://user@api.github.com",
            "https://user:pass@api.github.com",
            "http://127.0.0.1\\@evil.example",
            "http://evil.example\\@127.0.0.1",
            "https://api.github.com/?x",
            "https://api.github.com/#x",
            "ftp://127.0.0.1",
            "api.github.com",
            "",
        ] {
            assert!(parse_base(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_a_token_needs_is_told_with_what_it_has() {
        let table = [
            (&[][..], None),
            (&[("x-accepted-github-permissions", "secrets=read"), ("x-oauth-scopes", "repo")], Some("secrets=read")),
            (&[("x-accepted-oauth-scopes", "admin:org")], Some("admin:org")),
            (
                &[("x-accepted-oauth-scopes", "admin:org"), ("x-oauth-scopes", "gist, repo")],
                Some("admin:org, and has gist, repo"),
            ),
            (&[("x-accepted-oauth-scopes", "admin:org"), ("x-oauth-scopes", "")], Some("admin:org, and has no scope")),
            (&[("x-accepted-oauth-scopes", ""), ("x-oauth-scopes", "repo")], None),
        ];
        for (stated, expected) in table {
            let headers: HeaderMap = stated
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(needs(&headers).as_deref(), expected, "{stated:?}");
        }
    }

    #[test]
    fn encrypted_connections_are_ready_where_there_are_certificates() {
        let made = origin("https://api.github.com");
        assert!(matches!(made, Ok(_) | Err(TargetError::Unusable(Unusable::Transport))), "{made:?}");
        assert!(matches!(origin("http://api.github.com"), Err(TargetError::Unusable(Unusable::BaseUrl))));
    }

    #[test]
    fn segments_never_leave_their_place() {
        let origin = origin("http://127.0.0.1:1/api/v3/").expect("a loopback address");
        let url = |path: &[&str]| origin.url(path).map(|url| url.as_str().to_owned());
        assert_eq!(
            url(&["environments", "eu/west ä?#", "secrets"]).expect("an ordinary path"),
            "http://127.0.0.1:1/api/v3/environments/eu%2Fwest%20%C3%A4%3F%23/secrets"
        );
        assert_eq!(url(&["%2e%2e"]).expect("an ordinary path"), "http://127.0.0.1:1/api/v3/%252e%252e");
        for steps in ["..", ".", ""] {
            assert!(url(&["a", steps, "b"]).is_err(), "{steps}");
        }
    }

    #[test]
    fn links_are_followed_on_the_same_origin_alone() {
        let origin = origin("http://127.0.0.1:1/api/v3").expect("a loopback address");
        for good in ["http://127.0.0.1:1/repositories/7?page=2", "/x?page=2", "?page=2"] {
            assert!(origin.join(&origin.base, good).is_some(), "{good}");
        }
        for bad in [
            "http://127.0.0.1:2/x",
            "https://127.0.0.1:1/x",
            "http://localhost:1/x",
            "//evil.example/x",
            "http://user@127.0.0.1:1/x",
            "http://",
        ] {
            assert!(origin.join(&origin.base, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", origin("http://127.0.0.1:1")).contains("canary"));
    }

    #[test]
    fn what_is_needed_is_told_in_few_printable_words() {
        let headers = |value: &str| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a literal header value");
            HeaderMap::from_iter([(HeaderName::from_static("x-accepted-github-permissions"), value)])
        };
        assert_eq!(needs(&headers("secrets=read")).as_deref(), Some("secrets=read"));
        assert_eq!(needs(&headers("a\tb")).as_deref(), Some("ab"));
        assert_eq!(needs(&headers(" ")), None);
        assert_eq!(needs(&headers(&"x".repeat(500))).map(|text| text.len()), Some(120));
    }
}
