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

mod models;
#[cfg(test)]
mod tests;

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
