//! What the verb of change takes: `rotate`.

use clap::Args;

use super::ReportFormat;

/// `undrift rotate`
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    after_help = "The old value stays in the vault beside the new one until every target was seen to run the new one. Where \
                  a target fails, the others go on, and the run stays open: `--continue` does what is left, `--rollback` \
                  brings the old values back everywhere.\n\n\
                  A new value is made as `generate` or `command` in undrift.toml say, or asked for, or read from standard \
                  input. Names of one run change together. `together` in `[rotation]` says which never change alone, \
                  `overlap` and `finish-after` of a secret how long an old value stays.\n\n\
                  Exit status: 0 finished, 1 the run is open, 2 something failed.\n\n\
                  Examples:\n  undrift rotate STRIPE_KEY -e staging\n  \
                  undrift rotate DB_USER DB_PASSWORD -e production --confirm production\n  \
                  undrift rotate --continue -e staging\n  \
                  undrift rotate --due -e staging\n  \
                  undrift rotate --leaked STRIPE_KEY -e staging\n  \
                  undrift rotate --at web -e staging"
)]
pub struct Rotate {
    /// The secrets that get new values; with `--continue`, `--rollback` or `--status` those whose run is meant
    #[arg(value_name = "NAME", required_unless_present_any = ["resume", "rollback", "status", "due", "at"])]
    pub names: Vec<String>,

    /// Do what is left of the runs that are open
    #[arg(long = "continue", conflicts_with_all = ["rollback", "status"])]
    pub resume: bool,

    /// Bring the old values back to every place, and give the runs up
    #[arg(long, conflicts_with = "status")]
    pub rollback: bool,

    /// Show the runs that are open, as they were last seen
    #[arg(long)]
    pub status: bool,

    /// Show what is due by `rotate-every` or `expires`, and after a yes rotate what can be made without a person
    #[arg(long, conflicts_with_all = ["names", "resume", "rollback", "status", "leaked", "at"])]
    pub due: bool,

    /// Somebody has the values who should not: say where they ever stood, and what is to be revoked
    #[arg(long, conflicts_with_all = ["resume", "rollback", "status", "at"])]
    pub leaked: bool,

    /// The target was broken into: new values for all that was ever stored there
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["names", "resume", "rollback", "status"])]
    pub at: Option<String>,

    /// How to write it: `table` for people, `json` for scripts, `markdown` for a ticket
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: ReportFormat,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Name a protected environment once more
    #[arg(long, value_name = "ENVIRONMENT")]
    pub confirm: Vec<String>,
}
