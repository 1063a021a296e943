//! YAML by way of its events. What a plain word means (a number, a truth value) is as in the library that sops is built
//! on, because sops hashes what it means and not how it is written.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use jiff::Timestamp;
use jiff::civil::Date;
use zeroize::Zeroizing;

use super::{DEEPEST, DocumentError, Fault, Item, Node, Syntax, float, truth};

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    line: usize,
}

pub(super) fn read(text: &str) -> Result<Vec<Vec<Item>>, Fault> {
    let mut reader = Reader { events: Parser::new_from_str(text), line: 1 };
    let mut documents = Vec::new();
    loop {
        match reader.next()?.0 {
            Event::StreamEnd => return Ok(documents),
            Event::DocumentStart(..) => {
                let (event, span) = reader.next()?;
                match reader.node(event, span, 0)? {
                    Node::Map(items) => documents.push(items),
                    Node::Null => documents.push(Vec::new()),
                    _ => return Err((reader.line, DocumentError::NoKeys)),
                }
            }
            _ => {}
        }
    }
}

impl<'a> Reader<'a> {
    /// Returns the next event that is no comment.
    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        loop {
            let event = match self.events.next() {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err((error.marker().line().max(1), DocumentError::Syntax(Syntax::Yaml))),
                None => return Ok((Event::StreamEnd, Span::default())),
            };
            if !matches!(event.0, Event::Comment(..)) {
                self.line = event.1.start.line().max(1);
                return Ok(event);
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fault> {
        let line = span.start.line().max(1);
        if depth > DEEPEST {
            return Err((line, DocumentError::TooDeep));
        }
        match event {
            Event::Scalar(text, style, 0, tag) => Ok(scalar(text, style, tag.as_deref())),
            Event::SequenceStart(_, 0, _) => {
                let mut nodes = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        return Ok(Node::List(nodes));
                    }
                    nodes.push((span.start.line().max(1), self.node(event, span, depth + 1)?));
                }
            }
            Event::MappingStart(_, 0, _) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    let line = span.start.line().max(1);
                    let key = match event {
                        Event::MappingEnd => return Ok(Node::Map(items)),
                        Event::Scalar(key, _, 0, _) => key.into_owned(),
                        _ => return Err((line, DocumentError::Anchors)),
                    };
                    let (event, span) = self.next()?;
                    let node = self.node(event, span, depth + 1)?;
                    items.push(Item { key, line, node });
                }
            }
            _ => Err((line, DocumentError::Anchors)),
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let text = Zeroizing::new(text.into_owned());
    if style != ScalarStyle::Plain || tag.is_some() {
        return Node::Text(text);
    }
    let hashed = match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return truth(true),
        "false" | "False" | "FALSE" => return truth(false),
        plain => time(plain).or_else(|| number(plain)),
    };
    match hashed {
        Some(hashed) => Node::Typed { shown: text, hashed },
        None => Node::Text(text),
    }
}

/// Returns a plain word's number, if it is one.
fn number(text: &str) -> Option<Zeroizing<String>> {
    let digits = text.replace('_', "");
    let (sign, magnitude) = match digits.strip_prefix(['+', '-']) {
        Some(rest) => (if digits.starts_with('-') { "-" } else { "" }, rest),
        None => ("", digits.as_str()),
    };
    if !magnitude.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let lower = magnitude.to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(mark, radix)| {
        let rest = lower.strip_prefix(mark)?;
        Some((rest.to_owned(), radix))
    });
    let (rest, radix) = match radix {
        Some(found) => found,
        None if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| b.is_ascii_digit()) => {
            (lower[1..].to_owned(), 8)
        }
        None => (lower, 10),
    };
    match i64::from_str_radix(&format!("{sign}{rest}"), radix) {
        Ok(number) => Some(Zeroizing::new(number.to_string())),
        Err(_) if rest.bytes().all(|b| b.is_ascii_digit() || b".e+-".contains(&b)) => float(&format!("{sign}{rest}")),
        Err(_) => None,
    }
}

/// Returns a plain word's time, if it is one, as RFC 3339.
fn time(text: &str) -> Option<Zeroizing<String>> {
    let time = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => format!("{date}T00:00:00Z"),
        _ => text.parse::<Timestamp>().ok().map(|_| text.to_owned())?,
    };
    Some(Zeroizing::new(time))
}
