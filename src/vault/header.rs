//! The header of an age file: everybody can read for how many keys of which kinds it is encrypted.

use std::io::{BufRead, BufReader, Read};

use age::armor::ArmoredReader;

use crate::domain::stanza::Stanza;

/// The most that is read of a header, in bytes: some thousands of recipients.
const LONGEST: u64 = 1024 * 1024;

/// Returns what the header of a file says, or nothing where it is none.
pub fn stanzas(ciphertext: &[u8]) -> Option<Vec<Stanza>> {
    let mut lines = BufReader::new(ArmoredReader::new(ciphertext).take(LONGEST)).split(b'\n');
    if lines.next()?.ok()? != b"age-encryption.org/v1" {
        return None;
    }
    let mut stanzas = Vec::new();
    for line in lines {
        let line = line.ok()?;
        if line.starts_with(b"---") {
            return Some(stanzas);
        }
        let Some(stanza) = line.strip_prefix(b"-> ") else { continue };
        stanzas.extend(parse(std::str::from_utf8(stanza).ok()?));
    }
    None
}

fn parse(stanza: &str) -> Option<Stanza> {
    let mut words = stanza.split(' ');
    Some(match words.next()? {
        "X25519" => Stanza::X25519,
        "scrypt" => Stanza::Passphrase,
        kind @ ("ssh-ed25519" | "ssh-rsa") => Stanza::Ssh(format!("{kind} {}", words.next()?)),
        // Programs add one that nobody opens, so that readers stay able to pass over what they do not know.
        kind if kind.ends_with("-grease") => return None,
        _ => Stanza::Plugin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::crypt;
    use crate::vault::recipients::Recipients;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@laptop";

    #[test]
    fn a_header_shows_what_it_was_written_for() {
        let key = || age::x25519::Identity::generate().to_public().to_string();
        let recipients = Recipients::parse(&format!("{}\n{SSH}\n{}\n", key(), key())).expect("recipients");
        // What nobody opens is written by chance.
        for _ in 0..8 {
            let file = crypt::seal(b"A = \"1\"\n", &recipients.keys).expect("sealing");
            let mut found = stanzas(&file).expect("a header");
            found.sort();
            let mut expected: Vec<Stanza> =
                recipients.entries.iter().map(super::super::recipients::Entry::stanza).collect();
            expected.sort();
            assert_eq!(found, expected);
        }
        for other in
            [&b""[..], b"A = 1\n", b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"age-encryption.org/v1\n-> X25519 a\n"]
        {
            assert_eq!(stanzas(other), None);
        }
    }
}
