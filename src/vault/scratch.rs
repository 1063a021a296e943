//! A folder of our own for plain text that another program has to read: in memory where there is such a place, for us
//! alone, overwritten and removed at the end. A run that was killed leaves it behind, and the next one removes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::store::{self, ReadError};

/// How such folders begin.
const PREFIX: &str = "undrift-edit-";

/// The file whose lock tells that a run still uses the folder.
const LOCK: &str = ".lock";

/// A folder, which is wiped when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: Arc<Folder>,
    /// Whether it lies in memory.
    pub is_in_memory: bool,
    _lock: File,
}

/// The folder itself, for whoever may have to wipe it in the middle of everything.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Overwrites and removes everything in it, and the folder. One that is gone is no error.
    pub fn wipe(&self) -> io::Result<()> {
        wipe(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whoever has to know has called `Scratch::end`.
        let _ = self.folder.wipe();
    }
}

impl Scratch {
    /// Makes a folder in the first of these places that lies in memory and takes one, or else in the last.
    pub fn make(places: &[PathBuf]) -> io::Result<Self> {
        let in_memory = places.iter().filter(|place| is_in_memory(place)).map(|place| (place, true));
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (place, is_in_memory) in in_memory.chain(places.last().map(|place| (place, is_in_memory(place)))) {
            match make_in(place) {
                Ok((folder, lock)) => return Ok(Self { folder: Arc::new(Folder(folder)), is_in_memory, _lock: lock }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Returns the folder.
    pub fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }

    /// Returns where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Puts a text into a file, for us alone.
    pub fn put(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        wipe_file(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?.write_all(text)
    }

    /// Reads a file back.
    pub fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        store::read(&self.path(name)).map(Zeroizing::new)
    }

    /// Wipes it, and says if that could not be done.
    pub fn end(&self) -> io::Result<()> {
        self.folder.wipe()
    }
}

/// Removes what killed runs have left in these places, and returns the folders.
pub fn sweep(places: &[PathBuf]) -> Vec<PathBuf> {
    let entries = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)).map(|it| it.path());
    let mut swept: Vec<PathBuf> = ours.filter(|folder| is_left_over(folder) && wipe(folder).is_ok()).collect();
    swept.sort();
    swept.dedup();
    swept
}

/// A folder whose lock nobody holds. One without a lock is about to get it.
fn is_left_over(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir() && is_our_own(&metadata))
        && File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(unix)]
fn is_our_own(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(metadata) == rustix::process::geteuid().as_raw()
}

/// Temporary folders are each person's own here.
#[cfg(not(unix))]
fn is_our_own(_metadata: &fs::Metadata) -> bool {
    true
}

fn make_in(place: &Path) -> io::Result<(PathBuf, File)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = builder.tempdir_in(place)?;
    // The lock gets its name when it is held: whoever finds it free knows that its holder has ended.
    let new = folder.path().join(".lock-new");
    let lock = File::create_new(&new)?;
    lock.try_lock().map_err(io::Error::from)?;
    fs::rename(&new, folder.path().join(LOCK))?;
    Ok((folder.keep(), lock))
}

#[cfg(target_os = "linux")]
fn is_in_memory(place: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    // Its width differs from platform to platform.
    rustix::fs::statfs(place).is_ok_and(|found| [TMPFS, RAMFS].map(i128::from).contains(&i128::from(found.f_type)))
}

/// No other system has such a place that is always there.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(_place: &Path) -> bool {
    false
}

fn wipe(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.flatten() {
        // A link is removed, and not followed.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => wipe(&entry.path())?,
            _ => wipe_file(&entry.path()),
        }
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Overwrites a file and removes it, as far as that can be done.
fn wipe_file(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        let _ = overwrite(path);
    }
    let _ = fs::remove_file(path);
}

fn overwrite(path: &Path) -> io::Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut left = file.seek(io::SeekFrom::End(0))?;
    file.rewind()?;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(ZEROS.len()).min(ZEROS.len());
        file.write_all(&ZEROS[..length])?;
        left -= length as u64;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn left(place: &tempfile::TempDir) -> usize {
        fs::read_dir(place.path()).expect("a folder").count()
    }

    #[test]
    fn everything_in_it_goes_with_it() {
        let place = place();
        let scratch = Scratch::make(&[place.path().to_owned()]).expect("a folder");
        scratch.put("a.toml", b"canary").expect("writing");
        scratch.put("a.toml", b"shorter").expect("writing again");
        assert_eq!(scratch.read("a.toml").expect("reading").as_slice(), b"shorter");
        fs::write(scratch.path(".a.toml.swp"), "canary").expect("a swap file");
        fs::create_dir(scratch.path("deep")).expect("a folder");
        fs::write(scratch.path("deep").join("backup~"), "canary").expect("a backup");
        drop(scratch);
        assert_eq!(left(&place), 0);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_ours_alone_and_what_is_removed_is_overwritten() {
        use std::io::Read;
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (place, outside) = (place(), place());
        let scratch = Scratch::make(&[place.path().to_owned()]).expect("a folder");
        scratch.put("a.toml", b"canary").expect("writing");
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!((mode(&scratch.folder.0), mode(&scratch.path("a.toml"))), (0o700, 0o600));
        let theirs = outside.path().join("theirs");
        fs::write(&theirs, "not ours").expect("writing");
        symlink(&theirs, scratch.path("link")).expect("a link");
        symlink(outside.path(), scratch.path("linked")).expect("a link");
        let mut seen = File::open(scratch.path("a.toml")).expect("an open file");
        scratch.end().expect("wiping");
        let mut content = Vec::new();
        seen.read_to_end(&mut content).expect("reading");
        assert_eq!(content, [0; 6]);
        assert_eq!(fs::read_to_string(&theirs).expect("a file"), "not ours");
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_is_in_use_is_not() {
        let place = place();
        let places = [place.path().to_owned()];
        let used = Scratch::make(&places).expect("a folder");
        let (killed, lock) = make_in(place.path()).expect("a folder");
        fs::write(killed.join("a.toml"), "canary").expect("writing");
        assert!(sweep(&places).is_empty());
        // The end of a process ends its locks.
        drop(lock);
        fs::create_dir(place.path().join("undrift-edit-begun")).expect("a folder");
        assert_eq!(sweep(&places), [killed]);
        assert!(used.path(LOCK).exists());
        assert_eq!(left(&place), 2);
    }
}
