//! Tokens and base URLs: where the adapters get what they need to speak to a place.

use std::path::PathBuf;

use serde::Deserialize;
use vault_schema::project::{RolloutMode, TargetKind};

use super::World;
use crate::domain::declaration::{Target, TargetSpec, TokenSource, is_safe_url};
use crate::domain::inventory::Inventory;
use crate::domain::place::{Location, Place};
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::observe::Connection;
use crate::targets::client::Client;
use crate::targets::fly::{self, FlyApp, FlySettings, Surroundings};
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
    match (&place.location, &target.spec) {
        (Location::FlyApp { app }, TargetSpec::Fly { rollout, .. }) => {
            let machines_url = base_url(target, world, "FLY_FLAPS_BASE_URL", fly::MACHINES_URL)?;
            let api_url = base_url(target, world, "FLY_API_BASE_URL", fly::API_URL)?;
            let is_own = machines_url == fly::MACHINES_URL && api_url == fly::API_URL;
            Ok(token(target, inventory, world, is_own).and_then(|token| {
                let flyctl = (*rollout == RolloutMode::Flyctl)
                    .then(|| Surroundings { variables: world.variables.clone(), folder: world.folder.clone() });
                let settings =
                    FlySettings { app: app.clone(), machines_url, api_url, token: &token, rollout: *rollout, flyctl };
                FlyApp::new(client, settings).map(AnyTarget::Fly)
            }))
        }
        (Location::GithubRepository { repository } | Location::GithubEnvironment { repository, .. }, _) => {
            let environment = match &place.location {
                Location::GithubEnvironment { environment, .. } => Some(environment.clone()),
                Location::GithubRepository { .. } | Location::FlyApp { .. } => None,
            };
            let api_url = base_url(target, world, "GITHUB_API_URL", github::API_URL)?;
            let is_own = api_url == github::API_URL;
            Ok(token(target, inventory, world, is_own).and_then(|token| {
                let settings = GithubSettings { api_url, repository: repository.clone(), environment, token: &token };
                GithubPlace::new(client, settings).map(AnyTarget::Github)
            }))
        }
        (Location::FlyApp { .. }, TargetSpec::Github { .. }) => {
            Ok(Err(TargetError::Unexpected("the place and its declaration are of two kinds".to_owned())))
        }
    }
}

fn base_url(target: &Target, world: &World, variable: &'static str, default: &str) -> Result<String, Refusal> {
    // What stands in undrift.toml was checked when it was read.
    if let Some(url) = &target.api_url {
        return Ok(url.clone());
    }
    let url = world.variable(variable).unwrap_or(default);
    if is_safe_url(url) { Ok(url.to_owned()) } else { Err(Refusal::UnsafeUrl { variable }) }
}

/// `is_own` tells whether the address is the platform's own.
fn token(target: &Target, inventory: &Inventory, world: &World, is_own: bool) -> Result<SecretValue, TargetError> {
    let found = match &target.token {
        Some(TokenSource::Variable(name)) => world.variable(name).map(SecretValue::copied_from),
        Some(TokenSource::Vault(name)) => {
            inventory.entries.get(name).map(|entry| SecretValue::copied_from(entry.value.expose()))
        }
        None => usual_token(target, world, is_own),
    };
    found.ok_or(TargetError::NoToken)
}

/// Returns the token that people have anyway for a platform.
///
/// It belongs to the platform, and not to whatever address a project names: an `api-url` of another machine needs a
/// `token` of its own beside it, and what `fly auth login` or `gh auth login` left is for the platform's own address.
fn usual_token(target: &Target, world: &World, is_own: bool) -> Option<SecretValue> {
    if target.api_url.as_deref().is_some_and(|url| !is_loopback(url) && !is_own) {
        return None;
    }
    let (variables, kind): (&[&str], _) = match &target.spec {
        TargetSpec::Fly { .. } => (&["FLY_ACCESS_TOKEN", "FLY_API_TOKEN"], TargetKind::Fly),
        TargetSpec::Github { .. } => (&["GH_TOKEN", "GITHUB_TOKEN"], TargetKind::Github),
    };
    let from_variable = variables.iter().find_map(|name| world.variable(name)).map(SecretValue::copied_from);
    from_variable.or_else(|| if is_own { of_the_platforms_own_program(kind, world) } else { None })
}

/// Every address is https or this very machine's; so is one that is not https.
fn is_loopback(url: &str) -> bool {
    !url.starts_with("https://")
}

fn of_the_platforms_own_program(kind: TargetKind, world: &World) -> Option<SecretValue> {
    let content = store::read(&configuration(kind, world)?).map(zeroize::Zeroizing::new).ok()?;
    parse(kind, std::str::from_utf8(&content).ok()?)
}

fn parse(kind: TargetKind, text: &str) -> Option<SecretValue> {
    let token = match kind {
        TargetKind::Fly => serde_saphyr::from_str::<FlyConfiguration>(text).ok()?.access_token,
        TargetKind::Github => serde_saphyr::from_str::<GithubHosts>(text).ok()?.host?.oauth_token,
    };
    token.filter(|token| !token.is_empty()).map(|token| SecretValue::new(zeroize::Zeroizing::new(token)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_platforms_own_programs_leave() {
        let fly = "access_token: fm2_a,fm2_b\napp_secrets_minvers:\n  shop: 12\nlast_login: 2026-11-01T08:00:00Z\n";
        let gh = "github.com:\n    oauth_token: gho_x\n    user: alice\n    git_protocol: https\nghe.example.com:\n    oauth_token: other\n";
        let token = |kind, text| parse(kind, text).map(|token| token.expose().to_owned());
        assert_eq!(token(TargetKind::Fly, fly).as_deref(), Some("fm2_a,fm2_b"));
        assert_eq!(token(TargetKind::Github, gh).as_deref(), Some("gho_x"));
        for (kind, text) in [
            (TargetKind::Fly, "access_token: \"\"\n"),
            (TargetKind::Fly, "wire_guard_state: {}\n"),
            (TargetKind::Fly, "access_token: [broken\n"),
            (TargetKind::Github, "ghe.example.com:\n    oauth_token: other\n"),
            (TargetKind::Github, "github.com:\n    user: alice\n"),
            (TargetKind::Github, ""),
        ] {
            assert_eq!(token(kind, text), None, "{text}");
        }
    }
}
