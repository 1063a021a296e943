//! `undrift probe`: asks once whether the value in the vault is alive. Nothing is written.

use super::rotate::inherited;
use super::survey::block_on;
use super::values;
use crate::cli::{Global, Probe as Arguments};
use crate::domain::name::SecretName;
use crate::domain::rotation::Answer;
use crate::error::{Exit, Refusal};
use crate::flow::probe::{LONGEST, Prober, Subject};
use crate::settings::{Selection, World};
use crate::targets::client::Client;
use crate::vault::read;

pub(super) fn run(arguments: &Arguments, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let environment = selection.one_environment()?;
    let identities = world.identity_chain(global).load()?;
    let read = read::environments(&selection.layout, std::slice::from_ref(environment), &identities).swap_remove(0);
    if let Some(refusal) = Refusal::locked(&read) {
        return Err(refusal.into());
    }
    let inventory = &read.inventory;
    let (name, entry) = values::one(inventory, &arguments.name)?;
    // A file that somebody else made could name another host to send a value to.
    if let Some(problem) = inventory.problems.iter().find(|problem| problem.kind.hides_values()) {
        return Err(Refusal::Incomplete { environment: environment.clone(), problem: problem.to_string() }.into());
    }
    if read.sealed.is_unsealed() {
        return Err(Refusal::Unsealed(environment.clone()).into());
    }
    if read.known_key().is_none() {
        return Err(Refusal::KeyUnreadable(environment.clone()).into());
    }
    let probe = selection.project.probe(name).ok_or_else(|| Refusal::NoProbe(name.clone()))?;
    let prober = Prober {
        client: Client::new(&world.network),
        folder: selection.layout.root(),
        variables: inherited(&selection.project, world),
        longest: LONGEST,
    };
    let subject = Subject { name, environment, value: &entry.value };
    let secret = |name: &SecretName| inventory.entries.get(name).map(|entry| &entry.value);
    let told = block_on(prober.ask(probe, &subject, secret))??;
    world.ui.write(&format!("{}: {}\n", told.answer.as_str(), told.reason));
    Ok(match told.answer {
        Answer::Alive => Exit::Clean,
        Answer::Dead => Exit::Drift,
        Answer::Unknown => Exit::Trouble,
    })
}
