//! One file of the vault: its plaintext parsed into values, with every problem it has.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::dotenv;
use super::layout::GroupFormat;
use crate::domain::compose::{self, Template, TemplateError};
use crate::domain::finding::Source;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::inventory::Entry;
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;

/// What one file holds.
#[derive(Debug, Default)]
pub struct Group {
    /// Its values, in no particular order.
    pub entries: Vec<(SecretName, Entry)>,
    /// Everything that was wrong.
    pub problems: Vec<Problem>,
}

/// Parses a file's plaintext. `file` is how people call it.
pub fn parse(file: &str, format: GroupFormat, plaintext: &[u8]) -> Group {
    let mut parser = Parser { file, group: Group::default() };
    match format {
        GroupFormat::Dotenv => parser.dotenv(plaintext),
        GroupFormat::Toml => match std::str::from_utf8(plaintext) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                parser.toml(text, &Lines::of(text));
            }
            Err(error) => {
                let line = line_at(plaintext, error.valid_up_to());
                parser.problem(Some(line), None, ProblemKind::NotUtf8);
            }
        },
    }
    parser.group
}

/// Returns the line, from 1, of a position.
pub fn line_at(text: &[u8], position: usize) -> usize {
    text.iter().take(position).filter(|byte| **byte == b'\n').count() + 1
}

/// Where the lines of a text end, so that the line of each of many positions is found without counting from the top.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(position, _)| position).collect())
    }

    /// Returns the line, from 1, of a position.
    pub(super) fn at(&self, position: usize) -> usize {
        self.0.partition_point(|end| *end < position) + 1
    }
}

struct Parser<'a> {
    file: &'a str,
    group: Group,
}

impl Parser<'_> {
    fn problem(&mut self, line: Option<usize>, secret: Option<&str>, kind: ProblemKind) {
        let (file, secret) = (Some(self.file.to_owned()), secret.map(str::to_owned));
        self.group.problems.push(Problem { file, line, secret, kind });
    }

    fn source(&self, line: usize) -> Source {
        Source { file: self.file.to_owned(), line }
    }

    fn toml(&mut self, text: &str, lines: &Lines) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let table = document.get_ref();
        let mut doubled: Vec<&str> = Vec::new();
        let mut broken = false;
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = lines.at(span.start);
            let key = text.get(span).unwrap_or_default().trim_matches(['"', '\'']);
            match table.get_key_value(key) {
                Some((first, _)) if error.message().starts_with("duplicate key") => {
                    let first = self.source(lines.at(first.span().start));
                    doubled.push(key);
                    self.problem(Some(line), Some(key), ProblemKind::Duplicate { first });
                }
                _ => {
                    broken = true;
                    self.problem(Some(line), None, ProblemKind::BadToml(error.message().to_owned()));
                }
            }
        }
        // What was recovered from a file with a syntax error may not be what its author meant.
        if broken {
            return;
        }
        for (key, value) in table {
            let (name, line) = (key.get_ref().as_ref(), lines.at(key.span().start));
            if !doubled.contains(&name) {
                self.toml_entry(lines, name, line, value);
            }
        }
    }

    fn toml_entry(&mut self, lines: &Lines, name: &str, line: usize, value: &Spanned<DeValue<'_>>) {
        let Ok(secret) = SecretName::parse(name) else {
            self.problem(Some(line), Some(name), ProblemKind::IllegalName);
            return;
        };
        let source = self.source(line);
        let entry = match value.get_ref() {
            DeValue::String(value) => Ok(Entry {
                value: SecretValue::copied_from(value),
                template: None,
                previous: None,
                rotated: None,
                expires: None,
                source,
            }),
            DeValue::Table(table) => table_entry(table, source),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                Err(Fault::Table(value.span(), "put it in quotes"))
            }
            DeValue::Array(_) => Err(Fault::Table(value.span(), "a list is not a value")),
        };
        match entry {
            Ok(entry) => self.group.entries.push((secret, entry)),
            Err(Fault::Table(span, what)) => {
                let line = lines.at(span.start);
                self.problem(Some(line), Some(name), ProblemKind::BadValue(what));
            }
            Err(Fault::Template(error)) => {
                let fault = compose::Fault::Template(error);
                self.problem(Some(line), Some(name), ProblemKind::Compose(fault));
            }
        }
    }

    fn dotenv(&mut self, plaintext: &[u8]) {
        let document = dotenv::parse(plaintext);
        let at = |line: usize| document.entries.iter().find(|entry| entry.line == line);
        let mut doubled = BTreeSet::new();
        let mut broken = false;
        for problem in &document.problems {
            let line = Some(problem.line);
            if let dotenv::ProblemKind::Duplicate { first_line } = problem.kind {
                let name = at(problem.line).map(|entry| entry.name.as_str());
                let first = self.source(first_line);
                doubled.extend(name);
                self.problem(line, name, ProblemKind::Duplicate { first });
            } else {
                broken = true;
                let kind = match problem.kind {
                    dotenv::ProblemKind::InvalidUtf8 => ProblemKind::NotUtf8,
                    other => ProblemKind::BadDotenv(other.to_string()),
                };
                self.problem(line, None, kind);
            }
        }
        // After a broken line a piece of a value may look like a name of its own, so none is used or shown.
        if broken {
            let broken = |problem: &Problem| !matches!(problem.kind, ProblemKind::Duplicate { .. });
            self.group.problems.retain(broken);
            return;
        }
        for entry in &document.entries {
            let Ok(secret) = SecretName::parse(&entry.name) else { continue };
            if doubled.contains(entry.name.as_str()) {
                continue;
            }
            if !entry.disagreements.is_empty() {
                let dialects = entry.disagreements.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                self.problem(Some(entry.line), Some(&entry.name), ProblemKind::DialectsDisagree(dialects));
            }
            let source = self.source(entry.line);
            let value = SecretValue::copied_from(&entry.value);
            let entry = Entry { value, template: None, previous: None, rotated: None, expires: None, source };
            self.group.entries.push((secret, entry));
        }
    }
}

/// Why an entry is none.
enum Fault {
    /// It has a form that none has.
    Table(Range<usize>, &'static str),
    /// What it is to be composed by is no template.
    Template(TemplateError),
}

fn table_entry(table: &DeTable<'_>, source: Source) -> Result<Entry, Fault> {
    let (mut value, mut template) = (None, None);
    let mut entry = (None, None, None);
    for (key, field) in table {
        match key.get_ref().as_ref() {
            "value" => value = Some(string(field)?),
            "compose" => template = Some((key.span(), string(field)?)),
            "previous" => entry.0 = Some(string(field)?),
            "rotated" => entry.1 = Some(date(field)?),
            "expires" => entry.2 = Some(date(field)?),
            _ => return Err(Fault::Table(key.span(), "there is no other key")),
        }
    }
    let (value, template) = match (value, template) {
        (Some(value), None) => (value, None),
        // Until it is composed, its value is the template's text.
        (None, Some((_, text))) if entry.0.is_none() => {
            let template = Template::parse(text.expose()).map_err(Fault::Template)?;
            (text, Some(template))
        }
        (None, Some((span, _))) => return Err(Fault::Table(span, "what is composed has no `previous`")),
        (Some(_), Some((span, _))) => return Err(Fault::Table(span, "`value` and `compose` exclude each other")),
        (None, None) => {
            return Err(Fault::Table(table.keys().next().map_or(0..0, Spanned::span), "`value` is missing"));
        }
    };
    Ok(Entry { value, template, previous: entry.0, rotated: entry.1, expires: entry.2, source })
}

fn string(field: &Spanned<DeValue<'_>>) -> Result<SecretValue, Fault> {
    match field.get_ref() {
        DeValue::String(text) => Ok(SecretValue::copied_from(text)),
        _ => Err(Fault::Table(field.span(), "put it in quotes")),
    }
}

fn date(field: &Spanned<DeValue<'_>>) -> Result<Date, Fault> {
    let text = match field.get_ref() {
        DeValue::Datetime(datetime) => datetime.date.map(|date| date.to_string()),
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Fault::Table(field.span(), "a date is written 2027-03-31"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(text: &str) -> Group {
        parse("vault/staging/a.toml.age", GroupFormat::Toml, text.as_bytes())
    }

    fn problems(group: &Group) -> Vec<(Option<usize>, Option<&str>, &'static str)> {
        group.problems.iter().map(|p| (p.line, p.secret.as_deref(), p.kind.code())).collect()
    }

    #[test]
    fn reads_both_forms_of_a_value() {
        let group = toml(
            "# a comment\nPLAIN = \"a=b # c\"\nMULTI = '''\none\ntwo\n'''\n\n[TABLE]\nvalue = \"v\"\nrotated = 2026-01-02\nprevious = \"u\"\n",
        );
        assert_eq!(problems(&group), []);
        let shown: Vec<_> = group.entries.iter().map(|(n, e)| (n.as_str(), e.value.expose(), e.source.line)).collect();
        assert_eq!(shown, [("MULTI", "one\ntwo\n", 3), ("PLAIN", "a=b # c", 2), ("TABLE", "v", 8)]);
        assert_eq!(group.entries[2].1.rotated, Some(jiff::civil::date(2026, 1, 2)));
        assert_eq!(group.entries[2].1.previous.as_ref().map(SecretValue::expose), Some("u"));
    }

    #[test]
    fn collects_every_problem_with_its_line() {
        let group =
            toml("A = 1\nB-C = \"x\"\n[D]\nvalue = \"x\"\nother = 1\n[E]\nrotated = 2026-01-01\n[F]\nvalue = 2\n");
        assert_eq!(
            problems(&group),
            [
                (Some(1), Some("A"), "UD312"),
                (Some(2), Some("B-C"), "UD311"),
                (Some(5), Some("D"), "UD312"),
                (Some(7), Some("E"), "UD312"),
                (Some(9), Some("F"), "UD312"),
            ]
        );
    }

    #[test]
    fn a_name_that_stands_twice_is_used_neither_time() {
        let group = toml("A = \"1\"\nB = \"2\"\nA = \"3\"\n");
        assert_eq!(problems(&group), [(Some(3), Some("A"), "UD305")]);
        assert_eq!(group.entries.len(), 1);
        let group = parse("x.env.age", GroupFormat::Dotenv, b"A=1\nB=2\nA=3\n");
        assert_eq!(problems(&group), [(Some(3), Some("A"), "UD305")]);
        assert_eq!(group.entries.len(), 1);
    }

    #[test]
    fn nothing_is_taken_from_a_file_with_a_syntax_error_and_nothing_of_it_is_repeated() {
        let group = toml("A = \"1\"\nB = \"canary\nC = \"2\"\n");
        assert!(group.entries.is_empty());
        assert!(!group.problems.is_empty());
        assert_eq!(group.problems[0].line, Some(2));
        assert!(group.problems.iter().all(|problem| !format!("{problem:?}").contains("canary")));
    }

    #[test]
    fn a_piece_of_a_broken_dotenv_value_is_never_taken_for_a_name() {
        let group = parse("a", GroupFormat::Dotenv, b"A=1\nKEY='-----BEGIN\ncanary=\nA=2\n");
        assert!(group.entries.is_empty());
        assert_eq!(problems(&group), [(Some(2), None, "UD316")]);
    }

    #[test]
    fn text_that_is_not_utf8_is_a_problem() {
        let group = parse("a", GroupFormat::Toml, b"A = \"1\"\nB = \"\xff\"\n");
        assert_eq!(problems(&group), [(Some(2), None, "UD314")]);
    }
}
