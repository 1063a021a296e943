//! The report of rotations: how far each is at each place. What is over is evidence, fit to be kept in a ticket.

use std::fmt::Write;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;
use vault_schema::push::Push;
use vault_schema::rotation::{PlaceReport, Reach, Rotation, RunReport, SCHEMA, Stage};

use super::{TOOL, log, table};
use crate::domain::name::EnvironmentName;
use crate::domain::rotation::Run;

/// Builds the report of these runs, each with what was just written for it.
pub fn build(at: Timestamp, environment: &EnvironmentName, runs: Vec<(&Run, Option<Push>)>) -> Rotation {
    let runs = runs.into_iter().map(|(run, push)| {
        let places = run.places.iter().map(|(place, progress)| PlaceReport {
            place: place.clone(),
            reach: progress.reach,
            since: progress.since,
        });
        RunReport {
            secrets: run.secrets.keys().map(ToString::to_string).collect(),
            stage: run.stage,
            begun: run.begun,
            since: run.since,
            who: run.who.clone(),
            places: places.collect(),
            push,
        }
    });
    let (schema, tool) = (SCHEMA.to_owned(), TOOL.to_owned());
    Rotation { schema, tool, at, environment: environment.to_string(), runs: runs.collect() }
}

/// Renders it for people.
pub fn table(report: &Rotation, width: usize) -> String {
    let mut text = String::new();
    if report.runs.is_empty() {
        let _ = writeln!(text, "no rotation is under way in `{}`", report.environment);
    }
    for run in &report.runs {
        if let Some(push) = &run.push
            && !(push.steps.is_empty() && push.held.is_empty() && push.failures.is_empty() && push.refused.is_empty())
        {
            let _ = writeln!(text, "{}", table::push(push, width));
        }
        let _ = writeln!(text, "{}", head(report, run));
        let longest = run.places.iter().map(|it| it.place.width()).max().unwrap_or_default();
        for it in &run.places {
            let gap = " ".repeat(longest - it.place.width());
            let _ = writeln!(text, "  {}{gap}  {} since {}", it.place, words(run.stage, it.reach), time(it.since));
        }
    }
    text
}

/// Renders it for a ticket.
pub fn markdown(report: &Rotation) -> String {
    let mut text = String::new();
    if report.runs.is_empty() {
        let _ = writeln!(text, "No rotation is under way in `{}`.", report.environment);
    }
    for (index, run) in report.runs.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{}\n", head(report, run));
        let _ = writeln!(text, "| place | state | since |\n|---|---|---|");
        for it in &run.places {
            let _ = writeln!(text, "| `{}` | {} | {} |", it.place, words(run.stage, it.reach), time(it.since));
        }
    }
    text
}

fn head(report: &Rotation, run: &RunReport) -> String {
    let names = run.secrets.join(", ");
    let begun = format!("begun {} by {}", time(run.begun), log::who(&run.who));
    let since = format!("{} {}", run.stage.as_str(), time(run.since));
    format!("{names} in {}: {since}; {begun}", report.environment)
}

fn words(stage: Stage, reach: Reach) -> String {
    let value = match stage {
        Stage::Returning | Stage::Abandoned => "old",
        Stage::Prepared | Stage::Staged | Stage::Verified | Stage::Finished => "new",
    };
    match reach {
        Reach::Waiting => format!("is not seen to have the {value} value,"),
        Reach::Written => format!("has the {value} value, and does not run it yet,"),
        Reach::Running => format!("runs the {value} value"),
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
