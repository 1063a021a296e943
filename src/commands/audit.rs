//! `undrift audit`: what has drifted, and how it is known. It writes nothing but what it has learned of listings, seals and
//! logs, in this machine's own folder.

use vault_schema::audit::Severity;
use vault_schema::verdict::Verdict;

use super::survey::{Survey, survey};
use crate::cli::{Audit, Global, ReportFormat};
use crate::error::Exit;
use crate::flow::audit::faults_of_values;
use crate::report::{self, table};
use crate::settings::{Selection, World};
use crate::vault::lock;

pub(super) fn run(arguments: &Audit, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let survey = survey(Selection::resolve(global, world)?, global, world)?;
    let selection = &survey.selection;
    let ended = selection.project.ended_rules(survey.today(), |target| selection.means(target));
    let values = faults_of_values(&selection.project, &survey.subjects, survey.at);
    let report = report::audit::build(survey.at, &survey.rows, &survey.subjects, &survey.observations, &values, &ended);
    survey.mention_interrupted(world);
    // Where another writes, or nothing may be written, the next audit remembers as well.
    if survey.has_seen_new()
        && let Ok(_lock) = lock::hold(&survey.selection.layout, &world.who(), survey.at)
    {
        let _ = survey.remember();
    }
    match arguments.format {
        ReportFormat::Json => world.ui.write(&report::json(&report)),
        ReportFormat::Markdown => world.ui.write(&report::markdown::audit(&report, arguments.all)),
        ReportFormat::Table => {
            let text = table::audit(&report, arguments.all, world.ui.width);
            world.ui.write(&text);
            let open = || report.entries.iter().filter(|entry| !entry.ignored && !entry.accepted);
            Survey::hint(open().filter_map(|entry| entry.next.as_deref()), "mends", world);
            let unmanaged = open().filter(|entry| entry.verdict == Verdict::Unmanaged).count();
            if unmanaged > 0 {
                world.ui.say(&format!(
                    "hint: {unmanaged} unmanaged: declare what is yours in undrift.toml; `{}` accepts the rest",
                    report::advice::IGNORE
                ));
            }
            if survey.connections.is_empty() {
                world.ui.say("hint: no target is declared; `[targets.web]` in undrift.toml adds one");
            }
        }
    }
    Ok(if !report.complete || report.summary.unreadable > 0 {
        Exit::Trouble
    } else if report.summary.drift > 0 || report.findings.iter().any(|finding| finding.severity != Severity::Note) {
        Exit::Drift
    } else {
        Exit::Clean
    })
}
