//! Tokens and base URLs: where the adapters get what they need to speak to a place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use vault_schema::project::{RolloutMode, TargetKind};
use zeroize::Zeroizing;

use super::World;
use crate::domain::declaration::{Target, TargetSpec, TokenSource, is_safe_url};
use crate::domain::inventory::Inventory;
use crate::domain::place::{Location, Place};
use crate::domain::secret::SecretValue;
use crate::error::Refusal;
use crate::flow::observe::Connection;
use crate::targets::client::Client;
use crate::targets::fly::{self, FlyApp, FlySettings, Surroundings};
use crate::targets::github::{self, GithubPlace, GithubSettings, people};
use crate::targets::{AnyTarget, TargetError};
use crate::vault::identity::KEYRING;
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
            Ok(token(target, inventory, world, &machines_url, is_own).and_then(|token| {
                let flyctl = (*rollout == RolloutMode::Flyctl)
                    .then(|| Surroundings { variables: world.variables.clone(), folder: world.folder.clone() });
                let settings =
                    FlySettings { app: app.clone(), machines_url, api_url, token: &token, rollout: *rollout, flyctl };
                FlyApp::new(client, settings).map(AnyTarget::Fly)
            }))
        }
        (Location::Github { store, holder }, TargetSpec::Github { .. }) => {
            let api_url = base_url(target, world, "GITHUB_API_URL", github::API_URL)?;
            let is_own = api_url == github::API_URL;
            Ok(token(target, inventory, world, &api_url, is_own).and_then(|token| {
                let settings = GithubSettings {
                    api_url,
                    store: *store,
                    holder: holder.clone(),
                    access: target.spec.access(&place.environment),
                    of_workflow: is_of_workflow(&token, world),
                    token: &token,
                };
                GithubPlace::new(client, settings).map(AnyTarget::Github)
            }))
        }
        (Location::FlyApp { .. }, TargetSpec::Github { .. }) | (Location::Github { .. }, TargetSpec::Fly { .. }) => {
            Ok(Err(TargetError::Unexpected("the place and its declaration are of two kinds".to_owned())))
        }
    }
}

/// What the tokens of a platform are for and come from.
#[derive(Debug)]
pub struct Access {
    /// The platform.
    pub kind: TargetKind,
    /// Where its API is: for Fly, the Machines API.
    pub address: String,
    /// The token with the place it was found in, if one was.
    pub found: Option<Found>,
}

/// A token, and where it was found.
#[derive(Debug)]
pub struct Found {
    /// The token.
    pub token: SecretValue,
    /// Where: a variable, a file, the keyring or the vault.
    pub origin: String,
}

/// Returns the address of a platform's API for whoever names no target, and whether it is the platform's own.
pub fn address(kind: TargetKind, world: &World) -> Result<(String, bool), Refusal> {
    match kind {
        TargetKind::Fly => {
            let machines = stated_url(world, "FLY_FLAPS_BASE_URL", fly::MACHINES_URL)?;
            let api = stated_url(world, "FLY_API_BASE_URL", fly::API_URL)?;
            let is_own = machines == fly::MACHINES_URL && api == fly::API_URL;
            Ok((machines, is_own))
        }
        TargetKind::Github => {
            let api = stated_url(world, "GITHUB_API_URL", github::API_URL)?;
            let is_own = api == github::API_URL;
            Ok((api, is_own))
        }
    }
}

/// Returns the account under which the keyring keeps a platform's token. A token belongs to the address it was kept for.
pub fn account(kind: TargetKind, address: &str, is_own: bool) -> String {
    let platform = match kind {
        TargetKind::Fly => "fly",
        TargetKind::Github => "github",
    };
    if is_own {
        return platform.to_owned();
    }
    let host = if kind == TargetKind::Github { github_host(address) } else { None };
    let authority = || address.split("://").nth(1).unwrap_or(address).split('/').next().unwrap_or_default().to_owned();
    format!("{platform}:{}", host.unwrap_or_else(authority))
}

/// Returns the token that is used for a platform by whoever names no target.
pub fn usual(kind: TargetKind, world: &World) -> Result<Access, Refusal> {
    let (address, is_own) = address(kind, world)?;
    let found = usual_token(kind, true, world, &address, is_own);
    Ok(Access { kind, address, found })
}

/// Returns the token that is used for a target. One that stands in the vault is known only where that could be read.
pub fn of_target(target: &Target, inventory: Option<&Inventory>, world: &World) -> Result<Access, Refusal> {
    let (kind, variable, default) = match &target.spec {
        TargetSpec::Fly { .. } => (TargetKind::Fly, "FLY_FLAPS_BASE_URL", fly::MACHINES_URL),
        TargetSpec::Github { .. } => (TargetKind::Github, "GITHUB_API_URL", github::API_URL),
    };
    let address = base_url(target, world, variable, default)?;
    let is_own = address == default
        && (kind != TargetKind::Fly || base_url(target, world, "FLY_API_BASE_URL", fly::API_URL)? == fly::API_URL);
    Ok(Access { kind, found: found(target, inventory, world, &address, is_own), address })
}

/// Returns the keys that a user has published at GitHub. Everybody may read them, so no token is needed; with one, the hourly
/// limit is the higher one.
pub async fn published_keys(client: &Client, user: &str, world: &World) -> anyhow::Result<Vec<String>> {
    let Access { address, found, .. } = usual(TargetKind::Github, world)?;
    let token = found.as_ref().map(|found| &found.token);
    Ok(people::published_keys(client, &address, token, user).await?)
}

fn base_url(target: &Target, world: &World, variable: &'static str, default: &str) -> Result<String, Refusal> {
    // What stands in undrift.toml was checked when it was read.
    if let Some(url) = &target.api_url {
        return Ok(url.clone());
    }
    stated_url(world, variable, default)
}

fn stated_url(world: &World, variable: &'static str, default: &str) -> Result<String, Refusal> {
    let url = world.variable(variable).unwrap_or(default);
    if is_safe_url(url) { Ok(url.to_owned()) } else { Err(Refusal::UnsafeUrl { variable }) }
}

/// `is_own` tells whether the address is the platform's own.
fn token(
    target: &Target,
    inventory: &Inventory,
    world: &World,
    address: &str,
    is_own: bool,
) -> Result<SecretValue, TargetError> {
    found(target, Some(inventory), world, address, is_own).map(|found| found.token).ok_or(TargetError::NoToken)
}

fn found(target: &Target, inventory: Option<&Inventory>, world: &World, address: &str, is_own: bool) -> Option<Found> {
    let kind = match &target.spec {
        TargetSpec::Fly { .. } => TargetKind::Fly,
        TargetSpec::Github { .. } => TargetKind::Github,
    };
    match &target.token {
        Some(TokenSource::Variable(name)) => variable(world, name),
        Some(TokenSource::Vault(name)) => inventory?.entries.get(name).map(|entry| Found {
            token: SecretValue::copied_from(entry.value.expose()),
            origin: format!("{name} of the vault"),
        }),
        None => usual_token(kind, target.api_url.is_none(), world, address, is_own),
    }
}

fn variable(world: &World, name: &str) -> Option<Found> {
    let token = world.variable(name).map(SecretValue::copied_from)?;
    Some(Found { token, origin: name.to_owned() })
}

/// Returns the token that people have anyway for a platform.
///
/// It belongs to the platform, and not to whatever address a project names: an `api-url` of another machine needs a
/// `token` of its own beside it, and what `fly auth login` or `gh auth login` left is for the platform's own address.
/// What `undrift login` put in the keyring is for the address that it was checked with.
/// GitHub's enterprise servers are the exception, because there the person has named the machine: what `gh auth login
/// --hostname` left is for that host, and the enterprise variables are for the host in `GH_HOST`.
fn usual_token(kind: TargetKind, is_of_environment: bool, world: &World, address: &str, is_own: bool) -> Option<Found> {
    const ENTERPRISE: [&str; 2] = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"];
    let from = |variables: &[&str]| variables.iter().find_map(|name| variable(world, name));
    let variables: &[&str] = match kind {
        TargetKind::Fly => &["FLY_ACCESS_TOKEN", "FLY_API_TOKEN"],
        TargetKind::Github => &["GH_TOKEN", "GITHUB_TOKEN"],
    };
    let kept = || {
        // A keyring that is locked is like none: `undrift doctor` tells of it.
        let token = world.keyring.get(&account(kind, address, is_own)).ok()??;
        Some(Found { token, origin: KEYRING.to_owned() })
    };
    if is_own {
        return from(variables).or_else(kept).or_else(|| of_the_platforms_own_program(kind, world));
    }
    let is_named = |host: &str| world.variable("GH_HOST").is_some_and(|named| named.eq_ignore_ascii_case(host));
    let host = if kind == TargetKind::Github { github_host(address) } else { None };
    let enterprise = host.as_deref().filter(|host| *host != "github.com" && (is_of_environment || is_named(host)));
    enterprise
        .and_then(|_| from(&ENTERPRISE))
        .or_else(|| if is_of_environment || is_loopback(address) { from(variables) } else { None })
        .or_else(kept)
        .or_else(|| of_gh(&host?, world))
}

/// Returns the name by which gh calls the machine of an API, unless it is this one: `ghe.example.com` for
/// `https://ghe.example.com/api/v3`, `acme.ghe.com` for `https://api.acme.ghe.com`.
fn github_host(address: &str) -> Option<String> {
    let authority = address.strip_prefix("https://")?.split('/').next()?.to_ascii_lowercase();
    match authority.strip_prefix("api.") {
        Some(host) if host == "github.com" || host.ends_with(".ghe.com") => Some(host.to_owned()),
        _ => Some(authority),
    }
}

/// Returns whether a token may be the one that GitHub gives each run of a workflow. One of a person says so itself.
fn is_of_workflow(token: &SecretValue, world: &World) -> bool {
    let is_of_person = ["ghp_", "gho_", "ghu_", "github_pat_"].iter().any(|begins| token.expose().starts_with(begins));
    world.variable("GITHUB_ACTIONS").is_some()
        && world.variable("GITHUB_TOKEN") == Some(token.expose())
        && !is_of_person
}

/// Every address is https or this very machine's; so is one that is not https.
fn is_loopback(url: &str) -> bool {
    !url.starts_with("https://")
}

fn of_the_platforms_own_program(kind: TargetKind, world: &World) -> Option<Found> {
    match kind {
        TargetKind::Fly => {
            let origin = configuration(kind, world)?.display().to_string();
            Some(Found { token: parse_fly(&read(kind, world)?)?, origin })
        }
        TargetKind::Github => of_gh("github.com", world),
    }
}

/// Returns what `gh auth login` left for a host.
fn of_gh(host: &str, world: &World) -> Option<Found> {
    let origin = configuration(TargetKind::Github, world)?.display().to_string();
    Some(Found { token: parse_gh(&read(TargetKind::Github, world)?, host)?, origin })
}

fn read(kind: TargetKind, world: &World) -> Option<Zeroizing<String>> {
    let content = store::read(&configuration(kind, world)?).ok()?;
    String::from_utf8(content).map(Zeroizing::new).ok()
}

fn parse_fly(text: &str) -> Option<SecretValue> {
    usable(serde_saphyr::from_str::<FlyConfiguration>(text).ok()?.access_token)
}

fn parse_gh(text: &str, host: &str) -> Option<SecretValue> {
    let hosts = serde_saphyr::from_str::<BTreeMap<String, GithubHost>>(text).ok()?;
    usable(hosts.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(host))?.1.oauth_token)
}

fn usable(token: Option<String>) -> Option<SecretValue> {
    token.filter(|token| !token.is_empty()).map(|token| SecretValue::new(Zeroizing::new(token)))
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
        let token = |found: Option<SecretValue>| found.map(|token| token.expose().to_owned());
        assert_eq!(token(parse_fly(fly)).as_deref(), Some("fm2_a,fm2_b"));
        assert_eq!(token(parse_gh(gh, "github.com")).as_deref(), Some("gho_x"));
        assert_eq!(token(parse_gh(gh, "GHE.example.com")).as_deref(), Some("other"));
        assert_eq!(token(parse_gh(gh, "evil.example")), None);
        for text in ["access_token: \"\"\n", "wire_guard_state: {}\n", "access_token: [broken\n"] {
            assert_eq!(token(parse_fly(text)), None, "{text}");
        }
        for text in ["ghe.example.com:\n    oauth_token: other\n", "github.com:\n    user: alice\n", ""] {
            assert_eq!(token(parse_gh(text, "github.com")), None, "{text}");
        }
    }

    #[test]
    fn a_machine_is_called_as_gh_calls_it() {
        for (address, host) in [
            ("https://api.github.com", Some("github.com")),
            ("https://ghe.example.com/api/v3", Some("ghe.example.com")),
            ("https://GHE.example.com:8443/api/v3/", Some("ghe.example.com:8443")),
            ("https://api.acme.ghe.com", Some("acme.ghe.com")),
            ("https://api.example.com", Some("api.example.com")),
            // A host that only begins like one that is known.
            ("https://ghe.example.com@evil.example/api/v3", Some("ghe.example.com@evil.example")),
            ("http://127.0.0.1:8080", None),
        ] {
            assert_eq!(github_host(address).as_deref(), host, "{address}");
        }
    }
}
