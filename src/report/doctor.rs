//! The examination: facts in, one check a thing out, and the one screen that shows them.

use std::fmt::Write;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use unicode_width::UnicodeWidthStr;
use vault_schema::doctor::{Check, Report, SCHEMA, State, Summary, Topic};

use super::TOOL;
use crate::domain::name::EnvironmentName;
use crate::targets::TargetError;
use crate::targets::account::Account;
use crate::vault::git::Repository;
use crate::vault::keyring::KeyringError;
use crate::vault::tree::naming::{self, Kind, Skip};

/// How far a clock may be off before times mislead.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// How long before its end a token is told of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The widest name that others are lined up with: a public key still fits beside it into 80 columns.
const WIDEST: usize = 10;

/// How many names one check lists.
const NAMES: usize = 3;

/// Makes a check.
pub fn check(
    state: State,
    topic: Topic,
    name: Option<&str>,
    message: impl Into<String>,
    next: Option<String>,
) -> Check {
    Check { state, topic, name: name.map(str::to_owned), message: message.into(), next }
}

/// Puts the checks together, those of one topic as they came. Files below the person's own folder are called as a shell
/// calls them.
pub fn build(at: Timestamp, mut checks: Vec<Check>, home: Option<&Path>) -> Report {
    checks.sort_by_key(|check| check.topic);
    if let Some(home) = home.filter(|home| cfg!(unix) && home.components().count() > 1) {
        let below = format!("{}/", home.display());
        for check in &mut checks {
            check.message = check.message.replace(&below, "~/");
            check.next = check.next.take().map(|next| next.replace(&below, "~/"));
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let summary = Summary { ok: count(State::Ok), warn: count(State::Warn), fail: count(State::Fail) };
    Report { schema: SCHEMA.to_owned(), tool: TOOL.to_owned(), at, summary, checks }
}

/// Renders the examination.
pub fn text(report: &Report, width: usize) -> String {
    let name = |check: &Check| check.name.clone().unwrap_or_else(|| in_words(check.topic).to_owned());
    let widest = report.checks.iter().map(|check| name(check).width()).max().unwrap_or_default().min(WIDEST);
    let indent = " ".repeat(6 + widest + 2);
    let mut text = String::new();
    for check in &report.checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        };
        let name = name(check);
        let padding = " ".repeat(widest.saturating_sub(name.width()));
        let first = format!("{state:<4}  {name}{padding}  ");
        // A line longer than this is hard to read, however wide the terminal is.
        let options = textwrap::Options::new(width.min(100))
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .subsequent_indent(&indent);
        let _ = writeln!(text, "{}", textwrap::fill(&check.message, options.clone().initial_indent(&first)));
        if let Some(next) = &check.next {
            let _ = writeln!(text, "{}", textwrap::fill(next, options.initial_indent(&indent)));
        }
    }
    let Summary { ok, warn, fail } = report.summary;
    let _ = writeln!(
        text,
        "\n{} looked at: {ok} ok, {} to look into, {} to mend",
        report.checks.len(),
        none(warn),
        none(fail)
    );
    text
}

fn none(count: usize) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}

const fn in_words(topic: Topic) -> &'static str {
    match topic {
        Topic::Project => "project",
        Topic::Identity => "identity",
        Topic::Environment => "environment",
        Topic::Token => "token",
        Topic::Target => "targets",
        Topic::Clock => "clock",
        Topic::Git => "git",
        Topic::Machine => "machine",
        Topic::Versions => "versions",
    }
}

/// A public key on one line: those of ssh are too long for it.
pub fn short(recipient: &str) -> String {
    let mut words = recipient.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(kind), Some(key), comment) if kind.starts_with("ssh-") && key.len() > 24 => {
            let comment = comment.map(|comment| format!(" {comment}")).unwrap_or_default();
            format!("{kind} ...{}{comment}", &key[key.len() - 16..])
        }
        _ => recipient.to_owned(),
    }
}

/// Judges a keyring that was asked and gave no answer, where another place had the identity.
pub fn keyring(error: &KeyringError) -> Option<Check> {
    let next = "unlock it, or keep the key elsewhere: `undrift login --help`".to_owned();
    let message = format!("found, but {error}; it was passed over");
    (*error != KeyringError::Absent).then(|| check(State::Warn, Topic::Identity, Some("keyring"), message, Some(next)))
}

/// Judges who may read a file with a key in it, by its mode.
pub fn permissions(file: &Path, mode: u32) -> Option<Check> {
    let file = file.display();
    (mode & 0o077 != 0).then(|| {
        let message = format!("{file} can be read by others on this machine ({:03o})", mode & 0o777);
        check(State::Warn, Topic::Identity, None, message, Some(format!("`chmod 600 {file}`")))
    })
}

/// How an environment was found.
#[derive(Debug)]
pub struct Opened<'a> {
    /// Its name.
    pub name: &'a EnvironmentName,
    /// How many values it has.
    pub values: usize,
    /// The names of its recipients, or why they could not be read.
    pub recipients: Result<&'a [String], String>,
    /// Whether our own public key is among them; none where that cannot be told.
    pub has_ours: Option<bool>,
    /// Whether nobody has sealed it.
    pub is_unsealed: bool,
    /// The problems that its values are hidden by or its files have, worst first.
    pub problems: Vec<String>,
}

/// Judges an environment that our keys open.
pub fn opened(environment: &Opened<'_>) -> Check {
    let name = environment.name;
    let make = |state, message, next| check(state, Topic::Environment, Some(name.as_str()), message, next);
    let recipients = match &environment.recipients {
        Ok(names) => names.join(", "),
        Err(why) => {
            let next = "take vault/".to_owned() + name.as_str() + "/recipients.txt from git again";
            return make(State::Fail, format!("it opens, but its recipients.txt does not read: {why}"), Some(next));
        }
    };
    if let Some(first) = environment.problems.first() {
        let more = match environment.problems.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        return make(State::Fail, format!("{first}{more}"), Some(format!("`undrift audit -e {name}` names all of it")));
    }
    if environment.has_ours == Some(false) {
        let message =
            format!("your key opens it, and is not in recipients.txt: the next write shuts you out ({recipients})");
        return make(State::Warn, message, Some(format!("`undrift grant YOU YOUR-PUBLIC-KEY -e {name}`")));
    }
    if environment.is_unsealed {
        let message = "it opens, and nobody has vouched for its files: nothing of it is pushed".to_owned();
        return make(State::Warn, message, Some(format!("look at them, then `undrift seal -e {name}`")));
    }
    let values = match environment.values {
        0 => "no value".to_owned(),
        1 => "1 value".to_owned(),
        many => format!("{many} values"),
    };
    make(State::Ok, format!("it opens: {values}, readable by {recipients}"), None)
}

/// Judges what a platform says of a token.
pub fn token(
    platform: &str,
    origin: &str,
    answer: &Result<Account, TargetError>,
    now: Timestamp,
    remedy: Option<String>,
) -> Check {
    let make = |state, message, next| check(state, Topic::Token, Some(platform), message, next);
    let account = match answer {
        Ok(account) => account,
        Err(TargetError::Unauthorized) => {
            return make(State::Fail, format!("the token in {origin} is not accepted"), remedy);
        }
        Err(error) => return make(State::Fail, format!("the token in {origin} could not be checked: {error}"), remedy),
    };
    let mut message = format!("found in {origin}");
    if let Some(who) = &account.who {
        let _ = write!(message, ", of {who}");
    }
    match &account.scopes {
        Some(scopes) if scopes.is_empty() => message.push_str("; it has no scope"),
        Some(scopes) => {
            let _ = write!(message, "; scopes {}", scopes.join(", "));
        }
        None => {}
    }
    let Some(expires) = account.expires else { return make(State::Ok, message, None) };
    let _ = write!(message, "; it ends {}", expires.strftime("%Y-%m-%d"));
    if expires.duration_since(now) < SOON {
        return make(State::Warn, message, Some(format!("make another one, then `undrift login {platform}`")));
    }
    make(State::Ok, message, None)
}

/// Judges this machine's clock by those of others, each with whose it is.
pub fn clock(seen: &[(String, Timestamp, Timestamp)]) -> Option<Check> {
    let off = |(_, there, here): &(String, Timestamp, Timestamp)| here.duration_since(*there);
    let worst = seen.iter().max_by_key(|seen| off(seen).abs())?;
    let (whose, skew) = (&worst.0, off(worst));
    if skew.abs() < SKEW {
        let message = "less than two minutes from that of whoever was asked";
        return Some(check(State::Ok, Topic::Clock, None, message, None));
    }
    let (minutes, side) = (skew.abs().as_mins(), if skew.is_negative() { "behind" } else { "before" });
    let message = format!("{minutes} minutes {side} that of {whose}: times in the log and in reports mislead");
    Some(check(State::Warn, Topic::Clock, None, message, Some("`timedatectl set-ntp true` sets it".to_owned())))
}

/// Judges what git knows; `missing` are the rules that `vault/.gitattributes` lacks.
pub fn git(
    repository: Option<&Repository>,
    is_there: bool,
    missing: &[&str],
    declared: &[EnvironmentName],
) -> Vec<Check> {
    let make = |state, message: String, next: Option<String>| check(state, Topic::Git, None, message, next);
    if !is_there {
        let message = "git was not found, so what is committed is not known".to_owned();
        return vec![make(State::Warn, message, Some("install git, or put it in PATH".to_owned()))];
    }
    let Some(repository) = repository else {
        let message = "this folder is in no repository: nothing keeps older states of the vault".to_owned();
        return vec![make(State::Warn, message, Some("`git init`".to_owned()))];
    };
    let mut found = Vec::new();
    let plain = |files: &[String]| -> Vec<String> {
        let is_plain = |file: &&String| {
            let name = file.rsplit('/').next().unwrap_or(file);
            matches!(naming::kind(name, declared), Kind::Plain | Kind::Skipped(Skip::Backup))
        };
        files.iter().filter(is_plain).cloned().collect()
    };
    let committed = plain(&repository.committed);
    if let Some(first) = committed.first() {
        let message = format!("plain values are committed: {}", listed(&committed));
        let next = format!("`git rm --cached {first}`, ignore it, and change its values: they are in the history");
        found.push(make(State::Fail, message, Some(next)));
    }
    let untracked = plain(&repository.untracked);
    if let Some(first) = untracked.first() {
        let message = format!("plain values are not ignored: {}", listed(&untracked));
        found.push(make(State::Warn, message, Some(format!("`echo /{first} >> .gitignore`"))));
    }
    if !repository.ignores_local {
        let message = ".undrift/ is not ignored, and is this machine's own".to_owned();
        found.push(make(State::Warn, message, Some("`echo /.undrift/ >> .gitignore`".to_owned())));
    }
    if let Some(first) = missing.first() {
        let message = "vault/.gitattributes does not say how git treats the vault's files".to_owned();
        found.push(make(State::Warn, message, Some(format!("`echo '{first}' >> vault/.gitattributes`"))));
    }
    if found.is_empty() {
        found.push(make(State::Ok, "no plain values are committed, and .undrift/ is ignored".to_owned(), None));
    }
    found
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES { format!("{shown} and {} more", names.len() - NAMES) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_clock_is_judged_by_the_one_it_differs_from_most() {
        let here = at("2026-11-20T08:00:00Z");
        for (there, state, words) in [
            ("2026-11-20T08:01:59Z", State::Ok, "less than two minutes from that of whoever was asked"),
            ("2026-11-20T08:02:00Z", State::Warn, "2 minutes behind that of fly"),
            ("2026-11-20T07:30:00Z", State::Warn, "30 minutes before that of fly"),
        ] {
            let seen = [("github".to_owned(), here, here), ("fly".to_owned(), at(there), here)];
            let check = clock(&seen).expect("a check");
            assert_eq!(check.state, state, "{there}");
            assert!(check.message.starts_with(words), "{}", check.message);
        }
        assert_eq!(clock(&[]), None);
    }

    #[test]
    fn a_token_is_told_of_before_it_ends() {
        let now = at("2026-11-20T08:00:00Z");
        let judge = |account| token("github", "GH_TOKEN", &Ok(account), now, None);
        let ends = |text| Account { expires: Some(at(text)), ..Account::default() };
        assert_eq!(judge(Account::default()).state, State::Ok);
        assert_eq!(judge(ends("2026-12-04T08:00:00Z")).state, State::Ok);
        let soon = judge(ends("2026-12-04T07:59:59Z"));
        assert_eq!((soon.state, soon.message.as_str()), (State::Warn, "found in GH_TOKEN; it ends 2026-12-04"));
        let scopes = Some(vec!["repo".to_owned(), "admin:org".to_owned()]);
        let account = Account { who: Some("octocat".to_owned()), scopes, ..Account::default() };
        assert_eq!(judge(account).message, "found in GH_TOKEN, of octocat; scopes repo, admin:org");
        let refused = token("github", "GH_TOKEN", &Err(TargetError::Unauthorized), now, None);
        assert_eq!(refused.state, State::Fail);
    }

    #[test]
    fn git_is_asked_for_names_alone() {
        let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let judge = |committed: &[&str], untracked: &[&str], ignores_local, missing: &[&str]| {
            let (committed, untracked) = (files(committed), files(untracked));
            let repository = Repository { ignores_local, committed, untracked };
            let checks = git(Some(&repository), true, missing, &[]);
            checks.into_iter().map(|check| (check.state, check.message)).collect::<Vec<_>>()
        };
        let fine = (State::Ok, "no plain values are committed, and .undrift/ is ignored".to_owned());
        let harmless = ["vault/staging/a.env.age", "api/.env.example", "src/environment.rs"];
        assert_eq!(judge(&harmless, &harmless, true, &[]), [fine]);
        let found = judge(&["api/.env", "web/.env.local", ".env.bak", "a.env"], &["b.env"], false, &["* -text"]);
        assert_eq!(
            found[0],
            (State::Fail, "plain values are committed: api/.env, web/.env.local, .env.bak and 1 more".to_owned())
        );
        assert_eq!(found[1], (State::Warn, "plain values are not ignored: b.env".to_owned()));
        assert_eq!(found.len(), 4);
        assert_eq!(git(None, true, &[], &[])[0].state, State::Warn);
        assert_eq!(git(None, false, &[], &[])[0].state, State::Warn);
    }

    #[test]
    fn a_file_is_its_owners_alone() {
        for (mode, fine) in [(0o100_600, true), (0o100_400, true), (0o100_640, false), (0o100_604, false)] {
            assert_eq!(permissions(Path::new("a"), mode).is_none(), fine, "{mode:o}");
        }
    }

    #[test]
    fn an_environment_is_judged_by_the_worst_of_it() {
        let (name, names) = (EnvironmentName::parse("staging").expect("a name"), vec!["alice".to_owned()]);
        let fine = || Opened {
            name: &name,
            values: 2,
            recipients: Ok(&names),
            has_ours: Some(true),
            is_unsealed: false,
            problems: Vec::new(),
        };
        assert_eq!(opened(&fine()).message, "it opens: 2 values, readable by alice");
        assert_eq!(opened(&Opened { is_unsealed: true, ..fine() }).state, State::Warn);
        assert_eq!(opened(&Opened { has_ours: Some(false), is_unsealed: true, ..fine() }).state, State::Warn);
        let broken = Opened { problems: vec!["one".to_owned(), "two".to_owned()], is_unsealed: true, ..fine() };
        assert_eq!((opened(&broken).state, opened(&broken).message.as_str()), (State::Fail, "one, and 1 more"));
        assert_eq!(opened(&Opened { recipients: Err("no".to_owned()), ..fine() }).state, State::Fail);
    }
}
