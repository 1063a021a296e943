//! The plan: the steps that would put it right, as data without values.
//!
//! A plan is made of rows alone, so that what is shown, what is saved and what is done are the same thing.

use std::collections::{BTreeMap, BTreeSet};

pub use vault_schema::plan::Action;

use super::name::{EnvironmentName, RemoteName, SecretName};
use super::observation::SealedEvidence;
use super::place::{Location, Place};
use super::rollout::{self, RollOut};
use super::row::Row;
use super::verdict::Verdict;

/// What a person has decided beforehand.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Write over values that nobody can vouch for.
    pub take_vault: bool,
    /// Secrets whose value at the target may be lost.
    pub overwrite: BTreeSet<SecretName>,
    /// Remove what we wrote and no longer have.
    pub prune: bool,
    /// Of what we wrote and no longer have, what goes in any case: a rotation has brought it there for a while.
    pub retired: BTreeSet<SecretName>,
    /// Go on although most of what the receipts know is gone.
    pub allow_shrink: bool,
    /// Writes that were begun, that nobody saw end, and that what the places show now bears out: they are finished
    /// without asking again. Places as in a [`super::place::Location`]'s text.
    pub interrupted: BTreeSet<(String, RemoteName)>,
}

/// One write or removal at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The place.
    pub place: Place,
    /// The secret.
    pub secret: SecretName,
    /// Its name there.
    pub remote_name: RemoteName,
    /// What is done.
    pub action: Action,
    /// The verdict that asks for it.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub detail: String,
    /// What must still be there right before the write; none when nothing must be.
    pub expected: Option<SealedEvidence>,
}

/// Why a step is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nobody can say whether the value there is needed: `--take-vault` decides.
    NeedsTakeVault,
    /// Every digest of the place changed at once, so that nobody can say anything of any: `--overwrite NAME` decides,
    /// name by name.
    DigestsChanged,
    /// Somebody wrote there: `--overwrite NAME` decides.
    NeedsOverwrite,
    /// We wrote it and no longer have it: `--prune` decides.
    NeedsPrune,
    /// We wrote it, somebody wrote over it, and we no longer have it: `--prune` and `--overwrite NAME` together decide.
    NeedsPruneAndOverwrite,
    /// It may be in a file that could not be read; only mending the vault decides.
    VaultIncomplete,
    /// What replaces it there is not written, or what is to be written elsewhere cannot be: that comes first.
    AfterWrites,
}

/// What is not done until a person chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What would be done.
    pub step: Step,
    /// Why it is not.
    pub hold: Hold,
}

/// Why nothing is planned at a place although it could be read, or nothing is made there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The place.
    pub place: Place,
    /// What would vanish, or has.
    pub kind: RefusalKind,
}

/// What a [`Refusal`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalKind {
    /// The listing has lost more than half of what the receipts know.
    #[error("the listing has lost {gone} of the {known} secrets that our receipts know")]
    ListingShrank {
        /// How many are gone.
        gone: usize,
        /// How many the receipts know.
        known: usize,
    },
    /// More than half of what the receipts know would be removed.
    #[error("{gone} of the {known} secrets that our receipts know would be removed")]
    VaultShrank {
        /// How many would go.
        gone: usize,
        /// How many the receipts know.
        known: usize,
    },
    /// More names would stand there than the place takes, so that nothing is made there.
    #[error("it would hold {would}, and takes {takes}; nothing is made there")]
    Full {
        /// How many would stand there.
        would: usize,
        /// How many it takes.
        takes: usize,
    },
}

/// The steps that would put it right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is done, by place: writes first, removals last.
    pub steps: Vec<Step>,
    /// What waits for a choice.
    pub held: Vec<Held>,
    /// Where nothing is done because too much would vanish, or nothing is made because it would be too much.
    pub refusals: Vec<Refusal>,
    /// Whose machines are updated once everything there is written.
    pub roll_outs: Vec<RollOut>,
}

impl Plan {
    /// Returns whether nothing would be done.
    pub fn is_idle(&self) -> bool {
        self.steps.is_empty() && self.roll_outs.is_empty()
    }
}

/// More removals than a person expects: a plan that makes them is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan removes {count} secrets, and at most {limit} may be removed at once; nothing was written")]
pub struct TooManyRemovals {
    /// How many would go, at all places together.
    pub count: usize,
    /// How many may.
    pub limit: usize,
}

impl Plan {
    /// Refuses a plan that removes more than a person expects, as a whole.
    pub fn check_removals(&self, limit: usize) -> Result<(), TooManyRemovals> {
        let count = self.steps.iter().filter(|step| step.action == Action::Delete).count();
        if count > limit { Err(TooManyRemovals { count, limit }) } else { Ok(()) }
    }
}

/// What a plan needs to know of a place besides its rows.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// How many names the receipts know there.
    pub known: usize,
    /// How many of them the listing has lost.
    pub vanished: usize,
    /// How many names stand there, whoever's they are.
    pub held: usize,
    /// Secrets that belong there and cannot be written under the names they have there.
    pub blocked: BTreeSet<SecretName>,
}

/// Returns the plan for these rows.
///
/// `partial` names the environments whose vault could not be read whole, where nothing may be removed. Rows that are
/// ignored, unreadable or good need nothing.
pub fn plan(
    rows: &[Row],
    choices: &Choices,
    partial: &BTreeSet<EnvironmentName>,
    memory: &BTreeMap<Place, Memory>,
) -> Plan {
    let mut plan = Plan::default();
    let mut places: BTreeMap<&Place, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.ignored) {
        places.entry(&row.place).or_default().push(row);
    }
    // Where nothing is declared any more there may be no row at all, and the receipts may be all that is left.
    for place in memory.keys() {
        places.entry(place).or_default();
    }
    let made = made(rows);
    for (place, rows) in places {
        let memory = memory.get(place).cloned().unwrap_or_default();
        let orphans = rows.iter().filter(|row| row.judgement.verdict == Verdict::Orphaned).count();
        if let Some(kind) = shrinks(choices, &memory, orphans) {
            plan.refusals.push(Refusal { place: place.clone(), kind });
            continue;
        }
        let made = made.get(&place.location).copied().unwrap_or_default();
        let full = overflows(&place.location, memory.held, made);
        if let Some(kind) = full {
            plan.refusals.push(Refusal { place: place.clone(), kind });
        }
        let mut removals = Vec::new();
        for row in rows {
            match decide(row, choices, partial.contains(&place.environment)) {
                Decision::Nothing => {}
                Decision::Do(step) if step.action == Action::Create && full.is_some() => {}
                Decision::Do(step) if step.action == Action::Delete => removals.push(step),
                Decision::Do(step) => plan.steps.push(step),
                Decision::Hold(step, hold) => plan.held.push(Held { step, hold }),
            }
        }
        plan.steps.extend(removals);
    }
    hold_early_removals(&mut plan, rows, choices, memory);
    plan.roll_outs = rollout::roll_outs(rows, &plan.steps);
    plan.roll_outs.retain(|roll_out| plan.refusals.iter().all(|refusal| refusal.place != roll_out.place));
    plan
}

/// Holds removals that would come before what has to come first: where a place could not be read, nobody can say whether
/// all is written, and what stands there under an old name is all there is until the new one is.
/// What a rotation takes away waits for nothing: what stands beside it has its value.
fn hold_early_removals(plan: &mut Plan, rows: &[Row], choices: &Choices, memory: &BTreeMap<Place, Memory>) {
    let is_unread = rows.iter().any(|row| !row.ignored && row.judgement.verdict == Verdict::Unreadable);
    let written: BTreeSet<(&Place, &RemoteName)> = plan.steps.iter().map(|it| (&it.place, &it.remote_name)).collect();
    let is_missing = |row: &Row| {
        row.judgement.verdict != Verdict::InSync && !row.accepted && !written.contains(&(&row.place, &row.remote_name))
    };
    let waits = |step: &Step| {
        let is_blocked = memory.get(&step.place).is_some_and(|memory| memory.blocked.contains(&step.secret));
        let is_of_it = |row: &&Row| {
            row.place == step.place
                && row.secret.as_ref() == Some(&step.secret)
                && row.judgement.verdict != Verdict::Orphaned
        };
        let is_retired = choices.retired.contains(&step.secret);
        step.action == Action::Delete
            && !is_retired
            && (is_unread || is_blocked || rows.iter().filter(is_of_it).any(is_missing))
    };
    let early: Vec<Step> = plan.steps.iter().filter(|step| waits(step)).cloned().collect();
    plan.steps.retain(|step| !early.contains(step));
    plan.held.extend(early.into_iter().map(|step| Held { step, hold: Hold::AfterWrites }));
}

/// Returns how many names would be made at each place in the world, by all environments together.
fn made(rows: &[Row]) -> BTreeMap<&Location, usize> {
    let mut made = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.ignored && row.judgement.verdict == Verdict::Missing) {
        *made.entry(&row.place.location).or_default() += 1;
    }
    made
}

/// Removals come last, so that what a plan removes still counts.
fn overflows(location: &Location, held: usize, made: usize) -> Option<RefusalKind> {
    let takes = location.capacity()?;
    let would = held + made;
    (made > 0 && would > takes).then_some(RefusalKind::Full { would, takes })
}

fn shrinks(choices: &Choices, memory: &Memory, orphans: usize) -> Option<RefusalKind> {
    // One secret of one or two is an everyday change; the rule is there for the listing that came back empty.
    let most = |gone: usize| gone >= 2 && gone * 2 > memory.known;
    if choices.allow_shrink {
        None
    } else if most(memory.vanished) {
        Some(RefusalKind::ListingShrank { gone: memory.vanished, known: memory.known })
    } else if choices.prune && most(orphans) {
        Some(RefusalKind::VaultShrank { gone: orphans, known: memory.known })
    } else {
        None
    }
}

enum Decision {
    Nothing,
    Do(Step),
    Hold(Step, Hold),
}

fn decide(row: &Row, choices: &Choices, partial: bool) -> Decision {
    let Some(secret) = row.secret.clone() else { return Decision::Nothing };
    let interrupted = || choices.interrupted.contains(&(row.place.location.to_string(), row.remote_name.clone()));
    let overwrite =
        choices.overwrite.contains(&secret) || (row.judgement.verdict != Verdict::Orphaned && interrupted());
    let step = |action| Step {
        place: row.place.clone(),
        secret: secret.clone(),
        remote_name: row.remote_name.clone(),
        action,
        verdict: row.judgement.verdict,
        detail: row.detail.clone(),
        expected: row.shown,
    };
    let when = |allowed, action, hold| {
        if allowed { Decision::Do(step(action)) } else { Decision::Hold(step(action), hold) }
    };
    match row.judgement.verdict {
        Verdict::InSync | Verdict::Unreadable => Decision::Nothing,
        Verdict::Unmanaged if !row.over => Decision::Nothing,
        Verdict::Missing => Decision::Do(step(Action::Create)),
        Verdict::Behind => Decision::Do(step(Action::Update)),
        // What a person accepted as it is waits for nobody, and is written over only by name.
        Verdict::Unverified if row.accepted && !overwrite => Decision::Nothing,
        // One option would write over a whole app because its platform changed its ways.
        Verdict::Unverified if row.digests_changed => when(overwrite, Action::Update, Hold::DigestsChanged),
        Verdict::Unverified | Verdict::Differs => {
            when(choices.take_vault || overwrite, Action::Update, Hold::NeedsTakeVault)
        }
        Verdict::ChangedRemotely | Verdict::Conflict => when(overwrite, Action::Update, Hold::NeedsOverwrite),
        Verdict::Unmanaged | Verdict::Orphaned if partial => {
            Decision::Hold(step(Action::Delete), Hold::VaultIncomplete)
        }
        // Ours by its name alone: a write that nobody saw end, or somebody else's.
        Verdict::Unmanaged => {
            let goes = choices.prune || choices.retired.contains(&secret);
            when(goes && overwrite, Action::Delete, Hold::NeedsPruneAndOverwrite)
        }
        // A receipt says that we wrote the name, not that we wrote what stands there now.
        Verdict::Orphaned if !row.vouched => {
            when(choices.prune && overwrite, Action::Delete, Hold::NeedsPruneAndOverwrite)
        }
        Verdict::Orphaned => when(choices.prune || choices.retired.contains(&secret), Action::Delete, Hold::NeedsPrune),
    }
}

#[cfg(test)]
mod tests;
