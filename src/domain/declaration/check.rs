//! Checking what `undrift.toml` declares: every fault is collected, with the path to where it lies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use vault_schema::project::{
    self, GithubScope, GithubStore, GithubVisibility, ProbeChoice, ProjectFile, TargetKind, TargetReference,
};

use super::notify::{is_mail_address, is_repository};
use super::{
    AccessSpec, AddressSource, AuditRules, Declaration, EnvironmentRules, HolderSpec, IgnoreRule, Interval, IssueSpec,
    MailServer, MailSpec, NotifyRules, ProbeRule, Project, Target, TargetSpec, TokenSource, WebhookSpec,
};
use crate::domain::generate;
use crate::domain::hygiene;
use crate::domain::kind::{self, Kind, Pattern};
use crate::domain::name::{EnvironmentName, NameError, RemoteName, SecretName, TargetName};
use crate::domain::place::{Location, Place};
use crate::domain::probe::{self, Below, Probe};
use crate::domain::secret::SecretValue;
use crate::domain::suggest::nearest;
use crate::domain::template::{Template, TemplateError};

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
        /// `environment` or `target`.
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

/// Checks the file's declarations; every fault is collected.
pub fn check(file: &ProjectFile) -> Result<Project, Vec<Fault>> {
    let mut checker = Checker { file, faults: Vec::new() };
    let project = checker.project();
    if checker.faults.is_empty() { Ok(project) } else { Err(checker.faults) }
}

struct Checker<'a> {
    file: &'a ProjectFile,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, path: &[PathStep], kind: FaultKind) {
        self.faults.push(Fault { path: path.to_vec(), kind });
    }

    fn project(&mut self) -> Project {
        if self.file.version != project::VERSION {
            self.fault(&["version".into()], FaultKind::Version(self.file.version));
        }
        let mut project = Project::default();
        for (name, environment) in &self.file.environments {
            let path = ["environments".into(), name.as_str().into()];
            if let Some(name) = self.name(&path, name, EnvironmentName::parse) {
                project.environments.insert(name, EnvironmentRules { protected: environment.protected });
            }
        }
        for (name, target) in &self.file.targets {
            let path = ["targets".into(), name.as_str().into()];
            let parsed = self.name(&path, name, TargetName::parse);
            if let (Some(name), Some(target)) = (parsed, self.target(&path, target)) {
                project.targets.insert(name, target);
            }
        }
        self.one_target_a_place(&project);
        for (name, secret) in &self.file.secrets {
            let path = ["secrets".into(), name.as_str().into()];
            let parsed = self.name(&path, name, SecretName::parse);
            let declaration = Declaration {
                targets: secret.targets.as_ref().map(|references| self.references(&path, references)),
                environments: self.environments(&path, secret.environments.as_deref()),
                generate: self.generate(&path, secret.generate.as_deref()),
                command: self.command(&path, secret),
                probe: self.probe(&path, parsed.as_ref(), secret.probe.as_ref()),
                rotate_every: secret.rotate_every.as_deref().and_then(|text| self.interval(&path, text)),
                kind: secret.kind.as_deref().and_then(|name| self.kind(&path, name)),
                pattern: secret.pattern.as_deref().and_then(|text| self.pattern(&path, text)),
                deprecated: secret.deprecated.as_deref().map(|text| self.deprecated(&path, text)),
                accepted: self.accepted(&path, &secret.accept),
            };
            if let Some(name) = parsed {
                project.secrets.insert(name, declaration);
            }
        }
        self.intervals_by_kind(&mut project);
        self.one_environment_a_name(&project);
        for (index, rule) in self.file.ignore.iter().enumerate() {
            let path = ["ignore".into(), index.into()];
            if let Some(rule) = self.ignore(&path, rule) {
                project.ignores.push(rule);
            }
        }
        project.audit = AuditRules {
            fail_on: self.file.audit.fail_on,
            severities: self.file.audit.severity.clone(),
            every: self.file.audit.every.as_deref().and_then(|text| {
                let every = Interval::parse(text);
                if every.is_none() {
                    self.fault(&["audit".into(), "every".into()], FaultKind::Every);
                }
                every
            }),
        };
        let file = self.file;
        project.notify = file.notify.as_ref().map(|notify| self.notify(notify));
        project
    }

    fn notify(&mut self, notify: &project::Notify) -> NotifyRules {
        let path = ["notify".into()];
        if notify.webhook.is_empty() && notify.mail.is_none() && notify.issue.is_none() {
            self.fault(&path, FaultKind::NobodyToTell);
        }
        let mut webhooks = Vec::new();
        for (index, webhook) in notify.webhook.iter().enumerate() {
            let address = match token_source(&webhook.url) {
                Some(source) => AddressSource::Kept(source),
                None if is_safe_url(&webhook.url) => AddressSource::Written(SecretValue::copied_from(&webhook.url)),
                None => {
                    let path = below(&path, ["webhook".into(), index.into(), "url".into()]);
                    self.fault(&path, FaultKind::Webhook);
                    continue;
                }
            };
            webhooks.push(WebhookSpec { address, format: webhook.format });
        }
        NotifyRules {
            on: notify.on,
            webhooks,
            mail: notify.mail.as_ref().and_then(|mail| self.mail(&below(&path, ["mail".into()]), mail)),
            issue: notify.issue.as_ref().and_then(|issue| self.issue(&below(&path, ["issue".into()]), issue)),
        }
    }

    fn mail(&mut self, path: &[PathStep], mail: &project::Mail) -> Option<MailSpec> {
        let server = MailServer::parse(&mail.smtp);
        if server.is_none() {
            self.fault(&below(path, ["smtp".into()]), FaultKind::MailServer);
        }
        if !is_mail_address(&mail.from) {
            self.fault(&below(path, ["from".into()]), FaultKind::MailAddress);
        }
        if mail.to.is_empty() {
            self.fault(&below(path, ["to".into()]), FaultKind::NoRecipient);
        }
        for (index, address) in mail.to.iter().enumerate() {
            if !is_mail_address(address) {
                self.fault(&below(path, ["to".into(), index.into()]), FaultKind::MailAddress);
            }
        }
        let login = match (&mail.user, &mail.password) {
            (None, None) => None,
            (Some(user), Some(password)) => {
                let source = token_source(password);
                if source.is_none() {
                    self.fault(&below(path, ["password".into()]), FaultKind::Password);
                }
                source.map(|source| (user.clone(), source))
            }
            _ => {
                self.fault(path, FaultKind::HalfALogin);
                None
            }
        };
        Some(MailSpec { server: server?, from: mail.from.clone(), to: mail.to.clone(), login })
    }

    fn issue(&mut self, path: &[PathStep], issue: &project::Issue) -> Option<IssueSpec> {
        let is_repository = is_repository(&issue.repository);
        if !is_repository {
            self.fault(&below(path, ["repository".into()]), FaultKind::Repository);
        }
        let token = issue.token.as_deref().and_then(|text| {
            let source = token_source(text);
            if source.is_none() {
                self.fault(&below(path, ["token".into()]), FaultKind::Token);
            }
            source
        });
        is_repository.then(|| IssueSpec { repository: issue.repository.clone(), token })
    }

    // Receipts are filed by place: what one target has pushed there would be an orphan to the other, and `--prune`
    // would remove it. GitHub tells neither repositories nor environments apart by case.
    fn one_target_a_place(&mut self, project: &Project) {
        let mut reported = BTreeSet::new();
        for environment in project.environments.keys() {
            let mut first = BTreeMap::new();
            for Place { target, location, .. } in project.places(environment) {
                let other = first.entry(location.to_string().to_ascii_lowercase()).or_insert_with(|| target.clone());
                if *other != target && reported.insert(target.clone()) {
                    let path = ["targets".into(), target.as_str().into()];
                    let (other, environment) = (other.clone(), environment.clone());
                    self.fault(&path, FaultKind::SamePlace { other, environment, place: location });
                }
            }
        }
    }

    // Two environments with one name at one place would write over each other, and each would call itself in sync.
    fn one_environment_a_name(&mut self, project: &Project) {
        let mut first: BTreeMap<(String, RemoteName), EnvironmentName> = BTreeMap::new();
        let mut reported = BTreeSet::new();
        for environment in project.environments.keys() {
            for place in project.places(environment) {
                for binding in project.bindings(&place) {
                    let key = (place.location.to_string().to_ascii_lowercase(), binding.remote_name.clone());
                    let other = first.entry(key).or_insert_with(|| environment.clone()).clone();
                    if other != *environment && reported.insert(place.target.clone()) {
                        let path = ["targets".into(), place.target.as_str().into()];
                        let (environment, place, name) =
                            (environment.clone(), place.location.clone(), binding.remote_name);
                        self.fault(&path, FaultKind::SameName { environment, other, place, name });
                    }
                }
            }
        }
    }

    fn name<T>(&mut self, path: &[PathStep], text: &str, parse: impl Fn(&str) -> Result<T, NameError>) -> Option<T> {
        parse(text).map_err(|error| self.fault(path, FaultKind::Name { name: text.to_owned(), error })).ok()
    }

    fn environments(&mut self, path: &[PathStep], names: Option<&[String]>) -> Option<BTreeSet<EnvironmentName>> {
        let names = names?;
        let file = self.file;
        let mut known = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let path = below(path, ["environments".into(), index.into()]);
            if file.environments.contains_key(name) {
                known.extend(EnvironmentName::parse(name));
            } else {
                let nearest = nearest(name, file.environments.keys().map(String::as_str)).map(str::to_owned);
                self.fault(&path, FaultKind::Undeclared { what: "environment", name: name.clone(), nearest });
            }
        }
        Some(known)
    }

    fn generate(&mut self, path: &[PathStep], kind: Option<&str>) -> Option<generate::Kind> {
        let fault = |error| self.fault(&below(path, ["generate".into()]), FaultKind::Generate(error));
        generate::Kind::parse(kind?).map_err(fault).ok()
    }

    fn command(&mut self, path: &[PathStep], secret: &project::Secret) -> Option<Vec<String>> {
        let command = secret.command.as_ref()?;
        let path = below(path, ["command".into()]);
        if secret.generate.is_some() {
            self.fault(&path, FaultKind::TwoSources);
        }
        if command.first().is_none_or(String::is_empty) {
            self.fault(&path, FaultKind::NoProgram);
        }
        Some(command.clone())
    }

    fn probe(&mut self, path: &[PathStep], own: Option<&SecretName>, declared: Option<&ProbeChoice>) -> ProbeRule {
        let declared = match declared {
            None => return ProbeRule::OfKind,
            Some(ProbeChoice::Nobody) => return ProbeRule::Nobody,
            Some(ProbeChoice::Asked(declared)) => declared,
        };
        let faults = match Probe::read(declared, own) {
            Ok(probe) => return ProbeRule::Own(probe),
            Err(faults) => faults,
        };
        for ((key, place), fault) in faults {
            let place = place.map(|place| match place {
                Below::Key(key) => PathStep::Key(key),
                Below::Index(index) => PathStep::Index(index),
            });
            let steps = ["probe".into()].into_iter().chain(key.map(PathStep::from)).chain(place);
            let path: Path = path.iter().cloned().chain(steps).collect();
            self.fault(&path, FaultKind::Probe(fault));
        }
        ProbeRule::Nobody
    }

    fn interval(&mut self, path: &[PathStep], text: &str) -> Option<Interval> {
        let interval = Interval::parse(text);
        if interval.is_none() {
            self.fault(&below(path, ["rotate-every".into()]), FaultKind::Interval);
        }
        interval
    }

    /// Gives the secrets of a kind the interval that stands for all of it, where they have none of their own.
    fn intervals_by_kind(&mut self, project: &mut Project) {
        for (name, text) in &self.file.rotation.every {
            let path = ["rotation".into(), "every".into(), name.as_str().into()];
            let kind = Kind::parse(name).map_err(|unknown| self.fault(&path, FaultKind::Kind(unknown))).ok();
            let interval = Interval::parse(text);
            if interval.is_none() {
                self.fault(&path, FaultKind::Interval);
            }
            for declaration in project.secrets.values_mut().filter(|it| kind.is_some() && it.kind == kind) {
                declaration.rotate_every = declaration.rotate_every.or(interval);
            }
        }
    }

    fn kind(&mut self, path: &[PathStep], name: &str) -> Option<Kind> {
        Kind::parse(name).map_err(|unknown| self.fault(&below(path, ["kind".into()]), FaultKind::Kind(unknown))).ok()
    }

    fn pattern(&mut self, path: &[PathStep], text: &str) -> Option<Pattern> {
        let path = below(path, ["pattern".into()]);
        Pattern::parse(text).map_err(|error| self.fault(&path, FaultKind::Pattern(error.to_string()))).ok()
    }

    fn deprecated(&mut self, path: &[PathStep], advice: &str) -> String {
        if advice.trim().is_empty() {
            self.fault(&below(path, ["deprecated".into()]), FaultKind::NoAdvice);
        }
        advice.to_owned()
    }

    fn accepted(&mut self, path: &[PathStep], accepted: &[project::Accept]) -> BTreeSet<String> {
        for (index, accept) in accepted.iter().enumerate() {
            let path = below(path, ["accept".into(), index.into()]);
            if !hygiene::CODES.contains(&accept.code.as_str()) {
                self.fault(&below(&path, ["code".into()]), FaultKind::NotAcceptable(accept.code.clone()));
            }
            if accept.reason.trim().is_empty() {
                self.fault(&below(&path, ["reason".into()]), FaultKind::NoReasonToAccept);
            }
        }
        accepted.iter().map(|accept| accept.code.clone()).collect()
    }

    fn declared_target(&mut self, path: &[PathStep], name: &str) -> Option<TargetName> {
        let file = self.file;
        if file.targets.contains_key(name) {
            return TargetName::parse(name).ok();
        }
        let nearest = nearest(name, file.targets.keys().map(String::as_str)).map(str::to_owned);
        self.fault(path, FaultKind::Undeclared { what: "target", name: name.to_owned(), nearest });
        None
    }

    fn references(
        &mut self,
        path: &[PathStep],
        references: &[TargetReference],
    ) -> BTreeMap<TargetName, Option<String>> {
        let mut targets = BTreeMap::new();
        for (index, reference) in references.iter().enumerate() {
            let path = below(path, ["targets".into(), index.into()]);
            if let Some(target) = self.declared_target(&path, &reference.target)
                && targets.insert(target, reference.name.clone()).is_some()
            {
                self.fault(&path, FaultKind::TargetTwice(reference.target.clone()));
            }
        }
        targets
    }

    fn target(&mut self, path: &[PathStep], target: &project::Target) -> Option<Target> {
        let before = self.faults.len();
        let environments = self.environments(path, target.environments.as_deref());
        let name = self.template(path, "name", target.name.as_deref().or(Some("{name}")), Template::secret);
        let token = target.token.as_deref().and_then(|text| {
            token_source(text).or_else(|| {
                self.fault(&below(path, ["token".into()]), FaultKind::Token);
                None
            })
        });
        if let Some(url) = &target.api_url
            && !is_safe_url(url)
        {
            self.fault(&below(path, ["api-url".into()]), FaultKind::ApiUrl);
        }
        let spec = match target.kind {
            TargetKind::Fly => self.fly(path, target),
            TargetKind::Github => self.github(path, target),
        }?;
        let name = name?;
        (self.faults.len() == before).then(|| Target {
            spec,
            environments,
            name,
            token,
            api_url: target.api_url.clone(),
        })
    }

    fn fly(&mut self, path: &[PathStep], target: &project::Target) -> Option<TargetSpec> {
        for (key, present) in [
            ("repository", target.repository.is_some()),
            ("scope", target.scope.is_some()),
            ("environment", target.environment.is_some()),
            ("organization", target.organization.is_some()),
            ("visibility", target.visibility.is_some()),
            ("repositories", target.repositories.is_some()),
            ("store", target.store.is_some()),
        ] {
            self.foreign(path, target.kind, key, present, "");
        }
        let app = self.required(path, target.kind, "app", target.app.as_deref())?;
        Some(TargetSpec::Fly { app, rollout: target.rollout.unwrap_or_default() })
    }

    fn github(&mut self, path: &[PathStep], target: &project::Target) -> Option<TargetSpec> {
        self.foreign(path, target.kind, "app", target.app.is_some(), "");
        self.foreign(path, target.kind, "rollout", target.rollout.is_some(), "");
        let scope = target.scope.unwrap_or_default();
        let store = target.store.unwrap_or_default();
        if scope == GithubScope::Environment && matches!(store, GithubStore::Dependabot | GithubStore::Codespaces) {
            self.fault(&below(path, ["store".into()]), FaultKind::NoSuchStore(store.as_str()));
        }
        let needs_organization = "it needs `scope = \"organization\"`";
        for (key, present, scopes, reason) in [
            (
                "environment",
                target.environment.is_some(),
                &[GithubScope::Environment][..],
                "it needs `scope = \"environment\"`",
            ),
            ("organization", target.organization.is_some(), &[GithubScope::Organization], needs_organization),
            ("visibility", target.visibility.is_some(), &[GithubScope::Organization], needs_organization),
            ("repositories", target.repositories.is_some(), &[GithubScope::Organization], needs_organization),
            (
                "repository",
                target.repository.is_some(),
                &[GithubScope::Repository, GithubScope::Environment],
                "those that may use its secrets stand in `repositories`",
            ),
        ] {
            self.foreign(path, target.kind, key, present && !scopes.contains(&scope), reason);
        }
        let holder = match scope {
            GithubScope::Repository => HolderSpec::Repository { repository: self.repository(path, target)? },
            GithubScope::Environment => {
                let repository = self.repository(path, target);
                let environment = self.required(path, target.kind, "environment", target.environment.as_deref());
                HolderSpec::Environment { repository: repository?, environment: environment? }
            }
            GithubScope::Organization => {
                let organization = self.required(path, target.kind, "organization", target.organization.as_deref());
                if target.organization.as_ref().is_some_and(|text| text.contains('/')) {
                    self.fault(&below(path, ["organization".into()]), FaultKind::Organization);
                }
                let access = self.access(path, target);
                HolderSpec::Organization { organization: organization?, access: access? }
            }
        };
        Some(TargetSpec::Github { store, holder })
    }

    fn repository(&mut self, path: &[PathStep], target: &project::Target) -> Option<Template> {
        let repository = self.required(path, target.kind, "repository", target.repository.as_deref());
        if target.repository.as_ref().is_some_and(|text| owner(text).is_none()) {
            self.fault(&below(path, ["repository".into()]), FaultKind::Repository);
        }
        repository
    }

    /// Never every repository unless that is written.
    fn access(&mut self, path: &[PathStep], target: &project::Target) -> Option<AccessSpec> {
        match (target.visibility, &target.repositories) {
            (None | Some(GithubVisibility::Selected), Some(repositories)) => {
                let before = self.faults.len();
                let mut selected = Vec::new();
                for (index, text) in repositories.iter().enumerate() {
                    let path = below(path, ["repositories".into(), index.into()]);
                    let organization = target.organization.as_deref().unwrap_or_default();
                    match owner(text) {
                        None => self.fault(&path, FaultKind::Repository),
                        Some(owner) if !owner.eq_ignore_ascii_case(organization) => {
                            let organization = organization.to_owned();
                            self.fault(&path, FaultKind::RepositoryForeign { organization });
                        }
                        Some(_) => match Template::place(text) {
                            Ok(template) => selected.push(template),
                            Err(error) => self.fault(&path, FaultKind::Template(error)),
                        },
                    }
                }
                (self.faults.len() == before).then_some(AccessSpec::Selected(selected))
            }
            (Some(GithubVisibility::Selected), None) => {
                self.fault(path, FaultKind::KeyMissing { kind: target.kind.as_str(), key: "repositories" });
                None
            }
            (visibility, repositories) => {
                let reason = "it needs `visibility = \"selected\"`";
                self.foreign(path, target.kind, "repositories", repositories.is_some(), reason);
                Some(if visibility == Some(GithubVisibility::All) { AccessSpec::All } else { AccessSpec::Private })
            }
        }
    }

    fn required(
        &mut self,
        path: &[PathStep],
        kind: TargetKind,
        key: &'static str,
        text: Option<&str>,
    ) -> Option<Template> {
        if text.is_none() {
            self.fault(path, FaultKind::KeyMissing { kind: kind.as_str(), key });
        }
        self.template(path, key, text, Template::place)
    }

    fn template(
        &mut self,
        path: &[PathStep],
        key: &'static str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<Template, TemplateError>,
    ) -> Option<Template> {
        parse(text?).map_err(|error| self.fault(&below(path, [key.into()]), FaultKind::Template(error))).ok()
    }

    fn foreign(&mut self, path: &[PathStep], kind: TargetKind, key: &'static str, present: bool, reason: &'static str) {
        if present {
            let kind = FaultKind::KeyForeign { kind: kind.as_str(), key, reason };
            self.fault(&below(path, [key.into()]), kind);
        }
    }

    fn ignore(&mut self, path: &[PathStep], rule: &project::Ignore) -> Option<IgnoreRule> {
        let before = self.faults.len();
        let target = rule.target.as_ref().and_then(|name| self.declared_target(&below(path, ["target".into()]), name));
        if rule.reason.trim().is_empty() {
            self.fault(&below(path, ["reason".into()]), FaultKind::NoReason);
        }
        let until = match &rule.until {
            None => None,
            Some(until) => {
                let date = until.date.filter(|_| until.time.is_none()).and_then(|date| {
                    let month = i8::try_from(date.month).ok()?;
                    Date::new(i16::try_from(date.year).ok()?, month, i8::try_from(date.day).ok()?).ok()
                });
                if date.is_none() {
                    self.fault(&below(path, ["until".into()]), FaultKind::Until);
                }
                date
            }
        };
        // A rule whose target is not one must never become a rule for every target.
        (self.faults.len() == before).then(|| IgnoreRule {
            target,
            name: rule.name.clone(),
            reason: rule.reason.clone(),
            until,
        })
    }
}

fn below<const N: usize>(path: &[PathStep], steps: [PathStep; N]) -> Path {
    path.iter().cloned().chain(steps).collect()
}

/// Returns the owner in `owner/name`.
fn owner(repository: &str) -> Option<&str> {
    let (owner, name) = repository.split_once('/')?;
    (!owner.is_empty() && !name.is_empty() && !name.contains('/')).then_some(owner)
}

fn token_source(text: &str) -> Option<TokenSource> {
    if let Some(name) = text.strip_prefix("env:") {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        return (is_name && !name.is_empty()).then(|| TokenSource::Variable(name.to_owned()));
    }
    SecretName::parse(text.strip_prefix("vault:")?).ok().map(TokenSource::Vault)
}

/// Returns whether tokens and values may be sent to this base URL: https, or http to this very machine.
pub fn is_safe_url(url: &str) -> bool {
    if let Some(rest) = url.strip_prefix("https://") {
        return !rest.is_empty();
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let (host, after) = match authority.strip_prefix('[').and_then(|ipv6| ipv6.split_once(']')) {
        Some(bracketed) => bracketed,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    // What follows the host is a port or nothing, so that no reader of the URL can take it for more of the host.
    let is_port =
        after.is_empty() || after.strip_prefix(':').is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()));
    is_port && is_loopback(host)
}

/// Returns whether a host is this very machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
