//! What a push writes down in the logs of the environments that it wrote to.

use jiff::Timestamp;

use crate::domain::fingerprint::FingerprintKey;
use crate::domain::log::{self, Who};
use crate::domain::name::EnvironmentName;
use crate::domain::outcome::StepOutcome;
use crate::domain::plan::Choices;
use crate::domain::rollout::RollOutOutcome;
use crate::vault::layout::Layout;
use crate::vault::log::{Log, LogError};

/// The logs of the environments of one push. The project's lock is held meanwhile.
#[derive(Debug)]
pub struct Logbook<'a> {
    /// Where things are.
    pub layout: &'a Layout,
    /// Who pushes.
    pub who: Who,
    /// The environments that have a key of their own.
    pub keys: Vec<(&'a EnvironmentName, &'a FingerprintKey)>,
}

impl Logbook<'_> {
    /// Writes down what a push did that was interrupted before it could, as far as its receipts tell.
    pub fn recover(&self, at: Timestamp) -> Result<(), LogError> {
        self.logs().try_for_each(|(_, log)| log.recover(&self.who, at))
    }

    /// Notes that a push begins to write.
    pub fn begin(&self, at: Timestamp) -> Result<(), LogError> {
        self.logs().try_for_each(|(_, log)| log.begin_push(at))
    }

    /// Writes down what became of every step and roll-out, in every log that can be written, and returns the first failure.
    pub fn write(
        &self,
        at: Timestamp,
        outcomes: &[StepOutcome],
        roll_outs: &[RollOutOutcome],
        choices: &Choices,
    ) -> Result<(), LogError> {
        let mut deeds = log::deeds(outcomes, roll_outs, choices);
        let results = self.logs().map(|(name, log)| match deeds.remove(name) {
            Some(deeds) => log.append(&self.who, at, &deeds),
            None => log.end_push(),
        });
        results.collect::<Vec<_>>().into_iter().collect()
    }

    fn logs(&self) -> impl Iterator<Item = (&EnvironmentName, Log<'_>)> {
        self.keys.iter().map(|(name, key)| (*name, Log::of(self.layout, name, key)))
    }
}
