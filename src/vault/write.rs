//! Changing values: one file is decrypted, edited, encrypted for the environment's recipients and replaced whole.

use jiff::civil::Date;
use toml_edit::{DocumentMut, InlineTable, Item, value};
use zeroize::Zeroizing;

use super::crypt::{self, OpenError};
use super::dotenv;
use super::group::{self, Group};
use super::identity::Identities;
use super::layout::{GroupFile, GroupFormat, Layout};
use super::names;
use super::read::{self, Environment};
use super::recipients::Recipients;
use super::seal::{SealError, Sealing};
use super::store::{self, LARGEST_FILE, ReadError};
use crate::domain::inventory::Entry;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::secret::SecretValue;

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It could not be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// It could not be opened.
    #[error("cannot open {file}")]
    Closed {
        /// The file.
        file: String,
        /// Why.
        source: OpenError,
    },
    /// What is in it could not be understood, so that a change might lose some of it.
    #[error("{file} cannot be changed before it is mended; `undrift audit` names the line")]
    Malformed {
        /// The file.
        file: String,
    },
    /// A name stands there in a form that is not edited.
    #[error("{file} has {name} in a form that cannot be edited; write it as `{name} = \"VALUE\"` first")]
    OddForm {
        /// The file.
        file: String,
        /// The name.
        name: SecretName,
    },
    /// It could not be encrypted for the recipients.
    #[error("cannot encrypt {file}")]
    Unencrypted {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It would be larger than any file that is read.
    #[error("{file} would be larger than {LARGEST_FILE} bytes, the most that is read")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// A value that is made of others, which a plain one would take the place of.
    #[error("{name} is composed of {}, in {file}", joined(.parts))]
    Composed {
        /// The file.
        file: String,
        /// The name.
        name: SecretName,
        /// What it is composed of.
        parts: Vec<SecretName>,
    },
    /// It is not the file that was sealed, or it could not be written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

fn joined(names: &[SecretName]) -> String {
    names.iter().map(SecretName::as_str).collect::<Vec<_>>().join(", ")
}

/// Reads an environment that is about to be written, and takes up writes of our own that were interrupted before they
/// were sealed: their files are named beside it. The project's lock is held meanwhile.
pub fn open(
    layout: &Layout,
    name: &EnvironmentName,
    identities: &Identities,
) -> Result<(Environment, Vec<String>), SealError> {
    let read = || read::environments(layout, std::slice::from_ref(name), identities).swap_remove(0);
    let environment = read();
    let unfinished: Vec<String> = environment.sealed.unfinished().map(str::to_owned).collect();
    if unfinished.is_empty() {
        return Ok((environment, unfinished));
    }
    Sealing::open(layout, name, environment.known_key(), &environment.sealed)?;
    Ok((read(), unfinished))
}

/// What is written down of the day on which a value was made.
#[derive(Clone, Copy, Debug)]
pub enum Dating {
    /// Nothing: nobody knows it.
    Kept,
    /// The new values were made on that day.
    MadeOn {
        /// The day.
        day: Date,
        /// Whether it is written down where no day was, too: the secret has to be made new from time to time.
        begins: bool,
    },
}

/// Puts values into a file of the vault, making it if it is not there. Comments, order and other values stay.
///
/// What is written beside an old value and no longer holds goes with it.
pub fn put(
    file: &GroupFile,
    entries: &[(&SecretName, &SecretValue)],
    dating: Dating,
    identities: &Identities,
    recipients: &Recipients,
    sealing: &mut Sealing<'_>,
) -> Result<(), WriteError> {
    let name = || file.shown.clone();
    let ciphertext =
        store::read_if_present(&file.path).map_err(|source| WriteError::Unreadable { file: name(), source })?;
    sealing.vouches_for(&file.path, ciphertext.as_deref())?;
    let plaintext = match &ciphertext {
        None => Zeroizing::default(),
        Some(ciphertext) => {
            crypt::open(ciphertext, &identities.keys).map_err(|source| WriteError::Closed { file: name(), source })?
        }
    };
    keeps_templates(file, &plaintext, entries)?;
    let edited = match file.format {
        GroupFormat::Toml => edit_toml(&plaintext, entries, dating),
        GroupFormat::Dotenv => edit_dotenv(&plaintext, entries),
    }
    .ok_or_else(|| WriteError::Malformed { file: name() })?;
    if !is_what_was_meant(file, &plaintext, &edited, entries) {
        return Err(WriteError::Malformed { file: name() });
    }
    let encrypted =
        crypt::seal(&edited, &recipients.keys).map_err(|source| WriteError::Unencrypted { file: name(), source })?;
    is_readable(file, &encrypted)?;
    sealing.write(&file.path, &encrypted, ciphertext.is_none())?;
    Ok(())
}

/// Refuses to write what nobody could read back.
pub(super) fn is_readable(file: &GroupFile, encrypted: &[u8]) -> Result<(), WriteError> {
    let is_too_large = encrypted.len() as u64 > LARGEST_FILE;
    if is_too_large { Err(WriteError::TooLarge { file: file.shown.clone() }) } else { Ok(()) }
}

/// Takes a value out of a file of the vault. Comments, order and other values stay, and so does a file that has no value
/// left. Returns whether it has one.
pub fn remove(
    file: &GroupFile,
    name: &SecretName,
    identities: &Identities,
    recipients: &Recipients,
    sealing: &mut Sealing<'_>,
) -> Result<bool, WriteError> {
    let after = edit(file, name, None, identities, recipients, sealing)?;
    Ok(!group::parse(&file.shown, file.format, &after).entries.is_empty())
}

/// Gives a value in a file of the vault another name. Everything else stays as it is.
pub fn rename(
    file: &GroupFile,
    old: &SecretName,
    new: &SecretName,
    identities: &Identities,
    recipients: &Recipients,
    sealing: &mut Sealing<'_>,
) -> Result<(), WriteError> {
    edit(file, old, Some(new), identities, recipients, sealing).map(drop)
}

/// Takes a name out of a file, or gives it a new one. Returns the new plaintext.
fn edit(
    file: &GroupFile,
    name: &SecretName,
    new: Option<&SecretName>,
    identities: &Identities,
    recipients: &Recipients,
    sealing: &mut Sealing<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let shown = || file.shown.clone();
    let ciphertext = store::read(&file.path).map_err(|source| WriteError::Unreadable { file: shown(), source })?;
    sealing.vouches_for(&file.path, Some(&ciphertext))?;
    let before =
        crypt::open(&ciphertext, &identities.keys).map_err(|source| WriteError::Closed { file: shown(), source })?;
    let after = match new {
        None => names::remove(&before, file.format, name),
        Some(new) => names::rename(&before, file.format, name, new),
    };
    let after = after
        .filter(|after| is_all_else_the_same(file, &before, after, name, new))
        .ok_or_else(|| WriteError::OddForm { file: shown(), name: name.clone() })?;
    let encrypted =
        crypt::seal(&after, &recipients.keys).map_err(|source| WriteError::Unencrypted { file: shown(), source })?;
    is_readable(file, &encrypted)?;
    sealing.write(&file.path, &encrypted, false)?;
    Ok(after)
}

/// What a file says of a name: its value, the one before it, and its two dates.
pub(super) type Said<'a> = (&'a str, Option<&'a str>, [Option<Date>; 2]);

pub(super) fn said<'a>(group: &'a Group, name: &SecretName) -> Vec<Said<'a>> {
    let of_name = group.entries.iter().filter(|(other, _)| other == name);
    let facts = of_name.map(|(_, entry)| {
        (entry.value.expose(), entry.previous.as_ref().map(SecretValue::expose), [entry.rotated, entry.expires])
    });
    facts.collect()
}

/// Reads an edit back as any reader would: one name is gone or has become another, and nothing else has changed.
fn is_all_else_the_same(
    file: &GroupFile,
    before: &[u8],
    after: &[u8],
    name: &SecretName,
    new: Option<&SecretName>,
) -> bool {
    let [before, after] = [before, after].map(|text| group::parse(&file.shown, file.format, text));
    let expected = |known: &SecretName| if known == name { new.cloned() } else { Some(known.clone()) };
    let left = before.entries.iter().filter_map(|(known, _)| expected(known)).count();
    before.problems.len() == after.problems.len()
        && after.entries.len() == left
        && !after.entries.iter().any(|(known, _)| known == name)
        && before
            .entries
            .iter()
            .all(|(known, _)| expected(known).is_none_or(|expected| said(&before, known) == said(&after, &expected)))
}

/// Refuses to write a plain value where a template stands: it would be lost, and its parts with it.
fn keeps_templates(
    file: &GroupFile,
    plaintext: &[u8],
    entries: &[(&SecretName, &SecretValue)],
) -> Result<(), WriteError> {
    let present = group::parse(&file.shown, file.format, plaintext).entries;
    let is_new = |name: &SecretName| entries.iter().any(|(new, _)| *new == name);
    let template = |(name, entry): (SecretName, Entry)| Some((name, entry.template?));
    match present.into_iter().filter(|(name, _)| is_new(name)).find_map(template) {
        Some((name, template)) => {
            let parts = template.names().into_iter().cloned().collect();
            Err(WriteError::Composed { file: file.shown.clone(), name, parts })
        }
        None => Ok(()),
    }
}

/// Reads an edit back as any reader would: the new values are there, and every other one is as it was.
fn is_what_was_meant(file: &GroupFile, before: &[u8], after: &[u8], entries: &[(&SecretName, &SecretValue)]) -> bool {
    let [before, after] = [before, after].map(|text| group::parse(&file.shown, file.format, text));
    let values = |group: &Group, name: &SecretName| -> Vec<String> {
        let of_name = group.entries.iter().filter(|(other, _)| other == name);
        of_name.map(|(_, entry)| entry.value.expose().to_owned()).collect()
    };
    let is_new = |name: &SecretName| entries.iter().any(|(new, _)| *new == name);
    let hiding = |group: &Group| group.problems.iter().filter(|problem| problem.kind.hides_values()).count();
    hiding(&after) <= hiding(&before)
        && entries.iter().all(|(name, value)| values(&after, name) == [value.expose()])
        && before.entries.iter().all(|(name, _)| is_new(name) || values(&after, name) == values(&before, name))
}

fn edit_toml(plaintext: &[u8], entries: &[(&SecretName, &SecretValue)], dating: Dating) -> Option<Zeroizing<Vec<u8>>> {
    let mut document: DocumentMut = std::str::from_utf8(plaintext).ok()?.parse().ok()?;
    for (name, secret) in entries {
        if let Dating::MadeOn { day, begins } = dating {
            date(&mut document, name, secret, day, begins)?;
        }
        match document.get_mut(name.as_str()) {
            None => {
                // A plain value must stand above the first table, or it would belong to that table.
                document.as_table_mut().insert(name.as_str(), value(secret.expose()));
            }
            Some(Item::Table(table)) => {
                replace_value(table.entry("value").or_insert(value("")), value(secret.expose()));
            }
            Some(Item::Value(toml_edit::Value::InlineTable(table))) => {
                let mut item = value(secret.expose());
                if let (Some(old), Some(new)) = (table.get("value"), item.as_value_mut()) {
                    *new.decor_mut() = old.decor().clone();
                }
                table.insert("value", item.into_value().ok()?);
            }
            Some(item) => replace_value(item, value(secret.expose())),
        }
    }
    Some(Zeroizing::new(document.to_string().into_bytes()))
}

/// Dates a new value, before it takes the place of the old one. When it expires is not known.
fn date(document: &mut DocumentMut, name: &SecretName, new: &SecretValue, day: Date, begins: bool) -> Option<()> {
    let day = value(day.to_string().parse::<toml_edit::Datetime>().ok()?);
    let old = document.get(name.as_str());
    let is_same = |item: &Item| item.as_str() == Some(new.expose());
    if old.is_some_and(|old| is_same(old) || old.get("value").is_some_and(is_same)) {
        return Some(());
    }
    if begins && old.is_none_or(Item::is_str) {
        // A table that is written in one line may stand where a plain value can.
        let mut table = InlineTable::new();
        table.insert("value", value("").into_value().ok()?);
        replace_value(document.entry(name.as_str()).or_insert(value("")), Item::Value(table.into()));
    }
    let Some(table) = document.get_mut(name.as_str()).and_then(Item::as_table_like_mut) else { return Some(()) };
    table.remove("expires");
    match table.get_mut("rotated") {
        Some(rotated) => replace_value(rotated, day),
        None if begins => {
            table.insert("rotated", day);
        }
        None => {}
    }
    Some(())
}

/// Assigning a new item would drop the comment that trails the old one.
pub(super) fn replace_value(item: &mut Item, new: Item) {
    let decor = item.as_value().map(|old| old.decor().clone());
    *item = new;
    if let (Some(decor), Some(new)) = (decor, item.as_value_mut()) {
        *new.decor_mut() = decor;
    }
}

fn edit_dotenv(plaintext: &[u8], entries: &[(&SecretName, &SecretValue)]) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(plaintext.to_vec());
    for (name, secret) in entries {
        let document = dotenv::parse(&text);
        if !document.problems.is_empty() {
            return None;
        }
        let present = document.entries.iter().find(|entry| entry.name == name.as_str());
        text = match present {
            Some(entry) => dotenv::replace(&text, entry, secret.expose()),
            None => dotenv::append(&text, name.as_str(), secret.expose()),
        };
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, name: &str, new: &str) -> String {
        let name = SecretName::parse(name).expect("a name");
        let edited =
            edit_toml(text.as_bytes(), &[(&name, &SecretValue::copied_from(new))], Dating::Kept).expect("toml");
        String::from_utf8(edited.to_vec()).expect("text")
    }

    #[test]
    fn comments_and_order_survive() {
        let text = "# shop\nB = \"1\" # keep\nA = \"2\"\n\n[C] # table\nvalue = \"3\" # inside\nrotated = 2026-01-01\n";
        assert_eq!(edit(text, "B", "x\"y"), text.replace("\"1\"", "'x\"y'"));
        assert_eq!(edit(text, "C", "new"), text.replace("\"3\"", "\"new\""));
        let added = edit(text, "D", "4");
        assert!(added.parse::<DocumentMut>().is_ok_and(|d| d["D"].as_str() == Some("4")), "{added}");
        assert!(added.contains("B = \"1\" # keep\nA = \"2\"\n"), "{added}");
    }

    #[test]
    fn a_value_that_is_made_new_is_dated_and_no_longer_expires() {
        let name = SecretName::parse("A").expect("a name");
        let day = jiff::civil::date(2026, 11, 20);
        let edited = |before: &str, begins: bool| {
            let dating = Dating::MadeOn { day, begins };
            let new = SecretValue::copied_from("2");
            let edited = edit_toml(before.as_bytes(), &[(&name, &new)], dating).expect("toml");
            String::from_utf8_lossy(&edited).into_owned()
        };
        for (before, after) in [
            (
                "[A]\nvalue = \"1\"\nrotated = 2026-01-01 # by us\nexpires = 2026-12-01\n",
                "[A]\nvalue = \"2\"\nrotated = 2026-11-20 # by us\n",
            ),
            (
                "A = { value = \"1\", expires = 2026-12-01, rotated = \"2026-01-01\" }\n",
                "A = { value = \"2\", rotated = 2026-11-20 }\n",
            ),
            ("A = \"1\" # ours\n", "A = \"2\" # ours\n"),
            ("", "A = \"2\"\n"),
            ("[A]\nvalue = \"1\"\n", "[A]\nvalue = \"2\"\n"),
            ("[A]\nvalue = \"2\"\nexpires = 2026-12-01\n", "[A]\nvalue = \"2\"\nexpires = 2026-12-01\n"),
        ] {
            assert_eq!(edited(before, false), after);
        }
        let dated = "{ value = \"2\", rotated = 2026-11-20 }";
        for (before, after) in [
            ("A = \"1\" # ours\n[B]\nvalue = \"1\"\n", format!("A = {dated} # ours\n[B]\nvalue = \"1\"\n")),
            ("[B]\nvalue = \"1\"\n", format!("A = {dated}\n[B]\nvalue = \"1\"\n")),
            ("[A]\nvalue = \"1\"\n", "[A]\nvalue = \"2\"\nrotated = 2026-11-20\n".to_owned()),
            ("A = \"2\"\n", "A = \"2\"\n".to_owned()),
        ] {
            assert_eq!(edited(before, true), after);
        }
    }

    #[test]
    fn an_edit_that_does_more_than_was_meant_is_seen() {
        let file = GroupFile {
            path: "a.toml.age".into(),
            shown: "a.toml.age".to_owned(),
            group: "a".to_owned(),
            format: GroupFormat::Toml,
        };
        let name = SecretName::parse("A").expect("a name");
        let new = SecretValue::copied_from("2");
        let meant =
            |after: &str| is_what_was_meant(&file, b"A = \"1\"\nB = \"b\"\n", after.as_bytes(), &[(&name, &new)]);
        assert!(meant("A = \"2\"\nB = \"b\"\n"));
        for after in ["A = \"1\"\nB = \"b\"\n", "A = \"2\"\n", "A = \"2\"\nB = \"c\"\n", "A = \"2\"\nB = \"b", ""] {
            assert!(!meant(after), "{after}");
        }
    }

    #[test]
    fn an_edit_of_a_name_that_touches_another_is_seen() {
        let file = GroupFile {
            path: "a.toml.age".into(),
            shown: "a.toml.age".to_owned(),
            group: "a".to_owned(),
            format: GroupFormat::Toml,
        };
        let [old, new] = ["A", "C"].map(|name| SecretName::parse(name).expect("a name"));
        let before = b"A = { value = \"1\", expires = 2026-01-01 }\nB = \"b\"\n";
        let seen = |after: &str, new| is_all_else_the_same(&file, before, after.as_bytes(), &old, new);
        assert!(seen("B = \"b\"\n", None));
        for after in ["A = \"1\"\nB = \"b\"\n", "B = \"c\"\n", "", "C = \"1\"\nB = \"b\"\n"] {
            assert!(!seen(after, None), "{after}");
        }
        assert!(seen("C = { value = \"1\", expires = 2026-01-01 }\nB = \"b\"\n", Some(&new)));
        for after in ["C = \"1\"\nB = \"b\"\n", "B = \"b\"\n", "C = \"1\"\nA = \"1\"\nB = \"b\"\n"] {
            assert!(!seen(after, Some(&new)), "{after}");
        }
    }

    #[test]
    fn dotenv_values_are_replaced_in_place() {
        let name = SecretName::parse("A").expect("a name");
        let edited = edit_dotenv(b"# c\nA=1 # x\nB=2\n", &[(&name, &SecretValue::copied_from("9"))]).expect("dotenv");
        assert_eq!(edited.as_slice(), b"# c\nA=9 # x\nB=2\n");
        assert!(edit_dotenv(b"A='open\n", &[(&name, &SecretValue::copied_from("9"))]).is_none());
    }
}
