//! One file a verb, each short: settings in, the floors in order, an exit status out.

mod access;
mod adopt;
mod audit;
mod ci;
mod completions;
mod diff;
mod doctor;
mod edit;
mod explain;
mod export;
mod get;
mod grant;
mod history;
mod ignore;
mod import;
mod init;
mod list;
mod log;
mod login;
mod logout;
mod man;
mod notify;
mod plan;
mod probe;
mod push;
mod rename;
mod report;
mod revoke;
mod rm;
mod rotate;
mod run;
mod saved;
mod seal;
mod set;
mod survey;
mod values;

use crate::cli::{Cli, Command};
use crate::error::Exit;
use crate::settings::World;

pub use completions::answer as answer_shell;

/// Runs a command.
pub fn run(cli: &Cli, world: &mut World) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Init(arguments) => init::run(arguments, &cli.global, world),
        Command::Import(arguments) => import::run(arguments, &cli.global, world),
        Command::Login(arguments) => login::run(arguments, world),
        Command::Logout(arguments) => logout::run(arguments, world),
        Command::Doctor(arguments) => doctor::run(arguments, &cli.global, world),
        Command::Set(arguments) => set::run(arguments, &cli.global, world),
        Command::Edit(arguments) => edit::run(arguments, &cli.global, world),
        Command::Rm(arguments) => rm::run(arguments, &cli.global, world),
        Command::Rename(arguments) => rename::run(arguments, &cli.global, world),
        Command::Diff(arguments) => diff::run(arguments, &cli.global, world),
        Command::List(arguments) => list::run(arguments, &cli.global, world),
        Command::Get(arguments) => get::run(arguments, &cli.global, world),
        Command::Export(arguments) => export::run(arguments, &cli.global, world),
        Command::Run(arguments) => run::run(arguments, &cli.global, world),
        Command::Grant(arguments) => grant::run(arguments, &cli.global, world),
        Command::Revoke(arguments) => revoke::run(arguments, &cli.global, world),
        Command::Access(arguments) => access::run(arguments, &cli.global, world),
        Command::Audit(arguments) => audit::run(arguments, &cli.global, world),
        Command::Report(arguments) => report::run(arguments, &cli.global, world),
        Command::Plan(arguments) => plan::run(arguments, &cli.global, world),
        Command::Push(arguments) => push::run(arguments, &cli.global, world),
        Command::Rotate(arguments) => rotate::run(arguments, &cli.global, world),
        Command::Adopt(arguments) => adopt::run(arguments, &cli.global, world),
        Command::Ignore(arguments) => ignore::run(arguments, &cli.global, world),
        Command::Seal(arguments) => seal::run(arguments, &cli.global, world),
        Command::Log(arguments) => log::run(arguments, &cli.global, world),
        Command::History(arguments) => history::run(arguments, &cli.global, world),
        Command::Probe(arguments) => probe::run(arguments, &cli.global, world),
        Command::Explain(arguments) => explain::run(arguments, world),
        Command::Ci(arguments) => ci::run(arguments, &cli.global, world),
        Command::Completions(arguments) => completions::run(arguments, world),
        Command::Man(arguments) => man::run(arguments, world),
    }
}
