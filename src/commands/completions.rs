//! `undrift completions`: the few lines that a shell needs, and the answers to what it asks afterwards.
//!
//! A shell asks the program itself at each press of the key, so that names from undrift.toml complete as they are now.

use std::ffi::OsString;

use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use crate::cli::{Cli, Completions};
use crate::domain::name::{EnvironmentName, SecretName, TargetName};
use crate::error::Exit;
use crate::report::explain::CODES;
use crate::settings::World;
use crate::vault::layout::Layout;
use crate::vault::project;

/// The variable by which a shell asks.
const VARIABLE: &str = "UNDRIFT_COMPLETE";

/// The arguments that take a secret's name, by verb.
const SECRETS: &[(&str, &str)] = &[
    ("set", "name"),
    ("get", "name"),
    ("rm", "names"),
    ("rename", "old"),
    ("export", "only"),
    ("run", "only"),
    ("plan", "overwrite"),
    ("push", "overwrite"),
    ("adopt", "name"),
    ("rotate", "names"),
    ("history", "secret"),
];

pub(super) fn run(arguments: &Completions, world: &mut World) -> anyhow::Result<Exit> {
    let shells = Shells::builtins();
    let name = arguments.shell.name();
    let shell = shells.completer(name).ok_or_else(|| anyhow::anyhow!("there are no completions for {name}"))?;
    let mut text = Vec::new();
    shell.write_registration(VARIABLE, "undrift", "undrift", "undrift", &mut text)?;
    world.ui.write(&String::from_utf8_lossy(&text));
    Ok(Exit::Clean)
}

/// Answers a shell that asks what may come next; `None` when none does.
pub fn answer(arguments: &[OsString], world: &mut World) -> Option<Exit> {
    let shells = Shells::builtins();
    let shell = shells.completer(world.variable(VARIABLE)?)?;
    // What was typed stands behind the first `--`.
    let typed = arguments.iter().skip(1).skip_while(|argument| *argument != "--").skip(1).cloned().collect();
    let mut command = command(world);
    command.build();
    let mut text = Vec::new();
    // A shell cannot be told what went wrong while somebody types.
    let written = shell.write_complete(&mut command, typed, Some(&world.folder), &mut text);
    world.ui.write(&String::from_utf8_lossy(&text));
    Some(if written.is_ok() { Exit::Clean } else { Exit::Trouble })
}

/// Returns the command line with the names that the project here declares.
fn command(world: &World) -> Command {
    let project = Layout::find(&world.folder).and_then(|layout| project::read(&layout).ok()).unwrap_or_default();
    let environments = project.environments.keys().map(EnvironmentName::to_string).collect();
    let targets: Vec<String> = project.targets.keys().map(TargetName::to_string).collect();
    let at = targets.clone();
    let secrets: Vec<String> = project.secrets.keys().map(SecretName::to_string).collect();
    let mut command = Cli::command()
        .mut_arg("environments", |argument| argument.add(candidates(environments)))
        .mut_arg("targets", |argument| argument.add(candidates(targets)))
        .mut_subcommand("rotate", |verb| verb.mut_arg("at", |argument| argument.add(candidates(at))))
        .mut_subcommand("explain", |verb| {
            let codes = CODES.iter().map(|code| code.code.to_owned()).collect();
            verb.mut_arg("code", |argument| argument.add(candidates(codes)))
        });
    for (verb, argument) in SECRETS {
        let secrets = secrets.clone();
        command =
            command.mut_subcommand(verb, |verb| verb.mut_arg(argument, |argument| argument.add(candidates(secrets))));
    }
    command
}

fn candidates(names: Vec<String>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || names.iter().map(CompletionCandidate::new).collect())
}
