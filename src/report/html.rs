//! One page of HTML that holds everything it needs: it asks nothing of any network, and its policy would not let it.

mod ages;
mod details;
mod matrix;
mod trend;

use std::collections::BTreeSet;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use vault_schema::audit::{Entry, Finding, Report, Severity};
use vault_schema::history::Run;
use vault_schema::verdict::{Proof, Rollout, Verdict};

use self::ages::AgeRow;
use self::details::Data;
use self::matrix::Matrix;
use self::trend::Trend;
use super::audit::{is_open, open_entries};
use super::{changes, history, table};

const STYLE: &str = include_str!("../../templates/audit.css");
const SCRIPT: &str = include_str!("../../templates/audit.js");

#[derive(Template)]
#[template(path = "audit.html")]
struct Page<'a> {
    report: &'a Report,
    policy: String,
    style: &'static str,
    script: &'static str,
    state: &'static str,
    state_sign: &'static str,
    tone: &'static str,
    at: String,
    scope: String,
    summary: String,
    due: Option<String>,
    changes: Option<String>,
    tiles: Vec<Tile>,
    shares: Vec<Share>,
    environments: BTreeSet<&'a str>,
    targets: BTreeSet<&'a str>,
    verdicts: BTreeSet<&'static str>,
    attention: Vec<Attention<'a>>,
    findings: Vec<Fault<'a>>,
    legend: Vec<Look>,
    matrices: Vec<Matrix<'a>>,
    trend: Option<Trend>,
    ages: Vec<AgeRow<'a>>,
    undated: usize,
    data: Data<'a>,
}

struct Tile {
    tone: &'static str,
    count: usize,
    label: &'static str,
}

/// A part of what is in sync, by how that is known.
struct Share {
    class: &'static str,
    sign: &'static str,
    label: &'static str,
    count: usize,
    x: usize,
    width: usize,
}

struct Attention<'a> {
    entry: &'a Entry,
    tone: &'static str,
    sign: &'static str,
    words: String,
    detail: String,
    search: String,
}

struct Fault<'a> {
    finding: &'a Finding,
    tone: &'static str,
    sign: &'static str,
    name: &'a str,
    place: &'a str,
    search: String,
}

/// A state as the page shows it: a colour, and a sign for whoever does not see colours.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    tone: &'static str,
    sign: &'static str,
    words: String,
}

/// Renders an audit, with what was recorded before it, the oldest first.
pub fn audit(report: &Report, recorded: &[Run]) -> String {
    let mut runs: Vec<_> = recorded.iter().filter(|run| run.at < report.at).map(history::line).collect();
    runs.push(history::line(&history::run(report)));
    let (state, state_sign, tone) = match (report.in_sync, report.complete) {
        (true, _) => ("in sync", "✓", "good"),
        (false, true) => ("drift", "≠", "bad"),
        (false, false) => ("incomplete", "!", "unread"),
    };
    let mut attention: Vec<Attention<'_>> =
        open_entries(report).filter(|entry| table::is_shown(entry, false)).map(attention).collect();
    attention.sort_by_key(|row| table::rank(row.entry));
    let (ages, undated) = ages::rows(report);
    let page = Page {
        report,
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        state,
        state_sign,
        tone,
        at: report.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        scope: scope(report),
        summary: table::summary(report),
        due: table::due(report),
        changes: report.changes.as_ref().map(changes::summary),
        tiles: tiles(report),
        shares: shares(report),
        environments: report.entries.iter().map(|entry| entry.environment.as_str()).collect(),
        targets: report.entries.iter().map(|entry| entry.target.as_str()).collect(),
        verdicts: report.entries.iter().map(|entry| entry.verdict.words()).collect(),
        attention,
        findings: report.findings.iter().map(fault).collect(),
        legend: legend(report),
        matrices: matrix::matrices(report),
        trend: trend::trend(&runs),
        ages,
        undated,
        data: details::data(report),
    };
    // Rendering to memory cannot fail.
    page.render().unwrap_or_else(|error| error.to_string())
}

/// The one style and the one script of the page are known by their digests; anything else is refused by the browser.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn scope(report: &Report) -> String {
    let listed = |names: &[String]| names.join(", ");
    let environments = listed(&report.scope.environments);
    match report.scope.targets.as_slice() {
        [] => environments,
        targets => format!("{environments}; only {}", listed(targets)),
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    let summary = &report.summary;
    let tile = |tone, count, label| Tile { tone: if count == 0 { "quiet" } else { tone }, count, label };
    let mut tiles = vec![
        Tile { tone: "other", count: summary.checked, label: "checked" },
        tile("good", summary.in_sync, "in sync"),
        tile("good", summary.proved, "of them proved"),
        tile("bad", summary.drift, "drifted"),
        tile("unread", summary.unreadable, "unreadable"),
        tile("warn", report.findings.len(), "findings"),
        tile("quiet", summary.ignored, "ignored"),
    ];
    if summary.accepted > 0 {
        tiles.push(tile("quiet", summary.accepted, "accepted as they are"));
    }
    tiles
}

fn shares(report: &Report) -> Vec<Share> {
    let whole = report.summary.in_sync.max(1);
    let mut before = 0;
    let mut shares = Vec::new();
    for (proof, class, label) in [
        (Proof::Value, "by-value", "by the value itself"),
        (Proof::Digest, "by-digest", "by a digest of the value"),
        (Proof::Receipt, "by-receipt", "by a receipt that still holds"),
        (Proof::None, "by-none", "by nothing"),
    ] {
        let count = report.summary.proofs.get(&proof).copied().unwrap_or_default();
        if count > 0 {
            let x = before * 1000 / whole;
            before += count;
            let width = before * 1000 / whole - x;
            shares.push(Share { class, sign: proof_sign(proof), label, count, x, width });
        }
    }
    shares
}

fn attention(entry: &Entry) -> Attention<'_> {
    let line = table::line(entry);
    let Look { tone, sign, .. } = look(entry);
    let search = format!("{} {} {}", entry.remote_name, entry.secret.as_deref().unwrap_or_default(), entry.place);
    Attention { entry, tone, sign, words: line.state, detail: line.detail, search: search.to_lowercase() }
}

fn fault(finding: &Finding) -> Fault<'_> {
    let (tone, sign) = match finding.severity {
        Severity::Error => ("bad", "✕"),
        Severity::Warning => ("warn", "!"),
        Severity::Note => ("other", "i"),
    };
    let name = finding.secret.as_deref().unwrap_or_default();
    let place = finding.location.as_deref().or(finding.environment.as_deref()).unwrap_or_default();
    Fault { finding, tone, sign, name, place, search: format!("{name} {place}").to_lowercase() }
}

fn legend(report: &Report) -> Vec<Look> {
    let mut signs: Vec<(u8, Look)> = Vec::new();
    for entry in &report.entries {
        let sign = look(entry);
        if !signs.iter().any(|(_, known)| *known == sign) {
            signs.push((table::rank(entry), sign));
        }
    }
    signs.sort_by_key(|(rank, _)| *rank);
    signs.into_iter().map(|(_, sign)| sign).collect()
}

/// Returns how a row is shown. No two states have one sign.
fn look(entry: &Entry) -> Look {
    let line = table::line(entry);
    let (tone, sign) = match (entry.verdict, entry.rollout) {
        (Verdict::InSync, Rollout::Live | Rollout::None) => ("good", "✓"),
        (Verdict::InSync, Rollout::Staged | Rollout::Partial) => ("warn", "◐"),
        (Verdict::InSync, Rollout::Unknown) => ("warn", "◌"),
        (Verdict::Missing, _) => ("bad", "∅"),
        (Verdict::Behind, _) => ("bad", "↓"),
        (Verdict::ChangedRemotely, _) => ("bad", "Δ"),
        (Verdict::Conflict, _) => ("bad", "⇄"),
        (Verdict::Differs, _) => ("bad", "≠"),
        (Verdict::Unverified, _) => ("warn", "?"),
        (Verdict::Orphaned, _) => ("warn", "○"),
        (Verdict::Unmanaged, _) => ("other", "•"),
        (Verdict::Unreadable, _) => ("unread", "!"),
    };
    let tone = if entry.code.is_some() && !is_open(entry) { "quiet" } else { tone };
    Look { tone, sign, words: line.state }
}

const fn proof_sign(proof: Proof) -> &'static str {
    match proof {
        Proof::Value => "=",
        Proof::Digest => "#",
        Proof::Receipt => "~",
        Proof::None => "?",
    }
}

#[cfg(test)]
mod tests;
