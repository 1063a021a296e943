//! Composed values: a value that is made of others of its environment, `postgres://${DB_USER}:${DB_PASSWORD:url}@db`.
//!
//! A value is composed only where its table says `compose` in place of `value`: what was a plain text yesterday is never
//! read as a template today. In a template `$${` stands for `${`, and any other `$` for itself.

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::finding::{Problem, ProblemKind};
use super::inventory::{Entry, Inventory};
use super::kind::escape;
use super::name::SecretName;
use super::secret::SecretValue;
use super::suggest::nearest;

/// How many steps a composed value may be away from plain ones.
const DEEPEST: usize = 16;

/// The most bytes of a composed value. No place takes as much, and a template of templates of templates grows fast.
const LARGEST: usize = 1024 * 1024;

/// A text with the names of other values in it.
#[derive(Debug)]
pub struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// Text that stands for itself, and may be secret.
    Text(SecretValue),
    /// The value of a name.
    Value { name: SecretName, escaped: bool },
}

/// Why a text is not a template. None repeats it, for it may be a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("a `${{` is never closed; `$${{` stands for the two signs themselves")]
    Unclosed,
    /// `${` with something else than a name.
    #[error("a `${{` is followed by no name; `$${{` stands for the two signs themselves")]
    NoName,
    /// A way of writing a value that does not exist.
    #[error("what follows the `:` behind a name is `url`, or nothing")]
    UnknownForm,
    /// No name at all.
    #[error("it has no `${{NAME}}`; a value that is made of no other stands in `value`")]
    NoParts,
}

/// Why a value could not be composed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a template.
    #[error("cannot be composed: {0}")]
    Template(TemplateError),
    /// A name that has no value.
    #[error("is composed of `{part}`, which has no value here{}", suggestion(.nearest.as_ref()))]
    NoPart {
        /// The name.
        part: SecretName,
        /// The nearest name that has a value.
        nearest: Option<SecretName>,
    },
    /// A name whose own value could not be composed.
    #[error("is composed of `{0}`, which could not be composed")]
    BrokenPart(SecretName),
    /// A value that is made of itself.
    #[error("is composed of itself: {}", around(.0))]
    Cycle(Vec<SecretName>),
    /// Too many steps.
    #[error("is composed over more than {DEEPEST} steps")]
    TooDeep,
    /// Too long.
    #[error("would be larger than {LARGEST} bytes once it is composed")]
    TooLarge,
}

fn suggestion(nearest: Option<&SecretName>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn around(names: &[SecretName]) -> String {
    let all = names.iter().chain(names.first());
    all.map(SecretName::as_str).collect::<Vec<_>>().join(" -> ")
}

impl Fault {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPart { .. } | Self::BrokenPart(_) => "UD241",
            Self::Cycle(_) => "UD242",
            Self::Template(_) | Self::TooDeep | Self::TooLarge => "UD243",
        }
    }
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                rest = after;
                continue;
            }
            plain.push_str(before);
            let (inside, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            let (name, form) = inside.split_once(':').map_or((inside, None), |(name, form)| (name, Some(form)));
            let name = SecretName::parse(name).map_err(|_| TemplateError::NoName)?;
            let escaped = match form {
                None => false,
                Some("url") => true,
                Some(_) => return Err(TemplateError::UnknownForm),
            };
            if !plain.is_empty() {
                parts.push(Part::Text(SecretValue::copied_from(&plain)));
                plain.clear();
            }
            parts.push(Part::Value { name, escaped });
            rest = after;
        }
        if parts.is_empty() {
            return Err(TemplateError::NoParts);
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(SecretValue::copied_from(&plain)));
        }
        Ok(Self(parts))
    }

    /// Returns the names in it, each once.
    pub fn names(&self) -> BTreeSet<&SecretName> {
        let parts = self.0.iter();
        parts
            .filter_map(|part| match part {
                Part::Value { name, .. } => Some(name),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// Returns the text with values in place of names; none where it would be too large, or a name has no value.
    fn fill<V: Borrow<SecretValue>>(&self, value: impl Fn(&SecretName) -> Option<V>) -> Option<SecretValue> {
        let mut pieces = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            pieces.push(match part {
                Part::Text(text) => Zeroizing::new(text.expose().to_owned()),
                Part::Value { name, escaped } => {
                    let value = value(name)?;
                    let value = value.borrow().expose();
                    Zeroizing::new(if *escaped { escape(value).into_owned() } else { value.to_owned() })
                }
            });
            if pieces.iter().map(|piece| piece.len()).sum::<usize>() > LARGEST {
                return None;
            }
        }
        let mut filled = Zeroizing::new(String::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
        for piece in &pieces {
            filled.push_str(piece);
        }
        Some(SecretValue::new(filled))
    }
}

/// Composes every value of an environment that is to be. One that cannot be is taken out, with a problem that says why.
pub fn compose(inventory: &mut Inventory) {
    let mut waiting: BTreeMap<SecretName, BTreeSet<SecretName>> = BTreeMap::new();
    for (name, entry) in &inventory.entries {
        if let Some(template) = &entry.template {
            waiting.insert(name.clone(), template.names().into_iter().cloned().collect());
        }
    }
    if waiting.is_empty() {
        return;
    }
    let users = users(&waiting);
    let mut depths: BTreeMap<SecretName, usize> = BTreeMap::new();
    let mut broken: BTreeMap<SecretName, Fault> = BTreeMap::new();
    // How many of its parts are composed themselves, and not yet done.
    let mut open: BTreeMap<SecretName, usize> = waiting
        .iter()
        .map(|(name, parts)| (name.clone(), parts.iter().filter(|part| waiting.contains_key(*part)).count()))
        .collect();
    let mut ready: Vec<SecretName> =
        open.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.clone()).collect();
    while let Some(name) = ready.pop() {
        match result(&name, &waiting[&name], inventory, &depths, &broken) {
            Ok((value, depth)) => {
                depths.insert(name.clone(), depth);
                if let Some(entry) = inventory.entries.get_mut(&name) {
                    entry.value = value;
                }
            }
            Err(fault) => {
                broken.insert(name.clone(), fault);
            }
        }
        open.remove(&name);
        for user in users.get(&name).into_iter().flatten() {
            if let Some(count) = open.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    ready.push(user.clone());
                }
            }
        }
    }
    // What is still open goes round in a circle, or waits for what does.
    for name in open.keys() {
        broken.insert(name.clone(), circle(name, &waiting, &open));
    }
    for (name, fault) in broken {
        let Some(entry) = inventory.entries.remove(&name) else { continue };
        inventory.problems.push(Problem {
            file: Some(entry.source.file),
            line: Some(entry.source.line),
            secret: Some(name.to_string()),
            kind: ProblemKind::Compose(fault),
        });
    }
}

/// Returns the value that a name had before the rotations that are open: the one beside it, or composed of such.
pub fn before(inventory: &Inventory, name: &SecretName) -> Option<SecretValue> {
    let entry = inventory.entries.get(name)?;
    match &entry.template {
        // What is composed of itself is not among the entries.
        Some(template) => template.fill(|part| before(inventory, part)),
        None => Some(SecretValue::copied_from(entry.previous.as_ref().unwrap_or(&entry.value).expose())),
    }
}

/// Returns the values that are composed of this one.
pub fn users_of<'a>(inventory: &'a Inventory, name: &SecretName) -> Vec<&'a SecretName> {
    let uses = |entry: &Entry| entry.template.as_ref().is_some_and(|template| template.names().contains(name));
    inventory.entries.iter().filter(|(_, entry)| uses(entry)).map(|(user, _)| user).collect()
}

/// Returns which composed values each name is a part of.
fn users(waiting: &BTreeMap<SecretName, BTreeSet<SecretName>>) -> BTreeMap<SecretName, Vec<SecretName>> {
    let mut users: BTreeMap<SecretName, Vec<SecretName>> = BTreeMap::new();
    for (name, parts) in waiting {
        for part in parts {
            users.entry(part.clone()).or_default().push(name.clone());
        }
    }
    users
}

/// Composes one value, all of whose parts are done.
fn result(
    name: &SecretName,
    parts: &BTreeSet<SecretName>,
    inventory: &Inventory,
    depths: &BTreeMap<SecretName, usize>,
    broken: &BTreeMap<SecretName, Fault>,
) -> Result<(SecretValue, usize), Fault> {
    for part in parts {
        if broken.contains_key(part) {
            return Err(Fault::BrokenPart(part.clone()));
        }
        if !inventory.entries.contains_key(part) {
            let known = inventory.entries.keys().filter(|known| *known != name).map(SecretName::as_str);
            let nearest = nearest(part.as_str(), known).and_then(|name| SecretName::parse(name).ok());
            return Err(Fault::NoPart { part: part.clone(), nearest });
        }
    }
    let depth = 1 + parts.iter().filter_map(|part| depths.get(part)).max().copied().unwrap_or_default();
    if depth > DEEPEST {
        return Err(Fault::TooDeep);
    }
    let template = inventory.entries.get(name).and_then(|entry| entry.template.as_ref());
    let part = |part: &SecretName| Some(&inventory.entries.get(part)?.value);
    let value = template.and_then(|template| template.fill(part)).ok_or(Fault::TooLarge)?;
    Ok((value, depth))
}

/// Follows the first part that is still open, until a name comes again.
fn circle(
    name: &SecretName,
    waiting: &BTreeMap<SecretName, BTreeSet<SecretName>>,
    open: &BTreeMap<SecretName, usize>,
) -> Fault {
    let mut trail = vec![name.clone()];
    let mut seen = BTreeSet::from([name.clone()]);
    loop {
        let last = &trail[trail.len() - 1];
        let Some(next) = waiting[last].iter().find(|part| open.contains_key(*part)) else {
            return Fault::BrokenPart(name.clone());
        };
        if next == name {
            return Fault::Cycle(trail);
        }
        if !seen.insert(next.clone()) {
            return Fault::BrokenPart(trail[1].clone());
        }
        trail.push(next.clone());
    }
}
