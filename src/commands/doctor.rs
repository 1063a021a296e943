//! `undrift doctor`: how everything stands that undrift needs, and what mends it. It reads only.

mod project;

use std::ffi::OsStr;
use std::path::PathBuf;

use vault_schema::doctor::{Check, State, Topic};
use vault_schema::project::TargetKind;

use super::survey::block_on;
use crate::cli::{Doctor, Format, Global};
use crate::domain::place::Location;
use crate::error::{Exit, Refusal, identity_hint};
use crate::report::{self, advice, doctor};
use crate::settings::token::{self, Access};
use crate::settings::{Selection, World};
use crate::targets::client::Client;
use crate::targets::{TargetError, fly, github};
use crate::vault::git::{self, Program};
use crate::vault::identity::{Identities, IdentityError, KEYRING};
use crate::vault::keyring;

/// What the examination has come to.
pub(super) struct Examination {
    checks: Vec<Check>,
    /// Clocks that were seen: whose, theirs and ours.
    clocks: Vec<(String, jiff::Timestamp, jiff::Timestamp)>,
}

pub(super) fn run(arguments: &Doctor, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let at = (world.clock)();
    let selection = match Selection::resolve(global, world) {
        Ok(selection) => Some(selection),
        Err(error) if matches!(error.downcast_ref(), Some(Refusal::NoProject)) => None,
        Err(error) => return Err(error),
    };
    let mut examination = Examination { checks: Vec::new(), clocks: Vec::new() };
    let identities = examination.identity(global, world)?;
    let client = Client::new(&world.network);
    if let Some(selection) = &selection {
        examination.project(selection, identities.as_ref(), &client, world)?;
    } else {
        let next = "`undrift init` makes one, with a key for you if you have none".to_owned();
        let message = "there is no undrift.toml here or in a folder above";
        examination.checks.push(doctor::check(State::Warn, Topic::Project, None, message, Some(next)));
        for kind in [TargetKind::Fly, TargetKind::Github] {
            let access = token::usual(kind, world)?;
            if access.found.is_some() {
                examination.token(&access, &client, world)?;
            }
        }
    }
    examination.checks.extend(doctor::clock(&examination.clocks));
    examination.checks.push(versions(world));
    let report = doctor::build(at, examination.checks, world.home().as_deref());
    match arguments.format {
        Format::Json => world.ui.write(&report::json(&report)),
        Format::Table => {
            let text = doctor::text(&report, world.ui.width);
            world.ui.write(&text);
            if selection.is_none() {
                world.ui.say("hint: `undrift init` is the first command to type");
            }
        }
    }
    Ok(if report.summary.fail == 0 { Exit::Clean } else { Exit::Drift })
}

impl Examination {
    /// Reads the identity, and says where it was found and who may read it there.
    fn identity(&mut self, global: &Global, world: &World) -> anyhow::Result<Option<Identities>> {
        let chain = world.identity_chain(global);
        let loaded = chain.load();
        if let Err(IdentityError::Declined) = &loaded {
            return Err(IdentityError::Declined.into());
        }
        let is_usual = chain.files.is_empty() && chain.variable.is_none() && chain.variable_file.is_none();
        let files: Vec<PathBuf> = match (is_usual, &chain.variable) {
            (true, _) => chain.config_file.iter().chain(&chain.ssh_file).cloned().collect(),
            (false, Some(_)) if chain.files.is_empty() => Vec::new(),
            (false, _) => chain.files.iter().chain(&chain.variable_file).cloned().collect(),
        };
        let found = match loaded {
            Ok(found) => {
                let keys: Vec<String> = found.recipients.iter().map(|recipient| doctor::short(recipient)).collect();
                let public = if keys.is_empty() { "not known here".to_owned() } else { keys.join(" and ") };
                let message = format!("found in {}; its public key is {public}", found.origins.join(" and "));
                self.checks.push(doctor::check(State::Ok, Topic::Identity, None, message, None));
                Some(found)
            }
            Err(error) => {
                let source = std::error::Error::source(&error);
                let message = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
                let hint = source.and_then(|source| identity_hint(source.downcast_ref::<IdentityError>()?));
                let next = hint.or_else(|| identity_hint(&error));
                self.checks.push(doctor::check(State::Fail, Topic::Identity, None, message, next));
                None
            }
        };
        if is_usual
            && found.as_ref().is_some_and(|found| !found.origins.iter().any(|origin| origin == KEYRING))
            && let Err(error) = world.keyring.get(keyring::IDENTITY)
        {
            self.checks.extend(doctor::keyring(&error));
        }
        for file in files {
            self.checks.extend(mode(&file).and_then(|mode| doctor::permissions(&file, mode)));
        }
        Ok(found)
    }

    /// Asks a platform whose a token is.
    fn token(&mut self, access: &Access, client: &Client, world: &World) -> anyhow::Result<()> {
        let platform = match access.kind {
            TargetKind::Fly => "fly",
            TargetKind::Github => "github",
        };
        let Some(found) = &access.found else {
            let message = TargetError::NoToken.to_string();
            let next = Some(format!("`undrift login {platform}`, or `{}`", own_login(access.kind)));
            self.checks.push(doctor::check(State::Fail, Topic::Token, Some(platform), message, next));
            return Ok(());
        };
        let answer = block_on(async {
            match access.kind {
                TargetKind::Fly => fly::account(client, &access.address, &found.token).await,
                TargetKind::Github => github::account(client, &access.address, &found.token).await,
            }
        })?;
        let now = (world.clock)();
        if let Some(there) = answer.as_ref().ok().and_then(|account| account.at) {
            self.clocks.push((platform.to_owned(), there, now));
        }
        let remedy = answer.as_ref().err().and_then(|error| match error {
            TargetError::Unauthorized => Some(format!("make another one, then `undrift login {platform}`")),
            // What these ask for is the same wherever they come from.
            TargetError::RateLimited { .. } | TargetError::Timeout { .. } | TargetError::Unreachable(_) => {
                advice::remedy(error, &Location::FlyApp { app: String::new() })
            }
            _ => None,
        });
        self.checks.push(doctor::token(platform, &found.origin, &answer, now, remedy));
        Ok(())
    }
}

const fn own_login(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Fly => "fly auth login",
        TargetKind::Github => "gh auth login",
    }
}

/// Returns who may do what with a file, where the system says so.
#[cfg(unix)]
fn mode(file: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(std::fs::metadata(file).ok()?.permissions().mode())
}

/// Windows keeps a person's folder for that person.
#[cfg(not(unix))]
fn mode(_: &std::path::Path) -> Option<u32> {
    None
}

/// Finds a program that this run may start.
fn program<'a>(name: &str, world: &'a World) -> Option<Program<'a>> {
    let path = git::find(name, world.variables.get("PATH")?)?;
    let kept = ["PATH", "HOME", "USERPROFILE", "SystemRoot", "XDG_CONFIG_HOME"];
    let variables = kept.iter().filter_map(|name| Some((OsStr::new(*name), world.variables.get(*name)?.as_os_str())));
    Some(Program { path, variables: variables.collect() })
}

/// Says which programs there are.
fn versions(world: &World) -> Check {
    let mut shown = vec![report::TOOL.to_owned()];
    for (name, argument) in [("git", "--version"), ("age", "--version"), ("gh", "--version"), ("fly", "version")] {
        let version = program(name, world).map(|program| {
            let output = program.ask(&world.folder, &[argument]).unwrap_or_default();
            let text = String::from_utf8_lossy(&output).into_owned();
            let is_version =
                |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
            text.split_ascii_whitespace()
                .find(is_version)
                .map_or_else(String::new, |version| format!(" {}", version.trim_start_matches('v')))
        });
        shown.push(version.map_or_else(|| format!("no {name}"), |version| format!("{name}{version}")));
    }
    doctor::check(State::Ok, Topic::Versions, None, shown.join(", "), None)
}
