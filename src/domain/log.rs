//! The log: who did what, each line bound to those before it, and what is found when somebody changed it.
//!
//! The lines are a graph and not a row: each names those that nothing followed when it was written. Two branches
//! that git has put together have two heads, and the next line names both. What is not found, because it changes
//! nothing that the log says: the order of the lines, a line that stands twice, and a last line that was cut in two.
//! That the newest lines are gone is found by a machine that has seen them, and by receipts that tell of later writes.

mod deed;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use vault_schema::log::{Action, Line, VERSION, Who};
pub use vault_schema::push::Outcome;

pub use self::deed::{Deed, deeds};
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::name::EnvironmentName;

/// What stands between a line and the HMAC over it.
const MAC: &str = ",\"mac\":\"";

/// One line whose HMAC is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands, from 1.
    pub number: usize,
    /// What it says.
    pub line: Line,
    /// Its own HMAC.
    pub mac: Fingerprint,
}

/// One thing that is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line it is about, from 1.
    pub number: Option<usize>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What a [`Fault`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum FaultKind {
    /// A line in the form of ours whose HMAC is not that of its text.
    #[error("was changed after it was written, or was written by somebody who has no key")]
    Edited(Fingerprint),
    /// A line that is not in the form of ours, or is another environment's.
    #[error("is not a line of this environment's log")]
    Foreign(Fingerprint),
    /// A line under an older generation of the key that no line of a newer one follows.
    #[error(
        "was written under a key that was replaced before: by somebody whose access was revoked, or on another git branch"
    )]
    Outdated(Fingerprint),
    /// A line that a later one names is not there.
    #[error("follows a line that is not there")]
    Missing(Fingerprint),
    /// A line that this machine has seen is not there.
    #[error("lacks a line that this machine has seen: it was cut short, or this is another git branch")]
    Unseen(Fingerprint),
    /// The receipts tell of writes that the log does not.
    #[error("was cut short: the receipts tell of a write after its newest line")]
    Behind,
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
}

impl FaultKind {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Edited(_) => "UD326",
            Self::Foreign(_) => "UD327",
            Self::Missing(_) => "UD328",
            Self::Unseen(_) | Self::Behind => "UD329",
            Self::Unreadable(_) => "UD330",
            Self::Outdated(_) => "UD331",
        }
    }
}

/// A log that was read and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The lines whose HMAC is right, in the order of the file.
    pub entries: Vec<Entry>,
    /// What is wrong, and was not accepted.
    pub faults: Vec<Fault>,
    /// The lines that nothing follows.
    pub heads: BTreeSet<Fingerprint>,
    /// How much of the text is whole lines; what stands behind it was cut by a crash.
    pub whole_bytes: usize,
}

impl Chain {
    /// Returns whether nothing is wrong that was not accepted.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// Returns the newest write that the log knows of.
    pub fn newest_write(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.line.written).max()
    }

    /// Returns what a person accepts who accepts the log as it is: the lines that are lost, and those that are foreign.
    pub fn to_accept(&self) -> (Vec<Fingerprint>, Vec<Fingerprint>) {
        let (mut lost, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        for fault in &self.faults {
            match fault.kind {
                FaultKind::Missing(mac) | FaultKind::Unseen(mac) => lost.insert(mac),
                FaultKind::Edited(text) | FaultKind::Foreign(text) | FaultKind::Outdated(text) => foreign.insert(text),
                FaultKind::Behind | FaultKind::Unreadable(_) => false,
            };
        }
        (lost.into_iter().collect(), foreign.into_iter().collect())
    }
}

/// What else is known of a log.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The heads that this machine has seen.
    pub seen: BTreeSet<Fingerprint>,
    /// The newest write that the environment's receipts tell of.
    pub written: Option<Timestamp>,
    /// Whether a push of this machine was interrupted before it could write the log; the next one mends that.
    pub pushing: bool,
}

/// Checks a log.
pub fn verify(key: &FingerprintKey, environment: &EnvironmentName, text: &str, known: &Known) -> Chain {
    let mut chain = Chain::default();
    let mut faults = Vec::new();
    // Claimed by a line that was edited: that is its fault, and not also that of the line after it.
    let mut claimed = BTreeSet::new();
    let mut entries: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    // Lines under older generations of the key, with the names that they have as lines of nobody's.
    let mut older: BTreeMap<Fingerprint, Fingerprint> = BTreeMap::new();
    // What an older generation calls a line of nobody's, as the newest one does.
    let mut renamed: BTreeMap<Fingerprint, Fingerprint> = BTreeMap::new();
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let bare = raw.trim_end_matches(['\n', '\r']);
        let parsed = parse(bare);
        if parsed.is_none() && !raw.ends_with('\n') {
            break;
        }
        chain.whole_bytes += raw.len();
        if bare.is_empty() {
            continue;
        }
        let own = key.foreign_line(bare.as_bytes());
        let is_older =
            |content: &str, mac| key.log_line(content.as_bytes()) != mac && key.was_log_line(content.as_bytes(), mac);
        let fault = match parsed {
            None => Some(FaultKind::Foreign(own)),
            Some((_, content, mac)) if key.log_line(content.as_bytes()) != mac && !is_older(content, mac) => {
                claimed.insert(mac);
                Some(FaultKind::Edited(own))
            }
            Some((line, ..)) if line.environment != environment.as_str() => Some(FaultKind::Foreign(own)),
            Some((line, content, mac)) => {
                if is_older(content, mac) {
                    older.insert(mac, own);
                }
                if entries.insert(mac, number).is_none() {
                    chain.entries.push(Entry { number, line, mac });
                }
                None
            }
        };
        renamed.extend(key.foreign_line_names(bare.as_bytes()).map(|name| (name, own)));
        faults.extend(fault.map(|kind| Fault { number: Some(number), kind }));
    }
    leave_out_outdated(&mut chain.entries, &older, &mut faults);
    entries.retain(|mac, _| chain.entries.iter().any(|entry| entry.mac == *mac));
    claimed.extend(older.into_keys().filter(|mac| !entries.contains_key(mac)));
    let (mut lost, mut foreign, mut followed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in &chain.entries {
        lost.extend(fingerprints(&entry.line.lost));
        foreign.extend(fingerprints(&entry.line.foreign).map(|name| renamed.get(&name).copied().unwrap_or(name)));
        for after in fingerprints(&entry.line.after) {
            followed.insert(after);
            if !entries.contains_key(&after) && !claimed.contains(&after) {
                faults.push(Fault { number: Some(entry.number), kind: FaultKind::Missing(after) });
            }
        }
    }
    let unseen = known.seen.iter().filter(|head| !entries.contains_key(*head) && !claimed.contains(*head));
    faults.extend(unseen.map(|head| Fault { number: None, kind: FaultKind::Unseen(*head) }));
    if known.written > chain.newest_write() && !known.pushing {
        faults.push(Fault { number: None, kind: FaultKind::Behind });
    }
    faults.retain(|fault| match fault.kind {
        FaultKind::Missing(mac) | FaultKind::Unseen(mac) => !lost.contains(&mac),
        FaultKind::Edited(text) | FaultKind::Foreign(text) | FaultKind::Outdated(text) => !foreign.contains(&text),
        FaultKind::Behind | FaultKind::Unreadable(_) => true,
    });
    faults.sort();
    faults.dedup();
    chain.faults = faults;
    chain.heads = entries.into_keys().filter(|mac| !followed.contains(mac)).collect();
    chain
}

/// Takes out the lines under an older generation of the key that no line under the newest one follows, directly or by
/// others: who knows the older generation alone can write such lines, and none that the newest one names.
fn leave_out_outdated(entries: &mut Vec<Entry>, older: &BTreeMap<Fingerprint, Fingerprint>, faults: &mut Vec<Fault>) {
    if older.is_empty() {
        return;
    }
    let by_mac: BTreeMap<Fingerprint, &Entry> = entries.iter().map(|entry| (entry.mac, entry)).collect();
    let mut reached = BTreeSet::new();
    let mut next: Vec<Fingerprint> = by_mac.keys().filter(|mac| !older.contains_key(mac)).copied().collect();
    while let Some(mac) = next.pop() {
        if reached.insert(mac)
            && let Some(entry) = by_mac.get(&mac)
        {
            next.extend(fingerprints(&entry.line.after));
        }
    }
    let outdated = entries.iter().filter(|entry| !reached.contains(&entry.mac)).filter_map(|entry| {
        let kind = FaultKind::Outdated(*older.get(&entry.mac)?);
        Some(Fault { number: Some(entry.number), kind })
    });
    faults.extend(outdated);
    entries.retain(|entry| reached.contains(&entry.mac));
}

fn fingerprints(texts: &[String]) -> impl Iterator<Item = Fingerprint> {
    texts.iter().filter_map(|text| Fingerprint::parse(text))
}

/// Takes a line apart: what it says, the text that its HMAC is over, and the HMAC.
fn parse(text: &str) -> Option<(Line, &str, Fingerprint)> {
    let (content, mac) = text.strip_suffix("\"}")?.rsplit_once(MAC)?;
    let fingerprint = Fingerprint::parse(mac).filter(|fingerprint| fingerprint.to_string() == mac)?;
    let line: Line = serde_json::from_str(&format!("{content}}}")).ok()?;
    (line.version == VERSION).then_some((line, content, fingerprint))
}

/// Returns a line for the file, with its end, and its HMAC.
pub fn write(key: &FingerprintKey, line: &Line) -> (String, Fingerprint) {
    // A line has plain text and times only, so it always serialises.
    let text = serde_json::to_string(line).unwrap_or_default();
    let content = text.strip_suffix('}').unwrap_or(&text);
    let mac = key.log_line(content.as_bytes());
    (format!("{content}{MAC}{mac}\"}}\n"), mac)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::fingerprint::KEY_LENGTH;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([byte; KEY_LENGTH]))
    }

    fn staging() -> EnvironmentName {
        EnvironmentName::parse("staging").expect("a name")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("an instant")
    }

    fn entry(number: i64, after: &[Fingerprint]) -> Line {
        Line {
            version: VERSION,
            at: at(number),
            who: Who { user: Some("alice".to_owned()), ..Who::default() },
            action: Action::Set,
            environment: "staging".to_owned(),
            place: None,
            secrets: vec![format!("NAME_{number}")],
            remote_names: Vec::new(),
            outcome: Outcome::Done,
            choice: None,
            written: Some(at(number)),
            lost: Vec::new(),
            foreign: Vec::new(),
            people: Vec::new(),
            run: None,
            after: after.iter().map(ToString::to_string).collect(),
        }
    }

    /// A log of two branches that were put together: 1 ← 2 ← 4, 1 ← 3 ← 4.
    fn log() -> (Vec<String>, Vec<Fingerprint>) {
        let (mut lines, mut macs) = (Vec::new(), Vec::new());
        for (number, after) in [(1, vec![]), (2, vec![0]), (3, vec![0]), (4, vec![1, 2])] {
            let after: Vec<Fingerprint> = after.into_iter().map(|index: usize| macs[index]).collect();
            let (text, mac) = write(&key(1), &entry(number, &after));
            lines.push(text);
            macs.push(mac);
        }
        (lines, macs)
    }

    fn checked(text: &str) -> Chain {
        verify(&key(1), &staging(), text, &Known::default())
    }

    fn codes(chain: &Chain) -> Vec<(Option<usize>, &'static str)> {
        chain.faults.iter().map(|fault| (fault.number, fault.kind.code())).collect()
    }

    #[test]
    fn two_branches_put_together_are_whole_and_the_next_line_names_both() {
        let (lines, macs) = log();
        assert!(checked("").is_whole());
        let merged = checked(&lines[..3].concat());
        assert!(merged.is_whole());
        assert_eq!(merged.heads, [macs[1], macs[2]].into());
        let whole = checked(&lines.concat());
        assert!(whole.is_whole());
        assert_eq!((whole.entries.len(), whole.heads), (4, [macs[3]].into()));
        // Any order, and a line that stands twice, say nothing else.
        let reordered = [&lines[3], &lines[1], &lines[1], &lines[0], &lines[2]].map(String::as_str).concat();
        assert!(checked(&reordered).is_whole());
        assert!(checked(&lines.concat().replace('\n', "\r\n")).is_whole());
    }

    #[test]
    fn a_line_that_is_edited_missing_or_foreign_is_found() {
        let (lines, macs) = log();
        let edited = lines.concat().replace("NAME_2", "NAME_9");
        assert_eq!(codes(&checked(&edited)), [(Some(2), "UD326")]);
        let missing = [&lines[0], &lines[2], &lines[3]].map(String::as_str).concat();
        assert_eq!(codes(&checked(&missing)), [(Some(3), "UD328")]);
        let (other, _) = write(&key(2), &entry(5, &[macs[3]]));
        assert_eq!(codes(&checked(&(lines.concat() + &other))), [(Some(5), "UD326")]);
        let elsewhere = Line { environment: "production".to_owned(), ..entry(5, &[macs[3]]) };
        let (elsewhere, _) = write(&key(1), &elsewhere);
        assert_eq!(codes(&checked(&(lines.concat() + &elsewhere))), [(Some(5), "UD327")]);
        assert_eq!(codes(&checked(&(lines.concat() + "<<<<<<< HEAD\n"))), [(Some(5), "UD327")]);
    }

    #[test]
    fn a_cut_end_is_found_by_who_has_seen_it_and_by_the_receipts() {
        let (lines, macs) = log();
        let cut = lines[..3].concat();
        let found = |known: &Known| codes(&verify(&key(1), &staging(), &cut, known));
        assert_eq!(found(&Known { seen: [macs[1]].into(), ..Known::default() }), []);
        assert_eq!(found(&Known { seen: [macs[3]].into(), ..Known::default() }), [(None, "UD329")]);
        assert_eq!(found(&Known { written: Some(at(3)), ..Known::default() }), []);
        let later = Known { written: Some(at(4)), ..Known::default() };
        assert_eq!(found(&later), [(None, "UD329")]);
        assert_eq!(found(&Known { pushing: true, ..later }), []);
    }

    #[test]
    fn a_line_that_a_crash_has_cut_is_no_line_and_one_without_its_end_is() {
        let (lines, macs) = log();
        let last = &lines[3];
        for length in 1..last.len() - 1 {
            let chain = checked(&(lines[..3].concat() + &last[..length]));
            assert!(chain.is_whole(), "{length}");
            assert_eq!(chain.heads, [macs[1], macs[2]].into());
            assert_eq!(chain.whole_bytes, lines[..3].concat().len());
        }
        let without_end = checked(&(lines[..3].concat() + last.trim_end()));
        assert_eq!(without_end.heads, [macs[3]].into());
        let complete_and_wrong = last.trim_end().replace("NAME_4", "NAME_9");
        assert_eq!(codes(&checked(&(lines[..3].concat() + &complete_and_wrong))), [(Some(4), "UD326")]);
    }

    #[test]
    fn what_was_accepted_is_a_fault_no_more_and_anything_else_still_is() {
        let (lines, macs) = log();
        let broken = [&lines[0], "nonsense\n", &lines[3]].concat();
        let known = Known { seen: [Fingerprint::parse(&"ab".repeat(32)).expect("digits")].into(), ..Known::default() };
        let chain = verify(&key(1), &staging(), &broken, &known);
        assert_eq!(chain.faults.len(), 4);
        let (lost, foreign) = chain.to_accept();
        assert_eq!((lost.len(), foreign.len()), (3, 1));
        let texts = |macs: Vec<Fingerprint>| macs.iter().map(ToString::to_string).collect();
        let accepting = Line {
            action: Action::Seal,
            lost: texts(lost),
            foreign: texts(foreign),
            ..entry(5, &chain.heads.iter().copied().collect::<Vec<_>>())
        };
        let (text, mac) = write(&key(1), &accepting);
        let accepted = verify(&key(1), &staging(), &(broken.clone() + &text), &known);
        assert!(accepted.is_whole(), "{:?}", accepted.faults);
        assert_eq!(accepted.heads, [mac].into());
        let again = verify(&key(1), &staging(), &(broken + &text + "other nonsense\n"), &known);
        assert_eq!(codes(&again), [(Some(5), "UD327")]);
        assert_eq!(macs.len(), 4);
    }

    #[test]
    fn a_new_generation_of_the_key_takes_over_what_it_names_and_nothing_else() {
        let (lines, macs) = log();
        let newer = key(1).successor(&Zeroizing::new([2; KEY_LENGTH]));
        let checked = |text: &str| {
            verify(&newer, &staging(), text, &Known { seen: macs[3..].iter().copied().collect(), ..Known::default() })
        };
        let (handed_over, mac) = write(&newer, &entry(5, &macs[3..]));
        let whole = lines.concat() + &handed_over;
        let chain = checked(&whole);
        assert!(chain.is_whole(), "{:?}", chain.faults);
        assert_eq!((chain.entries.len(), chain.heads), (5, [mac].into()));
        // Without the line that hands over, nothing of it is vouched for.
        assert!(!checked(&lines.concat()).is_whole());
        // Who has the older key alone adds a line, or changes one.
        let (forged, _) = write(&key(1), &entry(6, &[mac]));
        let added = checked(&(whole.clone() + &forged));
        assert_eq!(codes(&added), [(Some(6), "UD331")]);
        assert_eq!(added.heads, [mac].into());
        let (changed, _) = write(&key(1), &Line { secrets: vec!["OTHER".to_owned()], ..entry(4, &[macs[1], macs[2]]) });
        let changed = checked(&whole.replace(&lines[3], &changed));
        // Line 4 is no line of ours, line 5 follows one that is not there, and the lines before it are followed by none.
        assert!(codes(&changed).contains(&(Some(4), "UD331")), "{:?}", changed.faults);
        assert!(codes(&changed).contains(&(Some(5), "UD328")), "{:?}", changed.faults);
        // It can be accepted, and what was accepted under the older key stays so.
        let (_, foreign) = added.to_accept();
        let accepting = Line { foreign: foreign.iter().map(ToString::to_string).collect(), ..entry(7, &[mac]) };
        let (accepting, _) = write(&newer, &accepting);
        assert!(checked(&(whole + &forged + &accepting)).is_whole());
        let nonsense = key(1).foreign_line(b"nonsense").to_string();
        let (accepted, head) = write(&key(1), &Line { foreign: vec![nonsense], ..entry(5, &macs[3..]) });
        let (handed_over, _) = write(&newer, &entry(6, &[head]));
        let text = lines.concat() + "nonsense\n" + &accepted + &handed_over;
        assert!(checked(&text).is_whole(), "{:?}", checked(&text).faults);
    }

    proptest! {
        /// Every change of one byte of a whole log is found.
        #[test]
        fn no_byte_is_changed_unseen(position in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let (lines, macs) = log();
            let mut text = lines.concat().into_bytes();
            let position = position.index(text.len());
            prop_assume!(text[position] != byte);
            // A line end of another kind is none of the text; git may change it.
            prop_assume!(!(text[position] == b'\n' && position + 1 == text.len()));
            text[position] = byte;
            let text = String::from_utf8(text).expect("ASCII");
            let known = Known { seen: [macs[3]].into(), ..Known::default() };
            prop_assert!(!verify(&key(1), &staging(), &text, &known).is_whole(), "{text}");
        }

        /// Every line that is taken out is found, by the line after it or by who has seen it.
        #[test]
        fn no_line_is_taken_out_unseen(index in 0_usize..4) {
            let (mut lines, macs) = log();
            lines.remove(index);
            let known = Known { seen: [macs[3]].into(), ..Known::default() };
            prop_assert!(!verify(&key(1), &staging(), &lines.concat(), &known).is_whole());
        }
    }
}
