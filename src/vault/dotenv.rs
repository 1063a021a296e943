//! Reads and writes `.env` text byte for byte.
//!
//! The usual dotenv readers change values without a word: they expand `$`, cut at `#`, decode escapes that
//! others leave alone, or drop the rest of the file. This one has a closed grammar and reports what is outside it.
//!
//! # The grammar
//!
//! - A UTF-8 byte order mark at the start is skipped. A line ends with LF or CRLF; any other CR is content.
//! - Blank lines, and lines whose first character after blanks is `#`, are passed over. A blank is a space or a tab.
//! - `NAME=value`, with blanks allowed before the name and on both sides of `=`, and with an optional `export `
//!   prefix. A name is `[A-Za-z_][A-Za-z0-9_]*`.
//! - An unquoted value runs to the end of the line or to a `#` that follows a blank, without the blanks around it.
//!   It may be empty. Quotes, backslashes and `#` inside it are plain characters.
//! - `'…'` is raw and may span lines. `"""…"""` is raw, may span lines, and ends at the first `"""`.
//! - `"…"` may span lines. `\n`, `\r`, `\t`, `\\`, `\"` and `\$` are decoded; a backslash before any other character
//!   stands for itself, and both characters are kept.
//! - A quoted value is kept byte for byte, CRLF included. Only blanks may follow the closing quote, and after at
//!   least one blank a comment.
//! - `$` is never expanded.
//!
//! # What is reported
//!
//! An assignment outside the grammar becomes a [`Problem`] and no [`Entry`]; of two assignments to one name both are
//! entries and the second is a problem too. Every problem names the line on which its assignment starts. After a
//! quote that is never closed, or that has text behind it, reading goes on at the very next line, so that no later
//! assignment is hidden. That line may lie inside what was meant as a value, and its first word may then pass for a
//! name: do not print names from, push or rewrite a document that has problems.
//!
//! # Other readers
//!
//! [`Entry::disagreements`] lists the readers that would take the same lines differently or refuse them. They are
//! told by small models, written after the sources of compose-go 2.13, godotenv 1.5.1 and flyctl (2026), which see one
//! assignment at a time. A value that such a reader would look up elsewhere (`$NAME`) always counts as different.
//! Releases differ: flyctl once kept single quotes as part of the value. The other Rust and JavaScript readers
//! are not modelled.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const TRIPLE: &str = "\"\"\"";

/// One assignment that was read without doubt.
pub struct Entry {
    /// The name, always `[A-Za-z_][A-Za-z0-9_]*`.
    pub name: String,
    /// The value after quotes and escapes.
    pub value: Zeroizing<String>,
    /// The line on which the assignment starts, counted from 1.
    pub line: usize,
    /// Where the value stands in the text, in bytes and with its quotes.
    pub value_span: Range<usize>,
    /// The readers that would take these lines differently, or refuse them.
    pub disagreements: Vec<Dialect>,
}

impl fmt::Debug for Entry {
    /// Leaves out the span as well as the value, because it tells the length of the value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("name", &self.name)
            .field("value", &"[redacted]")
            .field("line", &self.line)
            .field("disagreements", &self.disagreements)
            .finish_non_exhaustive()
    }
}

/// A popular reader of `.env` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// compose-go, which reads for `docker compose`.
    Compose,
    /// godotenv, which reads for `gh secret set -f`.
    Godotenv,
    /// The reader inside `fly secrets import`.
    Flyctl,
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Compose => "docker compose",
            Self::Godotenv => "gh secret set -f (godotenv)",
            Self::Flyctl => "fly secrets import",
        })
    }
}

/// Something in the text that is outside the grammar. It never holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The line on which the assignment starts, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.kind)
    }
}

/// What is wrong with an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The line has no `=`.
    NoEquals,
    /// The name is not `[A-Za-z_][A-Za-z0-9_]*`.
    NameIllegal,
    /// Nothing stands before the `=`.
    NameEmpty,
    /// The quote that opens on this line is never closed.
    UnterminatedQuote,
    /// Something other than blanks and a comment follows the closing quote.
    TextAfterQuote,
    /// The lines of the assignment are not UTF-8.
    InvalidUtf8,
    /// The value holds a NUL, which no environment can carry.
    Nul,
    /// The name was set before; both assignments are entries.
    Duplicate {
        /// The line of the first assignment to this name.
        first_line: usize,
    },
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoEquals => "no `=` on the line",
            Self::NameIllegal => "the name is not letters, digits and `_`, or starts with a digit",
            Self::NameEmpty => "no name before the `=`",
            Self::UnterminatedQuote => "the quote that opens here is never closed",
            Self::TextAfterQuote => "text follows the closing quote",
            Self::InvalidUtf8 => "not valid UTF-8",
            Self::Nul => "the value holds a NUL",
            Self::Duplicate { first_line } => {
                return write!(formatter, "the name was already set on line {first_line}");
            }
        })
    }
}

/// All that was read from one text, in its order.
#[derive(Debug, Default)]
pub struct Document {
    /// The assignments that were read.
    pub entries: Vec<Entry>,
    /// The lines that were not, and the names that were set twice.
    pub problems: Vec<Problem>,
}

/// Reads a whole `.env` text.
pub fn parse(bytes: &[u8]) -> Document {
    let mut document = Document::default();
    let mut first_lines = HashMap::new();
    let marked = bytes.starts_with(BYTE_ORDER_MARK);
    let mut start = if marked { BYTE_ORDER_MARK.len() } else { 0 };
    let mut line = 1;
    while start < bytes.len() {
        let mut next = line_after(bytes, start);
        let read = locate(bytes, start).and_then(|found| {
            found.map_or(Ok(None), |assignment| {
                next = assignment.next;
                let after_mark = marked && start == BYTE_ORDER_MARK.len();
                assignment.read(bytes, start, line, after_mark).map(Some)
            })
        });
        match read {
            Ok(None) => {}
            Ok(Some(entry)) => {
                let first_line = *first_lines.entry(entry.name.clone()).or_insert(line);
                if first_line != line {
                    document.problems.push(Problem { line, kind: ProblemKind::Duplicate { first_line } });
                }
                document.entries.push(entry);
            }
            Err(kind) => document.problems.push(Problem { line, kind }),
        }
        line += bytes[start..next].split(|&byte| byte == b'\n').count() - 1;
        start = next;
    }
    document
}

/// The extent of one assignment, as offsets into the whole text.
struct Assignment {
    name: Range<usize>,
    exported: bool,
    equals: usize,
    value: Range<usize>,
    /// How many quotes the value opens with: 0, 1 or 3.
    quotes: usize,
    next: usize,
}

/// Finds the assignment that starts on this line; `None` for a blank line or a comment.
fn locate(bytes: &[u8], start: usize) -> Result<Option<Assignment>, ProblemKind> {
    let line_end = content_end(bytes, start);
    let mut name_start = skip_blanks(bytes, start, line_end);
    if name_start == line_end || bytes[name_start] == b'#' {
        return Ok(None);
    }
    let length = bytes[name_start..line_end].iter().position(|&byte| byte == b'=');
    let equals = name_start + length.ok_or(ProblemKind::NoEquals)?;
    let exported = bytes[name_start..equals]
        .strip_prefix(b"export")
        .is_some_and(|rest| rest.first().is_some_and(|&byte| is_blank(byte)));
    if exported {
        name_start = skip_blanks(bytes, name_start + "export".len(), equals);
    }
    let name = name_start..trim_blanks_end(bytes, name_start, equals);
    if name.is_empty() {
        return Err(ProblemKind::NameEmpty);
    }
    let (value, quotes) = locate_value(bytes, equals + 1, line_end)?;
    let next = line_after(bytes, value.end);
    Ok(Some(Assignment { name, exported, equals, value, quotes, next }))
}

/// Finds the value that stands after the `=`.
fn locate_value(bytes: &[u8], after_equals: usize, line_end: usize) -> Result<(Range<usize>, usize), ProblemKind> {
    let start = skip_blanks(bytes, after_equals, line_end);
    let (quotes, closing) = match &bytes[start..] {
        [b'"', b'"', b'"', rest @ ..] => (3, rest.windows(3).position(|three| three == TRIPLE.as_bytes())),
        [b'"', rest @ ..] => (1, closing_quote(rest, b'"')),
        [b'\'', rest @ ..] => (1, rest.iter().position(|&byte| byte == b'\'')),
        _ => return Ok((locate_unquoted(bytes, after_equals, line_end), 0)),
    };
    let end = start + closing.ok_or(ProblemKind::UnterminatedQuote)? + 2 * quotes;
    let tail_end = content_end(bytes, end);
    let text = skip_blanks(bytes, end, tail_end);
    // A `#` that touches the quote is not taken for a comment: it would become part of an unquoted value put there.
    if text == tail_end || (text > end && bytes[text] == b'#') {
        Ok((start..end, quotes))
    } else {
        Err(ProblemKind::TextAfterQuote)
    }
}

/// An empty value stands right after the `=`, so that a value put there is still apart from a comment.
fn locate_unquoted(bytes: &[u8], after_equals: usize, line_end: usize) -> Range<usize> {
    let comment = bytes[after_equals..line_end].windows(2).position(|two| is_blank(two[0]) && two[1] == b'#');
    let end = trim_blanks_end(bytes, after_equals, comment.map_or(line_end, |at| after_equals + at));
    let start = skip_blanks(bytes, after_equals, end);
    start..end
}

/// Finds the first quote that no backslash escapes.
fn closing_quote(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|&byte| {
        let closes = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

impl Assignment {
    /// Decodes what was located and asks the other readers about it.
    fn read(&self, bytes: &[u8], start: usize, line: usize, after_mark: bool) -> Result<Entry, ProblemKind> {
        let name = &bytes[self.name.clone()];
        if name[0].is_ascii_digit() || !name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
            return Err(ProblemKind::NameIllegal);
        }
        let lines = str::from_utf8(&bytes[start..self.next]).map_err(|_| ProblemKind::InvalidUtf8)?;
        let raw = &lines[self.value.start - start..self.value.end - start];
        let inner = &raw[self.quotes..raw.len() - self.quotes];
        let value = if self.quotes == 1 && raw.starts_with('"') {
            decode_pairs(inner, |value, second| match second {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                '\\' | '"' | '$' => value.push(second),
                _ => value.extend(['\\', second]),
            })
        } else {
            Zeroizing::new(inner.to_owned())
        };
        if value.contains('\0') {
            return Err(ProblemKind::Nul);
        }
        let assignment = models::Lines {
            after_mark,
            exported: self.exported,
            whole: lines,
            after_equals: &lines[self.equals + 1 - start..],
        };
        Ok(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            disagreements: assignment.readers_that_differ_from(&value),
            value,
            line,
            value_span: self.value.clone(),
        })
    }
}

/// Hands each backslash and the character after it to `decode`, which may add as many bytes at most: then the buffer
/// never moves and leaves a copy behind.
fn decode_pairs(text: &str, decode: impl Fn(&mut String, char)) -> Zeroizing<String> {
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match if character == '\\' { characters.next() } else { None } {
            Some(second) => decode(&mut value, second),
            None => value.push(character),
        }
    }
    value
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skip_blanks(bytes: &[u8], start: usize, end: usize) -> usize {
    start + bytes[start..end].iter().take_while(|&&byte| is_blank(byte)).count()
}

fn trim_blanks_end(bytes: &[u8], start: usize, end: usize) -> usize {
    end - bytes[start..end].iter().rev().take_while(|&&byte| is_blank(byte)).count()
}

/// The offset after the next line end, or the end of the text.
fn line_after(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| start + length + 1)
}

/// The offset of the line end itself. A CR belongs to it only with the LF.
fn content_end(bytes: &[u8], start: usize) -> usize {
    let line = &bytes[start..line_after(bytes, start)];
    let content = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
    start + content.len()
}

/// Writes a value so that [`parse`] gives it back exactly, in the form on which the fewest readers disagree: none,
/// whenever there is such a form. A value with a NUL has no form; [`parse`] reports it.
pub fn render_value(value: &str) -> Zeroizing<String> {
    if value.is_empty() {
        // With nothing there, two of the readers would take a comment behind it for the value.
        return quote("\"", value);
    }
    let mut best: Option<(usize, Zeroizing<String>)> = None;
    for form in [quote("", value), quote("\"", value), quote("'", value), escape(value), quote(TRIPLE, value)] {
        // The blank is there because a `#` right after `=` is a value, and after a blank a comment.
        let line = Zeroizing::new(["N= ", &form, "\n"].concat());
        let Document { entries, problems } = parse(line.as_bytes());
        let ([entry], []) = (entries.as_slice(), problems.as_slice()) else { continue };
        let readers = entry.disagreements.len();
        if *entry.value == value && best.as_ref().is_none_or(|(fewest, _)| readers < *fewest) {
            best = Some((readers, form));
        }
    }
    best.map_or_else(|| escape(value), |(_, form)| form)
}

fn quote(quotes: &str, value: &str) -> Zeroizing<String> {
    Zeroizing::new([quotes, value, quotes].concat())
}

/// The form that exists for every value. A tab stays as it is, because godotenv reads `\t` as `t`.
fn escape(value: &str) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(2 * value.len() + 2));
    form.push('"');
    for character in value.chars() {
        match character {
            '\n' => form.push_str("\\n"),
            '\r' => form.push_str("\\r"),
            '\\' | '"' | '$' => form.extend(['\\', character]),
            _ => form.push(character),
        }
    }
    form.push('"');
    form
}

/// Puts another value in the place of an entry's value and keeps every other byte.
///
/// # Panics
///
/// If the entry's span is outside the text, which means that the entry was read from another text.
pub fn replace(text: &[u8], entry: &Entry, value: &str) -> Zeroizing<Vec<u8>> {
    let (before, after) = (&text[..entry.value_span.start], &text[entry.value_span.end..]);
    Zeroizing::new([before, render_value(value).as_bytes(), after].concat())
}

/// Adds an assignment at the end, with the line ends of the first line. The text must have no problems: an unclosed
/// quote in it would run into the new line. The name must be legal.
pub fn append(text: &[u8], name: &str, value: &str) -> Zeroizing<Vec<u8>> {
    let first_line = &text[..line_after(text, 0)];
    // A lone CR at the very end is content. An LF alone would turn it into a line end, so it gets a CRLF.
    let line_end: &[u8] = if first_line.ends_with(b"\r\n") || text.ends_with(b"\r") { b"\r\n" } else { b"\n" };
    let between = if text.is_empty() || text == BYTE_ORDER_MARK || text.ends_with(b"\n") { b"" } else { line_end };
    let rendered = render_value(value);
    Zeroizing::new([text, between, name.as_bytes(), b"=", rendered.as_bytes(), line_end].concat())
}

/// How the other readers would take one assignment: `None` when they refuse it, or when the value depends on more
/// than these lines.
mod models {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Compose, Flyctl, Godotenv};
    use ProblemKind::{
        Duplicate, InvalidUtf8, NameEmpty, NameIllegal, NoEquals, Nul, TextAfterQuote, UnterminatedQuote,
    };
    use proptest::prelude::*;

    /// The characters that some reader treats specially, among ordinary ones.
    const VALUE: &str = r#"([ \t\n\r'"\\#$=()\{\}a-cnrtX0]|\PC){0,12}"#;

    #[test]
    fn reads_values_and_names_the_readers_that_differ() {
        let table: &[(&str, &str, &[Dialect])] = &[
            ("A=plain\n", "plain", &[]),
            ("  A\t= two words \t\n", "two words", &[Flyctl]),
            ("A=x\r\n", "x", &[]),
            ("A=x\r", "x\r", &[Compose, Godotenv, Flyctl]),
            ("A=", "", &[]),
            ("A= # comment", "", &[Compose, Godotenv]),
            ("A=pa#ss", "pa#ss", &[Flyctl]),
            ("A=#x", "#x", &[Flyctl]),
            ("A=x # comment", "x", &[]),
            ("A=x\t# comment", "x", &[Compose, Flyctl]),
            ("A=x # a # b", "x", &[Godotenv]),
            ("A=it's \"so\"", "it's \"so\"", &[]),
            ("A=back\\slash\\", "back\\slash\\", &[]),
            ("A=a$HOME", "a$HOME", &[Compose, Godotenv]),
            ("A=a$home", "a$home", &[Compose]),
            ("A='$2b$10$X'", "$2b$10$X", &[]),
            ("A=\"$X\"", "$X", &[Compose, Godotenv]),
            (r#"A="\$X""#, "$X", &[Flyctl]),
            ("A='pa#ss'", "pa#ss", &[Flyctl]),
            ("A=\"pa#ss\" # comment", "pa#ss", &[Flyctl]),
            ("A=\"x\" # comment", "x", &[]),
            (r#"A="a\nb\tc\qd\\""#, "a\nb\tc\\qd\\", &[Godotenv, Flyctl]),
            (r#"A="a\nb""#, "a\nb", &[Flyctl]),
            (r#"A="say \"x\" now""#, "say \"x\" now", &[Flyctl]),
            (r"A='a\nb'", r"a\nb", &[]),
            (r"A='end\'", r"end\", &[Compose, Godotenv]),
            ("A='one\r\ntwo'\r\n", "one\r\ntwo", &[Godotenv, Flyctl]),
            ("A=\"one\ntwo\"\n", "one\ntwo", &[Flyctl]),
            ("A=\"\"\"one\n\"two\"\n\"\"\"\n", "one\n\"two\"\n", &[Compose, Godotenv]),
            ("export A=x", "x", &[Flyctl]),
            ("\u{feff}A=x", "x", &[Godotenv, Flyctl]),
        ];
        for (text, value, disagreements) in table {
            let document = parse(text.as_bytes());
            assert_eq!(document.problems, [], "{text:?}");
            let [entry] = document.entries.as_slice() else { panic!("{text:?}") };
            assert_eq!((entry.name.as_str(), entry.value.as_str()), ("A", *value), "{text:?}");
            assert_eq!(entry.disagreements, *disagreements, "{text:?}");
        }
        let long = format!("A={}\n", "x".repeat(64 * 1024));
        assert_eq!(parse(long.as_bytes()).entries[0].disagreements, [Flyctl]);
    }

    #[test]
    fn reports_problems_by_line_and_reads_on() {
        let table: &[(&[u8], usize, ProblemKind)] = &[
            (b"NAME\n", 1, NoEquals),
            (b"# fine\n\n =x\n", 3, NameEmpty),
            (b"export =x\n", 1, NameEmpty),
            (b"my-name=x\n", 1, NameIllegal),
            (b"1A='x\n'\n", 1, NameIllegal),
            (b"two words=x\n", 1, NameIllegal),
            (b"\nA=\"x\\\"\n", 2, UnterminatedQuote),
            (b"A=\"\"\"x\n", 1, UnterminatedQuote),
            (b"A='x' y\n", 1, TextAfterQuote),
            (b"A='x'# not apart\n", 1, TextAfterQuote),
            (b"A=\xff\n", 1, InvalidUtf8),
            (b"A='\n\0'\n", 1, Nul),
            (b"ZZZ=0\n", 2, Duplicate { first_line: 1 }),
        ];
        for (text, line, kind) in table {
            let document = parse(&[*text, b"ZZZ=1\n"].concat());
            assert_eq!(document.problems, [Problem { line: *line, kind: *kind }]);
            assert_eq!(document.entries.last().map(|entry| entry.value.as_str()), Some("1"));
        }
    }

    #[test]
    fn writes_the_form_with_the_fewest_disagreements() {
        let table: &[(&str, &str, &[Dialect])] = &[
            ("", "\"\"", &[]),
            ("#x", "\"#x\"", &[]),
            ("plain", "plain", &[]),
            ("pa#ss", "\"pa#ss\"", &[]),
            (" blanks ", "\" blanks \"", &[]),
            ("$2b$10$X", "'$2b$10$X'", &[]),
            ("'quoted'", "\"'quoted'\"", &[]),
            ("\"quoted\"", "'\"quoted\"'", &[]),
            ("one\ntwo\n", "\"one\ntwo\n\"", &[Flyctl]),
            ("one\r\ntwo", r#""one\r\ntwo""#, &[Flyctl]),
        ];
        for (value, form, disagreements) in table {
            assert_eq!(render_value(value).as_str(), *form);
            let document = parse(&append(b"", "A", value));
            assert_eq!(document.entries[0].disagreements, *disagreements, "{form}");
        }
    }

    #[test]
    fn keeps_line_ends_when_it_appends() {
        assert_eq!(append(b"A=1", "B", "2").as_slice(), b"A=1\nB=2\n");
        assert_eq!(append(b"A=1\r\n", "B", "2").as_slice(), b"A=1\r\nB=2\r\n");
        assert_eq!(append(b"A=1\r", "B", "2").as_slice(), b"A=1\r\r\nB=2\r\n");
        assert_eq!(append(b"\xEF\xBB\xBF", "B", "2").as_slice(), b"\xEF\xBB\xBFB=2\n");
    }

    #[test]
    fn shows_no_value() {
        let text = b"A=canary\nA='canary\n'\nB='canary' canary\ncanary\nC=canary\xff\nD=\"canary\nca-nary=x\n";
        let document = parse(text);
        let shown: Vec<String> = document.problems.iter().map(ToString::to_string).collect();
        assert_eq!((document.entries.len(), document.problems.len()), (2, 6));
        assert!(!format!("{document:?}{document:#?}{shown:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn gives_back_what_it_wrote(value in VALUE, other in any::<String>()) {
            for value in [value, other.replace('\0', "")] {
                let document = parse(&append(b"", "A", &value));
                prop_assert_eq!(&document.problems, &[]);
                prop_assert_eq!(document.entries[0].value.as_str(), &value);
            }
        }

        #[test]
        fn replaces_nothing_but_the_value(
            old in VALUE,
            new in VALUE,
            before in "[ \t]{0,2}",
            after in "[ \t]{0,2}|[ \t]# c'\"",
        ) {
            let (head, tail) = (format!("# é\r\n\r\nexport A ={before}"), format!("{after}\r\nB='2'\n"));
            let text = [&head, render_value(&old).as_str(), &tail].concat();
            let entries = parse(text.as_bytes()).entries;
            prop_assert_eq!(entries[0].value.as_str(), &old);
            let replaced = replace(text.as_bytes(), &entries[0], &new);
            prop_assert!(replaced.starts_with(head.trim_end_matches([' ', '\t']).as_bytes()));
            prop_assert!(replaced.ends_with(tail.as_bytes()));
            let span = &entries[0].value_span;
            prop_assert_eq!(replaced.len(), text.len() - span.len() + render_value(&new).len());
            let document = parse(&replaced);
            prop_assert_eq!(&document.problems, &[]);
            let values: Vec<&str> = document.entries.iter().map(|entry| entry.value.as_str()).collect();
            prop_assert_eq!(values, [new.as_str(), "2"]);
        }

        #[test]
        fn hides_no_later_line(junk in any::<Vec<u8>>(), likely in r#"([A-C=\n\r'"\\# ]|\PC){0,40}"#) {
            for junk in [junk, likely.into_bytes()] {
                let document = parse(&[&junk, &b"\nZZZ=1"[..]].concat());
                let last = document.entries.last();
                prop_assert_eq!(last.map(|entry| (&*entry.name, entry.value.as_str())), Some(("ZZZ", "1")));
            }
        }
    }
}
