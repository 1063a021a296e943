//! Probes: how somebody is asked whether a value is alive, and what follows from the answer.
//!
//! A probe says one of three things. What is neither a clear yes nor a clear no is unknown, and nothing follows from it:
//! a service that is broken is not a value that is dead, and an address where nothing is says nothing of any value.

use std::collections::BTreeSet;

use vault_schema::project;
pub use vault_schema::project::ProbeMethod;
pub use vault_schema::rotation::Answer;
use zeroize::Zeroizing;

use super::declaration::is_safe_url;
use super::name::SecretName;
use super::secret::SecretValue;

/// What stands for the value in question.
const VALUE: &str = "value";

/// The statuses of a value that is alive, and of one that is dead, where nothing is declared.
const USUAL: [u16; 2] = [200, 401];

/// Headers that say where a request goes or how long it is, which are not for a declaration to say.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How somebody is asked whether a value is alive.
#[derive(Debug, PartialEq, Eq)]
pub enum Probe {
    /// By a request.
    Request(Request),
    /// By a program with these arguments.
    Command(Vec<String>),
}

/// A request, and what its answers mean.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// How it asks.
    pub method: ProbeMethod,
    /// Where.
    pub address: Address,
    /// Its headers.
    pub headers: Vec<(String, Text)>,
    /// What it sends.
    pub body: Option<Text>,
    /// What its answers mean.
    pub meaning: Meaning,
}

/// What the statuses of an answer mean.
#[derive(Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Those of a value that is alive.
    pub alive: BTreeSet<u16>,
    /// Those of a value that is dead.
    pub dead: BTreeSet<u16>,
}

/// An address. The value in question is never a part of it: addresses stand in the logs of servers.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// The secret that it begins with, up to the path, if that is not written down.
    pub base: Option<SecretName>,
    /// The rest, or all of it.
    pub rest: String,
}

/// A text with the value in question and other secrets in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Text(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value,
    Secret(SecretName),
}

/// What is wrong with a declared probe. None repeats what is written: it may be a value in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Neither a request nor a program, or both.
    #[error("a probe asks by a `url`, or by a `command`, and not by both")]
    NoQuestion,
    /// A key that belongs to a request.
    #[error("`{0}` belongs to a probe with a `url`")]
    OfRequest(&'static str),
    /// A command without a program.
    #[error("`command` is a program and its arguments: `[\"./probe\"]`")]
    NoProgram,
    /// An address that values may not be sent to.
    #[error(
        "a probe asks at `https://`; `http://` is for this machine's own addresses only, and no user stands in front of the host"
    )]
    Address,
    /// The value in an address.
    #[error(
        "`{{value}}` never stands in `url`, which servers and proxies write down; put it into a header or the `body`"
    )]
    ValueInAddress,
    /// A secret in the middle of an address.
    #[error("a secret stands in `url` at its beginning alone, with the path behind it: `{{BASE_URL}}/api/v1/profile`")]
    SecretInAddress,
    /// A value that is nowhere.
    #[error("`{{value}}` stands in no header and not in the `body`, so that every value would get the same answer")]
    NoValue,
    /// The secret itself where the value in question belongs.
    #[error("the value in question is written `{{value}}`; by its name it is the one in the vault")]
    ItsOwnName,
    /// A name that no header has.
    #[error("that is no name of a header")]
    HeaderName,
    /// A header that is not for a declaration to say.
    #[error("this header is not for a probe to set: it says where a request goes, or how it is sent")]
    OurHeader,
    /// A header of several lines.
    #[error("a header is one line of ASCII")]
    HeaderText,
    /// A body of a request that has none.
    #[error("a `body` is sent by `method = \"POST\"` alone")]
    BodyUnsent,
    /// A status that is none.
    #[error("`{0}` is no status of an answer; those are 200 to 499")]
    NoStatus(u16),
    /// A status from which nothing follows.
    #[error("`{0}` says nothing of a value: {1}")]
    NothingFollows(u16, &'static str),
    /// One status with two meanings.
    #[error("`{0}` stands in `alive` and in `dead`")]
    TwoMeanings(u16),
    /// No status at all.
    #[error("without any status, no answer would say that a value is {0}")]
    NoStatuses(&'static str),
}

/// A key below `probe`, and a position or key below that.
pub type Place = (Option<&'static str>, Option<Below>);

/// What lies below a key of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// A key.
    Key(String),
    /// A position.
    Index(usize),
}

impl Probe {
    /// Reads a declared probe of a secret; every fault is collected, with where it lies.
    pub fn read(declared: &project::Probe, own: Option<&SecretName>) -> Result<Self, Vec<(Place, Fault)>> {
        let mut faults: Vec<(Place, Fault)> = Vec::new();
        let probe = match (&declared.url, &declared.command) {
            (Some(url), None) => Self::Request(request(declared, url, own, &mut faults)),
            (None, Some(command)) => {
                for (key, is_there) in [
                    ("method", declared.method.is_some()),
                    ("headers", !declared.headers.is_empty()),
                    ("body", declared.body.is_some()),
                    ("alive", declared.alive.is_some()),
                    ("dead", declared.dead.is_some()),
                ] {
                    if is_there {
                        faults.push(((Some(key), None), Fault::OfRequest(key)));
                    }
                }
                if command.first().is_none_or(String::is_empty) {
                    faults.push(((Some("command"), None), Fault::NoProgram));
                }
                Self::Command(command.clone())
            }
            (None, None) | (Some(_), Some(_)) => return Err(vec![((None, None), Fault::NoQuestion)]),
        };
        if faults.is_empty() { Ok(probe) } else { Err(faults) }
    }

    /// Tells where it asks, for a person: what is written down, without any value.
    pub fn asks(&self) -> String {
        match self {
            Self::Request(Request { address: Address { base: Some(base), rest }, .. }) => format!("{{{base}}}{rest}"),
            Self::Request(Request { address, .. }) => address.rest.clone(),
            Self::Command(command) => command.join(" "),
        }
    }

    /// Returns the other secrets that it asks with.
    pub fn secrets(&self) -> BTreeSet<&SecretName> {
        let Self::Request(request) = self else { return BTreeSet::new() };
        let parts = request.headers.iter().map(|(_, text)| text).chain(&request.body).flat_map(|text| &text.0);
        let named = parts.filter_map(|part| match part {
            Part::Secret(name) => Some(name),
            Part::Text(_) | Part::Value => None,
        });
        named.chain(&request.address.base).collect()
    }
}

fn request(
    declared: &project::Probe,
    url: &str,
    own: Option<&SecretName>,
    faults: &mut Vec<(Place, Fault)>,
) -> Request {
    let mut fault = |key: &'static str, below: Option<Below>, fault: Fault| faults.push(((Some(key), below), fault));
    let address = Address::read(url, own).unwrap_or_else(|why| {
        fault("url", None, why);
        Address { base: None, rest: String::new() }
    });
    let mut headers = Vec::new();
    for (name, text) in &declared.headers {
        let key = Some(Below::Key(name.clone()));
        let text = Text::read(text);
        if !is_header_name(name) {
            fault("headers", key, Fault::HeaderName);
        } else if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            fault("headers", key, Fault::OurHeader);
        } else if !text.is_one_line() {
            fault("headers", key, Fault::HeaderText);
        } else if text.has(own) {
            fault("headers", key, Fault::ItsOwnName);
        }
        headers.push((name.clone(), text));
    }
    let method = declared.method.unwrap_or_default();
    let body = declared.body.as_deref().map(Text::read);
    if body.is_some() && method != ProbeMethod::Post {
        fault("body", None, Fault::BodyUnsent);
    }
    if body.as_ref().is_some_and(|body| body.has(own)) {
        fault("body", None, Fault::ItsOwnName);
    }
    if !headers.iter().map(|(_, text)| text).chain(&body).any(Text::has_value) {
        fault("url", None, Fault::NoValue);
    }
    let statuses = |declared: Option<&Vec<u16>>, usual: u16| declared.cloned().unwrap_or_else(|| vec![usual]);
    let (alive, dead) = (statuses(declared.alive.as_ref(), USUAL[0]), statuses(declared.dead.as_ref(), USUAL[1]));
    for (key, statuses, other) in [("alive", &alive, None), ("dead", &dead, Some(&alive))] {
        if statuses.is_empty() {
            fault(key, None, Fault::NoStatuses(key));
        }
        for (index, status) in statuses.iter().enumerate() {
            let why = if other.is_some_and(|other| other.contains(status)) {
                Some(Fault::TwoMeanings(*status))
            } else {
                unfit(*status, key == "alive")
            };
            if let Some(why) = why {
                fault(key, Some(Below::Index(index)), why);
            }
        }
    }
    let meaning = Meaning { alive: alive.into_iter().collect(), dead: dead.into_iter().collect() };
    Request { method, address, headers, body, meaning }
}

fn is_header_name(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_sign)
}

/// Returns why a status cannot mean what it is declared to.
fn unfit(status: u16, is_alive: bool) -> Option<Fault> {
    match status {
        404 if is_alive => Some(Fault::NothingFollows(status, "it is the answer of an address where nothing is")),
        408 | 429 => Some(Fault::NothingFollows(status, "it is the answer of a service that is busy")),
        500..=599 => Some(Fault::NothingFollows(status, "it is the answer of a service that is broken")),
        200..=499 => None,
        _ => Some(Fault::NoStatus(status)),
    }
}

impl Address {
    fn read(url: &str, own: Option<&SecretName>) -> Result<Self, Fault> {
        let text = Text::read(url);
        if text.has_value() || text.has(own) {
            return Err(Fault::ValueInAddress);
        }
        let address = match &text.0[..] {
            [Part::Text(rest)] if is_address(rest) => Self { base: None, rest: rest.clone() },
            [Part::Text(_)] | [] => return Err(Fault::Address),
            [Part::Secret(base)] => Self { base: Some(base.clone()), rest: String::new() },
            // Whatever else came behind the host would be a part of it.
            [Part::Secret(base), Part::Text(rest)] if rest.starts_with('/') => {
                Self { base: Some(base.clone()), rest: rest.clone() }
            }
            _ => return Err(Fault::SecretInAddress),
        };
        Ok(address)
    }

    /// Returns the whole address, with the value of the secret that it begins with.
    pub fn filled<'a>(
        &self,
        secret: impl Fn(&SecretName) -> Option<&'a SecretValue>,
    ) -> Result<Zeroizing<String>, Unasked> {
        let Some(base) = &self.base else { return Ok(Zeroizing::new(self.rest.clone())) };
        let value = secret(base).ok_or_else(|| Unasked::NoSecret(base.clone()))?.expose().trim();
        if !is_address(value) || value.contains(['?', '#']) {
            return Err(Unasked::NoAddress(base.clone()));
        }
        Ok(Zeroizing::new(format!("{}{}", value.trim_end_matches('/'), self.rest)))
    }
}

/// Returns whether values may be sent to this address. A user in front of the host would make another host of what looks
/// like one.
fn is_address(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    is_safe_url(text) && !authority.is_empty() && !authority.contains('@') && !text.contains(char::is_whitespace)
}

impl Text {
    /// Reads a text. A brace that begins no name stands for itself, as in JSON.
    fn read(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            plain.push_str(before);
            let name = after[1..].split_once('}').and_then(|(name, behind)| Some((part(name)?, behind)));
            if let Some((part, behind)) = name {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part);
                rest = behind;
            } else {
                plain.push('{');
                rest = &after[1..];
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    fn has_value(&self) -> bool {
        self.0.contains(&Part::Value)
    }

    fn has(&self, name: Option<&SecretName>) -> bool {
        let is_it = |part: &Part| matches!(part, Part::Secret(secret) if Some(secret) == name);
        self.0.iter().any(is_it)
    }

    fn is_one_line(&self) -> bool {
        let is_plain = |part: &Part| match part {
            Part::Text(text) => text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
            Part::Value | Part::Secret(_) => true,
        };
        self.0.iter().all(is_plain)
    }

    /// Returns the text with the value in question and the values of other secrets.
    pub fn filled<'a>(
        &self,
        value: &SecretValue,
        secret: impl Fn(&SecretName) -> Option<&'a SecretValue>,
    ) -> Result<SecretValue, Unasked> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Ok(text.as_str()),
            Part::Value => Ok(value.expose()),
            Part::Secret(name) => secret(name).map(SecretValue::expose).ok_or_else(|| Unasked::NoSecret(name.clone())),
        });
        let parts: Vec<&str> = parts.collect::<Result<_, _>>()?;
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            text.push_str(part);
        }
        Ok(SecretValue::new(text))
    }
}

fn part(name: &str) -> Option<Part> {
    if name == VALUE { Some(Part::Value) } else { SecretName::parse(name).ok().map(Part::Secret) }
}

/// Why nobody was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// A secret that the probe needs has no value.
    #[error("nobody was asked: the probe needs {0}, which has no value in this environment")]
    NoSecret(SecretName),
    /// The value of a secret is no address that values may be sent to.
    #[error("nobody was asked: the value of {0} is no address that a probe may begin with")]
    NoAddress(SecretName),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// An answer with this status, and what statuses mean there.
    Status(u16, &'a Meaning),
    /// The program has ended with this status; without one, a signal has ended it.
    Ended(Option<i32>),
    /// Nothing, for a reason that names no value.
    Nothing(String),
}

/// What a probe has told of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether it is alive.
    pub answer: Answer,
    /// How that is known, or why it is not. It never has a value in it.
    pub reason: String,
}

/// Tells what follows from what came back.
pub fn decide(heard: &Heard<'_>) -> Told {
    let (answer, reason) = match heard {
        Heard::Nothing(why) => (Answer::Unknown, why.clone()),
        Heard::Status(status, meaning) => of_status(*status, meaning),
        Heard::Ended(Some(0)) => (Answer::Alive, "the program ended with 0".to_owned()),
        Heard::Ended(Some(1)) => (Answer::Dead, "the program ended with 1".to_owned()),
        Heard::Ended(Some(status)) => {
            (Answer::Unknown, format!("the program ended with {status}, which is neither 0 for alive nor 1 for dead"))
        }
        Heard::Ended(None) => (Answer::Unknown, "a signal has ended the program".to_owned()),
    };
    Told { answer, reason }
}

fn of_status(status: u16, meaning: &Meaning) -> (Answer, String) {
    if meaning.alive.contains(&status) {
        return (Answer::Alive, format!("it answered {status}"));
    }
    if meaning.dead.contains(&status) {
        return (Answer::Dead, format!("it answered {status}"));
    }
    let why = match status {
        404 => ": nothing is at this address; check `url`",
        300..=399 => ", which leads elsewhere, and a probe never goes there; check `url`",
        408 | 429 => ": the service is busy; nothing follows of the value",
        500..=599 => ": the service is broken or half-configured; nothing follows of the value",
        _ => ", which is neither in `alive` nor in `dead`",
    };
    (Answer::Unknown, format!("it answered {status}{why}"))
}

#[cfg(test)]
mod tests;
