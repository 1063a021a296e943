//! `undrift.toml`: read by types, with every error at its line.

use std::fmt;

use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};
use vault_schema::project::ProjectFile;

use super::group::{self, line_at};
use super::layout::{Layout, PROJECT_FILE};
use super::store::{self, ReadError};
use crate::domain::declaration::{self, Lines, PathStep, Project};
use crate::domain::suggest::nearest;

/// Why the declarations were not read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The operating system refused.
    #[error("cannot read {PROJECT_FILE}")]
    Unreadable(#[source] ReadError),
    /// Lines that are wrong.
    #[error("{0}")]
    Wrong(Faults),
}

/// Every wrong line, in order.
#[derive(Debug)]
pub struct Faults(Vec<(usize, String)>);

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (line, message)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{PROJECT_FILE}:{line}: {message}")?;
        }
        Ok(())
    }
}

/// Reads a project's declarations.
pub fn read(layout: &Layout) -> Result<Project, ProjectError> {
    let content = store::read(&layout.project_file()).map_err(ProjectError::Unreadable)?;
    let text = std::str::from_utf8(&content).map_err(|error| {
        let line = line_at(&content, error.valid_up_to());
        ProjectError::Wrong(Faults(vec![(line, "is not UTF-8 text".to_owned())]))
    })?;
    parse(text)
}

/// Parses the declarations' text.
pub fn parse(text: &str) -> Result<Project, ProjectError> {
    let file: ProjectFile = toml::from_str(text).map_err(|error| {
        let line = line_at(text.as_bytes(), error.span().map_or(0, |span| span.start));
        ProjectError::Wrong(Faults(vec![(line, rephrase(error.message()))]))
    })?;
    let document = DeTable::parse(text).ok();
    let mut project = declaration::check(&file).map_err(|faults| {
        let mut lines: Vec<_> = faults
            .into_iter()
            .map(|fault| {
                let position = document.as_ref().map_or(0, |document| position(document.get_ref(), &fault.path));
                (line_at(text.as_bytes(), position), fault.kind.to_string())
            })
            .collect();
        lines.sort();
        ProjectError::Wrong(Faults(lines))
    })?;
    if let Some(document) = &document {
        let ends = group::Lines::of(text);
        let line = |kind: &str, name: &str| ends.at(position(document.get_ref(), &[kind.into(), name.into()]));
        let targets = project.targets.keys().map(|name| (name.clone(), line("targets", name.as_str()))).collect();
        let secrets = project.secrets.keys().map(|name| (name.clone(), line("secrets", name.as_str()))).collect();
        project.lines = Lines { targets, secrets };
    }
    project.digest = digest(text);
    Ok(project)
}

/// Returns a digest of the declarations. How lines end is the doing of git, and means nothing.
fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.replace("\r\n", "\n"))[..16])
}

/// The words of serde for a key or a word that does not exist list all that do; a person wants the nearest.
fn rephrase(message: &str) -> String {
    let Some((kind, rest)) = [("unknown field ", "key"), ("unknown variant ", "word")]
        .into_iter()
        .find_map(|(prefix, kind)| message.strip_prefix(prefix).map(|rest| (kind, rest)))
    else {
        return without_values(message).replace("missing field", "there is no");
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let written = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let advice = nearest(written, known.iter().copied())
        .map_or_else(|| format!("it may be {}", known.join(", ")), |name| format!("did you mean `{name}`?"));
    format!("unknown {kind} `{written}`; {advice}")
}

/// serde repeats what is written where something else is expected, and that may be a value in the wrong file.
fn without_values(message: &str) -> String {
    let Some((kind, rest)) =
        ["invalid type: ", "invalid value: "].iter().find_map(|kind| Some((*kind, message.strip_prefix(kind)?)))
    else {
        return message.to_owned();
    };
    let found = rest.split([' ', ',']).next().unwrap_or_default();
    let expected = rest.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    format!("{kind}{found}, expected {expected}")
}

/// Returns where the deepest part of a path that is written down begins.
fn position(table: &DeTable<'_>, path: &[PathStep]) -> usize {
    let [PathStep::Key(key), rest @ ..] = path else { return 0 };
    let Some((name, value)) = table.get_key_value(key.as_str()) else { return 0 };
    value_position(value.get_ref(), rest).unwrap_or(name.span().start)
}

fn value_position(value: &DeValue<'_>, path: &[PathStep]) -> Option<usize> {
    let (step, rest) = path.split_first()?;
    match (value, step) {
        (DeValue::Table(table), PathStep::Key(key)) => {
            let (name, value) = table.get_key_value(key.as_str())?;
            Some(value_position(value.get_ref(), rest).unwrap_or(name.span().start))
        }
        (DeValue::Array(array), PathStep::Index(index)) => {
            let value = array.get(*index)?;
            Some(value_position(value.get_ref(), rest).unwrap_or(value.span().start))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).expect_err("a fault").to_string()
    }

    #[test]
    fn names_the_line_and_the_nearest_key() {
        assert_eq!(
            error("version = 1\n[environments.staging]\nprotectd = true\n"),
            "undrift.toml:3: unknown key `protectd`; did you mean `protected`?"
        );
        assert_eq!(
            error("version = 1\n[targets.web]\nkind = \"flyy\"\n"),
            "undrift.toml:3: unknown word `flyy`; did you mean `fly`?"
        );
        assert_eq!(error("[environments.staging]\n"), "undrift.toml:1: there is no `version`");
        assert!(
            error("version = 1\n[secrets.A]\ntargets = [{ target = \"x\", nme = \"B\" }]\n")
                .starts_with("undrift.toml:3: unknown key `nme`; did you mean `name`?")
        );
        assert_eq!(error("version = \"1\"\n"), "undrift.toml:1: invalid type: string, expected u32");
        let value = error("version = 1\n[secrets]\nTOKEN = \"canary, expected 4711\"\n");
        assert!(
            value.starts_with("undrift.toml:3: invalid type: string, expected ") && !value.contains("canary"),
            "{value}"
        );
        assert!(error("version = 1\n\n[targets\n").starts_with("undrift.toml:3: "));
    }

    #[test]
    fn knows_where_everything_is_declared() {
        let text = "version = 1\n[environments.staging]\n\n[targets.web] # ours\nkind = \"fly\"\napp = \"shop\"\n\n\
                    [secrets]\nB = {}\n\n[secrets.A]\ntargets = [\"web\"]\n";
        let lines = parse(text).expect("a project").lines;
        assert_eq!(lines.targets.values().collect::<Vec<_>>(), [&4]);
        let secrets: Vec<_> = lines.secrets.iter().map(|(name, line)| (name.as_str(), *line)).collect();
        assert_eq!(secrets, [("A", 11), ("B", 9)]);
    }

    #[test]
    fn names_the_line_of_a_wrong_reference() {
        let text = "version = 1\n[environments.staging]\n\n[targets.web]\nkind = \"fly\"\napp = \"shop\"\n\
                    environments = [\n  \"staging\",\n  \"stagin\",\n]\n\n[secrets.A]\ntargets = [\"web\", \"wbe\"]\n";
        assert_eq!(
            error(text),
            "undrift.toml:9: there is no environment `stagin`; did you mean `staging`?\n\
             undrift.toml:13: there is no target `wbe`; did you mean `web`?"
        );
    }
}
