//! What differs between the vault and a git revision, for people and for scripts.

use std::fmt::Write;

use jiff::civil::Date;
use unicode_width::UnicodeWidthStr;
use vault_schema::diff::{Change, Diff, Fact, Kind, SCHEMA};

use super::{TOOL, table};
use crate::domain::difference::Difference;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::Entry;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::secret::SecretValue;

/// Brings the report together.
pub fn diff(revision: &str, complete: bool, differences: &[(EnvironmentName, Vec<Difference>)]) -> Diff {
    let changes = differences.iter().flat_map(|(environment, differences)| {
        differences.iter().map(|difference| Change {
            environment: environment.to_string(),
            secret: difference.secret.to_string(),
            change: difference.kind,
            from: difference.from.clone(),
            to: difference.to.clone(),
            facts: difference.facts.clone(),
        })
    });
    let (schema, tool) = (SCHEMA.to_owned(), TOOL.to_owned());
    Diff { schema, tool, revision: revision.to_owned(), complete, changes: changes.collect() }
}

/// Renders it for people.
pub fn text(diff: &Diff, width: usize) -> String {
    const KIND: usize = "removed".len();
    let mut text = String::new();
    let mut rest = diff.changes.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|change| change.environment == first.environment).count();
        let (changes, others) = rest.split_at(count);
        let _ = writeln!(text, "{}", first.environment);
        let name = changes.iter().map(|change| change.secret.width()).max().unwrap_or_default();
        let rows = changes
            .iter()
            .map(|change| vec![format!("{:KIND$}", change.change.as_str()), change.secret.clone(), detail(change)]);
        table::columns(&mut text, rows, 2, width.saturating_sub(2 + KIND + 2 + name + 2).max(16));
        rest = others;
    }
    text
}

fn detail(change: &Change) -> String {
    let file =
        |path: &Option<String>| path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let mut facts: Vec<String> = change.facts.iter().map(fact).collect();
    match change.change {
        Kind::Added => facts.push(format!("in {}", file(&change.to))),
        Kind::Removed => facts.push(format!("from {}", file(&change.from))),
        Kind::Changed | Kind::Moved if change.from != change.to => {
            facts.push(format!("from {} to {}", file(&change.from), file(&change.to)));
        }
        Kind::Changed | Kind::Moved => {}
    }
    facts.join(", ")
}

fn fact(fact: &Fact) -> String {
    let days = |what: &str, from: Option<Date>, to: Option<Date>| match (from, to) {
        (Some(from), Some(to)) => format!("{what} {to}, before {from}"),
        (None, Some(to)) => format!("{what} {to}"),
        (Some(from), None) => format!("no longer {what} {from}"),
        (None, None) => what.to_owned(),
    };
    match *fact {
        Fact::Value => "value".to_owned(),
        Fact::Previous => "previous value".to_owned(),
        Fact::Rotated { from, to } => days("rotated", from, to),
        Fact::Expires { from, to } => days("expires", from, to),
    }
}

/// Renders the names of one file, each with a short keyed fingerprint of its value, so that a line differs where the
/// value does.
pub fn names(entries: &[(SecretName, Entry)], key: &FingerprintKey) -> String {
    const DIGITS: usize = 12;
    let short = |value: &SecretValue| key.value(value).to_string()[..DIGITS].to_owned();
    let mut lines: Vec<String> = entries
        .iter()
        .map(|(name, entry)| {
            let mut line = format!("{name}  {}", short(&entry.value));
            let _ = entry.previous.as_ref().map_or(Ok(()), |value| write!(line, "  previous {}", short(value)));
            let _ = entry.rotated.map_or(Ok(()), |day| write!(line, "  rotated {day}"));
            let _ = entry.expires.map_or(Ok(()), |day| write!(line, "  expires {day}"));
            line + "\n"
        })
        .collect();
    lines.sort();
    lines.concat()
}
