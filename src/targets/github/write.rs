//! Writing: secrets are sealed and put, variables are made or changed.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use vault_schema::project::GithubStore;

use super::sealed_box::SealingKey;
use super::{GithubPlace, expect, wire};
use crate::domain::name::RemoteName;
use crate::domain::observation::Evidence;
use crate::domain::secret::SecretValue;
use crate::targets::{Effect, TargetError, Write};

impl GithubPlace {
    async fn fetch_key(&self) -> Result<SealingKey, TargetError> {
        let answer = self.get(&self.path(&["public-key"]), &[]).await?;
        let key = SealingKey::decode(answer.json()?)?;
        *self.key.lock().expect("no holder of the key panics") = Some(key.clone());
        Ok(key)
    }

    async fn key(&self) -> Result<SealingKey, TargetError> {
        let known = self.key.lock().expect("no holder of the key panics").clone();
        match known {
            Some(key) => Ok(key),
            None => self.fetch_key().await,
        }
    }

    /// Gets the key, and waits for the next second. What fails here is told by the write.
    pub(super) async fn make_ready_to_write(&self, last_written: Option<Timestamp>) {
        if self.store != GithubStore::Variables {
            let _ = self.key().await;
            self.wait_for_next_second(last_written).await;
        }
    }

    pub(super) async fn write_secret(&self, write: &Write<'_>) -> Effect {
        // What fails before the first byte of the write was sent has certainly not happened, whatever it is.
        let key = match self.key().await {
            Ok(key) => key,
            Err(error) => return Effect::Refused(error),
        };
        self.wait_for_next_second(write.last_written).await;
        let sharing = match self.sharing(write).await {
            Ok(sharing) => sharing,
            Err(error) => return Effect::Refused(error),
        };
        let effect = self.put(&key, write, sharing.as_ref()).await;
        if !matches!(effect, Effect::Refused(TargetError::Rejected { status: 422, .. })) {
            return effect;
        }
        // GitHub says so when the key has been replaced since we got it, and when it takes the value for invalid. Only
        // another key makes the same write another one.
        match self.fetch_key().await {
            Ok(fresh) if fresh != key => self.put(&fresh, write, sharing.as_ref()).await,
            Ok(_) | Err(_) => effect,
        }
    }

    async fn put(&self, key: &SealingKey, write: &Write<'_>, sharing: Option<&wire::Sharing>) -> Effect {
        let sealed = key.seal(write.value).map(|mut sealed| {
            if let Some(sharing) = sharing {
                sealed.share(sharing);
            }
            sealed
        });
        let body = match sealed.and_then(|sealed| sealed.to_json()) {
            Ok(body) => body,
            Err(error) => return Effect::Refused(error),
        };
        let answer = self.send(&Method::PUT, &self.path(&[write.name.as_str()]), Some(&body)).await;
        match answer.and_then(|answer| expect(&answer, &[StatusCode::CREATED, StatusCode::NO_CONTENT])) {
            Ok(()) => Effect::Accepted(None),
            Err(error) => Effect::failed(error),
        }
    }

    /// Waits until the place's clock has left the second of the last write, so that this one shows by its time.
    async fn wait_for_next_second(&self, last_written: Option<Timestamp>) {
        if let Some(last) = last_written {
            self.origin.wait_for_second_after(last).await;
        }
    }

    pub(super) async fn write_variable(&self, write: &Write<'_>) -> Effect {
        let accepted = || Effect::Accepted(Some(Evidence::Value(SecretValue::copied_from(write.value.expose()))));
        if write.last_written.is_some() {
            // Without a word on who may use it, GitHub leaves that as it is.
            let (name, visibility, selected_repository_ids) = (None, None, None);
            let changed = wire::Variable { name, value: write.value.expose(), visibility, selected_repository_ids };
            let path = self.path(&[write.name.as_str()]);
            return match self.send_variable(&Method::PATCH, &path, &changed, StatusCode::NO_CONTENT).await {
                Ok(()) => accepted(),
                Err(error) => Effect::failed(error),
            };
        }
        let sharing = match self.declared_sharing().await {
            Ok(sharing) => sharing,
            Err(error) => return Effect::Refused(error),
        };
        let made = wire::Variable {
            name: Some(write.name.as_str()),
            value: write.value.expose(),
            visibility: sharing.as_ref().map(|sharing| sharing.visibility),
            selected_repository_ids: sharing.and_then(|sharing| sharing.ids),
        };
        match self.send_variable(&Method::POST, &self.path(&[]), &made, StatusCode::CREATED).await {
            Ok(()) => accepted(),
            // It is there by now. That is only well if it is what we wanted to make.
            Err(TargetError::Rejected { status: 409, .. }) if self.holds(write).await => accepted(),
            Err(TargetError::Rejected { status: 409, .. }) => Effect::Refused(TargetError::Moved),
            Err(error) => Effect::failed(error),
        }
    }

    async fn send_variable(
        &self,
        method: &Method,
        path: &[&str],
        variable: &wire::Variable<'_>,
        status: StatusCode,
    ) -> Result<(), TargetError> {
        let body = variable.to_json()?;
        let answer = self.send(method, path, Some(&body)).await?;
        expect(&answer, &[status])
    }

    async fn holds(&self, write: &Write<'_>) -> bool {
        let Ok(Some((_, observed))) = self.one(write.name).await else { return false };
        matches!(observed.evidence, Evidence::Value(value) if value.expose() == write.value.expose())
    }

    pub(super) async fn remove_one(&self, name: &RemoteName) -> Effect {
        let answer = self.send(&Method::DELETE, &self.path(&[name.as_str()]), None).await;
        match answer.and_then(|answer| expect(&answer, &[StatusCode::NO_CONTENT])) {
            Ok(()) => Effect::Accepted(None),
            // GitHub says so as well to a token that may not write; then the secret can still be read.
            Err(error @ TargetError::NotFound { .. }) => match self.one(name).await {
                Ok(None) => Effect::Accepted(None),
                Ok(Some(_)) | Err(_) => Effect::Refused(error),
            },
            Err(error) => Effect::failed(error),
        }
    }
}
