//! New values: which kinds there are, how long each has to be, and how one is made of random bytes.
//!
//! The bytes are passed in, so that nothing here is random by itself. No kind has fewer than 128 bits that an attacker
//! would have to guess, but a UUID, whose form has room for 122.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{CryptoRng, Error, RngCore};
use zeroize::Zeroizing;

use super::secret::SecretValue;

/// The letters and digits of a value that has nothing else.
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The words of BIP-39, behind comments with their licence.
const WORDS: &str = include_str!("words.txt");

/// What PKCS#8 puts before the 32 bytes of an Ed25519 private key (RFC 8410, section 7).
const ED25519_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The most of anything but the bits of an RSA key.
const LONGEST: usize = 1024;

/// What a new value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// That many letters and digits.
    Alphanumeric(usize),
    /// That many bytes in hexadecimal digits, two a byte.
    Hex(usize),
    /// That many bytes in base64.
    Base64(usize),
    /// That many bytes in base64 for URLs, without padding.
    Base64Url(usize),
    /// That many English words, with `-` between them.
    Words(usize),
    /// A random UUID (version 4).
    Uuid,
    /// An Ed25519 private key, as PKCS#8 in PEM.
    Ed25519,
    /// An RSA private key with that many bits, as PKCS#8 in PEM.
    Rsa(usize),
}

/// Why a text is not a kind. None repeats the text, which may be a value in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// No kind of that name.
    #[error(
        "names nothing that can be made: there are `alphanumeric:N`, `hex:N`, `base64:N`, `base64url:N`, `words:N`, \
         `uuid`, `ed25519` and `rsa:N`"
    )]
    Unknown,
    /// A kind without its length.
    #[error("needs a length, such as `{0}`")]
    NoLength(Kind),
    /// A length where there is none.
    #[error("has no length: write `{0}`")]
    NeedlessLength(Kind),
    /// Too easy to guess.
    #[error("is too short to be safe; the shortest is `{0}`")]
    TooShort(Kind),
    /// Longer than anybody needs.
    #[error("is too long; the longest is `{0}`")]
    TooLong(Kind),
    /// No RSA key has such a length.
    #[error("is a length that no RSA key has; write `rsa:3072` or `rsa:4096`")]
    OddLength,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alphanumeric(length) => write!(formatter, "alphanumeric:{length}"),
            Self::Hex(length) => write!(formatter, "hex:{length}"),
            Self::Base64(length) => write!(formatter, "base64:{length}"),
            Self::Base64Url(length) => write!(formatter, "base64url:{length}"),
            Self::Words(length) => write!(formatter, "words:{length}"),
            Self::Uuid => formatter.write_str("uuid"),
            Self::Ed25519 => formatter.write_str("ed25519"),
            Self::Rsa(bits) => write!(formatter, "rsa:{bits}"),
        }
    }
}

impl Kind {
    /// Parses a kind as it is written: `alphanumeric:40`, `uuid`.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        let (name, length) = text.split_once(':').map_or((text, None), |(name, length)| (name, Some(length)));
        // For each kind: how it is made, the shortest that has 128 bits, one that is usual, and the longest.
        let (make, shortest, usual, longest): (fn(usize) -> Self, _, _, _) = match name {
            "alphanumeric" => (Self::Alphanumeric, 22, 40, LONGEST),
            "hex" => (Self::Hex, 16, 32, LONGEST),
            "base64" => (Self::Base64, 16, 32, LONGEST),
            "base64url" => (Self::Base64Url, 16, 32, LONGEST),
            "words" => (Self::Words, 12, 12, LONGEST),
            "rsa" => (Self::Rsa, 3072, 3072, 8192),
            "uuid" | "ed25519" => {
                let kind = if name == "uuid" { Self::Uuid } else { Self::Ed25519 };
                return if length.is_none() { Ok(kind) } else { Err(KindError::NeedlessLength(kind)) };
            }
            _ => return Err(KindError::Unknown),
        };
        let digits = length.filter(|length| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(digits) = digits else { return Err(KindError::NoLength(make(usual))) };
        // More digits than a number has are too many of anything.
        let length = digits.parse().unwrap_or(usize::MAX);
        if length < shortest {
            return Err(KindError::TooShort(make(shortest)));
        }
        if length > longest {
            return Err(KindError::TooLong(make(longest)));
        }
        if name == "rsa" && !length.is_multiple_of(8) {
            return Err(KindError::OddLength);
        }
        Ok(make(length))
    }

    /// Makes a new value. `random` fills a buffer with bytes that nobody can guess.
    pub fn generate<E>(self, mut random: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<SecretValue, E> {
        let mut bytes = |length: usize| -> Result<Zeroizing<Vec<u8>>, E> {
            let mut bytes = Zeroizing::new(vec![0; length]);
            random(&mut bytes)?;
            Ok(bytes)
        };
        let text = match self {
            Self::Hex(length) => hex::encode(bytes(length)?),
            Self::Base64(length) => STANDARD.encode(bytes(length)?),
            Self::Base64Url(length) => URL_SAFE_NO_PAD.encode(bytes(length)?),
            Self::Uuid => uuid(&bytes(16)?),
            Self::Ed25519 => {
                let key = Zeroizing::new([ED25519_PREFIX.as_slice(), bytes(32)?.as_slice()].concat());
                return Ok(pem(&key));
            }
            Self::Alphanumeric(length) => {
                let mut text = String::with_capacity(length);
                for _ in 0..length {
                    text.push(char::from(ALPHANUMERIC[below(ALPHANUMERIC.len(), &mut random)?]));
                }
                text
            }
            Self::Words(length) => {
                let words: Vec<&str> = words().collect();
                let mut text = String::with_capacity(length * 9);
                for index in 0..length {
                    if index > 0 {
                        text.push('-');
                    }
                    text.push_str(words[below(words.len(), &mut random)?]);
                }
                text
            }
            Self::Rsa(bits) => return rsa(bits, random),
        };
        Ok(SecretValue::new(Zeroizing::new(text)))
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    WORDS.lines().filter(|line| !line.starts_with('#'))
}

/// Returns a number below another, each as likely as any other: what would favour the small ones is drawn again.
fn below<E>(limit: usize, random: &mut impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<usize, E> {
    const NUMBERS: usize = 1 << 16;
    let even = NUMBERS - NUMBERS % limit;
    loop {
        let mut bytes = Zeroizing::new([0; 2]);
        random(bytes.as_mut_slice())?;
        let number = usize::from(u16::from_le_bytes(*bytes));
        if number < even {
            return Ok(number % limit);
        }
    }
}

/// Writes 16 random bytes as a UUID, whose form takes six bits of them for its version and variant.
fn uuid(bytes: &[u8]) -> String {
    let mut digits = Zeroizing::new(hex::encode(bytes).into_bytes());
    digits[12] = b'4';
    digits[16] = b"89ab"[usize::from(bytes[8] >> 6)];
    let part = |range: std::ops::Range<usize>| String::from_utf8_lossy(&digits[range]);
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// Writes a private key in the form that every program reads.
fn pem(key: &[u8]) -> SecretValue {
    let base64 = Zeroizing::new(STANDARD.encode(key));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 2 + 64));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    SecretValue::new(text)
}

/// The search for primes cannot be told that there are no random bytes, so that a failure is kept for its end.
struct Source<R, E> {
    random: R,
    failure: Option<E>,
    filler: u64,
}

impl<R: FnMut(&mut [u8]) -> Result<(), E>, E> RngCore for Source<R, E> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        if self.failure.is_none() {
            self.failure = (self.random)(bytes).err();
        }
        if self.failure.is_some() {
            // What is found with these is thrown away; they differ so that the search ends.
            for byte in bytes {
                self.filler = self.filler.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = self.filler.to_be_bytes()[0];
            }
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: FnMut(&mut [u8]) -> Result<(), E>, E> CryptoRng for Source<R, E> {}

fn rsa<E>(bits: usize, random: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<SecretValue, E> {
    let mut source = Source { random, failure: None, filler: 1 };
    loop {
        let key = RsaPrivateKey::new(&mut source, bits).ok().and_then(|key| key.to_pkcs8_der().ok());
        if let Some(failure) = source.failure {
            return Err(failure);
        }
        // Two primes that make no key, such as two that are equal, are no reason to give up.
        if let Some(key) = key {
            return Ok(pem(key.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Bytes that are no secret: a linear generator, from a seed.
    fn from_seed(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), Infallible> {
        let mut state = seed;
        move |bytes| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[0];
            }
            Ok(())
        }
    }

    fn generated(kind: &str, seed: u64) -> String {
        let kind = Kind::parse(kind).expect("a kind");
        let Ok(value) = kind.generate(from_seed(seed));
        value.expose().to_owned()
    }

    #[test]
    fn a_kind_is_read_as_it_is_written_and_every_other_text_is_refused_without_a_word_of_it() {
        for text in
            ["alphanumeric:22", "hex:16", "base64:1024", "base64url:32", "words:12", "uuid", "ed25519", "rsa:4096"]
        {
            assert_eq!(Kind::parse(text).map(|kind| kind.to_string()).as_deref(), Ok(text));
        }
        let message = |text: &str| Kind::parse(text).expect_err(text).to_string();
        for (text, expected) in [
            ("", "names nothing that can be made"),
            ("hunter2", "names nothing that can be made"),
            ("Hex:32", "names nothing that can be made"),
            ("hex", "needs a length, such as `hex:32`"),
            ("hex:", "needs a length, such as `hex:32`"),
            ("hex:+32", "needs a length, such as `hex:32`"),
            ("words:six", "needs a length, such as `words:12`"),
            ("hex:0", "the shortest is `hex:16`"),
            ("words:6", "the shortest is `words:12`"),
            ("rsa:2048", "the shortest is `rsa:3072`"),
            ("alphanumeric:1025", "the longest is `alphanumeric:1024`"),
            ("hex:99999999999999999999999999", "the longest is `hex:1024`"),
            ("rsa:16384", "the longest is `rsa:8192`"),
            ("rsa:3073", "no RSA key has"),
            ("uuid:4", "write `uuid`"),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("hunter2"));
        }
    }

    #[test]
    fn the_shortest_of_each_kind_is_the_first_with_128_bits() {
        let one = |bits: f64, kind: &str| {
            let allowed = (1..200).find(|length| Kind::parse(&format!("{kind}:{length}")).is_ok());
            let needed = (1..200).find(|length| bits * f64::from(*length) >= 128.0);
            assert_eq!(allowed, needed, "{kind}");
        };
        one(62f64.log2(), "alphanumeric");
        for kind in ["hex", "base64", "base64url"] {
            one(8.0, kind);
        }
        one(2048f64.log2(), "words");
    }

    #[test]
    fn the_words_are_those_of_the_list() {
        let all: BTreeSet<&str> = words().collect();
        assert_eq!((words().count(), all.len()), (2048, 2048));
        assert_eq!((words().next(), words().last()), (Some("abandon"), Some("zoo")));
        assert!(all.iter().all(|word| word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn each_number_below_a_limit_is_as_likely_as_any_other() {
        for limit in [1, 2, 3, 10, 62, 100, 2048, 7776, 40_000] {
            let mut counts = vec![0_u32; limit];
            // Every pair of bytes once: what is not drawn again must fall alike on each.
            for pair in 0..=u16::MAX {
                let mut tries = 0;
                let mut random = |bytes: &mut [u8]| {
                    tries += 1;
                    bytes.copy_from_slice(&pair.to_le_bytes());
                    if tries > 1 { Err(()) } else { Ok(()) }
                };
                if let Ok(number) = below(limit, &mut random) {
                    counts[number] += 1;
                }
            }
            assert!(counts[0] > 0 && counts.iter().all(|count| *count == counts[0]), "{limit}");
        }
    }

    #[test]
    fn every_random_bit_of_a_uuid_is_its_own() {
        let bare = |bytes: &[u8; 16]| uuid(bytes);
        assert_eq!(bare(&[0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(bare(&[0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let differ = (0..128).filter(|bit| {
            let mut bytes = [0; 16];
            bytes[bit / 8] = 1 << (bit % 8);
            bare(&bytes) != bare(&[0; 16])
        });
        assert_eq!(differ.count(), 122);
        let forms: BTreeSet<String> = (0..=u8::MAX).map(|byte| bare(&[byte; 16])).collect();
        assert_eq!(forms.len(), 256);
    }

    #[test]
    fn without_random_bytes_there_is_no_value() {
        for kind in
            ["alphanumeric:40", "hex:32", "base64:32", "base64url:32", "words:12", "uuid", "ed25519", "rsa:3072"]
        {
            let kind = Kind::parse(kind).expect("a kind");
            assert_eq!(kind.generate(|_| Err("none left")).expect_err("no randomness"), "none left");
        }
    }

    #[test]
    fn a_key_is_a_pem_file() {
        let key = generated("ed25519", 7);
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"), "{key}");
        assert!(key.ends_with("\n-----END PRIVATE KEY-----\n") && key.lines().all(|line| line.len() <= 64));
    }

    proptest! {
        #[test]
        fn a_value_has_its_length_and_its_letters_and_is_another_each_time(length in 22_usize..200, seed: u64) {
            let value = |kind: &str| {
                let kind = format!("{kind}:{length}");
                let value = generated(&kind, seed);
                assert_ne!(value, generated(&kind, seed ^ 1));
                value
            };
            let text = value("alphanumeric");
            prop_assert!(text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(hex::decode(value("hex")).map(|bytes| bytes.len()), Ok(length));
            prop_assert_eq!(STANDARD.decode(value("base64")).map(|bytes| bytes.len()), Ok(length));
            let text = value("base64url");
            prop_assert!(!text.contains(['+', '/', '=']));
            prop_assert_eq!(URL_SAFE_NO_PAD.decode(text).map(|bytes| bytes.len()), Ok(length));
            let known: BTreeSet<&str> = words().collect();
            let text = value("words");
            prop_assert!(text.split('-').count() == length && text.split('-').all(|word| known.contains(word)));
        }
    }
}
