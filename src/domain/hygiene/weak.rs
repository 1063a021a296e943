//! Values that few tries would find.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::Weakness;

/// The least that a password is worth: nine letters and digits that nobody can foresee.
pub(super) const PASSWORD_BITS: f64 = 50.0;

/// The least that a token is worth, which no person has to type: eleven letters and digits.
pub(super) const TOKEN_BITS: f64 = 64.0;

/// The words of common passwords, without what is put behind them: `Password123!` is `password`.
const COMMON: &[&str] = &[
    "abc",
    "access",
    "admin",
    "administrator",
    "adminadmin",
    "amqp",
    "asdfgh",
    "asdfghjkl",
    "baseball",
    "batman",
    "changeit",
    "charlie",
    "cloudflare",
    "database",
    "default",
    "demo",
    "docker",
    "dragon",
    "football",
    "freedom",
    "geheim",
    "guest",
    "hallo",
    "hello",
    "hunter",
    "iloveyou",
    "jordan",
    "kennwort",
    "letmein",
    "login",
    "mariadb",
    "master",
    "michael",
    "monkey",
    "mongo",
    "mongodb",
    "mypassword",
    "mysql",
    "ninja",
    "pass",
    "passw",
    "passwd",
    "password",
    "passwort",
    "pgpassword",
    "postgres",
    "postgresql",
    "princess",
    "production",
    "qazwsx",
    "qwerty",
    "qwertz",
    "qwertyuiop",
    "rabbitmq",
    "redis",
    "root",
    "secret",
    "shadow",
    "staging",
    "starwars",
    "sunshine",
    "superman",
    "supersecret",
    "sysadmin",
    "temp",
    "test",
    "testing",
    "token",
    "topsecret",
    "toor",
    "trustno",
    "user",
    "welcome",
    "zaq",
];

/// Rows of keys and signs along which people type.
const ROWS: &[&str] =
    &["0123456789012345678901234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiop"];

/// Returns why a text is easily guessed, or nothing when it takes more tries than that.
pub(super) fn weakness(text: &str, least: f64) -> Option<Weakness> {
    let lower = Zeroizing::new(text.to_lowercase());
    if is_common(&lower) {
        return Some(Weakness::Common);
    }
    if is_regular(&lower) {
        return Some(Weakness::Regular);
    }
    (bits(text) < least).then_some(Weakness::Short)
}

fn is_common(lower: &str) -> bool {
    let word = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    // Some write `0` for `o` and `@` for `a`, and think that nobody else does.
    let plain: Zeroizing<String> = Zeroizing::new(
        word.chars()
            .map(|c| match c {
                '0' => 'o',
                '1' => 'i',
                '3' => 'e',
                '4' | '@' => 'a',
                '5' | '$' => 's',
                other => other,
            })
            .collect(),
    );
    [word, plain.as_str()].iter().any(|word| COMMON.contains(word))
}

/// Returns whether a text has three signs at most, goes along a row of keys, or repeats its beginning.
fn is_regular(lower: &str) -> bool {
    if lower.chars().collect::<BTreeSet<_>>().len() <= 3 {
        return true;
    }
    let back: Zeroizing<String> = Zeroizing::new(lower.chars().rev().collect());
    if ROWS.iter().any(|row| row.contains(lower) || row.contains(back.as_str())) {
        return true;
    }
    // A few letters over and over: `abcdabcdabcd`.
    (1..=6).any(|length| {
        lower.len() >= length * 3
            && lower.is_char_boundary(length)
            && lower.as_bytes().chunks(length).all(|chunk| lower.as_bytes().starts_with(chunk))
    })
}

/// Estimates how many bits there are to guess, as if each sign had been drawn from all of its sort.
fn bits(text: &str) -> f64 {
    let has = |is: fn(char) -> bool| text.chars().any(is);
    let sorts = [
        (has(|c| c.is_ascii_lowercase()), 26.0),
        (has(|c| c.is_ascii_uppercase()), 26.0),
        (has(|c| c.is_ascii_digit()), 10.0),
        (has(|c| c.is_ascii() && !c.is_ascii_alphanumeric()), 33.0),
        (has(|c| !c.is_ascii()), 100.0),
    ];
    let pool: f64 = sorts.iter().filter(|(is_there, _)| *is_there).map(|(_, size)| size).sum();
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    f64::from(length) * pool.max(1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_why_a_password_is_weak() {
        for (text, expected) in [
            ("password", Some(Weakness::Common)),
            ("Password123!", Some(Weakness::Common)),
            ("p@ssw0rd", Some(Weakness::Common)),
            ("postgres", Some(Weakness::Common)),
            ("Winter2026-2026", None),
            ("aaaaaaaaaaaaaaaaaaaa", Some(Weakness::Regular)),
            ("0101010101010101010101", Some(Weakness::Regular)),
            ("1234567890", Some(Weakness::Regular)),
            ("9876543210", Some(Weakness::Regular)),
            ("qwertyuiopasdf", Some(Weakness::Regular)),
            ("abcd1abcd1abcd1abcd1", Some(Weakness::Regular)),
            ("x7", Some(Weakness::Regular)),
            ("kf83mz2", Some(Weakness::Short)),
            ("Kf83mz2Q", Some(Weakness::Short)),
            ("Kf83mz2Qw", None),
            ("correct horse battery staple", None),
            ("8c1f0e7ad9b2", None),
        ] {
            assert_eq!(weakness(text, PASSWORD_BITS), expected, "{text}");
        }
        assert_eq!(weakness("Kf83mz2Qw", TOKEN_BITS), Some(Weakness::Short));
        assert_eq!(weakness("Kf83mz2QwpL", TOKEN_BITS), None);
    }
}
