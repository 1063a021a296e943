//! The only prints and prompts. Data goes to standard output, talk to standard error.

pub mod ask;
mod board;
pub mod child;
pub mod editor;
pub mod mask;
pub mod progress;

use std::io::{self, Read, Write};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::domain::secret::{LONGEST_VALUE, SecretValue};
use crate::vault::identity::Ask;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there to be asked.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// A value would be shown as it is typed.
    #[error("the value would be seen as it is typed, for standard error is not a terminal")]
    Visible,
    /// The person said no.
    #[error("nothing was done")]
    Declined,
    /// Longer than any target takes.
    #[error("the value is longer than 1 MiB, which no target takes")]
    TooLong,
    /// Not UTF-8.
    #[error("the value is not UTF-8 text")]
    NotText,
    /// A character that ends every text in C.
    #[error("the value has a NUL character, which no environment variable can hold")]
    Nul,
    /// The terminal or standard input failed.
    #[error("cannot read the answer")]
    Broken(#[source] io::Error),
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact about one stream, and none excludes another")]
/// Everything a command says to, and asks of, a person.
pub struct Ui {
    /// Where data goes.
    pub output: Box<dyn Write>,
    /// Where talk goes.
    pub talk: Box<dyn Write>,
    /// Where values and answers come from.
    pub input: Box<dyn Read>,
    /// Whether a person is there to be asked.
    pub interactive: bool,
    /// Whether a person can be asked for a passphrase: also when standard input is something else.
    pub reachable: bool,
    /// Whether what is read would be typed by a person, who must not see it.
    pub input_is_terminal: bool,
    /// Whether progress may be drawn on standard error.
    pub progress: bool,
    /// Whether talk may be coloured.
    pub colour: bool,
    /// How many columns there are.
    pub width: usize,
    /// What went wrong with the output, other than a reader that went away.
    broken: Option<io::Error>,
}

impl std::fmt::Debug for Ui {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ui").field("interactive", &self.interactive).finish_non_exhaustive()
    }
}

impl Ui {
    /// Makes one of any streams.
    pub fn new(output: Box<dyn Write>, talk: Box<dyn Write>, input: Box<dyn Read>) -> Self {
        Self {
            output,
            talk,
            input,
            interactive: false,
            reachable: false,
            input_is_terminal: false,
            progress: false,
            colour: false,
            width: 100,
            broken: None,
        }
    }

    /// Writes data.
    pub fn write(&mut self, text: &str) {
        // A reader that went away has seen what it wanted.
        if let Err(error) = self.output.write_all(text.as_bytes())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.broken.get_or_insert(error);
        }
    }

    /// Says a line, wrapped by words on a terminal and left whole in a log.
    pub fn say(&mut self, line: &str) {
        // A name that was typed, or that a place told, may hold what moves a terminal's cursor.
        let line = &line.replace(|c: char| c.is_control() && c != '\n', "?");
        if self.progress {
            let options = textwrap::Options::new(self.width).subsequent_indent("    ").break_words(false);
            self.say_raw(&format!("{}\n", textwrap::fill(line, options)));
        } else {
            self.say_raw(&format!("{line}\n"));
        }
    }

    /// Says a text that has its own line ends.
    pub fn say_raw(&mut self, text: &str) {
        // Nobody can be told that nobody can be told.
        let _ = self.talk.write_all(text.as_bytes());
    }

    /// Asks a question that yes or no answers; no is what silence means.
    pub fn confirm(&mut self, question: &str) -> Result<bool, AskError> {
        self.ask(question, false)
    }

    /// Asks a question where silence means yes, because a no loses something.
    pub fn offer(&mut self, question: &str) -> Result<bool, AskError> {
        self.ask(question, true)
    }

    fn ask(&mut self, question: &str, silence: bool) -> Result<bool, AskError> {
        if !self.interactive {
            return Err(AskError::NoTerminal);
        }
        match inquire::Confirm::new(question).with_default(silence).prompt() {
            Ok(answer) => Ok(answer),
            Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(AskError::Broken(io::Error::other(error))),
        }
    }

    /// Reads a value: hidden from a person, or all of standard input with one line end dropped unless it is `exact`.
    pub fn read_value(&mut self, name: &str, exact: bool) -> Result<SecretValue, AskError> {
        if self.interactive {
            let question = format!("value of {name}:");
            let prompt = inquire::Password::new(&question)
                .with_display_mode(inquire::PasswordDisplayMode::Hidden)
                .with_custom_confirmation_message("once more:");
            return match prompt.prompt() {
                Ok(value) => Ok(SecretValue::new(Zeroizing::new(value))),
                Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => {
                    Err(AskError::Declined)
                }
                Err(error) => Err(AskError::Broken(io::Error::other(error))),
            };
        }
        self.read_input(exact)
    }

    /// Reads a key or token that is pasted once: hidden from a person, or all of standard input.
    pub fn read_credential(&mut self, what: &str) -> Result<SecretValue, AskError> {
        if self.interactive { ask::hidden(&format!("{what}:")) } else { self.read_input(false) }
    }

    fn read_input(&mut self, exact: bool) -> Result<SecretValue, AskError> {
        if self.input_is_terminal {
            return Err(AskError::Visible);
        }
        let mut content = Zeroizing::new(Vec::with_capacity(4096));
        (&mut self.input).take(LONGEST_VALUE as u64 + 1).read_to_end(&mut content).map_err(AskError::Broken)?;
        value_of(&content, exact)
    }

    /// Returns whoever can be asked for passphrases.
    pub fn asker(&self) -> Arc<dyn Ask> {
        Arc::new(ask::Person { is_reachable: self.reachable })
    }

    /// Flushes what was written, and returns whether all of it arrived with whoever still reads.
    pub fn finish(&mut self) -> bool {
        if let Err(error) = self.output.flush()
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.broken.get_or_insert(error);
        }
        match self.broken.take() {
            None => true,
            Some(error) => {
                self.say(&format!("error: cannot write the output\n  caused by: {error}"));
                false
            }
        }
    }
}

/// Takes the bytes of standard input or of a file as a value: text, with one line end dropped unless it is `exact`.
pub fn value_of(content: &[u8], exact: bool) -> Result<SecretValue, AskError> {
    if content.len() > LONGEST_VALUE {
        return Err(AskError::TooLong);
    }
    let text = std::str::from_utf8(content).map_err(|_| AskError::NotText)?;
    // `echo`, `pbpaste` and every editor add a line end that nobody means.
    let trimmed = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let text = if exact { text } else { trimmed.unwrap_or(text) };
    if text.contains('\0') {
        return Err(AskError::Nul);
    }
    Ok(SecretValue::copied_from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_read_from_a_terminal_that_shows_it() {
        let typed = || Box::new(io::Cursor::new(b"hunter2\n".to_vec()));
        let mut ui = Ui::new(Box::new(io::sink()), Box::new(io::sink()), typed());
        ui.input_is_terminal = true;
        assert!(matches!(ui.read_value("A", false), Err(AskError::Visible)));
        ui.input_is_terminal = false;
        assert_eq!(ui.read_value("A", false).expect("a value").expose(), "hunter2");
    }
}
