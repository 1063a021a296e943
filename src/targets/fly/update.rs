//! Bringing stored secrets to the machines: one machine after the other is given its own configuration again, with the
//! demand that it start with the newest secrets. That is what `fly secrets deploy` does too (flyctl,
//! `internal/command/deploy/machines_launchinput.go`), only without a release of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::rollout::STAMP;
use super::{FlyApp, wire};
use crate::domain::fleet::Fleet;
use crate::targets::TargetError;

/// How long a lease lasts if nobody gives it back: longer than one machine takes.
const LEASE_SECONDS: u32 = 300;

/// How long one question waits for a machine to start.
const WAIT_SECONDS: &str = "20";

/// How often it is asked whether a machine has started.
const WAITS: u32 = 3;

/// How often its health checks are looked at, and how often an update is sent that Fly is not ready for.
const LOOKS: u32 = 20;

const NONCE: HeaderName = HeaderName::from_static("fly-machine-lease-nonce");

/// Why a roll-out stopped. No machine after the one it names was touched.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// Fly could not be asked or told.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A request about one machine failed.
    #[error("machine {machine}: {error}")]
    Machine {
        /// The machine.
        machine: String,
        /// Why.
        error: TargetError,
    },
    /// The host of a machine is not well, so that Fly does not know the whole of its configuration.
    #[error("the host of machine {machine} is not well (`{status}`), so that its configuration is not known whole")]
    Host {
        /// The machine.
        machine: String,
        /// What Fly says of its host.
        status: String,
    },
    /// Somebody else has taken the machine for a change of theirs.
    #[error("machine {machine} is taken by somebody else for a change of theirs")]
    Leased {
        /// The machine.
        machine: String,
    },
    /// `fly` is not there.
    #[error("neither `fly` nor `flyctl` is on the PATH; by hand: `fly secrets deploy -a {app}`")]
    NoFlyctl {
        /// The app.
        app: String,
    },
    /// `fly` could not be started.
    #[error("`fly` could not be started: {0}")]
    FlyctlUnusable(std::io::ErrorKind),
    /// `fly` failed.
    #[error("`fly secrets deploy -a {app}` failed ({status}); run it by hand to see why")]
    Flyctl {
        /// The app.
        app: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// `fly` did not end.
    #[error("`fly secrets deploy -a {app}` did not end within {} minutes", .after.as_secs() / 60)]
    FlyctlHangs {
        /// The app.
        app: String,
        /// How long we waited.
        after: Duration,
    },
    /// The machine did not start in time.
    #[error("machine {machine} was updated and did not start within a minute")]
    NotStarted {
        /// The machine.
        machine: String,
    },
    /// The machine started, and a health check of it does not pass.
    #[error("machine {machine} was updated, and its health check `{check}` does not pass")]
    Unhealthy {
        /// The machine.
        machine: String,
        /// The check.
        check: String,
    },
}

/// The machines that a roll-out is going to update, and what it gives them.
#[derive(Debug)]
pub struct RollOut {
    /// The machines that lack something, sorted.
    pub machines: Vec<String>,
    /// How many machines run the app.
    pub all: usize,
    version: u64,
    stamp: Timestamp,
}

#[derive(Debug, Serialize)]
struct LeaseWish {
    ttl: u32,
    description: &'static str,
}

#[derive(Debug, Deserialize)]
struct Lease {
    data: LeaseData,
}

#[derive(Debug, Deserialize)]
struct LeaseData {
    nonce: String,
}

/// A machine as it is before its update. Fields that are not read stand in its configuration as they came.
#[derive(Debug, Deserialize)]
struct Whole {
    state: String,
    region: Option<String>,
    host_status: Option<String>,
    config: Option<BTreeMap<String, Box<RawValue>>>,
    #[serde(default)]
    checks: Option<Vec<Check>>,
}

#[derive(Debug, Deserialize)]
struct Check {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
}

#[derive(Debug, Serialize)]
struct Update<'a> {
    config: &'a BTreeMap<String, Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    skip_launch: bool,
    min_secrets_version: u64,
}

impl FlyApp {
    /// Finds the machines that lack something that is stored, or that still have what was removed at this time.
    /// Nothing is touched; if the host of any machine is not well, nothing may be.
    pub async fn prepare_roll_out(&self, removed: Option<Timestamp>) -> Result<RollOut, RolloutError> {
        let secrets = self.secrets().await?;
        let listed = self.machines.server_now();
        let members = self.machines().await?;
        if let Some(unwell) = members.iter().find(|machine| machine.trouble.is_some()) {
            let status = unwell.trouble.clone().unwrap_or_default();
            return Err(RolloutError::Host { machine: unwell.id.clone(), status });
        }
        let times: Option<Vec<Timestamp>> =
            secrets.values().map(|secret| secret.updated_at.as_deref().and_then(wire::time)).collect();
        let newest = times.as_ref().and_then(|times| times.iter().max().copied());
        let ids: Vec<String> = members.iter().map(|machine| machine.id.clone()).collect();
        let lacking = match self.fleet(Ok(members)).await {
            // Without the time of every secret nobody can say who lacks one.
            Fleet::Known(machines) if times.is_some() => machines
                .into_iter()
                .filter(|machine| machine.lacks(newest, removed))
                .map(|machine| machine.id)
                .collect(),
            _ => ids.clone(),
        };
        let mut machines: Vec<String> = lacking;
        machines.sort();
        let version = if machines.is_empty() { 0 } else { self.newest_version().await? };
        let stamp = newest.into_iter().chain(listed).max().unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(RollOut { machines, all: ids.len(), version, stamp })
    }

    /// Returns the version of the secrets, which only a write tells: ours, or one that changes nothing. A name that
    /// nobody has is unset, as `fly secrets sync` does (flyctl, `internal/appsecrets/secrets.go`).
    async fn newest_version(&self) -> Result<u64, TargetError> {
        let known = self.known_version();
        if known > 0 {
            return Ok(known);
        }
        let random = getrandom::u64().map_err(|_| TargetError::Unexpected("no randomness".to_owned()))?;
        self.change(&[(&format!("UNDRIFT_ABSENT_{random:016X}"), None)]).await?;
        match self.known_version() {
            0 => Err(TargetError::Unexpected("it does not tell the version of the secrets".to_owned())),
            version => Ok(version),
        }
    }

    /// Updates one machine and waits until it is well again. It is leased meanwhile, so that nobody else changes it.
    pub async fn roll_out_to(&self, roll_out: &RollOut, machine: &str) -> Result<(), RolloutError> {
        let nonce = self.lease(machine).await?;
        let updated = self.update(roll_out, machine, &nonce).await;
        // A lease that cannot be given back ends by itself.
        let _ = self.machines.send_with(&Method::DELETE, &self.of(machine, &["lease"]), None, (NONCE, &nonce)).await;
        let was_launched = updated?;
        if was_launched { self.wait_until_well(machine).await } else { Ok(()) }
    }

    fn of<'a>(&'a self, machine: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        ["v1", "apps", &self.app, "machines", machine].into_iter().chain(rest.iter().copied()).collect()
    }

    async fn lease(&self, machine: &str) -> Result<String, RolloutError> {
        let wish = LeaseWish { ttl: LEASE_SECONDS, description: "undrift brings new secrets to it" };
        let body = serde_json::to_vec(&wish).map_err(|_| unexpected())?;
        let answer = self.machines.send(&Method::POST, &self.of(machine, &["lease"]), Some(&body)).await;
        let lease: Lease = answer.and_then(|answer| answer.json()).map_err(|error| about(machine, error))?;
        Ok(lease.data.nonce)
    }

    /// Returns whether the machine was started by the update.
    async fn update(&self, roll_out: &RollOut, machine: &str, nonce: &str) -> Result<bool, RolloutError> {
        let mut whole = self.whole(machine).await?;
        let status = whole.host_status.take().filter(|status| status != "ok");
        let (Some(mut config), None) = (whole.config.take(), &status) else {
            let status = status.unwrap_or_else(|| "unknown".to_owned());
            return Err(RolloutError::Host { machine: machine.to_owned(), status });
        };
        stamp(&mut config, roll_out.stamp).ok_or_else(unexpected)?;
        // A stopped machine takes the secrets when it starts the next time.
        let launches = matches!(whole.state.as_str(), "started" | "starting" | "replacing" | "created");
        let update = Update {
            config: &config,
            region: whole.region.as_deref(),
            skip_launch: !launches,
            min_secrets_version: roll_out.version,
        };
        let body = zeroize::Zeroizing::new(serde_json::to_vec(&update).map_err(|_| unexpected())?);
        let path = self.of(machine, &[]);
        for _ in 0..LOOKS {
            match self.machines.send_with(&Method::POST, &path, Some(&body), (NONCE, nonce)).await {
                Ok(_) => return Ok(launches),
                // The version of the secrets has not reached that machine's host yet; nothing was done.
                Err(TargetError::Rejected { status: 412, .. }) => sleep(self.pause()).await,
                Err(error) => return Err(about(machine, error)),
            }
        }
        Err(about(machine, TargetError::Rejected { status: 412, message: None }))
    }

    async fn wait_until_well(&self, machine: &str) -> Result<(), RolloutError> {
        let mut has_started = false;
        for _ in 0..WAITS {
            let query = [("state", "started"), ("timeout", WAIT_SECONDS)];
            match self.machines.get(&self.of(machine, &["wait"]), &query).await {
                Ok(_) => {
                    has_started = true;
                    break;
                }
                Err(TargetError::Rejected { status: 408, .. } | TargetError::Timeout { .. }) => {}
                Err(error) => return Err(about(machine, error)),
            }
        }
        if !has_started {
            return Err(RolloutError::NotStarted { machine: machine.to_owned() });
        }
        let mut failing = String::new();
        for _ in 0..LOOKS {
            let checks = self.whole(machine).await?.checks.unwrap_or_default();
            match checks.into_iter().find(|check| check.status != "passing") {
                None => return Ok(()),
                Some(check) => failing = check.name,
            }
            sleep(self.pause()).await;
        }
        Err(RolloutError::Unhealthy { machine: machine.to_owned(), check: failing })
    }

    async fn whole(&self, machine: &str) -> Result<Whole, RolloutError> {
        let answer = self.machines.get(&self.of(machine, &[]), &[]).await;
        answer.and_then(|answer| answer.json()).map_err(|error| about(machine, error))
    }

    /// Two seconds, unless the client is told to be quicker.
    fn pause(&self) -> Duration {
        self.backoff.saturating_mul(8)
    }
}

/// Writes our stamp into the metadata, and leaves everything else as it came.
fn stamp(config: &mut BTreeMap<String, Box<RawValue>>, time: Timestamp) -> Option<()> {
    let mut metadata: BTreeMap<String, String> = match config.get("metadata") {
        None => BTreeMap::new(),
        Some(raw) => serde_json::from_str::<Option<_>>(raw.get()).ok()?.unwrap_or_default(),
    };
    metadata.insert(STAMP.to_owned(), time.to_string());
    config.insert("metadata".to_owned(), serde_json::value::to_raw_value(&metadata).ok()?);
    Some(())
}

fn about(machine: &str, error: TargetError) -> RolloutError {
    match error {
        TargetError::Rejected { status: 409, .. } => RolloutError::Leased { machine: machine.to_owned() },
        error => RolloutError::Machine { machine: machine.to_owned(), error },
    }
}

fn unexpected() -> RolloutError {
    RolloutError::Target(TargetError::Unexpected("a machine's configuration has another form".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_leaves_every_other_byte_of_the_configuration() {
        let text = r#"{"guest":{"memory_mb":256,"x":1e400},"metadata":{"a":"b"},"services":[{"z":1,"a":0.10}]}"#;
        let mut config: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).expect("JSON");
        let time = "2026-11-20T08:00:00.25Z".parse().expect("a time");
        stamp(&mut config, time).expect("metadata");
        let expected = text.replace(r#"{"a":"b"}"#, r#"{"a":"b","undrift_secrets_at":"2026-11-20T08:00:00.25Z"}"#);
        assert_eq!(serde_json::to_string(&config).expect("JSON"), expected);
        let mut none: BTreeMap<String, Box<RawValue>> = serde_json::from_str(r#"{"metadata":null}"#).expect("JSON");
        assert!(stamp(&mut none, time).is_some());
    }
}
