//! Sharing: which repositories may use what an organization holds.
//!
//! GitHub takes this with every value of a secret that is written, so that a value written with the wrong one would
//! widen or narrow access. An update says what GitHub says just before; only what is made new gets what is declared.

use std::collections::BTreeMap;

use super::{GithubPlace, PAGES, wire};
use crate::domain::access::{Access, DeclaredAccess};
use crate::domain::name::RemoteName;
use crate::targets::client::Ask;
use crate::targets::error::Unusable;
use crate::targets::{TargetError, Write};

impl GithubPlace {
    /// Returns who may use one secret or variable, or `None` if it changed while that was read.
    pub(super) async fn access(
        &self,
        name: &RemoteName,
        visibility: wire::Visibility,
        ask: Ask,
    ) -> Result<Option<Access>, TargetError> {
        match visibility {
            wire::Visibility::All => Ok(Some(Access::All)),
            wire::Visibility::Private => Ok(Some(Access::Private)),
            wire::Visibility::Selected => match self.selected(name, ask).await {
                Ok(repositories) => Ok(repositories.map(Access::Selected)),
                // It was removed, or is shared in another way now.
                Err(TargetError::NotFound { .. } | TargetError::Rejected { status: 409, .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Reads the list of those that may use it, or `None` if its pages do not agree.
    async fn selected(&self, name: &RemoteName, ask: Ask) -> Result<Option<BTreeMap<u64, String>>, TargetError> {
        let path = self.path(&[name.as_str(), "repositories"]);
        let mut read = self.get_page::<wire::Repositories>(&path, &[("per_page", "100")], ask).await?;
        let mut repositories = BTreeMap::new();
        let mut total = None;
        for _ in 0..PAGES {
            let (page, answer) = read;
            if *total.get_or_insert(page.total_count) != page.total_count {
                return Ok(None);
            }
            repositories.extend(page.repositories.into_iter().map(|repository| (repository.id, repository.full_name)));
            match self.get_next_page(&answer, ask).await? {
                Some(next) => read = next,
                None => return Ok((total == Some(repositories.len())).then_some(repositories)),
            }
        }
        Err(TargetError::Unexpected(format!("the list of repositories has more than {PAGES} pages")))
    }

    /// Returns what a write has to say of who may use it: what is there just now, or what is declared if it is to be
    /// made. None where a place has no such notion. What somebody has written since it was looked at shows here as well,
    /// and is not written over.
    pub(super) async fn sharing(&self, write: &Write<'_>) -> Result<Option<wire::Sharing>, TargetError> {
        if self.declared.is_none() {
            return Ok(None);
        }
        let there = self.one(write.name).await?.map(|(_, observed)| observed);
        // Whoever may use what was removed is not known, and is not guessed.
        if there.as_ref().and_then(|observed| observed.written) != write.last_written {
            return Err(TargetError::Moved);
        }
        match there.and_then(|observed| observed.access) {
            Some(access) => Ok(Some(match access {
                Access::All => wire::Sharing { visibility: wire::Visibility::All, ids: None },
                Access::Private => wire::Sharing { visibility: wire::Visibility::Private, ids: None },
                Access::Selected(repositories) => wire::Sharing {
                    visibility: wire::Visibility::Selected,
                    ids: Some(repositories.into_keys().collect()),
                },
            })),
            None => self.declared_sharing().await,
        }
    }

    /// Returns what a write that makes something has to say of who may use it.
    pub(super) async fn declared_sharing(&self) -> Result<Option<wire::Sharing>, TargetError> {
        let Some(declared) = &self.declared else { return Ok(None) };
        let known = self.sharing_of_new.lock().expect("no holder of the sharing panics").clone();
        if known.is_some() {
            return Ok(known);
        }
        let sharing = match declared {
            DeclaredAccess::All => wire::Sharing { visibility: wire::Visibility::All, ids: None },
            DeclaredAccess::Private => wire::Sharing { visibility: wire::Visibility::Private, ids: None },
            DeclaredAccess::Selected(repositories) => {
                let mut ids = Vec::with_capacity(repositories.len());
                for repository in repositories {
                    ids.push(self.repository_id(repository).await?);
                }
                wire::Sharing { visibility: wire::Visibility::Selected, ids: Some(ids) }
            }
        };
        *self.sharing_of_new.lock().expect("no holder of the sharing panics") = Some(sharing.clone());
        Ok(Some(sharing))
    }

    /// Asks for the id of a repository, given as `owner/name`.
    async fn repository_id(&self, repository: &str) -> Result<u64, TargetError> {
        let (owner, name) = repository.split_once('/').ok_or(TargetError::Unusable(Unusable::Path))?;
        match self.get(&["repos", owner, name], &[]).await {
            Ok(answer) => Ok(answer.json::<wire::Repository>()?.id),
            Err(TargetError::NotFound { needs, of_workflow, .. }) => {
                Err(TargetError::NotFound { what: format!("the repository `{repository}`"), needs, of_workflow })
            }
            Err(error) => Err(error),
        }
    }
}
