//! Encrypting every file of an environment anew, all at once: after a crash at any point all files are the old ones, or
//! all are the new ones.
//!
//! The new files are written into a folder of their own, which one rename then gives the name under which it counts. From
//! that moment on a reader takes each file from there, if it is there, and from its old place otherwise, which comes to
//! the new files alone. They are renamed into their places right away, or by whoever takes the lock next: that takes no
//! key. An audit takes no part in it, and reads both places.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::crypt::{self, OpenError};
use super::identity::Identities;
use super::layout::{COMING, Layout, is_own_folder};
use super::log::{Log, LogError};
use super::memory;
use super::read::Environment;
use super::receipts::{self, ReceiptsError};
use super::recipients::{RecipientError, Recipients};
use super::rotation;
use super::seal::{self, SealError};
use super::store::{self, ReadError};
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::log::{Deed, Who};
use crate::domain::name::EnvironmentName;
use crate::domain::seal::{self as sealing, ContentHash, KEY_FILE, RECIPIENTS_FILE, ROTATION_FILE, SEAL_FILE, Seal};

/// How the folder is called while it is written.
const UNFINISHED: (&str, &str) = (".undrift-", ".new");

/// Why nothing was encrypted anew, where not said otherwise. Every file is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum ReencryptError {
    /// A file could not be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// A file could not be opened.
    #[error("cannot open {file}")]
    Closed {
        /// The file.
        file: String,
        /// Why.
        source: OpenError,
    },
    /// A file is not the one that was looked at.
    #[error("{0} was changed by another program in this moment; nothing was written")]
    Moved(String),
    /// A file is a link to one that lies elsewhere.
    #[error("{0} is a link, and what it leads to cannot be replaced together with the other files")]
    Link(String),
    /// Nothing could be encrypted for the recipients.
    #[error("cannot encrypt {file}")]
    Unencrypted {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// What would be the list of recipients is none.
    #[error(transparent)]
    Recipients(#[from] RecipientError),
    /// The receipts could not be carried over.
    #[error(transparent)]
    Receipts(#[from] ReceiptsError),
    /// The log could not be carried over.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The files are not those that were sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The operating system refused.
    #[error("cannot write to {folder}")]
    Unwritable {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// The new files are complete and count, and are not all in their places.
    #[error("the new files of {folder} are written and count, and cannot be put in place; the next write does that")]
    Unplaced {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// It is done, and this machine does not remember it.
    #[error("it was done, and cannot be remembered in {file}")]
    Unremembered {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// What is to change of an environment.
#[derive(Debug)]
pub struct Change<'a> {
    /// Where things are.
    pub layout: &'a Layout,
    /// The environment as it was read, every file of which is sealed.
    pub found: &'a Environment,
    /// Its key.
    pub key: &'a FingerprintKey,
    /// The next generation of the key, where somebody knows the key who may not know it any more.
    pub next_key: Option<&'a FingerprintKey>,
    /// The new text of `recipients.txt`.
    pub recipients: &'a str,
    /// Who does it.
    pub who: &'a Who,
    /// When.
    pub at: Timestamp,
}

impl Change<'_> {
    /// Encrypts every file anew, seals them, carries receipts and log over, and puts everything in place. The project's
    /// lock is held meanwhile. Returns how many files with values there are.
    pub fn apply(&self, deed: Deed, identities: &Identities) -> Result<usize, ReencryptError> {
        let (layout, name) = (self.layout, &self.found.inventory.environment);
        let key = self.next_key.unwrap_or(self.key);
        let recipients = Recipients::parse(self.recipients)?;
        let encrypt = |file: &str, plaintext: &[u8]| {
            let encrypted = crypt::seal(plaintext, &recipients.keys);
            encrypted.map_err(|source| ReencryptError::Unencrypted { file: file.to_owned(), source })
        };
        let folder = layout.environment(name);
        let unwritable = |source| ReencryptError::Unwritable { folder: layout.shown(&folder), source };
        let mut files = BTreeMap::new();
        files.insert(RECIPIENTS_FILE.to_owned(), self.recipients.as_bytes().to_vec());
        files.insert(KEY_FILE.to_owned(), encrypt(&layout.shown(&layout.key(name)), key.expose())?);
        let groups = layout.groups(name).map_err(unwritable)?;
        for group in &groups {
            let plaintext = self.plaintext(&group.path, identities)?;
            files.insert(group.name().to_owned(), encrypt(&group.shown, &plaintext)?);
        }
        let path = layout.rotation(name);
        let rotation = if path.exists() { Some(self.sealed(&path)?) } else { None };
        let rotation = match (rotation, self.next_key) {
            (Some(content), Some(key)) => {
                Some(rotation::carried(name, &content, key).map_err(unwritable)?.into_bytes())
            }
            (rotation, _) => rotation,
        };
        files.extend(rotation.map(|content| (ROTATION_FILE.to_owned(), content)));
        let lines = files.iter().map(|(file, content)| {
            let line = sealing::line(key, name, file, ContentHash::of(content));
            (file.clone(), line)
        });
        let seal = Seal::new(key, name, self.found.sealed.recorded.serial() + 1, lines.collect());
        files.insert(SEAL_FILE.to_owned(), seal::render(name, &seal).map_err(unwritable)?.into_bytes());
        let (log, heads) = Log::of(layout, name, self.key).extended(key, self.who, self.at, deed)?;
        files.insert(name_of(&layout.log(name)), log.into_bytes());
        if self.next_key.is_some() {
            let read = receipts::read(layout, name, self.key)?;
            // Those of a key that is not there say nothing, and stay as they are.
            if !read.foreign && layout.receipts(name).exists() {
                let receipts = receipts::render(key, &read.receipts.carried(key)).map_err(unwritable)?;
                files.insert(name_of(&layout.receipts(name)), receipts.into_bytes());
            }
        }
        for file in files.keys() {
            let path = folder.join(file);
            if path.is_symlink() {
                return Err(ReencryptError::Link(layout.shown(&path)));
            }
        }
        stage(layout, name, &files).map_err(unwritable)?;
        put_in_place(&layout.coming(name), &folder)
            .map_err(|source| ReencryptError::Unplaced { folder: layout.shown(&folder), source })?;
        memory::change(layout, name, |memory| {
            memory.sealed(key, &seal);
            memory.heads = heads;
            memory.pushing = None;
        })
        .map_err(|source| ReencryptError::Unremembered { file: layout.shown(&layout.seen()), source })?;
        Ok(groups.len())
    }

    /// Opens a file, if it is the very one that was found good.
    fn plaintext(&self, path: &Path, identities: &Identities) -> Result<Zeroizing<Vec<u8>>, ReencryptError> {
        let ciphertext = self.sealed(path)?;
        let file = self.layout.shown(path);
        crypt::open(&ciphertext, &identities.keys).map_err(|source| ReencryptError::Closed { file, source })
    }

    /// Reads a file, if it is the very one that was found good.
    fn sealed(&self, path: &Path) -> Result<Vec<u8>, ReencryptError> {
        let file = self.layout.shown(path);
        let content = store::read(path).map_err(|source| ReencryptError::Unreadable { file: file.clone(), source })?;
        let (name, hash) = (name_of(path), ContentHash::of(&content));
        if !self.found.sealed.contents.iter().any(|found| found == (name.as_str(), Some(hash))) {
            return Err(ReencryptError::Moved(file));
        }
        Ok(content)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes files of an environment beside those that are there, and lets them count, all of them at once.
fn stage(layout: &Layout, environment: &EnvironmentName, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let folder = layout.environment(environment);
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED.0).suffix(UNFINISHED.1).tempdir_in(&folder)?;
    for (file, content) in files {
        let path = unfinished.path().join(file);
        store::create(&path, content)?;
        if cfg!(unix)
            && let Ok(old) = fs::metadata(folder.join(file))
        {
            fs::set_permissions(&path, old.permissions())?;
        }
    }
    let coming = layout.coming(environment);
    // From here on the new files count.
    fs::rename(unfinished.path(), &coming)?;
    // It has another name now, and nothing is left to remove.
    let _ = unfinished.keep();
    Ok(())
}

/// Renames the files that count into their places. However often it is begun and interrupted, the last time ends it.
fn put_in_place(coming: &Path, folder: &Path) -> io::Result<()> {
    // That they count has to be durable before any of them is in its place.
    store::sync_folder_of(coming)?;
    for file in names_in(coming)? {
        fs::rename(coming.join(&file), folder.join(&file))?;
    }
    store::sync_folder_of(&folder.join(RECIPIENTS_FILE))?;
    fs::remove_dir(coming)?;
    store::sync_folder_of(coming)
}

fn names_in(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

/// Ends what was interrupted, and returns the environments that it was for; what was not yet to count is removed. The
/// project's lock is held meanwhile.
pub fn settle(layout: &Layout) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let vault = layout.root().join("vault");
    let names = match names_in(&vault) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err((vault, error)),
    };
    let mut settled = Vec::new();
    for name in names {
        let folder = vault.join(&name);
        // An environment whose folder cannot be read is none that anything could be ended in.
        let Ok(found) = names_in(&folder) else { continue };
        for entry in found {
            let path = folder.join(&entry);
            let entry = entry.to_string_lossy();
            let of_folder = |error| (path.clone(), error);
            if !is_own_folder(&path) {
                continue;
            }
            if entry == COMING {
                put_in_place(&path, &folder).map_err(of_folder)?;
                settled.push(name.to_string_lossy().into_owned());
            } else if entry.starts_with(UNFINISHED.0) && entry.ends_with(UNFINISHED.1) {
                fs::remove_dir_all(&path).map_err(of_folder)?;
            }
        }
    }
    Ok(settled)
}

/// Returns whether files of an environment wait to be put in their places.
pub fn is_interrupted(layout: &Layout, environment: &EnvironmentName) -> bool {
    is_own_folder(&layout.coming(environment))
}

/// What is another one as soon as the files of an environment are others, or lie elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamp {
    coming: Option<BTreeSet<OsString>>,
    seal: Option<ContentHash>,
}

/// Returns what tells whether all that was read between two of these belongs together.
pub fn stamp(layout: &Layout, environment: &EnvironmentName) -> Stamp {
    let seal = store::read_if_present(&layout.seal(environment)).ok().flatten();
    Stamp { coming: names_in(&layout.coming(environment)).ok(), seal: seal.map(|content| ContentHash::of(&content)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (tempfile::TempDir, Layout, EnvironmentName, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        let environment = layout.environment(&staging);
        store::make_folder(&environment).expect("a folder");
        (folder, layout, staging, environment)
    }

    fn write(path: &Path, content: &str) {
        store::make_folder(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("writing");
    }

    #[test]
    fn what_waits_to_be_put_in_place_is_what_counts() {
        let (_folder, layout, staging, environment) = made();
        for file in ["recipients.txt", "a.toml.age", "b.env.age"] {
            write(&environment.join(file), "old");
        }
        let before = stamp(&layout, &staging);
        for file in ["recipients.txt", "a.toml.age", "c.toml.age"] {
            write(&layout.coming(&staging).join(file), "new");
        }
        assert!(is_interrupted(&layout, &staging));
        assert_ne!(stamp(&layout, &staging), before);
        let found = || -> Vec<(String, String)> {
            let groups = layout.groups(&staging).expect("groups");
            let read = |path: &Path| fs::read_to_string(path).expect("a file");
            let files = groups.into_iter().map(|group| (group.shown, read(&group.path)));
            let recipients = layout.recipients(&staging);
            files.chain([(layout.shown(&recipients), read(&recipients))]).collect()
        };
        let expected = [
            ("vault/staging/a.toml.age", "new"),
            ("vault/staging/b.env.age", "old"),
            ("vault/staging/c.toml.age", "new"),
            ("vault/staging/recipients.txt", "new"),
        ]
        .map(|(file, content)| (file.to_owned(), content.to_owned()));
        assert_eq!(found(), expected);
        // Half of it was done when it was interrupted again.
        fs::rename(layout.coming(&staging).join("a.toml.age"), environment.join("a.toml.age")).expect("renaming");
        assert_eq!(found(), expected);
        assert_eq!(settle(&layout).expect("settling"), ["staging"]);
        assert_eq!(found(), expected);
        assert!(!is_interrupted(&layout, &staging));
        assert_eq!(settle(&layout).expect("settling"), [""; 0]);
    }

    #[test]
    fn what_was_not_yet_to_count_is_removed() {
        let (_folder, layout, staging, environment) = made();
        write(&environment.join("a.toml.age"), "old");
        write(&environment.join(".undrift-abc.new").join("a.toml.age"), "new");
        write(&environment.join(".undrift-mine").join("a.toml.age"), "mine");
        let groups = layout.groups(&staging).expect("groups");
        assert_eq!(groups.iter().map(|group| group.shown.as_str()).collect::<Vec<_>>(), ["vault/staging/a.toml.age"]);
        assert_eq!(settle(&layout).expect("settling"), [""; 0]);
        let left: Vec<_> = names_in(&environment).expect("a folder").into_iter().collect();
        assert_eq!(left, [".undrift-mine", "a.toml.age"]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_moved_from_where_a_link_leads() {
        use std::os::unix::fs::symlink;
        let (folder, layout, staging, environment) = made();
        let theirs = folder.path().join("theirs");
        write(&theirs.join("id_ed25519"), "theirs");
        write(&theirs.join("recipients.txt"), "theirs");
        symlink(&theirs, layout.coming(&staging)).expect("a link");
        symlink(&theirs, environment.join(".undrift-abc.new")).expect("a link");
        assert_eq!(settle(&layout).expect("settling"), [""; 0]);
        assert_eq!(names_in(&theirs).expect("a folder").len(), 2);
        assert_eq!(layout.recipients(&staging), environment.join("recipients.txt"));
        assert!(!is_interrupted(&layout, &staging));
    }

    #[cfg(unix)]
    #[test]
    fn files_keep_their_modes_and_nothing_else_is_left() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, layout, staging, environment) = made();
        write(&environment.join("a.toml.age"), "old");
        fs::set_permissions(environment.join("a.toml.age"), fs::Permissions::from_mode(0o640)).expect("a mode");
        let files = [("a.toml.age".to_owned(), b"new".to_vec()), ("b.toml.age".to_owned(), b"new".to_vec())].into();
        stage(&layout, &staging, &files).expect("writing");
        assert_eq!(settle(&layout).expect("settling"), ["staging"]);
        let mode = |file: &str| fs::metadata(environment.join(file)).expect("a file").permissions().mode() & 0o777;
        assert_eq!((mode("a.toml.age"), mode("b.toml.age")), (0o640, 0o600));
        assert_eq!(names_in(&environment).expect("a folder").len(), 2);
    }
}
