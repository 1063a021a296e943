//! Two values of one secret in one file: the one that counts, and the one before it while a rotation is under way.

use jiff::civil::Date;
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, value};
use zeroize::Zeroizing;

use super::crypt;
use super::group;
use super::identity::Identities;
use super::layout::{GroupFile, GroupFormat};
use super::recipients::Recipients;
use super::seal::Sealing;
use super::store;
use super::write::{WriteError, is_readable, replace_value, said};
use crate::domain::inventory::Entry;
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;

/// What happens to one secret.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It gets this value, made today, and the one it has stands beside it.
    Stage {
        /// The new value.
        new: &'a SecretValue,
        /// Today.
        today: Date,
    },
    /// Its value and the one beside it change places; these are the dates of the one that counts then.
    Swap {
        /// The day on which it was made.
        rotated: Option<Date>,
        /// The day on which it ceases to be valid.
        expires: Option<Date>,
    },
    /// The value beside it goes.
    Drop,
}

/// What a file says of one secret.
#[derive(Debug, PartialEq, Eq)]
struct Fact<'a> {
    value: &'a str,
    previous: Option<&'a str>,
    rotated: Option<Date>,
    expires: Option<Date>,
}

impl<'a> Fact<'a> {
    fn of(entry: &'a Entry) -> Self {
        let previous = entry.previous.as_ref().map(SecretValue::expose);
        Self { value: entry.value.expose(), previous, rotated: entry.rotated, expires: entry.expires }
    }

    /// Returns what it says after a change; none where that cannot be made.
    fn after(&self, change: Change<'a>) -> Option<Self> {
        Some(match change {
            Change::Stage { new, today } => {
                Self { value: new.expose(), previous: Some(self.value), rotated: Some(today), expires: None }
            }
            Change::Swap { rotated, expires } => {
                Self { value: self.previous?, previous: Some(self.value), rotated, expires }
            }
            Change::Drop => Self { previous: None, ..*self },
        })
    }
}

/// Changes secrets of one file, all of them at once. Comments, order and every other value stay.
pub fn apply(
    file: &GroupFile,
    changes: &[(&SecretName, Change<'_>)],
    identities: &Identities,
    recipients: &Recipients,
    sealing: &mut Sealing<'_>,
) -> Result<(), WriteError> {
    let shown = || file.shown.clone();
    let ciphertext = store::read(&file.path).map_err(|source| WriteError::Unreadable { file: shown(), source })?;
    sealing.vouches_for(&file.path, Some(&ciphertext))?;
    let before =
        crypt::open(&ciphertext, &identities.keys).map_err(|source| WriteError::Closed { file: shown(), source })?;
    if file.format != GroupFormat::Toml {
        return Err(WriteError::Malformed { file: shown() });
    }
    let after = edit(file, &before, changes).ok_or_else(|| WriteError::Malformed { file: shown() })?;
    let encrypted =
        crypt::seal(&after, &recipients.keys).map_err(|source| WriteError::Unencrypted { file: shown(), source })?;
    is_readable(file, &encrypted)?;
    sealing.write(&file.path, &encrypted, false)?;
    Ok(())
}

/// Edits the text, and reads it back as any reader would: what was meant has changed, and nothing else.
fn edit(file: &GroupFile, text: &[u8], changes: &[(&SecretName, Change<'_>)]) -> Option<Zeroizing<Vec<u8>>> {
    let before = group::parse(&file.shown, file.format, text);
    let mut document: DocumentMut = std::str::from_utf8(text).ok()?.parse().ok()?;
    let mut meant = Vec::new();
    for (name, change) in changes {
        let [(_, entry)] = before.entries.iter().filter(|(known, _)| known == *name).collect::<Vec<_>>()[..] else {
            return None;
        };
        let fact = Fact::of(entry).after(*change)?;
        put(&mut document, name, &fact)?;
        meant.push((*name, fact));
    }
    let edited = Zeroizing::new(document.to_string().into_bytes());
    let after = group::parse(&file.shown, file.format, &edited);
    let is_meant = meant.iter().all(|(name, fact)| {
        let mut found = after.entries.iter().filter(|(known, _)| known == *name);
        found.next().is_some_and(|(_, entry)| Fact::of(entry) == *fact) && found.next().is_none()
    });
    let is_other = |name: &SecretName| !changes.iter().any(|(changed, _)| *changed == name);
    let others = before.entries.iter().filter(|(name, _)| is_other(name));
    let all_else = before.problems.len() == after.problems.len()
        && before.entries.len() == after.entries.len()
        && others.into_iter().all(|(name, _)| said(&before, name) == said(&after, name));
    (is_meant && all_else).then_some(edited)
}

fn put(document: &mut DocumentMut, name: &SecretName, fact: &Fact<'_>) -> Option<()> {
    let item = document.get_mut(name.as_str())?;
    if item.is_str() {
        // A table that is written in one line may stand where the plain value stood.
        let mut table = InlineTable::new();
        table.insert("value", value(fact.value).into_value().ok()?);
        replace_value(item, Item::Value(table.into()));
    }
    let table = item.as_table_like_mut()?;
    set(table, "value", Some(value(fact.value)));
    set(table, "previous", fact.previous.map(value));
    set(table, "rotated", fact.rotated.map(day).transpose().ok()?);
    set(table, "expires", fact.expires.map(day).transpose().ok()?);
    Some(())
}

fn day(day: Date) -> Result<Item, toml_edit::DatetimeParseError> {
    Ok(value(day.to_string().parse::<toml_edit::Datetime>()?))
}

fn set(table: &mut dyn TableLike, key: &str, new: Option<Item>) {
    match (table.get_mut(key), new) {
        (Some(old), Some(new)) => replace_value(old, new),
        (None, Some(new)) => {
            table.insert(key, new);
        }
        (_, None) => {
            table.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> GroupFile {
        let shown = "vault/staging/a.toml.age".to_owned();
        GroupFile { path: shown.clone().into(), shown, group: "a".to_owned(), format: GroupFormat::Toml }
    }

    fn edited(text: &str, change: Change<'_>) -> Option<String> {
        let name = SecretName::parse("A").expect("a name");
        let edited = edit(&file(), text.as_bytes(), &[(&name, change)])?;
        Some(String::from_utf8(edited.to_vec()).expect("text"))
    }

    #[test]
    fn a_value_is_staged_swapped_and_dropped_in_every_form() {
        let new = SecretValue::copied_from("new \"1\"\n2");
        let today = jiff::civil::date(2026, 11, 20);
        let old_day = Some(jiff::civil::date(2026, 1, 2));
        let around = |text: &str| format!("# shop\nB = \"1\" # keep\n{text}\n[C]\nvalue = \"3\"\nprevious = \"2\"\n");
        for (text, rotated, expires) in [
            ("A = \"old\" # ours\n", None, None),
            ("A = { value = \"old\", rotated = 2026-01-02 } # ours\n", old_day, None),
            ("[A] # ours\nvalue = \"old\"\nexpires = 2026-01-02\n", None, old_day),
        ] {
            let before = around(text);
            let facts = |text: &str| {
                let group = group::parse("f", GroupFormat::Toml, text.as_bytes());
                assert!(group.problems.is_empty() && group.entries.len() == 3, "{text}");
                let (_, entry) = group.entries.into_iter().find(|(name, _)| name.as_str() == "A").expect("A");
                let previous = entry.previous.map(|value| value.expose().to_owned());
                (entry.value.expose().to_owned(), previous, entry.rotated, entry.expires)
            };
            let staged = edited(&before, Change::Stage { new: &new, today }).expect("an edit");
            let [old_value, new_value] = ["old", new.expose()].map(str::to_owned);
            assert_eq!(facts(&staged), (new_value.clone(), Some(old_value.clone()), Some(today), None));
            let back = edited(&staged, Change::Swap { rotated, expires }).expect("an edit");
            assert_eq!(facts(&back), (old_value.clone(), Some(new_value.clone()), rotated, expires));
            let dropped = edited(&back, Change::Drop).expect("an edit");
            assert_eq!(facts(&dropped), (old_value, None, rotated, expires));
            let finished = edited(&staged, Change::Drop).expect("an edit");
            assert_eq!(facts(&finished), (new_value, None, Some(today), None));
            for text in [staged, back, dropped, finished] {
                assert!(text.starts_with("# shop\nB = \"1\" # keep\n") && text.contains(" # ours\n"), "{text}");
                assert!(text.contains("[C]\nvalue = \"3\"\nprevious = \"2\"\n"), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_there_or_not_plain_is_not_changed() {
        let new = SecretValue::copied_from("new");
        let stage = Change::Stage { new: &new, today: jiff::civil::date(2026, 11, 20) };
        assert_eq!(edited("B = \"1\"\n", stage), None);
        assert_eq!(edited("A = \"1\"\nA = \"2\"\n", stage), None);
        assert_eq!(edited("B = \"1\"\nA = { compose = \"${B}\" }\n", stage), None);
        assert_eq!(edited("A = \"1\"\n", Change::Swap { rotated: None, expires: None }), None);
    }
}
