//! A Fly app.
//!
//! Fly shows a digest that depends on the value alone, and so proves by a receipt what the app holds. Whether machines
//! run it is told separately, see the module `rollout`.

mod account;
mod flyctl;
mod rollout;
mod token;
mod update;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use vault_schema::project::RolloutMode;

pub use self::account::account;
use self::flyctl::{Addresses, Flyctl};
pub use self::flyctl::{FlyctlError, Surroundings};
use self::rollout::{Machine, Releases};
use self::token::{Api, authorization};
use self::update::Leases;
pub use self::update::{Cause, Stopped};
use super::client::{Client, Origin, OriginSettings};
use super::{Capabilities, Coming, Effect, EvidenceKind, Target, TargetError, Write};
use crate::domain::digest::RemoteDigest;
use crate::domain::fleet::Fleet;
use crate::domain::name::RemoteName;
use crate::domain::observation::{Evidence, Observation, Observed, RolloutState};
use crate::domain::secret::SecretValue;

/// Where the Machines API is, unless told otherwise.
pub const MACHINES_URL: &str = "https://api.machines.dev";

/// Where the dashboard's API is, unless told otherwise.
pub const API_URL: &str = "https://api.fly.io";

/// Which app it is and how to reach it.
#[derive(Debug)]
pub struct FlySettings<'a> {
    /// The app.
    pub app: String,
    /// The base URL of the Machines API: [`MACHINES_URL`], or that of `FLY_FLAPS_BASE_URL`.
    pub machines_url: String,
    /// The base URL of the dashboard's API: [`API_URL`], or that of `FLY_API_BASE_URL`.
    pub api_url: String,
    /// The token, or a list of them.
    pub token: &'a SecretValue,
    /// How values reach the machines.
    pub rollout: RolloutMode,
    /// What `fly` is run with, for [`RolloutMode::Flyctl`].
    pub flyctl: Option<Surroundings>,
}

/// A Fly app.
#[derive(Debug)]
pub struct FlyApp {
    app: String,
    rollout: RolloutMode,
    machines: Origin,
    dashboard: Box<Origin>,
    // Reads that ask for this version never show what was before.
    stored: Mutex<Stored>,
    // The newest time up to which a machine was seen to have everything.
    stamped: Mutex<Option<Timestamp>>,
    leases: Mutex<Leases>,
    // The first pause between two looks at the same thing.
    backoff: Duration,
    flyctl: Option<Flyctl>,
}

/// What our last write has told of the secrets.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    /// Their version, or 0.
    version: u64,
    /// A time by Fly's own clock up to which everything that was stored is in this version.
    as_of: Option<Timestamp>,
}

impl FlyApp {
    /// Checks the settings. Nothing is asked of Fly yet.
    pub fn new(client: &Client, settings: FlySettings<'_>) -> Result<Self, TargetError> {
        let origin = |base_url: &str, api| {
            let settings = OriginSettings {
                base_url,
                authorization: authorization(settings.token.expose(), api).ok_or(TargetError::NoToken)?,
                headers: &[("accept", "application/json")],
                place: format!("the app `{}`", settings.app),
                // Fly allows about one request a second for each app, and does not say when to come back.
                unstated_wait: client.settings().backoff.saturating_mul(4),
                budgeted: false,
            };
            Origin::new(client, settings)
        };
        Ok(Self {
            machines: origin(&settings.machines_url, Api::Machines)?,
            dashboard: Box::new(origin(&settings.api_url, Api::Dashboard)?),
            flyctl: settings.flyctl.map(|surroundings| {
                let addresses = Addresses { machines: settings.machines_url, api: settings.api_url };
                Flyctl::new(surroundings, addresses, settings.token)
            }),
            app: settings.app,
            rollout: settings.rollout,
            stored: Mutex::default(),
            stamped: Mutex::default(),
            leases: Mutex::default(),
            backoff: client.settings().backoff,
        })
    }

    async fn secrets(&self) -> Result<BTreeMap<RemoteName, wire::Secret>, TargetError> {
        let version = self.stored().version.to_string();
        let newest = [("min_version", version.as_str())];
        let query: &[_] = if version == "0" { &[] } else { &newest };
        let answer = self.machines.get(&["v1", "apps", &self.app, "secrets"], query).await?;
        let list: wire::Secrets = answer.json()?;
        let count = list.secrets.len();
        let secrets: BTreeMap<_, _> =
            list.secrets.into_iter().map(|secret| (RemoteName::new(secret.name.as_str()), secret)).collect();
        if secrets.len() < count {
            return Err(TargetError::Unexpected("a name is listed twice".to_owned()));
        }
        Ok(secrets)
    }

    /// Brings what is stored to the machines by `fly secrets deploy`.
    pub async fn deploy_by_flyctl(&self) -> Result<(), FlyctlError> {
        match &self.flyctl {
            Some(flyctl) => flyctl.deploy(&self.app).await,
            None => Err(FlyctlError::Absent { app: self.app.clone() }),
        }
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().expect("no holder of the version panics")
    }

    async fn machines(&self) -> Result<Vec<Machine>, TargetError> {
        // A summary would leave out the configuration, which names the release.
        let answer = self.machines.get(&["v1", "apps", &self.app, "machines"], &[]).await?;
        let machines = rollout::members(answer.json::<wire::Machines>()?.0);
        let newest = machines.iter().filter_map(|machine| machine.stamped).max();
        let mut stamped = self.stamped.lock().expect("no holder of the time panics");
        *stamped = newest.max(*stamped);
        Ok(machines)
    }

    async fn releases(&self, limit: usize) -> Result<Releases, TargetError> {
        let path = ["api", "v1", "apps", &self.app, "releases"];
        let answer = self.dashboard.get(&path, &[("limit", &limit.to_string())]).await?;
        Ok(rollout::releases(answer.json::<wire::Releases>()?.releases))
    }

    /// Returns the machines with the releases they run, or why nothing can be said of them.
    async fn fleet(&self, machines: Result<Vec<Machine>, TargetError>) -> Fleet {
        let unknown = |what: &str, error: &TargetError| Fleet::Unknown(format!("{what} could not be listed: {error}"));
        let machines = match machines {
            Ok(machines) => machines,
            Err(error) => return unknown("the machines", &error),
        };
        if machines.is_empty() {
            return Fleet::Known(Vec::new());
        }
        match self.releases(rollout::releases_wanted(&machines)).await {
            Ok(releases) => rollout::fleet(machines, &releases),
            Err(error) => unknown("the releases", &error),
        }
    }

    /// Sends all changes as one, so that they are made together or not at all.
    async fn change(&self, values: &[(&str, Option<&str>)]) -> Result<BTreeMap<RemoteName, Evidence>, TargetError> {
        let body = wire::body(values);
        let before = self.machines.server_now();
        let answer = self.machines.send_once(&Method::POST, &["v1", "apps", &self.app, "secrets"], Some(&body)).await?;
        if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(TargetError::Unexpected(format!("its status is {}", answer.status().as_u16())));
        }
        let written: wire::Written = answer.json()?;
        if let Some(version) = written.version() {
            let times = written.secrets.iter().filter_map(|secret| wire::time(secret.updated_at.as_deref()?));
            let mut stored = self.stored();
            stored.version = stored.version.max(version);
            stored.as_of = times.chain(before).chain(stored.as_of).max();
        }
        let seen = |secret: wire::Secret| (RemoteName::new(secret.name), evidence(secret.digest));
        Ok(written.secrets.into_iter().map(seen).collect())
    }
}

impl Target for FlyApp {
    fn describe(&self) -> Capabilities {
        Capabilities {
            evidence: EvidenceKind::OpaqueDigest,
            writes_per_look: usize::MAX,
            keeps_running: self.rollout != RolloutMode::Unchecked,
        }
    }

    async fn observe(&self) -> Result<Observation, TargetError> {
        let (secrets, fleet) = if self.rollout == RolloutMode::Unchecked {
            (self.secrets().await?, Fleet::None)
        } else {
            let (secrets, machines) = join(self.secrets(), self.machines()).await;
            (secrets?, self.fleet(machines).await)
        };
        let entry = |(name, secret): (RemoteName, wire::Secret)| {
            let written = secret.updated_at.as_deref().and_then(wire::time);
            (name, Observed { evidence: evidence(secret.digest), rollout: fleet.runs(written), written, access: None })
        };
        Ok(Observation { entries: secrets.into_iter().map(entry).collect(), fleet })
    }

    /// Reads the whole list: it is one request too, and one for each name would meet Fly's rate limit.
    async fn look(&self, _names: &[&RemoteName]) -> Result<Observation, TargetError> {
        let entry = |(name, secret): (RemoteName, wire::Secret)| {
            let written = secret.updated_at.as_deref().and_then(wire::time);
            (name, Observed { evidence: evidence(secret.digest), rollout: RolloutState::none(), written, access: None })
        };
        Ok(Observation { entries: self.secrets().await?.into_iter().map(entry).collect(), ..Observation::default() })
    }

    /// What is removed in the second in which a machine was last brought up to date could not be told from what was
    /// removed before that: it is removed in a later one.
    async fn make_ready(&self, coming: Coming) {
        let stamped = *self.stamped.lock().expect("no holder of the time panics");
        if let (Coming::Removal, Some(stamped)) = (coming, stamped) {
            self.machines.wait_for_second_after(stamped).await;
        }
        self.machines.wait_for_turn().await;
    }

    fn now_there(&self) -> Option<Timestamp> {
        self.machines.server_now()
    }

    async fn write(&self, batch: &[Write<'_>]) -> Vec<Effect> {
        if batch.is_empty() {
            return Vec::new();
        }
        let values: Vec<_> = batch.iter().map(|write| (write.name.as_str(), Some(write.value.expose()))).collect();
        match self.change(&values).await {
            Ok(mut evidence) => batch.iter().map(|write| Effect::Accepted(evidence.remove(write.name))).collect(),
            Err(error) => batch.iter().map(|_| Effect::failed(error.clone())).collect(),
        }
    }

    async fn remove(&self, names: &[&RemoteName]) -> Vec<Effect> {
        if names.is_empty() {
            return Vec::new();
        }
        let values: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        match self.change(&values).await {
            Ok(_) => names.iter().map(|_| Effect::Accepted(None)).collect(),
            Err(error) => names.iter().map(|_| Effect::failed(error.clone())).collect(),
        }
    }
}

/// Returns what a digest shows. One in a form other than the known one may not be compared with older ones: Fly has
/// changed the form once, in 2022.
fn evidence(digest: Option<wire::Digest>) -> Evidence {
    let Some(wire::Digest(text)) = digest.filter(|digest| !digest.0.is_empty()) else { return Evidence::Name };
    let is_known = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let digest = RemoteDigest::new(text);
    if is_known { Evidence::OpaqueDigest(digest) } else { Evidence::UnknownDigest(digest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_known_by_their_form() {
        let kind = |text: &str| match evidence(Some(wire::Digest(text.to_owned()))) {
            Evidence::OpaqueDigest(_) => "opaque",
            Evidence::UnknownDigest(_) => "unknown",
            Evidence::Name => "name",
            Evidence::Value(_) | Evidence::Sha256(_) | Evidence::Times { .. } => "other",
        };
        let table = [
            ("d8c5ac2e11c8e492", "opaque"),
            ("D8C5AC2E11C8E492", "unknown"),
            ("cdbe3268a82bfe993921b9cae2a526af", "unknown"),
            ("d8c5ac2e11c8e49", "unknown"),
            ("d8c5ac2e11c8e49g", "unknown"),
            ("", "name"),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert!(matches!(evidence(None), Evidence::Name));
    }
}
