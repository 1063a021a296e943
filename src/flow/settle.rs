//! After a push: what its receipts and its journal have nothing more to say about.

use std::io;

use thiserror::Error;
use vault_schema::push::Outcome;

use super::audit::{self, Subjects};
use super::observe::Observations;
use super::recorder::Recorder;
use crate::domain::intent::Intent;
use crate::domain::name::RemoteName;
use crate::domain::outcome::StepOutcome;
use crate::domain::place::Place;
use crate::domain::plan::Plan;
use crate::domain::row::{self, Row};
use crate::vault::journal::{Journal, JournalError};

/// Why something stays on the disk that a push has settled. The next push settles it again.
#[derive(Debug, Error)]
pub enum SettleError {
    /// Receipts could not be written.
    #[error("cannot write the receipts")]
    Receipts(#[source] io::Error),
    /// The journal could not be read.
    #[error(transparent)]
    Unreadable(#[from] JournalError),
    /// The journal could not be written.
    #[error("cannot write the journal")]
    Journal(#[source] io::Error),
}

/// What a push knew when it began.
#[derive(Debug)]
pub struct Settled<'a> {
    /// The vault's side.
    pub subjects: &'a Subjects,
    /// What the places showed.
    pub observations: &'a Observations,
    /// What was planned.
    pub plan: &'a Plan,
    /// How every name stood.
    pub rows: &'a [Row],
}

impl Settled<'_> {
    /// Takes back receipts that have nothing left to say, and drops from the journal what this push has settled.
    pub fn close(
        &self,
        outcomes: &[StepOutcome],
        recorder: &Recorder<'_>,
        journal: &Journal,
    ) -> Result<(), SettleError> {
        self.retire(recorder).map_err(SettleError::Receipts)?;
        let mut open = journal.open_intents()?;
        self.refresh(recorder, &open).map_err(SettleError::Receipts)?;
        open.retain(|intent| !self.is_settled(intent, outcomes));
        journal.compact(&open).map_err(SettleError::Journal)
    }

    /// Takes back receipts of names that are neither in the vault nor at their place, where both were read whole.
    fn retire(&self, recorder: &Recorder<'_>) -> io::Result<()> {
        for (place, filed) in audit::filed(self.subjects, self.observations) {
            if self.subjects[&place.environment].inventory.is_complete() && !self.is_refused(&place) {
                let retired: Vec<_> = filed.retired.into_iter().collect();
                recorder.record(&place, [], [], &retired)?;
                if let Some(Ok(observation)) = self.observations.get(&place) {
                    let receipts = &self.subjects[&place.environment].receipts;
                    // What this push has removed once more is newer than the listing.
                    let is_planned = |name: &RemoteName| {
                        self.plan.steps.iter().any(|step| step.place == place && step.remote_name == *name)
                    };
                    let mut settled = row::settled_removals(&place, receipts, observation);
                    settled.retain(|name| !is_planned(name));
                    recorder.forget(&place, &settled)?;
                }
            }
        }
        Ok(())
    }

    /// Brings up to date the receipts of names that were proved to hold the vault's value by other means, such as the
    /// receipt of another place: what proves them may be replaced, and theirs speaks of an older state. What we wrote and
    /// could not file a receipt for gets one.
    fn refresh(&self, recorder: &Recorder<'_>, open: &[Intent]) -> io::Result<()> {
        for row in self.rows {
            let subject = &self.subjects[&row.place.environment];
            let entry = row.secret.as_ref().and_then(|secret| subject.inventory.entries.get(secret));
            let is_ours = |intent: &&Intent| intent.is_of(&row.place, &row.remote_name) && intent.explains(row.written);
            // What stands beside a new value for a while is ours by its name.
            let is_beside = row.secret.as_ref().is_some_and(|secret| subject.inventory.beside.contains(secret));
            let unfiled = open.iter().find(is_ours).map(|intent| intent.at);
            let unfiled = unfiled.or_else(|| row.written.filter(|_| is_beside));
            if let Some(receipt) =
                entry.and_then(|entry| row.refreshed(&subject.receipts, subject.key.value(&entry.value), unfiled))
            {
                recorder.record(&row.place, [(row.remote_name.clone(), receipt)], [], &[])?;
            }
        }
        Ok(())
    }

    fn is_refused(&self, place: &Place) -> bool {
        self.plan.refusals.iter().any(|refusal| refusal.place == *place)
    }

    /// Returns whether the push finished a write, or has read what became of it and now holds or leaves it like
    /// anything else. What it tried and did not see the end of stays open, and what it could not look at.
    fn is_settled(&self, intent: &Intent, outcomes: &[StepOutcome]) -> bool {
        let read = self
            .observations
            .iter()
            .any(|(place, result)| result.is_ok() && intent.is_at(place) && !self.is_refused(place));
        let step = outcomes.iter().find(|it| intent.is_of(&it.step.place, &it.step.remote_name));
        read && step.is_none_or(|outcome| outcome.outcome == Outcome::Done)
    }
}
