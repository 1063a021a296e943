//! What the verbs that hand out values have in common: one environment decrypted, and the values that are wanted.

use crate::cli::Global;
use crate::domain::compose;
use crate::domain::finding::Problem;
use crate::domain::inventory::{Entry, Inventory};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::rotation::Run;
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::Refusal;
use crate::settings::{Selection, World};
use crate::vault::seal::Sealed;
use crate::vault::{read, rotation};

/// Decrypts the one environment that is meant.
pub(super) fn open(global: &Global, world: &World) -> anyhow::Result<Inventory> {
    let selection = Selection::resolve(global, world)?;
    let environment = selection.one_environment()?;
    let identities = world.identity_chain(global).load()?;
    let mut read = read::environments(&selection.layout, std::slice::from_ref(environment), &identities);
    let read = read.remove(0);
    match Refusal::locked(&read) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(read.inventory),
    }
}

/// Returns one value. A name that may stand in a file that could not be read is told apart from one that has no value.
pub(super) fn one<'a>(inventory: &'a Inventory, name: &str) -> Result<(&'a SecretName, &'a Entry), Refusal> {
    // What is wrong with this very name tells more than what is wrong with another.
    let own = |problem: &&Problem| problem.secret.as_deref() == Some(name) && problem.kind.hides_values();
    let unread =
        || inventory.problems.iter().find(own).map(|it| incomplete(inventory, it)).or_else(|| unread(inventory));
    inventory.entries.get_key_value(name).ok_or_else(|| match unread() {
        Some(refusal) => refusal,
        None => Refusal::NoValue {
            environment: inventory.environment.clone(),
            name: Typed::new(name),
            nearest: nearest(name, inventory.entries.keys().map(SecretName::as_str)).map(str::to_owned),
        },
    })
}

/// Returns the values of these names, or every one. All is all: with a file that could not be read there is no answer,
/// because a program that lacks half of its secrets fails later, and worse.
pub(super) fn wanted<'a>(
    inventory: &'a Inventory,
    only: &[String],
) -> Result<Vec<(&'a SecretName, &'a Entry)>, Refusal> {
    if !only.is_empty() {
        return only.iter().map(|name| one(inventory, name)).collect();
    }
    match unread(inventory) {
        Some(refusal) => Err(refusal),
        None => Ok(inventory.entries.iter().collect()),
    }
}

/// Refuses to change names that are being rotated: what the run says of their two values would not hold any more.
pub(super) fn refuse_rotating(
    selection: &Selection,
    environment: &EnvironmentName,
    sealed: &Sealed,
    names: &[&SecretName],
) -> anyhow::Result<()> {
    refuse_run(selection, environment, sealed, |run| run.has_any(names.iter().copied()))
}

/// Refuses to change anything where a run like this is open.
pub(super) fn refuse_run(
    selection: &Selection,
    environment: &EnvironmentName,
    sealed: &Sealed,
    is_concerned: impl Fn(&Run) -> bool,
) -> anyhow::Result<()> {
    let runs = rotation::read(&selection.layout, environment, sealed)?;
    let Some(run) = runs.iter().find(|run| is_concerned(run)) else { return Ok(()) };
    let (flags, environment) = (selection.write_flags(environment), environment.clone());
    Err(Refusal::Rotating { environment, names: run.names(), begun: run.begun, flags }.into())
}

/// Refuses to take names away that other values are composed of: those would be composed of nothing.
pub(super) fn refuse_parts(inventory: &Inventory, names: &[SecretName]) -> Result<(), Refusal> {
    for name in names {
        if let Some(user) = compose::users_of(inventory, name).into_iter().find(|user| !names.contains(user)) {
            let (environment, name, user) = (inventory.environment.clone(), name.clone(), user.clone());
            return Err(Refusal::PartOf { environment, name, user });
        }
    }
    Ok(())
}

fn unread(inventory: &Inventory) -> Option<Refusal> {
    let problem = inventory.problems.iter().find(|problem| problem.kind.hides_values())?;
    Some(incomplete(inventory, problem))
}

fn incomplete(inventory: &Inventory, problem: &Problem) -> Refusal {
    Refusal::Incomplete { environment: inventory.environment.clone(), problem: problem.to_string() }
}
