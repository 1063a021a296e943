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
    #[error("the token may not do this (403){}", needing(.needs.as_deref()))]
    Forbidden {
        /// The permissions that would do, in the platform's own words.
        needs: Option<String>,
        /// Whether it may be the token that the platform gives each run of a workflow.
        of_workflow: bool,
    },
    /// Not there, or hidden from this token.
    #[error("{what} was not found, or is hidden from this token (404){}", needing(.needs.as_deref()))]
    NotFound {
        /// What was asked for: `the app shop-staging`.
        what: String,
        /// The permissions that would do if it is there, in the platform's own words.
        needs: Option<String>,
        /// Whether it may be the token that the platform gives each run of a workflow.
        of_workflow: bool,
    },
    /// Too many requests, and the wait would be longer than our patience.
    #[error("{limit}{}", lasting(.until.as_ref()))]
    RateLimited {
        /// Which limit it is.
        limit: Limit,
        /// When it may be tried again.
        until: Option<Timestamp>,
    },
    /// A limit turned a write away. It may be sent again once what it is to replace has been looked at again.
    #[error("{0}")]
    TurnedAway(Limit),
    /// No answer in time.
    #[error("no answer within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long we waited.
        after: Duration,
    },
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(Broken),
    /// Somebody else wrote there after it was looked at. What was to be written over it was not.
    #[error("somebody else wrote there at this moment")]
    Moved,
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
    /// No request could be made of what we were given.
    #[error("{0}")]
    Unusable(Unusable),
}

/// A limit that holds a request back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// One of the platform, which turned the request away.
    #[error("the rate limit is used up")]
    Platform,
    /// Our own: so many writes in any minute.
    #[error("{0} writes a minute are spent")]
    Minute(usize),
    /// Our own: so many writes in any hour.
    #[error("{0} writes an hour are spent")]
    Hour(usize),
    /// Our own: so many reads in any minute.
    #[error("{0} reads a minute are spent")]
    Reads(usize),
    /// Our own: a pause between the writes of a large number.
    #[error("many writes are sent one at a time")]
    Pace,
}

/// What no request can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A base URL to which no token may be sent.
    #[error("its base URL is neither `https` nor one of this machine")]
    BaseUrl,
    /// A token that fits in no header.
    #[error("the token has characters that no token has")]
    Token,
    /// A name that fits in no path.
    #[error("it has a name that no address can have")]
    Path,
    /// Encrypted connections cannot be made on this machine.
    #[error("this machine has no certificates to check a connection with")]
    Transport,
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It was never made.
    #[error("no connection could be made")]
    Connect,
    /// It was given up because nobody vouches for the other side.
    #[error("its certificate is not one that this machine trusts")]
    Certificate,
    /// It broke before the answer was complete.
    #[error("the connection broke before the answer was complete")]
    Midway,
}

fn needing(permissions: Option<&str>) -> String {
    permissions.map_or_else(String::new, |needed| format!("; it needs {needed}"))
}

fn lasting(at: Option<&Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" until {}", at.strftime("%H:%M:%S UTC")))
}

fn because(message: Option<&str>) -> String {
    message.map_or_else(String::new, |message| format!(": {message}"))
}

impl TargetError {
    /// Returns the reason in the one word of the report.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoToken | Self::Unauthorized | Self::Unusable(Unusable::Token) => Reason::Unauthorized,
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::NotFound { .. } => Reason::NotFound,
            Self::RateLimited { .. } | Self::TurnedAway(_) => Reason::RateLimited,
            Self::Timeout { .. } => Reason::Timeout,
            Self::Unreachable(_) | Self::Unusable(Unusable::BaseUrl | Unusable::Transport) => Reason::Unreachable,
            Self::Moved | Self::Rejected { .. } | Self::Unusable(Unusable::Path) => Reason::Rejected,
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
            | Self::TurnedAway(_)
            | Self::Moved
            | Self::Unreachable(Broken::Connect | Broken::Certificate)
            | Self::Unusable(_) => true,
            // 408 is how Fly says that it did not finish in time, which is not to say that it did not begin.
            Self::Rejected { status, .. } => *status < 500 && *status != 408,
            Self::Timeout { .. } | Self::Unreachable(Broken::Midway) | Self::Unexpected(_) => false,
        }
    }
}
