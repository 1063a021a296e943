//! Rows: every secret at one place, with its verdict and what is known beyond it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use vault_schema::project::RolloutMode;

use super::declaration::{Binding, IgnoreRule};
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::inventory::Inventory;
use super::name::{RemoteName, SecretName};
use super::observation::{Evidence, Observation, RolloutState, SealedEvidence};
use super::place::Place;
use super::plan::Memory;
use super::receipt::{DigestBook, Origin, Receipt, Receipts, Removal};
use super::verdict::{
    Comparison, Judgement, Proof, ReceiptSide, RemoteSide, Rollout, VaultSide, Verdict, classify, is_accepted, is_good,
};

/// One secret at one place.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none excludes another")]
pub struct Row {
    /// The place.
    pub place: Place,
    /// The secret's name in the vault, when it is or was ours.
    pub secret: Option<SecretName>,
    /// Its name there.
    pub remote_name: RemoteName,
    /// The verdict and how it is known.
    pub judgement: Judgement,
    /// Whether the running program has it.
    pub rollout: RolloutState,
    /// What is known beyond the verdict, in a few words.
    pub detail: String,
    /// What the place showed: what a later write expects to find. None when nothing was there.
    pub shown: Option<SealedEvidence>,
    /// Whether the place still shows what it showed right after our last push: what stands there is ours.
    pub vouched: bool,
    /// When the place says it was last written, if it tells.
    pub written: Option<Timestamp>,
    /// Whether an old value stood there under this name that is to be gone, whatever the receipts say.
    pub over: bool,
    /// Whether an ignore rule covers it.
    pub ignored: bool,
    /// What brings it to the machines.
    pub mode: RolloutMode,
    /// Whether nothing is known of it only because the place shows digests of another form than it did.
    pub digests_changed: bool,
    /// Whether a person has accepted that nobody can say what is there, and neither side has moved since.
    pub accepted: bool,
}

impl Row {
    /// Returns the receipt that says what the row shows, when it is in sync by better proof than the receipt it has,
    /// and that one speaks of something else. A name without any receipt stays without, for it is not ours, unless
    /// `unfiled` tells when we wrote it and could not file one.
    pub fn refreshed(&self, receipts: &Receipts, value: Fingerprint, unfiled: Option<Timestamp>) -> Option<Receipt> {
        let proved = matches!(self.judgement.proof, Proof::Digest | Proof::Value);
        if self.judgement.verdict != Verdict::InSync || !proved {
            return None;
        }
        let evidence = self.shown?;
        let Some(own) = receipts.get(&self.place.location, &self.remote_name) else {
            let (secret, origin) = (self.secret.clone()?, Origin::Pushed);
            return unfiled.map(|written| Receipt { secret, value, written, evidence, origin });
        };
        if own.value == value && own.evidence == evidence {
            return None;
        }
        let written = DigestBook::new(receipts).look_up(&evidence).map_or(own.written, |known| known.written);
        let origin = if own.knows_value() { own.origin } else { Origin::Adopted };
        Some(Receipt { value, written, evidence, origin, ..own.clone() })
    }

    /// Returns whether nothing needs to be done about it.
    pub fn is_good(&self) -> bool {
        is_good(self.judgement.verdict, self.rollout.rollout)
    }

    /// Returns whether it wants a person's attention: it is neither good nor accepted in any way.
    pub fn is_open(&self) -> bool {
        !self.is_good() && !self.ignored && !self.accepted
    }
}

/// What is known of one environment, for the verdicts at each of its places.
#[derive(Debug)]
pub struct Knowledge<'a> {
    /// The vault's side.
    pub inventory: &'a Inventory,
    /// What was pushed before.
    pub receipts: &'a Receipts,
    /// What the receipts say about digests.
    pub book: &'a DigestBook<'a>,
    /// The environment's fingerprint key.
    pub key: &'a FingerprintKey,
    /// Whether there are receipts that cannot be read for want of their key: then none of them says anything, and
    /// nothing may be said of what was pushed.
    pub receipts_void: bool,
    /// The drift that is accepted.
    pub ignores: &'a [IgnoreRule],
    /// The day on which ignore rules are read.
    pub today: Date,
}

/// The secrets that belong at one place.
#[derive(Debug, Default)]
pub struct Bindings {
    /// Those that may be written there.
    pub usable: Vec<Binding>,
    /// Those that may not, because the place does not take their name or value: a finding says why, and nothing is
    /// concluded about them.
    pub blocked: Vec<Binding>,
    /// Names under which old values stood there that do not belong there any more, whatever the receipts say.
    pub over: BTreeMap<RemoteName, SecretName>,
    /// Names that another environment has there: no business of this one.
    pub of_others: BTreeSet<RemoteName>,
    /// What brings the values to the machines there.
    pub mode: RolloutMode,
}

/// Returns the rows of one place, sorted by remote name. `observation` is none when the place could not be read.
pub fn rows(place: &Place, bindings: &Bindings, known: &Knowledge<'_>, observation: Option<&Observation>) -> Vec<Row> {
    let judge = Judge {
        place,
        mode: bindings.mode,
        over: &bindings.over,
        known,
        observation,
        scheme_changed: scheme_changed(place, known, observation),
    };
    let mut secrets: BTreeMap<&RemoteName, (Option<&SecretName>, bool)> = BTreeMap::new();
    let others = |name: &&RemoteName| !bindings.of_others.contains(name);
    for name in observation.iter().flat_map(|observation| observation.entries.keys()).filter(others) {
        secrets.insert(name, (bindings.over.get(name), false));
    }
    for (binding, blocked) in
        bindings.usable.iter().map(|b| (b, false)).chain(bindings.blocked.iter().map(|b| (b, true)))
    {
        secrets.insert(&binding.remote_name, (Some(&binding.secret), blocked));
    }
    let removed = known.receipts.removals_at(&place.location).filter(|(name, _)| !secrets.contains_key(name));
    let removed: BTreeMap<_, _> =
        removed.filter_map(|(name, removal)| Some((name, judge.removed(name, removal)?))).collect();
    let present =
        secrets.into_iter().filter_map(|(name, (secret, blocked))| Some((name, judge.row(name, secret, blocked)?)));
    let mut rows: BTreeMap<&RemoteName, Row> = present.collect();
    rows.extend(removed);
    rows.into_values().collect()
}

/// Returns the secrets whose receipts a place no longer bears out because it shows digests of another form.
fn scheme_changed(place: &Place, known: &Knowledge<'_>, observation: Option<&Observation>) -> bool {
    let Some(observation) = observation else { return false };
    if observation.entries.values().any(|observed| matches!(observed.evidence, Evidence::UnknownDigest(_))) {
        return true;
    }
    let mut matched = 0;
    let mut moved = 0;
    for (name, receipt) in known.receipts.at(&place.location) {
        if let Some(observed) = observation.entries.get(name)
            && matches!(observed.evidence, Evidence::OpaqueDigest(_))
            && matches!(receipt.evidence, SealedEvidence::Digest(_))
        {
            let sealed = observed.seal(known.key);
            // A digest that any receipt knows is of the form we know, whoever put that value here.
            if sealed.unmoved(&receipt.evidence) || known.book.look_up(&sealed).is_some() {
                matched += 1;
            } else {
                moved += 1;
            }
        }
    }
    // One or two secrets may well be changed by hand at once; a whole app at once is the platform's doing.
    matched == 0 && moved >= 3
}

struct Judge<'a> {
    place: &'a Place,
    mode: RolloutMode,
    over: &'a BTreeMap<RemoteName, SecretName>,
    known: &'a Knowledge<'a>,
    observation: Option<&'a Observation>,
    scheme_changed: bool,
}

impl Judge<'_> {
    /// Returns the row of a name that we removed, as long as it is not certain that nothing runs with it any more:
    /// the place is in step with the vault, and its machines are not.
    fn removed(&self, name: &RemoteName, removal: &Removal) -> Option<Row> {
        let rollout = self.observation?.fleet.runs_without(removal.at);
        let row = Row {
            place: self.place.clone(),
            secret: Some(removal.secret.clone()),
            remote_name: name.clone(),
            judgement: classify(VaultSide::Absent, None, RemoteSide::Removed)?,
            rollout,
            detail: format!("removed {}", day(removal.at)),
            shown: None,
            vouched: true,
            written: None,
            over: false,
            ignored: false,
            accepted: false,
            digests_changed: false,
            mode: self.mode,
        };
        (!row.is_good()).then(|| Row { ignored: self.is_ignored(name), ..row })
    }

    fn is_ignored(&self, name: &RemoteName) -> bool {
        self.known.ignores.iter().any(|rule| rule.covers(self.place, name, self.known.today))
    }

    fn row(&self, name: &RemoteName, secret: Option<&SecretName>, blocked: bool) -> Option<Row> {
        let shown = self.observation.and_then(|observation| observation.entries.get(name));
        let entry = secret.and_then(|secret| self.known.inventory.entries.get(secret));
        let value = entry.map(|entry| self.known.key.value(&entry.value));
        let vault = if blocked || (secret.is_some() && value.is_none() && !self.known.inventory.is_complete()) {
            VaultSide::Unreadable
        } else if value.is_some() {
            VaultSide::Present
        } else {
            VaultSide::Absent
        };
        let sealed = shown.map(|observed| observed.seal(self.known.key));
        let receipt = self.known.receipts.get(&self.place.location, name);
        let comparable = |receipt: &Receipt| {
            sealed.is_some_and(|sealed| sealed.is_comparable_with(&receipt.evidence))
                && !(self.scheme_changed && matches!(sealed, Some(SealedEvidence::Digest(_))))
        };
        let same_evidence =
            |receipt: &Receipt| comparable(receipt) && sealed.is_some_and(|sealed| sealed.unmoved(&receipt.evidence));
        let elsewhere = sealed
            .filter(|_| {
                let speaks_itself = receipt.is_some_and(|receipt| receipt.knows_value() && same_evidence(receipt));
                !self.scheme_changed && !speaks_itself
            })
            .and_then(|sealed| self.known.book.look_up(&sealed));
        let remote = match (self.observation, shown) {
            (None, _) => RemoteSide::Unreadable,
            (Some(_), None) => RemoteSide::Absent,
            (Some(_), Some(observed)) => self.remote(&observed.evidence, value, secret, elsewhere),
        };
        // What cannot be compared with the receipt has not visibly moved. Such a receipt still says that we wrote the
        // name, which makes an orphan, and that we wrote this value, which a value seen to differ contradicts.
        let speaks = |receipt: &&Receipt| match remote {
            RemoteSide::Unreadable | RemoteSide::Absent | RemoteSide::Removed => true,
            RemoteSide::Comparable { .. } => value.is_none_or(|value| value == receipt.value) || comparable(receipt),
            RemoteSide::Opaque => value.is_none() || comparable(receipt),
        };
        let receipt_side = receipt.filter(speaks).map(|receipt| ReceiptSide {
            same_value: value == Some(receipt.value),
            same_evidence: same_evidence(receipt),
            knows_value: receipt.knows_value(),
        });
        let judgement = classify(vault, receipt_side, remote)?;
        let of_receipt = || receipt.filter(|receipt| receipt.knows_value()).map(|receipt| &receipt.secret);
        let secret = secret.or_else(of_receipt).cloned();
        let rollout = shown.map_or_else(RolloutState::none, |observed| observed.rollout.clone());
        let vouched = receipt.is_some_and(|receipt| receipt.knows_value() && same_evidence(receipt));
        let accepted = is_accepted(judgement.verdict, receipt_side);
        let unmoved = receipt.is_some_and(same_evidence);
        let rewritten = receipt.is_some_and(comparable) && !unmoved;
        let detail = if accepted && let Some(receipt) = receipt {
            format!("accepted as it is on {}; nobody knows its value", day(receipt.written))
        } else {
            self.detail(judgement, receipt, elsewhere, sealed, vault, [unmoved, rewritten])
        };
        let row = Row {
            place: self.place.clone(),
            secret,
            remote_name: name.clone(),
            judgement,
            rollout,
            detail,
            shown: sealed,
            vouched,
            written: shown.and_then(|observed| observed.written),
            over: self.over.contains_key(name),
            ignored: false,
            mode: self.mode,
            accepted,
            digests_changed: self.scheme_changed && judgement.verdict == Verdict::Unverified,
        };
        let ignored = !row.is_good() && self.is_ignored(name);
        Some(Row { ignored, ..row })
    }

    fn remote(
        &self,
        evidence: &Evidence,
        value: Option<Fingerprint>,
        secret: Option<&SecretName>,
        elsewhere: Option<&Receipt>,
    ) -> RemoteSide {
        let comparable = |equal, by| RemoteSide::Comparable { equal, by };
        match evidence {
            Evidence::Value(remote) => comparable(value == Some(self.known.key.value(remote)), Comparison::Value),
            Evidence::Sha256(digest) => {
                let entry = secret.and_then(|secret| self.known.inventory.entries.get(secret));
                let equal = entry.is_some_and(|entry| digest.is_sha256_of(&entry.value));
                comparable(equal, Comparison::Digest)
            }
            // The digest depends on the value alone, so a receipt of any place says what value it stands for.
            Evidence::OpaqueDigest(_) => match elsewhere {
                Some(known) => comparable(value == Some(known.value), Comparison::Digest),
                None => RemoteSide::Opaque,
            },
            Evidence::UnknownDigest(_) | Evidence::Times { .. } | Evidence::Name => RemoteSide::Opaque,
        }
    }

    fn detail(
        &self,
        judgement: Judgement,
        receipt: Option<&Receipt>,
        elsewhere: Option<&Receipt>,
        shown: Option<SealedEvidence>,
        vault: VaultSide,
        [unmoved, rewritten]: [bool; 2],
    ) -> String {
        let filed = receipt.map(|receipt| (receipt.origin, receipt.origin.verb(), day(receipt.written)));
        let is_elsewhere = |receipt: &Receipt| self.known.inventory.entries.contains_key(&receipt.secret);
        let gone = if receipt.is_some_and(is_elsewhere) { "no longer meant for it" } else { "no longer in the vault" };
        match judgement.verdict {
            Verdict::InSync => match (judgement.proof, filed) {
                (Proof::Receipt, Some((_, verb, day))) => format!("as {verb} {day}"),
                (Proof::Digest, _) if elsewhere.is_some() => "same digest as a receipt of this value".to_owned(),
                _ => String::new(),
            },
            Verdict::Missing => match filed {
                Some((_, verb, day)) => format!("removed there since it was {verb} {day}"),
                None if self.known.receipts_void => VOID.to_owned(),
                None => "never pushed".to_owned(),
            },
            Verdict::Behind => filed.map_or_else(String::new, |(_, _, day)| format!("holds the value of {day}")),
            Verdict::ChangedRemotely => moved(receipt, elsewhere, shown),
            Verdict::Conflict => format!("the vault changed too; {}", moved(receipt, elsewhere, shown)),
            Verdict::Differs => match (elsewhere, filed) {
                (Some(known), _) => format!("holds the value of {}", day(known.written)),
                (None, Some((Origin::Pushed | Origin::Adopted, verb, day))) => {
                    format!("{verb} {day}, and nothing shows which side changed since")
                }
                (None, None | Some((Origin::AsIs, ..))) => "another value, and no receipt".to_owned(),
            },
            Verdict::Unverified if self.scheme_changed => {
                "the platform's digest scheme changed, receipts void".to_owned()
            }
            Verdict::Unverified => match filed {
                Some((Origin::AsIs, _, day)) if unmoved => {
                    format!("accepted as it was on {day}, and the vault changed since")
                }
                Some((_, verb, day)) => format!("{verb} {day}, and nothing shows whether it was written since"),
                None if self.known.receipts_void => VOID.to_owned(),
                None => "there, but never pushed by undrift".to_owned(),
            },
            Verdict::Orphaned if rewritten => {
                format!("{gone}, and {}", moved(receipt, elsewhere, shown))
            }
            Verdict::Orphaned => match filed {
                Some((_, verb, day)) => format!("{verb} {day}, {gone}"),
                None => gone.to_owned(),
            },
            Verdict::Unmanaged if self.known.receipts_void => VOID.to_owned(),
            Verdict::Unmanaged => "nobody's receipt".to_owned(),
            Verdict::Unreadable if vault == VaultSide::Unreadable && self.known.inventory.is_sealed_off() => {
                "the seal does not vouch for the vault's value".to_owned()
            }
            Verdict::Unreadable if vault == VaultSide::Unreadable => "the vault's value cannot be used".to_owned(),
            Verdict::Unreadable => "the target could not be read".to_owned(),
        }
    }
}

/// What is known of the past when the receipts cannot be read.
const VOID: &str = "the receipts cannot be read";

fn moved(receipt: Option<&Receipt>, elsewhere: Option<&Receipt>, shown: Option<SealedEvidence>) -> String {
    if let Some(known) = elsewhere {
        return format!("holds the value of {}", day(known.written));
    }
    match (receipt.map(|receipt| receipt.evidence), shown) {
        (Some(SealedEvidence::Times { created: then, .. }), Some(SealedEvidence::Times { created, .. }))
            if then != created =>
        {
            format!("removed and made anew {}, not by undrift", minute(created))
        }
        (Some(then), Some(now @ SealedEvidence::Times { updated, .. })) if now.access_changed(&then) => {
            format!("access changed {}, not by undrift; the value may be the same", minute(updated))
        }
        (_, Some(SealedEvidence::Times { updated, .. })) => format!("written {}, not by undrift", minute(updated)),
        _ => "holds a value undrift never pushed".to_owned(),
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The names of one place's receipts, by what has become of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filed {
    /// The place shows them, or should.
    pub known: BTreeSet<RemoteName>,
    /// Of those, what the listing has lost.
    pub vanished: BTreeSet<RemoteName>,
    /// Neither the vault nor the place has them any more: their receipts have nothing left to say.
    pub retired: BTreeSet<RemoteName>,
    /// Secrets that belong there and cannot be written under the names they have there.
    pub blocked: BTreeSet<SecretName>,
}

impl Filed {
    /// Returns how much of what the receipts know the listing has lost. What the vault no longer has counts as well: a
    /// listing that comes back empty must not make the receipts forget what they alone know to be ours. `held` is how
    /// many names the place holds.
    pub fn memory(&self, held: usize) -> Memory {
        let retired = self.retired.len();
        Memory {
            known: self.known.len() + retired,
            vanished: self.vanished.len() + retired,
            held,
            blocked: self.blocked.clone(),
        }
    }
}

/// Sorts the receipts of a place by what has become of their names.
pub fn filed(place: &Place, bindings: &Bindings, receipts: &Receipts, observation: &Observation) -> Filed {
    let blocked = bindings.blocked.iter().map(|binding| binding.secret.clone()).collect();
    let mut filed = Filed { blocked, ..Filed::default() };
    for (name, _) in receipts.at(&place.location) {
        let is_bound = bindings.usable.iter().chain(&bindings.blocked).any(|binding| binding.remote_name == *name);
        match (is_bound, observation.entries.contains_key(name)) {
            (false, false) => filed.retired.insert(name.clone()),
            (_, true) => filed.known.insert(name.clone()),
            (true, false) => {
                filed.vanished.insert(name.clone());
                filed.known.insert(name.clone())
            }
        };
    }
    filed
}

/// Returns the removals of a place that have nothing left to say: every machine runs without the name, or it is there
/// again.
pub fn settled_removals(place: &Place, receipts: &Receipts, observation: &Observation) -> Vec<RemoteName> {
    let is_settled = |name: &RemoteName, removal: &Removal| {
        observation.entries.contains_key(name)
            || matches!(observation.fleet.runs_without(removal.at).rollout, Rollout::Live | Rollout::None)
    };
    let removals = receipts.removals_at(&place.location);
    removals.filter(|(name, removal)| is_settled(name, removal)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests;
