//! Whose a token of GitHub's is.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use zeroize::Zeroizing;

use super::API_VERSION;
use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::account::{Account, shown};
use crate::targets::client::{Answer, Client, Origin, OriginSettings};

#[derive(Deserialize)]
struct User {
    login: String,
}

/// Asks GitHub whose a token is. That of an app or a workflow is nobody's.
pub async fn account(client: &Client, api_url: &str, token: &SecretValue) -> Result<Account, TargetError> {
    let origin = Origin::new(
        client,
        OriginSettings {
            base_url: api_url,
            authorization: Zeroizing::new(format!("Bearer {}", token.expose().trim())),
            headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", API_VERSION)],
            place: "the token's own account".to_owned(),
            unstated_wait: client.settings().secondary_wait,
            budgeted: false,
        },
    )?;
    let (who, answer) = match origin.get(&["user"], &[]).await {
        Ok(answer) => (Some(shown(&answer.json::<User>()?.login)), answer),
        // A token that may not ask this is accepted all the same, and this is what any token may ask.
        Err(TargetError::Forbidden { .. }) => (None, origin.get(&["rate_limit"], &[]).await?),
        Err(error) => return Err(error),
    };
    Ok(Account { who, scopes: scopes(&answer), expires: expires(&answer), at: answer.server_date() })
}

/// Fine-grained tokens and those of apps have permissions, which this header does not tell of.
fn scopes(answer: &Answer) -> Option<Vec<String>> {
    let scopes = answer.header("x-oauth-scopes")?;
    Some(scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(shown).collect())
}

fn expires(answer: &Answer) -> Option<Timestamp> {
    time(answer.header("github-authentication-token-expiration")?)
}

/// Reads `2026-12-01 08:00:00 UTC`, and the same with an offset.
fn time(text: &str) -> Option<Timestamp> {
    if let Some(text) = text.strip_suffix(" UTC") {
        return Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_end_are_read() {
        let expected = "2026-12-01T08:00:00Z".parse().ok();
        assert_eq!(time("2026-12-01 08:00:00 UTC"), expected);
        assert_eq!(time("2026-12-01 10:00:00 +0200"), expected);
        assert_eq!(time("soon"), None);
    }
}
