//! Opening and sealing age files, in memory.

use std::io::{self, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient};
use zeroize::Zeroizing;

use crate::domain::finding::ProblemKind;
use crate::domain::secret::SecretValue;

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

/// Why a passphrase did not open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// It is not the right one.
    #[error("another passphrase opens")]
    Wrong,
    /// It is sealed for somebody's key, and not with a passphrase.
    #[error("no passphrase opens: it is meant for somebody's key")]
    NotByPassphrase,
    /// Trying would take more time and memory than any program asks for that people use.
    #[error("would take more than 1 GiB of memory to open")]
    TooMuchWork,
    /// It does not hold what its authentication says.
    #[error("is damaged: it was cut short or altered")]
    Damaged,
}

/// The most work that trying a passphrase may be, as a power of two: 1 GiB of memory and some seconds. `age -p` asks for
/// a quarter of it.
const LARGEST_WORK: u8 = 20;

const BINARY_INTRODUCTION: &[u8] = b"age-encryption.org/v1";
const ARMOR_INTRODUCTION: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Returns whether a content begins as an age file does.
pub fn is_age_file(content: &[u8]) -> bool {
    let start = content.trim_ascii_start();
    start.starts_with(BINARY_INTRODUCTION) || start.starts_with(ARMOR_INTRODUCTION)
}

/// Insists that a passphrase is what opens a file.
pub fn needs_passphrase(ciphertext: &[u8]) -> Result<(), PassphraseError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(ciphertext)).map_err(|_| PassphraseError::Damaged)?;
    if decryptor.is_scrypt() { Ok(()) } else { Err(PassphraseError::NotByPassphrase) }
}

/// Opens an armored or binary age file that is sealed with a passphrase.
pub fn open_with_passphrase(
    ciphertext: &[u8],
    passphrase: &SecretValue,
) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    needs_passphrase(ciphertext)?;
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(ciphertext)).map_err(|_| PassphraseError::Damaged)?;
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.expose().to_owned()));
    identity.set_max_work_factor(LARGEST_WORK);
    let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn Identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { .. } => PassphraseError::TooMuchWork,
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            PassphraseError::Wrong
        }
        _ => PassphraseError::Damaged,
    })?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    reader.read_to_end(&mut plaintext).map_err(|_| PassphraseError::Damaged)?;
    Ok(plaintext)
}

/// Opens an armored or binary age file and returns its whole plaintext. Nothing is released of a file whose end does
/// not authenticate.
pub fn open(ciphertext: &[u8], identities: &[AnyIdentity]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let broken = if is_age_file(ciphertext) { OpenError::Damaged } else { OpenError::NotAge };
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
