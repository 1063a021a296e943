//! GitHub: the secrets and variables of a repository, of one of its environments, or of an organization.
//!
//! Of a secret GitHub shows when it was made and last written, in whole seconds of its own clock, and nothing of its
//! value. Variables, which are no secrets, it shows whole.

mod account;
pub mod people;
mod sealed_box;
mod sharing;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use self::account::account;
use self::sealed_box::SealingKey;
use super::client::{Answer, Ask, Client, Origin, OriginSettings};
use super::error::Unusable;
use super::{Capabilities, Coming, Effect, EvidenceKind, Target, TargetError, Write};
use crate::domain::access::DeclaredAccess;
use crate::domain::name::RemoteName;
use crate::domain::observation::{Evidence, Observation, Observed, RolloutState};
use crate::domain::place::{GithubHolder, GithubStore};
use crate::domain::secret::SecretValue;

/// Where the API is, unless told otherwise.
pub const API_URL: &str = "https://api.github.com";

/// The version that every GitHub knows, enterprise servers too.
pub(super) const API_VERSION: &str = "2022-11-28";

/// How many pages of a listing are read: far more than what a place can hold.
const PAGES: usize = 100;

/// Up to how many names are looked at one by one.
const SINGLE_LOOKS: usize = 3;

/// How the tokens of GitHub Apps begin, those of workflows among them.
const APP_TOKEN: &str = "ghs_";

/// Which place it is and how to reach it.
#[derive(Debug)]
pub struct GithubSettings<'a> {
    /// The base URL: [`API_URL`], or that of an enterprise server.
    pub api_url: String,
    /// Which product reads what is there.
    pub store: GithubStore,
    /// Whose it is.
    pub holder: GithubHolder,
    /// Who may use what is made at an organization; private repositories when nothing is said.
    pub access: Option<DeclaredAccess>,
    /// The token.
    pub token: &'a SecretValue,
    /// Whether it may be the token that GitHub gives each run of a workflow, which may never do any of this.
    pub of_workflow: bool,
}

/// The secrets or variables of one place at GitHub.
#[derive(Debug)]
pub struct GithubPlace {
    origin: Origin,
    store: GithubStore,
    // The segments of the path under which the place keeps them.
    path: Vec<String>,
    // Who may use what is made there, at an organization.
    declared: Option<DeclaredAccess>,
    sharing_of_new: Mutex<Option<wire::Sharing>>,
    key: Mutex<Option<SealingKey>>,
    of_workflow: bool,
}

impl GithubPlace {
    /// Checks the settings. Nothing is asked of GitHub yet.
    pub fn new(client: &Client, settings: GithubSettings<'_>) -> Result<Self, TargetError> {
        let GithubSettings { api_url, store, holder, access, token, of_workflow } = settings;
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
            place: in_words(&holder),
            unstated_wait: client.settings().secondary_wait,
            budgeted: true,
        };
        let is_organization = matches!(holder, GithubHolder::Organization { .. });
        Ok(Self {
            path: path(store, &holder)?,
            origin: Origin::new(client, settings)?,
            store,
            declared: is_organization.then(|| access.unwrap_or(DeclaredAccess::Private)),
            sharing_of_new: Mutex::default(),
            key: Mutex::default(),
            of_workflow: of_workflow || token.starts_with(APP_TOKEN),
        })
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        self.path.iter().map(String::as_str).chain(rest.iter().copied()).collect()
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, TargetError> {
        self.origin.get(path, query).await.map_err(|error| self.explain(error))
    }

    async fn get_page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        ask: Ask,
    ) -> Result<(T, Answer), TargetError> {
        self.origin.get_page(path, query, ask).await.map_err(|error| self.explain(error))
    }

    async fn get_next_page<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        ask: Ask,
    ) -> Result<Option<(T, Answer)>, TargetError> {
        self.origin.get_next_page(answer, ask).await.map_err(|error| self.explain(error))
    }

    async fn send(&self, method: &Method, path: &[&str], body: Option<&[u8]>) -> Result<Answer, TargetError> {
        self.origin.send_once(method, path, body).await.map_err(|error| self.explain(error))
    }

    /// Adds what we know of the token and GitHub does not say.
    fn explain(&self, mut error: TargetError) -> TargetError {
        if let TargetError::Forbidden { of_workflow, .. } | TargetError::NotFound { of_workflow, .. } = &mut error {
            *of_workflow = self.of_workflow;
        }
        error
    }

    /// Reads the whole listing. If it changes between two pages, it is read once more from the start.
    async fn list(&self, ask: Ask) -> Result<Observation, TargetError> {
        for ask in [ask, Ask::Anew] {
            if let Some(entries) = self.list_once(ask).await? {
                return Ok(Observation { entries, ..Observation::default() });
            }
        }
        Err(TargetError::Unexpected("the listing changed while it was read".to_owned()))
    }

    /// Returns `None` if what was read does not agree with itself.
    async fn list_once(&self, ask: Ask) -> Result<Option<BTreeMap<RemoteName, Observed>>, TargetError> {
        let Some(items) = self.pages(ask).await? else { return Ok(None) };
        let observed = try_join_all(items.into_values().map(|item| self.observed(item, ask))).await?;
        Ok(observed.into_iter().collect())
    }

    async fn pages(&self, ask: Ask) -> Result<Option<BTreeMap<String, wire::Item>>, TargetError> {
        // What is kept of a listing is kept on the disk, where no value may be.
        let (size, ask) = if self.store == GithubStore::Variables { ("30", Ask::Anew) } else { ("100", ask) };
        let mut read = self.get_page::<wire::Page>(&self.path(&[]), &[("per_page", size)], ask).await?;
        let mut items: BTreeMap<String, wire::Item> = BTreeMap::new();
        let mut total = None;
        for _ in 0..PAGES {
            let (page, answer) = read;
            if *total.get_or_insert(page.total_count) != page.total_count {
                return Ok(None);
            }
            for item in page.items {
                // A name that moved to the next page while we read is on both, which is harmless if it is unchanged.
                if items.get(&item.name).is_some_and(|seen| !seen.is_as(&item)) {
                    return Ok(None);
                }
                items.insert(item.name.clone(), item);
            }
            match self.get_next_page(&answer, ask).await? {
                Some(next) => read = next,
                None => return Ok((total == Some(items.len())).then_some(items)),
            }
        }
        Err(TargetError::Unexpected(format!("the listing has more than {PAGES} pages")))
    }

    /// Turns what GitHub says of one name into what is known of it, or `None` if it changed meanwhile.
    async fn observed(&self, item: wire::Item, ask: Ask) -> Result<Option<(RemoteName, Observed)>, TargetError> {
        let incomplete = |what: &str| TargetError::Unexpected(format!("it shows a name without its {what}"));
        let name = RemoteName::new(item.name.as_str());
        let access = match (&self.declared, item.visibility) {
            (None, _) => None,
            (Some(_), None) => return Err(incomplete("visibility")),
            (Some(_), Some(visibility)) => match self.access(&name, visibility, ask).await? {
                None => return Ok(None),
                access => access,
            },
        };
        let evidence = if self.store == GithubStore::Variables {
            let wire::Readable(value) = item.value.ok_or_else(|| incomplete("value"))?;
            Evidence::Value(value)
        } else {
            Evidence::Times { created: item.created_at, updated: item.updated_at }
        };
        let written = Some(item.updated_at);
        Ok(Some((name, Observed { evidence, rollout: RolloutState::none(), written, access })))
    }

    /// Reads one name; not found is absent, since the listing has shown that the place itself is there.
    async fn one(&self, name: &RemoteName) -> Result<Option<(RemoteName, Observed)>, TargetError> {
        match self.get(&self.path(&[name.as_str()]), &[]).await {
            Ok(answer) => self.observed(answer.json()?, Ask::Anew).await,
            Err(TargetError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Target for GithubPlace {
    fn describe(&self) -> Capabilities {
        let is_readable = self.store == GithubStore::Variables;
        let evidence = if is_readable { EvidenceKind::Value } else { EvidenceKind::Times };
        Capabilities { evidence, writes_per_look: 1, keeps_running: false }
    }

    async fn observe(&self) -> Result<Observation, TargetError> {
        self.list(Ask::IfChanged).await
    }

    async fn look(&self, names: &[&RemoteName]) -> Result<Observation, TargetError> {
        if names.len() > SINGLE_LOOKS {
            return self.list(Ask::Anew).await;
        }
        let found = try_join_all(names.iter().map(|name| self.one(name))).await?;
        Ok(Observation { entries: found.into_iter().flatten().collect(), ..Observation::default() })
    }

    async fn make_ready(&self, coming: Coming) {
        if let Coming::Write(last_written) = coming {
            self.make_ready_to_write(last_written).await;
        }
        self.origin.wait_for_turn().await;
    }

    fn now_there(&self) -> Option<Timestamp> {
        self.origin.server_now()
    }

    async fn write(&self, batch: &[Write<'_>]) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(batch.len());
        for write in batch {
            effects.push(if ends_batch(effects.last()) {
                Effect::Skipped
            } else if self.store == GithubStore::Variables {
                self.write_variable(write).await
            } else {
                self.write_secret(write).await
            });
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

/// Returns the segments of the path of a place.
fn path(store: GithubStore, holder: &GithubHolder) -> Result<Vec<String>, TargetError> {
    let kind = if store == GithubStore::Variables { "variables" } else { "secrets" };
    let product = match store {
        GithubStore::Actions | GithubStore::Variables => "actions",
        GithubStore::Dependabot | GithubStore::Codespaces => store.as_str(),
    };
    let of = |repository: &'_ str| -> Result<[String; 2], TargetError> {
        let (owner, name) = repository.split_once('/').ok_or(TargetError::Unusable(Unusable::Path))?;
        Ok([owner.to_owned(), name.to_owned()])
    };
    let mut path = Vec::new();
    match holder {
        GithubHolder::Repository { repository } => {
            path.push("repos".to_owned());
            path.extend(of(repository)?);
            path.push(product.to_owned());
        }
        GithubHolder::Environment { repository, environment } => {
            path.push("repos".to_owned());
            path.extend(of(repository)?);
            path.extend(["environments".to_owned(), environment.clone()]);
        }
        GithubHolder::Organization { organization } => {
            path.extend(["orgs".to_owned(), organization.clone(), product.to_owned()]);
        }
    }
    path.push(kind.to_owned());
    Ok(path)
}

/// Names a place as people do.
fn in_words(holder: &GithubHolder) -> String {
    match holder {
        GithubHolder::Repository { repository } => format!("the repository `{repository}`"),
        GithubHolder::Environment { repository, environment } => {
            format!("the repository `{repository}` or its environment `{environment}`")
        }
        GithubHolder::Organization { organization } => format!("the organization `{organization}`"),
    }
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
