//! Reports: one model, built here from rows and outcomes, and pure renderers of it.

pub mod access;
pub mod advice;
pub mod audit;
pub mod changes;
pub mod diff;
pub mod doctor;
pub mod due;
pub mod explain;
pub mod history;
pub mod html;
pub mod intake;
pub mod junit;
pub mod list;
pub mod log;
pub mod markdown;
pub mod merge;
pub mod message;
pub mod plan;
pub mod rotation;
#[cfg(test)]
mod samples;
pub mod sarif;
pub mod table;

/// How the program calls itself in a report.
pub const TOOL: &str = concat!("undrift ", env!("CARGO_PKG_VERSION"));

/// Renders any report as JSON, with a newline at its end.
pub fn json(report: &impl serde::Serialize) -> String {
    // The models have string keys and plain values only, so they always serialise.
    serde_json::to_string_pretty(report).map_or_else(|error| error.to_string(), |text| text + "\n")
}
