//! What a plan does and holds, as tables; what it never does, in `worlds`.

mod worlds;

use vault_schema::project::RolloutMode;

use super::*;
use crate::domain::digest::RemoteDigest;
use crate::domain::fingerprint::{FingerprintKey, KEY_LENGTH};
use crate::domain::name::TargetName;
use crate::domain::observation::{Evidence, RolloutState};
use crate::domain::place::{GithubHolder, GithubStore, Location};
use crate::domain::verdict::{Judgement, Proof, Rollout};

fn place(environment: &str, target: &str) -> Place {
    Place {
        environment: EnvironmentName::parse(environment).expect("a name"),
        target: TargetName::parse(target).expect("a name"),
        location: Location::FlyApp { app: format!("{target}-{environment}") },
    }
}

fn secret(name: &str) -> SecretName {
    SecretName::parse(name).expect("a name")
}

fn row(place: &Place, name: &str, verdict: Verdict) -> Row {
    let key = FingerprintKey::new(zeroize::Zeroizing::new([7; KEY_LENGTH]));
    let shown = Evidence::OpaqueDigest(RemoteDigest::new(name)).seal(&key);
    Row {
        place: place.clone(),
        secret: (verdict != Verdict::Unmanaged).then(|| secret(name)),
        remote_name: RemoteName::new(name),
        judgement: Judgement { verdict, proof: Proof::Receipt },
        rollout: RolloutState { rollout: Rollout::Live, detail: String::new() },
        detail: format!("why {name}"),
        shown: (verdict != Verdict::Missing).then_some(shown),
        vouched: true,
        written: None,
        over: false,
        digests_changed: false,
        ignored: false,
        mode: RolloutMode::Unchecked,
        accepted: false,
    }
}

fn choices(take_vault: bool, overwrite: &[&str], prune: bool) -> Choices {
    let overwrite = overwrite.iter().map(|name| secret(name)).collect();
    Choices { take_vault, overwrite, prune, ..Choices::default() }
}

/// What becomes of one row.
#[derive(Debug, PartialEq)]
enum Becomes {
    Nothing,
    Step(Action),
    Held(Action, Hold),
}

fn decided(verdict: Verdict, choices: &Choices, partial: bool) -> Becomes {
    let place = place("staging", "web");
    let partial = partial.then(|| place.environment.clone()).into_iter().collect();
    let plan = plan(&[row(&place, "A", verdict)], choices, &partial, &BTreeMap::new());
    assert_eq!(plan.refusals, []);
    match (plan.steps.as_slice(), plan.held.as_slice()) {
        ([], []) => Becomes::Nothing,
        ([step], []) => Becomes::Step(step.action),
        ([], [held]) => Becomes::Held(held.step.action, held.hold),
        _ => panic!("one row becomes one step at most: {plan:?}"),
    }
}

#[test]
fn digests_that_changed_all_at_once_are_decided_name_by_name() {
    let place = place("staging", "web");
    let row = |name| Row { digests_changed: true, ..row(&place, name, Verdict::Unverified) };
    let rows = [row("A"), row("B")];
    let becomes = |choices| plan(&rows, &choices, &BTreeSet::new(), &BTreeMap::new());
    for none in [choices(false, &[], false), choices(true, &[], false), choices(true, &[], true)] {
        let plan = becomes(none);
        assert_eq!(plan.steps, []);
        assert!(plan.held.len() == 2 && plan.held.iter().all(|held| held.hold == Hold::DigestsChanged), "{plan:?}");
    }
    let plan = becomes(choices(true, &["A"], false));
    assert_eq!((plan.steps[0].remote_name.as_str(), plan.steps[0].action), ("A", Action::Update));
    assert_eq!((plan.steps.len(), plan.held.len(), plan.held[0].hold), (1, 1, Hold::DigestsChanged));
}

#[test]
fn an_orphan_that_somebody_wrote_over_is_removed_only_when_both_are_said() {
    let place = place("staging", "web");
    let rows = [Row { vouched: false, ..row(&place, "A", Verdict::Orphaned) }];
    let becomes = |choices| plan(&rows, &choices, &BTreeSet::new(), &BTreeMap::new());
    for halfway in [choices(false, &[], true), choices(false, &["A"], false), choices(true, &[], true)] {
        let plan = becomes(halfway);
        assert_eq!(plan.steps, []);
        assert_eq!(plan.held[0].hold, Hold::NeedsPruneAndOverwrite);
    }
    assert_eq!(becomes(choices(false, &["A"], true)).steps[0].action, Action::Delete);
}

#[test]
fn what_was_accepted_as_it_is_is_written_over_only_by_name() {
    let place = place("staging", "web");
    let rows = [Row { accepted: true, ..row(&place, "A", Verdict::Unverified) }];
    let becomes = |choices| plan(&rows, &choices, &BTreeSet::new(), &BTreeMap::new());
    for left in [choices(false, &[], false), choices(true, &[], true), choices(true, &["B"], false)] {
        assert_eq!(becomes(left), Plan::default());
    }
    assert_eq!(becomes(choices(false, &["A"], false)).steps[0].action, Action::Update);
}

#[test]
fn an_interrupted_write_is_finished_and_a_removal_is_asked_about_again() {
    let place = place("staging", "web");
    let choices = Choices {
        interrupted: BTreeSet::from([(place.location.to_string(), RemoteName::new("A"))]),
        ..choices(false, &[], false)
    };
    for verdict in [Verdict::Unverified, Verdict::Differs, Verdict::ChangedRemotely, Verdict::Conflict] {
        assert_eq!(decided(verdict, &choices, false), Becomes::Step(Action::Update), "{verdict:?}");
    }
    assert_eq!(decided(Verdict::Orphaned, &choices, false), Becomes::Held(Action::Delete, Hold::NeedsPrune));
    assert_eq!(decided(Verdict::InSync, &choices, false), Becomes::Nothing);
    assert_eq!(decided(Verdict::Unmanaged, &choices, false), Becomes::Nothing);
}

#[test]
fn each_verdict_becomes_what_the_choices_allow() {
    use Action::{Create, Delete, Update};
    use Becomes::{Held, Nothing, Step};
    use Hold::{NeedsOverwrite, NeedsPrune, NeedsTakeVault, VaultIncomplete};

    let [none, take_vault, overwrite, another, prune] = [
        choices(false, &[], false),
        choices(true, &[], false),
        choices(false, &["A"], false),
        choices(false, &["B"], false),
        choices(false, &[], true),
    ];
    let table = [
        (Verdict::InSync, [Nothing, Nothing, Nothing, Nothing, Nothing]),
        (Verdict::Unmanaged, [Nothing, Nothing, Nothing, Nothing, Nothing]),
        (Verdict::Unreadable, [Nothing, Nothing, Nothing, Nothing, Nothing]),
        (Verdict::Missing, [Step(Create), Step(Create), Step(Create), Step(Create), Step(Create)]),
        (Verdict::Behind, [Step(Update), Step(Update), Step(Update), Step(Update), Step(Update)]),
        (
            Verdict::Unverified,
            [
                Held(Update, NeedsTakeVault),
                Step(Update),
                Step(Update),
                Held(Update, NeedsTakeVault),
                Held(Update, NeedsTakeVault),
            ],
        ),
        (
            Verdict::Differs,
            [
                Held(Update, NeedsTakeVault),
                Step(Update),
                Step(Update),
                Held(Update, NeedsTakeVault),
                Held(Update, NeedsTakeVault),
            ],
        ),
        (
            Verdict::ChangedRemotely,
            [
                Held(Update, NeedsOverwrite),
                Held(Update, NeedsOverwrite),
                Step(Update),
                Held(Update, NeedsOverwrite),
                Held(Update, NeedsOverwrite),
            ],
        ),
        (
            Verdict::Conflict,
            [
                Held(Update, NeedsOverwrite),
                Held(Update, NeedsOverwrite),
                Step(Update),
                Held(Update, NeedsOverwrite),
                Held(Update, NeedsOverwrite),
            ],
        ),
        (
            Verdict::Orphaned,
            [
                Held(Delete, NeedsPrune),
                Held(Delete, NeedsPrune),
                Held(Delete, NeedsPrune),
                Held(Delete, NeedsPrune),
                Step(Delete),
            ],
        ),
    ];
    let everything = choices(true, &["A"], true);
    for (verdict, becomes) in table {
        for (choices, expected) in [&none, &take_vault, &overwrite, &another, &prune].into_iter().zip(becomes) {
            assert_eq!(decided(verdict, choices, false), expected, "{verdict:?} with {choices:?}");
        }
        // A vault that was not read whole forbids removals, and nothing else.
        let partly = decided(verdict, &everything, true);
        if verdict == Verdict::Orphaned {
            assert_eq!(partly, Held(Delete, VaultIncomplete));
        } else {
            assert_eq!(partly, decided(verdict, &everything, false), "{verdict:?}");
        }
    }
}

#[test]
fn what_a_rotation_takes_away_goes_without_asking_where_it_is_ours() {
    use Becomes::{Held, Step};
    let (here, unread) = (place("staging", "web"), place("staging", "other"));
    let retired = Choices { retired: BTreeSet::from([secret("A")]), ..choices(false, &[], false) };
    let interrupted = BTreeSet::from([(here.location.to_string(), RemoteName::new("A"))]);
    let seen = Choices { interrupted, ..retired.clone() };
    assert_eq!(decided(Verdict::Orphaned, &retired, false), Step(Action::Delete));
    assert_eq!(decided(Verdict::Orphaned, &retired, true), Held(Action::Delete, Hold::VaultIncomplete));
    // Without a receipt, the journal alone tells that it is ours.
    let unfiled = Row { secret: Some(secret("A")), over: true, ..row(&here, "A", Verdict::Unmanaged) };
    let changed = Row { vouched: false, ..row(&here, "A", Verdict::Orphaned) };
    let both = choices(false, &["A"], true);
    let table = [
        (&unfiled, &retired, None),
        (&unfiled, &seen, Some(Action::Delete)),
        (&unfiled, &choices(false, &[], true), None),
        (&unfiled, &both, Some(Action::Delete)),
        (&changed, &retired, None),
        (&changed, &seen, None),
        (&changed, &both, Some(Action::Delete)),
    ];
    for (row, choices, expected) in table {
        let plan = plan(std::slice::from_ref(row), choices, &BTreeSet::new(), &BTreeMap::new());
        assert_eq!(plan.steps.first().map(|step| step.action), expected, "{row:?} {choices:?}");
        let holds: Vec<Hold> = plan.held.iter().map(|held| held.hold).collect();
        assert_eq!(holds.as_slice(), if expected.is_none() { &[Hold::NeedsPruneAndOverwrite][..] } else { &[] });
        let partial = BTreeSet::from([here.environment.clone()]);
        assert_eq!(super::plan(std::slice::from_ref(row), choices, &partial, &BTreeMap::new()).steps, []);
    }
    // What replaces it stands beside it: a place that cannot be read is no reason to wait.
    let rows = [row(&here, "A", Verdict::Orphaned), row(&here, "B", Verdict::Orphaned)];
    let rows = rows.into_iter().chain([row(&unread, "A", Verdict::Unreadable)]).collect::<Vec<_>>();
    let memory = BTreeMap::from([(here, Memory { known: 10, ..Memory::default() })]);
    let plan = plan(&rows, &Choices { prune: true, ..retired }, &BTreeSet::new(), &memory);
    assert_eq!(plan.steps.iter().map(|step| step.remote_name.as_str()).collect::<Vec<_>>(), ["A"]);
    assert_eq!((plan.held.len(), plan.held[0].hold), (1, Hold::AfterWrites));
}

#[test]
fn removals_are_bounded_at_all_places_together() {
    let (web, other) = (place("staging", "web"), place("staging", "other"));
    let mut rows: Vec<Row> = ["A", "B", "C"].map(|name| row(&web, name, Verdict::Orphaned)).into();
    rows.extend([row(&other, "A", Verdict::Orphaned), row(&other, "B", Verdict::Missing)]);
    let memory = [&web, &other].map(|place| (place.clone(), Memory { known: 10, ..Memory::default() })).into();
    let plan = plan(&rows, &choices(false, &[], true), &BTreeSet::new(), &memory);
    for (limit, expected) in [
        (0, Err(TooManyRemovals { count: 4, limit: 0 })),
        (3, Err(TooManyRemovals { count: 4, limit: 3 })),
        (4, Ok(())),
        (10, Ok(())),
    ] {
        assert_eq!(plan.check_removals(limit), expected, "{limit}");
    }
    assert_eq!(Plan::default().check_removals(0), Ok(()));
}

#[test]
fn a_step_says_what_its_row_said() {
    let place = place("staging", "web");
    let rows = [row(&place, "A", Verdict::Behind), row(&place, "B", Verdict::Missing)];
    let plan = plan(&rows, &Choices::default(), &BTreeSet::new(), &BTreeMap::new());
    for (step, row) in plan.steps.iter().zip(&rows) {
        assert_eq!((&step.place, Some(&step.secret)), (&row.place, row.secret.as_ref()));
        assert_eq!((&step.remote_name, &step.detail), (&row.remote_name, &row.detail));
        assert_eq!((step.verdict, step.expected), (row.judgement.verdict, row.shown));
    }
    assert_eq!(plan.steps.len(), 2);
}

#[test]
fn ignored_rows_and_those_without_a_secret_of_ours_need_nothing() {
    let place = place("staging", "web");
    let ignored = Row { ignored: true, ..row(&place, "A", Verdict::Behind) };
    let nobodys = Row { secret: None, ..row(&place, "B", Verdict::Unverified) };
    let everything = choices(true, &["A", "B"], true);
    assert_eq!(plan(&[ignored, nobodys], &everything, &BTreeSet::new(), &BTreeMap::new()), Plan::default());
}

#[test]
fn places_come_in_order_and_removals_come_last_at_each() {
    let (staging, production) = (place("staging", "web"), place("production", "web"));
    let rows = [
        row(&staging, "A", Verdict::Orphaned),
        row(&staging, "B", Verdict::Behind),
        row(&production, "A", Verdict::Orphaned),
        row(&production, "C", Verdict::Missing),
        row(&staging, "D", Verdict::Missing),
    ];
    let plan = plan(&rows, &choices(false, &[], true), &BTreeSet::new(), &BTreeMap::new());
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| format!("{} {} {}", step.place.environment, step.action.as_str(), step.secret))
        .collect();
    assert_eq!(
        steps,
        ["production create C", "production delete A", "staging update B", "staging create D", "staging delete A",]
    );
}

#[test]
fn a_place_where_too_much_would_vanish_is_refused_alone() {
    let (web, other) = (place("staging", "web"), place("staging", "other"));
    let refusal = |known, vanished, orphans: usize, prune, allow_shrink| {
        let mut rows: Vec<_> = (0..orphans).map(|index| row(&web, &format!("S{index}"), Verdict::Orphaned)).collect();
        rows.extend([row(&web, "A", Verdict::Missing), row(&other, "A", Verdict::Missing)]);
        let memory = BTreeMap::from([(web.clone(), Memory { known, vanished, ..Memory::default() })]);
        let choices = Choices { allow_shrink, ..choices(false, &[], prune) };
        let plan = plan(&rows, &choices, &BTreeSet::new(), &memory);
        let at_web = plan.steps.iter().any(|step| step.place == web) || plan.held.iter().any(|it| it.step.place == web);
        assert_eq!(at_web, plan.refusals.is_empty(), "a refused place has neither steps nor anything held");
        assert!(plan.steps.iter().any(|step| step.place == other), "the other place is none the worse");
        assert!(plan.refusals.iter().all(|refusal| refusal.place == web));
        plan.refusals.first().map(|refusal| refusal.kind)
    };
    let listing = |gone, known| Some(RefusalKind::ListingShrank { gone, known });
    let vault = |gone, known| Some(RefusalKind::VaultShrank { gone, known });
    // (known, vanished, orphans, prune, allow-shrink)
    assert_eq!(refusal(10, 10, 0, false, false), listing(10, 10));
    assert_eq!(refusal(10, 6, 0, false, false), listing(6, 10));
    assert_eq!(refusal(10, 5, 0, false, false), None, "half is not more than half");
    assert_eq!(refusal(2, 2, 0, false, false), listing(2, 2));
    assert_eq!(refusal(1, 1, 0, false, false), None, "one secret is an everyday change");
    assert_eq!(refusal(10, 6, 0, false, true), None);
    assert_eq!(refusal(10, 0, 6, true, false), vault(6, 10));
    assert_eq!(refusal(10, 0, 5, true, false), None);
    assert_eq!(refusal(10, 0, 6, false, false), None, "without `--prune` nothing would be removed");
    assert_eq!(refusal(10, 0, 6, true, true), None);
    assert_eq!(refusal(10, 6, 6, true, false), listing(6, 10));
}

#[test]
fn nothing_is_made_where_it_would_be_too_much() {
    let repository = |environment: &str| Place {
        location: Location::Github {
            store: GithubStore::Actions,
            holder: GithubHolder::Repository { repository: "acme/shop".to_owned() },
        },
        ..place(environment, "ci")
    };
    let (staging, production, web) = (repository("staging"), repository("production"), place("staging", "web"));
    // (how many stand there, how many are made for staging and production, what it would hold)
    let table = [
        (98, 1, 1, None),
        (99, 1, 1, Some(101)),
        (100, 1, 0, Some(101)),
        (100, 0, 0, None),
        (103, 0, 0, None),
        (90, 11, 0, Some(101)),
    ];
    for (held, ours, theirs, expected) in table {
        let missing = |place: &Place, count: usize| {
            (0..count).map(|index| row(place, &format!("NEW_{index}"), Verdict::Missing)).collect::<Vec<_>>()
        };
        let mut rows = missing(&staging, ours);
        rows.extend(missing(&production, theirs).into_iter().chain(missing(&web, 1)));
        rows.extend([row(&staging, "OLD", Verdict::Behind), row(&staging, "GONE", Verdict::Orphaned)]);
        let memory = [&staging, &production, &web].map(|place| (place.clone(), Memory { held, ..Memory::default() }));
        let plan = plan(&rows, &choices(false, &[], true), &BTreeSet::new(), &memory.into());
        let kind = expected.map(|would| RefusalKind::Full { would, takes: 100 });
        assert_eq!(
            plan.refusals.iter().find(|it| it.place == staging).map(|it| it.kind),
            kind,
            "{held} {ours} {theirs}"
        );
        let made =
            |place: &Place| plan.steps.iter().filter(|it| it.place == *place && it.action == Action::Create).count();
        assert_eq!(made(&staging), if expected.is_some() { 0 } else { ours }, "{held} {ours} {theirs}");
        assert_eq!(made(&web), 1, "Fly states no number");
        let changed = plan.steps.iter().filter(|it| it.place == staging && it.action != Action::Create).count();
        assert_eq!(changed, 2, "what is there is changed and removed all the same");
    }
}
