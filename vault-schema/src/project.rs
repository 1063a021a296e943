//! `undrift.toml`: environments, targets, secrets and ignore rules, without any value.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::audit::Severity;

/// The one version of `undrift.toml` there is.
pub const VERSION: u32 = 1;

/// What undrift keeps in step: environments, targets and secrets, and the drift that is accepted. No value stands here.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProjectFile {
    /// The version of the format.
    #[cfg_attr(feature = "schemas", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// Folders of the vault, each with its own recipients.
    #[serde(default)]
    pub environments: BTreeMap<String, Environment>,
    /// Places that hold secrets.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// Declared secrets.
    #[serde(default)]
    #[cfg_attr(feature = "schemas", schemars(extend("propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})))]
    pub secrets: BTreeMap<String, Secret>,
    /// Drift that is accepted, each rule with its reason.
    #[serde(default)]
    pub ignore: Vec<Ignore>,
    /// What an audit makes of what it finds.
    #[serde(default)]
    pub audit: Audit,
    /// Who is told what an audit has found, by `undrift audit --notify`.
    pub notify: Option<Notify>,
    /// How long values may stand.
    #[serde(default)]
    pub rotation: Rotation,
}

/// How values are made new, where their secrets say nothing of it themselves.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rotation {
    /// By `kind`, as `rotate-every` of a secret: `{ token = "90d", stripe-key = "30d" }`.
    #[serde(default)]
    pub every: BTreeMap<String, String>,
    /// Secrets that change in one run or not at all, such as `[["DB_USER", "DB_PASSWORD"]]`.
    #[serde(default)]
    pub together: Vec<Vec<String>>,
}

/// What an audit makes of what it finds.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Audit {
    /// The least severity with which an audit fails.
    #[serde(default)]
    pub fail_on: Severity,
    /// How bad what has a code is, where it is not what undrift makes of it.
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
    /// How long after one audit the next is due: a number of days, weeks, months or years, such as `7d`.
    pub every: Option<String>,
}

/// Who is told what an audit has found.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Notify {
    /// When webhooks and mail tell of it. That an audit is not complete is told whatever stands here.
    #[serde(default)]
    pub on: NotifyOn,
    /// Addresses that take a message as JSON.
    #[serde(default)]
    pub webhook: Vec<Webhook>,
    /// A mail.
    pub mail: Option<Mail>,
    /// One issue at GitHub, which is open as long as something is wrong.
    pub issue: Option<Issue>,
}

/// When an audit is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NotifyOn {
    /// Something is new or mended since the last audit.
    #[default]
    Change,
    /// Something is wrong, new or not.
    Drift,
    /// Each time.
    Always,
}

/// An address that takes a message as JSON.
#[derive(Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// Where it is found: `env:NAME` or `vault:NAME`; or the address itself, which is a secret with most services.
    pub url: String,
    /// In which form the message is written.
    #[serde(default)]
    pub format: WebhookFormat,
}

// The address may be a secret.
impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Webhook").field("format", &self.format).finish_non_exhaustive()
    }
}

/// The form of a message to a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WebhookFormat {
    /// `undrift/message/1`, for programs.
    #[default]
    Json,
    /// Slack.
    Slack,
    /// Discord.
    Discord,
    /// Microsoft Teams.
    Teams,
}

impl WebhookFormat {
    /// Returns the form as it is written in `undrift.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
        }
    }
}

/// A mail.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mail {
    /// The server: `smtps://HOST` is encrypted from the first byte, `smtp://HOST` becomes so before anything is said.
    pub smtp: String,
    /// Who it comes from: a mail address.
    pub from: String,
    /// Who gets it: mail addresses.
    #[cfg_attr(feature = "schemas", schemars(length(min = 1)))]
    pub to: Vec<String>,
    /// The name to log in with; without one, nobody logs in.
    pub user: Option<String>,
    /// Where the password is found: `env:NAME` or `vault:NAME`.
    pub password: Option<String>,
}

/// One issue at GitHub.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Issue {
    /// The repository it stands in: `owner/name`.
    pub repository: String,
    /// Where the token is found that may write issues: `env:NAME` or `vault:NAME`; as for targets when absent.
    pub token: Option<String>,
}

/// An environment of the vault.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Environment {
    /// A write to it needs `--confirm NAME`.
    #[serde(default)]
    pub protected: bool,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A Fly.io app.
    Fly,
    /// A GitHub repository, one of its environments, or an organization.
    Github,
}

impl TargetKind {
    /// Returns the kind as it is written in `undrift.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fly => "fly",
            Self::Github => "github",
        }
    }
}

/// A place that holds secrets, or one place for each environment.
// The keys of every kind stand in one table and are sorted out by kind afterwards, so that an error can name the key and
// its line.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Target {
    /// What the target is; decides which other keys belong.
    pub kind: TargetKind,
    /// The environments it serves; every environment when absent.
    pub environments: Option<Vec<String>>,
    /// How a secret is called there: a template of `{name}`, `{environment}` and their upper-case forms.
    pub name: Option<String>,
    /// Where its token comes from: `env:NAME` or `vault:NAME`; the platform's usual variables and logins when absent.
    pub token: Option<String>,
    /// The base URL of its API, where that is not the platform's own: `https://ghe.example.com/api/v3`.
    pub api_url: Option<String>,
    /// Fly: the app's name, in which `{environment}` may stand.
    pub app: Option<String>,
    /// Fly: how a stored value reaches the machines; a person deploys when absent.
    pub rollout: Option<RolloutMode>,
    /// GitHub: `owner/name`.
    pub repository: Option<String>,
    /// GitHub: whose secrets they are; the repository's own when absent.
    pub scope: Option<GithubScope>,
    /// GitHub: the environment's name, for `scope = "environment"`.
    pub environment: Option<String>,
    /// GitHub: the organization's name, for `scope = "organization"`.
    pub organization: Option<String>,
    /// GitHub: which repositories of the organization may use what is made there.
    pub visibility: Option<GithubVisibility>,
    /// GitHub: those repositories, each `owner/name`, for `visibility = "selected"`.
    pub repositories: Option<Vec<String>>,
    /// GitHub: which product reads them; GitHub Actions when absent.
    pub store: Option<GithubStore>,
}

/// How a value stored at Fly reaches the machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RolloutMode {
    /// A push runs `fly secrets deploy`.
    Flyctl,
    /// A push updates the machines itself, one after the other.
    Machines,
    /// A person deploys; the audit says whether the machines run the stored value.
    #[default]
    Manual,
    /// The token may not list machines; nothing is said about them.
    Unchecked,
}

impl RolloutMode {
    /// Returns the mode as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flyctl => "flyctl",
            Self::Machines => "machines",
            Self::Manual => "manual",
            Self::Unchecked => "unchecked",
        }
    }
}

/// Whose secrets a GitHub target holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GithubScope {
    /// The repository's own.
    #[default]
    Repository,
    /// Those of one deployment environment.
    Environment,
    /// Those that an organization shares with its repositories.
    Organization,
}

/// Which repositories may use what an organization holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GithubVisibility {
    /// Every one, public ones too.
    All,
    /// Those that are not public.
    Private,
    /// Those of a list.
    Selected,
}

/// Which GitHub product reads the secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GithubStore {
    /// GitHub Actions.
    #[default]
    Actions,
    /// Dependabot.
    Dependabot,
    /// Codespaces.
    Codespaces,
    /// The variables of GitHub Actions, which are no secrets: whoever may read them sees their values.
    Variables,
}

impl GithubStore {
    /// Returns the store as it is written in `undrift.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Dependabot => "dependabot",
            Self::Codespaces => "codespaces",
            Self::Variables => "variables",
        }
    }
}

/// A declared secret.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secret {
    /// Where it is pushed; every target when absent.
    pub targets: Option<Vec<TargetReference>>,
    /// The environments that have it; every environment when absent.
    pub environments: Option<Vec<String>>,
    /// How a new value is made: `alphanumeric:40`, `uuid`.
    pub generate: Option<String>,
    /// What issues a new value: a program with its arguments, which gets the name and the environment as its last two, the
    /// old value on standard input, and writes the new one to standard output.
    #[cfg_attr(feature = "schemas", schemars(length(min = 1)))]
    pub command: Option<Vec<String>>,
    /// How somebody is asked whether a value is alive; as its kind says when absent, and nobody when `false`.
    pub probe: Option<ProbeChoice>,
    /// How long a value may stand: a number of days, weeks, months or years, such as `90d`.
    pub rotate_every: Option<String>,
    /// Whether its consumers take the value before beside the one they have: in a rotation that stands at every place as
    /// `NAME_PREVIOUS`.
    #[serde(default)]
    pub overlap: bool,
    /// How long the old value stays, in a rotation, once every place runs the new one: hours, days or weeks, such as `24h`.
    pub finish_after: Option<String>,
    /// What its values are: `token`, `postgres-url`, `github-token`.
    pub kind: Option<String>,
    /// A regular expression for the whole of each value.
    pub pattern: Option<String>,
    /// What to use in its stead, where the name is to be given up.
    pub deprecated: Option<String>,
    /// Findings about its values that are accepted.
    #[serde(default)]
    pub accept: Vec<Accept>,
}

/// How somebody is asked whether a value is alive: by a request, or by a program.
// The keys of both stand in one table and are sorted out afterwards, so that an error can name the key and its line.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// Where it is asked: an address, which may begin with `{NAME}`, another secret of the environment.
    pub url: Option<String>,
    /// How; `GET` when absent.
    pub method: Option<ProbeMethod>,
    /// Headers, in which `{value}` stands for the value and `{NAME}` for another secret of the environment.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What a `POST` sends, with `{value}` and `{NAME}` as in the headers.
    pub body: Option<String>,
    /// The answers of a value that is alive; 200 when absent.
    pub alive: Option<Vec<u16>>,
    /// The answers of a value that is dead; 401 when absent.
    pub dead: Option<Vec<u16>>,
    /// A program with its arguments, which gets the name and the environment as its last two and the value on standard
    /// input. It ends with 0 where the value is alive and with 1 where it is dead.
    #[cfg_attr(feature = "schemas", schemars(length(min = 1)))]
    pub command: Option<Vec<String>>,
}

/// How a probe asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ProbeMethod {
    /// It reads.
    #[default]
    Get,
    /// It reads, and wants no text in answer.
    Head,
    /// It sends.
    Post,
}

/// A probe, or `false` where nobody is to be asked.
#[derive(Debug, PartialEq, Eq)]
pub enum ProbeChoice {
    /// Nobody is asked, not even as the secret's kind says.
    Nobody,
    /// This is asked.
    Asked(Probe),
}

// Written by hand because an untagged enum would lose the unknown key and its place in the file.
impl<'de> Deserialize<'de> for ProbeChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ProbeChoice;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table with `url` or `command`, or `false`")
            }

            fn visit_bool<E: de::Error>(self, asks: bool) -> Result<Self::Value, E> {
                if asks { Err(E::invalid_value(de::Unexpected::Bool(asks), &self)) } else { Ok(ProbeChoice::Nobody) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Probe::deserialize(de::value::MapAccessDeserializer::new(map)).map(ProbeChoice::Asked)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schemas")]
impl schemars::JsonSchema for ProbeChoice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProbeChoice".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let asked = generator.subschema_for::<Probe>();
        schemars::json_schema!({
            "description": "A probe, or `false` where nobody is to be asked.",
            "oneOf": [{ "const": false, "description": "Nobody is asked, not even as the secret's kind says." }, asked]
        })
    }
}

/// A finding about a secret's values that a person has accepted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accept {
    /// Its code: `UD233`.
    pub code: String,
    /// Why; never empty.
    pub reason: String,
}

/// `"web"`, or `{ target = "ci", name = "CHATWOOT_TOKEN" }`.
#[derive(Debug, PartialEq, Eq)]
pub struct TargetReference {
    /// The declared target.
    pub target: String,
    /// The secret's name there, when it is not the target's template.
    pub name: Option<String>,
}

// Written by hand because an untagged enum would lose the unknown key and its place in the file.
impl<'de> Deserialize<'de> for TargetReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            target: String,
            name: Option<String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TargetReference;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a target's name, or a table with `target` and `name`")
            }

            fn visit_str<E: de::Error>(self, target: &str) -> Result<Self::Value, E> {
                Ok(TargetReference { target: target.to_owned(), name: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(TargetReference { target: table.target, name: table.name })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schemas")]
impl schemars::JsonSchema for TargetReference {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetReference".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A declared target, or a table with the target and the secret's name there.",
            "oneOf": [
                { "type": "string", "description": "The declared target." },
                {
                    "type": "object",
                    "properties": {
                        "target": { "type": "string", "description": "The declared target." },
                        "name": {
                            "type": "string",
                            "description": "The secret's name there, when it is not the target's template."
                        }
                    },
                    "required": ["target"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// Drift that a person has accepted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ignore {
    /// The target it is accepted at; every target when absent.
    pub target: Option<String>,
    /// The name at the target; each `*` stands for any number of characters.
    pub name: String,
    /// Why; never empty.
    pub reason: String,
    /// The last day on which the rule holds.
    #[cfg_attr(feature = "schemas", schemars(with = "Option<String>", extend("format" = "date")))]
    pub until: Option<toml_datetime::Datetime>,
}
