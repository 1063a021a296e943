//! Reading environments: every file decrypted in memory, on all cores, and every problem collected.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::crypt::{self, AnyIdentity, OpenError};
use super::group::{self, Group};
use super::identity::Identities;
use super::key;
use super::layout::{GroupFile, Layout};
use super::recipients::{RecipientError, Recipients};
use super::seal::Sealed;
use super::store::{self, ReadError};
use super::{header, reencrypt, rotation};
use crate::domain::compose;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::fingerprint::FingerprintKey;
use crate::domain::inventory::Inventory;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::seal::{ContentHash, Contents, KEY_FILE, RECIPIENTS_FILE, Recorded};
use crate::domain::stanza::{self, Stanza};

/// One environment of the vault as it was read.
#[derive(Debug)]
pub struct Environment {
    /// Its values and problems.
    pub inventory: Inventory,
    /// Its fingerprint key.
    pub key: Key,
    /// Those it is encrypted for, or why the list could not be read.
    pub recipients: Result<Recipients, RecipientsError>,
    /// How many of its files are age files that no identity of ours opens.
    pub locked: usize,
    /// How many files with values it has.
    pub files: usize,
    /// Its seal, and how that compares with the files. What the seal does not vouch for is not in the inventory.
    pub sealed: Sealed,
    /// The names that stand in each file with values, whether the seal vouches for it or not.
    pub names: BTreeMap<String, Vec<SecretName>>,
}

/// An environment's fingerprint key, as far as it is there.
#[derive(Debug)]
pub enum Key {
    /// Read from `key.age`.
    Known(FingerprintKey),
    /// There is no `key.age`: a vault made by hand, which gets one when it is sealed.
    Absent,
    /// There is one that could not be read; a problem says why, and nothing may be written.
    Unreadable,
}

impl Key {
    /// Returns it, if it could be read.
    pub const fn known(&self) -> Option<&FingerprintKey> {
        match self {
            Self::Known(key) => Some(key),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Why `recipients.txt` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// It is not there.
    #[error("it is not there")]
    Absent,
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] ReadError),
    /// A line is not a recipient.
    #[error(transparent)]
    Line(#[from] RecipientError),
    /// It has no line at all.
    #[error("it names nobody")]
    Empty,
}

impl Environment {
    /// Returns its fingerprint key, if it could be read.
    pub const fn known_key(&self) -> Option<&FingerprintKey> {
        self.key.known()
    }

    /// Returns whether no file of it could be opened for want of an identity: it belongs to others.
    pub fn is_locked(&self) -> bool {
        self.locked > 0 && self.locked == self.files
    }
}

/// How often environments are read again whose files are replaced meanwhile, which takes an instant.
const LOOKS: usize = 20;

/// Reads environments, each of them as it was at one moment. The result is in the order asked for.
pub fn environments(layout: &Layout, names: &[EnvironmentName], identities: &Identities) -> Vec<Environment> {
    let stamps = || names.iter().map(|name| reencrypt::stamp(layout, name)).collect::<Vec<_>>();
    for _ in 0..LOOKS {
        let before = stamps();
        let environments = read_once(layout, names, identities);
        if stamps() == before {
            return environments;
        }
        thread::sleep(Duration::from_millis(5));
    }
    read_once(layout, names, identities)
}

fn read_once(layout: &Layout, names: &[EnvironmentName], identities: &Identities) -> Vec<Environment> {
    let (recipients, hashes): (Vec<_>, Vec<_>) = names.iter().map(|name| hashed_recipients(layout, name)).unzip();
    let mut jobs = Vec::new();
    let mut unlisted = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match layout.groups(name) {
            Ok(groups) => jobs.extend(groups.into_iter().map(|group| (index, Job::Group(group)))),
            Err(error) => unlisted.push((index, error.kind())),
        }
        jobs.push((index, Job::Key));
    }
    let named = |index: usize| -> &[String] { recipients[index].as_ref().map_or(&[], |r| r.names.as_slice()) };
    let results = in_parallel(&jobs, |(index, job)| match job {
        Job::Group(file) => read_group(file, &identities.keys, named(*index)),
        Job::Key => read_key(layout, &names[*index], &identities.keys, named(*index)),
    });
    let mut environments: Vec<_> = names.iter().zip(recipients).map(|(name, r)| Collector::new(name, r)).collect();
    for (index, kind) in unlisted {
        let folder = layout.shown(&layout.environment(&names[index]));
        environments[index].problem(folder, ProblemKind::Unreadable(kind));
    }
    let mut done: Vec<Vec<Done>> = names.iter().map(|_| Vec::new()).collect();
    for ((index, _), result) in jobs.iter().zip(results) {
        done[*index].push(result);
    }
    for ((collector, done), hash) in environments.iter_mut().zip(done).zip(hashes) {
        collector.collect_all(layout, done, hash);
    }
    environments.into_iter().map(Collector::finish).collect()
}

/// A file's hash; none when it could not be read. The outer one is none when it is not there.
type Hash = Option<Option<ContentHash>>;

/// Reads an environment's list of recipients, with the hash of the very bytes that were read.
fn hashed_recipients(layout: &Layout, name: &EnvironmentName) -> (Result<Recipients, RecipientsError>, Hash) {
    match store::read_if_present(&layout.recipients(name)) {
        Ok(None) => (Err(RecipientsError::Absent), None),
        Err(error) => (Err(error.into()), Some(None)),
        Ok(Some(content)) => (parse_recipients(&content), Some(Some(ContentHash::of(&content)))),
    }
}

/// Reads an environment's list of recipients.
pub fn recipients(layout: &Layout, environment: &EnvironmentName) -> Result<Recipients, RecipientsError> {
    hashed_recipients(layout, environment).0
}

fn parse_recipients(content: &[u8]) -> Result<Recipients, RecipientsError> {
    let recipients = Recipients::parse(&String::from_utf8_lossy(content))?;
    if recipients.keys.is_empty() { Err(RecipientsError::Empty) } else { Ok(recipients) }
}

enum Job {
    Group(GroupFile),
    Key,
}

enum Done {
    Group { file: GroupFile, group: Group, locked: bool, hash: Option<ContentHash>, stanzas: Option<Vec<Stanza>> },
    Key { key: Key, problem: Option<Problem>, hash: Hash, stanzas: Option<Vec<Stanza>> },
}

/// Runs the jobs on all cores. A handful of files is quicker to decrypt here than a thread is to start.
fn in_parallel<T: Sync, R: Send>(jobs: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const JOBS_PER_THREAD: usize = 4;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(jobs.len() / JOBS_PER_THREAD).max(1);
    let next = AtomicUsize::new(0);
    let take = || -> Vec<(usize, R)> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return done };
            done.push((index, work(job)));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Returns the problem that a file has which could not be read.
pub(super) fn read_problem(error: &ReadError) -> ProblemKind {
    match error {
        ReadError::TooLarge(limit) => ProblemKind::TooLarge { limit: *limit },
        ReadError::Io(error) => ProblemKind::Unreadable(error.kind()),
    }
}

fn read_group(file: &GroupFile, identities: &[AnyIdentity], recipients: &[String]) -> Done {
    let ciphertext = store::read(&file.path);
    // What is opened is what was hashed: a file that changes between two reads is never taken for the sealed one.
    let hash = ciphertext.as_ref().ok().map(|ciphertext| ContentHash::of(ciphertext));
    let stanzas = ciphertext.as_ref().ok().and_then(|ciphertext| header::stanzas(ciphertext));
    let opened = ciphertext.map_err(|error| (read_problem(&error), false)).and_then(|ciphertext| {
        crypt::open(&ciphertext, identities)
            .map_err(|error| (error.problem(recipients), error == OpenError::NoIdentity))
    });
    let (group, locked) = match opened {
        Ok(plaintext) => (group::parse(&file.shown, file.format, &plaintext), false),
        Err((kind, locked)) => {
            let problem = Problem { file: Some(file.shown.clone()), line: None, secret: None, kind };
            (Group { entries: Vec::new(), problems: vec![problem] }, locked)
        }
    };
    Done::Group { file: file.clone(), group, locked, hash, stanzas }
}

/// Reads an environment's fingerprint key alone.
pub fn key(layout: &Layout, name: &EnvironmentName, identities: &Identities) -> Key {
    match read_key(layout, name, &identities.keys, &[]) {
        Done::Key { key, .. } => key,
        Done::Group { .. } => Key::Unreadable,
    }
}

fn read_key(layout: &Layout, name: &EnvironmentName, identities: &[AnyIdentity], recipients: &[String]) -> Done {
    let path = layout.key(name);
    let unreadable = |kind, hash, stanzas| {
        let problem = Problem { file: Some(layout.shown(&path)), line: None, secret: None, kind };
        Done::Key { key: Key::Unreadable, problem: Some(problem), hash: Some(hash), stanzas }
    };
    match store::read_if_present(&path) {
        Ok(None) => Done::Key { key: Key::Absent, problem: None, hash: None, stanzas: None },
        Err(error) => unreadable(read_problem(&error), None, None),
        Ok(Some(ciphertext)) => {
            let hash = Some(ContentHash::of(&ciphertext));
            let stanzas = header::stanzas(&ciphertext);
            match crypt::open(&ciphertext, identities) {
                Err(error) => unreadable(error.problem(recipients), hash, stanzas),
                Ok(plaintext) => match key::parse(&plaintext) {
                    Some(key) => Done::Key { key: Key::Known(key), problem: None, hash: Some(hash), stanzas },
                    None => unreadable(ProblemKind::Damaged, hash, stanzas),
                },
            }
        }
    }
}

/// Puts the files of one environment together.
struct Collector {
    environment: Environment,
    doubled: BTreeSet<SecretName>,
}

impl Collector {
    fn new(name: &EnvironmentName, recipients: Result<Recipients, RecipientsError>) -> Self {
        let inventory = Inventory {
            environment: name.clone(),
            entries: BTreeMap::new(),
            beside: BTreeSet::new(),
            over: BTreeSet::new(),
            problems: Vec::new(),
        };
        let sealed = Sealed { recorded: Recorded::Absent, contents: Contents::default(), breaches: Vec::new() };
        let names = BTreeMap::new();
        let environment = Environment { inventory, key: Key::Absent, recipients, locked: 0, files: 0, sealed, names };
        Self { environment, doubled: BTreeSet::new() }
    }

    fn problem(&mut self, file: String, kind: ProblemKind) {
        let problem = Problem { file: Some(file), line: None, secret: None, kind };
        self.environment.inventory.problems.push(problem);
    }

    /// Takes what was read: first all hashes and the key, to compare them with the seal; then what it vouches for.
    fn collect_all(&mut self, layout: &Layout, done: Vec<Done>, recipients: Hash) {
        let name = self.environment.inventory.environment.clone();
        if reencrypt::is_interrupted(layout, &name) {
            self.problem(layout.shown(&layout.environment(&name)), ProblemKind::Unsettled);
        }
        let mut contents = Contents::default();
        if let Some(hash) = recipients {
            contents.add(RECIPIENTS_FILE.to_owned(), hash);
        }
        rotation::add_to(&mut contents, layout, &name);
        let (mut groups, mut headers) = (Vec::new(), Vec::new());
        for done in done {
            match done {
                Done::Key { key, problem, hash, stanzas } => {
                    headers.push((layout.shown(&layout.key(&name)), stanzas));
                    if let Some(hash) = hash {
                        contents.add(KEY_FILE.to_owned(), hash);
                    }
                    self.environment.key = key;
                    self.environment.inventory.problems.extend(problem);
                }
                Done::Group { file, group, locked, hash, stanzas } => {
                    headers.push((file.shown.clone(), stanzas));
                    self.environment.files += 1;
                    self.environment.locked += usize::from(locked);
                    contents.add(file.name().to_owned(), hash);
                    groups.push((file, group));
                }
            }
        }
        let sealed = Sealed::compare(layout, &name, self.environment.known_key(), contents);
        // Of an environment that is wholly for others, one thing is to be said, and it is not that of the seal.
        if !self.environment.is_locked() {
            for breach in &sealed.breaches {
                let file = layout.shown(&layout.environment(&name).join(&breach.file));
                self.problem(file, ProblemKind::Seal(breach.kind.clone()));
            }
        }
        // A list that nobody vouches for tells nothing of who should be able to read.
        if !sealed.breaches.iter().any(|breach| breach.kind.voids_all() || breach.file == RECIPIENTS_FILE) {
            for (file, stanzas) in headers {
                self.compare_recipients(file, stanzas.as_deref());
            }
        }
        for (file, group) in groups {
            self.collect(&file, group, sealed.sets_aside(file.name()));
        }
        self.environment.sealed = sealed;
    }

    /// Says where a file was not encrypted anew since the list of recipients has changed.
    fn compare_recipients(&mut self, file: String, stanzas: Option<&[Stanza]>) {
        let (Ok(recipients), Some(there)) = (&self.environment.recipients, stanzas) else { return };
        if let (Some(mismatch), Some(last)) = (stanza::compare(there, &recipients.stanzas()), recipients.entries.last())
        {
            let listed = (last.name.clone(), last.key.text.clone());
            self.problem(file, ProblemKind::RecipientsDiffer { mismatch, listed });
        }
    }

    fn collect(&mut self, file: &GroupFile, group: Group, is_set_aside: bool) {
        let names = group.entries.iter().map(|(name, _)| name.clone()).collect();
        self.environment.names.insert(file.name().to_owned(), names);
        self.environment.inventory.problems.extend(group.problems);
        if is_set_aside {
            return;
        }
        for (name, entry) in group.entries {
            let inventory = &mut self.environment.inventory;
            if let Some(first) = inventory.entries.get(&name) {
                inventory.problems.push(Problem {
                    file: Some(entry.source.file),
                    line: Some(entry.source.line),
                    secret: Some(name.to_string()),
                    kind: ProblemKind::Duplicate { first: first.source.clone() },
                });
                self.doubled.insert(name);
            } else {
                inventory.entries.insert(name, entry);
            }
        }
    }

    fn finish(mut self) -> Environment {
        let inventory = &mut self.environment.inventory;
        for name in &self.doubled {
            inventory.entries.remove(name);
        }
        compose::compose(inventory);
        inventory.problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
        self.environment
    }
}
