//! `log.jsonl` on the disk: read and checked whole, and only ever added to.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};

use jiff::Timestamp;

use super::layout::Layout;
use super::memory::{self, Memory};
use super::receipts::{self, ReceiptsError};
use super::store::{self, ReadError};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::log::{self, Action, Chain, Deed, Fault, FaultKind, Known, Line, VERSION, Who};
use crate::domain::name::EnvironmentName;
use crate::domain::receipt::Receipts;

/// The log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// It could not be written. What it would have told of is done all the same.
    #[error("it was done, and cannot be written to {file}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// What is to be written behind a log.
struct Addition {
    /// The log as it is.
    before: String,
    /// Its whole lines.
    whole: String,
    /// What comes behind them.
    text: String,
    /// The line that nothing follows then.
    heads: BTreeSet<Fingerprint>,
}

/// One environment's log.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    layout: &'a Layout,
    environment: &'a EnvironmentName,
    key: &'a FingerprintKey,
}

impl<'a> Log<'a> {
    /// Returns the log of an environment, which may not be there yet.
    pub const fn of(layout: &'a Layout, environment: &'a EnvironmentName, key: &'a FingerprintKey) -> Self {
        Self { layout, environment, key }
    }

    /// Reads the log and checks it against what this machine and the receipts know.
    pub fn read(&self) -> Result<Chain, LogError> {
        Ok(self.checked(&self.text()?, self.newest_write()))
    }

    /// Reads and checks the log; one that cannot be read has that as its fault.
    pub fn check(&self) -> Chain {
        self.read().unwrap_or_else(|error| {
            let kind = match error {
                LogError::Unreadable { source: ReadError::Io(error), .. }
                | LogError::Unwritable { source: error, .. } => error.kind(),
                LogError::Unreadable { source: ReadError::TooLarge(_), .. } => io::ErrorKind::FileTooLarge,
            };
            Chain { faults: vec![Fault { number: None, kind: FaultKind::Unreadable(kind) }], ..Chain::default() }
        })
    }

    /// Writes down what was done, and remembers it. The project's lock is held meanwhile.
    pub fn append(&self, who: &Who, at: Timestamp, deeds: &[Deed]) -> Result<(), LogError> {
        if deeds.is_empty() {
            return Ok(());
        }
        let Addition { before, whole, text, heads } = self.addition(self.key, who, at, deeds)?;
        let path = self.layout.log(self.environment);
        let unwritable = |source| LogError::Unwritable { file: self.layout.shown(&path), source };
        if whole == before {
            self.add(&text).map_err(unwritable)?;
        } else {
            // A crash has cut the last line, or its end: it is mended before anything is written behind it.
            store::replace(&path, format!("{whole}{text}").as_bytes()).map_err(unwritable)?;
        }
        self.remember(|memory| {
            memory.heads = heads;
            memory.pushing = None;
        })
    }

    /// Returns the whole text that the log has once this is written down, and its head. Under a further generation of the
    /// key, the line names all that the older one has made, and so hands it over.
    pub fn extended(
        &self,
        key: &FingerprintKey,
        who: &Who,
        at: Timestamp,
        deed: Deed,
    ) -> Result<(String, BTreeSet<Fingerprint>), LogError> {
        let Addition { whole, text, heads, .. } = self.addition(key, who, at, &[deed])?;
        Ok((whole + &text, heads))
    }

    fn addition(&self, key: &FingerprintKey, who: &Who, at: Timestamp, deeds: &[Deed]) -> Result<Addition, LogError> {
        let before = self.text()?;
        let written = self.newest_write_or_why_not()?;
        let chain = self.checked(&before, written);
        let (mut text, mut heads) = (String::new(), chain.heads);
        for deed in deeds {
            let line = Line {
                version: VERSION,
                at,
                who: who.clone(),
                action: deed.action,
                environment: self.environment.to_string(),
                place: deed.place.clone(),
                secrets: deed.secrets.iter().map(ToString::to_string).collect(),
                remote_names: deed.remote_names.iter().map(ToString::to_string).collect(),
                outcome: deed.outcome,
                choice: deed.choice.clone(),
                written,
                lost: deed.lost.iter().map(ToString::to_string).collect(),
                foreign: deed.foreign.iter().map(ToString::to_string).collect(),
                people: deed.people.clone(),
                run: deed.run.clone(),
                after: heads.iter().map(ToString::to_string).collect(),
            };
            let (line, mac) = log::write(key, &line);
            text.push_str(&line);
            heads = [mac].into();
        }
        let mut whole = before[..chain.whole_bytes].to_owned();
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        Ok(Addition { before, whole, text, heads })
    }

    /// Writes down what a push of this machine did that was interrupted before it could, as far as receipts tell.
    /// A log that cannot be read is an error before anything is pushed, for nothing could be written there either.
    pub fn recover(&self, who: &Who, at: Timestamp) -> Result<(), LogError> {
        let told = self.read()?.newest_write();
        if memory::read(self.layout, self.environment).unwrap_or_default().pushing.is_none() {
            return Ok(());
        }
        let receipts = self.receipts();
        let mut deeds: Vec<Deed> = Vec::new();
        for (place, name, receipt) in receipts.iter().filter(|(_, _, receipt)| Some(receipt.written) > told) {
            let (secret, name) = (receipt.secret.clone(), name.clone());
            match deeds.iter_mut().find(|deed| deed.place.as_deref() == Some(place)) {
                Some(deed) => {
                    deed.secrets.push(secret);
                    deed.remote_names.push(name);
                }
                None => deeds.push(Deed {
                    place: Some(place.to_owned()),
                    remote_names: vec![name],
                    choice: Some("of an interrupted push, told by its receipt".to_owned()),
                    ..Deed::in_vault(Action::Write, vec![secret])
                }),
            }
        }
        if deeds.is_empty() { self.end_push() } else { self.append(who, at, &deeds) }
    }

    /// Notes on this machine that a push begins, so that one that is interrupted is not taken for a log cut short.
    pub fn begin_push(&self, at: Timestamp) -> Result<(), LogError> {
        self.remember(|memory| memory.pushing = Some(at))
    }

    /// Notes that the push which was begun has nothing to write down.
    pub fn end_push(&self) -> Result<(), LogError> {
        self.remember(|memory| memory.pushing = None)
    }

    fn remember(&self, change: impl FnOnce(&mut Memory)) -> Result<(), LogError> {
        memory::change(self.layout, self.environment, change)
            .map_err(|source| LogError::Unwritable { file: self.layout.shown(&self.layout.seen()), source })
    }

    fn add(&self, text: &str) -> io::Result<()> {
        let path = self.layout.log(self.environment);
        let is_new = !path.exists();
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new { store::sync_folder_of(&path) } else { Ok(()) }
    }

    fn text(&self) -> Result<String, LogError> {
        let path = self.layout.log(self.environment);
        let content = store::read_record_if_present(&path)
            .map_err(|source| LogError::Unreadable { file: self.layout.shown(&path), source })?;
        // A byte that is no text makes its line a foreign one.
        Ok(String::from_utf8_lossy(&content.unwrap_or_default()).into_owned())
    }

    fn checked(&self, text: &str, written: Option<Timestamp>) -> Chain {
        // What is not remembered, or cannot be, is not looked for; the seal says the latter.
        let memory = memory::read(self.layout, self.environment).unwrap_or_default();
        let known = Known { seen: memory.heads, written, pushing: memory.pushing.is_some() };
        log::verify(self.key, self.environment, text, &known)
    }

    /// Returns when the newest write was that the receipts tell of.
    fn newest_write(&self) -> Option<Timestamp> {
        self.receipts().iter().map(|(_, _, receipt)| receipt.written).max()
    }

    /// Returns the same for a line that is about to be written: one that tells of less than the receipts would look like
    /// the last line of a log that was cut short.
    fn newest_write_or_why_not(&self) -> Result<Option<Timestamp>, LogError> {
        match receipts::read(self.layout, self.environment, self.key) {
            Ok(read) => Ok(read.receipts.iter().map(|(_, _, receipt)| receipt.written).max()),
            Err(ReceiptsError::Unreadable { file, source }) => Err(LogError::Unreadable { file, source }),
            Err(ReceiptsError::Malformed { .. } | ReceiptsError::Version { .. }) => Ok(None),
        }
    }

    /// Receipts that cannot be read tell of nothing; that is said elsewhere.
    fn receipts(&self) -> Receipts {
        receipts::read(self.layout, self.environment, self.key).map(|read| read.receipts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn adds_to_what_is_there_and_mends_what_a_crash_has_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let key = FingerprintKey::new(Zeroizing::new([7; 32]));
        let log = Log::of(&layout, &staging, &key);
        let at = "2026-11-20T08:00:00Z".parse().expect("a time");
        let add = || {
            log.append(&Who::default(), at, &[Deed::in_vault(Action::Set, Vec::new())]).expect("adding");
        };
        add();
        add();
        let whole = std::fs::read_to_string(layout.log(&staging)).expect("a log");
        assert_eq!(log.read().expect("a log").entries.len(), 2);
        // A last line that was cut goes; one that only lacks its end stays.
        for (cut, left) in [(whole.len() - 9, 1), (whole.len() - 1, 2)] {
            memory::change(&layout, &staging, |memory| memory.heads.clear()).expect("forgetting");
            std::fs::write(layout.log(&staging), &whole[..cut]).expect("cutting");
            add();
            let chain = log.read().expect("a log");
            assert!(chain.is_whole(), "{:?}", chain.faults);
            assert_eq!(chain.entries.len(), left + 1);
        }
    }

    #[test]
    fn writes_no_line_that_would_tell_of_less_than_the_receipts() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        let key = FingerprintKey::new(Zeroizing::new([7; 32]));
        let log = Log::of(&layout, &staging, &key);
        let at = "2026-11-20T08:00:00Z".parse().expect("a time");
        // A folder in the place of the receipts is something that is there and cannot be read.
        store::make_folder(&layout.receipts(&staging)).expect("a folder");
        let added = log.append(&Who::default(), at, &[Deed::in_vault(Action::Set, Vec::new())]);
        assert!(matches!(added, Err(LogError::Unreadable { .. })), "{added:?}");
        assert!(!layout.log(&staging).exists());
    }
}
