//! What each kind of file holds.

use std::path::Path;

use zeroize::Zeroizing;

use super::Reason;
use super::naming::{self, Kind, Skip};
use crate::domain::name::EnvironmentName;
use crate::vault::crypt::AnyIdentity;
use crate::vault::dotenv;
use crate::vault::foreign::document::{self, Syntax};
use crate::vault::foreign::sops::{self, Format};
use crate::vault::foreign::{self, fnox, passage};
use crate::vault::store::{self, ReadError};

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `NAME=value` lines, in the clear or encrypted by sops.
    Environment,
    /// YAML or JSON, encrypted by sops; in the clear only where it was named by hand.
    Document(Syntax),
    /// A file of fnox.
    Fnox,
    /// An entry of a passage store.
    Passage,
}

/// One value, and the programs that would read it as another one.
pub(super) struct Found {
    pub(super) entry: foreign::Entry,
    pub(super) disputed: Option<String>,
}

/// What a file holds for one environment.
#[derive(Default)]
pub(super) struct Reading {
    /// The environment, where the file itself says it.
    pub(super) profile: Option<String>,
    pub(super) found: Vec<Found>,
    /// What sops keeps in the clear.
    pub(super) in_the_clear: Vec<String>,
    /// What was not read of it.
    pub(super) left: Vec<(Option<usize>, Reason)>,
}

/// Tells how a file of a tree is read, if it is one of those that are looked for.
pub(super) fn form(path: &Path, name: &str, kind: Kind, store: bool) -> Option<Form> {
    let encrypted_by_sops = || store::read(path).is_ok_and(|content| sops::may_be(&content));
    match kind {
        Kind::Plain => Some(Form::Environment),
        Kind::Other | Kind::Skipped(Skip::Encrypted) if store && name.strip_suffix(".age").is_some() => {
            Some(Form::Passage)
        }
        Kind::Skipped(Skip::Encrypted) => encrypted_by_sops().then_some(Form::Environment),
        Kind::Other if fnox::is_called(name) => Some(Form::Fnox),
        Kind::Other => Syntax::of(name).filter(|_| encrypted_by_sops()).map(Form::Document),
        Kind::Skipped(_) => None,
    }
}

/// Tells how a file that was named by hand is read, which is always somehow.
pub(super) fn form_by_hand(path: &Path, name: &str, declared: &[EnvironmentName]) -> Form {
    let folder = path.parent().unwrap_or(path);
    if naming::kind(name, declared) != Kind::Plain
        && let Some(form) = form(path, name, naming::kind(name, declared), passage::is_store(folder))
    {
        return form;
    }
    match Syntax::of(name) {
        Some(syntax) => Form::Document(syntax),
        None if name.strip_suffix(".toml").is_some() => Form::Fnox,
        None => Form::Environment,
    }
}

/// Reads a file, once for each environment that it itself speaks of.
pub(super) fn read(path: &Path, form: Form, by_hand: bool, identities: &[AnyIdentity]) -> Vec<Reading> {
    let readings = store::read(path).map(Zeroizing::new).map_err(unreadable).and_then(|content| match form {
        Form::Environment if sops::may_be(&content) => encrypted(&content, Format::Environment, identities),
        Form::Environment => plain(&content),
        Form::Document(syntax) if sops::may_be(&content) || !by_hand => {
            encrypted(&content, Format::Document(syntax), identities)
        }
        Form::Document(syntax) => in_the_clear(&content, syntax),
        Form::Fnox => fnox(&content, identities),
        Form::Passage => entry(&content, identities),
    });
    readings.unwrap_or_else(|left| vec![Reading { left, ..Reading::default() }])
}

type Read = Result<Vec<Reading>, Vec<(Option<usize>, Reason)>>;

fn unreadable(error: ReadError) -> Vec<(Option<usize>, Reason)> {
    vec![match error {
        ReadError::TooLarge(_) => (None, Reason::TooLarge),
        ReadError::Io(error) => (None, Reason::Unreadable(error.kind())),
    }]
}

fn undisputed(entries: Vec<foreign::Entry>) -> Vec<Found> {
    entries.into_iter().map(|entry| Found { entry, disputed: None }).collect()
}

/// Reads a file whole or not at all: next to a line that is not understood, a value may be a part of another one.
fn plain(content: &[u8]) -> Read {
    let document = dotenv::parse(content);
    // A name that stands twice is understood well; whether its values differ is decided with all the others.
    let broken: Vec<_> = document
        .problems
        .iter()
        .filter(|problem| !matches!(problem.kind, dotenv::ProblemKind::Duplicate { .. }))
        .map(|problem| (Some(problem.line), Reason::Broken(problem.kind)))
        .collect();
    if !broken.is_empty() {
        return Err(broken);
    }
    let encrypted = |value: &str| value.starts_with("ENC[AES256_GCM,") || value.starts_with("encrypted:");
    if document.entries.iter().any(|entry| encrypted(&entry.value)) {
        return Err(vec![(None, Reason::Encrypted)]);
    }
    let found = document.entries.into_iter().map(|entry| {
        let readers: Vec<String> = entry.disagreements.iter().map(ToString::to_string).collect();
        let dotenv::Entry { name, value, line, .. } = entry;
        let disputed = (!readers.is_empty()).then(|| readers.join(", "));
        Found { entry: foreign::Entry { name, made_of: None, value, line }, disputed }
    });
    Ok(vec![Reading { found: found.collect(), ..Reading::default() }])
}

fn encrypted(content: &[u8], format: Format, identities: &[AnyIdentity]) -> Read {
    let opened =
        sops::open(content, format, identities).map_err(|(line, refusal)| vec![(line, Reason::Sops(refusal))])?;
    let sops::Opened { entries, in_the_clear } = opened;
    Ok(vec![Reading { found: undisputed(entries), in_the_clear, ..Reading::default() }])
}

fn in_the_clear(content: &[u8], syntax: Syntax) -> Read {
    let text = std::str::from_utf8(content).map_err(|_| vec![(None, Reason::NotText)])?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = document::read(text, syntax)
        .map_err(|(line, error)| vec![(Some(line), Reason::Sops(sops::Refusal::Document(error)))])?;
    Ok(vec![Reading { found: undisputed(document::plain(documents)), ..Reading::default() }])
}

fn fnox(content: &[u8], identities: &[AnyIdentity]) -> Read {
    let text = std::str::from_utf8(content).map_err(|_| vec![(None, Reason::NotText)])?;
    let profiles = fnox::open(text, identities).map_err(|(line, refusal)| vec![(line, Reason::Fnox(refusal))])?;
    let reading = |profile: fnox::Profile| Reading {
        profile: profile.name,
        found: undisputed(profile.entries),
        left: profile.refused.into_iter().map(|(line, refusal)| (Some(line), Reason::Fnox(refusal))).collect(),
        ..Reading::default()
    };
    Ok(profiles.into_iter().map(reading).collect())
}

/// The name of an entry is made of its path, by whoever knows that.
fn entry(content: &[u8], identities: &[AnyIdentity]) -> Read {
    let value = passage::open(content, identities).map_err(|refusal| vec![(None, Reason::Passage(refusal))])?;
    let entry = foreign::Entry { name: String::new(), made_of: None, value, line: 1 };
    Ok(vec![Reading { found: undisputed(vec![entry]), ..Reading::default() }])
}
