//! `undrift list`: which secret has a value in which environment, never the values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

use crate::cli::{Format, Global, List};
use crate::domain::name::SecretName;
use crate::error::Exit;
use crate::report;
use crate::settings::{Selection, World};
use crate::vault::read::{self, Environment};

/// Whether a secret has a value in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Cell {
    /// It has one.
    Set,
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
    const fn words(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Missing => "missing",
            Self::Undeclared => "set, not declared",
            Self::None => "-",
            Self::Unknown => "unreadable",
        }
    }
}

#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    tool: &'static str,
    complete: bool,
    secrets: BTreeMap<&'a str, BTreeMap<&'a str, Cell>>,
}

pub(super) fn run(arguments: &List, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let identities = world.identity_chain(global).load()?;
    let environments = read::environments(&selection.layout, &selection.environments, &identities);
    let names: BTreeSet<&SecretName> = selection
        .project
        .secrets
        .keys()
        .chain(environments.iter().flat_map(|environment| environment.inventory.entries.keys()))
        .collect();
    let cell = |name: &SecretName, environment: &Environment| {
        let inventory = &environment.inventory;
        let expected = selection.project.expects(name, &inventory.environment);
        match (inventory.entries.contains_key(name), expected) {
            (true, true) => Cell::Set,
            (true, false) => Cell::Undeclared,
            (false, true) if !inventory.is_complete() => Cell::Unknown,
            (false, true) => Cell::Missing,
            (false, false) => Cell::None,
        }
    };
    let secrets: BTreeMap<&str, BTreeMap<&str, Cell>> = names
        .into_iter()
        .map(|name| {
            let cells = environments.iter().map(|e| (e.inventory.environment.as_str(), cell(name, e))).collect();
            (name.as_str(), cells)
        })
        .collect();
    let complete = environments.iter().all(|environment| environment.inventory.is_complete());
    match arguments.format {
        Format::Json => {
            let listing = Listing { schema: "undrift/list/1", tool: report::TOOL, complete, secrets: secrets.clone() };
            world.ui.write(&report::json(&listing));
        }
        Format::Table if secrets.is_empty() => {
            world.ui.say("the vault is empty; `undrift set NAME -e ENVIRONMENT` sets a value");
        }
        Format::Table => world.ui.write(&table(&secrets)),
    }
    for problem in environments.iter().flat_map(|environment| &environment.inventory.problems) {
        world.ui.say(&format!("{problem} ({})", problem.kind.code()));
    }
    let cells = || secrets.values().flat_map(BTreeMap::values);
    Ok(if !complete {
        Exit::Trouble
    } else if cells().any(|cell| matches!(cell, Cell::Missing | Cell::Undeclared)) {
        Exit::Drift
    } else {
        Exit::Clean
    })
}

fn table(secrets: &BTreeMap<&str, BTreeMap<&str, Cell>>) -> String {
    let mut builder = Builder::default();
    let environments = secrets.values().next().into_iter().flat_map(BTreeMap::keys).copied();
    builder.push_record(std::iter::once("secret").chain(environments));
    for (name, cells) in secrets {
        builder.push_record(std::iter::once(*name).chain(cells.values().map(|cell| cell.words())));
    }
    let table = builder.build().with(Style::empty()).with(Padding::new(0, 2, 0, 0)).to_string();
    table.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}
