//! Files of sops whose data key is encrypted with age: YAML, JSON and dotenv.
//!
//! Keys stand in the clear, and each value is encrypted by itself with AES-256-GCM under the file's data key, with its
//! path as the additional data. A MAC over all values in their order, itself encrypted, says that none was taken out,
//! put in or moved: a file whose MAC does not fit is refused whole.

mod cipher;
mod environment;
mod metadata;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::document::{self, DocumentError, Item, Node, Syntax};
use super::{Entry, named};
use crate::vault::crypt::AnyIdentity;
use cipher::Cipher;
use metadata::Metadata;

/// The key under which sops keeps its own data.
const SOPS: &str = "sops";

/// What sops starts the MAC of a file with in which only encrypted values count: the SHA-256 of `sops`.
const ENCRYPTED_ONLY: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Keys and values, nested.
    Document(Syntax),
    /// `NAME=value` lines.
    Environment,
}

/// Why nothing is taken from a file. No text of a value is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Sops has not written it.
    #[error("is not encrypted by sops")]
    NotSops,
    /// It is outside the grammar of its format.
    #[error("{0}")]
    Document(DocumentError),
    /// It is not text.
    #[error("is not text")]
    NotText,
    /// What sops keeps in the file is not as sops writes it.
    #[error("has data of sops that cannot be understood")]
    BadMetadata,
    /// No age recipient can open it.
    #[error("is encrypted by sops for {}, and for no age recipient", .0.join(" and "))]
    OtherKeys(Vec<&'static str>),
    /// Its key is cut into parts.
    #[error("is encrypted by sops with key groups, which are not read")]
    KeyGroups,
    /// Which values are encrypted depends on comments.
    #[error("is encrypted by sops by the comments in it, which are not read")]
    ByComments,
    /// Which values are encrypted depends on a pattern that is not understood.
    #[error("has a pattern of sops that cannot be read")]
    BadPattern,
    /// None of our identities opens its data key.
    #[error("is encrypted by sops, and no identity opens it")]
    NoIdentity,
    /// A value does not authenticate under its path.
    #[error("was altered: a value is not as sops encrypted it")]
    BadValue,
    /// A value stands in the clear.
    #[error("was altered: a value stands in the clear that sops encrypts")]
    InTheClear,
    /// The MAC is another one, or is not there.
    #[error("was altered: the MAC of sops does not fit")]
    BadMac,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Opened {
    /// The values that were encrypted.
    pub entries: Vec<Entry>,
    /// Where values stand in the clear, which are no secrets.
    pub in_the_clear: Vec<String>,
}

/// Returns whether a file may have been written by sops. It may still turn out that it was not.
pub fn may_be(content: &[u8]) -> bool {
    let has = |part: &[u8]| content.windows(part.len()).any(|window| window == part);
    has(b"ENC[AES256_GCM,") && has(b"sops") && has(b"mac")
}

/// Opens a file, and insists on its MAC.
pub fn open(content: &[u8], format: Format, identities: &[AnyIdentity]) -> Result<Opened, (Option<usize>, Refusal)> {
    let text = std::str::from_utf8(content).map_err(|_| (None, Refusal::NotText))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (documents, pairs) = match format {
        Format::Document(syntax) => {
            let mut documents =
                document::read(text, syntax).map_err(|(line, error)| (Some(line), Refusal::Document(error)))?;
            let pairs = take_metadata(&mut documents).map_err(|refusal| (None, refusal))?;
            (documents, pairs)
        }
        Format::Environment => {
            let (items, pairs) = environment::read(text);
            (vec![items], pairs)
        }
    };
    if pairs.is_empty() {
        return Err((None, Refusal::NotSops));
    }
    let metadata = Metadata::of(&pairs).map_err(|refusal| (None, refusal))?;
    let cipher = metadata.open(identities).map_err(|refusal| (None, refusal))?;
    let mut hash = Sha512::new();
    if metadata.only_encrypted {
        hash.update(ENCRYPTED_ONLY);
    }
    let mut walk = Walk { cipher: &cipher, metadata: &metadata, hash, opened: Opened::default() };
    for items in &documents {
        walk.items(items, &mut Vec::new(), &mut Vec::new())?;
    }
    let Walk { hash, opened, .. } = walk;
    let expected = cipher.open(&metadata.mac, &metadata.last_modified).map_err(|_| (None, Refusal::BadMac))?;
    if expected.bytes.as_slice() != hex::encode_upper(hash.finalize()).as_bytes() {
        return Err((None, Refusal::BadMac));
    }
    Ok(opened)
}

/// Takes what sops keeps in the file out of it: the paths below `sops` with their values.
fn take_metadata(documents: &mut [Vec<Item>]) -> Result<Vec<(String, String)>, Refusal> {
    let mut pairs = Vec::new();
    for (index, items) in documents.iter_mut().enumerate() {
        let (own, others): (Vec<Item>, Vec<Item>) =
            std::mem::take(items).into_iter().partition(|item| item.key == SOPS);
        *items = others;
        // Every document of a file repeats it.
        match (index, own.len()) {
            (0, 2..) => return Err(Refusal::BadMetadata),
            (0, _) => own.iter().for_each(|item| flatten(&item.node, "", &mut pairs)),
            _ => {}
        }
    }
    Ok(pairs)
}

fn flatten(node: &Node, path: &str, pairs: &mut Vec<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match node {
        Node::Map(items) => items.iter().for_each(|item| flatten(&item.node, &below(&item.key), pairs)),
        Node::List(nodes) => {
            nodes.iter().enumerate().for_each(|(index, (_, node))| flatten(node, &below(&index.to_string()), pairs));
        }
        Node::Null => {}
        Node::Text(text) | Node::Typed { shown: text, .. } => pairs.push((path.to_owned(), text.to_string())),
    }
}

/// Opens the values in the order in which sops hashes them.
struct Walk<'a> {
    cipher: &'a Cipher,
    metadata: &'a Metadata,
    hash: Sha512,
    opened: Opened,
}

type Step = Result<(), (Option<usize>, Refusal)>;

impl Walk<'_> {
    /// `path` is that of sops, which does not count the elements of lists; `keys` does.
    fn items(&mut self, items: &[Item], path: &mut Vec<String>, keys: &mut Vec<String>) -> Step {
        for Item { key, line, node } in items {
            path.push(key.clone());
            keys.push(key.clone());
            self.node(node, *line, path, keys)?;
            path.pop();
            keys.pop();
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, line: usize, path: &mut Vec<String>, keys: &mut Vec<String>) -> Step {
        let encrypted = || self.metadata.encrypts(path);
        match node {
            Node::Map(items) => self.items(items, path, keys)?,
            Node::List(nodes) => {
                for (index, (line, node)) in nodes.iter().enumerate() {
                    keys.push(index.to_string());
                    self.node(node, *line, path, keys)?;
                    keys.pop();
                }
            }
            Node::Null => {}
            Node::Text(text) if encrypted() => self.open(text, line, path, keys)?,
            Node::Typed { .. } if encrypted() => return Err((Some(line), Refusal::InTheClear)),
            Node::Text(text) | Node::Typed { hashed: text, .. } => {
                if !self.metadata.only_encrypted {
                    self.hash.update(text.as_bytes());
                }
                self.opened.in_the_clear.push(keys.join("."));
            }
        }
        Ok(())
    }

    fn open(&mut self, text: &str, line: usize, path: &[String], keys: &[String]) -> Step {
        let value = if text.is_empty() {
            // Sops leaves an empty value as it is.
            Zeroizing::default()
        } else {
            let aad = path.join(":") + ":";
            let value = self.cipher.open(text, &aad).map_err(|refusal| (Some(line), refusal))?;
            let Some(hashed) = value.hashed() else { return Ok(()) };
            self.hash.update(&*hashed);
            value.shown().ok_or((Some(line), Refusal::NotText))?
        };
        let (name, made_of) = named(keys);
        self.opened.entries.push(Entry { name, made_of, value, line });
        Ok(())
    }
}
