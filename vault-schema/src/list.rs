//! `undrift list --format json`: which secret has a value in which environment, without values.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name and version of the format.
pub const SCHEMA: &str = "undrift/list/1";

/// One listing.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// The name and version of the format.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// Whether every file could be read.
    pub complete: bool,
    /// Secret → environment → whether it has a value.
    pub secrets: BTreeMap<String, BTreeMap<String, Cell>>,
    /// Secret → environment → what is known of the value's age, where anything is.
    #[serde(default)]
    pub dates: BTreeMap<String, BTreeMap<String, Dates>>,
    /// Secret → environment → the codes of what is odd about the value, where anything is.
    #[serde(default)]
    pub findings: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// What the dates beside a value say.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Dates {
    /// All of it in one word.
    pub state: State,
    /// The day on which the value was made.
    pub rotated: Option<Date>,
    /// The day by which it should be exchanged.
    pub due: Option<Date>,
    /// The day on which it ends.
    pub expires: Option<Date>,
}

/// How old a value is.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not too old.
    Good,
    /// Nobody has written down when it was made.
    AgeUnknown,
    /// It should have been exchanged.
    Overdue,
    /// It has ended.
    Expired,
}

/// Whether a secret has a value in an environment.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// It has one.
    Set,
    /// It has one that is composed of others.
    Composed,
    /// It is declared there and has none.
    Missing,
    /// It has one, and is not declared there.
    Undeclared,
    /// It is not meant to be there.
    None,
    /// It may be in a file that could not be read.
    Unknown,
}
