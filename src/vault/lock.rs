//! The lock: one write at a time for one project on one machine.
//!
//! It is the operating system's own advisory lock, which ends with the process that holds it, so there is never a
//! stale one to delete by hand. The file says who holds it, for whoever has to wait.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::layout::Layout;
use super::{reencrypt, store};

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// The environments whose files were to be replaced together, which was interrupted and is done now.
    pub settled: Vec<String>,
}

/// Closing the file is not enough: a child that is just being started has a copy of it, and with it the lock.
impl Drop for Lock {
    fn drop(&mut self) {
        // Where it fails, the end of the process does the same.
        let _ = self.file.unlock();
    }
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another undrift is writing for this project: {holder}")]
    Held {
        /// Who, since when and with which process.
        holder: String,
    },
    /// What an earlier write has left could not be ended.
    #[error("an earlier write was interrupted, and what it left in {folder} cannot be put in place")]
    Unsettled {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused.
    #[error("cannot lock {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Takes the lock for a write, or says who has it. What an earlier write has left is put in place first.
pub fn acquire(layout: &Layout, who: &str, now: Timestamp) -> Result<Lock, LockError> {
    let mut lock = hold(layout, who, now)?;
    lock.settled = reencrypt::settle(layout)
        .map_err(|(folder, source)| LockError::Unsettled { folder: layout.shown(&folder), source })?;
    Ok(lock)
}

/// Takes the lock for what is not written to the vault, or says who has it.
pub fn hold(layout: &Layout, who: &str, now: Timestamp) -> Result<Lock, LockError> {
    let path = layout.local().join("lock");
    let refused = |source| LockError::Io { path: layout.shown(&path), source };
    store::make_folder(&layout.local()).map_err(refused)?;
    let mut file =
        OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim();
            let holder = if holder.is_empty() { "it has just begun" } else { holder };
            return Err(LockError::Held { holder: holder.to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(refused(source)),
    }
    let text = format!("{who}, process {}, since {}\n", std::process::id(), now.strftime("%Y-%m-%d %H:%M:%S UTC"));
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).map_err(refused)?;
    Ok(Lock { file, settled: Vec::new() })
}

/// Returns who has the lock, if anybody has. Nothing is made or changed.
pub fn holder(layout: &Layout) -> Option<String> {
    let mut file = File::open(layout.local().join("lock")).ok()?;
    match file.try_lock_shared() {
        // It ends with this file.
        Ok(()) | Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Some(holder.trim().to_owned())
        }
    }
}

/// Takes the lock for a change that is done in an instant, and waits a little for others to do theirs.
pub fn acquire_patiently(layout: &Layout, who: &str, now: Timestamp) -> Result<Lock, LockError> {
    const LOOKS: u32 = 40;
    for _ in 0..LOOKS {
        match acquire(layout, who, now) {
            Err(LockError::Held { .. }) => thread::sleep(Duration::from_millis(50)),
            other => return other,
        }
    }
    acquire(layout, who, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_who_has_it_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let now = "2026-11-20T08:00:00Z".parse().expect("a time");
        let lock = acquire(&layout, "alice", now).expect("a free lock");
        let error = acquire(&layout, "bob", now).expect_err("a held lock").to_string();
        let expected = format!(
            "another undrift is writing for this project: alice, process {}, since 2026-11-20 08:00:00 UTC",
            std::process::id()
        );
        assert_eq!(error, expected);
        drop(lock);
        assert!(acquire(&layout, "bob", now).is_ok());
    }

    #[test]
    fn it_ends_when_it_is_dropped_whoever_has_a_copy_of_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let now = "2026-11-20T08:00:00Z".parse().expect("a time");
        let lock = acquire(&layout, "alice", now).expect("a free lock");
        let _copy = lock.file.try_clone().expect("a copy, as a child has");
        drop(lock);
        assert!(acquire(&layout, "bob", now).is_ok());
    }
}
