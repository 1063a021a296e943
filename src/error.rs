//! The border: what a person is told when a command fails, and the exit status.

mod hint;
mod refusal;
mod remedy;

pub use self::hint::identity_hint;
pub use self::refusal::Refusal;
pub use self::remedy::in_words;
use crate::ui::{AskError, Ui};
use crate::vault::identity::IdentityError;

/// The exit status of the program; the codes are those of diff(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// In sync, or done.
    Clean,
    /// Drift or findings, or steps held back.
    Drift,
    /// Usage, an error, or an audit that could not read everything.
    Trouble,
    /// What the program that `undrift run` started has ended with.
    Child(u8),
}

impl Exit {
    /// Returns the status as a number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Drift => 1,
            Self::Trouble => 2,
            Self::Child(code) => code,
        }
    }
}

/// Tells what failed, what caused it, and what to type next.
pub fn show(error: &anyhow::Error, ui: &mut Ui) {
    let is_declined = matches!(error.downcast_ref(), Some(AskError::Declined))
        || matches!(error.downcast_ref(), Some(IdentityError::Declined));
    if is_declined {
        ui.say("nothing was done");
        return;
    }
    ui.say(&format!("error: {error}"));
    for cause in error.chain().skip(1) {
        ui.say(&format!("  caused by: {cause}"));
    }
    let mut hints: Vec<String> = error.chain().filter_map(hint::of).collect();
    if hints.is_empty() {
        hints.extend(error.chain().find_map(hint::of_system).map(str::to_owned));
    }
    for hint in hints {
        ui.say(&format!("hint: {hint}"));
    }
}
