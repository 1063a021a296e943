//! A saved plan: what was reviewed, compared with what would be done now.

use std::collections::BTreeSet;
use std::fmt;

use vault_schema::plan::{Action, RollOut as SavedRollOut};
use vault_schema::saved_plan::{Evidence, Place as SavedPlace, SavedPlan, Step as SavedStep};

use super::access::DeclaredAccess;
use super::fingerprint::Fingerprint;
use super::observation::SealedEvidence;
use super::place::Place;
use super::plan::{Held, Plan, Step};
use super::rollout::RollOut;
use super::row::Row;
use super::verdict::Verdict;

/// Returns a step in the form in which it is saved, with the fingerprint of the value that it writes.
pub fn step(step: &Step, value: Option<Fingerprint>) -> SavedStep {
    SavedStep {
        environment: step.place.environment.to_string(),
        target: step.place.target.to_string(),
        place: step.place.location.to_string(),
        secret: step.secret.to_string(),
        remote_name: step.remote_name.to_string(),
        action: step.action,
        verdict: step.verdict,
        detail: step.detail.clone(),
        value: value.filter(|_| step.action != Action::Delete).map(|value| value.to_string()),
        expected: step.expected.as_ref().map(evidence),
    }
}

/// Returns a place in the form in which it is saved, with who is meant to use what stands there.
pub fn place(place: &Place, access: Option<&DeclaredAccess>) -> SavedPlace {
    SavedPlace {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        place: place.location.to_string(),
        access: access.map(ToString::to_string),
    }
}

/// Returns a roll-out in the form in which it is saved.
pub fn roll_out(roll_out: &RollOut) -> SavedRollOut {
    let SavedPlace { environment, target, place, .. } = place(&roll_out.place, None);
    SavedRollOut { environment, target, place, by: roll_out.mode, waiting: roll_out.waiting }
}

fn evidence(evidence: &SealedEvidence) -> Evidence {
    let (digest, created, updated, access) = match evidence {
        SealedEvidence::Digest(digest) => (Some(digest.to_string()), None, None, None),
        SealedEvidence::Times { created, updated, access } => (None, Some(*created), Some(*updated), access.as_ref()),
        SealedEvidence::Name => (None, None, None, None),
    };
    Evidence { digest, created, updated, access: access.map(ToString::to_string) }
}

/// One thing that is no longer as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A target is another place, or serves the environment no longer.
    PlaceGone {
        /// The place.
        place: SavedPlace,
    },
    /// A target is another place, or serves the environment only now.
    PlaceNew {
        /// The place.
        place: SavedPlace,
    },
    /// The vault has another value, or none.
    Value {
        /// The environment.
        environment: String,
        /// The secret.
        secret: String,
    },
    /// The target was written.
    Target {
        /// The place.
        place: String,
        /// The name there.
        name: String,
        /// What happened there.
        what: &'static str,
    },
    /// A step that would not be done now.
    StepGone {
        /// The place.
        place: String,
        /// The name there.
        name: String,
        /// Why.
        why: String,
    },
    /// A step that nobody has reviewed.
    StepNew {
        /// The place.
        place: String,
        /// The name there.
        name: String,
        /// What would be done, and why.
        what: String,
    },
    /// Other machines wait for a roll-out, or for another one.
    RollOut {
        /// The place.
        place: String,
    },
    /// The receipts were written.
    Receipts {
        /// The environment.
        environment: String,
    },
}

fn shared(place: &str, access: Option<&str>) -> String {
    access.map_or_else(|| place.to_owned(), |access| format!("{place} for {access}"))
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlaceGone { place: SavedPlace { environment, target, place, access } } => {
                let place = shared(place, access.as_deref());
                write!(formatter, "the target `{target}` of `{environment}` is no longer {place}")
            }
            Self::PlaceNew { place: SavedPlace { environment, target, place, access } } => {
                let place = shared(place, access.as_deref());
                write!(formatter, "the target `{target}` of `{environment}` is {place} now")
            }
            Self::Value { environment, secret } => {
                write!(formatter, "{secret} has another value in the vault of `{environment}` since")
            }
            Self::Target { place, name, what } => write!(formatter, "{place} {name} was {what} there since"),
            Self::StepGone { place, name, why } => write!(formatter, "{place} {name}: {why}"),
            Self::StepNew { place, name, what } => write!(formatter, "{place} {name}: a step that is new: {what}"),
            Self::RollOut { place } => write!(formatter, "{place}: its roll-out is not the one that was planned"),
            Self::Receipts { environment } => {
                write!(formatter, "the receipts of `{environment}` were written since")
            }
        }
    }
}

/// What is so now.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The same plan, made anew, in the form in which it would be saved.
    pub saved: &'a SavedPlan,
    /// The plan itself.
    pub plan: &'a Plan,
    /// Every secret at every place.
    pub rows: &'a [Row],
}

/// Returns everything that moved since a plan was made, by what moved; nothing when it would be made again as it is.
///
/// `value` tells the fingerprint of what the vault has now, by environment and secret.
pub fn compare(then: &SavedPlan, now: Now<'_>, value: impl Fn(&str, &str) -> Option<Fingerprint>) -> BTreeSet<Change> {
    let mut changes = BTreeSet::new();
    let gone = then.places.iter().filter(|place| !now.saved.places.contains(place));
    changes.extend(gone.map(|place| Change::PlaceGone { place: place.clone() }));
    let new = now.saved.places.iter().filter(|place| !then.places.contains(place));
    changes.extend(new.map(|place| Change::PlaceNew { place: place.clone() }));
    for step in &then.steps {
        let row = now.rows.iter().find(|row| is_of(step, &row.place, row.remote_name.as_str()));
        let other_value = step.action != Action::Delete
            && step.value != value(&step.environment, &step.secret).map(|value| value.to_string());
        if other_value {
            let (environment, secret) = (step.environment.clone(), step.secret.clone());
            changes.insert(Change::Value { environment, secret });
        }
        let shown = row.and_then(|row| row.shown.as_ref().map(evidence));
        let what = row.and_then(|_| moved(step.expected.as_ref(), shown.as_ref()));
        if let Some(what) = what {
            changes.insert(Change::Target { place: step.place.clone(), name: step.remote_name.clone(), what });
        }
        // What is known beyond the verdict is for people, and decides nothing.
        let is_same = |other: &SavedStep| SavedStep { detail: step.detail.clone(), ..other.clone() } == *step;
        if !other_value && what.is_none() && !now.saved.steps.iter().any(is_same) {
            let why = fate(step, row, now.plan);
            changes.insert(Change::StepGone { place: step.place.clone(), name: step.remote_name.clone(), why });
        }
    }
    for step in &now.saved.steps {
        let key = |step: &SavedStep| (step.place.clone(), step.environment.clone(), step.remote_name.clone());
        if !then.steps.iter().any(|other| key(other) == key(step)) {
            let what = format!("{}, {}: {}", step.action.as_str(), step.verdict.words(), step.detail);
            changes.insert(Change::StepNew { place: step.place.clone(), name: step.remote_name.clone(), what });
        }
    }
    let (before, after) = (&then.roll_outs, &now.saved.roll_outs);
    let lost = before.iter().filter(|roll_out| !after.contains(roll_out));
    let found = after.iter().filter(|roll_out| !before.contains(roll_out));
    changes.extend(lost.chain(found).map(|roll_out| Change::RollOut { place: roll_out.place.clone() }));
    for (environment, then) in &then.environments {
        if now.saved.environments.get(environment).is_none_or(|now| now.receipts != then.receipts) {
            changes.insert(Change::Receipts { environment: environment.clone() });
        }
    }
    changes
}

fn is_of(step: &SavedStep, at: &Place, name: &str) -> bool {
    let SavedPlace { environment, target, place, .. } = place(at, None);
    (&step.environment, &step.target, &step.place) == (&environment, &target, &place) && step.remote_name == name
}

fn moved(then: Option<&Evidence>, now: Option<&Evidence>) -> Option<&'static str> {
    match (then, now) {
        (Some(_), None) => Some("removed"),
        (None, Some(_)) => Some("made"),
        (then, now) if then != now => Some("written"),
        _ => None,
    }
}

/// Returns why a step would not be done now although neither side of it moved.
fn fate(step: &SavedStep, row: Option<&Row>, plan: &Plan) -> String {
    let Some(row) = row else { return "a step that is gone: it is no longer declared there".to_owned() };
    if row.ignored {
        return "a step that is gone: an ignore rule covers it".to_owned();
    }
    let is_held = |held: &&Held| is_of(step, &held.step.place, held.step.remote_name.as_str());
    if let Some(held) = plan.held.iter().find(is_held) {
        return format!("a step that is held now: {}: {}", held.step.verdict.words(), held.step.detail);
    }
    let verdict = row.judgement.verdict;
    let refused = plan.refusals.iter().any(|refusal| refusal.place == row.place);
    match verdict {
        Verdict::Unreadable => format!("a step that is gone: {}", row.detail),
        _ if refused => "a step that is gone: too much would vanish there".to_owned(),
        _ if verdict != step.verdict => {
            format!("{} when it was planned, and {} now", step.verdict.words(), verdict.words())
        }
        _ => "declared in another way since".to_owned(),
    }
}

#[cfg(test)]
mod tests;
