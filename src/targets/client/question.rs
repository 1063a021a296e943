//! A question: one request that is sent once, to one address and nowhere else, and of whose answer the status alone counts.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Client;
use super::address::plain;
use super::origin::broken;
use crate::domain::probe::ProbeMethod;
use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::error::Unusable;

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// How.
    pub method: ProbeMethod,
    /// Where. It may be a part of the vault, and no error repeats it.
    pub url: &'a str,
    /// The headers.
    pub headers: Vec<(&'a str, SecretValue)>,
    /// What is sent.
    pub body: Option<SecretValue>,
}

impl Client {
    /// Asks once, and returns the status of the answer, whatever it is. A redirect is an answer too: it is not followed.
    pub async fn ask(&self, question: &Question<'_>) -> Result<u16, TargetError> {
        let url = plain(question.url).ok_or(TargetError::Unusable(Unusable::BaseUrl))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &question.headers {
            let unusable = TargetError::Unusable(Unusable::Token);
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable.clone())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unusable)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let method = match question.method {
            ProbeMethod::Get => Method::GET,
            ProbeMethod::Head => Method::HEAD,
            ProbeMethod::Post => Method::POST,
        };
        let request = self.transport(url.scheme() == "https")?.request(method, url).headers(headers);
        let request = match &question.body {
            Some(body) => request.body(body.expose().to_owned()),
            None => request,
        };
        let answer = request.send().await.map_err(|error| broken(&error, self.settings().request_timeout))?;
        Ok(answer.status().as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_they_are_safe_and_nowhere_else() {
        for good in ["https://chat.example.com/me?x=1", "http://127.0.0.1:1/x", "http://localhost/"] {
            assert!(plain(good).is_some(), "{good}");
        }
        for bad in [
            "http://chat.example.com",
            "https://good.example@chat.example.com",
            "https://user:password@chat.example.com",
            "ftp://chat.example.com",
            "https://",
            "http://127.0.0.1.evil.example/",
            "",
        ] {
            assert!(plain(bad).is_none(), "{bad}");
        }
    }
}
