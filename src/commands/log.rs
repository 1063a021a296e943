//! `undrift log`: who did what, when, and whether anybody has changed that since.

use vault_schema::log::EnvironmentLog;

use crate::cli::{Format, Global, Log as Arguments};
use crate::domain::seal::BreachKind;
use crate::error::{Exit, Refusal};
use crate::report::{self, log as render};
use crate::settings::{Selection, World};
use crate::vault::log::Log;
use crate::vault::read::{self, Key};

pub(super) fn run(arguments: &Arguments, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    let identities = world.identity_chain(global).load()?;
    let mut logs: Vec<EnvironmentLog> = Vec::new();
    for environment in read::environments(&selection.layout, &selection.environments, &identities) {
        let name = &environment.inventory.environment;
        match &environment.key {
            Key::Known(key) => {
                let chain = Log::of(&selection.layout, name, key).read()?;
                logs.push(render::environment(name, chain));
            }
            // Without the key nobody can say which line is true.
            Key::Absent | Key::Unreadable if selection.layout.log(name).exists() => {
                let refusal = Refusal::KeyUnreadable(name.clone());
                if selection.environments_named || !environment.is_locked() {
                    return Err(anyhow::Error::from(refusal).context("the log cannot be checked"));
                }
                world.ui.say(&format!("note: left out: no identity opens the files of `{name}`"));
            }
            Key::Absent | Key::Unreadable => {
                if environment.sealed.breaches.iter().any(|breach| breach.kind == BreachKind::Gone) {
                    return Err(Refusal::Gone(name.clone()).into());
                }
            }
        }
    }
    let log = render::build(logs);
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&log)),
        Format::Table => {
            let text = render::table(&log, world.ui.width);
            world.ui.write(&text);
            if text.is_empty() {
                world.ui.say("note: there is no log yet; the first write begins it");
            }
            for broken in log.environments.iter().filter(|log| !log.whole) {
                let environment = &broken.environment;
                world.ui.say(&format!(
                    "hint: `undrift seal -e {environment}` accepts it as it is, and says so there for ever"
                ));
            }
        }
    }
    Ok(if log.whole { Exit::Clean } else { Exit::Drift })
}
