//! A file that a person edits as text: what the new text changes, and remarks on top of it that are taken out again.

use std::collections::BTreeMap;

use super::inventory::Entry;
use super::name::SecretName;

/// What tells our own lines from the person's.
const MARK: &str = "# undrift: ";

/// What some programs put before a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The names that an edit touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Those that are new.
    pub set: Vec<SecretName>,
    /// Those whose value, or a date beside it, is another.
    pub changed: Vec<SecretName>,
    /// Those that are gone.
    pub removed: Vec<SecretName>,
}

impl Difference {
    /// Compares what a file holds before and after.
    pub fn between(before: &[(SecretName, Entry)], after: &[(SecretName, Entry)]) -> Self {
        let [before, after] = [before, after]
            .map(|entries| entries.iter().map(|(name, entry)| (name, entry)).collect::<BTreeMap<_, _>>());
        let mut difference = Self::default();
        for (name, entry) in &after {
            match before.get(name) {
                None => difference.set.push((*name).clone()),
                Some(old) if !is_same(old, entry) => difference.changed.push((*name).clone()),
                Some(_) => {}
            }
        }
        difference.removed =
            before.keys().filter(|name| !after.contains_key(*name)).map(|name| (*name).clone()).collect();
        difference
    }
}

impl std::fmt::Display for Difference {
    /// Writes `set A; changed B, C; removed D`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [("set", &self.set), ("changed", &self.changed), ("removed", &self.removed)];
        let told = parts.into_iter().filter(|(_, names)| !names.is_empty()).map(|(verb, names)| {
            format!("{verb} {}", names.iter().map(SecretName::as_str).collect::<Vec<_>>().join(", "))
        });
        let told: Vec<String> = told.collect();
        formatter.write_str(if told.is_empty() { "changed no value" } else { "" })?;
        formatter.write_str(&told.join("; "))
    }
}

fn is_same(old: &Entry, new: &Entry) -> bool {
    let previous = |entry: &Entry| entry.previous.as_ref().map(|value| value.expose().to_owned());
    old.value.expose() == new.value.expose()
        && (old.rotated, old.expires) == (new.rotated, new.expires)
        && previous(old) == previous(new)
}

fn lines(remarks: &[String]) -> String {
    remarks.iter().flat_map(|remark| [line(remark), "\n".to_owned()]).collect()
}

/// Puts remarks on top of a text, as comments.
pub fn with_remarks(text: &[u8], remarks: &[String]) -> Vec<u8> {
    let (mark, rest) = text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
    let lines = lines(remarks);
    [mark, lines.as_bytes(), rest].concat()
}

/// Takes remarks out again, wherever and however the person has left them: a search and replace through the whole text
/// reaches them too. `before` is the text that they were put on, whose own lines stay, as every other byte does.
pub fn without_remarks(text: &[u8], remarks: &[String], before: &[u8]) -> Vec<u8> {
    if remarks.is_empty() {
        return text.to_vec();
    }
    let (mark, rest) = text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
    let as_shown = lines(remarks);
    let rest = rest.strip_prefix(as_shown.as_bytes()).unwrap_or(rest);
    let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
    let is_kept = |line: &&[u8]| {
        !line.starts_with(MARK.as_bytes()) || before.split_inclusive(|byte| *byte == b'\n').any(|old| old == *line)
    };
    let kept = rest.split_inclusive(|byte| *byte == b'\n').filter(is_kept);
    std::iter::once(mark).chain(kept).collect::<Vec<_>>().concat()
}

/// A remark is one line, whatever it speaks of.
fn line(remark: &str) -> String {
    format!("{MARK}{}", remark.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::finding::Source;
    use crate::domain::secret::SecretValue;

    fn entry(name: &str, value: &str) -> (SecretName, Entry) {
        let source = Source { file: "a".to_owned(), line: 1 };
        let value = SecretValue::copied_from(value);
        let entry = Entry { value, template: None, previous: None, rotated: None, expires: None, source };
        (SecretName::parse(name).expect("a name"), entry)
    }

    #[test]
    fn each_name_is_set_changed_removed_or_left() {
        let before = [entry("LEFT", "1"), entry("CHANGED", "1"), entry("GONE", "1"), entry("DATED", "1")];
        let mut after = [entry("NEW", "1"), entry("CHANGED", "2"), entry("LEFT", "1"), entry("DATED", "1")];
        after[3].1.rotated = Some(date(2026, 11, 20));
        let difference = Difference::between(&before, &after);
        assert_eq!(difference.to_string(), "set NEW; changed CHANGED, DATED; removed GONE");
        assert_eq!(Difference::between(&before, &before).to_string(), "changed no value");
    }

    proptest! {
        #[test]
        fn remarks_are_taken_out_and_no_other_byte(
            text in prop_oneof![any::<Vec<u8>>(), "(\u{feff})?([A-C# =\r\n]|undrift: )*".prop_map(String::into_bytes)],
            remarks in prop::collection::vec("[ -~\n]{1,20}x", 0..4),
        ) {
            let shown = with_remarks(&text, &remarks);
            prop_assert_eq!(without_remarks(&shown, &remarks, &text), text);
        }
    }

    #[test]
    fn remarks_are_found_where_the_person_has_left_them() {
        let remarks = ["line 3: is not TOML".to_owned()];
        let before = b"# undrift: mine\nA = 1\r\n";
        let shown = with_remarks(before, &remarks);
        assert_eq!(shown, b"# undrift: line 3: is not TOML\n# undrift: mine\nA = 1\r\n");
        for (after, expected) in [
            // Below a new line, and after a search and replace.
            ("N = 1\n# undrift: line 3: is not TOML\r\n# undrift: mine\nA = 1", "N = 1\n# undrift: mine\nA = 1"),
            ("# undrift: line 3: is not JSON\n# undrift: mine\nA = 2\n", "# undrift: mine\nA = 2\n"),
            ("# undrift: mine\n", "# undrift: mine\n"),
        ] {
            let without = without_remarks(after.as_bytes(), &remarks, before);
            assert_eq!(String::from_utf8_lossy(&without), expected);
        }
    }
}
