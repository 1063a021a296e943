//! Adding declarations to `undrift.toml` without touching its comments and order.

use std::io;

use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::layout::Layout;
use super::{project, store};
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

/// Adds declarations; what is declared already stays as it is.
pub fn add(layout: &Layout, additions: &Additions) -> io::Result<()> {
    if additions.is_empty() {
        return Ok(());
    }
    let content = store::read(&layout.project_file()).map_err(io::Error::other)?;
    let text = String::from_utf8(content).map_err(io::Error::other)?;
    let edited = added(&text, additions).map_err(io::Error::other)?;
    // A declaration that did not arrive would be a value that is pushed nowhere.
    let project = project::parse(&edited).map_err(io::Error::other)?;
    let arrived = additions.environments.iter().all(|name| project.environments.contains_key(name))
        && additions.secrets.iter().all(|secret| project.secrets.contains_key(&secret.name));
    if !arrived {
        return Err(io::Error::other("the file has a form that nothing can be added to; declare it by hand"));
    }
    store::replace(&layout.project_file(), edited.as_bytes())
}

fn added(text: &str, additions: &Additions) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    for name in &additions.environments {
        declare(&mut document, "environments", name.as_str(), environment(name));
    }
    for secret in &additions.secrets {
        declare(&mut document, "secrets", secret.name.as_str(), table(secret));
    }
    Ok(document.to_string())
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
        let edited = added("version = 1\nsecrets = { A = {} }\nenvironments = {}\n", &additions).expect("toml");
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
        let edited = added(text, &additions).expect("toml");
        assert_eq!(
            edited,
            "version = 1 # ours\n\n[environments.staging] # first\n\n[environments.production]\nprotected = true\n\n[secrets.A]\n# why\n\
             targets = [\"web\"]\n\n[secrets.B]\ntargets = [\"ci\"]\n"
        );
    }
}
