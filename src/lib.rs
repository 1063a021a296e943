//! undrift keeps one age-encrypted vault and every place its secrets are used in step, and proves it.

pub mod domain;
pub mod vault;
