//! `fnox.toml`: values that its age provider has encrypted. Its profiles are environments.

mod batch;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use zeroize::Zeroizing;

use super::Entry;
use crate::vault::crypt::{self, AnyIdentity, OpenError};
use crate::vault::group::Lines;

/// Why a file, or one secret of it, was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is outside the format.
    #[error("is not a fnox file that can be read")]
    Broken,
    /// It takes in other files.
    #[error("takes in other files; import each of them")]
    Imports,
    /// Another provider has the value.
    #[error("{name} is with the provider `{provider}`, which is not read")]
    OtherProvider {
        /// The secret.
        name: String,
        /// The provider, as the file calls it.
        provider: String,
    },
    /// There is no value.
    #[error("{0} has no encrypted value")]
    NoValue(String),
    /// Its value is a part of what is encrypted.
    #[error("{0} is a part of what is encrypted (`json_path`, `line`), which is not read")]
    Part(String),
    /// The value was not opened.
    #[error("{name} cannot be opened: {error}")]
    Closed {
        /// The secret.
        name: String,
        /// Why.
        error: OpenError,
    },
    /// It is no text.
    #[error("{0} is not text")]
    NotText(String),
}

/// What one profile holds.
#[derive(Debug, Default)]
pub struct Profile {
    /// Its name; none for what stands at the top of the file.
    pub name: Option<String>,
    /// Its values.
    pub entries: Vec<Entry>,
    /// What was not read, each with its line.
    pub refused: Vec<(usize, Refusal)>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    import: Vec<IgnoredAny>,
    default_provider: Option<String>,
    #[serde(default)]
    providers: BTreeMap<String, Provider>,
    #[serde(default)]
    secrets: BTreeMap<String, Spanned<Secret>>,
    #[serde(default)]
    profiles: BTreeMap<String, Section>,
}

/// What the top of a file and each profile may have.

#[derive(Deserialize)]
struct Section {
    default_provider: Option<String>,
    #[serde(default)]
    providers: BTreeMap<String, Provider>,
    #[serde(default)]
    secrets: BTreeMap<String, Spanned<Secret>>,
}

#[derive(Deserialize)]
struct Provider {
    r#type: String,
}

#[derive(Deserialize)]
struct Secret {
    provider: Option<String>,
    value: Option<String>,
    json_path: Option<IgnoredAny>,
    line: Option<IgnoredAny>,
}

/// Returns whether a file is called as fnox calls its own.
pub fn is_called(file: &str) -> bool {
    file.starts_with("fnox.") && file.strip_suffix(".toml").is_some()
}

/// Opens a file. A profile has the secrets at the top of the file too, but for those that it sets itself.
pub fn open(text: &str, identities: &[AnyIdentity]) -> Result<Vec<Profile>, (Option<usize>, Refusal)> {
    let lines = Lines::of(text);
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| lines.at(span.start));
        (line, Refusal::Broken)
    })?;
    let File { import, default_provider, providers, secrets, profiles: sections } = file;
    let top = Section { default_provider, providers, secrets };
    let mut first = top.read(None, &lines, identities);
    if !import.is_empty() {
        first.refused.insert(0, (1, Refusal::Imports));
    }
    let mut profiles = vec![first];
    for (name, section) in &sections {
        let mut profile = section.read(Some(&top), &lines, identities);
        profile.name = Some(name.clone());
        profiles.push(profile);
    }
    Ok(profiles)
}

impl Section {
    fn read(&self, top: Option<&Self>, lines: &Lines, identities: &[AnyIdentity]) -> Profile {
        let inherited =
            top.into_iter().flat_map(|top| &top.secrets).filter(|(name, _)| !self.secrets.contains_key(*name));
        let mut profile = Profile::default();
        for (name, secret) in inherited.chain(&self.secrets) {
            let line = lines.at(secret.span().start);
            match self.value(top, name, secret.get_ref(), identities) {
                Ok(value) => profile.entries.push(Entry { name: name.clone(), made_of: None, value, line }),
                Err(refusal) => profile.refused.push((line, refusal)),
            }
        }
        profile
    }

    fn value(
        &self,
        top: Option<&Self>,
        name: &str,
        secret: &Secret,
        identities: &[AnyIdentity],
    ) -> Result<Zeroizing<String>, Refusal> {
        let owned = || name.to_owned();
        let value = secret.value.as_deref().ok_or_else(|| Refusal::NoValue(owned()))?;
        if secret.json_path.is_some() || secret.line.is_some() {
            return Err(Refusal::Part(owned()));
        }
        let provider = secret.provider.as_deref().or_else(|| self.default_provider(top));
        let kind = provider.and_then(|provider| {
            self.providers
                .get(provider)
                .or_else(|| top?.providers.get(provider))
                .map(|provider| provider.r#type.as_str())
        });
        // The provider may be declared in a file above this one; what age has encrypted shows that it was age.
        match (kind.is_none_or(|kind| kind == "age"), opened(value, identities)) {
            (true, Ok(plaintext)) => {
                let text = std::str::from_utf8(&plaintext).map_err(|_| Refusal::NotText(owned()))?;
                Ok(Zeroizing::new(text.to_owned()))
            }
            (true, Err(error)) if kind.is_some() || error != OpenError::NotAge => {
                Err(Refusal::Closed { name: owned(), error })
            }
            _ => Err(Refusal::OtherProvider { name: owned(), provider: provider.unwrap_or("none").to_owned() }),
        }
    }

    /// The one that is said, or the only one there is.
    fn default_provider<'a>(&'a self, top: Option<&'a Self>) -> Option<&'a str> {
        let said = self.default_provider.as_deref().or_else(|| top?.default_provider.as_deref());
        said.or_else(|| {
            let mut all = self.providers.keys().chain(top.into_iter().flat_map(|top| top.providers.keys()));
            let first = all.next()?;
            all.all(|other| other == first).then_some(first.as_str())
        })
    }
}

/// Opens a value, which is an age file of its own or one of many under a key that age has encrypted.
fn opened(value: &str, identities: &[AnyIdentity]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let by_age = |text: &str| {
        let ciphertext = STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec());
        crypt::open(&ciphertext, identities)
    };
    match batch::parts(value) {
        Some((key, value)) => batch::open(&by_age(key)?, value).ok_or(OpenError::Damaged),
        None => by_age(value),
    }
}
