//! `undrift ci github`: a workflow that audits once a week, with no more rights than it needs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use crate::cli::{Ci, CiSystem, Global};
use crate::domain::declaration::{NotifyRules, Project, TargetSpec, TokenSource};
use crate::error::{Exit, Refusal};
use crate::settings::{Selection, World};
use crate::vault::store;

const WORKFLOW: &str = include_str!("../../templates/github-workflow.yml");

/// Where GitHub looks for workflows, and the file's name.
const FOLDER: &str = ".github/workflows";
const FILE: &str = "undrift-audit.yml";

pub(super) fn run(arguments: &Ci, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let CiSystem::Github = arguments.system;
    let selection = Selection::resolve(global, world)?;
    if !is_pinned(&arguments.action) {
        return Err(Refusal::NotPinned.into());
    }
    let project = selection.layout.root();
    let repository = repository(project);
    let within = project.strip_prefix(repository).unwrap_or(Path::new(""));
    let folder = match within.to_string_lossy().replace('\\', "/") {
        within if within.is_empty() => ".".to_owned(),
        within => within,
    };
    if !folder.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ' ')) {
        anyhow::bail!("the folder {folder:?} has characters that do not go into a workflow");
    }
    let tokens = tokens(&selection.project);
    let notify = notify(&selection.project, &tokens);
    // A workflow's own token may write issues of its own repository, where the workflow lets it.
    let own =
        selection.project.notify.is_some() && writes_issues(&selection.project) && !tokens.contains_key(OWN_TOKEN);
    let permissions = if own { "      issues: write # for the issue that says what is wrong\n" } else { "" };
    let own = if own { format!("          {OWN_TOKEN}: ${{{{ github.token }}}}\n") } else { String::new() };
    let variables = tokens.iter().chain(&notify).map(|(name, secret)| line(name, secret)).collect::<String>() + &own;
    // Every part is of characters that mean nothing in a workflow, so that none can bring a mark of another.
    let environments: Vec<String> = selection.project.environments.keys().map(|name| format!("-e {name}")).collect();
    let text = WORKFLOW
        .replace("@ACTION@", &arguments.action)
        .replace("@FOLDER@", &folder)
        .replace("@ENVIRONMENTS@", &environments.join(" "))
        .replace("@NOTIFY@", if selection.project.notify.is_some() { " --notify" } else { "" })
        .replace("@PERMISSIONS@", permissions)
        .replace("@TOKENS@", &variables);
    let path = repository.join(FOLDER).join(FILE);
    let shown = format!("{FOLDER}/{FILE}");
    match store::read_if_present(&path).with_context(|| format!("cannot read {shown}"))? {
        Some(there) if there == text.as_bytes() => {
            world.ui.say(&format!("{shown} is there already, and as it should be"));
        }
        Some(_) => return Err(Refusal::AlreadyThere(shown).into()),
        None => {
            let written = store::make_folder(&repository.join(FOLDER))
                .and_then(|()| store::create_public(&path, text.as_bytes()));
            written.with_context(|| format!("cannot write {shown}"))?;
            world.ui.say(&format!("wrote {shown}"));
        }
    }
    world.ui.say("hint: `gh secret set UNDRIFT_IDENTITY < FILE` gives it a key that opens the vault");
    for secret in tokens.values() {
        world.ui.say(&format!("hint: `gh secret set {secret}` gives it a token that can read and not write"));
    }
    for secret in notify.values() {
        world.ui.say(&format!("hint: `gh secret set {secret}` lets it tell those whom `[notify]` names"));
    }
    Ok(Exit::Clean)
}

/// Returns the repository's folder; the project's own where there is none.
pub(super) fn repository(project: &Path) -> &Path {
    project.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(project)
}

/// Returns whether an action is named by a full commit, which nobody can move.
fn is_pinned(action: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    action.split_once('@').is_some_and(|(repository, commit)| {
        let parts: Vec<&str> = repository.split('/').collect();
        parts.len() >= 2
            && parts.iter().all(|part| is_part(part))
            && commit.len() == 40
            && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Returns the variables that hold the tokens of the targets, each with the repository's secret it comes from.
fn tokens(project: &Project) -> BTreeMap<String, String> {
    let mut tokens = BTreeMap::new();
    for target in project.targets.values() {
        match (&target.token, &target.spec) {
            (Some(TokenSource::Vault(_)), _) => {}
            (Some(TokenSource::Variable(name)), _) => {
                tokens.insert(name.clone(), secret_for(name));
            }
            (None, TargetSpec::Fly { .. }) => {
                tokens.entry("FLY_API_TOKEN".to_owned()).or_insert_with(|| "UNDRIFT_FLY_TOKEN".to_owned());
            }
            (None, TargetSpec::Github { .. }) => {
                tokens.entry("GH_TOKEN".to_owned()).or_insert_with(|| "UNDRIFT_GITHUB_TOKEN".to_owned());
            }
        }
    }
    tokens
}

/// The variable with the token that GitHub gives each run of a workflow.
const OWN_TOKEN: &str = "GITHUB_TOKEN";

/// Returns whether the issue is written with the workflow's own token.
fn writes_issues(project: &Project) -> bool {
    let issue = project.notify.as_ref().and_then(|notify| notify.issue.as_ref());
    issue.is_some_and(|issue| issue.token == Some(TokenSource::Variable(OWN_TOKEN.to_owned())))
}

/// Returns the variables that telling needs and the targets do not, each with the repository's secret it comes from.
fn notify(project: &Project, tokens: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let sources = project.notify.iter().flat_map(NotifyRules::sources);
    let variables = sources.filter_map(|source| match source {
        TokenSource::Variable(name) => Some(name.clone()),
        TokenSource::Vault(_) => None,
    });
    let is_new = |name: &String| name != OWN_TOKEN && !tokens.contains_key(name);
    let mut found: BTreeMap<String, String> =
        variables.filter(is_new).map(|name| (name.clone(), secret_for(&name))).collect();
    // Without a token of its own, the issue is written with the one that people have anyway.
    let issue = project.notify.as_ref().and_then(|notify| notify.issue.as_ref());
    if issue.is_some_and(|issue| issue.token.is_none()) && !tokens.contains_key("GH_TOKEN") {
        found.insert("GH_TOKEN".to_owned(), "UNDRIFT_GITHUB_TOKEN".to_owned());
    }
    found
}

/// Returns the repository's secret for a variable. GitHub keeps one beginning for itself.
fn secret_for(name: &str) -> String {
    let own = name.to_ascii_uppercase().starts_with("GITHUB_");
    if own { format!("UNDRIFT_{name}") } else { name.to_owned() }
}

fn line(name: &str, secret: &str) -> String {
    format!("          {name}: ${{{{ secrets.{secret} }}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_commit_is_pinned() {
        let commit = "3d3c42e5aac5ba805825da76410c181273ba90b1";
        assert!(is_pinned(&format!("acme/undrift@{commit}")));
        assert!(is_pinned(&format!("acme/tools/undrift@{commit}")));
        for wrong in [
            "acme/undrift".to_owned(),
            "acme/undrift@v1".to_owned(),
            format!("undrift@{commit}"),
            format!("acme/undrift@{}", &commit[1..]),
            format!("acme/un drift@{commit}"),
            format!("acme//undrift@{commit}"),
            format!("acme/undrift\n@{commit}"),
            format!("acme/undrift@{}g", &commit[1..]),
        ] {
            assert!(!is_pinned(&wrong), "{wrong}");
        }
    }
}
