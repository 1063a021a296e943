//! The reports of a plan and of a push.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vault_schema::audit::{Failure, Finding, Severity};
use vault_schema::plan::{self as schema, Plan as PlanReport};
use vault_schema::push::{self, Outcome, Push};

use super::audit::{failures, findings, refusal};
use super::{TOOL, advice};
use crate::domain::outcome::StepOutcome;
use crate::domain::plan::{Action, Held, Plan, Step};
use crate::domain::rollout::{RollOut, RollOutOutcome};
use crate::flow::audit::{Subjects, is_protected, is_whole};
use crate::flow::observe::Observations;

/// Builds a plan's report.
pub fn plan(at: Timestamp, plan: &Plan, subjects: &Subjects, observations: &Observations) -> PlanReport {
    let failures = failures(observations);
    let refused: Vec<Failure> = plan.refusals.iter().map(refusal).collect();
    PlanReport {
        schema: schema::SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        at,
        complete: failures.is_empty() && refused.is_empty() && is_whole(subjects),
        steps: plan.steps.iter().map(step).collect(),
        held: plan.held.iter().map(|it| held(it, subjects)).collect(),
        failures,
        findings: faults(subjects),
        refused,
        roll_outs: plan.roll_outs.iter().map(roll_out).collect(),
    }
}

/// Builds a push's report.
pub fn push(
    at: Timestamp,
    plan: &Plan,
    outcomes: &[StepOutcome],
    roll_outs: &[RollOutOutcome],
    subjects: &Subjects,
    observations: &Observations,
) -> Push {
    let failures = failures(observations);
    let refused: Vec<Failure> = plan.refusals.iter().map(refusal).collect();
    let done = outcomes.iter().all(|outcome| outcome.outcome == Outcome::Done)
        && roll_outs.iter().all(|outcome| outcome.outcome == Outcome::Done);
    Push {
        schema: push::SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        at,
        complete: done && failures.is_empty() && refused.is_empty() && is_whole(subjects),
        steps: outcomes.iter().map(outcome).collect(),
        held: plan.held.iter().map(|it| held(it, subjects)).collect(),
        failures,
        findings: faults(subjects),
        refused,
        roll_outs: roll_outs.iter().map(rolled_out).collect(),
    }
}

fn roll_out(roll_out: &RollOut) -> schema::RollOut {
    schema::RollOut {
        environment: roll_out.place.environment.to_string(),
        target: roll_out.place.target.to_string(),
        place: roll_out.place.location.to_string(),
        by: roll_out.mode,
        waiting: roll_out.waiting,
    }
}

fn rolled_out(outcome: &RollOutOutcome) -> push::RollOut {
    let RollOut { place, mode, waiting } = &outcome.roll_out;
    push::RollOut {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        place: place.location.to_string(),
        by: *mode,
        waiting: *waiting,
        outcome: outcome.outcome,
        detail: outcome.detail.clone(),
    }
}

/// Returns what is removed where, in words: what a person should read first.
pub fn removals(plan: &PlanReport) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.action == Action::Delete) {
        *counts.entry((&step.environment, &step.place)).or_default() += 1;
    }
    counts.iter().map(|((environment, place), count)| format!("removes {count} at {place} ({environment})")).collect()
}

/// What is only untidy is for the audit to say.
fn faults(subjects: &Subjects) -> Vec<Finding> {
    findings(subjects).into_iter().filter(|finding| finding.severity == Severity::Error).collect()
}

fn step(step: &Step) -> schema::Step {
    schema::Step {
        environment: step.place.environment.to_string(),
        target: step.place.target.to_string(),
        place: step.place.location.to_string(),
        secret: step.secret.to_string(),
        remote_name: step.remote_name.to_string(),
        action: step.action,
        verdict: step.verdict,
        detail: step.detail.clone(),
    }
}

fn held(held: &Held, subjects: &Subjects) -> schema::Held {
    let step = &held.step;
    schema::Held {
        environment: step.place.environment.to_string(),
        target: step.place.target.to_string(),
        place: step.place.location.to_string(),
        secret: step.secret.to_string(),
        remote_name: step.remote_name.to_string(),
        verdict: step.verdict,
        detail: match advice::held_because(held.hold) {
            Some(why) => format!("{}; {why}", step.detail),
            None => step.detail.clone(),
        },
        next: advice::decides(held, is_protected(subjects, &step.place.environment)),
        keep: advice::keeps(held, is_protected(subjects, &step.place.environment)),
    }
}

fn outcome(outcome: &StepOutcome) -> push::Step {
    let step = &outcome.step;
    push::Step {
        environment: step.place.environment.to_string(),
        target: step.place.target.to_string(),
        place: step.place.location.to_string(),
        secret: step.secret.to_string(),
        remote_name: step.remote_name.to_string(),
        action: step.action,
        outcome: outcome.outcome,
        detail: outcome.detail.clone(),
    }
}
