//! Addresses, as far as a fault in them can be told.

use std::borrow::Cow;

/// An address in its parts. Nothing in it is decoded.
#[derive(Debug)]
pub struct Url<'a> {
    scheme: &'a str,
    password: Option<&'a str>,
    hosts: Vec<&'a str>,
}

impl<'a> Url<'a> {
    /// Takes an address apart; none where it is none. Several hosts may stand in it, with commas between them.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme || rest.is_empty() || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        // A database on this very machine is reached without a host; then there is at least its name.
        let has_host = !hosts.is_empty() || (user.is_none() && path.len() > 1 && path.starts_with('/'));
        let hosts: Vec<&str> = hosts.split(',').map(host).collect::<Option<_>>()?;
        let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
        has_host.then_some(Self { scheme, password, hosts })
    }

    /// Returns whether the scheme is this one, or this one by a driver of a name: `postgresql+asyncpg`.
    pub fn has_scheme(&self, scheme: &str) -> bool {
        let own = self.scheme;
        own.eq_ignore_ascii_case(scheme) || own.split_once('+').is_some_and(|(own, _)| own.eq_ignore_ascii_case(scheme))
    }

    /// Returns the password as it is written, if there is one.
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// Returns the hosts without their ports.
    pub fn hosts(&self) -> &[&'a str] {
        &self.hosts
    }
}

/// Returns the host of `host:port`; none where what follows the colon is no port.
fn host(text: &str) -> Option<&str> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Writes a text so that it may stand in any part of an address: what is not a letter, a digit or one of `-._~`
/// becomes `%` and two digits.
pub fn escape(text: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            for half in [byte >> 4, byte & 15] {
                escaped.push(char::from(DIGITS[usize::from(half)]));
            }
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_address_apart() {
        let url = Url::parse("mongodb://u:p:w@a.example:1,[::1]:2/shop").expect("an address");
        assert_eq!((url.password(), url.hosts()), (Some("p:w"), &["a.example", "::1"][..]));
        let url = Url::parse("https://example.com").expect("an address");
        assert_eq!((url.password(), url.hosts()), (None, &["example.com"][..]));
        for text in ["https://[::1]x", "https://a:", "https://a:b", "https://u@", "postgres:///", "1a://b"] {
            assert!(Url::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn escapes_what_means_something_in_an_address() {
        assert_eq!(escape("abc-._~09"), "abc-._~09");
        assert_eq!(escape("p@ss/w:rd#%ü"), "p%40ss%2Fw%3Ard%23%25%C3%BC");
    }
}
