//! What the verbs of drift take: `audit`, `plan`, `push`, `adopt`, `ignore`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::Format;
use crate::domain::shard::{self, Shard};

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

/// How the report of an audit is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For people
    #[default]
    Table,
    /// For scripts
    Json,
    /// For a pull request's comment or a job's summary
    Markdown,
    /// For code scanning
    Sarif,
    /// For systems that show the results of tests
    Junit,
    /// One page that shows the whole picture
    Html,
}

/// A report that goes to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// How it is written.
    pub format: AuditFormat,
    /// Where.
    pub path: PathBuf,
}

fn report_file(text: &str) -> Result<ReportFile, String> {
    let (format, path) = text.split_once('=').ok_or("it is written FORMAT=PATH, such as html=audit.html")?;
    let format = AuditFormat::from_str(format, false).map_err(|_| {
        let names = AuditFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        format!("a format is one of {}", names.join(", "))
    })?;
    if path.is_empty() {
        return Err("there is no path behind `=`".to_owned());
    }
    Ok(ReportFile { format, path: path.into() })
}

/// `undrift audit`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(after_help = "An audit only reads. It covers every environment that your identity opens.\n\n\
                  Examples:\n  undrift audit\n  undrift audit -e production --format json\n  \
                  undrift audit --write html=audit.html --write json=audit.json\n  \
                  undrift audit --changed-since last-week.json\n  undrift audit --record --notify")]
pub struct Audit {
    /// How to write it: `table` for people, `json` for scripts, `markdown` for a pull request, `sarif` for code
    /// scanning, `junit` for systems that show tests, `html` for one page that shows the whole picture
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: AuditFormat,

    /// Write a report to a file as well (repeatable)
    #[arg(long = "write", value_name = "FORMAT=PATH", value_parser = report_file)]
    pub files: Vec<ReportFile>,

    /// Show what is new, mended or still open since an earlier report, written with `--format json`
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub changed_since: Option<PathBuf>,

    /// Add a summary without values to the recorded audits, for `undrift history`
    #[arg(long)]
    pub record: bool,

    /// Where audits are recorded, if not in `history/` beside the vault
    #[arg(long, value_name = "FOLDER")]
    pub history: Option<PathBuf>,

    /// Tell those whom `[notify]` in undrift.toml names
    #[arg(long)]
    pub notify: bool,

    /// Show what they would be told, and tell nobody
    #[arg(long, requires = "notify")]
    pub dry_run: bool,

    /// Ask one part of the places: `2/3` is the second of three, which other machines share with this one; `undrift
    /// report --merge` makes one report of all
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<Shard>,

    /// Show every row, not only those that want attention
    #[arg(short, long)]
    pub all: bool,
}

fn shard(text: &str) -> Result<Shard, String> {
    shard::parse(text).ok_or_else(|| "a part is written I/N, from 1/N to N/N, such as 2/3".to_owned())
}

/// `undrift report`
#[derive(Debug, Args)]
#[command(
    after_help = "It reads these reports and nothing else: no vault, and no place is asked. What does not belong\n\
                  together is refused. Exit status: that of one audit of everything; 2 where a shard is missing.\n\n\
                  Examples:\n  undrift audit --shard 1/2 --write json=1.json\n  undrift audit --shard 2/2 --write json=2.json\n  \
                  undrift report --merge 1.json 2.json --write html=audit.html"
)]
pub struct Report {
    /// Make one report of several: of the shards of an audit, of environments or of targets, each written with `--write
    /// json=FILE`
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub merge: Vec<PathBuf>,

    /// How to write it: `table`, `json`, `markdown`, `sarif`, `junit` or `html`, as with `undrift audit`
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: AuditFormat,

    /// Write the report to a file as well (repeatable)
    #[arg(long = "write", value_name = "FORMAT=PATH", value_parser = report_file)]
    pub files: Vec<ReportFile>,

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
