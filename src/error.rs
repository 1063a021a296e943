//! The border: what a person is told when a command fails, and the exit status.

use std::io::ErrorKind;

use jiff::Timestamp;

use crate::cli::Kept;
use crate::domain::adoption::AdoptionError;
use crate::domain::name::{EnvironmentName, RemoteName, SecretName, TargetName};
use crate::domain::place::{Location, Place};
use crate::domain::plan::TooManyRemovals;
use crate::domain::seal::BreachKind;
use crate::domain::typed::Typed;
use crate::report::{access, advice};
use crate::targets::TargetError;
use crate::ui::editor::EditorError;
use crate::ui::{AskError, Ui};
use crate::vault::edit::EditError;
use crate::vault::history::GitError;
use crate::vault::identity::IdentityError;
use crate::vault::journal::JournalError;
use crate::vault::keyring::KeyringError;
use crate::vault::lock::LockError;
use crate::vault::project::ProjectError;
use crate::vault::read::{Environment, RecipientsError};
use crate::vault::recipients::AccessError;
use crate::vault::reports::ReportError;
use crate::vault::rotation::RotationError;
use crate::vault::saved_plan::SavedPlanError;
use crate::vault::seal::SealError;

/// The exit status of the program; the codes are those of diff(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// In sync, or done.
    Clean,
    /// Drift or findings, or steps held back.
    Drift,
    /// Usage, an error, or an audit that could not read everything.
    Trouble,
    /// What the program that `undrift run` started has ended with.
    Child(u8),
}

impl Exit {
    /// Returns the status as a number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Drift => 1,
            Self::Trouble => 2,
            Self::Child(code) => code,
        }
    }
}

/// A command that is refused before it does anything.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No `undrift.toml` here or above.
    #[error("there is no undrift.toml here or in a folder above")]
    NoProject,
    /// A name that is not declared.
    #[error("there is no {what} {name} in undrift.toml")]
    Undeclared {
        /// `environment` or `target`.
        what: &'static str,
        /// What was written.
        name: Typed,
        /// The nearest declared name.
        nearest: Option<String>,
    },
    /// A write that does not say where.
    #[error("say which environment is meant; a write has no default one")]
    NeedsEnvironment {
        /// Those that are declared.
        declared: Vec<String>,
    },
    /// A verb that works with one environment, and not with none or several.
    #[error("say which one environment is meant")]
    NeedsOneEnvironment {
        /// Those that are declared.
        declared: Vec<String>,
    },
    /// A name that has no value there.
    #[error("`{environment}` has no secret {name}")]
    NoValue {
        /// The environment.
        environment: EnvironmentName,
        /// What was written.
        name: Typed,
        /// The nearest name that has one.
        nearest: Option<String>,
    },
    /// A value that is made of others, which a plain one would take the place of.
    #[error("{name} is composed of {} in `{environment}`, and a plain value would take the place of its template", parts.join(", "))]
    Composed {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        name: SecretName,
        /// What it is composed of.
        parts: Vec<String>,
    },
    /// A name that another value is composed of.
    #[error("{user} is composed of {name} in `{environment}`")]
    PartOf {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        name: SecretName,
        /// The value that is composed of it.
        user: SecretName,
    },
    /// Values that are asked for, where some could not be read.
    #[error("not every value of `{environment}` can be read: {problem}")]
    Incomplete {
        /// The environment.
        environment: EnvironmentName,
        /// The first problem.
        problem: String,
    },
    /// A protected environment that was not named twice.
    #[error("`{0}` is protected")]
    NeedsConfirm(EnvironmentName),
    /// Nobody of ours can read the environment.
    #[error("no identity opens the files of `{environment}`, such as {file}; its recipients are {recipients}")]
    Locked {
        /// The environment.
        environment: EnvironmentName,
        /// The first of its files.
        file: String,
        /// The names of its recipients.
        recipients: String,
    },
    /// A fingerprint key that is there and could not be read.
    #[error("the fingerprint key of `{0}` cannot be read, so nothing may be written")]
    KeyUnreadable(EnvironmentName),
    /// An environment that nobody has sealed.
    #[error("the files of `{0}` are not sealed: nobody has vouched for them, so nothing of them is pushed")]
    Unsealed(EnvironmentName),
    /// An environment that had files, and has none.
    #[error("no file of `{0}` is there any more")]
    Gone(EnvironmentName),
    /// A key that a seal or receipts were made under, and that is not there.
    #[error("the fingerprint key of `{0}` is not there, and its seal or its receipts were made under it")]
    KeyGone(EnvironmentName),
    /// Receipts whose key is not there, which a write would replace.
    #[error("the receipts of `{0}` were made under a fingerprint key that is not there, and a push would replace them")]
    ForeignReceipts(EnvironmentName),
    /// A name of `--overwrite` that no secret has.
    #[error("`--overwrite`: no secret {name} is at stake")]
    NothingToOverwrite {
        /// What was written.
        name: Typed,
        /// The nearest name that is at stake.
        nearest: Option<String>,
    },
    /// Something that would be overwritten.
    #[error("{0} is there already")]
    AlreadyThere(String),
    /// A place that has to be read first.
    #[error("{place} could not be read: {why}")]
    Unread {
        /// The place.
        place: Location,
        /// Why.
        why: TargetError,
    },
    /// A verb that speaks of one target, without one or with several.
    #[error("say which target is meant; `{verb}` speaks of exactly one")]
    NeedsTarget {
        /// The verb.
        verb: &'static str,
        /// Those that are declared.
        declared: Vec<String>,
    },
    /// A secret that does not belong at the target.
    #[error("no secret {name} belongs at {place}")]
    NotThere {
        /// What was written.
        name: Typed,
        /// The place.
        place: Location,
        /// The nearest secret that does.
        nearest: Option<String>,
    },
    /// Nothing is at the target under the name.
    #[error("{} holds nothing under `{name}`", place.location)]
    NothingToAdopt {
        /// The place.
        place: Box<Place>,
        /// The name there.
        name: RemoteName,
    },
    /// A state that cannot become the baseline.
    #[error("`{name}` at {place} is left as it is: {why}")]
    NotAdopted {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Location,
        /// Why.
        why: AdoptionError,
    },
    /// What is in step needs no acceptance.
    #[error("`{name}` at {place} is in sync; there is nothing to accept")]
    InSyncAlready {
        /// The name there.
        name: RemoteName,
        /// The place.
        place: Location,
    },
    /// The vault has no value that the place could be accepted beside.
    #[error("the vault has no value of {0}, so that nothing says when it moves")]
    NothingBeside(SecretName),
    /// The place moved while a person decided.
    #[error("{place} moved while you decided: `{name}` was written there; nothing was filed")]
    Stale {
        /// The place.
        place: Location,
        /// The name there.
        name: RemoteName,
    },
    /// A plan that does not cover everything it was asked for.
    #[error("the plan is incomplete, and was not saved")]
    IncompletePlan,
    /// An environment without a key that a saved plan could be bound to.
    #[error("`{0}` has no fingerprint key yet, which a saved plan needs")]
    Keyless(EnvironmentName),
    /// A saved plan that would not be made again as it is.
    #[error("{file} is not what would be done now, and nothing was written:\n  {changes}")]
    PlanMoved {
        /// The file.
        file: String,
        /// What moved, a line each.
        changes: String,
    },
    /// A name that nobody manages is not there.
    #[error("`{target}` holds nothing unmanaged {name}")]
    NotUnmanaged {
        /// What was written.
        name: Typed,
        /// The target.
        target: TargetName,
        /// The nearest name that is unmanaged there.
        nearest: Option<String>,
    },
    /// An ignore rule that would cover what we push.
    #[error("`{pattern}` covers `{name}`, which is ours: {secret} is pushed there")]
    Ours {
        /// What was written.
        pattern: String,
        /// The name at the target.
        name: RemoteName,
        /// The secret.
        secret: SecretName,
    },
    /// An ignore rule without a reason, or one that is over before it begins.
    #[error("{0}")]
    BadRule(&'static str),
    /// A value that may not be stored.
    #[error("the value {0}")]
    BadValue(&'static str),
    /// A value that nobody has said how to make.
    #[error("nothing says what a new value of {0} is; nothing was set")]
    NothingToGenerate(SecretName),
    /// Several files that may be meant.
    #[error("say which file of `{environment}` is meant; an edit is of one")]
    NeedsGroup {
        /// The environment.
        environment: EnvironmentName,
        /// What each of them is called.
        groups: Vec<String>,
    },
    /// A text that a person has given up mending.
    #[error("{file} is as it was; what you wrote cannot be read back: {}", faults.join("; "))]
    NotReadable {
        /// The file.
        file: String,
        /// What is wrong, a line each.
        faults: Vec<String>,
    },
    /// A text of which nothing was left.
    #[error("the text was left empty, which removes nothing: {file} is as it was")]
    NothingLeft {
        /// The file.
        file: String,
    },
    /// A value where the shell's history and every process list show it.
    #[error("a value is never given on the command line, where the shell's history and every process list show it")]
    ValueInArguments,
    /// A name that would be written into a path, and looks like a key or token.
    #[error("that does not look like {0} name, and nothing was done: it may be a value")]
    OddName(&'static str),
    /// A name that no secret has, in no environment that was looked at.
    #[error("there is no secret {name}")]
    NoSecret {
        /// What was written.
        name: Typed,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// An action that somebody else can move.
    #[error("`--action` does not name a repository at a full commit")]
    NotPinned,
    /// Nobody who would be told of an audit.
    #[error("undrift.toml names nobody to tell")]
    NobodyToTell,
    /// A name of which no recorded audit speaks.
    #[error("no recorded audit speaks of a secret {name}")]
    NotRecorded {
        /// What was written.
        name: Typed,
        /// The nearest name that one speaks of.
        nearest: Option<String>,
    },
    /// A new name that is not new.
    #[error("there is a secret `{name}` already, {place}")]
    NameTaken {
        /// The name.
        name: SecretName,
        /// Where.
        place: String,
    },
    /// A rename of this machine that was interrupted, and is another one.
    #[error("a rename of `{old}` to `{new}` was interrupted on this machine, and is not finished")]
    RenameUnfinished {
        /// The name it had.
        old: SecretName,
        /// The name it gets.
        new: SecretName,
    },
    /// Secrets that are being rotated already.
    #[error("a rotation of {names} is under way in `{environment}` since {}", begun.strftime("%Y-%m-%d %H:%M UTC"))]
    Rotating {
        /// The environment.
        environment: EnvironmentName,
        /// The secrets of that run.
        names: String,
        /// When it began.
        begun: Timestamp,
        /// The options that name the environment for a write.
        flags: String,
    },
    /// A secret of which nobody can be asked.
    #[error("nothing says how to ask whether a value of {0} is alive")]
    NoProbe(SecretName),
    /// No run of these names is open.
    #[error("no such rotation is under way in `{0}`")]
    NoRotation(EnvironmentName),
    /// A secret with two values, and no run that says why.
    #[error("{name} has a previous value in `{environment}` that no rotation speaks of, and that another would drop")]
    HasPrevious {
        /// The environment.
        environment: EnvironmentName,
        /// The secret.
        name: SecretName,
    },
    /// A file that holds one value a name.
    #[error("{name} stands in {file}, and a dotenv file has no room for the value before it")]
    NoRoom {
        /// The environment.
        environment: EnvironmentName,
        /// The file.
        file: String,
        /// The secret.
        name: SecretName,
    },
    /// Nothing is left that could be brought back.
    #[error("the old value of {name} is not in the vault any more")]
    OldGone {
        /// The secret.
        name: SecretName,
        /// The options that name the environment for a write.
        flags: String,
    },
    /// A value that a merge or another program brought into a run.
    #[error(
        "the value of {name} in `{environment}` is neither the old nor the new one of its rotation, or another than \
         the old one stands beside it; nothing was changed"
    )]
    NeitherValue {
        /// The environment.
        environment: EnvironmentName,
        /// The secret.
        name: SecretName,
        /// The options that name the environment for a write.
        flags: String,
    },
    /// A new value that a place of the secret does not take.
    #[error("the new value of {name} is larger than the {limit} bytes that {location} takes")]
    TooLargeThere {
        /// The secret.
        name: SecretName,
        /// The limit, in bytes.
        limit: usize,
        /// The place.
        location: Location,
    },
    /// A target that has no place for an environment.
    #[error("`{target}` is no target of `{environment}`")]
    NotServed {
        /// The environment.
        environment: EnvironmentName,
        /// The target.
        target: TargetName,
    },
    /// Several values that are to come over one stream.
    #[error("standard input has one value, and several are asked for")]
    OneValueAtATime,
    /// A verb that is not one.
    #[error("there is no verb {name}")]
    UnknownVerb {
        /// What was written.
        name: Typed,
        /// The nearest verb.
        nearest: Option<String>,
    },
    /// A code that nothing here has.
    #[error("there is no code {name}")]
    UnknownCode {
        /// What was written.
        name: Typed,
        /// The nearest code.
        nearest: Option<String>,
    },
    /// A keyring that does not do what is asked of it.
    #[error("cannot use the keyring for {}", in_words(*.what))]
    NotKept {
        /// What was to be kept.
        what: Kept,
        /// Why it is not.
        #[source]
        why: KeyringError,
    },
    /// A key that would be lost.
    #[error("the keyring has another identity already: {recipient}")]
    AnotherIdentity {
        /// The public key of that one.
        recipient: String,
    },
    /// A token that its platform does not take.
    #[error("the token was not kept: {address} does not take it")]
    TokenRefused {
        /// Whose token.
        what: Kept,
        /// Where it was tried.
        address: String,
        /// Why it is not taken.
        #[source]
        why: TargetError,
    },
    /// A base URL that tokens may not be sent to.
    #[error("{variable} must be an https address; http is for this machine's own addresses only")]
    UnsafeUrl {
        /// The variable it stands in.
        variable: &'static str,
    },
}

impl Refusal {
    /// Returns the refusal to work with an environment none of whose files our identities open.
    pub fn locked(environment: &Environment) -> Option<Self> {
        let inventory = &environment.inventory;
        let names = environment.recipients.as_ref().map(|recipients| recipients.names.join(", "));
        environment.is_locked().then(|| Self::Locked {
            environment: inventory.environment.clone(),
            file: inventory
                .problems
                .iter()
                .filter_map(|problem| problem.file.clone())
                .find(|file| !file.ends_with("/key.age"))
                .unwrap_or_default(),
            recipients: names.ok().filter(|names| !names.is_empty()).unwrap_or_else(|| "not listed".to_owned()),
        })
    }

    /// Returns what to type next.
    #[expect(clippy::too_many_lines, reason = "one line or two for each refusal")]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoProject => "`undrift init staging production` makes one".to_owned(),
            Self::Undeclared { name, .. }
            | Self::NoValue { name, .. }
            | Self::UnknownVerb { name, .. }
            | Self::UnknownCode { name, .. }
            | Self::NoSecret { name, .. }
            | Self::NotRecorded { name, .. }
            | Self::NothingToOverwrite { name, .. }
            | Self::NotThere { name, .. }
            | Self::NotUnmanaged { name, .. }
                if !name.is_shown() =>
            {
                "what was typed is not repeated, for it may be a value; if it is one, the shell's history has it: change it"
                    .to_owned()
            }
            Self::Undeclared { nearest: Some(name), .. }
            | Self::NoValue { nearest: Some(name), .. }
            | Self::UnknownVerb { nearest: Some(name), .. }
            | Self::UnknownCode { nearest: Some(name), .. }
            | Self::NoSecret { nearest: Some(name), .. }
            | Self::NotRecorded { nearest: Some(name), .. }
            | Self::NothingToOverwrite { nearest: Some(name), .. }
            | Self::NotThere { nearest: Some(name), .. }
            | Self::NotUnmanaged { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::NotThere { .. } => {
                "`undrift list` shows every secret; its `targets` in undrift.toml say where it goes".to_owned()
            }
            Self::NotPinned => {
                "write `OWNER/NAME@` and the 40 digits of the commit; a tag or a branch may be moved".to_owned()
            }
            Self::NotRecorded { .. } => "`undrift audit --record` records one".to_owned(),
            Self::Keyless(name) => format!("`undrift seal -e {name}` makes one"),
            Self::PlanMoved { .. } => "plan again: `undrift plan --out FILE`, with the same options".to_owned(),
            Self::NothingToAdopt { place, .. } => {
                format!("`undrift push -e {} -t {}` writes it", place.environment, place.target)
            }
            Self::NotAdopted { why: AdoptionError::Comparable, .. } | Self::NothingBeside(_) => {
                "leave out `--as-is`, and give the value that is there".to_owned()
            }
            Self::NotAdopted { why: AdoptionError::OtherValue | AdoptionError::OtherDigest, .. } => {
                "give the value that is there, or write the vault's with `undrift push --overwrite NAME`".to_owned()
            }
            Self::Stale { .. } => "run the same command again, when you know what is there now".to_owned(),
            Self::NotUnmanaged { target, .. } => format!("`undrift audit -t {target}` lists what is"),
            Self::NeedsTarget { declared, .. } => format!("add `-t NAME`; declared are {}", declared.join(", ")),
            Self::Unread { place, why } => return advice::remedy(why, place),
            Self::Ours { name, .. } => format!("name others without it, or take `{name}` out of undrift.toml first"),
            Self::RenameUnfinished { old, new } => format!("`undrift rename {old} {new}` finishes it"),
            Self::Rotating { flags, .. } => format!(
                "`undrift rotate --continue{flags}` does what is left; `undrift rotate --rollback{flags}` brings the old \
                 values back"
            ),
            Self::NoProbe(name) => format!(
                "declare it in `[secrets.{name}]` of undrift.toml: `probe = {{ url = \"https://HOST/PATH\", headers = {{ \
                 Authorization = \"Bearer {{value}}\" }} }}`"
            ),
            Self::NoRotation(name) => format!("`undrift rotate --status -e {name}` shows which is"),
            Self::HasPrevious { environment, .. } => {
                format!("where no target runs it, take its `previous` out: `undrift edit -e {environment}`")
            }
            Self::NoRoom { environment, name, .. } => format!(
                "`undrift set {name} -e {environment}` puts it into a TOML file, once `undrift rm {name} -e {environment}` \
                 has taken it out of this one"
            ),
            Self::OldGone { flags, .. } => format!("`undrift rotate --continue{flags}` finishes the run"),
            Self::NeitherValue { environment, flags, .. } => format!(
                "`git log -- vault/{environment}` shows what brought it: take its file as it was before that, then \
                 `undrift seal{flags}` and `undrift rotate --continue{flags}`"
            ),
            Self::TooLargeThere { name, .. } => {
                format!("give a shorter one, or take the place out of `targets` in `[secrets.{name}]` of undrift.toml")
            }
            Self::NotServed { .. } => {
                "`undrift list` shows the environments; `environments` of the target in undrift.toml says which it serves"
                    .to_owned()
            }
            Self::OneValueAtATime => {
                "say in undrift.toml how they are made, with `generate`; or run it at a terminal".to_owned()
            }
            Self::NameTaken { .. } => "choose another name, or take that one away first: `undrift rm`".to_owned(),
            Self::NoValue { .. } | Self::NoSecret { .. } => "`undrift list` shows which secret has a value where".to_owned(),
            Self::PartOf { environment, user, .. } => {
                format!("change the `compose` of {user} first: `undrift edit -e {environment}`")
            }
            Self::Composed { environment, parts, .. } => {
                let part = parts.last().map_or("NAME", String::as_str);
                format!("set what it is made of, such as `undrift set {part} -e {environment}`")
            }
            Self::Incomplete { environment, .. } => format!("`undrift audit -e {environment}` names every problem"),
            Self::NeedsEnvironment { declared } | Self::NeedsOneEnvironment { declared } => match declared.first() {
                Some(_) => format!("add `-e NAME`; declared are {}", declared.join(", ")),
                None => "declare one: `[environments.staging]` in undrift.toml".to_owned(),
            },
            Self::ValueInArguments => {
                "leave it out to be asked for it, or pipe it in; and change that value, for it is written down now"
                    .to_owned()
            }
            Self::NeedsConfirm(name) => format!("if it is meant, add `--confirm {name}`"),
            Self::Locked { environment, .. } => {
                format!("ask one of them to let you in: `undrift grant YOU YOUR-PUBLIC-KEY -e {environment}`")
            }
            Self::ForeignReceipts(name) => {
                format!(
                    "take vault/{name}/key.age from git again, or move vault/{name}/receipts.toml away to begin anew"
                )
            }
            Self::Gone(name) => take_again(name),
            Self::Unsealed(name) => format!("look at them, then `undrift seal -e {name}`"),
            Self::KeyGone(name) => format!(
                "take vault/{name}/key.age from git again; if it is lost, move seal.toml and receipts.toml away and begin anew"
            ),
            Self::NothingToGenerate(_) => {
                "name a kind, such as `--generate alphanumeric:40`, or write `generate = \"alphanumeric:40\"` in undrift.toml"
                    .to_owned()
            }
            Self::NeedsGroup { environment, groups } => {
                let typed: Vec<String> =
                    groups.iter().map(|group| format!("`undrift edit -e {environment} {group}`")).collect();
                typed.join(" or ")
            }
            Self::NotReadable { .. } => "nothing of the text is kept; run the same command again".to_owned(),
            Self::NothingLeft { .. } => "to remove values, take out their lines and leave a comment".to_owned(),
            Self::KeyUnreadable(name) => format!("`undrift audit -e {name}` says why"),
            Self::OddName(_) => "if it is one, the shell's history has it: change it".to_owned(),
            Self::BadValue(_)
            | Self::Undeclared { .. }
            | Self::AlreadyThere(_)
            | Self::UnsafeUrl { .. }
            | Self::BadRule(_)
            | Self::IncompletePlan
            | Self::NotAdopted { .. }
            | Self::InSyncAlready { .. } => {
                return None;
            }
            Self::NotKept { what, why } => {
                let first = if *why == KeyringError::Locked { "unlock it; or " } else { "" };
                format!("{first}{}", without_keyring(*what))
            }
            Self::AnotherIdentity { .. } => {
                "keep a copy of that one, then `undrift logout identity` makes room".to_owned()
            }
            Self::TokenRefused { what, why: TargetError::Unauthorized, .. } => match what {
                Kept::Fly => "make one with `fly tokens create org NAME`".to_owned(),
                Kept::Identity | Kept::Github => "make one at https://github.com/settings/tokens".to_owned(),
            },
            Self::TokenRefused { .. } => "run the same command again later".to_owned(),
            Self::NobodyToTell => {
                "add `[[notify.webhook]]` with `url = \"env:NAME\"`, `[notify.mail]` or `[notify.issue]` to it".to_owned()
            }
            Self::UnknownVerb { .. } => "`undrift --help` lists them all".to_owned(),
            Self::UnknownCode { .. } => "`undrift explain` lists them all".to_owned(),
            Self::NothingToOverwrite { .. } => "`undrift plan` lists what is held".to_owned(),
        })
    }
}

/// Names what the keyring keeps.
pub const fn in_words(what: Kept) -> &'static str {
    match what {
        Kept::Identity => "the identity",
        Kept::Fly => "the token of Fly",
        Kept::Github => "the token of GitHub",
    }
}

/// Returns the two ways that need no keyring.
const fn without_keyring(what: Kept) -> &'static str {
    match what {
        Kept::Identity => {
            "without a keyring, keep it in a file of its own, `chmod 600 FILE`, and say \
             `export UNDRIFT_IDENTITY_FILE=FILE`; in CI, put the key itself in the secret UNDRIFT_IDENTITY"
        }
        Kept::Fly => {
            "without a keyring, `export FLY_API_TOKEN=$(cat FILE)` is used first, and what `fly auth login` leaves next"
        }
        Kept::Github => {
            "without a keyring, `export GH_TOKEN=$(cat FILE)` is used first, and what `gh auth login` leaves next"
        }
    }
}

/// Tells what failed, what caused it, and what to type next.
pub fn show(error: &anyhow::Error, ui: &mut Ui) {
    let is_declined = matches!(error.downcast_ref(), Some(AskError::Declined))
        || matches!(error.downcast_ref(), Some(IdentityError::Declined));
    if is_declined {
        ui.say("nothing was done");
        return;
    }
    ui.say(&format!("error: {error}"));
    for cause in error.chain().skip(1) {
        ui.say(&format!("  caused by: {cause}"));
    }
    let mut hints: Vec<String> = error.chain().filter_map(hint).collect();
    if hints.is_empty() {
        hints.extend(error.chain().find_map(system_hint).map(str::to_owned));
    }
    for hint in hints {
        ui.say(&format!("hint: {hint}"));
    }
}

/// Returns what to do where the operating system refuses to write.
fn system_hint(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room (`df -h .` shows how much there is), then run the same command again")
        }
        ErrorKind::ReadOnlyFilesystem => Some("this disk can only be read; work in a copy that can be written"),
        ErrorKind::PermissionDenied => Some("`ls -la` shows who may do it; run it as that person"),
        _ => None,
    }
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return refusal.hint();
    }
    if let Some(TooManyRemovals { count, .. }) = error.downcast_ref() {
        return Some(format!("if that is meant, add `--max-deletes {count}`"));
    }
    if let Some(error) = error.downcast_ref::<AskError>() {
        return match error {
            AskError::NoTerminal => Some("if it is what you want, add `--yes`".to_owned()),
            AskError::NotText => Some("store it as text: `base64 < FILE | undrift set NAME -e ENVIRONMENT`".to_owned()),
            AskError::Visible => Some("pipe it in, or leave standard error on the terminal".to_owned()),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<EditorError>() {
        return match error {
            EditorError::None | EditorError::Unstartable { .. } | EditorError::Unclosed(_) => Some(
                "name one that is there: `EDITOR=nano undrift edit -e ENVIRONMENT`, or `EDITOR='code --wait'`"
                    .to_owned(),
            ),
            EditorError::Failed { .. } => None,
        };
    }
    if let Some(EditError::Moved { .. }) = error.downcast_ref::<EditError>() {
        return Some("look at what is there now, and make your change again: run the same command again".to_owned());
    }
    if let Some(error) = error.downcast_ref::<IdentityError>() {
        return identity_hint(error);
    }
    if let Some(error) = error.downcast_ref::<RecipientsError>() {
        return match error {
            RecipientsError::Absent | RecipientsError::Empty => Some(
                "write the public keys of those who may read it there, one a line; `age-keygen -y` shows one"
                    .to_owned(),
            ),
            RecipientsError::Io(_) | RecipientsError::Line(_) => None,
        };
    }
    if let Some(SealError::Broken { environment, breach: BreachKind::Gone, .. }) = error.downcast_ref::<SealError>() {
        return Some(take_again(environment));
    }
    if let Some(error) = error.downcast_ref::<AccessError>() {
        return access::remedy(error);
    }
    if let Some(SealError::Broken { environment, .. }) = error.downcast_ref::<SealError>() {
        return Some(format!("look at what changed; if it is meant, `undrift seal -e {environment}`"));
    }
    if let Some(LockError::Held { .. }) = error.downcast_ref::<LockError>() {
        return Some("wait for it to end, and run the same command again".to_owned());
    }
    if let Some(error) = error.downcast_ref::<SavedPlanError>() {
        return match error {
            SavedPlanError::OtherEnvironments { .. } => Some("name those it is for with `-e`".to_owned()),
            SavedPlanError::InTheWay { .. } => Some("save it under another name".to_owned()),
            SavedPlanError::NotOne { .. }
            | SavedPlanError::Malformed { .. }
            | SavedPlanError::Version { .. }
            | SavedPlanError::OtherKey { .. }
            | SavedPlanError::Altered { .. } => Some("plan again: `undrift plan --out FILE`".to_owned()),
            SavedPlanError::Unreadable { .. } => Some("`undrift plan --out FILE` saves one".to_owned()),
            SavedPlanError::Unwritable { .. } => None,
        };
    }
    if let Some(RotationError::Malformed { environment, .. }) = error.downcast_ref::<RotationError>() {
        return Some(format!(
            "keep one side of vault/{environment} where two branches were merged, then `undrift seal -e {environment}`"
        ));
    }
    if let Some(error) = error.downcast_ref::<ReportError>() {
        return match error {
            ReportError::Unwritable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("make the folder first: `mkdir -p FOLDER`".to_owned())
            }
            ReportError::NotOne { .. } | ReportError::Malformed { .. } | ReportError::Version { .. } => {
                Some("begin anew: `undrift audit --write json=FILE` writes one to compare with".to_owned())
            }
            ReportError::InTheWay { .. }
            | ReportError::OfTheVault { .. }
            | ReportError::OfTheHistory { .. }
            | ReportError::Twice { .. } => Some("name another file: `--write FORMAT=PATH`".to_owned()),
            ReportError::Unreadable { .. } | ReportError::Unwritable { .. } => None,
        };
    }
    if let Some(error) = error.downcast_ref::<GitError>() {
        return match error {
            GitError::Absent => Some("install git, or put it on the PATH".to_owned()),
            GitError::NoRepository => {
                Some("`undrift diff` compares with what git has: run it in a repository".to_owned())
            }
            GitError::NoRevision(_) => {
                Some("`git log --oneline` lists revisions; one is made by `git commit`".to_owned())
            }
            GitError::Unusable(_) | GitError::Failed(_) => None,
        };
    }
    if let Some(JournalError::Malformed { path, .. }) = error.downcast_ref::<JournalError>() {
        return Some(format!("look at it, then remove it: {path}; `undrift audit` says what the targets hold"));
    }
    match error.downcast_ref::<ProjectError>()? {
        ProjectError::Unreadable(_) | ProjectError::Wrong(_) => None,
    }
}

fn take_again(environment: &EnvironmentName) -> String {
    format!("take it from git again: `git checkout -- vault/{environment}`; `undrift init {environment}` begins anew")
}

/// Returns what to do where no identity could be read.
pub fn identity_hint(error: &IdentityError) -> Option<String> {
    Some(match error {
        IdentityError::NotFoundButSsh(why) if identity_hint(why).is_some() => return None,
        IdentityError::NotFound | IdentityError::NotFoundButSsh(_) => {
            "give one with `--identity FILE`, or put the key in UNDRIFT_IDENTITY; `undrift init` makes one".to_owned()
        }
        IdentityError::NotFoundButKeyring(_) => {
            "unlock the keyring, or give the key with `--identity FILE` or in UNDRIFT_IDENTITY".to_owned()
        }
        IdentityError::Passphrase { .. } => {
            "run it at a terminal to be asked for it, or give another key with `--identity FILE` or in UNDRIFT_IDENTITY"
                .to_owned()
        }
        IdentityError::WrongPassphrase { .. } => {
            "run the same command again, or give another key with `--identity FILE`".to_owned()
        }
        IdentityError::PluginMissing { program, .. } => {
            format!("install `{program}`, or give another key with `--identity FILE`")
        }
        IdentityError::Empty { .. } | IdentityError::BadLine { .. } => {
            "an identity is what `age-keygen` writes, what an age plugin does, or an ssh private key".to_owned()
        }
        IdentityError::Unreadable { .. }
        | IdentityError::Unsupported { .. }
        | IdentityError::Sealed { .. }
        | IdentityError::Unasked { .. }
        | IdentityError::Declined => return None,
    })
}
