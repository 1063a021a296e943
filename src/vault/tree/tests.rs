use super::naming::{Kind, Named, Skip, kind, name};
use crate::domain::name::EnvironmentName;

fn declared(names: &[&str]) -> Vec<EnvironmentName> {
    names.iter().map(|name| EnvironmentName::parse(name).expect("a name")).collect()
}

/// The environments that a path names, those that are not declared in brackets, and its group.
fn said(path: &str, names: &[&str]) -> String {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let file = parts.pop().expect("a path has a last part");
    let naming = name(&parts, &file, &declared(names)).expect("every path makes a group");
    let environments = naming.environments.iter().map(|named| match named {
        Named::Declared(name) => name.to_string(),
        Named::Undeclared(name) => format!("[{name}]"),
    });
    format!("{} > {}", environments.collect::<Vec<_>>().join(" "), naming.group)
}

#[test]
fn paths_say_their_environment_and_group() {
    for (path, expected) in [
        (".env", " > secrets"),
        (".env.staging", "staging > secrets"),
        ("staging.env", "staging > secrets"),
        ("vault/.env.staging", "staging > secrets"),
        ("vault/occ/api/api_staging.env", "staging > api"),
        ("occ/api/api_production.env", "production > api"),
        ("occ/api/api-tokens_staging.env", "staging > api-tokens"),
        ("occ/api/apis_staging.env", "staging > api-apis"),
        ("occ/chat/tokens_staging.env", "staging > chat-tokens"),
        ("occ/chat/tokens-staging.env", "staging > chat-tokens"),
        ("occ/chat/tokens.staging.env", "staging > chat-tokens"),
        ("occ/chat/tokens.env.staging", "staging > chat-tokens"),
        ("occ/chat/.env.staging", "staging > chat"),
        ("occ/chat/.env", " > chat"),
        ("staging/api.env", "staging > api"),
        ("staging/.env", "staging > secrets"),
        ("chat/staging/tokens.env", "staging > chat-tokens"),
        ("api_STAGING.env", "staging > api"),
        ("staging_api.env", "staging > api"),
        ("one_staging_two.env", "staging > one-two"),
        ("chat_tokens_staging.env", "staging > chat_tokens"),
        ("Chat Tokens/a b_staging.env", "staging > chat-tokens-a-b"),
        ("-api-/.x_staging.env", "staging > api-x"),
        ("\u{e4}pi_staging.env", "staging > pi"),
        ("staging/api_staging.env", "staging > api"),
        ("secrets.txt", " > secrets"),
        // A whole word, never a part of one.
        ("mystaging.env", " > mystaging"),
        ("staging-old/api.env", " > staging-old-api"),
        // Short forms.
        ("api_prod.env", "production > api"),
        (".env.PROD", "production > secrets"),
        ("stg/api.env", "staging > api"),
        ("api_stage.env", "staging > api"),
        // Two at once.
        ("production/api_staging.env", "production staging > api"),
        ("prod_stage.env", "production staging > secrets"),
        ("production/api_prod.env", "production > api"),
        // Not declared, and known all the same.
        (".env.development", "[development] > secrets"),
        ("api_dev.env", "[dev] > api"),
        ("qa/api.env", "[qa] > api"),
        (".env.staging.local", "staging [local] > secrets"),
    ] {
        assert_eq!(said(path, &["production", "staging"]), expected, "{path}");
    }
}

#[test]
fn short_forms_count_when_only_one_is_meant() {
    assert_eq!(said("api_prod.env", &["prod", "production"]), "prod > api");
    assert_eq!(said("api_production.env", &["prod"]), "prod > api");
    assert_eq!(said("api_prd.env", &["prod", "production"]), "[prd] > api");
    assert_eq!(said("api_prod.env", &["production-eu", "production-us"]), "[prod] > api");
    assert_eq!(said("api_dev.env", &["development"]), "development > api");
    assert_eq!(said("api_QA.env", &["qa"]), "qa > api");
    assert_eq!(said("api_qa.env", &["QA", "Qa"]), "[qa] > api");
    assert_eq!(said("api_Qa.env", &["QA", "Qa"]), "Qa > api");
}

#[test]
fn the_longest_name_counts() {
    assert_eq!(said("api_eu-staging.env", &["staging", "eu-staging"]), "eu-staging > api");
    assert_eq!(said("api.us_staging.env", &["staging", "eu-staging"]), "staging > api.us");
    assert_eq!(said("eu.1/api_eu.1.env", &["eu.1"]), "eu.1 > api");
}

#[test]
fn long_names_are_cut() {
    let group = said(&format!("{}/.env", "a".repeat(200)), &[]);
    assert_eq!(group, format!(" > {}", "a".repeat(100)));
}

#[test]
fn file_names_say_what_a_file_is() {
    let known = declared(&["staging"]);
    for plain in
        [".env", ".ENV", ".env.staging", ".env.anything", "api.env", "api_staging.env", "api.env.staging", ".x.env"]
    {
        assert_eq!(kind(plain, &known), Kind::Plain, "{plain}");
    }
    for (skip, names) in [
        (Skip::Template, &[".env.example", ".env.sample", ".env.template", "api.example.env", "api.env.dist"][..]),
        (Skip::Backup, &[".env.bak", ".env~", "api.env.old", ".env.staging.bak", "api.env~"][..]),
        (Skip::Encrypted, &["api.env.age", ".env.staging.gpg", ".env.vault", "x.env.enc"][..]),
    ] {
        for name in names {
            assert_eq!(kind(name, &known), Kind::Skipped(skip), "{name}");
        }
    }
    for other in
        ["env", "env.ts", "api.env.ts", "api.env.d.ts", ".envrc", "environment", "a.txt", "x.toml.age", "env.staging"]
    {
        assert_eq!(kind(other, &known), Kind::Other, "{other}");
    }
}
