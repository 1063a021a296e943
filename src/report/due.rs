//! The report of what is due.

use std::fmt::Write;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;
use vault_schema::due::{Due, Maker, SCHEMA, Secret, Why};

use super::{TOOL, markdown};
use crate::domain::name::EnvironmentName;

/// Builds the report.
pub fn build(at: Timestamp, environment: &EnvironmentName, secrets: Vec<Secret>) -> Due {
    let (schema, tool) = (SCHEMA.to_owned(), TOOL.to_owned());
    Due { schema, tool, at, environment: environment.to_string(), secrets }
}

/// Renders it for people.
pub fn table(report: &Due) -> String {
    let mut text = String::new();
    if report.secrets.is_empty() {
        let _ = writeln!(text, "nothing is due in `{}`", report.environment);
    }
    let name = report.secrets.iter().map(|it| it.name.width()).max().unwrap_or_default();
    let why = report.secrets.iter().map(|it| self::why(it).width()).max().unwrap_or_default();
    for secret in &report.secrets {
        let _ = writeln!(text, "{:name$}  {:why$}  {}", secret.name, self::why(secret), how(secret));
    }
    text
}

/// Renders it for a ticket.
pub fn markdown(report: &Due) -> String {
    let mut text = String::new();
    if report.secrets.is_empty() {
        let _ = writeln!(text, "Nothing is due in {}.", markdown::code(&report.environment));
        return text;
    }
    let _ = writeln!(text, "| secret | why | a new one |\n|---|---|---|");
    for secret in &report.secrets {
        let [why, how] = [why(secret), how(secret)].map(|words| markdown::sentence(&words));
        let _ = writeln!(text, "| {} | {why} | {how} |", markdown::code(&secret.name));
    }
    text
}

fn why(secret: &Secret) -> String {
    match secret.why {
        Why::Expired => format!("has expired on {}", secret.day),
        Why::Expires => format!("expires on {}", secret.day),
        Why::Due => format!("is due since {}", secret.day),
    }
}

fn how(secret: &Secret) -> String {
    if let Some(obstacle) = &secret.obstacle {
        return obstacle.clone();
    }
    match (secret.maker, &secret.issuer) {
        (Maker::Generate, _) => "is made here".to_owned(),
        (Maker::Command, _) => "is issued by a program".to_owned(),
        (Maker::Person, Some(link)) => format!("is made by a person at {link}"),
        (Maker::Person, None) => "is made by a person".to_owned(),
    }
}
