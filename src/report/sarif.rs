//! SARIF 2.1.0, for code scanning: a result for each thing that is wrong, at the line of `undrift.toml` that declares it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vault_schema::audit::{Entry, Failure, Finding, Report, Severity};

use super::audit::open_entries;
use super::changes::split;
use super::explain::CODES;
use super::table;
use crate::vault::layout::PROJECT_FILE;

/// Where the format is defined.
const DEFINED_AT: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Renders an audit. What is ignored or accepted is no result.
pub fn audit(report: &Report) -> String {
    let mut rules = Rules::default();
    let mut results: Vec<Value> = open_entries(report).filter_map(|entry| of_entry(entry, &mut rules)).collect();
    results.extend(report.findings.iter().map(|finding| of_finding(finding, &mut rules)));
    number_the_like(&mut results);
    let version = report.tool.split(' ').next_back().unwrap_or_default();
    let run = json!({
        "tool": { "driver": {
            "name": "undrift",
            "semanticVersion": version,
            "rules": rules.described,
        }},
        "automationDetails": { "id": "undrift/audit/" },
        "invocations": [{
            "executionSuccessful": report.complete,
            "startTimeUtc": report.at.to_string(),
            "toolExecutionNotifications": report.failures.iter().map(notification).collect::<Vec<_>>(),
        }],
        "results": results,
    });
    super::json(&json!({ "$schema": DEFINED_AT, "version": "2.1.0", "runs": [run] }))
}

/// The codes that results speak of, in the order in which they come up.
#[derive(Default)]
struct Rules {
    index: BTreeMap<String, usize>,
    described: Vec<Value>,
}

impl Rules {
    fn index(&mut self, code: &str, severity: Severity) -> usize {
        let described = &mut self.described;
        *self.index.entry(code.to_owned()).or_insert_with(|| {
            described.push(rule(code, severity));
            described.len() - 1
        })
    }
}

fn rule(code: &str, severity: Severity) -> Value {
    let mut rule = json!({ "id": code, "defaultConfiguration": { "level": severity.as_str() } });
    if let Some(known) = CODES.iter().find(|known| known.code == code) {
        rule["shortDescription"] = json!({ "text": known.title });
        rule["fullDescription"] = json!({ "text": known.meaning });
        rule["help"] = json!({ "text": format!("{}\n\n{}\n\n{}", known.meaning, known.matters, known.remedy) });
    }
    rule
}

fn of_entry(entry: &Entry, rules: &mut Rules) -> Option<Value> {
    let (code, severity) = (entry.code.as_deref()?, entry.severity?);
    let line = table::line(entry);
    let mut text = format!("{} at {} ({}) is {}", entry.remote_name, entry.place, entry.environment, line.state);
    if !line.detail.is_empty() {
        let _ = write!(text, ": {}", line.detail);
    }
    if let Some(next) = &entry.next {
        let _ = write!(text, ". `{next}` mends it");
    }
    let full = format!("{}/{}/{}", entry.environment, entry.place, entry.remote_name);
    let mut result = result(code, severity, &text, entry.location.as_deref(), rules);
    result["locations"][0]["logicalLocations"] =
        json!([{ "name": entry.remote_name, "fullyQualifiedName": full, "kind": "resource" }]);
    result["partialFingerprints"] = fingerprint(&[&entry.environment, &entry.target, &entry.remote_name, code]);
    Some(result)
}

fn of_finding(finding: &Finding, rules: &mut Rules) -> Value {
    let about = [finding.environment.as_deref(), finding.secret.as_deref()];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let mut text = if about.is_empty() { finding.message.clone() } else { format!("{about} {}", finding.message) };
    if let Some(next) = &finding.next {
        let _ = write!(text, ". {next}");
    }
    let mut result = result(&finding.code, finding.severity, &text, finding.location.as_deref(), rules);
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let file = finding.location.as_deref().map_or("", |location| split(location).0);
    result["partialFingerprints"] =
        fingerprint(&[&part(&finding.environment), &part(&finding.secret), file, &finding.code]);
    result
}

fn result(code: &str, severity: Severity, text: &str, location: Option<&str>, rules: &mut Rules) -> Value {
    json!({
        "ruleId": code,
        "ruleIndex": rules.index(code, severity),
        "level": severity.as_str(),
        "message": { "text": plain(text) },
        "locations": [physical(location)],
    })
}

fn physical(location: Option<&str>) -> Value {
    let (file, line) = split(location.unwrap_or(PROJECT_FILE));
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(file), "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": line.unwrap_or(1).max(1) },
    }})
}

fn notification(failure: &Failure) -> Value {
    let text = format!("{} ({}) could not be read: {}", failure.place, failure.environment, failure.message);
    json!({ "level": "error", "message": { "text": plain(&text) }, "locations": [physical(failure.location.as_deref())] })
}

/// Two results that are alike in all but their words are two to GitHub only if their names differ.
fn number_the_like(results: &mut [Value]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for result in results {
        let name = result["partialFingerprints"].to_string();
        let number = seen.entry(name.clone()).or_default();
        if *number > 0 {
            result["partialFingerprints"] = fingerprint(&[&name, &number.to_string()]);
        }
        *number += 1;
    }
}

/// A name that stays the same when lines move, under the key by which GitHub knows a result again. It is a digest of names.
fn fingerprint(parts: &[&str]) -> Value {
    json!({ "primaryLocationLineHash": hex::encode(&Sha256::digest(parts.join("\0"))[..16]) })
}

/// In a message, brackets make a link, and a backslash takes the meaning of what follows.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}

/// A path as a part of a URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use vault_schema::verdict::Verdict;

    use super::*;
    use crate::report::samples::{entry, failure, finding, report};

    fn parsed(report: &Report) -> Value {
        serde_json::from_str(&audit(report)).expect("JSON")
    }

    #[test]
    fn has_what_the_format_requires() {
        let mut report = report(
            vec![
                entry("web", "A", Verdict::Behind),
                entry("ci", "A", Verdict::Behind),
                entry("web", "B", Verdict::InSync),
            ],
            vec![finding("UD250", "A")],
        );
        report.failures.push(failure("ci"));
        report.complete = false;
        let sarif = parsed(&report);
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        assert_eq!(rules.len(), 2);
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), 3, "what is in sync is no result");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().expect("a level")));
            assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
            let region = &result["locations"][0]["physicalLocation"]["region"];
            assert!(region["startLine"].as_u64().is_some_and(|line| line > 0));
        }
        let at = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!((&at["artifactLocation"]["uri"], &at["region"]["startLine"]), (&json!("undrift.toml"), &json!(7)));
        let hash = |index: usize| results[index]["partialFingerprints"]["primaryLocationLineHash"].clone();
        assert_ne!(hash(0), hash(1), "two results on one line are two");
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn two_findings_that_are_alike_have_two_names() {
        let alike = || finding("UD401", "A");
        let names = |findings| {
            let results = parsed(&report(vec![], findings))["runs"][0]["results"].clone();
            let results = results.as_array().expect("results").clone();
            results.iter().map(|result| result["partialFingerprints"].to_string()).collect::<Vec<_>>()
        };
        let three = names(vec![alike(), alike(), alike()]);
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2], "{three:?}");
        assert_eq!(names(vec![alike()])[0], three[0]);
        assert_eq!(names(vec![alike(), alike()]), three[..2]);
    }

    #[test]
    fn a_name_makes_no_link_and_a_path_is_a_uri() {
        let mut odd = entry("web", "[a](https://x)\n", Verdict::Unmanaged);
        odd.location = Some("a b%/ü.toml:3".to_owned());
        let result = parsed(&report(vec![odd], vec![]))["runs"][0]["results"][0].clone();
        let text = result["message"]["text"].as_str().expect("a text");
        assert!(text.starts_with("\\[a\\](https://x)  at "), "{text}");
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%20b%25/%C3%BC.toml");
    }

    #[test]
    fn what_is_ignored_is_no_result() {
        let mut ignored = entry("web", "A", Verdict::Unmanaged);
        ignored.ignored = true;
        assert_eq!(parsed(&report(vec![ignored], vec![]))["runs"][0]["results"], json!([]));
    }
}
