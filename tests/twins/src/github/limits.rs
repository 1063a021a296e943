//! The primary rate limit, which counts requests, and the secondary one, which minds writes.

use std::time::{Duration, Instant};

use hyper::{StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::Refusal;

const LIMIT: u64 = 5000;

#[derive(Debug)]
pub(super) struct Limits {
    pub(super) too_many_requests: bool,
    remaining: u64,
    reset: Timestamp,
    secondary: Option<Secondary>,
}

#[derive(Debug)]
struct Secondary {
    writes: usize,
    left: usize,
    retry_after: Option<Duration>,
    refusing_since: Option<(Instant, Timestamp)>,
}

impl Limits {
    pub(super) fn new() -> Self {
        Self { too_many_requests: false, remaining: LIMIT, reset: Timestamp::UNIX_EPOCH, secondary: None }
    }

    pub(super) fn set_remaining(&mut self, remaining: u64, reset: Timestamp) {
        self.remaining = remaining.min(LIMIT);
        self.reset = reset;
    }

    pub(super) fn reset_at(&mut self, reset: Timestamp) {
        self.reset = reset;
    }

    pub(super) fn set_secondary(&mut self, writes: usize, retry_after: Option<Duration>) {
        self.secondary = Some(Secondary { writes, left: writes, retry_after, refusing_since: None });
    }

    pub(super) fn clear_secondary(&mut self) {
        self.secondary = None;
    }

    pub(super) fn admit(&mut self, now: Timestamp) -> Result<(), Refusal> {
        if now >= self.reset {
            self.remaining = LIMIT;
            self.reset = now + Duration::from_secs(3600);
        }
        if self.remaining > 0 {
            return Ok(());
        }
        Err(Refusal::new(self.status(), "API rate limit exceeded for user ID 583231."))
    }

    pub(super) fn admit_write(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let status = self.status();
        let Some(secondary) = &mut self.secondary else {
            return Ok(());
        };
        if secondary.is_over(now) {
            secondary.refusing_since = None;
            secondary.left = secondary.writes;
        }
        if secondary.refusing_since.is_none() && secondary.left > 0 {
            secondary.left -= 1;
            return Ok(());
        }
        secondary.refusing_since.get_or_insert((Instant::now(), now));
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let refusal = Refusal::new(status, message);
        Err(match secondary.retry_after {
            Some(wait) => refusal.header(header::RETRY_AFTER, &wait.as_secs_f64().ceil().to_string()),
            None => refusal,
        })
    }

    /// Counts a request that was answered.
    pub(super) fn spend(&mut self) {
        self.remaining = self.remaining.saturating_sub(1);
    }

    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", LIMIT.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-used", (LIMIT - self.remaining).to_string()),
            ("x-ratelimit-reset", self.reset.as_second().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "limit": LIMIT,
            "remaining": self.remaining,
            "used": LIMIT - self.remaining,
            "reset": self.reset.as_second(),
        })
    }

    fn status(&self) -> StatusCode {
        if self.too_many_requests { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN }
    }
}

impl Secondary {
    fn is_over(&self, now: Timestamp) -> bool {
        let (Some((since, moment)), Some(wait)) = (self.refusing_since, self.retry_after) else {
            return false;
        };
        since.elapsed() >= wait || now >= moment + wait
    }
}
