//! The report of rotations: how far each is at each place. What is over is evidence, fit to be kept in a ticket.

use std::fmt::Write;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;
use vault_schema::push::Push;
use vault_schema::rotation::{
    HeldReport, LeftOut, PlaceReport, ProbeReport, Reach, Record, Rotation, RunReport, SCHEMA, Stage,
};

use super::log::printable;
use super::markdown::{code, sentence};
use super::{TOOL, log, table};
use crate::domain::declaration::{Declaration, Project};
use crate::domain::kind::Kind;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::rotation::{Answer, Held, Run, Which, seconds, stays_until};

/// Builds the report of these runs, each with what was just written for it.
pub fn build(
    at: Timestamp,
    project: &Project,
    environment: &EnvironmentName,
    runs: Vec<(&Run, Option<Push>)>,
) -> Rotation {
    let runs = runs.into_iter().map(|(run, push)| RunReport {
        secrets: run.secrets.keys().map(ToString::to_string).collect(),
        stage: run.stage,
        begun: run.begun,
        since: run.since,
        who: run.who.clone(),
        reason: run.reason.clone(),
        stays_until: stays_until(project, run),
        seconds: run.stage.is_over().then(|| seconds(run.begun, run.since)),
        places: run.place_reports(),
        probes: run.probes.clone(),
        held: Vec::new(),
        push,
    });
    let (schema, tool) = (SCHEMA.to_owned(), TOOL.to_owned());
    Rotation { schema, tool, at, environment: environment.to_string(), runs: runs.collect(), left_out: Vec::new() }
}

/// Builds the part that tells where what has leaked ever stood.
pub fn held(held: Vec<Held>) -> Vec<HeldReport> {
    let held = held.into_iter().map(|it| HeldReport {
        place: it.place,
        secret: it.secret.to_string(),
        remote_name: it.remote_name.to_string(),
        first: it.first,
        last: it.last,
        removed: it.removed,
    });
    held.collect()
}

/// Renders it for people. Names and places may hold what moves a terminal's cursor.
pub fn table(report: &Rotation, width: usize) -> String {
    let mut text = String::new();
    if report.runs.is_empty() && report.left_out.is_empty() {
        let _ = writeln!(text, "no rotation is under way in `{}`", report.environment);
    }
    for run in &report.runs {
        if let Some(push) = &run.push
            && !(push.steps.is_empty() && push.held.is_empty() && push.failures.is_empty() && push.refused.is_empty())
        {
            let _ = writeln!(text, "{}", table::push(push, width));
        }
        let head =
            format!("{} in {}{}: {}", run.secrets.join(", "), report.environment, because(run), state(run, report.at));
        let _ = writeln!(text, "{}", printable(&head));
        let rows = run
            .places
            .iter()
            .map(|it| (printable(&it.place), format!("{} since {}", words(run.stage, it.reach), time(it.since))));
        let probes = run.probes.iter().map(|it| (printable(&value(it)), printable(&answer(it))));
        let rows: Vec<(String, String)> = rows.chain(probes).collect();
        let longest = rows.iter().map(|(first, _)| first.width()).max().unwrap_or_default();
        for (first, second) in &rows {
            let _ = writeln!(text, "  {first}{}  {second}", " ".repeat(longest - first.width()));
        }
        for it in &run.held {
            let line = format!("  stood at {} as {}: {}", it.place, it.remote_name, span(it));
            let _ = writeln!(text, "{}", printable(&line));
        }
    }
    for it in &report.left_out {
        let _ = writeln!(text, "{}", printable(&format!("left out: {} {}{}", it.secret, it.why, issued(it))));
    }
    text
}

/// Renders it for a ticket.
pub fn markdown(report: &Rotation) -> String {
    let mut text = String::new();
    let environment = code(&report.environment);
    if report.runs.is_empty() && report.left_out.is_empty() {
        let _ = writeln!(text, "No rotation is under way in {environment}.");
    }
    for (index, run) in report.runs.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let names: Vec<String> = run.secrets.iter().map(|name| code(name)).collect();
        let took = run.seconds.map_or_else(String::new, |seconds| format!("; it took {}", duration(seconds)));
        let _ = writeln!(
            text,
            "{} in {environment}{}: {}{took}\n",
            names.join(", "),
            sentence(&because(run)),
            sentence(&state(run, report.at))
        );
        let _ = writeln!(text, "| place | state | since | after | receipt |\n|---|---|---|---|---|");
        for it in &run.places {
            let after = it.seconds.map(duration).unwrap_or_default();
            let receipt = it.receipt.map(time).unwrap_or_default();
            let state = words(run.stage, it.reach);
            let _ = writeln!(text, "| {} | {state} | {} | {after} | {receipt} |", code(&it.place), time(it.since));
        }
        if !run.probes.is_empty() {
            let _ = writeln!(text, "\n| value | answer | why | first | last |\n|---|---|---|---|---|");
        }
        for it in &run.probes {
            let value = format!("{} of {}", it.value.as_str(), code(&it.secret));
            let (first, last, reason) = (time(it.first), time(it.last), sentence(&it.reason));
            let _ = writeln!(text, "| {value} | {} | {reason} | {first} | {last} |", it.answer.as_str());
        }
        if !run.held.is_empty() {
            let _ = writeln!(text, "\n| ever stood at | as | written |\n|---|---|---|");
        }
        for it in &run.held {
            let [place, name] = [&it.place, &it.remote_name].map(|text| code(text));
            let _ = writeln!(text, "| {place} | {name} | {} |", span(it));
        }
    }
    if !report.left_out.is_empty() {
        let _ = writeln!(text, "{}Left out:\n", if report.runs.is_empty() { "" } else { "\n" });
    }
    for it in &report.left_out {
        let why = sentence(&format!("{}{}", it.why, issued(it)));
        let _ = writeln!(text, "- {} {why}", code(&it.secret));
    }
    text
}

/// Tells from when to when a secret stood somewhere, as far as anything tells.
fn span(held: &HeldReport) -> String {
    let removed = held.removed.map_or_else(String::new, |at| format!(", removed {}", time(at)));
    if held.first == held.last {
        return format!("{}{removed}", time(held.first));
    }
    format!("{} to {}{removed}", time(held.first), time(held.last))
}

fn issued(left_out: &LeftOut) -> String {
    left_out.issuer.as_ref().map_or_else(String::new, |link| format!("; a new one is made at {link}"))
}

/// Tells in brackets why a run could not wait.
fn because(run: &RunReport) -> String {
    run.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// Tells in a sentence what the log keeps of a run that is over.
pub(super) fn told(run: &Record, at: Timestamp) -> String {
    let mut parts = vec![format!("took {}", duration(seconds(run.begun, at)))];
    parts.extend(run.places.iter().map(|it: &PlaceReport| {
        let after = it.seconds.map_or_else(|| "not seen to run it".to_owned(), |it| format!("after {}", duration(it)));
        let receipt = it.receipt.map_or("", |_| ", with a receipt");
        format!("{} {after}{receipt}", it.place)
    }));
    parts.extend(run.probes.iter().map(|it| format!("{} {}: {}", value(it), it.answer.as_str(), it.reason)));
    parts.join("; ")
}

/// Returns what a person can do for a run that stops at what a probe has told.
pub fn probed(project: &Project, run: &Run, value: Which, answer: Answer, flags: &str) -> Vec<String> {
    let nothing = if run.stage == Stage::Prepared { "; nothing was written to any place" } else { "" };
    let hints = run.last_told(value, answer).into_iter().map(|probe| {
        let ProbeReport { secret, reason, .. } = probe;
        match (value, answer) {
            (Which::New, Answer::Dead) => format!(
                "the new value of {secret} does not work ({reason}){nothing}: `undrift rotate --rollback{flags}` takes it \
                 away again; or mend what is wrong, and `undrift rotate --continue{flags}` asks again"
            ),
            (Which::Old, Answer::Alive) => format!(
                "the old value of {secret} still works: revoke it {}, then `undrift rotate --continue{flags}`",
                at_issuer(project, secret)
            ),
            (Which::New, _) => format!(
                "nobody can tell whether the new value of {secret} is alive ({reason}){nothing}: when that is mended, \
                 `undrift rotate --continue{flags}` asks again; `undrift rotate --rollback{flags}` takes it away again"
            ),
            (Which::Old, _) => format!(
                "nobody can tell whether the old value of {secret} is dead ({reason}): when that is mended, \
                 `undrift rotate --continue{flags}` asks again"
            ),
        }
    });
    hints.collect()
}

/// Returns which old values of a finished run a person has to revoke, because nobody has seen that they are dead.
pub fn to_revoke(project: &Project, run: &Run) -> Vec<String> {
    // What could not wait says so by itself.
    if run.stage != Stage::Finished || run.reason.is_some() {
        return Vec::new();
    }
    let dead = run.last_told(Which::Old, Answer::Dead);
    let is_dead = |name: &SecretName| dead.iter().any(|probe| probe.secret == name.as_str());
    // What undrift makes, nobody has issued.
    let is_made = |name: &SecretName| {
        project.secrets.get(name).is_some_and(|declaration: &Declaration| declaration.generate.is_some())
    };
    let names = run.secrets.keys().filter(|name| !is_dead(name) && !is_made(name));
    let hint = |name: &SecretName| {
        format!(
            "nobody has asked whether the old value of {name} still works: revoke it {}",
            at_issuer(project, name.as_str())
        )
    };
    names.map(hint).collect()
}

fn at_issuer(project: &Project, secret: &str) -> String {
    match project.secrets.get(secret).and_then(|declaration| declaration.kind) {
        Some(Kind::Issued(issuer)) => format!("at {}", issuer.facts().rotate),
        Some(Kind::Form(_)) | None => "where it was issued".to_owned(),
    }
}

fn state(run: &RunReport, at: Timestamp) -> String {
    let begun = format!("begun {} by {}", time(run.begun), log::who(&run.who));
    let stays = run.stays_until.map_or_else(String::new, |until| {
        let word = if until > at { "stays until" } else { "may go since" };
        format!("; the old value {word} {}", time(until))
    });
    format!("{} {}{stays}; {begun}", run.stage.as_str(), time(run.since))
}

fn value(probe: &ProbeReport) -> String {
    format!("{} value of {}", probe.value.as_str(), probe.secret)
}

fn answer(probe: &ProbeReport) -> String {
    let again = if probe.first == probe.last { String::new() } else { format!(" to {}", time(probe.last)) };
    format!("{} {}{again}: {}", probe.answer.as_str(), time(probe.first), probe.reason)
}

fn words(stage: Stage, reach: Reach) -> String {
    let value = match stage {
        Stage::Returning | Stage::Abandoned => "old",
        Stage::Prepared | Stage::Staged | Stage::Verified | Stage::Retiring | Stage::Finished => "new",
    };
    let alone = if stage == Stage::Retiring { " alone" } else { "" };
    match reach {
        Reach::Waiting => format!("is not seen to have the {value} value{alone},"),
        Reach::Written => format!("has the {value} value{alone}, and does not run it yet,"),
        Reach::Running => format!("runs the {value} value"),
    }
}

/// Tells how long something took, in its two largest units.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use vault_schema::log::Who;
    use vault_schema::rotation::Reason;

    use super::*;

    /// What nobody would choose for a name but to make a sign of it.
    const SIGNS: &str = "a|b\n# c \u{1b}[31m [d](https://e.f)<i> `g` *h* @acme \\";

    /// A report with every part, and this in every place where a text can stand.
    fn report(text: &str) -> Rotation {
        let [at, later] = ["2026-11-20T09:00:00Z", "2026-11-20T09:12:30Z"].map(|at| at.parse().expect("a time"));
        let (whole, text) = (|| text.to_owned(), text.to_owned());
        let run = |reason| RunReport {
            secrets: vec![whole()],
            stage: Stage::Finished,
            begun: at,
            since: later,
            stays_until: Some(later),
            who: Who { git: Some(whole()), user: None, ci: None },
            reason: Some(reason),
            seconds: Some(750),
            places: vec![PlaceReport {
                place: whole(),
                reach: Reach::Running,
                since: at,
                seconds: Some(1),
                receipt: Some(at),
            }],
            probes: vec![ProbeReport {
                secret: whole(),
                value: Which::Old,
                answer: Answer::Dead,
                reason: whole(),
                first: at,
                last: later,
            }],
            held: vec![HeldReport {
                place: whole(),
                secret: whole(),
                remote_name: whole(),
                first: at,
                last: later,
                removed: None,
            }],
            push: None,
        };
        Rotation {
            schema: SCHEMA.to_owned(),
            tool: TOOL.to_owned(),
            at,
            environment: whole(),
            runs: vec![run(Reason::Leaked), run(Reason::Breached(whole()))],
            left_out: vec![LeftOut { secret: whole(), why: whole(), issuer: Some(text) }],
        }
    }

    #[test]
    fn no_text_in_the_record_is_a_sign() {
        let plain = "PLAIN";
        let record = markdown(&report(plain));
        assert!(record.matches(plain).count() >= 18, "{record}");
        // A name stands in a code span everywhere, and a sentence nowhere.
        let expected = record.replace(&code(plain), &code(SIGNS)).replace(plain, &sentence(SIGNS));
        assert_eq!(markdown(&report(SIGNS)), expected);
        let shown = table(&report(SIGNS), 80);
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert_eq!(shown.lines().count(), table(&report(plain), 80).lines().count(), "{shown}");
    }
}
