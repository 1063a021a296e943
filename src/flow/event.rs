//! What happens while a flow runs, for whoever shows progress.

use crate::domain::outcome::StepOutcome;
use crate::domain::place::Place;

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many places are about to be read.
    Reading(usize),
    /// A place was read, or could not be.
    Read(&'a Place),
    /// So many steps are about to be done.
    Writing(usize),
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
