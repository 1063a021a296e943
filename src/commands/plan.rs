//! `undrift plan`: what a push would do, without doing it.

use super::saved;
use super::survey::{Survey, survey};
use crate::cli::{Global, Plan, ReportFormat};
use crate::error::{Exit, Refusal};
use crate::report::{self, table};
use crate::settings::{Selection, World};

pub(super) fn run(arguments: &Plan, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    if arguments.out.is_some() {
        selection.needs_environment()?;
    }
    let survey = survey(selection, global, world)?;
    let plan = survey.plan(&survey.choices(&arguments.choices)?);
    let report = report::plan::plan(survey.at, &plan, &survey.subjects, &survey.observations);
    survey.mention_interrupted(world);
    match arguments.format {
        ReportFormat::Json => world.ui.write(&report::json(&report)),
        ReportFormat::Markdown => world.ui.write(&report::markdown::plan(&report)),
        ReportFormat::Table => {
            let text = table::plan(&report, world.ui.width);
            world.ui.write(&text);
            survey.mention_undeclared(world);
            Survey::hint_held(&report.held, world);
        }
    }
    // What is too much is shown first, so that a person sees what it is.
    plan.check_removals(arguments.choices.max_deletes)?;
    if let Some(path) = &arguments.out {
        if !report.complete {
            return Err(Refusal::IncompletePlan.into());
        }
        saved::save(path, &survey, &arguments.choices, &plan, world)?;
        let flags: String = survey.subjects.keys().map(|name| survey.flags(name)).collect();
        world.ui.say(&format!("hint: `undrift push{flags} --plan {}` does exactly this", path.display()));
    }
    Ok(if !report.complete {
        Exit::Trouble
    } else if report.steps.is_empty()
        && report.roll_outs.is_empty()
        && report.held.is_empty()
        && report.findings.is_empty()
    {
        Exit::Clean
    } else {
        Exit::Drift
    })
}
