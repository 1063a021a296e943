//! Keys that only a program of their own can use: `age-plugin-yubikey`, `age-plugin-tpm` and others.

use std::fmt;
use std::sync::{Arc, Mutex};

use age::plugin::{IdentityPluginV1, ResolveError};
use age::{Callbacks, DecryptError, Identity};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::SecretString;

use super::ask::Ask;
use super::{AnyIdentity, IdentityError};

/// Returns the keys of one plugin.
pub(super) fn open(
    name: &str,
    identities: &[age::plugin::Identity],
    origin: &str,
    ask: &Arc<dyn Ask>,
) -> Result<AnyIdentity, IdentityError> {
    let program = format!("age-plugin-{name}");
    let connected = IdentityPluginV1::new(name, identities, Person { program: program.clone(), ask: Arc::clone(ask) });
    match connected {
        Ok(keys) => Ok(Box::new(Keys { program, plugin: Mutex::new(keys), ask: Arc::clone(ask) })),
        Err(ResolveError::MissingPlugin { binary_name: program }) => {
            Err(IdentityError::PluginMissing { origin: origin.to_owned(), program })
        }
        Err(_) => Err(IdentityError::PluginMissing { origin: origin.to_owned(), program }),
    }
}

/// The keys of one plugin. One file is opened at a time: there may be one device to touch.
struct Keys {
    program: String,
    plugin: Mutex<IdentityPluginV1<Person>>,
    ask: Arc<dyn Ask>,
}

impl Identity for Keys {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let keys = self.plugin.lock().expect("no holder of the plugin panics");
        match keys.unwrap_stanzas(stanzas)? {
            Ok(key) => Some(Ok(key)),
            Err(error) => {
                self.ask.tell(&format!("note: `{}` failed: {}", self.program, plain(&error.to_string())));
                // Another key may still open the file.
                None
            }
        }
    }
}

/// Passes a plugin's questions on.
#[derive(Clone)]
struct Person {
    program: String,
    ask: Arc<dyn Ask>,
}

impl fmt::Debug for Person {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Person").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Person {
    fn question(&self, message: &str) -> String {
        format!("{}: {}", self.program, plain(message))
    }
}

impl Callbacks for Person {
    fn display_message(&self, message: &str) {
        self.ask.tell(&self.question(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.ask.choose(&self.question(message), &plain(yes), &plain(no.unwrap_or("no"))).ok()
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.ask.text(&self.question(description)).ok()
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = self.ask.passphrase(&self.question(description)).ok()?;
        Some(SecretString::from(answer.expose().to_owned()))
    }
}

/// Another program's words on one line, without anything that a terminal would obey.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ").chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_programs_words_are_one_harmless_line() {
        assert_eq!(plain("touch it\n\n  now\u{1b}[2J\r\n"), "touch it; now[2J");
    }
}
