//! What a path says: which environment its values belong to, and which group they go to.
//!
//! # The environment
//!
//! A folder names an environment when its whole name is one. A file names one with any word of its name, words being
//! apart by `_`, `-` or `.`: `api_staging.env`, `.env.staging`, `staging.env`. A declared name counts in any case;
//! `prod`, `stage` or `dev` count for `production`, `staging` or `development`, and the other way round, when exactly
//! one of that meaning is declared. The usual names of environments that are not declared (`qa`, `local`) are
//! recognised too: their values must not end up in another environment.
//!
//! # The group
//!
//! The last folder that names no environment, then the file's name without `env` and without the environment, put
//! together with `-` in lower case: `chat/tokens_staging.env` goes to `chat-tokens`. A name that begins with the
//! folder's says it all (`api/api_staging.env` goes to `api`), and a path that names nothing goes to `secrets`; so does
//! the vault's own folder, which is no service. Two paths may lead to one group: nothing is lost by it, because names
//! are compared across all files of an environment, not within a group.

use std::collections::BTreeSet;

use crate::domain::name::{EnvironmentName, GroupName, NameError};

/// What a path says.
#[derive(Debug, PartialEq, Eq)]
pub struct Naming {
    /// The environments it names.
    pub environments: BTreeSet<Named>,
    /// The group its values go to.
    pub group: GroupName,
}

/// An environment that a path names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// One that is declared.
    Declared(EnvironmentName),
    /// The usual name of one that is not, or that could be several.
    Undeclared(String),
}

impl Named {
    /// Returns its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Declared(name) => name.as_str(),
            Self::Undeclared(name) => name,
        }
    }
}

/// What a file is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain env file.
    Plain,
    /// An env file that nothing is taken from.
    Skipped(Skip),
    /// Something else.
    Other,
}

/// Why nothing is taken from an env file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It shows what to fill in.
    Template,
    /// An editor or a person kept an older one.
    Backup,
    /// It is encrypted.
    Encrypted,
    /// It leads elsewhere.
    Link,
}

const TEMPLATES: &[&str] = &["default", "defaults", "dist", "example", "sample", "template", "tmpl", "tpl"];
const BACKUPS: &[&str] = &["backup", "bak", "old", "orig", "save", "swo", "swp", "tmp"];
const ENCRYPTED: &[&str] = &["age", "asc", "enc", "encrypted", "gpg", "sops", "vault"];

/// Words that mean one environment.
const ALIKE: &[&[&str]] =
    &[&["production", "prod", "prd"], &["staging", "stage", "stg"], &["development", "devel", "dev"]];

/// Other words that name an environment, whether it is declared or not.
const USUAL: &[&str] = &["local", "preprod", "preview", "qa", "sandbox", "test", "testing", "uat"];

/// A group that no path names.
const UNNAMED: &str = "secrets";

/// Longer names are cut: with its ending, a file's name must fit into 255 bytes.
const LONGEST_GROUP: usize = 100;

/// Tells what a file is by its name: `.env`, `.env.X`, `NAME.env`, and `NAME.env.X` when `X` names an environment.
pub fn kind(file: &str, declared: &[EnvironmentName]) -> Kind {
    let lower = file.to_ascii_lowercase();
    let (lower, kept) = lower.strip_suffix('~').map_or((lower.as_str(), false), |name| (name, true));
    let parts: Vec<&str> = lower.split('.').collect();
    let Some(env) = parts.iter().position(|part| *part == "env").filter(|at| *at > 0) else { return Kind::Other };
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    let last = parts[parts.len() - 1];
    let after = &parts[env + 1..];
    let marked = [TEMPLATES, BACKUPS, ENCRYPTED].iter().any(|words| words.contains(&last));
    let ours = parts[0].is_empty() && env == 1 || after.is_empty() || marked || resolve(last, declared).is_some();
    if !ours {
        Kind::Other
    } else if ENCRYPTED.contains(&last) {
        Kind::Skipped(Skip::Encrypted)
    } else if kept || has(BACKUPS) {
        Kind::Skipped(Skip::Backup)
    } else if has(TEMPLATES) {
        Kind::Skipped(Skip::Template)
    } else {
        Kind::Plain
    }
}

/// Words that people put into the name of a file that sops has encrypted.
const MARKS: &[&str] = &["enc", "encrypted", "sops"];

/// Takes those words out of a file's name: `api.enc.yaml` is about `api`.
pub fn without_marks(file: &str) -> String {
    let parts: Vec<&str> =
        file.split('.').filter(|part| !MARKS.contains(&part.to_ascii_lowercase().as_str())).collect();
    parts.join(".")
}

/// Returns whether a word names an environment.
pub fn is_environment(word: &str, declared: &[EnvironmentName]) -> bool {
    resolve(word, declared).is_some()
}

/// Tells which environment a profile of another program is.
pub fn of_profile(profile: &str, declared: &[EnvironmentName]) -> Named {
    resolve(profile, declared).unwrap_or_else(|| Named::Undeclared(profile.to_owned()))
}

/// Tells what a path says, by its folders and its file's name.
pub fn name(folders: &[String], file: &str, declared: &[EnvironmentName]) -> Result<Naming, NameError> {
    let mut environments = BTreeSet::new();
    let mut service = None;
    for folder in folders {
        match resolve(folder, declared) {
            Some(named) => {
                environments.insert(named);
            }
            None if folder == "vault" => service = None,
            None => service = Some(folder.as_str()),
        }
    }
    let stem = stem(file);
    let rest = take_environments(&stem, declared, &mut environments);
    let group = group(service.unwrap_or_default(), &rest);
    Ok(Naming { environments, group: GroupName::parse(&group)? })
}

/// The file's name without the part that says what it is.
fn stem(file: &str) -> String {
    let mut parts: Vec<&str> = file.split('.').collect();
    match parts.iter().rposition(|part| part.eq_ignore_ascii_case("env")) {
        Some(at) => {
            parts.remove(at);
        }
        // A file that was named by hand may have any ending.
        None if parts.len() > 1 => {
            parts.pop();
        }
        None => {}
    }
    parts.retain(|part| !part.is_empty());
    parts.join(".")
}

const fn is_between(character: char) -> bool {
    matches!(character, '_' | '-' | '.')
}

/// Takes the environments out of a name, the longest first at each word, and returns what is left.
fn take_environments(stem: &str, declared: &[EnvironmentName], found: &mut BTreeSet<Named>) -> String {
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    for word in stem.split(is_between) {
        if !word.is_empty() {
            words.push((start, start + word.len()));
        }
        start += word.len() + 1;
    }
    let mut left: Vec<String> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut index = 0;
    while let Some(&(start, end)) = words.get(index) {
        let longest =
            (index..words.len()).rev().find_map(|last| Some((last, resolve(&stem[start..words[last].1], declared)?)));
        if let Some((last, named)) = longest {
            found.insert(named);
            left.extend(open.take().map(|(start, end)| stem[start..end].to_owned()));
            index = last + 1;
        } else {
            open = Some((open.map_or(start, |(start, _)| start), end));
            index += 1;
        }
    }
    left.extend(open.map(|(start, end)| stem[start..end].to_owned()));
    left.join("-")
}

fn resolve(word: &str, declared: &[EnvironmentName]) -> Option<Named> {
    let only = |alike: &dyn Fn(&str) -> bool| {
        let mut all = declared.iter().filter(|name| alike(name.as_str()));
        all.next().filter(|_| all.next().is_none()).map(|name| Named::Declared(name.clone()))
    };
    let lower = word.to_ascii_lowercase();
    let family = ALIKE.iter().find(|family| family.contains(&lower.as_str()));
    let known = family.is_some()
        || USUAL.contains(&lower.as_str())
        || declared.iter().any(|name| name.as_str().eq_ignore_ascii_case(word));
    only(&|name| name == word)
        .or_else(|| only(&|name| name.eq_ignore_ascii_case(word)))
        .or_else(|| only(&|name| family.is_some_and(|words| words.contains(&name.to_ascii_lowercase().as_str()))))
        .or_else(|| known.then_some(Named::Undeclared(lower)))
}

fn group(service: &str, rest: &str) -> String {
    let (service, rest) = (legal(service), legal(rest));
    let says_it_all = rest.strip_prefix(&service).is_some_and(|more| more.is_empty() || more.starts_with(is_between));
    let group = match (service.is_empty(), rest.is_empty()) {
        (true, true) => UNNAMED.to_owned(),
        (false, true) => service,
        (true, false) => rest,
        (false, false) if says_it_all => rest,
        (false, false) => format!("{service}-{rest}"),
    };
    let cut = &group[..group.len().min(LONGEST_GROUP)];
    cut.trim_end_matches(is_between).to_owned()
}

/// Lower case, because `API` and `api` are one file on many disks.
fn legal(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || is_between(c) { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(keep).collect::<String>().trim_matches(is_between).to_owned()
}
