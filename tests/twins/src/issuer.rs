//! Somebody who issues tokens, and knows which of them are alive.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::server::{Server, Service};

type Tokens = Arc<Mutex<BTreeSet<String>>>;

/// An issuer that lives on loopback. See [`Server`] for what it shares with its siblings.
///
/// `GET /me` with a header `api_access_token` and `POST /introspect` with the token as its body answer 200 to a token that
/// is alive and 401 to any other.
#[derive(Debug)]
pub struct IssuerTwin {
    server: Server,
    tokens: Tokens,
}

impl Deref for IssuerTwin {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl IssuerTwin {
    /// Starts an issuer to whom these tokens are alive, on a free port.
    pub fn start(alive: &[&str]) -> Self {
        let tokens: Tokens = Arc::new(Mutex::new(alive.iter().map(|token| (*token).to_owned()).collect()));
        let router = Router::new()
            .route("/me", get(me).post(me))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&tokens));
        let service = Service { router, clock: Clock::default(), prefix: "" };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(service, address, None).expect("loopback has a free port");
        Self { server, tokens }
    }

    /// Issues a token.
    pub fn issue(&self, token: &str) {
        self.tokens.lock().expect("no holder of the tokens panics").insert(token.to_owned());
    }

    /// Takes a token back.
    pub fn revoke(&self, token: &str) {
        self.tokens.lock().expect("no holder of the tokens panics").remove(token);
    }
}

async fn me(State(tokens): State<Tokens>, headers: HeaderMap) -> StatusCode {
    let token = headers.get("api_access_token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    status(&tokens, token)
}

async fn introspect(State(tokens): State<Tokens>, body: Bytes) -> StatusCode {
    status(&tokens, &String::from_utf8_lossy(&body))
}

fn status(tokens: &Tokens, token: &str) -> StatusCode {
    let is_alive = tokens.lock().expect("no holder of the tokens panics").contains(token);
    if is_alive { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}
