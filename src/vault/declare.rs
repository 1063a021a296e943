//! Adding declarations to `undrift.toml` without touching its comments and order.

use std::io;

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::layout::Layout;
use super::store;
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
    store::replace(&layout.project_file(), edited.as_bytes())
}

fn added(text: &str, additions: &Additions) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    for name in &additions.environments {
        section(&mut document, "environments").entry(name.as_str()).or_insert_with(|| Item::Table(Table::new()));
    }
    for secret in &additions.secrets {
        section(&mut document, "secrets").entry(secret.name.as_str()).or_insert_with(|| Item::Table(table(secret)));
    }
    Ok(document.to_string())
}

fn section<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut dyn toml_edit::TableLike {
    let item = document.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    if item.as_table_like().is_none() {
        *item = Item::Table(Table::new());
    }
    item.as_table_like_mut().expect("it was made one")
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
            "version = 1 # ours\n\n[environments.staging] # first\n\n[environments.production]\n\n[secrets.A]\n# why\n\
             targets = [\"web\"]\n\n[secrets.B]\ntargets = [\"ci\"]\n"
        );
    }
}
