//! `undrift rotate --due`: what should be made new, and one run for all of it that needs nobody.

use jiff::tz::TimeZone;
use vault_schema::due::{self as schema, Maker, Secret};
use vault_schema::rotation::LeftOut;

use super::obstacle::{has_to_be_given, obstacle};
use super::site::{Opened, Site, refuse_unread};
use super::{Wanted, begin, finish, together, value};
use crate::cli::{Global, ReportFormat, Rotate};
use crate::domain::rotation::{Due, Why, due};
use crate::error::Exit;
use crate::report::{self, due as render};
use crate::settings::{Selection, World};
use crate::vault::{lock, read, rotation as file};

pub(super) fn run(
    arguments: &Rotate,
    selection: Selection,
    global: &Global,
    world: &mut World,
) -> anyhow::Result<Exit> {
    let environment = selection.one_environment()?.clone();
    // Nobody is asked about an environment that is not named as a write to it has to name it.
    let refused = selection.needs_environment().and_then(|()| selection.needs_confirm(&arguments.confirm)).err();
    if arguments.yes
        && let Some(refusal) = refused
    {
        return Err(refusal.into());
    }
    let is_asked = arguments.yes || (world.ui.interactive && refused.is_none());
    let identities = world.identity_chain(global).load()?;
    let read = read::environments(&selection.layout, std::slice::from_ref(&environment), &identities).swap_remove(0);
    refuse_unread(&read)?;
    let runs = file::read(&selection.layout, &environment, &read.sealed)?;
    let site = Site { selection, environment, identities };
    let opened = Opened { read, runs, unfinished: Vec::new() };
    let secrets = secrets(&site, &opened, world);
    let (ready, left): (Vec<&Secret>, Vec<&Secret>) =
        secrets.iter().partition(|secret| secret.maker != Maker::Person && secret.obstacle.is_none());
    let ready: Vec<String> = ready.iter().map(|secret| secret.name.clone()).collect();
    let (names, parted) = together::parted(&site, &opened, &ready, false);
    let wanted = Wanted { names, reason: None };
    let left_out = left.into_iter().map(|secret| left_out(secret, &site)).chain(parted).collect();
    let is_run = is_asked && !wanted.names.is_empty();
    // Of two documents in one output no program would make anything.
    if !is_run || arguments.format == ReportFormat::Table {
        let report = render::build((world.clock)(), &site.environment, secrets.clone());
        let text = match arguments.format {
            ReportFormat::Json => report::json(&report),
            ReportFormat::Markdown => render::markdown(&report),
            ReportFormat::Table if is_run => render::table(&report) + "\n",
            ReportFormat::Table => render::table(&report),
        };
        world.ui.write(&text);
    }
    if is_run {
        let _lock = lock::acquire(&site.selection.layout, &world.who(), (world.clock)())?;
        let opened = site.open()?;
        let ended = begin(arguments, &wanted, &site, &opened, global, world)?;
        return finish(arguments, &site, vec![ended], left_out, world);
    }
    if !wanted.names.is_empty() {
        let (count, flags) = (wanted.names.len(), site.flags());
        world.ui.say(&format!("hint: `undrift rotate --due{flags} --yes` makes {count} of them new"));
    }
    for secret in secrets.iter().filter(|secret| secret.maker == Maker::Person && secret.obstacle.is_none()) {
        world.ui.say(&format!("hint: `undrift rotate {}{}` asks for the new value", secret.name, site.flags()));
    }
    Ok(if secrets.is_empty() { Exit::Clean } else { Exit::Drift })
}

fn secrets(site: &Site, opened: &Opened, world: &World) -> Vec<Secret> {
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    let due = due(&site.selection.project, &opened.read.inventory, today).into_iter();
    due.map(|Due { name, why, rotated }| {
        let (why, day) = match why {
            Why::Expired(day) => (schema::Why::Expired, day),
            Why::Expires(day) => (schema::Why::Expires, day),
            Why::Due(day) => (schema::Why::Due, day),
        };
        Secret {
            name: name.to_string(),
            why,
            day,
            rotated,
            maker: value::maker(site, name),
            issuer: value::issuer(site, name).map(str::to_owned),
            obstacle: obstacle(site, opened, name, true),
        }
    })
    .collect()
}

fn left_out(secret: &Secret, site: &Site) -> LeftOut {
    LeftOut {
        secret: secret.name.clone(),
        why: secret.obstacle.clone().unwrap_or_else(|| has_to_be_given(site, &secret.name)),
        issuer: secret.issuer.clone(),
    }
}
