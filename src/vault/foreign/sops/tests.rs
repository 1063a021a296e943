//! Against files that an implementation of its own has made: `tests/fixtures/foreign/make.py`.

use std::path::{Path, PathBuf};

use super::*;
use crate::vault::identity::{Identities, IdentityChain};

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign").join(file)
}

fn fixture(file: &str) -> String {
    std::fs::read_to_string(path(file)).expect("a fixture")
}

fn identities() -> Identities {
    IdentityChain { files: vec![path("identity.txt")], ..IdentityChain::default() }.load().expect("an identity")
}

fn opened(file: &str, text: &str) -> Result<Opened, Refusal> {
    let format = Syntax::of(file).map_or(Format::Environment, Format::Document);
    open(text.as_bytes(), format, &identities().keys).map_err(|(_, refusal)| refusal)
}

fn values(file: &str) -> Vec<(String, String)> {
    let opened = opened(file, &fixture(file)).expect("it opens");
    opened.entries.into_iter().map(|entry| (entry.name, entry.value.to_string())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Replaces one text that must be there.
fn altered(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// The value that follows a text, up to the end of the line.
fn after<'a>(text: &'a str, from: &str) -> &'a str {
    text.split_once(from).expect(from).1.lines().next().expect("a line")
}

const TREE: &[(&str, &str)] = &[
    ("api_token", "canary-token"),
    ("DB_PASSWORD", "canary-\u{e4}\u{20ac} pass\n"),
    ("DB_PORT", "5432"),
    ("ratio", "0.25"),
    ("debug", "true"),
    ("HOSTS_0", "canary-a"),
    ("HOSTS_1", "canary-b"),
    ("HOSTS_2_NAME", "canary-c"),
    ("raw", "canary-bytes"),
    ("certificate", "-----BEGIN canary-----\nAAAA\n-----END-----\n"),
];

#[test]
fn every_type_and_format_opens() {
    assert_eq!(values("staging.yaml"), pairs(TREE));
    assert_eq!(values("staging.json"), pairs(TREE));
    let lines = [("API_TOKEN", "canary-token"), ("MULTI", "canary one\ncanary two"), ("QUOTED", "\"canary\"")];
    assert_eq!(values("staging.env"), pairs(&lines));
    assert_eq!(
        values("manifest.yaml"),
        pairs(&[("STRINGDATA_API_KEY", "canary-key"), ("STRINGDATA_URL", "https://u:canary@db/shop")])
    );
    assert_eq!(values("only.yaml"), pairs(&[("api_secret", "canary-only")]));
}

#[test]
fn what_stands_in_the_clear_is_named_and_not_taken() {
    let clear = |file| opened(file, &fixture(file)).expect("it opens").in_the_clear;
    let expected = ["db.host_unencrypted", "db.port_unencrypted", "db.ratio_unencrypted", "db.tls_unencrypted"];
    assert_eq!(clear("staging.yaml"), expected);
    assert_eq!(clear("manifest.yaml"), ["apiVersion", "kind", "metadata.name", "metadata.replicas"]);
    assert_eq!(clear("staging.env"), ["SEEN_unencrypted"]);
}

#[test]
fn a_file_that_was_altered_is_refused() {
    let (yaml, env, only) = (fixture("staging.yaml"), fixture("staging.env"), fixture("only.yaml"));
    let token = after(&yaml, "api_token: ");
    let cut = yaml.replace(&format!("api_token: {token}\n"), "");
    let ratio = after(&yaml, "\nratio: ");
    for (text, expected) in [
        // A value in the clear that the MAC covers, one that was taken out, two that changed places.
        (altered(&yaml, "db.example.com", "evil.example.com"), Refusal::BadMac),
        (altered(&yaml, "tls_unencrypted: true", "tls_unencrypted: false"), Refusal::BadMac),
        (cut, Refusal::BadMac),
        (altered(&yaml, token, ratio), Refusal::BadValue),
        (altered(&yaml, token, "in-the-clear"), Refusal::InTheClear),
        (altered(&yaml, "ratio: ENC", "ratios: ENC"), Refusal::BadValue),
        (altered(&yaml, "\nratio: ", "\nadded: 7\nratio: "), Refusal::InTheClear),
        (altered(&yaml, "\nratio: ", "\nadded_unencrypted: 7\nratio: "), Refusal::BadMac),
        (altered(&yaml, "    mac: ENC", "    mac: \"\"\n    old: ENC"), Refusal::BadMac),
        (altered(&yaml, "    mac: ENC", "    old: ENC"), Refusal::BadMac),
        (altered(&yaml, "T08:00:00Z", "T08:00:01Z"), Refusal::BadMac),
        (altered(&yaml, "    lastmodified", "    mac_only_encrypted: true\n    lastmodified"), Refusal::BadMac),
    ] {
        assert_eq!(opened("a.yaml", &text).expect_err(&text), expected, "{text}");
    }
    let (first, second) = (after(&env, "\nAPI_TOKEN="), after(&env, "\nQUOTED="));
    let swapped = env.replace(first, "first").replace(second, first).replace("first", second);
    assert_eq!(opened("a.env", &swapped).expect_err("swapped"), Refusal::BadValue);
    let without = altered(&env, "SEEN_unencrypted=a=b\n", "");
    assert_eq!(opened("a.env", &without).expect_err("taken out"), Refusal::BadMac);
    // There the MAC does not cover what stands in the clear, and nothing of that is taken.
    let moved = altered(&only, "seen by everybody", "another text");
    assert_eq!(opened("a.yaml", &moved).expect("it opens").entries.len(), 1);
    let secret = after(&only, "api_secret: ");
    let cut = only.replace(&format!("api_secret: {secret}\n"), "");
    assert_eq!(opened("a.yaml", &cut).expect_err("taken out"), Refusal::BadMac);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let yaml = fixture("staging.yaml");
    let stranger = age::x25519::Identity::generate();
    let identities: [AnyIdentity; 1] = [Box::new(stranger)];
    let refused = open(yaml.as_bytes(), Format::Document(Syntax::Yaml), &identities).expect_err("a stranger");
    assert_eq!(refused, (None, Refusal::NoIdentity));
    let with = |from: &str, to: &str| opened("a.yaml", &altered(&yaml, from, to)).expect_err(to);
    let rule = "unencrypted_suffix: \"_unencrypted\"";
    assert_eq!(with(rule, "encrypted_comment_regex: x"), Refusal::ByComments);
    assert_eq!(with(rule, "encrypted_regex: \"(\""), Refusal::BadPattern);
    assert_eq!(with(rule, &format!("{rule}\n    encrypted_regex: x")), Refusal::BadMetadata);
    assert_eq!(with("    age:", "    pgp:"), Refusal::OtherKeys(vec!["PGP"]));
    assert_eq!(with("    age:", "    key_groups:"), Refusal::KeyGroups);
    assert_eq!(with("\nsops:", "\nother:"), Refusal::NotSops);
    assert_eq!(opened("a.yaml", "a: [").expect_err("cut"), Refusal::Document(DocumentError::Syntax(Syntax::Yaml)));
    assert!(may_be(yaml.as_bytes()) && may_be(fixture("staging.env").as_bytes()) && !may_be(b"a: 1\n"));
}
