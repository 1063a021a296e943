//! `undrift explain`: what a code means.

use crate::cli::Explain;
use crate::domain::suggest::one_slip_away;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::report::explain;
use crate::settings::World;

pub(super) fn run(arguments: &Explain, world: &mut World) -> anyhow::Result<Exit> {
    let text = match &arguments.code {
        None => explain::all(world.ui.width),
        Some(code) => explain::one(code, world.ui.width).ok_or_else(|| Refusal::UnknownCode {
            name: Typed::new(code),
            nearest: one_slip_away(code, explain::CODES.iter().map(|known| known.code)).map(str::to_owned),
        })?,
    };
    world.ui.write(&text);
    Ok(Exit::Clean)
}
