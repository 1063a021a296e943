//! A rotation run: one new value for some secrets at every place that has them, which a crash or a place that is down
//! only delays.
//!
//! The old value stands beside the new one in the vault until every place runs the other: whatever a place holds
//! meanwhile, the vault knows it. What a run does next depends on its stage, on what the vault has, and on what the places
//! were just seen to run; never on what an earlier attempt believes to have done.

mod reach;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use vault_schema::rotation::{Reach, Stage};

pub use self::reach::{in_scope, narrow, reached};
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::inventory::Entry;
use super::log::Who;
use super::name::SecretName;

/// What a run is told, and what it tells to whoever reads its file next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The vault has all new values, with the old ones beside them.
    Staged,
    /// Every place was seen to run the new values.
    Verified,
    /// A place that ran them does not any more.
    Reopened,
    /// The old values are gone from the vault.
    Finished,
    /// A person wants the old values back.
    Rollback,
    /// Every place was seen to run the old values, and the new ones are gone from the vault.
    Returned,
}

/// Returns the stage that a run is in after something happened; none where that cannot happen.
pub const fn after(stage: Stage, event: Event) -> Option<Stage> {
    match (stage, event) {
        (Stage::Prepared, Event::Staged) | (Stage::Verified, Event::Reopened) => Some(Stage::Staged),
        (Stage::Staged, Event::Verified) => Some(Stage::Verified),
        (Stage::Verified, Event::Finished) => Some(Stage::Finished),
        (Stage::Prepared | Stage::Staged | Stage::Verified, Event::Rollback) => Some(Stage::Returning),
        (Stage::Returning, Event::Returned) => Some(Stage::Abandoned),
        _ => None,
    }
}

/// What the vault said of a secret when its run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The fingerprint of the value it had.
    pub old: Fingerprint,
    /// The day on which that was made.
    pub rotated: Option<Date>,
    /// The day on which that ceases to be valid.
    pub expires: Option<Date>,
}

/// How far a place was seen to be, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far.
    pub reach: Reach,
    /// Since when, by our clock.
    pub since: Timestamp,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub begun: Timestamp,
    /// Who began it.
    pub who: Who,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// The secrets that change together.
    pub secrets: BTreeMap<SecretName, Before>,
    /// The places that have them, as they were last seen.
    pub places: BTreeMap<String, Progress>,
}

impl Run {
    /// Returns whether it has one of these secrets.
    pub fn has_any(&self, names: &[SecretName]) -> bool {
        names.iter().any(|name| self.secrets.contains_key(name))
    }

    /// Returns its secrets, as a person names them.
    pub fn names(&self) -> String {
        self.secrets.keys().map(SecretName::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Takes note of something. What cannot happen in its stage changes nothing.
    pub fn hear(&mut self, event: Event, at: Timestamp) {
        if let Some(stage) = after(self.stage, event) {
            if event == Event::Rollback {
                // How far a place is towards the new values says nothing of how far it is back.
                for progress in self.places.values_mut() {
                    *progress = Progress { reach: Reach::Waiting, since: at };
                }
            }
            (self.stage, self.since) = (stage, at);
        }
    }

    /// Takes note of how far every place was seen to be.
    pub fn see(&mut self, seen: &BTreeMap<String, Reach>, at: Timestamp) {
        self.places.retain(|place, _| seen.contains_key(place));
        for (place, reach) in seen {
            let progress = self.places.entry(place.clone()).or_insert(Progress { reach: *reach, since: at });
            if progress.reach != *reach {
                *progress = Progress { reach: *reach, since: at };
            }
        }
    }
}

/// A run that is open, as a person is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its secrets.
    pub names: String,
    /// How far it is.
    pub stage: Stage,
    /// The day on which it began.
    pub begun: Date,
    /// For how many days it is open.
    pub days: i64,
    /// The places that were not there yet when they were last seen.
    pub waits_for: Vec<String>,
}

impl Open {
    /// Tells of a run, on a day.
    pub fn of(run: &Run, today: Date) -> Self {
        let begun = run.begun.to_zoned(TimeZone::UTC).date();
        let days = (today - begun).get_days().max(0).into();
        let late = run.places.iter().filter(|(_, progress)| progress.reach != Reach::Running);
        let waits_for = late.map(|(place, _)| place.clone()).collect();
        Self { names: run.names(), stage: run.stage, begun, days, waits_for }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, stage, begun, days, waits_for } = self;
        let age = match days {
            0 => "today".to_owned(),
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        };
        write!(formatter, "has a rotation of {names}, {}, that began {age}, on {begun}", stage.as_str())?;
        if waits_for.is_empty() { Ok(()) } else { write!(formatter, "; it waits for {}", waits_for.join(", ")) }
    }
}

/// What the vault has of a secret in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The old value alone.
    Old,
    /// A new value, and the old one beside it.
    New,
    /// The old value, and a new one beside it.
    Back,
    /// The old value, and the same one beside it: somebody has put it back by hand.
    Same,
    /// Another value alone: the new one, where the old one has just gone.
    Replaced,
    /// Another value, and one beside it that is not the old one.
    Strange,
}

/// Tells what the vault has of a secret.
pub fn standing(key: &FingerprintKey, before: &Before, entry: &Entry) -> Standing {
    let is_old = key.value(&entry.value) == before.old;
    match &entry.previous {
        None if is_old => Standing::Old,
        None => Standing::Replaced,
        Some(previous) => match (is_old, key.value(previous) == before.old) {
            (true, true) => Standing::Same,
            (true, false) => Standing::Back,
            (false, true) => Standing::New,
            (false, false) => Standing::Strange,
        },
    }
}

/// Returns a secret whose value is neither the old nor the new one of a run in this stage: only a person knows what is
/// right then.
pub fn stray(stage: Stage, secrets: &BTreeMap<SecretName, Standing>) -> Option<&SecretName> {
    let is_stray = |standing: Standing| match standing {
        Standing::Strange => !stage.is_over(),
        // The old value goes where every place was seen to run the new one, and nowhere else.
        Standing::Replaced => matches!(stage, Stage::Prepared | Stage::Returning),
        Standing::Old | Standing::New | Standing::Back | Standing::Same => false,
    };
    secrets.iter().find(|(_, standing)| is_stray(**standing)).map(|(name, _)| name)
}

/// What a run does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// New values of these go to the vault, the old ones beside them.
    Stage(Vec<SecretName>),
    /// The value and the one beside it change places in the vault.
    Swap(Vec<SecretName>),
    /// Every place is looked at, and what it lacks is written and brought to its machines.
    Push,
    /// The values that stand beside others go.
    Drop(Vec<SecretName>),
    /// This is noted in the run's file.
    Note(Event),
    /// Nothing, for the value of this one is neither the old nor the new one.
    Refuse(SecretName),
    /// Nothing: it is over, or a place is not there yet.
    Stop,
}

/// Returns what a run does next. `seen` says whether every place was just seen to run what the vault has; none where
/// nobody has looked since the vault was last changed.
pub fn next(stage: Stage, secrets: &BTreeMap<SecretName, Standing>, seen: Option<bool>) -> Task {
    let those = |wanted: Standing| -> Vec<SecretName> {
        secrets.iter().filter(|(_, standing)| **standing == wanted).map(|(name, _)| name.clone()).collect()
    };
    if let Some(name) = stray(stage, secrets) {
        return Task::Refuse(name.clone());
    }
    let [old, new, back, same] = [Standing::Old, Standing::New, Standing::Back, Standing::Same].map(those);
    let beside = |names: Vec<SecretName>| [names, same.clone()].concat();
    match stage {
        Stage::Finished | Stage::Abandoned => Task::Stop,
        Stage::Returning if !new.is_empty() => Task::Swap(new),
        Stage::Prepared | Stage::Staged | Stage::Verified if !back.is_empty() => Task::Swap(back),
        Stage::Prepared | Stage::Staged | Stage::Verified if !old.is_empty() => Task::Stage(old),
        Stage::Prepared => Task::Note(Event::Staged),
        Stage::Staged | Stage::Verified | Stage::Returning => match (seen, stage) {
            (None, _) => Task::Push,
            (Some(false), Stage::Verified) => Task::Note(Event::Reopened),
            (Some(false), _) => Task::Stop,
            (Some(true), Stage::Staged) => Task::Note(Event::Verified),
            (Some(true), Stage::Returning) if beside(back.clone()).is_empty() => Task::Note(Event::Returned),
            (Some(true), Stage::Returning) => Task::Drop(beside(back)),
            (Some(true), _) if beside(new.clone()).is_empty() => Task::Note(Event::Finished),
            (Some(true), _) => Task::Drop(beside(new)),
        },
    }
}

#[cfg(test)]
mod tests;
