//! The report of who can read what, and advice where somebody's access is left as it is.

use std::collections::BTreeMap;
use std::fmt::Write;

use tabled::builder::Builder;
use tabled::settings::{Padding, Style};
use vault_schema::access::{Access, Key, Person, SCHEMA};

use super::{TOOL, audit, table};
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::name::EnvironmentName;
use crate::domain::suggest::nearest;
use crate::vault::recipients::{AccessError, Recipients};

/// What is known of one environment.
#[derive(Debug)]
pub struct Known<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Those who are listed, and for each key whether it is one's own.
    pub listed: Option<(&'a Recipients, Vec<bool>)>,
    /// Everything that was wrong with it.
    pub problems: &'a [Problem],
}

/// Builds the report.
pub fn build(known: &[Known<'_>]) -> Access {
    let mut people: BTreeMap<&str, Person> = BTreeMap::new();
    for Known { environment, listed, .. } in known {
        let Some((recipients, yours)) = listed else { continue };
        for (entry, yours) in recipients.entries.iter().zip(yours) {
            let person = people.entry(&entry.name).or_default();
            person.name.clone_from(&entry.name);
            let key = Key { kind: entry.key.kind.to_string(), key: entry.key.text.clone(), yours: *yours };
            person.keys.entry(environment.to_string()).or_default().push(key);
        }
    }
    let of = |known: &Known<'_>| {
        let environment = known.environment.to_string();
        let problems = known.problems.iter().filter(|problem| is_of_access(problem));
        problems.map(|problem| audit::finding(Some(&environment), problem)).collect::<Vec<_>>()
    };
    Access {
        schema: SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        environments: known.iter().map(|known| known.environment.to_string()).collect(),
        people: people.into_values().collect(),
        findings: known.iter().flat_map(of).collect(),
    }
}

/// Returns whether a problem makes it uncertain who can read.
fn is_of_access(problem: &Problem) -> bool {
    matches!(problem.kind, ProblemKind::RecipientsDiffer { .. } | ProblemKind::Unsettled | ProblemKind::Seal(_))
        || hides_readers(problem)
}

/// Returns whether a problem keeps a file from telling who can read it.
pub fn hides_readers(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        ProblemKind::NotAge | ProblemKind::Damaged | ProblemKind::TooLarge { .. } | ProblemKind::Unreadable(_)
    )
}

/// Renders the report for people.
pub fn table(access: &Access, width: usize) -> String {
    let mut builder = Builder::default();
    builder.push_record(std::iter::once("who").chain(access.environments.iter().map(String::as_str)));
    for person in &access.people {
        let cells = access.environments.iter().map(|environment| person.keys.get(environment));
        let cells = cells.map(|keys| keys.map_or_else(|| "-".to_owned(), |keys| cell(keys)));
        builder.push_record(std::iter::once(printable(&person.name)).chain(cells));
    }
    let rows = builder.build().with(Style::empty()).with(Padding::new(0, 2, 0, 0)).to_string();
    let mut text: String = rows.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    if !access.findings.is_empty() {
        text.push('\n');
    }
    for finding in &access.findings {
        let place = finding.location.as_deref().unwrap_or_default();
        table::paragraph(&mut text, &format!("{place}: {} ({})", finding.message, finding.code), 0, width);
    }
    text
}

/// Writes the kinds of somebody's keys, each with how many there are of it, and whether one is one's own.
fn cell(keys: &[Key]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        *kinds.entry(&key.kind).or_default() += 1;
    }
    let kinds =
        kinds.into_iter().map(|(kind, count)| if count == 1 { kind.to_owned() } else { format!("{count} {kind}") });
    let mut text = kinds.collect::<Vec<_>>().join(", ");
    if keys.iter().any(|key| key.yours) {
        let _ = write!(text, " (you)");
    }
    text
}

/// A name may hold what moves a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Returns what to do where somebody's access is left as it is.
pub fn remedy(error: &AccessError) -> Option<String> {
    Some(match error {
        AccessError::NotAKey => "a key is `age1...`, `ssh-ed25519 AAAA...`, `ssh-rsa AAAA...`, a file with one of these, or `github:USER`".to_owned(),
        AccessError::PrivateKey => {
            "`age-keygen -y FILE` shows the public half, and ssh keeps it in the .pub file; a private key that was typed stands in the shell's history, so change it".to_owned()
        }
        AccessError::Unsupported(_) | AccessError::NothingPublished { .. } => {
            "ask for a key of age (`age-keygen`), or for one of `ssh-keygen -t ed25519`".to_owned()
        }
        AccessError::BadName(_) => "the order is `undrift grant WHO KEY -e ENVIRONMENT`".to_owned(),
        AccessError::OtherName { environment, name } => {
            format!("`undrift revoke {name} -e {environment}` takes it away; the comment above it in recipients.txt is its name")
        }
        AccessError::NameTaken { environment, who } => format!(
            "if the old key is to go, `undrift revoke {who} -e {environment}` first; if both are to stay, give this one a name of its own, such as `{who}-laptop`"
        ),
        AccessError::NotThere { who, names, .. } => {
            match nearest(who, names.iter().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("those who are: {}", names.join(", ")),
            }
        }
        AccessError::Last { environment, .. } => {
            format!("let somebody else in first: `undrift grant WHO KEY -e {environment}`")
        }
        AccessError::LocksYouOut { .. } => "if that is meant, add `--yes`".to_owned(),
        AccessError::Unsealed(name) => format!("look at them, then `undrift seal -e {name}`"),
        AccessError::AlreadyThere { .. } => return None,
    })
}
