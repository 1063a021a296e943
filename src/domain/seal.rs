//! The seal: which files somebody who can read the environment has vouched for, compared with those that are there.
//!
//! Everybody who knows the recipients can encrypt a file. A line of the seal is an HMAC under the environment's own
//! key, so only who can read the environment can make one, and an HMAC over the whole list keeps a line from being
//! taken out. A seal that was put back to an older state is consistent in itself; only a machine that has seen the
//! newer one can tell.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::fingerprint::{Fingerprint, FingerprintKey};
use super::name::EnvironmentName;

/// The seal's own file name.
pub const SEAL_FILE: &str = "seal.toml";

/// The file name of the environment's fingerprint key.
pub const KEY_FILE: &str = "key.age";

/// The file name of the list of those who can read the environment.
pub const RECIPIENTS_FILE: &str = "recipients.txt";

/// The file name of the rotations that are under way.
pub const ROTATION_FILE: &str = "rotation.toml";

/// The version that is part of what is authenticated.
const VERSION: &str = "1";

/// The SHA-256 of a file's bytes as they lie on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Returns the hash of a file's bytes.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// The files that an environment should have sealed, by name; no hash for one that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Option<ContentHash>>);

impl Contents {
    /// Adds a file. Of two with one name, as a system may have whose names are not text, none can be vouched for.
    pub fn add(&mut self, file: String, hash: Option<ContentHash>) {
        self.0.entry(file).and_modify(|known| *known = None).or_insert(hash);
    }

    /// Returns the files, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<ContentHash>)> {
        self.0.iter().map(|(file, hash)| (file.as_str(), *hash))
    }

    /// Returns whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A seal as `seal.toml` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// One higher at each change.
    pub serial: u64,
    /// What vouches for each file.
    pub files: BTreeMap<String, Fingerprint>,
    /// What vouches for serial and list.
    pub whole: Fingerprint,
}

impl Seal {
    /// Makes a seal.
    pub fn new(
        key: &FingerprintKey,
        environment: &EnvironmentName,
        serial: u64,
        files: BTreeMap<String, Fingerprint>,
    ) -> Self {
        let whole = whole(key, environment, serial, &files);
        Self { serial, files, whole }
    }

    /// Returns the seal after one file was written; every other line stays as it is.
    #[must_use]
    pub fn with(
        &self,
        key: &FingerprintKey,
        environment: &EnvironmentName,
        changed: impl IntoIterator<Item = (String, ContentHash)>,
    ) -> Self {
        let mut files = self.files.clone();
        files.extend(changed.into_iter().map(|(file, hash)| {
            let line = line(key, environment, &file, hash);
            (file, line)
        }));
        Self::new(key, environment, self.serial + 1, files)
    }
}

/// Returns what vouches for one file.
pub fn line(key: &FingerprintKey, environment: &EnvironmentName, file: &str, hash: ContentHash) -> Fingerprint {
    // No name has a NUL, so no two lists of fields have the same text.
    key.sealed_file(format!("{environment}\0{file}\0{hash}").as_bytes())
}

/// Returns what tells a write that this machine began on top of a seal from a forged file: nobody else can make it,
/// and it is good for the next serial alone.
pub fn begun(
    key: &FingerprintKey,
    environment: &EnvironmentName,
    serial: u64,
    file: &str,
    hash: ContentHash,
) -> Fingerprint {
    key.begun_write(format!("{environment}\0{serial}\0{file}\0{hash}").as_bytes())
}

fn whole(
    key: &FingerprintKey,
    environment: &EnvironmentName,
    serial: u64,
    files: &BTreeMap<String, Fingerprint>,
) -> Fingerprint {
    let mut text = format!("{VERSION}\0{environment}\0{serial}");
    for (file, line) in files {
        text.extend(["\0", file, "\0", &line.to_string()]);
    }
    key.seal(text.as_bytes())
}

/// What `seal.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is not there: a vault made by hand.
    Absent,
    /// It says nothing that can be used; the highest serial number that its text has, for the next seal to pass.
    Damaged(Damage, u64),
    /// It has the form of a seal; whether it is one, the comparison tells.
    Read(Seal),
}

impl Recorded {
    /// Returns the highest serial number that it knows.
    pub const fn serial(&self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Damaged(_, serial) => *serial,
            Self::Read(seal) => seal.serial,
        }
    }
}

/// Why a seal says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The operating system refused.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// It is larger than any vault file should be.
    #[error("it is too large")]
    TooLarge,
    /// Its text is not that of a seal: a merge of two branches leaves such a one.
    #[error("line {line} is not one that undrift wrote")]
    Malformed {
        /// The line, from 1.
        line: usize,
    },
    /// A version that this program does not read.
    #[error("it has version {0}, which this undrift does not read")]
    Version(u32),
    /// It does not hold what its HMAC says.
    #[error("its list was altered, or was made under another key")]
    Forged,
    /// There is no key to check it with.
    #[error("the fingerprint key that checks it is not there or cannot be read")]
    NoKey,
    /// What this machine remembers of it cannot be read.
    #[error("what this machine has seen of it, .undrift/seen.toml, cannot be read")]
    Memory,
}

/// What this machine remembers of an environment's seals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The newest seal: the name of its key, its serial number and what vouched for its list.
    pub newest: Option<(String, u64, Fingerprint)>,
    /// Writes of our own that were begun and not sealed.
    pub begun: BTreeMap<String, Fingerprint>,
}

/// One way in which files and seal do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The file's name.
    pub file: String,
    /// What is wrong with it.
    pub kind: BreachKind,
}

/// What a [`Breach`] is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreachKind {
    /// Nobody has sealed the environment yet.
    #[error("is not there: nobody has vouched for the files of this environment yet")]
    Unsealed,
    /// The file is not the one that was sealed.
    #[error("is not the file that was sealed; nothing of it is used")]
    Altered,
    /// The file was never sealed.
    #[error("was put there without a seal; nothing of it is used")]
    Added,
    /// A sealed file is not there.
    #[error("was sealed, and is not there")]
    Removed,
    /// The seal is not there, and no file is that it could vouch for.
    #[error("is not there any more, and no file of this environment is")]
    Gone,
    /// The seal says nothing.
    #[error("vouches for nothing: {0}")]
    Damaged(Damage),
    /// This machine has seen a newer seal, or another one of the same number.
    #[error(
        "{}, and this machine has seen number {seen}: somebody put older files back, or this is another git branch",
        found_serial(*.found, *.seen)
    )]
    RolledBack {
        /// The number that was seen.
        seen: u64,
        /// The number that is there, if there is a seal.
        found: Option<u64>,
    },
    /// This machine has seen a seal under another key.
    #[error("was made under another fingerprint key than this machine has seen: key.age was replaced")]
    KeyReplaced,
    /// A write of our own that was interrupted before it was sealed.
    #[error("was being written by this machine when it was interrupted, and is not sealed yet")]
    Unfinished,
}

fn found_serial(found: Option<u64>, seen: u64) -> String {
    match found {
        None => "is not there".to_owned(),
        Some(found) if found == seen => format!("is another seal of number {found}"),
        Some(found) => format!("is seal number {found}"),
    }
}

impl BreachKind {
    /// Returns whether it voids the whole seal, so that no file is vouched for.
    pub const fn voids_all(&self) -> bool {
        matches!(self, Self::Gone | Self::Damaged(_) | Self::RolledBack { .. } | Self::KeyReplaced)
    }

    /// Returns whether the content of the file it is about may not be used.
    pub const fn sets_aside(&self) -> bool {
        matches!(self, Self::Altered | Self::Added | Self::Unfinished)
    }

    /// Returns whether a value may be missing for it that the vault has, or had when it was sealed.
    pub const fn hides_values(&self) -> bool {
        !matches!(self, Self::Unsealed)
    }

    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsealed => "UD318",
            Self::Altered => "UD319",
            Self::Added => "UD320",
            Self::Removed | Self::Gone => "UD321",
            Self::Damaged(_) => "UD322",
            Self::RolledBack { .. } => "UD323",
            Self::KeyReplaced => "UD324",
            Self::Unfinished => "UD325",
        }
    }
}

/// Compares a seal with the files that are there.
///
/// A file that could not be read is left out: that is said of it already, and its values are not there to be used.
pub fn compare(
    key: Option<&FingerprintKey>,
    environment: &EnvironmentName,
    recorded: &Recorded,
    contents: &Contents,
    remembered: &Remembered,
) -> Vec<Breach> {
    let of_seal = |kind| vec![Breach { file: SEAL_FILE.to_owned(), kind }];
    let newest = remembered.newest.as_ref();
    let seal = match (recorded, newest) {
        (Recorded::Absent, Some(_)) if contents.is_empty() => return of_seal(BreachKind::Gone),
        (Recorded::Absent, Some((_, seen, _))) => {
            return of_seal(BreachKind::RolledBack { seen: *seen, found: None });
        }
        (Recorded::Absent, None) if contents.is_empty() => return Vec::new(),
        (Recorded::Absent, None) => return of_seal(BreachKind::Unsealed),
        (Recorded::Damaged(damage, _), _) => return of_seal(BreachKind::Damaged(damage.clone())),
        (Recorded::Read(seal), _) => seal,
    };
    let Some(key) = key else { return of_seal(BreachKind::Damaged(Damage::NoKey)) };
    if seal.whole != whole(key, environment, seal.serial, &seal.files) {
        return of_seal(BreachKind::Damaged(Damage::Forged));
    }
    let mut breaches = match newest {
        // Whoever had the older key could seal as well, as far as this machine has seen, so a key that follows it is no
        // worse; once the newer one was seen, the older one is good for nothing.
        Some((key_id, _, _)) if *key_id != key.id() && !key.follows(key_id) => of_seal(BreachKind::KeyReplaced),
        Some((_, seen, known)) if seal.serial < *seen || (seal.serial == *seen && seal.whole != *known) => {
            of_seal(BreachKind::RolledBack { seen: *seen, found: Some(seal.serial) })
        }
        _ => Vec::new(),
    };
    let is_ours = |file: &str, hash: ContentHash| {
        let ours = begun(key, environment, seal.serial + 1, file, hash);
        remembered.begun.get(file).is_some_and(|begun| *begun == ours)
    };
    for (file, hash) in contents.iter() {
        let kind = match (seal.files.get(file), hash) {
            (Some(_), None) => continue,
            (Some(sealed), Some(hash)) if *sealed == line(key, environment, file, hash) => continue,
            (_, Some(hash)) if is_ours(file, hash) => BreachKind::Unfinished,
            (Some(_), Some(_)) => BreachKind::Altered,
            (None, _) => BreachKind::Added,
        };
        breaches.push(Breach { file: file.to_owned(), kind });
    }
    for file in seal.files.keys().filter(|file| !contents.0.contains_key(*file)) {
        breaches.push(Breach { file: file.clone(), kind: BreachKind::Removed });
    }
    breaches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::fingerprint::KEY_LENGTH;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([byte; KEY_LENGTH]))
    }

    fn name(text: &str) -> EnvironmentName {
        EnvironmentName::parse(text).expect("a name")
    }

    fn contents(files: &[(&str, &str)]) -> Contents {
        let mut contents = Contents::default();
        for (file, content) in files {
            contents.add((*file).to_owned(), Some(ContentHash::of(content.as_bytes())));
        }
        contents
    }

    const FILES: [(&str, &str); 3] = [("a.toml.age", "A"), ("key.age", "K"), ("recipients.txt", "R")];

    fn sealed(serial: u64, files: &[(&str, &str)]) -> Seal {
        let lines = contents(files);
        let staging = name("staging");
        let lines = lines.iter().filter_map(|(file, hash)| Some((file.to_owned(), hash?)));
        let lines = lines.map(|(file, hash)| (file.clone(), line(&key(1), &staging, &file, hash))).collect();
        Seal::new(&key(1), &staging, serial, lines)
    }

    fn seen(serial: u64, seal: &Seal) -> Remembered {
        Remembered { newest: Some((key(1).id(), serial, seal.whole)), begun: BTreeMap::new() }
    }

    fn compared(seal: &Seal, contents: &Contents, remembered: &Remembered) -> Vec<(String, BreachKind)> {
        let found = compare(Some(&key(1)), &name("staging"), &Recorded::Read(seal.clone()), contents, remembered);
        found.into_iter().map(|breach| (breach.file, breach.kind)).collect()
    }

    #[test]
    fn every_difference_is_named_and_only_it() {
        let seal = sealed(3, &FILES);
        let none = Remembered::default();
        let of = |file: &str, kind| vec![(file.to_owned(), kind)];
        let [a, k, r] = FILES;
        let table = [
            (vec![a, k, r], Vec::new()),
            (vec![("a.toml.age", "X"), k, r], of("a.toml.age", BreachKind::Altered)),
            (vec![a, ("key.age", "X"), r], of("key.age", BreachKind::Altered)),
            (vec![a, k, r, ("b.env.age", "A")], of("b.env.age", BreachKind::Added)),
            (vec![k, r], of("a.toml.age", BreachKind::Removed)),
            // Two files that changed places.
            (
                vec![("a.toml.age", "K"), ("key.age", "A"), r],
                vec![("a.toml.age".to_owned(), BreachKind::Altered), ("key.age".to_owned(), BreachKind::Altered)],
            ),
        ];
        for (files, expected) in table {
            assert_eq!(compared(&seal, &contents(&files), &none), expected, "{files:?}");
        }
    }

    #[test]
    fn a_seal_of_another_environment_key_or_number_vouches_for_nothing() {
        let seal = sealed(3, &FILES);
        let forged = vec![Breach { file: SEAL_FILE.to_owned(), kind: BreachKind::Damaged(Damage::Forged) }];
        let found = |key: &FingerprintKey, environment: &str, seal: Seal| {
            let recorded = Recorded::Read(seal);
            compare(Some(key), &name(environment), &recorded, &contents(&FILES), &Remembered::default())
        };
        assert_eq!(found(&key(1), "staging", seal.clone()), []);
        assert_eq!(found(&key(2), "staging", seal.clone()), forged);
        assert_eq!(found(&key(1), "production", seal.clone()), forged);
        assert_eq!(found(&key(1), "staging", Seal { serial: 4, ..seal }), forged);
    }

    #[test]
    fn what_this_machine_has_seen_is_not_undone() {
        let (old, new) = (sealed(3, &FILES), sealed(4, &[("a.toml.age", "B"), FILES[1], FILES[2]]));
        let other = sealed(4, &FILES);
        let rolled_back =
            |seen, found| vec![(SEAL_FILE.to_owned(), BreachKind::RolledBack { seen, found: Some(found) })];
        assert_eq!(compared(&old, &contents(&FILES), &seen(4, &new)), rolled_back(4, 3));
        assert_eq!(compared(&other, &contents(&FILES), &seen(4, &new)), rolled_back(4, 4));
        assert_eq!(compared(&other, &contents(&FILES), &seen(4, &other)), []);
        assert_eq!(compared(&other, &contents(&FILES), &seen(3, &old)), []);
        let other_key = Remembered { newest: Some((key(2).id(), 1, old.whole)), begun: BTreeMap::new() };
        assert_eq!(compared(&old, &contents(&FILES), &other_key), [(SEAL_FILE.to_owned(), BreachKind::KeyReplaced)]);
        // A key that follows the one that was seen is good, with a later number; the other way round it is not.
        let (first, second) = (key(1), key(1).successor(&Zeroizing::new([2; KEY_LENGTH])));
        let under = |key: &FingerprintKey, serial: u64, known: &FingerprintKey, seen: u64| {
            let seal = Seal::new(key, &name("staging"), serial, BTreeMap::new());
            let remembered = Remembered { newest: Some((known.id(), seen, old.whole)), begun: BTreeMap::new() };
            let recorded = Recorded::Read(seal);
            let found = compare(Some(key), &name("staging"), &recorded, &Contents::default(), &remembered);
            found.into_iter().map(|breach| breach.kind).collect::<Vec<_>>()
        };
        assert_eq!(under(&second, 4, &first, 3), []);
        assert_eq!(under(&second, 3, &first, 3), [BreachKind::RolledBack { seen: 3, found: Some(3) }]);
        assert_eq!(under(&first, 5, &second, 4), [BreachKind::KeyReplaced]);
        let absent = |remembered: &Remembered, files: &[(&str, &str)]| {
            compare(Some(&key(1)), &name("staging"), &Recorded::Absent, &contents(files), remembered)
                .into_iter()
                .map(|breach| breach.kind)
                .collect::<Vec<_>>()
        };
        assert_eq!(absent(&seen(4, &new), &FILES), [BreachKind::RolledBack { seen: 4, found: None }]);
        assert_eq!(absent(&seen(4, &new), &[]), [BreachKind::Gone]);
        assert_eq!(absent(&Remembered::default(), &FILES), [BreachKind::Unsealed]);
        assert_eq!(absent(&Remembered::default(), &[]), []);
    }

    #[test]
    fn only_our_own_write_on_top_of_this_very_seal_is_unfinished() {
        let seal = sealed(3, &FILES);
        let written = contents(&[("a.toml.age", "B"), FILES[1], FILES[2]]);
        let kinds = |serial, file: &str, content: &str| {
            let mark = begun(&key(1), &name("staging"), serial, file, ContentHash::of(content.as_bytes()));
            let remembered = Remembered { newest: None, begun: [("a.toml.age".to_owned(), mark)].into() };
            compared(&seal, &written, &remembered).into_iter().map(|(_, kind)| kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(4, "a.toml.age", "B"), [BreachKind::Unfinished]);
        assert_eq!(kinds(4, "a.toml.age", "C"), [BreachKind::Altered]);
        assert_eq!(kinds(4, "b.toml.age", "B"), [BreachKind::Altered]);
        assert_eq!(kinds(3, "a.toml.age", "B"), [BreachKind::Altered]);
        // A line of a seal, which everybody can read in git, is no mark of a begun write.
        let line = line(&key(1), &name("staging"), "a.toml.age", ContentHash::of(b"B"));
        let remembered = Remembered { newest: None, begun: [("a.toml.age".to_owned(), line)].into() };
        assert_eq!(compared(&seal, &written, &remembered)[0].1, BreachKind::Altered);
    }

    #[test]
    fn two_files_of_one_name_are_never_vouched_for() {
        let mut twice = contents(&FILES);
        twice.add("a.toml.age".to_owned(), Some(ContentHash::of(b"A")));
        assert_eq!(twice.iter().next(), Some(("a.toml.age", None)));
    }

    proptest! {
        /// Whatever is done to the list without the key, the seal then vouches for nothing; whatever is done to a
        /// file, it is named.
        #[test]
        fn no_manipulation_is_passed_over(
            files in proptest::collection::btree_map("[a-c]\\.toml\\.age", "[a-d]{0,3}", 0..4),
            moved in proptest::collection::btree_map("[a-c]\\.toml\\.age", "[a-d]{0,3}", 0..4),
            cut in any::<prop::sample::Index>(),
            bit in 0_usize..64,
        ) {
            let list = |files: &BTreeMap<String, String>| -> Vec<(String, String)> {
                files.clone().into_iter().collect()
            };
            let (before, after) = (list(&files), list(&moved));
            let borrowed = |files: &[(String, String)]| -> Contents {
                contents(&files.iter().map(|(file, content)| (file.as_str(), content.as_str())).collect::<Vec<_>>())
            };
            let lines: Vec<(&str, &str)> = before.iter().map(|(f, c)| (f.as_str(), c.as_str())).collect();
            let seal = sealed(3, &lines);
            let found = compared(&seal, &borrowed(&after), &Remembered::default());
            prop_assert_eq!(found.is_empty(), before == after);
            for (file, kind) in &found {
                let expected = match (files.get(file), moved.get(file)) {
                    (Some(_), Some(_)) => BreachKind::Altered,
                    (Some(_), None) => BreachKind::Removed,
                    (None, _) => BreachKind::Added,
                };
                prop_assert_eq!(kind, &expected);
            }
            if !seal.files.is_empty() {
                let file = seal.files.keys().nth(cut.index(seal.files.len())).expect("a line").clone();
                let mut without = seal.clone();
                without.files.remove(&file);
                let mut flipped = seal.clone();
                let mut digits = flipped.files[&file].to_string().into_bytes();
                digits[bit] = if digits[bit] == b'0' { b'1' } else { b'0' };
                let digits = String::from_utf8(digits).expect("digits");
                flipped.files.insert(file, Fingerprint::parse(&digits).expect("a fingerprint"));
                for manipulated in [without, flipped] {
                    let found = compared(&manipulated, &borrowed(&after), &Remembered::default());
                    prop_assert_eq!(found, [(SEAL_FILE.to_owned(), BreachKind::Damaged(Damage::Forged))]);
                }
            }
        }
    }
}
