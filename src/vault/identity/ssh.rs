//! ssh keys as identities, with and without a passphrase.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use age::DecryptError;
use age::ssh::{EncryptedKey, Identity};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::SecretString;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ask::{self, Ask, Attempt};
use super::{AnyIdentity, IdentityError};
use crate::domain::secret::SecretValue;
use crate::vault::store;

/// A key as it stands in its file.
pub(super) struct SshKey {
    identity: Identity,
    origin: String,
    /// The public half, which stands in the same file in the clear.
    public: Option<Vec<u8>>,
    /// The public half as a line of `recipients.txt`.
    pub(super) recipient: Option<String>,
}

impl SshKey {
    /// Reads a key without opening it. Of one in a file, ssh keeps the public half with a comment in a file beside it.
    pub(super) fn parse(content: &[u8], origin: &str, path: Option<&Path>) -> Result<Self, IdentityError> {
        let bad = || IdentityError::BadLine { origin: origin.to_owned(), line: 1 };
        let identity = Identity::from_buffer(content, None).map_err(|_| bad())?;
        if matches!(identity, Identity::Unsupported(_)) {
            let what = "a kind of ssh key that age does not use";
            return Err(IdentityError::Unsupported { origin: origin.to_owned(), what });
        }
        let public = public_half(content);
        let beside = path.and_then(|path| {
            let mut public = path.as_os_str().to_owned();
            public.push(".pub");
            let content = store::read(Path::new(&public)).ok()?;
            String::from_utf8_lossy(&content).lines().next().map(str::to_owned)
        });
        let recipient = beside.or_else(|| as_line(public.as_deref()?));
        Ok(Self { identity, origin: origin.to_owned(), public, recipient })
    }

    /// Returns the key, asking for its passphrase now if it has one.
    pub(super) fn open(self, ask: &Arc<dyn Ask>) -> Result<AnyIdentity, IdentityError> {
        match self.identity {
            Identity::Encrypted(key) => Ok(Box::new(open(&key, &self.origin, ask.as_ref())?)),
            identity => Ok(Box::new(identity)),
        }
    }

    /// Returns the key, which asks for its passphrase, if it has one, when a file turns up that it opens.
    pub(super) fn openable(self, ask: &Arc<dyn Ask>) -> Result<AnyIdentity, IdentityError> {
        match (self.identity, self.public) {
            (Identity::Encrypted(key), Some(public)) => Ok(Box::new(Locked {
                key,
                origin: self.origin,
                tag: tag(&public),
                ask: Arc::clone(ask),
                opened: Mutex::new(Opened::NotYet),
            })),
            (Identity::Encrypted(_), None) => Err(IdentityError::Passphrase { origin: self.origin }),
            (identity, _) => Ok(Box::new(identity)),
        }
    }
}

fn open(key: &EncryptedKey, origin: &str, ask: &dyn Ask) -> Result<Identity, IdentityError> {
    let attempt = |passphrase: &SecretValue| match key.decrypt(SecretString::from(passphrase.expose().to_owned())) {
        Ok(key) => Attempt::Right(Identity::from(key)),
        Err(_) => Attempt::Wrong,
    };
    ask::until_right(ask, origin, attempt)
}

/// A key whose passphrase is not known yet.
struct Locked {
    key: EncryptedKey,
    origin: String,
    /// How files name this key among their recipients.
    tag: String,
    ask: Arc<dyn Ask>,
    opened: Mutex<Opened>,
}

enum Opened {
    NotYet,
    Open(Identity),
    /// Once is enough to be asked in vain.
    Never,
}

impl fmt::Debug for Locked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Locked").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl age::Identity for Locked {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !stanza.tag.starts_with("ssh-") || stanza.args.first() != Some(&self.tag) {
            return None;
        }
        // Files are opened on all cores, and a person is asked once.
        let mut opened = self.opened.lock().expect("no holder of the key panics");
        if matches!(*opened, Opened::NotYet) {
            *opened = match open(&self.key, &self.origin, self.ask.as_ref()) {
                Ok(identity) => Opened::Open(identity),
                Err(error) => {
                    self.ask.tell(&format!("note: {error}"));
                    Opened::Never
                }
            };
        }
        match &*opened {
            Opened::Open(identity) => identity.unwrap_stanza(stanza),
            Opened::NotYet | Opened::Never => None,
        }
    }
}

/// Returns how the header of an age file names an ssh key.
fn tag(public: &[u8]) -> String {
    STANDARD_NO_PAD.encode(&Sha256::digest(public)[..4])
}

/// Returns a public key as a line of `recipients.txt`.
fn as_line(public: &[u8]) -> Option<String> {
    let (kind, _) = string(public)?;
    Some(format!("{} {}", std::str::from_utf8(kind).ok()?, STANDARD.encode(public)))
}

/// Reads the public half out of a private key in OpenSSH's own form (its PROTOCOL.key): it is never encrypted.
fn public_half(content: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok()?;
    let body = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?.1.split_once("-----END")?.0;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let body = Zeroizing::new(STANDARD.decode(body.as_str()).ok()?);
    let rest = body.strip_prefix(b"openssh-key-v1\0")?;
    // The cipher, the key derivation and its options, and how many keys there are.
    let rest = (0..3).try_fold(rest, |rest, _| string(rest).map(|(_, rest)| rest))?;
    let (public, _) = string(rest.strip_prefix(&[0, 0, 0, 1])?)?;
    Some(public.to_owned())
}

/// Reads one of the format's texts: its length, then its bytes.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen -t ed25519 -N hunter2 -C alice`, for this test alone.
    const KEY: &str = include_str!("ssh/test-key-hunter2");
    const PUBLIC: &str = include_str!("ssh/test-key-hunter2.pub");

    #[test]
    fn the_public_half_needs_no_passphrase() {
        let key = SshKey::parse(KEY.as_bytes(), "here", None).expect("a key");
        assert!(PUBLIC.starts_with(&key.recipient.expect("a public half")), "{PUBLIC}");
        for cut in [0, 40, 100, KEY.len() / 2] {
            assert_eq!(public_half(&KEY.as_bytes()[..cut]), None, "cut at {cut}");
        }
    }
}
