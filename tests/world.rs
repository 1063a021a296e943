//! A hermetic world: its own home, no variables of the machine, a pinned clock, captured output.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubPlace, GitHubTwin};
use undrift::domain::name::EnvironmentName;
use undrift::flow::apply::Patience;
use undrift::settings::World as Surroundings;
use undrift::targets::client::ClientSettings;
use undrift::ui::Ui;
use undrift::vault::{self, identity::IdentityChain, keyring::Keyring, layout::Layout};

use crate::schemas;

/// A folder with a project in it, and the twins it may speak to.
pub(crate) struct World {
    folder: Rc<TempDir>,
    /// The folder commands run in, below the project's.
    below: PathBuf,
    pub(crate) variables: BTreeMap<String, OsString>,
    pub(crate) network: ClientSettings,
    pub(crate) patience: Patience,
    /// None, unless a test brings one.
    pub(crate) keyring: Keyring,
    pub(crate) now: Timestamp,
    pub(crate) width: usize,
}

/// What one command did.
#[must_use]
pub(crate) struct Ran {
    pub(crate) status: u8,
    pub(crate) output: String,
    pub(crate) talk: String,
}

impl Ran {
    /// Status, output and talk as one text, for exact comparison.
    pub(crate) fn transcript(&self) -> String {
        format!("status {}\n--- output\n{}--- talk\n{}", self.status, self.output, self.talk)
    }

    /// Insists on the status, and shows everything when it is another.
    #[track_caller]
    pub(crate) fn status(self, expected: u8) -> Self {
        assert_eq!(self.status, expected, "{}", self.transcript());
        self
    }

    /// Parses the output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {}", self.transcript()))
    }
}

#[derive(Clone, Default)]
struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = Rc::new(TempDir::new().unwrap());
        let home = folder.path().join("home");
        std::fs::create_dir_all(folder.path().join("shop")).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        let variables = [("HOME", home.into_os_string()), ("USER", "alice".into())]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Self {
            folder,
            below: PathBuf::new(),
            variables,
            network: ClientSettings {
                connect_timeout: Duration::from_secs(2),
                request_timeout: Duration::from_secs(5),
                backoff: Duration::from_millis(1),
                write_gap: Duration::ZERO,
                ..ClientSettings::default()
            },
            patience: Patience { first: Duration::from_millis(1), longest: Duration::from_millis(4), looks: 6 },
            keyring: Keyring::default(),
            now: "2026-11-20T08:00:00Z".parse().unwrap(),
            width: 80,
        }
    }

    /// A world whose variables lead to the twins.
    pub(crate) fn with_twins(fly: &FlyTwin, github: &GitHubTwin) -> Self {
        let mut world = Self::new();
        for (name, value) in [
            ("FLY_API_TOKEN", FLY_TOKEN.to_owned()),
            ("GH_TOKEN", GITHUB_TOKEN.to_owned()),
            ("FLY_FLAPS_BASE_URL", fly.url()),
            ("FLY_API_BASE_URL", fly.url()),
            ("GITHUB_API_URL", github.url()),
        ] {
            world.variables.insert(name.to_owned(), value.into());
        }
        world
    }

    /// The same world, seen from a folder below the project's.
    pub(crate) fn below(&self, folder: &str) -> Self {
        Self {
            folder: Rc::clone(&self.folder),
            below: folder.into(),
            variables: self.variables.clone(),
            network: self.network.clone(),
            patience: self.patience.clone(),
            keyring: self.keyring.clone(),
            now: self.now,
            width: self.width,
        }
    }

    /// Returns where its files are, for [`World::copy_files_of`] on another thread.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Brings the project and the home of another world into this one.
    pub(crate) fn copy_files_of(&self, folder: &Path) {
        for (path, content) in files(folder) {
            let path = self.folder.path().join(path.strip_prefix(folder).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("shop").join(path)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Reads a value back through the library's own reader.
    pub(crate) fn value(&self, environment: &str, name: &str) -> String {
        let identity = self.home().join(".config/undrift/identity.txt");
        let identities = IdentityChain { files: vec![identity], ..IdentityChain::default() }.load().unwrap();
        let environment = EnvironmentName::parse(environment).unwrap();
        let read = vault::read::environments(&Layout::at(&self.path("")), &[environment], &identities);
        read[0].inventory.entries[name].value.expose().to_owned()
    }

    /// Runs a command without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs a command with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let (output, talk) = (Captured::default(), Captured::default());
        let input = Cursor::new(input.as_bytes().to_vec());
        let mut ui = Ui::new(Box::new(output.clone()), Box::new(talk.clone()), Box::new(input));
        ui.width = self.width;
        let now = self.now;
        let mut world = Surroundings {
            variables: self.variables.clone(),
            folder: self.path("").join(&self.below),
            clock: Box::new(move || now),
            network: self.network.clone(),
            patience: self.patience.clone(),
            keyring: self.keyring.clone(),
            user: || None,
            ui,
        };
        let arguments = std::iter::once("undrift").chain(arguments.iter().copied()).map(OsString::from);
        let before = schemas::documents(&self.path(""));
        let status = undrift::run(arguments, &mut world);
        schemas::check(&self.path(""), &before, &output.text());
        let clean = |text: String| self.clean(&text);
        Ran { status, output: clean(output.text()), talk: clean(talk.text()) }
    }

    /// Takes out what differs from run to run: the folder, and the public key.
    fn clean(&self, text: &str) -> String {
        let text = text.replace(&self.folder.path().display().to_string(), "[folder]");
        let words = text.split_inclusive([' ', '\n']);
        words
            .map(|word| {
                let bare = word.split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default();
                if bare.starts_with("age1") && bare.len() > 60 { word.replace(bare, "[key]") } else { word.to_owned() }
            })
            .collect()
    }

    /// Makes the vault most tests start from: two environments, Fly and GitHub, three secrets in staging.
    pub(crate) fn shop(&self) {
        let _ = self.run(&["init", "staging", "production"]).status(0);
        self.write("undrift.toml", SHOP);
        for (name, value) in [("API_TOKEN", "token-1"), ("SMTP_PASSWORD", "password-1"), ("STRIPE_KEY", "stripe-1")] {
            let _ = self.run_with(&["set", name, "-e", "staging"], value).status(0);
        }
    }

    /// Leaves an environment as somebody would make it by hand: nobody has sealed it, and this machine has seen nothing.
    pub(crate) fn by_hand(&self, environment: &str) {
        for file in [format!("vault/{environment}/seal.toml"), format!("vault/{environment}/log.jsonl")] {
            std::fs::remove_file(self.path(&file)).unwrap();
        }
        std::fs::remove_file(self.path(".undrift/seen.toml")).unwrap();
    }

    /// Vouches for the files of staging as they are.
    pub(crate) fn seal(&self) {
        let _ = self.run(&["seal", "-e", "staging", "--yes"]).status(0);
    }

    /// Changes one value of staging.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let _ = self.run_with(&["set", name, "-e", "staging"], value).status(0);
    }
}

/// The declarations of [`World::shop`].
pub(crate) const SHOP: &str = r#"version = 1

[environments.staging]

[environments.production]
protected = true

[targets.web]
kind = "fly"
app = "shop-{environment}"

[targets.ci]
kind = "github"
repository = "acme/shop"
environments = ["staging"]

[secrets.API_TOKEN]
targets = ["web", { target = "ci", name = "SHOP_TOKEN" }]
environments = ["staging"]

[secrets.SMTP_PASSWORD]
targets = ["web"]
environments = ["staging"]

[secrets.STRIPE_KEY]
targets = ["ci"]
environments = ["staging"]
"#;

/// Twins that hold what [`SHOP`] speaks of, and nothing in it yet.
pub(crate) fn twins() -> (FlyTwin, GitHubTwin) {
    let fly = FlyTwin::start();
    fly.create_app("shop-staging");
    fly.create_app("shop-production");
    let github = GitHubTwin::start();
    github.create_repository("acme/shop");
    github.clock().pin("2026-11-18T09:12:00Z".parse().unwrap());
    (fly, github)
}

/// The repository of [`SHOP`].
pub(crate) fn repository() -> GitHubPlace {
    GitHubPlace::repository("acme/shop")
}

/// Returns every file below a folder with its content, but the lock, which every change leaves.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".undrift/lock") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}
