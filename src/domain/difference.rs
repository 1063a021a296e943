//! What differs between two states of one environment: names, and what is said of them; never values.

use std::collections::BTreeMap;

pub use vault_schema::diff::{Fact, Kind};

use super::inventory::Entry;
use super::name::SecretName;
use super::secret::SecretValue;

/// One state of an environment, as far as it could be read.
#[derive(Debug, Default)]
pub struct Side {
    /// Its values.
    pub entries: Vec<(SecretName, Entry)>,
    /// Whether there may be values that could not be read.
    pub is_partial: bool,
}

/// One name that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name.
    pub secret: SecretName,
    /// How it differs.
    pub kind: Kind,
    /// The file it stood in before.
    pub from: Option<String>,
    /// The file it stands in after.
    pub to: Option<String>,
    /// What of it has changed.
    pub facts: Vec<Fact>,
}

/// Compares two states. A name that one of them lacks says nothing where that one could not be read whole.
pub fn compare(before: &Side, after: &Side) -> Vec<Difference> {
    let mut names: BTreeMap<&SecretName, [BTreeMap<&str, &Entry>; 2]> = BTreeMap::new();
    for (index, side) in [before, after].into_iter().enumerate() {
        for (name, entry) in &side.entries {
            names.entry(name).or_default()[index].insert(&entry.source.file, entry);
        }
    }
    let mut differences = Vec::new();
    for (name, [mut old, mut new]) in names {
        let mut pairs: Vec<(Option<&Entry>, Option<&Entry>)> = Vec::new();
        for file in old.keys().copied().collect::<Vec<_>>() {
            if let Some(entry) = new.remove(file) {
                pairs.push((old.remove(file), Some(entry)));
            }
        }
        // What is left stood in another file; of several, nobody can say which became which.
        if old.len() == 1 && new.len() == 1 {
            pairs.push((old.pop_first().map(|it| it.1), new.pop_first().map(|it| it.1)));
        }
        pairs.extend(old.into_values().map(|entry| (Some(entry), None)));
        pairs.extend(new.into_values().map(|entry| (None, Some(entry))));
        differences.extend(pairs.into_iter().filter_map(|(old, new)| {
            let file = |entry: Option<&Entry>| entry.map(|entry| entry.source.file.clone());
            let (from, to, facts) = (file(old), file(new), facts(old, new));
            let kind = match (old, new) {
                (None, _) if before.is_partial => return None,
                (_, None) if after.is_partial => return None,
                (None, _) => Kind::Added,
                (_, None) => Kind::Removed,
                _ if !facts.is_empty() => Kind::Changed,
                _ if from != to => Kind::Moved,
                _ => return None,
            };
            Some(Difference { secret: name.clone(), kind, from, to, facts })
        }));
    }
    differences
}

fn facts(old: Option<&Entry>, new: Option<&Entry>) -> Vec<Fact> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let mut facts = Vec::new();
    if old.value.expose() != new.value.expose() {
        facts.push(Fact::Value);
    }
    if old.rotated != new.rotated {
        facts.push(Fact::Rotated { from: old.rotated, to: new.rotated });
    }
    if old.expires != new.expires {
        facts.push(Fact::Expires { from: old.expires, to: new.expires });
    }
    let previous = [old, new].map(|entry| entry.previous.as_ref().map(SecretValue::expose));
    if previous[0] != previous[1] {
        facts.push(Fact::Previous);
    }
    facts
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;
    use crate::domain::finding::Source;

    const OLD: Date = date(2026, 1, 1);
    const NEW: Date = date(2026, 11, 20);

    fn entry(file: &str, value: &str, days: [Option<Date>; 2], previous: Option<&str>) -> Entry {
        Entry {
            value: SecretValue::copied_from(value),
            template: None,
            previous: previous.map(SecretValue::copied_from),
            rotated: days[0],
            expires: days[1],
            source: Source { file: file.to_owned(), line: 1 },
        }
    }

    fn side(entries: Vec<Entry>, is_partial: bool) -> Side {
        let name = SecretName::parse("A").expect("a name");
        Side { entries: entries.into_iter().map(|entry| (name.clone(), entry)).collect(), is_partial }
    }

    fn plain(file: &str, value: &str) -> Entry {
        entry(file, value, [None; 2], None)
    }

    #[test]
    fn every_way_to_differ_is_told() {
        let dated = |days| entry("a", "1", days, None);
        for (before, after, expected) in [
            (vec![plain("a", "1")], vec![plain("a", "1")], None),
            (vec![], vec![plain("a", "1")], Some((Kind::Added, vec![]))),
            (vec![plain("a", "1")], vec![], Some((Kind::Removed, vec![]))),
            (vec![plain("a", "1")], vec![plain("a", "2")], Some((Kind::Changed, vec![Fact::Value]))),
            (vec![plain("a", "1")], vec![plain("b", "1")], Some((Kind::Moved, vec![]))),
            (vec![plain("a", "1")], vec![plain("b", "2")], Some((Kind::Changed, vec![Fact::Value]))),
            (
                vec![dated([Some(OLD), None])],
                vec![dated([Some(NEW), Some(OLD)])],
                Some((
                    Kind::Changed,
                    vec![Fact::Rotated { from: Some(OLD), to: Some(NEW) }, Fact::Expires { from: None, to: Some(OLD) }],
                )),
            ),
            (
                vec![plain("a", "1")],
                vec![entry("a", "1", [None; 2], Some("0"))],
                Some((Kind::Changed, vec![Fact::Previous])),
            ),
        ] {
            let found = compare(&side(before, false), &side(after, false));
            let found: Vec<_> = found.into_iter().map(|it| (it.kind, it.facts)).collect();
            assert_eq!(found, Vec::from_iter(expected));
        }
    }

    #[test]
    fn what_could_not_be_read_makes_nothing_appear_or_vanish() {
        for (before, after, expected) in [
            (side(vec![], true), side(vec![plain("a", "1")], false), 0),
            (side(vec![plain("a", "1")], false), side(vec![], true), 0),
            (side(vec![plain("a", "1")], true), side(vec![], false), 1),
            (side(vec![], false), side(vec![plain("a", "1")], true), 1),
            (side(vec![plain("a", "1")], true), side(vec![plain("a", "2")], true), 1),
        ] {
            assert_eq!(compare(&before, &after).len(), expected);
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_compared_file_by_file() {
        let before = side(vec![plain("a", "1"), plain("b", "2")], false);
        let after = side(vec![plain("a", "1"), plain("b", "3"), plain("c", "1")], false);
        let found: Vec<_> = compare(&before, &after).into_iter().map(|it| (it.kind, it.from, it.to)).collect();
        let file = |name: &str| Some(name.to_owned());
        assert_eq!(found, [(Kind::Changed, file("b"), file("b")), (Kind::Added, None, file("c"))]);
    }
}
