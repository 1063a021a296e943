//! What the verbs of the vault take: `list`, `get`, `set`, `export`, `run`, `seal`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::Format;

/// `undrift list`
#[derive(Debug, Args)]
pub struct List {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
}

/// `undrift get`
#[derive(Debug, Args)]
#[command(after_help = "The value and one line end are written to standard output, and nothing else.\n\n\
                  Examples:\n  undrift get SMTP_PASSWORD -e staging\n  \
                  undrift get TLS_KEY -e staging --exact > tls.pem")]
pub struct Get {
    /// The secret's name
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Add no line end
    #[arg(long)]
    pub exact: bool,
}

/// `undrift set`
#[derive(Debug, Args)]
#[command(after_help = "A value on standard input loses one line end, which `echo` adds; `--exact` keeps it.\n\n\
                  Examples:\n  undrift set SMTP_PASSWORD -e staging\n  pbpaste | undrift set SMTP_PASSWORD -e staging")]
pub struct Set {
    /// The secret's name
    #[arg(value_name = "NAME", index = 1)]
    pub name: String,

    /// Caught to be refused: a value on the command line stands in the shell's history and in every process list.
    #[arg(value_name = "VALUE", index = 2, hide = true)]
    pub value: Vec<String>,

    /// The file of the environment it goes to, if it is new
    #[arg(short, long, value_name = "GROUP", default_value = "secrets")]
    pub group: String,

    /// Keep every byte of standard input
    #[arg(long)]
    pub exact: bool,

    /// Accept an empty value
    #[arg(long)]
    pub allow_empty: bool,
}

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// `NAME=value`, read alike by the usual dotenv readers wherever that can be
    #[default]
    Dotenv,
    /// One object of names and values
    Json,
    /// `export NAME='value'`, for a POSIX shell
    Shell,
}

/// `undrift export`
#[derive(Debug, Args)]
#[command(after_help = "Every value of the environment, in plain text: whoever reads the output has them.\n\n\
                  Examples:\n  undrift export -e staging > .env\n  eval \"$(undrift export -e staging --format shell)\"")]
pub struct Export {
    /// How to write it: `dotenv`, `json`, or `shell` for a POSIX shell
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: ExportFormat,

    /// Only this secret (repeatable)
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
}

/// `undrift run`
#[derive(Debug, Args)]
#[command(
    after_help = "The values are in the environment of the program and nowhere else; it ends as the program does.\n\n\
                  Examples:\n  undrift run -e staging -- npm start\n  \
                  undrift run -e staging --only DATABASE_URL -- psql"
)]
pub struct Run {
    /// Only this secret (repeatable)
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// Show `***` where the program's output has one of the values
    #[arg(long)]
    pub redact: bool,

    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, last = true)]
    pub program: Vec<OsString>,
}

/// `undrift seal`
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever knows the recipients can put a file into the vault; only a file that was sealed is used.\n\
                  Look at what changed, in git for example, before you seal it.\n\n\
                  Examples:\n  undrift seal -e staging\n  undrift seal -e production --confirm production --yes"
)]
pub struct Seal {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}
