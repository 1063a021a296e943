//! What keeps a secret from having a new value now.

use vault_schema::due::Maker;

use super::site::{Opened, Site};
use super::{refuse_unfit, value};
use crate::domain::name::SecretName;

/// Returns why a secret cannot have a new value now, if it cannot.
pub(super) fn obstacle(site: &Site, opened: &Opened, name: &SecretName, can_ask: bool) -> Option<String> {
    let environment = &site.environment;
    if !opened.read.inventory.entries.contains_key(name) {
        return Some(format!("is not in `{environment}` any more"));
    }
    if opened.runs.iter().any(|run| run.secrets.contains_key(name)) {
        return Some(format!(
            "is in a rotation that is open; `undrift rotate --continue{}` goes on with it",
            site.flags()
        ));
    }
    if let Err(error) = refuse_unfit(site, opened, name) {
        let why = error.to_string();
        return Some(why.strip_prefix(&format!("{name} ")).unwrap_or(&why).to_owned());
    }
    (!can_ask && value::maker(site, name) == Maker::Person).then(|| has_to_be_given(site, name.as_str()))
}

/// Says what gives a secret a new value that somebody issues.
pub(super) fn has_to_be_given(site: &Site, name: &str) -> String {
    format!("is issued by somebody, and has to be given: `undrift rotate {name}{}`", site.flags())
}
