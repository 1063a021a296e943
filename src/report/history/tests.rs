use super::*;
use crate::report::samples::{entry, report};

fn on(day: u8, entries: Vec<Entry>) -> Report {
    let mut report = report(entries, vec![]);
    report.at = format!("2026-11-{day:02}T08:00:00Z").parse().expect("an instant");
    report
}

fn runs() -> Vec<Run> {
    let mut unread = on(8, vec![entry("web", "A", Verdict::Unreadable)]);
    unread.places[0].read = false;
    vec![
        run(&on(1, vec![entry("web", "A", Verdict::InSync), entry("web", "B", Verdict::Missing)])),
        run(&on(4, vec![entry("web", "A", Verdict::Behind), entry("web", "B", Verdict::Missing)])),
        run(&unread),
        run(&on(10, vec![entry("web", "A", Verdict::Behind), entry("web", "B", Verdict::InSync)])),
    ]
}

#[test]
fn a_drift_is_open_until_its_place_was_read_without_it() {
    let history = build(&runs(), vec![], Some("A"), &AuditRules::default());
    assert_eq!((history.mended, history.open, history.mean_open_hours), (1, 1, Some(9 * 24)));
    let spells: Vec<_> = history.lives[0].spells.iter().map(|spell| (spell.verdict, spell.from.to_string())).collect();
    assert_eq!(
        spells,
        [
            (Verdict::InSync, "2026-11-01T08:00:00Z".to_owned()),
            (Verdict::Behind, "2026-11-04T08:00:00Z".to_owned()),
            (Verdict::Unreadable, "2026-11-08T08:00:00Z".to_owned()),
            (Verdict::Behind, "2026-11-10T08:00:00Z".to_owned()),
        ]
    );
}

#[test]
fn a_row_is_dated_by_the_first_audit_that_found_it_wrong() {
    let mut now = on(12, vec![entry("web", "A", Verdict::Behind), entry("web", "B", Verdict::Missing)]);
    date(&mut now, &runs());
    let since: Vec<_> = now.entries.iter().map(|entry| entry.open_since.map(|at| at.to_string())).collect();
    assert_eq!(since, [Some("2026-11-04T08:00:00Z".to_owned()), None]);
}

#[test]
fn what_a_person_accepts_is_over() {
    let mut ignored = entry("web", "B", Verdict::Missing);
    ignored.ignored = true;
    let runs = [run(&on(1, vec![entry("web", "B", Verdict::Missing)])), run(&on(2, vec![ignored]))];
    let history = build(&runs, vec![], None, &AuditRules::default());
    assert_eq!((history.mended, history.open), (1, 0));
}

#[test]
fn a_sparkline_is_as_high_as_its_highest_value() {
    assert_eq!(sparkline(&[0, 1, 2, 4]), "▁▂▄█");
    assert_eq!(sparkline(&[0, 0]), "▁▁");
    assert_eq!(sparkline(&[]), "");
    assert_eq!(sparkline(&vec![1; 100]).chars().count(), 60);
}
