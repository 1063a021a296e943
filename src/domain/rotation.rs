//! A rotation run: one new value for some secrets at every place that has them, which a crash or a place that is down
//! only delays.
//!
//! The old value stands beside the new one in the vault until every place runs the other: whatever a place holds
//! meanwhile, the vault knows it. What a run does next depends on its stage, on what the vault has, and on what the places
//! were just seen to run; never on what an earlier attempt believes to have done.

mod due;
mod exposure;
mod heard;
mod overlap;
mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use vault_schema::rotation::{Answer, PlaceReport, ProbeReport, Reach, Reason, Record, Stage, Which};

pub use self::due::{Due, Why, due};
pub use self::exposure::{Held, held, stored_at};
pub use self::heard::Known;
pub use self::overlap::{End, put_beside, stays_until};
pub use self::reach::{filed, in_scope, narrow, reached};
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::inventory::Entry;
use super::log::Who;
use super::name::SecretName;
use super::probe::Told;

/// What a run is told, and what it tells to whoever reads its file next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The vault has all new values, with the old ones beside them.
    Staged,
    /// Every place was seen to run the new values.
    Verified,
    /// A place that ran them does not any more.
    Reopened,
    /// The time is over for which the old values stood beside them at the places.
    Lapsed,
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
        (Stage::Verified, Event::Lapsed) => Some(Stage::Retiring),
        (Stage::Verified | Stage::Retiring, Event::Finished) => Some(Stage::Finished),
        (Stage::Prepared | Stage::Staged | Stage::Verified | Stage::Retiring, Event::Rollback) => {
            Some(Stage::Returning)
        }
        (Stage::Returning, Event::Returned) => Some(Stage::Abandoned),
        _ => None,
    }
}

/// What the vault said of a secret when its run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The fingerprint of the value it had.
    pub old: Fingerprint,
    /// The fingerprint of the value it gets, once the vault has that. A file of an older undrift does not say it.
    pub new: Option<Fingerprint>,
    /// The day on which that was made.
    pub rotated: Option<Date>,
    /// The day on which that ceases to be valid.
    pub expires: Option<Date>,
    /// Whether the old value stands at the places beside the new one for a while.
    pub overlap: bool,
}

/// How far a place was seen to be, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far.
    pub reach: Reach,
    /// Since when, by our clock.
    pub since: Timestamp,
    /// When the newest receipt was written of what the run has stored there.
    pub receipt: Option<Timestamp>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub begun: Timestamp,
    /// Who began it.
    pub who: Who,
    /// Why in a hurry, if it was.
    pub reason: Option<Reason>,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// The secrets that change together.
    pub secrets: BTreeMap<SecretName, Before>,
    /// The places that have them, as they were last seen.
    pub places: BTreeMap<String, Progress>,
    /// What probes have told of their values, the first first.
    pub probes: Vec<ProbeReport>,
}

impl Run {
    /// Returns whether it has one of these secrets, or an old value at the places under such a name.
    pub fn has_any<'a>(&self, names: impl IntoIterator<Item = &'a SecretName>) -> bool {
        let beside = self.beside();
        names.into_iter().any(|name| self.secrets.contains_key(name) || beside.contains(name))
    }

    /// Returns the names under which its old values stand beside the new ones, or stood, at places that take both.
    pub fn beside(&self) -> BTreeSet<SecretName> {
        let overlapping = self.secrets.iter().filter(|(_, before)| before.overlap);
        overlapping.filter_map(|(name, _)| name.previous()).collect()
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
                    *progress = Progress { reach: Reach::Waiting, since: at, receipt: None };
                }
            }
            (self.stage, self.since) = (stage, at);
        }
    }

    /// Takes note of how far every place was seen to be.
    pub fn see(&mut self, seen: &BTreeMap<String, Reach>, at: Timestamp) {
        self.places.retain(|place, _| seen.contains_key(place));
        for (place, reach) in seen {
            let now = Progress { reach: *reach, since: at, receipt: None };
            let progress = self.places.entry(place.clone()).or_insert(now);
            if progress.reach != *reach {
                (progress.reach, progress.since) = (*reach, at);
            }
        }
    }

    /// Takes note of the newest receipts of what it has stored at its places.
    pub fn file(&mut self, receipts: &BTreeMap<String, Timestamp>) {
        for (place, progress) in &mut self.places {
            progress.receipt = receipts.get(place).copied();
        }
    }

    /// Takes note of what a probe has told of a value. What it tells again and again is noted once, with both times.
    pub fn hear_of(&mut self, secret: &SecretName, value: Which, told: &Told, at: Timestamp) {
        let is_of_it = |probe: &&mut ProbeReport| (probe.secret.as_str(), probe.value) == (secret.as_str(), value);
        let known = self.probes.iter_mut().rfind(is_of_it);
        match known.filter(|probe| (probe.answer, &probe.reason) == (told.answer, &told.reason)) {
            Some(probe) => probe.last = at,
            None => self.probes.push(ProbeReport {
                secret: secret.to_string(),
                value,
                answer: told.answer,
                reason: told.reason.clone(),
                first: at,
                last: at,
            }),
        }
    }

    /// Returns the secrets of whose value a probe has last told this: its own, and what is composed of them.
    pub fn last_told(&self, value: Which, answer: Answer) -> Vec<&ProbeReport> {
        let names: BTreeSet<&str> = self.probes.iter().map(|probe| probe.secret.as_str()).collect();
        let last = |name: &str| self.probes.iter().rfind(|probe| (probe.secret.as_str(), probe.value) == (name, value));
        names.into_iter().filter_map(last).filter(|probe| probe.answer == answer).collect()
    }

    /// Returns what is kept of it when it is over.
    pub fn record(&self) -> Record {
        Record { begun: self.begun, places: self.place_reports(), probes: self.probes.clone() }
    }

    /// Tells how far each place is.
    pub fn place_reports(&self) -> Vec<PlaceReport> {
        let report = |(place, progress): (&String, &Progress)| PlaceReport {
            place: place.clone(),
            reach: progress.reach,
            since: progress.since,
            seconds: (progress.reach == Reach::Running).then(|| seconds(self.begun, progress.since)),
            receipt: progress.receipt,
        };
        self.places.iter().map(report).collect()
    }
}

/// Returns how many seconds there are between two instants; none where a clock was put back.
pub fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_second() - from.as_second()).unwrap_or(0)
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
    /// The places that were not there yet when they were last seen, and old values that still worked or stay for a while.
    pub waits_for: Vec<String>,
}

impl Open {
    /// Tells of a run whose old values stay until then.
    pub fn of(run: &Run, at: Timestamp, until: Option<Timestamp>) -> Self {
        let today = at.to_zoned(TimeZone::UTC).date();
        let begun = run.begun.to_zoned(TimeZone::UTC).date();
        let days = (today - begun).get_days().max(0).into();
        let late = run.places.iter().filter(|(_, progress)| progress.reach != Reach::Running);
        let mut waits_for: Vec<String> = late.map(|(place, _)| place.clone()).collect();
        let alive = if matches!(run.stage, Stage::Verified | Stage::Retiring) {
            run.last_told(Which::Old, Answer::Alive)
        } else {
            Vec::new()
        };
        waits_for.extend(alive.iter().map(|probe| format!("the end of the old value of {}", probe.secret)));
        waits_for.extend(until.map(|until| {
            let time = until.strftime("%Y-%m-%d %H:%M UTC").to_string();
            if until > at { time } else { format!("`undrift rotate --continue` since {time}") }
        }));
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
    /// A value that is neither the old nor the new one, alone or beside another.
    Strange,
}

/// Tells what the vault has of a secret.
pub fn standing(key: &FingerprintKey, before: &Before, entry: &Entry) -> Standing {
    let [value, previous] = [Some(&entry.value), entry.previous.as_ref()].map(|value| value.map(|it| key.value(it)));
    let is_old = |value: Option<Fingerprint>| value == Some(before.old);
    // What is not the old one is the new one, as long as nobody has noted which that is.
    let is_new = |value: Option<Fingerprint>| value.is_some() && (before.new.is_none() || value == before.new);
    match (value, previous) {
        (value, None) if is_old(value) => Standing::Old,
        (value, None) if is_new(value) => Standing::Replaced,
        (value, previous) if is_old(value) && is_old(previous) => Standing::Same,
        (value, previous) if is_old(value) && is_new(previous) => Standing::Back,
        (value, previous) if is_new(value) && is_old(previous) => Standing::New,
        _ => Standing::Strange,
    }
}

/// Returns the fingerprint of the new value where the vault has that and the run does not say which it is yet.
pub fn learned(key: &FingerprintKey, before: &Before, entry: &Entry) -> Option<Fingerprint> {
    if before.new.is_some() {
        return None;
    }
    match standing(key, before, entry) {
        Standing::New => Some(key.value(&entry.value)),
        Standing::Back => entry.previous.as_ref().map(|previous| key.value(previous)),
        Standing::Old | Standing::Same | Standing::Replaced | Standing::Strange => None,
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
    /// Whoever can tell is asked whether these values are alive.
    Ask(Which),
    /// Nothing, for this was told of these values.
    Wait(Which, Answer),
    /// Nothing, for the time has not passed for which the old values stay.
    Rest,
    /// Nothing, for the value of this one is neither the old nor the new one.
    Refuse(SecretName),
    /// Nothing: it is over, or a place is not there yet.
    Stop,
}

/// Returns what a run does next, by what was seen and heard since the vault was last changed.
///
/// A new value that was not told to be alive goes to no place. Once it has gone to some, only one that is dead stops the
/// way to the others: a service in which half of the places have another value than the rest may well be the reason why
/// nobody can tell. The end needs both answers: the new value is alive, and the old one is dead.
pub fn next(stage: Stage, secrets: &BTreeMap<SecretName, Standing>, known: Known, end: End) -> Task {
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
        Stage::Prepared | Stage::Staged | Stage::Verified | Stage::Retiring if !back.is_empty() => Task::Swap(back),
        Stage::Prepared | Stage::Staged | Stage::Verified | Stage::Retiring if !old.is_empty() => Task::Stage(old),
        Stage::Prepared => match known.new {
            None => Task::Ask(Which::New),
            Some(Answer::Alive) => Task::Note(Event::Staged),
            Some(answer) => Task::Wait(Which::New, answer),
        },
        Stage::Staged | Stage::Verified | Stage::Retiring => match (known.seen, known.new) {
            (None | Some(true), None) => Task::Ask(Which::New),
            (None | Some(true), Some(Answer::Dead)) => Task::Wait(Which::New, Answer::Dead),
            // No place is to lose an old value while nobody can tell whether the new one is alive.
            (None, Some(Answer::Unknown)) if stage == Stage::Retiring => Task::Wait(Which::New, Answer::Unknown),
            // What is to go from the places need not be mended there before.
            (None, Some(Answer::Alive)) if (stage, end) == (Stage::Verified, End::AfterOverlap) => {
                Task::Note(Event::Lapsed)
            }
            (None, Some(Answer::Alive | Answer::Unknown)) => Task::Push,
            (Some(false), _) if stage == Stage::Verified && !known.unread => Task::Note(Event::Reopened),
            (Some(false), _) => Task::Stop,
            (Some(true), Some(Answer::Unknown)) => Task::Wait(Which::New, Answer::Unknown),
            (Some(true), Some(Answer::Alive)) => match (stage, end) {
                (Stage::Staged, _) => Task::Note(Event::Verified),
                (Stage::Verified, End::Later) => Task::Rest,
                (Stage::Verified, End::AfterOverlap) => Task::Note(Event::Lapsed),
                _ => last(beside(new), known.old),
            },
        },
        Stage::Returning => match known.seen {
            None => Task::Push,
            Some(false) => Task::Stop,
            Some(true) if beside(back.clone()).is_empty() => Task::Note(Event::Returned),
            Some(true) => Task::Drop(beside(back)),
        },
    }
}

/// Returns what is left to do where the new values are all that the places need. `beside` are those that have old ones.
fn last(beside: Vec<SecretName>, old: Option<Answer>) -> Task {
    match old {
        _ if beside.is_empty() => Task::Note(Event::Finished),
        None => Task::Ask(Which::Old),
        Some(Answer::Dead) => Task::Drop(beside),
        Some(answer) => Task::Wait(Which::Old, answer),
    }
}

#[cfg(test)]
mod tests;
