//! Saving a plan, and holding what would be done now against what was saved.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use vault_schema::saved_plan::{Choices, Environment, SCHEMA, SavedPlan};

use super::audit::Subjects;
use crate::domain::fingerprint::Fingerprint;
use crate::domain::name::TargetName;
use crate::domain::plan::Plan;
use crate::domain::row::Row;
use crate::domain::saved::{self, Change, Now};
use crate::vault::receipts;
use crate::vault::saved_plan::Keys;

/// What a plan was made of.
#[derive(Debug)]
pub struct Made<'a> {
    /// The program and its version.
    pub tool: &'a str,
    /// When.
    pub at: Timestamp,
    /// The vault's side.
    pub subjects: &'a Subjects,
    /// The targets it was narrowed to; every one when empty.
    pub targets: &'a [TargetName],
    /// Every secret at every place.
    pub rows: &'a [Row],
    /// What a person had decided.
    pub choices: Choices,
    /// The plan.
    pub plan: &'a Plan,
}

impl Made<'_> {
    /// Returns the plan in the form in which it is saved, without its MACs.
    pub fn saved(&self) -> io::Result<SavedPlan> {
        let environments = self.subjects.iter().map(|(name, subject)| {
            let receipts = receipts::fingerprint(&subject.key, &subject.receipts)?.to_string();
            Ok((name.to_string(), Environment { key_id: subject.key.id(), receipts, mac: String::new() }))
        });
        let places = self
            .subjects
            .values()
            .flat_map(|subject| subject.bindings.keys().map(|place| saved::place(place, subject.access.get(place))));
        let value = |environment: &str, secret: &str| self.value(environment, secret);
        Ok(SavedPlan {
            schema: SCHEMA.to_owned(),
            tool: self.tool.to_owned(),
            at: self.at,
            environments: environments.collect::<io::Result<_>>()?,
            targets: self.targets.iter().map(ToString::to_string).collect(),
            places: places.collect(),
            choices: self.choices.clone(),
            steps: self
                .plan
                .steps
                .iter()
                .map(|step| saved::step(step, value(step.place.environment.as_str(), step.secret.as_str())))
                .collect(),
            roll_outs: self.plan.roll_outs.iter().map(saved::roll_out).collect(),
        })
    }

    /// Returns what moved since a plan was saved; nothing when it would be saved again as it is.
    pub fn changes(&self, then: &SavedPlan) -> io::Result<BTreeSet<Change>> {
        let now = Now { saved: &self.saved()?, plan: self.plan, rows: self.rows };
        Ok(saved::compare(then, now, |environment, secret| self.value(environment, secret)))
    }

    fn value(&self, environment: &str, secret: &str) -> Option<Fingerprint> {
        let subject = self.subjects.get(environment)?;
        subject.inventory.entries.get(secret).map(|entry| subject.key.value(&entry.value))
    }
}

/// Returns the keys of the environments.
pub fn keys(subjects: &Subjects) -> Keys<'_> {
    subjects.iter().map(|(name, subject)| (name.clone(), &subject.key)).collect()
}
