//! The keyring of the operating system: the Secret Service of a Linux desktop, the macOS keychain, the Windows
//! credential manager.
//!
//! It is asked on a thread of its own, because one that is locked may wait for a person for ever, and at most once for
//! each thing that is kept there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use crate::domain::secret::SecretValue;

/// The name under which everything of ours is kept.
const SERVICE: &str = "undrift";

/// The account of the key that opens the vault.
pub const IDENTITY: &str = "identity";

/// How the keyring of this system is opened.
type Open = dyn Fn() -> Result<Arc<CredentialStore>, Error> + Send + Sync;

/// The keyring, or none. Clones are the same one.
#[derive(Clone)]
pub struct Keyring(Arc<Shared>);

struct Shared {
    open: Option<Arc<Open>>,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    store: Option<Arc<CredentialStore>>,
    answers: BTreeMap<String, Option<SecretValue>>,
    /// Why it is not asked again: another wait would end as this one did.
    broken: Option<KeyringError>,
}

/// Why the keyring gave or took nothing. No text of what is kept there is ever repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is none.
    #[error("there is no keyring on this machine")]
    Absent,
    /// It is there, and nobody has unlocked it.
    #[error("the keyring is locked")]
    Locked,
    /// It did not answer.
    #[error("the keyring did not answer within {} s; it may be locked", .0.as_secs_f64())]
    Slow(Duration),
    /// It takes no text of that length.
    #[error("the keyring takes no more than {0} bytes")]
    TooLong(u32),
    /// What is kept there is not text.
    #[error("what the keyring keeps for undrift is not text")]
    NotText,
    /// It refused, for a reason of its own.
    #[error("the keyring refused: {0}")]
    Refused(String),
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("is_there", &self.0.open.is_some()).finish_non_exhaustive()
    }
}

/// None.
impl Default for Keyring {
    fn default() -> Self {
        Self::with(None, Duration::ZERO)
    }
}

impl Keyring {
    /// Returns the keyring of this system. Nothing is asked of it yet.
    pub fn of_this_system(patience: Duration) -> Self {
        Self::with(Some(Arc::new(system::open)), patience)
    }

    /// Returns a keyring of another making.
    pub fn of(store: Arc<CredentialStore>) -> Self {
        Self::with(Some(Arc::new(move || Ok(Arc::clone(&store)))), Duration::from_secs(5))
    }

    fn with(open: Option<Arc<Open>>, patience: Duration) -> Self {
        Self(Arc::new(Shared { open, patience, state: Mutex::default() }))
    }

    /// Returns what is kept for an account.
    pub fn get(&self, account: &str) -> Result<Option<SecretValue>, KeyringError> {
        let mut state = self.0.state.lock().expect("no holder of the keyring panics");
        if !state.answers.contains_key(account) {
            let answer = self.ask(&mut state, account, |entry| match entry.get_password() {
                Ok(text) => Ok(Some(SecretValue::new(Zeroizing::new(text)))),
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(error),
            })?;
            state.answers.insert(account.to_owned(), answer);
        }
        let answer = state.answers.get(account).and_then(Option::as_ref);
        Ok(answer.map(|value| SecretValue::copied_from(value.expose())))
    }

    /// Keeps a text for an account, in the place of what was kept before.
    pub fn set(&self, account: &str, value: &SecretValue) -> Result<(), KeyringError> {
        let mut state = self.0.state.lock().expect("no holder of the keyring panics");
        state.answers.remove(account);
        let value = SecretValue::copied_from(value.expose());
        self.ask(&mut state, account, move |entry| entry.set_password(value.expose()))
    }

    /// Forgets what is kept for an account, and returns whether there was anything.
    pub fn remove(&self, account: &str) -> Result<bool, KeyringError> {
        let mut state = self.0.state.lock().expect("no holder of the keyring panics");
        state.answers.remove(account);
        self.ask(&mut state, account, |entry| match entry.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(error),
        })
    }

    /// Asks on another thread, which is left behind if no answer comes.
    fn ask<T: Send + 'static>(
        &self,
        state: &mut State,
        account: &str,
        question: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringError> {
        if let Some(error) = &state.broken {
            return Err(error.clone());
        }
        let open = self.0.open.clone().ok_or(KeyringError::Absent)?;
        let (known, account) = (state.store.clone(), account.to_owned());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let opened = known.map_or_else(|| open().map_err(|error| is_absent(&error)), Ok);
            let answer = opened.and_then(|store| {
                let answer = store.build(SERVICE, &account, None).and_then(|entry| question(&entry));
                answer.map(|answer| (store, answer)).map_err(|error| reason(&error))
            });
            // Whoever asked may have gone.
            let _ = sender.send(answer);
        });
        match receiver.recv_timeout(self.0.patience) {
            Ok(Ok((store, answer))) => {
                state.store = Some(store);
                Ok(answer)
            }
            Ok(Err(error)) => {
                if matches!(error, KeyringError::Absent | KeyringError::Locked) {
                    state.broken = Some(error.clone());
                }
                Err(error)
            }
            Err(_) => {
                let error = KeyringError::Slow(self.0.patience);
                state.broken = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// A keyring that cannot be spoken to at all is like none.
fn is_absent(error: &Error) -> KeyringError {
    match error {
        Error::NoStorageAccess(_) => KeyringError::Locked,
        _ => KeyringError::Absent,
    }
}

/// Returns the reason without the bytes that some errors carry, which may be the very secret.
fn reason(error: &Error) -> KeyringError {
    match error {
        Error::NoStorageAccess(_) => KeyringError::Locked,
        Error::PlatformFailure(error) => KeyringError::Refused(error.to_string()),
        Error::TooLong(_, limit) => KeyringError::TooLong(*limit),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => KeyringError::NotText,
        Error::Ambiguous(_) => KeyringError::Refused("it keeps two of the same name".to_owned()),
        Error::NotSupportedByStore(_) => KeyringError::Refused("it cannot do that".to_owned()),
        _ => KeyringError::Refused("for a reason it does not tell".to_owned()),
    }
}

mod system {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Error};

    #[cfg(target_os = "linux")]
    pub(super) fn open() -> Result<Arc<CredentialStore>, Error> {
        Ok(zbus_secret_service_keyring_store::Store::new()?)
    }

    #[cfg(target_os = "macos")]
    pub(super) fn open() -> Result<Arc<CredentialStore>, Error> {
        Ok(apple_native_keyring_store::keychain::Store::new()?)
    }

    #[cfg(windows)]
    pub(super) fn open() -> Result<Arc<CredentialStore>, Error> {
        Ok(windows_native_keyring_store::Store::new()?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    pub(super) fn open() -> Result<Arc<CredentialStore>, Error> {
        Err(Error::NoDefaultStore)
    }
}

#[cfg(test)]
mod tests {
    use keyring_core::mock;

    use super::*;

    fn fails_with(error: fn() -> Error) -> Keyring {
        let store = mock::Store::new().expect("a store");
        let entry = keyring_core::api::CredentialStoreApi::build(&*store, SERVICE, IDENTITY, None).expect("an entry");
        let credential: &mock::Cred = entry.as_any().downcast_ref().expect("a mock");
        credential.set_error(error());
        Keyring::of(store)
    }

    #[test]
    fn keeps_and_forgets() {
        let keyring = Keyring::of(mock::Store::new().expect("a store"));
        let kept = || keyring.get(IDENTITY).expect("an answer").map(|value| value.expose().to_owned());
        assert_eq!(kept(), None);
        keyring.set(IDENTITY, &SecretValue::copied_from("one")).expect("keeping");
        assert_eq!(kept().as_deref(), Some("one"));
        keyring.set(IDENTITY, &SecretValue::copied_from("two")).expect("keeping");
        assert_eq!(kept().as_deref(), Some("two"));
        assert!(keyring.get("fly").expect("an answer").is_none());
        assert_eq!((keyring.remove(IDENTITY), keyring.remove(IDENTITY)), (Ok(true), Ok(false)));
        assert_eq!(kept(), None);
        assert!(matches!(Keyring::default().get(IDENTITY), Err(KeyringError::Absent)));
    }

    #[test]
    fn says_why_and_never_what() {
        let table: [(fn() -> Error, KeyringError); 4] = [
            (|| Error::NoStorageAccess("x".into()), KeyringError::Locked),
            (|| Error::BadEncoding(b"canary".to_vec()), KeyringError::NotText),
            (|| Error::TooLong("password".to_owned(), 2560), KeyringError::TooLong(2560)),
            (|| Error::PlatformFailure("no".into()), KeyringError::Refused("no".to_owned())),
        ];
        for (error, expected) in table {
            assert_eq!(fails_with(error).get(IDENTITY).expect_err("a failure"), expected);
        }
    }

    #[test]
    fn one_that_hangs_is_given_up_once() {
        let open = || -> Result<Arc<CredentialStore>, Error> {
            thread::park();
            Err(Error::NoDefaultStore)
        };
        let keyring = Keyring::with(Some(Arc::new(open)), Duration::from_millis(20));
        let slow = KeyringError::Slow(Duration::from_millis(20));
        assert_eq!(keyring.get(IDENTITY).expect_err("no answer"), slow);
        // It would wait for ever, and is not asked again.
        let keyring = Keyring(Arc::new(Shared {
            open: Some(Arc::new(|| panic!("asked again"))),
            patience: Duration::from_secs(3600),
            state: Mutex::new(State { broken: Some(slow.clone()), ..State::default() }),
        }));
        assert_eq!(keyring.get("fly").expect_err("no answer"), slow);
    }
}
