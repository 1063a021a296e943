//! What recorded audits tell: the runs, how long drifts stayed open, and the life of one secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vault_schema::audit::{AgeState, Entry, Finding, Report};
use vault_schema::history::{
    Fault, FindingThen, History, Life, NameThen, PlaceThen, RUN_SCHEMA, Run, RunLine, SCHEMA, Spell,
};
use vault_schema::verdict::Verdict;

use super::audit::is_open;
use super::{TOOL, changes, table};
use crate::domain::declaration::AuditRules;

/// Returns what is remembered of an audit.
pub fn run(report: &Report) -> Run {
    let mut places: BTreeMap<(&str, &str), PlaceThen> = BTreeMap::new();
    for place in &report.places {
        let then = PlaceThen {
            environment: place.environment.clone(),
            target: place.target.clone(),
            place: place.place.clone(),
            read: place.read,
            in_sync: Vec::new(),
            others: Vec::new(),
        };
        places.insert((&place.environment, &place.target), then);
    }
    for entry in &report.entries {
        let Some(place) = places.get_mut(&(entry.environment.as_str(), entry.target.as_str())) else { continue };
        match &entry.code {
            None => place.in_sync.extend(entry.secret.clone()),
            Some(code) => place.others.push(then(entry, code)),
        }
    }
    let mut findings = BTreeMap::new();
    for finding in &report.findings {
        *findings.entry(finding.code.clone()).or_default() += 1;
    }
    let is_late = |state: AgeState| matches!(state, AgeState::Overdue | AgeState::Expired);
    Run {
        schema: RUN_SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        at: report.at,
        complete: report.complete,
        in_sync: report.in_sync,
        summary: report.summary.clone(),
        scope: report.scope.clone(),
        findings,
        found: Some(report.findings.iter().map(finding_then).collect()),
        told: false,
        overdue: report.ages.iter().filter(|age| is_late(age.state)).count(),
        places: places.into_values().collect(),
    }
}

fn then(entry: &Entry, code: &str) -> NameThen {
    NameThen {
        name: entry.remote_name.clone(),
        secret: entry.secret.clone(),
        verdict: entry.verdict,
        code: code.to_owned(),
        severity: entry.severity,
        accepted: !is_open(entry),
    }
}

fn finding_then(finding: &Finding) -> FindingThen {
    FindingThen {
        code: finding.code.clone(),
        severity: finding.severity,
        environment: finding.environment.clone(),
        secret: finding.secret.clone(),
        file: finding.location.as_deref().map(|location| changes::split(location).0.to_owned()),
    }
}

/// A name at a place: environment, target and the name there.
type Key = (String, String, String);

/// What was wrong over time.
#[derive(Debug, Default)]
struct Drifts {
    /// What is open, with the first audit that saw it.
    open: BTreeMap<Key, Timestamp>,
    /// How long each of those that are mended stayed open, in seconds.
    mended: Vec<i64>,
}

impl Drifts {
    /// Reads the runs, the oldest first. A place that could not be read, or was not asked, says nothing.
    fn of(runs: &[Run]) -> Self {
        let mut drifts = Self::default();
        for run in runs {
            for place in run.places.iter().filter(|place| place.read) {
                let key = |name: &NameThen| (place.environment.clone(), place.target.clone(), name.name.clone());
                // The vault may be what could not be read, and then nothing is known of the place either.
                let unknown = |name: &&NameThen| name.verdict == Verdict::Unreadable;
                let wrong: BTreeSet<Key> = place.others.iter().filter(|name| !name.accepted).map(key).collect();
                let kept: BTreeSet<Key> = place.others.iter().filter(unknown).map(key).collect();
                let first: Key = (place.environment.clone(), place.target.clone(), String::new());
                let is_here = |key: &&Key| key.0 == place.environment && key.1 == place.target;
                let is_over = |key: &&Key| !wrong.contains(*key) && !kept.contains(*key);
                let here = drifts.open.range::<Key, _>(&first..).map(|(key, _)| key).take_while(is_here);
                let over: Vec<Key> = here.filter(is_over).cloned().collect();
                for key in over {
                    if let Some(from) = drifts.open.remove(&key) {
                        drifts.mended.push(run.at.as_second() - from.as_second());
                    }
                }
                for key in wrong {
                    drifts.open.entry(key).or_insert(run.at);
                }
            }
        }
        drifts
    }

    fn mean_hours(&self) -> Option<i64> {
        let count = i64::try_from(self.mended.len()).ok().filter(|count| *count > 0)?;
        Some(self.mended.iter().sum::<i64>() / count / 3600)
    }
}

/// Writes beside each row that is wrong since which recorded audit it has been so without a break.
pub fn date(report: &mut Report, runs: &[Run]) {
    let open = Drifts::of(runs).open;
    for entry in report.entries.iter_mut().filter(|entry| is_open(entry)) {
        let key = (entry.environment.clone(), entry.target.clone(), entry.remote_name.clone());
        entry.open_since = open.get(&key).copied();
    }
}

/// Builds the report of these runs, the oldest first.
pub fn build(runs: &[Run], faults: Vec<Fault>, secret: Option<&str>, rules: &AuditRules) -> History {
    let drifts = Drifts::of(runs);
    History {
        schema: SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        whole: faults.is_empty(),
        faults,
        runs: runs.iter().map(line).collect(),
        mended: drifts.mended.len(),
        open: drifts.open.len(),
        mean_open_hours: drifts.mean_hours(),
        next_audit: runs.last().and_then(|run| rules.next(run.at.to_zoned(TimeZone::UTC).date())),
        lives: secret.map(|secret| lives(runs, secret)).unwrap_or_default(),
    }
}

pub(super) fn line(run: &Run) -> RunLine {
    RunLine {
        at: run.at,
        complete: run.complete,
        summary: run.summary.clone(),
        findings: run.findings.values().fold(0, |sum, count| sum.saturating_add(*count)),
        overdue: run.overdue,
        scope: run.scope.clone(),
    }
}

/// Returns every secret that a recorded audit speaks of.
pub fn secrets(runs: &[Run]) -> BTreeSet<&str> {
    let mut secrets = BTreeSet::new();
    for place in runs.iter().flat_map(|run| &run.places) {
        secrets.extend(place.in_sync.iter().map(String::as_str));
        secrets.extend(place.others.iter().filter_map(|name| name.secret.as_deref()));
    }
    secrets
}

fn lives(runs: &[Run], secret: &str) -> Vec<Life> {
    let mut lives: BTreeMap<(&str, &str), Life> = BTreeMap::new();
    for run in runs {
        for place in &run.places {
            let is_meant = |name: &&NameThen| name.secret.as_deref() == Some(secret);
            let state = match place.others.iter().find(is_meant) {
                Some(name) => Some((name.verdict, Some(name.code.clone()))),
                None => place.in_sync.iter().any(|name| name == secret).then_some((Verdict::InSync, None)),
            };
            let Some((verdict, code)) = state else { continue };
            let life = lives.entry((&place.environment, &place.target)).or_insert_with(|| Life {
                environment: place.environment.clone(),
                place: place.place.clone(),
                spells: Vec::new(),
            });
            match life.spells.last_mut() {
                Some(last) if last.verdict == verdict && last.code == code => last.to = run.at,
                _ => life.spells.push(Spell { from: run.at, to: run.at, verdict, code }),
            }
        }
    }
    lives.into_values().collect()
}

/// Says that the recorded audits are older than they should be, where that is declared.
pub fn lateness(runs: &[Run], rules: &AuditRules, today: Date) -> Option<String> {
    let last = runs.last()?;
    let due = rules.next(last.at.to_zoned(TimeZone::UTC).date()).filter(|due| *due < today)?;
    Some(format!("the last recorded audit is of {}, and the next was due by {due}", minute(last.at)))
}

/// Renders the history for people.
pub fn table(history: &History, width: usize) -> String {
    let mut text = String::new();
    let rows: Vec<Vec<String>> = history.runs.iter().map(row).collect();
    if !rows.is_empty() {
        table::columns(&mut text, rows.into_iter(), 0, width.saturating_sub(35).max(30));
        text.push('\n');
    }
    for (title, of) in SERIES {
        let values: Vec<usize> = history.runs.iter().map(of).collect();
        if let (Some(first), Some(last)) = (values.first(), values.last()) {
            let _ = writeln!(text, "{title:8}  {}  {first} then, {last} now", sparkline(&values));
        }
    }
    for life in &history.lives {
        let _ = writeln!(text, "\n{} {}", life.environment, life.place);
        for spell in &life.spells {
            let code = spell.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
            let _ = writeln!(text, "  {} to {}  {}{code}", minute(spell.from), minute(spell.to), spell.verdict.words());
        }
    }
    if !history.runs.is_empty() {
        let mean = history.mean_open_hours.map_or_else(
            || "no drift has been mended yet".to_owned(),
            |hours| format!("a drift stayed open for {} on average", time(hours)),
        );
        let _ = writeln!(text, "\n{mean}; {} mended, {} open", history.mended, history.open);
        if let Some(day) = history.next_audit {
            let _ = writeln!(text, "the next audit is due by {day}");
        }
    }
    text
}

/// Counts something in an audit.
type Count = fn(&RunLine) -> usize;

/// What is followed over time.
pub(super) const SERIES: [(&str, Count); 3] = [
    ("drift", |run| run.summary.drift + run.summary.unreadable),
    ("proved", |run| run.summary.proved),
    ("overdue", |run| run.overdue),
];

fn row(run: &RunLine) -> Vec<String> {
    let summary = &run.summary;
    let state = match (run.complete, summary.drift + summary.unreadable) {
        (false, _) => "incomplete",
        (true, 0) => "in sync",
        (true, _) => "drift",
    };
    let also = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    let only =
        if run.scope.targets.is_empty() { String::new() } else { format!("; only {}", run.scope.targets.join(", ")) };
    vec![
        minute(run.at),
        state.to_owned(),
        format!(
            "{} checked, {} in sync ({} proved), {} drifted{}{}{only}",
            summary.checked,
            summary.in_sync,
            summary.proved,
            summary.drift,
            also(run.findings, "findings"),
            also(run.overdue, "overdue")
        ),
    ]
}

/// Draws the newest values as blocks, the highest one full.
fn sparkline(values: &[usize]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const MOST: usize = 60;
    let newest = &values[values.len().saturating_sub(MOST)..];
    let highest = newest.iter().copied().max().unwrap_or_default().max(1);
    newest.iter().map(|value| BLOCKS[value * (BLOCKS.len() - 1) / highest]).collect()
}

fn time(hours: i64) -> String {
    match hours {
        0 => "less than an hour".to_owned(),
        1 => "1 hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
