//! The journal: a write is noted on the disk before it is sent, and struck out when its end was seen.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use vault_schema::journal::{Begun, Line, VERSION};

use super::layout::Layout;
use super::store::{self, ReadError};
use crate::domain::intent::Intent;
use crate::domain::name::{EnvironmentName, RemoteName};

/// This machine's journal of one project.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
}

/// Why the journal was not read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: ReadError,
    },
    /// A line before the last is not one that undrift wrote.
    #[error("{path}:{line}: is not a line that undrift wrote")]
    Malformed {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
}

impl Journal {
    /// Returns the journal of a project, which may not be there yet.
    pub fn of(layout: &Layout) -> Self {
        Self { path: layout.local().join("journal.jsonl") }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the writes that were begun and not seen to end.
    pub fn open_intents(&self) -> Result<Vec<Intent>, JournalError> {
        let path = self.path.display().to_string();
        let content = match store::read_record_if_present(&self.path) {
            Ok(content) => content.unwrap_or_default(),
            Err(source) => return Err(JournalError::Unreadable { path, source }),
        };
        let text = String::from_utf8_lossy(&content);
        let mut open: Vec<Intent> = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(line) = serde_json::from_str::<Line>(line).ok().filter(|line| line.version == VERSION) else {
                // The last line may have been cut by the crash itself; then its write was never sent.
                if index + 1 == lines.len() && !text.ends_with('\n') {
                    break;
                }
                return Err(JournalError::Malformed { path, line: index + 1 });
            };
            open.retain(|intent| intent.id != line.id);
            if let (Some(begun), Ok(environment)) = (line.begun, EnvironmentName::parse(&line.environment)) {
                let name = RemoteName::new(line.name);
                let (id, place) = (line.id, line.place);
                open.push(Intent { id, environment, place, name, at: begun.at, there: begun.there });
            }
        }
        Ok(open)
    }

    /// Notes writes that are about to be sent. When this returns, the disk has them.
    pub fn begin<'a>(&self, intents: impl IntoIterator<Item = &'a Intent>) -> io::Result<()> {
        self.append(intents.into_iter().map(|intent| line(intent, true)))
    }

    /// Strikes out writes whose end was seen.
    pub fn end<'a>(&self, intents: impl IntoIterator<Item = &'a Intent>) -> io::Result<()> {
        self.append(intents.into_iter().map(|intent| line(intent, false)))
    }

    /// Returns a name for a write that no other has.
    pub fn new_id() -> io::Result<String> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(hex::encode(bytes))
    }

    /// Drops everything that has come to its end, and a line that a crash has cut.
    pub fn compact(&self, open: &[Intent]) -> io::Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let text: String = open.iter().map(|intent| text(&line(intent, true))).collect();
        store::replace(&self.path, text.as_bytes())
    }

    fn append(&self, lines: impl Iterator<Item = Line>) -> io::Result<()> {
        let text: String = lines.map(|line| text(&line)).collect();
        if text.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            store::make_folder(folder)?;
        }
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        drop_half_a_line(&mut file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new { store::sync_folder_of(&self.path) } else { Ok(()) }
    }
}

/// Takes back what a crash or a full disk has left of a line: the next one would stick to it, and nobody could read
/// either.
fn drop_half_a_line(file: &mut File) -> io::Result<()> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    if whole < text.len() { file.set_len(whole as u64) } else { Ok(()) }
}

fn line(intent: &Intent, open: bool) -> Line {
    Line {
        version: VERSION,
        id: intent.id.clone(),
        environment: intent.environment.to_string(),
        place: intent.place.clone(),
        name: intent.name.to_string(),
        begun: open.then_some(Begun { at: intent.at, there: intent.there }),
    }
}

fn text(line: &Line) -> String {
    // A line has plain text and times only, so it always serialises.
    serde_json::to_string(line).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(name: &str) -> Intent {
        Intent {
            id: format!("id of {name}"),
            environment: EnvironmentName::parse("staging").expect("a name"),
            place: "fly:shop".to_owned(),
            name: RemoteName::new(name),
            at: "2026-11-20T08:00:00Z".parse().expect("a time"),
            there: None,
        }
    }

    #[test]
    fn remembers_what_was_begun_until_its_end_was_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::of(&Layout::at(folder.path()));
        assert_eq!(journal.open_intents().expect("an empty journal"), []);
        journal.begin([&intent("A"), &intent("B")]).expect("noting");
        journal.end([&intent("A")]).expect("striking out");
        journal.begin([&intent("C")]).expect("noting");
        assert_eq!(journal.open_intents().expect("a journal"), [intent("B"), intent("C")]);
        journal.compact(&[intent("C")]).expect("compacting");
        assert_eq!(journal.open_intents().expect("a journal"), [intent("C")]);
    }

    #[test]
    fn a_line_that_the_crash_cut_was_never_sent_and_any_other_is_a_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::of(&Layout::at(folder.path()));
        journal.begin([&intent("A")]).expect("noting");
        let whole = std::fs::read(&journal.path).expect("a journal");
        let cut = [whole.as_slice(), &whole[..whole.len() / 2]].concat();
        std::fs::write(&journal.path, cut).expect("writing");
        assert_eq!(journal.open_intents().expect("a journal"), [intent("A")]);
        journal.begin([&intent("B")]).expect("noting behind a line that was cut");
        assert_eq!(journal.open_intents().expect("a journal"), [intent("A"), intent("B")]);
        std::fs::write(&journal.path, &whole[..whole.len() / 2]).expect("writing");
        journal.end([&intent("A")]).expect("noting behind nothing but a line that was cut");
        assert_eq!(journal.open_intents().expect("a journal"), []);
        let broken = [b"nonsense\n".as_slice(), whole.as_slice()].concat();
        std::fs::write(&journal.path, broken).expect("writing");
        assert!(matches!(journal.open_intents(), Err(JournalError::Malformed { line: 1, .. })));
    }
}
