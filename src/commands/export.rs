//! `undrift export`: the values of an environment on standard output, for leaving or for a program that reads files.

use super::values;
use crate::cli::{Export, ExportFormat, Global};
use crate::error::Exit;
use crate::settings::World;
use crate::vault::export;

pub(super) fn run(arguments: &Export, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let inventory = values::open(global, world)?;
    let values = values::wanted(&inventory, &arguments.only)?;
    let text = match arguments.format {
        ExportFormat::Dotenv => export::dotenv(&values),
        ExportFormat::Json => export::json(&values),
        ExportFormat::Shell => export::shell(&values),
    };
    world.ui.write(&text);
    Ok(Exit::Clean)
}
