//! The short message of an audit: the rows that matter and the command that mends each. It is made here, once, and
//! every form of it is a pure reader of it.

pub mod forms;

use std::collections::BTreeMap;

use jiff::Timestamp;
use vault_schema::audit::{Change, Changes, Report, Severity};
use vault_schema::history::Run;
use vault_schema::message::{Message, Part, Row, SCHEMA, State};
use vault_schema::project::NotifyOn;
use vault_schema::verdict::Verdict;

use super::{TOOL, audit, changes, table};

/// How many rows a message has at most: more than a person reads in a chat.
const MOST_ROWS: usize = 20;

/// The longest sentence of a row, and the longest name, in characters.
const LONGEST_SENTENCE: usize = 300;
const LONGEST_NAME: usize = 120;

/// What an audit is compared with.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// A whole report.
    Report(&'a Report),
    /// A recorded audit.
    Run(&'a Run),
}

/// A message, with what decides whether it is sent.
#[derive(Debug)]
pub struct Telling {
    /// The message.
    pub message: Message,
    /// Whether something is new or mended.
    pub is_changed: bool,
    /// Whether something is wrong, new or not.
    pub is_wrong: bool,
}

impl Telling {
    /// Tells of an audit. What would not make it fail is left out.
    pub fn of(report: &Report, before: Option<Before<'_>>, project: &str) -> Self {
        let now = attention(report, report.fail_on);
        let mut found = match before {
            Some(Before::Report(before)) => changes::compare(&attention(before, report.fail_on), &now),
            Some(Before::Run(run)) => changes::compare_recorded(run, &now, report.fail_on),
            None => {
                let nothing = Report { entries: vec![], findings: vec![], failures: vec![], ..now.clone() };
                changes::compare(&nothing, &now)
            }
        };
        // Rows of a place that could not be read were told with their place then, too.
        let is_told = |change: &Change| change.code.as_deref() != Some("UD109");
        found.mended.retain(is_told);
        let ranks = Ranks::of(&now);
        let rank = |change: &Change| ranks.rank(change);
        found.new.sort_by_key(rank);
        found.open.sort_by_key(rank);
        let parts = [(Part::New, &found.new), (Part::Open, &found.open), (Part::Mended, &found.mended)];
        let all = parts.into_iter().flat_map(|(part, list)| list.iter().map(move |change| row(part, change)));
        let rows: Vec<Row> = all.clone().take(MOST_ROWS).collect();
        let more = all.count() - rows.len();
        let is_wrong = !(found.new.is_empty() && found.open.is_empty());
        let state = match (report.complete && report.summary.unreadable == 0, is_wrong) {
            (false, _) => State::Incomplete,
            (true, true) => State::Drift,
            (true, false) => State::InSync,
        };
        let message = Message {
            schema: SCHEMA.to_owned(),
            tool: report.tool.clone(),
            project: clipped(project, LONGEST_NAME),
            at: report.at,
            state,
            summary: clipped(&table::summary(report), LONGEST_SENTENCE),
            changes: before.map(|_| sum(&found)),
            rows,
            more,
            next_audit: report.next_audit,
        };
        Self { message, is_changed: !(found.new.is_empty() && found.mended.is_empty()), is_wrong }
    }

    /// Tells that there was no audit, and why.
    pub fn of_failure(why: &str, at: Timestamp, project: &str) -> Self {
        let message = Message {
            schema: SCHEMA.to_owned(),
            tool: TOOL.to_owned(),
            project: clipped(project, LONGEST_NAME),
            at,
            state: State::Failed,
            summary: clipped(&format!("the audit failed: {why}"), LONGEST_SENTENCE),
            changes: None,
            rows: Vec::new(),
            more: 0,
            next_audit: None,
        };
        Self { message, is_changed: true, is_wrong: true }
    }

    /// Returns whether the message is sent. That nobody knows how it stands is always told.
    pub const fn is_for(&self, on: NotifyOn) -> bool {
        let is_known = matches!(self.message.state, State::InSync | State::Drift);
        !is_known
            || match on {
                NotifyOn::Change => self.is_changed,
                NotifyOn::Drift => self.is_wrong,
                NotifyOn::Always => true,
            }
    }
}

fn sum(found: &Changes) -> String {
    // What was not looked at is said by the summary, and its number says nothing of what is told here.
    changes::summary(&Changes { unseen: Vec::new(), ..found.clone() })
}

/// Leaves what an audit fails for. The rows of a place that could not be read are told with their place.
fn attention(report: &Report, least: Severity) -> Report {
    let mut report = report.clone();
    report.entries.retain(|entry| {
        entry.verdict != Verdict::Unreadable && entry.severity.is_some_and(|severity| severity <= least)
    });
    report.findings.retain(|finding| finding.severity <= least);
    report
}

/// How bad what is.
struct Ranks<'a> {
    entries: BTreeMap<(&'a str, &'a str, &'a str), (Severity, u8)>,
    findings: BTreeMap<(&'a str, Option<&'a str>, Option<&'a str>), Severity>,
}

impl<'a> Ranks<'a> {
    fn of(report: &'a Report) -> Self {
        let entries = audit::open_entries(report).filter_map(|entry| {
            let key = (entry.environment.as_str(), entry.target.as_str(), entry.remote_name.as_str());
            Some((key, (entry.severity?, table::rank(entry))))
        });
        let findings = report.findings.iter().map(|finding| {
            let key = (finding.code.as_str(), finding.environment.as_deref(), finding.secret.as_deref());
            (key, finding.severity)
        });
        Self { entries: entries.collect(), findings: findings.collect() }
    }

    /// The worst first: places that could not be read, then errors, then warnings; of each, drift before findings.
    fn rank(&self, change: &Change) -> (Option<Severity>, u8) {
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        match (&change.code, &change.target) {
            (None, _) => (None, 0),
            (Some(_), Some(target)) => {
                let (environment, name) = (text(&change.environment), text(&change.name));
                let known = self.entries.get(&(environment.as_str(), target.as_str(), name.as_str()));
                known.map_or((Some(Severity::Note), u8::MAX), |(severity, rank)| (Some(*severity), *rank))
            }
            (Some(code), None) => {
                let key = (code.as_str(), change.environment.as_deref(), change.name.as_deref());
                (Some(self.findings.get(&key).copied().unwrap_or(Severity::Note)), u8::MAX)
            }
        }
    }
}

fn row(part: Part, change: &Change) -> Row {
    let name = |text: &Option<String>| text.as_deref().map(|text| clipped(text, LONGEST_NAME));
    // Half a command is worse than none.
    let next = change.next.clone().filter(|next| next.chars().count() <= LONGEST_SENTENCE).map(|next| plain(&next));
    let explained = || change.code.as_ref().map(|code| format!("undrift explain {code}"));
    Row {
        part,
        environment: name(&change.environment),
        place: name(&change.place),
        name: name(&change.name),
        code: change.code.clone(),
        message: clipped(&change.message, LONGEST_SENTENCE),
        next: if part == Part::Mended { None } else { next.or_else(explained) },
    }
}

/// Cuts a text to so many characters, and takes out what would command a terminal or turn the direction of writing.
fn clipped(text: &str, most: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(|c: char| c.is_control() || turns(c), "?")
}

#[cfg(test)]
mod tests;
