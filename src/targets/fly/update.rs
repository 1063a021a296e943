//! Bringing stored secrets to the machines: one machine after the other is given its own configuration again, with the
//! demand that it start with the newest secrets. `fly secrets deploy` does the same (flyctl,
//! `internal/command/deploy/machines_launchinput.go`), only with a release, which our own update does not make.
//!
//! Each machine is given a stamp by the same update: a time up to which it has everything that was stored. The time is
//! Fly's own, from before the version of the secrets that the update asks for was made, so that a stamp never promises
//! more than that version holds. It may promise less, if somebody else wrote in the same second: then the machine
//! counts as not updated, and is updated once more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::rollout::{STAMP, STAMPED_VERSION, Trouble};
use super::{FlyApp, wire};
use crate::domain::fleet::Fleet;
use crate::targets::TargetError;

/// How long a lease lasts if nobody gives it back.
const LEASE: Duration = Duration::from_secs(180);

/// How old a lease may become before it is renewed: another machine may take as long to start as we wait for it.
const RENEWAL: Duration = Duration::from_secs(60);

/// How long, in seconds, one question waits for a machine to start. The client asks it again a few times.
const WAIT: &str = "20";

/// How often a machine's checks are looked at, and how often an update is sent that Fly is not ready for.
const LOOKS: u32 = 20;

const NONCE: HeaderName = HeaderName::from_static("fly-machine-lease-nonce");

/// The leases that we hold, by machine.
pub(super) type Leases = BTreeMap<String, Lease>;

/// A lease: nobody else may change the machine while it lasts.
pub(super) struct Lease {
    nonce: String,
    since: Instant,
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lease(redacted)")
    }
}

/// A roll-out that stopped. No machine after the one it names was touched.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}{}", so_far(*.updated, *.of, .cause))]
pub struct Stopped {
    /// Why.
    pub cause: Cause,
    /// How many machines had been updated.
    pub updated: usize,
    /// How many were to be.
    pub of: usize,
}

fn so_far(updated: usize, of: usize, cause: &Cause) -> String {
    match (updated, cause) {
        (0, Cause::Lost { .. }) => String::new(),
        (0, _) => "; no machine was touched".to_owned(),
        (1, _) => format!("; 1 of {of} machines was updated"),
        _ => format!("; {updated} of {of} machines were updated"),
    }
}

/// Why a roll-out stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// Fly could not be asked, before any machine was.
    #[error(transparent)]
    Target(TargetError),
    /// A request about one machine failed.
    #[error("machine {machine}: {error}")]
    Machine {
        /// The machine.
        machine: String,
        /// Why.
        error: TargetError,
    },
    /// The answer to an update was lost.
    #[error("machine {machine}: {error}; it may or may not have been updated")]
    Lost {
        /// The machine.
        machine: String,
        /// Why.
        error: TargetError,
    },
    /// A machine of the app that no deployment made. Whoever made it knows what it needs.
    #[error(
        "machine {machine} was made by no deployment, so that nobody can say what it runs; remove it, or use `rollout = \"manual\"`"
    )]
    Loose {
        /// The machine.
        machine: String,
    },
    /// Fly does not know the whole configuration of a machine, which an update would have to give it again.
    #[error("the host of machine {machine} is not well (`{status}`), so that its configuration is not known whole")]
    Unwell {
        /// The machine.
        machine: String,
        /// What Fly says of its host.
        status: String,
    },
    /// Somebody else holds the machine for a change of theirs.
    #[error("machine {machine} is leased{}", lease_of(.by.as_deref(), .until.as_ref()))]
    Leased {
        /// The machine.
        machine: String,
        /// Who holds it, if Fly says so.
        by: Option<String>,
        /// Until when, if Fly says so.
        until: Option<Timestamp>,
    },
    /// A machine was updated and did not start.
    #[error("machine {machine} was updated and did not start in time")]
    NotStarted {
        /// The machine.
        machine: String,
    },
    /// A machine was updated and started, and a check of it does not pass.
    #[error("machine {machine} was updated, and its check `{check}` does not pass")]
    Unhealthy {
        /// The machine.
        machine: String,
        /// The check.
        check: String,
    },
}

fn lease_of(by: Option<&str>, until: Option<&Timestamp>) -> String {
    let by = by.map_or_else(|| " by somebody else".to_owned(), |by| format!(" by {by}"));
    let until = until.map_or_else(String::new, |until| format!(" until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC")));
    by + &until
}

#[derive(Serialize)]
struct LeaseWish {
    ttl: u64,
    description: &'static str,
}

#[derive(Deserialize)]
struct Leased {
    data: LeaseData,
}

#[derive(Deserialize)]
struct LeaseData {
    nonce: Option<String>,
    owner: Option<String>,
    expires_at: Option<i64>,
}

/// A machine with its configuration as it came, byte for byte.
#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    state: String,
    name: Option<String>,
    region: Option<String>,
    host_status: Option<String>,
    config: Option<BTreeMap<String, Box<RawValue>>>,
    incomplete_config: Option<Box<RawValue>>,
    checks: Option<Vec<Check>>,
}

#[derive(Deserialize)]
struct Check {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
}

#[derive(Serialize)]
struct Update<'a> {
    config: &'a BTreeMap<String, Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    skip_launch: bool,
    min_secrets_version: u64,
}

#[derive(Deserialize)]
struct Updated {
    instance_id: Option<String>,
}

/// What every machine is given.
struct Secrets {
    version: u64,
    as_of: Timestamp,
}

impl FlyApp {
    /// Brings what is stored to every machine that lacks something, or still has what was removed at this time: one
    /// machine after the other, and none after the first that fails. `begin` hears which of how many is next.
    ///
    /// Whoever drops this before its end calls [`FlyApp::release_leases`].
    pub async fn roll_out(&self, removed: Option<Timestamp>, begin: &dyn Fn(usize, usize)) -> Result<(), Stopped> {
        let mut progress = (0, 0);
        let result = self.update_all(removed, &mut progress, begin).await;
        self.release_leases().await;
        let (updated, of) = progress;
        result.map_err(|cause| Stopped { cause, updated, of })
    }

    /// Gives back every lease that we hold. One that cannot be given back ends by itself.
    pub async fn release_leases(&self) {
        let leases = std::mem::take(&mut *self.leases());
        for (machine, lease) in leases {
            self.give_back(&machine, &lease.nonce).await;
        }
    }

    async fn give_back(&self, machine: &str, nonce: &str) {
        // Given back twice is as good as once, so that a lost answer is no reason to leave it.
        for _ in 0..2 {
            let path = self.path(machine, &["lease"]);
            if self.machines.send_with(&Method::DELETE, &path, None, (NONCE, nonce)).await.is_ok() {
                return;
            }
        }
    }

    async fn update_all(
        &self,
        removed: Option<Timestamp>,
        (updated, of): &mut (usize, usize),
        begin: &dyn Fn(usize, usize),
    ) -> Result<(), Cause> {
        let listed = self.secrets().await.map_err(Cause::Target)?;
        let members = self.machines().await.map_err(Cause::Target)?;
        if let Some((machine, trouble)) = members.iter().find_map(|m| Some((m.id.clone(), m.trouble.clone()?))) {
            return Err(match trouble {
                Trouble::Host(status) => Cause::Unwell { machine, status },
                Trouble::Loose => Cause::Loose { machine },
            });
        }
        let all: BTreeSet<String> = members.iter().map(|machine| machine.id.clone()).collect();
        let time = |secret: &wire::Secret| secret.updated_at.as_deref().and_then(wire::time);
        let newest = listed.values().filter_map(time).max();
        let lacking: BTreeSet<String> = match self.fleet(Ok(members)).await {
            // Without the time of every secret, nobody can say which machine has it.
            Fleet::Known(machines) if listed.values().all(|secret| time(secret).is_some()) => {
                let lacking = machines.into_iter().filter(|machine| machine.lacks(newest, removed));
                lacking.map(|machine| machine.id).collect()
            }
            _ => all,
        };
        *of = lacking.len();
        if lacking.is_empty() {
            return Ok(());
        }
        let secrets = self.newest(newest, removed).await.map_err(Cause::Target)?;
        // All of them first: what somebody else is changing is known before anything is touched.
        for machine in &lacking {
            self.lease(machine).await?;
        }
        for (index, machine) in lacking.iter().enumerate() {
            begin(index + 1, lacking.len());
            self.renew().await?;
            let instance = self.update(machine, &secrets).await?;
            *updated += 1;
            if let Some(instance) = instance {
                self.wait_until_well(machine, &instance).await?;
            }
            let lease = self.leases().remove(machine);
            if let Some(lease) = lease {
                self.give_back(machine, &lease.nonce).await;
            }
        }
        Ok(())
    }

    /// Returns the newest version of the secrets and up to when it holds everything. Only a write tells a version: ours,
    /// or one that changes nothing. Then a name that nobody has is unset, as `fly secrets sync` does (flyctl,
    /// `internal/appsecrets/secrets.go`).
    async fn newest(&self, listed: Option<Timestamp>, removed: Option<Timestamp>) -> Result<Secrets, TargetError> {
        let unknown = || TargetError::Unexpected("it does not tell the version of the secrets".to_owned());
        let mut known = None;
        if self.stored().version == 0 {
            let random = getrandom::u64().map_err(|_| TargetError::Unexpected("there is no randomness".to_owned()))?;
            self.change(&[(&format!("UNDRIFT_ABSENT_{random:016X}"), None)]).await?;
            // What was listed before that write is in the version that it made.
            known = listed;
        }
        let stored = *self.stored();
        // What we removed was removed before, by this push or an earlier one.
        let as_of = stored.as_of.into_iter().chain(known).chain(removed).max().ok_or_else(unknown)?;
        if stored.version == 0 { Err(unknown()) } else { Ok(Secrets { version: stored.version, as_of }) }
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, Leases> {
        self.leases.lock().expect("no holder of the leases panics")
    }

    fn path<'a>(&'a self, machine: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        ["v1", "apps", &self.app, "machines", machine].into_iter().chain(rest.iter().copied()).collect()
    }

    /// Takes a lease, or renews the one that we hold.
    async fn lease(&self, machine: &str) -> Result<(), Cause> {
        let wish = LeaseWish { ttl: LEASE.as_secs(), description: "undrift brings new secrets to it" };
        let body = serde_json::to_vec(&wish).map_err(|_| about(machine, form()))?;
        let path = self.path(machine, &["lease"]);
        let held = self.leases().get(machine).map(|lease| lease.nonce.clone());
        let since = Instant::now();
        let answer = match &held {
            Some(nonce) => self.machines.send_with(&Method::POST, &path, Some(&body), (NONCE, nonce)).await,
            None => self.machines.send(&Method::POST, &path, Some(&body)).await,
        };
        let answer = match answer {
            Err(TargetError::Rejected { status: 409, .. }) => return Err(self.leased(machine).await),
            answer => answer.map_err(|error| about(machine, error))?,
        };
        let lease: Leased = answer.json().map_err(|error| about(machine, error))?;
        let nonce = lease.data.nonce.or(held).ok_or_else(|| about(machine, form()))?;
        self.leases().insert(machine.to_owned(), Lease { nonce, since });
        Ok(())
    }

    /// Renews the leases that are no longer fresh.
    async fn renew(&self) -> Result<(), Cause> {
        let is_old = |(machine, lease): (&String, &Lease)| (lease.since.elapsed() > RENEWAL).then(|| machine.clone());
        let old: Vec<String> = self.leases().iter().filter_map(is_old).collect();
        for machine in old {
            self.lease(&machine).await?;
        }
        Ok(())
    }

    /// Says who holds a machine and until when, as far as Fly tells.
    async fn leased(&self, machine: &str) -> Cause {
        let answer = self.machines.get(&self.path(machine, &["lease"]), &[]).await;
        let lease = answer.and_then(|answer| answer.json::<Leased>()).ok().map(|lease| lease.data);
        let visible = |owner: String| owner.chars().filter(char::is_ascii_graphic).take(80).collect::<String>();
        let (by, until) = lease.map_or((None, None), |lease| (lease.owner, lease.expires_at));
        Cause::Leased {
            machine: machine.to_owned(),
            by: by.map(visible).filter(|by| !by.is_empty()),
            until: until.and_then(|second| Timestamp::from_second(second).ok()),
        }
    }

    /// Gives a machine its configuration again. Returns which instance is started by that, if one is.
    async fn update(&self, machine: &str, secrets: &Secrets) -> Result<Option<String>, Cause> {
        let mut whole = self.whole(machine).await?;
        let status = whole.host_status.take().unwrap_or_else(|| "ok".to_owned());
        let Some(mut config) = whole.config.take().filter(|_| status == "ok" && whole.incomplete_config.is_none())
        else {
            return Err(Cause::Unwell { machine: machine.to_owned(), status });
        };
        stamp(&mut config, secrets).ok_or_else(|| about(machine, form()))?;
        let launches = is_launched(&whole.state, &config);
        let update = Update {
            config: &config,
            name: whole.name.as_deref(),
            region: whole.region.as_deref(),
            skip_launch: !launches,
            min_secrets_version: secrets.version,
        };
        let body = Zeroizing::new(serde_json::to_vec(&update).map_err(|_| about(machine, form()))?);
        let nonce = self.leases().get(machine).map(|lease| lease.nonce.clone()).unwrap_or_default();
        let path = self.path(machine, &[]);
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            match self.machines.send_with(&Method::POST, &path, Some(&body), (NONCE, &nonce)).await {
                // The version has not reached the machine's host yet, and nothing was done.
                Err(TargetError::Rejected { status: 412, .. }) if tries < LOOKS => sleep(self.pause()).await,
                Err(TargetError::Rejected { status: 409, .. }) => return Err(self.leased(machine).await),
                Err(error) if error.surely_not_applied() => return Err(about(machine, error)),
                Err(error) => return Err(Cause::Lost { machine: machine.to_owned(), error }),
                Ok(answer) => break answer,
            }
        };
        // What cannot be read of the answer is asked for again.
        let instance = answer.json::<Updated>().ok().and_then(|updated| updated.instance_id).unwrap_or_default();
        Ok(launches.then_some(instance))
    }

    async fn wait_until_well(&self, machine: &str, instance: &str) -> Result<(), Cause> {
        let named = [("state", "started"), ("timeout", WAIT), ("instance_id", instance)];
        let query = if instance.is_empty() { &named[..2] } else { &named[..] };
        match self.machines.get(&self.path(machine, &["wait"]), query).await {
            Ok(_) => {}
            Err(TargetError::Rejected { status: 408, .. } | TargetError::Timeout { .. }) => {
                return Err(Cause::NotStarted { machine: machine.to_owned() });
            }
            Err(error) => return Err(about(machine, error)),
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
        let check = failing.chars().filter(|character| !character.is_control()).take(80).collect();
        Err(Cause::Unhealthy { machine: machine.to_owned(), check })
    }

    async fn whole(&self, machine: &str) -> Result<Whole, Cause> {
        let answer = self.machines.get(&self.path(machine, &[]), &[]).await;
        answer.and_then(|answer| answer.json()).map_err(|error| about(machine, error))
    }

    /// Two seconds, unless the client is told to be quicker.
    fn pause(&self) -> Duration {
        self.backoff.saturating_mul(8)
    }
}

fn about(machine: &str, error: TargetError) -> Cause {
    Cause::Machine { machine: machine.to_owned(), error }
}

fn form() -> TargetError {
    TargetError::Unexpected("JSON of another form".to_owned())
}

/// Returns whether an update starts the machine: one that stands still, or stands by for another, takes the secrets
/// when it starts the next time.
fn is_launched(state: &str, config: &BTreeMap<String, Box<RawValue>>) -> bool {
    let standbys = config.get("standbys").and_then(|raw| serde_json::from_str::<Option<Vec<String>>>(raw.get()).ok());
    let stands_by = standbys.flatten().is_some_and(|standbys| !standbys.is_empty());
    !stands_by && !matches!(state, "stopped" | "stopping" | "suspended" | "suspending")
}

/// Writes our stamp into the metadata, and leaves everything else as it came.
fn stamp(config: &mut BTreeMap<String, Box<RawValue>>, secrets: &Secrets) -> Option<()> {
    let mut metadata: BTreeMap<String, Box<RawValue>> = match config.get("metadata") {
        None => BTreeMap::new(),
        Some(raw) => serde_json::from_str::<Option<_>>(raw.get()).ok()?.unwrap_or_default(),
    };
    metadata.insert(STAMP.to_owned(), to_raw_value(&secrets.as_of.to_string()).ok()?);
    metadata.insert(STAMPED_VERSION.to_owned(), to_raw_value(&secrets.version.to_string()).ok()?);
    config.insert("metadata".to_owned(), to_raw_value(&metadata).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> BTreeMap<String, Box<RawValue>> {
        serde_json::from_str(text).expect("a literal configuration")
    }

    #[test]
    fn the_stamp_leaves_every_other_byte_of_the_configuration() {
        let text = r#"{"guest":{"x":1e400,"memory_mb":256},"metadata":{"a":"b"},"services":[{"z":0.10,"a":1}]}"#;
        let mut stamped = config(text);
        let secrets = Secrets { version: 12, as_of: "2026-11-20T08:00:00.25Z".parse().expect("a time") };
        stamp(&mut stamped, &secrets).expect("metadata");
        let stamps = r#"{"a":"b","undrift_secrets_at":"2026-11-20T08:00:00.25Z","undrift_secrets_version":"12"}"#;
        assert_eq!(serde_json::to_string(&stamped).expect("JSON"), text.replace(r#"{"a":"b"}"#, stamps));
        for empty in [r#"{"metadata":null}"#, "{}"] {
            let mut stamped = config(empty);
            assert!(stamp(&mut stamped, &secrets).is_some() && stamped["metadata"].get().contains("08:00:00.25"));
        }
    }

    #[test]
    fn what_stands_still_is_not_started() {
        let table = [
            ("started", "{}", true),
            ("created", r#"{"standbys":null}"#, true),
            ("started", r#"{"standbys":["m1"]}"#, false),
            ("stopped", "{}", false),
            ("suspended", "{}", false),
        ];
        for (state, text, expected) in table {
            assert_eq!(is_launched(state, &config(text)), expected, "{state} {text}");
        }
    }

    #[test]
    fn a_stop_says_how_far_it_came() {
        let stopped = |cause, updated| Stopped { cause, updated, of: 3 }.to_string();
        let not_started = || Cause::NotStarted { machine: "m2".to_owned() };
        assert_eq!(
            stopped(not_started(), 1),
            "machine m2 was updated and did not start in time; 1 of 3 machines was updated"
        );
        assert!(stopped(not_started(), 2).ends_with("; 2 of 3 machines were updated"));
        let leased = Cause::Leased { machine: "m1".to_owned(), by: Some("dev@example.com".to_owned()), until: None };
        assert_eq!(stopped(leased, 0), "machine m1 is leased by dev@example.com; no machine was touched");
        let lost = Cause::Lost { machine: "m1".to_owned(), error: form() };
        assert!(stopped(lost, 0).ends_with("; it may or may not have been updated"));
    }
}
