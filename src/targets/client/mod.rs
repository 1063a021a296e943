//! The one HTTP client: it is polite to the platforms, careful with tokens, and repeats no write by itself.
//!
//! Reads are repeated when the failure may pass. A write is sent again only after an answer that says it was turned
//! away by a rate limit; whatever else goes wrong is for the caller to judge, by [`TargetError::surely_not_applied`].
//!
//! Addresses with `https` go the way of `HTTPS_PROXY` and `NO_PROXY`, as with every program. Those with plain `http`
//! lead to this machine alone and never go by a proxy.

mod address;
mod answer;
mod budget;
mod kept;
mod origin;
mod post;
mod question;
mod reads;
mod retry;
mod turn;
mod wait;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, broadcast};
use vault_schema::etags::Etags;

pub use address::safe as safe_address;
pub use answer::Answer;
pub use budget::WriteBudget;
pub use kept::Ask;
pub use origin::{Origin, OriginSettings};
pub use question::Question;
pub use wait::Wait;

use self::kept::Kept;
use self::reads::ReadBudget;

use super::error::{TargetError, Unusable};

/// How the client behaves.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long one attempt may take, from the first byte sent to the last one read.
    pub request_timeout: Duration,
    /// How often a request is sent again at most.
    pub retries: u32,
    /// The wait before the first repetition; each further one is twice as long, and a random part of it is waited.
    pub backoff: Duration,
    /// The longest single wait for a rate limit. If more is asked for, the request fails at once.
    pub patience: Duration,
    /// The first wait for a secondary rate limit of GitHub that does not say how long; each further one is twice as long.
    pub secondary_wait: Duration,
    /// The pause between two writes of a large number to a platform that asks for one.
    pub write_gap: Duration,
    /// How many requests may be on their way to one host.
    pub concurrency: usize,
    /// The largest answer that is read, in bytes.
    pub largest_body: usize,
    /// What the client calls itself.
    pub user_agent: String,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            retries: 3,
            backoff: Duration::from_millis(250),
            patience: Duration::from_secs(60),
            secondary_wait: Duration::from_secs(60),
            write_gap: Duration::from_secs(1),
            // The most that GitHub allows, and enough for fifty Fly apps to be asked for secrets and machines at once.
            concurrency: 100,
            largest_body: 16 * 1024 * 1024,
            user_agent: concat!("undrift/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// How many waits are remembered for a listener that is busy: more than a person could read.
const WAITS: usize = 64;

/// A budget that all places of one token draw on.
type SharedBudget = Arc<Mutex<WriteBudget>>;

/// The same of reads.
type SharedReads = Arc<Mutex<ReadBudget>>;

/// Both of them.
type Budgets = (SharedBudget, SharedReads);

/// The client. Clones share connections, limits and budgets, so that a program has one.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    settings: ClientSettings,
    plain: OnceLock<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    // By host and digest of the token: platforms count by who writes.
    budgets: Mutex<HashMap<(String, [u8; 32]), Budgets>>,
    kept: Option<Kept>,
    waits: broadcast::Sender<Wait>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// Returns a client. It reads no certificates and opens no connection before it has to.
    pub fn new(settings: &ClientSettings) -> Self {
        Self::with(settings, None)
    }

    /// Returns a client that knows what listings were when they were last read, and asks at this moment.
    pub fn remembering(settings: &ClientSettings, etags: Etags, now: Timestamp) -> Self {
        Self::with(settings, Some(Kept::new(etags, now)))
    }

    fn with(settings: &ClientSettings, kept: Option<Kept>) -> Self {
        Self(Arc::new(Shared {
            settings: settings.clone(),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            hosts: Mutex::default(),
            budgets: Mutex::default(),
            kept,
            waits: broadcast::Sender::new(WAITS),
        }))
    }

    /// Returns what listings are now, to be remembered, if any was asked for with [`Ask::IfChanged`].
    pub fn etags(&self) -> Option<Etags> {
        self.kept()?.if_used()
    }

    /// Returns where to hear of every wait that begins from now on.
    pub fn waits(&self) -> broadcast::Receiver<Wait> {
        self.0.waits.subscribe()
    }

    fn tell(&self, wait: Wait) {
        // Nobody has to listen.
        let _ = self.0.waits.send(wait);
    }

    fn kept(&self) -> Option<&Kept> {
        self.0.kept.as_ref()
    }

    /// Returns how the client behaves.
    pub fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    /// Returns the client for this scheme.
    ///
    /// They are two, because only the secure one needs the certificates of the system, which take a while to read.
    fn transport(&self, secure: bool) -> Result<reqwest::Client, TargetError> {
        let cell = if secure { &self.0.secure } else { &self.0.plain };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        // Somebody else may have chosen a provider before us, and theirs does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = &self.0.settings;
        let builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .user_agent(&settings.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        let builder = if secure { builder.https_only(true) } else { builder.no_proxy().tls_certs_only([]) };
        let built = builder.build().map_err(|_| TargetError::Unusable(Unusable::Transport))?;
        Ok(cell.get_or_init(|| built).clone())
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.0.hosts.lock().expect("no holder of the hosts panics");
        let fresh = || Arc::new(Semaphore::new(self.0.settings.concurrency.max(1)));
        Arc::clone(hosts.entry(host.to_owned()).or_insert_with(fresh))
    }

    fn budgets(&self, host: &str, authorization: &str) -> Budgets {
        let key = (host.to_owned(), Sha256::digest(authorization).into());
        let mut budgets = self.0.budgets.lock().expect("no holder of the budgets panics");
        let writes = || Arc::new(Mutex::new(WriteBudget::of_github(self.0.settings.write_gap)));
        budgets.entry(key).or_insert_with(|| (writes(), SharedReads::default())).clone()
    }
}
