//! Telling those who want to know: everybody at once, so that one who does not answer keeps nobody else waiting.

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use vault_schema::project::WebhookFormat;

use crate::targets::client::Client;
use crate::targets::notify::{Desk, Envelope, Issue, Mailer, NotifyError, Settled, Webhook};

/// Somebody to tell.
#[derive(Debug)]
pub struct Recipient {
    /// How people call them: by the host, and by nothing that is a secret.
    pub name: String,
    /// Whether it is an issue, which is kept and not sent.
    pub is_issue: bool,
    /// The way to them, or why there is none.
    pub channel: Result<Channel, NotifyError>,
}

/// A way to somebody.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are as many as a person has declared")]
pub enum Channel {
    /// A webhook.
    Webhook {
        /// Its address.
        webhook: Webhook,
        /// The form of a message.
        format: WebhookFormat,
    },
    /// A mail.
    Mail {
        /// The way out.
        mailer: Mailer,
        /// Who it comes from.
        from: String,
        /// Who gets it.
        to: Vec<String>,
    },
    /// The issue of a repository.
    Issue(Desk),
}

/// What somebody is told, in the form that their channel takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The body of a webhook.
    Webhook(Value),
    /// A mail.
    Mail {
        /// Its subject.
        subject: String,
        /// Its text.
        text: String,
        /// When it was written.
        at: Timestamp,
    },
    /// An issue.
    Issue {
        /// What its text begins with.
        mark: String,
        /// Its title.
        title: String,
        /// Its text.
        body: String,
        /// Whether it is open.
        open: bool,
    },
}

/// What is to be sent, with who gets it, or why it cannot be.
pub type Outgoing = (String, Result<(Channel, Content), NotifyError>);

/// What became of one message.
pub type Told = Result<Option<Settled>, NotifyError>;

/// Tells everybody what is meant for them, and returns what became of it, in order.
pub async fn tell(client: &Client, messages: Vec<Outgoing>) -> Vec<(String, Told)> {
    let telling = messages.into_iter().map(|(name, message)| async move {
        let told = match message {
            Ok((channel, content)) => send(client, &channel, &content).await,
            Err(error) => Err(error),
        };
        (name, told)
    });
    join_all(telling).await
}

async fn send(client: &Client, channel: &Channel, content: &Content) -> Told {
    match (channel, content) {
        (Channel::Webhook { webhook, .. }, Content::Webhook(body)) => webhook.send(client, body).await?,
        (Channel::Mail { mailer, from, to }, Content::Mail { subject, text, at }) => {
            mailer.send(&Envelope { from, to, subject, text, at: *at }).await?;
        }
        (Channel::Issue(desk), Content::Issue { mark, title, body, open }) => {
            return Ok(Some(desk.settle(&Issue { mark, title, body, open: *open }).await?));
        }
        // Each content is made for its channel.
        (Channel::Webhook { .. } | Channel::Mail { .. } | Channel::Issue(_), _) => {}
    }
    Ok(None)
}
