//! `undrift list`: which secret has a value in which environment, and which value is too old; never the values.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use vault_schema::audit::Severity;

use crate::cli::{Format, Global, List};
use crate::domain::age::{self, Age};
use crate::domain::declaration::Project;
use crate::domain::finding::Problem;
use crate::domain::hygiene;
use crate::domain::inventory::Entry;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::error::Exit;
use crate::report;
use crate::settings::{Selection, World};
use crate::vault::key;
use crate::vault::read::{self, Environment};

/// Whether a secret has a value in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Cell {
    /// It has one.
    Set,
    /// It has one that is composed of others.
    Composed,
    /// It is declared there and has none.
    Missing,
    /// It has one, and is not declared there.
    Undeclared,
    /// It is not meant to be there.
    None,
    /// It may be in a file that could not be read.
    Unknown,
}

impl Cell {
    /// Returns the cell as people read it. That a value is too old is worth more than that it is there.
    const fn words(self, dates: Option<&Dates>) -> &'static str {
        match (self, dates) {
            (_, Some(Dates { state: State::Expired, .. })) => "expired",
            (_, Some(Dates { state: State::Overdue, .. })) => "overdue",
            (Self::Set, Some(Dates { state: State::AgeUnknown, .. })) => "set, age unknown",
            (Self::Set, _) => "set",
            (Self::Composed, _) => "composed",
            (Self::Missing, _) => "missing",
            (Self::Undeclared, _) => "set, not declared",
            (Self::None, _) => "-",
            (Self::Unknown, _) => "unreadable",
        }
    }
}

/// What the dates beside a value say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    AgeUnknown,
    Overdue,
    Expired,
}

#[derive(Debug, Serialize)]
struct Dates {
    state: State,
    rotated: Option<Date>,
    due: Option<Date>,
    expires: Option<Date>,
}

#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    tool: &'static str,
    complete: bool,
    secrets: BTreeMap<&'a str, BTreeMap<&'a str, Cell>>,
    dates: BTreeMap<&'a str, BTreeMap<&'a str, Dates>>,
    findings: Marks<'a>,
}

/// The codes of what is odd about values, by name and environment.
type Marks<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'static str>>>;

pub(super) fn run(arguments: &List, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let identities = world.identity_chain(global).load()?;
    let environments = read::environments(&selection.layout, &selection.environments, &identities);
    let today = (world.clock)().to_zoned(TimeZone::UTC).date();
    let odd = odd(&selection.project, &environments, world)?;
    let listing = listing(&selection.project, &environments, &odd, today);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&listing)),
        Format::Table if listing.secrets.is_empty() => {
            world.ui.say("the vault is empty; `undrift set NAME -e ENVIRONMENT` sets a value");
        }
        Format::Table => {
            let text = table(&listing, world.ui.width);
            world.ui.write(&text);
        }
    }
    for problem in environments.iter().flat_map(|environment| &environment.inventory.problems) {
        world.ui.say(&format!("{problem} ({})", problem.kind.code()));
    }
    for (_, problem) in &odd {
        world.ui.say(&format!("* {problem} ({})", problem.kind.code()));
    }
    let mut cells = listing.secrets.values().flat_map(BTreeMap::values);
    let mut dates = listing.dates.values().flat_map(BTreeMap::values);
    Ok(if !listing.complete {
        Exit::Trouble
    } else if cells.any(|cell| matches!(cell, Cell::Missing | Cell::Undeclared))
        || dates.any(|dates| matches!(dates.state, State::Overdue | State::Expired))
        || !odd.is_empty()
    {
        Exit::Drift
    } else {
        Exit::Clean
    })
}

/// Returns what is odd about the values, but for what is worth a note alone.
fn odd(
    project: &Project,
    environments: &[Environment],
    world: &World,
) -> anyhow::Result<Vec<(EnvironmentName, Problem)>> {
    let inventories: Vec<_> = environments.iter().map(|environment| &environment.inventory).collect();
    let key = key::generate().context("cannot make a key to compare values with")?;
    let mut odd = hygiene::check(project, &inventories, &key, (world.clock)());
    odd.retain(|(_, problem)| problem.kind.severity() != Severity::Note);
    Ok(odd)
}

fn listing<'a>(
    project: &'a Project,
    environments: &'a [Environment],
    odd: &'a [(EnvironmentName, Problem)],
    today: Date,
) -> Listing<'a> {
    let stored = environments.iter().flat_map(|environment| environment.inventory.entries.keys());
    let names: BTreeSet<&SecretName> = project.secrets.keys().chain(stored).collect();
    let whole: Vec<bool> = environments.iter().map(|environment| environment.inventory.is_complete()).collect();
    let complete = whole.iter().all(|is_whole| *is_whole);
    let (mut secrets, mut all_dates) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let (mut cells, mut of_name) = (BTreeMap::new(), BTreeMap::new());
        for (environment, is_whole) in environments.iter().zip(&whole) {
            let inventory = &environment.inventory;
            let entry = inventory.entries.get(name);
            let cell = match (entry, project.expects(name, &inventory.environment)) {
                (Some(entry), true) if entry.template.is_some() => Cell::Composed,
                (Some(_), true) => Cell::Set,
                (Some(_), false) => Cell::Undeclared,
                (None, true) if !is_whole => Cell::Unknown,
                (None, true) => Cell::Missing,
                (None, false) => Cell::None,
            };
            cells.insert(inventory.environment.as_str(), cell);
            let dates = entry.and_then(|entry| dates(project, name, entry, today));
            of_name.extend(dates.map(|dates| (inventory.environment.as_str(), dates)));
        }
        secrets.insert(name.as_str(), cells);
        if !of_name.is_empty() {
            all_dates.insert(name.as_str(), of_name);
        }
    }
    let mut findings = Marks::new();
    for (environment, problem) in odd {
        let of_name = findings.entry(problem.secret.as_deref().unwrap_or_default()).or_default();
        of_name.entry(environment.as_str()).or_default().push(problem.kind.code());
    }
    Listing { schema: "undrift/list/1", tool: report::TOOL, complete, secrets, dates: all_dates, findings }
}

/// Returns the dates of a value; none where nothing is written down and nothing is asked for.
fn dates(project: &Project, name: &SecretName, entry: &Entry, today: Date) -> Option<Dates> {
    let rotate_every = project.rotate_every(name);
    let state = match age::age(entry, rotate_every, today) {
        Age::SoonExpired { .. } if entry.rotated.is_none() && rotate_every.is_some() => State::AgeUnknown,
        Age::Good if entry.rotated.is_none() && entry.expires.is_none() => return None,
        Age::Good | Age::SoonDue { .. } | Age::SoonExpired { .. } => State::Good,
        Age::Unknown => State::AgeUnknown,
        Age::Overdue { .. } => State::Overdue,
        Age::Expired { .. } => State::Expired,
    };
    Some(Dates { state, rotated: entry.rotated, due: age::due(entry, rotate_every), expires: entry.expires })
}

/// Draws the table. What is odd has a star, which a line below it explains.
fn table(listing: &Listing<'_>, width: usize) -> String {
    let environments: Vec<&str> =
        listing.secrets.values().next().into_iter().flat_map(BTreeMap::keys).copied().collect();
    let rows: Vec<(&str, Vec<String>)> = listing
        .secrets
        .iter()
        .map(|(name, cells)| {
            let dates = listing.dates.get(name);
            let odd = listing.findings.get(name);
            let words = |(environment, cell): (&&str, &Cell)| {
                let star = if odd.is_some_and(|it| it.contains_key(environment)) { " *" } else { "" };
                format!("{}{star}", cell.words(dates.and_then(|it| it.get(environment))))
            };
            (*name, cells.iter().map(words).collect())
        })
        .collect();
    let rows: Vec<_> = rows.iter().map(|(name, cells)| (*name, cells.iter().map(String::as_str).collect())).collect();
    report::list::matrix(&environments, &rows, width)
}
