//! Checking what is declared of one target.

use vault_schema::project::{self, GithubScope, GithubStore, GithubVisibility, TargetKind};

use super::super::{AccessSpec, HolderSpec, Target, TargetSpec};
use super::{Checker, FaultKind, PathStep, below, is_safe_url, token_source};
use crate::domain::template::{Template, TemplateError};

impl Checker<'_> {
    pub(super) fn target(&mut self, path: &[PathStep], target: &project::Target) -> Option<Target> {
        let before = self.faults.len();
        let environments = self.environments(path, target.environments.as_deref());
        let name = self.template(path, "name", target.name.as_deref().or(Some("{name}")), Template::secret);
        let token = target.token.as_deref().and_then(|text| {
            token_source(text).or_else(|| {
                self.fault(&below(path, ["token".into()]), FaultKind::Token);
                None
            })
        });
        if let Some(url) = &target.api_url
            && !is_safe_url(url)
        {
            self.fault(&below(path, ["api-url".into()]), FaultKind::ApiUrl);
        }
        let spec = match target.kind {
            TargetKind::Fly => self.fly(path, target),
            TargetKind::Github => self.github(path, target),
        }?;
        let name = name?;
        (self.faults.len() == before).then(|| Target {
            spec,
            environments,
            name,
            token,
            api_url: target.api_url.clone(),
        })
    }

    fn fly(&mut self, path: &[PathStep], target: &project::Target) -> Option<TargetSpec> {
        for (key, present) in [
            ("repository", target.repository.is_some()),
            ("scope", target.scope.is_some()),
            ("environment", target.environment.is_some()),
            ("organization", target.organization.is_some()),
            ("visibility", target.visibility.is_some()),
            ("repositories", target.repositories.is_some()),
            ("store", target.store.is_some()),
        ] {
            self.foreign(path, target.kind, key, present, "");
        }
        let app = self.required(path, target.kind, "app", target.app.as_deref())?;
        Some(TargetSpec::Fly { app, rollout: target.rollout.unwrap_or_default() })
    }

    fn github(&mut self, path: &[PathStep], target: &project::Target) -> Option<TargetSpec> {
        self.foreign(path, target.kind, "app", target.app.is_some(), "");
        self.foreign(path, target.kind, "rollout", target.rollout.is_some(), "");
        let scope = target.scope.unwrap_or_default();
        let store = target.store.unwrap_or_default();
        if scope == GithubScope::Environment && matches!(store, GithubStore::Dependabot | GithubStore::Codespaces) {
            self.fault(&below(path, ["store".into()]), FaultKind::NoSuchStore(store.as_str()));
        }
        let needs_organization = "it needs `scope = \"organization\"`";
        for (key, present, scopes, reason) in [
            (
                "environment",
                target.environment.is_some(),
                &[GithubScope::Environment][..],
                "it needs `scope = \"environment\"`",
            ),
            ("organization", target.organization.is_some(), &[GithubScope::Organization], needs_organization),
            ("visibility", target.visibility.is_some(), &[GithubScope::Organization], needs_organization),
            ("repositories", target.repositories.is_some(), &[GithubScope::Organization], needs_organization),
            (
                "repository",
                target.repository.is_some(),
                &[GithubScope::Repository, GithubScope::Environment],
                "those that may use its secrets stand in `repositories`",
            ),
        ] {
            self.foreign(path, target.kind, key, present && !scopes.contains(&scope), reason);
        }
        let holder = match scope {
            GithubScope::Repository => HolderSpec::Repository { repository: self.repository(path, target)? },
            GithubScope::Environment => {
                let repository = self.repository(path, target);
                let environment = self.required(path, target.kind, "environment", target.environment.as_deref());
                HolderSpec::Environment { repository: repository?, environment: environment? }
            }
            GithubScope::Organization => {
                let organization = self.required(path, target.kind, "organization", target.organization.as_deref());
                if target.organization.as_ref().is_some_and(|text| text.contains('/')) {
                    self.fault(&below(path, ["organization".into()]), FaultKind::Organization);
                }
                let access = self.access(path, target);
                HolderSpec::Organization { organization: organization?, access: access? }
            }
        };
        Some(TargetSpec::Github { store, holder })
    }

    fn repository(&mut self, path: &[PathStep], target: &project::Target) -> Option<Template> {
        let repository = self.required(path, target.kind, "repository", target.repository.as_deref());
        if target.repository.as_ref().is_some_and(|text| owner(text).is_none()) {
            self.fault(&below(path, ["repository".into()]), FaultKind::Repository);
        }
        repository
    }

    /// Never every repository unless that is written.
    fn access(&mut self, path: &[PathStep], target: &project::Target) -> Option<AccessSpec> {
        match (target.visibility, &target.repositories) {
            (None | Some(GithubVisibility::Selected), Some(repositories)) => {
                let before = self.faults.len();
                let mut selected = Vec::new();
                for (index, text) in repositories.iter().enumerate() {
                    let path = below(path, ["repositories".into(), index.into()]);
                    let organization = target.organization.as_deref().unwrap_or_default();
                    match owner(text) {
                        None => self.fault(&path, FaultKind::Repository),
                        Some(owner) if !owner.eq_ignore_ascii_case(organization) => {
                            let organization = organization.to_owned();
                            self.fault(&path, FaultKind::RepositoryForeign { organization });
                        }
                        Some(_) => match Template::place(text) {
                            Ok(template) => selected.push(template),
                            Err(error) => self.fault(&path, FaultKind::Template(error)),
                        },
                    }
                }
                (self.faults.len() == before).then_some(AccessSpec::Selected(selected))
            }
            (Some(GithubVisibility::Selected), None) => {
                self.fault(path, FaultKind::KeyMissing { kind: target.kind.as_str(), key: "repositories" });
                None
            }
            (visibility, repositories) => {
                let reason = "it needs `visibility = \"selected\"`";
                self.foreign(path, target.kind, "repositories", repositories.is_some(), reason);
                Some(if visibility == Some(GithubVisibility::All) { AccessSpec::All } else { AccessSpec::Private })
            }
        }
    }

    fn required(
        &mut self,
        path: &[PathStep],
        kind: TargetKind,
        key: &'static str,
        text: Option<&str>,
    ) -> Option<Template> {
        if text.is_none() {
            self.fault(path, FaultKind::KeyMissing { kind: kind.as_str(), key });
        }
        self.template(path, key, text, Template::place)
    }

    fn template(
        &mut self,
        path: &[PathStep],
        key: &'static str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<Template, TemplateError>,
    ) -> Option<Template> {
        parse(text?).map_err(|error| self.fault(&below(path, [key.into()]), FaultKind::Template(error))).ok()
    }

    fn foreign(&mut self, path: &[PathStep], kind: TargetKind, key: &'static str, present: bool, reason: &'static str) {
        if present {
            let kind = FaultKind::KeyForeign { kind: kind.as_str(), key, reason };
            self.fault(&below(path, [key.into()]), kind);
        }
    }
}

/// Returns the owner in `owner/name`.
fn owner(repository: &str) -> Option<&str> {
    let (owner, name) = repository.split_once('/')?;
    (!owner.is_empty() && !name.is_empty() && !name.contains('/')).then_some(owner)
}
