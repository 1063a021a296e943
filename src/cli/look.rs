//! What the verbs that look back take: `log`, `explain`.

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

/// `undrift explain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  undrift explain UD104\n  undrift explain")]
pub struct Explain {
    /// The code; without one, every code is listed
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}
