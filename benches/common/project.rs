//! A project in a folder of its own, whose places are twins on loopback.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubTwin};
use undrift::flow::apply::Patience;
use undrift::settings::World;
use undrift::targets::client::ClientSettings;
use undrift::ui::Ui;
use undrift::vault::keyring::Keyring;

#[derive(Clone, Default)]
struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The project and its twins, with the environment `bench`.
pub(crate) struct Project {
    folder: TempDir,
    pub(crate) fly: FlyTwin,
    pub(crate) github: GitHubTwin,
    pub(crate) variables: BTreeMap<String, OsString>,
}

impl Project {
    /// Makes the vault with these declarations and values.
    pub(crate) fn new(fly: FlyTwin, github: GitHubTwin, declarations: &str, names: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let variables = [
            ("HOME", folder.path().into()),
            ("FLY_API_TOKEN", FLY_TOKEN.into()),
            ("GH_TOKEN", GITHUB_TOKEN.into()),
            ("FLY_FLAPS_BASE_URL", fly.url().into()),
            ("FLY_API_BASE_URL", fly.url().into()),
            ("GITHUB_API_URL", github.url().into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let project = Self { folder, fly, github, variables };
        project.run(&["init", "bench"], "");
        std::fs::write(project.folder().join("undrift.toml"), declarations).unwrap();
        for name in names {
            project.run(&["set", name, "-e", "bench"], &format!("the value of {name}"));
        }
        project
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command in this process, and insists that it ends with nothing left to do.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) {
        let said = Captured::default();
        let input = Cursor::new(input.as_bytes().to_vec());
        let mut world = World {
            variables: self.variables.clone(),
            folder: self.folder().to_owned(),
            clock: Box::new(Timestamp::now),
            network: ClientSettings { write_gap: Duration::ZERO, ..ClientSettings::default() },
            patience: Patience::default(),
            keyring: Keyring::default(),
            user: || None,
            ui: Ui::new(Box::new(said.clone()), Box::new(said.clone()), Box::new(input)),
        };
        let arguments = std::iter::once("undrift").chain(arguments.iter().copied()).map(OsString::from);
        let status = undrift::run(arguments, &mut world);
        assert_eq!(status, 0, "{}", String::from_utf8_lossy(&said.0.borrow()));
    }

    /// A program as a person starts it, here.
    pub(crate) fn process(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.folder()).env_clear().envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub(crate) fn latency(&self, latency: Duration) {
        self.fly.latency(latency);
        self.github.latency(latency);
    }

    pub(crate) fn forget_requests(&self) {
        self.fly.clear_requests();
        self.github.clear_requests();
    }
}
