use super::*;
use crate::domain::shard::Shard;
use crate::domain::verdict::Verdict;
use crate::report::samples::{entry, failure, finding, place, report};

fn part(file: &str, entries: Vec<Entry>, findings: Vec<Finding>) -> Part {
    let targets: BTreeSet<String> = entries.iter().map(|entry| entry.target.clone()).collect();
    let mut report = report(entries, findings);
    report.places = targets.iter().map(|target| place(target)).collect();
    Part { file: file.to_owned(), report }
}

fn shard(number: u16, of: u16, mut part: Part) -> Part {
    part.report.scope.shard = Some(Shard { number, of });
    part
}

/// Two shards of one audit.
fn halves() -> [Part; 2] {
    [
        shard(1, 2, part("1.json", vec![entry("ci", "A", Verdict::InSync)], vec![finding("UD250", "A")])),
        shard(2, 2, part("2.json", vec![entry("web", "A", Verdict::Behind)], vec![finding("UD250", "A")])),
    ]
}

fn said(parts: impl Into<Vec<Part>>) -> String {
    merge(parts.into()).map(|_| ()).expect_err("they do not belong together").to_string()
}

#[test]
fn shards_make_one_report_in_any_order_with_each_finding_once() {
    let merged = merge(halves().into()).expect("one report");
    assert_eq!(merged.entries.iter().map(|entry| entry.target.as_str()).collect::<Vec<_>>(), ["ci", "web"]);
    assert_eq!((merged.summary.checked, merged.summary.in_sync, merged.summary.drift), (2, 1, 1));
    assert_eq!((merged.complete, merged.in_sync, merged.findings.len(), merged.places.len()), (true, false, 1, 2));
    assert_eq!(merged.scope, Scope { environments: vec!["staging".to_owned()], ..Scope::default() });
    let [one, two] = halves();
    assert_eq!(merge(vec![two.clone(), one.clone()]).expect("one report"), merged);
    assert_eq!(merge(vec![one.clone(), two.clone(), one]).expect("one report"), merged, "the same twice is once");
    // A finding that one report has twice is two findings.
    let mut twice = two;
    twice.report.findings.push(finding("UD250", "A"));
    let [one, _] = halves();
    assert_eq!(merge(vec![one, twice]).expect("one report").findings.len(), 2);
}

#[test]
fn a_shard_that_is_not_there_is_told_and_makes_the_report_incomplete() {
    let [one, two] = halves();
    let [one, two] = [(one, 4), (two, 4)].map(|(mut part, of)| {
        part.report.scope.shard = part.report.scope.shard.map(|shard| Shard { of, ..shard });
        part
    });
    let merged = merge(vec![one.clone(), two]).expect("one report");
    let told = merged.findings.last().expect("a finding");
    assert_eq!((told.code.as_str(), told.severity), ("UD264", Severity::Error));
    assert_eq!(told.message, "shards 3, 4 of 4 are missing: nobody knows what their places hold");
    let next = told.next.as_deref().expect("what to do");
    assert!(next.starts_with("`undrift audit -e staging --shard 3/4 --write json=FILE`"), "{next}");
    assert_eq!((merged.complete, merged.in_sync), (false, false));
    // Shards of two numbers do not make each other whole, and a report of everything makes all of them.
    let [_, half] = halves();
    assert_eq!(merge(vec![one.clone(), half]).expect("one report").findings.len(), 3);
    let mut whole = one.clone();
    whole.report.scope.shard = None;
    assert!(merge(vec![one, whole]).expect("one report").complete);
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let with = |change: &dyn Fn(&mut Report)| {
        let [one, mut two] = halves();
        change(&mut two.report);
        said([one, two])
    };
    assert_eq!(with(&|it| it.project.clear()), "2.json does not say of which project it is");
    assert_eq!(
        with(&|it| "fedcba9876543210".clone_into(&mut it.project)),
        "2.json is of another project than 1.json, or of another state of its undrift.toml"
    );
    assert_eq!(
        with(&|it| "undrift 0.2.0".clone_into(&mut it.tool)),
        "2.json was written by undrift 0.2.0, and 1.json by undrift 0.1.0"
    );
    assert_eq!(
        with(&|it| it.at += LONGEST_APART + SignedDuration::from_secs(1)),
        "2.json is of 2026-11-21 08:00 UTC, and 1.json of 2026-11-20 08:00 UTC: they are more than a day apart"
    );
    for shard in [Shard { number: 0, of: 2 }, Shard { number: 3, of: 2 }, Shard { number: 1, of: u16::MAX }] {
        let told = with(&|it| it.scope.shard = Some(shard));
        assert_eq!(told, "2.json says that it is of a shard that there cannot be");
    }
    let [one, mut two] = halves();
    two.report.at += LONGEST_APART;
    assert_eq!(merge(vec![two, one.clone()]).expect("a day is allowed").at, one.report.at);
}

#[test]
fn one_place_has_one_answer() {
    let once = part("a.json", vec![entry("web", "A", Verdict::InSync)], vec![]);
    let changed = |change: &dyn Fn(&mut Report)| {
        let mut other = once.clone();
        "b.json".clone_into(&mut other.file);
        change(&mut other.report);
        merge(vec![once.clone(), other]).map_err(|error| error.to_string())
    };
    let other = Err("b.json says something else of fly:shop-web (staging) than a.json".to_owned());
    assert!(changed(&|_| {}).is_ok());
    assert_eq!(changed(&|it| it.entries[0].verdict = Verdict::Behind), other);
    assert_eq!(changed(&|it| it.entries.push(entry("web", "B", Verdict::InSync))), other);
    assert_eq!(changed(&|it| it.places[0].read = false), other);
    assert_eq!(changed(&|it| it.failures.push(failure("web"))), other);
    // What one machine remembers and another does not is no other answer.
    let since = once.report.at;
    let dated = changed(&|it| it.entries[0].open_since = Some(since)).expect("one report");
    assert_eq!((dated.entries.len(), dated.entries[0].open_since), (1, Some(since)));
}

#[test]
fn a_vault_that_moved_is_refused_and_midnight_is_not() {
    let aged = |file: &str, state, rotated: &str| {
        let mut part = part(file, vec![], vec![]);
        part.report.ages.push(Age {
            environment: "staging".to_owned(),
            secret: "A".to_owned(),
            state,
            rotated: rotated.parse().ok(),
            due: None,
            expires: None,
        });
        part
    };
    let one = aged("a.json", AgeState::Good, "2026-01-01");
    let merged = merge(vec![one.clone(), aged("b.json", AgeState::Overdue, "2026-01-01")]).expect("one report");
    assert_eq!(merged.ages.iter().map(|age| age.state).collect::<Vec<_>>(), [AgeState::Overdue]);
    assert_eq!(
        said([one, aged("b.json", AgeState::Good, "2026-01-02")]),
        "b.json has other dates of A (staging) than a.json: the vault was changed between them"
    );
}

#[test]
fn the_whole_looked_at_what_its_parts_did() {
    let of = |environment: &str, targets: &[&str]| {
        let mut part = part("a.json", vec![], vec![]);
        part.report.scope.environments = vec![environment.to_owned()];
        part.report.scope.targets = targets.iter().map(|target| (*target).to_owned()).collect();
        part
    };
    let scope = |parts: &[Part]| merge(parts.to_vec()).expect("one report").scope;
    let both = vec!["production".to_owned(), "staging".to_owned()];
    let whole = scope(&[of("staging", &[]), of("production", &[])]);
    assert_eq!((whole.environments, whole.targets), (both.clone(), vec![]));
    let part = scope(&[of("staging", &[]), of("production", &["web"])]);
    assert_eq!((part.environments, part.targets), (both, vec!["web".to_owned()]));
    assert_eq!(scope(&[of("staging", &[]), of("staging", &["web"])]).targets, Vec::<String>::new());
    let mut closed = of("staging", &[]);
    closed.report.scope.left_out = vec!["production".to_owned()];
    assert_eq!(scope(&[closed.clone()]).left_out, ["production"]);
    assert_eq!(scope(&[closed, of("production", &[])]).left_out, Vec::<String>::new());
}

#[test]
fn one_part_that_is_incomplete_makes_the_whole_so() {
    let [one, mut two] = halves();
    two.report.complete = false;
    two.report.fail_on = Severity::Note;
    let merged = merge(vec![one, two]).expect("one report");
    assert_eq!((merged.complete, merged.in_sync, merged.fail_on), (false, false, Severity::Note));
}
