//! Doing what a plan says: looked at again right before each write, read again after it, and a receipt for each.
//!
//! All places are written at once, each in its own order. Removals come last, and only when every write worked.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::audit::Subjects;
use super::event::{Event, Listener};
use super::observe::Connection;
use super::recorder::Recorder;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::intent::Intent;
use crate::domain::name::RemoteName;
use crate::domain::observation::{Observation, SealedEvidence};
use crate::domain::outcome::{Outcome, StepOutcome};
use crate::domain::place::Place;
use crate::domain::plan::{Action, Plan, Step};
use crate::domain::receipt::{Origin, Receipt, Removal};
use crate::domain::secret::SecretValue;
use crate::targets::{AnyTarget, Coming, Effect, Target, TargetError, Write};
use crate::vault::journal::Journal;

/// How long we wait for a place to show what it has accepted.
#[derive(Clone, Debug)]
pub struct Patience {
    /// The first pause; each next one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How often we look.
    pub looks: u32,
}

impl Default for Patience {
    /// GitHub's listings lag behind its writes by seconds; half a minute in all is patience enough.
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(8), looks: 8 }
    }
}

/// How often a step is tried that a limit turns away.
const TRIES: u32 = 4;

/// Why a step is not tried.
const EARLIER: &str = "an earlier step failed";

/// Why a step is not done any more.
const MOVED: &str = "the target moved since the plan was made; nothing was written";

/// What a plan is carried out with.
pub struct Tools<'a> {
    /// The adapters.
    pub connections: &'a BTreeMap<Place, Connection>,
    /// The values and keys.
    pub subjects: &'a Subjects,
    /// Where receipts go.
    pub recorder: &'a Recorder<'a>,
    /// How long to wait for a place to show a write.
    pub patience: &'a Patience,
    /// The clock that dates receipts for people.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Who shows progress.
    pub listener: &'a dyn Listener,
}

/// Carries out a plan and returns what became of each step, in the plan's order.
pub async fn apply<'a>(plan: &'a Plan, tools: &'a Tools<'a>) -> Vec<StepOutcome> {
    tools.listener.hear(&Event::Writing(&plan.steps));
    let (removals, writes): (Vec<&'a Step>, Vec<&'a Step>) =
        plan.steps.iter().partition(|step| step.action == Action::Delete);
    let mut outcomes = in_places(&writes, tools).await;
    if outcomes.iter().all(|outcome| outcome.outcome == Outcome::Done) {
        outcomes.extend(in_places(&removals, tools).await);
    } else {
        let skip = |step: &&Step| end(tools, step, Outcome::Skipped, "nothing is removed unless every write worked");
        outcomes.extend(removals.iter().map(skip));
    }
    outcomes
}

async fn in_places<'a>(steps: &[&'a Step], tools: &'a Tools<'a>) -> Vec<StepOutcome> {
    let mut places: BTreeMap<&'a Place, Vec<&'a Step>> = BTreeMap::new();
    for step in steps {
        places.entry(&step.place).or_default().push(step);
    }
    let each = places.into_iter().map(|(place, steps)| async move {
        match tools.connections.get(place) {
            Some(Ok(target)) => {
                Run { place, target, tools, accepted: Vec::new(), done: Vec::new() }.steps(&steps).await
            }
            _ => steps.iter().map(|step| end(tools, step, Outcome::Failed, "the target could not be read")).collect(),
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}

fn end(tools: &Tools<'_>, step: &Step, outcome: Outcome, detail: &str) -> StepOutcome {
    let outcome = StepOutcome { step: step.clone(), outcome, detail: detail.to_owned() };
    tools.listener.hear(&Event::Stepped(&outcome));
    outcome
}

/// Says what the steps of a batch are to the place.
fn coming(steps: &[&Step]) -> Coming {
    if steps.iter().all(|step| step.action == Action::Delete) {
        return Coming::Removal;
    }
    let last_written = steps.iter().filter_map(|step| match step.expected {
        Some(SealedEvidence::Times { updated, .. }) => Some(updated),
        _ => None,
    });
    Coming::Write(last_written.max())
}

/// A step that the place accepted and does not show yet.
struct Accepted<'a> {
    step: &'a Step,
    intent: Intent,
    /// What the place answered that it will show, if it said so.
    promised: Option<SealedEvidence>,
    written: Timestamp,
    /// When the place had answered, by its own clock.
    answered: Option<Timestamp>,
    /// What the place showed when it was last looked at.
    last: Option<SealedEvidence>,
}

impl Accepted<'_> {
    /// Returns whether what the place shows now is the write, and neither what was there before it nor what somebody
    /// wrote after it.
    fn shows(&self, now: Option<SealedEvidence>) -> bool {
        match (self.step.action, now) {
            (Action::Delete, now) => now.is_none(),
            (Action::Create | Action::Update, None) => false,
            (Action::Create | Action::Update, Some(now)) => match (self.promised, now) {
                (Some(promised), now) => now == promised,
                (None, SealedEvidence::Times { updated, .. }) => {
                    Some(now) != self.step.expected && self.was_during(updated)
                }
                (None, now) => Some(now) != self.step.expected,
            },
        }
    }

    /// Returns whether an instant of the place's clock lies between our look and its answer. Places round down, and our
    /// idea of their clock is never ahead of it: what they date later than their answer is somebody else's.
    fn was_during(&self, updated: Timestamp) -> bool {
        const ROUNDING: Duration = Duration::from_secs(2);
        let begun = self.intent.there.and_then(|there| there.checked_sub(ROUNDING).ok());
        begun.is_none_or(|begun| updated >= begun) && self.answered.is_none_or(|answered| updated <= answered)
    }

    /// Returns whether the place shows neither what was there before the write nor the write: somebody wrote after it.
    fn was_written_over(&self) -> bool {
        self.last.is_some() && self.last != self.step.expected
    }
}

/// The steps of one place.
struct Run<'a> {
    place: &'a Place,
    target: &'a AnyTarget,
    tools: &'a Tools<'a>,
    accepted: Vec<Accepted<'a>>,
    done: Vec<StepOutcome>,
}

impl<'a> Run<'a> {
    async fn steps(mut self, steps: &[&'a Step]) -> Vec<StepOutcome> {
        let batch = self.target.describe().writes_per_look.max(1);
        let mut stopped = None;
        for chunk in steps.chunks(batch) {
            match &stopped {
                None => stopped = self.chunk(chunk).await.err(),
                Some(why) => self.skip(chunk, why),
            }
        }
        self.wait_for_the_rest().await;
        let order = |outcome: &StepOutcome| steps.iter().position(|step| **step == outcome.step);
        self.done.sort_by_key(order);
        self.done
    }

    fn end(&mut self, step: &Step, outcome: Outcome, detail: &str) {
        self.done.push(end(self.tools, step, outcome, detail));
    }

    fn skip(&mut self, steps: &[&Step], why: &str) {
        for step in steps {
            self.end(step, Outcome::Skipped, why);
        }
    }

    /// Looks, then writes what is still as the plan expects it; what a limit turns away is looked at again before it is
    /// tried again. An error tells why the steps after it are not tried.
    async fn chunk(&mut self, steps: &[&'a Step]) -> Result<(), String> {
        let mut left = steps.to_vec();
        for tries_left in (0..TRIES).rev() {
            left = self.attempt(&left, tries_left > 0).await?;
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Returns the steps that a limit has turned away and that may be tried again.
    async fn attempt(&mut self, steps: &[&'a Step], may_try_again: bool) -> Result<Vec<&'a Step>, String> {
        let names: Vec<&RemoteName> = steps
            .iter()
            .copied()
            .chain(self.accepted.iter().map(|accepted| accepted.step))
            .map(|s| &s.remote_name)
            .collect();
        self.target.make_ready(coming(steps)).await;
        let seen = match self.target.look(&names).await {
            Ok(seen) => seen,
            Err(error) => {
                let detail = format!("could not look before writing: {error}");
                for step in steps {
                    self.end(step, Outcome::Failed, &detail);
                }
                return Err(EARLIER.to_owned());
            }
        };
        self.settle(&seen);
        let mut ready = Vec::new();
        for step in steps {
            if self.sealed(&seen, &step.remote_name) == step.expected {
                ready.push(*step);
            } else {
                self.end(step, Outcome::Stale, MOVED);
            }
        }
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let written = (self.tools.clock)();
        let intents = match self.begin(&ready, written) {
            Ok(intents) => intents,
            Err(error) => {
                let detail = format!("nothing was written, for it could not be noted first: {error}");
                for step in ready {
                    self.end(step, Outcome::Failed, &detail);
                }
                return Err("the journal cannot be written".to_owned());
            }
        };
        let effects = self.send(&ready, &seen).await;
        let answered = self.target.now_there();
        let is_turned_away = |effect: &Effect| matches!(effect, Effect::Refused(TargetError::TurnedAway(_)));
        let tries_again = may_try_again && effects.iter().any(is_turned_away);
        let mut result = Ok(());
        let (mut ended, mut again) = (Vec::new(), Vec::new());
        for ((step, intent), effect) in ready.into_iter().zip(intents).zip(effects) {
            if matches!(effect, Effect::Refused(_) | Effect::Skipped) {
                ended.push(intent.clone());
            }
            match effect {
                Effect::Accepted(evidence) => {
                    let promised = evidence.and_then(|evidence| Some(evidence.seal(self.key()?)));
                    let last = step.expected;
                    self.accepted.push(Accepted { step, intent, promised, written, answered, last });
                }
                Effect::Refused(TargetError::TurnedAway(_)) | Effect::Skipped if tries_again => again.push(step),
                Effect::Refused(TargetError::Moved) => self.end(step, Outcome::Stale, MOVED),
                Effect::Refused(error) => {
                    self.end(step, Outcome::Failed, &error.to_string());
                    if !matches!(error.reason(), vault_schema::audit::Reason::Rejected) {
                        result = Err(EARLIER.to_owned());
                    }
                }
                Effect::Unknown(error) => {
                    self.end(step, Outcome::Uncertain, &format!("{error}; it may or may not have been written"));
                    result = Err(EARLIER.to_owned());
                }
                Effect::Skipped => self.end(step, Outcome::Skipped, EARLIER),
            }
        }
        self.strike_out(&ended);
        if result.is_err() {
            self.skip(&again, EARLIER);
        }
        result.map(|()| again)
    }

    /// Notes the writes that are about to be sent.
    fn begin(&self, steps: &[&Step], at: Timestamp) -> io::Result<Vec<Intent>> {
        let intents = steps.iter().map(|step| {
            Ok(Intent {
                id: Journal::new_id()?,
                environment: self.place.environment.clone(),
                place: self.place.location.to_string(),
                name: step.remote_name.clone(),
                at,
                there: self.target.now_there(),
            })
        });
        let intents = intents.collect::<io::Result<Vec<_>>>()?;
        self.tools.recorder.begin(&intents)?;
        Ok(intents)
    }

    /// An intent that is not struck out is looked at again by the next push, which then finds nothing to do.
    fn strike_out(&self, intents: &[Intent]) {
        let _ = self.tools.recorder.end(intents);
    }

    async fn send(&self, steps: &[&Step], seen: &Observation) -> Vec<Effect> {
        if steps.iter().all(|step| step.action == Action::Delete) {
            let names: Vec<&RemoteName> = steps.iter().map(|step| &step.remote_name).collect();
            return self.target.remove(&names).await;
        }
        let last_written = |step: &Step| seen.entries.get(&step.remote_name).and_then(|observed| observed.written);
        let writes: Option<Vec<Write<'_>>> = steps
            .iter()
            .map(|step| {
                Some(Write { name: &step.remote_name, value: self.value(step)?, last_written: last_written(step) })
            })
            .collect();
        match writes {
            Some(writes) => self.target.write(&writes).await,
            // A plan is made of the same inventory, so this is never so; if it were, nothing may be written.
            None => steps.iter().map(|_| Effect::Skipped).collect(),
        }
    }

    fn key(&self) -> Option<&'a FingerprintKey> {
        self.tools.subjects.get(&self.place.environment).map(|subject| &subject.key)
    }

    fn value(&self, step: &Step) -> Option<&'a SecretValue> {
        let subject = self.tools.subjects.get(&self.place.environment)?;
        subject.inventory.entries.get(&step.secret).map(|entry| &entry.value)
    }

    fn sealed(&self, seen: &Observation, name: &RemoteName) -> Option<SealedEvidence> {
        seen.entries.get(name).and_then(|observed| Some(observed.seal(self.key()?)))
    }

    /// Files the receipts of what the place now shows.
    fn settle(&mut self, seen: &Observation) {
        let mut accepted = std::mem::take(&mut self.accepted);
        for accepted in &mut accepted {
            accepted.last = self.sealed(seen, &accepted.step.remote_name);
        }
        let (shown, waiting): (Vec<_>, Vec<_>) =
            accepted.into_iter().partition(|accepted| accepted.shows(accepted.last));
        self.accepted = waiting;
        if shown.is_empty() {
            return;
        }
        let mut filed = Vec::new();
        let (mut removed, mut retired) = (Vec::new(), Vec::new());
        for accepted in &shown {
            let name = accepted.step.remote_name.clone();
            match (self.sealed(seen, &name), self.value(accepted.step), self.key()) {
                (Some(evidence), Some(value), Some(key)) if accepted.step.action != Action::Delete => {
                    let secret = accepted.step.secret.clone();
                    let value = key.value(value);
                    let receipt =
                        Receipt { secret, value, written: accepted.written, evidence, origin: Origin::Pushed };
                    filed.push((name, receipt));
                }
                _ => {
                    removed.extend(self.removal(accepted).map(|removal| (name.clone(), removal)));
                    retired.push(name);
                }
            }
        }
        let recorded = self.tools.recorder.record(self.place, filed, removed, &retired);
        if recorded.is_ok() {
            let intents: Vec<Intent> = shown.iter().map(|accepted| accepted.intent.clone()).collect();
            self.strike_out(&intents);
        }
        for accepted in shown {
            match &recorded {
                Ok(()) => self.end(accepted.step, Outcome::Done, ""),
                Err(error) => {
                    let detail = format!("it was written, and its receipt could not be stored: {error}");
                    self.end(accepted.step, Outcome::Unconfirmed, &detail);
                }
            }
        }
    }

    /// Returns what is kept of a removal where programs keep what was removed until they are updated.
    fn removal(&self, accepted: &Accepted<'_>) -> Option<Removal> {
        let answered = accepted.answered.filter(|_| self.target.describe().keeps_running)?;
        let at = Timestamp::from_second(answered.as_second()).ok()?;
        Some(Removal { secret: accepted.step.secret.clone(), at })
    }

    async fn wait_for_the_rest(&mut self) {
        let mut pause = self.tools.patience.first;
        for attempt in 0..self.tools.patience.looks {
            if self.accepted.is_empty() {
                return;
            }
            // The first look follows at once: most places show a write as soon as they have answered.
            if attempt > 0 {
                self.tools.listener.hear(&Event::Waiting(self.place));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(self.tools.patience.longest);
            }
            let names: Vec<&RemoteName> = self.accepted.iter().map(|accepted| &accepted.step.remote_name).collect();
            if let Ok(seen) = self.target.look(&names).await {
                self.settle(&seen);
            }
        }
        for accepted in std::mem::take(&mut self.accepted) {
            // Its end was seen: what stands there now is no interrupted write of ours, and is not written over like one.
            let detail = if accepted.was_written_over() {
                self.strike_out(&[accepted.intent]);
                "it was written, and somebody has written there since"
            } else {
                "accepted, and the target does not show it yet"
            };
            self.end(accepted.step, Outcome::Unconfirmed, detail);
        }
    }
}
