//! Whose a token of Fly's is.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::token::{self, Api};
use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::account::{Account, shown};
use crate::targets::client::{Client, Origin, OriginSettings};

#[derive(Deserialize)]
struct Current {
    #[serde(default)]
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    org_slug: Option<String>,
    #[serde(default)]
    organization: Option<String>,
}

/// Asks Fly which organizations a token is for. Of one that is no macaroon Fly tells nothing but that it is accepted.
pub async fn account(client: &Client, machines_url: &str, token: &SecretValue) -> Result<Account, TargetError> {
    let origin = Origin::new(
        client,
        OriginSettings {
            base_url: machines_url,
            authorization: token::authorization(token.expose(), Api::Machines).ok_or(TargetError::NoToken)?,
            headers: &[("accept", "application/json")],
            place: "the token's own account".to_owned(),
            unstated_wait: client.settings().backoff.saturating_mul(4),
            budgeted: false,
        },
    )?;
    if !token::has_macaroon(token.expose()) {
        let answer = origin.get(&["v1", "apps"], &[("org_slug", "personal")]).await?;
        return Ok(Account { at: answer.server_date(), ..Account::default() });
    }
    let answer = origin.get(&["v1", "tokens", "current"], &[]).await?;
    let organizations: BTreeSet<String> = answer
        .json::<Current>()?
        .tokens
        .into_iter()
        .filter_map(|token| token.org_slug.or(token.organization))
        .map(|name| shown(&name))
        .filter(|name| !name.is_empty())
        .collect();
    let who = (!organizations.is_empty()).then(|| organizations.into_iter().collect::<Vec<_>>().join(", "));
    Ok(Account { who, at: answer.server_date(), ..Account::default() })
}
