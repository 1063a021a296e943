//! Who is told of audits: where the addresses, passwords and tokens are found that lead to them.

use std::time::Duration;

use vault_schema::project::TargetKind;

use super::{World, token};
use crate::domain::declaration::{AddressSource, IssueSpec, MailSpec, NotifyRules, TokenSource, WebhookSpec};
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::notify::{Channel, Recipient};
use crate::targets::TargetError;
use crate::targets::client::Client;
use crate::targets::notify::{Desk, Mailer, NotifyError, Webhook};

/// How long a mail may take.
const MAIL_TIMEOUT: Duration = Duration::from_secs(20);

/// Finds the value of a secret of the vault.
pub type Vault<'a> = &'a dyn Fn(&SecretName) -> Option<SecretValue>;

/// Returns everybody who is told: the webhooks and the mail, and whoever keeps the issue.
pub fn recipients(
    rules: &NotifyRules,
    client: &Client,
    vault: Vault<'_>,
    world: &World,
) -> Result<Vec<Recipient>, Refusal> {
    let mut recipients: Vec<Recipient> = rules.webhooks.iter().map(|spec| webhook(spec, vault, world)).collect();
    recipients.extend(rules.mail.as_ref().map(|spec| mail(spec, client, vault, world)));
    if let Some(spec) = &rules.issue {
        recipients.push(issue(spec, client, vault, world)?);
    }
    Ok(recipients)
}

fn webhook(spec: &WebhookSpec, vault: Vault<'_>, world: &World) -> Recipient {
    let form = spec.format.as_str();
    let (kept, address) = match &spec.address {
        AddressSource::Written(address) => ("undrift.toml".to_owned(), Ok(SecretValue::copied_from(address.expose()))),
        AddressSource::Kept(source) => (written(source), secret(source, vault, world)),
    };
    let webhook = address.and_then(|address| Webhook::new(&address).ok_or(NotifyError::NoAddress(kept.clone())));
    Recipient {
        name: match &webhook {
            Ok(webhook) => format!("{} ({form})", webhook.host()),
            Err(_) => format!("the webhook of {kept} ({form})"),
        },
        is_issue: false,
        channel: webhook.map(|webhook| Channel::Webhook { webhook, format: spec.format }),
    }
}

fn mail(spec: &MailSpec, client: &Client, vault: Vault<'_>, world: &World) -> Recipient {
    let login = spec.login.as_ref().map(|(user, source)| Ok((user.clone(), secret(source, vault, world)?)));
    let timeout = client.settings().request_timeout.min(MAIL_TIMEOUT);
    let (from, to) = (spec.from.clone(), spec.to.clone());
    Recipient {
        name: format!("{} (mail to {})", spec.server.host, to.join(", ")),
        is_issue: false,
        channel: login.transpose().map(|login| {
            let mailer = Mailer { server: spec.server.clone(), login, timeout };
            Channel::Mail { mailer, from, to }
        }),
    }
}

fn issue(spec: &IssueSpec, client: &Client, vault: Vault<'_>, world: &World) -> Result<Recipient, Refusal> {
    let (api_url, _) = token::address(TargetKind::Github, world)?;
    let token = match &spec.token {
        Some(source) => secret(source, vault, world),
        None => token::usual(TargetKind::Github, world)?
            .found
            .map(|found| found.token)
            .ok_or(NotifyError::Service(TargetError::NoToken)),
    };
    let desk = token.and_then(|token| Ok(Desk::new(client, &api_url, &token, &spec.repository)?));
    let name = format!("the issue of {}", spec.repository);
    Ok(Recipient { name, is_issue: true, channel: desk.map(Channel::Issue) })
}

fn secret(source: &TokenSource, vault: Vault<'_>, world: &World) -> Result<SecretValue, NotifyError> {
    let found = match source {
        TokenSource::Variable(name) => world.variable(name).map(SecretValue::copied_from),
        TokenSource::Vault(name) => vault(name),
    };
    found.filter(|value| !value.expose().trim().is_empty()).ok_or_else(|| NotifyError::NoSecret(written(source)))
}

fn written(source: &TokenSource) -> String {
    match source {
        TokenSource::Variable(name) => format!("`env:{name}`"),
        TokenSource::Vault(name) => format!("`vault:{name}`"),
    }
}
