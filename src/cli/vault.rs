//! What the verbs of the vault take: `list`, `get`, `set`, `edit`, `rm`, `rename`, `diff`, `export`, `run`, `seal`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;

/// `undrift list`
#[derive(Debug, Args)]
#[command(
    after_help = "The exit status is 1 if a value is missing, not declared, overdue (`rotate-every` in undrift.toml),\n\
                  has expired, or is odd: a star marks it, and a line below says why.\n\nExamples:\n  undrift list\n  undrift list -e staging --format json"
)]
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
                  A file does the same. What is generated has at least 128 random bits: letters and digits\n\
                  (`alphanumeric:40`), random bytes (`hex:32`, `base64:32`, `base64url:32`), words (`words:12`),\n\
                  or a private key (`ed25519`, `rsa:3072`); `uuid` has 122. Each environment gets its own.\n\n\
                  Examples:\n  undrift set SMTP_PASSWORD -e staging\n  pbpaste | undrift set SMTP_PASSWORD -e staging\n  \
                  undrift set TLS_KEY -e staging --file tls.pem\n  \
                  undrift set SESSION_KEY -e staging -e production --generate hex:32")]
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

    /// Make a new value: `alphanumeric:40`, `hex:32`, `uuid`; without KIND, what undrift.toml says (`generate`)
    #[arg(long, value_name = "KIND", num_args = 0..=1, conflicts_with_all = ["exact", "allow_empty"])]
    pub generate: Option<Option<String>>,

    /// Read the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    pub file: Option<PathBuf>,

    /// Keep every byte of standard input or of the file
    #[arg(long)]
    pub exact: bool,

    /// Accept an empty value
    #[arg(long)]
    pub allow_empty: bool,
}

/// `undrift edit`
#[derive(Debug, Args)]
#[command(
    after_help = "VISUAL or EDITOR names the editor, such as `code --wait`; else it is vi, or nano. The text lies in\n\
                  memory where there is such a place, and is wiped when the editor ends. Comments and order stay\n\
                  as you leave them. Nothing is written if nothing changed, or if what you wrote cannot be read.\n\n\
                  Examples:\n  undrift edit -e staging\n  undrift edit -e production payments --confirm production"
)]
pub struct Edit {
    /// The file of the environment: `payments` for payments.toml.age
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,

    /// Accept empty values
    #[arg(long)]
    pub allow_empty: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift rm`
#[derive(Debug, Args)]
#[command(
    after_help = "The targets keep what they hold until `undrift push -e ENVIRONMENT --prune` removes it there.\n\n\
                  Examples:\n  undrift rm OLD_TOKEN -e staging\n  \
                  undrift rm OLD_TOKEN OLD_KEY -e production --confirm production --yes"
)]
pub struct Rm {
    /// The secrets' names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift rename`
#[derive(Debug, Args)]
#[command(
    after_help = "The value, its declaration in undrift.toml, a `token = \"vault:OLD\"` and `{OLD}` in a probe\n\
                  are renamed together. If that is interrupted, the same command finishes it.\n\
                  Without `-e`, it is renamed everywhere.\n\n\
                  Examples:\n  undrift rename SMTP_PASS SMTP_PASSWORD\n  \
                  undrift rename SMTP_PASS SMTP_PASSWORD -e staging --yes"
)]
pub struct Rename {
    /// The secret's name now
    #[arg(value_name = "OLD")]
    pub old: String,

    /// Its new name
    #[arg(value_name = "NEW")]
    pub new: String,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift diff`
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 no difference, 1 a difference, 2 trouble.\n\n\
                  So that `git diff` and `git log -p` show names, with a line for each environment in .gitattributes:\n  \
                  vault/staging/*.age diff=undrift-staging\n\
                  and once on each machine:\n  \
                  git config diff.undrift-staging.textconv \"undrift diff -e staging --textconv\"\n\n\
                  Examples:\n  undrift diff\n  undrift diff main~3 -e production --format json")]
pub struct Diff {
    /// The git revision that the vault is compared with
    #[arg(value_name = "REVISION", default_value = "HEAD")]
    pub revision: String,

    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,

    /// Write the names in one file, each with a keyed fingerprint of its value, as git's `textconv` asks for it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["revision", "format"])]
    pub textconv: Option<PathBuf>,
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
    after_help = "The values are in the environment of the program and nowhere else; it ends as the program does,\n\
                  or with 127 where there is no such program and 126 where it may not be run.\n\n\
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
