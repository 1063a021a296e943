//! `undrift diff`: which names differ between the vault on the disk and a git revision, never the values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

use crate::cli::{Diff, Format, Global};
use crate::domain::difference::{self, Difference};
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::name::EnvironmentName;
use crate::domain::seal::{ContentHash, KEY_FILE};
use crate::error::{Exit, Refusal};
use crate::report;
use crate::settings::{Selection, World};
use crate::vault::history::{self, Files, Repository};
use crate::vault::identity::Identities;
use crate::vault::layout::Layout;
use crate::vault::read::Key;
use crate::vault::{crypt, group, read, store};

pub(super) fn run(arguments: &Diff, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    if let Some(file) = &arguments.textconv {
        return textconv(&selection, file, global, world);
    }
    let layout = &selection.layout;
    let repository = Repository::of(layout, &world.variables);
    let commit = repository.commit(&arguments.revision)?;
    let before = repository.files(&commit)?;
    let identities = world.identity_chain(global).load()?;
    let mut meant: BTreeSet<EnvironmentName> = selection.environments.iter().cloned().collect();
    if !selection.environments_named {
        // One that is no longer declared had names too.
        meant.extend(before.keys().cloned());
    }
    let after = history::present(layout, &meant).context("cannot read the vault")?;
    let (mut differences, mut complete) = (Vec::new(), true);
    for environment in &meant {
        let (found, problems) = compare(layout, environment, [&before, &after], &identities);
        let is_locked = |problem: &Problem| matches!(problem.kind, ProblemKind::Undecryptable { .. });
        if found.is_empty() && !problems.is_empty() && problems.iter().all(|(_, it)| is_locked(it)) {
            let count = report::intake::count(problems.len(), "file");
            if !selection.environments_named {
                world.ui.say(&format!("note: left out: `{environment}`, where no identity of yours opens {count}"));
                continue;
            }
        }
        for (is_old, problem) in &problems {
            let side = if *is_old { format!("at {}: ", &commit[..8]) } else { String::new() };
            world.ui.say(&format!("{side}{problem} ({})", problem.kind.code()));
        }
        complete &= !problems.iter().any(|(_, problem)| problem.kind.hides_values());
        differences.push((environment.clone(), found));
    }
    let diff = report::diff::diff(&commit, complete, &differences);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&diff)),
        Format::Table => {
            let text = report::diff::text(&diff, world.ui.width);
            world.ui.write(&text);
        }
    }
    Ok(match (complete, diff.changes.is_empty()) {
        (false, _) => Exit::Trouble,
        (true, false) => Exit::Drift,
        (true, true) => Exit::Clean,
    })
}

/// Compares the two states of one environment. Each problem comes with whether it is of the older one.
fn compare(
    layout: &Layout,
    environment: &EnvironmentName,
    [before, after]: [&Files; 2],
    identities: &Identities,
) -> (Vec<Difference>, Vec<(bool, Problem)>) {
    let none = BTreeMap::new();
    let [before, after] = [before, after].map(|files| files.get(environment).unwrap_or(&none));
    let readers = read::recipients(layout, environment).map(|recipients| recipients.names).unwrap_or_default();
    let (old, of_old) = history::side(layout, environment, before, after, identities, &readers);
    let (new, of_new) = history::side(layout, environment, after, before, identities, &readers);
    let problems = of_old.into_iter().map(|it| (true, it)).chain(of_new.into_iter().map(|it| (false, it)));
    (difference::compare(&old, &new), problems.collect())
}

/// Writes what git shows in place of one file's ciphertext. What cannot be opened is told as text too, by the hash of
/// its ciphertext: a status other than 0 would end `git diff` and `git log` for all other files.
fn textconv(selection: &Selection, file: &Path, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let path = world.absolute(file);
    let environment = environment_of(selection, &path)?;
    let ciphertext = store::read(&path).with_context(|| format!("cannot read {}", file.display()))?;
    if !crypt::is_age_file(&ciphertext) {
        // What is not encrypted may be a value, and an unkeyed hash of it would be a way to guess it.
        world.ui.write("not an age file\n");
        return Ok(Exit::Clean);
    }
    let closed = |why: &str| format!("{why}: ciphertext {}\n", &ContentHash::of(&ciphertext).to_string()[..12]);
    let text = match world.identity_chain(global).load() {
        Err(_) => closed("there is no identity to open it with"),
        Ok(identities) => opened(selection, environment, &path, &ciphertext, &identities).unwrap_or_else(closed),
    };
    world.ui.write(&text);
    Ok(Exit::Clean)
}

/// Returns the names in a file, or why they are not known.
fn opened(
    selection: &Selection,
    environment: &EnvironmentName,
    path: &Path,
    ciphertext: &[u8],
    identities: &Identities,
) -> Result<String, &'static str> {
    // Git names its copies of older versions after the file, with something of its own before it.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(KEY_FILE) {
        return Err("the environment's fingerprint key");
    }
    let file = selection.layout.group(environment, &name).ok_or("not a file with values")?;
    let plaintext = crypt::open(ciphertext, &identities.keys).map_err(|_| "no identity of yours opens it")?;
    let group = group::parse(&file.shown, file.format, &plaintext);
    if group.problems.iter().any(|problem| problem.kind.hides_values()) {
        return Err("it cannot be read whole");
    }
    match read::key(&selection.layout, environment, identities) {
        Key::Known(key) => Ok(report::diff::names(&group.entries, &key)),
        Key::Absent | Key::Unreadable => Err("there is no fingerprint key that tells its values apart"),
    }
}

/// Returns the environment that is meant: the one that was named, or else the one in whose folder the file lies.
fn environment_of<'a>(selection: &'a Selection, path: &Path) -> Result<&'a EnvironmentName, Refusal> {
    let folder = path.parent();
    let lies_in = |name: &&EnvironmentName| folder == Some(selection.layout.environment(name).as_path());
    match selection.environments.iter().find(lies_in) {
        Some(name) if !selection.environments_named => Ok(name),
        _ => selection.one_environment(),
    }
}
