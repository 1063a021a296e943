//! `undrift adopt`: what one target holds is right. The vault takes its value, and a receipt says what the target shows.

use anyhow::Context;
use vault_schema::verdict::Verdict;

use super::set;
use super::survey::{Survey, block_on, survey};
use crate::cli::{Adopt, Global};
use crate::domain::adoption;
use crate::domain::declaration::Binding;
use crate::domain::fingerprint::Fingerprint;
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, GroupName, SecretName, TargetName};
use crate::domain::observation::SealedEvidence;
use crate::domain::place::Place;
use crate::domain::receipt::{Origin, Receipt};
use crate::domain::secret::SecretValue;
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::flow::recorder::Recorder;
use crate::settings::{Selection, World};
use crate::targets::Target;
use crate::ui::AskError;
use crate::vault::journal::Journal;
use crate::vault::lock;
use crate::vault::log::Log;

pub(super) fn run(arguments: &Adopt, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    if !arguments.value.is_empty() || arguments.name.contains('=') {
        return Err(Refusal::ValueInArguments.into());
    }
    // What was typed is not repeated: it may be the value, with the name forgotten.
    let name = SecretName::parse(&arguments.name).context("that cannot be a secret's name")?;
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    let environment = selection.one_environment()?.clone();
    let target = selection.one_target("adopt")?.clone();
    selection.needs_confirm(&arguments.confirm)?;
    let (place, binding) = belongs(&selection, &environment, &target, &name)?;
    let given = if arguments.as_is { None } else { Some(read(&binding.secret, arguments.exact, world)?) };
    let _lock = lock::acquire(&selection.layout, &world.who(), (world.clock)())?;
    let survey = survey(selection, global, world)?;
    survey.refuse_unsealed()?;
    survey.refuse_without_key(&environment)?;
    survey.remember().context("cannot write .undrift/seen.toml")?;
    let baseline = baseline(&survey, &place, &binding, given.as_ref())?;
    let is_new = given.is_some() && baseline.in_vault != Some(baseline.value);
    agree(arguments, &survey, &place, &binding, is_new, world)?;
    look_again(&survey, &place, &binding, baseline.shown)?;
    if is_new && let Some(value) = &given {
        let identities = world.identity_chain(global).load()?;
        let group = GroupName::parse("secrets").context("the usual group")?;
        set::put(&survey.selection, &environment, &binding.secret, &group, value, &identities, world)?;
    }
    // Whoever is interrupted between the receipt and the log has not cut the log.
    Log::of(&survey.selection.layout, &environment, &survey.subjects[&environment].key).begin_push(survey.at)?;
    file(&survey, &place, &binding, &baseline, given.is_none())?;
    note(&survey, &place, &binding, arguments.as_is, world)?;
    let how = if arguments.as_is { "accepted as it is" } else { "adopted" };
    world.ui.say(&format!("{how}: {} at {}; nothing was written there", binding.remote_name, place.location));
    if is_new && !elsewhere(&survey.selection, &place, &binding.secret).is_empty() {
        let flags = survey.flags(&environment);
        world.ui.say(&format!("hint: `undrift push{flags}` brings the value to its other places"));
    }
    Ok(Exit::Clean)
}

/// Returns the place that is meant, and the secret with its name there.
fn belongs(
    selection: &Selection,
    environment: &EnvironmentName,
    target: &TargetName,
    name: &SecretName,
) -> anyhow::Result<(Place, Binding)> {
    let places = selection.project.places(environment);
    let place = places.into_iter().find(|place| place.target == *target);
    let place = place.with_context(|| format!("the target `{target}` does not serve `{environment}`"))?;
    let bindings = selection.project.bindings(&place);
    let secrets = || bindings.iter().map(|binding| binding.secret.as_str());
    match bindings.iter().find(|binding| binding.secret == *name) {
        Some(binding) => Ok((place, binding.clone())),
        None => Err(Refusal::NotThere {
            name: Typed::new(name.as_str()),
            place: place.location,
            nearest: nearest(name.as_str(), secrets()).map(str::to_owned),
        }
        .into()),
    }
}

fn read(name: &SecretName, exact: bool, world: &mut World) -> anyhow::Result<SecretValue> {
    let value = world.ui.read_value(name.as_str(), exact)?;
    if value.is_empty() { Err(Refusal::BadValue("is empty; nothing was adopted").into()) } else { Ok(value) }
}

/// What a receipt will say.
struct Baseline {
    /// What the place showed.
    shown: SealedEvidence,
    /// The value's fingerprint: of the one given, or of the vault's.
    value: Fingerprint,
    /// The fingerprint of the vault's value, if it has one.
    in_vault: Option<Fingerprint>,
}

/// Returns what the place shows, when nothing contradicts that it is what was given.
fn baseline(
    survey: &Survey,
    place: &Place,
    binding: &Binding,
    given: Option<&SecretValue>,
) -> Result<Baseline, Refusal> {
    let subject = &survey.subjects[&place.environment];
    let (location, name) = (|| place.location.clone(), || binding.remote_name.clone());
    let observation = match &survey.observations[place] {
        Ok(observation) => observation,
        Err(why) => return Err(Refusal::Unread { place: location(), why: why.clone() }),
    };
    let Some(observed) = observation.entries.get(&binding.remote_name) else {
        return Err(Refusal::NothingToAdopt { place: Box::new(place.clone()), name: name() });
    };
    let in_sync = survey.rows.iter().any(|row| {
        row.place == *place && row.remote_name == binding.remote_name && row.judgement.verdict == Verdict::InSync
    });
    if in_sync && given.is_none() {
        return Err(Refusal::InSyncAlready { name: name(), place: location() });
    }
    adoption::check(&observed.evidence, given, &subject.key, &subject.receipts, &place.location)
        .map_err(|why| Refusal::NotAdopted { name: name(), place: location(), why })?;
    let in_vault = subject.inventory.entries.get(&binding.secret).map(|entry| subject.key.value(&entry.value));
    let value = given.map(|given| subject.key.value(given)).or(in_vault);
    let value = value.ok_or_else(|| Refusal::NothingBeside(binding.secret.clone()))?;
    Ok(Baseline { shown: observed.seal(&subject.key), value, in_vault })
}

/// Returns the other places of the environment that get the secret, each with its name there.
fn elsewhere(selection: &Selection, place: &Place, secret: &SecretName) -> Vec<String> {
    let others = selection.project.places(&place.environment).into_iter().filter(|other| other != place);
    others
        .flat_map(|other| {
            let bindings = selection.project.bindings(&other).into_iter().filter(|binding| binding.secret == *secret);
            bindings.map(move |binding| format!("{} {}", other.location, binding.remote_name)).collect::<Vec<_>>()
        })
        .collect()
}

/// Shows what follows from it, and asks.
fn agree(
    arguments: &Adopt,
    survey: &Survey,
    place: &Place,
    binding: &Binding,
    is_new: bool,
    world: &mut World,
) -> anyhow::Result<()> {
    let Binding { secret, remote_name } = binding;
    world.ui.say(&format!("{} {remote_name} ({}) stays as it is", place.location, place.environment));
    if arguments.as_is {
        world.ui.say("what it holds is accepted until it or the vault changes; nobody knows its value");
    } else if is_new {
        world.ui.say(&format!("the vault's {secret} becomes the value given"));
        for other in elsewhere(&survey.selection, place, secret) {
            world.ui.say(&format!("{other} becomes behind"));
        }
    } else {
        world.ui.say(&format!("the vault's {secret} is the value given already"));
    }
    if arguments.yes || world.ui.confirm("is that right?")? { Ok(()) } else { Err(AskError::Declined.into()) }
}

/// Looks right before anything is filed: what a person has decided about must still be there.
fn look_again(survey: &Survey, place: &Place, binding: &Binding, shown: SealedEvidence) -> anyhow::Result<()> {
    let unread = |why| Refusal::Unread { place: place.location.clone(), why };
    let target = survey.connections[place].as_ref().map_err(|why| unread(why.clone()))?;
    let seen = block_on(target.look(&[&binding.remote_name]))?.map_err(unread)?;
    let now = seen.entries.get(&binding.remote_name);
    let key = &survey.subjects[&place.environment].key;
    if now.map(|observed| observed.seal(key)) == Some(shown) {
        return Ok(());
    }
    Err(Refusal::Stale { place: place.location.clone(), name: binding.remote_name.clone() }.into())
}

/// Writes down in the log that it was adopted, and how.
fn note(survey: &Survey, place: &Place, binding: &Binding, as_is: bool, world: &World) -> anyhow::Result<()> {
    let layout = &survey.selection.layout;
    let deed = Deed {
        place: Some(place.location.to_string()),
        remote_names: vec![binding.remote_name.clone()],
        choice: as_is.then(|| "--as-is".to_owned()),
        ..Deed::in_vault(Action::Adopt, vec![binding.secret.clone()])
    };
    let log = Log::of(layout, &place.environment, &survey.subjects[&place.environment].key);
    Ok(log.append(&world.author(layout), survey.at, &[deed])?)
}

/// Files the receipt, and drops from the journal a write whose end nobody saw: a person has said how it ended.
fn file(survey: &Survey, place: &Place, binding: &Binding, baseline: &Baseline, as_is: bool) -> anyhow::Result<()> {
    let journal = Journal::of(&survey.selection.layout);
    let subject = &survey.subjects[&place.environment];
    let book = (place.environment.clone(), &subject.key, subject.receipts.clone());
    let receipt = Receipt {
        secret: binding.secret.clone(),
        value: baseline.value,
        written: survey.at,
        evidence: baseline.shown,
        origin: if as_is { Origin::AsIs } else { Origin::Adopted },
    };
    let recorder = Recorder::new(&survey.selection.layout, &journal, [book]);
    recorder.record(place, [(binding.remote_name.clone(), receipt)], [], &[]).context("cannot write the receipts")?;
    let mut open = survey.interrupted.clone();
    open.retain(|intent| {
        intent.environment != place.environment
            || intent.place != place.location.to_string()
            || intent.name != binding.remote_name
    });
    journal.compact(&open).context("cannot write the journal")
}
