//! Access: which repositories may use what an organization holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::name::RemoteName;
use super::observation::Observation;

/// How many of an organization's secrets a workflow sees: the first ones by name, of those that its repository may use
/// (GitHub documentation, "Limits for secrets").
const SEEN: usize = 100;

/// Which repositories may use a secret or variable, as its organization shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every one, public ones too.
    All,
    /// Those that are not public.
    Private,
    /// These, by their id; a repository that is renamed keeps it.
    Selected(BTreeMap<u64, String>),
}

/// Which repositories may use what is made at an organization, as `undrift.toml` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredAccess {
    /// Every one, public ones too.
    All,
    /// Those that are not public.
    Private,
    /// These, each `owner/name`.
    Selected(BTreeSet<String>),
}

impl Access {
    /// Returns whether it is what is declared. GitHub does not tell names by their case.
    pub fn is(&self, declared: &DeclaredAccess) -> bool {
        match (self, declared) {
            (Self::All, DeclaredAccess::All) | (Self::Private, DeclaredAccess::Private) => true,
            (Self::Selected(there), DeclaredAccess::Selected(declared)) => {
                folded(there.values()) == folded(declared.iter())
            }
            (Self::All | Self::Private | Self::Selected(_), _) => false,
        }
    }

    /// Returns whether a repository, given as `owner/name`, may be among those that may use it.
    pub fn may_admit(&self, repository: &str) -> bool {
        match self {
            Self::All | Self::Private => true,
            Self::Selected(repositories) => repositories.values().any(|one| one.eq_ignore_ascii_case(repository)),
        }
    }

    /// Returns the one text of it: two that are alike have the same.
    pub fn canonical(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Private => "private".to_owned(),
            Self::Selected(repositories) => {
                let ids = repositories.keys().map(|id| format!(" {id}"));
                std::iter::once("selected".to_owned()).chain(ids).collect()
            }
        }
    }
}

fn folded<'a>(names: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    names.map(|name| name.to_ascii_lowercase()).collect()
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("every repository"),
            Self::Private => formatter.write_str("every private repository"),
            Self::Selected(repositories) => write_names(formatter, repositories.values()),
        }
    }
}

impl fmt::Display for DeclaredAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("every repository"),
            Self::Private => formatter.write_str("every private repository"),
            Self::Selected(repositories) => write_names(formatter, repositories.iter()),
        }
    }
}

fn write_names<'a>(formatter: &mut fmt::Formatter<'_>, names: impl Iterator<Item = &'a String>) -> fmt::Result {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { formatter.write_str("no repository") } else { formatter.write_str(&names.join(", ")) }
}

/// Returns those of these names, in their order, that the workflows of some repository do not see, because as many as
/// they see come before it.
pub fn beyond_reach<'a>(
    observation: &Observation,
    ours: impl IntoIterator<Item = &'a RemoteName>,
) -> Vec<&'a RemoteName> {
    let mut everywhere = 0;
    let mut by_repository: BTreeMap<u64, usize> = BTreeMap::new();
    let mut hidden = BTreeSet::new();
    for (name, observed) in &observation.entries {
        let most = match &observed.access {
            Some(Access::Selected(repositories)) => {
                let counts = repositories.keys().map(|id| {
                    let count = by_repository.entry(*id).or_default();
                    *count += 1;
                    *count
                });
                counts.max().map_or(0, |count| everywhere + count)
            }
            Some(Access::All | Access::Private) | None => {
                everywhere += 1;
                everywhere + by_repository.values().max().copied().unwrap_or_default()
            }
        };
        if most > SEEN {
            hidden.insert(name);
        }
    }
    ours.into_iter().filter(|name| hidden.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::observation::{Evidence, Observed, RolloutState};

    fn selected(repositories: &[(u64, &str)]) -> Access {
        Access::Selected(repositories.iter().map(|(id, name)| (*id, (*name).to_owned())).collect())
    }

    fn declared(repositories: &[&str]) -> DeclaredAccess {
        DeclaredAccess::Selected(repositories.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn access_is_as_declared_or_it_is_not() {
        let shop = || selected(&[(7, "acme/shop")]);
        // (there, declared, the same)
        let table = [
            (Access::All, DeclaredAccess::All, true),
            (Access::All, DeclaredAccess::Private, false),
            (Access::Private, DeclaredAccess::Private, true),
            (Access::Private, DeclaredAccess::All, false),
            (Access::Private, declared(&["acme/shop"]), false),
            (shop(), declared(&["Acme/Shop"]), true),
            (shop(), declared(&["acme/shop", "acme/other"]), false),
            (shop(), declared(&[]), false),
            (selected(&[]), declared(&[]), true),
            (shop(), DeclaredAccess::All, false),
        ];
        for (there, declared, same) in table {
            assert_eq!(there.is(&declared), same, "{there}, {declared}");
        }
    }

    #[test]
    fn a_repository_that_is_renamed_is_the_same_one() {
        assert_eq!(selected(&[(7, "acme/shop"), (3, "acme/a")]).canonical(), "selected 3 7");
        assert_eq!(selected(&[(7, "acme/new-name"), (3, "acme/a")]).canonical(), "selected 3 7");
        let texts = [Access::All, Access::Private, selected(&[])].map(|access| access.canonical());
        assert_eq!(texts, ["all", "private", "selected"]);
    }

    fn listing(entries: impl IntoIterator<Item = (String, Access)>) -> Observation {
        let at = Timestamp::UNIX_EPOCH;
        let observed = |access| Observed {
            evidence: Evidence::Times { created: at, updated: at },
            rollout: RolloutState::none(),
            written: None,
            access: Some(access),
        };
        let entries = entries.into_iter().map(|(name, access)| (RemoteName::new(name), observed(access)));
        Observation { entries: entries.collect(), ..Observation::default() }
    }

    #[test]
    fn a_workflow_sees_the_first_hundred_that_its_repository_may_use() {
        let shop = || selected(&[(7, "acme/shop"), (8, "acme/site")]);
        let many = |access: &dyn Fn() -> Access, count: usize| {
            (0..count).map(|number| (format!("A_{number:03}"), access())).collect::<Vec<_>>()
        };
        let ours = [RemoteName::new("Z"), RemoteName::new("A_001")];
        // (those before it, who may use it, how many are hidden)
        let table = [
            (many(&|| Access::All, 99), Access::Private, 0),
            (many(&|| Access::All, 100), Access::Private, 1),
            (many(&|| Access::Private, 100), shop(), 1),
            (many(&shop, 100), Access::All, 1),
            (many(&shop, 100), selected(&[(8, "acme/site")]), 1),
            (many(&shop, 100), selected(&[(9, "acme/other")]), 0),
            (many(&shop, 100), selected(&[]), 0),
        ];
        for (before, access, expected) in table {
            let shown = format!("{} {access}", before.len());
            let listing = listing(before.into_iter().chain([("Z".to_owned(), access)]));
            assert_eq!(beyond_reach(&listing, &ours).len(), expected, "{shown}");
        }
    }
}
