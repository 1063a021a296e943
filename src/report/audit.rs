//! The audit's report, built from rows, problems and failures.

use jiff::Timestamp;
use vault_schema::audit::{Entry, Failure, Finding, Report, SCHEMA, Summary};
use vault_schema::verdict::{Proof, Verdict};

use super::{TOOL, advice};
use crate::domain::finding::Problem;
use crate::domain::name::EnvironmentName;
use crate::domain::place::Place;
use crate::domain::plan::Refusal;
use crate::domain::row::Row;
use crate::flow::audit::{Subject, Subjects, faults_there, is_protected, is_whole};
use crate::flow::observe::Observations;
use crate::targets::TargetError;

/// Builds the report. `values` are the problems of the values themselves, and `declared` those of `undrift.toml`.
pub fn build(
    at: Timestamp,
    rows: &[Row],
    subjects: &Subjects,
    observations: &Observations,
    values: &[(EnvironmentName, Problem)],
    declared: &[Problem],
) -> Report {
    let failures = failures(observations);
    let there = faults_there(subjects, observations, rows);
    let mut findings = findings(subjects);
    findings
        .extend(there.iter().chain(values).map(|(environment, problem)| finding(Some(environment.as_str()), problem)));
    findings.extend(declared.iter().map(|problem| finding(None, problem)));
    let complete = failures.is_empty() && is_whole(subjects);
    let summary = summarise(rows);
    Report {
        schema: SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        at,
        complete,
        in_sync: complete && summary.drift == 0 && summary.unreadable == 0,
        summary,
        entries: rows.iter().map(|row| entry(row, subjects)).collect(),
        findings,
        failures,
    }
}

/// Returns the faults of every environment.
pub fn findings(subjects: &Subjects) -> Vec<Finding> {
    let of = |subject: &Subject| {
        let environment = subject.inventory.environment.to_string();
        subject.inventory.problems.iter().map(|problem| finding(Some(&environment), problem)).collect::<Vec<_>>()
    };
    subjects.values().flat_map(of).collect()
}

fn summarise(rows: &[Row]) -> Summary {
    let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    let unreadable = |row: &Row| row.judgement.verdict == Verdict::Unreadable;
    Summary {
        checked: rows.len(),
        in_sync: count(&Row::is_good),
        drift: count(&|row| row.is_open() && !unreadable(row)),
        ignored: count(&|row| row.ignored),
        accepted: count(&|row| row.accepted && !row.ignored),
        unreadable: count(&|row| !row.ignored && unreadable(row)),
        proved: count(&|row| row.is_good() && row.judgement.proof != Proof::None),
    }
}

fn entry(row: &Row, subjects: &Subjects) -> Entry {
    let (verdict, rollout) = (row.judgement.verdict, row.rollout.rollout);
    let detail = match (verdict, row.rollout.detail.as_str()) {
        (Verdict::InSync, rollout) if !row.is_good() && !rollout.is_empty() => rollout.to_owned(),
        _ => row.detail.clone(),
    };
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
        code: advice::code(verdict, rollout).map(str::to_owned),
        next: advice::next(row, is_protected(subjects, &row.place.environment)),
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
    observations.iter().filter_map(|(place, result)| result.as_ref().err().map(|error| failure(place, error))).collect()
}

fn failure(place: &Place, error: &TargetError) -> Failure {
    Failure {
        environment: place.environment.to_string(),
        target: place.target.to_string(),
        kind: place.location.kind().as_str().to_owned(),
        place: place.location.to_string(),
        reason: error.reason(),
        message: error.to_string(),
        hint: advice::remedy(error, &place.location),
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
        reason: vault_schema::audit::Reason::Unexpected,
        message: refusal.kind.to_string(),
        hint: Some(advice::overrules(refusal.kind).to_owned()),
    }
}
