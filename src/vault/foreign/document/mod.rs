//! YAML and JSON with the order of their keys, and with the lines that things stand on.

mod json;
mod yaml;

use zeroize::Zeroizing;

use super::{Entry, named};

/// How deep a document may be.
const DEEPEST: usize = 64;

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Syntax {
    /// Tells it by a file's name.
    pub fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Why a document was not read. No text of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is outside the grammar.
    #[error("is not valid {}", match .0 { Syntax::Yaml => "YAML", Syntax::Json => "JSON" })]
    Syntax(Syntax),
    /// It begins with something else than keys and values.
    #[error("has no keys at its top")]
    NoKeys,
    /// It has parts that stand for other parts.
    #[error("has anchors, which are not read")]
    Anchors,
    /// It is nested deeper than anybody writes.
    #[error("is nested too deeply")]
    TooDeep,
}

/// What went wrong, with the line, from 1.
pub type Fault = (usize, DocumentError);

/// A key and what stands under it.
pub struct Item {
    /// The key.
    pub key: String,
    /// The line of the key.
    pub line: usize,
    /// What it holds.
    pub node: Node,
}

/// A part of a document.
pub enum Node {
    /// Keys and values, in their order.
    Map(Vec<Item>),
    /// A list, each element with its line.
    List(Vec<(usize, Node)>),
    /// Nothing.
    Null,
    /// A text.
    Text(Zeroizing<String>),
    /// A number, a truth value or a time.
    Typed {
        /// As it is written.
        shown: Zeroizing<String>,
        /// As sops hashes it.
        hashed: Zeroizing<String>,
    },
}

/// Reads every document of a file.
pub fn read(text: &str, syntax: Syntax) -> Result<Vec<Vec<Item>>, Fault> {
    match syntax {
        Syntax::Yaml => yaml::read(text),
        Syntax::Json => json::read(text).map(|items| vec![items]),
    }
}

/// Returns every value of documents in which nothing is encrypted.
pub fn plain(documents: Vec<Vec<Item>>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for items in documents {
        flatten(Node::Map(items), 1, &mut Vec::new(), &mut entries);
    }
    entries
}

fn flatten(node: Node, line: usize, keys: &mut Vec<String>, entries: &mut Vec<Entry>) {
    let value = match node {
        Node::Map(items) => {
            for Item { key, line, node } in items {
                keys.push(key);
                flatten(node, line, keys, entries);
                keys.pop();
            }
            return;
        }
        Node::List(nodes) => {
            for (index, (line, node)) in nodes.into_iter().enumerate() {
                keys.push(index.to_string());
                flatten(node, line, keys, entries);
                keys.pop();
            }
            return;
        }
        Node::Null => Zeroizing::default(),
        Node::Text(text) | Node::Typed { shown: text, .. } => text,
    };
    let (name, made_of) = named(keys);
    entries.push(Entry { name, made_of, value, line });
}

/// Puts a float as Go's `FormatFloat(_, 'f', -1, 64)` does.
fn float(text: &str) -> Option<Zeroizing<String>> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| Zeroizing::new(number.to_string()))
}

/// As sops hashes them, after its first version.
fn truth(value: bool) -> Node {
    let (shown, hashed) = if value { ("true", "True") } else { ("false", "False") };
    Node::Typed { shown: Zeroizing::new(shown.to_owned()), hashed: Zeroizing::new(hashed.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str, syntax: Syntax) -> Vec<(String, String, usize)> {
        let documents = read(text, syntax).expect("a document");
        plain(documents).into_iter().map(|entry| (entry.name, entry.value.to_string(), entry.line)).collect()
    }

    fn rows(rows: &[(&str, &str, usize)]) -> Vec<(String, String, usize)> {
        rows.iter().map(|(name, value, line)| ((*name).to_owned(), (*value).to_owned(), *line)).collect()
    }

    #[test]
    fn yaml_keeps_order_and_lines() {
        let text = "# comment\nz: last\ndb:\n    password: \"a\\nb\" # more\n    ports: [1, 0x10]\non: yes\nempty:\nkey: |\n  x\n  y\n---\nb: true\n";
        let expected = [
            ("z", "last", 2),
            ("DB_PASSWORD", "a\nb", 4),
            ("DB_PORTS_0", "1", 5),
            ("DB_PORTS_1", "0x10", 5),
            ("on", "yes", 6),
            ("empty", "", 7),
            ("key", "x\ny\n", 8),
            ("b", "true", 12),
        ];
        assert_eq!(entries(text, Syntax::Yaml), rows(&expected));
    }

    #[test]
    fn json_keeps_order_and_lines() {
        let text = "{\n  \"z\": \"\\ud83d\\ude00\\/\",\n  \"a\": {\"b\": [1.50, null,\n true]}, \"c\": {}\n}\n";
        let expected = [("z", "\u{1f600}/", 2), ("A_B_0", "1.50", 3), ("A_B_1", "", 3), ("A_B_2", "true", 4)];
        assert_eq!(entries(text, Syntax::Json), rows(&expected));
    }

    #[test]
    fn what_is_outside_is_refused_with_its_line() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for (text, syntax, expected) in [
            ("a: 1\nb: [", Syntax::Yaml, DocumentError::Syntax(Syntax::Yaml)),
            ("- a\n", Syntax::Yaml, DocumentError::NoKeys),
            ("a: &x 1\nb: *x\n", Syntax::Yaml, DocumentError::Anchors),
            ("{\"a\": 1", Syntax::Json, DocumentError::Syntax(Syntax::Json)),
            ("[1]", Syntax::Json, DocumentError::NoKeys),
            (&format!("{{\"a\": {deep}}}"), Syntax::Json, DocumentError::TooDeep),
            (&format!("a: {deep}"), Syntax::Yaml, DocumentError::TooDeep),
        ] {
            let Err((line, error)) = read(text, syntax) else { panic!("{text}") };
            assert_eq!(error, expected, "{text}");
            assert!((1..=2).contains(&line), "{text}: {line}");
        }
    }
}
