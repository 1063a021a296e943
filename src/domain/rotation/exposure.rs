//! Where a secret ever stood, and what ever stood at a place: what the receipts and the log tell of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::log::{Action, Line, Outcome};
use crate::domain::name::{RemoteName, SecretName};
use crate::domain::receipt::Receipts;

/// A place where a secret stands or stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The place.
    pub place: String,
    /// The secret, as it is called today.
    pub secret: SecretName,
    /// Its name there.
    pub remote_name: RemoteName,
    /// When it was first written there, as far as anything tells.
    pub first: Timestamp,
    /// When it was last written there.
    pub last: Timestamp,
    /// When it was removed there, if it was.
    pub removed: Option<Timestamp>,
}

/// Returns every place where these secrets stand or ever stood, whatever they were called then. What was written since
/// `begun` counts only where nothing was before: it is the new value, unless a clock was wrong.
pub fn held(names: &BTreeSet<SecretName>, receipts: &Receipts, log: &[Line], begun: Option<Timestamp>) -> Vec<Held> {
    let History { mut writes, removals } = History::of(log);
    writes.extend(
        receipts.iter().map(|(place, remote, receipt)| {
            (place.to_owned(), remote.clone(), receipt.secret.clone(), receipt.written)
        }),
    );
    writes.retain(|(_, _, secret, _)| names.contains(secret));
    writes.sort_by_key(|(.., at)| *at);
    let is_new = |at: Timestamp| begun.is_some_and(|begun| at >= begun);
    let mut all: BTreeMap<(String, RemoteName), Held> = BTreeMap::new();
    for (place, remote_name, secret, at) in writes {
        let key = (place.clone(), remote_name.clone());
        let held = all.entry(key).or_insert(Held { place, secret, remote_name, first: at, last: at, removed: None });
        if !is_new(at) || is_new(held.first) {
            held.last = at;
        }
    }
    for ((place, remote), held) in &mut all {
        let gone = removals.iter().filter(|(at_place, name, _)| (at_place, name) == (place, remote));
        held.removed = gone.map(|(_, _, at)| *at).max().filter(|at| *at >= held.last);
    }
    all.into_values().collect()
}

/// Returns every secret that stands or ever stood at a place, as it is called today.
pub fn stored_at(place: &str, receipts: &Receipts, log: &[Line]) -> BTreeSet<SecretName> {
    let receipts = receipts.iter().filter(|(at_place, _, _)| *at_place == place).map(|(_, _, it)| it.secret.clone());
    let writes = History::of(log).writes.into_iter();
    receipts.chain(writes.filter(|(at_place, ..)| at_place == place).map(|(_, _, secret, _)| secret)).collect()
}

/// What a log tells of places, with each secret as it is called today.
#[derive(Default)]
struct History {
    writes: Vec<(String, RemoteName, SecretName, Timestamp)>,
    removals: Vec<(String, RemoteName, Timestamp)>,
}

impl History {
    fn of(log: &[Line]) -> Self {
        let mut history = Self::default();
        // Lines of two branches stand in any order.
        let mut lines: Vec<&Line> = log.iter().collect();
        lines.sort_by_key(|line| line.at);
        for line in lines {
            history.take(line);
        }
        history
    }

    fn take(&mut self, line: &Line) {
        if let (Action::Rename, [old, new]) = (line.action, line.secrets.as_slice()) {
            if let Ok(new) = SecretName::parse(new) {
                for (_, _, secret, _) in self.writes.iter_mut().filter(|(_, _, secret, _)| secret.as_str() == old) {
                    secret.clone_from(&new);
                }
            }
            return;
        }
        let Some(place) = &line.place else { return };
        // What nobody saw end may have been done.
        let is_done = matches!(line.outcome, Outcome::Done | Outcome::Unconfirmed | Outcome::Uncertain);
        for (remote, secret) in line.remote_names.iter().zip(&line.secrets) {
            let remote = RemoteName::new(remote);
            match line.action {
                Action::Write | Action::Create | Action::Override | Action::Adopt if is_done => {
                    if let Ok(secret) = SecretName::parse(secret) {
                        self.writes.push((place.clone(), remote, secret, line.at));
                    }
                }
                // What may be there still counts as there.
                Action::Prune if line.outcome == Outcome::Done => self.removals.push((place.clone(), remote, line.at)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::log::{VERSION, Who};

    fn at(hour: u32) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().expect("a time")
    }

    fn line(hour: u32, action: Action, place: Option<&str>, secrets: &[&str], remote: &[&str]) -> Line {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Line {
            run: None,
            version: VERSION,
            at: at(hour),
            who: Who::default(),
            action,
            environment: "staging".to_owned(),
            place: place.map(str::to_owned),
            secrets: names(secrets),
            remote_names: names(remote),
            outcome: Outcome::Done,
            choice: None,
            written: None,
            lost: Vec::new(),
            foreign: Vec::new(),
            people: Vec::new(),
            after: Vec::new(),
        }
    }

    #[test]
    fn a_secret_is_followed_through_its_names_and_places() {
        let failed = Line { outcome: Outcome::Failed, ..line(3, Action::Create, Some("gone"), &["B"], &["B"]) };
        let lost = Line { outcome: Outcome::Uncertain, ..line(9, Action::Write, Some("lost"), &["B"], &["B"]) };
        let log = [
            line(5, Action::Write, Some("web"), &["A", "OTHER"], &["A", "OTHER"]),
            line(1, Action::Create, Some("web"), &["A"], &["A"]),
            line(2, Action::Create, Some("ci"), &["A"], &["SHOP_A"]),
            line(6, Action::Prune, Some("ci"), &["A"], &["SHOP_A"]),
            failed,
            line(7, Action::Rename, None, &["A", "B"], &[]),
            line(8, Action::Create, Some("web"), &["B"], &["B"]),
            line(9, Action::Write, Some("web"), &["B"], &["B"]),
            lost,
            // Another secret that has the name since.
            line(10, Action::Create, Some("new"), &["A"], &["A"]),
        ];
        let names = BTreeSet::from([SecretName::parse("B").expect("a name")]);
        let found: Vec<_> = held(&names, &Receipts::default(), &log, Some(at(9)))
            .into_iter()
            .map(|held| (held.place, held.remote_name.to_string(), held.first, held.last, held.removed))
            .collect();
        let expected = [
            ("ci", "SHOP_A", at(2), at(2), Some(at(6))),
            ("lost", "B", at(9), at(9), None),
            ("web", "A", at(1), at(5), None),
            ("web", "B", at(8), at(8), None),
        ];
        let expected =
            expected.map(|(place, name, first, last, gone)| (place.to_owned(), name.to_owned(), first, last, gone));
        assert_eq!(found, expected);
        let at_place = |place: &str| -> Vec<String> {
            stored_at(place, &Receipts::default(), &log).iter().map(ToString::to_string).collect()
        };
        assert_eq!(at_place("web"), ["B", "OTHER"]);
        assert_eq!(at_place("ci"), ["B"]);
        assert_eq!(at_place("new"), ["A"]);
        assert_eq!(at_place("gone"), [""; 0]);
    }
}
