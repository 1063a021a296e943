//! The report of a log.

use std::fmt::Write;

use vault_schema::log::{self as schema, EnvironmentLog, Line, SCHEMA, Who};

use super::{TOOL, rotation, table};
use crate::domain::log::{Chain, Fault, Outcome};
use crate::domain::name::EnvironmentName;

/// Builds the report.
pub fn build(environments: Vec<EnvironmentLog>) -> schema::Log {
    let whole = environments.iter().all(|log| log.whole);
    schema::Log { schema: SCHEMA.to_owned(), tool: TOOL.to_owned(), whole, environments }
}

/// Builds the part of one environment: the newest last, and of one instant in the order of the file.
pub fn environment(name: &EnvironmentName, chain: Chain) -> EnvironmentLog {
    let faults = chain.faults.iter().map(|fault| schema::Fault {
        code: fault.kind.code().to_owned(),
        line: fault.number,
        message: fault.kind.to_string(),
    });
    let (whole, faults) = (chain.is_whole(), faults.collect());
    let mut entries: Vec<Line> = chain.entries.into_iter().map(|entry| entry.line).collect();
    entries.sort_by_key(|line| line.at);
    EnvironmentLog { environment: name.to_string(), whole, entries, faults }
}

/// Returns what is wrong with a log, in a sentence.
pub fn fault(fault: &Fault) -> String {
    let at = fault.number.map_or_else(String::new, |number| format!(":{number}"));
    format!("log.jsonl{at} {} ({})", fault.kind, fault.kind.code())
}

/// Renders the logs for people.
pub fn table(log: &schema::Log, width: usize) -> String {
    let mut text = String::new();
    for log in &log.environments {
        let _ = writeln!(text, "{}", log.environment);
        let rows = log.entries.iter().map(|line| {
            let at = line.at.strftime("%Y-%m-%d %H:%M").to_string();
            [at, who(&line.who), line.action.as_str().to_owned(), detail(line)].map(|cell| printable(&cell)).to_vec()
        });
        table::fitted(&mut text, rows.collect(), width);
        for fault in &log.faults {
            let at = fault.line.map_or_else(String::new, |number| format!(":{number}"));
            let place = format!("vault/{}/log.jsonl{at}", log.environment);
            table::paragraph(&mut text, &format!("{place}: {} ({})", fault.message, fault.code), 2, width);
        }
        let count = log.entries.len();
        let entries = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
        let state = if log.whole { "the chain is whole" } else { "the chain is not whole" };
        let _ = writeln!(text, "{entries}, {state}\n");
    }
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// A run of a build server says more than the name of its user; a person's name more than that of an account.
pub(super) fn who(who: &Who) -> String {
    let name = who.git.as_deref().map(|git| git.split(" <").next().unwrap_or(git));
    let ci = who.ci.as_deref().map(|ci| if ci == "yes" { "a build server" } else { ci });
    ci.or(name).or(who.user.as_deref()).unwrap_or("somebody").to_owned()
}

/// A name may hold what moves a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn detail(line: &Line) -> String {
    let names = [&line.people, &line.remote_names, &line.secrets].into_iter().find(|names| !names.is_empty());
    let names = names.unwrap_or(&line.secrets);
    let mut detail = match (&line.place, names.is_empty()) {
        (Some(place), true) => place.clone(),
        (Some(place), false) => format!("{place}: {}", names.join(", ")),
        (None, false) => names.join(", "),
        (None, true) => String::new(),
    };
    let outcome = Some(line.outcome).filter(|outcome| *outcome != Outcome::Done).map(Outcome::as_str);
    let notes: Vec<&str> = line.choice.as_deref().into_iter().chain(outcome).collect();
    if !notes.is_empty() {
        let _ = write!(detail, " ({})", notes.join(", "));
    }
    let accepted = [(line.lost.len(), "lost"), (line.foreign.len(), "changed or foreign")];
    for (count, how) in accepted.into_iter().filter(|(count, _)| *count > 0) {
        let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
        let _ = write!(detail, "{}accepted {lines} of this log as {how}", if detail.is_empty() { "" } else { "; " });
    }
    if let Some(run) = &line.run {
        let told = rotation::told(run, line.at);
        let _ = write!(detail, "{}{told}", if told.is_empty() { "" } else { "; " });
    }
    detail
}
