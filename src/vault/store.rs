//! Reading and replacing files: capped reads, atomic writes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// The most that is read of any file that somebody writes, in bytes.
pub const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// The most that is read of what undrift itself keeps, in bytes: the receipts of a hundred thousand values are thirty
/// million.
const LARGEST_RECORD: u64 = 256 * 1024 * 1024;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Larger than this, in bytes.
    #[error("it is larger than {0} bytes, the most that is read")]
    TooLarge(u64),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a whole file, refusing one that is larger than any of ours can be.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    read_up_to(path, LARGEST_FILE)?.ok_or(ReadError::TooLarge(LARGEST_FILE))
}

/// Reads what undrift itself keeps, such as receipts.
pub fn read_record(path: &Path) -> Result<Vec<u8>, ReadError> {
    read_up_to(path, LARGEST_RECORD)?.ok_or(ReadError::TooLarge(LARGEST_RECORD))
}

/// Reads a whole file, or nothing of one that has more bytes than this.
pub fn read_up_to(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > most {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // The file may grow between the two calls, and a device has no size at all.
    file.take(most + 1).read_to_end(&mut content)?;
    Ok(Some(content).filter(|content| content.len() as u64 <= most))
}

/// Reads a file that may not be there.
pub fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    if_present(read(path))
}

/// Reads what undrift itself keeps and may not be there.
pub fn read_record_if_present(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    if_present(read_record(path))
}

fn if_present(content: Result<Vec<u8>, ReadError>) -> Result<Option<Vec<u8>>, ReadError> {
    match content {
        Ok(content) => Ok(Some(content)),
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file, or makes it: whoever reads it sees the old content or the new, never a part, and after a crash
/// the same holds. It keeps its mode, and a link stays a link: what it leads to is replaced.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(Readers::Owner, path, content)
}

/// Replaces or makes a file like [`replace`]; a new one may be read by whoever the umask lets.
pub fn replace_public(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(Readers::Umask, path, content)
}

fn replace_as(readers: Readers, path: &Path, content: &[u8]) -> io::Result<()> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let path = &if is_link { fs::canonicalize(path)? } else { path.to_owned() };
    let prepared = prepare(readers, path, content)?;
    if cfg!(unix)
        && let Ok(old) = fs::metadata(path)
        && old.permissions() != prepared.as_file().metadata()?.permissions()
    {
        prepared.as_file().set_permissions(old.permissions())?;
    }
    prepared.persist(path).map_err(|error| error.error)?;
    sync_folder_of(path)
}

/// Makes a file, and fails if there is one already.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    create_as(Readers::Owner, path, content)
}

/// Makes a file like [`create`], which may be read by whoever the umask lets.
pub fn create_public(path: &Path, content: &[u8]) -> io::Result<()> {
    create_as(Readers::Umask, path, content)
}

fn create_as(readers: Readers, path: &Path, content: &[u8]) -> io::Result<()> {
    let prepared = prepare(readers, path, content)?;
    prepared.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder_of(path)
}

/// Makes sure that a file can be made or replaced, and leaves nothing there.
pub fn try_to_write(path: &Path) -> io::Result<()> {
    prepare(Readers::Owner, path, b"").map(drop)
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug)]
enum Readers {
    /// Its owner: what is encrypted, or tells about it.
    Owner,
    /// Whoever the umask lets: what a project shares anyway.
    Umask,
}

fn prepare(readers: Readers, path: &Path, content: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    // The new file gets its mode when it is opened, and it lies in the same folder so that it can be renamed.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = match readers {
            Readers::Owner => 0o600,
            Readers::Umask => 0o666,
        };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut new = builder.prefix(".undrift-").suffix(".new").tempfile_in(folder_of(path))?;
    new.write_all(content)?;
    new.as_file().sync_all()?;
    Ok(new)
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename durable. Windows has no such call and needs none.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        replace(&path, b"one").expect("writing");
        replace(&path, b"two").expect("writing again");
        assert_eq!(read(&path).expect("reading"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        let error = create(&path, b"three").expect_err("the file is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).expect("reading"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn new_files_are_ours_alone_but_those_that_a_project_shares() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        create(&path, b"x").expect("writing");
        let mode = |path: &Path| fs::metadata(path).expect("the file").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        // What everybody else makes here, under this umask.
        let [theirs, ours, replaced] = ["b.txt", "c.txt", "d.txt"].map(|name| folder.path().join(name));
        fs::write(&theirs, b"x").expect("writing");
        create_public(&ours, b"x").expect("writing");
        replace_public(&replaced, b"x").expect("writing");
        assert_eq!([mode(&ours), mode(&replaced)], [mode(&theirs); 2]);
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_mode_and_a_link_its_place() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
        fs::write(&path, b"one").expect("writing");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        symlink("a.txt", &link).expect("a link");
        replace(&link, b"two").expect("writing through the link");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(read(&path).expect("reading"), b"two");
        assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o640);
        fs::remove_file(&path).expect("removing");
        let error = replace(&link, b"three").expect_err("the link leads nowhere");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn refuses_what_is_too_large() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        File::create(&path).and_then(|file| file.set_len(LARGEST_FILE + 1)).expect("a sparse file");
        assert!(matches!(read(&path), Err(ReadError::TooLarge(LARGEST_FILE))));
        assert!(read_record(&path).is_ok());
        assert!(read_if_present(&folder.path().join("absent")).expect("no error").is_none());
    }
}
