//! The twin of the Fly Machines API, with the release endpoints of Fly's dashboard API on the same base URL.
//!
//! The one thing to understand about it: setting a secret touches no machine. Every write is staged until a machine is
//! updated, and no field of the API says which secrets a machine runs.

mod access;
mod machines;
mod releases;
mod secrets;
mod state;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, patch, post};
use jiff::SignedDuration;

use crate::clock::Clock;
use crate::server::{Server, Service};
use access::Token;
use state::{Lease, State};
pub use state::{Machine, TimestampStyle};

/// The token every fresh [`FlyTwin`] accepts for all its apps.
pub const FLY_TOKEN: &str = "fly-test-token";

/// A Fly that lives on loopback. See [`Server`] for what it shares with its sibling.
#[derive(Debug)]
pub struct FlyTwin {
    server: Server,
    fly: Arc<Fly>,
}

/// What the request handlers work on.
#[derive(Debug)]
struct Fly {
    state: Mutex<State>,
    clock: Clock,
}

impl Fly {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the state panics")
    }
}

impl Deref for FlyTwin {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl FlyTwin {
    /// Starts a twin without apps on a free port.
    pub fn start() -> Self {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port")
    }

    /// Starts a twin without apps on this address.
    pub fn start_on(address: SocketAddr) -> io::Result<Self> {
        let clock = Clock::default();
        let fly = Arc::new(Fly { state: Mutex::new(State::new()), clock: clock.clone() });
        let service = Service { router: router(Arc::clone(&fly)), clock, prefix: "" };
        Ok(Self { server: Server::start(service, address, None)?, fly })
    }

    /// Accepts this token for these apps. Names of apps that do not exist yet are fine.
    pub fn allow_token(&self, token: &str, apps: &[&str]) {
        self.fly.state().tokens.insert(token.to_owned(), Token::limited(apps, true));
    }

    /// Accepts this token for reading these apps; its writes are refused.
    pub fn allow_read_only_token(&self, token: &str, apps: &[&str]) {
        self.fly.state().tokens.insert(token.to_owned(), Token::limited(apps, false));
    }

    /// Refuses this token from here on, as after its revocation.
    pub fn forget_token(&self, token: &str) {
        self.fly.state().tokens.remove(token);
    }

    /// Creates an app without secrets, machines or releases.
    pub fn create_app(&self, app: &str) {
        self.fly.state().apps.entry(app.to_owned()).or_default();
    }

    /// Removes an app and everything in it.
    pub fn destroy_app(&self, app: &str) {
        self.fly.state().apps.remove(app);
    }

    /// Sets a secret as somebody else would, without a request of this client.
    pub fn set(&self, app: &str, name: &str, value: &str) {
        let moment = self.fly.clock.moment_of_write();
        self.fly.state().app(app).apply([(name.to_owned(), Some(value.to_owned()))], moment);
    }

    /// Unsets a secret as somebody else would, without a request of this client.
    pub fn unset(&self, app: &str, name: &str) {
        let moment = self.fly.clock.moment_of_write();
        self.fly.state().app(app).apply([(name.to_owned(), None)], moment);
    }

    /// Returns the values the app holds, deployed or not.
    pub fn values(&self, app: &str) -> BTreeMap<String, String> {
        self.fly.state().app(app).values()
    }

    /// Returns the version of the app's secrets, which grows with every write.
    pub fn version(&self, app: &str) -> u64 {
        self.fly.state().app(app).version
    }

    /// Adds a machine that runs the secrets of this moment under the newest release, which is created if there is none.
    /// Returns its id.
    pub fn add_machine(&self, app: &str) -> String {
        let mut state = self.fly.state();
        if state.app(app).releases.is_empty() {
            let release = state.next_id();
            let moment = self.fly.clock.moment_of_write();
            state.app(app).release(release, "complete", moment, None);
        }
        let (id, instance) = (state.next_id(), state.next_id());
        let moment = self.fly.clock.moment_of_write();
        let machine = state.app(app).new_machine(id.clone(), instance, moment);
        state.app(app).machines.insert(id.clone(), machine);
        id
    }

    /// Does what `fly secrets deploy` does: creates a release and updates every machine to it.
    pub fn deploy(&self, app: &str) {
        let machines = self.fly.state().app(app).machines.keys().cloned().collect::<Vec<_>>();
        self.roll_out(app, &machines, "complete");
    }

    /// Does what an interrupted `fly secrets deploy` does: creates a release and updates this machine alone to it.
    pub fn deploy_machine(&self, app: &str, machine: &str) {
        self.roll_out(app, &[machine.to_owned()], "interrupted");
    }

    /// Returns the values the machine's process was started with.
    pub fn running_values(&self, app: &str, machine: &str) -> BTreeMap<String, String> {
        self.fly.state().app(app).machine(machine).running.clone()
    }

    /// Changes a machine in ways the API cannot, such as taking it out of the platform's care.
    pub fn edit_machine(&self, app: &str, machine: &str, edit: impl FnOnce(&mut Machine)) {
        edit(self.fly.state().app(app).machine(machine));
    }

    /// Leases a machine as somebody else would, without a request of this client.
    pub fn lease(&self, app: &str, machine: &str, owner: &str, ttl: Duration) {
        let ttl = SignedDuration::try_from(ttl).expect("a test leases for less than an age");
        let expires_at = self.fly.clock.now() + ttl;
        let mut state = self.fly.state();
        let nonce = state.next_id();
        state.app(app).machine(machine).lease = Some(Lease { nonce, owner: owner.to_owned(), expires_at });
    }

    /// Returns the machines that somebody holds a lease on.
    pub fn leased(&self, app: &str) -> Vec<String> {
        let now = self.fly.clock.now();
        let mut state = self.fly.state();
        let is_leased = |machine: &&Machine| machine.lease.as_ref().is_some_and(|lease| lease.expires_at > now);
        state.app(app).machines.values().filter(is_leased).map(|machine| machine.id.clone()).collect()
    }

    /// Returns the digest the service would show for this value, in any app and under any name.
    pub fn digest_of(&self, value: &str) -> String {
        self.fly.state().digest_of(value)
    }

    /// Fixes the key of the digests, which is otherwise random for each twin.
    pub fn set_digest_key(&self, key: [u8; 32]) {
        self.fly.state().digest_key = key;
    }

    /// Replaces the key of the digests, so that every digest changes at once while no value does.
    pub fn rotate_digest_scheme(&self) {
        self.fly.state().digest_key = state::random_key();
    }

    /// Changes how many hex digits a digest has. Fly's had 32 once and has 16 now.
    pub fn set_digest_width(&self, hex_digits: usize) {
        self.fly.state().digest_width = hex_digits;
    }

    /// Changes how the times of secrets are written.
    pub fn set_timestamp_style(&self, style: TimestampStyle) {
        self.fly.state().timestamp_style = style;
    }

    /// Tells the version of the secrets only as `Version`, as servers did before October 2025.
    pub fn legacy_version_only(&self, legacy: bool) {
        self.fly.state().legacy_version_only = legacy;
    }

    fn roll_out(&self, app: &str, machines: &[String], status: &str) {
        let mut state = self.fly.state();
        let release = state.next_id();
        let moment = self.fly.clock.moment_of_write();
        state.app(app).release(release, status, moment, None);
        for machine in machines {
            let instance = state.next_id();
            let moment = self.fly.clock.moment_of_write();
            state.app(app).update_to_newest_release(machine, instance, moment);
        }
    }
}

fn router(fly: Arc<Fly>) -> Router {
    Router::new()
        .route("/v1/tokens/current", get(access::show_tokens))
        .route("/v1/apps", get(access::list_apps))
        .route("/v1/apps/{app}", get(secrets::show_app))
        .route("/v1/apps/{app}/secrets", get(secrets::list).post(secrets::set_many))
        .route("/v1/apps/{app}/secrets/{name}", get(secrets::show).post(secrets::set_one).delete(secrets::unset_one))
        .route("/v1/apps/{app}/machines", get(machines::list))
        .route("/v1/apps/{app}/machines/{machine}", get(machines::show).post(machines::update))
        .route("/v1/apps/{app}/machines/{machine}/start", post(machines::start))
        .route("/v1/apps/{app}/machines/{machine}/stop", post(machines::stop))
        .route("/v1/apps/{app}/machines/{machine}/wait", get(machines::wait))
        .route(
            "/v1/apps/{app}/machines/{machine}/lease",
            get(machines::show_lease).post(machines::take_lease).delete(machines::release_lease),
        )
        .route("/api/v1/apps/{app}/releases", get(releases::list))
        .route("/api/v1/apps/{app}/releases/current", get(releases::current))
        .route("/api/v1/releases", post(releases::create))
        .route("/api/v1/releases/{release}", patch(releases::update))
        .layer(DefaultBodyLimit::disable())
        .with_state(fly)
}
