//! What to type after an error, by what has caused it.

use std::io::ErrorKind;

use super::refusal::Refusal;
use super::remedy::take_again;
use crate::domain::plan::TooManyRemovals;
use crate::domain::seal::BreachKind;
use crate::report::access;
use crate::report::merge::MergeError;
use crate::ui::AskError;
use crate::ui::editor::EditorError;
use crate::vault::edit::EditError;
use crate::vault::history::GitError;
use crate::vault::identity::IdentityError;
use crate::vault::journal::JournalError;
use crate::vault::lock::LockError;
use crate::vault::read::RecipientsError;
use crate::vault::recipients::AccessError;
use crate::vault::reports::ReportError;
use crate::vault::rotation::RotationError;
use crate::vault::saved_plan::SavedPlanError;
use crate::vault::seal::SealError;

/// Returns what to do about one cause of an error.
pub(super) fn of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return refusal.hint();
    }
    if let Some(error) = error.downcast_ref::<IdentityError>() {
        return identity_hint(error);
    }
    if let Some(error) = error.downcast_ref::<AccessError>() {
        return access::remedy(error);
    }
    if let Some(TooManyRemovals { count, .. }) = error.downcast_ref() {
        return Some(format!("if that is meant, add `--max-deletes {count}`"));
    }
    of_person(error).or_else(|| of_files(error).map(str::to_owned)).or_else(|| of_vault(error))
}

/// Returns what to do where something was wrong with what a person was to type or to write.
fn of_person(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let hint = match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
        (Some(AskError::NoTerminal), ..) => "if it is what you want, add `--yes`",
        (Some(AskError::NotText), ..) => "store it as text: `base64 < FILE | undrift set NAME -e ENVIRONMENT`",
        (Some(AskError::Visible), ..) => "pipe it in, or leave standard error on the terminal",
        (_, Some(EditorError::None | EditorError::Unstartable { .. } | EditorError::Unclosed(_)), _) => {
            "name one that is there: `EDITOR=nano undrift edit -e ENVIRONMENT`, or `EDITOR='code --wait'`"
        }
        (.., Some(EditError::Moved { .. })) => {
            "look at what is there now, and make your change again: run the same command again"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns what to do about a file that a person has named, or about git.
fn of_files(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref() {
        return match error {
            SavedPlanError::OtherEnvironments { .. } => Some("name those it is for with `-e`"),
            SavedPlanError::InTheWay { .. } => Some("save it under another name"),
            SavedPlanError::NotOne { .. }
            | SavedPlanError::Malformed { .. }
            | SavedPlanError::Version { .. }
            | SavedPlanError::OtherKey { .. }
            | SavedPlanError::Altered { .. } => Some("plan again: `undrift plan --out FILE`"),
            SavedPlanError::Unreadable { .. } => Some("`undrift plan --out FILE` saves one"),
            SavedPlanError::Unwritable { .. } => None,
        };
    }
    if let Some(error) = error.downcast_ref::<MergeError>() {
        return Some(of_merge(error));
    }
    if let Some(error) = error.downcast_ref() {
        return match error {
            ReportError::Unwritable { source, .. } if source.kind() == ErrorKind::NotFound => {
                Some("make the folder first: `mkdir -p FOLDER`")
            }
            ReportError::TooLarge { .. }
            | ReportError::NotOne { .. }
            | ReportError::Malformed { .. }
            | ReportError::Version { .. } => Some("begin anew: `undrift audit --write json=FILE` writes one"),
            ReportError::InTheWay { .. }
            | ReportError::OfTheVault { .. }
            | ReportError::OfTheHistory { .. }
            | ReportError::Read { .. }
            | ReportError::Twice { .. } => Some("name another file: `--write FORMAT=PATH`"),
            ReportError::Unreadable { .. } | ReportError::Unwritable { .. } => None,
        };
    }
    match error.downcast_ref()? {
        GitError::Absent => Some("install git, or put it on the PATH"),
        GitError::NoRepository => Some("`undrift diff` compares with what git has: run it in a repository"),
        GitError::NoRevision(_) => Some("`git log --oneline` lists revisions; one is made by `git commit`"),
        GitError::Unusable(_) | GitError::Failed(_) => None,
    }
}

const fn of_merge(error: &MergeError) -> &'static str {
    match error {
        MergeError::NoProject { .. } | MergeError::NoShard { .. } | MergeError::OtherVersion { .. } => {
            "make it anew with this undrift: `undrift audit --write json=FILE`"
        }
        MergeError::OtherProject { .. } | MergeError::OtherVault { .. } => {
            "audit all parts at one commit, then merge what they wrote: `undrift audit --write json=FILE`"
        }
        MergeError::FarApart { .. } => "leave the older one out, or audit its places anew",
        MergeError::OtherAnswer { .. } => "leave out the one that no longer holds, or audit its places anew",
    }
}

/// Returns what to do about a file of the vault or of this machine.
fn of_vault(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(RecipientsError::Absent | RecipientsError::Empty) = error.downcast_ref() {
        return Some(
            "write the public keys of those who may read it there, one a line; `age-keygen -y` shows one".to_owned(),
        );
    }
    if let Some(SealError::Broken { environment, breach, .. }) = error.downcast_ref() {
        return Some(match breach {
            BreachKind::Gone => take_again(environment),
            _ => format!("look at what changed; if it is meant, `undrift seal -e {environment}`"),
        });
    }
    if let Some(LockError::Held { .. }) = error.downcast_ref() {
        return Some("wait for it to end, and run the same command again".to_owned());
    }
    if let Some(RotationError::Malformed { environment, .. }) = error.downcast_ref() {
        return Some(format!(
            "keep one side of vault/{environment} where two branches were merged, then `undrift seal -e {environment}`"
        ));
    }
    let JournalError::Malformed { path, .. } = error.downcast_ref()? else { return None };
    Some(format!("look at it, then remove it: {path}; `undrift audit` says what the targets hold"))
}

/// Returns what to do where the operating system refuses to write.
pub(super) fn of_system(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room (`df -h .` shows how much there is), then run the same command again")
        }
        ErrorKind::ReadOnlyFilesystem => Some("this disk can only be read; work in a copy that can be written"),
        ErrorKind::PermissionDenied => Some("`ls -la` shows who may do it; run it as that person"),
        _ => None,
    }
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
