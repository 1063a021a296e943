//! undrift keeps one age-encrypted vault and every place its secrets are used in step, and proves it.
//!
//! Data goes one way: vault → inventory → observation → verdict → plan → outcome → report. Imports point down only:
//! `domain` below `vault` and `targets`, those below `flow`, `report` and `ui`, those below `commands`.

pub mod cli;
pub mod commands;
pub mod domain;
pub mod error;
pub mod flow;
pub mod report;
pub mod settings;
pub mod targets;
pub mod ui;
pub mod vault;

use std::ffi::OsString;

use clap::Parser;

use cli::Cli;
use error::Exit;
use settings::World;
use vault::recipients::{AccessError, is_private};

/// Runs one command and returns the process's exit status: 0 in sync or done, 1 drift, findings or held steps, 2 trouble.
pub fn run(arguments: impl IntoIterator<Item = OsString>, world: &mut World) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(exit) = commands::answer_shell(&arguments, world) {
        return exit.code();
    }
    // A command line that cannot be read is repeated to the person, and with it what should never be shown.
    if arguments.iter().take_while(|argument| *argument != "--").any(|argument| is_private(&argument.to_string_lossy()))
    {
        error::show(&AccessError::PrivateKey.into(), &mut world.ui);
        return Exit::Trouble.code();
    }
    let exit = match Cli::try_parse_from(arguments) {
        Ok(cli) => commands::run(&cli, world).unwrap_or_else(|error| {
            error::show(&error, &mut world.ui);
            Exit::Trouble
        }),
        Err(error) => {
            let talk = error.use_stderr();
            let text = error.render();
            let text = if world.ui.colour { text.ansi().to_string() } else { text.to_string() };
            if talk {
                world.ui.say_raw(&text);
                Exit::Trouble
            } else {
                world.ui.write(&text);
                Exit::Clean
            }
        }
    };
    if world.ui.finish() { exit.code() } else { Exit::Trouble.code() }
}
