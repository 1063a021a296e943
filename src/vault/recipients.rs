//! `recipients.txt`: who can read an environment.
//!
//! The file is one that `age -R` reads too: a key a line, each under a comment with the name of whose it is.

use std::collections::HashSet;
use std::fmt;
use std::io;

use age::{EncryptError, NoCallbacks, plugin};
use age_core::format::{FileKey, Stanza as FileStanza};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::crypt::{self, AnyIdentity, AnyRecipient};
use crate::domain::name::EnvironmentName;
use crate::domain::stanza::Stanza;

/// The recipients of one environment.
#[derive(Default)]
pub struct Recipients {
    /// The keys.
    pub keys: Vec<AnyRecipient>,
    /// Whose they are; the key's own beginning where no comment says.
    pub names: Vec<String>,
    /// What stands in the file of each.
    pub entries: Vec<Entry>,
}

/// What stands in the file of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// The line of the comment that names it, from 0.
    comment: Option<usize>,
    /// Its own line, from 0.
    line: usize,
}

impl Entry {
    /// Returns whether it stands right below another one, and no comment names it.
    pub fn is_unnamed_below(&self, other: &Self) -> bool {
        self.comment.is_none() && self.line == other.line + 1
    }

    /// Returns what the header of a file says that is encrypted for it.
    pub fn stanza(&self) -> Stanza {
        match &self.key.kind {
            KeyKind::X25519 => Stanza::X25519,
            KeyKind::Ssh(kind) => Stanza::Ssh(format!("{kind} {}", tag(&self.key.text))),
            KeyKind::Plugin(_) => Stanza::Plugin,
        }
    }
}

/// A key that files can be encrypted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The key as it is written into the file, without a comment of its own.
    pub text: String,
    /// Its kind.
    pub kind: KeyKind,
}

/// What a [`PublicKey`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An age key.
    X25519,
    /// `ssh-ed25519` or `ssh-rsa`.
    Ssh(String),
    /// A key that only a plugin of this name can encrypt for.
    Plugin(String),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X25519 => formatter.write_str("age"),
            Self::Ssh(kind) => formatter.write_str(kind),
            Self::Plugin(name) => write!(formatter, "age-plugin-{name}"),
        }
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Recipients").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Why a line is not a recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Neither an age recipient nor an ssh public key.
    #[error("line {line} is neither an age recipient nor an ssh public key")]
    BadLine {
        /// The line, from 1.
        line: usize,
    },
    /// A private key: it must not be in a file that is committed.
    #[error("line {line} is a private key; put its public key there, and change the private key, for it is known now")]
    Private {
        /// The line, from 1.
        line: usize,
    },
    /// A kind of recipient that is not written to.
    #[error("line {line} is a kind of recipient that this version cannot write to")]
    Unsupported {
        /// The line, from 1.
        line: usize,
    },
}

/// Why somebody's access is left as it is. No text that might be a private key is ever repeated.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// What was given is no key.
    #[error("that is not a public key, nor a file with one")]
    NotAKey,
    /// A private key where a public one is asked for.
    #[error("that is a private key; only its public half is ever given to anybody")]
    PrivateKey,
    /// A kind of ssh key that age has no way to encrypt for.
    #[error("age cannot encrypt for a key of the kind `{0}`")]
    Unsupported(String),
    /// What cannot be a name.
    #[error("a name {0}")]
    BadName(&'static str),
    /// The key is there under the same name, and every file is encrypted for it.
    #[error("{who} can read `{environment}` already, with this key")]
    AlreadyThere {
        /// The environment.
        environment: EnvironmentName,
        /// Whose key it is.
        who: String,
    },
    /// The key is there under another name.
    #[error("this key is in the recipients.txt of `{environment}` already, as {name}")]
    OtherName {
        /// The environment.
        environment: EnvironmentName,
        /// The name it has.
        name: String,
    },
    /// The name is there with another key.
    #[error("{who} is in the recipients.txt of `{environment}` already, with another key")]
    NameTaken {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        who: String,
    },
    /// Nobody has that name.
    #[error("nobody in the recipients.txt of `{environment}` is called {who}")]
    NotThere {
        /// The environment.
        environment: EnvironmentName,
        /// What was written.
        who: String,
        /// Those who are there.
        names: Vec<String>,
    },
    /// Nobody could read the environment afterwards.
    #[error("{who} is the only one who can read `{environment}`; without any recipient its values would be lost")]
    Last {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        who: String,
    },
    /// The person who asks could not read the environment afterwards.
    #[error("you would lock yourself out of `{environment}`: none of the keys that stay is known to be yours")]
    LocksYouOut {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Nobody has vouched for the files.
    #[error("the files of `{0}` are not sealed: nobody has vouched for what would be encrypted anew")]
    Unsealed(EnvironmentName),
    /// There is no key at GitHub that can be used.
    #[error("{user} has published no ssh key at GitHub that age can encrypt for")]
    NothingPublished {
        /// The user.
        user: String,
    },
}

impl Recipients {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let mut recipients = Self::default();
        let mut comment = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(text) = line.strip_prefix('#') {
                comment = Some((index, text.trim().to_owned())).filter(|(_, text)| !text.is_empty());
            } else if line.is_empty() {
                comment = None;
            } else {
                let number = index + 1;
                let (key, recipient) = parse_key(line).map_err(|error| match error {
                    AccessError::PrivateKey => RecipientError::Private { line: number },
                    AccessError::Unsupported(_) => RecipientError::Unsupported { line: number },
                    _ => RecipientError::BadLine { line: number },
                })?;
                let (comment, name) = match comment.take() {
                    Some((index, name)) => (Some(index), name),
                    None => (None, own_name(line)),
                };
                recipients.keys.push(recipient);
                recipients.names.push(name.clone());
                recipients.entries.push(Entry { name, key, comment, line: index });
            }
        }
        Ok(recipients)
    }

    /// Returns the keys of one name.
    pub fn of(&self, who: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.name == who)
    }

    /// Returns for each key whether one of these identities is its private half. A plugin is not asked: it may want a
    /// person to touch something.
    pub fn opened_by(&self, identities: &[AnyIdentity]) -> Vec<bool> {
        let is_ours = |(entry, key): (&Entry, &AnyRecipient)| {
            !matches!(entry.key.kind, KeyKind::Plugin(_))
                && crypt::seal(b"undrift", std::slice::from_ref(key))
                    .is_ok_and(|probe| crypt::open(&probe, identities).is_ok())
        };
        self.entries.iter().zip(&self.keys).map(is_ours).collect()
    }

    /// Returns those that are listed with what the header of a file says that is encrypted for them.
    pub fn stanzas(&self) -> Vec<(&str, Stanza)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.stanza())).collect()
    }

    /// Returns the file's text without the keys of one name, and the comments that say so. All other lines stay.
    pub fn without(&self, text: &str, who: &str) -> String {
        let gone: HashSet<usize> = self.of(who).flat_map(|entry| [Some(entry.line), entry.comment]).flatten().collect();
        let mut kept: Vec<&str> = Vec::new();
        let mut closes_gap = false;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if gone.contains(&index) {
                closes_gap = true;
                continue;
            }
            // The empty lines above and below what is gone would stand together.
            let is_empty = |line: &str| line.trim().is_empty();
            if !(closes_gap && is_empty(line) && kept.last().is_none_or(|last| is_empty(last))) {
                kept.push(line);
            }
            closes_gap = closes_gap && is_empty(line);
        }
        if closes_gap && kept.last().is_some_and(|last| last.trim().is_empty()) {
            kept.pop();
        }
        kept.concat()
    }
}

/// Returns the file's text with further keys at its end, each under the name.
pub fn with(text: &str, who: &str, keys: &[PublicKey]) -> String {
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for key in keys {
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
        text.extend(["# ", who, "\n", &key.text, "\n"]);
    }
    text
}

/// Checks what is to be written as a comment above a key.
pub fn check_name(who: &str) -> Result<(), AccessError> {
    let why = if who.trim().is_empty() {
        "cannot be empty"
    } else if who != who.trim() || who.starts_with('#') || who.chars().any(char::is_control) {
        "has no `#` or space at its beginning, and no line ends"
    } else if who.len() > 100 {
        "is no longer than 100 characters"
    } else if is_private(who) {
        return Err(AccessError::PrivateKey);
    } else if who.starts_with("ssh-") || parse_key(who).is_ok() {
        "comes before the key"
    } else {
        return Ok(());
    };
    Err(AccessError::BadName(why))
}

/// Returns whether a text has what only private keys have, however much else is in it.
pub fn is_private(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PRIVATE KEY-----", "PUTTY-USER-KEY-FILE"].iter().any(|mark| text.contains(mark))
}

/// Takes one public key.
pub fn parse_public(text: &str) -> Result<PublicKey, AccessError> {
    parse_key(text.trim()).map(|(key, _)| key)
}

fn parse_key(line: &str) -> Result<(PublicKey, AnyRecipient), AccessError> {
    if is_private(line) || line.starts_with("-----BEGIN") {
        return Err(AccessError::PrivateKey);
    }
    let key = |kind| PublicKey { text: line.to_owned(), kind };
    if line.starts_with("age1") {
        if let Ok(recipient) = line.parse::<age::x25519::Recipient>() {
            return Ok((key(KeyKind::X25519), Box::new(recipient)));
        }
        // `age1yubikey1…` and `age1pq1…` are recipients that a plugin encrypts for.
        let recipient: plugin::Recipient = line.parse().map_err(|_| AccessError::NotAKey)?;
        let kind = KeyKind::Plugin(recipient.plugin().to_owned());
        return Ok((key(kind), Box::new(PluginRecipient(recipient))));
    }
    let mut words = line.split_whitespace();
    let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match line.parse::<age::ssh::Recipient>() {
        Ok(recipient) => {
            let key = PublicKey { text: format!("{kind} {body}"), kind: KeyKind::Ssh(kind.to_owned()) };
            Ok((key, Box::new(recipient)))
        }
        Err(_) if is_ssh(kind) && !matches!(kind, "ssh-ed25519" | "ssh-rsa") => {
            Err(AccessError::Unsupported(kind.to_owned()))
        }
        Err(age::ssh::ParseRecipientKeyError::Ignore | age::ssh::ParseRecipientKeyError::Invalid(_)) => {
            Err(AccessError::NotAKey)
        }
        // Of the right kind, and larger than age takes.
        Err(_) => Err(AccessError::Unsupported(kind.to_owned())),
    }
}

/// Returns whether a word is the name of a kind of ssh key, and so no secret.
fn is_ssh(kind: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"].iter().any(|begins| kind.starts_with(begins))
        && kind.len() <= 64
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '@' | '.'))
}

/// The tag that a header has of an ssh key: the beginning of the hash of its body.
fn tag(text: &str) -> String {
    let body = text.split_whitespace().nth(1).and_then(|body| STANDARD.decode(body).ok()).unwrap_or_default();
    STANDARD_NO_PAD.encode(&Sha256::digest(body)[..4])
}

/// A key that a plugin encrypts for. The plugin is looked for when something is encrypted, and not when a list is read.
struct PluginRecipient(plugin::Recipient);

impl age::Recipient for PluginRecipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<FileStanza>, HashSet<String>), EncryptError> {
        let (name, recipient) = (self.0.plugin(), std::slice::from_ref(&self.0));
        let missing = |_| {
            let why = format!("it needs the program `age-plugin-{name}`, which is not in PATH");
            EncryptError::Io(io::Error::new(io::ErrorKind::NotFound, why))
        };
        let program = plugin::RecipientPluginV1::new(name, recipient, &[], NoCallbacks);
        program.map_err(missing)?.wrap_file_key(file_key)
    }
}

/// An ssh key carries a comment of its own; an age key is known by how it begins.
fn own_name(line: &str) -> String {
    if line.starts_with("ssh-")
        && let Some(comment) = line.split_whitespace().nth(2)
    {
        return comment.to_owned();
    }
    let beginning: String = line.chars().take(12).collect();
    format!("{beginning}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@laptop";

    fn key() -> String {
        age::x25519::Identity::generate().to_public().to_string()
    }

    #[test]
    fn names_come_from_comments() {
        let age = key();
        let text = format!("# the team's keys\n\n# ci\n{age}\n\n{SSH}\n{age}\n");
        let recipients = Recipients::parse(&text).expect("recipients");
        assert_eq!(recipients.keys.len(), 3);
        assert_eq!(recipients.names[..2], ["ci", "alice@laptop"]);
        assert!(recipients.names[2].starts_with("age1"));
    }

    #[test]
    fn refuses_what_is_no_public_key() {
        let error = |text: &str| Recipients::parse(text).expect_err("not a recipient");
        assert_eq!(error("\nhello"), RecipientError::BadLine { line: 2 });
        assert_eq!(error("age1qqqq"), RecipientError::BadLine { line: 1 });
        assert_eq!(error("AGE-SECRET-KEY-1X"), RecipientError::Private { line: 1 });
        assert_eq!(error("ecdsa-sha2-nistp256 AAAA"), RecipientError::Unsupported { line: 1 });
    }

    #[test]
    fn a_key_is_told_by_its_kind_and_nothing_that_is_none_is_repeated() {
        let kind = |text: &str| parse_public(text).map(|key| (key.text, key.kind.to_string()));
        let age = key();
        assert_eq!(kind(&format!(" {age}\n")).expect("a key"), (age, "age".to_owned()));
        let (text, of) = kind(SSH).expect("a key");
        assert_eq!((text.as_str(), of.as_str()), (SSH.rsplit_once(' ').expect("a comment").0, "ssh-ed25519"));
        let yubikey = "age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt";
        assert_eq!(kind(yubikey).expect("a key").1, "age-plugin-yubikey");
        for (text, expected) in [
            ("canary", "that is not a public key, nor a file with one"),
            ("age1canary", "that is not a public key, nor a file with one"),
            ("ssh-ed25519 canary", "that is not a public key, nor a file with one"),
            ("canary-of-a-kind AAAA", "that is not a public key, nor a file with one"),
            ("age-secret-key-1canary", "that is a private key; only its public half is ever given to anybody"),
            ("AGE-PLUGIN-YUBIKEY-1CANARY", "that is a private key; only its public half is ever given to anybody"),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary",
                "that is a private key; only its public half is ever given to anybody",
            ),
            (
                "sk-ssh-ed25519@openssh.com AAAA",
                "age cannot encrypt for a key of the kind `sk-ssh-ed25519@openssh.com`",
            ),
        ] {
            assert_eq!(kind(text).expect_err("no key").to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_one_line_and_no_key() {
        assert!(check_name("alice").is_ok() && check_name("Älice (laptop) <a@example.com>").is_ok());
        for wrong in ["", " ", " alice", "# alice", "a\nage1", "ssh-ed25519", &key(), &"x".repeat(101)] {
            assert!(matches!(check_name(wrong), Err(AccessError::BadName(_))), "{wrong}");
        }
        assert!(matches!(check_name("AGE-SECRET-KEY-1X"), Err(AccessError::PrivateKey)));
    }

    #[test]
    fn what_is_added_and_removed_leaves_every_other_line_as_it_is() {
        let [alice, bob, again, carol] = [key(), key(), key(), key()];
        let before = format!(
            "# Who can read staging.\n\n# alice\n{alice}\n\n# the machines\n\n# carol, of accounting\n{carol}\n"
        );
        let keys = [&bob, &again].map(|key| parse_public(key).expect("a key"));
        let after = with(&before, "bob", &keys);
        assert_eq!(after, format!("{before}\n# bob\n{bob}\n\n# bob\n{again}\n"));
        let without = |text: &str, who: &str| Recipients::parse(text).expect("recipients").without(text, who);
        assert_eq!(without(&after, "bob"), before);
        assert_eq!(without(&after, "alice"), after.replace(&format!("# alice\n{alice}\n\n"), ""));
        assert_eq!(
            without(&after, "carol, of accounting"),
            after.replace(&format!("# carol, of accounting\n{carol}\n\n"), "")
        );
        assert_eq!(without(&before, "nobody"), before);
        // Without an end of its last line, and with a key that only its own comment names.
        assert_eq!(with("# a\nX", "bob", &keys[..1]), format!("# a\nX\n\n# bob\n{bob}\n"));
        assert_eq!(without(&format!("{SSH}\n# bob\n{bob}"), "bob"), format!("{SSH}\n"));
        assert_eq!(without(&format!("# x\n{SSH}\n{bob}\n"), "x"), format!("{bob}\n"));
        assert_eq!(with("", "bob", &keys[..1]), format!("# bob\n{bob}\n"));
    }

    #[test]
    fn ones_own_keys_are_known_by_what_they_open() {
        let identity = age::x25519::Identity::generate();
        let text = format!("# bob\n{}\n\n# me\n{}\n\n{SSH}\n", key(), identity.to_public());
        let recipients = Recipients::parse(&text).expect("recipients");
        assert_eq!(recipients.opened_by(&[Box::new(identity)]), [false, true, false]);
        assert_eq!(recipients.opened_by(&[]), [false; 3]);
    }
}
