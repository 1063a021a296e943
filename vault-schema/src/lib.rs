//! The file and report formats of undrift, and nothing else.
//!
//! Every format carries a version. A reader refuses a version it does not know; within one version fields are only
//! ever added. The crate depends on serde and two date types, so it cannot do any input or output of its own.

pub mod access;
pub mod audit;
pub mod diff;
pub mod doctor;
pub mod etags;
pub mod journal;
pub mod log;
pub mod plan;
pub mod project;
pub mod push;
pub mod receipts;
pub mod renaming;
pub mod saved_plan;
pub mod seal;
pub mod verdict;
