//! What has changed between two audits: what is new, what is still open, what was mended. What could not be looked at, or
//! was not asked for this time, is never called mended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::Timestamp;
use vault_schema::audit::{Change, Changes, Entry, Failure, Finding, Report, Severity};
use vault_schema::history::Run;

use super::audit::open_entries;
use super::explain::CODES;
use super::table::{self, Line};

/// What tells one thing that is wrong from another, however it is worded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// A name at a place.
    Entry { environment: String, target: String, name: String },
    /// A place that could not be read.
    Failure { environment: String, target: String },
    /// A finding, and the how manieth of its kind.
    Finding { code: String, environment: Option<String>, secret: Option<String>, file: Option<String>, number: usize },
}

/// Compares an earlier report with the one of now.
pub fn compare(before: &Report, now: &Report) -> Changes {
    differences(before.at, wrong(before), now)
}

/// Compares a recorded audit with the one of now, as far as something is as bad as this at least. A record of an older
/// undrift does not say which findings there were: then every one of now is new.
pub(super) fn compare_recorded(before: &Run, now: &Report, least: Severity) -> Changes {
    differences(before.at, wrong_then(before, least), now)
}

fn differences(since: Timestamp, then: BTreeMap<Key, Change>, now: &Report) -> Changes {
    let today = wrong(now);
    let view = View::of(now);
    let mut changes = Changes { since, new: Vec::new(), open: Vec::new(), mended: Vec::new(), unseen: Vec::new() };
    for (key, change) in &today {
        match then.get(key) {
            Some(_) => changes.open.push(change.clone()),
            None => changes.new.push(change.clone()),
        }
    }
    for (key, change) in then {
        if !today.contains_key(&key) {
            if view.sees(&key) {
                changes.mended.push(Change { next: None, ..change });
            } else {
                changes.unseen.push(change);
            }
        }
    }
    changes
}

/// What an audit was able to see.
struct View<'a> {
    read: BTreeSet<(&'a str, &'a str)>,
    environments: BTreeSet<&'a str>,
    everything: bool,
}

impl<'a> View<'a> {
    fn of(report: &'a Report) -> Self {
        let read = report.places.iter().filter(|place| place.read);
        Self {
            read: read.map(|place| (place.environment.as_str(), place.target.as_str())).collect(),
            environments: report.scope.environments.iter().map(String::as_str).collect(),
            // A finding may come of any file and any place, so that it takes all of them to say that it is gone.
            everything: report.complete && report.scope.targets.is_empty() && report.scope.shard.is_none(),
        }
    }

    fn sees(&self, key: &Key) -> bool {
        match key {
            Key::Entry { environment, target, .. } | Key::Failure { environment, target } => {
                self.read.contains(&(environment.as_str(), target.as_str()))
            }
            Key::Finding { environment, .. } => {
                let is_open = |environment: &String| self.environments.contains(environment.as_str());
                self.everything && environment.as_ref().is_none_or(is_open)
            }
        }
    }
}

fn wrong(report: &Report) -> BTreeMap<Key, Change> {
    let mut all = BTreeMap::new();
    all.extend(open_entries(report).map(of_entry));
    all.extend(report.failures.iter().map(of_failure));
    for finding in &report.findings {
        let (key, change) = of_finding(finding);
        insert(&mut all, key, change);
    }
    all
}

/// Adds a finding, of which there may be several of one kind.
fn insert(all: &mut BTreeMap<Key, Change>, mut key: Key, change: Change) {
    while all.contains_key(&key) {
        if let Key::Finding { number, .. } = &mut key {
            *number += 1;
        }
    }
    all.insert(key, change);
}

fn wrong_then(run: &Run, least: Severity) -> BTreeMap<Key, Change> {
    let mut all = BTreeMap::new();
    for place in &run.places {
        let (environment, target) = (place.environment.clone(), place.target.clone());
        let change = Change {
            environment: Some(environment.clone()),
            target: Some(target.clone()),
            place: Some(place.place.clone()),
            name: None,
            code: None,
            message: "could not be read".to_owned(),
            next: None,
        };
        let is_meant = |severity: Option<Severity>| severity.is_none_or(|severity| severity <= least);
        for name in place.others.iter().filter(|name| !name.accepted && is_meant(name.severity)) {
            let key = Key::Entry { environment: environment.clone(), target: target.clone(), name: name.name.clone() };
            let (named, code) = (Some(name.name.clone()), Some(name.code.clone()));
            let message = name.verdict.words().to_owned();
            all.insert(key, Change { name: named, code, message, ..change.clone() });
        }
        if !place.read {
            all.insert(Key::Failure { environment, target }, change);
        }
    }
    for found in run.found.iter().flatten().filter(|found| found.severity <= least) {
        let title = CODES.iter().find(|code| code.code == found.code).map_or("", |code| code.title);
        let key = Key::Finding {
            code: found.code.clone(),
            environment: found.environment.clone(),
            secret: found.secret.clone(),
            file: found.file.clone(),
            number: 0,
        };
        let change = Change {
            environment: found.environment.clone(),
            target: None,
            place: found.file.clone(),
            name: found.secret.clone(),
            code: Some(found.code.clone()),
            message: title.to_owned(),
            next: None,
        };
        insert(&mut all, key, change);
    }
    all
}

fn of_entry(entry: &Entry) -> (Key, Change) {
    let line = table::line(entry);
    let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", line.detail) };
    let key = Key::Entry {
        environment: entry.environment.clone(),
        target: entry.target.clone(),
        name: entry.remote_name.clone(),
    };
    let change = Change {
        environment: Some(entry.environment.clone()),
        target: Some(entry.target.clone()),
        place: Some(entry.place.clone()),
        name: Some(entry.remote_name.clone()),
        code: entry.code.clone(),
        message: format!("{}{detail}", line.state),
        next: entry.next.clone(),
    };
    (key, change)
}

fn of_failure(failure: &Failure) -> (Key, Change) {
    let key = Key::Failure { environment: failure.environment.clone(), target: failure.target.clone() };
    let change = Change {
        environment: Some(failure.environment.clone()),
        target: Some(failure.target.clone()),
        place: Some(failure.place.clone()),
        name: None,
        code: None,
        message: format!("could not be read: {}", failure.message),
        next: failure.hint.clone(),
    };
    (key, change)
}

fn of_finding(finding: &Finding) -> (Key, Change) {
    let file = finding.location.as_deref().map(|location| split(location).0.to_owned());
    let key = Key::Finding {
        code: finding.code.clone(),
        environment: finding.environment.clone(),
        secret: finding.secret.clone(),
        file,
        number: 0,
    };
    let change = Change {
        environment: finding.environment.clone(),
        target: None,
        place: finding.location.clone(),
        name: finding.secret.clone(),
        code: Some(finding.code.clone()),
        message: finding.message.clone(),
        next: finding.next.clone(),
    };
    (key, change)
}

/// Splits a location into its file and its line.
pub(super) fn split(location: &str) -> (&str, Option<usize>) {
    let parts = location.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
    parts.map_or((location, None), |(file, line)| (file, Some(line)))
}

/// Returns the parts of the changes that have something in them, with what each is called.
pub(super) fn parts(changes: &Changes) -> impl Iterator<Item = (&'static str, &[Change])> {
    let parts = [
        ("new", changes.new.as_slice()),
        ("still open", &changes.open),
        ("mended", &changes.mended),
        ("open then, and not looked at now", &changes.unseen),
    ];
    parts.into_iter().filter(|(_, changes)| !changes.is_empty())
}

/// Sums the changes up: `since 2026-11-13 08:00 UTC: 1 new, 2 still open, none mended`.
pub(super) fn summary(changes: &Changes) -> String {
    let number = |list: &[Change]| if list.is_empty() { "none".to_owned() } else { list.len().to_string() };
    let unseen = changes.unseen.len();
    let unseen = if unseen == 0 { String::new() } else { format!(", {unseen} not looked at") };
    format!(
        "since {}: {} new, {} still open, {} mended{unseen}",
        changes.since.strftime("%Y-%m-%d %H:%M UTC"),
        number(&changes.new),
        number(&changes.open),
        number(&changes.mended)
    )
}

/// Renders what has changed, for people.
pub fn table(report: &Report, changes: &Changes, width: usize) -> String {
    let mut text = String::new();
    for (title, list) in parts(changes) {
        let lines: Vec<Line> = list
            .iter()
            .map(|change| Line {
                place: change.place.clone().or_else(|| change.environment.clone()).unwrap_or_default(),
                name: change.name.clone().unwrap_or_default(),
                state: change.code.clone().unwrap_or_default(),
                detail: change.message.clone(),
            })
            .collect();
        table::section(&mut text, title, &lines, width);
    }
    let _ = writeln!(text, "{}", summary(changes));
    table::paragraph(&mut text, &table::summary(report), 0, width);
    if let Some(due) = table::due(report) {
        table::paragraph(&mut text, &due, 0, width);
    }
    text
}

#[cfg(test)]
mod tests;
