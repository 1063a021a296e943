//! `undrift logout`: the key that opens the vault, or a platform's token, leaves the keyring.

use super::login::platform;
use crate::cli::{Kept, Logout};
use crate::error::{Exit, Refusal, in_words};
use crate::settings::{World, token};
use crate::ui::AskError;
use crate::vault::identity::Identities;
use crate::vault::keyring;

pub(super) fn run(arguments: &Logout, world: &mut World) -> anyhow::Result<Exit> {
    let what = arguments.what;
    let refused = |why| Refusal::NotKept { what, why };
    let account = match platform(what) {
        None => keyring::IDENTITY.to_owned(),
        Some(kind) => {
            let (address, is_own) = token::address(kind, world)?;
            token::account(kind, &address, is_own)
        }
    };
    let Some(kept) = world.keyring.get(&account).map_err(refused)? else {
        world.ui.say(&format!("{} was not in the keyring", in_words(what)));
        return Ok(Exit::Clean);
    };
    if what == Kept::Identity && !arguments.yes {
        let found = Identities::of(kept.expose().as_bytes(), "the keyring", &world.ui.asker());
        let recipient = found.ok().and_then(|found| found.recipients.into_iter().next());
        let recipient = recipient.unwrap_or_else(|| "the identity".to_owned());
        world.ui.say("whoever has no other copy of it can no longer read the vault");
        if !world.ui.confirm(&format!("remove {recipient} from the keyring?"))? {
            return Err(AskError::Declined.into());
        }
    }
    world.keyring.remove(&account).map_err(refused)?;
    world.ui.say(&format!("{} is no longer in the keyring", in_words(what)));
    match what {
        Kept::Identity => {}
        Kept::Fly => world.ui.say("it still works: `fly tokens list` and `fly tokens revoke` end it"),
        Kept::Github => world.ui.say("it still works: https://github.com/settings/tokens ends it"),
    }
    Ok(Exit::Clean)
}
