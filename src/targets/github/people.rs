//! What GitHub publishes of people: the public halves of their ssh keys.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::API_VERSION;
use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::client::{Ask, Client, Origin, OriginSettings};

/// How many pages are read: far more keys than anybody has.
const PAGES: usize = 10;

#[derive(Deserialize)]
struct Published {
    key: String,
}

/// Returns the keys that a user has published, as `authorized_keys` has them.
pub async fn published_keys(
    client: &Client,
    api_url: &str,
    token: Option<&SecretValue>,
    user: &str,
) -> Result<Vec<String>, TargetError> {
    let mut authorization = Zeroizing::new(String::new());
    if let Some(token) = token {
        authorization.reserve_exact(token.expose().len() + 7);
        authorization.push_str("Bearer ");
        authorization.push_str(token.expose().trim());
    }
    let settings = OriginSettings {
        base_url: api_url,
        authorization,
        headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", API_VERSION)],
        place: format!("the user {user}"),
        unstated_wait: client.settings().secondary_wait,
        budgeted: false,
    };
    let origin = Origin::new(client, settings)?;
    let mut read =
        origin.get_page::<Vec<Published>>(&["users", user, "keys"], &[("per_page", "100")], Ask::Anew).await?;
    let mut keys = Vec::new();
    for _ in 0..PAGES {
        let (page, answer) = read;
        keys.extend(page.into_iter().map(|published| published.key));
        match origin.get_next_page(&answer, Ask::Anew).await? {
            Some(next) => read = next,
            None => return Ok(keys),
        }
    }
    Err(TargetError::Unexpected(format!("the listing has more than {PAGES} pages")))
}
