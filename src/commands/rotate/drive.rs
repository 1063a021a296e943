//! Driving a run: what is next is decided anew after every step, from what the vault has and the places show.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use vault_schema::project::RolloutMode;
use vault_schema::push::{Outcome, Push};

use super::probing;
use super::site::{Opened, Site};
use super::stuck;
use super::value::{self, Values};
use crate::cli::Global;
use crate::commands::push::{self, Done};
use crate::commands::survey::{Survey, survey};
use crate::domain::fleet::Fleet;
use crate::domain::log::{Action, Deed, Line};
use crate::domain::name::SecretName;
use crate::domain::place::{Location, Place};
use crate::domain::plan;
use crate::domain::rotation::{self, Answer, End, Event, Known, Reach, Run, Task, Which};
use crate::error::Exit;
use crate::flow::logbook::Logbook;
use crate::report;
use crate::report::rotation as advice;
use crate::settings::{Selection, World};
use crate::vault::journal::Journal;
use crate::vault::log::Log;
use crate::vault::receipts;
use crate::vault::staging::Change;

/// A run when nothing more can be done now.
pub(super) struct Ended {
    pub(super) run: Run,
    /// What was just written, if anything was to be.
    pub(super) push: Option<Push>,
    /// What was done and could not be written down.
    pub(super) trouble: Option<anyhow::Error>,
    /// Apps whose machines a person updates.
    apps: Vec<String>,
    /// What was told of its values and stops it.
    waits: Option<(Which, Answer)>,
    /// Until when nothing is to be done, for the old values stay so long.
    rests_until: Option<Timestamp>,
    /// What no further attempt brings about, with what a person can do.
    stuck: Vec<String>,
}

impl Ended {
    /// Returns the exit status.
    pub(super) fn exit(&self) -> Exit {
        if matches!(self.waits, Some((_, Answer::Unknown))) {
            return Exit::Trouble;
        }
        let Some(push) = self.push.as_ref().filter(|_| !self.run.stage.is_over()) else {
            return if self.run.stage.is_over() { Exit::Clean } else { Exit::Drift };
        };
        let mut outcomes =
            push.steps.iter().map(|step| step.outcome).chain(push.roll_outs.iter().map(|roll_out| roll_out.outcome));
        let failed = outcomes.any(|outcome| !matches!(outcome, Outcome::Done | Outcome::Stale));
        if failed || self.has_unread() { Exit::Trouble } else { Exit::Drift }
    }

    /// Returns whether a place of the run could not be read when it was last looked at.
    fn has_unread(&self) -> bool {
        let mut failures = self.push.iter().flat_map(|push| push.failures.iter().chain(&push.refused));
        failures.any(|failure| self.run.places.contains_key(&failure.place))
    }

    /// Returns whether another attempt may do more. Where a probe stops it, its own advice says what comes first.
    pub(super) fn has_more_to_do(&self) -> bool {
        !self.run.stage.is_over() && self.waits.is_none() && self.rests_until.is_none()
    }

    /// Returns what a person can do for it.
    pub(super) fn hints(&self, site: &Site) -> Vec<String> {
        let project = &site.selection.project;
        let mut hints: Vec<String> = Vec::new();
        if self.run.stage.is_over() {
            return advice::to_revoke(project, &self.run);
        }
        if let Some((value, answer)) = self.waits {
            hints.extend(advice::probed(project, &self.run, value, answer, &site.flags()));
        }
        if let Some(until) = self.rests_until {
            let (until, flags) = (until.strftime("%Y-%m-%d %H:%M UTC"), site.flags());
            hints.push(format!(
                "nothing is to be done until {until}; `undrift rotate --continue{flags}` ends it then, and \
                 `undrift rotate --rollback{flags}` brings the old values back until then"
            ));
        }
        for held in self.push.iter().flat_map(|push| &push.held) {
            hints.push(format!("`{}` decides about {} at {}", held.next, held.remote_name, held.place));
        }
        hints.extend(self.stuck.iter().cloned());
        for app in &self.apps {
            hints.push(format!("`fly secrets deploy -a {app}` brings the stored values to its machines"));
        }
        hints
    }
}

/// Does what can be done of a run now. `values` are new values that were given beforehand.
pub(super) fn drive(
    site: &Site,
    run: Run,
    values: &mut Values,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<Ended> {
    let mut ended =
        Ended { run, push: None, trouble: None, apps: Vec::new(), waits: None, rests_until: None, stuck: Vec::new() };
    let mut known = Known::default();
    // Where something could not be written down, no old value may go.
    while ended.trouble.is_none() {
        match step(site, &mut ended, &mut known, values, global, world) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if ended.push.is_none() => return Err(error),
            // What was done at the places is told first.
            Err(error) => ended.trouble = ended.trouble.take().or(Some(error)),
        }
    }
    Ok(ended)
}

/// Does what is next. Returns whether anything was.
fn step(
    site: &Site,
    ended: &mut Ended,
    known: &mut Known,
    values: &mut Values,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<bool> {
    let opened = site.open()?;
    if opened.learn(&mut ended.run)? {
        site.note(&opened, &ended.run)?;
        return Ok(true);
    }
    let standings = opened.standings(&ended.run)?;
    for (name, _) in ended.run.secrets.iter().filter(|(_, before)| before.overlap) {
        site.refuse_taken(&opened, name)?;
    }
    let until = rotation::stays_until(&site.selection.project, &ended.run);
    let end = End::of(&ended.run, (world.clock)(), until);
    match rotation::next(ended.run.stage, &standings, *known, end) {
        Task::Stop => return Ok(false),
        Task::Rest => {
            ended.rests_until = until;
            return Ok(false);
        }
        Task::Wait(value, answer) => {
            ended.waits = Some((value, answer));
            return Ok(false);
        }
        Task::Ask(value) => {
            let told = probing::ask(site, &opened, &standings, value, world)?;
            for (name, told) in &told {
                ended.run.hear_of(name, value, told, (world.clock)());
            }
            known.hear(value, told.iter().map(|(_, told)| told.answer));
            site.note(&opened, &ended.run)?;
        }
        Task::Refuse(name) => {
            return Err(site.neither(name).into());
        }
        Task::Stage(names) if names.iter().any(|name| ended.run.secrets[name].new.is_some()) => {
            // They had new values, which are gone: others take their place.
            for name in names {
                ended.run.secrets.entry(name).and_modify(|before| before.new = None);
            }
            site.note(&opened, &ended.run)?;
        }
        Task::Stage(names) => {
            stage(site, &opened, &names, values, world)?;
            *known = Known::default();
        }
        Task::Swap(names) => {
            let swapped = |name: &SecretName| {
                let before = &ended.run.secrets[name];
                Change::Swap { rotated: before.rotated, expires: before.expires }
            };
            let changes: Vec<_> = names.iter().map(|name| (name, swapped(name))).collect();
            site.change(&opened, &changes)?;
            let is_moved = site.open()?.standings(&ended.run)? != standings;
            anyhow::ensure!(is_moved, "two values changed places in the vault, and it is as it was");
            *known = Known::default();
        }
        Task::Drop(names) => {
            let changes: Vec<_> = names.iter().map(|name| (name, Change::Drop)).collect();
            site.change(&opened, &changes)?;
        }
        Task::Note(event) => {
            log(site, &opened, &ended.run, event, world)?;
            let mut run = ended.run.clone();
            run.hear(event, (world.clock)());
            site.note(&opened, &run)?;
            ended.run = run;
            match event {
                Event::Reopened => *known = Known::default(),
                Event::Lapsed => known.look_again(),
                Event::Staged | Event::Verified | Event::Finished | Event::Rollback | Event::Returned => {}
            }
        }
        Task::Push => {
            let run = ended.run.clone();
            let reached = push(site, &opened, &run, global, ended, world)?;
            ended.run.see(&reached, (world.clock)());
            known.see(reached.values().all(|reach| *reach == Reach::Running), ended.has_unread());
            let receipts = receipts::read(&site.selection.layout, &site.environment, opened.key()?)?.receipts;
            let inventory = &opened.read.inventory;
            let scope = rotation::in_scope(inventory, ended.run.secrets.keys());
            ended.run.file(&rotation::filed(&receipts, inventory, opened.key()?, &scope));
            site.note(&opened, &ended.run)?;
        }
    }
    Ok(true)
}

/// Puts new values into the vault. What a program issues is put there as soon as that has ended: nobody could tell it a
/// second time.
fn stage(
    site: &Site,
    opened: &Opened,
    names: &[SecretName],
    values: &mut Values,
    world: &mut World,
) -> anyhow::Result<()> {
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    let (issued, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| value::is_issued(site, name));
    value::complete(site, opened, &others, &mut values.given, world)?;
    for name in issued {
        let opened = site.open()?;
        let new = value::issue(site, &opened, name, &mut values.has_issued, world)?;
        let put = site.change(&opened, &[(name, Change::Stage { new: &new, today })]);
        put.with_context(|| format!("a new value of {name} was issued, and could not be put into the vault"))?;
    }
    let changes = others.into_iter().filter_map(|name| {
        let new = values.given.get(name)?;
        Some((name, Change::Stage { new, today }))
    });
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() { Ok(()) } else { site.change(&site.open()?, &changes) }
}

/// Writes down what happened, once: a run that was interrupted right after it does not write it again.
fn log(site: &Site, opened: &Opened, run: &Run, event: Event, world: &World) -> anyhow::Result<()> {
    let action = match event {
        Event::Staged => Action::Rotate,
        Event::Finished => Action::Finish,
        Event::Returned => Action::RollBack,
        Event::Verified | Event::Reopened | Event::Lapsed | Event::Rollback => return Ok(()),
    };
    let layout = &site.selection.layout;
    let log = Log::of(layout, &site.environment, opened.key()?);
    let secrets: Vec<SecretName> = run.secrets.keys().cloned().collect();
    // The last line of these secrets: where a clock has gone back, an earlier run may have later ones.
    let is_of_these = |told: &&Line| {
        matches!(told.action, Action::Rotate | Action::Finish | Action::RollBack)
            && told.secrets.iter().map(String::as_str).eq(secrets.iter().map(SecretName::as_str))
    };
    let chain = log.read()?;
    let last = chain.entries.iter().map(|entry| &entry.line).rfind(is_of_these);
    let is_told = last.is_some_and(|told| (told.action, told.at >= run.begun) == (action, true));
    if !is_told {
        let record = (action != Action::Rotate).then(|| run.record());
        let choice = run.reason.as_ref().map(ToString::to_string);
        let deed = Deed { run: record, choice, ..Deed::in_vault(action, secrets) };
        log.append(&world.author(layout), (world.clock)(), &[deed])?;
    }
    Ok(())
}

/// Looks at every place, writes what it lacks of the run's secrets and brings that to its machines. Returns how far each
/// place is.
fn push(
    site: &Site,
    opened: &Opened,
    run: &Run,
    global: &Global,
    ended: &mut Ended,
    world: &mut World,
) -> anyhow::Result<BTreeMap<String, Reach>> {
    let mut selection = Selection::resolve(global, world)?;
    selection.environments = vec![site.environment.clone()];
    selection.environments_named = true;
    let journal = Journal::of(&selection.layout);
    let survey = survey(selection, global, world)?;
    survey.refuse_unsealed()?;
    survey.refuse_without_key(&site.environment)?;
    survey.remember().context("cannot write .undrift/seen.toml")?;
    let logbook =
        Logbook { layout: &survey.selection.layout, who: world.author(&survey.selection.layout), keys: survey.keys() };
    logbook.recover(survey.at)?;
    journal.compact(&survey.interrupted).context("cannot write the journal")?;
    // What stood beside the new values and does not belong there any more goes.
    let mut retired = run.beside();
    retired.retain(|name| survey.subjects[&site.environment].inventory.over.contains(name));
    let choices = plan::Choices { retired, interrupted: survey.explained(), ..plan::Choices::default() };
    let mut plan = survey.plan(&choices);
    let mut scope = rotation::in_scope(&opened.read.inventory, run.secrets.keys());
    scope.extend(run.beside());
    rotation::narrow(&mut plan, &survey.rows, &scope, &choices);
    if !plan.is_idle() {
        logbook.begin(survey.at)?;
    }
    let Done { outcomes, roll_outs, closed, logged } =
        push::carry_out(&survey, &plan, &choices, &journal, &logbook, world)?;
    let report = report::plan::push(survey.at, &plan, &outcomes, &roll_outs, &survey.subjects, &survey.observations);
    ended.push = Some(report);
    // What was done is told first: a journal or a log that cannot be written is no reason to hide it.
    let logged = logged.context("what was done could not be written down in the log");
    let trouble = closed.map_err(anyhow::Error::from).and(logged).err();
    ended.trouble = ended.trouble.take().or(trouble);
    let reached = rotation::reached(&survey.rows, &scope, &outcomes, &roll_outs, &idle(&survey));
    ended.apps = manual(&survey, &reached);
    ended.stuck = stuck::stuck(site, &survey, &scope);
    Ok(reached)
}

/// Returns the places where nothing runs.
fn idle(survey: &Survey) -> BTreeSet<&Place> {
    let is_idle = |fleet: &Fleet| match fleet {
        Fleet::None => true,
        Fleet::Known(machines) => machines.is_empty(),
        Fleet::Unknown(_) => false,
    };
    let seen = survey.observations.iter().filter_map(|(place, seen)| Some((place, seen.as_ref().ok()?)));
    seen.filter(|(_, seen)| is_idle(&seen.fleet)).map(|(place, _)| place).collect()
}

/// Returns the apps whose machines wait for a person who brings them up to date.
fn manual(survey: &Survey, reached: &BTreeMap<String, Reach>) -> Vec<String> {
    let waits = |place: &&Place| {
        survey.selection.project.rollout_mode(place) == RolloutMode::Manual
            && reached.get(&place.location.to_string()) == Some(&Reach::Written)
    };
    let apps = survey.connections.keys().filter(waits).filter_map(|place| match &place.location {
        Location::FlyApp { app } => Some(app.clone()),
        Location::Github { .. } => None,
    });
    apps.collect()
}
