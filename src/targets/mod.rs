//! The network: one client, then one file or folder a target.
//!
//! Every adapter implements [`Target`] and passes one conformance suite (`tests/conformance.rs`). A value reaches an
//! adapter only as `&SecretValue`, at the last call before the wire.

pub mod account;
pub mod client;
pub mod error;
pub mod fly;
pub mod github;
pub mod notify;

use std::future::Future;

use jiff::Timestamp;

pub use error::TargetError;

use crate::domain::name::RemoteName;
use crate::domain::observation::{Evidence, Observation};
use crate::domain::secret::SecretValue;

/// What a place is able to show and to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What it shows of a value. Conformance holds the adapter to it.
    pub evidence: EvidenceKind,
    /// How many writes may follow one look: all in one request, or one at a time.
    pub writes_per_look: usize,
    /// Whether programs there keep what was removed until they are updated.
    pub keeps_running: bool,
}

/// What a place shows of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceKind {
    /// A digest that depends on the value alone and that only the place can compute.
    OpaqueDigest,
    /// When it was made and last written.
    Times,
    /// The value itself.
    Value,
}

/// One value to be written.
#[derive(Debug)]
pub struct Write<'a> {
    /// Its name there.
    pub name: &'a RemoteName,
    /// The value.
    pub value: &'a SecretValue,
    /// When the place says it was last written, if it shows times and had the name on our last look: a place that counts
    /// in whole seconds must not be written twice in one, or the second write could not be told from the first, and one
    /// that parts creating from updating has to be told which it is.
    pub last_written: Option<Timestamp>,
}

/// What is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// A batch of writes, and the newest of the times that the place shows for what is about to be written.
    Write(Option<Timestamp>),
    /// A batch of removals.
    Removal,
}

/// What became of one write or removal.
#[derive(Debug)]
pub enum Effect {
    /// The place accepted it, and may have answered with the evidence it will show.
    Accepted(Option<Evidence>),
    /// It certainly did not happen.
    Refused(TargetError),
    /// It may or may not have happened: the answer was lost.
    Unknown(TargetError),
    /// It was not tried, because an earlier one of the batch failed in a way that would befall it too.
    Skipped,
}

impl Effect {
    /// Returns what became of a write that ended in this error.
    pub fn failed(error: TargetError) -> Self {
        if error.surely_not_applied() { Self::Refused(error) } else { Self::Unknown(error) }
    }
}

/// One place that holds secrets.
pub trait Target {
    /// Returns what the place is able to show and to take.
    fn describe(&self) -> Capabilities;

    /// Reads everything the place holds, to the last page, with the state of its roll-out.
    fn observe(&self) -> impl Future<Output = Result<Observation, TargetError>> + Send;

    /// Reads the evidence of these names alone, as cheaply as the place allows; names it does not hold are absent from
    /// the answer, and names beyond these may be in it. It says nothing about roll-out.
    fn look(&self, names: &[&RemoteName]) -> impl Future<Output = Result<Observation, TargetError>> + Send;

    /// Does beforehand what a request has to wait for, so that it can follow the look before it at once.
    fn make_ready(&self, coming: Coming) -> impl Future<Output = ()> + Send;

    /// Returns the time by the place's own clock, as far as an earlier answer tells.
    fn now_there(&self) -> Option<Timestamp>;

    /// Writes a batch, and returns one effect for each write, in order.
    fn write(&self, batch: &[Write<'_>]) -> impl Future<Output = Vec<Effect>> + Send;

    /// Removes a batch, and returns one effect for each name, in order.
    fn remove(&self, names: &[&RemoteName]) -> impl Future<Output = Vec<Effect>> + Send;
}

/// Any of the targets there are.
#[derive(Debug)]
pub enum AnyTarget {
    /// A Fly app.
    Fly(fly::FlyApp),
    /// A place at GitHub.
    Github(github::GithubPlace),
}

impl AnyTarget {
    /// Returns the Fly app, if it is one: the only kind of place with machines to roll out to.
    pub const fn fly(&self) -> Option<&fly::FlyApp> {
        match self {
            Self::Fly(app) => Some(app),
            Self::Github(_) => None,
        }
    }
}

impl Target for AnyTarget {
    fn describe(&self) -> Capabilities {
        match self {
            Self::Fly(target) => target.describe(),
            Self::Github(target) => target.describe(),
        }
    }

    async fn observe(&self) -> Result<Observation, TargetError> {
        match self {
            Self::Fly(target) => target.observe().await,
            Self::Github(target) => target.observe().await,
        }
    }

    async fn look(&self, names: &[&RemoteName]) -> Result<Observation, TargetError> {
        match self {
            Self::Fly(target) => target.look(names).await,
            Self::Github(target) => target.look(names).await,
        }
    }

    async fn make_ready(&self, coming: Coming) {
        match self {
            Self::Fly(target) => target.make_ready(coming).await,
            Self::Github(target) => target.make_ready(coming).await,
        }
    }

    fn now_there(&self) -> Option<Timestamp> {
        match self {
            Self::Fly(target) => target.now_there(),
            Self::Github(target) => target.now_there(),
        }
    }

    async fn write(&self, batch: &[Write<'_>]) -> Vec<Effect> {
        match self {
            Self::Fly(target) => target.write(batch).await,
            Self::Github(target) => target.write(batch).await,
        }
    }

    async fn remove(&self, names: &[&RemoteName]) -> Vec<Effect> {
        match self {
            Self::Fly(target) => target.remove(names).await,
            Self::Github(target) => target.remove(names).await,
        }
    }
}
