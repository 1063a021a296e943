use vault_schema::project::WebhookFormat;

use super::forms::{Letter, issue, letter, webhook};
use super::*;
use crate::report::history;
use crate::report::samples::{entry, failure, finding, place, report};

/// What somebody may call a secret, or write where a name is shown.
const HOSTILE: &str = "<!channel> @everyone `code` *bold* [a](https://x.y) <at>all</at> \u{202e}\u{1b}[2J";

fn now() -> Report {
    let mut note = finding("UD251", "D");
    note.severity = Severity::Note;
    let entries = vec![
        entry("web", "A", Verdict::Behind),
        entry("web", "B", Verdict::InSync),
        entry("web", "C", Verdict::Unmanaged),
        entry("ci", "A", Verdict::Conflict),
    ];
    let mut now = report(entries, vec![finding("UD250", "B"), note]);
    now.places.push(place("ci"));
    now
}

fn names(telling: &Telling, part: Part) -> Vec<&str> {
    let rows = telling.message.rows.iter().filter(|row| row.part == part);
    rows.map(|row| row.name.as_deref().or(row.place.as_deref()).unwrap_or_default()).collect()
}

#[test]
fn without_anything_to_compare_with_everything_wrong_is_new() {
    let mut now = now();
    now.failures.push(failure("db"));
    now.complete = false;
    let telling = Telling::of(&now, None, "shop");
    // What could not be read, then errors, then warnings; a note is left out.
    assert_eq!(names(&telling, Part::New), ["fly:shop-db", "A", "A", "C", "B"]);
    assert_eq!(telling.message.rows[1].place.as_deref(), Some("fly:shop-ci"));
    assert_eq!((telling.message.state, telling.is_changed), (State::Incomplete, true));
    assert_eq!(telling.message.changes, None);
    assert!(telling.message.rows.iter().all(|row| row.next.is_some()), "{:?}", telling.message.rows);
}

#[test]
fn only_what_is_new_or_mended_is_a_change() {
    let before = now();
    let recorded = history::run(&before);
    let same = [Before::Report(&before), Before::Run(&recorded)];
    for before in same {
        let telling = Telling::of(&now(), Some(before), "shop");
        assert_eq!((telling.is_changed, telling.is_wrong), (false, true), "{:?}", telling.message);
        assert!(
            !telling.is_for(NotifyOn::Change) && telling.is_for(NotifyOn::Drift) && telling.is_for(NotifyOn::Always)
        );
        let mut later = now();
        later.entries.remove(0);
        later.findings = vec![finding("UD252", "B")];
        later.entries.push(entry("web", "E", Verdict::Missing));
        let telling = Telling::of(&later, Some(before), "shop");
        assert_eq!(names(&telling, Part::New), ["E", "B"]);
        assert_eq!(names(&telling, Part::Open), ["A", "C"]);
        assert_eq!(names(&telling, Part::Mended), ["A", "B"]);
        assert!(telling.is_for(NotifyOn::Change));
    }
}

#[test]
fn the_end_of_a_drift_is_told_and_then_nothing_more() {
    let before = history::run(&now());
    let well = report(vec![entry("web", "A", Verdict::InSync)], vec![]);
    let mut all = well.clone();
    all.places.push(place("ci"));
    let telling = Telling::of(&all, Some(Before::Run(&before)), "shop");
    assert_eq!(telling.message.state, State::InSync);
    assert!(telling.is_for(NotifyOn::Change) && !telling.is_for(NotifyOn::Drift));
    let after = history::run(&well);
    let telling = Telling::of(&well, Some(Before::Run(&after)), "shop");
    assert!(!telling.is_for(NotifyOn::Change) && !telling.is_for(NotifyOn::Drift) && telling.is_for(NotifyOn::Always));
}

#[test]
fn what_nobody_knows_is_told_whatever_is_declared() {
    let mut unknown = report(vec![], vec![]);
    unknown.complete = false;
    let before = history::run(&unknown);
    for telling in [
        Telling::of(&unknown, Some(Before::Run(&before)), "shop"),
        Telling::of_failure("no identity was found", unknown.at, "shop"),
    ] {
        assert!(telling.is_for(NotifyOn::Change) && telling.is_for(NotifyOn::Drift), "{:?}", telling.message);
    }
}

#[test]
fn a_record_that_does_not_name_its_findings_hides_none() {
    let now = report(vec![], vec![finding("UD250", "A")]);
    let mut before = history::run(&now);
    before.found = None;
    assert!(Telling::of(&now, Some(Before::Run(&before)), "shop").is_changed);
}

#[test]
fn what_fails_no_audit_is_not_told() {
    let mut now = now();
    now.fail_on = Severity::Error;
    assert_eq!(names(&Telling::of(&now, None, "shop"), Part::New), ["A", "A"]);
    now.fail_on = Severity::Note;
    assert_eq!(names(&Telling::of(&now, None, "shop"), Part::New).len(), 5);
}

fn hostile(count: usize) -> Message {
    let long = format!("{HOSTILE}{}", "ü&<".repeat(400));
    let entries: Vec<_> = (0..count)
        .map(|number| {
            let mut entry = entry("web", &format!("{number} {long}"), Verdict::Unmanaged);
            entry.detail = long.clone();
            entry.place = long.clone();
            entry.next = Some("undrift push ".repeat(20));
            entry
        })
        .collect();
    Telling::of(&report(entries, vec![]), None, HOSTILE).message
}

#[test]
fn every_form_keeps_within_the_limits_of_its_service() {
    for count in [0, 1, 20, 500] {
        let message = hostile(count);
        assert_eq!((message.rows.len(), message.more), (count.min(20), count.saturating_sub(20)));
        let slack = webhook(&message, WebhookFormat::Slack);
        let blocks = slack["blocks"].as_array().expect("blocks");
        assert!(blocks.len() <= 50 && slack["blocks"].to_string().chars().count() <= 10_000);
        for block in blocks {
            assert!(block["text"]["text"].as_str().expect("a text").chars().count() <= 3000);
        }
        let discord = webhook(&message, WebhookFormat::Discord);
        let embed = &discord["embeds"][0];
        assert!(embed["description"].as_str().expect("a text").encode_utf16().count() <= 4096);
        assert!(embed["title"].as_str().expect("a text").chars().count() <= 256);
        assert!(webhook(&message, WebhookFormat::Teams).to_string().encode_utf16().count() * 2 <= 28_000);
        assert!(issue(&message, "<!-- x -->").1.encode_utf16().count() <= 65_536);
        if count == 500 {
            assert!(slack.to_string().contains(&format!("{} more", 502 - blocks.len())), "{slack:#}");
            let described = embed["description"].as_str().expect("a text");
            let shown = described.matches("\n- ").count();
            assert!(described.contains(&format!("{} more", 500 - shown)), "{described}");
        }
    }
}

#[test]
fn a_row_that_no_form_takes_is_counted_instead() {
    let mut message = hostile(3);
    message.rows[1].message = "&@".repeat(20_000);
    let slack = webhook(&message, WebhookFormat::Slack);
    let blocks = slack["blocks"].as_array().expect("blocks");
    assert!(blocks.iter().all(|block| block["text"]["text"].as_str().expect("a text").chars().count() <= 3000));
    assert!(slack.to_string().contains("1 more") && !slack.to_string().contains("@&amp;@"), "{slack:#}");
    let (_, body) = issue(&message, "<!-- x -->");
    assert!(body.encode_utf16().count() <= 65_536 && body.contains("2 more"), "{body}");
}

#[test]
fn what_is_long_is_cut_and_a_command_is_whole_or_not_there() {
    let long = "undrift push --overwrite ".repeat(20);
    let mut of = report(vec![entry("web", &"N".repeat(500), Verdict::Unmanaged)], vec![]);
    of.entries[0].detail = "d".repeat(500);
    of.entries[0].next = Some(long[..300].to_owned());
    let told = |report: &Report| Telling::of(report, None, "shop").message.rows[0].clone();
    let row = told(&of);
    assert_eq!((row.message.chars().count(), row.name.map(|name| name.chars().count())), (300, Some(120)));
    assert_eq!(row.next.as_deref(), Some(&long[..300]));
    of.entries[0].next = Some(long[..301].to_owned());
    assert_eq!(told(&of).next.as_deref(), Some("undrift explain UD108"));
}

#[test]
fn nobody_is_called_by_a_name_that_others_chose() {
    let message = hostile(2);
    let slack = webhook(&message, WebhookFormat::Slack).to_string();
    assert!(!slack.contains("<!") && slack.contains("&lt;!channel&gt;"), "{slack}");
    let blocks = webhook(&message, WebhookFormat::Slack)["blocks"].clone();
    assert!(blocks.as_array().expect("blocks").iter().all(|block| block["text"]["verbatim"] == true));
    let discord = webhook(&message, WebhookFormat::Discord);
    assert_eq!(discord["allowed_mentions"], serde_json::json!({ "parse": [] }));
    let teams = webhook(&message, WebhookFormat::Teams);
    let card = &teams["attachments"][0]["content"];
    assert!(card["msteams"].is_null());
    let body = card["body"].as_array().expect("blocks");
    assert!(body.iter().all(|block| block["type"] == "RichTextBlock"));
    let (_, body) = issue(&message, "<!-- undrift -->");
    assert!(body.starts_with("<!-- undrift -->\n") && body.matches("<!--").count() == 1);
    // Outside of code, an `@` is never followed by a name, and no bracket of theirs ends a link.
    let plain: String = body.split('`').step_by(2).collect();
    assert!(!plain.contains("@e") && !plain.replace("\\]", "").contains("]("), "{plain}");
    let Letter { subject, text } = letter(&message);
    for text in [&slack, &discord.to_string(), &teams.to_string(), &body, &subject, &text] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    assert!(!subject.contains('\n'));
}
