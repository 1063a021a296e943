//! The JSON Schemas: those that are checked in are those of the types, every document that a test makes undrift write is
//! valid under its schema, and what undrift refuses is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use undrift::vault::layout::Layout;
use undrift::vault::project;

use crate::world::{SHOP, World};

static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let all = vault_schema::schemas::all().into_iter();
    all.map(|format| (format.file.split('.').next().unwrap(), jsonschema::validator_for(&format.schema).unwrap()))
        .collect()
});

/// Which schema the documents of a file have, and whether each of its lines is one.
const FILES: &[(&str, &str, bool)] = &[
    ("undrift.toml", "undrift", false),
    ("receipts.toml", "receipts", false),
    ("seal.toml", "seal", false),
    ("seen.toml", "seen", false),
    ("rename.toml", "rename", false),
    ("rotation.toml", "rotation-file", false),
    ("log.jsonl", "log-line", true),
    ("journal.jsonl", "journal-line", true),
    ("etags.json", "etags", false),
];

#[track_caller]
pub(crate) fn insist(schema: &str, document: &Value) {
    let faults: Vec<String> = VALIDATORS[schema].iter_errors(document).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{schema}: {faults:?}\n{document:#}");
}

/// Reads TOML as an editor hands it to a schema: a date is a text.
fn toml(text: &str) -> Option<Value> {
    fn plain(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(time) => Value::String(time.to_string()),
            toml::Value::Array(values) => values.into_iter().map(plain).collect(),
            toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            other => serde_json::to_value(other).unwrap(),
        }
    }
    text.parse::<toml::Table>().ok().map(|table| plain(toml::Value::Table(table)))
}

/// Returns every document below a folder that has a schema. One that is just being replaced by another thread is left out.
pub(crate) fn documents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else if FILES.iter().any(|(file, ..)| path.ends_with(file))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            found.insert(path, text);
        }
    }
    found
}

/// Insists that what a command has written, and what it has shown as JSON, is valid; and undrift.toml, if undrift takes it.
pub(crate) fn check(folder: &Path, before: &BTreeMap<PathBuf, String>, output: &str) {
    for (path, text) in documents(folder) {
        let (_, schema, lines) = FILES.iter().find(|(file, ..)| path.ends_with(file)).unwrap();
        let old = before.get(&path).map_or("", String::as_str);
        if *schema == "undrift" {
            if path.parent() == Some(folder) && project::read(&Layout::at(folder)).is_ok() {
                insist(schema, &toml(&text).unwrap());
            }
        } else if *lines {
            let known: Vec<&str> = old.lines().collect();
            for line in text.lines().filter(|line| !known.contains(line)) {
                insist(schema, &serde_json::from_str(line).unwrap());
            }
        } else if text != old {
            let document = if path.ends_with("etags.json") { serde_json::from_str(&text).ok() } else { toml(&text) };
            insist(schema, &document.unwrap());
        }
    }
    if let Ok(document) = serde_json::from_str::<Value>(output)
        && let Some(name) = document["schema"].as_str().and_then(|schema| schema.split('/').nth(1))
        && VALIDATORS.contains_key(name)
    {
        insist(name, &document);
    }
}

#[test]
fn the_schemas_that_are_checked_in_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vault-schema/schemas");
    let anew = "`cargo run -p vault-schema --features schemas --example schemas` writes them anew";
    let mut files: Vec<String> = Vec::new();
    for format in vault_schema::schemas::all() {
        let checked_in = std::fs::read_to_string(folder.join(format.file)).unwrap_or_default();
        assert!(checked_in == format.text(), "{} is not that of its type: {anew}", format.file);
        files.push(format.file.to_owned());
    }
    let mut there: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    files.sort();
    assert_eq!(there, files, "{anew}");
}

/// Every key that an editor shows has a text, and none speaks of the code.
#[test]
fn every_key_is_described_for_people() {
    fn walk(file: &str, value: &Value) {
        if let Some(properties) = value["properties"].as_object() {
            for (key, property) in properties {
                // The tag of a variant is described by the variant.
                let described = if property["const"].is_string() { value } else { property };
                let texts = [&described["description"], &property["description"]];
                assert!(texts.iter().any(|text| text.is_string()), "{file}: {key} has no description");
            }
        }
        if let Some(text) = value["description"].as_str() {
            assert!(!text.contains("[`"), "{file}: {text}");
        }
        match value {
            Value::Object(inner) => inner.values().for_each(|value| walk(file, value)),
            Value::Array(inner) => inner.iter().for_each(|value| walk(file, value)),
            _ => {}
        }
    }
    for format in vault_schema::schemas::all() {
        walk(format.file, &format.schema);
    }
}

#[test]
fn what_undrift_refuses_by_its_form_the_schema_refuses_too() {
    insist("undrift", &toml(SHOP).unwrap());
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("version = 1", "version = \"1\""),
        ("protected = true", "protected = 1"),
        ("protected = true", "protectd = true"),
        ("kind = \"fly\"", "kind = \"heroku\""),
        ("kind = \"fly\"", ""),
        ("app = \"shop-{environment}\"", "app = [\"shop\"]"),
        ("app = \"shop-{environment}\"", "rollout = \"soon\""),
        ("target = \"ci\", name", "target = \"ci\", nam"),
        ("{ target = \"ci\", name = \"SHOP_TOKEN\" }", "{ name = \"SHOP_TOKEN\" }"),
        ("[secrets.STRIPE_KEY]", "[secrets.STRIPE-KEY]"),
        ("[secrets.STRIPE_KEY]", "[secrets.STRIPE_KEY]\nkind = 1"),
        ("[secrets.STRIPE_KEY]", "[secrets.STRIPE_KEY]\naccept = [{ code = \"UD225\" }]"),
        ("[secrets.STRIPE_KEY]", "[[ignore]]\nname = \"X\"\n\n[secrets.STRIPE_KEY]"),
    ] {
        assert!(SHOP.contains(from), "{from}");
        let text = SHOP.replacen(from, to, 1);
        let world = World::new();
        world.write("undrift.toml", &text);
        assert!(project::read(&Layout::at(&world.path(""))).is_err(), "undrift takes {text}");
        assert!(!VALIDATORS["undrift"].is_valid(&toml(&text).unwrap()), "{text}");
    }
}

#[test]
fn a_group_and_a_saved_plan_are_valid_and_others_are_not() {
    let group = "A = \"1\"\n[B]\nvalue = \"2\"\nrotated = 2026-01-02\nexpires = \"2027-01-02\"\nprevious = \"1\"\n[C]\ncompose = \"${A}:${B:url}\"\nexpires = 2027-01-02\n";
    insist("group", &toml(group).unwrap());
    for bad in [
        "A = 1",
        "B-C = \"x\"",
        "[D]\nvalue = \"x\"\nother = 1",
        "[E]\nrotated = 2026-01-01",
        "F = [\"x\"]",
        "[G]\ncompose = \"${A}\"\nvalue = \"x\"",
        "[H]\ncompose = \"${A}\"\nprevious = \"x\"",
    ] {
        assert!(!VALIDATORS["group"].is_valid(&toml(bad).unwrap()), "{bad}");
    }
    let (fly, github) = crate::world::twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["plan", "-e", "staging", "--out", "plan.json"]).status(1);
    let mut plan: Value = serde_json::from_str(&world.read("plan.json")).unwrap();
    insist("saved-plan", &plan);
    plan["more"] = json!(true);
    assert!(!VALIDATORS["saved-plan"].is_valid(&plan));
}

#[test]
fn every_output_that_scripts_read_is_valid() {
    let (fly, github) = crate::world::twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    // `World::run` insists on each of them; here is that none is forgotten.
    for (arguments, status) in [
        (&["list", "--format", "json"][..], 0),
        (&["audit", "--format", "json"], 1),
        (&["plan", "-e", "staging", "--format", "json"], 1),
        (&["push", "-e", "staging", "--yes", "--format", "json"], 0),
        (&["audit", "--format", "json"], 0),
        (&["log", "--format", "json"], 0),
    ] {
        let mut document = world.run(arguments).status(status).json();
        assert_eq!(document["schema"], format!("undrift/{}/1", arguments[0]));
        // A schema lets later versions add keys, so one that the type lacks would stay unknown.
        let file = format!("{}.schema.json", arguments[0]);
        let schema = vault_schema::schemas::all().into_iter().find(|format| format.file == file).unwrap().schema;
        for key in document.as_object().unwrap().keys() {
            assert!(schema["properties"][key].is_object(), "{file} says nothing of {key}");
        }
        document["schema"] = json!("undrift/another/1");
        assert!(!VALIDATORS[arguments[0]].is_valid(&document));
    }
}

#[test]
fn init_leads_editors_to_the_schema_and_keeps_it_up_to_date() {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let first = world.read("undrift.toml").lines().next().unwrap().to_owned();
    let file = first.strip_prefix("#:schema ./").unwrap();
    assert_eq!(world.read(file), vault_schema::PROJECT_SCHEMA);
    world.write(file, "{}");
    let _ = world.run(&["init", "staging"]).status(0);
    assert_eq!(world.read(file), vault_schema::PROJECT_SCHEMA);
}
