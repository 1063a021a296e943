//! Why a target could not be read or written, as facts.

use std::time::Duration;

use jiff::Timestamp;
use vault_schema::audit::Reason;

/// Why a target could not be read or written. No variant holds a token, a value, or text of an answer that could
/// repeat one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TargetError {
    /// There is no token to send.
    #[error("no token for it was found")]
    NoToken,
    /// The token is not accepted.
    #[error("the token is not accepted (401)")]
    Unauthorized,
    /// The token may not do this.
    #[error("the token may not do this (403){}", permissions(.needs.as_deref()))]
    Forbidden {
        /// The permissions that would do, in the platform's own words.
        needs: Option<String>,
    },
    /// Not there, or hidden from this token.
    #[error("{what} was not found, or is hidden from this token (404)")]
    NotFound {
        /// What was asked for: `the app shop-staging`.
        what: String,
    },
    /// Too many requests, and the wait would be longer than our patience.
    #[error("the rate limit is used up{}", instant(.until.as_ref()))]
    RateLimited {
        /// When it may be tried again.
        until: Option<Timestamp>,
    },
    /// No answer in time.
    #[error("no answer within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long we waited.
        after: Duration,
    },
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(Broken),
    /// The target refused the request.
    #[error("the request was refused ({status}){}", because(.message.as_deref()))]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Why, in words that are ours or known to hold no value.
        message: Option<String>,
    },
    /// The answer could not be understood.
    #[error("the answer could not be understood: {0}")]
    Unexpected(String),
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It was never made.
    #[error("no connection could be made")]
    Connect,
    /// It broke before the answer was complete.
    #[error("the connection broke before the answer was complete")]
    Midway,
}

fn permissions(needed: Option<&str>) -> String {
    needed.map_or_else(String::new, |needed| format!("; it needs {needed}"))
}

fn instant(at: Option<&Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" until {}", at.strftime("%H:%M:%S UTC")))
}

fn because(message: Option<&str>) -> String {
    message.map_or_else(String::new, |message| format!(": {message}"))
}

impl TargetError {
    /// Returns the reason in the one word of the report.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoToken | Self::Unauthorized => Reason::Unauthorized,
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::NotFound { .. } => Reason::NotFound,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::Timeout { .. } => Reason::Timeout,
            Self::Unreachable(_) => Reason::Unreachable,
            Self::Rejected { .. } => Reason::Rejected,
            Self::Unexpected(_) => Reason::Unexpected,
        }
    }

    /// Returns whether a write that ended so certainly did not happen.
    pub const fn surely_not_applied(&self) -> bool {
        match self {
            Self::NoToken
            | Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::RateLimited { .. }
            | Self::Unreachable(Broken::Connect) => true,
            Self::Rejected { status, .. } => *status < 500,
            Self::Timeout { .. } | Self::Unreachable(Broken::Midway) | Self::Unexpected(_) => false,
        }
    }
}
