//! Whose a token is, as far as a platform tells: one cheap read.

use jiff::Timestamp;

/// What a platform tells of a token that it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whose it is: a login, or organizations.
    pub who: Option<String>,
    /// What it may do, where the platform says so: GitHub does for tokens of the classic kind.
    pub scopes: Option<Vec<String>>,
    /// When it ends, where the platform says so.
    pub expires: Option<Timestamp>,
    /// What time it was by the platform's clock.
    pub at: Option<Timestamp>,
}

/// A name from the network, fit for a terminal.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(100).collect()
}
