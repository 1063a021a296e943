//! The dotenv of sops: one line a value, without quotes, and `\n` for a line end.

use zeroize::Zeroizing;

use super::super::document::{Item, Node};

/// What sops puts before its own keys.
const OWN: &str = "sops_";

/// Returns the values, and what sops keeps in the file.
pub(super) fn read(text: &str) -> (Vec<Item>, Vec<(String, String)>) {
    let (mut items, mut pairs) = (Vec::new(), Vec::new());
    for (index, line) in text.split('\n').enumerate() {
        if line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.replace("\\n", "\n");
        if let Some(own) = key.strip_prefix(OWN) {
            pairs.push((own.replace("__list_", ".").replace("__map_", "."), value));
        } else {
            let node = Node::Text(Zeroizing::new(value));
            items.push(Item { key: key.to_owned(), line: index + 1, node });
        }
    }
    (items, pairs)
}
