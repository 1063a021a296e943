//! JSON Web Tokens: their form, and when they expire. Nothing is verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use zeroize::Zeroizing;

/// The one claim that is looked at.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

/// Returns whether a text is a token of three parts, the first two of which are JSON objects.
pub fn is_jwt(text: &str) -> bool {
    parts(text).is_some_and(|[header, claims, signature]| {
        decode::<IgnoredAny>(header).is_some()
            && decode::<Claims>(claims).is_some()
            && URL_SAFE_NO_PAD.decode(signature).map(Zeroizing::new).is_ok()
    })
}

/// Returns when a token expires; none where it is no token, or never does.
pub fn expires(text: &str) -> Option<Timestamp> {
    let [header, claims, _] = parts(text)?;
    decode::<IgnoredAny>(header)?;
    let seconds = decode::<Claims>(claims)?.exp?;
    Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

fn parts(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.trim().split('.');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

/// Reads a JSON object. serde would take a list for one as well.
fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(part).ok()?);
    if json.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(&json).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part("{\"alg\":\"none\"}"), part(claims), part("x"))
    }

    #[test]
    fn reads_when_a_token_expires() {
        assert_eq!(expires(&token("{\"exp\":1800000000}")), Timestamp::from_second(1_800_000_000).ok());
        assert_eq!(expires(&token("{\"exp\":1.5}")).map(Timestamp::as_second), Some(1));
        for claims in ["{}", "{\"exp\":null}", "{\"exp\":1e300}"] {
            assert_eq!(expires(&token(claims)), None, "{claims}");
            assert!(is_jwt(&token(claims)), "{claims}");
        }
        let four = token("{}") + ".x";
        for text in [String::new(), "a.b.c".to_owned(), four, token("[1.5]"), token("{\"exp\":\"soon\"}")] {
            assert_eq!(expires(&text), None, "{text}");
            assert!(!is_jwt(&text), "{text}");
        }
    }
}
