//! For whom a file is encrypted, as far as its header tells: it shows how many keys of each kind there are, and of an ssh
//! key a short tag. Whose an X25519 key is nobody can see.

use std::collections::BTreeSet;
use std::fmt;

/// What a file's header says of one key that opens it, or what it would say of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stanza {
    /// One age key, whichever it is.
    X25519,
    /// An ssh key: its kind and tag.
    Ssh(String),
    /// A key of a plugin, or of a kind that we do not know.
    Plugin,
    /// A passphrase.
    Passphrase,
}

/// How a header and the list of recipients disagree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// How many age keys the file is encrypted for, and how many are listed.
    pub x25519: Option<(usize, usize)>,
    /// Those listed whose ssh key does not open the file.
    pub without: Vec<String>,
    /// How many ssh keys open the file and are not listed.
    pub unlisted: usize,
    /// Whether keys of plugins open the file and none is listed; the other way round when false.
    pub plugin: Option<bool>,
}

/// Compares a file's header with the recipients that are listed, by name. A plugin may write any number of stanzas, so of
/// those only whether there are any is compared.
pub fn compare(there: &[Stanza], listed: &[(&str, Stanza)]) -> Option<Mismatch> {
    if there.contains(&Stanza::Passphrase) {
        return None;
    }
    let count = |stanzas: &mut dyn Iterator<Item = &Stanza>, kind: &Stanza| stanzas.filter(|it| *it == kind).count();
    let of = |kind: &Stanza| (count(&mut there.iter(), kind), count(&mut listed.iter().map(|(_, it)| it), kind));
    let is_ssh = |stanza: &Stanza| matches!(stanza, Stanza::Ssh(_));
    let opening: BTreeSet<&Stanza> = there.iter().filter(|it| is_ssh(it)).collect();
    let meant: BTreeSet<&Stanza> = listed.iter().map(|(_, it)| it).filter(|it| is_ssh(it)).collect();
    let without = listed.iter().filter(|(_, it)| is_ssh(it) && !opening.contains(it));
    let (plugins, listed_plugins) = of(&Stanza::Plugin);
    let mismatch = Mismatch {
        x25519: Some(of(&Stanza::X25519)).filter(|(there, listed)| there != listed),
        without: without.map(|(name, _)| (*name).to_owned()).collect(),
        unlisted: opening.difference(&meant).count(),
        plugin: ((plugins == 0) != (listed_plugins == 0)).then_some(plugins > 0),
    };
    (mismatch != Mismatch::default()).then_some(mismatch)
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some((there, listed)) = self.x25519 {
            let keys = if there == 1 { "age key" } else { "age keys" };
            parts.push(format!("is encrypted for {there} {keys}, and recipients.txt lists {listed}"));
        }
        if !self.without.is_empty() {
            parts.push(format!("is not encrypted for the ssh key of {}", self.without.join(", ")));
        }
        if self.unlisted > 0 {
            let keys = if self.unlisted == 1 { "ssh key" } else { "ssh keys" };
            parts.push(format!("is encrypted for {} {keys} that recipients.txt does not list", self.unlisted));
        }
        match self.plugin {
            Some(true) => {
                parts.push("is encrypted for a plugin's key, and recipients.txt lists none".to_owned());
            }
            Some(false) => {
                parts.push("is encrypted for no plugin's key, and recipients.txt lists one".to_owned());
            }
            None => {}
        }
        formatter.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_header_shows_and_no_more() {
        let ssh = |tag: &str| Stanza::Ssh(format!("ssh-ed25519 {tag}"));
        let (age, plugin) = (Stanza::X25519, Stanza::Plugin);
        let said = |there: &[Stanza], listed: &[(&str, Stanza)]| {
            compare(there, listed).map_or_else(String::new, |mismatch| mismatch.to_string())
        };
        let alice = ("alice", age.clone());
        for (there, listed, expected) in [
            (vec![age.clone()], vec![alice.clone()], ""),
            // Another person's age key looks the same.
            (vec![age.clone(), ssh("a")], vec![("bob", age.clone()), ("carol", ssh("a"))], ""),
            (
                vec![age.clone()],
                vec![alice.clone(), ("bob", age.clone())],
                "is encrypted for 1 age key, and recipients.txt lists 2",
            ),
            (
                vec![age.clone(), age.clone()],
                vec![alice.clone()],
                "is encrypted for 2 age keys, and recipients.txt lists 1",
            ),
            (
                vec![age.clone(), ssh("a")],
                vec![alice.clone(), ("bob", ssh("b"))],
                "is not encrypted for the ssh key of bob; is encrypted for 1 ssh key that recipients.txt does not list",
            ),
            (vec![age.clone(), plugin.clone(), plugin.clone()], vec![alice.clone(), ("y", plugin.clone())], ""),
            (
                vec![age.clone()],
                vec![alice.clone(), ("y", plugin.clone())],
                "is encrypted for no plugin's key, and recipients.txt lists one",
            ),
            (
                vec![age.clone(), plugin],
                vec![alice.clone()],
                "is encrypted for a plugin's key, and recipients.txt lists none",
            ),
            (vec![Stanza::Passphrase], vec![alice], ""),
        ] {
            assert_eq!(said(&there, &listed), expected, "{there:?} {listed:?}");
        }
    }
}
