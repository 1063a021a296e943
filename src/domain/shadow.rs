//! Shadows: at GitHub the same name may stand at an environment, its repository and the organization, and one wins.

use std::collections::BTreeMap;

use super::access::Access;
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::inventory::Inventory;
use super::name::RemoteName;
use super::place::{GithubHolder, GithubStore, Location, Place};
use super::row::Row;
use super::verdict::Verdict;

/// Two places that hold one name, of which a workflow sees one.
#[derive(Debug)]
pub struct Shadow<'a> {
    /// The one that it sees.
    pub winner: &'a Row,
    /// The one that it does not.
    pub hidden: &'a Row,
    /// Whether the two are known to differ; if not, nothing shows that they are equal.
    pub differ: bool,
}

/// Returns where one of our names hides another of the same name, or is hidden by it, and the two are not known to be
/// equal. The rows are of one environment: what two environments have at two levels is meant to differ.
///
/// `access` tells who may use what an organization holds, where that is known.
pub fn shadows<'a>(
    rows: &'a [Row],
    inventory: &Inventory,
    key: &FingerprintKey,
    access: impl Fn(&Place, &RemoteName) -> Option<&'a Access>,
) -> Vec<Shadow<'a>> {
    let value = |row: &Row| -> Option<Fingerprint> {
        let secret = row.secret.as_ref().filter(|_| row.judgement.verdict == Verdict::InSync)?;
        inventory.entries.get(secret).map(|entry| key.value(&entry.value))
    };
    let mut by_name: BTreeMap<&RemoteName, Vec<&Row>> = BTreeMap::new();
    let is_there = |row: &&Row| row.shown.is_some() && !row.ignored && row.place.environment == inventory.environment;
    for row in rows.iter().filter(is_there) {
        by_name.entry(&row.remote_name).or_default().push(row);
    }
    let mut found = Vec::new();
    for (name, rows) in by_name {
        // A name may be at thousands of places, of which each can hide very few.
        let mut hideable: BTreeMap<(GithubStore, String), Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().copied() {
            if let Some(level) = level(&row.place.location) {
                hideable.entry(level).or_default().push(row);
            }
        }
        for winner in rows {
            let below = levels_below(&winner.place.location);
            for hidden in below.iter().filter_map(|level| hideable.get(level)).flatten().copied() {
                let Some(repository) = repository_of_both(&winner.place.location, &hidden.place.location) else {
                    continue;
                };
                let admits = access(&hidden.place, name).is_none_or(|access| access.may_admit(repository));
                let is_ours = winner.secret.is_some() || hidden.secret.is_some();
                let (one, other) = (value(winner), value(hidden));
                let differ = one.is_some() && other.is_some() && one != other;
                if admits && is_ours && (differ || one.is_none() || other.is_none()) {
                    found.push(Shadow { winner, hidden, differ });
                }
            }
        }
    }
    found
}

/// Returns what a place is to those above it: a repository or an organization, in one spelling.
fn level(location: &Location) -> Option<(GithubStore, String)> {
    let Location::Github { store, holder } = location else { return None };
    match holder {
        GithubHolder::Repository { repository: name } | GithubHolder::Organization { organization: name } => {
            Some((*store, name.to_ascii_lowercase()))
        }
        GithubHolder::Environment { .. } => None,
    }
}

/// Returns the levels that a place may hide names of.
fn levels_below(location: &Location) -> Vec<(GithubStore, String)> {
    let Location::Github { store, holder } = location else { return Vec::new() };
    let names = match holder {
        GithubHolder::Environment { repository, .. } => [Some(repository.as_str()), owner(repository)],
        GithubHolder::Repository { repository } => [None, owner(repository)],
        GithubHolder::Organization { .. } => [None, None],
    };
    names.into_iter().flatten().map(|name| (*store, name.to_ascii_lowercase())).collect()
}

fn owner(repository: &str) -> Option<&str> {
    repository.split_once('/').map(|(owner, _)| owner)
}

/// Returns the repository whose workflows see the first of two places and not the second, if there is one: an
/// environment wins over its repository, and both over the organization.
fn repository_of_both<'a>(winner: &'a Location, hidden: &Location) -> Option<&'a str> {
    use GithubHolder::{Environment, Organization, Repository};
    let (Location::Github { store, holder }, Location::Github { store: same, holder: lower }) = (winner, hidden) else {
        return None;
    };
    let (Environment { repository, .. } | Repository { repository }) = holder else { return None };
    let hides = match (holder, lower) {
        (Environment { .. }, Repository { repository: lower }) => repository.eq_ignore_ascii_case(lower),
        (_, Organization { organization }) => {
            owner(repository).is_some_and(|owner| owner.eq_ignore_ascii_case(organization))
        }
        _ => false,
    };
    (store == same && hides).then_some(repository)
}

#[cfg(test)]
mod tests {
    use vault_schema::project::RolloutMode;
    use zeroize::Zeroizing;

    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::finding::Source;
    use crate::domain::fingerprint::KEY_LENGTH;
    use crate::domain::inventory::Entry;
    use crate::domain::name::{EnvironmentName, SecretName, TargetName};
    use crate::domain::observation::{RolloutState, SealedEvidence};
    use crate::domain::secret::SecretValue;
    use crate::domain::verdict::{Judgement, Proof};

    fn environment(text: &str) -> EnvironmentName {
        EnvironmentName::parse(text).expect("a name")
    }

    fn secret(text: &str) -> SecretName {
        SecretName::parse(text).expect("a name")
    }

    /// A row called `X` there, of a secret of ours or of nobody's.
    fn row(location: &str, ours: Option<&str>, verdict: Verdict) -> Row {
        let (store, holder) = match location.split_once(':') {
            Some(("github", rest)) => (GithubStore::Actions, rest),
            Some(("github-variables", rest)) => (GithubStore::Variables, rest),
            other => panic!("{other:?}"),
        };
        let holder = match (holder.split_once('@'), holder.contains('/')) {
            (Some((repository, environment)), _) => {
                GithubHolder::Environment { repository: repository.to_owned(), environment: environment.to_owned() }
            }
            (None, true) => GithubHolder::Repository { repository: holder.to_owned() },
            (None, false) => GithubHolder::Organization { organization: holder.to_owned() },
        };
        Row {
            place: Place {
                environment: environment("staging"),
                target: TargetName::parse("ci").expect("a name"),
                location: Location::Github { store, holder },
            },
            secret: ours.map(secret),
            remote_name: RemoteName::new("X"),
            judgement: Judgement { verdict, proof: Proof::None },
            rollout: RolloutState::none(),
            detail: String::new(),
            shown: (verdict != Verdict::Missing).then_some(SealedEvidence::Name),
            vouched: false,
            written: None,
            ignored: false,
            accepted: false,
            digests_changed: false,
            over: false,
            mode: RolloutMode::default(),
        }
    }

    fn found(rows: &[Row], access: Option<&Access>) -> Vec<String> {
        let entry = |value: &str| Entry {
            value: SecretValue::copied_from(value),
            template: None,
            previous: None,
            rotated: None,
            expires: None,
            source: Source { file: String::new(), line: 1 },
        };
        let values = [("A", "one"), ("SAME", "one"), ("B", "two")];
        let inventory = Inventory {
            environment: environment("staging"),
            entries: values.iter().map(|(name, value)| (secret(name), entry(value))).collect(),
            beside: BTreeSet::new(),
            over: BTreeSet::new(),
            problems: Vec::new(),
        };
        let key = FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]));
        let text = |shadow: Shadow<'_>| {
            let sign = if shadow.differ { "differs from" } else { "hides" };
            format!("{} {sign} {}", shadow.winner.place.location, shadow.hidden.place.location)
        };
        shadows(rows, &inventory, &key, |_, _| access).into_iter().map(text).collect()
    }

    #[test]
    fn the_nearer_one_wins_where_the_two_are_not_known_to_be_equal() {
        use Verdict::{Behind, InSync, Missing, Unmanaged, Unverified};
        const ENVIRONMENT: &str = "github:acme/shop@eu";
        const REPOSITORY: &str = "github:acme/shop";
        const ORGANIZATION: &str = "github:acme";
        // (one, another, what is found)
        let table = [
            ((ENVIRONMENT, Some("A"), InSync), (REPOSITORY, Some("A"), InSync), None),
            ((ENVIRONMENT, Some("A"), InSync), (REPOSITORY, Some("SAME"), InSync), None),
            ((ENVIRONMENT, Some("A"), InSync), (REPOSITORY, Some("B"), InSync), Some("differs from")),
            ((ENVIRONMENT, None, Unmanaged), (REPOSITORY, Some("A"), InSync), Some("hides")),
            ((ENVIRONMENT, Some("A"), Behind), (REPOSITORY, Some("A"), InSync), Some("hides")),
            ((ENVIRONMENT, Some("A"), InSync), (REPOSITORY, None, Unmanaged), Some("hides")),
            ((ENVIRONMENT, None, Unmanaged), (REPOSITORY, None, Unmanaged), None),
            ((ENVIRONMENT, Some("A"), Missing), (REPOSITORY, Some("A"), Unverified), None),
            ((REPOSITORY, Some("A"), Unverified), (ORGANIZATION, None, Unmanaged), Some("hides")),
            ((ENVIRONMENT, Some("A"), Unverified), ("github:ACME", None, Unmanaged), Some("hides")),
            ((ENVIRONMENT, Some("A"), Unverified), ("github:acme/Shop", None, Unmanaged), Some("hides")),
            // Another repository, another environment, another store.
            ((ENVIRONMENT, Some("A"), Unverified), ("github:acme/other", None, Unmanaged), None),
            ((ENVIRONMENT, Some("A"), Unverified), ("github:acme/shop@us", None, Unmanaged), None),
            ((REPOSITORY, Some("A"), Unverified), ("github:other", None, Unmanaged), None),
            ((REPOSITORY, Some("A"), Unverified), ("github-variables:acme", None, Unmanaged), None),
        ];
        for (one, other, expected) in table {
            let rows = [row(one.0, one.1, one.2), row(other.0, other.1, other.2)];
            let expected: Vec<String> = expected.iter().map(|sign| format!("{} {sign} {}", one.0, other.0)).collect();
            assert_eq!(found(&rows, None), expected, "{one:?}, {other:?}");
            let [one, other] = rows;
            assert_eq!(found(&[other, one], None), expected, "in the other order");
        }
    }

    #[test]
    fn what_is_accepted_or_out_of_reach_is_not_hidden() {
        let rows =
            || [row("github:acme/shop", Some("A"), Verdict::Unverified), row("github:acme", None, Verdict::Unmanaged)];
        let selected = |name: &str| Access::Selected(BTreeMap::from([(7, name.to_owned())]));
        assert_eq!(found(&rows(), Some(&selected("acme/shop"))).len(), 1);
        assert_eq!(found(&rows(), Some(&selected("acme/other"))).len(), 0);
        let [ours, theirs] = rows();
        assert_eq!(found(&[ours, Row { ignored: true, ..theirs }], None).len(), 0);
    }
}
