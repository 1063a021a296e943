//! Adding declarations to `undrift.toml` without touching its comments and order.

mod rename;

use std::io;

use toml_edit::{Array, ArrayOfTables, Datetime, DocumentMut, Item, Table, TableLike, Value, value};

pub use self::rename::{RenameError, Renamed, renamed};
use super::layout::Layout;
use super::{project, store};
use crate::domain::declaration::{IgnoreRule, Project};
use crate::domain::name::{EnvironmentName, SecretName, TargetName};

/// Something to declare.
#[derive(Debug, Default)]
pub struct Additions {
    /// Environments.
    pub environments: Vec<EnvironmentName>,
    /// Secrets.
    pub secrets: Vec<NewSecret>,
}

/// A secret to declare.
#[derive(Debug)]
pub struct NewSecret {
    /// Its name.
    pub name: SecretName,
    /// Where it is pushed; every target when empty.
    pub targets: Vec<TargetName>,
    /// The environments that have it; every one when empty.
    pub environments: Vec<EnvironmentName>,
}

impl Additions {
    /// Returns whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.environments.is_empty() && self.secrets.is_empty()
    }
}

/// Adds ignore rules behind those that are there.
pub fn ignore(layout: &Layout, rules: &[IgnoreRule]) -> io::Result<()> {
    let text = edited(
        layout,
        |document| with_rules(document, rules),
        |project| rules.iter().all(|rule| project.ignores.contains(rule)),
    )?;
    store::replace(&layout.project_file(), text.as_bytes())
}

/// Adds declarations; what is declared already stays as it is.
pub fn add(layout: &Layout, additions: &Additions) -> io::Result<()> {
    if additions.is_empty() {
        Ok(())
    } else {
        store::replace(&layout.project_file(), with(layout, additions)?.as_bytes())
    }
}

/// Makes sure that declarations can be added, before anything else is written that they speak of.
pub fn check(layout: &Layout, additions: &Additions) -> io::Result<()> {
    with(layout, additions).map(drop)
}

fn with(layout: &Layout, additions: &Additions) -> io::Result<String> {
    edited(
        layout,
        |document| with_tables(document, additions),
        |project| {
            additions.environments.iter().all(|name| project.environments.contains_key(name))
                && additions.secrets.iter().all(|secret| project.secrets.contains_key(&secret.name))
        },
    )
}

/// Returns the edited file, if what was to be added arrived: a declaration that did not would be a value that is pushed
/// nowhere, or drift that nobody accepted.
fn edited(
    layout: &Layout,
    change: impl FnOnce(&mut DocumentMut),
    has_arrived: impl FnOnce(&Project) -> bool,
) -> io::Result<String> {
    let content = store::read(&layout.project_file()).map_err(io::Error::other)?;
    let text = String::from_utf8(content).map_err(io::Error::other)?;
    let mut document: DocumentMut = text.parse().map_err(io::Error::other)?;
    change(&mut document);
    let edited = document.to_string();
    if !has_arrived(&project::parse(&edited).map_err(io::Error::other)?) {
        return Err(io::Error::other("the file has a form that nothing can be added to; declare it by hand"));
    }
    Ok(edited)
}

fn with_tables(document: &mut DocumentMut, additions: &Additions) {
    for name in &additions.environments {
        declare(document, "environments", name.as_str(), environment(name));
    }
    for secret in &additions.secrets {
        declare(document, "secrets", secret.name.as_str(), table(secret));
    }
}

/// Adds rules in the form that the others are written in; without any, as tables at the end of the file.
/// Adds rules; one for the same name at the same target, such as one that has ended, gets the new reason and day.
fn with_rules(document: &mut DocumentMut, rules: &[IgnoreRule]) {
    let mut rules: Vec<&IgnoreRule> = rules.iter().collect();
    let mut renew = |there: &mut dyn TableLike| {
        let text = |key: &str| there.get(key).and_then(Item::as_str).map(str::to_owned);
        let (name, target) = (text("name"), text("target"));
        let is_same = |rule: &IgnoreRule| {
            name.as_ref() == Some(&rule.name) && target.as_deref() == rule.target.as_ref().map(TargetName::as_str)
        };
        let Some(index) = rules.iter().position(|rule| is_same(rule)) else { return };
        let rule = rules.remove(index);
        there.insert("reason", value(&rule.reason));
        match day(rule) {
            Some(day) => drop(there.insert("until", value(day))),
            None => drop(there.remove("until")),
        }
    };
    match document.get_mut("ignore") {
        Some(Item::ArrayOfTables(tables)) => tables.iter_mut().for_each(|table| renew(table)),
        Some(Item::Value(Value::Array(array))) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|table| renew(table));
        }
        _ => {}
    }
    if rules.is_empty() {
        return;
    }
    match document.entry("ignore").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new())) {
        Item::ArrayOfTables(tables) => tables.extend(rules.into_iter().map(rule)),
        Item::Value(Value::Array(array)) => {
            array.extend(rules.into_iter().map(|it| Value::InlineTable(rule(it).into_inline_table())));
        }
        // Whatever else stands there is no list, and the file would not have been read.
        _ => {}
    }
}

fn day(rule: &IgnoreRule) -> Option<Datetime> {
    rule.until.and_then(|day| day.to_string().parse().ok())
}

fn rule(rule: &IgnoreRule) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    if let Some(target) = &rule.target {
        table.insert("target", value(target.as_str()));
    }
    table.insert("name", value(&rule.name));
    table.insert("reason", value(&rule.reason));
    if let Some(day) = day(rule) {
        table.insert("until", value(day));
    }
    table
}

/// Adds a table to a section, in the form that the section is written in; one that is there stays as it is.
fn declare(document: &mut DocumentMut, section: &str, name: &str, table: Table) {
    let section = document.entry(section).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    match section {
        Item::Value(Value::InlineTable(section)) => {
            section.entry(name).or_insert_with(|| Value::InlineTable(table.into_inline_table()));
        }
        other => {
            if let Some(section) = other.as_table_like_mut() {
                section.entry(name).or_insert_with(|| Item::Table(table));
            }
        }
    }
}

/// A new environment; one for production is written to only by name.
fn environment(name: &EnvironmentName) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    if name.is_production() {
        table.insert("protected", value(true));
    }
    table
}

fn table(secret: &NewSecret) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    let list = |names: Vec<&str>| value(names.into_iter().collect::<Array>());
    if !secret.targets.is_empty() {
        table.insert("targets", list(secret.targets.iter().map(TargetName::as_str).collect()));
    }
    if !secret.environments.is_empty() {
        table.insert("environments", list(secret.environments.iter().map(EnvironmentName::as_str).collect()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, additions: &Additions) -> String {
        let mut document: DocumentMut = text.parse().expect("toml");
        with_tables(&mut document, additions);
        document.to_string()
    }

    #[test]
    fn ignore_rules_are_added_in_the_form_of_those_that_are_there() {
        let rule = IgnoreRule {
            target: Some(TargetName::parse("ci").expect("a name")),
            name: "CODECOV_*".to_owned(),
            reason: "owned by \"ops\"".to_owned(),
            until: Some(jiff::civil::date(2027, 3, 31)),
        };
        let head = "version = 1 # ours\n\n[environments.staging] # first\n\n[targets.ci]\nkind = \"github\"\nrepository = \"a/b\"\n";
        let first = "\n[[ignore]] # old\nname = \"A\"\nreason = \"r\"\n";
        let new =
            "\n[[ignore]]\ntarget = \"ci\"\nname = \"CODECOV_*\"\nreason = 'owned by \"ops\"'\nuntil = 2027-03-31\n";
        let inline = "ignore = [{ name = \"A\", reason = \"r\" }] # old\n";
        for (text, expected) in [
            (head.to_owned(), Some(format!("{head}{new}"))),
            (format!("{head}{first}"), Some(format!("{head}{first}{new}"))),
            (format!("{inline}{head}"), None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::at(folder.path());
            std::fs::write(layout.project_file(), &text).expect("writing");
            ignore(&layout, std::slice::from_ref(&rule)).expect("adding");
            let edited = std::fs::read_to_string(layout.project_file()).expect("a file");
            if let Some(expected) = expected {
                assert_eq!(edited, expected);
            }
            let project = project::parse(&edited).expect("a project");
            assert!(project.ignores.ends_with(std::slice::from_ref(&rule)), "{edited}");
            assert!(edited.contains("# ours") && edited.contains("# first"), "{edited}");
        }
    }

    #[test]
    fn inline_tables_are_added_to_inline() {
        let additions = Additions {
            environments: vec![EnvironmentName::parse("production").expect("a name")],
            secrets: vec![NewSecret {
                name: SecretName::parse("B").expect("a name"),
                targets: Vec::new(),
                environments: Vec::new(),
            }],
        };
        let edited = added("version = 1\nsecrets = { A = {} }\nenvironments = {}\n", &additions);
        let project = project::parse(&edited).expect("a project");
        assert_eq!(project.secrets.len(), 2, "{edited}");
        assert!(project.environments["production"].protected, "{edited}");
    }

    #[test]
    fn keeps_comments_and_adds_only_what_is_new() {
        let text = "version = 1 # ours\n\n[environments.staging] # first\n\n[secrets.A]\n# why\ntargets = [\"web\"]\n";
        let additions = Additions {
            environments: ["staging", "production"].map(|n| EnvironmentName::parse(n).expect("a name")).to_vec(),
            secrets: ["A", "B"]
                .map(|name| NewSecret {
                    name: SecretName::parse(name).expect("a name"),
                    targets: vec![TargetName::parse("ci").expect("a name")],
                    environments: vec![],
                })
                .into(),
        };
        let edited = added(text, &additions);
        assert_eq!(
            edited,
            "version = 1 # ours\n\n[environments.staging] # first\n\n[environments.production]\nprotected = true\n\n[secrets.A]\n# why\n\
             targets = [\"web\"]\n\n[secrets.B]\ntargets = [\"ci\"]\n"
        );
    }
}
