//! What the verbs for a shell's comfort take: `completions`, `man`.

use clap::{Args, ValueEnum};

/// A shell that completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is the name of a program")]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    /// Returns the name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// `undrift completions`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  echo 'source <(undrift completions bash)' >> ~/.bashrc\n  \
                  echo 'source <(undrift completions zsh)' >> ~/.zshrc\n  \
                  undrift completions fish > ~/.config/fish/completions/undrift.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// `undrift man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift man | man -l -\n  undrift man push > undrift-push.1")]
pub struct Man {
    /// The verb; without one, the page of the program
    #[arg(value_name = "VERB")]
    pub verb: Option<String>,
}
