//! What follows from another name for a secret: what its places make of it, and what stands in its way.

use jiff::civil::Date;

use super::declaration::Project;
use super::name::{EnvironmentName, RemoteName, SecretName};
use super::place::{NameRule, Place};
use super::receipt::{Receipt, Receipts};

/// What becomes of a secret at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The place.
    pub place: Place,
    /// Its name there until now.
    pub from: Option<RemoteName>,
    /// Its name there from now on.
    pub to: Option<RemoteName>,
}

/// Why a name cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// An ignore rule speaks of the old or the new name at a place.
    #[error("the ignore rule for `{rule}` covers `{name}` at {}: what is renamed there would not be seen", .place.location)]
    Ignored {
        /// The name that the rule speaks of.
        rule: String,
        /// The name it covers.
        name: RemoteName,
        /// The place.
        place: Box<Place>,
    },
    /// A place does not take the name.
    #[error("it cannot be called `{name}` at {}: {rule}", .place.location)]
    Illegal {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Box<Place>,
        /// The rule it breaks.
        rule: NameRule,
    },
    /// Another secret has that name there.
    #[error("`{other}` is called `{name}` at {} already", .place.location)]
    Taken {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Box<Place>,
        /// The other secret.
        other: SecretName,
    },
}

/// Returns what becomes of a secret at each place of an environment, by the declarations before and after.
pub fn moves(
    (before, old): (&Project, &SecretName),
    (after, new): (&Project, &SecretName),
    environment: &EnvironmentName,
) -> Vec<Move> {
    let called = |project: &Project, place: &Place, secret: &SecretName| {
        let bindings = project.bindings(place).into_iter();
        bindings.filter(|binding| binding.secret == *secret).map(|binding| binding.remote_name).next()
    };
    let places = after.places(environment).into_iter();
    let moves = places.map(|place| Move { from: called(before, &place, old), to: called(after, &place, new), place });
    moves.filter(|it| it.from.is_some() || it.to.is_some()).collect()
}

/// Returns what stands in the way of these moves.
pub fn obstacle(after: &Project, new: &SecretName, moves: &[Move], today: Date) -> Option<Obstacle> {
    moves.iter().filter(|it| it.from != it.to).find_map(|it| {
        let place = || Box::new(it.place.clone());
        for name in it.from.iter().chain(&it.to) {
            if let Some(rule) = after.ignores.iter().find(|rule| rule.covers(&it.place, name, today)) {
                return Some(Obstacle::Ignored { rule: rule.name.clone(), name: name.clone(), place: place() });
            }
        }
        let name = it.to.as_ref()?;
        if let Err(rule) = it.place.location.check_name(name) {
            return Some(Obstacle::Illegal { name: name.clone(), place: place(), rule });
        }
        let others = after.bindings(&it.place).into_iter();
        let other = others.filter(|other| other.secret != *new).find(|other| other.remote_name == *name)?;
        Some(Obstacle::Taken { name: name.clone(), place: place(), other: other.secret })
    })
}

/// Carries the receipts of a secret over to its new name, at the places that go on calling it as they did. Elsewhere
/// they stay with the old name, whose value is an orphan there. Returns whether any was changed.
pub fn carry(receipts: &mut Receipts, old: &SecretName, new: &SecretName, moves: &[Move]) -> bool {
    let mut is_changed = false;
    for Move { place, to, .. } in moves {
        let Some(name) = to else { continue };
        if let Some(receipt) = receipts.get(&place.location, name).filter(|receipt| receipt.secret == *old) {
            let receipt = Receipt { secret: new.clone(), ..receipt.clone() };
            receipts.insert(place.location.to_string(), name.clone(), receipt);
            is_changed = true;
        }
    }
    is_changed
}
