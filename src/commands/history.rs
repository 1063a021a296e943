//! `undrift history`: what recorded audits tell. It reads the declarations and the records, and opens nothing of the vault.

use jiff::tz::TimeZone;
use vault_schema::history::Run;

use crate::cli::{Format, Global, History as Arguments};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::report::{self, history as render};
use crate::settings::{Selection, World};
use crate::vault::records::{Recorded, Records};

pub(super) fn run(arguments: &Arguments, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let records = Records::of(&selection.layout, &world.folder, arguments.history.as_deref());
    let Recorded { mut runs, faults } = records.read()?;
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    let late = render::lateness(&runs, &selection.project.audit, today);
    narrow(&mut runs, &selection);
    let history = render::build(&runs, faults, arguments.secret.as_deref(), &selection.project.audit);
    if let Some(secret) = arguments.secret.as_deref().filter(|_| history.lives.is_empty() && history.whole) {
        let nearest = nearest(secret, render::secrets(&runs)).map(str::to_owned);
        return Err(Refusal::NotRecorded { name: Typed::new(secret), nearest }.into());
    }
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&history)),
        Format::Table => {
            let text = render::table(&history, world.ui.width);
            world.ui.write(&text);
            if history.runs.is_empty() && history.whole {
                world.ui.say("note: no audit has been recorded yet; `undrift audit --record` records one");
            }
        }
    }
    if let Some(late) = late {
        world.ui.say(&format!("note: {late}"));
    }
    for fault in &history.faults {
        world.ui.say(&format!("error: {} {}, and is left out", fault.file, fault.message));
    }
    if !history.whole {
        world.ui.say("hint: take such a file from git again, or remove it");
    }
    Ok(if history.whole { Exit::Clean } else { Exit::Trouble })
}

/// Leaves the places that are meant.
fn narrow(runs: &mut [Run], selection: &Selection) {
    for run in runs {
        run.places.retain(|place| {
            let named = !selection.environments_named
                || selection.environments.iter().any(|name| name.as_str() == place.environment);
            named
                && (selection.targets.is_empty() || selection.targets.iter().any(|name| name.as_str() == place.target))
        });
    }
}
