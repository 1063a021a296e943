//! The one type that holds a secret's value.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The longest value that is taken, in bytes: no target takes a longer one.
pub const LONGEST_VALUE: usize = 1024 * 1024;

/// A secret's value.
///
/// It has no `Clone`, `Display`, `Serialize` or `PartialEq`, its `Debug` shows nothing, and its memory is wiped when
/// it is dropped. [`SecretValue::expose`] is the one door: whoever calls it is where a leak would have to start.
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Takes a value with the buffer it is in.
    pub fn new(mut value: Zeroizing<String>) -> Self {
        Self(SecretString::from(std::mem::take(&mut *value)))
    }

    /// Copies a value out of a larger buffer, which the caller wipes.
    pub fn copied_from(value: &str) -> Self {
        Self(SecretString::from(value))
    }

    /// Returns the value itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretValue(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let value = SecretValue::copied_from("canary-4711");
        assert_eq!(format!("{value:?}"), "SecretValue(redacted)");
        assert_eq!(value.expose(), "canary-4711");
    }
}
