//! `undrift run`: a program with the values of an environment in its environment, and nowhere else.

use anyhow::Context;

use super::values;
use crate::cli::{Global, Run};
use crate::error::Exit;
use crate::settings::{IDENTITY_VARIABLE, World};
use crate::ui::child::{self, Child};

pub(super) fn run(arguments: &Run, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let inventory = values::open(global, world)?;
    let values = values::wanted(&inventory, &arguments.only)?;
    let Some((program, rest)) = arguments.program.split_first() else { return Ok(Exit::Trouble) };
    // The key to the whole vault is ours, not the program's.
    let inherited = world.variables.iter().filter(|(name, _)| *name != IDENTITY_VARIABLE);
    let child = Child {
        program,
        arguments: rest,
        folder: &world.folder,
        variables: inherited.map(|(name, value)| (name.as_ref(), value.as_ref())).collect(),
        values: values.iter().map(|(name, entry)| (name.as_str(), &entry.value)).collect(),
    };
    let status = if arguments.redact { child::run_redacted(&child) } else { child::become_it(&child) };
    let status = status.with_context(|| format!("cannot start `{}`", program.to_string_lossy()))?;
    Ok(Exit::Child(status))
}
