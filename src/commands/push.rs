//! `undrift push`: what differs is written, after it was shown and agreed to.

use std::collections::BTreeSet;

use anyhow::Context;
use vault_schema::audit::Severity;
use vault_schema::project::RolloutMode;
use vault_schema::push::{Outcome, Push as Report};

use super::saved::Saved;
use super::survey::{Survey, block_on, survey};
use crate::cli::{Format, Global, Push};
use crate::domain::outcome::StepOutcome;
use crate::domain::place::{Location, Place};
use crate::domain::plan::{self, Plan};
use crate::domain::rollout::RollOutOutcome;
use crate::domain::verdict::Rollout;
use crate::error::Exit;
use crate::flow::apply::{self, Tools};
use crate::flow::event;
use crate::flow::logbook::Logbook;
use crate::flow::recorder::Recorder;
use crate::flow::rollout;
use crate::flow::settle::{SettleError, Settled};
use crate::report::{self, table};
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::ui::progress::Progress;
use crate::vault::journal::Journal;
use crate::vault::lock;
use crate::vault::log::LogError;

pub(super) fn run(arguments: &Push, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let mut selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let saved = match &arguments.plan {
        Some(path) => Some(Saved::open(path, &mut selection, world)?),
        None => None,
    };
    let choices = saved.as_ref().map_or_else(|| arguments.choices.clone(), Saved::choices);
    let _lock = lock::acquire(&selection.layout, &world.who(), (world.clock)())?;
    let journal = Journal::of(&selection.layout);
    let survey = survey(selection, global, world)?;
    survey.refuse_unsealed()?;
    if let Some(saved) = &saved {
        saved.verify(&survey)?;
    }
    survey.remember().context("cannot write .undrift/seen.toml")?;
    let logbook =
        Logbook { layout: &survey.selection.layout, who: world.author(&survey.selection.layout), keys: survey.keys() };
    logbook.recover(survey.at)?;
    // A line that a crash has cut must not have another one written behind it.
    journal.compact(&survey.interrupted).context("cannot write the journal")?;
    let decided = survey.choices(&choices)?;
    let plan = survey.plan(&decided);
    if let Some(saved) = &saved {
        saved.compare(&survey, &plan)?;
    }
    plan.check_removals(choices.max_deletes)?;
    if !plan.is_idle() {
        for step in &plan.steps {
            survey.refuse_without_key(&step.place.environment)?;
        }
        agree(arguments, &survey, &plan, world)?;
        logbook.begin(survey.at)?;
    }
    let Done { outcomes, roll_outs, closed, logged } = carry_out(&survey, &plan, &decided, &journal, &logbook, world)?;
    let report = report::plan::push(survey.at, &plan, &outcomes, &roll_outs, &survey.subjects, &survey.observations);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&report)),
        Format::Table => {
            let text = table::push(&report, world.ui.width);
            world.ui.write(&text);
            survey.mention_undeclared(world);
            Survey::hint_held(&report.held, world);
        }
    }
    what_now(&survey, &report, world);
    // What was done is told first: a journal or a log that cannot be written is no reason to hide it.
    closed?;
    logged.context("what was done could not be written down in the log")?;
    Ok(exit(&report))
}

/// What was done, and what could not be written down of it.
pub(super) struct Done {
    pub(super) outcomes: Vec<StepOutcome>,
    pub(super) roll_outs: Vec<RollOutOutcome>,
    pub(super) closed: Result<(), SettleError>,
    pub(super) logged: Result<(), LogError>,
}

/// Does what a plan says, and leaves receipts, journal and log as they are to be after it.
pub(super) fn carry_out(
    survey: &Survey,
    plan: &Plan,
    choices: &plan::Choices,
    journal: &Journal,
    logbook: &Logbook<'_>,
    world: &mut World,
) -> anyhow::Result<Done> {
    let books = survey.subjects.iter().map(|(name, subject)| (name.clone(), &subject.key, subject.receipts.clone()));
    let recorder = Recorder::new(&survey.selection.layout, journal, books);
    // What an interrupted push removed is written down before its journal is cleared.
    for environment in &survey.recalled {
        recorder.save(environment).context("cannot write the receipts")?;
    }
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
            let outcomes = apply::apply(plan, &tools).await;
            let roll_outs = rollout::roll_out(&plan.roll_outs, &outcomes, &machines).await;
            (outcomes, roll_outs)
        };
        block_on(event::with_waits(&survey.client, &progress, carried_out))?
    };
    let settled = Settled { subjects: &survey.subjects, observations: &survey.observations, plan, rows: &survey.rows };
    let closed = settled.close(&outcomes, &recorder, journal);
    let logged = logbook.write((world.clock)(), &outcomes, &roll_outs, choices);
    Ok(Done { outcomes, roll_outs, closed, logged })
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
    let mut question = report::plan::removals(&shown);
    question.push(format!("write to {}?", places.join(", ")));
    if world.ui.confirm(&question.join("; "))? { Ok(()) } else { Err(AskError::Declined.into()) }
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
