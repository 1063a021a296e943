use super::*;
use crate::report::samples::{entry, finding, place, report};

/// What would break out of a text, an attribute, or the data of the script.
const ODD: &str = "</script><script>alert(1)</script>\"' onclick=x <!--";

#[test]
fn no_name_breaks_out_of_its_place() {
    let mut odd = entry("web", ODD, Verdict::Unmanaged);
    odd.place = ODD.to_owned();
    odd.detail = ODD.to_owned();
    odd.next = Some(ODD.to_owned());
    let mut fault = finding("UD250", ODD);
    fault.message = ODD.to_owned();
    let page = audit(&report(vec![odd], vec![fault]), &[]);
    assert_eq!(page.matches("<script").count(), 2, "the data and the script, and nothing else");
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("alert(1)</"), "{page}");
    assert!(page.contains("&#60;/script&#62;&#60;script&#62;alert(1)"));
}

#[test]
fn the_policy_names_the_digest_of_what_is_there() {
    let page = audit(&report(vec![], vec![]), &[]);
    let between = |start: &str, end: &str| {
        let after = page.split_once(start).map(|(_, after)| after).expect("a start");
        after.split_once(end).map(|(text, _)| text).expect("an end")
    };
    for text in [between("<style>", "</style>"), between("</script>\n<script>", "</script>")] {
        let digest = STANDARD.encode(Sha256::digest(text));
        // In an attribute, the sign `+` stays as it is, and a quote does not.
        assert!(page.contains(&format!("&#39;sha256-{digest}&#39;")), "{digest}");
    }
    assert!(page.contains("default-src &#39;none&#39;"));
    for forbidden in ["http://", "https://", "style=\"", "onclick", "src=\"", "href=\"", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn no_two_states_have_one_sign() {
    let verdicts = [
        Verdict::InSync,
        Verdict::Missing,
        Verdict::Behind,
        Verdict::ChangedRemotely,
        Verdict::Conflict,
        Verdict::Differs,
        Verdict::Unverified,
        Verdict::Orphaned,
        Verdict::Unmanaged,
        Verdict::Unreadable,
    ];
    let signs: BTreeSet<_> = verdicts.map(|verdict| look(&entry("web", "A", verdict)).sign).into();
    assert_eq!(signs.len(), verdicts.len());
}

#[test]
fn the_longer_side_of_a_matrix_goes_down() {
    let few = report((0..12).map(|i| entry("web", &format!("A{i}"), Verdict::InSync)).collect(), vec![]);
    let matrices = matrix::matrices(&few);
    assert_eq!((matrices[0].corner, matrices[0].rows.len(), matrices[0].columns.len()), ("secret", 12, 1));
    let mut many = report((0..12).map(|i| entry(&format!("t{i}"), "A", Verdict::InSync)).collect(), vec![]);
    many.places = (0..13).map(|i| place(&format!("t{i}"))).collect();
    let matrices = matrix::matrices(&many);
    assert_eq!((matrices[0].corner, matrices[0].rows.len(), matrices[0].columns.len()), ("place", 13, 1));
    assert_eq!(matrices[0].rows[0].head.target, Some("t0"));
}

#[test]
fn the_parts_of_the_proof_fill_the_bar() {
    let mut report = report(vec![], vec![]);
    report.summary.in_sync = 7;
    report.summary.proofs = [(Proof::Value, 1), (Proof::Digest, 0), (Proof::Receipt, 5), (Proof::None, 1)].into();
    let shares = shares(&report);
    assert_eq!(shares.iter().map(|share| share.count).collect::<Vec<_>>(), [1, 5, 1]);
    assert_eq!(shares.iter().map(|share| share.width).sum::<usize>(), 1000);
}

#[test]
fn a_trend_needs_two_audits_and_stays_in_its_frame() {
    let audit = |day: u8, drift: usize| {
        let mut report = report(vec![], vec![]);
        report.at = format!("2026-11-{day:02}T08:00:00Z").parse().expect("an instant");
        report.summary.drift = drift;
        history::line(&history::run(&report))
    };
    assert!(trend::trend(&[audit(1, 4)]).is_none());
    let trend = trend::trend(&[audit(1, 4), audit(3, 0), audit(5, 2)]).expect("a trend");
    assert_eq!(trend.series[0].line, "M40 15L490 215L940 115");
    assert_eq!(trend.levels, [(215, 0), (115, 2), (15, 4)]);
    assert_eq!(trend.rows.iter().map(|row| row.counts[0]).collect::<Vec<_>>(), [4, 0, 2]);
}

#[test]
fn what_is_known_of_a_cell_is_told_once_and_found_by_its_number() {
    let mut odd = entry("web", "B", Verdict::Behind);
    odd.secret = None;
    let rows = report(vec![entry("web", "A", Verdict::InSync), odd, entry("ci", "A", Verdict::InSync)], vec![]);
    let data = serde_json::to_value(details::data(&rows)).expect("plain text");
    let known = |index: usize, field: &str| {
        let number = data["fields"].as_array()?.iter().position(|it| it == field)?;
        data["texts"][usize::try_from(data["entries"][index][number].as_u64()?).ok()?].as_str()
    };
    assert_eq!((known(0, "name"), known(1, "name"), known(2, "target")), (Some("A"), Some("B"), Some("ci")));
    assert_eq!((known(0, "code"), known(1, "code"), known(1, "secret")), (Some(""), Some("UD102"), Some("")));
    assert_eq!(known(1, "next"), Some("undrift push -e staging -t web"));
    let texts: Vec<_> = data["texts"].as_array().expect("texts").iter().collect();
    assert!(texts.iter().enumerate().all(|(index, text)| !texts[..index].contains(text)), "{texts:?}");
}
