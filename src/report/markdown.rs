//! Markdown for a pull request's comment or a job's summary.
//!
//! Names come from targets and files, so that anybody may choose them: each stands in a code span, where GitHub sees no
//! link, no mention and no HTML. Sentences are escaped.

use std::collections::BTreeMap;
use std::fmt::Write;

use vault_schema::audit::{Changes, Entry, Failure, Finding, Report};
use vault_schema::plan::{Action, Plan};
use vault_schema::verdict::Verdict;

use super::{advice, changes, table};

/// Renders an audit: what wants attention, and what mends it. `all` shows every row.
pub fn audit(report: &Report, all: bool) -> String {
    let mut text = String::new();
    let state = match (report.in_sync, report.complete) {
        (true, _) => "in sync",
        (false, true) => "drift",
        (false, false) => "incomplete",
    };
    let _ = writeln!(text, "## undrift audit: {state}\n\n{}", sentence(&table::summary(report)));
    due(&mut text, report);
    let mut environments: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in report.entries.iter().filter(|entry| table::is_shown(entry, all)) {
        environments.entry(&entry.environment).or_default().push(entry);
    }
    for (environment, mut entries) in environments {
        entries.sort_by_key(|entry| (table::rank(entry), &entry.target, &entry.remote_name));
        let rows = entries.into_iter().map(|entry| {
            let line = table::line(entry);
            [code(&line.place), code(&line.name), sentence(&line.state), sentence(&line.detail)]
        });
        rows_of(&mut text, environment, ["Place", "Name", "Verdict", "Detail"], rows);
    }
    failures(&mut text, "Could not be read", &report.failures);
    findings(&mut text, &table::worth_a_look(&report.findings, all).0);
    let open = report.entries.iter().filter(|entry| !entry.ignored && !entry.accepted);
    let next = table::next_commands(open.clone().filter_map(|entry| entry.next.as_deref()));
    let mut commands: Vec<String> =
        next.iter().map(|(command, count)| format!("{} mends {count}", code(command))).collect();
    let unmanaged = open.filter(|entry| entry.verdict == Verdict::Unmanaged).count();
    if unmanaged > 0 {
        commands.push(format!("{} accepts {unmanaged} unmanaged", code(advice::IGNORE)));
    }
    list(&mut text, "Next", &commands);
    text
}

/// Renders what has changed since an earlier report.
pub fn changes(report: &Report, changes: &Changes) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "## undrift audit: {}\n", sentence(&changes::summary(changes)));
    let _ = writeln!(text, "{}", sentence(&table::summary(report)));
    due(&mut text, report);
    for (title, list) in changes::parts(changes) {
        let rows = list.iter().map(|change| {
            let place = change.place.as_deref().or(change.environment.as_deref()).unwrap_or_default();
            let code_of = change.code.as_deref().map_or_else(String::new, |code| format!(" ({})", sentence(code)));
            let name = change.name.as_deref().map(code).unwrap_or_default();
            let next = change.next.as_deref().unwrap_or_default();
            [code(place), name, format!("{}{code_of}", sentence(&change.message)), sentence(next)]
        });
        rows_of(&mut text, title, ["Where", "Name", "What", "Next"], rows);
    }
    text
}

fn due(text: &mut String, report: &Report) {
    if let Some(due) = table::due(report) {
        let _ = writeln!(text, "\n{}", sentence(&due));
    }
}

/// Renders a plan: what would be written, what is held, and which commands decide it.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let removals = plan.steps.iter().filter(|step| step.action == Action::Delete).count();
    let writes = plan.steps.len() - removals;
    let state = if plan.complete { "" } else { " (incomplete)" };
    let _ = writeln!(text, "## undrift plan: {writes} to write, {removals} to remove, {} held{state}", plan.held.len());
    list(&mut text, "Removals", &super::plan::removals(plan).iter().map(|it| sentence(it)).collect::<Vec<_>>());
    let mut environments: BTreeMap<&str, Vec<[String; 4]>> = BTreeMap::new();
    for step in &plan.steps {
        let detail = format!("{}: {}", step.verdict.words(), step.detail);
        let row = [code(&step.place), code(&step.remote_name), step.action.as_str().to_owned(), sentence(&detail)];
        environments.entry(&step.environment).or_default().push(row);
    }
    for (environment, rows) in environments {
        rows_of(&mut text, environment, ["Place", "Name", "Step", "Why"], rows.into_iter());
    }
    let roll_outs = plan.roll_outs.iter().map(|it| {
        let by = it.by.as_str();
        format!("{} ({}): {} to roll out by {by}", code(&it.place), code(&it.environment), it.waiting)
    });
    list(&mut text, "Roll-outs", &roll_outs.collect::<Vec<_>>());
    let held = plan.held.iter().map(|held| {
        let commands: Vec<String> = std::iter::once(&held.next).chain(&held.keep).map(|it| code(it)).collect();
        let why = format!("{}: {}", held.verdict.words(), held.detail);
        [code(&held.place), code(&held.remote_name), sentence(&why), commands.join(" or ")]
    });
    rows_of(&mut text, "Held until you choose", ["Place", "Name", "Why", "Decided by"], held);
    failures(&mut text, "Could not be read", &plan.failures);
    failures(&mut text, "Left as it is", &plan.refused);
    findings(&mut text, &plan.findings);
    text
}

fn rows_of<const N: usize>(
    text: &mut String,
    title: &str,
    head: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
) {
    if rows.len() == 0 {
        return;
    }
    let _ = writeln!(text, "\n### {}\n\n| {} |\n|{}", sentence(title), head.join(" | "), " --- |".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

fn list(text: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### {title}\n");
    for item in items {
        let _ = writeln!(text, "- {item}");
    }
}

fn failures(text: &mut String, title: &str, failures: &[Failure]) {
    let rows = failures.iter().map(|failure| {
        let hint = failure.hint.as_deref().unwrap_or_default();
        [code(&failure.place), code(&failure.environment), sentence(&failure.message), sentence(hint)]
    });
    rows_of(text, title, ["Place", "Environment", "Why", "Hint"], rows);
}

fn findings(text: &mut String, findings: &[Finding]) {
    let rows = findings.iter().map(|finding| {
        let location = finding.location.as_deref().or(finding.environment.as_deref()).unwrap_or_default();
        let secret = finding.secret.as_deref().map(code).unwrap_or_default();
        let hint = finding.next.as_deref().unwrap_or_default();
        [code(location), secret, format!("{} ({})", sentence(&finding.message), finding.code), sentence(hint)]
    });
    rows_of(text, "Findings", ["Where", "Secret", "What", "Hint"], rows);
}

/// A name as code. What would end the span, the cell or the line is written as in a URL.
pub(super) fn code(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push('`');
    for c in name.chars() {
        match c {
            '`' | '|' | '\\' => {
                let _ = write!(text, "%{:02X}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(text, "%{:02X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    // An empty span is no span.
    if name.is_empty() {
        return String::new();
    }
    text.push('`');
    text
}

/// A sentence as plain text. Each sign that means something in Markdown or HTML is escaped, and what GitHub would make a
/// mention, a reference or a link is cut by a sign that has no width.
pub(super) fn sentence(words: &str) -> String {
    const CUT: char = '\u{2060}';
    let mut text = String::with_capacity(words.len());
    for (at, c) in words.char_indices() {
        let begins_a_link =
            words[at..].starts_with("://") || (c == '.' && words[..at].to_ascii_lowercase().ends_with("www"));
        match c {
            '@' | '#' => {
                text.push('\\');
                text.push(c);
                text.push(CUT);
            }
            c if begins_a_link => {
                text.push(c);
                text.push(CUT);
            }
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '!' | '$' => {
                text.push('\\');
                text.push(c);
            }
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_cell_or_makes_a_link() {
        for (name, expected) in [
            ("API_TOKEN", "`API_TOKEN`"),
            ("a|b", "`a%7Cb`"),
            ("a\\|b", "`a%5C%7Cb`"),
            ("``x``", "`%60%60x%60%60`"),
            ("a\nb\u{85}", "`a%0Ab%85`"),
            ("<img src=x> [a](https://x) @acme #1", "`<img src=x> [a](https://x) @acme #1`"),
            ("", ""),
        ] {
            assert_eq!(code(name), expected);
        }
    }

    #[test]
    fn a_sentence_is_plain_text() {
        for (words, expected) in [
            ("written 2026-11-18 09:12 UTC, not by undrift", "written 2026-11-18 09:12 UTC, not by undrift"),
            ("a|b\\|c", "a\\|b\\\\\\|c"),
            ("`--prune` *x* _y_", "\\`--prune\\` \\*x\\* \\_y\\_"),
            ("<b>&amp;[a](b)!", "\\<b\\>\\&amp;\\[a\\](b)\\!"),
            ("@acme x@y.z #12", "\\@\u{2060}acme x\\@\u{2060}y.z \\#\u{2060}12"),
            ("https://x.y WWW.x.y", "https:\u{2060}//x.y WWW.\u{2060}x.y"),
            ("one\r\ntwo", "one  two"),
        ] {
            assert_eq!(sentence(words), expected);
        }
    }
}
