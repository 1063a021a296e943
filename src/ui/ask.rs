//! Questions of the vault's keys to a person: passphrases, and what a plugin wants to know.

use std::io::{self, Write};

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Text};
use zeroize::Zeroizing;

use super::AskError;
use crate::domain::secret::SecretValue;
use crate::vault::identity::{Ask, AskedInVain};

/// A person at the terminal, if there is one. Keys are opened on all cores, so that this is no part of the
/// [`super::Ui`]: it speaks to the terminal itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) is_reachable: bool,
}

/// Reads what a person types without showing it.
pub(super) fn hidden(question: &str) -> Result<SecretValue, AskError> {
    let prompt = Password::new(question).with_display_mode(PasswordDisplayMode::Hidden).without_confirmation();
    match prompt.prompt() {
        Ok(value) => Ok(SecretValue::new(Zeroizing::new(value))),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Err(AskError::Declined),
        Err(error) => Err(AskError::Broken(io::Error::other(error))),
    }
}

impl Person {
    fn insist(self) -> Result<(), AskedInVain> {
        if self.is_reachable { Ok(()) } else { Err(AskedInVain::NoTerminal) }
    }
}

fn in_vain(error: InquireError) -> AskedInVain {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => AskedInVain::Declined,
        error => AskedInVain::Broken(io::Error::other(error)),
    }
}

impl Ask for Person {
    fn passphrase(&self, question: &str) -> Result<SecretValue, AskedInVain> {
        self.insist()?;
        hidden(question).map_err(|error| match error {
            AskError::Broken(source) => AskedInVain::Broken(source),
            _ => AskedInVain::Declined,
        })
    }

    fn text(&self, question: &str) -> Result<String, AskedInVain> {
        self.insist()?;
        Text::new(question).prompt().map_err(in_vain)
    }

    fn choose(&self, question: &str, first: &str, second: &str) -> Result<bool, AskedInVain> {
        self.insist()?;
        let question = format!("{question} (yes: {first}; no: {second})");
        Confirm::new(&question).with_default(false).prompt().map_err(in_vain)
    }

    fn tell(&self, line: &str) {
        // Nobody can be told that nobody can be told.
        let _ = writeln!(io::stderr(), "{line}");
    }
}
