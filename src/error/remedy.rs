//! What to type after a refusal.

use super::refusal::Refusal;
use crate::cli::Kept;
use crate::domain::adoption::AdoptionError;
use crate::domain::name::EnvironmentName;
use crate::report::advice;
use crate::targets::TargetError;
use crate::vault::keyring::KeyringError;

impl Refusal {
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
            Self::MergedWhole => "leave out `-e` and `-t`; `undrift audit -e NAME` is of less".to_owned(),
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
            Self::PreviousTaken { environment, previous, .. } => format!(
                "`undrift rename {previous} NEW_NAME` gives it another name, or `undrift rm {previous} -e {environment}` takes \
                 it away"
            ),
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

/// Returns what to do where files of an environment are gone.
pub(super) fn take_again(environment: &EnvironmentName) -> String {
    format!("take it from git again: `git checkout -- vault/{environment}`; `undrift init {environment}` begins anew")
}
