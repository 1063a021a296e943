//! `rotation.toml`: read, and written under the seal. It has no value, and stays when its last run is over.

use std::collections::BTreeMap;
use std::io;

use vault_schema::rotation::{
    Before as FiledBefore, Progress as FiledProgress, RotationFile, Run as FiledRun, VERSION,
};

use super::group::line_at;
use super::layout::Layout;
use super::seal::{SealError, Sealed, Sealing};
use super::store::{self, ReadError};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::rotation::{Before, Progress, Run};
use crate::domain::seal::{ContentHash, Contents, ROTATION_FILE};

/// Why the rotations were not read or written.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The operating system refused.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// It is not one that undrift wrote: a merge of two branches leaves such a one.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The environment.
        environment: EnvironmentName,
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A version this program does not read.
    #[error("{file} has version {version}, and this undrift reads version {VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// It was replaced since the environment was read.
    #[error("{0} was changed by another program in this moment")]
    Moved(String),
    /// It is not the file that was sealed, or it could not be written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Adds the file to those that the seal vouches for, where it is there.
pub(super) fn add_to(contents: &mut Contents, layout: &Layout, environment: &EnvironmentName) {
    match store::read_if_present(&layout.rotation(environment)) {
        Ok(None) => {}
        Ok(Some(content)) => contents.add(ROTATION_FILE.to_owned(), Some(ContentHash::of(&content))),
        Err(_) => contents.add(ROTATION_FILE.to_owned(), None),
    }
}

/// Reads the runs that are under way, where the seal vouches for them. An environment that never had any has none.
pub fn read(layout: &Layout, environment: &EnvironmentName, sealed: &Sealed) -> Result<Vec<Run>, RotationError> {
    let path = layout.rotation(environment);
    let file = layout.shown(&path);
    if let Some(breach) = sealed.breaches.iter().find(|it| it.kind.voids_all() || it.file == ROTATION_FILE) {
        return Err(SealError::broken(layout, environment, breach).into());
    }
    let content = store::read_if_present(&path);
    let content = content.map_err(|source| RotationError::Unreadable { file: file.clone(), source })?;
    // What is used is what was compared with the seal.
    let found = sealed.contents.iter().find(|(name, _)| *name == ROTATION_FILE).and_then(|(_, hash)| hash);
    if content.as_deref().map(ContentHash::of) != found {
        return Err(RotationError::Moved(file));
    }
    content.map_or(Ok(Vec::new()), |content| parse(environment, &file, &content))
}

/// Looks whether the file is one that undrift wrote, whoever vouches for it.
pub fn check(layout: &Layout, environment: &EnvironmentName) -> Result<(), RotationError> {
    let path = layout.rotation(environment);
    let file = layout.shown(&path);
    let content = store::read_if_present(&path);
    let content = content.map_err(|source| RotationError::Unreadable { file: file.clone(), source })?;
    content.map_or(Ok(()), |content| parse(environment, &file, &content).map(drop))
}

fn parse(environment: &EnvironmentName, file: &str, content: &[u8]) -> Result<Vec<Run>, RotationError> {
    let text = String::from_utf8_lossy(content);
    let malformed = |position: usize, message: &str| RotationError::Malformed {
        environment: environment.clone(),
        file: file.to_owned(),
        line: line_at(content, position),
        message: message.to_owned(),
    };
    let filed: RotationFile =
        toml::from_str(&text).map_err(|error| malformed(error.span().map_or(0, |span| span.start), error.message()))?;
    if filed.version != VERSION {
        return Err(RotationError::Version { file: file.to_owned(), version: filed.version });
    }
    let runs: Option<Vec<Run>> = filed.runs.into_iter().map(unfile).collect();
    runs.ok_or_else(|| malformed(0, "it has a run that undrift did not write"))
}

/// Writes the runs that are under way, and seals the file.
pub fn write(
    layout: &Layout,
    environment: &EnvironmentName,
    runs: &[Run],
    sealing: &mut Sealing<'_>,
) -> Result<(), RotationError> {
    let path = layout.rotation(environment);
    let file = || layout.shown(&path);
    let before = store::read_if_present(&path).map_err(|source| RotationError::Unreadable { file: file(), source })?;
    sealing.vouches_for(&path, before.as_deref())?;
    let text = render(runs).map_err(|source| SealError::Unwritable { file: file(), source })?;
    sealing.write(&path, text.as_bytes(), before.is_none())?;
    Ok(())
}

fn render(runs: &[Run]) -> io::Result<String> {
    let file = RotationFile { version: VERSION, runs: runs.iter().map(filed).collect() };
    let body = toml::to_string(&file).map_err(io::Error::other)?;
    Ok(format!(
        "# The rotations that are under way. Written by `undrift rotate`; values stand here only as HMACs under the\n\
         # environment's own key.\n{body}"
    ))
}

/// Returns the text of the file under the next generation of its key.
pub(super) fn carried(environment: &EnvironmentName, content: &[u8], key: &FingerprintKey) -> io::Result<String> {
    let mut runs = parse(environment, ROTATION_FILE, content).map_err(io::Error::other)?;
    for before in runs.iter_mut().flat_map(|run| run.secrets.values_mut()) {
        before.old = key.carried(before.old);
        before.new = before.new.map(|new| key.carried(new));
    }
    render(&runs)
}

fn filed(run: &Run) -> FiledRun {
    let secrets = run.secrets.iter().map(|(name, before)| {
        let Before { old, new, rotated, expires, overlap } = before;
        let new = new.map(|new| new.to_string());
        let (old, rotated, expires, overlap) = (old.to_string(), *rotated, *expires, *overlap);
        (name.to_string(), FiledBefore { old, new, rotated, expires, overlap })
    });
    let places = run.places.iter().map(|(place, Progress { reach, since, receipt })| {
        (place.clone(), FiledProgress { reach: *reach, since: *since, receipt: *receipt })
    });
    FiledRun {
        begun: run.begun,
        stage: run.stage,
        since: run.since,
        who: run.who.clone(),
        reason: run.reason.clone(),
        secrets: secrets.collect(),
        places: places.collect(),
        probes: run.probes.clone(),
    }
}

fn unfile(run: FiledRun) -> Option<Run> {
    let secrets = run.secrets.into_iter().map(|(name, FiledBefore { old, new, rotated, expires, overlap })| {
        let new = match new {
            Some(new) => Some(Fingerprint::parse(&new)?),
            None => None,
        };
        let old = Fingerprint::parse(&old)?;
        Some((SecretName::parse(&name).ok()?, Before { old, new, rotated, expires, overlap }))
    });
    let places = run
        .places
        .into_iter()
        .map(|(place, FiledProgress { reach, since, receipt })| (place, Progress { reach, since, receipt }));
    Some(Run {
        begun: run.begun,
        who: run.who,
        reason: run.reason,
        stage: run.stage,
        since: run.since,
        secrets: secrets.collect::<Option<BTreeMap<_, _>>>()?,
        places: places.collect(),
        probes: run.probes,
    })
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::log::Who;
    use crate::domain::rotation::{Answer, ProbeReport, Reach, Reason, Stage, Which};
    use crate::domain::seal::{BreachKind, Recorded};
    use crate::domain::secret::SecretValue;
    use crate::vault::seal;

    fn key() -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([7; 32]))
    }

    fn run() -> Run {
        let at = "2026-11-20T08:00:00Z".parse().expect("a time");
        let value = |text| key().value(&SecretValue::copied_from(text));
        let before = |new: Option<_>, rotated, expires| Before {
            old: value("x"),
            overlap: new.is_some(),
            new,
            rotated,
            expires,
        };
        let name = |text| SecretName::parse(text).expect("a name");
        let day = Some(jiff::civil::date(2026, 1, 2));
        let places = [("fly:shop-staging", Reach::Running), ("github:acme/shop", Reach::Waiting)];
        Run {
            begun: at,
            who: Who { user: Some("alice".to_owned()), ..Who::default() },
            reason: Some(Reason::Breached("web".to_owned())),
            stage: Stage::Staged,
            since: at,
            secrets: [(name("A"), before(None, None, None)), (name("B"), before(Some(value("y")), day, day))].into(),
            places: places
                .map(|(place, reach)| (place.to_owned(), Progress { reach, since: at, receipt: None }))
                .into(),
            probes: vec![ProbeReport {
                secret: "A".to_owned(),
                value: Which::New,
                answer: Answer::Alive,
                reason: "it answered 200".to_owned(),
                first: at,
                last: at,
            }],
        }
    }

    #[test]
    fn what_was_written_is_read_and_only_under_its_seal() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::at(folder.path());
        let staging = EnvironmentName::parse("staging").expect("a name");
        store::make_folder(&layout.environment(&staging)).expect("a folder");
        let key = key();
        let mut contents = Contents::default();
        contents.add("a.toml.age".to_owned(), Some(ContentHash::of(b"A")));
        let first = Sealed { recorded: Recorded::Absent, contents: contents.clone(), breaches: Vec::new() };
        seal::accept(&layout, &staging, &key, &first).expect("sealing");
        let compared = || {
            let mut contents = contents.clone();
            add_to(&mut contents, &layout, &staging);
            Sealed::compare(&layout, &staging, Some(&key), contents)
        };
        assert_eq!(read(&layout, &staging, &compared()).expect("none"), []);
        let sealed = compared();
        let mut sealing = Sealing::open(&layout, &staging, Some(&key), &sealed).expect("a seal");
        for runs in [&[run()][..], &[run(), run()], &[]] {
            write(&layout, &staging, runs, &mut sealing).expect("writing");
            assert_eq!(read(&layout, &staging, &compared()).expect("runs"), runs);
        }
        write(&layout, &staging, &[run()], &mut sealing).expect("writing");
        // What was compared is not what is there now.
        let sealed = compared();
        let text = std::fs::read_to_string(layout.rotation(&staging)).expect("a file");
        std::fs::write(layout.rotation(&staging), text.replace("staged", "verified")).expect("writing");
        assert!(matches!(read(&layout, &staging, &sealed), Err(RotationError::Moved(_))));
        let breach = |expected: BreachKind| match read(&layout, &staging, &compared()) {
            Err(RotationError::Seal(SealError::Broken { breach, .. })) => assert_eq!(breach, expected),
            other => panic!("{other:?}"),
        };
        breach(BreachKind::Altered);
        std::fs::remove_file(layout.rotation(&staging)).expect("removing");
        breach(BreachKind::Removed);
    }

    #[test]
    fn a_further_key_carries_the_runs_over() {
        let staging = EnvironmentName::parse("staging").expect("a name");
        let next = key().successor(&Zeroizing::new([8; 32]));
        let text = render(&[run()]).expect("a text");
        let text = carried(&staging, text.as_bytes(), &next).expect("a text");
        let runs = parse(&staging, "x", text.as_bytes()).expect("runs");
        let value = |text| next.value(&SecretValue::copied_from(text));
        assert!(runs[0].secrets.values().all(|before| before.old == value("x")));
        assert_eq!(runs[0].secrets.values().map(|before| before.new).collect::<Vec<_>>(), [None, Some(value("y"))]);
    }

    #[test]
    fn a_file_that_git_has_merged_is_named_with_its_line() {
        let staging = EnvironmentName::parse("staging").expect("a name");
        for (text, expected) in [
            ("version = 1\n<<<<<<< HEAD\n", "f:2: "),
            ("version = 2\n", "f has version 2"),
            ("version = 1\nmore = 1\n", "f:2: unknown field"),
        ] {
            let error = parse(&staging, "f", text.as_bytes()).expect_err("no runs").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let text = render(&[run()]).expect("a text").replace("[runs.secrets.A]", "[runs.secrets.\"A B\"]");
        assert!(parse(&staging, "f", text.as_bytes()).is_err());
    }
}
