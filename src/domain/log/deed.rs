//! What was done, before it is a line of the log.

use std::collections::BTreeMap;

use vault_schema::rotation::Record;

use super::{Action, Outcome};
use crate::domain::fingerprint::Fingerprint;
use crate::domain::name::{EnvironmentName, RemoteName, SecretName};
use crate::domain::outcome::StepOutcome;
use crate::domain::plan::{self, Choices, Step};
use crate::domain::rollout::RollOutOutcome;
use crate::domain::verdict::Verdict;

/// Something that was done, before it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub action: Action,
    /// At which place; none for what was done to the vault.
    pub place: Option<String>,
    /// The names in the vault.
    pub secrets: Vec<SecretName>,
    /// The names there.
    pub remote_names: Vec<RemoteName>,
    /// What became of it.
    pub outcome: Outcome,
    /// What let it happen, where a person had to choose.
    pub choice: Option<String>,
    /// Lines that are accepted as lost.
    pub lost: Vec<Fingerprint>,
    /// Lines that no key of ours has made, and that are accepted.
    pub foreign: Vec<Fingerprint>,
    /// Whose access was granted or revoked.
    pub people: Vec<String>,
    /// What is kept of a rotation that ends with this.
    pub run: Option<Record>,
}

impl Deed {
    /// Returns something that was done to the vault itself.
    pub fn in_vault(action: Action, secrets: Vec<SecretName>) -> Self {
        Self {
            action,
            place: None,
            secrets,
            remote_names: Vec::new(),
            outcome: Outcome::Done,
            choice: None,
            lost: Vec::new(),
            foreign: Vec::new(),
            people: Vec::new(),
            run: None,
        }
    }

    /// Returns that somebody's access was granted or revoked.
    pub fn of_access(action: Action, who: &str) -> Self {
        Self { people: vec![who.to_owned()], ..Self::in_vault(action, Vec::new()) }
    }
}

/// Returns what became of a push's steps, by environment: one deed for each place, action, choice and outcome. What
/// was not even tried is not among them.
pub fn deeds(
    outcomes: &[StepOutcome],
    roll_outs: &[RollOutOutcome],
    choices: &Choices,
) -> BTreeMap<EnvironmentName, Vec<Deed>> {
    let mut all: BTreeMap<EnvironmentName, Vec<Deed>> = BTreeMap::new();
    for StepOutcome { step, outcome, .. } in outcomes.iter().filter(|outcome| outcome.outcome != Outcome::Skipped) {
        let (action, choice) = chosen(step, choices);
        let place = Some(step.place.location.to_string());
        let deeds = all.entry(step.place.environment.clone()).or_default();
        let same = |deed: &&mut Deed| {
            deed.action == action && deed.place == place && deed.outcome == *outcome && deed.choice.as_deref() == choice
        };
        if let Some(deed) = deeds.iter_mut().find(same) {
            deed.secrets.push(step.secret.clone());
            deed.remote_names.push(step.remote_name.clone());
        } else {
            deeds.push(Deed {
                place,
                remote_names: vec![step.remote_name.clone()],
                outcome: *outcome,
                choice: choice.map(str::to_owned),
                ..Deed::in_vault(action, vec![step.secret.clone()])
            });
        }
    }
    for RollOutOutcome { roll_out, outcome, .. } in roll_outs.iter().filter(|it| it.outcome != Outcome::Skipped) {
        all.entry(roll_out.place.environment.clone()).or_default().push(Deed {
            place: Some(roll_out.place.location.to_string()),
            outcome: *outcome,
            choice: Some(roll_out.mode.as_str().to_owned()),
            ..Deed::in_vault(Action::RollOut, Vec::new())
        });
    }
    all
}

/// Returns what a step is called in the log, and what a person chose so that it was not held.
fn chosen(step: &Step, choices: &Choices) -> (Action, Option<&'static str>) {
    let is_named = choices.overwrite.contains(&step.secret);
    match (step.action, step.verdict) {
        (plan::Action::Delete, _) if is_named => (Action::Prune, Some("--prune --overwrite")),
        (plan::Action::Delete, _) if choices.retired.contains(&step.secret) => {
            (Action::Prune, Some("the end of an overlap"))
        }
        (plan::Action::Delete, _) => (Action::Prune, Some("--prune")),
        (plan::Action::Create, _) => (Action::Create, None),
        (plan::Action::Update, Verdict::Differs | Verdict::Unverified) if choices.take_vault => {
            (Action::Override, Some("--take-vault"))
        }
        (
            plan::Action::Update,
            Verdict::Differs | Verdict::Unverified | Verdict::ChangedRemotely | Verdict::Conflict,
        ) => (Action::Override, Some(if is_named { "--overwrite" } else { "finishes an interrupted push" })),
        (plan::Action::Update, _) => (Action::Write, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::TargetName;
    use crate::domain::place::{Location, Place};

    fn staging() -> EnvironmentName {
        EnvironmentName::parse("staging").expect("a name")
    }

    #[test]
    fn a_push_is_told_by_place_and_outcome_with_what_was_chosen() {
        let outcome = |name: &str, app: &str, action, verdict, outcome| StepOutcome {
            step: Step {
                place: Place {
                    environment: staging(),
                    target: TargetName::parse("web").expect("a name"),
                    location: Location::FlyApp { app: app.to_owned() },
                },
                secret: SecretName::parse(name).expect("a name"),
                remote_name: RemoteName::new(name),
                action,
                verdict,
                detail: String::new(),
                expected: None,
            },
            outcome,
            detail: String::new(),
        };
        let (create, update, delete) = (plan::Action::Create, plan::Action::Update, plan::Action::Delete);
        let outcomes = [
            outcome("A", "one", create, Verdict::Missing, Outcome::Done),
            outcome("B", "one", create, Verdict::Missing, Outcome::Done),
            outcome("C", "one", create, Verdict::Missing, Outcome::Uncertain),
            outcome("D", "two", create, Verdict::Missing, Outcome::Done),
            outcome("E", "two", update, Verdict::Behind, Outcome::Done),
            outcome("F", "two", update, Verdict::Unverified, Outcome::Done),
            outcome("G", "two", update, Verdict::Conflict, Outcome::Stale),
            outcome("H", "two", update, Verdict::ChangedRemotely, Outcome::Done),
            outcome("I", "two", delete, Verdict::Orphaned, Outcome::Done),
            outcome("J", "two", delete, Verdict::Orphaned, Outcome::Skipped),
            outcome("K_PREVIOUS", "two", delete, Verdict::Orphaned, Outcome::Done),
        ];
        let choices = Choices {
            take_vault: true,
            overwrite: [SecretName::parse("G").expect("a name")].into(),
            prune: true,
            retired: [SecretName::parse("K_PREVIOUS").expect("a name")].into(),
            ..Choices::default()
        };
        let told: Vec<String> = deeds(&outcomes, &[], &choices)[&staging()]
            .iter()
            .map(|deed| {
                let names: String = deed.remote_names.iter().map(ToString::to_string).collect();
                let place = deed.place.as_deref().unwrap_or_default();
                let choice = deed.choice.as_deref().unwrap_or_default();
                format!("{} {place} {names} {} {choice}", deed.action.as_str(), deed.outcome.as_str())
            })
            .collect();
        assert_eq!(
            told,
            [
                "create fly:one AB done ",
                "create fly:one C uncertain ",
                "create fly:two D done ",
                "write fly:two E done ",
                "override fly:two F done --take-vault",
                "override fly:two G stale --overwrite",
                "override fly:two H done finishes an interrupted push",
                "prune fly:two I done --prune",
                "prune fly:two K_PREVIOUS done the end of an overlap",
            ]
        );
    }
}
