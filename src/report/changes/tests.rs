use super::*;
use crate::report::samples::{entry, finding, place, report};
use vault_schema::verdict::Verdict;

fn names(list: &[Change]) -> Vec<&str> {
    list.iter().map(|change| change.name.as_deref().unwrap_or("-")).collect()
}

#[test]
fn what_is_new_open_and_mended_is_told_apart() {
    let before = report(
        vec![
            entry("web", "A", Verdict::Missing),
            entry("web", "B", Verdict::Behind),
            entry("web", "C", Verdict::InSync),
        ],
        vec![finding("UD250", "A")],
    );
    let now = report(
        vec![
            entry("web", "A", Verdict::InSync),
            entry("web", "B", Verdict::Conflict),
            entry("web", "C", Verdict::Missing),
        ],
        vec![finding("UD252", "A")],
    );
    let changes = compare(&before, &now);
    assert_eq!(names(&changes.new), ["C", "A"]);
    assert_eq!(names(&changes.open), ["B"]);
    assert_eq!(names(&changes.mended), ["A", "A"]);
    assert!(changes.unseen.is_empty());
    assert!(changes.open[0].message.starts_with("conflict"));
    assert_eq!(summary(&changes), "since 2026-11-20 08:00 UTC: 2 new, 1 still open, 2 mended");
}

#[test]
fn what_was_not_looked_at_is_not_mended() {
    let before = report(vec![entry("web", "A", Verdict::Missing)], vec![finding("UD250", "A")]);
    let clean = report(vec![], vec![]);
    let with = |change: &dyn Fn(&mut Report)| {
        let mut now = clean.clone();
        change(&mut now);
        let changes = compare(&before, &now);
        (changes.mended.len(), changes.unseen.len())
    };
    assert_eq!(with(&|_| {}), (2, 0));
    assert_eq!(with(&|now| now.places[0].read = false), (1, 1));
    assert_eq!(with(&|now| now.places = vec![place("ci")]), (1, 1));
    assert_eq!(with(&|now| now.complete = false), (1, 1));
    assert_eq!(with(&|now| now.scope.targets = vec!["web".to_owned()]), (1, 1));
    assert_eq!(with(&|now| now.scope.environments.clear()), (1, 1));
}

#[test]
fn two_findings_of_one_kind_are_two() {
    let before = report(vec![], vec![finding("UD401", "A"), finding("UD401", "A")]);
    let now = report(vec![], vec![finding("UD401", "A")]);
    let changes = compare(&before, &now);
    assert_eq!((changes.open.len(), changes.mended.len()), (1, 1));
}

#[test]
fn what_a_person_has_accepted_is_no_longer_wrong() {
    let before = report(vec![entry("web", "A", Verdict::Missing)], vec![]);
    let mut ignored = entry("web", "A", Verdict::Missing);
    ignored.ignored = true;
    let changes = compare(&before, &report(vec![ignored], vec![]));
    assert_eq!((changes.open.len(), changes.mended.len()), (0, 1));
}
