//! Places: the one spot in the world where a target keeps its secrets, and the rules for names there.

use std::fmt;

use vault_schema::project::TargetKind;

pub use vault_schema::project::GithubStore;

use super::name::{EnvironmentName, RemoteName, TargetName};

/// One environment's share of one target: what an observation is made of and a push goes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The environment whose values go there.
    pub environment: EnvironmentName,
    /// The target's name in `undrift.toml`.
    pub target: TargetName,
    /// Where it is.
    pub location: Location,
}

/// Where secrets are kept, independent of any name in `undrift.toml`; receipts are filed under it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A Fly app.
    FlyApp {
        /// Its name.
        app: String,
    },
    /// Secrets or variables at GitHub.
    Github {
        /// Which product reads them.
        store: GithubStore,
        /// Whose they are.
        holder: GithubHolder,
    },
}

/// Whose secrets or variables they are, at GitHub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GithubHolder {
    /// A repository's.
    Repository {
        /// `owner/name`.
        repository: String,
    },
    /// Those of one environment of a repository.
    Environment {
        /// `owner/name`.
        repository: String,
        /// The environment's name at GitHub, unescaped.
        environment: String,
    },
    /// Those that an organization shares with its repositories.
    Organization {
        /// Its name.
        organization: String,
    },
}

/// Why a name cannot be written at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRule {
    /// Fly: what an environment variable may be called.
    #[error("Fly takes letters, digits and `_`, and no digit first")]
    FlyCharacters,
    /// Fly: names that the platform sets itself.
    #[error("names that begin with `FLY_` are set by Fly itself")]
    FlyReserved,
    /// GitHub: what a secret may be called.
    #[error("GitHub takes letters, digits and `_`, and no digit first")]
    GithubCharacters,
    /// GitHub: a reserved prefix.
    #[error("names that begin with `GITHUB_` are reserved by GitHub")]
    GithubReserved,
}

impl Location {
    /// Returns the kind of target it belongs to.
    pub const fn kind(&self) -> TargetKind {
        match self {
            Self::FlyApp { .. } => TargetKind::Fly,
            Self::Github { .. } => TargetKind::Github,
        }
    }

    /// Returns the name in the form in which the place will list it.
    ///
    /// GitHub stores names in upper case however they are written (GitHub documentation, "Naming your secrets"); Fly
    /// keeps them as they are.
    pub fn canonical(&self, name: &str) -> RemoteName {
        match self.kind() {
            TargetKind::Fly => RemoteName::new(name),
            TargetKind::Github => RemoteName::new(name.to_ascii_uppercase()),
        }
    }

    /// Checks that a name may be written there.
    pub fn check_name(&self, name: &RemoteName) -> Result<(), NameRule> {
        let text = name.as_str();
        let is_variable = !text.is_empty()
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match self.kind() {
            TargetKind::Fly if !is_variable => Err(NameRule::FlyCharacters),
            TargetKind::Fly if text.starts_with("FLY_") => Err(NameRule::FlyReserved),
            TargetKind::Github if !is_variable => Err(NameRule::GithubCharacters),
            TargetKind::Github if text.to_ascii_uppercase().starts_with("GITHUB_") => Err(NameRule::GithubReserved),
            TargetKind::Fly | TargetKind::Github => Ok(()),
        }
    }

    /// Returns the largest value the place takes, in bytes, where that is known.
    ///
    /// GitHub: 48 KB (GitHub documentation, "Limits for secrets"). Fly states none; Linux bounds one `NAME=value` to
    /// 128 KiB, beyond which the program on the machine could not be started.
    pub const fn largest_value(&self) -> usize {
        match self.kind() {
            TargetKind::Fly => 128 * 1024 - 256,
            TargetKind::Github => 48 * 1024,
        }
    }

    /// Returns how many names the place takes, where that is known.
    ///
    /// GitHub documentation, "Limits for secrets" and "Limits for configuration variables"; for Codespaces 100 of
    /// either holder, and for Dependabot nothing is said.
    pub const fn capacity(&self) -> Option<usize> {
        let Self::Github { store, holder } = self else { return None };
        match (store, holder) {
            (GithubStore::Dependabot, _) => None,
            (GithubStore::Actions | GithubStore::Variables, GithubHolder::Organization { .. }) => Some(1000),
            (GithubStore::Variables, GithubHolder::Repository { .. }) => Some(500),
            (GithubStore::Actions | GithubStore::Codespaces | GithubStore::Variables, _) => Some(100),
        }
    }

    /// Returns whether whoever may look there sees the values themselves.
    pub const fn shows_values(&self) -> bool {
        matches!(self, Self::Github { store: GithubStore::Variables, .. })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlyApp { app } => write!(formatter, "fly:{app}"),
            Self::Github { store: GithubStore::Actions, holder } => write!(formatter, "github:{holder}"),
            Self::Github { store, holder } => write!(formatter, "github-{}:{holder}", store.as_str()),
        }
    }
}

impl fmt::Display for GithubHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { repository } => formatter.write_str(repository),
            Self::Environment { repository, environment } => write!(formatter, "{repository}@{environment}"),
            Self::Organization { organization } => formatter.write_str(organization),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github(store: GithubStore, holder: GithubHolder) -> Location {
        Location::Github { store, holder }
    }

    fn repository() -> GithubHolder {
        GithubHolder::Repository { repository: "acme/shop".to_owned() }
    }

    #[test]
    fn places_have_one_text_and_the_size_that_github_states() {
        let environment =
            || GithubHolder::Environment { repository: "acme/shop".to_owned(), environment: "eu/west".to_owned() };
        let organization = || GithubHolder::Organization { organization: "acme".to_owned() };
        let table = [
            (GithubStore::Actions, repository(), "github:acme/shop", Some(100)),
            (GithubStore::Actions, environment(), "github:acme/shop@eu/west", Some(100)),
            (GithubStore::Actions, organization(), "github:acme", Some(1000)),
            (GithubStore::Dependabot, repository(), "github-dependabot:acme/shop", None),
            (GithubStore::Dependabot, organization(), "github-dependabot:acme", None),
            (GithubStore::Codespaces, repository(), "github-codespaces:acme/shop", Some(100)),
            (GithubStore::Codespaces, organization(), "github-codespaces:acme", Some(100)),
            (GithubStore::Variables, repository(), "github-variables:acme/shop", Some(500)),
            (GithubStore::Variables, environment(), "github-variables:acme/shop@eu/west", Some(100)),
            (GithubStore::Variables, organization(), "github-variables:acme", Some(1000)),
        ];
        for (store, holder, text, capacity) in table {
            let location = github(store, holder);
            assert_eq!((location.to_string().as_str(), location.capacity()), (text, capacity));
            assert_eq!(location.shows_values(), store == GithubStore::Variables);
        }
        assert_eq!(Location::FlyApp { app: "shop".to_owned() }.capacity(), None);
    }

    #[test]
    fn names_follow_the_rules_of_the_place() {
        let fly = Location::FlyApp { app: "shop".to_owned() };
        let github = github(GithubStore::Actions, repository());
        let check = |location: &Location, name: &str| location.check_name(&RemoteName::new(name));
        assert_eq!(check(&fly, "A1_b"), Ok(()));
        assert_eq!(check(&fly, "1A"), Err(NameRule::FlyCharacters));
        assert_eq!(check(&fly, "A-B"), Err(NameRule::FlyCharacters));
        assert_eq!(check(&fly, "FLY_APP_NAME"), Err(NameRule::FlyReserved));
        assert_eq!(check(&github, "GITHUB_TOKEN"), Err(NameRule::GithubReserved));
        assert_eq!(check(&github, "github_token"), Err(NameRule::GithubReserved));
        assert_eq!(check(&github, "FLY_TOKEN"), Ok(()));
        assert_eq!(check(&github, ""), Err(NameRule::GithubCharacters));
        assert_eq!(github.canonical("foo"), RemoteName::new("FOO"));
        assert_eq!(fly.canonical("foo"), RemoteName::new("foo"));
    }
}
