//! Identities: the keys that open the vault, and the chain of places they come from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::crypt::AnyIdentity;
use super::store::{self, ReadError};
use crate::domain::secret::SecretValue;

/// Where identities may come from, the first that is given deciding; the last two are read together.
#[derive(Debug, Default)]
pub struct IdentityChain {
    /// `--identity FILE`.
    pub files: Vec<PathBuf>,
    /// `UNDRIFT_IDENTITY`: the key itself.
    pub variable: Option<SecretValue>,
    /// `UNDRIFT_IDENTITY_FILE`.
    pub variable_file: Option<PathBuf>,
    /// `<config dir>/undrift/identity.txt`.
    pub config_file: Option<PathBuf>,
    /// `~/.ssh/id_ed25519`.
    pub ssh_file: Option<PathBuf>,
}

/// The keys that were found.
#[derive(Default)]
pub struct Identities {
    /// The keys.
    pub keys: Vec<AnyIdentity>,
    /// Where they were found, for people.
    pub origins: Vec<String>,
    /// The public halves that could be told, to be recipients of a new environment.
    pub recipients: Vec<String>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identities").field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// Why an identity was not read. No text of it is ever repeated.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read.
    #[error("cannot read the identity file {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A line is not an identity.
    #[error("line {line} of {origin} is not an age identity")]
    BadLine {
        /// Where it stands.
        origin: String,
        /// The line, from 1.
        line: usize,
    },
    /// There is no identity in it.
    #[error("{origin} has no identity")]
    Empty {
        /// Where none stands.
        origin: String,
    },
    /// It is itself sealed with a passphrase.
    #[error("{origin} is protected by a passphrase, which this version cannot ask for")]
    Passphrase {
        /// Where it stands.
        origin: String,
    },
    /// A kind of key that is not read.
    #[error("{origin} holds {what}, which this version cannot use")]
    Unsupported {
        /// Where it stands.
        origin: String,
        /// The kind.
        what: &'static str,
    },
    /// None of the usual places has one.
    #[error("no identity was found")]
    NotFound,
    /// None of the usual places has one but an ssh key that cannot be used.
    #[error("no identity was found")]
    NotFoundButSsh(#[source] Box<IdentityError>),
}

impl IdentityChain {
    /// Reads the identities of the first source that is given.
    pub fn load(&self) -> Result<Identities, IdentityError> {
        let mut found = Identities::default();
        if !self.files.is_empty() {
            for file in &self.files {
                found.read_file(file)?;
            }
        } else if let Some(key) = &self.variable {
            found.parse(key.expose(), "UNDRIFT_IDENTITY", None)?;
        } else if let Some(file) = &self.variable_file {
            found.read_file(file)?;
        } else {
            if let Some(file) = self.config_file.as_deref().filter(|file| file.is_file()) {
                found.read_file(file)?;
            }
            // A person's ssh key is there for other ends, and one that we cannot use is like none.
            if let Some(file) = self.ssh_file.as_deref().filter(|file| file.is_file())
                && let Err(error) = found.read_file(file)
                && found.keys.is_empty()
            {
                return Err(IdentityError::NotFoundButSsh(Box::new(error)));
            }
        }
        if found.keys.is_empty() { Err(IdentityError::NotFound) } else { Ok(found) }
    }
}

impl Identities {
    fn read_file(&mut self, path: &Path) -> Result<(), IdentityError> {
        let content = store::read(path)
            .map(Zeroizing::new)
            .map_err(|source| IdentityError::Unreadable { path: path.to_owned(), source })?;
        let origin = path.display().to_string();
        let text =
            std::str::from_utf8(&content).map_err(|_| IdentityError::BadLine { origin: origin.clone(), line: 1 })?;
        self.parse(text, &origin, Some(path))
    }

    fn parse(&mut self, text: &str, origin: &str, path: Option<&Path>) -> Result<(), IdentityError> {
        let trimmed = text.trim_start();
        let owned = || origin.to_owned();
        if trimmed.starts_with("age-encryption.org/") || trimmed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
            return Err(IdentityError::Passphrase { origin: owned() });
        }
        let before = self.keys.len();
        if trimmed.starts_with("-----BEGIN ") {
            self.parse_ssh(text, origin, path)?;
        } else {
            for (index, line) in text.lines().enumerate() {
                self.parse_line(line.trim(), origin, index + 1)?;
            }
        }
        if self.keys.len() == before {
            return Err(IdentityError::Empty { origin: owned() });
        }
        self.origins.push(owned());
        Ok(())
    }

    fn parse_line(&mut self, line: &str, origin: &str, number: usize) -> Result<(), IdentityError> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let unsupported = |what| IdentityError::Unsupported { origin: origin.to_owned(), what };
        if line.starts_with("AGE-PLUGIN-") {
            return Err(unsupported("an identity of an age plugin"));
        }
        if line.starts_with("AGE-SECRET-KEY-PQ-") {
            return Err(unsupported("a post-quantum identity"));
        }
        let identity: age::x25519::Identity =
            line.parse().map_err(|_| IdentityError::BadLine { origin: origin.to_owned(), line: number })?;
        self.recipients.push(identity.to_public().to_string());
        self.keys.push(Box::new(identity));
        Ok(())
    }

    fn parse_ssh(&mut self, text: &str, origin: &str, path: Option<&Path>) -> Result<(), IdentityError> {
        let bad = |_: io::Error| IdentityError::BadLine { origin: origin.to_owned(), line: 1 };
        match age::ssh::Identity::from_buffer(text.as_bytes(), None).map_err(bad)? {
            identity @ age::ssh::Identity::Unencrypted(_) => self.keys.push(Box::new(identity)),
            age::ssh::Identity::Encrypted(_) => {
                return Err(IdentityError::Passphrase { origin: origin.to_owned() });
            }
            age::ssh::Identity::Unsupported(_) => {
                let what = "a kind of ssh key that age does not use";
                return Err(IdentityError::Unsupported { origin: origin.to_owned(), what });
            }
        }
        // ssh keeps the public half in a file beside the private one.
        if let Some(path) = path {
            let mut public = path.as_os_str().to_owned();
            public.push(".pub");
            let content = store::read(Path::new(&public)).unwrap_or_default();
            self.recipients.extend(String::from_utf8_lossy(&content).lines().next().map(str::to_owned));
        }
        Ok(())
    }
}

/// Makes a new identity file's content: the public half in a comment, as `age-keygen` writes it.
pub fn generate() -> (Zeroizing<String>, String) {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let secret = identity.to_string();
    let content = Zeroizing::new(format!("# public key: {recipient}\n{}\n", secret.expose_secret()));
    (content, recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_variable(text: &str) -> Result<Identities, IdentityError> {
        IdentityChain { variable: Some(SecretValue::copied_from(text)), ..IdentityChain::default() }.load()
    }

    #[test]
    fn reads_what_age_keygen_writes() {
        let (content, recipient) = generate();
        let found = from_variable(&content).expect("an identity");
        assert_eq!(found.recipients, [recipient]);
        assert_eq!(found.origins, ["UNDRIFT_IDENTITY"]);
    }

    #[test]
    fn names_the_line_and_never_its_text() {
        let error = from_variable("# a comment\nAGE-SECRET-KEY-1CANARY\n").expect_err("a bad line");
        assert_eq!(error.to_string(), "line 2 of UNDRIFT_IDENTITY is not an age identity");
        assert!(matches!(from_variable("# nothing\n"), Err(IdentityError::Empty { .. })));
        assert!(matches!(from_variable("AGE-PLUGIN-YUBIKEY-1X"), Err(IdentityError::Unsupported { .. })));
        assert!(matches!(from_variable("-----BEGIN AGE ENCRYPTED FILE-----\n"), Err(IdentityError::Passphrase { .. })));
        assert!(matches!(IdentityChain::default().load(), Err(IdentityError::NotFound)));
    }

    #[test]
    fn an_ssh_key_of_the_usual_place_that_is_none_is_like_an_absent_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("id_ed25519");
        for content in ["", "PuTTY-User-Key-File-3: ssh-ed25519\n", "-----BEGIN OPENSSH PRIVATE KEY-----\ncut"] {
            std::fs::write(&file, content).expect("writing");
            let chain = IdentityChain { ssh_file: Some(file.clone()), ..IdentityChain::default() };
            assert!(matches!(chain.load(), Err(IdentityError::NotFoundButSsh(_))), "{content}");
            let named = IdentityChain { files: vec![file.clone()], ..IdentityChain::default() };
            assert!(!matches!(named.load(), Ok(_) | Err(IdentityError::NotFoundButSsh(_))), "{content}");
        }
    }

    #[test]
    fn the_first_source_decides() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("identity.txt");
        let (content, _) = generate();
        std::fs::write(&file, content.as_bytes()).expect("writing");
        let chain = IdentityChain { config_file: Some(file), ..IdentityChain::default() };
        assert_eq!(chain.load().expect("an identity").keys.len(), 1);
        let missing = IdentityChain { files: vec![folder.path().join("absent")], ..chain };
        assert!(matches!(missing.load(), Err(IdentityError::Unreadable { .. })));
    }
}
