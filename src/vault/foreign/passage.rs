//! A store of passage: a folder in which each `.age` file is one secret, whole.

use std::path::Path;

use zeroize::Zeroizing;

use crate::vault::crypt::{self, AnyIdentity, OpenError};

/// Why an entry was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was not opened.
    #[error("cannot be opened: {0}")]
    Closed(OpenError),
    /// It is no text.
    #[error("is not text")]
    NotText,
}

/// Returns whether a folder is a store, or is in one: passage keeps recipients in it, or identities beside it.
pub fn is_store(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    real.ancestors().any(|folder| {
        folder.join(".age-recipients").is_file()
            || (folder.ends_with("store")
                && (folder.with_file_name("identities").is_file() || folder.ends_with(".passage/store")))
    })
}

/// Returns a secret: the whole content, without the one line end that `echo` and editors add.
pub fn open(content: &[u8], identities: &[AnyIdentity]) -> Result<Zeroizing<String>, Refusal> {
    let plaintext = crypt::open(content, identities).map_err(Refusal::Closed)?;
    let text = std::str::from_utf8(&plaintext).map_err(|_| Refusal::NotText)?;
    Ok(Zeroizing::new(text.strip_suffix('\n').unwrap_or(text).to_owned()))
}
