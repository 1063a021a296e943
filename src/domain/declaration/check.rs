//! Checking what `undrift.toml` declares: every fault is collected, with the path to where it lies.

mod fault;
mod notify;
mod secret;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use vault_schema::project::{self, ProjectFile};

pub use self::fault::{Fault, FaultKind, Path, PathStep};
use super::{AuditRules, Declaration, EnvironmentRules, IgnoreRule, Interval, Project, TokenSource};
use crate::domain::name::{EnvironmentName, NameError, RemoteName, SecretName, TargetName};
use crate::domain::place::Place;
use crate::domain::suggest::nearest;

/// Checks the file's declarations; every fault is collected.
pub fn check(file: &ProjectFile) -> Result<Project, Vec<Fault>> {
    let mut checker = Checker { file, faults: Vec::new() };
    let project = checker.project();
    if checker.faults.is_empty() { Ok(project) } else { Err(checker.faults) }
}

struct Checker<'a> {
    file: &'a ProjectFile,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, path: &[PathStep], kind: FaultKind) {
        self.faults.push(Fault { path: path.to_vec(), kind });
    }

    fn project(&mut self) -> Project {
        if self.file.version != project::VERSION {
            self.fault(&["version".into()], FaultKind::Version(self.file.version));
        }
        let mut project = Project::default();
        for (name, environment) in &self.file.environments {
            let path = ["environments".into(), name.as_str().into()];
            if let Some(name) = self.name(&path, name, EnvironmentName::parse) {
                project.environments.insert(name, EnvironmentRules { protected: environment.protected });
            }
        }
        for (name, target) in &self.file.targets {
            let path = ["targets".into(), name.as_str().into()];
            let parsed = self.name(&path, name, TargetName::parse);
            if let (Some(name), Some(target)) = (parsed, self.target(&path, target)) {
                project.targets.insert(name, target);
            }
        }
        self.one_target_a_place(&project);
        for (name, secret) in &self.file.secrets {
            let path = ["secrets".into(), name.as_str().into()];
            let parsed = self.name(&path, name, SecretName::parse);
            let declaration = Declaration {
                targets: secret.targets.as_ref().map(|references| self.references(&path, references)),
                environments: self.environments(&path, secret.environments.as_deref()),
                generate: self.generate(&path, secret.generate.as_deref()),
                command: self.command(&path, secret),
                probe: self.probe(&path, parsed.as_ref(), secret.probe.as_ref()),
                overlap: secret.overlap,
                finish_after: secret.finish_after.as_deref().and_then(|text| self.grace(&path, text)),
                rotate_every: secret.rotate_every.as_deref().and_then(|text| self.interval(&path, text)),
                kind: secret.kind.as_deref().and_then(|name| self.kind(&path, name)),
                pattern: secret.pattern.as_deref().and_then(|text| self.pattern(&path, text)),
                deprecated: secret.deprecated.as_deref().map(|text| self.deprecated(&path, text)),
                accepted: self.accepted(&path, &secret.accept),
            };
            if let Some(name) = parsed {
                project.secrets.insert(name, declaration);
            }
        }
        self.intervals_by_kind(&mut project);
        self.one_name_for_the_value_before(&project);
        project.together = self.together();
        self.one_environment_a_name(&project);
        for (index, rule) in self.file.ignore.iter().enumerate() {
            let path = ["ignore".into(), index.into()];
            if let Some(rule) = self.ignore(&path, rule) {
                project.ignores.push(rule);
            }
        }
        project.audit = AuditRules {
            fail_on: self.file.audit.fail_on,
            severities: self.file.audit.severity.clone(),
            every: self.file.audit.every.as_deref().and_then(|text| {
                let every = Interval::parse(text);
                if every.is_none() {
                    self.fault(&["audit".into(), "every".into()], FaultKind::Every);
                }
                every
            }),
        };
        let file = self.file;
        project.notify = file.notify.as_ref().map(|notify| self.notify(notify));
        project
    }

    // Receipts are filed by place: what one target has pushed there would be an orphan to the other, and `--prune`
    // would remove it. GitHub tells neither repositories nor environments apart by case.
    fn one_target_a_place(&mut self, project: &Project) {
        let mut reported = BTreeSet::new();
        for environment in project.environments.keys() {
            let mut first = BTreeMap::new();
            for Place { target, location, .. } in project.places(environment) {
                let other = first.entry(location.to_string().to_ascii_lowercase()).or_insert_with(|| target.clone());
                if *other != target && reported.insert(target.clone()) {
                    let path = ["targets".into(), target.as_str().into()];
                    let (other, environment) = (other.clone(), environment.clone());
                    self.fault(&path, FaultKind::SamePlace { other, environment, place: location });
                }
            }
        }
    }

    // Two environments with one name at one place would write over each other, and each would call itself in sync.
    fn one_environment_a_name(&mut self, project: &Project) {
        let mut first: BTreeMap<(String, RemoteName), EnvironmentName> = BTreeMap::new();
        let mut reported = BTreeSet::new();
        for environment in project.environments.keys() {
            for place in project.places(environment) {
                for binding in project.bindings(&place) {
                    let key = (place.location.to_string().to_ascii_lowercase(), binding.remote_name.clone());
                    let other = first.entry(key).or_insert_with(|| environment.clone()).clone();
                    if other != *environment && reported.insert(place.target.clone()) {
                        let path = ["targets".into(), place.target.as_str().into()];
                        let (environment, place, name) =
                            (environment.clone(), place.location.clone(), binding.remote_name);
                        self.fault(&path, FaultKind::SameName { environment, other, place, name });
                    }
                }
            }
        }
    }

    fn name<T>(&mut self, path: &[PathStep], text: &str, parse: impl Fn(&str) -> Result<T, NameError>) -> Option<T> {
        parse(text).map_err(|error| self.fault(path, FaultKind::Name { name: text.to_owned(), error })).ok()
    }

    fn environments(&mut self, path: &[PathStep], names: Option<&[String]>) -> Option<BTreeSet<EnvironmentName>> {
        let names = names?;
        let file = self.file;
        let mut known = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let path = below(path, ["environments".into(), index.into()]);
            if file.environments.contains_key(name) {
                known.extend(EnvironmentName::parse(name));
            } else {
                let nearest = nearest(name, file.environments.keys().map(String::as_str)).map(str::to_owned);
                self.fault(&path, FaultKind::Undeclared { what: "environment", name: name.clone(), nearest });
            }
        }
        Some(known)
    }

    fn declared_target(&mut self, path: &[PathStep], name: &str) -> Option<TargetName> {
        let file = self.file;
        if file.targets.contains_key(name) {
            return TargetName::parse(name).ok();
        }
        let nearest = nearest(name, file.targets.keys().map(String::as_str)).map(str::to_owned);
        self.fault(path, FaultKind::Undeclared { what: "target", name: name.to_owned(), nearest });
        None
    }

    fn ignore(&mut self, path: &[PathStep], rule: &project::Ignore) -> Option<IgnoreRule> {
        let before = self.faults.len();
        let target = rule.target.as_ref().and_then(|name| self.declared_target(&below(path, ["target".into()]), name));
        if rule.reason.trim().is_empty() {
            self.fault(&below(path, ["reason".into()]), FaultKind::NoReason);
        }
        let until = match &rule.until {
            None => None,
            Some(until) => {
                let date = until.date.filter(|_| until.time.is_none()).and_then(|date| {
                    let month = i8::try_from(date.month).ok()?;
                    Date::new(i16::try_from(date.year).ok()?, month, i8::try_from(date.day).ok()?).ok()
                });
                if date.is_none() {
                    self.fault(&below(path, ["until".into()]), FaultKind::Until);
                }
                date
            }
        };
        // A rule whose target is not one must never become a rule for every target.
        (self.faults.len() == before).then(|| IgnoreRule {
            target,
            name: rule.name.clone(),
            reason: rule.reason.clone(),
            until,
        })
    }
}

fn below<const N: usize>(path: &[PathStep], steps: [PathStep; N]) -> Path {
    path.iter().cloned().chain(steps).collect()
}

fn token_source(text: &str) -> Option<TokenSource> {
    if let Some(name) = text.strip_prefix("env:") {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        return (is_name && !name.is_empty()).then(|| TokenSource::Variable(name.to_owned()));
    }
    SecretName::parse(text.strip_prefix("vault:")?).ok().map(TokenSource::Vault)
}

/// Returns whether tokens and values may be sent to this base URL: https, or http to this very machine.
pub fn is_safe_url(url: &str) -> bool {
    if let Some(rest) = url.strip_prefix("https://") {
        return !rest.is_empty();
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let (host, after) = match authority.strip_prefix('[').and_then(|ipv6| ipv6.split_once(']')) {
        Some(bracketed) => bracketed,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    // What follows the host is a port or nothing, so that no reader of the URL can take it for more of the host.
    let is_port =
        after.is_empty() || after.strip_prefix(':').is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()));
    is_port && is_loopback(host)
}

/// Returns whether a host is this very machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
