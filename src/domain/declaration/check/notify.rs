//! Checking who is told of an audit.

use vault_schema::project;

use super::super::notify::{is_mail_address, is_repository};
use super::super::{AddressSource, IssueSpec, MailServer, MailSpec, NotifyRules, WebhookSpec};
use super::{Checker, FaultKind, PathStep, below, is_safe_url, token_source};
use crate::domain::secret::SecretValue;

impl Checker<'_> {
    pub(super) fn notify(&mut self, notify: &project::Notify) -> NotifyRules {
        let path = ["notify".into()];
        if notify.webhook.is_empty() && notify.mail.is_none() && notify.issue.is_none() {
            self.fault(&path, FaultKind::NobodyToTell);
        }
        let mut webhooks = Vec::new();
        for (index, webhook) in notify.webhook.iter().enumerate() {
            let address = match token_source(&webhook.url) {
                Some(source) => AddressSource::Kept(source),
                None if is_safe_url(&webhook.url) => AddressSource::Written(SecretValue::copied_from(&webhook.url)),
                None => {
                    let path = below(&path, ["webhook".into(), index.into(), "url".into()]);
                    self.fault(&path, FaultKind::Webhook);
                    continue;
                }
            };
            webhooks.push(WebhookSpec { address, format: webhook.format });
        }
        NotifyRules {
            on: notify.on,
            webhooks,
            mail: notify.mail.as_ref().and_then(|mail| self.mail(&below(&path, ["mail".into()]), mail)),
            issue: notify.issue.as_ref().and_then(|issue| self.issue(&below(&path, ["issue".into()]), issue)),
        }
    }

    fn mail(&mut self, path: &[PathStep], mail: &project::Mail) -> Option<MailSpec> {
        let server = MailServer::parse(&mail.smtp);
        if server.is_none() {
            self.fault(&below(path, ["smtp".into()]), FaultKind::MailServer);
        }
        if !is_mail_address(&mail.from) {
            self.fault(&below(path, ["from".into()]), FaultKind::MailAddress);
        }
        if mail.to.is_empty() {
            self.fault(&below(path, ["to".into()]), FaultKind::NoRecipient);
        }
        for (index, address) in mail.to.iter().enumerate() {
            if !is_mail_address(address) {
                self.fault(&below(path, ["to".into(), index.into()]), FaultKind::MailAddress);
            }
        }
        let login = match (&mail.user, &mail.password) {
            (None, None) => None,
            (Some(user), Some(password)) => {
                let source = token_source(password);
                if source.is_none() {
                    self.fault(&below(path, ["password".into()]), FaultKind::Password);
                }
                source.map(|source| (user.clone(), source))
            }
            _ => {
                self.fault(path, FaultKind::HalfALogin);
                None
            }
        };
        Some(MailSpec { server: server?, from: mail.from.clone(), to: mail.to.clone(), login })
    }

    fn issue(&mut self, path: &[PathStep], issue: &project::Issue) -> Option<IssueSpec> {
        let is_repository = is_repository(&issue.repository);
        if !is_repository {
            self.fault(&below(path, ["repository".into()]), FaultKind::Repository);
        }
        let token = issue.token.as_deref().and_then(|text| {
            let source = token_source(text);
            if source.is_none() {
                self.fault(&below(path, ["token".into()]), FaultKind::Token);
            }
            source
        });
        is_repository.then(|| IssueSpec { repository: issue.repository.clone(), token })
    }
}
