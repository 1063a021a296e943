//! Tokens and base URLs: where the adapters get what they need to speak to a place.

use std::path::PathBuf;

use serde::Deserialize;
use vault_schema::project::TargetKind;

use super::World;
use crate::domain::declaration::{Target, TargetSpec, TokenSource, is_safe_url};
use crate::domain::inventory::Inventory;
use crate::domain::place::{Location, Place};
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::observe::Connection;
use crate::targets::client::Client;
use crate::targets::fly::{self, FlyApp, FlySettings};
use crate::targets::github::{self, GithubPlace, GithubSettings};
use crate::targets::{AnyTarget, TargetError};
use crate::vault::store;

/// Returns the adapter for a place, or why there is none. A URL that is not safe is an error of the whole run.
pub fn connect(
    client: &Client,
    place: &Place,
    target: &Target,
    inventory: &Inventory,
    world: &World,
) -> Result<Connection, Refusal> {
    let url = |variable, default: &str| base_url(target, world, variable, default);
    let token = token(target, inventory, world);
    Ok(match (&place.location, &target.spec) {
        (Location::FlyApp { app }, TargetSpec::Fly { rollout, .. }) => {
            let machines_url = url("FLY_FLAPS_BASE_URL", fly::MACHINES_URL)?;
            let api_url = url("FLY_API_BASE_URL", fly::API_URL)?;
            let make = |token: SecretValue| {
                let settings =
                    FlySettings { app: app.clone(), machines_url, api_url, token: &token, rollout: *rollout };
                FlyApp::new(client, settings).map(AnyTarget::Fly)
            };
            token.and_then(make)
        }
        (Location::GithubRepository { repository } | Location::GithubEnvironment { repository, .. }, _) => {
            let environment = match &place.location {
                Location::GithubEnvironment { environment, .. } => Some(environment.clone()),
                Location::GithubRepository { .. } | Location::FlyApp { .. } => None,
            };
            let api_url = url("GITHUB_API_URL", github::API_URL)?;
            let make = |token: SecretValue| {
                let settings = GithubSettings { api_url, repository: repository.clone(), environment, token: &token };
                GithubPlace::new(client, settings).map(AnyTarget::Github)
            };
            token.and_then(make)
        }
        (Location::FlyApp { .. }, TargetSpec::Github { .. }) => {
            Err(TargetError::Unexpected("the place and its declaration are of two kinds".to_owned()))
        }
    })
}

fn base_url(target: &Target, world: &World, variable: &'static str, default: &str) -> Result<String, Refusal> {
    // What stands in undrift.toml was checked when it was read.
    if let Some(url) = &target.api_url {
        return Ok(url.clone());
    }
    let url = world.variable(variable).unwrap_or(default);
    if is_safe_url(url) { Ok(url.to_owned()) } else { Err(Refusal::UnsafeUrl { variable }) }
}

fn token(target: &Target, inventory: &Inventory, world: &World) -> Result<SecretValue, TargetError> {
    let found = match &target.token {
        Some(TokenSource::Variable(name)) => world.variable(name).map(SecretValue::copied_from),
        Some(TokenSource::Vault(name)) => {
            inventory.entries.get(name).map(|entry| SecretValue::copied_from(entry.value.expose()))
        }
        None => {
            let (variables, file): (&[&str], _) = match &target.spec {
                TargetSpec::Fly { .. } => (&["FLY_ACCESS_TOKEN", "FLY_API_TOKEN"], TargetKind::Fly),
                TargetSpec::Github { .. } => (&["GH_TOKEN", "GITHUB_TOKEN"], TargetKind::Github),
            };
            let from_variable = variables.iter().find_map(|name| world.variable(name)).map(SecretValue::copied_from);
            from_variable.or_else(|| of_the_platforms_own_program(file, target, world))
        }
    };
    found.ok_or(TargetError::NoToken)
}

/// Reads the token that `fly auth login` or `gh auth login` left, for the platform's own address only.
fn of_the_platforms_own_program(kind: TargetKind, target: &Target, world: &World) -> Option<SecretValue> {
    if target.api_url.is_some() {
        return None;
    }
    let content = store::read(&configuration(kind, world)?).map(zeroize::Zeroizing::new).ok()?;
    let text = std::str::from_utf8(&content).ok()?;
    let token = match kind {
        TargetKind::Fly => serde_saphyr::from_str::<FlyConfiguration>(text).ok()?.access_token,
        TargetKind::Github => serde_saphyr::from_str::<GithubHosts>(text).ok()?.host?.oauth_token,
    };
    token.map(|token| SecretValue::new(zeroize::Zeroizing::new(token)))
}

fn configuration(kind: TargetKind, world: &World) -> Option<PathBuf> {
    match kind {
        TargetKind::Fly => world
            .path_variable("FLY_CONFIG_DIR")
            .or_else(|| world.home().map(|home| home.join(".fly")))
            .map(|folder| folder.join("config.yml")),
        TargetKind::Github => {
            world.path_variable("GH_CONFIG_DIR").or_else(|| gh_folder(world)).map(|folder| folder.join("hosts.yml"))
        }
    }
}

/// gh keeps to `~/.config` on every system but Windows (its own help, "environment").
fn gh_folder(world: &World) -> Option<PathBuf> {
    if cfg!(windows) {
        return world.config_folder().map(|folder| folder.join("GitHub CLI"));
    }
    let below_home = || world.home().map(|home| home.join(".config"));
    world.path_variable("XDG_CONFIG_HOME").or_else(below_home).map(|folder| folder.join("gh"))
}

#[derive(Deserialize)]
struct FlyConfiguration {
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct GithubHosts {
    #[serde(rename = "github.com")]
    host: Option<GithubHost>,
}

#[derive(Deserialize)]
struct GithubHost {
    oauth_token: Option<String>,
}
