//! Files of other programs that keep secrets: opened with our identities, and never changed.

pub mod document;
pub mod fnox;
pub mod passage;
pub mod sops;

use std::fmt;

use zeroize::Zeroizing;

use crate::domain::name::SecretName;

/// One value of a file.
pub struct Entry {
    /// The name it gets.
    pub name: String,
    /// Where it stands in the file, when the name was made of that: `db.password`.
    pub made_of: Option<String>,
    /// The value.
    pub value: Zeroizing<String>,
    /// Its line, from 1.
    pub line: usize,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entry").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}

/// Makes a name of keys: they are put together with `_` in upper case, and what no name may have becomes `_`.
pub fn name_of<K: AsRef<str>>(keys: &[K]) -> String {
    let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    keys.join("_").chars().map(legal).collect()
}

/// Names a value by its keys. A single key that can be a name is the name, as other programs put it into an environment.
fn named(keys: &[String]) -> (String, Option<String>) {
    match keys {
        [only] if SecretName::parse(only).is_ok() => (only.clone(), None),
        _ => (name_of(keys), Some(keys.join("."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_names() {
        for (keys, name) in [
            (&["db", "password"][..], "DB_PASSWORD"),
            (&["API_TOKEN"], "API_TOKEN"),
            (&["api_token"], "api_token"),
            (&["api-token"], "API_TOKEN"),
            (&["hosts", "0"], "HOSTS_0"),
            (&["a.b", "\u{e4} c"], "A_B___C"),
        ] {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(named(&keys).0, name, "{keys:?}");
        }
    }
}
