//! Values that stand where a value should be.

use std::fmt;

use zeroize::Zeroizing;

/// Why a text is not taken for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is nothing.
    Empty,
    /// A word that says that a value belongs here.
    Placeholder,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "empty",
            Self::Placeholder => "a placeholder",
        })
    }
}

/// Texts that are placeholders as a whole, without `-`, `_` and blanks.
const WHOLE: &[&str] = &[
    "changeit",
    "changeme",
    "changethis",
    "dummy",
    "example",
    "fillme",
    "fillmein",
    "fixme",
    "insertme",
    "placeholder",
    "replaceme",
    "replacethis",
    "setme",
    "tba",
    "tbd",
    "todo",
    "yourapikey",
    "yourkey",
    "yourpassword",
    "yoursecret",
    "yourtoken",
];

/// First words that make a placeholder of all that follows: `your-api-key`, `todo: ask Ann`.
const FIRST: &[&str] = &["changeme", "dummy", "example", "fixme", "placeholder", "replaceme", "tbd", "todo", "your"];

/// First two words that do the same: `replace with the real one`.
const FIRST_TWO: &[[&str; 2]] =
    &[["change", "me"], ["change", "this"], ["replace", "me"], ["replace", "this"], ["replace", "with"]];

/// Returns why a text is not taken for a value, or nothing when it may be one.
pub fn unfit(value: &str) -> Option<Unfit> {
    let text = value.trim();
    if text.is_empty() {
        return Some(Unfit::Empty);
    }
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let placeholder = is_filler(&text) || is_bracketed(&text) || is_phrase(&text);
    placeholder.then_some(Unfit::Placeholder)
}

/// `xxx`, `****`, `...`, and what has a run of `x` after a token's own beginning: `sk-xxxxxxxx`.
fn is_filler(text: &str) -> bool {
    let only = |filler: char| text.chars().count() >= 3 && text.chars().all(|character| character == filler);
    let crossed = text.trim_end_matches('x');
    ['x', '*', '.', '?', '-', '_'].into_iter().any(only)
        || (text.len() - crossed.len() >= 4 && crossed.ends_with(['-', '_']))
}

/// `<token>`, `{{ token }}`.
fn is_bracketed(text: &str) -> bool {
    (text.starts_with('<') && text.ends_with('>')) || (text.starts_with("{{") && text.ends_with("}}"))
}

/// Words, as a person writes them, that speak of the value instead of being it. A text with any other character is
/// none: `example-app.fly.dev` is an address.
fn is_phrase(text: &str) -> bool {
    let text = text.trim_end_matches(['!', '.', '?']);
    if !text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | ':' | ',')) {
        return false;
    }
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => false,
        [only] => WHOLE.contains(only) || (only.starts_with("your") && only.ends_with("here")),
        [first, second, ..] => {
            WHOLE.contains(&Zeroizing::new(words.concat()).as_str())
                || FIRST.contains(first)
                || FIRST_TWO.contains(&[first, second])
                || words.last() == Some(&"here")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_stands_for_a_value() {
        for text in ["", " ", "\t\n"] {
            assert_eq!(unfit(text), Some(Unfit::Empty), "{text:?}");
        }
        for text in [
            "changeme",
            "CHANGE_ME",
            "change-me",
            "Change me!",
            "change-this-now",
            "your-token-here",
            "your_api_key",
            "YOUR_TOKEN",
            "yourtokenhere",
            "token-here",
            "insert key here",
            "xxx",
            "XXXXXXXX",
            "sk-xxxxxxxx",
            "ghp_xxxx",
            "***",
            "...",
            "---",
            "todo",
            "TODO: ask Ann",
            "tbd",
            "fixme",
            "<token>",
            "<your token>",
            "{{ token }}",
            "example",
            "example-key",
            "placeholder",
            "replace_me",
            "replaceme",
            "replace with the key",
            "dummy",
            "dummy-token",
            " changeme ",
        ] {
            assert_eq!(unfit(text), Some(Unfit::Placeholder), "{text:?}");
        }
    }

    #[test]
    fn leaves_values_alone() {
        for text in [
            "0",
            "false",
            "x",
            "xx",
            "hunter2",
            "password",
            "https://example.com",
            "ops@example.com",
            "mail.example.com",
            "example-app.fly.dev",
            "sk_live_4fxxx9",
            "Fxxxx",
            "tok-1axx",
            "changeme2024",
            "yours truly",
            "a<b>c",
            "<b>c",
            "${OTHER}",
            "adhere",
            "exampled",
            "-",
            "000000",
            "localhost",
            "test",
            "postgres://u:todo@db/shop",
        ] {
            assert_eq!(unfit(text), None, "{text:?}");
        }
    }
}
