//! Conformance: what every adapter promises, held against a twin of its service.
//!
//! `checks` holds the promises, the same for all; `fly` and `github` bring their twin and what is theirs alone, `organization`
//! and `variables` what is theirs among GitHub's places.

mod checks;
mod description;
mod fly;
mod github;
mod organization;
mod raw;
pub(crate) mod tls;
mod variables;

use std::collections::BTreeMap;
use std::time::Duration;

use twins::Server;
use undrift::domain::name::RemoteName;
use undrift::domain::secret::SecretValue;
use undrift::targets::client::ClientSettings;
use undrift::targets::{AnyTarget, Effect, Target, Write};

/// One service with one place, and the adapter for it.
pub(crate) trait Harness {
    /// How many names the listing check puts there: enough for several pages where there are pages.
    const MANY: usize;
    /// The method of a write.
    const WRITE: &'static str;
    /// Whether a batch is one request.
    const BULK: bool;
    /// A token that is accepted for everything.
    const TOKEN: &'static str;
    /// A token that may read and not write.
    const READER: &'static str;
    /// A token that is known and may not even read the place.
    const STRANGER: &'static str;

    /// Starts the service with an empty place.
    fn start() -> Self;

    /// Returns the service.
    fn server(&self) -> &Server;

    /// Returns the adapter for the place, or for the same place at another address.
    fn target_at(&self, url: &str, token: &str, settings: &ClientSettings) -> AnyTarget;

    /// Puts a secret there as somebody else would.
    fn set(&self, name: &str, value: &str);

    /// Returns what the place really holds.
    fn values(&self) -> BTreeMap<String, Vec<u8>>;

    /// Takes the whole place away.
    fn remove_place(&self);

    /// Returns the adapter with the good token.
    fn target(&self, settings: &ClientSettings) -> AnyTarget {
        self.target_at(&self.server().url(), Self::TOKEN, settings)
    }
}

/// Returns settings for a service that is near and a test that is in a hurry.
pub(crate) fn hasty() -> ClientSettings {
    ClientSettings {
        connect_timeout: Duration::from_secs(2),
        // Long enough for a busy machine: only the tests of timeouts shorten it.
        request_timeout: Duration::from_secs(10),
        retries: 2,
        backoff: Duration::from_millis(1),
        patience: Duration::from_secs(3),
        secondary_wait: Duration::from_millis(1),
        write_gap: Duration::ZERO,
        ..ClientSettings::default()
    }
}

/// Runs one asynchronous test to its end.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built").block_on(test)
}

pub(crate) fn name(text: &str) -> RemoteName {
    RemoteName::new(text)
}

/// Writes one value, and returns what became of it.
pub(crate) async fn write(target: &AnyTarget, name: &str, value: &str) -> Effect {
    let mut effects = write_all(target, &[(name, value)]).await;
    effects.pop().expect("a batch of one has one effect")
}

/// Writes a batch, and returns one effect for each.
pub(crate) async fn write_all(target: &AnyTarget, batch: &[(&str, &str)]) -> Vec<Effect> {
    let owned: Vec<_> =
        batch.iter().map(|(name, value)| (RemoteName::new(*name), SecretValue::copied_from(value))).collect();
    let batch: Vec<_> = owned.iter().map(|(name, value)| Write { name, value, last_written: None }).collect();
    let effects = target.write(&batch).await;
    assert_eq!(effects.len(), batch.len(), "one effect for each write");
    effects
}

/// Looks, then writes one value over what is there, as a push does.
pub(crate) async fn rewrite(target: &AnyTarget, name: &str, value: &str) -> Effect {
    let (name, value) = (RemoteName::new(name), SecretValue::copied_from(value));
    let there = target.look(&[&name]).await.unwrap_or_default();
    let last_written = there.entries.get(&name).and_then(|observed| observed.written);
    target.write(&[Write { name: &name, value: &value, last_written }]).await.pop().expect("one effect")
}

/// Returns how many requests of this method the service has seen.
pub(crate) fn seen(server: &Server, method: &str) -> usize {
    server.requests().iter().filter(|request| request.method == method).count()
}
