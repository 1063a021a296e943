//! What an import takes and what it leaves out, for people. No value is in it, only whether values are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::declaration::Project;
use crate::domain::intake::{self, Age, Candidate, Decision, Held, Ruling};
use crate::domain::name::EnvironmentName;
use crate::vault::tree::naming::Skip;
use crate::vault::tree::placing::Placed;
use crate::vault::tree::{Gathered, Reason};

/// Everything that was found and decided.
#[derive(Debug)]
pub struct View<'a> {
    /// What the tree holds.
    pub gathered: &'a Gathered,
    /// What was decided about it.
    pub decisions: &'a [Decision<'a>],
    /// Where the values go.
    pub placed: &'a [Placed<'a>],
    /// How many secrets are to be declared.
    pub undeclared: usize,
    /// What is declared.
    pub project: &'a Project,
    /// The command as it was typed, to be typed again with more.
    pub command: &'a str,
}

impl View<'_> {
    /// Returns whether anything waits for a person.
    pub fn is_partial(&self) -> bool {
        !self.gathered.left.is_empty() || self.decisions.iter().any(Decision::is_left_out)
    }

    fn values(&self) -> usize {
        self.placed.iter().map(|placed| placed.decisions.len()).sum()
    }

    fn ruled(&self, ruling: Ruling) -> impl Iterator<Item = &Decision<'_>> {
        self.decisions.iter().filter(move |decision| decision.ruling == ruling)
    }
}

/// Returns a count with its noun.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Renders what goes where, what is left out and why, and what else a person should know.
pub fn text(view: &View<'_>) -> String {
    let mut text = String::new();
    environments(&mut text, view);
    section(&mut text, "left out", &left_out(view));
    section(&mut text, "notes", &notes(view));
    let _ = writeln!(text, "{}", sum(view));
    text
}

fn section(text: &mut String, title: &str, lines: &str) {
    if !lines.is_empty() {
        let _ = writeln!(text, "{title}\n{lines}");
    }
}

fn environments(text: &mut String, view: &View<'_>) {
    let names: BTreeSet<&EnvironmentName> = view.decisions.iter().map(|decision| decision.environment).collect();
    for name in names {
        let _ = writeln!(text, "{name}");
        for placed in view.placed.iter().filter(|placed| placed.environment == name) {
            let (mut new, mut changed) = (0, 0);
            for decision in &placed.decisions {
                *(if matches!(decision.ruling, Ruling::Replace(_)) { &mut changed } else { &mut new }) += 1;
            }
            let counts = [(new, "new"), (changed, "changed")].into_iter().filter(|(number, _)| *number > 0);
            let counts: Vec<String> = counts.map(|(number, what)| format!("{number} {what}")).collect();
            let _ = writeln!(text, "  {}: {}", placed.file.shown, counts.join(", "));
        }
        let own = || view.decisions.iter().filter(|decision| decision.environment == name);
        let kept = own().filter(|decision| matches!(decision.ruling, Ruling::Keep(_) | Ruling::Settled)).count();
        let left = own().filter(|decision| decision.is_left_out()).count();
        for (number, what) in [(kept, "in the vault already"), (left, "left out")] {
            if number > 0 {
                let _ = writeln!(text, "  {number} {what}");
            }
        }
        text.push('\n');
    }
}

fn left_out(view: &View<'_>) -> String {
    let mut text = String::new();
    for decision in view.decisions {
        let (environment, name) = (decision.environment, decision.name);
        match decision.ruling {
            Ruling::Conflict => {
                let _ = writeln!(text, "  {} values: {environment} {name}", decision.values.len());
                contest(&mut text, decision);
            }
            Ruling::VaultDiffers => {
                let _ = writeln!(text, "  the vault has another value: {environment} {name}");
                for place in decision.values.iter().flatten() {
                    let _ = writeln!(text, "    {}  {}", date(place.modified), at(place));
                }
            }
            Ruling::NoValue => {
                for (place, why) in &decision.unfit {
                    let _ = writeln!(text, "  {why}: {environment} {name}\n    {}", at(place));
                }
            }
            Ruling::Add(_) | Ruling::Replace(_) | Ruling::Keep(_) | Ruling::Settled => {}
        }
    }
    let mut broken = None;
    for left in &view.gathered.left {
        let whole = matches!(left.reason, Reason::Broken(_) | Reason::Sops(_)) && left.line.is_some();
        if whole && broken != Some(&left.file) {
            let _ = writeln!(text, "  nothing is taken from {}", left.file);
            broken = Some(&left.file);
        }
        let line = left.line.map_or_else(String::new, |line| format!(":{line}"));
        let _ = writeln!(text, "  {}{line}\n    {}", left.file, left.reason);
    }
    text
}

/// Shows which places agree, and how old each is.
fn contest(text: &mut String, decision: &Decision<'_>) {
    let newest = decision.newest().unwrap_or_default();
    for (index, places) in decision.values.iter().enumerate() {
        let held = if decision.vault == Held::One(index) { "  in the vault" } else { "" };
        for place in places {
            let age = match intake::age(newest, place.modified) {
                Age::Same => "newest".to_owned(),
                Age::Hours => "hours older".to_owned(),
                Age::Days(1) => "1 day older".to_owned(),
                Age::Days(days) => format!("{days} days older"),
            };
            let date = date(place.modified);
            let _ = writeln!(text, "    value {}  {date}  {age:<14}  {}{held}", index + 1, at(place));
        }
    }
    if decision.vault == Held::Another {
        let _ = writeln!(text, "    the vault has another one");
    }
}

fn notes(view: &View<'_>) -> String {
    let mut text = String::new();
    for decision in view.decisions {
        let (environment, name) = (decision.environment, decision.name);
        if let [same] = decision.values.as_slice()
            && same.len() > 1
            && decision.taken().is_some()
        {
            let _ = writeln!(text, "  one value in several places, kept once: {environment} {name}");
            lines(&mut text, same.iter().copied());
        }
        if !decision.unfit.is_empty() && decision.ruling != Ruling::NoValue {
            let _ = writeln!(text, "  a placeholder beside a value: {environment} {name}");
            lines(&mut text, decision.unfit.iter().map(|(place, _)| *place));
        }
        for place in decision.values.iter().flatten() {
            if let Some(readers) = &place.disputed {
                let _ = writeln!(text, "  read as another value by {readers}");
                let _ = writeln!(text, "    {} {name}", at(place));
            }
        }
        if decision.taken().is_some()
            && view.project.secrets.contains_key(name)
            && !view.project.expects(name, environment)
        {
            let _ = writeln!(text, "  declared for other environments only, so not pushed: {environment} {name}");
        }
    }
    for (name, environments) in intake::shared(view.decisions) {
        let environments: Vec<&str> = environments.into_iter().map(EnvironmentName::as_str).collect();
        let _ = writeln!(text, "  one value in {}: {name}", environments.join(" and "));
    }
    for (file, names) in &view.gathered.made {
        let _ = writeln!(text, "  names put together with `_` in upper case: {file}");
        let widest = names.iter().map(|(path, _)| path.chars().count()).max().unwrap_or_default();
        for (path, name) in names {
            let _ = writeln!(text, "    {path:<widest$}  {name}");
        }
    }
    for (file, keys) in &view.gathered.in_the_clear {
        let _ = writeln!(text, "  in the clear in a sops file, so no secret, and not taken: {file}");
        for key in keys {
            let _ = writeln!(text, "    {key}");
        }
    }
    for (file, skip) in &view.gathered.skipped {
        let what = match skip {
            Skip::Template => "a template",
            Skip::Backup => "a backup",
            Skip::Encrypted => "encrypted",
            Skip::Link => "a link",
        };
        let _ = writeln!(text, "  skipped, {what}: {file}");
    }
    if view.gathered.elsewhere > 0 {
        let _ = writeln!(text, "  {} of other environments", count(view.gathered.elsewhere, "file"));
    }
    text
}

fn lines<'a>(text: &mut String, places: impl Iterator<Item = &'a Candidate>) {
    for place in places {
        let _ = writeln!(text, "    {}", at(place));
    }
}

fn sum(view: &View<'_>) -> String {
    let mut sum = if view.placed.is_empty() {
        "nothing to import".to_owned()
    } else {
        format!("{} to import into {}", count(view.values(), "value"), count(view.placed.len(), "file"))
    };
    if view.undeclared > 0 {
        let _ = write!(sum, ", {} to declare", count(view.undeclared, "secret"));
    }
    let names = view.decisions.iter().filter(|decision| decision.is_left_out()).count();
    let files = view.gathered.left.iter().map(|left| &left.file).collect::<BTreeSet<_>>().len();
    let left = [(names, "value"), (files, "file")].into_iter().filter(|(number, _)| *number > 0);
    let left: Vec<String> = left.map(|(number, noun)| count(number, noun)).collect();
    if !left.is_empty() {
        let _ = write!(sum, "; left out: {}", left.join(" and "));
    }
    sum
}

fn at(place: &Candidate) -> impl fmt::Display {
    format!("{}:{}", place.source.file, place.source.line)
}

fn date(time: Timestamp) -> jiff::civil::Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// Returns what to type about each kind of thing that was left out.
pub fn hints(view: &View<'_>) -> Vec<String> {
    let mut hints = Vec::new();
    let command = view.command;
    let newest = intake::newest_files(view.decisions);
    if !newest.is_empty() {
        let flags = newest.iter().fold(String::new(), |flags, file| flags + " --prefer " + &quoted(file));
        let theirs = if newest.len() == 1 { "the newer file's value" } else { "the newer files' values" };
        let also = view
            .ruled(Ruling::VaultDiffers)
            .filter(|decision| decision.values.iter().flatten().any(|place| newest.contains(&&*place.source.file)));
        let also = match also.count() {
            0 => String::new(),
            number => format!(", also over {} of the vault", count(number, "other value")),
        };
        hints.push(format!("`{command}{flags}` takes {theirs}{also}"));
    }
    let undecided = |decision: &&Decision<'_>| {
        !decision.values.iter().flatten().any(|place| newest.contains(&place.source.file.as_str()))
    };
    if let Some(decision) = view.ruled(Ruling::Conflict).find(undecided) {
        let files: BTreeSet<&str> = decision.values.iter().flatten().map(|place| place.source.file.as_str()).collect();
        hints.push(match files.first() {
            Some(file) if files.len() == 1 => format!("keep one line of {} in {file}", decision.name),
            _ => format!("`{command} --prefer FILE` takes one file's value; the age of these tells nothing"),
        });
    }
    if let Some(place) = view.ruled(Ruling::VaultDiffers).find_map(|decision| decision.values.first()?.first()) {
        let file = quoted(&place.source.file);
        hints.push(format!("the vault's value stays; `{command} --prefer {file}` replaces it"));
    }
    let mut placeholders = view.ruled(Ruling::NoValue);
    if let Some(decision) = placeholders.next() {
        let more = match placeholders.count() {
            0 => String::new(),
            number => format!("; the same for {number} more"),
        };
        hints.push(format!("`undrift set {} -e {}` sets the real value{more}", decision.name, decision.environment));
    }
    hints.extend(file_hints(view));
    hints
}

/// One hint for each kind of reason, with the first file as the example.
fn file_hints(view: &View<'_>) -> impl Iterator<Item = String> {
    let mut hints = BTreeMap::new();
    for left in &view.gathered.left {
        let (kind, hint) = match &left.reason {
            Reason::NoEnvironment => {
                (0, format!("`undrift import {} -e ENVIRONMENT` says which one is meant", quoted(&left.file)))
            }
            Reason::Undeclared(name) => (1, format!("`undrift init {name}` declares it, if it is one")),
            Reason::Ambiguous(_) => (2, format!("rename {}, so that its path names one environment", left.file)),
            reason if reason.wants_identity() => {
                (3, format!("`{} -i FILE -i OWN` opens it with another identity beside your own", view.command))
            }
            _ => continue,
        };
        hints.entry(kind).or_insert(hint);
    }
    hints.into_values()
}

/// Quotes a word for a shell, where it needs that.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | '+' | ':' | ',' | '=');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
