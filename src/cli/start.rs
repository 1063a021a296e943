//! What the verbs that begin take: `init`, `import`.

use std::path::PathBuf;

use clap::Args;

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
