//! Names, parsed once at the border so that no two kinds of name are ever mixed up.

use std::fmt;

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Longer than any store accepts.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// A character that no environment variable has.
    #[error("may have only letters, digits and `_`, and may not start with a digit")]
    NotAVariable,
    /// A character that no folder or key should have.
    #[error("may have only letters, digits, `-`, `_` and `.`, and may not start with `-` or `.`")]
    NotAWord,
}

const LONGEST: usize = 255;

fn is_variable(text: &str) -> Result<(), NameError> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err(NameError::Empty),
        Some(first) if first.is_ascii_alphabetic() || first == '_' => {}
        Some(_) => return Err(NameError::NotAVariable),
    }
    if !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(NameError::NotAVariable);
    }
    if text.len() > LONGEST {
        return Err(NameError::TooLong(LONGEST));
    }
    Ok(())
}

fn is_word(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.starts_with(['-', '.']) || !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    {
        return Err(NameError::NotAWord);
    }
    if text.len() > LONGEST {
        return Err(NameError::TooLong(LONGEST));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses a name.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The name of an environment, which is also the name of its folder in the vault.
    EnvironmentName,
    is_word
);
impl EnvironmentName {
    /// Returns whether it is called as people call the environment that must not break.
    pub fn is_production(&self) -> bool {
        self.as_str().starts_with("prod")
    }
}

name!(
    /// The name of a target in `undrift.toml`.
    TargetName,
    is_word
);
name!(
    /// The name of a group: the file of an environment that holds some of its values.
    GroupName,
    is_word
);
name!(
    /// The name of a secret in the vault: what an environment variable may be called.
    SecretName,
    is_variable
);

/// What is added to a name for the value before, as long as places have both.
const PREVIOUS: &str = "_PREVIOUS";

impl SecretName {
    /// Returns the name under which the value before stands at places that have both; none where that is too long.
    pub fn previous(&self) -> Option<Self> {
        Self::parse(&format!("{self}{PREVIOUS}")).ok()
    }

    /// Returns the name of which this one would be the value before.
    pub fn current(&self) -> Option<Self> {
        Self::parse(self.as_str().strip_suffix(PREVIOUS)?).ok()
    }
}

/// The name of a secret at a target, in the form in which the target lists it.
///
/// Targets list what they like, so any text is one; [`super::place::Location::check_name`] tells whether we may write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteName(String);

impl RemoteName {
    /// Takes a name as the target spells it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name under which the value before stands beside this one, for as long as a place has both.
    pub fn previous(&self) -> String {
        format!("{self}{PREVIOUS}")
    }
}

impl fmt::Display for RemoteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_before_has_a_name_of_its_own() {
        let name = |text: &str| SecretName::parse(text).expect("a name");
        assert_eq!(name("A").previous(), Some(name("A_PREVIOUS")));
        assert_eq!(name("A_PREVIOUS").current(), Some(name("A")));
        for other in ["A", "_PREVIOUS", "A_PREVIOUS_B"] {
            assert_eq!(name(other).current(), None, "{other}");
        }
        assert_eq!(name(&"A".repeat(250)).previous(), None);
        assert_eq!(RemoteName::new("shop-a").previous(), "shop-a_PREVIOUS");
    }

    #[test]
    fn secret_names_are_environment_variables() {
        for good in ["A", "_A", "a1", "CHATWOOT_API_TOKEN"] {
            assert!(SecretName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n"] {
            assert!(SecretName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(SecretName::parse(&"A".repeat(256)), Err(NameError::TooLong(255)));
    }

    #[test]
    fn environment_names_cannot_leave_their_folder() {
        for bad in ["", ".", "..", "../x", "a/b", "-e", ".hidden", "a\\b"] {
            assert!(EnvironmentName::parse(bad).is_err(), "{bad}");
        }
        assert!(EnvironmentName::parse("eu-west.1_b").is_ok());
    }
}
