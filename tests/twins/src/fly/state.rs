//! What a Fly organisation holds.

use std::collections::BTreeMap;

use crypto_box::aead::OsRng;
use crypto_box::aead::rand_core::RngCore;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::FLY_TOKEN;
use super::access::Token;

/// How the times of secrets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampStyle {
    /// RFC 3339 with as many digits as the time has.
    Rfc3339,
    /// Whole seconds, so that a set and a release within one second look simultaneous.
    WholeSeconds,
    /// Without a zone, as `2026-01-14T10:00:00.123456`.
    NoZone,
    /// Not at all: both fields are optional.
    Absent,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) digest_key: [u8; 32],
    pub(super) digest_width: usize,
    pub(super) timestamp_style: TimestampStyle,
    pub(super) legacy_version_only: bool,
    ids: u64,
}

#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) version: u64,
    pub(super) machines: BTreeMap<String, Machine>,
    /// Oldest first.
    pub(super) releases: Vec<Release>,
    name: String,
}

#[derive(Clone, Debug)]
pub(super) struct Secret {
    pub(super) value: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) status: String,
    created_at: Timestamp,
    image: String,
}

/// A machine, with what the API shows of it and the one thing it does not: the secrets it runs.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The id.
    pub id: String,
    /// The state, such as `started` or `stopped`.
    pub state: String,
    /// The region.
    pub region: String,
    /// The id of the version of the machine, which changes with every update.
    pub instance_id: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last updated.
    pub updated_at: Timestamp,
    /// `ok`, or the trouble its host is in; then the API shows the configuration only as `incomplete_config`.
    pub host_status: String,
    /// The configuration, whose metadata names the release.
    pub config: Value,
    /// What happened to it, newest first.
    pub events: Vec<Value>,
    /// The secrets its process was started with.
    pub running: BTreeMap<String, String>,
    /// The secrets its process will be started with next.
    pub loaded: BTreeMap<String, String>,
    /// Its health checks, as the API shows them.
    pub checks: Vec<Value>,
    /// Whether its process never comes up after an update, so that it stays `starting`.
    pub fails_to_start: bool,
    pub(super) lease: Option<Lease>,
}

#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) nonce: String,
    pub(super) owner: String,
    pub(super) expires_at: Timestamp,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            apps: BTreeMap::new(),
            tokens: BTreeMap::from([(FLY_TOKEN.to_owned(), Token::unlimited())]),
            digest_key: random_key(),
            digest_width: 16,
            timestamp_style: TimestampStyle::Rfc3339,
            legacy_version_only: false,
            ids: 0,
        }
    }

    /// Returns an app that is known to exist: a handler has asked for it, or a test has created it.
    pub(super) fn app(&mut self, app: &str) -> &mut App {
        let found = self.apps.get_mut(app).unwrap_or_else(|| panic!("there is no app {app:?}; call create_app first"));
        app.clone_into(&mut found.name);
        found
    }

    /// Returns an id in the form of Fly's machine ids. The sequence is the same for every twin.
    pub(super) fn next_id(&mut self) -> String {
        self.ids += 1;
        hex::encode(Sha256::digest(self.ids.to_be_bytes())).split_off(64 - 14)
    }

    /// Digests the value alone, under a key no client has.
    pub(super) fn digest_of(&self, value: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.digest_key).expect("any length of key will do");
        mac.update(value.as_bytes());
        let mut digest = hex::encode(mac.finalize().into_bytes());
        digest.truncate(self.digest_width);
        digest
    }

    pub(super) fn secret_json(&self, name: &str, secret: &Secret) -> Value {
        let mut json = json!({ "name": name, "digest": self.digest_of(&secret.value) });
        if let (Some(created_at), Some(updated_at)) = (self.time(secret.created_at), self.time(secret.updated_at)) {
            json["created_at"] = created_at.into();
            json["updated_at"] = updated_at.into();
        }
        json
    }

    pub(super) fn version_json(&self, version: u64) -> Value {
        if self.legacy_version_only {
            json!({ "Version": version })
        } else {
            json!({ "version": version, "Version": version })
        }
    }

    fn time(&self, moment: Timestamp) -> Option<String> {
        match self.timestamp_style {
            TimestampStyle::Rfc3339 => Some(moment.to_string()),
            TimestampStyle::WholeSeconds => Some(crate::clock::whole_seconds(moment).to_string()),
            TimestampStyle::NoZone => Some(moment.to_string().trim_end_matches('Z').to_owned()),
            TimestampStyle::Absent => None,
        }
    }
}

impl App {
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.secrets.iter().map(|(name, secret)| (name.clone(), secret.value.clone())).collect()
    }

    /// Applies changes, of which `None` unsets, as one new version. An equal value leaves the secret as it is.
    pub(super) fn apply(&mut self, changes: impl IntoIterator<Item = (String, Option<String>)>, moment: Timestamp) {
        for (name, value) in changes {
            match value {
                None => {
                    self.secrets.remove(&name);
                }
                Some(value) => {
                    let created_at = self.secrets.get(&name).map_or(moment, |secret| secret.created_at);
                    if self.secrets.get(&name).is_none_or(|secret| secret.value != value) {
                        self.secrets.insert(name, Secret { value, created_at, updated_at: moment });
                    }
                }
            }
        }
        self.version += 1;
    }

    pub(super) fn release(&mut self, id: String, status: &str, moment: Timestamp, image: Option<&str>) -> &Release {
        let version = self.releases.last().map_or(1, |release| release.version + 1);
        let image = image.map_or_else(|| self.image(), str::to_owned);
        self.releases.push(Release { id, version, status: status.to_owned(), created_at: moment, image });
        &self.releases[self.releases.len() - 1]
    }

    pub(super) fn machine(&mut self, machine: &str) -> &mut Machine {
        self.machines.get_mut(machine).unwrap_or_else(|| panic!("there is no machine {machine:?}"))
    }

    pub(super) fn new_machine(&self, id: String, instance_id: String, moment: Timestamp) -> Machine {
        let release = &self.releases[self.releases.len() - 1];
        let config = json!({
            "env": { "FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "fra" },
            "guest": { "cpu_kind": "shared", "cpus": 1, "memory_mb": 256 },
            "image": release.image,
            "metadata": {
                "fly_platform_version": "v2",
                "fly_process_group": "app",
                "fly_release_id": release.id,
                "fly_release_version": release.version.to_string(),
            },
            "restart": { "policy": "on-failure", "max_retries": 10 },
        });
        let mut machine = Machine {
            id,
            state: "started".to_owned(),
            region: "fra".to_owned(),
            instance_id,
            created_at: moment,
            updated_at: moment,
            host_status: "ok".to_owned(),
            config,
            events: Vec::new(),
            running: self.values(),
            loaded: self.values(),
            checks: Vec::new(),
            fails_to_start: false,
            lease: None,
        };
        machine.happened("launch", "created", "user", moment);
        machine.happened("start", "started", "flyd", moment);
        machine
    }

    /// Gives a machine the newest release's metadata and the secrets of this moment. A stopped one stays stopped.
    pub(super) fn update_to_newest_release(&mut self, machine: &str, instance_id: String, moment: Timestamp) {
        let release = self.releases[self.releases.len() - 1].clone();
        let values = self.values();
        let machine = self.machine(machine);
        let mut config = machine.config.clone();
        config["metadata"]["fly_release_id"] = release.id.into();
        config["metadata"]["fly_release_version"] = release.version.to_string().into();
        let launch = machine.state == "started";
        machine.update(config, values, launch, instance_id, moment);
    }

    fn image(&self) -> String {
        format!("registry.fly.io/{}:deployment-01JHF0000000000000000000{:02}", self.name, self.releases.len() + 1)
    }
}

impl Machine {
    pub(super) fn update(
        &mut self,
        config: Value,
        secrets: BTreeMap<String, String>,
        launch: bool,
        instance_id: String,
        moment: Timestamp,
    ) {
        self.config = config;
        self.loaded = secrets;
        self.instance_id = instance_id;
        self.updated_at = moment;
        self.happened("update", "replaced", "user", moment);
        if launch {
            self.start(moment);
        }
    }

    pub(super) fn start(&mut self, moment: Timestamp) {
        if self.fails_to_start {
            "starting".clone_into(&mut self.state);
            return self.happened("start", "starting", "flyd", moment);
        }
        "started".clone_into(&mut self.state);
        self.running = self.loaded.clone();
        self.happened("start", "started", "flyd", moment);
    }

    pub(super) fn happened(&mut self, kind: &str, status: &str, source: &str, moment: Timestamp) {
        let number = self.events.len() + 1;
        let event = json!({
            "id": format!("{}-{number}", self.instance_id),
            "type": kind,
            "status": status,
            "source": source,
            "timestamp": moment.as_millisecond(),
        });
        self.events.insert(0, event);
    }

    pub(super) fn json(&self, summary: bool) -> Value {
        let mut json = json!({
            "id": self.id,
            "name": format!("quiet-meadow-{}", &self.id[..4]),
            "state": self.state,
            "region": self.region,
            "instance_id": self.instance_id,
            "private_ip": "fdaa:0:1da:a7b:0:0:0:2",
            "created_at": self.created_at.to_string(),
            "updated_at": self.updated_at.to_string(),
            "host_status": self.host_status,
        });
        if !summary {
            let config = if self.host_status == "ok" { "config" } else { "incomplete_config" };
            json[config] = self.config.clone();
            json["events"] = self.events.clone().into();
            if !self.checks.is_empty() {
                json["checks"] = self.checks.clone().into();
            }
        }
        json
    }
}

impl Release {
    pub(super) fn json(&self) -> Value {
        let in_progress = ["pending", "running"].contains(&self.status.as_str());
        json!({
            "id": self.id,
            "version": self.version,
            "status": self.status,
            "stable": self.status == "complete",
            "in_progress": in_progress,
            "strategy": "ROLLING",
            "user": "dev@example.com",
            "created_at": self.created_at.to_string(),
            "image_ref": self.image,
        })
    }
}

pub(super) fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    key
}
