//! `receipts.toml`: read and written whole.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use vault_schema::receipts::{Origin as FiledOrigin, Receipt as Filed, ReceiptsFile, Removal as FiledRemoval, VERSION};

use super::group::line_at;
use super::layout::Layout;
use super::store::{self, ReadError};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::name::{EnvironmentName, RemoteName, SecretName};
use crate::domain::observation::SealedEvidence;
use crate::domain::receipt::{Origin, Receipt, Receipts, Removal};

/// Why the receipts were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptsError {
    /// The operating system refused.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// A line that is not a receipt.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A version this program does not read.
    #[error("{file} has version {version}, and this undrift reads version {VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
}

/// The table of what stands at a place.
const RECEIPT: &str = "receipts";

/// The table of what was removed there.
const REMOVAL: &str = "removed";

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// The receipts; none of those that were made under another key.
    pub receipts: Receipts,
    /// Whether they were made under another key.
    pub foreign: bool,
    /// Those that nobody has made who has the key; they are left out.
    pub forged: Vec<Forged>,
}

/// A table that nobody has made who has the key: forged, changed, moved to another name, or merged by hand out of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forged {
    /// The place it stands under.
    pub place: String,
    /// The name there.
    pub name: RemoteName,
    /// Its line, from 1.
    pub line: Option<usize>,
}

/// Reads an environment's receipts; one that was never pushed has none.
pub fn read(layout: &Layout, environment: &EnvironmentName, key: &FingerprintKey) -> Result<Read, ReceiptsError> {
    let path = layout.receipts(environment);
    let file = layout.shown(&path);
    let content = match store::read_record_if_present(&path) {
        Ok(None) => return Ok(Read::default()),
        Ok(Some(content)) => content,
        Err(source) => return Err(ReceiptsError::Unreadable { file, source }),
    };
    let text = String::from_utf8_lossy(&content);
    let malformed = |position: usize, message: &str| ReceiptsError::Malformed {
        file: file.clone(),
        line: line_at(text.as_bytes(), position),
        message: message.to_owned(),
    };
    let filed: ReceiptsFile =
        toml::from_str(&text).map_err(|error| malformed(error.span().map_or(0, |span| span.start), error.message()))?;
    if filed.version != VERSION {
        return Err(ReceiptsError::Version { file, version: filed.version });
    }
    if filed.key_id != key.id() {
        return Ok(Read { foreign: true, ..Read::default() });
    }
    let mut receipts = Receipts::default();
    let mut forged = Vec::new();
    let mut reject = |table: &str, place: &str, name: &str| {
        let keys = |key: &str| [key.to_owned(), format!("\"{key}\"")];
        let headers =
            keys(place).into_iter().flat_map(|place| keys(name).map(|name| format!("[{table}.{place}.{name}]")));
        let line = headers.filter_map(|header| text.find(&header)).min().map(|at| line_at(text.as_bytes(), at));
        forged.push(Forged { place: place.to_owned(), name: RemoteName::new(name), line });
    };
    for (place, names) in filed.receipts {
        for (name, receipt) in names {
            if mac(key, RECEIPT, &place, &name, &Filed { mac: String::new(), ..receipt.clone() }) != receipt.mac {
                reject(RECEIPT, &place, &name);
                continue;
            }
            let receipt = unfile(&receipt).ok_or_else(|| {
                let message = format!("the receipt of `{name}` at `{place}` is not one undrift wrote");
                malformed(text.find(&place).unwrap_or(0), &message)
            })?;
            receipts.insert(place.clone(), RemoteName::new(name), receipt);
        }
    }
    for (place, names) in filed.removed {
        for (name, removal) in names {
            if mac(key, REMOVAL, &place, &name, &FiledRemoval { mac: String::new(), ..removal.clone() }) != removal.mac
            {
                reject(REMOVAL, &place, &name);
                continue;
            }
            let secret = SecretName::parse(&removal.secret).map_err(|_| {
                let message = format!("the removal of `{name}` at `{place}` is not one undrift wrote");
                malformed(text.rfind(&place).unwrap_or(0), &message)
            })?;
            receipts.insert_removal(place.clone(), RemoteName::new(name), Removal { secret, at: removal.at });
        }
    }
    Ok(Read { receipts, foreign: false, forged })
}

/// Writes an environment's receipts.
pub fn write(
    layout: &Layout,
    environment: &EnvironmentName,
    key: &FingerprintKey,
    receipts: &Receipts,
) -> io::Result<()> {
    store::replace(&layout.receipts(environment), render(key, receipts)?.as_bytes())
}

/// Returns the text of the file.
pub fn render(key: &FingerprintKey, receipts: &Receipts) -> io::Result<String> {
    let body = body(key, receipts)?;
    // The last table ends with an empty line as the others do: git merges what is added behind it with a change in it.
    Ok(format!(
        "# What undrift pushed, and what each target showed right after. Written by `undrift push`; safe to commit:\n\
         # values and digests stand here only as HMACs under the environment's own key.\n{body}\n"
    ))
}

/// Returns the fingerprint of all receipts of an environment: it is another one as soon as any of them is.
pub fn fingerprint(key: &FingerprintKey, receipts: &Receipts) -> io::Result<Fingerprint> {
    Ok(key.receipts(&body(key, receipts)?))
}

fn body(key: &FingerprintKey, receipts: &Receipts) -> io::Result<String> {
    let mut file =
        ReceiptsFile { version: VERSION, key_id: key.id(), receipts: BTreeMap::new(), removed: BTreeMap::new() };
    for (place, name, receipt) in receipts.iter() {
        let mut filed = file_receipt(receipt);
        filed.mac = mac(key, RECEIPT, place, name.as_str(), &filed);
        file.receipts.entry(place.to_owned()).or_default().insert(name.to_string(), filed);
    }
    for (place, name, removal) in receipts.removals() {
        let mut removal = FiledRemoval { secret: removal.secret.to_string(), at: removal.at, mac: String::new() };
        removal.mac = mac(key, REMOVAL, place, name.as_str(), &removal);
        file.removed.entry(place.to_owned()).or_default().insert(name.to_string(), removal);
    }
    toml::to_string(&file).map_err(io::Error::other)
}

/// Returns what vouches for one table: for what it says, and for where it stands.
fn mac(key: &FingerprintKey, table: &str, place: &str, name: &str, content: &impl Serialize) -> String {
    let text = serde_json::to_vec(&(table, place, name, content)).expect("names, times and digits can be written");
    key.receipt(&text).to_string()
}

fn file_receipt(receipt: &Receipt) -> Filed {
    let (digest, created, updated, access) = match receipt.evidence {
        SealedEvidence::Digest(digest) => (Some(digest.to_string()), None, None, None),
        SealedEvidence::Times { created, updated, access } => (None, Some(created), Some(updated), access),
        SealedEvidence::Name => (None, None, None, None),
    };
    Filed {
        secret: receipt.secret.to_string(),
        value: receipt.value.to_string(),
        written: receipt.written,
        origin: match receipt.origin {
            Origin::Pushed => None,
            Origin::Adopted => Some(FiledOrigin::Adopted),
            Origin::AsIs => Some(FiledOrigin::AsIs),
        },
        digest,
        created,
        updated,
        access: access.map(|access| access.to_string()),
        mac: String::new(),
    }
}

fn unfile(receipt: &Filed) -> Option<Receipt> {
    let evidence = match (&receipt.digest, receipt.created, receipt.updated, &receipt.access) {
        (Some(digest), None, None, None) => SealedEvidence::Digest(Fingerprint::parse(digest)?),
        // A receipt of before access was noted has none.
        (None, Some(created), Some(updated), None) => SealedEvidence::Times { created, updated, access: None },
        (None, Some(created), Some(updated), Some(access)) => {
            SealedEvidence::Times { created, updated, access: Some(Fingerprint::parse(access)?) }
        }
        (None, None, None, None) => SealedEvidence::Name,
        _ => return None,
    };
    Some(Receipt {
        secret: SecretName::parse(&receipt.secret).ok()?,
        value: Fingerprint::parse(&receipt.value)?,
        written: receipt.written,
        evidence,
        origin: match receipt.origin {
            None => Origin::Pushed,
            Some(FiledOrigin::Adopted) => Origin::Adopted,
            Some(FiledOrigin::AsIs) => Origin::AsIs,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::SecretValue;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn round_trips_and_recognises_a_foreign_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let mut receipts = Receipts::default();
        let at = "2026-11-18T09:12:00Z".parse().expect("a time");
        let value = key(1).value(&SecretValue::copied_from("x"));
        let times = |access| SealedEvidence::Times { created: at, updated: at, access };
        for (place, evidence, origin) in [
            ("github:acme/shop@staging", times(None), Origin::AsIs),
            ("github:acme", times(Some(value)), Origin::Pushed),
            ("fly:shop-staging", SealedEvidence::Digest(value), Origin::Adopted),
            ("fly:other", SealedEvidence::Name, Origin::Pushed),
        ] {
            let secret = SecretName::parse("A").expect("a name");
            let receipt = Receipt { secret, value, written: at, evidence, origin };
            receipts.insert(place.to_owned(), RemoteName::new("A"), receipt);
        }
        let removal = Removal { secret: SecretName::parse("B").expect("a name"), at };
        receipts.insert_removal("fly:shop-staging".to_owned(), RemoteName::new("B"), removal);
        write(&layout, &staging, &key(1), &receipts).expect("writing");
        let read_back = read(&layout, &staging, &key(1)).expect("reading");
        assert_eq!(read_back.receipts, receipts);
        assert_eq!(read_back.forged, []);
        let foreign = read(&layout, &staging, &key(2)).expect("reading");
        assert!(foreign.foreign && foreign.receipts.is_empty());
    }

    #[test]
    fn believes_no_table_that_another_hand_has_made_or_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let at = "2026-11-18T09:12:00Z".parse().expect("a time");
        let mut receipts = Receipts::default();
        let value = key(1).value(&SecretValue::copied_from("x"));
        for name in ["A", "B.C"] {
            let secret = SecretName::parse("A").expect("a name");
            let evidence = SealedEvidence::Times { created: at, updated: at, access: None };
            let receipt = Receipt { secret, value, written: at, evidence, origin: Origin::AsIs };
            receipts.insert("github:acme/shop".to_owned(), RemoteName::new(name), receipt);
        }
        let removal = Removal { secret: SecretName::parse("B").expect("a name"), at };
        receipts.insert_removal("fly:shop-staging".to_owned(), RemoteName::new("B"), removal);
        let text = render(&key(1), &receipts).expect("text");
        // (what is changed, what it becomes, the name that is left out, its line)
        let lines = |of: &str| text.lines().position(|line| line.contains(of)).map(|index| index + 1);
        let (first, quoted, removed) = (lines("shop\".A]"), lines("\"B.C\"]"), lines("[removed."));
        let table = [
            ("updated = \"2026-11-18T09:12:00Z\"", "updated = \"2026-11-18T09:12:01Z\"", "A", first),
            ("origin = \"as-is\"", "origin = \"adopted\"", "A", first),
            ("origin = \"as-is\"\n", "", "A", first),
            ("shop\".A]", "shop\".Z]", "Z", first),
            ("[receipts.\"github:acme/shop\".\"B.C\"]", "[receipts.\"github:acme/site\".\"B.C\"]", "B.C", quoted),
            ("at = \"2026-11-18T09:12:00Z\"", "at = \"2026-11-18T09:12:01Z\"", "B", removed),
            ("mac = \"", "mac = \"0", "A", first),
        ];
        for (from, to, name, line) in table {
            assert!(text.contains(from), "{from}: {text}");
            std::fs::write(layout.receipts(&staging), text.replacen(from, to, 1)).expect("writing");
            let read = read(&layout, &staging, &key(1)).expect("it is well formed");
            let found: Vec<_> = read.forged.iter().map(|forged| (forged.name.as_str(), forged.line)).collect();
            assert_eq!(found, [(name, line)], "{from}");
            assert_eq!(read.receipts.iter().count() + read.receipts.removals().count(), 2, "{from}");
        }
        let without: String =
            text.lines().filter(|line| !line.starts_with("mac")).map(|line| line.to_owned() + "\n").collect();
        std::fs::write(layout.receipts(&staging), without).expect("writing");
        assert_eq!(read(&layout, &staging, &key(1)).expect("it is well formed").forged.len(), 3);
    }

    #[test]
    fn names_file_and_line_of_what_is_malformed() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        std::fs::write(layout.receipts(&staging), "version = 1\nkey-id = \"x\"\n<<<<<<< HEAD\n").expect("writing");
        let error = read(&layout, &staging, &key(1)).expect_err("a merge conflict").to_string();
        assert!(error.starts_with("vault/staging/receipts.toml:3: "), "{error}");
    }
}
