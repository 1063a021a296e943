//! The places a secret can be kept in.

use super::permissions::Permission;
use super::state::{Kind, Sharing, Visibility};

/// A feature of GitHub that keeps secrets of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// Actions.
    Actions,
    /// Coding agents.
    Agents,
    /// Dependabot.
    Dependabot,
    /// Codespaces.
    Codespaces,
}

/// A place that has a list of secrets and a public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GitHubPlace {
    /// A repository, given as `owner/name`.
    Repository {
        /// The repository.
        repository: String,
        /// The feature.
        store: Store,
    },
    /// An environment of a repository.
    Environment {
        /// The repository.
        repository: String,
        /// The environment.
        environment: String,
    },
    /// An organization.
    Organization {
        /// The organization.
        organization: String,
        /// The feature.
        store: Store,
    },
    /// The codespaces of the token's user.
    User,
}

impl GitHubPlace {
    /// Returns the Actions secrets of a repository, given as `owner/name`.
    pub fn repository(repository: &str) -> Self {
        Self::Repository { repository: repository.to_owned(), store: Store::Actions }
    }

    /// Returns the secrets of an environment.
    pub fn environment(repository: &str, environment: &str) -> Self {
        Self::Environment { repository: repository.to_owned(), environment: environment.to_owned() }
    }

    /// Returns the Actions secrets of an organization.
    pub fn organization(organization: &str) -> Self {
        Self::Organization { organization: organization.to_owned(), store: Store::Actions }
    }

    /// Returns the same repository's or organization's secrets of another feature.
    #[must_use]
    pub fn in_store(self, store: Store) -> Self {
        match self {
            Self::Repository { repository, .. } => Self::Repository { repository, store },
            Self::Organization { organization, .. } => Self::Organization { organization, store },
            Self::Environment { .. } | Self::User => self,
        }
    }

    /// Returns the form under which the place is kept, since GitHub does not tell names by their case.
    pub(super) fn key(&self) -> Self {
        match self {
            Self::Repository { repository, store } => {
                Self::Repository { repository: repository.to_lowercase(), store: *store }
            }
            Self::Environment { repository, environment } => {
                Self::Environment { repository: repository.to_lowercase(), environment: environment.to_lowercase() }
            }
            Self::Organization { organization, store } => {
                Self::Organization { organization: organization.to_lowercase(), store: *store }
            }
            Self::User => Self::User,
        }
    }

    pub(super) fn permission(&self, kind: Kind) -> Permission {
        match (self, kind) {
            (Self::Repository { store: Store::Dependabot, .. }, _) => Permission::DependabotSecrets,
            (Self::Repository { store: Store::Codespaces, .. }, _) => Permission::CodespacesSecrets,
            (Self::Repository { .. }, Kind::Secrets) => Permission::Secrets,
            (Self::Repository { .. }, Kind::Variables) => Permission::Variables,
            (Self::Environment { .. }, _) => Permission::Environments,
            (Self::Organization { store: Store::Dependabot, .. }, _) => Permission::OrganizationDependabotSecrets,
            (Self::Organization { store: Store::Codespaces, .. }, _) => Permission::OrganizationCodespacesSecrets,
            (Self::Organization { .. }, Kind::Secrets) => Permission::OrganizationSecrets,
            (Self::Organization { .. }, Kind::Variables) => Permission::OrganizationVariables,
            (Self::User, _) => Permission::CodespacesUserSecrets,
        }
    }

    /// Returns how many items of a kind the place takes.
    pub(super) fn capacity(&self, kind: Kind) -> usize {
        match (self, kind) {
            (Self::Organization { .. }, _) => 1000,
            (Self::Repository { .. }, Kind::Variables) => 500,
            (Self::Repository { .. } | Self::Environment { .. } | Self::User, _) => 100,
        }
    }

    /// Returns the sharing of an item whose writer says nothing of it, for the places that have sharing.
    pub(super) fn default_sharing(&self) -> Option<Sharing> {
        let visibility = match self {
            Self::Repository { .. } | Self::Environment { .. } => return None,
            Self::Organization { .. } => Visibility::Private,
            Self::User => Visibility::Selected,
        };
        Some(Sharing { visibility, selected: std::collections::BTreeSet::new() })
    }
}
