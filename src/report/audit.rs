//! The audit's report, built from rows, problems and failures.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vault_schema::audit::{self as schema, AgeState, Entry, Failure, Finding, Report, SCHEMA, Scope, Summary};
use vault_schema::verdict::{Proof, Verdict};

use super::{TOOL, advice};
use crate::domain::age::{self, Age};
use crate::domain::declaration::Project;
use crate::domain::finding::Problem;
use crate::domain::name::{EnvironmentName, TargetName};
use crate::domain::place::Place;
use crate::domain::plan::Refusal;
use crate::domain::row::Row;
use crate::domain::shard::{self, Shard};
use crate::flow::audit::{Subject, Subjects, faults_there, is_protected, is_whole};
use crate::flow::observe::Observations;
use crate::targets::TargetError;
use crate::vault::layout::PROJECT_FILE;

/// What an audit has found out.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// When it began.
    pub at: Timestamp,
    /// What is declared.
    pub project: &'a Project,
    /// The targets that were named; every one when empty.
    pub targets: &'a [TargetName],
    /// The part of the places that it is of, where it was parted.
    pub shard: Option<Shard>,
    /// The environments.
    pub subjects: &'a Subjects,
    /// What the places said.
    pub observations: &'a Observations,
    /// What it means.
    pub rows: &'a [Row],
    /// The problems of the values themselves.
    pub values: &'a [(EnvironmentName, Problem)],
    /// The problems of `undrift.toml` itself.
    pub declared: &'a [Problem],
    /// The environments that nobody named and that no identity opens.
    pub left_out: &'a [EnvironmentName],
}

/// Builds the report.
pub fn build(found: &Found<'_>) -> Report {
    let Found { at, project, subjects, observations, rows, .. } = *found;
    // What a shard asks beside its own places is for the findings, and told by the shard that it is of.
    let is_told = |place: &Place| found.shard.is_none_or(|shard| shard::holds(shard, &place.location));
    let mut failures: Vec<Failure> = failed(observations).filter(|(place, _)| is_told(place)).map(failure).collect();
    for failure in &mut failures {
        failure.location = target_line(project, &failure.target);
    }
    let there = faults_there(subjects, observations, rows);
    let mut findings = findings(subjects);
    let there = there.iter().chain(found.values);
    findings.extend(there.map(|(environment, problem)| finding(Some(environment.as_str()), problem)));
    findings.extend(found.declared.iter().map(|problem| finding(None, problem)));
    for finding in &mut findings {
        finding.severity = project.audit.severity(&finding.code, finding.severity);
    }
    let complete = failures.is_empty() && is_whole(subjects);
    let rows = rows.iter().filter(|row| is_told(&row.place));
    let entries: Vec<Entry> = rows.map(|row| entry(row, subjects, project)).collect();
    let summary = summarise(&entries);
    Report {
        schema: SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        at,
        complete,
        in_sync: complete && summary.drift == 0 && summary.unreadable == 0,
        summary,
        entries,
        findings,
        failures,
        scope: Scope {
            environments: subjects.keys().map(ToString::to_string).collect(),
            targets: found.targets.iter().map(ToString::to_string).collect(),
            left_out: found.left_out.iter().map(ToString::to_string).collect(),
            shard: found.shard,
        },
        project: project.digest.clone(),
        places: observations
            .iter()
            .filter(|(place, _)| is_told(place))
            .map(|(place, result)| asked(place, result.is_ok()))
            .collect(),
        ages: ages(project, subjects, at.to_zoned(TimeZone::UTC).date()),
        fail_on: project.audit.fail_on,
        changes: None,
        next_audit: project.audit.next(at.to_zoned(TimeZone::UTC).date()),
    }
}

/// Returns whether an audit has found something that it fails for.
pub fn fails(report: &Report) -> bool {
    let severities = open_entries(report).filter_map(|entry| entry.severity);
    let mut severities = severities.chain(report.findings.iter().map(|finding| finding.severity));
    severities.any(|severity| severity <= report.fail_on)
}

/// Returns the rows that want a person's attention.
pub fn open_entries(report: &Report) -> impl Iterator<Item = &Entry> {
    report.entries.iter().filter(|entry| is_open(entry))
}

/// Returns whether a row wants a person's attention: something is wrong, and nobody has accepted it.
pub fn is_open(entry: &Entry) -> bool {
    entry.code.is_some() && !entry.ignored && !entry.accepted
}

fn asked(place: &Place, read: bool) -> schema::Place {
    schema::Place {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        kind: place.location.kind().as_str().to_owned(),
        place: place.location.to_string(),
        read,
    }
}

fn ages(project: &Project, subjects: &Subjects, today: Date) -> Vec<schema::Age> {
    let mut ages = Vec::new();
    for (environment, subject) in subjects {
        for (secret, entry) in &subject.inventory.entries {
            let every = project.rotate_every(secret);
            let state = match age::age(entry, every, today) {
                Age::SoonExpired { .. } if entry.rotated.is_none() && every.is_some() => AgeState::AgeUnknown,
                Age::Good | Age::SoonDue { .. } | Age::SoonExpired { .. } => AgeState::Good,
                Age::Unknown => AgeState::AgeUnknown,
                Age::Overdue { .. } => AgeState::Overdue,
                Age::Expired { .. } => AgeState::Expired,
            };
            ages.push(schema::Age {
                environment: environment.to_string(),
                secret: secret.to_string(),
                state,
                rotated: entry.rotated,
                due: age::due(entry, every),
                expires: entry.expires,
            });
        }
    }
    ages
}

fn target_line(project: &Project, target: &str) -> Option<String> {
    project.lines.targets.get(target).map(|line| format!("{PROJECT_FILE}:{line}"))
}

/// Returns the faults of every environment.
pub fn findings(subjects: &Subjects) -> Vec<Finding> {
    let of = |subject: &Subject| {
        let environment = subject.inventory.environment.to_string();
        subject.inventory.problems.iter().map(|problem| finding(Some(&environment), problem)).collect::<Vec<_>>()
    };
    subjects.values().flat_map(of).collect()
}

/// Counts the entries of a report.
pub(super) fn summarise(entries: &[Entry]) -> Summary {
    let count = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
    let is_good = |entry: &Entry| entry.code.is_none();
    let unreadable = |entry: &Entry| entry.verdict == Verdict::Unreadable;
    Summary {
        checked: entries.len(),
        in_sync: count(&is_good),
        drift: count(&|entry| is_open(entry) && !unreadable(entry)),
        ignored: count(&|entry| entry.ignored),
        accepted: count(&|entry| entry.accepted && !entry.ignored),
        unreadable: count(&|entry| !entry.ignored && unreadable(entry)),
        proved: count(&|entry| is_good(entry) && entry.proof != Proof::None),
        proofs: [Proof::Value, Proof::Digest, Proof::Receipt, Proof::None]
            .map(|proof| (proof, count(&|entry| is_good(entry) && entry.proof == proof)))
            .into(),
    }
}

fn entry(row: &Row, subjects: &Subjects, project: &Project) -> Entry {
    let (verdict, rollout) = (row.judgement.verdict, row.rollout.rollout);
    let detail = match (verdict, row.rollout.detail.as_str()) {
        (Verdict::InSync, rollout) if !row.is_good() && !rollout.is_empty() => rollout.to_owned(),
        _ => row.detail.clone(),
    };
    let code = advice::code(verdict, rollout);
    let declared = row.secret.as_ref().and_then(|secret| project.lines.secrets.get(secret));
    let location = declared.map(|line| format!("{PROJECT_FILE}:{line}"));
    Entry {
        environment: row.place.environment.to_string(),
        target: row.place.target.to_string(),
        kind: row.place.location.kind().as_str().to_owned(),
        place: row.place.location.to_string(),
        secret: row.secret.as_ref().map(ToString::to_string),
        remote_name: row.remote_name.to_string(),
        verdict,
        proof: row.judgement.proof,
        rollout,
        ignored: row.ignored,
        accepted: row.accepted,
        detail,
        code: code.map(str::to_owned),
        next: advice::next(row, is_protected(subjects, &row.place.environment)),
        severity: code.map(|code| project.audit.severity(code, advice::severity(verdict))),
        location: location.or_else(|| target_line(project, row.place.target.as_str())),
        written: row.written,
        open_since: None,
    }
}

/// Builds what a report says of one problem.
pub(super) fn finding(environment: Option<&str>, problem: &Problem) -> Finding {
    let location = problem.file.as_ref().map(|file| match problem.line {
        Some(line) => format!("{file}:{line}"),
        None => file.clone(),
    });
    Finding {
        code: problem.kind.code().to_owned(),
        severity: problem.kind.severity(),
        environment: environment.map(str::to_owned),
        secret: problem.secret.clone(),
        location,
        message: problem.kind.to_string(),
        next: advice::mends(problem, environment.unwrap_or("NAME")),
    }
}

/// Returns the targets that could not be read.
pub fn failures(observations: &Observations) -> Vec<Failure> {
    failed(observations).map(failure).collect()
}

fn failed(observations: &Observations) -> impl Iterator<Item = (&Place, &TargetError)> {
    observations.iter().filter_map(|(place, result)| result.as_ref().err().map(|error| (place, error)))
}

fn failure((place, error): (&Place, &TargetError)) -> Failure {
    Failure {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        kind: place.location.kind().as_str().to_owned(),
        place: place.location.to_string(),
        reason: error.reason(),
        message: error.to_string(),
        hint: advice::remedy(error, &place.location),
        location: None,
    }
}

/// Returns a place where nothing is planned, or nothing is made, as a failure.
pub fn refusal(refusal: &Refusal) -> Failure {
    let place = &refusal.place;
    Failure {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        kind: place.location.kind().as_str().to_owned(),
        place: place.location.to_string(),
        reason: schema::Reason::Unexpected,
        message: refusal.kind.to_string(),
        hint: Some(advice::overrules(refusal.kind).to_owned()),
        location: None,
    }
}
