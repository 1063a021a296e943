//! What the verbs that look back take: `log`, `history`, `probe`, `explain`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// `undrift log`
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 the log is whole, 1 it is not, 2 it cannot be read.\n\n\
                  Examples:\n  undrift log -e staging\n  undrift log --format json")]
pub struct Log {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
}

/// `undrift history`
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 a recorded audit cannot be read.\n\n\
                  Examples:\n  undrift history\n  undrift history --secret SMTP_PASSWORD -e production")]
pub struct History {
    /// How to write it: `table` for people, `json` for scripts
    #[arg(short, long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,

    /// Show what became of one secret at each place
    #[arg(long, value_name = "NAME")]
    pub secret: Option<String>,

    /// Where audits are recorded, if not in `history/` beside the vault
    #[arg(long, value_name = "FOLDER")]
    pub history: Option<PathBuf>,
}

/// `undrift probe`
#[derive(Debug, Args)]
#[command(
    after_help = "It asks once, and writes nothing. What it asks stands in `probe` of the secret in undrift.toml,\n\
                  or is known of its kind. A service that is broken says nothing of the value, and neither does an\n\
                  address where nothing is.\n\n\
                  Exit status: 0 alive, 1 dead, 2 nobody can tell.\n\n\
                  Examples:\n  undrift probe API_TOKEN -e staging"
)]
pub struct Probe {
    /// The secret
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `undrift explain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift explain UD104\n  undrift explain")]
pub struct Explain {
    /// The code; without one, every code is listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}
