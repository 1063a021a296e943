//! Stateful loopback twins of the Fly Machines API and of the GitHub secrets API, of somebody who issues tokens, and of
//! whoever takes messages.
//!
//! A twin keeps the state a real service would keep: secrets with their times and digests, machines that go on running
//! old values until they are updated, sealed boxes that are really opened. It therefore answers the question a canned
//! response cannot: what does the service hold after this program has run?
//!
//! Each twin runs on a thread of its own and stops when it is dropped. Both dereference to [`Server`], which records the
//! exchanges, injects [`Fault`]s and owns the [`Clock`] the service lives by.
//!
//! ```
//! let fly = twins::FlyTwin::start();
//! fly.create_app("shop");
//! fly.set("shop", "API_KEY", "hunter2");
//! assert_eq!(fly.values("shop")["API_KEY"], "hunter2");
//! assert!(fly.url().starts_with("http://127.0.0.1:"));
//! ```

mod body;
mod clock;
mod exchange;
mod fault;
mod fly;
mod github;
mod issuer;
mod mail;
mod server;
mod sink;

pub use clock::Clock;
pub use exchange::Request;
pub use fault::{Fault, FaultKind};
pub use fly::{FLY_TOKEN, FlyTwin, Machine, TimestampStyle};
pub use github::{
    Access, Artifact, GITHUB_TOKEN, GitHubPlace, GitHubTwin, Issue, Permission, Permissions, SecretTimes, Store,
    Visibility,
};
pub use issuer::IssuerTwin;
pub use mail::{Mail, MailFault, MailSink};
pub use server::Server;
pub use sink::WebhookSink;
