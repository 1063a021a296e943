//! `undrift rotate`: new values at every place at once, and the old ones gone only when every place runs the new.

mod drive;
mod due;
mod emergency;
mod obstacle;
mod probing;
mod site;
mod stuck;
mod together;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use vault_schema::rotation::LeftOut;

use self::drive::{Ended, drive};
use self::site::{Opened, Site};
use self::value::Values;
pub(super) use self::value::inherited;
use super::set::mention_unfinished;
use super::values;
use crate::cli::{Global, ReportFormat, Rotate};
use crate::domain::name::SecretName;
use crate::domain::rotation::{self, Before, Event, Reason, Run, Stage, Standing};
use crate::error::{Exit, Refusal};
use crate::report::{self, rotation as render};
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::layout::GroupFormat;
use crate::vault::{lock, read, rotation as file};

pub(super) fn run(arguments: &Rotate, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if arguments.names.iter().any(|name| name.contains('=')) {
        return Err(Refusal::ValueInArguments.into());
    }
    let selection = Selection::resolve(global, world)?;
    anyhow::ensure!(selection.targets.is_empty(), "a rotation is of every target; leave out `-t`");
    let environment = selection.one_environment()?.clone();
    if arguments.status {
        return status(arguments, &selection, global, world);
    }
    if arguments.due {
        return due::run(arguments, selection, global, world);
    }
    selection.needs_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let identities = world.identity_chain(global).load()?;
    let _lock = lock::acquire(&selection.layout, &world.who(), (world.clock)())?;
    let site = Site { selection, environment, identities };
    let opened = site.open()?;
    mention_unfinished(&site.environment, &opened.unfinished, world);
    if arguments.resume || arguments.rollback {
        let ended = resume(arguments, &site, &opened, global, world)?;
        return finish(arguments, &site, ended, Vec::new(), world);
    }
    let (wanted, left_out) = if let Some(target) = &arguments.at {
        emergency::all_at(&site, &opened, target, world)?
    } else {
        let reason = arguments.leaked.then_some(Reason::Leaked);
        (Wanted { names: together::completed(&site, &opened, &arguments.names, world), reason }, Vec::new())
    };
    let ended = if wanted.names.is_empty() {
        Vec::new()
    } else {
        vec![begin(arguments, &wanted, &site, &opened, global, world)?]
    };
    finish(arguments, &site, ended, left_out, world)
}

/// What a run is begun for.
struct Wanted {
    names: Vec<String>,
    /// Why in a hurry, if it is.
    reason: Option<Reason>,
}

/// Shows what was done, and what a person can do next.
fn finish(
    arguments: &Rotate,
    site: &Site,
    ended: Vec<Ended>,
    left_out: Vec<LeftOut>,
    world: &mut World,
) -> anyhow::Result<Exit> {
    let runs = ended.iter().map(|ended| (&ended.run, ended.push.clone())).collect();
    let mut report = render::build((world.clock)(), &site.selection.project, &site.environment, runs);
    for (shown, ended) in report.runs.iter_mut().zip(&ended) {
        // What cannot be read of the past is no reason to hide what was just done.
        shown.held = emergency::held_of(site, &ended.run).map_or_else(|_| Vec::new(), render::held);
    }
    report.left_out = left_out;
    show(&report, arguments.format, world);
    let flags = site.flags();
    for hint in
        ended.iter().flat_map(|ended| ended.hints(site).into_iter().chain(emergency::to_revoke(site, &ended.run)))
    {
        world.ui.say(&format!("hint: {hint}"));
    }
    if ended.iter().any(Ended::has_more_to_do) {
        world.ui.say(&format!(
            "hint: `undrift rotate --continue{flags}` does what is left; \
             `undrift rotate --rollback{flags}` brings the old values back"
        ));
    }
    let mut exit = if report.left_out.is_empty() { Exit::Clean } else { Exit::Drift };
    for ended in ended {
        exit = exit.max(ended.exit());
        if let Some(error) = ended.trouble {
            return Err(error);
        }
    }
    Ok(exit)
}

/// Begins a run: first its file says so, then the values change.
fn begin(
    arguments: &Rotate,
    wanted: &Wanted,
    site: &Site,
    opened: &Opened,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<Ended> {
    let (inventory, key) = (&opened.read.inventory, opened.key()?);
    let mut secrets: BTreeMap<SecretName, Before> = BTreeMap::new();
    for typed in &wanted.names {
        let (name, entry) = values::one(inventory, typed)?;
        // What could not wait has no time for two values.
        let overlap = wanted.reason.is_none() && site.selection.project.overlaps(name);
        let (old, rotated, expires) = (key.value(&entry.value), entry.rotated, entry.expires);
        let before = Before { old, new: None, rotated, expires, overlap };
        secrets.insert(name.clone(), before);
    }
    let names: Vec<SecretName> = secrets.keys().cloned().collect();
    if let Some(run) = opened.runs.iter().find(|run| run.has_any(&names)) {
        let (environment, names) = (site.environment.clone(), run.names());
        return Err(Refusal::Rotating { environment, names, begun: run.begun, flags: site.flags() }.into());
    }
    for name in &names {
        refuse_unfit(site, opened, name)?;
        if secrets[name].overlap {
            site.refuse_taken(opened, name)?;
        }
    }
    if wanted.reason == Some(Reason::Leaked) {
        emergency::mention_held(site, opened, &names, world)?;
    }
    if !arguments.yes {
        value::mention_programs(site, &names, world);
        let scope = rotation::in_scope(inventory, &names);
        probing::mention(site, &scope, world);
        let beside = secrets.iter().filter(|(_, before)| before.overlap);
        for (name, previous) in beside.filter_map(|(name, _)| Some((name, name.previous()?))) {
            world.ui.say(&format!("the old value of {name} stands beside it as {previous} until the run ends"));
        }
        let question = format!("write new values of {} to {}?", joined(&scope), site.places(&scope).join(", "));
        if !world.ui.confirm(&question)? {
            return Err(AskError::Declined.into());
        }
    }
    let mut values = value::beforehand(site, opened, &names, world)?;
    let at = (world.clock)();
    let (who, places) = (world.author(&site.selection.layout), BTreeMap::new());
    let (reason, probes) = (wanted.reason.clone(), Vec::new());
    let run = Run { begun: at, who, reason, stage: Stage::Prepared, since: at, secrets, places, probes };
    let mut runs = opened.runs.clone();
    runs.push(run.clone());
    site.save(opened, &runs).context("nothing was changed, for the run could not be noted first")?;
    drive(site, run.clone(), &mut values, global, world).map_err(|error| {
        if !values.has_issued {
            return give_up(site, run, error);
        }
        error.context(format!(
            "the rotation stays open, for a program has ended well and may have issued a value; \
             `undrift rotate --continue{}` does what is left",
            site.flags()
        ))
    })
}

/// Takes a run back that has changed nothing: no new value could be had.
fn give_up(site: &Site, mut run: Run, error: anyhow::Error) -> anyhow::Error {
    let Ok(opened) = site.open() else { return error };
    let is_begun = opened.runs.iter().any(|other| other.begun == run.begun && other.stage != Stage::Prepared);
    let is_old = |standings: BTreeMap<_, Standing>| standings.values().all(|standing| *standing == Standing::Old);
    if is_begun || !opened.standings(&run).is_ok_and(is_old) {
        return error;
    }
    run.stage = Stage::Abandoned;
    // Where it cannot be taken back, it is shown as open, and can be rolled back.
    let _ = site.note(&opened, &run);
    error.context("nothing was changed")
}

/// Refuses what cannot have two values for a while.
fn refuse_unfit(site: &Site, opened: &Opened, name: &SecretName) -> anyhow::Result<()> {
    let entry = &opened.read.inventory.entries[name];
    let environment = site.environment.clone();
    if let Some(template) = &entry.template {
        let parts = template.names().into_iter().map(ToString::to_string).collect();
        return Err(Refusal::Composed { environment, name: name.clone(), parts }.into());
    }
    if entry.previous.is_some() {
        return Err(Refusal::HasPrevious { environment, name: name.clone() }.into());
    }
    let groups = site.groups()?;
    if groups.iter().any(|file| file.shown == entry.source.file && file.format == GroupFormat::Dotenv) {
        let (file, name) = (entry.source.file.clone(), name.clone());
        return Err(Refusal::NoRoom { environment, file, name }.into());
    }
    Ok(())
}

/// Goes on with the runs that are meant, or turns them back.
fn resume(
    arguments: &Rotate,
    site: &Site,
    opened: &Opened,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<Vec<Ended>> {
    let meant = meant(arguments, site, &opened.runs)?;
    if !arguments.yes {
        let names: Vec<String> = meant.iter().map(Run::names).collect();
        let names = names.join(", ");
        if !arguments.rollback {
            for run in meant.iter().filter(|run| run.stage != Stage::Returning) {
                let lacks = opened.standings(run)?.into_iter().filter(|(_, standing)| *standing == Standing::Old);
                let lacks: Vec<SecretName> = lacks.map(|(name, _)| name).collect();
                value::mention_programs(site, &lacks, world);
                probing::mention(site, &rotation::in_scope(&opened.read.inventory, run.secrets.keys()), world);
            }
        }
        let question = if arguments.rollback {
            emergency::mention_reasons(&meant, world);
            format!("bring the old values of {names} back to every place?")
        } else {
            format!("go on with the rotation of {names}?")
        };
        if !world.ui.confirm(&question)? {
            return Err(AskError::Declined.into());
        }
    }
    let mut ended: Vec<Ended> = Vec::new();
    for run in meant {
        match (resume_one(arguments, site, run, global, world), ended.last_mut()) {
            (Ok(one), _) => ended.push(one),
            (Err(error), None) => return Err(error),
            // What was done in the runs before is told first.
            (Err(error), Some(last)) => last.trouble = Some(error),
        }
        if ended.iter().any(|ended| ended.trouble.is_some()) {
            break;
        }
    }
    Ok(ended)
}

fn resume_one(
    arguments: &Rotate,
    site: &Site,
    mut run: Run,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<Ended> {
    if arguments.rollback && run.stage != Stage::Returning {
        let opened = site.open()?;
        let standings = opened.standings(&run)?;
        if let Some(name) = rotation::stray(run.stage, &standings) {
            return Err(site.neither(name.clone()).into());
        }
        if let Some((name, _)) = standings.iter().find(|(_, standing)| **standing == Standing::Replaced) {
            return Err(Refusal::OldGone { name: name.clone(), flags: site.flags() }.into());
        }
        run.hear(Event::Rollback, (world.clock)());
        site.note(&opened, &run)?;
    }
    drive(site, run, &mut Values::default(), global, world)
}

/// Returns the open runs that have one of the names that were typed, or all of them.
fn meant(arguments: &Rotate, site: &Site, runs: &[Run]) -> anyhow::Result<Vec<Run>> {
    let names = arguments.names.iter().map(|name| SecretName::parse(name).context("that cannot be a secret's name"));
    let names: Vec<SecretName> = names.collect::<anyhow::Result<_>>()?;
    let meant: Vec<Run> = runs.iter().filter(|run| names.is_empty() || run.has_any(&names)).cloned().collect();
    let is_missing = |name: &&SecretName| !meant.iter().any(|run| run.secrets.contains_key(*name));
    if meant.is_empty() || names.iter().any(|name| is_missing(&name)) {
        return Err(Refusal::NoRotation(site.environment.clone()).into());
    }
    Ok(meant)
}

/// Shows the open runs as they were last seen. Nothing is asked and nothing is written.
fn status(arguments: &Rotate, selection: &Selection, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let environment = selection.one_environment()?;
    let identities = world.identity_chain(global).load()?;
    let read = read::environments(&selection.layout, std::slice::from_ref(environment), &identities).swap_remove(0);
    if let Some(refusal) = Refusal::locked(&read) {
        return Err(refusal.into());
    }
    let runs = file::read(&selection.layout, environment, &read.sealed)?;
    let names: BTreeSet<&str> = arguments.names.iter().map(String::as_str).collect();
    let is_meant = |run: &&Run| names.is_empty() || run.secrets.keys().any(|name| names.contains(name.as_str()));
    let shown: Vec<(&Run, _)> = runs.iter().filter(is_meant).map(|run| (run, None)).collect();
    let is_open = !shown.is_empty();
    show(&render::build((world.clock)(), &selection.project, environment, shown), arguments.format, world);
    Ok(if is_open { Exit::Drift } else { Exit::Clean })
}

fn show(report: &vault_schema::rotation::Rotation, format: ReportFormat, world: &mut World) {
    let text = match format {
        ReportFormat::Json => report::json(report),
        ReportFormat::Markdown => render::markdown(report),
        ReportFormat::Table => render::table(report, world.ui.width),
    };
    world.ui.write(&text);
}

fn joined(names: &BTreeSet<SecretName>) -> String {
    names.iter().map(SecretName::as_str).collect::<Vec<_>>().join(", ")
}
