//! What a push leaves on the disk as it goes: an intent before each write, a receipt once the place shows it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::domain::fingerprint::FingerprintKey;
use crate::domain::intent::Intent;
use crate::domain::name::{EnvironmentName, RemoteName};
use crate::domain::place::Place;
use crate::domain::receipt::{Receipt, Receipts, Removal};
use crate::vault::journal::Journal;
use crate::vault::layout::Layout;
use crate::vault::receipts;

/// Notes intents in the journal, and files receipts in every environment's `receipts.toml`.
#[derive(Debug)]
pub struct Recorder<'a> {
    layout: &'a Layout,
    journal: &'a Journal,
    keys: BTreeMap<EnvironmentName, &'a FingerprintKey>,
    books: RefCell<BTreeMap<EnvironmentName, Receipts>>,
}

impl<'a> Recorder<'a> {
    /// Takes the receipts there are.
    pub fn new(
        layout: &'a Layout,
        journal: &'a Journal,
        books: impl IntoIterator<Item = (EnvironmentName, &'a FingerprintKey, Receipts)>,
    ) -> Self {
        let mut keys = BTreeMap::new();
        let mut receipts = BTreeMap::new();
        for (name, key, book) in books {
            keys.insert(name.clone(), key);
            receipts.insert(name, book);
        }
        Self { layout, journal, keys, books: RefCell::new(receipts) }
    }

    /// Notes writes that are about to be sent. Without that, none may be.
    pub fn begin(&self, intents: &[Intent]) -> io::Result<()> {
        self.journal.begin(intents).map_err(|error| self.about(self.journal.path(), &error))
    }

    /// Strikes out writes whose end was seen.
    pub fn end(&self, intents: &[Intent]) -> io::Result<()> {
        self.journal.end(intents).map_err(|error| self.about(self.journal.path(), &error))
    }

    /// Files new receipts and removals of one place, takes back the receipts of names it no longer holds, and writes
    /// the file.
    pub fn record(
        &self,
        place: &Place,
        filed: impl IntoIterator<Item = (RemoteName, Receipt)>,
        removed: impl IntoIterator<Item = (RemoteName, Removal)>,
        retired: &[RemoteName],
    ) -> io::Result<()> {
        let mut books = self.books.borrow_mut();
        let found = self.keys.get(&place.environment).zip(books.get_mut(&place.environment));
        let Some((key, receipts)) = found else { return Ok(()) };
        let before = receipts.clone();
        for (name, receipt) in filed {
            receipts.insert(place.location.to_string(), name, receipt);
        }
        for name in retired {
            receipts.remove(&place.location, name);
        }
        for (name, removal) in removed {
            receipts.insert_removal(place.location.to_string(), name, removal);
        }
        if *receipts == before {
            return Ok(());
        }
        self.write(&place.environment, key, receipts)
    }

    /// Writes the receipts of an environment as they stand.
    pub fn save(&self, environment: &EnvironmentName) -> io::Result<()> {
        let books = self.books.borrow();
        let Some((key, receipts)) = self.keys.get(environment).zip(books.get(environment)) else { return Ok(()) };
        self.write(environment, key, receipts)
    }

    /// Forgets removals of one place that have nothing left to say, and writes the file.
    pub fn forget(&self, place: &Place, removals: &[RemoteName]) -> io::Result<()> {
        let mut books = self.books.borrow_mut();
        let found = self.keys.get(&place.environment).zip(books.get_mut(&place.environment));
        let Some((key, receipts)) = found.filter(|_| !removals.is_empty()) else { return Ok(()) };
        for name in removals {
            receipts.forget_removal(&place.location, name);
        }
        self.write(&place.environment, key, receipts)
    }

    fn write(&self, environment: &EnvironmentName, key: &FingerprintKey, receipts: &Receipts) -> io::Result<()> {
        let written = receipts::write(self.layout, environment, key, receipts);
        written.map_err(|error| self.about(&self.layout.receipts(environment), &error))
    }

    /// Adds which file it is about, which the operating system does not say.
    fn about(&self, path: &Path, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.layout.shown(path)))
    }
}
