//! Hygiene: values that are probably not what somebody meant. No finding holds a value or a part of one.

#[cfg(test)]
mod tests;
mod weak;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::declaration::{Declaration, Project};
use super::finding::{Problem, ProblemKind, Severity};
use super::fingerprint::{Fingerprint, FingerprintKey};
use super::intake::unfit::{Unfit, unfit};
use super::inventory::{Entry, Inventory};
use super::kind::{Form, Kind, Url, jwt, pem};
use super::name::{EnvironmentName, SecretName};
use super::secret::SecretValue;

/// How long before its end a token is said to expire soon: a rotation takes a week or two to plan.
const TOKEN_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The same for a certificate, which somebody else has to issue.
const CERTIFICATE_NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Values shorter than this are equal by chance: `true`, `eu-west`.
const SHORTEST_SHARED: usize = 8;

/// Every code of a finding about a value.
pub const CODES: &[&str] = &[
    "UD221", "UD222", "UD223", "UD224", "UD225", "UD226", "UD227", "UD228", "UD229", "UD230", "UD231", "UD232",
    "UD233", "UD234", "UD235",
];

/// What may be wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not of the declared kind.
    #[error("is not {looks}, as `kind = \"{name}\"` says", looks = .0.looks(), name = .0.name())]
    WrongKind(Kind),
    /// Not what the declared pattern allows.
    #[error("does not match the `pattern` that undrift.toml has for it")]
    PatternMissed,
    /// Blanks before or behind it.
    #[error("has blanks or line ends around it")]
    Blanks,
    /// Quotes around it.
    #[error("has quotes around it, which are part of the value")]
    Quotes,
    /// A line end behind it.
    #[error("ends with a line end")]
    LineEnd,
    /// A word that says that a value belongs here.
    #[error("is a placeholder")]
    Placeholder,
    /// A variable that nobody has filled in.
    #[error("has `${{…}}` in it, which nothing fills in")]
    Unfilled,
    /// An address that belongs to nobody.
    #[error("is an address at example.com or the like, which belongs to nobody")]
    Example,
    /// Easily guessed.
    #[error("is easily guessed: {0}")]
    Weak(Weakness),
    /// A token that is valid no longer.
    #[error("is a token that expired on {0}")]
    TokenExpired(Date),
    /// A token that will soon be valid no longer.
    #[error("is a token that expires on {0}")]
    TokenExpires(Date),
    /// A certificate that is valid no longer.
    #[error("is a certificate that expired on {0}")]
    CertificateExpired(Date),
    /// A certificate that will soon be valid no longer.
    #[error("is a certificate that expires on {0}")]
    CertificateExpires(Date),
    /// The same value in several environments.
    #[error("has the same value in {}", joined(.environments))]
    SharedByEnvironments {
        /// The other environments.
        environments: Vec<EnvironmentName>,
        /// Whether the declared kind says that it opens something.
        credential: bool,
    },
    /// The same value under several names.
    #[error("has the same value as {}", joined(.names))]
    SharedByNames {
        /// The other names.
        names: Vec<SecretName>,
        /// Whether the declared kind says that it opens something.
        credential: bool,
    },
    /// A name that is to be given up.
    #[error("is deprecated: {0}")]
    Deprecated(String),
}

/// Why a value is easily guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Nobody knows it yet, but few tries find it.
    #[error("it is too short for the signs that it is made of")]
    Short,
    /// It repeats a few signs, or counts.
    #[error("it repeats or counts")]
    Regular,
    /// Everybody knows it.
    #[error("it is on every list of common passwords")]
    Common,
    /// The same of a password in an address.
    #[error("the password in it is short, regular or common")]
    InAddress,
}

fn joined<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

impl Fault {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongKind(_) | Self::PatternMissed => "UD221",
            Self::Blanks => "UD222",
            Self::Quotes => "UD223",
            Self::LineEnd => "UD224",
            Self::Placeholder => "UD225",
            Self::Unfilled => "UD226",
            Self::Example => "UD227",
            Self::Weak(_) => "UD228",
            Self::TokenExpired(_) => "UD229",
            Self::TokenExpires(_) => "UD230",
            Self::CertificateExpired(_) => "UD231",
            Self::CertificateExpires(_) => "UD232",
            Self::SharedByEnvironments { .. } => "UD233",
            Self::SharedByNames { .. } => "UD234",
            Self::Deprecated(_) => "UD235",
        }
    }

    /// Returns how bad it is: what cannot work is an error, what nobody has called a secret is worth a note alone.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Placeholder | Self::TokenExpired(_) | Self::CertificateExpired(_) => Severity::Error,
            Self::SharedByEnvironments { credential: false, .. } | Self::SharedByNames { credential: false, .. } => {
                Severity::Note
            }
            _ => Severity::Warning,
        }
    }
}

/// Returns the faults of one value by itself, without those that are accepted. `now` is for what expires.
pub fn of_value(
    declaration: Option<&Declaration>,
    value: &SecretValue,
    is_composed: bool,
    now: Timestamp,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let kind = declaration.and_then(|declaration| declaration.kind);
    if let Some(advice) = declaration.and_then(|declaration| declaration.deprecated.as_ref()) {
        faults.push(Fault::Deprecated(advice.clone()));
    }
    let value = value.expose();
    faults.extend(around(value, kind));
    if let Some(fault) = filler(value, kind, is_composed) {
        // What is no value at all has no other fault.
        faults.push(fault);
    } else {
        let pattern = declaration.and_then(|declaration| declaration.pattern.as_ref());
        if let Some(kind) = kind.filter(|kind| !kind.fits(value)) {
            faults.push(Fault::WrongKind(kind));
        } else if pattern.is_some_and(|pattern| !pattern.fits(value)) {
            faults.push(Fault::PatternMissed);
        } else {
            faults.extend(weakness(value, kind).map(Fault::Weak));
        }
        faults.extend(expiry(value, kind, now));
    }
    faults.retain(|fault| !declaration.is_some_and(|declaration| declaration.accepts(fault.code())));
    faults
}

/// Returns what stands around a value and was hardly meant to be a part of it.
fn around(value: &str, kind: Option<Kind>) -> Option<Fault> {
    let text = value.trim();
    let has_lines = kind.is_some_and(Kind::has_lines) || text.contains('\n');
    if text.is_empty() {
        return (!value.is_empty() && !has_lines).then_some(Fault::Blanks);
    }
    if text.len() != value.len() && !has_lines {
        let is_line_end = value.trim_end_matches(['\r', '\n']).len() == text.len();
        return Some(if is_line_end { Fault::LineEnd } else { Fault::Blanks });
    }
    let is_quoted = |quote: char| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    (!has_lines && ['"', '\'', '`'].into_iter().any(is_quoted)).then_some(Fault::Quotes)
}

/// Returns why a text stands where a value should be. Where `import` decides, the same rule does.
fn filler(value: &str, kind: Option<Kind>, is_composed: bool) -> Option<Fault> {
    if unfit(value) == Some(Unfit::Placeholder) {
        return Some(Fault::Placeholder);
    }
    let may_be_address = kind.is_none_or(|kind| {
        matches!(kind, Kind::Form(Form::Url | Form::Email)) || kind.is_connection() || matches!(kind, Kind::Issued(_))
    });
    if may_be_address && is_example(value.trim()) {
        return Some(Fault::Example);
    }
    // What is composed says by itself which `${` is meant, and text may speak of anything.
    let is_free = is_composed || kind.is_some_and(Kind::has_lines);
    (!is_free && has_variable(value)).then_some(Fault::Unfilled)
}

/// Returns whether `${NAME}` or `${NAME:-…}` stands in a text.
fn has_variable(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        SecretName::parse(name).is_ok() && rest[name.len()..].starts_with(['}', ':', '-'])
    })
}

/// Returns whether an address is at a host that RFC 2606 keeps free for examples.
fn is_example(text: &str) -> bool {
    const HOSTS: &[&str] = &["example.com", "example.org", "example.net", "example"];
    let is_one = |host: &str| {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        HOSTS.iter().any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    };
    match Url::parse(text) {
        Some(url) => url.hosts().iter().any(|host| is_one(host)),
        None if text.contains(char::is_whitespace) => false,
        None => text.rsplit_once('@').is_some_and(|(_, host)| is_one(host)),
    }
}

fn weakness(value: &str, kind: Option<Kind>) -> Option<Weakness> {
    let kind = kind?;
    let text = value.trim();
    match kind {
        Kind::Form(Form::Token) => weak::weakness(text, weak::TOKEN_BITS),
        Kind::Form(Form::Password) => weak::weakness(text, weak::PASSWORD_BITS),
        _ if kind.is_connection() => {
            let url = Url::parse(text)?;
            let password = Zeroizing::new(unescape(url.password()?));
            let is_unfit = unfit(&password) == Some(Unfit::Placeholder);
            (is_unfit || weak::weakness(&password, weak::PASSWORD_BITS).is_some()).then_some(Weakness::InAddress)
        }
        _ => None,
    }
}

/// Reads what is written with `%` and two digits; what cannot be read so stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let mut pair = [0];
        match after.get(..2).map(|digits| hex::decode_to_slice(digits, &mut pair)) {
            Some(Ok(())) if *first == b'%' => {
                bytes.push(pair[0]);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns when a value ends, or has ended, that says so itself.
fn expiry(value: &str, kind: Option<Kind>, now: Timestamp) -> Option<Fault> {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    if matches!(kind, None | Some(Kind::Form(Form::Jwt | Form::Token) | Kind::Issued(_)))
        && let Some(end) = jwt::expires(value)
    {
        return if end <= now {
            Some(Fault::TokenExpired(day(end)))
        } else {
            (end.duration_since(now) <= TOKEN_NOTICE).then(|| Fault::TokenExpires(day(end)))
        };
    }
    if matches!(kind, None | Some(Kind::Form(Form::Pem)))
        && value.contains("-----BEGIN CERTIFICATE-----")
        && let Some(end) = pem::expires(value)
    {
        return if end <= now {
            Some(Fault::CertificateExpired(day(end)))
        } else {
            (end.duration_since(now) <= CERTIFICATE_NOTICE).then(|| Fault::CertificateExpires(day(end)))
        };
    }
    None
}

/// Returns the faults of every value of these environments, each with its environment. The key is for comparing values
/// without keeping them; any key does.
pub fn check(
    project: &Project,
    inventories: &[&Inventory],
    key: &FingerprintKey,
    now: Timestamp,
) -> Vec<(EnvironmentName, Problem)> {
    let mut found = Vec::new();
    let mut equal: BTreeMap<Fingerprint, Vec<Holder<'_>>> = BTreeMap::new();
    for inventory in inventories {
        // What stands beside a new value for a while was looked at when it was the value.
        for (name, entry) in inventory.entries.iter().filter(|(name, _)| !inventory.beside.contains(*name)) {
            let declaration = project.secrets.get(name);
            let holder = Holder { environment: &inventory.environment, name, entry, declaration };
            let faults = of_value(declaration, &entry.value, entry.template.is_some(), now);
            found.extend(faults.into_iter().map(|fault| holder.problem(fault)));
            if holder.should_be_alone() {
                equal.entry(key.value(&entry.value)).or_default().push(holder);
            }
        }
    }
    for holders in equal.into_values().filter(|holders| holders.len() > 1) {
        shared(&holders, &mut found);
    }
    found.sort_by(|(left, one), (right, other)| {
        (left, &one.file, one.line, one.kind.code()).cmp(&(right, &other.file, other.line, other.kind.code()))
    });
    found
}

/// One value with what is said about it.
struct Holder<'a> {
    environment: &'a EnvironmentName,
    name: &'a SecretName,
    entry: &'a Entry,
    declaration: Option<&'a Declaration>,
}

impl Holder<'_> {
    fn problem(&self, fault: Fault) -> (EnvironmentName, Problem) {
        let problem = Problem {
            file: Some(self.entry.source.file.clone()),
            line: Some(self.entry.source.line),
            secret: Some(self.name.to_string()),
            kind: ProblemKind::Hygiene(fault),
        };
        (self.environment.clone(), problem)
    }

    /// Returns whether the declared kind says that the value opens something.
    fn is_credential(&self) -> bool {
        self.kind().is_some_and(Kind::is_credential)
    }

    fn kind(&self) -> Option<Kind> {
        self.declaration.and_then(|declaration| declaration.kind)
    }

    /// Returns whether it would be odd if another name or environment had the same value. A name that is given up has
    /// that of its successor, and what is composed has it because somebody wrote so.
    fn should_be_alone(&self) -> bool {
        let value: &SecretValue = &self.entry.value;
        let is_given_up = self.declaration.is_some_and(|declaration| declaration.deprecated.is_some());
        value.expose().trim().len() >= SHORTEST_SHARED
            && self.entry.template.is_none()
            && !is_given_up
            && self.kind().is_none_or(Kind::is_credential)
            && unfit(value.expose()).is_none()
    }

    fn accepts(&self, code: &str) -> bool {
        self.declaration.is_some_and(|declaration| declaration.accepts(code))
    }
}

/// Says once for each name in which environments it has the value, and once for each environment under which names.
fn shared(holders: &[Holder<'_>], found: &mut Vec<(EnvironmentName, Problem)>) {
    let mut by_name: BTreeMap<&SecretName, Vec<&Holder<'_>>> = BTreeMap::new();
    let mut by_environment: BTreeMap<&EnvironmentName, Vec<&Holder<'_>>> = BTreeMap::new();
    for holder in holders {
        by_name.entry(holder.name).or_default().push(holder);
        by_environment.entry(holder.environment).or_default().push(holder);
    }
    for holders in by_name.into_values() {
        if let [first, others @ ..] = holders.as_slice()
            && !others.is_empty()
        {
            let environments: BTreeSet<_> = others.iter().map(|holder| holder.environment.clone()).collect();
            let environments = environments.into_iter().collect();
            let fault = Fault::SharedByEnvironments { environments, credential: first.is_credential() };
            found.extend((!first.accepts(fault.code())).then(|| first.problem(fault)));
        }
    }
    for holders in by_environment.into_values() {
        // One that accepts it is left out, and the others are told of each other.
        let open: Vec<_> = holders.into_iter().filter(|holder| !holder.accepts("UD234")).collect();
        if let [first, others @ ..] = open.as_slice()
            && !others.is_empty()
        {
            let credential = open.iter().any(|holder| holder.is_credential());
            let names = others.iter().map(|holder| holder.name.clone()).collect();
            found.push(first.problem(Fault::SharedByNames { names, credential }));
        }
    }
}
