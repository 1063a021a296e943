//! `undrift audit`: what has drifted, and how it is known. It writes nothing but what it has learned of listings, seals and
//! logs, in this machine's own folder, and the reports and the record that it was told to write.

use std::path::Path;

use vault_schema::audit::Report;
use vault_schema::history::Run;
use vault_schema::verdict::Verdict;

use super::notify::{self, Notice};
use super::survey::{Survey, survey};
use crate::cli::{Audit, AuditFormat, Global};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::flow::audit::faults_of_values;
use crate::report::explain::CODES;
use crate::report::message::{Before, Telling};
use crate::report::{self, advice, changes, history, html, junit, markdown, sarif, table};
use crate::settings::{Selection, World};
use crate::targets::client::Client;
use crate::vault::records::Records;
use crate::vault::{lock, reports};

pub(super) fn run(arguments: &Audit, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection { shard: arguments.shard, ..Selection::resolve(global, world)? };
    check_codes(&selection)?;
    if arguments.notify && selection.project.notify.is_none() {
        return Err(Refusal::NobodyToTell.into());
    }
    let done = audit(selection, arguments, global, world);
    if let (true, Err(error)) = (arguments.notify, &done) {
        // What has failed first is what counts.
        if let Err(error) = tell_failure(error, arguments, global, world) {
            world.ui.say(&format!("error: nobody was told: {error}"));
        }
    }
    done
}

fn audit(selection: Selection, arguments: &Audit, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    // Whatever can be known to fail is known before the first question is asked.
    let paths: Vec<&Path> = arguments.files.iter().map(|file| file.path.as_path()).collect();
    let records = Records::of(&selection.layout, &world.folder, arguments.history.as_deref());
    let destinations = reports::destinations(&selection.layout, &world.folder, &paths)?;
    records.keep_from(&destinations)?;
    let before = arguments.changed_since.as_ref().map(|path| reports::read(&world.folder, path)).transpose()?;
    if arguments.record {
        records.check(&selection.layout)?;
    }
    let recorded = records.read()?;
    let survey = survey(selection, global, world)?;
    let mut report = build(&survey);
    history::date(&mut report, &recorded.runs);
    for fault in &recorded.faults {
        world.ui.say(&format!("note: {} {}, and is left out", fault.file, fault.message));
    }
    if let Some(late) = history::lateness(&recorded.runs, &survey.selection.project.audit, survey.today()) {
        world.ui.say(&format!("note: {late}"));
    }
    report.changes = before.as_ref().map(|before| changes::compare(before, &report));
    survey.mention_interrupted(world);
    // Where another writes, or nothing may be written, the next audit remembers as well.
    if survey.has_seen_new()
        && let Ok(_lock) = lock::hold(&survey.selection.layout, &world.who(), survey.at)
    {
        let _ = survey.remember();
    }
    let text = render(arguments.format, &report, &recorded.runs, arguments.all, world.ui.width);
    world.ui.write(&text);
    if arguments.format == AuditFormat::Table {
        hint(&report, world);
        if survey.connections.is_empty() && survey.selection.shard.is_none() {
            world.ui.say("hint: no target is declared; `[targets.web]` in undrift.toml adds one");
        }
    }
    for (file, destination) in arguments.files.iter().zip(&destinations) {
        reports::write(destination, &render(file.format, &report, &recorded.runs, true, FILE_WIDTH))?;
    }
    let mut run = history::run(&report);
    let is_told = !arguments.notify || tell(&survey, &report, before.as_ref(), &recorded.runs, arguments, world)?;
    if arguments.record {
        run.told = arguments.notify && is_told && !arguments.dry_run;
        records.append(&run)?;
    }
    Ok(if is_told { status(&report) } else { Exit::Trouble })
}

/// Returns how an audit ends that has found this.
pub(super) fn status(report: &Report) -> Exit {
    if !report.complete || report.summary.unreadable > 0 {
        Exit::Trouble
    } else if report::audit::fails(report) {
        Exit::Drift
    } else {
        Exit::Clean
    }
}

/// Tells of an audit, and returns whether everybody was told. It is compared with the report that was named, or with the
/// last recorded audit that everybody was told of: what was recorded and told to nobody is still new to them.
fn tell(
    survey: &Survey,
    report: &Report,
    before: Option<&Report>,
    recorded: &[Run],
    arguments: &Audit,
    world: &mut World,
) -> anyhow::Result<bool> {
    let Selection { project, layout, .. } = &survey.selection;
    let Some(rules) = &project.notify else { return Ok(true) };
    let told = || recorded.iter().rev().find(|run| run.told).map(Before::Run);
    let telling = Telling::of(report, before.map(Before::Report).or_else(told), &notify::name(layout));
    let is_whole = report.scope.targets.is_empty()
        && report.scope.shard.is_none()
        && report.scope.environments.len() == project.environments.len();
    let notice =
        Notice { rules, layout, client: &survey.client, telling: &telling, is_whole, dry_run: arguments.dry_run };
    notice.tell(&|name| survey.value(name), world)
}

/// Tells that there was no audit. The vault may be what could not be read, so that nothing is looked for there.
fn tell_failure(error: &anyhow::Error, arguments: &Audit, global: &Global, world: &mut World) -> anyhow::Result<()> {
    let selection = Selection::resolve(global, world)?;
    let (layout, Some(rules)) = (&selection.layout, &selection.project.notify) else { return Ok(()) };
    let telling = Telling::of_failure(&error.to_string(), (world.clock)(), &notify::name(layout));
    let client = &Client::new(&world.network);
    let dry_run = arguments.dry_run;
    Notice { rules, layout, client, telling: &telling, is_whole: true, dry_run }.tell(&|_| None, world)?;
    Ok(())
}

/// The width of a table in a file, where nobody's terminal says how wide it is.
pub(super) const FILE_WIDTH: usize = 120;

fn build(survey: &Survey) -> Report {
    let Survey { selection, .. } = survey;
    let ended = selection.project.ended_rules(survey.today(), |target| selection.means(target));
    let values = faults_of_values(&selection.project, &survey.subjects, survey.at);
    report::audit::build(&report::audit::Found {
        at: survey.at,
        project: &selection.project,
        targets: &selection.targets,
        shard: selection.shard,
        subjects: &survey.subjects,
        observations: &survey.observations,
        rows: &survey.rows,
        values: &values,
        declared: &ended,
        left_out: &survey.left_out,
    })
}

pub(super) fn render(format: AuditFormat, report: &Report, recorded: &[Run], all: bool, width: usize) -> String {
    match (format, &report.changes) {
        (AuditFormat::Json, _) => report::json(report),
        (AuditFormat::Markdown, Some(changes)) => markdown::changes(report, changes),
        (AuditFormat::Markdown, None) => markdown::audit(report, all),
        (AuditFormat::Sarif, _) => sarif::audit(report),
        (AuditFormat::Junit, _) => junit::audit(report),
        (AuditFormat::Html, _) => html::audit(report, recorded),
        (AuditFormat::Table, Some(changes)) => changes::table(report, changes, width),
        (AuditFormat::Table, None) => table::audit(report, all, width),
    }
}

/// Says what to type next.
pub(super) fn hint(report: &Report, world: &mut World) {
    let open = || report::audit::open_entries(report);
    Survey::hint(open().filter_map(|entry| entry.next.as_deref()), "mends", world);
    let unmanaged = open().filter(|entry| entry.verdict == Verdict::Unmanaged).count();
    if unmanaged > 0 {
        world.ui.say(&format!(
            "hint: {unmanaged} unmanaged: declare what is yours in undrift.toml; `{}` accepts the rest",
            advice::IGNORE
        ));
    }
}

/// Refuses a severity for a code that nothing has: it would change nothing, and nobody would be told.
fn check_codes(selection: &Selection) -> Result<(), Refusal> {
    let known = || CODES.iter().map(|code| code.code);
    let mut named = selection.project.audit.severities.keys();
    match named.find(|name| !known().any(|code| code == name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let nearest = nearest(name, known()).map(str::to_owned);
            Err(Refusal::UnknownCode { name: Typed::new(name), nearest })
        }
    }
}
