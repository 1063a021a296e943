//! JSON by way of raw values, which are slices of the text and so tell their lines.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{DEEPEST, DocumentError, Fault, Item, Node, Syntax, float, truth};
use crate::vault::group::Lines;

/// The keys and values of one object, in their order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines,
}

pub(super) fn read(text: &str) -> Result<Vec<Item>, Fault> {
    let reader = Reader { text, lines: Lines::of(text) };
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| (error.line().max(1), DocumentError::Syntax(Syntax::Json)))?;
    match reader.node(whole, 0)? {
        Node::Map(items) => Ok(items),
        _ => Err((1, DocumentError::NoKeys)),
    }
}

impl Reader<'_> {
    fn line(&self, value: &RawValue) -> usize {
        self.lines.at(value.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }

    fn node(&self, value: &RawValue, depth: usize) -> Result<Node, Fault> {
        let line = self.line(value);
        if depth > DEEPEST {
            return Err((line, DocumentError::TooDeep));
        }
        let broken = |_| (line, DocumentError::Syntax(Syntax::Json));
        let text = value.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let Object(pairs) = serde_json::from_str(text).map_err(broken)?;
                let item = |(key, value): (String, &RawValue)| {
                    Ok(Item { key, line: self.line(value), node: self.node(value, depth + 1)? })
                };
                Node::Map(pairs.into_iter().map(item).collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let values: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
                let element = |value: &RawValue| Ok((self.line(value), self.node(value, depth + 1)?));
                Node::List(values.into_iter().map(element).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Node::Text(serde_json::from_str::<String>(text).map(Zeroizing::new).map_err(broken)?),
            Some(b'n') => Node::Null,
            Some(b't' | b'f') => truth(text == "true"),
            _ => {
                let shown = Zeroizing::new(text.to_owned());
                let hashed = match text.parse::<i64>() {
                    Ok(number) => Zeroizing::new(number.to_string()),
                    Err(_) => float(text).unwrap_or_else(|| shown.clone()),
                };
                Node::Typed { shown, hashed }
            }
        })
    }
}
