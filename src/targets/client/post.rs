//! A message to an address that is itself a secret: it is in no error and in no log, and no redirect leads away from it.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use tokio::time::sleep;

use super::Client;
use super::answer::Answer;
use super::origin::is_distrust;
use super::retry::{Again, again, delays, jitter};
use crate::targets::TargetError;
use crate::targets::error::{Broken, Limit, Unusable};

/// How long one attempt may take. Whoever takes a message does so at once.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Client {
    /// Sends a message as JSON. It is sent again where it did not arrive or was turned away, a few times; where nobody knows
    /// whether it arrived, it is not.
    pub async fn post(&self, address: &Url, body: &[u8]) -> Result<(), TargetError> {
        let settings = self.settings();
        let transport = self.transport(address.scheme() == "https")?;
        let timeout = settings.request_timeout.min(TIMEOUT);
        let mut delays = delays(settings);
        loop {
            let request = transport.post(address.clone()).timeout(timeout).body(body.to_vec());
            // Teams counts two bytes a sign where the encoding is not said.
            let request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
            let (error, again) = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => refusal(&Answer::read_error(response).await),
                Err(error) if is_distrust(&error) => (TargetError::Unreachable(Broken::Certificate), Again::Never),
                Err(error) if error.is_connect() => (TargetError::Unreachable(Broken::Connect), Again::Later(None)),
                Err(error) if error.is_timeout() => (TargetError::Timeout { after: timeout }, Again::Never),
                Err(error) if error.is_builder() => (TargetError::Unusable(Unusable::Path), Again::Never),
                Err(_) => (TargetError::Unreachable(Broken::Midway), Again::Never),
            };
            let wait = match again {
                Again::Never => return Err(error),
                Again::Later(stated) | Again::Limited(stated) => stated.unwrap_or_default(),
            };
            let Some(delay) = delays.next().filter(|_| wait <= settings.patience) else { return Err(error) };
            sleep(wait + jitter(delay)).await;
        }
    }
}

/// Tells an error status in our words: what answers may repeat the address.
fn refusal(answer: &Answer) -> (TargetError, Again) {
    let now = answer.server_date().unwrap_or_else(Timestamp::now);
    let status = answer.status();
    let again = again(status, &answer.headers, &[], now);
    let rejected =
        |message: Option<&str>| TargetError::Rejected { status: status.as_u16(), message: message.map(str::to_owned) };
    let error = match (again, status) {
        (Again::Limited(wait), _) => {
            let until = wait.and_then(|wait| now.checked_add(wait).ok());
            TargetError::RateLimited { limit: Limit::Platform, until }
        }
        (_, status) if status.is_redirection() => rejected(Some("it leads elsewhere, and nothing was sent there")),
        (_, StatusCode::NOT_FOUND | StatusCode::GONE) => rejected(Some("nobody takes messages there")),
        _ => rejected(None),
    };
    // A timeout of the other side says nothing of whether the message arrived.
    let again = if status == StatusCode::REQUEST_TIMEOUT { Again::Never } else { again };
    (error, again)
}
