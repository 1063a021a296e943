//! The twin of the GitHub REST API, as far as secrets, variables and environments go.
//!
//! Values go in sealed and never come out: what can be seen of a secret is its name and two times in whole seconds.

mod artifacts;
mod gate;
mod issues;
mod items;
mod limits;
mod listing;
mod names;
mod permissions;
mod place;
mod refusal;
mod repositories;
mod sealed;
mod shapes;
mod sharing;
mod state;
mod target;
mod variables;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, put};
use jiff::Timestamp;

use crate::clock::{Clock, whole_seconds};
use crate::server::{Server, Service};
pub use permissions::{Access, Permission, Permissions};
pub use place::{GitHubPlace, Store};
pub use state::Visibility;
use state::{Item, Kind, State};

/// The token every fresh [`GitHubTwin`] accepts for everything.
pub const GITHUB_TOKEN: &str = "github-test-token";

/// A GitHub that lives on loopback. See [`Server`] for what it shares with its sibling.
#[derive(Debug)]
pub struct GitHubTwin {
    server: Server,
    github: Arc<GitHub>,
}

/// What GitHub knows of a secret besides its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretTimes {
    /// When a secret of this name was created since it was last removed.
    pub created_at: Timestamp,
    /// When its value or its sharing was last written.
    pub updated_at: Timestamp,
    /// Who sees it, for secrets of organizations and users.
    pub visibility: Option<Visibility>,
    /// The repositories that see it when the visibility is [`Visibility::Selected`].
    pub selected_repositories: Vec<String>,
}

/// An issue of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Whether it is open.
    pub open: bool,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Who wrote it.
    pub author: String,
    /// Whether it is a pull request, which GitHub lists among the issues.
    pub is_pull_request: bool,
    /// Which change of all changes was its last.
    updates: u64,
}

/// What a run of a workflow has kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// The id of the run.
    pub run: u64,
    /// The branch that the run was of.
    pub branch: String,
    /// Whether that branch was one of another repository, as with a pull request from there.
    pub from_a_fork: bool,
    /// Whether it can no longer be fetched.
    pub expired: bool,
    /// When it was kept.
    pub created_at: Timestamp,
}

/// What the request handlers work on.
#[derive(Debug)]
struct GitHub {
    state: Mutex<State>,
    clock: Clock,
}

impl GitHub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the state panics")
    }

    /// Returns the moment of a write in the resolution GitHub keeps.
    fn moment_of_write(&self) -> Timestamp {
        whole_seconds(self.clock.moment_of_write())
    }
}

impl Deref for GitHubTwin {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl GitHubTwin {
    /// Starts a twin without repositories on a free port.
    pub fn start() -> Self {
        Self::start_on(any_port(), None).expect("loopback has a free port")
    }

    /// Starts a twin that listens on this unix socket too, for clients such as `gh` that can be told to use one.
    pub fn start_on_unix_socket(path: &Path) -> Self {
        Self::start_on(any_port(), Some(path)).expect("the socket's directory exists and its name is free")
    }

    /// Starts a twin without repositories on this address and, if given, on this unix socket.
    pub fn start_on(address: SocketAddr, unix_socket: Option<&Path>) -> io::Result<Self> {
        let clock = Clock::default();
        let github = Arc::new(GitHub { state: Mutex::new(State::new()), clock: clock.clone() });
        let service = Service { router: router(&github), clock, prefix: "/api/v3" };
        Ok(Self { server: Server::start(service, address, unix_socket)?, github })
    }

    /// Accepts this token, with these permissions.
    pub fn allow_token(&self, token: &str, permissions: Permissions) {
        self.github.state().tokens.insert(token.to_owned(), permissions);
    }

    /// Refuses this token from here on, as after its revocation.
    pub fn forget_token(&self, token: &str) {
        self.github.state().tokens.remove(token);
    }

    /// Answers 404 instead of 403 when a permission is missing, as for private repositories.
    pub fn hide_missing_permissions(&self, hide: bool) {
        self.github.state().hide_missing_permissions = hide;
    }

    /// Creates a private repository, given as `owner/name`, and the organization that owns it. Returns its id.
    pub fn create_repository(&self, repository: &str) -> u64 {
        let moment = self.github.moment_of_write();
        self.github.state().create_repository(repository, moment)
    }

    /// Publishes the ssh keys of a user, without the comments that GitHub does not keep.
    pub fn publish_keys(&self, user: &str, keys: &[&str]) {
        let keys = keys.iter().map(|key| key.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        self.github.state().published.insert(user.to_lowercase(), keys);
    }

    /// Opens an issue as somebody else would.
    pub fn open_issue(&self, repository: &str, author: &str, body: &str) {
        self.open(repository, author, body, false);
    }

    /// Opens a pull request as somebody else would.
    pub fn open_pull_request(&self, repository: &str, author: &str, body: &str) {
        self.open(repository, author, body, true);
    }

    fn open(&self, repository: &str, author: &str, body: &str, is_pull_request: bool) {
        let mut state = self.github.state();
        let updates = state.next_id();
        let issues = state.issues(repository);
        let (number, title) = (issues.len() as u64 + 1, "theirs".to_owned());
        let (body, author) = (body.to_owned(), author.to_owned());
        issues.push(Issue { number, open: true, title, body, author, is_pull_request, updates });
    }

    /// Returns the issues of a repository, in the order of their numbers.
    pub fn issues(&self, repository: &str) -> Vec<Issue> {
        self.github.state().issues(repository).clone()
    }

    /// Keeps an artifact, as a run of a workflow does.
    pub fn keep_artifact(&self, repository: &str, artifact: Artifact) {
        self.github.state().artifacts(repository).push(artifact);
    }

    /// Removes a repository and everything in it.
    pub fn remove_repository(&self, repository: &str) {
        self.github.state().remove_repository(repository);
    }

    /// Removes an organization, what it shares, and its repositories.
    pub fn remove_organization(&self, organization: &str) {
        self.github.state().remove_organization(organization);
    }

    /// Creates an environment of a repository that exists.
    pub fn create_environment(&self, repository: &str, environment: &str) {
        let moment = self.github.moment_of_write();
        self.github.state().create_environment(repository, environment, moment);
    }

    /// Removes an environment and everything in it.
    pub fn remove_environment(&self, repository: &str, environment: &str) {
        self.github.state().remove_environment(repository, environment);
    }

    /// Creates or updates a secret as somebody else would, without a request of this client. No list lags behind it.
    pub fn set(&self, place: &GitHubPlace, name: &str, value: impl AsRef<[u8]>) {
        let moment = self.github.moment_of_write();
        let mut state = self.github.state();
        let drawer = state.drawer(place, Kind::Secrets);
        let sharing = place.default_sharing();
        drawer.settle();
        drawer.write(name.to_ascii_uppercase(), value.as_ref().to_vec(), sharing, moment);
    }

    /// Removes a secret as somebody else would, without a request of this client. No list lags behind it.
    pub fn remove(&self, place: &GitHubPlace, name: &str) {
        let mut state = self.github.state();
        let drawer = state.drawer(place, Kind::Secrets);
        drawer.settle();
        drawer.items.remove(&name.to_ascii_uppercase());
    }

    /// Changes who sees a secret of an organization or a user, which moves its time of update and not its value.
    pub fn share(&self, place: &GitHubPlace, name: &str, visibility: Visibility, repositories: &[&str]) {
        let moment = self.github.moment_of_write();
        let mut state = self.github.state();
        let selected = repositories.iter().map(|repository| state.repository(repository).id).collect();
        let drawer = state.drawer(place, Kind::Secrets);
        drawer.settle();
        let item = drawer.items.get_mut(&name.to_ascii_uppercase()).expect("the secret exists");
        item.sharing = Some(state::Sharing { visibility, selected });
        item.updated_at = moment;
    }

    /// Returns the opened values of a place.
    pub fn values(&self, place: &GitHubPlace) -> BTreeMap<String, Vec<u8>> {
        contents(&self.github.state().drawer(place, Kind::Secrets).items)
    }

    /// Returns what the service knows of a secret besides its value.
    pub fn secret(&self, place: &GitHubPlace, name: &str) -> Option<SecretTimes> {
        let mut state = self.github.state();
        let item = state.drawer(place, Kind::Secrets).items.get(&name.to_ascii_uppercase())?.clone();
        let sharing = item.sharing;
        let selected = sharing.iter().flat_map(|sharing| &sharing.selected);
        Some(SecretTimes {
            created_at: item.created_at,
            updated_at: item.updated_at,
            selected_repositories: selected.filter_map(|&id| state.repository_of_id(id)).collect(),
            visibility: sharing.map(|sharing| sharing.visibility),
        })
    }

    /// Creates or updates a variable as somebody else would.
    pub fn set_variable(&self, place: &GitHubPlace, name: &str, value: &str) {
        let moment = self.github.moment_of_write();
        let mut state = self.github.state();
        let drawer = state.drawer(place, Kind::Variables);
        drawer.settle();
        drawer.write(name.to_ascii_uppercase(), value.as_bytes().to_vec(), place.default_sharing(), moment);
    }

    /// Returns the variables of a place.
    pub fn variables(&self, place: &GitHubPlace) -> BTreeMap<String, Vec<u8>> {
        contents(&self.github.state().drawer(place, Kind::Variables).items)
    }

    /// Replaces the key pair of a place and its id, so that boxes sealed for the old one are refused.
    pub fn rotate_key(&self, place: &GitHubPlace) {
        self.github.state().shelf(place).key.rotate();
    }

    /// Gives the ids of public keys as JSON numbers, as some enterprise servers do.
    pub fn numeric_key_ids(&self, numeric: bool) {
        self.github.state().numeric_key_ids = numeric;
    }

    /// After each write by a request, shows the next `reads` reads of that place what was there before.
    pub fn list_lag(&self, reads: usize) {
        self.github.state().list_lag = reads;
    }

    /// Lets this many more requests pass until the primary limit is reached. It is reset in one hour of the twin's clock.
    pub fn set_remaining(&self, remaining: u64) {
        let now = self.github.clock.now();
        self.github.state().limits.set_remaining(remaining, now + Duration::from_secs(3600));
    }

    /// Sets when the primary limit is reset, counted from now on the twin's clock.
    pub fn reset_limit_in(&self, duration: Duration) {
        let now = self.github.clock.now();
        self.github.state().limits.reset_at(now + duration);
    }

    /// Answers 429 instead of 403 when a limit is reached.
    pub fn limit_with_too_many_requests(&self, enabled: bool) {
        self.github.state().limits.too_many_requests = enabled;
    }

    /// Refuses every further write after this many, until `retry_after` has passed on the real clock or the twin's;
    /// then as many are allowed again. Without `retry_after` the header is left out and the refusals go on until
    /// [`clear_secondary_limit`](Self::clear_secondary_limit).
    pub fn secondary_limit(&self, writes: usize, retry_after: Option<Duration>) {
        self.github.state().limits.set_secondary(writes, retry_after);
    }

    /// Lifts the secondary limit.
    pub fn clear_secondary_limit(&self) {
        self.github.state().limits.clear_secondary();
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn contents(items: &BTreeMap<String, Item>) -> BTreeMap<String, Vec<u8>> {
    items.iter().map(|(name, item)| (name.clone(), item.content.clone())).collect()
}

fn router(github: &Arc<GitHub>) -> Router {
    let mut router = Router::new()
        .route("/user", get(repositories::user))
        .route("/users/{user}/keys", get(repositories::published_keys))
        .route("/versions", get(repositories::versions))
        .route("/rate_limit", get(repositories::rate_limit))
        .route("/repos/{owner}/{repo}", get(repositories::show))
        .route("/repos/{owner}/{repo}/actions/artifacts", get(artifacts::list))
        .route("/repos/{owner}/{repo}/issues", get(issues::list).post(issues::create))
        .route("/repos/{owner}/{repo}/issues/{number}", patch(issues::update))
        .route("/repos/{owner}/{repo}/environments", get(repositories::environments))
        .route(
            "/repos/{owner}/{repo}/environments/{environment}",
            get(repositories::environment)
                .put(repositories::create_environment)
                .delete(repositories::remove_environment),
        );
    let (repository, organization) = ("/repos/{owner}/{repo}", "/orgs/{org}");
    for store in ["actions", "agents", "dependabot", "codespaces"] {
        router = router
            .nest(&format!("{repository}/{store}/secrets"), secrets())
            .nest(&format!("{organization}/{store}/secrets"), secrets().merge(sharing()));
    }
    for store in ["actions", "agents"] {
        router = router
            .nest(&format!("{repository}/{store}/variables"), variables())
            .nest(&format!("{organization}/{store}/variables"), variables().merge(sharing()))
            .route(&format!("{repository}/{store}/organization-secrets"), get(items::shared_by_organization))
            .route(&format!("{repository}/{store}/organization-variables"), get(items::shared_by_organization));
    }
    router
        .nest("/user/codespaces/secrets", secrets().merge(sharing()))
        .nest(&format!("{repository}/environments/{{environment}}/secrets"), secrets())
        .nest(&format!("{repository}/environments/{{environment}}/variables"), variables())
        .fallback(repositories::nothing_here)
        .layer(from_fn_with_state(Arc::clone(github), gate::gate))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(github))
}

fn secrets() -> Router<Arc<GitHub>> {
    Router::new()
        .route("/", get(items::list))
        .route("/public-key", get(sealed::public_key))
        .route("/{name}", get(items::show).put(sealed::write).delete(items::remove))
}

fn variables() -> Router<Arc<GitHub>> {
    Router::new()
        .route("/", get(items::list).post(variables::create))
        .route("/{name}", get(items::show).patch(variables::update).delete(items::remove))
}

fn sharing() -> Router<Arc<GitHub>> {
    Router::new()
        .route("/{name}/repositories", get(sharing::list).put(sharing::replace))
        .route("/{name}/repositories/{repository_id}", put(sharing::add).delete(sharing::remove))
}
