//! A twin of whoever takes messages: an address that says yes to everything, and keeps it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use axum::Router;

use crate::clock::Clock;
use crate::server::{Server, Service};

/// A webhook that lives on loopback. See [`Server`] for what it saw, and for what can go wrong with it.
#[derive(Debug)]
pub struct WebhookSink {
    server: Server,
}

impl WebhookSink {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let router = Router::new().fallback(|| async { "ok" });
        let service = Service { router, clock: Clock::default(), prefix: "" };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { server: Server::start(service, address, None).expect("loopback has a free port") }
    }

    /// Returns the messages that arrived, as JSON, and forgets them.
    pub fn take(&self) -> Vec<serde_json::Value> {
        let requests = self.requests();
        self.clear_requests();
        let taken = requests.iter().filter(|request| request.status == 200);
        taken.map(|request| serde_json::from_slice(&request.body).expect("a message is JSON")).collect()
    }
}

impl Deref for WebhookSink {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
