//! What undrift knows and decides: pure, synchronous, total.
//!
//! Nothing here reads a file, a clock, the environment or the network, and nothing prints. Data goes one way:
//! inventory and observation become rows with a verdict, rows become a plan, a plan becomes outcomes.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

pub mod access;
pub mod adoption;
pub mod age;
pub mod binding;
pub mod compose;
pub mod declaration;
pub mod difference;
pub mod digest;
pub mod edit;
pub mod finding;
pub mod fingerprint;
pub mod fleet;
pub mod generate;
pub mod hygiene;
pub mod intake;
pub mod intent;
pub mod inventory;
pub mod kind;
pub mod log;
pub mod name;
pub mod observation;
pub mod outcome;
pub mod place;
pub mod plan;
pub mod probe;
pub mod receipt;
pub mod renaming;
pub mod rollout;
pub mod rotation;
pub mod row;
pub mod saved;
pub mod seal;
pub mod secret;
pub mod shadow;
pub mod shard;
pub mod stanza;
pub mod suggest;
pub mod template;
pub mod typed;
pub mod verdict;
