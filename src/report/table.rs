//! Tables for people: plain text that fits the terminal, readable without colour.

use std::collections::BTreeMap;
use std::fmt::Write;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Modify, Padding, Style};
use textwrap::WordSplitter::NoHyphenation;
use unicode_width::UnicodeWidthStr;
use vault_schema::audit::{Entry, Failure, Finding, Report, Severity};
use vault_schema::plan::{Action, Held, Plan};
use vault_schema::project::RolloutMode;
use vault_schema::push::{Outcome, Push};
use vault_schema::verdict::{Proof, Rollout, Verdict};

use super::merge;

/// The least room in which a sentence is still readable beside other columns.
const LEAST_DETAIL: usize = 26;

/// One line of a table: where, what, how it stands, and what is known.
pub(super) struct Line {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) detail: String,
}

/// Renders an audit. `all` shows every row, not only those that want attention; `width` is the terminal's.
pub fn audit(report: &Report, all: bool, width: usize) -> String {
    let mut text = String::new();
    let mut environments: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &report.entries {
        if is_shown(entry, all) {
            environments.entry(&entry.environment).or_default().push(entry);
        }
    }
    for (environment, mut entries) in environments {
        entries.sort_by_key(|entry| (rank(entry), &entry.target, &entry.remote_name));
        let lines: Vec<Line> = entries.into_iter().map(line).collect();
        section(&mut text, environment, &lines, width);
    }
    failures(&mut text, "could not be read", &report.failures, width);
    let (shown, notes) = worth_a_look(&report.findings, all);
    findings(&mut text, &shown, width);
    paragraph(&mut text, &summary(report), 0, width);
    if let Some(due) = due(report) {
        paragraph(&mut text, &due, 0, width);
    }
    if notes > 0 {
        let are = if notes == 1 { "note is" } else { "notes are" };
        paragraph(&mut text, &format!("{notes} {are} left out: `--all` shows every one"), 0, width);
    }
    text
}

/// Returns whether a row is shown: all are, or those that want attention and are not told of with their place.
pub(super) fn is_shown(entry: &Entry, all: bool) -> bool {
    let wants_attention = entry.code.is_some() && !entry.ignored && !entry.accepted;
    all || (wants_attention && entry.verdict != Verdict::Unreadable)
}

/// Worst first: what may break production, then what is only untidy.
pub(super) fn rank(entry: &Entry) -> u8 {
    match (entry.verdict, entry.ignored || entry.accepted) {
        (_, true) => 13,
        (Verdict::Conflict, _) => 0,
        (Verdict::ChangedRemotely, _) => 1,
        (Verdict::Differs, _) => 2,
        (Verdict::Behind, _) => 3,
        (Verdict::Missing, _) => 4,
        (Verdict::InSync, _) if entry.rollout == Rollout::Partial => 5,
        (Verdict::InSync, _) if entry.rollout == Rollout::Staged => 6,
        (Verdict::InSync, _) if entry.rollout == Rollout::Unknown => 7,
        (Verdict::Unverified, _) => 8,
        (Verdict::Unreadable, _) => 9,
        (Verdict::Orphaned, _) => 10,
        (Verdict::Unmanaged, _) => 11,
        (Verdict::InSync, _) => 12,
    }
}

pub(super) fn line(entry: &Entry) -> Line {
    let rollout = match entry.rollout {
        Rollout::Staged => ", staged",
        Rollout::Partial => ", partial",
        Rollout::Unknown => ", roll-out unknown",
        Rollout::Live | Rollout::None => "",
    };
    let rollout = if entry.verdict == Verdict::InSync { rollout } else { "" };
    let known = match (entry.proof, entry.code.is_some() && entry.verdict == Verdict::InSync) {
        (_, true) | (Proof::Value | Proof::None, _) => "",
        (Proof::Digest, _) => " (by digest)",
        (Proof::Receipt, _) => " (by receipt)",
    };
    let ignored = match (entry.ignored, entry.accepted) {
        (true, _) => ", ignored",
        (false, true) => ", accepted",
        (false, false) => "",
    };
    Line {
        place: entry.place.clone(),
        name: entry.remote_name.clone(),
        state: format!("{}{rollout}{ignored}", entry.verdict.words()),
        detail: format!("{}{known}", entry.detail),
    }
}

/// Says by when the next audit is due, where that is declared.
pub(super) fn due(report: &Report) -> Option<String> {
    report.next_audit.map(|day| format!("the next audit is due by {day}"))
}

pub(super) fn summary(report: &Report) -> String {
    let summary = &report.summary;
    let number = |count: usize| if count == 0 { "none".to_owned() } else { count.to_string() };
    let unread = report.failures.len();
    let accepted =
        if summary.accepted == 0 { String::new() } else { format!("{} accepted as they are, ", summary.accepted) };
    let is_parted = report.findings.iter().any(|finding| finding.code == merge::MISSING);
    let incomplete = match (unread, report.complete) {
        (0, true) => "",
        (_, false) if is_parted => "; not every shard is there",
        (0, false) => "; the vault could not be read whole",
        _ => "; not every target could be read",
    };
    let left_out = match report.scope.left_out.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} is left out, which no identity opens"),
        some => format!("; {} are left out, which no identity opens", some.join(", ")),
    };
    let shard =
        report.scope.shard.map_or_else(String::new, |shard| format!("; shard {} of {}", shard.number, shard.of));
    format!(
        "{} checked: {} in sync ({} proved), {} drifted, {} ignored, {accepted}{} unreadable{incomplete}{shard}{left_out}",
        summary.checked,
        summary.in_sync,
        summary.proved,
        number(summary.drift),
        number(summary.ignored),
        number(summary.unreadable)
    )
}

/// Renders a plan.
pub fn plan(plan: &Plan, width: usize) -> String {
    let mut text = String::new();
    removals(&mut text, plan);
    let mut environments: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for step in &plan.steps {
        environments.entry(&step.environment).or_default().push(Line {
            place: step.place.clone(),
            name: step.remote_name.clone(),
            state: step.action.as_str().to_owned(),
            detail: format!("{}: {}", step.verdict.words(), step.detail),
        });
    }
    for (environment, lines) in environments {
        section(&mut text, environment, &lines, width);
    }
    let lines: Vec<Line> = plan
        .roll_outs
        .iter()
        .map(|roll_out| Line {
            place: roll_out.place.clone(),
            name: names(roll_out.waiting),
            state: "roll out".to_owned(),
            detail: how(roll_out.by).to_owned(),
        })
        .collect();
    section(&mut text, "then brought to the machines", &lines, width);
    held(&mut text, &plan.held, width);
    failures(&mut text, "could not be read", &plan.failures, width);
    failures(&mut text, "left as it is", &plan.refused, width);
    findings(&mut text, &plan.findings, width);
    let writes = plan.steps.iter().filter(|step| step.action != Action::Delete).count();
    let removals = plan.steps.len() - writes;
    let held = plan.held.len();
    let _ = match (writes, removals, plan.roll_outs.len()) {
        (0, 0, 0) => writeln!(text, "nothing to do, {held} held"),
        (_, _, 0) => writeln!(text, "{writes} to write, {removals} to remove, {held} held"),
        (_, _, apps) => writeln!(text, "{writes} to write, {removals} to remove, {apps} to roll out, {held} held"),
    };
    text
}

/// Says what is removed where before anything else.
fn removals(text: &mut String, plan: &Plan) {
    let removals = super::plan::removals(plan);
    for removal in &removals {
        let _ = writeln!(text, "{removal}");
    }
    if !removals.is_empty() {
        text.push('\n');
    }
}

/// Renders what a push did.
pub fn push(push: &Push, width: usize) -> String {
    let mut text = String::new();
    let mut environments: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for step in &push.steps {
        let state = match step.outcome {
            Outcome::Done => format!("{}d", step.action.as_str()),
            other => format!("{} {}", step.action.as_str(), other.as_str()),
        };
        environments.entry(&step.environment).or_default().push(Line {
            place: step.place.clone(),
            name: step.remote_name.clone(),
            state,
            detail: step.detail.clone(),
        });
    }
    for (environment, lines) in environments {
        section(&mut text, environment, &lines, width);
    }
    let lines: Vec<Line> = push
        .roll_outs
        .iter()
        .map(|roll_out| Line {
            place: roll_out.place.clone(),
            name: names(roll_out.waiting),
            state: match roll_out.outcome {
                Outcome::Done => "rolled out".to_owned(),
                other => format!("roll-out {}", other.as_str()),
            },
            detail: if roll_out.detail.is_empty() { how(roll_out.by).to_owned() } else { roll_out.detail.clone() },
        })
        .collect();
    section(&mut text, "brought to the machines", &lines, width);
    held(&mut text, &push.held, width);
    failures(&mut text, "could not be read", &push.failures, width);
    failures(&mut text, "left as it is", &push.refused, width);
    findings(&mut text, &push.findings, width);
    let done = push.steps.iter().filter(|step| step.outcome == Outcome::Done).count();
    let done = done + push.roll_outs.iter().filter(|roll_out| roll_out.outcome == Outcome::Done).count();
    let open = push.steps.len() + push.roll_outs.len() - done;
    let _ = match (done, open) {
        (0, 0) => writeln!(text, "nothing was written, {} held", push.held.len()),
        (_, 0) => writeln!(text, "{done} done, {} held", push.held.len()),
        _ => writeln!(text, "{done} done, {open} not done, {} held", push.held.len()),
    };
    text
}

fn names(count: usize) -> String {
    if count == 1 { "1 name".to_owned() } else { format!("{count} names") }
}

const fn how(mode: RolloutMode) -> &'static str {
    match mode {
        RolloutMode::Flyctl => "by `fly secrets deploy`",
        RolloutMode::Machines => "one machine after the other",
        RolloutMode::Manual | RolloutMode::Unchecked => "by hand",
    }
}

fn held(text: &mut String, held: &[Held], width: usize) {
    let lines: Vec<Line> = held
        .iter()
        .map(|held| Line {
            place: held.place.clone(),
            name: held.remote_name.clone(),
            state: held.verdict.words().to_owned(),
            detail: held.detail.clone(),
        })
        .collect();
    section(text, "held until you choose", &lines, width);
}

fn failures(text: &mut String, title: &str, failures: &[Failure], width: usize) {
    if failures.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    for failure in failures {
        paragraph(text, &format!("{} ({}): {}", failure.place, failure.environment, failure.message), 2, width);
        if let Some(hint) = &failure.hint {
            paragraph(text, &format!("hint: {hint}"), 6, width);
        }
    }
    text.push('\n');
}

/// Returns the findings that are shown, all or those that want attention, and how many are not.
pub(super) fn worth_a_look(findings: &[Finding], all: bool) -> (Vec<Finding>, usize) {
    let shown: Vec<_> = findings.iter().filter(|it| all || it.severity != Severity::Note).cloned().collect();
    let left_out = findings.len() - shown.len();
    (shown, left_out)
}

fn findings(text: &mut String, findings: &[Finding], width: usize) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "findings");
    for finding in findings {
        let location = finding.location.as_deref().or(finding.environment.as_deref()).unwrap_or_default();
        let secret = finding.secret.as_ref().map_or_else(String::new, |secret| format!("{secret} "));
        paragraph(text, &format!("{location}: {secret}{} ({})", finding.message, finding.code), 2, width);
        if let Some(next) = &finding.next {
            paragraph(text, &format!("hint: {next}"), 6, width);
        }
    }
    text.push('\n');
}

pub(super) fn section(text: &mut String, title: &str, lines: &[Line], width: usize) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    let widest = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).width()).max().unwrap_or_default();
    let (place, name, state) = (widest(|l| &l.place), widest(|l| &l.name), widest(|l| &l.state));
    let beside = 2 + place + 2 + name + 2 + state + 2;
    if beside + LEAST_DETAIL.min(widest(|l| &l.detail)) <= width {
        let rows = lines.iter().map(|l| vec![l.place.clone(), l.name.clone(), l.state.clone(), l.detail.clone()]);
        columns(text, rows, 2, width - beside);
    } else {
        // Too narrow for four columns: the place becomes a heading of its own.
        let beside = 4 + name + 2 + state + 2;
        let room = width.saturating_sub(beside).max(LEAST_DETAIL);
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut places: Vec<(&str, Vec<&Line>)> = Vec::new();
        for line in lines {
            let number = *numbers.entry(&line.place).or_insert(places.len());
            if number == places.len() {
                places.push((&line.place, Vec::new()));
            }
            places[number].1.push(line);
        }
        for (place, lines) in places {
            let _ = writeln!(text, "  {place}");
            // Padded by hand, so that the columns of one place stand below those of the other.
            let of_place = lines.into_iter().map(|line| {
                vec![format!("{:name$}", line.name), format!("{:state$}", line.state), line.detail.clone()]
            });
            columns(text, of_place, 4, room);
        }
    }
    text.push('\n');
}

/// Writes rows below each other, the last column wrapped to what the others leave of the width. The others are wrapped
/// where one of their cells is far longer than most.
pub(super) fn fitted(text: &mut String, mut rows: Vec<Vec<String>>, width: usize) {
    const LONGEST_CELL: usize = 16;
    for row in &mut rows {
        let beside = row.len().saturating_sub(1);
        for cell in &mut row[..beside] {
            *cell = textwrap::fill(cell, textwrap::Options::new(LONGEST_CELL));
        }
    }
    let columns_of = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| {
        let lines = rows.iter().filter_map(|row| row.get(column)).flat_map(|cell| cell.lines());
        lines.map(UnicodeWidthStr::width).max().unwrap_or_default()
    };
    let beside: usize = (0..columns_of.saturating_sub(1)).map(|column| widest(column) + 2).sum();
    columns(text, rows.into_iter(), 2, width.saturating_sub(2 + beside).max(LEAST_DETAIL));
}

pub(super) fn columns(text: &mut String, rows: impl Iterator<Item = Vec<String>>, indent: usize, room: usize) {
    let mut builder = Builder::default();
    for mut row in rows {
        let options = || textwrap::Options::new(room).break_words(false).word_splitter(NoHyphenation);
        let detail = row.pop().map(|detail| textwrap::fill(&detail, options()));
        builder.push_record(row.into_iter().chain(detail));
    }
    let mut table = builder.build();
    table
        .with(Style::empty())
        .with(Padding::new(0, 2, 0, 0))
        .with(Modify::new(Columns::first()).with(Padding::new(indent, 2, 0, 0)));
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Writes a sentence over as many lines as it needs, those after the first indented further.
pub(super) fn paragraph(text: &mut String, sentence: &str, indent: usize, width: usize) {
    let (first, rest) = (" ".repeat(indent), " ".repeat(indent + 4));
    // A command that is broken at a hyphen can no longer be copied.
    let options = textwrap::Options::new(width).initial_indent(&first).subsequent_indent(&rest);
    let options = options.break_words(false).word_splitter(NoHyphenation);
    let _ = writeln!(text, "{}", textwrap::fill(sentence, options));
}

/// Returns the commands that mend what a report shows, each with how many rows it mends, most first.
///
/// A plain push needs no target: whatever else is open in that environment it leaves held.
pub fn next_commands<'a>(commands: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for command in commands {
        let command = match command.split_once(" -t ") {
            Some((environment, target)) if !target.contains(' ') => environment,
            _ => command,
        };
        let number = *numbers.entry(command).or_insert(counts.len());
        match counts.get_mut(number) {
            Some((_, count)) => *count += 1,
            None => counts.push((command, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
