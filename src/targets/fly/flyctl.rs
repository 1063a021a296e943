//! `fly secrets deploy`, run by us: the platform's own program brings what is stored to the machines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join3;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::domain::rollout::presentable;
use crate::domain::secret::SecretValue;

/// The names of the program.
const PROGRAMS: [&str; 2] = ["fly", "flyctl"];

/// How long one roll-out may take.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// How much of the end of the program's output is kept, in bytes.
const KEPT: usize = 16 * 1024;

/// What `fly` is run with.
#[derive(Debug)]
pub struct Surroundings {
    /// The variables it inherits; `PATH` among them says where it is.
    pub variables: BTreeMap<String, OsString>,
    /// The folder it runs in.
    pub folder: PathBuf,
}

/// Why `fly secrets deploy` did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum FlyctlError {
    /// There is no such program.
    #[error("neither `fly` nor `flyctl` is on the PATH; by hand: `fly secrets deploy -a {app}`")]
    Absent {
        /// The app.
        app: String,
    },
    /// It could not be started, or not be waited for.
    #[error("`fly` could not be run: {0}")]
    Unusable(io::ErrorKind),
    /// It took too long and was ended.
    #[error("`fly secrets deploy -a {app}` did not end within {} minutes and was stopped", .after.as_secs() / 60)]
    Hangs {
        /// The app.
        app: String,
        /// How long we waited.
        after: Duration,
    },
    /// It says itself that it failed.
    #[error("`fly secrets deploy -a {app}` failed ({status})")]
    Failed {
        /// The app.
        app: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said last.
        said: Said,
    },
}

/// The end of a program's output, which may repeat what it must not.
pub struct Said(Zeroizing<String>);

impl Said {
    /// Returns the last lines that have no part of these values in them.
    pub fn without<'a>(&self, values: impl Iterator<Item = &'a SecretValue>) -> String {
        presentable(&self.0, values)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Said(redacted)")
    }
}

/// Where the token may go.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) machines: String,
    pub(super) api: String,
}

/// `fly` for one app.
#[derive(Debug)]
pub(super) struct Flyctl {
    surroundings: Surroundings,
    addresses: Addresses,
    token: SecretValue,
    patience: Duration,
}

impl Flyctl {
    pub(super) fn new(surroundings: Surroundings, addresses: Addresses, token: &SecretValue) -> Self {
        let token = SecretValue::copied_from(token.expose().trim());
        Self { surroundings, addresses, token, patience: PATIENCE }
    }

    /// Runs `fly secrets deploy` and waits for its end. It is ended when this is dropped before.
    pub(super) async fn deploy(&self, app: &str) -> Result<(), FlyctlError> {
        let mut child = self.start(app)?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let end = timeout(self.patience, join3(tail(output), tail(errors), child.wait())).await;
        let Ok((output, errors, status)) = end else {
            // It may have ended in this very moment.
            let _ = child.kill().await;
            return Err(FlyctlError::Hangs { app: app.to_owned(), after: self.patience });
        };
        let status = status.map_err(|error| FlyctlError::Unusable(error.kind()))?;
        if status.success() {
            return Ok(());
        }
        let said = self.without_token(&[output, errors]);
        Err(FlyctlError::Failed { app: app.to_owned(), status, said })
    }

    fn start(&self, app: &str) -> Result<Child, FlyctlError> {
        for program in PROGRAMS {
            let mut command = Command::new(program);
            command.args(["secrets", "deploy", "--app", app]).current_dir(&self.surroundings.folder).env_clear();
            self.set_variables(&mut command);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            match command.spawn() {
                Ok(child) => return Ok(child),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(FlyctlError::Unusable(error.kind())),
            }
        }
        Err(FlyctlError::Absent { app: app.to_owned() })
    }

    /// The token goes by the environment, where no process list shows it, and to the addresses that it belongs to.
    fn set_variables(&self, command: &mut Command) {
        // The other variable would win over ours, and the key to the vault is none of its business.
        let not_ours = ["FLY_ACCESS_TOKEN", "FLY_API_TOKEN", "UNDRIFT_IDENTITY"];
        let inherited = &self.surroundings.variables;
        command.envs(inherited.iter().filter(|(name, _)| !not_ours.contains(&name.as_str())));
        command.env("FLY_API_TOKEN", self.token.expose());
        command.env("FLY_FLAPS_BASE_URL", &self.addresses.machines);
        command.env("FLY_API_BASE_URL", &self.addresses.api);
        if !inherited.contains_key("FLY_UIEX_BASE_URL") {
            command.env("FLY_UIEX_BASE_URL", &self.addresses.api);
        }
    }

    /// Returns what was said but for lines that have a part of the token in them.
    fn without_token(&self, said: &[Zeroizing<Vec<u8>>]) -> Said {
        const SHORTEST: usize = 8;
        let pieces = self.token.expose().split([',', ' ']).map(str::trim).filter(|piece| piece.len() >= SHORTEST);
        let pieces: Vec<&str> = pieces.collect();
        let mut kept = Zeroizing::new(String::new());
        for text in said {
            for line in String::from_utf8_lossy(text).lines() {
                if !pieces.iter().any(|piece| line.contains(piece)) {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
        }
        Said(kept)
    }
}

/// Reads to the end and keeps the last part.
async fn tail(from: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::new());
    let Some(mut from) = from else { return kept };
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        match from.read(&mut *buffer).await {
            Ok(0) | Err(_) => return kept,
            Ok(length) => kept.extend_from_slice(&buffer[..length]),
        }
        if kept.len() > 2 * KEPT {
            let surplus = kept.len() - KEPT;
            kept.drain(..surplus);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn deploy(script: &str, patience: Duration) -> Result<(), FlyctlError> {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("fly");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("a script");
        let path = folder.path().as_os_str().to_owned();
        let variables: [(&str, OsString); 4] = [
            ("PATH", path),
            ("FLY_ACCESS_TOKEN", "another".into()),
            ("FLY_API_BASE_URL", "https://elsewhere.example".into()),
            ("UNDRIFT_IDENTITY", "canary-identity".into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let surroundings = Surroundings { variables, folder: folder.path().to_owned() };
        let addresses = Addresses { machines: "http://127.0.0.1:1".to_owned(), api: "http://127.0.0.1:2".to_owned() };
        let token = SecretValue::copied_from("FlyV1 fm2_canary-one,fm2_canary-two");
        let flyctl = Flyctl { patience, ..Flyctl::new(surroundings, addresses, &token) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(flyctl.deploy("shop"))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_given_the_token_and_the_addresses_in_variables_alone() {
        let checks = [
            r#"[ "$*" = "secrets deploy --app shop" ]"#,
            r#"[ "$FLY_API_TOKEN" = "FlyV1 fm2_canary-one,fm2_canary-two" ]"#,
            r#"[ -z "${FLY_ACCESS_TOKEN+set}${UNDRIFT_IDENTITY+set}" ]"#,
            r#"[ "$FLY_FLAPS_BASE_URL $FLY_API_BASE_URL" = "http://127.0.0.1:1 http://127.0.0.1:2" ]"#,
            r#"[ "$FLY_UIEX_BASE_URL" = "http://127.0.0.1:2" ]"#,
        ];
        for check in checks {
            let ended = deploy(&format!("{check} || exit 7"), LONG);
            assert!(ended.is_ok(), "{check}: {ended:?}");
        }
    }

    #[test]
    fn what_it_said_last_is_told_without_values_and_token() {
        let script = "echo one; echo fm2_canary-two is bad; echo password-1 >&2; echo two >&2; exit 3";
        let Err(FlyctlError::Failed { said, .. }) = deploy(script, LONG) else { panic!("it has failed") };
        assert_eq!(format!("{said:?}"), "Said(redacted)");
        let values = [SecretValue::copied_from("password-1")];
        assert_eq!(said.without(values.iter()), "one; two");
    }

    #[test]
    fn it_is_stopped_when_it_takes_too_long() {
        let ended = deploy("exec /bin/sleep 600", Duration::from_millis(50));
        assert!(matches!(ended, Err(FlyctlError::Hangs { .. })), "{ended:?}");
    }
}
