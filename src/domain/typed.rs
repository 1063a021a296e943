//! What a person typed for a name, and whether it may be repeated: a value in the place of a name must not be.

use std::fmt;

/// A text that was typed for a name. It is shown only where it looks like one.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(String);

/// The longest text that is repeated, in bytes; people's names for things are far shorter.
const LONGEST: usize = 64;

impl Typed {
    /// Takes what was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns whether it looks like a name, so that it may be repeated.
    pub fn is_shown(&self) -> bool {
        let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
        !self.0.is_empty() && self.0.len() <= LONGEST && self.0.chars().all(is_of_names) && !looks_random(&self.0)
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_shown() { write!(formatter, "`{}`", self.0) } else { formatter.write_str("of that name") }
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Typed({self})")
    }
}

/// Returns whether a text looks like a key or token and not like words. No rule knows them all: a value that is made of
/// words passes for a name.
fn looks_random(text: &str) -> bool {
    const LONGEST_WORD: usize = 20;
    const LONGEST_NUMBER: usize = 8;
    let changes_in = |word: &str| {
        let bytes = word.as_bytes();
        bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count()
    };
    let words = || text.split(['_', '-', '.', '*']);
    let longest_number = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    longest_number > LONGEST_NUMBER
        || words().any(|word| word.len() > LONGEST_WORD || (word.len() >= 8 && changes_in(word) >= 3))
        || words().map(changes_in).sum::<usize>() >= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_repeated_and_what_may_be_a_value_is_not() {
        for name in [
            "staging",
            "eu-west-1",
            "prod.eu",
            "web",
            "CHATWOOT_API_TOKEN",
            "PRODUCTION_DATABASE_REPLICA_PASSWORD",
            "OAUTH2_CLIENT_SECRET_V2",
            "S3_KEY",
            "BACKUP_2026",
            "CODECOV_*",
            "UD104",
            "databaseUrlOfReplica",
        ] {
            assert_eq!(Typed::new(name).to_string(), format!("`{name}`"));
        }
        for value in [
            "",
            "hunter2!",
            "two words",
            "pass=word",
            "postgres://app:secret@db/shop",
            "ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
            "5637d5bd9f80f77171c0c7683d8fd728",
            "550e8400-e29b-41d4-a716-446655440000",
            "AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQ",
            "AKIAIOSF0DNN7EXAM9LE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP",
            "correcthorsebatterystaple",
            "4111111111111111",
            "größer",
        ] {
            let shown = format!("{} {:?}", Typed::new(value), Typed::new(value));
            assert_eq!(shown, "of that name Typed(of that name)", "{value}");
        }
    }
}
