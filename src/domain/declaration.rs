//! The declarations of `undrift.toml`, checked: what is pushed where, and under which name.

mod check;
mod grace;
mod interval;
mod notify;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::Date;
use vault_schema::project::RolloutMode;

pub use self::check::{Fault, FaultKind, Path, PathStep, check, is_safe_url};
pub use self::interval::Interval;
pub use self::notify::{AddressSource, Encryption, IssueSpec, MailServer, MailSpec, NotifyRules, WebhookSpec};
use super::access::DeclaredAccess;
use super::finding::{Problem, ProblemKind, Severity};
use super::generate;
use super::kind::{Kind, Pattern};
use super::name::{EnvironmentName, RemoteName, SecretName, TargetName};
use super::place::{GithubHolder, GithubStore, Location, Place};
use super::probe::Probe;
use super::template::Template;

/// Everything `undrift.toml` declares.
#[derive(Debug, Default)]
pub struct Project {
    /// The environments.
    pub environments: BTreeMap<EnvironmentName, EnvironmentRules>,
    /// The targets.
    pub targets: BTreeMap<TargetName, Target>,
    /// The secrets.
    pub secrets: BTreeMap<SecretName, Declaration>,
    /// Secrets that change in one run or not at all.
    pub together: Vec<BTreeSet<SecretName>>,
    /// The drift that is accepted.
    pub ignores: Vec<IgnoreRule>,
    /// What an audit makes of what it finds.
    pub audit: AuditRules,
    /// Who is told what an audit has found; nobody when absent.
    pub notify: Option<NotifyRules>,
    /// Where in the file things are declared.
    pub lines: Lines,
    /// A digest of the file's text, by which reports tell whether they are of the same declarations.
    pub digest: String,
}

/// What an audit makes of what it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRules {
    /// The least severity with which an audit fails.
    pub fail_on: Severity,
    /// How bad what has a code is, where it is not what undrift makes of it.
    pub severities: BTreeMap<String, Severity>,
    /// How long after one audit the next is due.
    pub every: Option<Interval>,
}

impl AuditRules {
    /// Returns how bad something is that usually is as bad as that.
    pub fn severity(&self, code: &str, usual: Severity) -> Severity {
        self.severities.get(code).copied().unwrap_or(usual)
    }

    /// Returns the last day on which the audit after one of that day is not late, where that is declared.
    pub fn next(&self, day: Date) -> Option<Date> {
        self.every.map(|every| every.after(day))
    }
}

/// The lines, from 1, on which things are declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Those of the targets.
    pub targets: BTreeMap<TargetName, usize>,
    /// Those of the secrets.
    pub secrets: BTreeMap<SecretName, usize>,
}

/// What holds for a whole environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentRules {
    /// A write to it needs to name it twice.
    pub protected: bool,
}

/// A declared target.
#[derive(Debug)]
pub struct Target {
    /// What it is.
    pub spec: TargetSpec,
    /// The environments it serves; every one when absent.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// How a secret is called there.
    pub name: Template,
    /// Where its token comes from, when it is not the platform's usual place.
    pub token: Option<TokenSource>,
    /// The base URL of its API, when it is not the platform's own.
    pub api_url: Option<String>,
}

/// What a target is.
#[derive(Debug)]
pub enum TargetSpec {
    /// A Fly app.
    Fly {
        /// Its name.
        app: Template,
        /// How a stored value reaches the machines.
        rollout: RolloutMode,
    },
    /// Secrets or variables at GitHub.
    Github {
        /// Which product reads them.
        store: GithubStore,
        /// Whose they are.
        holder: HolderSpec,
    },
}

/// Whose secrets or variables a GitHub target means.
#[derive(Debug)]
pub enum HolderSpec {
    /// A repository's.
    Repository {
        /// `owner/name`.
        repository: Template,
    },
    /// Those of one environment of a repository.
    Environment {
        /// `owner/name`.
        repository: Template,
        /// The environment.
        environment: Template,
    },
    /// Those that an organization shares with its repositories.
    Organization {
        /// Its name.
        organization: Template,
        /// Who may use what is made there.
        access: AccessSpec,
    },
}

/// Who may use what is made at an organization.
#[derive(Debug)]
pub enum AccessSpec {
    /// Every repository.
    All,
    /// Every repository that is not public.
    Private,
    /// These repositories, each `owner/name`.
    Selected(Vec<Template>),
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A variable of the environment.
    Variable(String),
    /// A secret of the vault, in the target's own environment.
    Vault(SecretName),
}

/// A declared secret.
#[derive(Debug, Default)]
pub struct Declaration {
    /// Where it is pushed, with its name there if it has one of its own; every target when absent.
    pub targets: Option<BTreeMap<TargetName, Option<String>>>,
    /// The environments that have it; every one when absent.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// What a new value is, where undrift makes it.
    pub generate: Option<generate::Kind>,
    /// The program that issues a new value, with its arguments.
    pub command: Option<Vec<String>>,
    /// How somebody is asked whether a value is alive.
    pub probe: ProbeRule,
    /// How long a value may stand before a new one is due.
    pub rotate_every: Option<Interval>,
    /// Whether its consumers take the value before beside the one they have.
    pub overlap: bool,
    /// How long the old value stays, in a rotation, once every place runs the new one.
    pub finish_after: Option<SignedDuration>,
    /// What its values are.
    pub kind: Option<Kind>,
    /// What the whole of each value matches.
    pub pattern: Option<Pattern>,
    /// What to use in its stead, where the name is to be given up.
    pub deprecated: Option<String>,
    /// The codes of findings about its values that a person has accepted.
    pub accepted: BTreeSet<String>,
}

/// How somebody is asked whether the values of a secret are alive.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum ProbeRule {
    /// As the secret's kind says, if that says anything.
    #[default]
    OfKind,
    /// By this.
    Own(Probe),
    /// Nobody is asked.
    Nobody,
}

impl Declaration {
    /// Returns how somebody is asked whether a value is alive.
    pub fn probe(&self) -> Option<&Probe> {
        match (&self.probe, self.kind) {
            (ProbeRule::Own(probe), _) => Some(probe),
            (ProbeRule::OfKind, Some(Kind::Issued(issuer))) => issuer.probe(),
            (ProbeRule::OfKind, Some(Kind::Form(_)) | None) | (ProbeRule::Nobody, _) => None,
        }
    }

    /// Returns whether a person has accepted findings of this code.
    pub fn accepts(&self, code: &str) -> bool {
        self.accepted.contains(code)
    }
}

/// Drift that a person has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreRule {
    /// The target it is accepted at; every one when absent.
    pub target: Option<TargetName>,
    /// The name at the target; each `*` stands for any number of characters.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The last day on which the rule holds.
    pub until: Option<Date>,
}

impl IgnoreRule {
    /// Returns whether the rule speaks of this name at this target, today.
    pub fn covers(&self, place: &Place, name: &RemoteName, today: Date) -> bool {
        self.target.as_ref().is_none_or(|wanted| *wanted == place.target)
            && matches(place.location.canonical(&self.name).as_str(), name.as_str())
            && !self.is_over(today)
    }

    /// Returns whether the rule's last day has passed.
    pub fn is_over(&self, today: Date) -> bool {
        self.until.is_some_and(|last| last < today)
    }
}

/// Returns whether a name is one that a pattern means, in which each `*` stands for any number of characters and every
/// other character for itself.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(beginning) else { return false };
    let (between, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in between.split('*') {
        // The first fit leaves most for the parts that follow.
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

/// One secret that belongs at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The secret.
    pub secret: SecretName,
    /// Its name there, in the form in which the place lists it.
    pub remote_name: RemoteName,
}

impl Binding {
    /// Returns where the value before belongs, as long as the place has both.
    pub fn previous(&self, place: &Place) -> Option<Self> {
        let remote_name = place.location.canonical(&self.remote_name.previous());
        Some(Self { secret: self.secret.previous()?, remote_name })
    }
}

impl Project {
    /// Returns the places of one environment, sorted by target.
    pub fn places(&self, environment: &EnvironmentName) -> Vec<Place> {
        self.targets
            .iter()
            .filter(|(_, target)| serves(target.environments.as_ref(), environment))
            .map(|(name, target)| Place {
                environment: environment.clone(),
                target: name.clone(),
                location: target.spec.location(environment),
            })
            .collect()
    }

    /// Returns what brings stored values to the machines of a place.
    pub fn rollout_mode(&self, place: &Place) -> RolloutMode {
        match self.targets.get(&place.target).map(|target| &target.spec) {
            Some(TargetSpec::Fly { rollout, .. }) => *rollout,
            Some(TargetSpec::Github { .. }) | None => RolloutMode::Unchecked,
        }
    }

    /// Returns the secrets that belong at a place, sorted by name.
    pub fn bindings(&self, place: &Place) -> Vec<Binding> {
        let Some(target) = self.targets.get(&place.target) else { return Vec::new() };
        let tokens: BTreeSet<&SecretName> = self.tokens().collect();
        self.secrets
            .iter()
            .filter(|(_, declaration)| serves(declaration.environments.as_ref(), &place.environment))
            .filter_map(|(secret, declaration)| {
                let own_name = match &declaration.targets {
                    // What opens a target, or tells somebody, is pushed nowhere unless that is written down.
                    None if tokens.contains(secret) => return None,
                    // Nor is a secret ever published unless that is.
                    None if place.location.shows_values() => return None,
                    None => None,
                    Some(targets) => targets.get(&place.target)?.as_ref(),
                };
                let name = own_name.cloned().unwrap_or_else(|| target.name.fill_secret(&place.environment, secret));
                Some(Binding { secret: secret.clone(), remote_name: place.location.canonical(&name) })
            })
            .collect()
    }

    /// Returns whether a secret of the vault opens a target, or somebody who is told of audits.
    pub fn is_token(&self, secret: &SecretName) -> bool {
        self.tokens().any(|name| name == secret)
    }

    fn tokens(&self) -> impl Iterator<Item = &SecretName> {
        let tokens = self.targets.values().filter_map(|target| target.token.as_ref());
        tokens.chain(self.notify.iter().flat_map(NotifyRules::sources)).filter_map(|source| match source {
            TokenSource::Vault(name) => Some(name),
            TokenSource::Variable(_) => None,
        })
    }

    /// Returns a problem for each ignore rule whose last day has passed, of these targets.
    pub fn ended_rules(&self, today: Date, means: impl Fn(&TargetName) -> bool) -> Vec<Problem> {
        let ended = |rule: &&IgnoreRule| rule.is_over(today) && rule.target.as_ref().is_none_or(&means);
        self.ignores
            .iter()
            .filter(ended)
            .filter_map(|rule| {
                let (name, target) = (rule.name.clone(), rule.target.clone());
                let kind = ProblemKind::RuleEnded { name, target, last: rule.until? };
                Some(Problem { file: Some("undrift.toml".to_owned()), line: None, secret: None, kind })
            })
            .collect()
    }

    /// Returns how long a value of a secret may stand before a new one is due.
    pub fn rotate_every(&self, secret: &SecretName) -> Option<Interval> {
        self.secrets.get(secret)?.rotate_every
    }

    /// Returns the secrets that change together with this one, and it among them.
    pub fn together_with(&self, secret: &SecretName) -> Option<&BTreeSet<SecretName>> {
        self.together.iter().find(|names| names.contains(secret))
    }

    /// Returns whether the consumers of a secret take the value before beside the one they have.
    pub fn overlaps(&self, secret: &SecretName) -> bool {
        self.secrets.get(secret).is_some_and(|declaration| declaration.overlap)
    }

    /// Returns how long the old value of a secret stays, in a rotation, once every place runs the new one.
    pub fn finish_after(&self, secret: &SecretName) -> Option<SignedDuration> {
        self.secrets.get(secret)?.finish_after
    }

    /// Returns how somebody is asked whether a value of a secret is alive.
    pub fn probe(&self, secret: &SecretName) -> Option<&Probe> {
        self.secrets.get(secret)?.probe()
    }

    /// Returns whether a write to an environment has to name it twice.
    pub fn is_protected(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|rules| rules.protected)
    }

    /// Returns whether a secret is declared for an environment.
    pub fn expects(&self, secret: &SecretName, environment: &EnvironmentName) -> bool {
        self.secrets.get(secret).is_some_and(|declaration| serves(declaration.environments.as_ref(), environment))
    }
}

fn serves(environments: Option<&BTreeSet<EnvironmentName>>, environment: &EnvironmentName) -> bool {
    environments.is_none_or(|some| some.contains(environment))
}

impl Target {
    /// Returns whether it has a place for an environment.
    pub fn serves(&self, environment: &EnvironmentName) -> bool {
        serves(self.environments.as_ref(), environment)
    }
}

impl TargetSpec {
    fn location(&self, environment: &EnvironmentName) -> Location {
        match self {
            Self::Fly { app, .. } => Location::FlyApp { app: app.fill_place(environment) },
            Self::Github { store, holder } => {
                Location::Github { store: *store, holder: holder.fill_place(environment) }
            }
        }
    }

    /// Returns who may use what is made there for an environment, where a place has such a notion.
    pub fn access(&self, environment: &EnvironmentName) -> Option<DeclaredAccess> {
        let Self::Github { holder: HolderSpec::Organization { access, .. }, .. } = self else { return None };
        Some(match access {
            AccessSpec::All => DeclaredAccess::All,
            AccessSpec::Private => DeclaredAccess::Private,
            AccessSpec::Selected(repositories) => DeclaredAccess::Selected(
                repositories.iter().map(|repository| repository.fill_place(environment)).collect(),
            ),
        })
    }
}

impl HolderSpec {
    fn fill_place(&self, environment: &EnvironmentName) -> GithubHolder {
        let fill = |template: &Template| template.fill_place(environment);
        match self {
            Self::Repository { repository } => GithubHolder::Repository { repository: fill(repository) },
            Self::Environment { repository, environment } => {
                GithubHolder::Environment { repository: fill(repository), environment: fill(environment) }
            }
            Self::Organization { organization, .. } => GithubHolder::Organization { organization: fill(organization) },
        }
    }
}
