//! The Actions secrets of a GitHub repository, or of one of its environments.
//!
//! GitHub shows when a secret was made and last written, in whole seconds of its own clock, and nothing of its value.

mod sealed_box;
mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use tokio::time::sleep;
use zeroize::Zeroizing;

use self::sealed_box::SealingKey;
use super::client::{Answer, Ask, Client, Origin, OriginSettings};
use super::error::Unusable;
use super::{Capabilities, Effect, EvidenceKind, Target, TargetError, Write};
use crate::domain::name::RemoteName;
use crate::domain::observation::{Evidence, Observation, Observed, RolloutState};
use crate::domain::secret::SecretValue;

/// Where the API is, unless told otherwise.
pub const API_URL: &str = "https://api.github.com";

/// The version that every GitHub knows, enterprise servers too.
const API_VERSION: &str = "2022-11-28";

/// How many pages of a listing are read: ten times what a place can hold.
const PAGES: usize = 100;

/// Up to how many names are looked at one by one.
const SINGLE_LOOKS: usize = 3;

/// Which place it is and how to reach it.
#[derive(Debug)]
pub struct GithubSettings<'a> {
    /// The base URL: [`API_URL`], or that of an enterprise server.
    pub api_url: String,
    /// `owner/name`.
    pub repository: String,
    /// The environment of the repository, unescaped; without one, the secrets are the repository's own.
    pub environment: Option<String>,
    /// The token.
    pub token: &'a SecretValue,
}

/// The Actions secrets of a GitHub repository, or of one of its environments.
#[derive(Debug)]
pub struct GithubPlace {
    origin: Origin,
    // The segments of the path under which the place keeps its secrets.
    path: Vec<String>,
    key: Mutex<Option<SealingKey>>,
}

type Times = (Timestamp, Timestamp);

impl GithubPlace {
    /// Checks the settings. Nothing is asked of GitHub yet.
    pub fn new(client: &Client, settings: GithubSettings<'_>) -> Result<Self, TargetError> {
        let GithubSettings { api_url, repository, environment, token } = settings;
        let (owner, name) = repository.split_once('/').ok_or(TargetError::Unusable(Unusable::Path))?;
        let (store, place): (&[&str], String) = match &environment {
            None => (&["actions", "secrets"], format!("the repository `{repository}`")),
            Some(environment) => (
                &["environments", environment, "secrets"],
                format!("the repository `{repository}` or its environment `{environment}`"),
            ),
        };
        let path = ["repos", owner, name].iter().chain(store).map(|&segment| segment.to_owned()).collect();
        let token = token.expose().trim();
        if token.is_empty() {
            return Err(TargetError::NoToken);
        }
        let mut authorization = Zeroizing::new(String::with_capacity(token.len() + 7));
        authorization.push_str("Bearer ");
        authorization.push_str(token);
        let settings = OriginSettings {
            base_url: &api_url,
            authorization,
            headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", API_VERSION)],
            place,
            unstated_wait: client.settings().secondary_wait,
            budgeted: true,
        };
        Ok(Self { origin: Origin::new(client, settings)?, path, key: Mutex::default() })
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        self.path.iter().map(String::as_str).chain(rest.iter().copied()).collect()
    }

    /// Reads the whole listing. If it changes between two pages, it is read once more from the start.
    async fn list(&self, ask: Ask) -> Result<BTreeMap<RemoteName, Times>, TargetError> {
        for ask in [ask, Ask::Anew] {
            if let Some(secrets) = self.list_once(ask).await? {
                return Ok(secrets);
            }
        }
        Err(TargetError::Unexpected("the listing changed while it was read".to_owned()))
    }

    /// Returns `None` if the pages do not agree with one another.
    async fn list_once(&self, ask: Ask) -> Result<Option<BTreeMap<RemoteName, Times>>, TargetError> {
        let mut read = self.origin.get_page::<wire::Page>(&self.path(&[]), &[("per_page", "100")], ask).await?;
        let mut secrets = BTreeMap::new();
        let mut total = None;
        for _ in 0..PAGES {
            let (page, answer) = read;
            if *total.get_or_insert(page.total_count) != page.total_count {
                return Ok(None);
            }
            for secret in page.secrets {
                let times = (secret.created_at, secret.updated_at);
                // A name that moved to the next page while we read is on both, which is harmless if it is unchanged.
                if secrets.insert(RemoteName::new(secret.name), times).is_some_and(|seen| seen != times) {
                    return Ok(None);
                }
            }
            match self.origin.get_next_page(&answer, ask).await? {
                Some(next) => read = next,
                None => return Ok((total == Some(secrets.len())).then_some(secrets)),
            }
        }
        Err(TargetError::Unexpected(format!("the listing has more than {PAGES} pages")))
    }

    /// Reads one secret; not found is absent, since the listing has shown that the place itself is there.
    async fn one(&self, name: &RemoteName) -> Result<Option<(RemoteName, Times)>, TargetError> {
        match self.origin.get(&self.path(&[name.as_str()]), &[]).await {
            Ok(answer) => {
                let secret: wire::Secret = answer.json()?;
                Ok(Some((RemoteName::new(secret.name), (secret.created_at, secret.updated_at))))
            }
            Err(TargetError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch_key(&self) -> Result<SealingKey, TargetError> {
        let answer = self.origin.get(&self.path(&["public-key"]), &[]).await?;
        let key = SealingKey::decode(answer.json()?)?;
        *self.key.lock().expect("no holder of the key panics") = Some(key.clone());
        Ok(key)
    }

    async fn key(&self) -> Result<SealingKey, TargetError> {
        let known = self.key.lock().expect("no holder of the key panics").clone();
        match known {
            Some(key) => Ok(key),
            None => self.fetch_key().await,
        }
    }

    async fn write_one(&self, write: &Write<'_>) -> Effect {
        // What fails before the first byte of the write was sent has certainly not happened, whatever it is.
        let key = match self.key().await {
            Ok(key) => key,
            Err(error) => return Effect::Refused(error),
        };
        self.wait_for_next_second(write.last_written).await;
        let effect = self.put(&key, write).await;
        if !matches!(effect, Effect::Refused(TargetError::Rejected { status: 422, .. })) {
            return effect;
        }
        // GitHub says so when the key has been replaced since we got it, and when it takes the value for invalid. Only
        // another key makes the same write another one.
        match self.fetch_key().await {
            Ok(fresh) if fresh != key => self.put(&fresh, write).await,
            Ok(_) | Err(_) => effect,
        }
    }

    async fn put(&self, key: &SealingKey, write: &Write<'_>) -> Effect {
        let body = match key.seal(write.value).and_then(|sealed| sealed.to_json()) {
            Ok(body) => body,
            Err(error) => return Effect::Refused(error),
        };
        let answer = self.origin.send(&Method::PUT, &self.path(&[write.name.as_str()]), Some(&body)).await;
        match answer.and_then(|answer| expect(&answer, &[StatusCode::CREATED, StatusCode::NO_CONTENT])) {
            Ok(()) => Effect::Accepted(None),
            Err(error) => Effect::failed(error),
        }
    }

    /// Waits until the place's clock has left the second of the last write, so that this one shows by its time.
    async fn wait_for_next_second(&self, last_written: Option<Timestamp>) {
        const SECOND: Duration = Duration::from_secs(1);
        let Some((last, now)) = last_written.zip(self.origin.server_now()) else { return };
        let Ok(next) = last.checked_add(SECOND) else { return };
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        // A time far ahead is no time of this clock, and waiting for it would not help.
        if wait <= 2 * SECOND {
            sleep(wait).await;
        }
    }

    async fn remove_one(&self, name: &RemoteName) -> Effect {
        let answer = self.origin.send(&Method::DELETE, &self.path(&[name.as_str()]), None).await;
        match answer.and_then(|answer| expect(&answer, &[StatusCode::NO_CONTENT])) {
            Ok(()) => Effect::Accepted(None),
            // GitHub says so as well to a token that may not write; then the secret can still be read.
            Err(error @ TargetError::NotFound { .. }) => match self.one(name).await {
                Ok(None) => Effect::Accepted(None),
                Ok(Some(_)) | Err(_) => Effect::Refused(error),
            },
            Err(error) => Effect::failed(error),
        }
    }
}

impl Target for GithubPlace {
    fn describe(&self) -> Capabilities {
        Capabilities { evidence: EvidenceKind::Times, writes_per_look: 1, keeps_running: false }
    }

    async fn observe(&self) -> Result<Observation, TargetError> {
        Ok(observation(self.list(Ask::IfChanged).await?))
    }

    async fn look(&self, names: &[&RemoteName]) -> Result<Observation, TargetError> {
        if names.len() > SINGLE_LOOKS {
            return Ok(observation(self.list(Ask::Anew).await?));
        }
        let found = try_join_all(names.iter().map(|name| self.one(name))).await?;
        Ok(observation(found.into_iter().flatten()))
    }

    fn now_there(&self) -> Option<Timestamp> {
        self.origin.server_now()
    }

    async fn write(&self, batch: &[Write<'_>]) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(batch.len());
        for write in batch {
            let effect = if ends_batch(effects.last()) { Effect::Skipped } else { self.write_one(write).await };
            effects.push(effect);
        }
        effects
    }

    async fn remove(&self, names: &[&RemoteName]) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(names.len());
        for name in names {
            let effect = if ends_batch(effects.last()) { Effect::Skipped } else { self.remove_one(name).await };
            effects.push(effect);
        }
        effects
    }
}

fn observation(secrets: impl IntoIterator<Item = (RemoteName, Times)>) -> Observation {
    let entry = |(name, (created, updated))| {
        let evidence = Evidence::Times { created, updated };
        (name, Observed { evidence, rollout: RolloutState::none(), written: Some(updated) })
    };
    Observation { entries: secrets.into_iter().map(entry).collect(), ..Observation::default() }
}

fn expect(answer: &Answer, statuses: &[StatusCode]) -> Result<(), TargetError> {
    if statuses.contains(&answer.status()) {
        return Ok(());
    }
    Err(TargetError::Unexpected(format!("its status is {}", answer.status().as_u16())))
}

/// Returns whether what befell the last write would befall the next one too.
///
/// A rejected name or value concerns itself alone. All else is about the token, the place or the way to it, and after a
/// lost answer it is better to stop than to add to what is unknown.
fn ends_batch(last: Option<&Effect>) -> bool {
    match last {
        None | Some(Effect::Accepted(_) | Effect::Refused(TargetError::Rejected { status: 400.., .. })) => false,
        Some(Effect::Refused(_) | Effect::Unknown(_) | Effect::Skipped) => true,
    }
}
