//! How the other readers would take one assignment: `None` when they refuse it, or when the value depends on more
//! than these lines.

use super::{Dialect, TRIPLE, closing_quote, decode_pairs};
use zeroize::Zeroizing;

type Reading = Option<Zeroizing<String>>;

/// The longest line Go's `bufio.Scanner` hands out. After a longer one, flyctl drops the rest of the file.
const LONGEST_LINE: usize = 64 * 1024 - 1;

pub(super) struct Lines<'text> {
    pub(super) after_mark: bool,
    pub(super) exported: bool,
    /// All lines of the assignment, with their line ends.
    pub(super) whole: &'text str,
    /// The part of them after the `=`.
    pub(super) after_equals: &'text str,
}

impl Lines<'_> {
    pub(super) fn readers_that_differ_from(&self, value: &str) -> Vec<Dialect> {
        [
            (Dialect::Compose, compose(self.after_equals)),
            (Dialect::Godotenv, if self.after_mark { None } else { godotenv(self.after_equals) }),
            (Dialect::Flyctl, if self.after_mark || self.exported { None } else { self.flyctl() }),
        ]
        .into_iter()
        .filter(|(_, reading)| reading.as_ref().is_none_or(|reading| **reading != value))
        .map(|(dialect, _)| dialect)
        .collect()
    }

    /// Cuts at any `#` that has an even number of `"` before it, and knows no escapes.
    fn flyctl(&self) -> Reading {
        if self.whole.split('\n').any(|line| line.len() > LONGEST_LINE) {
            return None;
        }
        let mut lines = self.after_equals.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let mut value = lines.next()?.trim_start_matches(' ');
        if let Some((kept, _)) = value.split_once('#')
            && kept.matches('"').count() % 2 == 0
        {
            value = kept.trim_end_matches(' ');
        }
        if let Some(opened) = value.strip_prefix(TRIPLE) {
            return opened.strip_suffix(TRIPLE).map(exact).or_else(|| flyctl_lines(opened, lines));
        }
        // A quote alone on its line makes flyctl panic; the empty range gives `None` here.
        let quoted = ['"', '\''].iter().any(|&quote| value.starts_with(quote) && value.ends_with(quote));
        if quoted { value.get(1..value.len() - 1).map(exact) } else { Some(exact(value)) }
    }
}

fn flyctl_lines<'text>(first: &'text str, lines: impl Iterator<Item = &'text str>) -> Reading {
    let mut kept = vec![first];
    for line in lines {
        if let Some(last) = line.strip_suffix(TRIPLE) {
            kept.push(last);
            return Some(Zeroizing::new(kept.join("\n")));
        }
        kept.push(line);
    }
    None
}

/// Turns every CRLF into LF, ends a quote at any quote without a backslash before it, and takes off all quotes
/// at both ends.
fn godotenv(after_equals: &str) -> Reading {
    let source = Zeroizing::new(after_equals.replace("\r\n", "\n"));
    let source = source.trim_start_matches(is_go_space);
    let Some(quote) = opening_quote(source) else {
        let line = &source[..source.find(['\n', '\r']).unwrap_or(source.len())];
        // It looks from the end of the line, so only the last of several comments is cut off.
        let comment = line.match_indices('#').rev().find(|(at, _)| line[..*at].ends_with(is_go_space));
        let value = comment.map_or(line, |(at, _)| &line[..at]);
        return godotenv_expand(value.trim_matches(is_go_space));
    };
    let mut quotes = source.match_indices(quote).skip(1);
    let (end, _) = quotes.find(|(at, _)| !source[..*at].ends_with('\\'))?;
    let inner = source[..end].trim_matches(quote);
    let value = if quote == '"' {
        godotenv_expand(&decode_pairs(inner, |value, second| match second {
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            '$' => value.push_str("\\$"),
            _ => value.push(second),
        }))
    } else {
        Some(exact(inner))
    };
    value.filter(|_| nothing_but_comment(&source[end + 1..]))
}

/// Takes the backslash from `\$`, expands `$NAME` and `${NAME}` in upper case, and loses the dollar of `$(`.
fn godotenv_expand(value: &str) -> Reading {
    for (at, _) in value.match_indices('$').filter(|(at, _)| !value[..*at].ends_with('\\')) {
        let after = &value[at + 1..];
        let name = after.strip_prefix('{').unwrap_or(after);
        if name.starts_with(|first: char| matches!(first, 'A'..='Z' | '0'..='9' | '_')) || after.starts_with('(') {
            return None;
        }
    }
    Some(Zeroizing::new(value.replace("\\$", "$")))
}

/// Ends an unquoted value at ` #`; in double quotes it knows Go's escapes; expands all but single quotes.
fn compose(after_equals: &str) -> Reading {
    let source = after_equals.trim_start_matches(is_go_space);
    let Some(quote) = opening_quote(source) else {
        let line = source.split_once('\n').map_or(source, |(line, _)| line);
        let value = line.split_once(" #").map_or(line, |(value, _)| value);
        return compose_expand(value.trim_end());
    };
    let quoted = &source[1..];
    let end = closing_quote(quoted.as_bytes(), u8::try_from(quote).ok()?)?;
    let inner = &quoted[..end];
    let value = if quote == '\'' {
        Some(decode_pairs(inner, |value, second| match second {
            '\'' => value.push('\''),
            _ => value.extend(['\\', second]),
        }))
    } else {
        compose_expand(&decode_pairs(inner, |value, second| match second {
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            '\\' | '"' => value.push(second),
            '$' => value.push_str("$$"),
            // Control characters and octal numbers. We keep both characters, so leaving them out here
            // is enough for a different reading.
            'a' | 'b' | 'f' | 'v' | '0' => {}
            _ => value.extend(['\\', second]),
        }))
    };
    value.filter(|_| nothing_but_comment(&quoted[end + 1..]))
}

/// `$$` stands for `$`; any other `$` is looked up or refused.
fn compose_expand(value: &str) -> Reading {
    let looked_up = Zeroizing::new(value.replace("$$", "")).contains('$');
    (!looked_up).then(|| Zeroizing::new(value.replace("$$", "$")))
}

fn opening_quote(source: &str) -> Option<char> {
    source.chars().next().filter(|first| matches!(first, '"' | '\''))
}

fn nothing_but_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

fn exact(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.to_owned())
}

/// The blanks of both Go readers: all but the line feed.
fn is_go_space(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
