//! What the client waits for, told to whoever shows progress.

use tokio::time::Instant;

use crate::targets::error::Limit;

/// A wait that has just begun.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What holds the request back.
    pub limit: Limit,
    /// The host it is meant for.
    pub host: String,
    /// When it goes on.
    pub until: Instant,
}
