//! Addresses to which something secret may be sent.

use reqwest::Url;

use crate::domain::declaration::is_safe_url;

/// Parses an address. The text is what a person has reviewed and the parsed form is where requests go; both have to be
/// safe.
pub fn safe(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (is_safe_url(text) && is_safe_url(url.as_str())).then_some(url)
}

/// Parses an address without a user and a password, which would make another host of what looks like one.
pub(super) fn plain(text: &str) -> Option<Url> {
    safe(text).filter(|url| url.username().is_empty() && url.password().is_none())
}
