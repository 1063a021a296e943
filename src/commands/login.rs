//! `undrift login`: the key that opens the vault, or a platform's token, goes to the keyring of the operating system.

use std::fmt::Write;

use anyhow::Context;
use vault_schema::project::TargetKind;

use super::survey::block_on;
use crate::cli::{Kept, Login};
use crate::domain::secret::SecretValue;
use crate::error::{Exit, Refusal, in_words};
use crate::settings::{World, token};
use crate::targets::client::Client;
use crate::targets::{fly, github};
use crate::vault::identity::Identities;
use crate::vault::{keyring, store};

pub(super) fn run(arguments: &Login, world: &mut World) -> anyhow::Result<Exit> {
    match platform(arguments.what) {
        None => identity(arguments, world)?,
        Some(_) if arguments.file.is_some() || arguments.from_file => {
            anyhow::bail!("`--file` and `--from-file` are for the identity; a token is piped in or pasted");
        }
        Some(kind) => platform_token(arguments.what, kind, world)?,
    }
    Ok(Exit::Clean)
}

/// Returns the platform whose token it is, if it is one.
pub(super) const fn platform(what: Kept) -> Option<TargetKind> {
    match what {
        Kept::Identity => None,
        Kept::Fly => Some(TargetKind::Fly),
        Kept::Github => Some(TargetKind::Github),
    }
}

fn identity(arguments: &Login, world: &mut World) -> anyhow::Result<()> {
    let refused = |why| Refusal::NotKept { what: Kept::Identity, why };
    // A keyring that takes nothing is told of before anybody pastes a key.
    let kept = world.keyring.get(keyring::IDENTITY).map_err(refused)?;
    let moved = if arguments.from_file {
        Some(world.identity_file().context("there is no home folder that could have an identity")?)
    } else {
        None
    };
    let file = arguments.file.as_ref().map(|file| world.absolute(file)).or(moved.clone());
    let (text, origin) = match &file {
        Some(file) => {
            let content = store::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let text = String::from_utf8(content).map_err(|_| {
                anyhow::anyhow!("{} is not text; `age -d FILE | undrift login` keeps it opened", file.display())
            })?;
            (SecretValue::new(text.into()), file.display().to_string())
        }
        None => (world.ui.read_credential("identity")?, "what was given".to_owned()),
    };
    let found = Identities::of(text.expose().as_bytes(), &origin, &world.ui.asker())?;
    match kept {
        Some(kept) if kept.expose().trim() == text.expose().trim() => {}
        Some(kept) => {
            let other = Identities::of(kept.expose().as_bytes(), "the keyring", &world.ui.asker());
            let recipient = other.ok().and_then(|other| other.recipients.into_iter().next());
            return Err(Refusal::AnotherIdentity {
                recipient: recipient.unwrap_or_else(|| "its public key is not known".to_owned()),
            }
            .into());
        }
        None => {
            world.keyring.set(keyring::IDENTITY, &text).map_err(refused)?;
            let kept = world.keyring.get(keyring::IDENTITY).map_err(refused)?;
            if kept.is_none_or(|kept| kept.expose() != text.expose()) {
                anyhow::bail!("the keyring does not give back what it was given; the identity stays where it was");
            }
        }
    }
    let public = match found.recipients.as_slice() {
        [] => String::new(),
        keys => format!("; its public key is {}", keys.join(", ")),
    };
    if let Some(file) = moved {
        std::fs::remove_file(&file)
            .with_context(|| format!("the keyring has the identity, but {} cannot be removed", file.display()))?;
        world.ui.say(&format!("moved the identity from {} to the keyring{public}", file.display()));
    } else {
        world.ui.say(&format!("the keyring keeps the identity{public}"));
    }
    world.ui.say("keep a copy of it in a safe place: nobody can read the vault without it");
    mention_first(&["UNDRIFT_IDENTITY", "UNDRIFT_IDENTITY_FILE"], world);
    Ok(())
}

fn platform_token(what: Kept, kind: TargetKind, world: &mut World) -> anyhow::Result<()> {
    let refused = |why| Refusal::NotKept { what, why };
    let (address, is_own) = token::address(kind, world)?;
    let account = token::account(kind, &address, is_own);
    world.keyring.get(&account).map_err(refused)?;
    let given = world.ui.read_credential(in_words(what).trim_start_matches("the "))?;
    let given = SecretValue::copied_from(given.expose().trim());
    if given.is_empty() {
        return Err(Refusal::BadValue("is empty").into());
    }
    let client = Client::new(&world.network);
    let checked = block_on(async {
        match kind {
            TargetKind::Fly => fly::account(&client, &address, &given).await,
            TargetKind::Github => github::account(&client, &address, &given).await,
        }
    })?;
    let checked = checked.map_err(|why| Refusal::TokenRefused { what, address, why })?;
    world.keyring.set(&account, &given).map_err(refused)?;
    let mut line = format!("the keyring keeps {}", in_words(what));
    if let Some(who) = checked.who {
        let _ = write!(line, ", which is {who}'s");
    }
    if let Some(scopes) = checked.scopes {
        let scopes = if scopes.is_empty() { "none".to_owned() } else { scopes.join(", ") };
        let _ = write!(line, "; its scopes: {scopes}");
    }
    if let Some(expires) = checked.expires {
        let _ = write!(line, "; it ends {}", expires.strftime("%Y-%m-%d"));
    }
    world.ui.say(&line);
    mention_first(
        match kind {
            TargetKind::Fly => &["FLY_ACCESS_TOKEN", "FLY_API_TOKEN"],
            TargetKind::Github => &["GH_TOKEN", "GITHUB_TOKEN"],
        },
        world,
    );
    Ok(())
}

/// Says which variable is used before the keyring.
fn mention_first(variables: &[&str], world: &mut World) {
    if let Some(name) = variables.iter().find(|name| world.variable(name).is_some()) {
        world.ui.say(&format!("note: {name} is set, and is used before the keyring"));
    }
}
