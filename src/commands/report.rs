//! `undrift report --merge`: one report of several audits. It reads them and nothing else, and asks nobody.

use std::path::Path;

use super::audit::{FILE_WIDTH, hint, render, status};
use crate::cli::{AuditFormat, Global, Report as Arguments};
use crate::error::{Exit, Refusal};
use crate::report::merge::{self, Part};
use crate::settings::World;
use crate::vault::layout::Layout;
use crate::vault::reports;

pub(super) fn run(arguments: &Arguments, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if !global.environments.is_empty() || !global.targets.is_empty() {
        return Err(Refusal::MergedWhole.into());
    }
    // The reports of many jobs may well be merged where no project is.
    let layout = Layout::find(&world.folder).unwrap_or_else(|| Layout::at(&world.folder));
    let paths: Vec<&Path> = arguments.files.iter().map(|file| file.path.as_path()).collect();
    let destinations = reports::destinations(&layout, &world.folder, &paths)?;
    let mut parts = Vec::with_capacity(arguments.merge.len());
    for path in &arguments.merge {
        reports::keeps(&destinations, &world.folder, path)?;
        parts.push(Part { file: path.display().to_string(), report: reports::read(&world.folder, path)? });
    }
    let report = merge::merge(parts)?;
    let text = render(arguments.format, &report, &[], arguments.all, world.ui.width);
    world.ui.write(&text);
    if arguments.format == AuditFormat::Table {
        hint(&report, world);
    }
    for (file, destination) in arguments.files.iter().zip(&destinations) {
        reports::write(destination, &render(file.format, &report, &[], true, FILE_WIDTH))?;
    }
    Ok(status(&report))
}
