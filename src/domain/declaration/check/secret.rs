//! Checking what is declared of one secret.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use vault_schema::project::{self, ProbeChoice, TargetReference};

use super::super::{Interval, ProbeRule, Project, grace};
use super::{Checker, FaultKind, Path, PathStep, below};
use crate::domain::generate;
use crate::domain::hygiene;
use crate::domain::kind::{Kind, Pattern};
use crate::domain::name::{SecretName, TargetName};
use crate::domain::probe::{Below, Probe};
use crate::domain::suggest::nearest;

impl Checker<'_> {
    pub(super) fn generate(&mut self, path: &[PathStep], kind: Option<&str>) -> Option<generate::Kind> {
        let fault = |error| self.fault(&below(path, ["generate".into()]), FaultKind::Generate(error));
        generate::Kind::parse(kind?).map_err(fault).ok()
    }

    pub(super) fn command(&mut self, path: &[PathStep], secret: &project::Secret) -> Option<Vec<String>> {
        let command = secret.command.as_ref()?;
        let path = below(path, ["command".into()]);
        if secret.generate.is_some() {
            self.fault(&path, FaultKind::TwoSources);
        }
        if command.first().is_none_or(String::is_empty) {
            self.fault(&path, FaultKind::NoProgram);
        }
        Some(command.clone())
    }

    pub(super) fn probe(
        &mut self,
        path: &[PathStep],
        own: Option<&SecretName>,
        declared: Option<&ProbeChoice>,
    ) -> ProbeRule {
        let declared = match declared {
            None => return ProbeRule::OfKind,
            Some(ProbeChoice::Nobody) => return ProbeRule::Nobody,
            Some(ProbeChoice::Asked(declared)) => declared,
        };
        let faults = match Probe::read(declared, own) {
            Ok(probe) => return ProbeRule::Own(probe),
            Err(faults) => faults,
        };
        for ((key, place), fault) in faults {
            let place = place.map(|place| match place {
                Below::Key(key) => PathStep::Key(key),
                Below::Index(index) => PathStep::Index(index),
            });
            let steps = ["probe".into()].into_iter().chain(key.map(PathStep::from)).chain(place);
            let path: Path = path.iter().cloned().chain(steps).collect();
            self.fault(&path, FaultKind::Probe(fault));
        }
        ProbeRule::Nobody
    }

    pub(super) fn interval(&mut self, path: &[PathStep], text: &str) -> Option<Interval> {
        let interval = Interval::parse(text);
        if interval.is_none() {
            self.fault(&below(path, ["rotate-every".into()]), FaultKind::Interval);
        }
        interval
    }

    pub(super) fn grace(&mut self, path: &[PathStep], text: &str) -> Option<SignedDuration> {
        let grace = grace::parse(text);
        if grace.is_none() {
            self.fault(&below(path, ["finish-after".into()]), FaultKind::Grace);
        }
        grace
    }

    /// Returns the secrets that change together: each is declared, and in one list alone.
    pub(super) fn together(&mut self) -> Vec<BTreeSet<SecretName>> {
        let file = self.file;
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        for (index, names) in file.rotation.together.iter().enumerate() {
            let path = ["rotation".into(), "together".into(), index.into()];
            if names.len() < 2 {
                self.fault(&path, FaultKind::TogetherAlone);
            }
            for (index, name) in names.iter().enumerate() {
                let path = below(&path, [index.into()]);
                if !file.secrets.contains_key(name) {
                    let nearest = nearest(name, file.secrets.keys().map(String::as_str)).map(str::to_owned);
                    self.fault(&path, FaultKind::Undeclared { what: "secret", name: name.clone(), nearest });
                } else if !seen.insert(name) {
                    self.fault(&path, FaultKind::TogetherTwice(name.clone()));
                }
            }
            all.push(names.iter().filter_map(|name| SecretName::parse(name).ok()).collect());
        }
        all
    }

    /// Sees to it that the value before has a name for itself at the places.
    pub(super) fn one_name_for_the_value_before(&mut self, project: &Project) {
        for name in project.secrets.keys().filter(|name| project.overlaps(name)) {
            let path = ["secrets".into(), name.as_str().into(), "overlap".into()];
            match name.previous() {
                None => self.fault(&path, FaultKind::NoRoomForPrevious),
                Some(previous) if project.secrets.contains_key(&previous) => {
                    self.fault(&path, FaultKind::PreviousTaken(previous));
                }
                Some(_) => {}
            }
        }
    }

    /// Gives the secrets of a kind the interval that stands for all of it, where they have none of their own.
    pub(super) fn intervals_by_kind(&mut self, project: &mut Project) {
        for (name, text) in &self.file.rotation.every {
            let path = ["rotation".into(), "every".into(), name.as_str().into()];
            let kind = Kind::parse(name).map_err(|unknown| self.fault(&path, FaultKind::Kind(unknown))).ok();
            let interval = Interval::parse(text);
            if interval.is_none() {
                self.fault(&path, FaultKind::Interval);
            }
            for declaration in project.secrets.values_mut().filter(|it| kind.is_some() && it.kind == kind) {
                declaration.rotate_every = declaration.rotate_every.or(interval);
            }
        }
    }

    pub(super) fn kind(&mut self, path: &[PathStep], name: &str) -> Option<Kind> {
        Kind::parse(name).map_err(|unknown| self.fault(&below(path, ["kind".into()]), FaultKind::Kind(unknown))).ok()
    }

    pub(super) fn pattern(&mut self, path: &[PathStep], text: &str) -> Option<Pattern> {
        let path = below(path, ["pattern".into()]);
        Pattern::parse(text).map_err(|error| self.fault(&path, FaultKind::Pattern(error.to_string()))).ok()
    }

    pub(super) fn deprecated(&mut self, path: &[PathStep], advice: &str) -> String {
        if advice.trim().is_empty() {
            self.fault(&below(path, ["deprecated".into()]), FaultKind::NoAdvice);
        }
        advice.to_owned()
    }

    pub(super) fn accepted(&mut self, path: &[PathStep], accepted: &[project::Accept]) -> BTreeSet<String> {
        for (index, accept) in accepted.iter().enumerate() {
            let path = below(path, ["accept".into(), index.into()]);
            if !hygiene::CODES.contains(&accept.code.as_str()) {
                self.fault(&below(&path, ["code".into()]), FaultKind::NotAcceptable(accept.code.clone()));
            }
            if accept.reason.trim().is_empty() {
                self.fault(&below(&path, ["reason".into()]), FaultKind::NoReasonToAccept);
            }
        }
        accepted.iter().map(|accept| accept.code.clone()).collect()
    }

    pub(super) fn references(
        &mut self,
        path: &[PathStep],
        references: &[TargetReference],
    ) -> BTreeMap<TargetName, Option<String>> {
        let mut targets = BTreeMap::new();
        for (index, reference) in references.iter().enumerate() {
            let path = below(path, ["targets".into(), index.into()]);
            if let Some(target) = self.declared_target(&path, &reference.target)
                && targets.insert(target, reference.name.clone()).is_some()
            {
                self.fault(&path, FaultKind::TargetTwice(reference.target.clone()));
            }
        }
        targets
    }
}
