//! What is refused before anything is done.

use jiff::Timestamp;

use crate::cli::Kept;
use crate::domain::adoption::AdoptionError;
use crate::domain::name::{EnvironmentName, RemoteName, SecretName, TargetName};
use crate::domain::place::{Location, Place};
use crate::domain::typed::Typed;
use crate::targets::TargetError;
use crate::vault::keyring::KeyringError;
use crate::vault::read::Environment;

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
    /// A merged report that is to be narrowed.
    #[error("a merged report is of everything that its parts are of, and of nothing less")]
    MergedWhole,
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
    /// A secret of the vault whose name an old value has at the places for a while.
    #[error(
        "{name} overlaps: its old value is {previous} at the places, and that is another secret of `{environment}`"
    )]
    PreviousTaken {
        /// The environment.
        environment: EnvironmentName,
        /// The secret.
        name: SecretName,
        /// The other one.
        previous: SecretName,
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
    #[error("cannot use the keyring for {}", super::remedy::in_words(*.what))]
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
}
