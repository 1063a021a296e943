//! `seal.toml` on the disk, and writing files under it.
//!
//! A file is written in four steps, each of them atomic: a mark in `.undrift/` that tells our own write from anybody
//! else's, the file, the seal, and the mark is taken away. A crash before the seal leaves a file that the seal does not
//! know and the mark does: it is used by nobody, and the next write or `undrift seal` takes it up.

use std::io;
use std::path::Path;

use vault_schema::seal::{SealFile, VERSION};

use super::group::line_at;
use super::layout::Layout;
use super::memory;
use super::store::{self, ReadError};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::name::EnvironmentName;
use crate::domain::seal::{
    self, Breach, BreachKind, ContentHash, Contents, Damage, KEY_FILE, RECIPIENTS_FILE, Recorded, Remembered, Seal,
};

/// Why files may not be written under a seal, or were not.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The seal does not vouch for what the write would build on.
    #[error("{file} {breach}")]
    Broken {
        /// The environment.
        environment: EnvironmentName,
        /// The file.
        file: String,
        /// What is wrong with it.
        breach: BreachKind,
    },
    /// There is a seal and no key to make the next one with.
    #[error("the fingerprint key of `{0}` cannot be read, so nothing may be written")]
    NoKey(EnvironmentName),
    /// The operating system refused.
    #[error("cannot write {file}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

impl SealError {
    /// Returns the refusal to build on a file that the seal does not vouch for.
    pub fn broken(layout: &Layout, environment: &EnvironmentName, breach: &Breach) -> Self {
        let file = layout.shown(&layout.environment(environment).join(&breach.file));
        Self::Broken { environment: environment.clone(), file, breach: breach.kind.clone() }
    }
}

/// What was read of an environment's seal, and how it compares with the files.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What `seal.toml` says.
    pub recorded: Recorded,
    /// The files that were found.
    pub contents: Contents,
    /// Where the two do not agree.
    pub breaches: Vec<Breach>,
}

impl Sealed {
    /// Reads the seal and compares it with these files.
    pub fn compare(
        layout: &Layout,
        environment: &EnvironmentName,
        key: Option<&FingerprintKey>,
        contents: Contents,
    ) -> Self {
        let recorded = read(layout, environment);
        let (recorded, remembered) = match memory::read(layout, environment) {
            Ok(memory) => (recorded, memory.seal),
            Err(memory::Forgotten) => (Recorded::Damaged(Damage::Memory, recorded.serial()), Remembered::default()),
        };
        let breaches = seal::compare(key, environment, &recorded, &contents, &remembered);
        Self { recorded, contents, breaches }
    }

    /// Returns whether the content of a file may not be used.
    pub fn sets_aside(&self, file: &str) -> bool {
        self.breaches.iter().any(|b| b.kind.voids_all() || (b.file == file && b.kind.sets_aside()))
    }

    /// Returns whether nobody has sealed the environment yet.
    pub fn is_unsealed(&self) -> bool {
        self.recorded == Recorded::Absent
    }

    /// Returns the seal, if it is one.
    pub fn valid(&self) -> Option<&Seal> {
        match &self.recorded {
            Recorded::Read(seal) if !self.breaches.iter().any(|breach| breach.kind.voids_all()) => Some(seal),
            _ => None,
        }
    }

    /// Returns the files of our own writes that were interrupted before they were sealed.
    pub fn unfinished(&self) -> impl Iterator<Item = &str> {
        let unfinished = self.breaches.iter().filter(|breach| breach.kind == BreachKind::Unfinished);
        unfinished.map(|breach| breach.file.as_str())
    }
}

/// Reads `seal.toml`.
pub fn read(layout: &Layout, environment: &EnvironmentName) -> Recorded {
    let content = match store::read_if_present(&layout.seal(environment)) {
        Ok(None) => return Recorded::Absent,
        Ok(Some(content)) => content,
        Err(ReadError::TooLarge(_)) => return Recorded::Damaged(Damage::TooLarge, 0),
        Err(ReadError::Io(error)) => return Recorded::Damaged(Damage::Unreadable(error.kind()), 0),
    };
    let text = String::from_utf8_lossy(&content);
    let damaged = |damage| Recorded::Damaged(damage, serial_in(&text));
    let file: SealFile = match toml::from_str(&text) {
        Ok(file) => file,
        Err(error) => {
            let line = line_at(text.as_bytes(), error.span().map_or(0, |span| span.start));
            return damaged(Damage::Malformed { line });
        }
    };
    if file.version != VERSION {
        return damaged(Damage::Version(file.version));
    }
    let fingerprint = |text: &str| Fingerprint::parse(text).filter(|fingerprint| fingerprint.to_string() == text);
    let bad = |mac: &str| damaged(Damage::Malformed { line: line_at(text.as_bytes(), text.find(mac).unwrap_or(0)) });
    let Some(whole) = fingerprint(&file.seal) else { return bad(&file.seal) };
    let mut files = std::collections::BTreeMap::new();
    for (name, mac) in file.files {
        let Some(line) = fingerprint(&mac) else { return bad(&mac) };
        files.insert(name, line);
    }
    Recorded::Read(Seal { serial: file.serial, files, whole })
}

/// Returns the highest number of a file that is no seal, such as the two that git leaves of two branches.
fn serial_in(text: &str) -> u64 {
    let numbers = text.lines().filter_map(|line| line.trim().strip_prefix("serial = ")?.parse().ok());
    numbers.max().unwrap_or_default()
}

/// Writes `seal.toml`, and remembers it.
pub fn write(
    layout: &Layout,
    environment: &EnvironmentName,
    key: &FingerprintKey,
    seal: &Seal,
) -> Result<(), SealError> {
    let path = layout.seal(environment);
    let unwritable = |file: &Path, source| SealError::Unwritable { file: layout.shown(file), source };
    let text = render(environment, seal).map_err(|error| unwritable(&path, error))?;
    store::replace(&path, text.as_bytes()).map_err(|source| unwritable(&path, source))?;
    memory::change(layout, environment, |memory| memory.sealed(key, seal))
        .map_err(|source| unwritable(&layout.seen(), source))
}

/// Returns the text of `seal.toml`.
pub fn render(environment: &EnvironmentName, seal: &Seal) -> io::Result<String> {
    let file = SealFile {
        version: VERSION,
        serial: seal.serial,
        seal: seal.whole.to_string(),
        files: seal.files.iter().map(|(file, line)| (file.clone(), line.to_string())).collect(),
    };
    let body = toml::to_string(&file).map_err(io::Error::other)?;
    Ok(format!(
        "# The files that somebody who can read this environment has vouched for, each with an HMAC under its key.\n\
         # Written by undrift; after a merge of two branches, `undrift seal -e {environment}` puts it right.\n{body}"
    ))
}

/// A number that no vault reaches: where one stands, somebody forged the seal, and it is not counted on from.
const HIGHEST: u64 = 1 << 48;

/// Seals the files as they are: whoever calls this has looked at them.
pub fn accept(
    layout: &Layout,
    environment: &EnvironmentName,
    key: &FingerprintKey,
    sealed: &Sealed,
) -> Result<Seal, SealError> {
    let seen = memory::read(layout, environment).ok().and_then(|memory| memory.seal.newest);
    let known = [sealed.recorded.serial(), seen.map_or(0, |(_, serial, _)| serial)];
    let serial = known.into_iter().filter(|serial| *serial < HIGHEST).max().unwrap_or_default() + 1;
    let lines = sealed.contents.iter().filter_map(|(file, hash)| Some((file, hash?)));
    let lines = lines.map(|(file, hash)| (file.to_owned(), seal::line(key, environment, file, hash))).collect();
    let seal = Seal::new(key, environment, serial, lines);
    write(layout, environment, key, &seal)?;
    Ok(seal)
}

/// An environment's seal while files are written under it. The project's lock is held meanwhile.
#[derive(Debug)]
pub struct Sealing<'a> {
    layout: &'a Layout,
    environment: &'a EnvironmentName,
    /// The seal with its key; none for an environment that nobody has sealed, where files are written and not sealed.
    seal: Option<(&'a FingerprintKey, Seal)>,
}

impl<'a> Sealing<'a> {
    /// Checks that files may be written, and takes up writes of our own that were interrupted.
    pub fn open(
        layout: &'a Layout,
        environment: &'a EnvironmentName,
        key: Option<&'a FingerprintKey>,
        sealed: &Sealed,
    ) -> Result<Self, SealError> {
        let Recorded::Read(seal) = &sealed.recorded else {
            let broken = sealed.breaches.iter().find(|breach| breach.kind.voids_all());
            let broken = broken.map(|breach| SealError::broken(layout, environment, breach));
            return broken.map_or(Ok(Self { layout, environment, seal: None }), Err);
        };
        let decides = |breach: &&Breach| {
            let is_others = !matches!(breach.kind, BreachKind::Unfinished);
            breach.kind.voids_all() || (is_others && matches!(breach.file.as_str(), RECIPIENTS_FILE | KEY_FILE))
        };
        if let Some(breach) = sealed.breaches.iter().find(decides) {
            return Err(SealError::broken(layout, environment, breach));
        }
        let Some(key) = key else { return Err(SealError::NoKey(environment.clone())) };
        let unfinished: Vec<_> = sealed
            .unfinished()
            .filter_map(|file| sealed.contents.iter().find(|(name, _)| *name == file))
            .filter_map(|(file, hash)| Some((file.to_owned(), hash?)))
            .collect();
        let mut seal = seal.clone();
        if !unfinished.is_empty() {
            seal = seal.with(key, environment, unfinished);
            write(layout, environment, key, &seal)?;
        }
        Ok(Self { layout, environment, seal: Some((key, seal)) })
    }

    /// Checks that a file which is about to be edited is the one that was sealed.
    pub fn vouches_for(&self, path: &Path, content: Option<&[u8]>) -> Result<(), SealError> {
        let Some((key, seal)) = &self.seal else { return Ok(()) };
        let file = name_of(path);
        let kind = match (seal.files.get(&file), content.map(ContentHash::of)) {
            (Some(line), Some(hash)) if *line == seal::line(key, self.environment, &file, hash) => return Ok(()),
            (None, None) => return Ok(()),
            (Some(_), Some(_)) => BreachKind::Altered,
            (None, Some(_)) => BreachKind::Added,
            (Some(_), None) => BreachKind::Removed,
        };
        Err(SealError::broken(self.layout, self.environment, &Breach { file, kind }))
    }

    /// Writes a file and its line of the seal; the lines of all others stay as they are.
    pub fn write(&mut self, path: &Path, content: &[u8], is_new: bool) -> Result<(), SealError> {
        let unwritable = |file: &Path, source| SealError::Unwritable { file: self.layout.shown(file), source };
        let put = || if is_new { store::create(path, content) } else { store::replace(path, content) };
        let Some((key, seal)) = &mut self.seal else { return put().map_err(|source| unwritable(path, source)) };
        let (file, hash) = (name_of(path), ContentHash::of(content));
        let mark = seal::begun(key, self.environment, seal.serial + 1, &file, hash);
        memory::change(self.layout, self.environment, |memory| {
            memory.seal.begun.insert(file.clone(), mark);
        })
        .map_err(|source| unwritable(&self.layout.seen(), source))?;
        put().map_err(|source| unwritable(path, source))?;
        *seal = seal.with(key, self.environment, [(file, hash)]);
        write(self.layout, self.environment, key, seal)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn a_write_seals_its_own_file_and_builds_on_none_that_was_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let key = FingerprintKey::new(Zeroizing::new([7; 32]));
        let path = |name: &str| layout.environment(&staging).join(name);
        let sealed = |files: &[(&str, &str)]| {
            let mut contents = Contents::default();
            for (file, content) in files {
                contents.add((*file).to_owned(), Some(ContentHash::of(content.as_bytes())));
            }
            Sealed::compare(&layout, &staging, Some(&key), contents)
        };
        accept(&layout, &staging, &key, &sealed(&[("a.toml.age", "A"), ("b.toml.age", "B")])).expect("sealing");
        // The neighbour was forged since, and stays so.
        let found = sealed(&[("a.toml.age", "A"), ("b.toml.age", "forged")]);
        let mut sealing = Sealing::open(&layout, &staging, Some(&key), &found).expect("a seal");
        for (file, content, is_right) in [
            ("a.toml.age", Some("A"), true),
            ("a.toml.age", Some("B"), false),
            ("a.toml.age", None, false),
            ("b.toml.age", Some("forged"), false),
            ("c.toml.age", None, true),
            ("c.toml.age", Some("C"), false),
        ] {
            let vouched = sealing.vouches_for(&path(file), content.map(str::as_bytes));
            assert_eq!(vouched.is_ok(), is_right, "{file} {content:?}");
        }
        sealing.write(&path("c.toml.age"), b"C", true).expect("writing");
        let kinds = |files: &[(&str, &str)]| {
            sealed(files).breaches.into_iter().map(|breach| (breach.file, breach.kind)).collect::<Vec<_>>()
        };
        assert_eq!(
            kinds(&[("a.toml.age", "A"), ("b.toml.age", "forged"), ("c.toml.age", "C")]),
            [("b.toml.age".to_owned(), BreachKind::Altered)]
        );
        let memory = memory::read(&layout, &staging).expect("a memory");
        assert_eq!(memory.seal.newest.map(|(_, serial, _)| serial), Some(2));
        assert!(memory.seal.begun.is_empty());
        // A number that only a forger would write is not counted on from.
        std::fs::write(layout.seal(&staging), format!("serial = {}\n", i64::MAX)).expect("writing");
        let again = accept(&layout, &staging, &key, &sealed(&[("a.toml.age", "A")])).expect("sealing");
        assert_eq!(again.serial, 3);
    }

    #[test]
    fn every_character_of_the_file_that_says_something_is_vouched_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let key = FingerprintKey::new(Zeroizing::new([7; 32]));
        let mut contents = Contents::default();
        contents.add("a.toml.age".to_owned(), Some(ContentHash::of(b"A")));
        contents.add("key.age".to_owned(), Some(ContentHash::of(b"K")));
        let first = Sealed { recorded: Recorded::Absent, contents: contents.clone(), breaches: Vec::new() };
        accept(&layout, &staging, &key, &first).expect("sealing");
        let breaches = || Sealed::compare(&layout, &staging, Some(&key), contents.clone()).breaches;
        assert_eq!(breaches(), []);
        let whole = std::fs::read_to_string(layout.seal(&staging)).expect("the seal");
        let body = whole.find("version").expect("its first key");
        for (index, character) in whole.char_indices().filter(|(index, _)| *index >= body) {
            for other in ['0', 'A', '"', '\n'] {
                let text = format!("{}{other}{}", &whole[..index], &whole[index + character.len_utf8()..]);
                // What only parts keys and lines from each other says nothing.
                let says_the_same = toml::from_str::<toml::Table>(&text).ok() == toml::from_str(&whole).ok();
                std::fs::write(layout.seal(&staging), &text).expect("writing");
                assert_eq!(breaches().is_empty(), says_the_same, "{text}");
            }
        }
        for merged in ["<<<<<<< HEAD\nserial = 8\n=======\nserial = 9\n>>>>>>> other\n", "", "version = 2\n"] {
            std::fs::write(layout.seal(&staging), merged).expect("writing");
            assert!(breaches()[0].kind.voids_all());
        }
        std::fs::write(layout.seal(&staging), "<<<<<<< HEAD\nserial = 8\n=======\nserial = 9\n").expect("writing");
        assert_eq!(read(&layout, &staging).serial(), 9);
    }
}
