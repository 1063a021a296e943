//! The JSON Schema of every format, made from its type. The checked-in ones are in `schemas/`.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;

use crate::{
    access, audit, diff, doctor, due, etags, group, history, journal, list, log, message, plan, project, push,
    receipts, renaming, rotation, saved_plan, seal,
};

/// One format.
#[derive(Debug)]
pub struct Format {
    /// The name of the schema's file.
    pub file: &'static str,
    /// The schema.
    pub schema: Value,
}

impl Format {
    /// Returns the schema as it is checked in.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.schema)
    }
}

/// Returns the schemas of all formats.
pub fn all() -> Vec<Format> {
    vec![
        toml::<project::ProjectFile>("undrift.schema.json", "undrift.toml"),
        toml::<group::Group>("group.schema.json", "the plaintext of vault/ENVIRONMENT/GROUP.toml.age"),
        toml::<receipts::ReceiptsFile>("receipts.schema.json", "vault/ENVIRONMENT/receipts.toml"),
        toml::<seal::SealFile>("seal.schema.json", "vault/ENVIRONMENT/seal.toml"),
        toml::<seal::SeenFile>("seen.schema.json", ".undrift/seen.toml"),
        toml::<renaming::RenamingFile>("rename.schema.json", ".undrift/rename.toml"),
        toml::<rotation::RotationFile>("rotation-file.schema.json", "vault/ENVIRONMENT/rotation.toml"),
        json::<log::Line>("log-line.schema.json", "a line of vault/ENVIRONMENT/log.jsonl"),
        json::<journal::Line>("journal-line.schema.json", "a line of .undrift/journal.jsonl"),
        json::<etags::Etags>("etags.schema.json", ".undrift/etags.json"),
        json::<saved_plan::SavedPlan>("saved-plan.schema.json", "undrift plan --out FILE"),
        json::<audit::Report>("audit.schema.json", "undrift audit --format json"),
        json::<message::Message>("message.schema.json", "the body of a webhook with format = \"json\""),
        json::<history::Run>("recorded-audit.schema.json", "history/INSTANT.json"),
        json::<history::History>("history.schema.json", "undrift history --format json"),
        json::<plan::Plan>("plan.schema.json", "undrift plan --format json"),
        json::<push::Push>("push.schema.json", "undrift push --format json"),
        json::<due::Due>("due.schema.json", "undrift rotate --due --format json"),
        json::<rotation::Rotation>("rotation.schema.json", "undrift rotate --format json"),
        json::<list::List>("list.schema.json", "undrift list --format json"),
        json::<log::Log>("log.schema.json", "undrift log --format json"),
        json::<diff::Diff>("diff.schema.json", "undrift diff --format json"),
        json::<access::Access>("access.schema.json", "undrift access --format json"),
        json::<doctor::Report>("doctor.schema.json", "undrift doctor --format json"),
    ]
}

fn json<T: JsonSchema>(file: &'static str, title: &str) -> Format {
    let mut schema = schema_for!(T);
    schema.insert("title".to_owned(), title.into());
    Format { file, schema: schema.to_value() }
}

/// TOML has no null: what is optional is absent.
fn toml<T: JsonSchema>(file: &'static str, title: &str) -> Format {
    let mut schema = schema_for!(T);
    schema.insert("title".to_owned(), title.into());
    RecursiveTransform(without_null).transform(&mut schema);
    Format { file, schema: schema.to_value() }
}

fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice != &serde_json::json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}
