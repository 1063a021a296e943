//! `undrift access`: who can read what, and where a file says otherwise than the list.

use crate::cli::{Access, Format, Global};
use crate::error::Exit;
use crate::report::{self, access as render};
use crate::settings::{Selection, World};
use crate::vault::identity::{Identities, IdentityError};
use crate::vault::read::{self, Environment};

pub(super) fn run(arguments: &Access, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    // The lists are for everybody to read; only which key is one's own, and what the seal says, takes an identity.
    let identities = match world.identity_chain(global).load() {
        Err(
            error @ (IdentityError::NotFound | IdentityError::NotFoundButSsh(_) | IdentityError::NotFoundButKeyring(_)),
        ) => {
            world
                .ui
                .say(&format!("note: {error}, so nothing tells which key is yours, and whether the lists are sealed"));
            Identities::default()
        }
        other => other?,
    };
    let environments = read::environments(&selection.layout, &selection.environments, &identities);
    for environment in &environments {
        let name = &environment.inventory.environment;
        if let Err(error) = &environment.recipients {
            world.ui.say(&format!("note: {}: {error}", selection.layout.shown(&selection.layout.recipients(name))));
        }
        if environment.is_locked() && !identities.keys.is_empty() {
            world.ui.say(&format!(
                "note: no identity of yours opens `{name}`, so nothing tells whether its list is sealed"
            ));
        }
    }
    let known: Vec<_> = environments
        .iter()
        .map(|environment| render::Known {
            environment: &environment.inventory.environment,
            listed: environment.recipients.as_ref().ok().map(|it| (it, it.opened_by(&identities.keys))),
            problems: &environment.inventory.problems,
        })
        .collect();
    let access = render::build(&known);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&access)),
        Format::Table => {
            let text = render::table(&access, world.ui.width);
            world.ui.write(&text);
            let mut said = Vec::new();
            for next in access.findings.iter().filter_map(|finding| finding.next.as_deref()) {
                if !said.contains(&next) {
                    world.ui.say(&format!("hint: {next}"));
                    said.push(next);
                }
            }
        }
    }
    let is_unread = |environment: &Environment| {
        environment.recipients.is_err() || environment.inventory.problems.iter().any(render::hides_readers)
    };
    Ok(if environments.iter().any(is_unread) {
        Exit::Trouble
    } else if access.findings.is_empty() {
        Exit::Clean
    } else {
        Exit::Drift
    })
}
