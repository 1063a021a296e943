//! Asking every target what it holds, all at once.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::event::{Event, Listener};
use crate::domain::observation::Observation;
use crate::domain::place::Place;
use crate::targets::{AnyTarget, Target, TargetError};

/// A place with the adapter that speaks to it, or why there is none.
pub type Connection = Result<AnyTarget, TargetError>;

/// What each place holds, or why it could not be read. One place that fails hides no other.
pub type Observations = BTreeMap<Place, Result<Observation, TargetError>>;

/// Reads every place.
pub async fn observe(connections: &BTreeMap<Place, Connection>, listener: &dyn Listener) -> Observations {
    listener.hear(&Event::Reading(connections.len()));
    let mut reading: FuturesUnordered<_> = connections
        .iter()
        .map(|(place, connection)| async move {
            let observation = match connection {
                Ok(target) => target.observe().await,
                Err(error) => Err(error.clone()),
            };
            (place, observation)
        })
        .collect();
    let mut observations = Observations::new();
    while let Some((place, observation)) = reading.next().await {
        listener.hear(&Event::Read(place));
        observations.insert(place.clone(), observation);
    }
    observations
}
