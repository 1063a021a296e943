//! What the verbs take that say who can read: `grant`, `revoke`, `access`.

use clap::Args;

use super::Format;

/// `undrift grant`
#[derive(Debug, Args)]
#[command(
    after_help = "Every file of the environment is encrypted anew, all at once: after a crash all are old, or all are new.\n\
                  Commit the whole folder. `github:USER` takes every ssh key that the user has published.\n\n\
                  Examples:\n  undrift grant bob age1qyqszqgpqyqszqgpqyqszqgpqyqszqgp... -e staging\n  \
                  undrift grant bob ~/bob.pub -e staging -e production --confirm production\n  \
                  undrift grant bob github:bob -e staging"
)]
pub struct Grant {
    /// Whose key it is: a person's name, or a machine's
    #[arg(value_name = "WHO", index = 1)]
    pub who: String,

    /// The public key: `age1...`, `ssh-ed25519 ...`, `ssh-rsa ...`, a file with one, or `github:USER`
    #[arg(value_name = "KEY", index = 2, required = true, num_args = 1..)]
    pub key: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift revoke`
#[derive(Debug, Args)]
#[command(
    after_help = "All keys of that name are removed, every file is encrypted anew, and the environment gets a new\n\
                  fingerprint key. What was known stays known: the values, which git's history has as well, are to be\n\
                  changed. At a terminal, their rotation begins when you say so.\n\n\
                  Examples:\n  undrift revoke bob -e staging\n  \
                  undrift revoke bob -e staging -e production --confirm production --yes"
)]
pub struct Revoke {
    /// Who is to lose access, by the name in recipients.txt
    #[arg(value_name = "WHO")]
    pub who: String,

    /// Do not ask, not even when you would lock yourself out
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift access`
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 the files agree with the lists, 1 they do not, 2 a file cannot be read.\n\n\
                  Examples:\n  undrift access\n  undrift access -e production --format json")]
pub struct Access {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
}
