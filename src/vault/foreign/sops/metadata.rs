//! What sops keeps in a file beside the values: who can open it, which values are encrypted, and the MAC.

use regex_lite::Regex;

use super::Refusal;
use super::cipher::Cipher;
use crate::vault::crypt::{self, AnyIdentity};

/// Other ways to keep the data key, as sops calls them and as people do.
const OTHERS: &[(&str, &str)] = &[
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "GCP KMS"),
    ("hckms", "Huawei KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "Vault"),
];

/// What is kept.
pub(super) struct Metadata {
    /// The MAC, encrypted.
    pub(super) mac: String,
    /// When it was written, which is the MAC's additional data.
    pub(super) last_modified: String,
    /// Whether values in the clear are left out of the MAC.
    pub(super) only_encrypted: bool,
    rule: Rule,
    /// The data key, once for each age recipient.
    keys: Vec<String>,
}

/// Which values are encrypted: those with such a key in their path, or all others.
enum Rule {
    UnencryptedSuffix(String),
    EncryptedSuffix(String),
    UnencryptedPattern(Regex),
    EncryptedPattern(Regex),
}

impl Metadata {
    /// Understands the paths below `sops` with their values.
    pub(super) fn of(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let get = |path: &str| pairs.iter().find(|(key, _)| key == path).map(|(_, value)| value.as_str());
        let given = |path: &str| get(path).filter(|value| !value.is_empty());
        let inside = |list: &str, path: &str| path.strip_prefix(list).is_some_and(|rest| rest.starts_with('.'));
        let has = |list: &str| pairs.iter().any(|(path, _)| inside(list, path));
        if has("key_groups") {
            return Err(Refusal::KeyGroups);
        }
        let is_key = |path: &str| inside("age", path) && path.strip_suffix(".enc").is_some();
        let keys: Vec<String> = pairs.iter().filter(|(path, _)| is_key(path)).map(|(_, key)| key.clone()).collect();
        if keys.is_empty() {
            let others: Vec<_> = OTHERS.iter().filter(|(list, _)| has(list)).map(|(_, shown)| *shown).collect();
            return Err(if others.is_empty() { Refusal::BadMetadata } else { Refusal::OtherKeys(others) });
        }
        if given("encrypted_comment_regex").or(given("unencrypted_comment_regex")).is_some() {
            return Err(Refusal::ByComments);
        }
        let pattern = |text: &str| Regex::new(text).map_err(|_| Refusal::BadPattern);
        let mut rules = Vec::new();
        rules.extend(given("unencrypted_suffix").map(|suffix| Ok(Rule::UnencryptedSuffix(suffix.to_owned()))));
        rules.extend(given("encrypted_suffix").map(|suffix| Ok(Rule::EncryptedSuffix(suffix.to_owned()))));
        rules.extend(given("unencrypted_regex").map(|text| pattern(text).map(Rule::UnencryptedPattern)));
        rules.extend(given("encrypted_regex").map(|text| pattern(text).map(Rule::EncryptedPattern)));
        if rules.len() > 1 {
            return Err(Refusal::BadMetadata);
        }
        let rule = rules.pop().unwrap_or_else(|| Ok(Rule::UnencryptedSuffix("_unencrypted".to_owned())))?;
        Ok(Self {
            mac: given("mac").ok_or(Refusal::BadMac)?.to_owned(),
            last_modified: given("lastmodified").ok_or(Refusal::BadMetadata)?.to_owned(),
            only_encrypted: get("mac_only_encrypted").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            rule,
            keys,
        })
    }

    /// Opens the data key.
    pub(super) fn open(&self, identities: &[AnyIdentity]) -> Result<Cipher, Refusal> {
        let key = self.keys.iter().find_map(|key| crypt::open(key.as_bytes(), identities).ok());
        Cipher::under(&key.ok_or(Refusal::NoIdentity)?)
    }

    /// Returns whether the value at a path is encrypted.
    pub(super) fn encrypts(&self, path: &[String]) -> bool {
        let any = |test: &dyn Fn(&str) -> bool| path.iter().any(|key| test(key));
        match &self.rule {
            Rule::UnencryptedSuffix(suffix) => !any(&|key| key.ends_with(suffix.as_str())),
            Rule::EncryptedSuffix(suffix) => any(&|key| key.ends_with(suffix.as_str())),
            Rule::UnencryptedPattern(pattern) => !any(&|key| pattern.is_match(key)),
            Rule::EncryptedPattern(pattern) => any(&|key| pattern.is_match(key)),
        }
    }
}
