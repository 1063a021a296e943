//! When a request may be sent again, and after how long: pure functions of an answer's status and headers.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};

use super::ClientSettings;

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What an answer other than a success says about sending the request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The same request would get the same answer.
    Never,
    /// A moment later it may work, and the server may have said how much later.
    Later(Option<Duration>),
    /// The request was turned away by a rate limit and certainly not processed. The server may have said for how long.
    Limited(Option<Duration>),
}

/// Returns what an answer other than a success says about sending the request again.
///
/// `body` is searched for GitHub's words about its secondary limit, which may come without any header, and `now` is the
/// server's time, to which the moment of a reset refers.
pub(super) fn again(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Again {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Again::Limited(stated_wait(headers, now)),
        StatusCode::FORBIDDEN if is_limit(headers, body) => Again::Limited(stated_wait(headers, now)),
        // 412 is how Fly says that the version of the secrets just written has not reached this server yet.
        StatusCode::REQUEST_TIMEOUT | StatusCode::PRECONDITION_FAILED => Again::Later(retry_after(headers, now)),
        status if status.is_server_error() => Again::Later(retry_after(headers, now)),
        _ => Again::Never,
    }
}

/// Returns the waits between the attempts of one request, before [`jitter`].
pub(super) fn delays(settings: &ClientSettings) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(settings.backoff)
        .with_max_delay(settings.patience)
        .with_factor(2.0)
        .with_max_times(usize::try_from(settings.retries).unwrap_or(usize::MAX))
        .build()
}

/// Returns a random part of a wait, so that clients that failed together do not come back together.
///
/// `backon` only adds to the wait; spread over the whole of it, the clients get in each other's way the least.
pub(super) fn jitter(delay: Duration) -> Duration {
    // Without randomness the whole wait is as good as any part of it.
    getrandom::u32().map_or(delay, |random| delay.mul_f64(f64::from(random) / f64::from(u32::MAX)))
}

/// Parses the date of an HTTP header.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn is_limit(headers: &HeaderMap, body: &[u8]) -> bool {
    let says = |words: &[u8]| body.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words));
    headers.contains_key(RETRY_AFTER)
        || number(headers, &REMAINING) == Some(0)
        || says(b"secondary rate limit")
        || says(b"abuse detection")
}

// The order is GitHub's: `Retry-After` first, then the reset of the limit that is used up.
fn stated_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after(headers, now).or_else(|| {
        if number(headers, &REMAINING)? != 0 {
            return None;
        }
        let reset = Timestamp::from_second(i64::try_from(number(headers, &RESET)?).ok()?).ok()?;
        // Both are whole seconds, so that the limit may last for a part of one more.
        Some(until(reset, now) + Duration::from_secs(1))
    })
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(until(http_date(text)?, now)),
    }
}

fn until(moment: Timestamp, now: Timestamp) -> Duration {
    moment.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().expect("a literal is a header value"))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn answers_say_whether_to_come_back() {
        let now = http_date("Sat, 21 Nov 2026 08:00:00 GMT").expect("a literal date");
        let reset = &*format!("{}", now.as_second() + 90).leak();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let secondary = "{\"message\":\"You have exceeded a Secondary Rate Limit.\"}";
        let table = [
            (429, headers(&[]), "", Again::Limited(None)),
            (429, headers(&[("retry-after", "7")]), "", Again::Limited(seconds(7))),
            (429, headers(&[("retry-after", "Sat, 21 Nov 2026 08:00:30 GMT")]), "", Again::Limited(seconds(30))),
            (429, headers(&[("retry-after", "Sat, 21 Nov 2026 07:00:00 GMT")]), "", Again::Limited(seconds(0))),
            (429, headers(&[("retry-after", "soon")]), "", Again::Limited(None)),
            (
                403,
                headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]),
                "",
                Again::Limited(seconds(91)),
            ),
            (
                429,
                headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset), ("retry-after", "2")]),
                "",
                Again::Limited(seconds(2)),
            ),
            // The primary limit is not what turned this one away, so its reset says nothing.
            (
                403,
                headers(&[("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", reset)]),
                secondary,
                Again::Limited(None),
            ),
            (403, headers(&[("retry-after", "60")]), "", Again::Limited(seconds(60))),
            (403, headers(&[("x-ratelimit-remaining", "12")]), "{\"error\":\"unauthorized\"}", Again::Never),
            (503, headers(&[]), "", Again::Later(None)),
            (503, headers(&[("retry-after", "3")]), "", Again::Later(seconds(3))),
            (500, headers(&[]), secondary, Again::Later(None)),
            (412, headers(&[]), "", Again::Later(None)),
            (408, headers(&[]), "", Again::Later(None)),
            (404, headers(&[("x-ratelimit-remaining", "0")]), "", Again::Never),
            (401, headers(&[("retry-after", "1")]), "", Again::Never),
            (422, headers(&[]), "", Again::Never),
        ];
        for (status, headers, body, expected) in table {
            let status = StatusCode::from_u16(status).expect("a literal status");
            assert_eq!(again(status, &headers, body.as_bytes(), now), expected, "{status} {headers:?} {body}");
        }
    }

    #[test]
    fn waits_double_up_to_the_patience_and_end_with_the_retries() {
        let settings = ClientSettings {
            retries: 4,
            backoff: Duration::from_millis(100),
            patience: Duration::from_millis(300),
            ..ClientSettings::default()
        };
        let waits: Vec<u128> = delays(&settings).map(|delay| delay.as_millis()).collect();
        assert_eq!(waits, [100, 200, 300, 300]);
        for delay in delays(&settings) {
            assert!(jitter(delay) <= delay);
        }
    }
}
