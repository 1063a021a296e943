//! The command line: what may be typed, and nothing about what it means.

mod access;
mod drift;
mod look;
mod rotate;
mod shell;
mod start;
mod vault;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use access::{Access, Grant, Revoke};
pub use drift::{Adopt, Audit, AuditFormat, Choices, Ignore, Plan, Push, Report, ReportFile, ReportFormat};
pub use look::{Explain, History, Log, Probe};
pub use rotate::Rotate;
pub use shell::{Ci, CiSystem, Completions, Man, Shell};
pub use start::{Doctor, Import, Init, Kept, Login, Logout};
pub use vault::{Diff, Edit, Export, ExportFormat, Get, List, Rename, Rm, Run, Seal, Set};

/// Keep an age-encrypted vault and every place its secrets are used in step, and prove it
#[derive(Debug, Parser)]
#[command(name = "undrift", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "First steps, in a folder with .env files:\n  undrift init staging          \
                  make a vault, and a key if you have none\n  undrift import . -e staging   \
                  take the values in\n  $EDITOR undrift.toml          \
                  say where they go: its comments show how\n  undrift push -e staging       \
                  write them there, after you have seen the plan\n  undrift audit                 \
                  say what differs, from then on\n\n\
                  Exit status: 0 in sync or done, 1 drift, findings or held steps, 2 trouble.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
}

/// What holds for every verb.
#[derive(Clone, Debug, Args)]
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
    /// Take values in from .env files, sops, passage or fnox, refusing to guess
    Import(Import),
    /// Keep your key, or a token, in the keyring of the operating system
    Login(Login),
    /// Take your key, or a token, out of the keyring
    Logout(Logout),
    /// Look at everything undrift needs, and say what mends what is wrong
    Doctor(Doctor),
    /// Set one value, read from standard input, a hidden prompt or a file, or made new
    Set(Set),
    /// Edit the values of one file as text, in your editor
    Edit(Edit),
    /// Take secrets out of the vault
    Rm(Rm),
    /// Give a secret another name, in the vault and in undrift.toml
    Rename(Rename),
    /// Show which names differ between the vault and a git revision, never the values
    Diff(Diff),
    /// Show which secret has a value in which environment, and which is overdue, never the values
    List(List),
    /// Write one value to standard output
    Get(Get),
    /// Write all values of an environment to standard output
    Export(Export),
    /// Start a program with the values of an environment in its environment
    Run(Run),
    /// Let a person or a machine read an environment, and encrypt all its files anew
    Grant(Grant),
    /// Take that away again, with a new fingerprint key, and list the values to change
    Revoke(Revoke),
    /// Show who can read what, and where a file says otherwise than the list
    Access(Access),
    /// Ask every target what it holds, and say what has drifted and how it is known
    Audit(Audit),
    /// Make one report of several audits: of shards, environments or targets
    Report(Report),
    /// Show what a push would write, and what is held until you choose
    Plan(Plan),
    /// Write to the targets what differs, after showing it
    Push(Push),
    /// Give secrets new values at every target at once, and drop the old ones when every target runs the new
    Rotate(Rotate),
    /// Take what one target holds for right: its value goes to the vault, and nothing to the target
    Adopt(Adopt),
    /// Accept names that are somebody else's, with a reason and perhaps until a day
    Ignore(Ignore),
    /// Vouch for the files of an environment as they are, after they were changed by other means than undrift
    Seal(Seal),
    /// Show who did what and when, and whether anybody has changed that since
    Log(Log),
    /// Show the recorded audits, what became of drifts, and the life of one secret
    History(History),
    /// Ask whether the value of a secret is alive, as its `probe` in undrift.toml says
    Probe(Probe),
    /// Tell what a code such as UD104 means, why it matters and what to do
    Explain(Explain),
    /// Write a workflow that audits once a week
    Ci(Ci),
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
