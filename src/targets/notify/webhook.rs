//! An address that takes a message as JSON.

use std::fmt;

use reqwest::Url;

use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::client::{Client, safe_address};

/// A webhook. Whoever knows its address may write where it leads, so that only its host is ever shown.
pub struct Webhook(Url);

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Webhook").field(&self.host()).finish()
    }
}

impl Webhook {
    /// Takes an address, if a message may be sent there.
    pub fn new(address: &SecretValue) -> Option<Self> {
        safe_address(address.expose().trim()).map(Self)
    }

    /// Returns the host.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Sends a message.
    pub async fn send(&self, client: &Client, body: &serde_json::Value) -> Result<(), TargetError> {
        client.post(&self.0, body.to_string().as_bytes()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_safe_addresses_alone_and_nothing_but_the_host_is_shown() {
        let webhook = |text: &str| Webhook::new(&SecretValue::copied_from(text));
        let good = webhook(" https://hooks.example.com/services/canary-4711?key=canary \n").expect("an address");
        assert_eq!(good.host(), "hooks.example.com");
        assert_eq!(format!("{good:?}"), "Webhook(\"hooks.example.com\")");
        assert!(webhook("http://127.0.0.1:8080/x").is_some());
        for bad in ["", "hooks.example.com", "http://hooks.example.com/x", "http://127.0.0.1@evil.example", "https://"]
        {
            assert!(webhook(bad).is_none(), "{bad}");
        }
    }
}
