//! Properties of rows and plans over random worlds.
//!
//! A world keeps what no audit sees: the value that each target really holds. Every place has a history of writes, ours
//! and other people's, from which receipts and observation are made as the real ones are; then what the rows claim is
//! held against the truth. Each write happens at an instant of its own, so that an instant that did not move means
//! that nobody wrote: two writes within one second of a store that shows only times are beyond what can be told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::{Action, Choices, Memory, Plan, Step, plan};
use super::{place, secret};
use crate::domain::declaration::{Binding, IgnoreRule};
use crate::domain::digest::RemoteDigest;
use crate::domain::finding::Source;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey, KEY_LENGTH};
use crate::domain::inventory::{Entry, Inventory};
use crate::domain::name::{EnvironmentName, RemoteName};
use crate::domain::observation::{Evidence, Observation, Observed, RolloutState};
use crate::domain::place::Place;
use crate::domain::receipt::{DigestBook, Origin, Receipt, Receipts};
use crate::domain::row::{Bindings, Knowledge, Row, filed, rows};
use crate::domain::secret::SecretValue;
use crate::domain::verdict::{Proof, Verdict};

/// How many names there are in a world.
const NAMES: usize = 5;

/// What a place lets us see. The two opaque schemes are one platform's, before and after it changed its digests.
#[derive(Clone, Copy, Debug)]
enum Shows {
    Value,
    Sha256,
    Opaque,
    OpaqueAnew,
    Unknown,
    Times,
    Name,
}

/// One thing that happened to one name at one place; the numbers are values.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// We wrote, and saw what the place showed right after.
    Push(u8),
    /// We wrote, and could see no more than that it is there.
    PushUnseen(u8),
    /// A person gave the value that is there.
    Adopt,
    /// A person accepted what is there without knowing it, while this was the vault's value.
    Accept(u8),
    /// Somebody else wrote.
    Foreign(u8),
    /// Somebody removed it.
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    No,
    Usable,
    Blocked,
}

#[derive(Clone, Debug)]
struct PlaceWorld {
    /// What it showed while its history happened.
    then: Shows,
    /// What it shows today.
    now: Shows,
    readable: bool,
    /// By name: whether it belongs here, and what happened to it.
    names: Vec<(Bound, Vec<Event>)>,
}

#[derive(Clone, Debug)]
struct EnvironmentWorld {
    /// The vault's values, by name.
    vault: Vec<Option<u8>>,
    /// Whether a file of it could not be opened.
    partial: bool,
    places: Vec<PlaceWorld>,
}

#[derive(Clone, Debug)]
struct World {
    environments: Vec<EnvironmentWorld>,
    /// The names that a rule ignores everywhere.
    ignored: Vec<bool>,
    overwrite: Vec<bool>,
    take_vault: bool,
    prune: bool,
    allow_shrink: bool,
}

fn shows() -> impl Strategy<Value = Shows> {
    prop_oneof![
        2 => Just(Shows::Value),
        2 => Just(Shows::Sha256),
        5 => Just(Shows::Opaque),
        1 => Just(Shows::OpaqueAnew),
        1 => Just(Shows::Unknown),
        4 => Just(Shows::Times),
        1 => Just(Shows::Name),
    ]
}

fn place_world() -> impl Strategy<Value = PlaceWorld> {
    // Three values are enough for new, old and foreign, and few enough to meet one another.
    let event = prop_oneof![
        5 => (0..3u8).prop_map(Event::Push),
        1 => (0..3u8).prop_map(Event::PushUnseen),
        1 => Just(Event::Adopt),
        2 => (0..3u8).prop_map(Event::Accept),
        2 => (0..3u8).prop_map(Event::Foreign),
        1 => Just(Event::Remove),
    ];
    let bound = prop_oneof![1 => Just(Bound::No), 6 => Just(Bound::Usable), 1 => Just(Bound::Blocked)];
    let name = (bound, prop::collection::vec(event, 0..4));
    let changes_its_evidence = prop::option::weighted(0.2, shows());
    (shows(), changes_its_evidence, prop::bool::weighted(0.9), prop::collection::vec(name, NAMES))
        .prop_map(|(then, now, readable, names)| PlaceWorld { then, now: now.unwrap_or(then), readable, names })
}

fn world() -> impl Strategy<Value = World> {
    let environment = (
        prop::collection::vec(prop::option::weighted(0.8, 0..3u8), NAMES),
        prop::bool::weighted(0.2),
        prop::collection::vec(place_world(), 1..4),
    )
        .prop_map(|(vault, partial, places)| EnvironmentWorld { vault, partial, places });
    (
        prop::collection::vec(environment, 1..3),
        prop::collection::vec(prop::bool::weighted(0.15), NAMES),
        prop::collection::vec(prop::bool::weighted(0.3), NAMES),
        any::<[bool; 3]>(),
    )
        .prop_map(|(environments, ignored, overwrite, [take_vault, prune, allow_shrink])| World {
            environments,
            ignored,
            overwrite,
            take_vault,
            prune,
            allow_shrink,
        })
}

fn text(value: u8) -> String {
    format!("value {value}")
}

fn name(index: usize) -> String {
    format!("S{index}")
}

/// What a target really holds under one name.
#[derive(Clone, Copy, Debug)]
struct Held {
    value: u8,
    created: Timestamp,
    updated: Timestamp,
}

impl Shows {
    fn evidence(self, held: Held) -> Evidence {
        let value = text(held.value);
        match self {
            Self::Value => Evidence::Value(SecretValue::copied_from(&value)),
            Self::Sha256 => Evidence::Sha256(RemoteDigest::new(hex::encode(Sha256::digest(&value)))),
            Self::Opaque => Evidence::OpaqueDigest(RemoteDigest::new(format!("first digest of {value}"))),
            Self::OpaqueAnew => Evidence::OpaqueDigest(RemoteDigest::new(format!("second digest of {value}"))),
            Self::Unknown => Evidence::UnknownDigest(RemoteDigest::new(format!("unknown digest of {value}"))),
            Self::Times => Evidence::Times { created: held.created, updated: held.updated },
            Self::Name => Evidence::Name,
        }
    }
}

/// What a row cannot know of itself.
struct Truth {
    /// The value that is really there.
    held: Option<u8>,
    /// The value in the vault, whether it belongs there or not, and whether the vault could be read or not.
    vault: Option<u8>,
    receipt: Option<Receipt>,
    bound: Bound,
}

/// What an audit of the whole world says, and the plan it makes.
struct Audit {
    key: FingerprintKey,
    rows: Vec<Row>,
    /// One for each row.
    truths: Vec<Truth>,
    partial: BTreeSet<EnvironmentName>,
    unread: BTreeSet<Place>,
    choices: Choices,
    plan: Plan,
}

/// Lets the histories of one environment happen, and returns the receipts and what each place holds in the end.
fn happen(world: &EnvironmentWorld, places: &[Place], key: &FingerprintKey) -> (Receipts, Vec<Vec<Option<Held>>>) {
    let mut clock: Timestamp = "2026-08-01T00:00:00Z".parse().expect("an instant");
    let mut receipts = Receipts::default();
    let mut truth = vec![vec![None; NAMES]; places.len()];
    for ((there, place), held) in world.places.iter().zip(places).zip(&mut truth) {
        for (index, (_, history)) in there.names.iter().enumerate() {
            for event in history {
                clock += SignedDuration::from_mins(1);
                let created = held[index].map_or(clock, |held: Held| held.created);
                let (value, seen_as) = match *event {
                    Event::Push(value) => (Some(value), Some((there.then, Origin::Pushed))),
                    Event::PushUnseen(value) => (Some(value), Some((Shows::Name, Origin::Pushed))),
                    Event::Adopt => (None, Some((there.then, Origin::Adopted))),
                    Event::Accept(_) => (None, Some((there.then, Origin::AsIs))),
                    Event::Foreign(value) => (Some(value), None),
                    Event::Remove => (None, None),
                };
                if !matches!(event, Event::Adopt | Event::Accept(_)) {
                    held[index] = value.map(|value| Held { value, created, updated: clock });
                }
                if let (Some(held), Some((shows, origin))) = (held[index], seen_as) {
                    let known = if let Event::Accept(vault) = *event { vault } else { held.value };
                    let receipt = Receipt {
                        secret: secret(&name(index)),
                        value: key.value(&SecretValue::copied_from(&text(known))),
                        written: clock,
                        evidence: shows.evidence(held).seal(key),
                        origin,
                    };
                    receipts.insert(place.location.to_string(), RemoteName::new(name(index)), receipt);
                }
            }
        }
    }
    (receipts, truth)
}

fn inventory(world: &EnvironmentWorld, environment: &EnvironmentName) -> Inventory {
    let entry = |(index, value): (usize, &Option<u8>)| {
        let entry = Entry {
            value: SecretValue::copied_from(&text((*value)?)),
            template: None,
            previous: None,
            rotated: None,
            expires: None,
            source: Source { file: "vault/app.toml.age".to_owned(), line: index + 1 },
        };
        Some((secret(&name(index)), entry))
    };
    let problem = |kind| Problem { file: None, line: None, secret: None, kind };
    Inventory {
        environment: environment.clone(),
        entries: world.vault.iter().enumerate().filter_map(entry).collect(),
        beside: BTreeSet::new(),
        over: BTreeSet::new(),
        problems: if world.partial {
            vec![problem(ProblemKind::Damaged)]
        } else {
            vec![problem(ProblemKind::NoValue { is_pushed: true })]
        },
    }
}

fn bindings(there: &PlaceWorld) -> Bindings {
    let with = |wanted: Bound| {
        let indexes = (0..NAMES).filter(|index| there.names[*index].0 == wanted);
        indexes
            .map(|index| Binding { secret: secret(&name(index)), remote_name: RemoteName::new(name(index)) })
            .collect()
    };
    Bindings { usable: with(Bound::Usable), blocked: with(Bound::Blocked), ..Bindings::default() }
}

fn observation(there: &PlaceWorld, held: &[Option<Held>]) -> Option<Observation> {
    let observed = |held| Observed {
        evidence: there.now.evidence(held),
        rollout: RolloutState::none(),
        written: None,
        access: None,
    };
    let entries = held.iter().enumerate();
    let entries = entries.filter_map(|(index, held)| Some((RemoteName::new(name(index)), observed((*held)?))));
    there.readable.then(|| Observation { entries: entries.collect(), ..Observation::default() })
}

fn audit(world: &World) -> Audit {
    let key = FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]));
    let marked = |marks: &[bool]| (0..NAMES).filter(|index| marks[*index]).map(name).collect::<Vec<_>>();
    let ignores: Vec<_> = marked(&world.ignored)
        .into_iter()
        .map(|name| IgnoreRule { target: None, name, reason: "theirs".to_owned(), until: None })
        .collect();
    let choices = Choices {
        take_vault: world.take_vault,
        overwrite: marked(&world.overwrite).iter().map(|name| secret(name)).collect(),
        prune: world.prune,
        allow_shrink: world.allow_shrink,
        ..Choices::default()
    };
    let mut all_rows = Vec::new();
    let mut truths = Vec::new();
    let mut partial = BTreeSet::new();
    let mut unread = BTreeSet::new();
    let mut memory = BTreeMap::new();
    for (environment, name) in world.environments.iter().zip(["staging", "production"]) {
        let places: Vec<_> =
            (0..environment.places.len()).map(|index| place(name, &format!("target{index}"))).collect();
        let (receipts, truth) = happen(environment, &places, &key);
        let environment_name = EnvironmentName::parse(name).expect("a name");
        let inventory = inventory(environment, &environment_name);
        if !inventory.is_complete() {
            partial.insert(environment_name);
        }
        let book = DigestBook::new(&receipts);
        let today = "2026-11-21".parse().expect("a date");
        let known = Knowledge {
            inventory: &inventory,
            receipts: &receipts,
            book: &book,
            key: &key,
            ignores: &ignores,
            receipts_void: false,
            today,
        };
        for ((there, place), held) in environment.places.iter().zip(&places).zip(&truth) {
            let observation = observation(there, held);
            if let Some(observation) = &observation {
                let filed = filed(place, &bindings(there), &receipts, observation);
                let memory_of_it =
                    Memory { known: filed.known.len(), vanished: filed.vanished.len(), ..Memory::default() };
                memory.insert(place.clone(), memory_of_it);
            } else {
                unread.insert(place.clone());
            }
            for row in rows(place, &bindings(there), &known, observation.as_ref()) {
                let index: usize = row.remote_name.as_str()[1..].parse().expect("a name of this world");
                truths.push(Truth {
                    held: held[index].map(|held| held.value),
                    vault: environment.vault[index],
                    receipt: receipts.get(&place.location, &row.remote_name).cloned(),
                    bound: there.names[index].0,
                });
                all_rows.push(row);
            }
        }
    }
    let plan = plan(&all_rows, &choices, &partial, &memory);
    Audit { key, rows: all_rows, truths, partial, unread, choices, plan }
}

impl Audit {
    fn told(&self) -> impl Iterator<Item = (&Row, &Truth)> {
        self.rows.iter().zip(&self.truths)
    }

    fn told_of(&self, step: &Step) -> (&Row, &Truth) {
        let is_it = |row: &Row| row.place == step.place && row.remote_name == step.remote_name;
        self.told().find(|(row, _)| is_it(row)).expect("each step comes of a row")
    }

    fn fingerprint(&self, value: Option<u8>) -> Option<Fingerprint> {
        value.map(|value| self.key.value(&SecretValue::copied_from(&text(value))))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn in_sync_is_proved_and_true(world in world()) {
        let audit = audit(&world);
        for (row, Truth { held, vault, receipt, bound }) in audit.told() {
            if row.judgement.verdict == Verdict::InSync {
                prop_assert!(held.is_some() && held == vault, "{:?}: {:?} is there, not {:?}", row, held, vault);
                prop_assert_eq!(*bound, Bound::Usable);
                prop_assert_ne!(row.judgement.proof, Proof::None);
                if row.judgement.proof == Proof::Receipt {
                    let receipt = receipt.as_ref().expect("the receipt that proves it");
                    prop_assert!(receipt.knows_value(), "{:?}", row);
                    prop_assert_eq!(Some(receipt.value), audit.fingerprint(*vault));
                    prop_assert!(row.shown.is_some_and(|shown| shown.unmoved(&receipt.evidence)));
                }
            }
        }
    }

    #[test]
    fn a_difference_that_was_seen_is_one(world in world()) {
        let audit = audit(&world);
        for (row, Truth { held, vault, receipt, .. }) in audit.told() {
            let seen = matches!(row.judgement.proof, Proof::Value | Proof::Digest);
            match row.judgement.verdict {
                Verdict::Behind => {
                    prop_assert_ne!(held, vault);
                    prop_assert_eq!(audit.fingerprint(*held), receipt.as_ref().map(|receipt| receipt.value), "{:?}", row);
                }
                Verdict::Differs | Verdict::ChangedRemotely | Verdict::Conflict if seen => {
                    prop_assert_ne!(held, vault, "{:?}", row);
                }
                Verdict::Missing => prop_assert_eq!(*held, None),
                Verdict::Orphaned => {
                    prop_assert!(held.is_some() && receipt.as_ref().is_some_and(Receipt::knows_value), "{:?}", row);
                }
                Verdict::Unmanaged => {
                    prop_assert!(held.is_some() && !receipt.as_ref().is_some_and(Receipt::knows_value), "{:?}", row);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_accepted_as_it_is_is_unverified_and_neither_side_has_moved(world in world()) {
        let audit = audit(&world);
        for (row, Truth { vault, receipt, .. }) in audit.told() {
            if row.accepted {
                let receipt = receipt.as_ref().expect("the receipt of what was accepted");
                prop_assert_eq!((row.judgement.verdict, row.judgement.proof), (Verdict::Unverified, Proof::None));
                prop_assert_eq!(receipt.origin, Origin::AsIs);
                prop_assert_eq!(Some(receipt.value), audit.fingerprint(*vault));
                prop_assert!(row.shown.is_some_and(|shown| shown.unmoved(&receipt.evidence)));
                prop_assert!(row.secret.is_some() && !row.is_good());
            }
        }
    }

    #[test]
    fn a_place_that_could_not_be_read_has_unreadable_rows_alone(world in world()) {
        let audit = audit(&world);
        for row in &audit.rows {
            if audit.unread.contains(&row.place) {
                prop_assert_eq!(row.judgement.verdict, Verdict::Unreadable);
                prop_assert_eq!(row.judgement.proof, Proof::None);
            }
        }
    }

    #[test]
    fn a_vault_read_in_part_makes_no_orphan_of_what_belongs_there(world in world()) {
        let audit = audit(&world);
        for (row, Truth { vault, bound, .. }) in audit.told() {
            let lacking = vault.is_none() && audit.partial.contains(&row.place.environment);
            if *bound == Bound::Blocked || (*bound == Bound::Usable && lacking) {
                prop_assert_eq!(row.judgement.verdict, Verdict::Unreadable);
            }
        }
    }

    #[test]
    fn rows_are_sorted_and_one_a_name(world in world()) {
        let audit = audit(&world);
        for pair in audit.rows.windows(2) {
            let [one, next] = [&pair[0], &pair[1]];
            prop_assert!(one.place != next.place || one.remote_name < next.remote_name);
        }
    }

    #[test]
    fn ignored_rows_are_drift_that_a_rule_covers(world in world()) {
        for row in &audit(&world).rows {
            let covered = (0..NAMES).any(|index| world.ignored[index] && name(index) == row.remote_name.as_str());
            prop_assert_eq!(row.ignored, covered && !row.is_good());
        }
    }

    #[test]
    fn each_step_does_what_its_row_and_the_choices_allow(world in world()) {
        let audit = audit(&world);
        for step in &audit.plan.steps {
            let (row, _) = audit.told_of(step);
            let chosen = audit.choices.overwrite.contains(&step.secret);
            prop_assert!(!row.ignored);
            prop_assert_eq!(step.verdict, row.judgement.verdict);
            prop_assert_eq!(step.expected, row.shown);
            prop_assert_eq!(Some(&step.secret), row.secret.as_ref());
            match (step.action, row.judgement.verdict) {
                (Action::Create, Verdict::Missing) => prop_assert_eq!(step.expected, None),
                (Action::Update, Verdict::Behind) => {}
                (Action::Update, Verdict::Unverified | Verdict::Differs) => {
                    prop_assert!(chosen || audit.choices.take_vault);
                }
                (Action::Update, Verdict::ChangedRemotely | Verdict::Conflict) => prop_assert!(chosen),
                (Action::Delete, Verdict::Orphaned) => {
                    prop_assert!(audit.choices.prune && !audit.partial.contains(&step.place.environment));
                    prop_assert!(row.vouched || chosen);
                }
                (action, verdict) => prop_assert!(false, "{:?} for {:?}", action, verdict),
            }
        }
    }

    #[test]
    fn no_write_lacks_a_value_of_the_vault(world in world()) {
        let audit = audit(&world);
        for step in &audit.plan.steps {
            let (_, truth) = audit.told_of(step);
            let writes = step.action != Action::Delete;
            prop_assert_eq!(writes, truth.bound == Bound::Usable && truth.vault.is_some(), "{:?}", step);
        }
    }

    #[test]
    fn removals_come_last_at_each_place(world in world()) {
        let steps = audit(&world).plan.steps;
        for pair in steps.windows(2) {
            prop_assert!(pair[0].place <= pair[1].place);
            prop_assert!(
                pair[0].place != pair[1].place || pair[0].action != Action::Delete || pair[1].action == Action::Delete
            );
        }
    }

    #[test]
    fn a_refused_place_has_no_step(world in world()) {
        let audit = audit(&world);
        for refusal in &audit.plan.refusals {
            prop_assert!(!audit.choices.allow_shrink);
            prop_assert!(audit.plan.steps.iter().all(|step| step.place != refusal.place));
            prop_assert!(audit.plan.held.iter().all(|held| held.step.place != refusal.place));
        }
    }

    #[test]
    fn no_row_is_forgotten(world in world()) {
        let audit = audit(&world);
        for row in &audit.rows {
            let is_it = |place: &Place, name: &RemoteName| *place == row.place && *name == row.remote_name;
            let steps = audit.plan.steps.iter().filter(|step| is_it(&step.place, &step.remote_name)).count();
            let held = audit.plan.held.iter().filter(|held| is_it(&held.step.place, &held.step.remote_name)).count();
            let refused = audit.plan.refusals.iter().any(|refusal| refusal.place == row.place);
            let named = row.secret.as_ref().is_some_and(|secret| audit.choices.overwrite.contains(secret));
            let needs_nothing = row.ignored
                || (row.accepted && !named)
                || matches!(
                    row.judgement.verdict,
                    Verdict::InSync | Verdict::Unmanaged | Verdict::Unreadable
                );
            prop_assert_eq!(steps + held, usize::from(!needs_nothing && !refused), "{:?}", row);
        }
    }
}
