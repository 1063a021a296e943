use zeroize::Zeroizing;

use super::*;
use crate::domain::access::Access;
use crate::domain::digest::RemoteDigest;
use crate::domain::finding::Source;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::KEY_LENGTH;
use crate::domain::inventory::Entry;
use crate::domain::name::{EnvironmentName, TargetName};
use crate::domain::observation::Observed;
use crate::domain::place::{GithubHolder, GithubStore, Location};
use crate::domain::secret::SecretValue;

/// One place with everything that is known about it, built up line by line.
struct Scene {
    place: Place,
    bindings: Bindings,
    inventory: Inventory,
    receipts: Receipts,
    ignores: Vec<IgnoreRule>,
    observation: Option<Observation>,
}

fn key() -> FingerprintKey {
    FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]))
}

fn secret(name: &str) -> SecretName {
    SecretName::parse(name).expect("a name")
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn fly(app: &str) -> Location {
    Location::FlyApp { app: app.to_owned() }
}

/// Fly's digest of a value, in the only respect that matters: it depends on the value alone.
fn digest(value: &str) -> Evidence {
    Evidence::OpaqueDigest(RemoteDigest::new(format!("digest of {value}")))
}

fn unknown(value: &str) -> Evidence {
    Evidence::UnknownDigest(RemoteDigest::new(format!("v2:digest of {value}")))
}

fn plain(value: &str) -> Evidence {
    Evidence::Value(SecretValue::copied_from(value))
}

fn times(created: &str, updated: &str) -> Evidence {
    Evidence::Times { created: instant(created), updated: instant(updated) }
}

impl Scene {
    /// The Fly app of the target `web`, empty and read to the end.
    fn new() -> Self {
        Self {
            place: Place {
                environment: EnvironmentName::parse("staging").expect("a name"),
                target: TargetName::parse("web").expect("a name"),
                location: fly("shop"),
            },
            bindings: Bindings::default(),
            inventory: Inventory {
                environment: EnvironmentName::parse("staging").expect("a name"),
                entries: BTreeMap::new(),
                beside: BTreeSet::new(),
                over: BTreeSet::new(),
                problems: Vec::new(),
            },
            receipts: Receipts::default(),
            ignores: Vec::new(),
            observation: Some(Observation::default()),
        }
    }

    /// The secret belongs here.
    fn bound(mut self, name: &str) -> Self {
        self.bindings.usable.push(Binding { secret: secret(name), remote_name: RemoteName::new(name) });
        self
    }

    /// The secret belongs here, and the place does not take it.
    fn blocked(mut self, name: &str) -> Self {
        self.bindings.blocked.push(Binding { secret: secret(name), remote_name: RemoteName::new(name) });
        self
    }

    /// The vault has this value, wherever it belongs.
    fn stored(mut self, name: &str, value: &str) -> Self {
        let entry = Entry {
            value: SecretValue::copied_from(value),
            template: None,
            previous: None,
            rotated: None,
            expires: None,
            source: Source { file: "vault/staging/app.toml.age".to_owned(), line: 1 },
        };
        self.inventory.entries.insert(secret(name), entry);
        self
    }

    /// The secret belongs here, and the vault has this value.
    fn has(self, name: &str, value: &str) -> Self {
        self.bound(name).stored(name, value)
    }

    /// A file of the vault could not be opened.
    fn partial(mut self) -> Self {
        let kind = ProblemKind::Undecryptable { recipients: Vec::new() };
        self.inventory.problems.push(Problem { file: None, line: None, secret: None, kind });
        self
    }

    /// We pushed this value here on this day, and the place showed this right after.
    fn pushed(self, name: &str, value: &str, day: &str, shown: &Evidence) -> Self {
        self.pushed_to(&fly("shop"), name, value, day, shown)
    }

    fn pushed_to(mut self, location: &Location, name: &str, value: &str, day: &str, shown: &Evidence) -> Self {
        let receipt = Receipt {
            secret: secret(name),
            value: key().value(&SecretValue::copied_from(value)),
            written: instant(&format!("{day}T12:00:00Z")),
            evidence: shown.seal(&key()),
            origin: Origin::Pushed,
        };
        self.receipts.insert(location.to_string(), RemoteName::new(name), receipt);
        self
    }

    /// The last receipt of the name here came about otherwise.
    fn filed_as(mut self, name: &str, origin: Origin) -> Self {
        let name = RemoteName::new(name);
        let receipt = self.receipts.get(&fly("shop"), &name).expect("a receipt").clone();
        self.receipts.insert(fly("shop").to_string(), name, Receipt { origin, ..receipt });
        self
    }

    /// The place shows this now.
    fn shows(mut self, name: &str, evidence: Evidence) -> Self {
        let observed = Observed { evidence, rollout: RolloutState::none(), written: None, access: None };
        let observation = self.observation.as_mut().expect("a place that could be read");
        observation.entries.insert(RemoteName::new(name), observed);
        self
    }

    fn unread(mut self) -> Self {
        self.observation = None;
        self
    }

    fn ignoring(mut self, target: Option<&str>, name: &str, until: Option<&str>) -> Self {
        self.ignores.push(IgnoreRule {
            target: target.map(|name| TargetName::parse(name).expect("a name")),
            name: name.to_owned(),
            reason: "owned by the org".to_owned(),
            until: until.map(|day| day.parse().expect("a date")),
        });
        self
    }

    fn rows(&self) -> Vec<Row> {
        let known = Knowledge {
            inventory: &self.inventory,
            receipts: &self.receipts,
            book: &DigestBook::new(&self.receipts),
            key: &key(),
            ignores: &self.ignores,
            receipts_void: false,
            today: "2026-11-21".parse().expect("a date"),
        };
        rows(&self.place, &self.bindings, &known, self.observation.as_ref())
    }

    /// Returns each row as `NAME verdict, proof: detail`.
    fn lines(&self) -> Vec<String> {
        let line = |row: &Row| {
            let Judgement { verdict, proof } = row.judgement;
            format!("{} {}, {proof:?}: {}", row.remote_name, verdict.words(), row.detail)
        };
        self.rows().iter().map(line).collect()
    }
}

const AUGUST: &str = "2026-08-01";
const OCTOBER: &str = "2026-10-05";

#[test]
fn what_was_never_pushed() {
    let cases = [
        (Scene::new().has("A", "new"), "A missing, Value: never pushed"),
        (
            Scene::new().has("A", "new").shows("A", digest("new")),
            "A unverified, None: there, but never pushed by undrift",
        ),
        (Scene::new().has("A", "new").shows("A", plain("new")), "A in sync, Value: "),
        (Scene::new().has("A", "new").shows("A", plain("old")), "A differs, Value: another value, and no receipt"),
        (Scene::new().shows("A", digest("new")), "A unmanaged, None: nobody's receipt"),
        // A value that no declaration maps to this place is nobody's business here.
        (Scene::new().stored("A", "new").shows("A", plain("new")), "A unmanaged, None: nobody's receipt"),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
    assert!(Scene::new().stored("A", "new").lines().is_empty());
    assert!(Scene::new().bound("A").pushed("A", "old", AUGUST, &digest("old")).lines().is_empty());
}

#[test]
fn what_was_pushed_and_shows_a_digest() {
    let pushed = || Scene::new().has("A", "new").pushed("A", "new", AUGUST, &digest("new"));
    let changed = || Scene::new().has("A", "newer").pushed("A", "new", AUGUST, &digest("new"));
    let cases = [
        (pushed(), "A missing, Value: removed there since it was pushed 2026-08-01"),
        (pushed().shows("A", digest("new")), "A in sync, Receipt: as pushed 2026-08-01"),
        (pushed().shows("A", digest("foreign")), "A changed remotely, Receipt: holds a value undrift never pushed"),
        (changed().shows("A", digest("new")), "A behind, Receipt: holds the value of 2026-08-01"),
        (
            changed().shows("A", digest("foreign")),
            "A conflict, Receipt: the vault changed too; holds a value undrift never pushed",
        ),
        (
            Scene::new().bound("A").pushed("A", "new", AUGUST, &digest("new")).shows("A", digest("new")),
            "A orphaned, Receipt: pushed 2026-08-01, no longer in the vault",
        ),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn what_was_pushed_and_shows_times() {
    let (made, written, later) = ("2026-08-01T12:00:01Z", "2026-08-02T07:00:00Z", "2026-11-18T09:12:33Z");
    let pushed = || Scene::new().has("A", "new").pushed("A", "new", AUGUST, &times(made, written));
    let changed = || Scene::new().has("A", "newer").pushed("A", "new", AUGUST, &times(made, written));
    let cases = [
        (pushed().shows("A", times(made, written)), "A in sync, Receipt: as pushed 2026-08-01"),
        // The same instants, spelt in another zone.
        (
            pushed().shows("A", times("2026-08-01T14:00:01+02:00", "2026-08-02T09:00:00+02:00")),
            "A in sync, Receipt: as pushed 2026-08-01",
        ),
        (
            pushed().shows("A", times(made, later)),
            "A changed remotely, Receipt: written 2026-11-18 09:12 UTC, not by undrift",
        ),
        (
            pushed().shows("A", times(later, later)),
            "A changed remotely, Receipt: removed and made anew 2026-11-18 09:12 UTC, not by undrift",
        ),
        (changed().shows("A", times(made, written)), "A behind, Receipt: holds the value of 2026-08-01"),
        (
            changed().shows("A", times(made, later)),
            "A conflict, Receipt: the vault changed too; written 2026-11-18 09:12 UTC, not by undrift",
        ),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn who_may_use_it_is_evidence_beside_the_times() {
    let (made, written, later) = ("2026-08-01T12:00:01Z", "2026-08-02T07:00:00Z", "2026-11-18T09:12:33Z");
    let scene = |vault: &str, then: Option<Access>, updated: &str, now: Access| {
        let mut scene = Scene::new().has("A", vault).pushed("A", "new", AUGUST, &times(made, written));
        let (location, name) = (fly("shop"), RemoteName::new("A"));
        let observed = |evidence, access| Observed { evidence, rollout: RolloutState::none(), written: None, access };
        let evidence = observed(times(made, written), then).seal(&key());
        let receipt = scene.receipts.get(&location, &name).cloned().expect("it was pushed");
        scene.receipts.insert(location.to_string(), name.clone(), Receipt { evidence, ..receipt });
        let observation = scene.observation.as_mut().expect("a place that could be read");
        observation.entries.insert(name, observed(times(made, updated), Some(now)));
        scene
    };
    let cases = [
        (scene("new", Some(Access::Private), written, Access::Private), "A in sync, Receipt: as pushed 2026-08-01"),
        (
            scene("new", Some(Access::Private), later, Access::All),
            "A changed remotely, Receipt: \
             access changed 2026-11-18 09:12 UTC, not by undrift; the value may be the same",
        ),
        (
            scene("newer", Some(Access::Private), later, Access::All),
            "A conflict, Receipt: the vault changed too; \
             access changed 2026-11-18 09:12 UTC, not by undrift; the value may be the same",
        ),
        (
            scene("new", Some(Access::Private), later, Access::Private),
            "A changed remotely, Receipt: written 2026-11-18 09:12 UTC, not by undrift",
        ),
        // A receipt of before access was noted.
        (scene("new", None, written, Access::All), "A in sync, Receipt: as pushed 2026-08-01"),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn what_was_pushed_and_shows_a_value_or_a_digest_we_can_compute() {
    let sha256 = || {
        // printf new | sha256sum
        let digest = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
        Evidence::Sha256(RemoteDigest::new(digest))
    };
    let pushed = |value: &str| Scene::new().has("A", value).pushed("A", "new", AUGUST, &sha256());
    let plainly = |value: &str| Scene::new().has("A", value).pushed("A", "new", AUGUST, &plain("new"));
    let cases = [
        (Scene::new().has("A", "new").shows("A", sha256()), "A in sync, Digest: "),
        (Scene::new().has("A", "newer").shows("A", sha256()), "A differs, Digest: another value, and no receipt"),
        (pushed("newer").shows("A", sha256()), "A behind, Digest: holds the value of 2026-08-01"),
        (plainly("new").shows("A", plain("new")), "A in sync, Value: "),
        (plainly("newer").shows("A", plain("new")), "A behind, Value: holds the value of 2026-08-01"),
        (plainly("new").shows("A", plain("foreign")), "A changed remotely, Value: holds a value undrift never pushed"),
        (
            plainly("newer").shows("A", plain("foreign")),
            "A conflict, Value: the vault changed too; holds a value undrift never pushed",
        ),
        (plainly("newer").shows("A", plain("newer")), "A in sync, Value: "),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn what_is_sent_elsewhere_is_told_from_what_is_gone() {
    let scene = Scene::new().stored("A", "new").pushed("A", "new", AUGUST, &digest("new"));
    let line = "A orphaned, Receipt: pushed 2026-08-01, no longer meant for it";
    assert_eq!(scene.shows("A", digest("new")).lines(), [line]);
}

#[test]
fn what_a_person_adopted_is_known_like_what_we_pushed() {
    let adopted = |scene: Scene| scene.pushed("A", "new", AUGUST, &digest("new")).filed_as("A", Origin::Adopted);
    let cases = [
        (adopted(Scene::new().has("A", "new")), "A missing, Value: removed there since it was adopted 2026-08-01"),
        (adopted(Scene::new().has("A", "new").shows("A", digest("new"))), "A in sync, Receipt: as adopted 2026-08-01"),
        (
            adopted(Scene::new().has("A", "newer").shows("A", digest("new"))),
            "A behind, Receipt: holds the value of 2026-08-01",
        ),
        (
            adopted(Scene::new().shows("A", digest("new"))),
            "A orphaned, Receipt: adopted 2026-08-01, no longer in the vault",
        ),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn what_was_accepted_as_it_was_is_so_until_either_side_moves() {
    let theirs = times("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z");
    let accepted = |scene: Scene| scene.pushed("A", "vault", AUGUST, &theirs).filed_as("A", Origin::AsIs);
    let shows = |scene: Scene, created, updated| scene.shows("A", times(created, updated));
    let (july, november) = ("2026-07-01T00:00:00Z", "2026-11-18T09:12:00Z");
    let cases = [
        (
            shows(accepted(Scene::new().has("A", "vault")), july, july),
            "A unverified, None: accepted as it is on 2026-08-01; nobody knows its value",
            true,
        ),
        (
            shows(accepted(Scene::new().has("A", "newer")), july, july),
            "A unverified, None: accepted as it was on 2026-08-01, and the vault changed since",
            false,
        ),
        (
            shows(accepted(Scene::new().has("A", "vault")), july, november),
            "A changed remotely, Receipt: written 2026-11-18 09:12 UTC, not by undrift",
            false,
        ),
        (
            shows(accepted(Scene::new().has("A", "newer")), july, november),
            "A conflict, Receipt: the vault changed too; written 2026-11-18 09:12 UTC, not by undrift",
            false,
        ),
        // We never wrote it, so it is nobody's that may be removed.
        (shows(accepted(Scene::new()), july, july), "A unmanaged, None: nobody's receipt", false),
    ];
    for (scene, line, is_accepted) in cases {
        assert_eq!(scene.lines(), [line]);
        let row = &scene.rows()[0];
        assert_eq!((row.accepted, row.is_open()), (is_accepted, !is_accepted), "{line}");
        assert!(!row.vouched, "{line}");
    }
}

#[test]
fn what_was_accepted_as_it_was_says_nothing_of_a_digest_and_is_said_by_others() {
    let accepted = Scene::new().has("A", "vault").pushed("A", "vault", AUGUST, &digest("theirs"));
    let accepted = accepted.filed_as("A", Origin::AsIs).shows("A", digest("theirs"));
    assert!(accepted.rows()[0].accepted);
    // The same digest under another name is not the vault's value for that.
    let other = accepted.has("B", "vault").shows("B", digest("theirs"));
    assert_eq!(other.lines()[1], "B unverified, None: there, but never pushed by undrift");
    // A receipt that knows the digest ends the acceptance: now somebody knows the value.
    let known = other.pushed_to(&fly("other"), "A", "older", OCTOBER, &digest("theirs"));
    assert_eq!(known.lines()[0], "A differs, Digest: holds the value of 2026-10-05");
    assert!(!known.rows()[0].accepted);
}

#[test]
fn a_receipt_of_any_place_says_what_a_digest_stands_for() {
    let elsewhere = |scene: Scene, value: &str, day| scene.pushed_to(&fly("other"), "B", value, day, &digest(value));
    let cases = [
        (
            elsewhere(Scene::new().has("A", "new"), "new", AUGUST).shows("A", digest("new")),
            "A in sync, Digest: same digest as a receipt of this value",
        ),
        (
            elsewhere(Scene::new().has("A", "new"), "old", AUGUST).shows("A", digest("old")),
            "A differs, Digest: holds the value of 2026-08-01",
        ),
        (
            elsewhere(Scene::new().has("A", "new").pushed("A", "new", OCTOBER, &digest("new")), "old", AUGUST)
                .shows("A", digest("old")),
            "A changed remotely, Digest: holds the value of 2026-08-01",
        ),
        (
            elsewhere(Scene::new().has("A", "newer").pushed("A", "new", OCTOBER, &digest("new")), "old", AUGUST)
                .shows("A", digest("old")),
            "A conflict, Digest: the vault changed too; holds the value of 2026-08-01",
        ),
        // Somebody else wrote the vault's own new value here: that is what was wanted.
        (
            elsewhere(Scene::new().has("A", "newer").pushed("A", "new", AUGUST, &digest("new")), "newer", OCTOBER)
                .shows("A", digest("newer")),
            "A in sync, Digest: same digest as a receipt of this value",
        ),
        // Instants say nothing of a value, wherever they are the same.
        (
            Scene::new()
                .has("A", "new")
                .pushed_to(&fly("other"), "A", "new", AUGUST, &times("2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z"))
                .shows("A", times("2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z")),
            "A unverified, None: there, but never pushed by undrift",
        ),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
}

#[test]
fn a_value_is_dated_by_its_oldest_receipt() {
    let scene = Scene::new()
        .has("A", "new")
        .pushed_to(&fly("one"), "A", "old", OCTOBER, &digest("old"))
        .pushed_to(&fly("two"), "A", "old", AUGUST, &digest("old"))
        .pushed_to(&fly("zero"), "A", "old", "2026-11-01", &digest("old"))
        .shows("A", digest("old"));
    assert_eq!(scene.lines(), ["A differs, Digest: holds the value of 2026-08-01"]);
}

#[test]
fn digests_of_a_new_form_void_the_receipts() {
    let pushed = |name: &str, scene: Scene| scene.has(name, "new").pushed(name, "new", AUGUST, &digest("new"));
    let scene = pushed("A", pushed("B", Scene::new())).shows("A", unknown("new")).shows("B", digest("foreign"));
    assert_eq!(
        scene.lines(),
        [
            "A unverified, None: the platform's digest scheme changed, receipts void",
            "B unverified, None: the platform's digest scheme changed, receipts void",
        ]
    );
    // Not even a digest that looks as it did is trusted next to one of another form.
    let scene = pushed("A", pushed("B", Scene::new())).shows("A", unknown("new")).shows("B", digest("new"));
    assert!(scene.rows().iter().all(|row| row.judgement.verdict == Verdict::Unverified));
    // That something is there or not needs no digest, and that we wrote a name stays true.
    let scene = pushed("A", pushed("B", Scene::new()))
        .pushed("C", "new", AUGUST, &digest("new"))
        .shows("A", unknown("new"))
        .shows("C", unknown("new"))
        .shows("D", unknown("new"));
    assert_eq!(
        scene.lines(),
        [
            "A unverified, None: the platform's digest scheme changed, receipts void",
            "B missing, Value: removed there since it was pushed 2026-08-01",
            "C orphaned, Receipt: pushed 2026-08-01, no longer in the vault",
            "D unmanaged, None: nobody's receipt",
        ]
    );
}

#[test]
fn a_whole_app_that_mismatches_has_a_new_scheme_and_a_part_of_it_has_not() {
    let app = |pushed: usize, mismatching: usize| {
        (0..pushed).fold(Scene::new(), |scene, index| {
            let name = format!("S{index}");
            let shown = if index < mismatching { format!("elsewise {index}") } else { format!("value {index}") };
            let value = format!("value {index}");
            scene.has(&name, &value).pushed(&name, &value, AUGUST, &digest(&value)).shows(&name, digest(&shown))
        })
    };
    let verdicts = |scene: Scene| {
        let rows = scene.rows();
        let count = |verdict| rows.iter().filter(|row| row.judgement.verdict == verdict).count();
        (count(Verdict::Unverified), count(Verdict::ChangedRemotely), count(Verdict::InSync))
    };
    assert_eq!(verdicts(app(1, 1)), (0, 1, 0));
    assert_eq!(verdicts(app(2, 2)), (0, 2, 0));
    assert_eq!(verdicts(app(3, 3)), (3, 0, 0));
    assert_eq!(verdicts(app(6, 6)), (6, 0, 0));
    assert_eq!(verdicts(app(4, 3)), (0, 3, 1));
    let line = "S0 unverified, None: the platform's digest scheme changed, receipts void";
    assert_eq!(app(3, 3).lines()[0], line);

    // Unlike a new scheme, an older value that was put back everywhere shows digests that receipts know.
    let put_back = (0..3).fold(app(3, 3), |scene, index| {
        let value = format!("elsewise {index}");
        scene.pushed_to(&fly("other"), &format!("S{index}"), &value, "2026-05-01", &digest(&value))
    });
    assert_eq!(put_back.lines()[0], "S0 changed remotely, Digest: holds the value of 2026-05-01");
    assert_eq!(verdicts(put_back), (0, 3, 0));

    // Receipts that hold no digest cannot mismatch.
    let blind = (0..3).fold(app(3, 3), |scene, index| {
        scene.pushed(&format!("S{index}"), &format!("value {index}"), AUGUST, &Evidence::Name)
    });
    assert_eq!(
        blind.lines()[0],
        "S0 unverified, None: pushed 2026-08-01, and nothing shows whether it was written since"
    );
}

#[test]
fn evidence_that_cannot_be_compared_accuses_nobody() {
    let made = "2026-08-01T12:00:01Z";
    let pushed = |vault: &str, then: &Evidence, now: Evidence| {
        Scene::new().has("A", vault).pushed("A", "new", AUGUST, then).shows("A", now)
    };
    let nothing_shows = "A unverified, None: pushed 2026-08-01, and nothing shows whether it was written since";
    let cases = [
        (pushed("new", &Evidence::Name, Evidence::Name), nothing_shows),
        (pushed("newer", &Evidence::Name, Evidence::Name), nothing_shows),
        (pushed("new", &Evidence::Name, digest("new")), nothing_shows),
        (pushed("new", &digest("new"), Evidence::Name), nothing_shows),
        (pushed("new", &times(made, made), digest("new")), nothing_shows),
        (
            pushed("newer", &Evidence::Name, plain("other")),
            "A differs, Value: pushed 2026-08-01, and nothing shows which side changed since",
        ),
        // What was pushed and is not there any more was changed, whatever the place showed then.
        (
            pushed("new", &Evidence::Name, plain("other")),
            "A changed remotely, Value: holds a value undrift never pushed",
        ),
        (pushed("new", &Evidence::Name, plain("new")), "A in sync, Value: "),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
    let orphan = Scene::new().pushed("A", "new", AUGUST, &Evidence::Name).shows("A", Evidence::Name);
    assert_eq!(orphan.lines(), ["A orphaned, Receipt: pushed 2026-08-01, no longer in the vault"]);
}

#[test]
fn what_could_not_be_read_is_unreadable() {
    let vault = "A unreadable, None: the vault's value cannot be used";
    let cases = [
        (Scene::new().has("A", "new").unread(), "A unreadable, None: the target could not be read"),
        (Scene::new().blocked("A").stored("A", "new").shows("A", plain("new")), vault),
        (Scene::new().blocked("A").stored("A", "new"), vault),
        (Scene::new().bound("A").partial().shows("A", digest("new")), vault),
        (Scene::new().bound("A").partial(), vault),
        (Scene::new().bound("A").partial().pushed("A", "new", AUGUST, &digest("new")).shows("A", digest("new")), vault),
        // A value that could be read is as good as ever, whatever else could not.
        (Scene::new().has("A", "new").partial(), "A missing, Value: never pushed"),
    ];
    for (scene, line) in cases {
        assert_eq!(scene.lines(), [line]);
    }
    // A place that could not be read says nothing of names that no declaration brings there.
    assert!(Scene::new().pushed("A", "new", AUGUST, &digest("new")).unread().lines().is_empty());
}

#[test]
fn ignore_rules_cover_drift_by_target_and_name_until_their_last_day() {
    // Rows are read on 2026-11-21.
    let cases = [
        (None, "A", None, true),
        (Some("web"), "A", None, true),
        (Some("ci"), "A", None, false),
        (None, "B", None, false),
        (Some("web"), "A", Some("2026-11-22"), true),
        (Some("web"), "A", Some("2026-11-21"), true),
        (Some("web"), "A", Some("2026-11-20"), false),
    ];
    for (target, name, until, ignored) in cases {
        let rows = Scene::new().has("A", "new").ignoring(target, name, until).rows();
        let [row] = rows.as_slice() else { panic!("one secret is bound") };
        assert_eq!(row.ignored, ignored, "{target:?} {name} {until:?}");
        assert_eq!(row.judgement.verdict, Verdict::Missing, "an ignored row keeps its verdict");
    }
    let expired_and_holding =
        Scene::new().has("A", "new").ignoring(None, "A", Some("2026-01-01")).ignoring(None, "A", None);
    assert!(expired_and_holding.rows()[0].ignored);
    let good = Scene::new().has("A", "new").shows("A", plain("new")).ignoring(None, "A", None);
    assert!(!good.rows()[0].ignored, "what is good needs no rule");
}

#[test]
fn a_star_in_an_ignore_rule_stands_for_any_number_of_characters() {
    let ignored = |scene: Scene, pattern, name| {
        let scene = scene.shows(name, digest("theirs")).ignoring(None, pattern, None);
        scene.rows()[0].ignored
    };
    for (pattern, name, expected) in [
        ("CODECOV_*", "CODECOV_TOKEN", true),
        ("CODECOV_*", "CODECOV_", true),
        ("CODECOV_*", "MY_CODECOV_TOKEN", false),
        ("CODECOV_*", "codecov_token", false),
        ("*_TOKEN", "A_TOKEN", true),
        ("*_TOKEN", "A_TOKEN_B", false),
        ("*", "ANYTHING", true),
        ("**", "A", true),
        ("A*B*C", "ABC", true),
        ("A*B*C", "A1B2B3C", true),
        ("A*B*C", "ACB", false),
        ("A*A", "A", false),
        ("AB*BC", "ABC", false),
        ("A?", "AB", false),
        ("[A]*", "A", false),
        ("", "A", false),
    ] {
        assert_eq!(ignored(Scene::new(), pattern, name), expected, "{pattern}, {name}");
    }
    // GitHub lists names in upper case, so there a rule may be written in either.
    let mut github = Scene::new();
    github.place.location = Location::Github {
        store: GithubStore::Actions,
        holder: GithubHolder::Repository { repository: "acme/shop".to_owned() },
    };
    assert!(ignored(github, "codecov_*", "CODECOV_TOKEN"));
}

#[test]
fn rows_carry_what_a_later_write_expects() {
    let scene = Scene::new().has("B", "new").has("A", "new").shows("B", digest("x")).shows("a", digest("y"));
    let rows = scene.rows();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.remote_name.as_str(), row.secret.as_ref().map(SecretName::as_str), row.shown))
        .collect();
    assert_eq!(
        shown,
        [
            ("A", Some("A"), None),
            ("B", Some("B"), Some(digest("x").seal(&key()))),
            ("a", None, Some(digest("y").seal(&key()))),
        ]
    );
}

#[test]
fn an_orphan_keeps_the_name_it_had_in_the_vault() {
    let mut scene = Scene::new().shows("THERE", digest("old"));
    let receipt = Receipt {
        secret: secret("HERE"),
        value: key().value(&SecretValue::copied_from("old")),
        written: instant("2026-08-01T12:00:00Z"),
        evidence: digest("old").seal(&key()),
        origin: Origin::Pushed,
    };
    scene.receipts.insert(fly("shop").to_string(), RemoteName::new("THERE"), receipt);
    assert_eq!(scene.rows()[0].secret, Some(secret("HERE")));
}

#[test]
fn receipts_are_sorted_by_what_has_become_of_their_names() {
    let scene = Scene::new()
        .bound("A")
        .bound("B")
        .pushed("A", "new", AUGUST, &digest("new"))
        .pushed("B", "new", AUGUST, &digest("new"))
        .pushed("GONE", "new", AUGUST, &digest("new"))
        .pushed("ORPHAN", "new", AUGUST, &digest("new"))
        .pushed_to(&fly("other"), "C", "new", AUGUST, &digest("new"))
        .shows("A", digest("changed"))
        .shows("ORPHAN", digest("new"))
        .shows("D", digest("new"));
    let observation = scene.observation.as_ref().expect("the place could be read");
    let filed = filed(&scene.place, &scene.bindings, &scene.receipts, observation);
    let names = |names: &BTreeSet<RemoteName>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&filed.known), ["A", "B", "ORPHAN"]);
    assert_eq!(names(&filed.vanished), ["B"]);
    assert_eq!(names(&filed.retired), ["GONE"]);
}

#[test]
fn names_of_another_environment_are_no_business_of_this_one() {
    let mut scene = Scene::new().shows("STAGING_A", digest("x")).shows("THEIRS", digest("y"));
    scene.bindings.of_others.insert(RemoteName::new("STAGING_A"));
    let names: Vec<_> = scene.rows().into_iter().map(|row| row.remote_name.to_string()).collect();
    assert_eq!(names, ["THEIRS"]);
}

#[test]
fn what_we_wrote_and_could_not_file_gets_its_receipt_once_it_is_proved() {
    let elsewhere = fly("other");
    let digested = Scene::new().has("A", "one").shows("A", digest("one"));
    let known = digested.pushed_to(&elsewhere, "A", "one", "2026-11-01", &digest("one"));
    let (value, at) = (key().value(&SecretValue::copied_from("one")), instant("2026-11-02T12:00:00Z"));
    let refreshed = |scene: &Scene, unfiled| scene.rows()[0].refreshed(&scene.receipts, value, unfiled);
    // Nobody says that it is ours.
    assert_eq!(refreshed(&known, None), None);
    let receipt = refreshed(&known, Some(at)).expect("a receipt");
    assert_eq!((receipt.written, receipt.origin, receipt.value), (at, Origin::Pushed, value));
    assert!(receipt.evidence.unmoved(&digest("one").seal(&key())));
    // What is not proved to be the vault's value stays without.
    let unknown = Scene::new().has("A", "one").shows("A", digest("one"));
    assert_eq!(refreshed(&unknown, Some(at)), None);
    let foreign = Scene::new().has("A", "one").shows("A", digest("two"));
    let foreign = foreign.pushed_to(&elsewhere, "B", "two", "2026-11-01", &digest("two"));
    assert_eq!(refreshed(&foreign, Some(at)), None);
}

#[test]
fn an_old_value_that_is_over_has_a_name_even_without_a_receipt() {
    let mut scene = Scene::new().shows("A_PREVIOUS", digest("zero")).shows("B", digest("two"));
    scene.bindings.over.insert(RemoteName::new("A_PREVIOUS"), secret("A_PREVIOUS"));
    let shown: Vec<_> = scene
        .rows()
        .into_iter()
        .map(|row| (row.judgement.verdict, row.secret.map(|it| it.to_string()), row.over))
        .collect();
    let named = Some("A_PREVIOUS".to_owned());
    assert_eq!(shown, [(Verdict::Unmanaged, named, true), (Verdict::Unmanaged, None, false)]);
}
