//! Identities: the keys that open the vault, and the chain of places they come from.

mod ask;
mod plugin;
mod ssh;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use self::ask::Attempt;
pub use self::ask::{Ask, AskedInVain, Nobody};
use self::ssh::SshKey;
use super::crypt::{self, AnyIdentity, PassphraseError};
use super::keyring::{self, Keyring, KeyringError};
use super::store::{self, ReadError};
use crate::domain::secret::SecretValue;

/// Where identities may come from, the first that is given deciding. The ssh key is read beside what the keyring or the
/// file in the configuration folder has.
#[derive(Debug)]
pub struct IdentityChain {
    /// `--identity FILE`.
    pub files: Vec<PathBuf>,
    /// `UNDRIFT_IDENTITY`: the key itself.
    pub variable: Option<SecretValue>,
    /// `UNDRIFT_IDENTITY_FILE`.
    pub variable_file: Option<PathBuf>,
    /// The keyring of the operating system. It is asked only when none of the above is given.
    pub keyring: Keyring,
    /// `<config dir>/undrift/identity.txt`.
    pub config_file: Option<PathBuf>,
    /// `~/.ssh/id_ed25519`.
    pub ssh_file: Option<PathBuf>,
    /// Who is asked for passphrases.
    pub ask: Arc<dyn Ask>,
}

impl Default for IdentityChain {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            variable: None,
            variable_file: None,
            keyring: Keyring::default(),
            config_file: None,
            ssh_file: None,
            ask: Arc::new(Nobody),
        }
    }
}

/// How the keyring is called where a file would be named.
pub const KEYRING: &str = "the keyring";

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
    /// It is itself sealed with a passphrase, and nobody can be asked for it.
    #[error("{origin} is protected by a passphrase, and there is no terminal to ask for it on")]
    Passphrase {
        /// Where it stands.
        origin: String,
    },
    /// The person did not know the passphrase.
    #[error("none of {tries} passphrases opens {origin}")]
    WrongPassphrase {
        /// Where it stands.
        origin: String,
        /// How often it was asked for.
        tries: usize,
    },
    /// The person did not want to be asked.
    #[error("nothing was done")]
    Declined,
    /// The terminal failed.
    #[error("cannot read the passphrase of {origin}")]
    Unasked {
        /// Whose passphrase.
        origin: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is an age file, and not one that a passphrase opens.
    #[error("{origin} is an encrypted file that {}", .why)]
    Sealed {
        /// Where it stands.
        origin: String,
        /// What is wrong with it.
        why: PassphraseError,
    },
    /// The program that can use it is not installed.
    #[error("{origin} needs the program `{program}`, which is not in PATH")]
    PluginMissing {
        /// Where it stands.
        origin: String,
        /// The plugin's program.
        program: String,
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
    /// None of the usual places has one but perhaps a keyring that gave no answer.
    #[error("no identity was found")]
    NotFoundButKeyring(#[source] KeyringError),
}

impl IdentityChain {
    /// Reads the identities of the first source that is given.
    pub fn load(&self) -> Result<Identities, IdentityError> {
        let mut found = Identities::default();
        if !self.files.is_empty() {
            for file in &self.files {
                found.read_file(file, &self.ask)?;
            }
        } else if let Some(key) = &self.variable {
            found.parse(key.expose().as_bytes(), "UNDRIFT_IDENTITY", None, &self.ask)?;
        } else if let Some(file) = &self.variable_file {
            found.read_file(file, &self.ask)?;
        } else {
            self.load_usual(&mut found)?;
        }
        if found.keys.is_empty() { Err(IdentityError::NotFound) } else { Ok(found) }
    }

    fn load_usual(&self, found: &mut Identities) -> Result<(), IdentityError> {
        let kept = self.keyring.get(keyring::IDENTITY);
        if let Ok(Some(text)) = &kept {
            found.parse(text.expose().as_bytes(), KEYRING, None, &self.ask)?;
        } else if let Some(file) = self.config_file.as_deref().filter(|file| file.is_file()) {
            found.read_file(file, &self.ask)?;
        }
        // A person's ssh key is there for other ends, and one that we cannot use is like none.
        if let Some(file) = self.ssh_file.as_deref().filter(|file| file.is_file())
            && let Err(error) = found.read_usual_ssh(file, &self.ask)
        {
            if matches!(error, IdentityError::Declined) {
                return Err(error);
            }
            if found.keys.is_empty() && !is_silent(&kept) {
                return Err(IdentityError::NotFoundButSsh(Box::new(error)));
            }
        }
        match kept {
            Err(error) if found.keys.is_empty() && error != KeyringError::Absent => {
                Err(IdentityError::NotFoundButKeyring(error))
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether a keyring is there that may well have the identity, and does not say so.
fn is_silent<T>(kept: &Result<T, KeyringError>) -> bool {
    matches!(kept, Err(error) if *error != KeyringError::Absent)
}

impl Identities {
    /// Reads the identities that stand in a text, or in the file that was read to its end.
    pub fn of(content: &[u8], origin: &str, ask: &Arc<dyn Ask>) -> Result<Self, IdentityError> {
        let mut found = Self::default();
        found.parse(content, origin, None, ask)?;
        Ok(found)
    }

    fn read_file(&mut self, path: &Path, ask: &Arc<dyn Ask>) -> Result<(), IdentityError> {
        let content = read(path)?;
        self.parse(&content, &path.display().to_string(), Some(path), ask)
    }

    /// Reads the ssh key of the usual place. Where there are other keys, its passphrase is asked for when a file turns
    /// up that it opens.
    fn read_usual_ssh(&mut self, path: &Path, ask: &Arc<dyn Ask>) -> Result<(), IdentityError> {
        let content = read(path)?;
        let origin = path.display().to_string();
        if self.keys.is_empty() {
            return self.parse(&content, &origin, Some(path), ask);
        }
        let key = SshKey::parse(&content, &origin, Some(path))?;
        self.recipients.extend(key.recipient.clone());
        self.keys.push(key.openable(ask)?);
        self.origins.push(origin);
        Ok(())
    }

    fn parse(
        &mut self,
        content: &[u8],
        origin: &str,
        path: Option<&Path>,
        ask: &Arc<dyn Ask>,
    ) -> Result<(), IdentityError> {
        if crypt::is_age_file(content) {
            let opened = open_with_passphrase(content, origin, ask)?;
            return self.parse_plain(&opened, origin, path, ask);
        }
        self.parse_plain(content, origin, path, ask)
    }

    fn parse_plain(
        &mut self,
        content: &[u8],
        origin: &str,
        path: Option<&Path>,
        ask: &Arc<dyn Ask>,
    ) -> Result<(), IdentityError> {
        let text =
            std::str::from_utf8(content).map_err(|_| IdentityError::BadLine { origin: origin.to_owned(), line: 1 })?;
        let before = self.keys.len();
        if text.trim_start().starts_with("-----BEGIN ") {
            let key = SshKey::parse(content, origin, path)?;
            self.recipients.extend(key.recipient.clone());
            self.keys.push(key.open(ask)?);
        } else {
            let mut of_plugins: BTreeMap<String, Vec<age::plugin::Identity>> = BTreeMap::new();
            for (index, line) in text.lines().enumerate() {
                self.parse_line(line.trim(), origin, index + 1, &mut of_plugins)?;
            }
            // A plugin is a program to start and perhaps a device to touch: what needs none is tried first.
            for (name, identities) in of_plugins {
                self.keys.push(plugin::open(&name, &identities, origin, ask)?);
            }
        }
        if self.keys.len() == before {
            return Err(IdentityError::Empty { origin: origin.to_owned() });
        }
        self.origins.push(origin.to_owned());
        Ok(())
    }

    fn parse_line(
        &mut self,
        line: &str,
        origin: &str,
        number: usize,
        of_plugins: &mut BTreeMap<String, Vec<age::plugin::Identity>>,
    ) -> Result<(), IdentityError> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.starts_with("AGE-SECRET-KEY-PQ-") {
            let what = "a post-quantum identity";
            return Err(IdentityError::Unsupported { origin: origin.to_owned(), what });
        }
        if line.starts_with("AGE-PLUGIN-") {
            let identity: age::plugin::Identity =
                line.parse().map_err(|_| IdentityError::BadLine { origin: origin.to_owned(), line: number })?;
            of_plugins.entry(identity.plugin().to_owned()).or_default().push(identity);
            return Ok(());
        }
        let identity: age::x25519::Identity =
            line.parse().map_err(|_| IdentityError::BadLine { origin: origin.to_owned(), line: number })?;
        self.recipients.push(identity.to_public().to_string());
        self.keys.push(Box::new(identity));
        Ok(())
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let content = store::read(path).map_err(|source| IdentityError::Unreadable { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(content))
}

/// Opens an identity file that `age -p` has sealed.
fn open_with_passphrase(content: &[u8], origin: &str, ask: &Arc<dyn Ask>) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    // A file that no passphrase opens is told apart before anybody types one.
    crypt::needs_passphrase(content).map_err(|why| IdentityError::Sealed { origin: origin.to_owned(), why })?;
    ask::until_right(ask.as_ref(), origin, |passphrase| match crypt::open_with_passphrase(content, passphrase) {
        Ok(opened) => Attempt::Right(opened),
        Err(PassphraseError::Wrong) => Attempt::Wrong,
        Err(why) => Attempt::Useless(IdentityError::Sealed { origin: origin.to_owned(), why }),
    })
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
        assert!(matches!(from_variable("AGE-PLUGIN-YUBIKEY-1CANARY"), Err(IdentityError::BadLine { line: 1, .. })));
        assert!(matches!(from_variable("-----BEGIN AGE ENCRYPTED FILE-----\n"), Err(IdentityError::Sealed { .. })));
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
