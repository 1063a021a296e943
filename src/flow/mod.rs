//! The orchestrators: they call the floors below in order, emit events, and never print.

pub mod apply;
pub mod audit;
pub mod event;
mod interruption;
pub mod issue;
pub mod logbook;
pub mod notify;
pub mod observe;
pub mod probe;
mod program;
pub mod recorder;
pub mod rollout;
pub mod saved;
pub mod settle;
