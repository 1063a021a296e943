//! `undrift audit --notify`: everybody is told what is meant for them, or it is shown what they would be told.

use std::path::Path;

use vault_schema::message::State;

use super::ci::repository;
use super::survey::{Survey, block_on};
use crate::domain::declaration::NotifyRules;
use crate::domain::name::SecretName;
use crate::domain::secret::SecretValue;
use crate::flow::notify::{Channel, Content, Outgoing, Recipient, tell};
use crate::report::message::{Telling, forms};
use crate::settings::{World, notify};
use crate::targets::client::Client;
use crate::targets::notify::Settled;
use crate::vault::layout::Layout;

/// What decides who is told what.
pub(super) struct Notice<'a> {
    pub(super) rules: &'a NotifyRules,
    pub(super) layout: &'a Layout,
    pub(super) client: &'a Client,
    pub(super) telling: &'a Telling,
    /// Whether an audit looked at all that is declared. What has seen less says nothing of whether all is well.
    pub(super) is_whole: bool,
    pub(super) dry_run: bool,
}

impl Notice<'_> {
    /// Tells everybody, and returns whether they were told.
    pub(super) fn tell(&self, vault: notify::Vault<'_>, world: &mut World) -> anyhow::Result<bool> {
        let is_due = self.telling.is_for(self.rules.on);
        let has_messages = !self.rules.webhooks.is_empty() || self.rules.mail.is_some();
        if !is_due && has_messages {
            world.ui.say("nothing is to be told that was not told before");
        }
        let mut messages = Vec::new();
        for recipient in notify::recipients(self.rules, self.client, vault, world)? {
            let Recipient { name, is_issue, channel } = recipient;
            if is_issue && !self.is_whole {
                world.ui.say(&format!("note: {name} is left as it is: not everything was looked at"));
            } else if is_issue || is_due {
                let message = channel.map(|channel| {
                    let content = self.content(&channel);
                    (channel, content)
                });
                messages.push((name, message));
            }
        }
        if self.dry_run {
            return Ok(show(messages, world));
        }
        let mut all = true;
        for (name, told) in block_on(tell(self.client, messages))? {
            match told {
                Ok(None) => world.ui.say(&format!("told {name}")),
                Ok(Some(Settled::AsItWas)) => world.ui.say(&format!("{name} is closed, as it should be")),
                Ok(Some(settled)) => world.ui.say(&format!("{name} {}", in_words(settled))),
                Err(error) => {
                    all = false;
                    world.ui.say(&format!("error: {name} was not told: {error}"));
                }
            }
        }
        Ok(all)
    }

    fn content(&self, channel: &Channel) -> Content {
        let Telling { message, is_wrong, .. } = self.telling;
        match channel {
            Channel::Webhook { format, .. } => Content::Webhook(forms::webhook(message, *format)),
            Channel::Mail { .. } => {
                let forms::Letter { subject, text } = forms::letter(message);
                Content::Mail { subject, text, at: message.at }
            }
            Channel::Issue(_) => {
                let mark = mark(self.layout.root());
                let (title, body) = forms::issue(message, &mark);
                let open = *is_wrong || !matches!(message.state, State::InSync | State::Drift);
                Content::Issue { mark, title, body, open }
            }
        }
    }
}

/// Shows each message with whoever would get it, and returns whether every one could be sent.
fn show(messages: Vec<Outgoing>, world: &mut World) -> bool {
    let mut all = true;
    for (name, message) in messages {
        let content = match message {
            Ok((_, content)) => content,
            Err(error) => {
                all = false;
                world.ui.say(&format!("error: {name} could not be told: {error}"));
                continue;
            }
        };
        let text = match content {
            Content::Webhook(body) => format!("{body:#}\n"),
            Content::Mail { subject, text, .. } => format!("subject: {subject}\n\n{text}"),
            Content::Issue { title, body, open, .. } => {
                format!("{}: {title}\n\n{body}", if open { "open" } else { "closed" })
            }
        };
        world.ui.say(&format!("--- {name} would be told:"));
        world.ui.say(text.trim_end());
    }
    all
}

fn in_words(settled: Settled) -> String {
    match settled {
        Settled::Opened(number) => format!("is opened: #{number}"),
        Settled::Reopened(number) => format!("is open again: #{number}"),
        Settled::Updated(number) => format!("is brought up to date: #{number}"),
        Settled::Closed(number) => format!("is closed: #{number}"),
        Settled::AsItWas => "is as it was".to_owned(),
    }
}

/// Returns the mark of the project's issue. It names the project by its place in the repository, which is the same on every
/// machine; nothing in it ends the comment that it is.
fn mark(root: &Path) -> String {
    let within = root.strip_prefix(repository(root)).unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
    let within = if within.is_empty() { ".".to_owned() } else { within };
    let escaped: String = within
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"/._".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("<!-- undrift-audit: {escaped} -->")
}

/// Returns the name of the project's folder, by which people know it.
pub(super) fn name(layout: &Layout) -> String {
    layout.root().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Survey {
    /// Returns the value of a secret: that of the first environment that has one.
    pub(super) fn value(&self, name: &SecretName) -> Option<SecretValue> {
        let entry = self.subjects.values().find_map(|subject| subject.inventory.entries.get(name))?;
        Some(SecretValue::copied_from(entry.value.expose()))
    }
}
