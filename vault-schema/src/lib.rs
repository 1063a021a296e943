//! The file and report formats of undrift, and nothing else.
//!
//! Every format carries a version. A reader refuses a version it does not know; within one version fields are only
//! ever added. The crate depends on serde and two date types, so it cannot do any input or output of its own.

pub mod access;
pub mod audit;
pub mod diff;
pub mod doctor;
pub mod due;
pub mod etags;
#[cfg(feature = "schemas")]
pub mod group;
pub mod history;
pub mod issuers;
pub mod journal;
#[cfg(feature = "schemas")]
pub mod list;
pub mod log;
pub mod message;
pub mod plan;
pub mod project;
pub mod push;
pub mod receipts;
pub mod renaming;
pub mod rotation;
pub mod saved_plan;
#[cfg(feature = "schemas")]
pub mod schemas;
pub mod seal;
pub mod verdict;

/// The JSON Schema of `undrift.toml`, for editors: that of `undrift init`.
pub const PROJECT_SCHEMA: &str = include_str!("../schemas/undrift.schema.json");
