//! Those who are told what an audit has found: webhooks, mail, and an issue at GitHub. No error here holds an address that
//! is a secret, a password, or what the other side said.

pub mod issue;
pub mod mail;
pub mod webhook;

use super::TargetError;

pub use issue::{Desk, Issue, Settled};
pub use mail::{Envelope, MailError, Mailer};
pub use webhook::Webhook;

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// What is needed to reach them is not there.
    #[error("{source} has nothing in it", source = .0)]
    NoSecret(String),
    /// What is there is no address that a message may be sent to.
    #[error("what is in {0} is not an address with `https`")]
    NoAddress(String),
    /// The network, or the service.
    #[error(transparent)]
    Service(#[from] TargetError),
    /// The mail server.
    #[error(transparent)]
    Mail(#[from] MailError),
}
