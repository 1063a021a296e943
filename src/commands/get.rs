//! `undrift get`: one value on standard output.

use super::values;
use crate::cli::{Get, Global};
use crate::error::Exit;
use crate::settings::World;

pub(super) fn run(arguments: &Get, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let inventory = values::open(global, world)?;
    let (_, entry) = values::one(&inventory, &arguments.name)?;
    world.ui.write(entry.value.expose());
    if !arguments.exact {
        world.ui.write("\n");
    }
    Ok(Exit::Clean)
}
