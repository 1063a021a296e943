//! The cache of listings: a file of this machine's own that may be lost at any time.
//!
//! Nothing depends on it but how much of a platform's limit an audit uses up, so no trouble with it is an error.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use vault_schema::etags::{Etags, Listing, VERSION};

use super::layout::Layout;
use super::store;

/// How long a listing is kept that nobody asked for: four weekly audits, and a little more.
const LONGEST_UNUSED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How much text is kept in all, in bytes: the listings of some four thousand places with fifty secrets each.
const LARGEST: usize = 32 * 1024 * 1024;

/// How large the file may be, in bytes: quotes in a text take two.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Returns what is kept, or an empty cache with a salt of its own if there is nothing that we wrote.
pub fn read(layout: &Layout) -> io::Result<Etags> {
    if let Some(kept) = read_kept(layout) {
        return Ok(kept);
    }
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(io::Error::other)?;
    Ok(Etags { version: VERSION, salt: hex::encode(salt), listings: BTreeMap::new() })
}

/// Writes the cache, with what another audit has added to it meanwhile and without what is old or too much.
pub fn write(layout: &Layout, mut etags: Etags, now: Timestamp) -> io::Result<()> {
    if let Some(other) = read_kept(layout).filter(|other| other.salt == etags.salt) {
        for (key, listing) in other.listings {
            etags.listings.entry(key).or_insert(listing);
        }
    }
    prune(&mut etags, now);
    store::make_folder(&layout.local())?;
    // It has plain text and times only, so it always serialises.
    store::replace(&path(layout), &serde_json::to_vec(&etags)?)
}

fn path(layout: &Layout) -> PathBuf {
    layout.local().join("etags.json")
}

fn read_kept(layout: &Layout) -> Option<Etags> {
    let content = store::read_up_to(&path(layout), LARGEST_FILE).ok()??;
    let etags: Etags = serde_json::from_slice(&content).ok()?;
    let is_salt = etags.salt.len() == 64 && hex::decode(&etags.salt).is_ok();
    (etags.version == VERSION && is_salt).then_some(etags)
}

/// Drops what was not used for long, and of the rest what was used longest ago until it fits.
fn prune(etags: &mut Etags, now: Timestamp) {
    etags.listings.retain(|_, listing| now.duration_since(listing.used) <= LONGEST_UNUSED);
    let mut by_use: Vec<(Timestamp, String, usize)> =
        etags.listings.iter().map(|(key, listing)| (listing.used, key.clone(), size(listing))).collect();
    by_use.sort_by(|left, right| right.cmp(left));
    let mut total = 0;
    for (_, key, size) in by_use {
        total += size;
        if total > LARGEST {
            etags.listings.remove(&key);
        }
    }
}

fn size(listing: &Listing) -> usize {
    listing.etag.len() + listing.link.len() + listing.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(used: &str, size: usize) -> Listing {
        let used = used.parse().expect("a time");
        let (etag, link, seal) = ("W/\"1\"".to_owned(), String::new(), "00".to_owned());
        Listing { used, etag, link, body: "x".repeat(size), seal }
    }

    fn now() -> Timestamp {
        "2026-11-20T08:00:00Z".parse().expect("a time")
    }

    fn keys(etags: &Etags) -> Vec<&str> {
        etags.listings.keys().map(String::as_str).collect()
    }

    #[test]
    fn is_what_it_was_when_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let mut etags = read(&layout).expect("a fresh one");
        etags.listings.insert("a".to_owned(), listing("2026-11-20T08:00:00Z", 1));
        write(&layout, etags.clone(), now()).expect("writing");
        assert_eq!(read(&layout).expect("the file"), etags);
    }

    #[test]
    fn what_is_not_ours_is_replaced_and_never_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let good = read(&layout).expect("a fresh one");
        let text = serde_json::to_string(&good).expect("plain text");
        std::fs::create_dir(layout.local()).expect("a folder");
        for garbage in [
            String::new(),
            "{}".to_owned(),
            "\u{0}\u{ffff}[[[[".to_owned(),
            text[..text.len() / 2].to_owned(),
            text.replace("\"version\":1", "\"version\":2"),
            text.replace(&good.salt, ""),
            text.replace(&good.salt, &"z".repeat(64)),
            text.replace("\"listings\":{}", "\"listings\":{\"a\":7}"),
        ] {
            std::fs::write(path(&layout), &garbage).expect("writing");
            let fresh = read(&layout).expect("a fresh one");
            assert!(fresh.listings.is_empty() && fresh.salt != good.salt, "{garbage}");
            write(&layout, fresh.clone(), now()).expect("writing");
            assert_eq!(read(&layout).expect("the file"), fresh, "{garbage}");
        }
    }

    #[test]
    fn two_audits_at_once_keep_what_each_has_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        write(&layout, read(&layout).expect("a fresh one"), now()).expect("writing");
        let (mut one, mut other) = (read(&layout).expect("the file"), read(&layout).expect("the file"));
        one.listings.insert("a".to_owned(), listing("2026-11-20T08:00:00Z", 1));
        other.listings.insert("b".to_owned(), listing("2026-11-20T08:00:00Z", 1));
        write(&layout, one, now()).expect("writing");
        write(&layout, other, now()).expect("writing");
        assert_eq!(keys(&read(&layout).expect("the file")), ["a", "b"]);
        // Under another salt nothing of it could be found again.
        let mut foreign = Etags { salt: "0".repeat(64), ..read(&layout).expect("the file") };
        foreign.listings.clear();
        write(&layout, foreign, now()).expect("writing");
        assert!(read(&layout).expect("the file").listings.is_empty());
    }

    #[test]
    fn what_is_old_or_too_much_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let mut etags = read(&layout).expect("a fresh one");
        for (key, used, size) in [
            ("last month", "2026-10-21T08:00:00Z", 1),
            ("four weeks ago", "2026-10-23T08:00:00Z", 1),
            ("large", "2026-11-01T08:00:00Z", LARGEST / 2),
            ("larger", "2026-11-02T08:00:00Z", LARGEST / 2),
        ] {
            etags.listings.insert(key.to_owned(), listing(used, size));
        }
        write(&layout, etags, now()).expect("writing");
        assert_eq!(keys(&read(&layout).expect("the file")), ["larger"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_ours_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        write(&layout, read(&layout).expect("a fresh one"), now()).expect("writing");
        let mode = std::fs::metadata(path(&layout)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
