//! What the verbs that begin take: `init`, `import`, `login`, `logout`, `doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;

/// `undrift init`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  undrift init staging production")]
pub struct Init {
    /// The environments to make
    #[arg(value_name = "ENVIRONMENT", default_values = ["staging", "production"])]
    pub names: Vec<String>,
}

/// `undrift import`
#[derive(Debug, Args)]
#[command(after_help = "The environment is found in a file's name or folder (`api_staging.env`, `.env.staging`,\n\
                  `staging/api.env`); `-e` says it for files that do not. Originals are not touched.\n\n\
                  Read beside .env files, with your identities: files of sops (YAML, JSON, dotenv; age\n\
                  recipients), passage stores, and fnox.toml (age provider; a profile is an environment).\n\
                  Nested keys and paths make a name: `db: {password: ...}` is DB_PASSWORD.\n\n\
                  Examples:\n  undrift import ./secrets\n  undrift import . -e staging\n  \
                  undrift import ./secrets --prefer secrets/api/api_staging.env\n  \
                  undrift import ~/.passage/store/shop -i ~/.passage/identities -i ~/.config/undrift/identity.txt")]
pub struct Import {
    /// The folder, or one file
    #[arg(value_name = "PATH")]
    pub path: PathBuf,

    /// Of two files that disagree on a value, take this one's (repeatable; the first named wins)
    #[arg(long, value_name = "FILE")]
    pub prefer: Vec<PathBuf>,

    /// Show what would be imported, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What the keyring keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// The key that opens the vault
    #[default]
    Identity,
    /// A token of Fly
    Fly,
    /// A token of GitHub
    Github,
}

/// `undrift login`
#[derive(Debug, Args)]
#[command(after_help = "It is typed at a hidden prompt, or read from standard input. A token is checked with its\n\
                  platform before it is kept. Without a keyring, as in CI, use UNDRIFT_IDENTITY,\n\
                  FLY_API_TOKEN and GH_TOKEN.\n\n\
                  Examples:\n  undrift login --from-file\n  undrift login github\n  \
                  fly tokens create org acme | undrift login fly")]
pub struct Login {
    /// What to keep
    #[arg(value_enum, value_name = "WHAT", default_value_t)]
    pub what: Kept,

    /// Take the identity from this file, which stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "from_file")]
    pub file: Option<PathBuf>,

    /// Move the identity of the configuration folder, undrift/identity.txt, into the keyring
    #[arg(long)]
    pub from_file: bool,
}

/// `undrift logout`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift logout github\n  undrift logout identity --yes")]
pub struct Logout {
    /// What to forget
    #[arg(value_enum, value_name = "WHAT", default_value_t)]
    pub what: Kept,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `undrift doctor`
#[derive(Debug, Args)]
#[command(after_help = "It reads only. Exit status: 0 nothing fails, though there may be warnings, 1 something\n\
                  fails, 2 it could not look.\n\n\
                  Examples:\n  undrift doctor\n  undrift doctor --format json")]
pub struct Doctor {
    /// How the report is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
}
