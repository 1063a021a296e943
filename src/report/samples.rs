//! Reports for the tests of renderers.

use vault_schema::audit::{Entry, Failure, Finding, Place, Reason, Report, SCHEMA, Scope, Severity, Summary};
use vault_schema::verdict::{Proof, Rollout, Verdict};

use super::advice;

pub(super) fn entry(target: &str, name: &str, verdict: Verdict) -> Entry {
    let code = advice::code(verdict, Rollout::None);
    Entry {
        environment: "staging".to_owned(),
        target: target.to_owned(),
        kind: "fly".to_owned(),
        place: format!("fly:shop-{target}"),
        secret: (verdict != Verdict::Unmanaged).then(|| name.to_owned()),
        remote_name: name.to_owned(),
        verdict,
        proof: if verdict == Verdict::InSync { Proof::Receipt } else { Proof::None },
        rollout: Rollout::None,
        ignored: false,
        accepted: false,
        detail: "as it was".to_owned(),
        code: code.map(str::to_owned),
        next: code.map(|_| format!("undrift push -e staging -t {target}")),
        severity: code.map(|_| advice::severity(verdict)),
        location: Some("undrift.toml:7".to_owned()),
        written: None,
        open_since: None,
    }
}

pub(super) fn finding(code: &str, secret: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        severity: Severity::Warning,
        environment: Some("staging".to_owned()),
        secret: Some(secret.to_owned()),
        location: Some("vault/staging/secrets.toml.age:3".to_owned()),
        message: "was due".to_owned(),
        next: None,
    }
}

pub(super) fn failure(target: &str) -> Failure {
    Failure {
        environment: "staging".to_owned(),
        target: target.to_owned(),
        kind: "fly".to_owned(),
        place: format!("fly:shop-{target}"),
        reason: Reason::Forbidden,
        message: "the token may not".to_owned(),
        hint: Some("make another".to_owned()),
        location: Some("undrift.toml:4".to_owned()),
    }
}

pub(super) fn place(target: &str) -> Place {
    Place {
        environment: "staging".to_owned(),
        target: target.to_owned(),
        kind: "fly".to_owned(),
        place: format!("fly:shop-{target}"),
        read: true,
    }
}

pub(super) fn report(entries: Vec<Entry>, findings: Vec<Finding>) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        tool: "undrift 0.1.0".to_owned(),
        at: "2026-11-20T08:00:00Z".parse().expect("an instant"),
        complete: true,
        in_sync: entries.iter().all(|entry| entry.code.is_none()),
        summary: Summary { checked: entries.len(), ..Summary::default() },
        entries,
        findings,
        failures: Vec::new(),
        scope: Scope { environments: vec!["staging".to_owned()], ..Scope::default() },
        project: "0123456789abcdef".to_owned(),
        places: vec![place("web")],
        ages: Vec::new(),
        fail_on: Severity::Warning,
        changes: None,
        next_audit: None,
    }
}
