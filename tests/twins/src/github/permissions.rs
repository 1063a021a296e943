//! What a token may do, in the terms of fine-grained tokens.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// A permission a fine-grained token can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Actions, which includes listing environments and artifacts.
    Actions,
    /// Administration, which includes creating environments.
    Administration,
    /// Issues of repositories.
    Issues,
    /// Secrets of repositories.
    Secrets,
    /// Variables of repositories.
    Variables,
    /// Secrets and variables of environments.
    Environments,
    /// Dependabot secrets of repositories.
    DependabotSecrets,
    /// Codespaces secrets of repositories.
    CodespacesSecrets,
    /// Codespaces secrets of the user.
    CodespacesUserSecrets,
    /// Secrets of organizations.
    OrganizationSecrets,
    /// Variables of organizations.
    OrganizationVariables,
    /// Dependabot secrets of organizations.
    OrganizationDependabotSecrets,
    /// Codespaces secrets of organizations.
    OrganizationCodespacesSecrets,
}

impl Permission {
    /// Returns the name by which the API calls the permission.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Administration => "administration",
            Self::Issues => "issues",
            Self::Secrets => "secrets",
            Self::Variables => "actions_variables",
            Self::Environments => "environments",
            Self::DependabotSecrets => "dependabot_secrets",
            Self::CodespacesSecrets => "codespaces_secrets",
            Self::CodespacesUserSecrets => "codespaces_user_secrets",
            Self::OrganizationSecrets => "organization_secrets",
            Self::OrganizationVariables => "organization_actions_variables",
            Self::OrganizationDependabotSecrets => "organization_dependabot_secrets",
            Self::OrganizationCodespacesSecrets => "organization_codespaces_secrets",
        }
    }
}

/// How far a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Not at all.
    None,
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

/// What a token may do.
///
/// ```
/// # use twins::{Access, Permission, Permissions};
/// let auditor = Permissions::all(Access::Read).with(Permission::Environments, Access::None);
/// ```
#[derive(Clone, Debug)]
pub struct Permissions {
    otherwise: Access,
    granted: BTreeMap<Permission, Access>,
    repositories: Option<BTreeSet<String>>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Permissions {
    /// Returns every permission with this access, for every repository.
    pub fn all(access: Access) -> Self {
        Self { otherwise: access, granted: BTreeMap::new(), repositories: None, expires_at: None }
    }

    /// Changes one permission.
    #[must_use]
    pub fn with(mut self, permission: Permission, access: Access) -> Self {
        self.granted.insert(permission, access);
        self
    }

    /// Limits the token to these repositories, given as `owner/name`; it sees no other.
    #[must_use]
    pub fn only_repositories(mut self, repositories: &[&str]) -> Self {
        self.repositories = Some(repositories.iter().map(|repository| repository.to_lowercase()).collect());
        self
    }

    /// Announces in every answer that the token expires at this time. The twin goes on accepting it.
    #[must_use]
    pub fn expires_at(mut self, moment: Timestamp) -> Self {
        self.expires_at = Some(moment);
        self
    }

    pub(super) fn grant(&self, permission: Permission) -> Access {
        self.granted.get(&permission).copied().unwrap_or(self.otherwise)
    }

    pub(super) fn see(&self, repository: &str) -> bool {
        self.repositories.as_ref().is_none_or(|repositories| repositories.contains(&repository.to_lowercase()))
    }
}
