//! `vault/.gitattributes`: how git treats the vault's files.

use std::io;

use super::layout::Layout;
use super::store::{self, ReadError};

/// Sealed files keep every byte; the logs of two branches, and those whom two branches have let in, are put together line
/// by line. Who is let in by a merge is nobody to us before somebody has sealed the list.
const RULES: &[&str] = &["* -text", "log.jsonl merge=union", "recipients.txt merge=union"];

/// Returns the rules that do not stand there.
pub fn missing(layout: &Layout) -> Vec<&'static str> {
    let content = store::read(&layout.attributes()).unwrap_or_default();
    lacking(&String::from_utf8_lossy(&content))
}

fn lacking(text: &str) -> Vec<&'static str> {
    RULES.iter().filter(|rule| !text.lines().any(|line| line.trim() == **rule)).copied().collect()
}

/// Writes the rules, unless they stand there. Returns whether anything was written.
pub fn ensure(layout: &Layout) -> io::Result<bool> {
    let path = layout.attributes();
    let content = match store::read_if_present(&path) {
        Ok(content) => content.unwrap_or_default(),
        Err(ReadError::Io(error)) => return Err(error),
        Err(ReadError::TooLarge(_)) => return Err(io::ErrorKind::FileTooLarge.into()),
    };
    let missing = lacking(&String::from_utf8_lossy(&content));
    if missing.is_empty() {
        return Ok(false);
    }
    let mut added = content.clone();
    if !added.is_empty() && !added.ends_with(b"\n") {
        added.push(b'\n');
    }
    for rule in missing {
        added.extend_from_slice(rule.as_bytes());
        added.push(b'\n');
    }
    store::replace_public(&path, &added)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_what_is_missing_and_nothing_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        store::make_folder(&folder.path().join("vault")).expect("a folder");
        assert!(ensure(&layout).expect("writing"));
        assert!(!ensure(&layout).expect("reading"));
        std::fs::write(layout.attributes(), "*.md text\n* -text").expect("writing");
        assert!(ensure(&layout).expect("writing"));
        let text = std::fs::read_to_string(layout.attributes()).expect("reading");
        assert_eq!(text, "*.md text\n* -text\nlog.jsonl merge=union\nrecipients.txt merge=union\n");
    }
}
