//! `vault/undrift.schema.json`: what undrift.toml may say, for editors.

use std::io;

use super::layout::{Layout, SCHEMA_FILE};
use super::store::{self, ReadError};

/// The first line of undrift.toml, by which editors find the schema.
pub fn directive() -> String {
    format!("#:schema ./{SCHEMA_FILE}\n")
}

/// Writes the schema of this version, unless it stands there.
pub fn ensure(layout: &Layout) -> io::Result<()> {
    let path = layout.schema();
    let content = match store::read_if_present(&path) {
        Ok(content) => content,
        Err(ReadError::Io(error)) => return Err(error),
        Err(ReadError::TooLarge(_)) => None,
    };
    match content {
        Some(content) if content == vault_schema::PROJECT_SCHEMA.as_bytes() => Ok(()),
        _ => store::replace_public(&path, vault_schema::PROJECT_SCHEMA.as_bytes()),
    }
}
