//! `undrift run`: a program with the values of an environment in its environment, and nowhere else.

use std::io::ErrorKind;

use super::values;
use crate::cli::{Global, Run};
use crate::error::{self, Exit};
use crate::settings::{IDENTITY_VARIABLE, World};
use crate::ui::child::{self, Child};

/// The status of a program that is not there, and of a file that is none: those of POSIX `env`.
const NOT_FOUND: u8 = 127;
const NOT_A_PROGRAM: u8 = 126;

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
    let unstarted = match status {
        Ok(status) => return Ok(Exit::Child(status)),
        Err(unstarted) => unstarted,
    };
    let status = match unstarted.kind() {
        ErrorKind::NotFound => Exit::Child(NOT_FOUND),
        ErrorKind::PermissionDenied => Exit::Child(NOT_A_PROGRAM),
        _ => Exit::Trouble,
    };
    let program = program.to_string_lossy();
    error::show(&anyhow::Error::from(unstarted).context(format!("cannot start `{program}`")), &mut world.ui);
    Ok(status)
}
