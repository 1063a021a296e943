//! What can be wrong with `undrift.toml` beyond its syntax, and where.

use crate::domain::generate;
use crate::domain::kind;
use crate::domain::name::{EnvironmentName, NameError, RemoteName, SecretName, TargetName};
use crate::domain::place::Location;
use crate::domain::probe;
use crate::domain::template::TemplateError;

/// Where in `undrift.toml` a fault lies: keys and positions from the top.
pub type Path = Vec<PathStep>;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// A key of a table.
    Key(String),
    /// A position in an array.
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A fault of `undrift.toml` beyond its syntax.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it lies.
    pub path: Path,
    /// What it is.
    pub kind: FaultKind,
}

/// What a [`Fault`] is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// A version this program does not read.
    #[error("version {0} is not one this undrift reads; it reads version 1")]
    Version(u32),
    /// Not a name.
    #[error("`{name}` {error}")]
    Name {
        /// What is written.
        name: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// A reference to what is not declared.
    #[error("there is no {what} `{name}`{}", suggestion(.nearest.as_deref()))]
    Undeclared {
        /// `environment`, `target` or `secret`.
        what: &'static str,
        /// What is written.
        name: String,
        /// The nearest declared name.
        nearest: Option<String>,
    },
    /// A secret that names one target twice.
    #[error("the target `{0}` stands twice; a secret has one name at a target")]
    TargetTwice(String),
    /// Two environments that would write one name at one place.
    #[error(
        "`{environment}` and `{other}` would both write `{name}` at {place}; \
         give them names of their own (`name = \"{{ENVIRONMENT}}_{{name}}\"`), or say `environments = [...]`"
    )]
    SameName {
        /// One of the two.
        environment: EnvironmentName,
        /// The other.
        other: EnvironmentName,
        /// The place.
        place: Location,
        /// The name there.
        name: RemoteName,
    },
    /// Two targets that keep one environment's secrets at one place.
    #[error("is the same place as the target `{other}` in `{environment}`: {place}")]
    SamePlace {
        /// The target that stands first.
        other: TargetName,
        /// The environment in which the two are one.
        environment: EnvironmentName,
        /// The place.
        place: Location,
    },
    /// A key that the target's kind needs.
    #[error("a `{kind}` target needs the key `{key}`")]
    KeyMissing {
        /// The target's kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A key that belongs to another kind of target.
    #[error("`{key}` does not belong to a `{kind}` target{}", because(.reason))]
    KeyForeign {
        /// The target's kind.
        kind: &'static str,
        /// The key.
        key: &'static str,
        /// When it would belong.
        reason: &'static str,
    },
    /// Not a template.
    #[error("the template {0}")]
    Template(TemplateError),
    /// Not a token source.
    #[error("a token comes from `env:NAME` or `vault:NAME`")]
    Token,
    /// Not `owner/name`.
    #[error("a repository is written `owner/name`")]
    Repository,
    /// Not the name of an organization.
    #[error("an organization is written by its name alone, without `/`")]
    Organization,
    /// A repository that an organization cannot share with.
    #[error("`{organization}` can share with its own repositories alone: `{organization}/NAME`")]
    RepositoryForeign {
        /// The organization.
        organization: String,
    },
    /// Not a kind of value that can be made.
    #[error("`generate` {0}")]
    Generate(generate::KindError),
    /// Two ways to come to a new value.
    #[error("`generate` and `command` exclude each other")]
    TwoSources,
    /// A command without a program.
    #[error("`command` is a program and its arguments: `[\"./issue-token\"]`")]
    NoProgram,
    /// A probe that asks nothing, asks it at the wrong place, or could not be understood.
    #[error("{0}")]
    Probe(probe::Fault),
    /// A store that an environment does not have.
    #[error("the store `{0}` is of repositories and organizations; an environment has `actions` and `variables`")]
    NoSuchStore(&'static str),
    /// A URL that tokens may not be sent to.
    #[error("an API is reached by `https://`; `http://` is for this machine's own addresses only")]
    ApiUrl,
    /// Not a time that a value may stand.
    #[error("`rotate-every` is a number of days, weeks, months or years: `90d`, `12w`, `3m`, `1y`; ten years at most")]
    Interval,
    /// Not a time that an old value may stay.
    #[error("`finish-after` is a number of hours, days or weeks: `24h`, `3d`, `2w`; a year at most")]
    Grace,
    /// A name to which nothing can be added.
    #[error("the name is too long for `overlap`: the old value has the same one with `_PREVIOUS` behind it")]
    NoRoomForPrevious,
    /// A secret with the name of another one's value before.
    #[error("in a rotation the old value is `{0}` at the places, and that is another secret here; rename one of them")]
    PreviousTaken(SecretName),
    /// One secret, or none, that is to change together with others.
    #[error("these change together: at least two names")]
    TogetherAlone,
    /// A secret that is to change together with two lots of others.
    #[error("`{0}` stands twice; what changes together stands in one list")]
    TogetherTwice(String),
    /// Not a time between two audits.
    #[error("`every` is a number of days, weeks, months or years: `7d`, `2w`, `1m`; ten years at most")]
    Every,
    /// Nobody to tell.
    #[error("`[notify]` names nobody to tell: it needs a `[[notify.webhook]]`, `[notify.mail]` or `[notify.issue]`")]
    NobodyToTell,
    /// Not where the address of a webhook is.
    #[error(
        "a webhook's address is `https://…`, or `env:NAME` or `vault:NAME` where it is; \
         `http://` is for this machine's own addresses only"
    )]
    Webhook,
    /// Not a mail server.
    #[error("a mail server is `smtps://HOST` or `smtp://HOST`, with a port if need be, and without a name or password")]
    MailServer,
    /// Not a mail address.
    #[error("a mail address is written `name@host`, and nothing else beside it")]
    MailAddress,
    /// A mail to nobody.
    #[error("`to` names nobody")]
    NoRecipient,
    /// A name without a password, or the other way round.
    #[error("`user` and `password` go together")]
    HalfALogin,
    /// Not where a password is.
    #[error("a password comes from `env:NAME` or `vault:NAME`")]
    Password,
    /// A kind that does not exist.
    #[error(
        "there is no kind `{}`{}", .0.name,
        .0.nearest.as_ref().map_or_else(|| "; `undrift explain UD221` lists them".to_owned(), |name| suggestion(Some(name)))
    )]
    Kind(kind::Unknown),
    /// Not a regular expression.
    #[error("`pattern` is not a regular expression: {0}")]
    Pattern(String),
    /// A name that is given up for nothing.
    #[error("`deprecated` says what to use in its stead, such as `use NEW_NAME`")]
    NoAdvice,
    /// A finding that is not about a value.
    #[error("`{0}` is no finding about a value, and cannot be accepted here; those are UD221 to UD235")]
    NotAcceptable(String),
    /// A finding that is accepted without a reason.
    #[error("what is accepted needs a reason")]
    NoReasonToAccept,
    /// An ignore rule that does not say why.
    #[error("an ignore rule needs a reason")]
    NoReason,
    /// An ignore rule whose end is not a date.
    #[error("`until` is a date, such as 2027-03-31")]
    Until,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
