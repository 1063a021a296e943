//! `fly secrets deploy`, run by us: the platform's own program brings what is stored to the machines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::RolloutError;
use crate::domain::secret::SecretValue;

/// The names of the program.
const PROGRAMS: [&str; 2] = ["fly", "flyctl"];

/// How long one roll-out may take.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What `fly` is run with.
#[derive(Debug)]
pub struct Surroundings {
    /// The variables it inherits; `PATH` among them says where it is.
    pub variables: BTreeMap<String, OsString>,
    /// The folder it runs in.
    pub folder: PathBuf,
}

/// `fly` for one app.
#[derive(Debug)]
pub(super) struct Flyctl {
    surroundings: Surroundings,
    token: SecretValue,
}

impl Flyctl {
    pub(super) fn new(surroundings: Surroundings, token: &SecretValue) -> Self {
        Self { surroundings, token: SecretValue::copied_from(token.expose().trim()) }
    }

    /// Runs `fly secrets deploy` and waits for its end.
    ///
    /// The token goes by the environment, where no process list shows it. What the program says is not shown: nobody
    /// can vouch for what it repeats.
    pub(super) async fn deploy(&self, app: &str) -> Result<(), RolloutError> {
        for program in PROGRAMS {
            match self.run(program, app).await {
                Ok(status) if status.success() => return Ok(()),
                Ok(status) => return Err(RolloutError::Flyctl { app: app.to_owned(), status }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(RolloutError::FlyctlHangs { app: app.to_owned(), after: PATIENCE });
                }
                Err(error) => return Err(RolloutError::FlyctlUnusable(error.kind())),
            }
        }
        Err(RolloutError::NoFlyctl { app: app.to_owned() })
    }

    async fn run(&self, program: &str, app: &str) -> io::Result<ExitStatus> {
        let mut command = Command::new(program);
        command.args(["secrets", "deploy", "--app", app]).current_dir(&self.surroundings.folder).env_clear();
        // The other variable would win over ours, and the key to the vault is none of its business.
        let not_ours = ["FLY_ACCESS_TOKEN", "FLY_API_TOKEN", "UNDRIFT_IDENTITY"];
        command.envs(self.surroundings.variables.iter().filter(|(name, _)| !not_ours.contains(&name.as_str())));
        command.env("FLY_API_TOKEN", self.token.expose());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        match timeout(PATIENCE, command.status()).await {
            Ok(status) => status,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
