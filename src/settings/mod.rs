//! What the command line, the environment and the files mean together. Nothing else in the program reads the
//! environment.

pub mod notify;
pub mod token;
mod who;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::Global;
use crate::domain::declaration::Project;
use crate::domain::log::Who;
use crate::domain::name::{EnvironmentName, TargetName};
use crate::domain::place::Place;
use crate::domain::secret::SecretValue;
use crate::domain::shard::{self, Shard};
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::Refusal;
use crate::flow::apply::Patience;
use crate::targets::client::ClientSettings;
use crate::ui::Ui;
use crate::vault::identity::IdentityChain;
use crate::vault::keyring::Keyring;
use crate::vault::layout::Layout;
use crate::vault::project;

/// The variable that holds the key to the vault itself.
pub const IDENTITY_VARIABLE: &str = "UNDRIFT_IDENTITY";

/// The surroundings of one run: all that a process would otherwise reach for.
pub struct World {
    /// The environment's variables.
    pub variables: BTreeMap<String, OsString>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// The clock.
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// How the network is used.
    pub network: ClientSettings,
    /// How long a target may take to show what it accepted.
    pub patience: Patience,
    /// The keyring of the operating system.
    pub keyring: Keyring,
    /// Who the operating system says this is. It is asked only where no variable says so: some systems ask a network.
    pub user: fn() -> Option<String>,
    /// The person.
    pub ui: Ui,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("World").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl World {
    /// Returns those of this process.
    pub fn of_this_process() -> Self {
        let variables: BTreeMap<String, OsString> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        let mut ui = Ui::new(Box::new(io::stdout()), Box::new(io::stderr()), Box::new(io::stdin()));
        let talks = io::stderr().is_terminal();
        ui.input_is_terminal = io::stdin().is_terminal();
        ui.interactive = ui.input_is_terminal && talks;
        ui.reachable = ui.interactive || (talks && has_terminal());
        ui.progress = talks;
        ui.colour = talks && variables.get("NO_COLOR").is_none_or(|value| value.is_empty());
        ui.width = terminal_width(&variables);
        Self {
            keyring: keyring(&variables, ui.reachable),
            variables,
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            clock: Box::new(Timestamp::now),
            network: ClientSettings::default(),
            patience: Patience::default(),
            user: || whoami::username().ok().filter(|name| !name.is_empty()),
            ui,
        }
    }

    /// Returns a variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Returns a variable that names a file or folder.
    pub fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Returns the person's own folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.path_variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// Names whoever runs this, for one who has to wait for it.
    pub fn who(&self) -> String {
        self.user_name().unwrap_or_else(|| "somebody".to_owned())
    }

    /// Returns the name of whoever runs this at the operating system.
    fn user_name(&self) -> Option<String> {
        self.variable("USER").or(self.variable("USERNAME")).map_or_else(self.user, |name| Some(name.to_owned()))
    }

    /// Names whoever runs this, for the log.
    pub fn author(&self, layout: &Layout) -> Who {
        who::who(self, layout.root())
    }

    /// Returns the folder in which programs keep a person's configuration.
    pub fn config_folder(&self) -> Option<PathBuf> {
        if cfg!(windows) {
            return self.path_variable("APPDATA");
        }
        self.path_variable("XDG_CONFIG_HOME").or_else(|| {
            let below = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
            self.home().map(|home| home.join(below))
        })
    }

    /// Returns where this person's identity is kept, unless another place is named.
    pub fn identity_file(&self) -> Option<PathBuf> {
        self.config_folder().map(|folder| folder.join("undrift").join("identity.txt"))
    }

    /// Returns where plain text may lie while a person edits it, the temporary folder last.
    pub fn scratch_places(&self) -> Vec<PathBuf> {
        let temporary = ["TMPDIR", "TEMP", "TMP"].iter().find_map(|name| self.path_variable(name));
        let own = self.path_variable("XDG_RUNTIME_DIR").filter(|path| path.is_absolute());
        let shared = Some(PathBuf::from("/dev/shm")).filter(|_| cfg!(target_os = "linux"));
        let temporary = temporary.map_or_else(|| PathBuf::from("/tmp"), |folder| self.absolute(&folder));
        own.into_iter().chain(shared).chain([temporary]).collect()
    }

    /// Returns where identities may come from.
    pub fn identity_chain(&self, global: &Global) -> IdentityChain {
        IdentityChain {
            files: global.identities.iter().map(|file| self.absolute(file)).collect(),
            variable: self.variable(IDENTITY_VARIABLE).map(SecretValue::copied_from),
            variable_file: self.path_variable("UNDRIFT_IDENTITY_FILE").map(|file| self.absolute(&file)),
            keyring: self.keyring.clone(),
            config_file: self.identity_file(),
            ssh_file: self.home().map(|home| home.join(".ssh").join("id_ed25519")),
            ask: self.ui.asker(),
        }
    }

    /// Returns a path that was typed here, from the root.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Returns whether this process has a terminal, wherever its standard streams lead.
fn has_terminal() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/tty").is_ok()
}

/// Returns the keyring of this system, which a person may have to unlock first and a machine never will.
fn keyring(variables: &BTreeMap<String, OsString>, is_person_there: bool) -> Keyring {
    let patience = Duration::from_secs(if is_person_there { 60 } else { 5 });
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    // Without a bus of the session there is nobody to ask, and no need to try.
    let has_bus = set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(folder).join("bus").exists());
    if cfg!(target_os = "linux") && !has_bus { Keyring::default() } else { Keyring::of_this_system(patience) }
}

/// Unknown width, as in a pipe, means no limit that a person would notice.
fn terminal_width(variables: &BTreeMap<String, OsString>) -> usize {
    let stated = variables.get("COLUMNS").and_then(|value| value.to_str()).and_then(|value| value.parse().ok());
    let seen = || if io::stdout().is_terminal() { terminal_size() } else { None };
    stated.or_else(seen).unwrap_or(160)
}

fn terminal_size() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// A project with what the command line narrows it to.
#[derive(Debug)]
pub struct Selection {
    /// Where things are.
    pub layout: Layout,
    /// What is declared.
    pub project: Project,
    /// The environments that are meant: those named, or every one.
    pub environments: Vec<EnvironmentName>,
    /// Whether they were named.
    pub environments_named: bool,
    /// The targets that are meant; every one when empty.
    pub targets: Vec<TargetName>,
    /// The part of the places that is meant, where an audit is parted.
    pub shard: Option<Shard>,
}

impl Selection {
    /// Finds the project and checks every name that was typed.
    pub fn resolve(global: &Global, world: &World) -> anyhow::Result<Self> {
        let layout = Layout::find(&world.folder).ok_or(Refusal::NoProject)?;
        let project = project::read(&layout)?;
        let mut environments = Vec::new();
        for name in &global.environments {
            let declared = project.environments.get_key_value(name.as_str());
            let known = || project.environments.keys().map(EnvironmentName::as_str);
            let (declared, _) = declared.ok_or_else(|| undeclared("environment", name, known()))?;
            environments.push(declared.clone());
        }
        let mut targets = Vec::new();
        for name in &global.targets {
            targets.push(target(&project, name)?.clone());
        }
        let environments_named = !environments.is_empty();
        if !environments_named {
            environments = project.environments.keys().cloned().collect();
        }
        environments.sort();
        environments.dedup();
        Ok(Self { layout, project, environments, environments_named, targets, shard: None })
    }

    /// Refuses a write that does not name its environment.
    pub fn needs_environment(&self) -> Result<(), Refusal> {
        if self.environments_named {
            return Ok(());
        }
        Err(Refusal::NeedsEnvironment { declared: self.environments.iter().map(ToString::to_string).collect() })
    }

    /// Returns the one environment that is meant: the one that was named, or the only one that is declared.
    pub fn one_environment(&self) -> Result<&EnvironmentName, Refusal> {
        match self.environments.as_slice() {
            [one] => Ok(one),
            all => Err(Refusal::NeedsOneEnvironment { declared: all.iter().map(ToString::to_string).collect() }),
        }
    }

    /// Refuses a write to a protected environment that is not named twice.
    pub fn needs_confirm(&self, confirmed: &[String]) -> Result<(), Refusal> {
        let known = || self.project.environments.keys().map(EnvironmentName::as_str);
        if let Some(unknown) = confirmed.iter().find(|name| !known().any(|known| known == name.as_str())) {
            return Err(undeclared("environment", unknown, known()));
        }
        let protected = |name: &&EnvironmentName| self.project.is_protected(name);
        let unnamed = |name: &&EnvironmentName| !confirmed.iter().any(|confirmed| confirmed == name.as_str());
        let first = self.environments.iter().filter(protected).find(unnamed);
        first.map_or(Ok(()), |name| Err(Refusal::NeedsConfirm(name.clone())))
    }

    /// Returns the options that name an environment for a write, as they are typed behind a verb.
    pub fn write_flags(&self, name: &EnvironmentName) -> String {
        let confirm = if self.project.is_protected(name) { format!(" --confirm {name}") } else { String::new() };
        format!(" -e {name}{confirm}")
    }

    /// Returns a target that was typed.
    pub fn target(&self, name: &str) -> Result<&TargetName, Refusal> {
        target(&self.project, name)
    }

    /// Returns the one target that is meant, and refuses none and several.
    pub fn one_target(&self, verb: &'static str) -> Result<&TargetName, Refusal> {
        match self.targets.as_slice() {
            [target] => Ok(target),
            _ => Err(Refusal::NeedsTarget {
                verb,
                declared: self.project.targets.keys().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Returns whether a target is meant.
    pub fn means(&self, target: &TargetName) -> bool {
        self.targets.is_empty() || self.targets.contains(target)
    }

    /// Returns whether a place is asked.
    pub fn asks(&self, place: &Place) -> bool {
        self.means(&place.target) && self.shard.is_none_or(|shard| shard::asks(shard, &place.location))
    }
}

fn target<'a>(project: &'a Project, name: &str) -> Result<&'a TargetName, Refusal> {
    let known = || project.targets.keys().map(TargetName::as_str);
    let declared = project.targets.get_key_value(name);
    declared.map(|(declared, _)| declared).ok_or_else(|| undeclared("target", name, known()))
}

fn undeclared<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> Refusal {
    Refusal::Undeclared { what, name: Typed::new(name), nearest: nearest(name, known).map(str::to_owned) }
}
