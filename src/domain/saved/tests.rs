use std::collections::BTreeMap;

use jiff::Timestamp;
use vault_schema::project::RolloutMode;
use vault_schema::saved_plan::{Choices, Environment, SCHEMA};
use zeroize::Zeroizing;

use super::*;
use crate::domain::fingerprint::{FingerprintKey, KEY_LENGTH};
use crate::domain::name::{EnvironmentName, RemoteName, SecretName, TargetName};
use crate::domain::observation::RolloutState;
use crate::domain::place::Location;
use crate::domain::plan::Hold;
use crate::domain::secret::SecretValue;
use crate::domain::verdict::{Judgement, Proof};

fn fingerprint(text: &str) -> Fingerprint {
    FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH])).value(&SecretValue::copied_from(text))
}

fn web() -> Place {
    Place {
        environment: EnvironmentName::parse("staging").expect("a name"),
        target: TargetName::parse("web").expect("a name"),
        location: Location::FlyApp { app: "shop".to_owned() },
    }
}

fn row(name: &str, verdict: Verdict, shown: Option<&str>) -> Row {
    Row {
        place: web(),
        secret: Some(SecretName::parse(name).expect("a name")),
        remote_name: RemoteName::new(name),
        judgement: Judgement { verdict, proof: Proof::Receipt },
        rollout: RolloutState::none(),
        detail: "as seen".to_owned(),
        shown: shown.map(|text| SealedEvidence::Digest(fingerprint(text))),
        vouched: true,
        written: None,
        digests_changed: false,
        over: false,
        ignored: false,
        accepted: false,
        mode: RolloutMode::Manual,
    }
}

fn step_of(row: &Row, action: Action) -> Step {
    Step {
        place: row.place.clone(),
        secret: row.secret.clone().expect("a secret of ours"),
        remote_name: row.remote_name.clone(),
        action,
        verdict: row.judgement.verdict,
        detail: row.detail.clone(),
        expected: row.shown,
    }
}

/// One moment: what the vault has, what the places show, and the plan that follows.
struct Moment {
    values: BTreeMap<&'static str, &'static str>,
    rows: Vec<Row>,
    plan: Plan,
    places: Vec<Place>,
    receipts: &'static str,
}

impl Moment {
    fn saved(&self) -> SavedPlan {
        let environment = Environment { receipts: self.receipts.to_owned(), ..Environment::default() };
        SavedPlan {
            schema: SCHEMA.to_owned(),
            tool: "undrift".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            environments: BTreeMap::from([("staging".to_owned(), environment)]),
            targets: Vec::new(),
            places: self.places.iter().map(|it| place(it, None)).collect(),
            choices: Choices {
                take_vault: false,
                overwrite: Vec::new(),
                prune: false,
                max_deletes: 10,
                allow_shrink: false,
            },
            roll_outs: self.plan.roll_outs.iter().map(roll_out).collect(),
            steps: self.plan.steps.iter().map(|it| step(it, self.value(it.secret.as_str()))).collect(),
        }
    }

    fn value(&self, secret: &str) -> Option<Fingerprint> {
        self.values.get(secret).map(|text| fingerprint(text))
    }

    /// Returns what moved since the plan was made in the usual moment.
    fn changes(&self) -> Vec<String> {
        let now = Now { saved: &self.saved(), plan: &self.plan, rows: &self.rows };
        let changes = compare(&usual().saved(), now, |_, secret| self.value(secret));
        changes.iter().map(ToString::to_string).collect()
    }
}

/// `A` is behind, `B` was never pushed, `C` is an orphan.
fn usual() -> Moment {
    let rows = vec![
        row("A", Verdict::Behind, Some("old")),
        row("B", Verdict::Missing, None),
        row("C", Verdict::Orphaned, Some("c")),
    ];
    let actions = [Action::Update, Action::Create, Action::Delete];
    let steps = rows.iter().zip(actions).map(|(row, action)| step_of(row, action)).collect();
    Moment {
        values: BTreeMap::from([("A", "new"), ("B", "b")]),
        rows,
        plan: Plan { steps, ..Plan::default() },
        places: vec![web()],
        receipts: "first",
    }
}

#[test]
fn a_plan_that_would_be_made_again_has_no_changes() {
    let mut moment = usual();
    assert_eq!(moment.changes(), Vec::<String>::new());
    // Words for people may change.
    moment.plan.steps[0].detail = "in other words".to_owned();
    assert_eq!(moment.changes(), Vec::<String>::new());
}

type Case<'a> = (&'a str, &'a dyn Fn(&mut Moment), &'a [&'a str]);

fn check(table: &[Case<'_>]) {
    for (what, change, expected) in table {
        let mut moment = usual();
        change(&mut moment);
        assert_eq!(moment.changes(), *expected, "{what}");
    }
}

/// Leaves these steps of the plan alone.
fn steps(moment: &mut Moment, keep: &[usize]) {
    moment.plan.steps = keep.iter().map(|index| moment.plan.steps[*index].clone()).collect();
}

#[test]
fn each_side_that_moves_is_named() {
    check(&[
        (
            "the vault's value",
            &|now| {
                now.values.insert("A", "newer");
            },
            &["A has another value in the vault of `staging` since"],
        ),
        (
            "a value that is gone",
            &|now| {
                now.values.remove("B");
                now.rows.remove(1);
                steps(now, &[0, 2]);
            },
            &["B has another value in the vault of `staging` since"],
        ),
        (
            "the target",
            &|now| {
                now.rows[0] = row("A", Verdict::Conflict, Some("theirs"));
                steps(now, &[1, 2]);
            },
            &["fly:shop A was written there since"],
        ),
        (
            "the target, and the step is still one",
            &|now| {
                now.rows[0] = row("A", Verdict::Behind, Some("older"));
                now.plan.steps[0].expected = now.rows[0].shown;
            },
            &["fly:shop A was written there since"],
        ),
        (
            "a name that was made",
            &|now| {
                now.rows[1] = row("B", Verdict::Unverified, Some("theirs"));
                steps(now, &[0, 2]);
            },
            &["fly:shop B was made there since"],
        ),
        (
            "a name that was removed",
            &|now| {
                now.rows[0] = row("A", Verdict::Missing, None);
                now.plan.steps[0] = step_of(&now.rows[0], Action::Create);
            },
            &["fly:shop A was removed there since"],
        ),
    ]);
}

#[test]
fn each_step_that_is_gone_or_new_is_named() {
    check(&[
        (
            "a name that is no longer declared",
            &|now| {
                now.rows.remove(1);
                steps(now, &[0, 2]);
            },
            &["fly:shop B: a step that is gone: it is no longer declared there"],
        ),
        (
            "an ignore rule",
            &|now| {
                now.rows[1].ignored = true;
                steps(now, &[0, 2]);
            },
            &["fly:shop B: a step that is gone: an ignore rule covers it"],
        ),
        (
            "an orphan that is held",
            &|now| {
                let step = now.plan.steps.pop().expect("a step");
                now.plan.held.push(Held { step, hold: Hold::NeedsPrune });
            },
            &["fly:shop C: a step that is held now: orphaned: as seen"],
        ),
        (
            "the verdict alone",
            &|now| {
                now.rows[0] = row("A", Verdict::InSync, Some("old"));
                steps(now, &[1, 2]);
            },
            &["fly:shop A: behind when it was planned, and in sync now"],
        ),
        (
            "a verdict that asks for the same",
            &|now| {
                now.rows[0].judgement.verdict = Verdict::Differs;
                now.plan.steps[0].verdict = Verdict::Differs;
            },
            &["fly:shop A: behind when it was planned, and differs now"],
        ),
        (
            "the secret's name",
            &|now| {
                now.rows[2].secret = SecretName::parse("D").ok();
                now.plan.steps[2].secret = SecretName::parse("D").expect("a name");
            },
            &["fly:shop C: declared in another way since"],
        ),
        (
            "a new step",
            &|now| {
                now.rows.push(row("D", Verdict::Missing, None));
                now.plan.steps.push(step_of(&now.rows[3], Action::Create));
            },
            &["fly:shop D: a step that is new: create, missing: as seen"],
        ),
        (
            "a roll-out",
            &|now| now.plan.roll_outs.push(RollOut { place: web(), mode: RolloutMode::Flyctl, waiting: 1 }),
            &["fly:shop: its roll-out is not the one that was planned"],
        ),
        ("the receipts", &|now| now.receipts = "second", &["the receipts of `staging` were written since"]),
        (
            "another place",
            &|now| {
                now.places[0].location = Location::FlyApp { app: "other".to_owned() };
                now.rows.clear();
                now.plan.steps.clear();
            },
            &[
                "the target `web` of `staging` is no longer fly:shop",
                "the target `web` of `staging` is fly:other now",
                "fly:shop A: a step that is gone: it is no longer declared there",
                "fly:shop B: a step that is gone: it is no longer declared there",
                "fly:shop C: a step that is gone: it is no longer declared there",
            ],
        ),
        (
            "several things at once",
            &|now| {
                now.values.insert("A", "newer");
                now.rows[0] = row("A", Verdict::Conflict, Some("theirs"));
                now.receipts = "second";
                steps(now, &[1, 2]);
            },
            &[
                "A has another value in the vault of `staging` since",
                "fly:shop A was written there since",
                "the receipts of `staging` were written since",
            ],
        ),
    ]);
}
