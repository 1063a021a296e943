//! Faults: what a test makes go wrong, and for which requests.

use std::time::Duration;

/// A misfortune that meets the requests it matches, once unless told otherwise.
///
/// ```
/// # use twins::{Fault, FaultKind};
/// // The second and third write of API_KEY are lost on the way back.
/// let fault = Fault::new(FaultKind::ResetAfter).method("PUT").path_contains("secrets/API_KEY").skip(1).times(2);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    method: Option<String>,
    path_contains: Option<String>,
    skip: usize,
    left: Option<usize>,
}

/// What happens to a request that meets a [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Answers with this status instead of handling the request.
    Status {
        /// The status code.
        code: u16,
        /// Further response headers; `Content-Type` is JSON unless it is given here.
        headers: Vec<(String, String)>,
        /// The response body.
        body: String,
    },
    /// Waits, then handles the request as usual.
    Delay(Duration),
    /// Waits until [`release`](crate::Server::release) is called, then handles the request as usual.
    Hold,
    /// Resets the connection without handling the request.
    ResetBefore,
    /// Handles the request, then resets the connection without an answer.
    ResetAfter,
    /// Handles the request, promises the whole answer and ends the connection half-way through its body. An answer
    /// without a body cannot be cut; its connection is reset.
    CutBody,
    /// Handles the request, then answers 200 with a page of HTML.
    Garbage,
    /// Handles the request, then streams this many bytes of JSON white space, without telling how many will come.
    HugeBody(u64),
    /// Answers 302 with this location instead of handling the request.
    Redirect(String),
    /// Never answers, until the client gives up the connection.
    Hang,
}

impl FaultKind {
    /// Returns a status without further headers.
    pub fn status(code: u16, body: impl Into<String>) -> Self {
        Self::Status { code, headers: Vec::new(), body: body.into() }
    }
}

impl Fault {
    /// Returns a fault that meets the next request, whatever it is.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, method: None, path_contains: None, skip: 0, left: Some(1) }
    }

    /// Meets only requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Meets only requests whose path and query, as sent, contain this text.
    #[must_use]
    pub fn path_contains(mut self, text: &str) -> Self {
        self.path_contains = Some(text.to_owned());
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Meets this many matching requests.
    #[must_use]
    pub fn times(mut self, requests: usize) -> Self {
        self.left = Some(requests);
        self
    }

    /// Meets every matching request.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Returns what happens to this request, and counts it.
    pub(crate) fn meet(&mut self, method: &str, target: &str) -> Option<FaultKind> {
        let matches = self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path_contains.as_deref().is_none_or(|wanted| target.contains(wanted));
        if !matches || self.left == Some(0) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(self.kind.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_skips_then_meets_then_is_spent() {
        let mut fault = Fault::new(FaultKind::Hang).method("PUT").path_contains("secrets/A").skip(1).times(1);
        assert_eq!(fault.meet("GET", "/secrets/A"), None);
        assert_eq!(fault.meet("PUT", "/secrets/B"), None);
        assert_eq!(fault.meet("PUT", "/secrets/A"), None);
        assert_eq!(fault.meet("PUT", "/secrets/A"), Some(FaultKind::Hang));
        assert_eq!(fault.meet("PUT", "/secrets/A"), None);
    }
}
