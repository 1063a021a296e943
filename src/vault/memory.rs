//! `.undrift/seen.toml`: what this machine remembers of each environment's seal and log.
//!
//! A vault whose files are all put back to an older state is consistent in itself. A machine that has seen the newer
//! state can tell; one that sees the vault for the first time cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use vault_schema::seal::{SEEN_VERSION, Seen, SeenFile, SeenSeal};

use super::layout::Layout;
use super::store;
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::name::EnvironmentName;
use crate::domain::seal::{Remembered, Seal};

/// The file is there and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(".undrift/seen.toml cannot be read")]
pub struct Forgotten;

/// What this machine remembers of one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of its seal.
    pub seal: Remembered,
    /// The heads of its log.
    pub heads: BTreeSet<Fingerprint>,
    /// When a push was begun that has not written its log.
    pub pushing: Option<Timestamp>,
}

impl Memory {
    /// Remembers a seal that was seen, and the heads of the log if it is whole.
    pub fn saw(&mut self, key: &FingerprintKey, seal: &Seal, heads: Option<BTreeSet<Fingerprint>>) {
        if self.seal.newest.as_ref().is_none_or(|(_, serial, _)| *serial < seal.serial) {
            self.seal.newest = Some((key.id(), seal.serial, seal.whole));
        }
        if let Some(heads) = heads {
            self.heads = heads;
        }
    }

    /// Remembers a seal, and that every write that led to it has ended.
    pub fn sealed(&mut self, key: &FingerprintKey, seal: &Seal) {
        self.seal.newest = Some((key.id(), seal.serial, seal.whole));
        self.seal.begun.clear();
    }
}

/// Reads what is remembered of an environment; nothing where it was never seen.
pub fn read(layout: &Layout, environment: &EnvironmentName) -> Result<Memory, Forgotten> {
    file(layout)?.environments.get(environment.as_str()).map_or_else(|| Ok(Memory::default()), unfile)
}

/// Changes what is remembered of an environment. Nothing is written where nothing changes.
pub fn change(layout: &Layout, environment: &EnvironmentName, change: impl FnOnce(&mut Memory)) -> io::Result<()> {
    // What cannot be read is replaced: whoever got so far was told, and has accepted what is there in this environment.
    // Of the others nobody has accepted anything.
    let mut all = match file(layout) {
        Ok(all) => all,
        Err(Forgotten) => all_lost(layout)?,
    };
    let known = all.environments.get(environment.as_str()).map(unfile);
    let before = known.unwrap_or_else(|| Ok(Memory::default()));
    let mut memory = before.clone().unwrap_or_default();
    change(&mut memory);
    if before.as_ref() == Ok(&memory) && layout.seen().is_file() {
        return Ok(());
    }
    all.environments.insert(environment.to_string(), filed(&memory));
    store::make_folder(&layout.local())?;
    let body = toml::to_string(&all).map_err(io::Error::other)?;
    let text = format!(
        "# What this machine has seen of each environment's seal and log. Written by undrift; no values.\n{body}"
    );
    store::replace(&layout.seen(), text.as_bytes())
}

fn all_lost(layout: &Layout) -> io::Result<SeenFile> {
    let lost = |name: EnvironmentName| (name.to_string(), Seen { lost: true, ..Seen::default() });
    Ok(SeenFile { environments: layout.environments()?.into_iter().map(lost).collect(), ..empty() })
}

fn empty() -> SeenFile {
    SeenFile { version: SEEN_VERSION, environments: BTreeMap::new() }
}

fn file(layout: &Layout) -> Result<SeenFile, Forgotten> {
    let Some(content) = store::read_if_present(&layout.seen()).map_err(|_| Forgotten)? else { return Ok(empty()) };
    let text = std::str::from_utf8(&content).map_err(|_| Forgotten)?;
    toml::from_str(text).ok().filter(|file: &SeenFile| file.version == SEEN_VERSION).ok_or(Forgotten)
}

fn unfile(seen: &Seen) -> Result<Memory, Forgotten> {
    if seen.lost {
        return Err(Forgotten);
    }
    let fingerprint = |text: &String| Fingerprint::parse(text).ok_or(Forgotten);
    let newest = seen.seal.as_ref().map(|seal| Ok((seal.key_id.clone(), seal.serial, fingerprint(&seal.seal)?)));
    let begun = seen.begun.iter().map(|(file, mark)| Ok((file.clone(), fingerprint(mark)?)));
    Ok(Memory {
        seal: Remembered { newest: newest.transpose()?, begun: begun.collect::<Result<_, Forgotten>>()? },
        heads: seen.heads.iter().map(fingerprint).collect::<Result<_, _>>()?,
        pushing: seen.pushing,
    })
}

fn filed(memory: &Memory) -> Seen {
    let seal = memory.seal.newest.as_ref().map(|(key_id, serial, whole)| SeenSeal {
        key_id: key_id.clone(),
        serial: *serial,
        seal: whole.to_string(),
    });
    Seen {
        seal,
        heads: memory.heads.iter().map(ToString::to_string).collect(),
        pushing: memory.pushing,
        begun: memory.seal.begun.iter().map(|(file, mark)| (file.clone(), mark.to_string())).collect(),
        lost: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_each_environment_and_says_when_it_cannot() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let name = |text: &str| EnvironmentName::parse(text).expect("a name");
        let mark = Fingerprint::parse(&"0a".repeat(32)).expect("digits");
        assert_eq!(read(&layout, &name("staging")), Ok(Memory::default()));
        let memory = Memory {
            seal: Remembered {
                newest: Some(("id".to_owned(), 7, mark)),
                begun: [("a.toml.age".to_owned(), mark)].into(),
            },
            heads: [mark].into(),
            pushing: Some("2026-11-20T08:00:00Z".parse().expect("a time")),
        };
        change(&layout, &name("staging"), |known| *known = memory.clone()).expect("writing");
        change(&layout, &name("blue.green"), |known| known.pushing = None).expect("writing");
        assert_eq!(read(&layout, &name("staging")), Ok(memory));
        assert_eq!(read(&layout, &name("blue.green")), Ok(Memory::default()));
        for broken in ["version = 2\n", "nonsense", "version = 1\n[environments.staging]\nheads = [\"x\"]\n"] {
            std::fs::write(layout.seen(), broken).expect("writing");
            assert_eq!(read(&layout, &name("staging")), Err(Forgotten), "{broken}");
        }
        // One is looked at and accepted; nobody has looked at the other, and one that is new was never forgotten.
        for folder in ["staging", "production"] {
            store::make_folder(&layout.environment(&name(folder))).expect("a folder");
        }
        std::fs::write(layout.seen(), "nonsense").expect("writing");
        change(&layout, &name("staging"), |known| known.heads.clear()).expect("writing");
        assert_eq!(read(&layout, &name("staging")), Ok(Memory::default()));
        assert_eq!(read(&layout, &name("production")), Err(Forgotten));
        assert_eq!(read(&layout, &name("review")), Ok(Memory::default()));
        change(&layout, &name("production"), |known| known.heads.clear()).expect("writing");
        assert_eq!(read(&layout, &name("production")), Ok(Memory::default()));
    }
}
