//! PEM: its form, and when the certificates in it expire. Nothing is verified.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Reader, SliceReader, Tag, TagNumber, Tagged};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::decode_base64;

/// The labels of private keys that OpenSSH reads.
const SSH_LABELS: &[&str] =
    &["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY"];

/// One block, decoded.
#[derive(Debug)]
pub struct Block {
    label: String,
    content: Zeroizing<Vec<u8>>,
}

/// Takes a text apart into its blocks; none where it is not PEM from its first block to its last. A line end may be
/// written as `\n`, as many programs do that keep a key in one line.
pub fn blocks(text: &str) -> Option<Vec<Block>> {
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let mut lines = text.lines().map(str::trim);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        // Between blocks stand comments, as openssl writes them.
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut body = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match lines.next()? {
                line if line == end => break,
                line if line.starts_with("-----") => return None,
                // A header of an encrypted key.
                line if line.contains(':') => {}
                line => body.push_str(line),
            }
        }
        let content = decode_base64(&body).filter(|content| !content.is_empty())?;
        blocks.push(Block { label: label.to_owned(), content });
    }
    (!blocks.is_empty()).then_some(blocks)
}

/// Returns whether a text is a key of OpenSSH: a private one in PEM, or a public one in one line.
pub fn is_ssh_key(text: &str) -> bool {
    if let Some(blocks) = blocks(text) {
        return blocks.iter().all(|block| SSH_LABELS.contains(&block.label.as_str()));
    }
    let mut words = text.split_ascii_whitespace();
    let is_algorithm = |word: &str| ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|start| word.starts_with(start));
    words.next().is_some_and(is_algorithm) && words.next().is_some_and(|key| decode_base64(key).is_some())
}

/// Returns when the first of the certificates expires; none where there is none.
pub fn expires(text: &str) -> Option<Timestamp> {
    let of_block = |block: &Block| if block.label == "CERTIFICATE" { not_after(&block.content) } else { None };
    blocks(text)?.iter().filter_map(of_block).min()
}

/// Reads the end of a certificate's validity. Its place is fixed: behind the version, the serial number, the
/// algorithm and the issuer of what is signed.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let outer: AnyRef<'_> = SliceReader::new(certificate).ok()?.decode().ok()?;
    let signed: AnyRef<'_> = SliceReader::new(inside(outer)?).ok()?.decode().ok()?;
    let mut fields = SliceReader::new(inside(signed)?).ok()?;
    let version = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
    if fields.peek_tag().ok()? == version {
        let _: AnyRef<'_> = fields.decode().ok()?;
    }
    for _ in ["serial number", "algorithm", "issuer"] {
        let _: AnyRef<'_> = fields.decode().ok()?;
    }
    let validity: AnyRef<'_> = fields.decode().ok()?;
    let mut times = SliceReader::new(inside(validity)?).ok()?;
    let _: AnyRef<'_> = times.decode().ok()?;
    let end: AnyRef<'_> = times.decode().ok()?;
    let since_1970 = match end.tag() {
        Tag::UtcTime => end.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        Tag::GeneralizedTime => end.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
        _ => return None,
    };
    // One that never ends is written as the year 9999, which is more than a timestamp holds.
    Timestamp::from_second(i64::try_from(since_1970.as_secs()).ok()?).ok()
}

/// Returns what a sequence is made of.
fn inside(any: AnyRef<'_>) -> Option<&[u8]> {
    (any.tag() == Tag::Sequence).then(|| any.value())
}
