//! What GitHub holds.

use std::collections::{BTreeMap, BTreeSet};

use crypto_box::SecretKey;
use crypto_box::aead::OsRng;
use jiff::Timestamp;

use super::limits::Limits;
use super::permissions::{Access, Permissions};
use super::place::GitHubPlace;
use super::{Artifact, GITHUB_TOKEN, Issue};

/// The id of every place's first public key. It has been seen on GitHub for two different keys, so it identifies none.
const KEY_ID: u64 = 568_250_167_242_549_743;

#[derive(Debug)]
pub(super) struct State {
    pub(super) tokens: BTreeMap<String, Permissions>,
    pub(super) hide_missing_permissions: bool,
    pub(super) numeric_key_ids: bool,
    pub(super) list_lag: usize,
    pub(super) limits: Limits,
    /// By name in lower case.
    repositories: BTreeMap<String, Repository>,
    /// In lower case.
    organizations: BTreeSet<String>,
    /// The ssh keys that users have published, by name in lower case.
    pub(super) published: BTreeMap<String, Vec<String>>,
    shelves: BTreeMap<GitHubPlace, Shelf>,
    /// The issues of repositories, by name in lower case.
    issues: BTreeMap<String, Vec<Issue>>,
    /// The artifacts of repositories, by name in lower case.
    artifacts: BTreeMap<String, Vec<Artifact>>,
    ids: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) created_at: Timestamp,
    /// By name in lower case.
    pub(super) environments: BTreeMap<String, Environment>,
}

#[derive(Clone, Debug)]
pub(super) struct Environment {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
}

/// What is kept in one place.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) key: Key,
    secrets: Drawer,
    variables: Drawer,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) secret: SecretKey,
    pub(super) id: u64,
}

/// Secrets and variables differ in how they are written and in whether their value is shown, and in little else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secrets,
    Variables,
}

/// The items of one kind in one place.
#[derive(Debug, Default)]
pub(super) struct Drawer {
    pub(super) items: BTreeMap<String, Item>,
    /// What the next reads still show, and how many they are.
    lagging: Option<(BTreeMap<String, Item>, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) content: Vec<u8>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) sharing: Option<Sharing>,
}

/// Who sees an item of an organization or a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sharing {
    pub(super) visibility: Visibility,
    pub(super) selected: BTreeSet<u64>,
}

/// Which repositories see a secret of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All.
    All,
    /// The private ones.
    Private,
    /// Those in a list.
    Selected,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            tokens: BTreeMap::from([(GITHUB_TOKEN.to_owned(), Permissions::all(Access::Write))]),
            hide_missing_permissions: false,
            numeric_key_ids: false,
            list_lag: 0,
            limits: Limits::new(),
            repositories: BTreeMap::new(),
            organizations: BTreeSet::new(),
            published: BTreeMap::new(),
            shelves: BTreeMap::new(),
            issues: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            ids: 0,
        }
    }

    pub(super) fn create_repository(&mut self, repository: &str, moment: Timestamp) -> u64 {
        let (owner, _) = repository.split_once('/').expect("a repository is given as owner/name");
        self.organizations.insert(owner.to_lowercase());
        let id = 1_296_269 + self.next_id();
        let fresh =
            || Repository { id, full_name: repository.to_owned(), created_at: moment, environments: BTreeMap::new() };
        self.repositories.entry(repository.to_lowercase()).or_insert_with(fresh).id
    }

    pub(super) fn remove_repository(&mut self, repository: &str) {
        let removed = repository.to_lowercase();
        self.repositories.remove(&removed);
        self.shelves.retain(|place, _| match place {
            GitHubPlace::Repository { repository, .. } | GitHubPlace::Environment { repository, .. } => {
                *repository != removed
            }
            GitHubPlace::Organization { .. } | GitHubPlace::User => true,
        });
    }

    pub(super) fn remove_organization(&mut self, organization: &str) {
        let removed = organization.to_lowercase();
        let of_it = |name: &String| name.split_once('/').is_some_and(|(owner, _)| owner == removed);
        let repositories: Vec<String> = self.repositories.keys().filter(|name| of_it(name)).cloned().collect();
        for repository in repositories {
            self.remove_repository(&repository);
        }
        self.organizations.remove(&removed);
        self.shelves.retain(
            |place, _| !matches!(place, GitHubPlace::Organization { organization, .. } if *organization == removed),
        );
    }

    pub(super) fn create_environment(&mut self, repository: &str, name: &str, moment: Timestamp) -> Environment {
        let id = 161_088_068 + self.next_id();
        let fresh = || Environment { id, name: name.to_owned(), created_at: moment };
        self.repository_mut(repository).environments.entry(name.to_lowercase()).or_insert_with(fresh).clone()
    }

    /// Returns whether there was such an environment.
    pub(super) fn remove_environment(&mut self, repository: &str, name: &str) -> bool {
        self.shelves.remove(&GitHubPlace::environment(repository, name).key());
        self.repository_mut(repository).environments.remove(&name.to_lowercase()).is_some()
    }

    /// Returns a repository that is known to exist: a handler has asked for it, or a test has created it.
    pub(super) fn repository(&self, repository: &str) -> &Repository {
        let found = self.repositories.get(&repository.to_lowercase());
        found.unwrap_or_else(|| panic!("there is no repository {repository:?}; call create_repository first"))
    }

    pub(super) fn repository_of_id(&self, id: u64) -> Option<String> {
        self.repositories.values().find(|repository| repository.id == id).map(|found| found.full_name.clone())
    }

    pub(super) fn exists(&self, place: &GitHubPlace) -> bool {
        match place.key() {
            GitHubPlace::Repository { repository, .. } => self.repositories.contains_key(&repository),
            GitHubPlace::Environment { repository, environment } => self
                .repositories
                .get(&repository)
                .is_some_and(|repository| repository.environments.contains_key(&environment)),
            GitHubPlace::Organization { organization, .. } => self.organizations.contains(&organization),
            GitHubPlace::User => true,
        }
    }

    /// Returns what is kept in a place that is known to exist.
    pub(super) fn shelf(&mut self, place: &GitHubPlace) -> &mut Shelf {
        assert!(self.exists(place), "there is no {place:?}; create its repository or environment first");
        self.shelves.entry(place.key()).or_insert_with(|| Shelf {
            key: Key { secret: SecretKey::generate(&mut OsRng), id: KEY_ID },
            secrets: Drawer::default(),
            variables: Drawer::default(),
        })
    }

    pub(super) fn drawer(&mut self, place: &GitHubPlace, kind: Kind) -> &mut Drawer {
        let shelf = self.shelf(place);
        match kind {
            Kind::Secrets => &mut shelf.secrets,
            Kind::Variables => &mut shelf.variables,
        }
    }

    /// Returns a drawer for a request that is about to change it, keeping what its next reads will still show.
    pub(super) fn drawer_for_write(&mut self, place: &GitHubPlace, kind: Kind) -> &mut Drawer {
        let lag = self.list_lag;
        let drawer = self.drawer(place, kind);
        if lag > 0 {
            let before = drawer.lagging.take().map_or_else(|| drawer.items.clone(), |(before, _)| before);
            drawer.lagging = Some((before, lag));
        }
        drawer
    }

    fn repository_mut(&mut self, repository: &str) -> &mut Repository {
        let found = self.repositories.get_mut(&repository.to_lowercase());
        found.unwrap_or_else(|| panic!("there is no repository {repository:?}; call create_repository first"))
    }

    /// Returns the issues of a repository.
    pub(super) fn issues(&mut self, repository: &str) -> &mut Vec<Issue> {
        self.issues.entry(repository.to_lowercase()).or_default()
    }

    /// Returns the artifacts of a repository.
    pub(super) fn artifacts(&mut self, repository: &str) -> &mut Vec<Artifact> {
        self.artifacts.entry(repository.to_lowercase()).or_default()
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }
}

impl Key {
    pub(super) fn rotate(&mut self) {
        self.secret = SecretKey::generate(&mut OsRng);
        self.id += 1;
    }
}

impl Drawer {
    /// Returns what a read shows, and counts it.
    pub(super) fn read(&mut self) -> BTreeMap<String, Item> {
        match self.lagging.take() {
            Some((before, left)) => {
                if left > 1 {
                    self.lagging = Some((before.clone(), left - 1));
                }
                before
            }
            None => self.items.clone(),
        }
    }

    /// Ends the lag: everybody sees what there is.
    pub(super) fn settle(&mut self) {
        self.lagging = None;
    }

    /// Creates or updates an item, and returns whether it was created. The time of update moves even if nothing else
    /// does.
    pub(super) fn write(
        &mut self,
        name: String,
        content: Vec<u8>,
        sharing: Option<Sharing>,
        moment: Timestamp,
    ) -> bool {
        let created_at = self.items.get(&name).map_or(moment, |item| item.created_at);
        self.items.insert(name, Item { content, created_at, updated_at: moment, sharing }).is_none()
    }
}

impl Visibility {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Private => "private",
            Self::Selected => "selected",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::All, Self::Private, Self::Selected].into_iter().find(|visibility| visibility.name() == name)
    }
}
