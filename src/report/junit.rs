//! The XML of `JUnit`, for CI systems that show test results: a suite for each place, a case for each name in it.

use std::collections::BTreeMap;

use askama::Template;
use vault_schema::audit::{Entry, Finding, Report, Severity};
use vault_schema::verdict::Verdict;

use super::table;

#[derive(Template)]
#[template(path = "junit.xml")]
struct Page {
    at: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    suites: Vec<Suite>,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

impl Suite {
    fn count(&self, kind: Kind) -> usize {
        self.cases.iter().filter(|case| case.kind == kind).count()
    }
}

struct Case {
    name: String,
    kind: Kind,
    code: String,
    message: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Skipped,
    Failure,
    Error,
}

/// Renders an audit: what makes it fail is a failure, what could not be read an error, what is accepted is skipped.
pub fn audit(report: &Report) -> String {
    let mut suites: BTreeMap<(&str, &str), Vec<Case>> = BTreeMap::new();
    for place in &report.places {
        suites.entry((&place.environment, &place.place)).or_default();
    }
    for entry in &report.entries {
        suites.entry((&entry.environment, &entry.place)).or_default().push(of_entry(entry, report.fail_on));
    }
    for failure in &report.failures {
        suites.entry((&failure.environment, &failure.place)).or_default().push(Case {
            name: "the place".to_owned(),
            kind: Kind::Error,
            code: "unreadable".to_owned(),
            message: clean(&format!("could not be read: {}", failure.message)),
            text: clean(failure.hint.as_deref().unwrap_or_default()),
        });
    }
    let suite = |((environment, place), cases)| Suite { name: clean(&format!("{environment} {place}")), cases };
    let mut suites: Vec<Suite> = suites.into_iter().map(suite).collect();
    if !report.findings.is_empty() {
        let cases = report.findings.iter().map(|finding| of_finding(finding, report.fail_on)).collect();
        suites.push(Suite { name: "findings".to_owned(), cases });
    }
    if !report.complete {
        // Whatever is declared of how bad its causes are, this one is never in sync.
        let message = "not everything could be read: see the failures and findings".to_owned();
        let (name, code) = ("the audit is complete".to_owned(), "incomplete".to_owned());
        let case = Case { name, kind: Kind::Error, code, message, text: String::new() };
        suites.push(Suite { name: "undrift audit".to_owned(), cases: vec![case] });
    }
    let count = |kind| suites.iter().map(|suite| suite.count(kind)).sum();
    let page = Page {
        at: report.at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        tests: suites.iter().map(|suite| suite.cases.len()).sum(),
        failures: count(Kind::Failure),
        errors: count(Kind::Error),
        skipped: count(Kind::Skipped),
        suites,
    };
    // Rendering to memory cannot fail, and a part of a report would be taken for the whole of it.
    page.render().map_or_else(|error| error.to_string(), |text| text + "\n")
}

fn of_entry(entry: &Entry, fail_on: Severity) -> Case {
    let line = table::line(entry);
    let kind = match entry.severity {
        _ if entry.code.is_none() => Kind::Passed,
        _ if entry.ignored || entry.accepted => Kind::Skipped,
        _ if entry.verdict == Verdict::Unreadable => Kind::Error,
        Some(severity) if severity > fail_on => Kind::Skipped,
        _ => Kind::Failure,
    };
    let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", line.detail) };
    Case {
        name: clean(&entry.remote_name),
        kind,
        code: entry.code.clone().unwrap_or_default(),
        message: clean(&format!("{}{detail}", line.state)),
        text: clean(entry.next.as_deref().unwrap_or_default()),
    }
}

fn of_finding(finding: &Finding, fail_on: Severity) -> Case {
    let parts = [finding.environment.as_deref(), finding.secret.as_deref(), finding.location.as_deref()];
    let about = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Case {
        name: clean(&format!("{} {about}", finding.code)),
        kind: if finding.severity > fail_on { Kind::Skipped } else { Kind::Failure },
        code: finding.code.clone(),
        message: clean(&finding.message),
        text: clean(finding.next.as_deref().unwrap_or_default()),
    }
}

/// XML has no way to write most control characters.
fn clean(text: &str) -> String {
    let is_allowed = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{FFFD}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{entry, failure, finding, report};

    #[test]
    fn each_name_is_a_case_and_nothing_breaks_out_of_it() {
        let mut ignored = entry("web", "C", Verdict::Unmanaged);
        ignored.ignored = true;
        let mut note = finding("UD250", "A");
        note.severity = Severity::Note;
        let mut report = report(
            vec![
                entry("web", "<A> & \"B\"\u{1}'", Verdict::Behind),
                entry("web", "B", Verdict::InSync),
                ignored,
                entry("ci", "D", Verdict::Unreadable),
            ],
            vec![finding("UD250", "A"), note],
        );
        report.failures.push(failure("ci"));
        let text = audit(&report);
        let head = text.lines().nth(1).unwrap_or_default();
        assert_eq!(head, r#"<testsuites name="undrift audit" tests="7" failures="2" errors="2" skipped="2">"#);
        assert!(!text.contains("incomplete"));
        report.complete = false;
        assert!(audit(&report).contains(r#"<error type="incomplete" message="not everything could be read"#));
        for expected in [
            r#"name="D"><error type="UD109" message="unreadable: as it was">undrift push -e staging -t ci</error>"#,
            r#"name="the place"><error type="unreadable" message="could not be read: the token may not">"#,
            "name=\"&#60;A&#62; &#38; &#34;B&#34;\u{FFFD}&#39;\"><failure type=\"UD102\"",
            r#"name="B"/>"#,
            r#"name="C"><skipped message="unmanaged, ignored: as it was"/>"#,
            r#"<failure type="UD250" message="was due">"#,
            r#"<skipped message="was due"/>"#,
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
