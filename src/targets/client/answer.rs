//! One answer, read to its end but never beyond a bound.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, LINK};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::retry::http_date;
use crate::targets::TargetError;

/// How much of an error's body is read; no more of it is wanted than whether it speaks of a rate limit.
const LARGEST_ERROR: usize = 64 * 1024;

/// A complete answer.
///
/// Its body may hold digests, so it is wiped, and nothing quotes it.
#[derive(Debug)]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Body,
    /// Whether the platform said that what was kept still holds, rather than what it holds.
    pub(super) is_kept: bool,
}

struct Body(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Body({} bytes)", self.0.len())
    }
}

/// Why a body could not be read to its end.
pub(super) enum Unread {
    TooLarge,
    Broken(reqwest::Error),
}

impl Answer {
    /// Reads an answer to its end. The bound holds for what comes out of the decompression, not for what goes in.
    pub(super) async fn read(mut response: Response, largest: usize) -> Result<Self, Unread> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = Zeroizing::new(Vec::with_capacity(announced.min(largest)));
        while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
            if chunk.len() > largest - body.len() {
                return Err(Unread::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, headers, body: Body(body), is_kept: false })
    }

    /// Reads an answer that reports an error. What cannot be read of its body is left out: the status says enough.
    pub(super) async fn read_error(mut response: Response) -> Self {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Zeroizing::new(Vec::new());
        while let Ok(Some(chunk)) = response.chunk().await {
            if chunk.len() > LARGEST_ERROR - body.len() {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Self { status, headers, body: Body(body), is_kept: false }
    }

    /// Makes the answer that was kept anew.
    pub(super) fn kept(headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, headers, body: Body(Zeroizing::new(body)), is_kept: true }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body.0
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the server's time when it answered, in whole seconds.
    pub fn server_date(&self) -> Option<Timestamp> {
        http_date(self.headers.get(DATE)?.to_str().ok()?)
    }

    /// Reads the body as JSON. The error quotes nothing of it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, TargetError> {
        serde_json::from_slice(self.body()).map_err(|error| {
            TargetError::Unexpected(if error.is_data() { "JSON of another form".into() } else { "not JSON".into() })
        })
    }

    /// Returns where the next page is, as the `Link` header says.
    pub(super) fn next(&self) -> Option<&str> {
        self.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_link)
    }
}

/// Finds the address of the relation `next` in a `Link` header (RFC 8288).
///
/// The addresses stand in angle brackets and may have commas and semicolons in them, so that splitting would not do.
fn next_link(mut header: &str) -> Option<&str> {
    loop {
        let (_, rest) = header.split_once('<')?;
        let (address, rest) = rest.split_once('>')?;
        let end = end_of_parameters(rest);
        let (parameters, rest) = rest.split_at(end);
        let is_next = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address);
        }
        header = rest;
    }
}

fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    text.find(|character| {
        if character == '"' {
            quoted = !quoted;
        }
        character == ',' && !quoted
    })
    .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let table = [
            ("<https://a/x?page=2>; rel=\"next\", <https://a/x?page=9>; rel=\"last\"", Some("https://a/x?page=2")),
            ("<https://a/x?page=1>; rel=\"prev\", <https://a/x?a=1,2;b>; rel=next", Some("https://a/x?a=1,2;b")),
            ("<https://a/1>; title=\"a, <b>\"; rel=\"first next\"", Some("https://a/1")),
            ("<https://a/1>; rel=\"prev\"; title=\"rel=next\"", None),
            ("<https://a/1>; rel=\"last\"", None),
            ("<https://a/1; rel=\"next\"", None),
            ("", None),
        ];
        for (header, expected) in table {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}
