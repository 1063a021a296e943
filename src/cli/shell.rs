//! What the verbs for jobs and for a shell's comfort take: `ci`, `completions`, `man`.

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

/// A system that runs jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiSystem {
    /// GitHub Actions
    Github,
}

/// `undrift ci`
#[derive(Debug, Args)]
#[command(
    after_help = "The workflow reads and never writes. It stands in .github/workflows/undrift-audit.yml, and is yours to edit.\n\n\
                  Examples:\n  undrift ci github --action acme/undrift@3d3c42e5aac5ba805825da76410c181273ba90b1"
)]
pub struct Ci {
    /// The system: `github`
    #[arg(value_name = "SYSTEM", value_enum, hide_possible_values = true)]
    pub system: CiSystem,

    /// The repository that has undrift, at a full commit that you have looked at
    #[arg(long, value_name = "OWNER/NAME@COMMIT")]
    pub action: String,
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
