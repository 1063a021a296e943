//! The person's editor: which one it is, running it on a file, and what happens to the file if we are told to end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

pub use watch::Watch;

/// What is tried where no variable names an editor.
const USUAL: [&str; 2] = ["vi", "nano"];

/// An editor with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Editor {
    program: OsString,
    arguments: Vec<OsString>,
}

/// Why a text was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// There is none.
    #[error("there is no editor: neither VISUAL nor EDITOR names one, and there is no `vi` and no `nano`")]
    None,
    /// A variable that is no command.
    #[error("{0} has a quote that is never closed")]
    Unclosed(&'static str),
    /// It could not be started.
    #[error("cannot start the editor `{editor}`")]
    Unstartable {
        /// The program.
        editor: String,
        /// Why.
        source: io::Error,
    },
    /// It failed, and what it left may be anything.
    #[error("the editor `{editor}` ended with {status}, and nothing was written")]
    Failed {
        /// The program.
        editor: String,
        /// How it ended.
        status: ExitStatus,
    },
}

impl Editor {
    /// Returns the one that the variables name, or else one that is there. `path` is where programs are.
    pub fn choose(visual: Option<&str>, editor: Option<&str>, path: Option<&OsStr>) -> Result<Self, EditorError> {
        for (variable, command) in [("VISUAL", visual), ("EDITOR", editor)] {
            let words = words(command.unwrap_or_default()).ok_or(EditorError::Unclosed(variable))?;
            if let Some((program, rest)) = words.split_first() {
                let mut arguments: Vec<OsString> = discreet(&found(program, path)).map(Into::into).collect();
                arguments.extend(rest.iter().map(Into::into));
                return Ok(Self { program: program.into(), arguments });
            }
        }
        let usual = USUAL.iter().map(|name| found(name, path)).find(|program| program.is_absolute());
        let program = usual.ok_or(EditorError::None)?;
        Ok(Self { arguments: discreet(&program).map(Into::into).collect(), program: program.into() })
    }

    /// Opens a file, and waits until the editor ends.
    pub fn run<'a>(
        &self,
        file: &Path,
        folder: &Path,
        variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
        watch: &Watch,
    ) -> Result<(), EditorError> {
        let editor = || self.program.to_string_lossy().into_owned();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(file).current_dir(folder).env_clear().envs(variables);
        let running = command.spawn().map(|child| watch.begin(child));
        let ended = running.and_then(|mut child| {
            let status = child.wait();
            watch.end();
            status
        });
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(EditorError::Failed { editor: editor(), status }),
            Err(source) => Err(EditorError::Unstartable { editor: editor(), source }),
        }
    }
}

/// Splits a command into words at blanks, as a shell does; quotes keep blanks in a word. Nothing else is special.
fn words(command: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Returns the file that a program's name leads to, or the name.
fn found(program: &str, path: Option<&OsStr>) -> PathBuf {
    let is_bare = Path::new(program).components().count() == 1;
    let folders = path.filter(|_| is_bare).map(std::env::split_paths);
    let files = folders.into_iter().flatten().map(|folder| folder.join(program));
    files
        .filter(|file| file.is_absolute() && file.is_file())
        .find_map(|file| file.canonicalize().ok())
        .unwrap_or_else(|| program.into())
}

/// vim keeps undo files, deleted text and copies of what it edits in the person's own folders, if its configuration
/// says so; these arguments come after that.
fn discreet(program: &Path) -> impl Iterator<Item = &'static str> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let is_vim = name.starts_with("vim") || name.starts_with("nvim");
    let arguments = ["-n", "-i", "NONE", "-c", "set noswapfile nobackup nowritebackup noundofile"];
    arguments.into_iter().filter(move |_| is_vim)
}

/// What asks us to end wipes the text first.
#[cfg(unix)]
mod watch {
    use std::io;
    use std::process::Child;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread;

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::flag::register_conditional_default;
    use signal_hook::iterator::{Handle, Signals};
    use signal_hook::low_level::emulate_default_handler;

    use crate::vault::scratch::Folder;

    const SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

    /// Stands guard over a folder until it is dropped.
    #[derive(Debug)]
    pub struct Watch {
        handle: Handle,
        is_over: Arc<AtomicBool>,
        is_ending: Arc<AtomicBool>,
        editor: Arc<Mutex<Option<Pid>>>,
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            // From here on the signals do again what they do without us.
            self.is_over.store(true, Ordering::SeqCst);
            self.handle.close();
        }
    }

    impl Watch {
        /// Begins to watch.
        pub fn over(folder: Arc<Folder>) -> io::Result<Self> {
            let mut signals = Signals::new(SIGNALS)?;
            let handle = signals.handle();
            let watch = Self { handle, is_over: Arc::default(), is_ending: Arc::default(), editor: Arc::default() };
            for signal in SIGNALS {
                register_conditional_default(signal, Arc::clone(&watch.is_over))?;
            }
            let (editor, is_ending) = (Arc::clone(&watch.editor), Arc::clone(&watch.is_ending));
            thread::spawn(move || {
                for signal in signals.forever() {
                    let editor = *editor.lock().unwrap_or_else(PoisonError::into_inner);
                    // The keys of a terminal are for the editor, which has its own use for them.
                    if editor.is_some() && matches!(signal, SIGINT | SIGQUIT) {
                        continue;
                    }
                    is_ending.store(true, Ordering::SeqCst);
                    // The folder goes first, so that an editor which saves when it is told to end finds none.
                    let _ = folder.wipe();
                    let _ = editor.map(|editor| kill_process(editor, Signal::TERM));
                    let _ = emulate_default_handler(signal);
                }
            });
            Ok(watch)
        }

        pub(super) fn begin(&self, child: Child) -> Child {
            self.note(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
            child
        }

        /// Returns once the editor has ended by itself. One that was told to end because we are has nothing more to
        /// say: the signal ends this program in a moment.
        pub(super) fn end(&self) {
            self.note(None);
            while self.is_ending.load(Ordering::SeqCst) {
                thread::park();
            }
        }

        fn note(&self, editor: Option<Pid>) {
            *self.editor.lock().unwrap_or_else(PoisonError::into_inner) = editor;
        }
    }
}

/// There are no such signals here; what is left of a run that was ended is removed by the next.
#[cfg(not(unix))]
mod watch {
    use std::io;
    use std::process::Child;
    use std::sync::Arc;

    use crate::vault::scratch::Folder;

    /// Stands for the guard that other systems have.
    #[derive(Debug)]
    pub struct Watch;

    impl Watch {
        /// Does nothing.
        pub fn over(_folder: Arc<Folder>) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn begin(&self, child: Child) -> Child {
            child
        }

        pub(super) fn end(&self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_people_write_it() {
        for (command, expected) in [
            ("code --wait", Some(vec!["code", "--wait"])),
            ("  vim  ", Some(vec!["vim"])),
            ("emacsclient -a '' -c", Some(vec!["emacsclient", "-a", "", "-c"])),
            ("\"C:\\Program Files\\e.exe\" -w", Some(vec!["C:\\Program Files\\e.exe", "-w"])),
            ("vim -c \"set 'x'\"", Some(vec!["vim", "-c", "set 'x'"])),
            ("", Some(vec![])),
            ("vim 'open", None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(words(command), expected, "{command}");
        }
    }

    #[test]
    fn variables_come_before_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().canonicalize().expect("a folder");
        let path = Some(folder.as_os_str());
        let program = |found: Result<Editor, EditorError>| found.map(|editor| editor.program);
        assert!(matches!(Editor::choose(None, Some(" "), path), Err(EditorError::None)));
        assert!(matches!(Editor::choose(None, None, None), Err(EditorError::None)));
        std::fs::write(folder.join("nano"), "").expect("a file");
        assert_eq!(program(Editor::choose(None, None, path)).expect("one"), folder.join("nano"));
        std::fs::write(folder.join("vi"), "").expect("a file");
        assert_eq!(program(Editor::choose(None, None, path)).expect("one"), folder.join("vi"));
        assert_eq!(program(Editor::choose(None, Some("ed"), path)).expect("one"), "ed");
        let code = Editor::choose(Some("code --wait"), Some("ed"), path).expect("one");
        assert_eq!(code, Editor { program: "code".into(), arguments: vec!["--wait".into()] });
        assert!(matches!(Editor::choose(Some("'"), Some("ed"), path), Err(EditorError::Unclosed("VISUAL"))));
    }

    #[test]
    fn vim_keeps_no_copies_by_whatever_name_it_is_called() {
        for (program, expected) in [("vim", true), ("/usr/bin/vim.basic", true), ("nvim", true), ("nano", false)] {
            assert_eq!(discreet(Path::new(program)).next().is_some(), expected, "{program}");
        }
    }
}
