//! One report of several: of the shards of an audit, of environments, or of targets that were audited apart. What does not
//! belong together is refused, and a shard that is not there is never taken for one that found nothing.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use vault_schema::audit::{Age, AgeState, Entry, Failure, Finding, Place, Report, SCHEMA, Scope, Severity};

use super::audit::summarise;
use crate::domain::shard;
use crate::vault::layout::PROJECT_FILE;

/// The code of a shard that is missing.
pub(super) const MISSING: &str = "UD264";

/// The longest time between the audits of one report: the jobs of one run may wait for each other, and another week's
/// never belongs to it.
const LONGEST_APART: SignedDuration = SignedDuration::from_hours(24);

/// One of the reports, with the name of its file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The file, as it was typed.
    pub file: String,
    /// The report.
    pub report: Report,
}

/// Why reports do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A report of an older undrift, or one that was written by hand.
    #[error("{file} does not say of which project it is")]
    NoProject {
        /// The file.
        file: String,
    },
    /// A part of the places that there cannot be.
    #[error("{file} says that it is of a shard that there cannot be")]
    NoShard {
        /// The file.
        file: String,
    },
    /// Other declarations.
    #[error("{file} is of another project than {first}, or of another state of its undrift.toml")]
    OtherProject {
        /// The file.
        file: String,
        /// The file it was compared with.
        first: String,
    },
    /// Another program, which may have judged otherwise.
    #[error("{file} was written by {tool}, and {first} by {other}")]
    OtherVersion {
        /// The file.
        file: String,
        /// The program that wrote it.
        tool: String,
        /// The file it was compared with.
        first: String,
        /// The program that wrote that one.
        other: String,
    },
    /// Another run.
    #[error("{file} is of {}, and {first} of {}: they are more than a day apart", minute(*at), minute(*other))]
    FarApart {
        /// The file.
        file: String,
        /// When its audit began.
        at: Timestamp,
        /// The file it was compared with.
        first: String,
        /// When that one began.
        other: Timestamp,
    },
    /// One place, of which two reports say two things.
    #[error("{file} says something else of {place} ({environment}) than {first}")]
    OtherAnswer {
        /// The file.
        file: String,
        /// The place.
        place: String,
        /// The environment.
        environment: String,
        /// The file it was compared with.
        first: String,
    },
    /// One value, of which two reports have two dates.
    #[error("{file} has other dates of {secret} ({environment}) than {first}: the vault was changed between them")]
    OtherVault {
        /// The file.
        file: String,
        /// The secret.
        secret: String,
        /// The environment.
        environment: String,
        /// The file it was compared with.
        first: String,
    },
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Makes one report. In which order the parts are given makes no difference.
pub fn merge(mut parts: Vec<Part>) -> Result<Report, MergeError> {
    parts.sort_by(|left, right| order(left).cmp(&order(right)));
    let Some(first) = parts.first() else { return Ok(nothing()) };
    for part in &parts {
        check(part, first)?;
    }
    let (tool, project, at) = (first.report.tool.clone(), first.report.project.clone(), first.report.at);
    let fail_on = parts.iter().map(|part| part.report.fail_on).max().unwrap_or_default();
    let missing = missing(&parts);
    let complete = missing.is_empty() && parts.iter().all(|part| part.report.complete);
    let mut findings = findings(&parts);
    findings.extend(missing);
    let (scope, ages) = (scope(&parts), ages(&parts)?);
    let next_audit = parts.iter().filter_map(|part| part.report.next_audit).min();
    let mut merged = Report { tool, project, at, complete, scope, findings, ages, fail_on, next_audit, ..nothing() };
    for answer in answers(parts)?.into_values() {
        merged.places.extend(answer.place);
        merged.entries.extend(answer.entries);
        merged.failures.extend(answer.failure);
    }
    merged.summary = summarise(&merged.entries);
    merged.in_sync = complete && merged.summary.drift == 0 && merged.summary.unreadable == 0;
    Ok(merged)
}

fn nothing() -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        tool: super::TOOL.to_owned(),
        at: Timestamp::UNIX_EPOCH,
        complete: true,
        in_sync: true,
        summary: summarise(&[]),
        entries: Vec::new(),
        findings: Vec::new(),
        failures: Vec::new(),
        scope: Scope::default(),
        project: String::new(),
        places: Vec::new(),
        ages: Vec::new(),
        fail_on: Severity::default(),
        changes: None,
        next_audit: None,
    }
}

/// The earliest first, because an audit is as old as its oldest part.
fn order(part: &Part) -> (Timestamp, &[String], Option<shard::Shard>, &str) {
    (part.report.at, &part.report.scope.environments, part.report.scope.shard, &part.file)
}

fn check(part: &Part, first: &Part) -> Result<(), MergeError> {
    let (file, report) = (part.file.clone(), &part.report);
    if report.project.is_empty() {
        return Err(MergeError::NoProject { file });
    }
    if report.scope.shard.is_some_and(|shard| !shard::is_one(shard)) {
        return Err(MergeError::NoShard { file });
    }
    let other = &first.report;
    let first = first.file.clone();
    if report.project != other.project {
        return Err(MergeError::OtherProject { file, first });
    }
    if report.tool != other.tool {
        return Err(MergeError::OtherVersion { file, tool: report.tool.clone(), first, other: other.tool.clone() });
    }
    if report.at.duration_since(other.at) > LONGEST_APART {
        return Err(MergeError::FarApart { file, at: report.at, first, other: other.at });
    }
    Ok(())
}

/// What one report says of one place.
#[derive(Debug)]
struct Answer {
    file: String,
    place: Option<Place>,
    entries: Vec<Entry>,
    failure: Option<Failure>,
}

impl Answer {
    fn of(file: &str) -> Self {
        Self { file: file.to_owned(), place: None, entries: Vec::new(), failure: None }
    }

    /// Takes the same answer of another report. Since when a row is wrong is of the history that an audit knew.
    fn agree(&mut self, mut other: Self) -> bool {
        if self.entries.len() != other.entries.len() {
            return false;
        }
        for (ours, theirs) in self.entries.iter_mut().zip(&mut other.entries) {
            let since = ours.open_since.into_iter().chain(theirs.open_since).min();
            (ours.open_since, theirs.open_since) = (since, since);
        }
        self.entries == other.entries && self.place == other.place && self.failure == other.failure
    }
}

/// A place: the environment, and the target in `undrift.toml`.
type Key = (String, String);

/// Returns what is said of each place, which must be the same wherever it is said.
fn answers(parts: Vec<Part>) -> Result<BTreeMap<Key, Answer>, MergeError> {
    let mut all: BTreeMap<Key, Answer> = BTreeMap::new();
    for Part { file, report } in parts {
        let own = said(&file, report);
        for (key, answer) in own {
            match all.entry(key) {
                Slot::Vacant(slot) => {
                    slot.insert(answer);
                }
                Slot::Occupied(mut slot) => {
                    let place = answer.place.as_ref().map_or_else(|| slot.key().1.clone(), |place| place.place.clone());
                    if !slot.get_mut().agree(answer) {
                        let (environment, first) = (slot.key().0.clone(), slot.get().file.clone());
                        return Err(MergeError::OtherAnswer { file, place, environment, first });
                    }
                }
            }
        }
    }
    Ok(all)
}

/// Returns what one report says of each place.
fn said(file: &str, report: Report) -> BTreeMap<Key, Answer> {
    let mut own: BTreeMap<Key, Answer> = BTreeMap::new();
    let fresh = || Answer::of(file);
    for place in report.places {
        let key = (place.environment.clone(), place.target.clone());
        own.entry(key).or_insert_with(fresh).place = Some(place);
    }
    for entry in report.entries {
        let key = (entry.environment.clone(), entry.target.clone());
        own.entry(key).or_insert_with(fresh).entries.push(entry);
    }
    for failure in report.failures {
        let key = (failure.environment.clone(), failure.target.clone());
        own.entry(key).or_insert_with(fresh).failure = Some(failure);
    }
    own
}

/// Returns each finding as often as the report that has it most often: every shard tells what is wrong with the vault.
fn findings(parts: &[Part]) -> Vec<Finding> {
    let mut known: BTreeMap<[Option<&str>; 5], usize> = BTreeMap::new();
    let mut all = Vec::new();
    for part in parts {
        let mut here: BTreeMap<[Option<&str>; 5], usize> = BTreeMap::new();
        for finding in &part.report.findings {
            let key = [
                Some(finding.code.as_str()),
                finding.environment.as_deref(),
                finding.secret.as_deref(),
                finding.location.as_deref(),
                Some(finding.message.as_str()),
            ];
            let (here, known) = (here.entry(key).or_default(), known.entry(key).or_default());
            *here += 1;
            if *here > *known {
                *known = *here;
                all.push(finding.clone());
            }
        }
    }
    all
}

/// Returns the age of each value, the worse one where midnight passed between two reports.
fn ages(parts: &[Part]) -> Result<Vec<Age>, MergeError> {
    let rank = |state: AgeState| match state {
        AgeState::Good => 0,
        AgeState::AgeUnknown => 1,
        AgeState::Overdue => 2,
        AgeState::Expired => 3,
    };
    let mut all: BTreeMap<(&str, &str), (&str, Age)> = BTreeMap::new();
    for part in parts {
        for age in &part.report.ages {
            let (first, known) =
                all.entry((&age.environment, &age.secret)).or_insert_with(|| (part.file.as_str(), age.clone()));
            if (known.rotated, known.due, known.expires) != (age.rotated, age.due, age.expires) {
                let (file, first) = (part.file.clone(), (*first).to_owned());
                let (secret, environment) = (age.secret.clone(), age.environment.clone());
                return Err(MergeError::OtherVault { file, secret, environment, first });
            }
            if rank(age.state) > rank(known.state) {
                known.state = age.state;
            }
        }
    }
    Ok(all.into_values().map(|(_, age)| age).collect())
}

fn environments<'a>(parts: impl Iterator<Item = &'a Part>) -> BTreeSet<String> {
    parts.flat_map(|part| part.report.scope.environments.iter().cloned()).collect()
}

/// Returns what all parts together have looked at. It is every target only where that holds for each environment.
fn scope(parts: &[Part]) -> Scope {
    let all = environments(parts.iter());
    let wholly = environments(parts.iter().filter(|part| part.report.scope.targets.is_empty()));
    let targets: BTreeSet<String> = if wholly == all {
        BTreeSet::new()
    } else {
        let asked = parts.iter().flat_map(|part| part.report.places.iter().map(|place| &place.target));
        asked.chain(parts.iter().flat_map(|part| &part.report.scope.targets)).cloned().collect()
    };
    // What one identity does not open, another one may have opened.
    let left_out: BTreeSet<&String> = parts.iter().flat_map(|part| &part.report.scope.left_out).collect();
    Scope {
        left_out: left_out.into_iter().filter(|name| !all.contains(*name)).cloned().collect(),
        environments: all.into_iter().collect(),
        targets: targets.into_iter().collect(),
        shard: None,
    }
}

/// An audit that was parted: its environments, its targets, and into how many parts.
type Parted<'a> = (&'a [String], &'a [String], u16);

/// Returns a finding for each audit that was parted and of which not every shard is there.
fn missing(parts: &[Part]) -> Vec<Finding> {
    let mut there: BTreeMap<Parted<'_>, BTreeSet<u16>> = BTreeMap::new();
    let scopes = || parts.iter().map(|part| &part.report.scope);
    for scope in scopes() {
        let is_same = |other: &Scope| other.environments == scope.environments && other.targets == scope.targets;
        let is_whole = scopes().any(|other| other.shard.is_none() && is_same(other));
        if let Some(shard) = scope.shard.filter(|_| !is_whole) {
            there.entry((&scope.environments, &scope.targets, shard.of)).or_default().insert(shard.number);
        }
    }
    there
        .into_iter()
        .filter_map(|((environments, targets, of), numbers)| {
            let absent: Vec<u16> = (1..=of).filter(|number| !numbers.contains(number)).collect();
            (!absent.is_empty()).then(|| absence(environments, targets, of, &absent))
        })
        .collect()
}

fn absence(environments: &[String], targets: &[String], of: u16, absent: &[u16]) -> Finding {
    let listed: Vec<String> = absent.iter().map(ToString::to_string).collect();
    let (shards, are, their) = match absent {
        [_] => ("shard", "is", "its"),
        _ => ("shards", "are", "their"),
    };
    let environment = environments.iter().flat_map(|name| [" -e ", name.as_str()]);
    let options: String = environment.chain(targets.iter().flat_map(|name| [" -t ", name.as_str()])).collect();
    Finding {
        code: MISSING.to_owned(),
        severity: Severity::Error,
        environment: match environments {
            [environment] => Some(environment.clone()),
            _ => None,
        },
        secret: None,
        // The places are declared there.
        location: Some(PROJECT_FILE.to_owned()),
        message: format!("{shards} {} of {of} {are} missing: nobody knows what {their} places hold", listed.join(", ")),
        next: Some(format!(
            "`undrift audit{options} --shard {}/{of} --write json=FILE` asks them; then merge all reports anew",
            absent.first().copied().unwrap_or(1)
        )),
    }
}

#[cfg(test)]
mod tests;
