//! Opening and sealing age files, in memory.

use std::io::{self, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient};
use zeroize::Zeroizing;

use crate::domain::finding::ProblemKind;

/// Any key that opens files.
pub type AnyIdentity = Box<dyn Identity + Send + Sync>;

/// Any key that files are sealed for.
pub type AnyRecipient = Box<dyn Recipient + Send + Sync>;

/// Why a file was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// None of the identities is one of its recipients.
    #[error("no identity opens it")]
    NoIdentity,
    /// It is sealed with a passphrase, which vault files never are.
    #[error("it is sealed with a passphrase")]
    Passphrase,
    /// It does not begin as an age file does.
    #[error("it is not an age file")]
    NotAge,
    /// It begins as one, and then does not hold what its authentication says.
    #[error("it is damaged: it was cut short or altered")]
    Damaged,
}

impl OpenError {
    /// Returns the problem to report; `recipients` are the names of those the file is meant for.
    pub fn problem(self, recipients: &[String]) -> ProblemKind {
        match self {
            Self::NoIdentity => ProblemKind::Undecryptable { recipients: recipients.to_vec() },
            Self::Passphrase => ProblemKind::Undecryptable { recipients: vec!["a passphrase".to_owned()] },
            Self::NotAge => ProblemKind::NotAge,
            Self::Damaged => ProblemKind::Damaged,
        }
    }
}

const BINARY_INTRODUCTION: &[u8] = b"age-encryption.org/v1";
const ARMOR_INTRODUCTION: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Opens an armored or binary age file and returns its whole plaintext. Nothing is released of a file whose end does
/// not authenticate.
pub fn open(ciphertext: &[u8], identities: &[AnyIdentity]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let start = ciphertext.trim_ascii_start();
    let broken = if start.starts_with(BINARY_INTRODUCTION) || start.starts_with(ARMOR_INTRODUCTION) {
        OpenError::Damaged
    } else {
        OpenError::NotAge
    };
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(ciphertext)).map_err(|_| broken)?;
    if decryptor.is_scrypt() {
        return Err(OpenError::Passphrase);
    }
    let mut reader =
        decryptor.decrypt(identities.iter().map(|identity| identity.as_ref() as &dyn Identity)).map_err(|error| {
            match error {
                DecryptError::NoMatchingKeys
                | DecryptError::KeyDecryptionFailed
                | DecryptError::ExcessiveWork { .. } => OpenError::NoIdentity,
                _ => broken,
            }
        })?;
    // A plaintext is shorter than its ciphertext, so the buffer never grows and leaves no copy behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    reader.read_to_end(&mut plaintext).map_err(|_| OpenError::Damaged)?;
    Ok(plaintext)
}

/// Seals a plaintext for these recipients as an armored age file.
pub fn seal(plaintext: &[u8], recipients: &[AnyRecipient]) -> io::Result<Vec<u8>> {
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|recipient| recipient.as_ref() as &dyn Recipient))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(plaintext)?;
    writer.finish()?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (AnyIdentity, AnyRecipient) {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public();
        (Box::new(identity), Box::new(recipient))
    }

    #[test]
    fn opens_what_it_sealed_and_tells_failures_apart() {
        let (identity, recipient) = pair();
        let (stranger, _) = pair();
        let file = seal(b"A = \"1\"\n", &[recipient]).expect("sealing");
        assert!(file.starts_with(ARMOR_INTRODUCTION));
        let mine = [identity];
        assert_eq!(open(&file, &mine).expect("opening").as_slice(), b"A = \"1\"\n");
        assert_eq!(open(&file, &[stranger]), Err(OpenError::NoIdentity));
        assert_eq!(open(&file[..file.len() / 2], &mine), Err(OpenError::Damaged));
        assert_eq!(open(b"", &mine), Err(OpenError::NotAge));
        assert_eq!(open(b"A=1\n", &mine), Err(OpenError::NotAge));
    }
}
