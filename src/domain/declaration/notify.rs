//! Who is told what an audit has found, as `[notify]` declares it.

use vault_schema::project::{NotifyOn, WebhookFormat};

use super::TokenSource;
use super::check::is_loopback;
use crate::domain::secret::SecretValue;

/// Who is told what an audit has found, and when.
#[derive(Debug)]
pub struct NotifyRules {
    /// When webhooks and mail tell of it.
    pub on: NotifyOn,
    /// The webhooks.
    pub webhooks: Vec<WebhookSpec>,
    /// The mail.
    pub mail: Option<MailSpec>,
    /// The issue.
    pub issue: Option<IssueSpec>,
}

/// An address that takes a message.
#[derive(Debug)]
pub struct WebhookSpec {
    /// Where the address is.
    pub address: AddressSource,
    /// The form of the message.
    pub format: WebhookFormat,
}

/// Where the address of a webhook is.
#[derive(Debug)]
pub enum AddressSource {
    /// Kept as tokens are.
    Kept(TokenSource),
    /// In `undrift.toml` itself.
    Written(SecretValue),
}

/// A mail.
#[derive(Debug)]
pub struct MailSpec {
    /// The server.
    pub server: MailServer,
    /// Who it comes from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// The name to log in with, and where the password is.
    pub login: Option<(String, TokenSource)>,
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said to it is encrypted.
    pub encryption: Encryption,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte.
    Implicit,
    /// From `STARTTLS` on; without it nothing is sent.
    StartTls,
    /// Not at all, which only this very machine is spoken to.
    None,
}

impl MailServer {
    /// Parses `smtps://HOST`, `smtp://HOST`, either with a port. The ports without one are those of RFC 8314 and 6409.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_implicit, authority) = match text.strip_prefix("smtps://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("smtp://")?),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, after) = match authority.strip_prefix('[').and_then(|ipv6| ipv6.split_once(']')) {
            Some((host, after)) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, after),
            Some(_) => return None,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if host.is_empty() || !(is_name || host.contains(':')) {
            return None;
        }
        let encryption = match (is_implicit, is_loopback(host)) {
            (true, _) => Encryption::Implicit,
            (false, false) => Encryption::StartTls,
            (false, true) => Encryption::None,
        };
        let port = match after.strip_prefix(':') {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port > 0)?
            }
            None if after.is_empty() => match encryption {
                Encryption::Implicit => 465,
                Encryption::StartTls => 587,
                Encryption::None => 25,
            },
            _ => return None,
        };
        Some(Self { host: host.to_owned(), port, encryption })
    }
}

/// The issue that is open as long as something is wrong.
#[derive(Debug)]
pub struct IssueSpec {
    /// `owner/name`.
    pub repository: String,
    /// Where its token is, when it is not the platform's usual place.
    pub token: Option<TokenSource>,
}

/// Returns whether a text is a mail address and nothing else: no name before it, and nothing that ends a header.
pub(super) fn is_mail_address(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"@<>()[],;:\\\"".contains(&byte))
    };
    text.split_once('@').is_some_and(|(name, domain)| is_plain(name) && is_plain(domain)) && text.len() <= 254
}

/// Returns whether a text is `owner/name`, in the signs that GitHub takes.
pub(super) fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

impl NotifyRules {
    /// Returns where the secrets are that telling needs.
    pub fn sources(&self) -> impl Iterator<Item = &TokenSource> {
        let addresses = self.webhooks.iter().filter_map(|webhook| match &webhook.address {
            AddressSource::Kept(source) => Some(source),
            AddressSource::Written(_) => None,
        });
        let login = self.mail.iter().filter_map(|mail| mail.login.as_ref()).map(|(_, password)| password);
        addresses.chain(login).chain(self.issue.iter().filter_map(|issue| issue.token.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_off_this_machine_is_never_spoken_to_in_the_clear() {
        let parsed = |text: &str| MailServer::parse(text).map(|it| (it.host, it.port, it.encryption));
        for (text, host, port, encryption) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Encryption::Implicit),
            ("smtps://mail.example.com:2465/", "mail.example.com", 2465, Encryption::Implicit),
            ("smtp://mail.example.com", "mail.example.com", 587, Encryption::StartTls),
            ("smtp://mail.example.com:25", "mail.example.com", 25, Encryption::StartTls),
            ("smtp://10.0.0.7:25", "10.0.0.7", 25, Encryption::StartTls),
            ("smtp://localhost.example.com", "localhost.example.com", 587, Encryption::StartTls),
            ("smtp://[2001:db8::1]", "2001:db8::1", 587, Encryption::StartTls),
            ("smtp://localhost", "localhost", 25, Encryption::None),
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Encryption::None),
            ("smtp://[::1]:2525", "::1", 2525, Encryption::None),
            ("smtps://127.0.0.1", "127.0.0.1", 465, Encryption::Implicit),
        ] {
            assert_eq!(parsed(text), Some((host.to_owned(), port, encryption)), "{text}");
        }
        for wrong in [
            "mail.example.com",
            "https://mail.example.com",
            "smtps://",
            "smtp://user:password@mail.example.com",
            "smtp://mail.example.com:0",
            "smtp://mail.example.com:99999",
            "smtp://mail.example.com:+25",
            "smtp://mail.example.com/path",
            "smtp://mail example.com",
            "smtp://mail.example.com?tls=none",
            "smtp://[127.0.0.1]",
            "smtp://[::1]x",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_is_one_address() {
        for good in ["ops@example.com", "a.b+c@mail.example.com", "root@localhost"] {
            assert!(is_mail_address(good), "{good}");
        }
        for wrong in
            ["", "ops", "@example.com", "ops@", "a@b@c", "Ops <ops@example.com>", "a@b, c@d", "a@b\nBcc: c@d", "ö@x.y"]
        {
            assert!(!is_mail_address(wrong), "{wrong}");
        }
    }
}
