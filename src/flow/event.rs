//! What happens while a flow runs, for whoever shows progress.

use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::sync::broadcast::error::RecvError;

use crate::domain::outcome::StepOutcome;
use crate::domain::place::Place;
use crate::domain::plan::Step;
use crate::domain::rollout::RollOutOutcome;
use crate::targets::client::{Client, Wait};

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many places are about to be read.
    Reading(usize),
    /// A place was read, or could not be.
    Read(&'a Place),
    /// These steps are about to be done.
    Writing(&'a [Step]),
    /// A step came to its end.
    Stepped(&'a StepOutcome),
    /// Writes are done, and a place does not show them yet.
    Waiting(&'a Place),
    /// A machine is about to be updated.
    RollingOut {
        /// The place.
        place: &'a Place,
        /// Which machine it is, from 1.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The machines of a place were updated, or could not be.
    RolledOut(&'a RollOutOutcome),
    /// A limit holds a request back for a while.
    Limited(&'a Wait),
}

/// Takes events as they come.
pub trait Listener {
    /// Takes one event.
    fn hear(&self, event: &Event<'_>);
}

/// Hears nothing.
#[derive(Debug)]
pub struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: &Event<'_>) {}
}

/// Runs some work to its end, and passes on what the client waits for meanwhile.
pub async fn with_waits<T>(client: &Client, listener: &dyn Listener, work: impl Future<Output = T>) -> T {
    let mut waits = client.waits();
    let mut work = pin!(work);
    loop {
        match select(&mut work, pin!(waits.recv())).await {
            Either::Left((done, _)) => return done,
            Either::Right((Ok(wait), _)) => listener.hear(&Event::Limited(&wait)),
            // So many waits at once are all for the same.
            Either::Right((Err(RecvError::Lagged(_)), _)) => {}
            Either::Right((Err(RecvError::Closed), work)) => return work.await,
        }
    }
}
