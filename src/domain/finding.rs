//! Findings: faults that are not drift, each with a code that never changes its meaning.

use jiff::civil::Date;

use super::access::{Access, DeclaredAccess};
use super::compose;
use super::hygiene;
use super::log::FaultKind;
use super::name::{RemoteName, SecretName, TargetName};
use super::place::{Location, NameRule, Place};
use super::rotation::Open;
use super::seal::BreachKind;
use super::stanza::Mismatch;

pub use vault_schema::audit::Severity;

/// A place in a file of the vault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// One fault of the vault or of what it declares.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file it lies in, relative to the project.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The secret it is about.
    pub secret: Option<String>,
    /// What it is.
    pub kind: ProblemKind,
}

impl Problem {
    /// Returns whether this name may stand where the problem lies without being seen. A value that could not be
    /// composed hides itself and no other.
    pub fn may_hide(&self, name: &SecretName) -> bool {
        match self.kind {
            ProblemKind::Compose(_) => self.secret.as_deref() == Some(name.as_str()),
            _ => self.kind.hides_values(),
        }
    }
}

impl std::fmt::Display for Problem {
    /// Writes where it lies and what it is: `vault/staging/shop.toml.age:3: SMTP_PASSWORD stands also in ...`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            formatter.write_str(file)?;
            if let Some(line) = self.line {
                write!(formatter, ":{line}")?;
            }
            formatter.write_str(": ")?;
        }
        if let Some(secret) = &self.secret {
            write!(formatter, "{secret} ")?;
        }
        self.kind.fmt(formatter)
    }
}

/// What a [`Problem`] is. No variant holds any text of an encrypted file but names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// No identity of ours opens the file.
    #[error("no identity of yours opens this file; {}", meant_for(.recipients))]
    Undecryptable {
        /// The names of the environment's recipients.
        recipients: Vec<String>,
    },
    /// The file is not an age file.
    #[error("is not an age file")]
    NotAge,
    /// The file's header or content does not match its authentication: cut short, or altered.
    #[error("is damaged: it was cut short or altered")]
    Damaged,
    /// The file is larger than any vault file should be.
    #[error("is larger than {limit} bytes, the most that is read")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// Its plaintext is not UTF-8.
    #[error("is not UTF-8 text once decrypted")]
    NotUtf8,
    /// Its plaintext is not TOML.
    #[error("is not TOML: {0}")]
    BadToml(String),
    /// Its plaintext is not dotenv.
    #[error("is not dotenv: {0}")]
    BadDotenv(String),
    /// A value that is neither a string nor a table with one.
    #[error("is neither a string nor a table of `value` or `compose`, `rotated`, `expires` and `previous`: {0}")]
    BadValue(&'static str),
    /// A name that no environment variable has.
    #[error("cannot be a secret's name, which has letters, digits and `_`, and no digit first")]
    IllegalName,
    /// The name stands twice, so that nobody can say which value holds; neither is used.
    #[error("stands also in {}:{}; neither is used", .first.file, .first.line)]
    Duplicate {
        /// Where it stands first.
        first: Source,
    },
    /// A rotation that is not over.
    #[error("{0}")]
    Rotating(Open),
    /// The list of the rotations that are not over cannot be read.
    #[error("is not a list of rotations: {0}")]
    BadRotation(String),
    /// Declared for this environment, and without a value there.
    #[error("is declared, and has no value here")]
    NoValue {
        /// Whether it would be pushed anywhere.
        is_pushed: bool,
    },
    /// A value that no `[secrets.NAME]` speaks of, so that it is pushed nowhere.
    #[error("has a value, and is not declared in undrift.toml, so that it is pushed nowhere")]
    NotDeclared,
    /// The place does not take the name.
    #[error("cannot be called `{name}` at {place}: {rule}", place = .place.location)]
    IllegalThere {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Box<Place>,
        /// The rule it breaks.
        rule: NameRule,
    },
    /// Two secrets would have one name at a place.
    #[error("would be called `{name}` at {place}, as `{other}` is", place = .place.location)]
    Collision {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Box<Place>,
        /// The other secret.
        other: SecretName,
    },
    /// The place does not take a value of that size.
    #[error("is larger than the {limit} bytes that {place} takes", place = .place.location)]
    TooLargeThere {
        /// The limit, in bytes.
        limit: usize,
        /// The place.
        place: Box<Place>,
    },
    /// Other programs would read this dotenv line as another value.
    #[error("would be read as another value by {0}")]
    DialectsDisagree(String),
    /// An ignore rule whose last day has passed, so that it covers nothing any more.
    #[error("the ignore rule for `{name}`{} ended on {last}, and covers nothing any more", at_target(.target.as_ref()))]
    RuleEnded {
        /// The name the rule speaks of.
        name: String,
        /// The target it speaks of; every one when absent.
        target: Option<TargetName>,
        /// Its last day.
        last: Date,
    },
    /// A value that should have been made new.
    #[error("was due to be made new by {due}")]
    Overdue {
        /// The last day on which it was not overdue.
        due: Date,
    },
    /// A value that should be made new soon.
    #[error("is due to be made new by {due}, which is soon")]
    SoonDue {
        /// The last day on which it is not overdue.
        due: Date,
    },
    /// A value that is valid for a short time only.
    #[error("expires on {on}, which is soon")]
    SoonExpired {
        /// The first day on which it is not valid.
        on: Date,
    },
    /// A value that is valid no longer.
    #[error("has expired on {on}")]
    Expired {
        /// The first day on which it was not valid.
        on: Date,
    },
    /// The environment's receipts were made under a fingerprint key that is not there, so that they say nothing.
    #[error("was written under a fingerprint key that is not there, so that its receipts say nothing")]
    ForeignReceipts,
    /// Nobody who has the environment's key has made the receipt as it stands, so that it says nothing.
    #[error("the receipt of `{name}` at {place} was not made under this environment's key, and says nothing")]
    ForgedReceipt {
        /// The name there.
        name: RemoteName,
        /// The place, as the file calls it.
        place: String,
    },
    /// undrift wrote at a place that no target is any more.
    #[error("{place} is no target any more, and holds what undrift put there: {}", joined(.names))]
    LeftBehind {
        /// The place, as the receipts call it.
        place: String,
        /// The names there.
        names: Vec<RemoteName>,
    },
    /// The seal does not vouch for it.
    #[error(transparent)]
    Seal(BreachKind),
    /// The log is not whole.
    #[error(transparent)]
    Log(FaultKind),
    /// The file was not encrypted anew since the list of recipients has changed.
    #[error("{mismatch}")]
    RecipientsDiffer {
        /// In what.
        mismatch: Mismatch,
        /// One who is listed, and their key.
        listed: (String, String),
    },
    /// Files wait to be put in their places, after a crash.
    #[error(
        "files were being replaced here when it was interrupted; the new ones count, and the next write puts them in place"
    )]
    Unsettled,
    /// A value that is probably not what somebody meant.
    #[error(transparent)]
    Hygiene(hygiene::Fault),
    /// A value that could not be composed of others.
    #[error(transparent)]
    Compose(compose::Fault),
    /// Others may use it than `undrift.toml` says.
    #[error("may be used at {place} by {there}, and undrift.toml says {declared}", place = .location)]
    AccessDiffers {
        /// The name there.
        name: RemoteName,
        /// The place.
        location: Location,
        /// Who may use it there.
        there: Box<Access>,
        /// Who is meant to.
        declared: Box<DeclaredAccess>,
    },
    /// An organization has so many secrets that workflows do not see some of ours.
    #[error("{location} holds more secrets than a workflow sees, the first 100 by name; not seen are {}", joined(.names))]
    BeyondReach {
        /// The place.
        location: Location,
        /// Those of ours that are not seen.
        names: Vec<RemoteName>,
    },
    /// One name at two levels, of which a workflow sees one.
    #[error("stands as `{name}` at {winner} and at {hidden}; the first one wins, and {}", compared(*.differ))]
    Shadowed {
        /// The name there.
        name: RemoteName,
        /// The place whose value is seen.
        winner: Box<Location>,
        /// The place whose value is not.
        hidden: Box<Location>,
        /// Whether the two are known to differ.
        differ: bool,
    },
}

fn joined(names: &[RemoteName]) -> String {
    names.iter().map(RemoteName::as_str).collect::<Vec<_>>().join(", ")
}

const fn compared(differ: bool) -> &'static str {
    if differ { "the two differ" } else { "nothing shows that the two are equal" }
}

fn meant_for(recipients: &[String]) -> String {
    if recipients.is_empty() {
        "there is no recipients.txt".to_owned()
    } else {
        format!("recipients.txt lists {}", recipients.join(", "))
    }
}

fn at_target(target: Option<&TargetName>) -> String {
    target.map_or_else(String::new, |target| format!(" at `{target}`"))
}

impl ProblemKind {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DialectsDisagree(_) => "UD210",
            Self::RuleEnded { .. } => "UD220",
            Self::Overdue { .. } => "UD250",
            Self::SoonDue { .. } | Self::SoonExpired { .. } => "UD251",
            Self::Expired { .. } => "UD252",
            Self::Rotating(_) => "UD253",
            Self::BadRotation(_) => "UD257",
            Self::Undecryptable { .. } => "UD301",
            Self::NotAge => "UD302",
            Self::Damaged => "UD303",
            Self::BadToml(_) => "UD304",
            Self::Duplicate { .. } => "UD305",
            Self::NoValue { .. } => "UD306",
            Self::NotDeclared => "UD307",
            Self::IllegalThere { .. } => "UD308",
            Self::TooLarge { .. } => "UD309",
            Self::Unreadable(_) => "UD310",
            Self::IllegalName => "UD311",
            Self::BadValue(_) => "UD312",
            Self::Collision { .. } => "UD313",
            Self::NotUtf8 => "UD314",
            Self::TooLargeThere { .. } => "UD315",
            Self::BadDotenv(_) => "UD316",
            Self::ForeignReceipts => "UD317",
            Self::Seal(breach) => breach.code(),
            Self::Log(fault) => fault.code(),
            Self::RecipientsDiffer { .. } => "UD332",
            Self::Unsettled => "UD333",
            Self::ForgedReceipt { .. } => "UD334",
            Self::LeftBehind { .. } => "UD404",
            Self::Hygiene(fault) => fault.code(),
            Self::Compose(fault) => fault.code(),
            Self::AccessDiffers { .. } => "UD401",
            Self::BeyondReach { .. } => "UD402",
            Self::Shadowed { .. } => "UD403",
        }
    }

    /// Returns how bad it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NoValue { is_pushed: true }
            | Self::NotDeclared
            | Self::DialectsDisagree(_)
            | Self::RuleEnded { .. }
            | Self::Overdue { .. }
            | Self::Expired { .. }
            | Self::ForeignReceipts
            | Self::LeftBehind { .. }
            | Self::Seal(BreachKind::Unsealed)
            | Self::Log(_)
            | Self::RecipientsDiffer { .. }
            | Self::Unsettled
            | Self::AccessDiffers { .. }
            | Self::BeyondReach { .. }
            | Self::Shadowed { .. } => Severity::Warning,
            Self::Hygiene(fault) => fault.severity(),
            Self::Rotating(_)
            | Self::NoValue { is_pushed: false }
            | Self::SoonDue { .. }
            | Self::SoonExpired { .. } => Severity::Note,
            _ => Severity::Error,
        }
    }

    /// Returns whether a value may stand in the vault that the inventory does not show: then a name that the
    /// inventory lacks proves nothing, and nothing may be deleted for it.
    pub const fn hides_values(&self) -> bool {
        match self {
            Self::Undecryptable { .. }
            | Self::NotAge
            | Self::Damaged
            | Self::TooLarge { .. }
            | Self::Unreadable(_)
            | Self::NotUtf8
            | Self::BadToml(_)
            | Self::BadDotenv(_)
            | Self::BadValue(_)
            | Self::IllegalName
            | Self::Duplicate { .. }
            | Self::Compose(_) => true,
            Self::Seal(breach) => breach.hides_values(),
            Self::NoValue { .. }
            | Self::Rotating(_)
            | Self::BadRotation(_)
            | Self::NotDeclared
            | Self::IllegalThere { .. }
            | Self::Collision { .. }
            | Self::TooLargeThere { .. }
            | Self::DialectsDisagree(_)
            | Self::RuleEnded { .. }
            | Self::Overdue { .. }
            | Self::SoonDue { .. }
            | Self::SoonExpired { .. }
            | Self::Expired { .. }
            | Self::ForeignReceipts
            | Self::ForgedReceipt { .. }
            | Self::LeftBehind { .. }
            | Self::Log(_)
            | Self::RecipientsDiffer { .. }
            | Self::Unsettled
            | Self::Hygiene(_)
            | Self::AccessDiffers { .. }
            | Self::BeyondReach { .. }
            | Self::Shadowed { .. } => false,
        }
    }
}
