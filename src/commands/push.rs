//! `undrift push`: what differs is written, after it was shown and agreed to.

use std::collections::BTreeSet;

use anyhow::Context;
use vault_schema::audit::Severity;
use vault_schema::project::RolloutMode;
use vault_schema::push::{Outcome, Push as Report};

use super::survey::{Survey, block_on, survey};
use crate::cli::{Format, Global, Push};
use crate::domain::place::{Location, Place};
use crate::domain::plan::Plan;
use crate::domain::verdict::Rollout;
use crate::error::{Exit, Refusal};
use crate::flow::apply::{self, Tools};
use crate::flow::event;
use crate::flow::recorder::Recorder;
use crate::flow::rollout;
use crate::flow::settle::Settled;
use crate::report::{self, table};
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::ui::progress::Progress;
use crate::vault::journal::Journal;
use crate::vault::{key, lock};

pub(super) fn run(arguments: &Push, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    for name in &selection.environments {
        let protected = selection.project.environments.get(name).is_some_and(|rules| rules.protected);
        if protected && !arguments.confirm.iter().any(|confirmed| confirmed == name.as_str()) {
            return Err(Refusal::NeedsConfirm(name.clone()).into());
        }
    }
    let _lock = lock::acquire(&selection.layout, &world.who(), (world.clock)())?;
    let journal = Journal::of(&selection.layout);
    let mut survey = survey(selection, global, world)?;
    // A line that a crash has cut must not have another one written behind it.
    journal.compact(&survey.interrupted).context("cannot write the journal")?;
    let plan = survey.plan(&arguments.choices)?;
    if !plan.is_idle() {
        refuse_without_key(&survey, &plan)?;
        agree(arguments, &survey, &plan, world)?;
        make_keys(&mut survey, &plan)?;
    }
    let books = survey.subjects.iter().map(|(name, subject)| (name.clone(), &subject.key, subject.receipts.clone()));
    let recorder = Recorder::new(&survey.selection.layout, &journal, books);
    let (outcomes, roll_outs) = if plan.is_idle() {
        (Vec::new(), Vec::new())
    } else {
        let progress = Progress::new(&mut world.ui);
        let machines =
            rollout::Tools { connections: &survey.connections, subjects: &survey.subjects, listener: &progress };
        let tools = Tools {
            connections: &survey.connections,
            subjects: &survey.subjects,
            recorder: &recorder,
            patience: &world.patience,
            clock: &*world.clock,
            listener: &progress,
        };
        let carried_out = async {
            let outcomes = apply::apply(&plan, &tools).await;
            let roll_outs = rollout::roll_out(&plan.roll_outs, &outcomes, &machines).await;
            (outcomes, roll_outs)
        };
        block_on(event::with_waits(&survey.client, &progress, carried_out))?
    };
    let settled = Settled { subjects: &survey.subjects, observations: &survey.observations, plan: &plan };
    let closed = settled.close(&outcomes, &recorder, &journal);
    let report = report::plan::push(survey.at, &plan, &outcomes, &roll_outs, &survey.subjects, &survey.observations);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&report)),
        Format::Table => {
            let text = table::push(&report, world.ui.width);
            world.ui.write(&text);
            Survey::hint(report.held.iter().map(|held| held.next.as_str()), "decides", world);
        }
    }
    what_now(&survey, &report, world);
    // What was done is told first: a journal that cannot be written is no reason to hide it.
    closed?;
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    let all = || report.steps.iter().map(|step| step.outcome).chain(report.roll_outs.iter().map(|it| it.outcome));
    let any = |wanted: &[Outcome]| all().any(|outcome| wanted.contains(&outcome));
    if !report.failures.is_empty()
        || !report.refused.is_empty()
        || report.findings.iter().any(|finding| finding.severity == Severity::Error)
        || any(&[Outcome::Failed, Outcome::Uncertain, Outcome::Unconfirmed, Outcome::Skipped])
    {
        Exit::Trouble
    } else if any(&[Outcome::Stale]) || !report.held.is_empty() || !report.complete {
        Exit::Drift
    } else {
        Exit::Clean
    }
}

/// Says what is left to do: look again after a fault, and bring stored values to the machines.
fn what_now(survey: &Survey, report: &Report, world: &mut World) {
    let open: BTreeSet<&str> = report
        .steps
        .iter()
        .filter(|step| step.outcome != Outcome::Done)
        .map(|step| step.environment.as_str())
        .chain(report.roll_outs.iter().filter(|it| it.outcome != Outcome::Done).map(|it| it.environment.as_str()))
        .collect();
    for environment in open {
        world.ui.say(&format!(
            "hint: `undrift audit -e {environment}` shows how it stands; the same push again does what is left"
        ));
    }
    let done: BTreeSet<&str> =
        report.steps.iter().filter(|step| step.outcome == Outcome::Done).map(|step| step.place.as_str()).collect();
    for place in survey.connections.keys() {
        if let Location::FlyApp { app } = &place.location
            && done.contains(place.location.to_string().as_str())
            && survey.selection.project.rollout_mode(place) == RolloutMode::Manual
            && may_run(survey, place)
        {
            world.ui.say(&format!("hint: `fly secrets deploy -a {app}` brings the stored values to its machines"));
        }
    }
}

/// Shows the plan with its places, and asks.
fn agree(arguments: &Push, survey: &Survey, plan: &Plan, world: &mut World) -> anyhow::Result<()> {
    if arguments.yes {
        return Ok(());
    }
    let shown = report::plan::plan(survey.at, plan, &survey.subjects, &survey.observations);
    let text = table::plan(&shown, world.ui.width);
    world.ui.say_raw(&text);
    let written = plan.steps.iter().map(|step| &step.place);
    let places: BTreeSet<&Place> = written.chain(plan.roll_outs.iter().map(|roll_out| &roll_out.place)).collect();
    let places: Vec<String> =
        places.into_iter().map(|place| format!("{} ({})", place.location, place.environment)).collect();
    if world.ui.confirm(&format!("write to {}?", places.join(", ")))? { Ok(()) } else { Err(AskError::Declined.into()) }
}

/// Refuses to write where a receipt would be made under a key that is not the environment's.
fn refuse_without_key(survey: &Survey, plan: &Plan) -> Result<(), Refusal> {
    for step in &plan.steps {
        let name = &step.place.environment;
        if survey.key_unreadable.contains(name) {
            return Err(Refusal::KeyUnreadable(name.clone()));
        }
        if survey.subjects[name].receipts_void {
            return Err(Refusal::ForeignReceipts(name.clone()));
        }
    }
    Ok(())
}

/// Gives an environment that was made by hand its fingerprint key, before anything is written for it.
fn make_keys(survey: &mut Survey, plan: &Plan) -> anyhow::Result<()> {
    for step in &plan.steps {
        let name = &step.place.environment;
        let Some(recipients) = survey.keyless.remove(name) else { continue };
        let file = survey.selection.layout.shown(&survey.selection.layout.recipients(name));
        let recipients = recipients.with_context(|| format!("cannot read {file}"))?;
        let key = &survey.subjects[name].key;
        key::create(&survey.selection.layout, name, key, &recipients.keys)
            .with_context(|| format!("cannot make the fingerprint key of `{name}`"))?;
    }
    Ok(())
}

/// Returns whether machines may run there: it is not known that none do.
fn may_run(survey: &Survey, place: &Place) -> bool {
    let mut rollouts = survey
        .rows
        .iter()
        .filter(|row| row.place == *place && row.shown.is_some())
        .map(|row| row.rollout.rollout)
        .peekable();
    rollouts.peek().is_none() || rollouts.any(|rollout| rollout != Rollout::None)
}
