//! Places: the one spot in the world where a target keeps its secrets, and the rules for names there.

use std::fmt;

use vault_schema::project::TargetKind;

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
    /// The Actions secrets of a GitHub repository.
    GithubRepository {
        /// `owner/name`.
        repository: String,
    },
    /// The Actions secrets of one environment of a GitHub repository.
    GithubEnvironment {
        /// `owner/name`.
        repository: String,
        /// The environment's name at GitHub, unescaped.
        environment: String,
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
            Self::GithubRepository { .. } | Self::GithubEnvironment { .. } => TargetKind::Github,
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
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlyApp { app } => write!(formatter, "fly:{app}"),
            Self::GithubRepository { repository } => write!(formatter, "github:{repository}"),
            Self::GithubEnvironment { repository, environment } => {
                write!(formatter, "github:{repository}@{environment}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_the_place() {
        let fly = Location::FlyApp { app: "shop".to_owned() };
        let github = Location::GithubRepository { repository: "acme/shop".to_owned() };
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
