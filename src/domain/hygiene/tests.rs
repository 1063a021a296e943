use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::domain::compose::Template;
use crate::domain::declaration;
use crate::domain::finding::Source;
use crate::domain::fingerprint::KEY_LENGTH;

/// Made by `openssl req -x509 -newkey ed25519`; it ends on 2026-12-31. Nobody has its key.
const CERTIFICATE: &str = include_str!("../../../tests/fixtures/certificate.pem");

fn now() -> Timestamp {
    "2026-11-20T08:00:00Z".parse().expect("a time")
}

fn project(secrets: &str) -> Project {
    let text = format!("version = 1\n[environments.staging]\n[environments.production]\n{secrets}");
    declaration::check(&toml::from_str(&text).expect("toml")).expect("a project")
}

/// The codes of one value of a declared kind; of none where it is empty.
fn codes(kind: &str, value: &str) -> Vec<&'static str> {
    let project =
        project(&if kind.is_empty() { "[secrets.A]".to_owned() } else { format!("[secrets.A]\nkind = \"{kind}\"") });
    let faults = of_value(project.secrets.values().next(), &SecretValue::copied_from(value), false, now());
    faults.iter().map(Fault::code).collect()
}

fn inventory(environment: &str, values: &[(&str, &str)]) -> Inventory {
    let entry = |line: usize, text: &str| Entry {
        value: SecretValue::copied_from(text),
        template: text.strip_prefix("compose ").map(|text| Template::parse(text).expect("a template")),
        previous: None,
        rotated: None,
        expires: None,
        source: Source { file: format!("vault/{environment}/a.toml.age"), line },
    };
    let name = |text: &str| SecretName::parse(text).expect("a name");
    Inventory {
        environment: EnvironmentName::parse(environment).expect("a name"),
        entries: values
            .iter()
            .enumerate()
            .map(|(index, (text, value))| (name(text), entry(index + 1, value)))
            .collect(),
        beside: BTreeSet::new(),
        over: BTreeSet::new(),
        problems: Vec::new(),
    }
}

fn found(secrets: &str, inventories: &[&Inventory]) -> Vec<String> {
    let key = FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]));
    let found = check(&project(secrets), inventories, &key, now());
    found.iter().map(|(_, it)| format!("{:?} {} {it}", it.kind.severity(), it.kind.code())).collect()
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part("{\"alg\":\"none\"}"), part(claims), part("x"))
}

#[test]
fn each_value_has_the_faults_that_it_should_have() {
    let expiring = |days: i64| jwt(&format!("{{\"exp\":{}}}", now().as_second() + days * 86_400));
    let (expired, soon, later) = (expiring(-1), expiring(13), expiring(15));
    let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let table: &[(&str, &str, &[&str])] = &[
        ("", "hunter2", &[]),
        ("", "", &[]),
        ("", " hunter2", &["UD222"]),
        ("", "hunter2\n ", &["UD222"]),
        ("", "  ", &["UD222"]),
        ("", "\"hunter2\"", &["UD223"]),
        ("", "'hunter2'", &["UD223"]),
        ("", "\"", &[]),
        ("", "it's", &[]),
        ("", "hunter2\n", &["UD224"]),
        ("", "hunter2\r\n", &["UD224"]),
        ("", pem, &[]),
        ("", "changeme", &["UD225"]),
        ("", "<your token>\n", &["UD224", "UD225"]),
        ("", "https://${HOST}/x", &["UD226"]),
        ("", "${HOST:-localhost}", &["UD226"]),
        ("", "$${HOST", &[]),
        ("", "a${-}b", &[]),
        ("text", "Dear ${NAME}", &[]),
        ("", "https://api.example.com/x", &["UD227"]),
        ("", "ops@example.org", &["UD227"]),
        ("", "postgres://u:p@db.shop.example/x", &["UD227"]),
        ("", "https://example.com.shop.io", &[]),
        ("", "https://counterexample.com", &[]),
        ("text", "https://example.com", &[]),
        ("token", "abc", &["UD228"]),
        ("token", "8f3a0c9d7e6b5a41", &[]),
        ("token", "two words", &["UD221"]),
        ("token", "", &["UD221"]),
        ("token", "changeme", &["UD225"]),
        ("password", "Password123!", &["UD228"]),
        ("password", "Kf83mz2Qw\n", &["UD224"]),
        ("postgres-url", "mysql://db", &["UD221"]),
        ("postgres-url", "postgres://shop:postgres@db/x", &["UD228"]),
        ("postgres-url", "postgres://shop:change%6De@db/x", &["UD228"]),
        ("postgres-url", "postgres://shop:Kf83mz2Qw%40@db/x", &[]),
        ("postgres-url", "postgres://db/x", &[]),
        ("pem", pem, &[]),
        ("pem", "hunter2", &["UD221"]),
        ("json", "{\"a\": \"${B}\"}\n", &[]),
        ("json", "\"a\"", &[]),
        ("stripe-key", "pk_live_4f", &["UD221"]),
        ("", &expired, &["UD229"]),
        ("jwt", &expired, &["UD229"]),
        ("jwt", &soon, &["UD230"]),
        ("jwt", &later, &[]),
        ("text", &expired, &[]),
    ];
    for (kind, value, expected) in table {
        assert_eq!(codes(kind, value), *expected, "{kind} {value:?}");
    }
}

#[test]
fn a_certificate_says_when_it_ends() {
    let at = |day: &str| -> Vec<Fault> {
        let now = format!("{day}T00:00:00Z").parse().expect("a time");
        of_value(None, &SecretValue::copied_from(CERTIFICATE), false, now)
    };
    let end = jiff::civil::date(2026, 12, 31);
    assert_eq!(at("2026-11-20"), []);
    assert_eq!(at("2026-12-05"), [Fault::CertificateExpires(end)]);
    assert_eq!(at("2027-01-01"), [Fault::CertificateExpired(end)]);
    // Cut anywhere, it is no certificate, and nothing breaks.
    for length in 0..CERTIFICATE.len() {
        assert_eq!(pem::expires(&CERTIFICATE[..length]).is_some(), length >= CERTIFICATE.trim_end().len(), "{length}");
    }
}

#[test]
fn what_is_accepted_with_a_reason_is_not_found() {
    let accepted = "[secrets.A]\nkind = \"password\"\naccept = [{ code = \"UD228\", reason = \"a test account\" }]\n";
    assert_eq!(found(accepted, &[&inventory("staging", &[("A", "test")])]), Vec::<String>::new());
    let other = accepted.replace("UD228", "UD222");
    assert_eq!(found(&other, &[&inventory("staging", &[("A", "test")])]).len(), 1);
}

#[test]
fn a_pattern_is_for_the_whole_value() {
    let secrets = "[secrets.A]\npattern = '[a-z]{3}'\n";
    assert_eq!(found(secrets, &[&inventory("staging", &[("A", "abc")])]), Vec::<String>::new());
    assert_eq!(
        found(secrets, &[&inventory("staging", &[("A", "abcd")])]),
        ["Warning UD221 vault/staging/a.toml.age:1: A does not match the `pattern` that undrift.toml has for it"]
    );
}

#[test]
fn equal_values_are_said_once_and_without_a_kind_in_a_note_alone() {
    let staging =
        inventory("staging", &[("A", "same-value"), ("B", "same-value"), ("C", "true"), ("D", "other-value")]);
    let production = inventory("production", &[("A", "same-value"), ("C", "true"), ("D", "another-value")]);
    let secrets = "[secrets.A]\n[secrets.B]\n[secrets.C]\n[secrets.D]\n";
    assert_eq!(
        found(secrets, &[&production, &staging]),
        [
            "Note UD233 vault/production/a.toml.age:1: A has the same value in `staging`",
            "Note UD234 vault/staging/a.toml.age:1: A has the same value as `B`",
        ]
    );
    let declared = secrets.replace("[secrets.A]", "[secrets.A]\nkind = \"base64\"");
    let found_then = found(&declared, &[&production, &staging]);
    assert!(found_then.iter().filter(|it| it.starts_with("Warning UD23")).count() == 2, "{found_then:?}");
    let text = secrets.replace("[secrets.A]", "[secrets.A]\nkind = \"text\"");
    assert_eq!(found(&text, &[&production, &staging]), Vec::<String>::new());
}

#[test]
fn what_is_meant_to_be_equal_is_not_found() {
    let staging = inventory("staging", &[("A", "same-value"), ("B", "same-value"), ("C", "compose ${A}")]);
    let secrets = "[secrets.A]\n[secrets.C]\n[secrets.B]\ndeprecated = \"use A\"\n";
    assert_eq!(found(secrets, &[&staging]), ["Warning UD235 vault/staging/a.toml.age:2: B is deprecated: use A"]);
}

proptest! {
    /// No finding repeats any part of a value, whatever kind it is said to be.
    #[test]
    fn nothing_of_a_value_is_ever_said(value in "[ \"'<$]{0,2}[#-~]{6,40}[ \n\"'>]{0,2}", kind in 0_usize..4) {
        let kind = ["", "token", "postgres-url", "github-token"][kind];
        let project = project(&if kind.is_empty() { "[secrets.A]".to_owned() } else { format!("[secrets.A]\nkind = \"{kind}\"") });
        let faults = of_value(project.secrets.values().next(), &SecretValue::copied_from(&value), false, now());
        let mut said = String::new();
        for fault in faults {
            let _ = write!(said, "{fault} {fault:?}");
        }
        let known = |part: &str| Kind::parse(kind).is_ok_and(|kind| format!("{kind:?}{}", kind.looks()).contains(part));
        for part in value.as_bytes().windows(6).filter_map(|part| std::str::from_utf8(part).ok()) {
            prop_assert!(!said.contains(part) || known(part), "{part}");
        }
    }
}

#[test]
fn an_old_value_that_stands_beside_a_new_one_is_not_judged_once_more() {
    let mut inventory = inventory("staging", &[("A", "8f3a0c9d7e6b5a41"), ("A_PREVIOUS", "changeme")]);
    assert_eq!(found("[secrets.A]", &[&inventory]).len(), 1);
    inventory.beside.insert(SecretName::parse("A_PREVIOUS").expect("a name"));
    assert_eq!(found("[secrets.A]", &[&inventory]), [""; 0]);
}
