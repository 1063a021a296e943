//! `undrift plan`: what a push would do, without doing it.

use super::survey::{Survey, survey};
use crate::cli::{Format, Global, Plan};
use crate::error::Exit;
use crate::report::{self, table};
use crate::settings::{Selection, World};

pub(super) fn run(arguments: &Plan, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let survey = survey(Selection::resolve(global, world)?, global, world)?;
    let plan = survey.plan(&arguments.choices)?;
    let report = report::plan::plan(survey.at, &plan, &survey.subjects, &survey.observations);
    survey.mention_interrupted(world);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&report)),
        Format::Table => {
            let text = table::plan(&report, world.ui.width);
            world.ui.write(&text);
            Survey::hint(report.held.iter().map(|held| held.next.as_str()), "decides", world);
        }
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
