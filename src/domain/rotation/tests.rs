mod histories;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::*;
use crate::domain::finding::Source;
use crate::domain::secret::SecretValue;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

const STAGES: [Stage; 7] = [
    Stage::Prepared,
    Stage::Staged,
    Stage::Verified,
    Stage::Retiring,
    Stage::Finished,
    Stage::Returning,
    Stage::Abandoned,
];

const EVENTS: [Event; 7] =
    [Event::Staged, Event::Verified, Event::Reopened, Event::Lapsed, Event::Finished, Event::Rollback, Event::Returned];

#[test]
fn a_stage_follows_another_only_as_the_table_says() {
    use Stage::{Abandoned, Finished, Prepared, Retiring, Returning, Staged, Verified};
    // By stage, what follows it after each event, in the order of `EVENTS`.
    let table: [(Stage, [Option<Stage>; 7]); 7] = [
        (Prepared, [Some(Staged), None, None, None, None, Some(Returning), None]),
        (Staged, [None, Some(Verified), None, None, None, Some(Returning), None]),
        (Verified, [None, None, Some(Staged), Some(Retiring), Some(Finished), Some(Returning), None]),
        (Retiring, [None, None, None, None, Some(Finished), Some(Returning), None]),
        (Finished, [None; 7]),
        (Returning, [None, None, None, None, None, None, Some(Abandoned)]),
        (Abandoned, [None; 7]),
    ];
    assert_eq!(table.map(|(stage, _)| stage), STAGES);
    for (stage, expected) in table {
        assert_eq!(EVENTS.map(|event| after(stage, event)), expected, "{stage:?}");
    }
}

/// What is next where nobody has looked yet, where a place does not run what the vault has, and where every place does.
type Next = [Task; 3];

#[test]
fn what_is_next_is_as_the_table_says() {
    use Event::{Finished, Reopened, Returned, Verified};
    use Standing::{Back, New, Old, Replaced, Same, Strange};
    let stage = |names: &[&str]| Task::Stage(names.iter().map(|text| name(text)).collect());
    let swap = |names: &[&str]| Task::Swap(names.iter().map(|text| name(text)).collect());
    let drop = |names: &[&str]| Task::Drop(names.iter().map(|text| name(text)).collect());
    // Nobody speaks against the new values, or for the old ones.
    let known = |seen| Known { seen, unread: false, new: Some(Answer::Alive), old: Some(Answer::Dead) };
    let of = |a, b, stage, seen| next(stage, &[(name("A"), a), (name("B"), b)].into(), known(seen), End::Now);
    let same = |task: Task| -> Next { [task.clone(), task.clone(), task] };
    let refuse = |text: &str| same(Task::Refuse(name(text)));
    let table: [(Standing, Standing, Stage, Next); 35] = [
        (Old, Old, Stage::Prepared, same(stage(&["A", "B"]))),
        (New, Old, Stage::Prepared, same(stage(&["B"]))),
        (Back, New, Stage::Prepared, same(swap(&["A"]))),
        (New, New, Stage::Prepared, same(Task::Note(Event::Staged))),
        (Old, Old, Stage::Staged, same(stage(&["A", "B"]))),
        (Old, New, Stage::Staged, same(stage(&["A"]))),
        (Back, Old, Stage::Staged, same(swap(&["A"]))),
        (New, New, Stage::Staged, [Task::Push, Task::Stop, Task::Note(Verified)]),
        (New, Replaced, Stage::Staged, [Task::Push, Task::Stop, Task::Note(Verified)]),
        (Replaced, Replaced, Stage::Staged, [Task::Push, Task::Stop, Task::Note(Verified)]),
        (Old, New, Stage::Verified, same(stage(&["A"]))),
        (Back, New, Stage::Verified, same(swap(&["A"]))),
        (New, New, Stage::Verified, [Task::Push, Task::Note(Reopened), drop(&["A", "B"])]),
        (New, Replaced, Stage::Verified, [Task::Push, Task::Note(Reopened), drop(&["A"])]),
        (Replaced, Replaced, Stage::Verified, [Task::Push, Task::Note(Reopened), Task::Note(Finished)]),
        (New, New, Stage::Returning, same(swap(&["A", "B"]))),
        (New, Old, Stage::Returning, same(swap(&["A"]))),
        (Back, New, Stage::Returning, same(swap(&["B"]))),
        (Back, Back, Stage::Returning, [Task::Push, Task::Stop, drop(&["A", "B"])]),
        (Back, Old, Stage::Returning, [Task::Push, Task::Stop, drop(&["A"])]),
        (Old, Old, Stage::Returning, [Task::Push, Task::Stop, Task::Note(Returned)]),
        // Somebody has put the old value back by hand: two that are the same never change places.
        (Same, New, Stage::Prepared, same(Task::Note(Event::Staged))),
        (Same, New, Stage::Staged, [Task::Push, Task::Stop, Task::Note(Verified)]),
        (Same, New, Stage::Verified, [Task::Push, Task::Note(Reopened), drop(&["B", "A"])]),
        (Same, Old, Stage::Returning, [Task::Push, Task::Stop, drop(&["A"])]),
        // A value that is neither: whatever else is to be done waits for a person.
        (Back, Replaced, Stage::Returning, refuse("B")),
        (Replaced, New, Stage::Returning, refuse("A")),
        (Old, Replaced, Stage::Prepared, refuse("B")),
        (Strange, Old, Stage::Prepared, refuse("A")),
        (New, Strange, Stage::Staged, refuse("B")),
        (Strange, New, Stage::Verified, refuse("A")),
        (New, New, Stage::Finished, same(Task::Stop)),
        (Old, Old, Stage::Finished, same(Task::Stop)),
        (Old, Old, Stage::Abandoned, same(Task::Stop)),
        (New, Back, Stage::Abandoned, same(Task::Stop)),
    ];
    for (a, b, stage, expected) in table {
        assert_eq!(
            [None, Some(false), Some(true)].map(|seen| of(a, b, stage, seen)),
            expected,
            "{a:?} {b:?} {stage:?}"
        );
    }
}

/// A stage, what the vault has, what was seen of the places, what was told of the new and of the old value, and what is next.
type Row = (Stage, Standing, Option<bool>, Option<Answer>, Option<Answer>, Task);

#[test]
fn what_probes_tell_decides_as_the_table_says() {
    use Answer::{Alive, Dead, Unknown};
    use Standing::{New, Replaced};
    let ask = |value| Task::Ask(value);
    let wait = |value, answer| Task::Wait(value, answer);
    let note = Task::Note;
    let drop = Task::Drop(vec![name("A")]);
    let (prepared, staged, verified) = (Stage::Prepared, Stage::Staged, Stage::Verified);
    let table: Vec<Row> = vec![
        // Before the first push, nothing but a clear yes will do.
        (prepared, New, None, None, None, ask(Which::New)),
        (prepared, New, None, Some(Alive), None, note(Event::Staged)),
        (prepared, New, None, Some(Dead), None, wait(Which::New, Dead)),
        (prepared, New, None, Some(Unknown), None, wait(Which::New, Unknown)),
        // On the way, a clear no stops it, and a service that is half-configured does not.
        (staged, New, None, None, None, ask(Which::New)),
        (staged, New, None, Some(Alive), None, Task::Push),
        (staged, New, None, Some(Unknown), None, Task::Push),
        (staged, New, None, Some(Dead), None, wait(Which::New, Dead)),
        (staged, New, Some(false), None, None, Task::Stop),
        // Where every place runs it, it has to be alive.
        (staged, New, Some(true), None, None, ask(Which::New)),
        (staged, New, Some(true), Some(Alive), None, note(Event::Verified)),
        (staged, New, Some(true), Some(Dead), None, wait(Which::New, Dead)),
        (staged, New, Some(true), Some(Unknown), None, wait(Which::New, Unknown)),
        // At the end the new one is alive, and the old one is dead, however early that was.
        (verified, New, None, None, None, ask(Which::New)),
        (verified, New, None, Some(Unknown), None, Task::Push),
        (verified, New, None, Some(Dead), None, wait(Which::New, Dead)),
        (verified, New, Some(false), None, None, note(Event::Reopened)),
        (verified, New, Some(true), None, Some(Dead), ask(Which::New)),
        (verified, New, Some(true), Some(Unknown), Some(Dead), wait(Which::New, Unknown)),
        (verified, New, Some(true), Some(Dead), Some(Dead), wait(Which::New, Dead)),
        (verified, New, Some(true), Some(Alive), None, ask(Which::Old)),
        (verified, New, Some(true), Some(Alive), Some(Alive), wait(Which::Old, Alive)),
        (verified, New, Some(true), Some(Alive), Some(Unknown), wait(Which::Old, Unknown)),
        (verified, New, Some(true), Some(Alive), Some(Dead), drop),
        // What is dropped already cannot be asked about.
        (verified, Replaced, Some(true), Some(Alive), None, note(Event::Finished)),
        // A person who wants the old value back gets it.
        (Stage::Returning, Standing::Back, None, None, None, Task::Push),
        (Stage::Returning, Standing::Back, Some(true), Some(Dead), Some(Dead), Task::Drop(vec![name("A")])),
    ];
    for (stage, standing, seen, new, old, expected) in table {
        let task = next(stage, &[(name("A"), standing)].into(), Known { seen, unread: false, new, old }, End::Now);
        assert_eq!(task, expected, "{stage:?} {standing:?} {seen:?} {new:?} {old:?}");
    }
}

#[test]
fn old_values_stay_as_long_as_they_may_and_go_from_the_places_first() {
    use Answer::{Alive, Dead, Unknown};
    use Stage::{Retiring, Returning, Staged, Verified};
    let (rest, lapsed, drop) = (Task::Rest, Task::Note(Event::Lapsed), Task::Drop(vec![name("A")]));
    let note = Task::Note;
    let wait = |answer| Task::Wait(Which::Old, answer);
    let [ask_new, ask_old] = [Which::New, Which::Old].map(Task::Ask);
    let all = (Some(true), Some(Alive));
    let table: [(Stage, Standing, End, _, Option<Answer>, Task); 31] = [
        // It is verified before any time begins.
        (Staged, Standing::New, End::Later, all, None, note(Event::Verified)),
        (Staged, Standing::New, End::AfterOverlap, all, None, note(Event::Verified)),
        // While the old values stay, the places are looked after as before.
        (Verified, Standing::New, End::Later, (None, None), None, ask_new.clone()),
        (Verified, Standing::New, End::Later, (None, Some(Unknown)), None, Task::Push),
        (Verified, Standing::New, End::Later, (Some(false), None), None, note(Event::Reopened)),
        (Verified, Standing::New, End::AfterOverlap, (Some(false), None), None, note(Event::Reopened)),
        (Verified, Standing::New, End::Later, (Some(true), Some(Dead)), None, Task::Wait(Which::New, Dead)),
        (Verified, Standing::New, End::Later, all, None, rest.clone()),
        (Verified, Standing::New, End::Later, all, Some(Dead), rest.clone()),
        (Verified, Standing::Replaced, End::Later, all, None, rest),
        // What goes from the places is not mended there first, and goes only where the new value is seen to be alive.
        (Verified, Standing::New, End::AfterOverlap, (None, None), None, ask_new.clone()),
        (Verified, Standing::New, End::AfterOverlap, (None, Some(Alive)), None, lapsed.clone()),
        (Verified, Standing::New, End::AfterOverlap, (None, Some(Unknown)), None, Task::Push),
        (Verified, Standing::New, End::Now, (None, Some(Alive)), None, Task::Push),
        (Retiring, Standing::New, End::AfterOverlap, (None, None), None, ask_new),
        (Retiring, Standing::New, End::AfterOverlap, (None, Some(Unknown)), None, Task::Wait(Which::New, Unknown)),
        (Retiring, Standing::New, End::AfterOverlap, (None, Some(Dead)), None, Task::Wait(Which::New, Dead)),
        // Nobody asks about an old value that some places still take.
        (Verified, Standing::New, End::AfterOverlap, all, None, lapsed.clone()),
        (Verified, Standing::New, End::AfterOverlap, all, Some(Alive), lapsed.clone()),
        (Verified, Standing::New, End::AfterOverlap, all, Some(Dead), lapsed.clone()),
        (Verified, Standing::Replaced, End::AfterOverlap, all, None, lapsed),
        (Retiring, Standing::Old, End::AfterOverlap, all, None, Task::Stage(vec![name("A")])),
        (Retiring, Standing::Back, End::AfterOverlap, all, None, Task::Swap(vec![name("A")])),
        (Retiring, Standing::New, End::AfterOverlap, (None, Some(Alive)), None, Task::Push),
        (Retiring, Standing::New, End::AfterOverlap, (Some(false), None), None, Task::Stop),
        (Retiring, Standing::New, End::AfterOverlap, all, None, ask_old),
        (Retiring, Standing::New, End::AfterOverlap, all, Some(Alive), wait(Alive)),
        (Retiring, Standing::New, End::AfterOverlap, all, Some(Dead), drop.clone()),
        // The time that is declared is over, whatever a clock says now.
        (Retiring, Standing::New, End::Later, all, Some(Dead), drop),
        (Retiring, Standing::Replaced, End::AfterOverlap, all, None, note(Event::Finished)),
        // A person who wants the old values back waits for nothing.
        (Returning, Standing::Back, End::Later, (None, None), None, Task::Push),
    ];
    for (stage, standing, end, (seen, new), old, expected) in table {
        let task = next(stage, &[(name("A"), standing)].into(), Known { seen, unread: false, new, old }, end);
        assert_eq!(task, expected, "{stage:?} {standing:?} {end:?} {seen:?} {new:?} {old:?}");
    }
    // A place that cannot be read for a moment does not begin its time anew.
    let unread = Known { seen: Some(false), unread: true, ..Known::default() };
    assert_eq!(next(Verified, &[(name("A"), Standing::New)].into(), unread, End::Later), Task::Stop);
}

#[test]
fn several_values_are_as_good_as_the_worst_of_them() {
    use Answer::{Alive, Dead, Unknown};
    for (answers, new, old) in [
        (&[][..], Alive, Dead),
        (&[Alive, Alive], Alive, Alive),
        (&[Alive, Unknown], Unknown, Alive),
        (&[Unknown, Dead, Alive], Dead, Alive),
        (&[Unknown, Dead], Dead, Unknown),
        (&[Dead, Dead], Dead, Dead),
    ] {
        let mut known = Known::default();
        known.hear(Which::New, answers.iter().copied());
        known.hear(Which::Old, answers.iter().copied());
        assert_eq!((known.new, known.old), (Some(new), Some(old)), "{answers:?}");
        // What was told before a push says nothing of what came after it.
        known.see(true, false);
        assert_eq!((known.seen, known.new, known.old), (Some(true), None, Some(old)));
    }
}

#[test]
fn what_the_vault_has_is_told_by_its_fingerprints() {
    let key = FingerprintKey::new(Zeroizing::new([7; 32]));
    let value = SecretValue::copied_from;
    // With the new one noted, and without, as an older file has it.
    for (now, previous, expected, unnoted) in [
        ("old", None, Standing::Old, Standing::Old),
        ("new", Some("old"), Standing::New, Standing::New),
        ("old", Some("new"), Standing::Back, Standing::Back),
        ("new", None, Standing::Replaced, Standing::Replaced),
        ("old", Some("old"), Standing::Same, Standing::Same),
        ("newer", Some("new"), Standing::Strange, Standing::Strange),
        ("newer", Some("newer"), Standing::Strange, Standing::Strange),
        ("new", Some("new"), Standing::Strange, Standing::Strange),
        ("new", Some("newer"), Standing::Strange, Standing::Strange),
        ("newer", Some("old"), Standing::Strange, Standing::New),
        ("old", Some("newer"), Standing::Strange, Standing::Back),
        ("newer", None, Standing::Strange, Standing::Replaced),
    ] {
        let source = Source { file: "vault/staging/a.toml.age".to_owned(), line: 1 };
        let previous = previous.map(value);
        let entry = Entry { value: value(now), template: None, previous, rotated: None, expires: None, source };
        let [noted, without] = [Some(key.value(&value("new"))), None].map(|new| {
            let before = Before { old: key.value(&value("old")), new, rotated: None, expires: None, overlap: false };
            (standing(&key, &before, &entry), learned(&key, &before, &entry))
        });
        assert_eq!((noted.0, without.0), (expected, unnoted), "{now} {:?}", entry.previous.is_some());
        let learned = match unnoted {
            Standing::New => Some(key.value(&entry.value)),
            Standing::Back => entry.previous.as_ref().map(|previous| key.value(previous)),
            _ => None,
        };
        assert_eq!((noted.1, without.1), (None, learned), "{now}");
    }
}

#[test]
fn a_place_is_dated_by_when_it_came_so_far() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let [first, second] = ["2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z"].map(at);
    let mut run = Run {
        reason: None,
        begun: first,
        who: Who::default(),
        stage: Stage::Staged,
        since: first,
        secrets: BTreeMap::new(),
        places: BTreeMap::new(),
        probes: Vec::new(),
    };
    let seen = |a, b| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
    run.see(&seen(Reach::Running, Reach::Waiting), first);
    run.see(&seen(Reach::Running, Reach::Written), second);
    let progress = |run: &Run, place: &str| (run.places[place].reach, run.places[place].since);
    assert_eq!(progress(&run, "a"), (Reach::Running, first));
    assert_eq!(progress(&run, "b"), (Reach::Written, second));
    run.see(&BTreeMap::from([("b".to_owned(), Reach::Running)]), second);
    assert_eq!(run.places.keys().collect::<Vec<_>>(), ["b"]);
    // On the way back, nobody has come anywhere yet.
    run.hear(Event::Returned, second);
    assert_eq!((run.stage, run.since), (Stage::Staged, first));
    run.hear(Event::Rollback, second);
    assert_eq!((run.stage, run.since, run.places["b"].reach), (Stage::Returning, second, Reach::Waiting));
}

#[test]
fn what_is_told_again_is_noted_once_with_both_times() {
    let at = |minute: i64| Timestamp::from_second(minute * 60).expect("a time");
    let before = Before {
        new: None,
        old: FingerprintKey::new(Zeroizing::new([7; 32])).value(&SecretValue::copied_from("old")),
        rotated: None,
        expires: None,
        overlap: false,
    };
    let mut run = Run {
        reason: None,
        begun: at(0),
        who: Who::default(),
        stage: Stage::Verified,
        since: at(0),
        secrets: [(name("A"), before), (name("B"), before)].into(),
        places: BTreeMap::new(),
        probes: Vec::new(),
    };
    let told = |answer, reason: &str| Told { answer, reason: reason.to_owned() };
    for (minute, secret, value, answer) in [
        (1, "A", Which::New, Answer::Alive),
        (2, "B", Which::New, Answer::Alive),
        (3, "A", Which::New, Answer::Alive),
        (4, "A", Which::Old, Answer::Alive),
        (5, "A", Which::Old, Answer::Dead),
        (6, "B", Which::Old, Answer::Alive),
    ] {
        run.hear_of(&name(secret), value, &told(answer, "it answered"), at(minute));
    }
    let noted: Vec<_> = run
        .probes
        .iter()
        .map(|it| (it.secret.as_str(), it.value, it.answer, it.first.as_second() / 60, it.last.as_second() / 60))
        .collect();
    assert_eq!(
        noted,
        [
            ("A", Which::New, Answer::Alive, 1, 3),
            ("B", Which::New, Answer::Alive, 2, 2),
            ("A", Which::Old, Answer::Alive, 4, 4),
            ("A", Which::Old, Answer::Dead, 5, 5),
            ("B", Which::Old, Answer::Alive, 6, 6),
        ]
    );
    let of = |answer| run.last_told(Which::Old, answer).iter().map(|it| it.secret.clone()).collect::<Vec<_>>();
    assert_eq!((of(Answer::Alive), of(Answer::Dead)), (vec!["B".to_owned()], vec!["A".to_owned()]));
    let open = Open::of(&run, at(10), None);
    assert_eq!(open.waits_for, ["the end of the old value of B"]);
    // A clock that was put back makes no time negative.
    assert_eq!((seconds(at(1), at(3)), seconds(at(3), at(1))), (120, 0));
}
