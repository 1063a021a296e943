//! `undrift audit`: what has drifted, and how it is known. It writes nothing but what it has learned of listings, seals and
//! logs, in this machine's own folder, and the reports and the record that it was told to write.

use std::path::Path;

use vault_schema::audit::Report;
use vault_schema::history::Run;
use vault_schema::verdict::Verdict;

use super::survey::{Survey, survey};
use crate::cli::{Audit, AuditFormat, Global};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::flow::audit::faults_of_values;
use crate::report::explain::CODES;
use crate::report::{self, advice, changes, history, html, junit, markdown, sarif, table};
use crate::settings::{Selection, World};
use crate::vault::records::Records;
use crate::vault::{lock, reports};

pub(super) fn run(arguments: &Audit, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    check_codes(&selection)?;
    // Whatever can be known to fail is known before the first question is asked.
    let paths: Vec<&Path> = arguments.files.iter().map(|file| file.path.as_path()).collect();
    let destinations = reports::destinations(&selection.layout, &world.folder, &paths)?;
    let before = arguments.changed_since.as_ref().map(|path| reports::read(&world.folder, path)).transpose()?;
    let records = Records::of(&selection.layout, &world.folder, arguments.history.as_deref());
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
    report.changes = before.map(|before| changes::compare(&before, &report));
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
        hint(&report, &survey, world);
    }
    for (file, destination) in arguments.files.iter().zip(&destinations) {
        reports::write(destination, &render(file.format, &report, &recorded.runs, true, FILE_WIDTH))?;
    }
    if arguments.record {
        records.append(&history::run(&report))?;
    }
    Ok(if !report.complete || report.summary.unreadable > 0 {
        Exit::Trouble
    } else if report::audit::fails(&report) {
        Exit::Drift
    } else {
        Exit::Clean
    })
}

/// The width of a table in a file, where nobody's terminal says how wide it is.
const FILE_WIDTH: usize = 120;

fn build(survey: &Survey) -> Report {
    let Survey { selection, .. } = survey;
    let ended = selection.project.ended_rules(survey.today(), |target| selection.means(target));
    let values = faults_of_values(&selection.project, &survey.subjects, survey.at);
    report::audit::build(&report::audit::Found {
        at: survey.at,
        project: &selection.project,
        targets: &selection.targets,
        subjects: &survey.subjects,
        observations: &survey.observations,
        rows: &survey.rows,
        values: &values,
        declared: &ended,
    })
}

fn render(format: AuditFormat, report: &Report, recorded: &[Run], all: bool, width: usize) -> String {
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
fn hint(report: &Report, survey: &Survey, world: &mut World) {
    let open = || report::audit::open_entries(report);
    Survey::hint(open().filter_map(|entry| entry.next.as_deref()), "mends", world);
    let unmanaged = open().filter(|entry| entry.verdict == Verdict::Unmanaged).count();
    if unmanaged > 0 {
        world.ui.say(&format!(
            "hint: {unmanaged} unmanaged: declare what is yours in undrift.toml; `{}` accepts the rest",
            advice::IGNORE
        ));
    }
    if survey.connections.is_empty() {
        world.ui.say("hint: no target is declared; `[targets.web]` in undrift.toml adds one");
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
