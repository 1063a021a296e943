//! What listings were when they were last read, so that asking whether they have changed is enough.
//!
//! Nothing is ever answered from here alone: a platform says each time that what is kept still holds. Keys and seals
//! are made of the token under a salt, so that one token never sees what another one was shown, and whoever can write
//! the file and has no token cannot make us report something else.

use std::fmt;
use std::sync::Mutex;

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, LINK};
use sha2::Sha256;
use vault_schema::etags::{Etags, Listing};
use zeroize::Zeroizing;

use super::answer::Answer;

/// How a listing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// As if it had never been read.
    Anew,
    /// Whether it has changed since it was last read, which costs nothing of the platform's limit if it has not. What
    /// it answers is kept on the disk, so never ask so for anything with a value in it.
    IfChanged,
}

/// The listings of one cache.
pub(super) struct Kept {
    now: Timestamp,
    state: Mutex<State>,
}

struct State {
    etags: Etags,
    used: bool,
}

/// What is kept of one address for one token.
pub(super) struct Known {
    pub(super) etag: HeaderValue,
    link: Option<HeaderValue>,
    body: Vec<u8>,
}

impl fmt::Debug for Known {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Known").field("etag", &self.etag).finish_non_exhaustive()
    }
}

impl Known {
    /// Returns the answer that was kept, with the headers of the one that says that it still holds.
    pub(super) fn revive(&self, unchanged: Answer) -> Answer {
        let mut headers = unchanged.headers;
        headers.insert(ETAG, self.etag.clone());
        headers.remove(LINK);
        headers.extend(self.link.clone().map(|link| (LINK, link)));
        Answer::kept(headers, self.body.clone())
    }
}

impl Kept {
    pub(super) fn new(etags: Etags, now: Timestamp) -> Self {
        Self { now, state: Mutex::new(State { etags, used: false }) }
    }

    /// Returns everything that is kept, if any of it was asked for.
    pub(super) fn if_used(&self) -> Option<Etags> {
        let state = self.state.lock().expect("no holder of the listings panics");
        state.used.then(|| state.etags.clone())
    }

    /// Returns what is known of this address for these headers, the token among them.
    pub(super) fn find(&self, url: &Url, headers: &HeaderMap) -> Option<Known> {
        let state = self.state.lock().expect("no holder of the listings panics");
        let key = Key::of(&state.etags.salt, url, headers);
        let Listing { etag, link, body, seal, .. } = state.etags.listings.get(&key.name())?;
        key.seal([etag, link, body]).verify_slice(&hex::decode(seal).ok()?).ok()?;
        let link = if link.is_empty() { None } else { Some(HeaderValue::from_str(link).ok()?) };
        Some(Known { etag: HeaderValue::from_str(etag).ok()?, link, body: body.clone().into_bytes() })
    }

    /// Keeps an answer, if it can be asked for again by its tag.
    pub(super) fn keep(&self, url: &Url, headers: &HeaderMap, answer: &Answer) {
        let mut state = self.state.lock().expect("no holder of the listings panics");
        state.used = true;
        let key = Key::of(&state.etags.salt, url, headers);
        match self.listing(&key, answer) {
            Some(listing) => state.etags.listings.insert(key.name(), listing),
            None => state.etags.listings.remove(&key.name()),
        };
    }

    fn listing(&self, key: &Key, answer: &Answer) -> Option<Listing> {
        let etag = answer.headers.get(ETAG)?.to_str().ok()?.to_owned();
        let links: Result<Vec<&str>, _> = answer.headers.get_all(LINK).iter().map(HeaderValue::to_str).collect();
        let link = links.ok()?.join(", ");
        let body = std::str::from_utf8(answer.body()).ok()?.to_owned();
        let seal = hex::encode(key.seal([&etag, &link, &body]).finalize().into_bytes());
        Some(Listing { used: self.now, etag, link, body, seal })
    }
}

/// The secret of one address and one token.
struct Key(Zeroizing<[u8; 32]>);

impl Key {
    // Neither an address nor a header has a line end in it, so that no two of them run together.
    fn of(salt: &str, url: &Url, headers: &HeaderMap) -> Self {
        let mut mac = hmac(salt.as_bytes());
        for part in ["undrift listing 1\n", url.as_str(), "\n"] {
            mac.update(part.as_bytes());
        }
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
                mac.update(part);
            }
        }
        Self(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    fn name(&self) -> String {
        let mut mac = hmac(self.0.as_slice());
        mac.update(b"name");
        hex::encode(mac.finalize().into_bytes())
    }

    fn seal(&self, parts: [&String; 3]) -> Hmac<Sha256> {
        let mut mac = hmac(self.0.as_slice());
        mac.update(b"seal");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use reqwest::header::{AUTHORIZATION, DATE};
    use vault_schema::etags::VERSION;

    use super::*;

    fn url() -> Url {
        Url::parse("https://api.github.com/x?page=1").expect("a literal address")
    }

    fn token(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(token))])
    }

    fn kept(etags: Etags) -> Kept {
        Kept::new(etags, "2026-11-20T08:00:00Z".parse().expect("a time"))
    }

    fn empty() -> Etags {
        Etags { version: VERSION, salt: "5".repeat(64), listings: BTreeMap::new() }
    }

    fn answer() -> Answer {
        let headers = [(ETAG, "W/\"1\""), (LINK, "</x?page=2>; rel=\"next\""), (DATE, "then")];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Answer::kept(HeaderMap::from_iter(headers), b"[]".to_vec())
    }

    fn filled() -> Etags {
        let kept = kept(empty());
        kept.keep(&url(), &token("Bearer canary-4711"), &answer());
        kept.if_used().expect("it was asked for")
    }

    #[test]
    fn is_found_for_the_same_address_and_the_same_token_alone() {
        let kept = kept(filled());
        assert!(kept.find(&url(), &token("Bearer canary-4711")).is_some());
        assert!(kept.find(&url(), &token("Bearer canary-4712")).is_none());
        let next = Url::parse("https://api.github.com/x?page=2").expect("a literal address");
        assert!(kept.find(&next, &token("Bearer canary-4711")).is_none());
        assert!(kept.if_used().is_none(), "nothing was asked for");
    }

    #[test]
    fn what_somebody_else_wrote_is_not_believed() {
        let changes: [fn(&mut Listing); 4] = [
            |listing| listing.body = "[1]".to_owned(),
            |listing| listing.etag = "W/\"2\"".to_owned(),
            |listing| listing.link.clear(),
            |listing| listing.seal.clear(),
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut etags = filled();
            etags.listings.values_mut().for_each(change);
            assert!(kept(etags).find(&url(), &token("Bearer canary-4711")).is_none(), "change {index}");
        }
        let foreign = Etags { salt: "6".repeat(64), ..filled() };
        assert!(kept(foreign).find(&url(), &token("Bearer canary-4711")).is_none());
    }

    #[test]
    fn the_next_page_is_the_kept_one_and_the_date_is_the_fresh_one() {
        let known = kept(filled()).find(&url(), &token("Bearer canary-4711")).expect("it is kept");
        let fresh = [(DATE, "now"), (LINK, "</elsewhere>; rel=\"next\"")];
        let fresh = fresh.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let revived = known.revive(Answer::kept(HeaderMap::from_iter(fresh), Vec::new()));
        assert_eq!((revived.next(), revived.body()), (Some("/x?page=2"), b"[]".as_slice()));
        assert_eq!(revived.headers[DATE], "now");
        assert_eq!(revived.headers[ETAG], "W/\"1\"");
    }

    #[test]
    fn an_answer_without_a_tag_replaces_the_one_that_had_one() {
        let kept = kept(filled());
        kept.keep(&url(), &token("Bearer canary-4711"), &Answer::kept(HeaderMap::new(), b"[]".to_vec()));
        assert!(kept.if_used().expect("it was asked for").listings.is_empty());
    }

    #[test]
    fn neither_the_token_nor_a_plain_hash_of_it_is_kept() {
        use sha2::Digest;
        let text = format!("{:?}", filled());
        assert!(!text.contains("canary"));
        for token in ["canary-4711", "Bearer canary-4711"] {
            assert!(!text.contains(&hex::encode(Sha256::digest(token))));
        }
    }
}
