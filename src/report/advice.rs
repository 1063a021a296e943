//! Advice: the code of what is wrong, and the command that mends it. Facts come from below; advice is made here.

use std::collections::BTreeMap;

use vault_schema::audit::Severity;
use vault_schema::plan as schema;
use vault_schema::project::{RolloutMode, TargetKind};

use crate::domain::access::{Access, DeclaredAccess};
use crate::domain::compose;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::hygiene::Fault;
use crate::domain::kind::Kind;
use crate::domain::log::FaultKind;
use crate::domain::name::RemoteName;
use crate::domain::place::{GithubHolder, GithubStore, Location, Place};
use crate::domain::plan::{Held, Hold, RefusalKind};
use crate::domain::row::Row;
use crate::domain::seal::{BreachKind, Damage};
use crate::domain::verdict::{Rollout, Verdict};
use crate::targets::TargetError;
use crate::targets::error::Broken;

/// What accepts the names that are somebody else's.
pub const IGNORE: &str = "undrift ignore --from-current --reason TEXT";

/// Returns the stable code of a row, or none when nothing is wrong.
pub fn code(verdict: Verdict, rollout: Rollout) -> Option<&'static str> {
    Some(match (verdict, rollout) {
        (Verdict::Missing, _) => "UD101",
        (Verdict::Behind, _) => "UD102",
        (Verdict::Differs, _) => "UD103",
        (Verdict::ChangedRemotely, _) => "UD104",
        (Verdict::Conflict, _) => "UD105",
        (Verdict::Unverified, _) => "UD106",
        (Verdict::Orphaned, _) => "UD107",
        (Verdict::Unmanaged, _) => "UD108",
        (Verdict::Unreadable, _) => "UD109",
        (Verdict::InSync, Rollout::Staged) => "UD110",
        (Verdict::InSync, Rollout::Partial) => "UD111",
        (Verdict::InSync, Rollout::Unknown) => "UD112",
        (Verdict::InSync, Rollout::Live | Rollout::None) => return None,
    })
}

/// Returns how bad it is that a row has a code, unless `undrift.toml` says otherwise.
pub const fn severity(verdict: Verdict) -> Severity {
    match verdict {
        Verdict::Missing
        | Verdict::Behind
        | Verdict::Differs
        | Verdict::ChangedRemotely
        | Verdict::Conflict
        | Verdict::Unreadable => Severity::Error,
        Verdict::Unverified | Verdict::Orphaned | Verdict::Unmanaged | Verdict::InSync => Severity::Warning,
    }
}

/// Returns the command that mends a row, or none when nothing is wrong or nothing can be typed.
pub fn next(row: &Row, is_protected: bool) -> Option<String> {
    let push = |flags: &str| Some(format!("{}{flags}", push_command(&row.place, is_protected)));
    match row.judgement.verdict {
        Verdict::Missing | Verdict::Behind => push(""),
        Verdict::Differs | Verdict::Unverified if !row.digests_changed => push(" --take-vault"),
        Verdict::Differs | Verdict::Unverified | Verdict::ChangedRemotely | Verdict::Conflict => {
            push(&format!(" --overwrite {}", row.secret.as_ref().map_or("", |secret| secret.as_str())))
        }
        Verdict::Orphaned if row.vouched => push(" --prune"),
        Verdict::Orphaned => {
            push(&format!(" --prune --overwrite {}", row.secret.as_ref().map_or("", |secret| secret.as_str())))
        }
        Verdict::Unmanaged | Verdict::Unreadable => None,
        Verdict::InSync => match (row.rollout.rollout, row.mode, &row.place.location) {
            (Rollout::Staged | Rollout::Partial, RolloutMode::Flyctl | RolloutMode::Machines, _) => push(""),
            (Rollout::Staged | Rollout::Partial, _, Location::FlyApp { app }) => {
                Some(format!("fly secrets deploy -a {app}"))
            }
            _ => None,
        },
    }
}

fn push_command(place: &Place, is_protected: bool) -> String {
    let confirm = if is_protected { format!(" --confirm {}", place.environment) } else { String::new() };
    format!("undrift push -e {}{confirm} -t {}", place.environment, place.target)
}

/// Returns the command that decides a held step.
pub fn decides(held: &Held, is_protected: bool) -> String {
    let command = push_command(&held.step.place, is_protected);
    match held.hold {
        Hold::NeedsTakeVault => format!("{command} --take-vault"),
        Hold::NeedsOverwrite | Hold::DigestsChanged => format!("{command} --overwrite {}", held.step.secret),
        Hold::NeedsPrune => format!("{command} --prune"),
        Hold::NeedsPruneAndOverwrite => format!("{command} --prune --overwrite {}", held.step.secret),
        Hold::VaultIncomplete | Hold::AfterWrites => format!("undrift audit -e {}", held.step.place.environment),
    }
}

/// Returns the command that decides a held step the other way: what is there is right.
pub fn keeps(held: &Held, is_protected: bool) -> Option<String> {
    let Place { environment, target, .. } = &held.step.place;
    match held.hold {
        Hold::NeedsTakeVault | Hold::NeedsOverwrite | Hold::DigestsChanged => {
            let confirm = if is_protected { format!(" --confirm {environment}") } else { String::new() };
            Some(format!("undrift adopt {} -e {environment}{confirm} -t {target}", held.step.secret))
        }
        Hold::NeedsPrune | Hold::NeedsPruneAndOverwrite | Hold::VaultIncomplete | Hold::AfterWrites => None,
    }
}

/// Returns the commands that keep what is there, with how many held steps each may decide: one for each step where
/// there are few, and one for each target where there are many.
pub fn keeping(held: &[schema::Held]) -> Vec<(String, usize)> {
    let mut targets: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for held in held {
        if let Some(command) = &held.keep {
            targets.entry((&held.environment, &held.target)).or_default().push((&held.secret, command));
        }
    }
    let commands = targets.into_values().flat_map(|commands| match commands.as_slice() {
        [(secret, command), _, _, _, ..] => {
            vec![(command.replacen(&format!(" {secret} "), " NAME ", 1), commands.len())]
        }
        few => few.iter().map(|(_, command)| ((*command).to_owned(), 1)).collect(),
    });
    commands.collect()
}

/// Returns why a step is held, where its verdict does not say so already.
pub const fn held_because(hold: Hold) -> Option<&'static str> {
    match hold {
        Hold::NeedsTakeVault | Hold::NeedsOverwrite | Hold::NeedsPruneAndOverwrite => None,
        Hold::DigestsChanged => Some("`--take-vault` does not decide for a whole app at once"),
        Hold::NeedsPrune => Some("removing needs `--prune`"),
        Hold::AfterWrites => Some("what is to be written has to be written first"),
        Hold::VaultIncomplete => Some("it may stand in a vault file that could not be read"),
    }
}

/// Returns what to do where a plan leaves a place as it is.
pub const fn overrules(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::ListingShrank { .. } | RefusalKind::VaultShrank { .. } => "if that is meant, add `--allow-shrink`",
        RefusalKind::Full { .. } => {
            "remove there what nobody needs, or send fewer secrets there with `targets` in undrift.toml"
        }
    }
}

/// Returns what to do about a problem of the vault.
pub fn mends(problem: &Problem, environment: &str) -> Option<String> {
    let secret = problem.secret.as_deref().unwrap_or("NAME");
    let file = problem.file.as_deref().unwrap_or("FILE");
    Some(match &problem.kind {
        ProblemKind::Undecryptable { .. } => {
            "ask whoever wrote it to encrypt it again for recipients.txt, with your key in it".to_owned()
        }
        ProblemKind::NotAge | ProblemKind::Damaged => format!("take it from git again: `git checkout -- {file}`"),
        ProblemKind::NoValue { .. } => format!("`undrift set {secret} -e {environment}`"),
        ProblemKind::NotDeclared => format!("add `[secrets.{secret}]` to undrift.toml"),
        ProblemKind::IllegalThere { place, .. } | ProblemKind::Collision { place, .. } => {
            format!(
                "give it another name there: `{{ target = \"{}\", name = \"NAME\" }}` among the `targets` of \
                 `[secrets.{secret}]`",
                place.target
            )
        }
        ProblemKind::TooLargeThere { place, .. } => {
            format!("store less in it, or leave `{}` out of the `targets` of `[secrets.{secret}]`", place.target)
        }
        ProblemKind::Duplicate { .. } => "remove one of the two".to_owned(),
        ProblemKind::DialectsDisagree(_) => "put the value in a .toml.age file, which has one reading".to_owned(),
        ProblemKind::Hygiene(fault) => improves(fault, secret, environment),
        ProblemKind::Compose(compose::Fault::NoPart { nearest: None, part }) => {
            format!("`undrift set {part} -e {environment}`")
        }
        ProblemKind::Compose(compose::Fault::Cycle(_)) => {
            format!("write one of them as a plain `value`: `undrift edit -e {environment}`")
        }
        ProblemKind::Compose(_) => format!("`undrift edit -e {environment}`"),
        ProblemKind::Rotating(_) => format!("`undrift rotate --status -e {environment}`"),
        ProblemKind::BadRotation(_) => {
            format!("keep one side of it where two branches were merged, then `undrift seal -e {environment}`")
        }
        ProblemKind::RuleEnded { .. } => "give the rule a later `until`, or remove it".to_owned(),
        ProblemKind::Overdue { .. }
        | ProblemKind::SoonDue { .. }
        | ProblemKind::SoonExpired { .. }
        | ProblemKind::Expired { .. } => {
            format!("make a new one where it comes from, then `undrift set {secret} -e {environment}`")
        }
        ProblemKind::ForeignReceipts => {
            format!("take vault/{environment}/key.age from git again, or move {file} away to begin anew")
        }
        ProblemKind::ForgedReceipt { .. } => format!("`git log -p -- {file}`"),
        ProblemKind::LeftBehind { .. } => {
            format!(
                "declare its target again and `undrift push -e {environment} --prune`, or, if it is gone, take its \
                 tables out of {file}"
            )
        }
        ProblemKind::AccessDiffers { name, location, there, declared } => {
            format!("`{}`", shares(name, location, (there, declared), (secret, environment))?)
        }
        ProblemKind::BeyondReach { .. } => {
            "remove from the organization what nobody needs, or send these to the repositories that use them".to_owned()
        }
        ProblemKind::Shadowed { .. } => "remove one of the two, or give it a name of its own".to_owned(),
        ProblemKind::RecipientsDiffer { listed: (who, key), .. } => {
            format!("`undrift grant {} {key} -e {environment}`", quoted(who))
        }
        ProblemKind::Seal(BreachKind::Damaged(Damage::NoKey)) => {
            format!("take vault/{environment}/key.age from git again")
        }
        ProblemKind::Seal(BreachKind::Gone) => format!("take it from git again: `git checkout -- vault/{environment}`"),
        ProblemKind::Unsettled
        | ProblemKind::Seal(BreachKind::Unsealed)
        | ProblemKind::Log(
            FaultKind::Edited(_)
            | FaultKind::Foreign(_)
            | FaultKind::Outdated(_)
            | FaultKind::Missing(_)
            | FaultKind::Unseen(_)
            | FaultKind::Behind,
        ) => format!("`undrift seal -e {environment}`"),
        // To vouch for what a stranger has put there would be the very mistake that the seal is there for.
        ProblemKind::Seal(_) => format!("find out who did it; if it is meant: `undrift seal -e {environment}`"),
        ProblemKind::Log(FaultKind::Unreadable(_))
        | ProblemKind::TooLarge { .. }
        | ProblemKind::Unreadable(_)
        | ProblemKind::NotUtf8
        | ProblemKind::BadToml(_)
        | ProblemKind::BadDotenv(_)
        | ProblemKind::BadValue(_)
        | ProblemKind::IllegalName => return None,
    })
}

/// Returns a word for a shell. What stands in recipients.txt may be anything.
fn quoted(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@')) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Returns what to do about a value that is probably not what somebody meant.
fn improves(fault: &Fault, secret: &str, environment: &str) -> String {
    let set = format!("`undrift set {secret} -e {environment}`");
    let accept = || format!("`accept = [{{ code = \"{}\", reason = \"…\" }}]` in `[secrets.{secret}]`", fault.code());
    match fault {
        Fault::WrongKind(Kind::Issued(issuer)) => format!("{set}; one is made at {}", issuer.facts().rotate),
        Fault::WrongKind(_)
        | Fault::PatternMissed
        | Fault::Blanks
        | Fault::Quotes
        | Fault::LineEnd
        | Fault::Placeholder => set,
        Fault::Unfilled => {
            format!("{set}; or compose it, as `compose = \"…\"` in place of `value`: `undrift edit -e {environment}`")
        }
        Fault::Example => format!("{set}; if it is meant, {}", accept()),
        Fault::Weak(_) => format!("make one that nobody can guess, then {set}"),
        Fault::TokenExpired(_)
        | Fault::TokenExpires(_)
        | Fault::CertificateExpired(_)
        | Fault::CertificateExpires(_) => format!("make a new one where it comes from, then {set}"),
        Fault::SharedByEnvironments { .. } => {
            format!("give each environment a value of its own; if it is meant, {}", accept())
        }
        Fault::SharedByNames { .. } => format!("keep one of the names; if it is meant, {}", accept()),
        Fault::Deprecated(_) => {
            format!(
                "when nothing uses it any more, `undrift rm {secret} -e {environment}`, and take out `[secrets.{secret}]`"
            )
        }
    }
}

/// Returns what to do about a target that could not be read or written.
pub fn remedy(error: &TargetError, location: &Location) -> Option<String> {
    let text = match (error, location.kind()) {
        (TargetError::NoToken, TargetKind::Fly) => {
            "set FLY_API_TOKEN, or run `fly auth login`; an `api-url` needs a `token` beside it"
        }
        (TargetError::NoToken, TargetKind::Github) => {
            "set GH_TOKEN, or run `gh auth login`; an `api-url` needs a `token` beside it"
        }
        (TargetError::Unauthorized, TargetKind::Fly) => {
            "the token may have expired: run `fly auth whoami`, or set FLY_API_TOKEN to one of `fly tokens create`"
        }
        (TargetError::Unauthorized, TargetKind::Github) => {
            "the token may have expired: make one, or run `gh auth login`"
        }
        (TargetError::Forbidden { .. }, TargetKind::Fly) => {
            return Some(match location {
                Location::FlyApp { app } => format!("make a token for this app: `fly tokens create deploy -a {app}`"),
                Location::Github { .. } => return None,
            });
        }
        (TargetError::Forbidden { of_workflow, .. }, TargetKind::Github) => {
            let right = right(location)?;
            return Some(if *of_workflow {
                format!("a workflow's own `GITHUB_TOKEN` can never do this: set GH_TOKEN to another one, with {right}")
            } else {
                format!("give the token {right}")
            });
        }
        (TargetError::NotFound { .. }, TargetKind::Fly) => {
            "check `app` in undrift.toml, and that the token's organization owns it"
        }
        (TargetError::NotFound { of_workflow, .. }, TargetKind::Github) => {
            let workflow = if *of_workflow { ", which a workflow's own `GITHUB_TOKEN` never has" } else { "" };
            return Some(format!(
                "check the names in undrift.toml; GitHub says the same to a token without {}{workflow}",
                right(location)?
            ));
        }
        (TargetError::Unreachable(Broken::Certificate), _) => {
            "the address answers with a certificate that nothing here vouches for; nothing was sent to it"
        }
        (TargetError::RateLimited { until: Some(until), .. }, _) => {
            return Some(format!("run the same command again after {}", until.strftime("%H:%M:%S UTC")));
        }
        (
            TargetError::RateLimited { .. }
            | TargetError::TurnedAway(_)
            | TargetError::Moved
            | TargetError::Timeout { .. }
            | TargetError::Unreachable(_),
            _,
        ) => "run the same command again later",
        (TargetError::Rejected { status: 500.., .. }, _) => {
            "the fault is the platform's; run the same command again later"
        }
        (TargetError::Unexpected(_), _) => {
            "check `api-url`, if there is one; if it stays so, the platform's API may have changed"
        }
        (TargetError::Rejected { .. } | TargetError::Unusable(_), _) => return None,
    };
    Some(text.to_owned())
}

/// Returns what a token needs at GitHub for a place, in GitHub's words.
fn right(location: &Location) -> Option<&'static str> {
    use GithubHolder::{Environment, Organization, Repository};
    let Location::Github { store, holder } = location else { return None };
    Some(match (holder, store) {
        (Environment { .. }, _) => "the repository permission `Environments`: read to audit, write to push",
        (Repository { .. }, GithubStore::Actions) => {
            "the repository permission `Secrets`: read to audit, write to push"
        }
        (Repository { .. }, GithubStore::Dependabot) => {
            "the repository permission `Dependabot secrets`: read to audit, write to push"
        }
        (Repository { .. }, GithubStore::Codespaces) => {
            "the repository permission `Codespaces secrets`: read to audit, write to push"
        }
        (Repository { .. }, GithubStore::Variables) => {
            "the repository permission `Variables`: read to audit, write to push"
        }
        (Organization { .. }, GithubStore::Actions) => {
            "the organization permission `Secrets` (read to audit, write to push), or the scope `admin:org`"
        }
        (Organization { .. }, GithubStore::Dependabot) => {
            "the organization permission `Dependabot secrets` (read to audit, write to push), or the scope `admin:org`"
        }
        // GitHub's description has these endpoints closed to apps.
        (Organization { .. }, GithubStore::Codespaces) => {
            "the scope `admin:org`, and a token of a person: no App may see an organization's Codespaces secrets"
        }
        (Organization { .. }, GithubStore::Variables) => {
            "the organization permission `Variables` (read to audit, write to push), or the scope `admin:org`"
        }
    })
}

/// Returns the command that lets those use it who are meant to.
///
/// GitHub takes another visibility of a secret with its value alone, so there the value goes along; a list of
/// repositories and the visibility of a variable it takes by themselves.
fn shares(
    name: &RemoteName,
    location: &Location,
    (there, declared): (&Access, &DeclaredAccess),
    (secret, environment): (&str, &str),
) -> Option<String> {
    let Location::Github { store, holder: GithubHolder::Organization { organization } } = location else { return None };
    let (product, kind, app) = match store {
        GithubStore::Actions => ("actions", "secrets", ""),
        GithubStore::Dependabot => ("dependabot", "secrets", " --app dependabot"),
        GithubStore::Codespaces => ("codespaces", "secrets", " --app codespaces"),
        GithubStore::Variables => ("actions", "variables", ""),
    };
    let path = format!("orgs/{organization}/{product}/{kind}/{name}");
    let id = |repository: &String| format!("$(gh api repos/{repository} --jq .id)");
    Some(match (there, declared) {
        (Access::Selected(there), DeclaredAccess::Selected(declared)) => {
            let has = |name: &String| there.values().any(|one| one.eq_ignore_ascii_case(name));
            let is_meant = |name: &String| declared.iter().any(|one| one.eq_ignore_ascii_case(name));
            let added = declared.iter().filter(|name| !has(name));
            let added = added.map(|name| format!("gh api -X PUT {path}/repositories/{}", id(name)));
            let removed = there.iter().filter(|(_, name)| !is_meant(name));
            let removed = removed.map(|(id, _)| format!("gh api -X DELETE {path}/repositories/{id}"));
            added.chain(removed).collect::<Vec<_>>().join(" && ")
        }
        (_, declared) if *store == GithubStore::Variables => {
            let visibility = match declared {
                DeclaredAccess::All => "all".to_owned(),
                DeclaredAccess::Private => "private".to_owned(),
                DeclaredAccess::Selected(repositories) => {
                    let ids = repositories.iter().map(|name| format!(" -F \"selected_repository_ids[]={}\"", id(name)));
                    format!("selected{}", ids.collect::<String>())
                }
            };
            format!("gh api -X PATCH {path} -f visibility={visibility}")
        }
        (_, declared) => {
            let visibility = match declared {
                DeclaredAccess::All => "--visibility all".to_owned(),
                DeclaredAccess::Private => "--visibility private".to_owned(),
                DeclaredAccess::Selected(repositories) if repositories.is_empty() => "--no-repos-selected".to_owned(),
                DeclaredAccess::Selected(repositories) => {
                    let names = repositories.iter().filter_map(|name| name.split_once('/')).map(|(_, name)| name);
                    format!("--repos {}", names.collect::<Vec<_>>().join(","))
                }
            };
            format!(
                "undrift get {secret} -e {environment} | gh secret set {name} --org {organization}{app} {visibility}"
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use vault_schema::verdict::Verdict;

    use super::*;

    #[test]
    fn few_held_steps_are_named_and_many_are_counted() {
        let held = |target: &str, secret: &str, keep: bool| schema::Held {
            environment: "staging".to_owned(),
            target: target.to_owned(),
            place: format!("fly:{target}"),
            secret: secret.to_owned(),
            remote_name: secret.to_owned(),
            verdict: Verdict::Unverified,
            detail: String::new(),
            next: String::new(),
            keep: keep.then(|| format!("undrift adopt {secret} -e staging -t {target}")),
        };
        let few = ["A", "B", "C"].map(|name| held("ci", name, true));
        let many = ["T", "A", "B", "C", "D"].map(|name| held("web", name, name != "D"));
        let all: Vec<_> = few.into_iter().chain(many).collect();
        let shown: Vec<_> = keeping(&all).into_iter().map(|(command, count)| format!("{command}: {count}")).collect();
        let expected = [
            "undrift adopt A -e staging -t ci: 1",
            "undrift adopt B -e staging -t ci: 1",
            "undrift adopt C -e staging -t ci: 1",
            "undrift adopt NAME -e staging -t web: 4",
        ];
        assert_eq!(shown, expected);
    }
}
