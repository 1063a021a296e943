//! Who runs this, for the log.
//!
//! Git's own name for a person is read the way git does in the usual cases, without starting it: `GIT_AUTHOR_NAME`
//! and `GIT_AUTHOR_EMAIL`, then `user.name` and `user.email` of the repository's `.git/config`, then of `~/.gitconfig`, then of
//! `git/config` in the configuration folder. Files that those include, and the configuration of a linked work tree, are
//! not read; then the person is named by the operating system alone.

use std::path::{Path, PathBuf};

use super::World;
use crate::domain::log::Who;
use crate::vault::store;

/// Returns who runs this in a project.
pub(super) fn who(world: &World, root: &Path) -> Who {
    Who { git: git(world, root), user: world.user_name(), ci: ci(world) }
}

fn git(world: &World, root: &Path) -> Option<String> {
    let repository = root.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists());
    let files: [Option<PathBuf>; 3] = [
        repository.map(|git| git.join("config")),
        world.home().map(|home| home.join(".gitconfig")),
        world
            .path_variable("XDG_CONFIG_HOME")
            .or_else(|| world.home().map(|home| home.join(".config")))
            .map(|folder| folder.join("git").join("config")),
    ];
    let texts: Vec<String> = files
        .into_iter()
        .flatten()
        .filter_map(|file| store::read(&file).ok())
        .map(|content| String::from_utf8_lossy(&content).into_owned())
        .collect();
    let configured = |key: &str| texts.iter().find_map(|text| of_user(text, key));
    let stated = |variable: &str, key: &str| world.variable(variable).map(str::to_owned).or_else(|| configured(key));
    match (stated("GIT_AUTHOR_NAME", "name"), stated("GIT_AUTHOR_EMAIL", "email")) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    }
}

/// Returns a key of the section `[user]` of a git configuration; of two, the last holds.
fn of_user(text: &str, key: &str) -> Option<String> {
    let (mut is_user, mut found) = (false, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_user = line.eq_ignore_ascii_case("[user]");
        } else if is_user
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
        {
            let value = value.split([';', '#']).next().unwrap_or_default().trim().trim_matches('"');
            found = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
    }
    found
}

fn ci(world: &World) -> Option<String> {
    if world.variable("GITHUB_ACTIONS").is_some() {
        let part = |name: &str| world.variable(name).unwrap_or("unknown");
        let (repository, run, actor) = (part("GITHUB_REPOSITORY"), part("GITHUB_RUN_ID"), part("GITHUB_ACTOR"));
        return Some(format!("{repository} run {run} by {actor}"));
    }
    world.variable("CI").filter(|value| !matches!(*value, "false" | "0")).map(|_| "yes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_git_config_writes() {
        let text =
            "[core]\n\tname = no\n[user]\n\temail = alice@example.com\n\tname = \"Alice B.\" # me\n[alias]\nname = x\n";
        assert_eq!(of_user(text, "name").as_deref(), Some("Alice B."));
        assert_eq!(of_user(text, "email").as_deref(), Some("alice@example.com"));
        assert_eq!(of_user("[user \"x\"]\nname = no\n", "name"), None);
        assert_eq!(of_user("[User]\nNAME=first\nname = last\n", "name").as_deref(), Some("last"));
    }
}
