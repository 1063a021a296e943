//! Asking a person for a passphrase.

use std::fmt;
use std::io;

use super::IdentityError;
use crate::domain::secret::SecretValue;

/// How often a passphrase is asked for.
const TRIES: usize = 3;

/// Who can be asked, and told something, while keys are read.
pub trait Ask: fmt::Debug + Send + Sync {
    /// Asks for a passphrase, which is not shown as it is typed.
    fn passphrase(&self, question: &str) -> Result<SecretValue, AskedInVain>;

    /// Asks for something that may be seen.
    fn text(&self, question: &str) -> Result<String, AskedInVain>;

    /// Asks which of two it shall be: true is the first.
    fn choose(&self, question: &str, first: &str, second: &str) -> Result<bool, AskedInVain>;

    /// Says a line.
    fn tell(&self, line: &str);
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum AskedInVain {
    /// There is no terminal.
    NoTerminal,
    /// The person declined.
    Declined,
    /// The terminal failed.
    Broken(io::Error),
}

/// Nobody is there.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Ask for Nobody {
    fn passphrase(&self, _: &str) -> Result<SecretValue, AskedInVain> {
        Err(AskedInVain::NoTerminal)
    }

    fn text(&self, _: &str) -> Result<String, AskedInVain> {
        Err(AskedInVain::NoTerminal)
    }

    fn choose(&self, _: &str, _: &str, _: &str) -> Result<bool, AskedInVain> {
        Err(AskedInVain::NoTerminal)
    }

    fn tell(&self, _: &str) {}
}

/// What became of one passphrase.
pub(super) enum Attempt<T> {
    /// It opened it.
    Right(T),
    /// It did not; another may.
    Wrong,
    /// No passphrase will.
    Useless(IdentityError),
}

/// Asks for a passphrase until one is right, three times at most.
pub(super) fn until_right<T>(
    ask: &dyn Ask,
    origin: &str,
    mut attempt: impl FnMut(&SecretValue) -> Attempt<T>,
) -> Result<T, IdentityError> {
    for left in (0..TRIES).rev() {
        let passphrase = ask.passphrase(&format!("passphrase of {origin}:")).map_err(|why| match why {
            AskedInVain::NoTerminal => IdentityError::Passphrase { origin: origin.to_owned() },
            AskedInVain::Declined => IdentityError::Declined,
            AskedInVain::Broken(source) => IdentityError::Unasked { origin: origin.to_owned(), source },
        })?;
        match attempt(&passphrase) {
            Attempt::Right(opened) => return Ok(opened),
            Attempt::Useless(error) => return Err(error),
            Attempt::Wrong if left > 0 => ask.tell("that is not the passphrase"),
            Attempt::Wrong => {}
        }
    }
    Err(IdentityError::WrongPassphrase { origin: origin.to_owned(), tries: TRIES })
}
