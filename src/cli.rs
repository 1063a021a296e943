//! The command line: what may be typed, and nothing about what it means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

/// Keep an age-encrypted vault and every place its secrets are used in step, and prove it
#[derive(Debug, Parser)]
#[command(name = "undrift", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit status: 0 in sync or done, 1 drift, findings or held steps, 2 trouble.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
}

/// What holds for every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// Narrow to an environment (repeatable)
    #[arg(short, long = "environment", visible_alias = "env", value_name = "NAME", global = true)]
    pub environments: Vec<String>,

    /// Narrow to a target (repeatable)
    #[arg(short, long = "target", value_name = "NAME", global = true)]
    pub targets: Vec<String>,

    /// Read the key that opens the vault from a file (repeatable)
    #[arg(short, long = "identity", value_name = "FILE", global = true)]
    pub identities: Vec<PathBuf>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a vault: undrift.toml, a folder and a key for each environment, and an identity if you have none
    Init(Init),
    /// Encrypt a tree of .env files into the vault, refusing to guess
    Import(Import),
    /// Set one value, read from standard input or a hidden prompt
    Set(Set),
    /// Show which secret has a value in which environment, never the values
    List(List),
    /// Write one value to standard output
    Get(Get),
    /// Write all values of an environment to standard output
    Export(Export),
    /// Start a program with the values of an environment in its environment
    Run(Run),
    /// Ask every target what it holds, and say what has drifted and how it is known
    Audit(Audit),
    /// Show what a push would write, and what is held until you choose
    Plan(Plan),
    /// Write to the targets what differs, after showing it
    Push(Push),
    /// Take what one target holds for right: its value goes to the vault, and nothing to the target
    Adopt(Adopt),
    /// Accept names that are somebody else's, with a reason and perhaps until a day
    Ignore(Ignore),
    /// Vouch for the files of an environment as they are, after they were changed by other means than undrift
    Seal(Seal),
    /// Show who did what and when, and whether anybody has changed that since
    Log(Log),
    /// Tell what a code such as UD104 means, why it matters and what to do
    Explain(Explain),
    /// Write what a shell needs to complete verbs, options and the names in undrift.toml
    Completions(Completions),
    /// Write the manual page of undrift, or of one verb
    Man(Man),
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
}

/// How the report of an audit or a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
    /// For a pull request's comment or a job's summary
    Markdown,
}

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
                  Examples:\n  undrift import ./secrets\n  undrift import . -e staging\n  \
                  undrift import ./secrets --prefer secrets/api/api_staging.env")]
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

/// `undrift audit`
#[derive(Debug, Args)]
#[command(after_help = "An audit only reads. It covers every environment that your identity opens.\n\n\
                  Examples:\n  undrift audit\n  undrift audit -e production --format json")]
pub struct Audit {
    /// How to write it: `table` for people, `json` for scripts, `markdown` for a pull request
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: ReportFormat,

    /// Show every row, not only those that want attention
    #[arg(short, long)]
    pub all: bool,
}

/// `undrift plan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift plan\n  undrift plan -e production --out plan.json\n  \
                  undrift push -e production --confirm production --plan plan.json")]
pub struct Plan {
    /// How to write it: `table` for people, `json` for scripts, `markdown` for a pull request
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: ReportFormat,

    /// Save the plan, for `push --plan`; a plan saved there before is replaced, and no other file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// What was decided.
    #[command(flatten)]
    pub choices: Choices,
}

/// `undrift push`
#[derive(Debug, Args)]
#[command(
    after_help = "Only what differs is written. What somebody else wrote, or nobody can vouch for, is held until\n\
                  you choose with `--overwrite NAME` or `--take-vault`.\n\n\
                  Examples:\n  undrift push -e staging\n  undrift push -e production --confirm production --yes"
)]
pub struct Push {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more (repeatable)
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,

    /// Do exactly what was saved by `plan --out`, or nothing when anything moved since
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["targets", "take_vault", "overwrite", "prune", "max_deletes", "allow_shrink"]
    )]
    pub plan: Option<PathBuf>,

    /// What was decided.
    #[command(flatten)]
    pub choices: Choices,
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

/// `undrift log`
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 the log is whole, 1 it is not, 2 it cannot be read.\n\n\
                  Examples:\n  undrift log -e staging\n  undrift log --format json")]
pub struct Log {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
}

/// `undrift explain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift explain UD104\n  undrift explain")]
pub struct Explain {
    /// The code; without one, every code is listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

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

/// `undrift adopt`
#[derive(Debug, Args)]
#[command(
    after_help = "Nobody can read a value back from most targets, so you give it: on standard input or to a hidden prompt,\n\
                  as with `undrift set`. Nothing is written to the target.\n\n\
                  Examples:\n  pbpaste | undrift adopt STRIPE_KEY -e staging -t ci --yes\n  \
                  undrift adopt STRIPE_KEY -e staging -t ci --as-is"
)]
pub struct Adopt {
    /// The secret's name in the vault
    #[arg(value_name = "NAME", index = 1)]
    pub name: String,

    /// Caught to be refused: a value on the command line stands in the shell's history and in every process list.
    #[arg(value_name = "VALUE", index = 2, hide = true)]
    pub value: Vec<String>,

    /// Accept what is there without knowing its value, until either side moves
    #[arg(long, conflicts_with = "exact")]
    pub as_is: bool,

    /// Keep every byte of standard input
    #[arg(long)]
    pub exact: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}

/// `undrift ignore`
#[derive(Debug, Args)]
#[command(
    after_help = "The rules go to undrift.toml, where they are reviewed. In a name, `*` stands for any number of characters.\n\
                  A name that is ours is never ignored: declare it, or stop declaring it.\n\n\
                  Examples:\n  undrift ignore 'CODECOV_*' -t ci --reason \"owned by the platform team\"\n  \
                  undrift ignore --from-current --reason \"there before undrift\" --until 2027-03-31"
)]
pub struct Ignore {
    /// The name at the target; `*` stands for any number of characters
    #[arg(value_name = "NAME", required_unless_present = "from_current", conflicts_with = "from_current")]
    pub name: Option<String>,

    /// Every name that is unmanaged today
    #[arg(long)]
    pub from_current: bool,

    /// Why; it stands in undrift.toml
    #[arg(long, value_name = "TEXT", required = true)]
    pub reason: String,

    /// The last day on which the rule holds
    #[arg(long, value_name = "DATE")]
    pub until: Option<Date>,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// What a person decides about held steps.
#[derive(Clone, Debug, Args)]
pub struct Choices {
    /// Write over values that nobody can vouch for
    #[arg(long)]
    pub take_vault: bool,

    /// Write over a secret that was changed at the target (repeatable)
    #[arg(long, value_name = "NAME")]
    pub overwrite: Vec<String>,

    /// Remove what undrift wrote and the vault no longer has
    #[arg(long)]
    pub prune: bool,

    /// Refuse a plan that removes more than this, at all places together
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub max_deletes: usize,

    /// Go on although most of what the receipts know is gone
    #[arg(long)]
    pub allow_shrink: bool,
}
