//! The plaintext of `NAME.toml.age`: values by name. The vault reads it by hand, for the line of every fault; this is its
//! form.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}))]
pub struct Group(BTreeMap<String, Value>);

/// A secret: its value, or a table with what is known of it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// The value.
    Text(String),
    /// The value, with what is known of it.
    Table(Table),
    /// A value that is made of others.
    Composed(Composed),
}

/// The value, with what is known of it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The value.
    pub value: String,
    /// The value before it.
    pub previous: Option<String>,
    /// The day on which the value was made.
    #[schemars(extend("format" = "date"))]
    pub rotated: Option<String>,
    /// The day on which the value ends.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
}

/// A value that is made of others.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Composed {
    /// What it is made by: `${NAME}` stands for the value of that name, `${NAME:url}` for it as it is written in a URL.
    pub compose: String,
    /// The day on which the value was made.
    #[schemars(extend("format" = "date"))]
    pub rotated: Option<String>,
    /// The day on which the value ends.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
}
