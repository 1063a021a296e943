//! Old values that stay for a while: in the vault, and at places whose consumers take two values at once.

use jiff::Timestamp;

use super::{Run, Stage};
use crate::domain::declaration::Project;
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::{Entry, Inventory};
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;

/// How a run comes to its end once every place runs the new values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The time has not passed for which the old values stay.
    Later,
    /// They go.
    Now,
    /// They go from the places first, where they stand beside the new ones.
    AfterOverlap,
}

impl End {
    /// Returns how a run ends whose old values stay until then.
    pub fn of(run: &Run, at: Timestamp, until: Option<Timestamp>) -> Self {
        if until.is_some_and(|until| at < until) {
            Self::Later
        } else if run.beside().is_empty() {
            Self::Now
        } else {
            Self::AfterOverlap
        }
    }
}

/// Returns until when the old values of a run stay, where every place was seen to run the new ones and that time is
/// declared. What could not wait ends at once.
pub fn stays_until(project: &Project, run: &Run) -> Option<Timestamp> {
    if run.stage != Stage::Verified || run.reason.is_some() {
        return None;
    }
    let longest = run.secrets.keys().filter_map(|name| project.finish_after(name)).max()?;
    run.since.checked_add(longest).ok()
}

/// Puts the old values that belong at the places now into an inventory under names of their own, so that they are judged,
/// planned and pushed as all others are; and the names of those that are to be gone.
pub fn put_beside(inventory: &mut Inventory, runs: &[Run], key: &FingerprintKey) {
    let lasting = lasting(runs, inventory, key);
    inventory.over = runs.iter().flat_map(Run::beside).collect();
    for (previous, entry) in lasting {
        inventory.over.remove(&previous);
        inventory.beside.insert(previous.clone());
        inventory.entries.insert(previous, entry);
    }
}

/// Returns the old values that belong at the places now, under the names that they have there: those that are in the vault,
/// and whose name is nobody else's.
fn lasting(runs: &[Run], inventory: &Inventory, key: &FingerprintKey) -> Vec<(SecretName, Entry)> {
    let lasting = runs.iter().filter(|run| matches!(run.stage, Stage::Staged | Stage::Verified));
    let overlapping = lasting.flat_map(|run| &run.secrets).filter(|(_, before)| before.overlap);
    let old = overlapping.filter_map(|(name, before)| {
        let entry = inventory.entries.get(name)?;
        let old = entry.previous.as_ref().filter(|old| key.value(old) == before.old)?;
        let previous = name.previous().filter(|previous| !inventory.entries.contains_key(previous))?;
        let (value, source) = (SecretValue::copied_from(old.expose()), entry.source.clone());
        Some((previous, Entry { value, template: None, previous: None, rotated: None, expires: None, source }))
    });
    old.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::declaration;
    use crate::domain::finding::Source;
    use crate::domain::log::Who;
    use crate::domain::name::EnvironmentName;
    use crate::domain::rotation::{Before, Reason};

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).expect("a name")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn key() -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([7; 32]))
    }

    fn run(stage: Stage) -> Run {
        let old = key().value(&SecretValue::copied_from("old"));
        let before = |overlap| Before { old, new: None, rotated: None, expires: None, overlap };
        let at = at("2026-11-20T09:00:00Z");
        Run {
            begun: at,
            who: Who::default(),
            reason: None,
            stage,
            since: at,
            secrets: [(name("A"), before(true)), (name("B"), before(false))].into(),
            places: BTreeMap::new(),
            probes: Vec::new(),
        }
    }

    fn inventory(previous: Option<&str>, names: &[&str]) -> Inventory {
        let entry = |name: &&str| {
            let previous = previous.filter(|_| *name != "A_PREVIOUS").map(SecretValue::copied_from);
            let source = Source { file: "vault/staging/a.toml.age".to_owned(), line: 1 };
            let value = SecretValue::copied_from("new");
            Entry { value, template: None, previous, rotated: None, expires: None, source }
        };
        Inventory {
            environment: EnvironmentName::parse("staging").expect("a name"),
            entries: names.iter().map(|it| (name(it), entry(it))).collect(),
            beside: BTreeSet::new(),
            over: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn the_old_value_belongs_there_while_the_run_lasts_and_is_the_old_one() {
        use Stage::{Abandoned, Finished, Prepared, Retiring, Returning, Staged, Verified};
        let (old, both) = (Some("old"), &["A", "B"][..]);
        for (stage, previous, names, lasts) in [
            (Staged, old, both, true),
            (Verified, old, both, true),
            (Prepared, old, both, false),
            (Retiring, old, both, false),
            (Returning, old, both, false),
            (Finished, old, both, false),
            (Abandoned, old, both, false),
            // A merge has brought another value beside it, or none is there any more.
            (Staged, Some("another"), both, false),
            (Staged, None, both, false),
            // Its name is another secret's.
            (Staged, old, &["A", "A_PREVIOUS", "B"], false),
            (Staged, old, &["B"], false),
        ] {
            let mut inventory = inventory(previous, names);
            put_beside(&mut inventory, &[run(stage)], &key());
            let what = format!("{stage:?} {previous:?} {names:?}");
            let added = inventory.entries.get(&name("A_PREVIOUS")).filter(|_| !names.contains(&"A_PREVIOUS"));
            assert_eq!(added.map(|entry| entry.value.expose()), lasts.then_some("old"), "{what}");
            assert_eq!(inventory.beside.contains(&name("A_PREVIOUS")), lasts, "{what}");
            assert_eq!(inventory.over.contains(&name("A_PREVIOUS")), !lasts, "{what}");
            assert!(!inventory.entries.contains_key(&name("B_PREVIOUS")), "{what}");
        }
    }

    #[test]
    fn the_longest_time_counts_from_when_every_place_ran_the_new_values() {
        let project = |more: &str| {
            let text = format!("version = 1\n[environments.staging]\n{more}");
            declaration::check(&toml::from_str(&text).expect("toml")).expect("a project")
        };
        let both = project("[secrets.A]\nfinish-after = '1h'\n[secrets.B]\nfinish-after = '2d'\n");
        let until = Some(at("2026-11-22T09:00:00Z"));
        assert_eq!(stays_until(&both, &run(Stage::Verified)), until);
        assert_eq!(stays_until(&project("[secrets.A]\n[secrets.B]\n"), &run(Stage::Verified)), None);
        for stage in [Stage::Prepared, Stage::Staged, Stage::Retiring, Stage::Returning] {
            assert_eq!(stays_until(&both, &run(stage)), None, "{stage:?}");
        }
        let leaked = Run { reason: Some(Reason::Leaked), ..run(Stage::Verified) };
        assert_eq!(stays_until(&both, &leaked), None);
        let mut plain = run(Stage::Verified);
        let end = |run: &Run, now| End::of(run, at(now), until);
        assert_eq!(end(&plain, "2026-11-22T08:59:59Z"), End::Later);
        assert_eq!(end(&plain, "2026-11-22T09:00:00Z"), End::AfterOverlap);
        plain.secrets.remove(&name("A"));
        assert_eq!(end(&plain, "2026-11-22T09:00:00Z"), End::Now);
        assert_eq!(End::of(&plain, at("2026-11-20T09:00:00Z"), None), End::Now);
    }
}
