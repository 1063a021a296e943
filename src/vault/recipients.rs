//! `recipients.txt`: who can read an environment.
//!
//! The file is one that `age -R` reads too: a key a line, each under a comment with the name of whose it is.

use std::fmt;

use super::crypt::AnyRecipient;

/// The recipients of one environment.
#[derive(Default)]
pub struct Recipients {
    /// The keys.
    pub keys: Vec<AnyRecipient>,
    /// Whose they are; the key's own beginning where no comment says.
    pub names: Vec<String>,
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

impl Recipients {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let mut recipients = Self::default();
        let mut comment = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(text) = line.strip_prefix('#') {
                comment = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            } else if line.is_empty() {
                comment = None;
            } else {
                recipients.keys.push(parse_key(line, index + 1)?);
                recipients.names.push(comment.take().unwrap_or_else(|| own_name(line)));
            }
        }
        Ok(recipients)
    }
}

fn parse_key(line: &str, number: usize) -> Result<AnyRecipient, RecipientError> {
    if line.starts_with("AGE-SECRET-KEY-") || line.starts_with("-----BEGIN") {
        return Err(RecipientError::Private { line: number });
    }
    if line.starts_with("age1") {
        if let Ok(recipient) = line.parse::<age::x25519::Recipient>() {
            return Ok(Box::new(recipient));
        }
        // `age1yubikey1…` and `age1pq1…` are well-formed recipients that need a plugin.
        let plugin = line.matches('1').count() > 1 && line.len() > 62;
        return Err(if plugin {
            RecipientError::Unsupported { line: number }
        } else {
            RecipientError::BadLine { line: number }
        });
    }
    match line.parse::<age::ssh::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(age::ssh::ParseRecipientKeyError::Invalid(_)) => Err(RecipientError::BadLine { line: number }),
        Err(_) => Err(RecipientError::Unsupported { line: number }),
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

    #[test]
    fn names_come_from_comments() {
        let age = age::x25519::Identity::generate().to_public().to_string();
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
    }
}
