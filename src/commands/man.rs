//! `undrift man`: the manual page of the program, or of one verb.

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, Man};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::settings::World;

pub(super) fn run(arguments: &Man, world: &mut World) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let command = match &arguments.verb {
        None => command,
        Some(verb) => {
            let known = || command.get_subcommands().map(clap::Command::get_name);
            let found = command.find_subcommand(verb).ok_or_else(|| Refusal::UnknownVerb {
                name: Typed::new(verb),
                nearest: nearest(verb, known()).map(str::to_owned),
            })?;
            found.clone()
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("cannot write the page")?;
    world.ui.write(&String::from_utf8_lossy(&page));
    Ok(Exit::Clean)
}
