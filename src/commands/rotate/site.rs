//! The vault's side of a rotation: an environment that is read, and written again and again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;

use crate::domain::fingerprint::FingerprintKey;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::rotation::{self, Run, Standing};
use crate::error::Refusal;
use crate::settings::Selection;
use crate::vault::identity::Identities;
use crate::vault::layout::GroupFile;
use crate::vault::read::Environment;
use crate::vault::seal::Sealing;
use crate::vault::staging::{self, Change};
use crate::vault::{rotation as file, write};

/// Where a rotation takes place. The project's lock is held meanwhile.
pub(super) struct Site {
    pub(super) selection: Selection,
    pub(super) environment: EnvironmentName,
    pub(super) identities: Identities,
}

/// An environment as it was read, with the runs that are open. One write makes it old.
pub(super) struct Opened {
    pub(super) read: Environment,
    pub(super) runs: Vec<Run>,
    /// Files whose writing was interrupted on this machine, and that are sealed now.
    pub(super) unfinished: Vec<String>,
}

impl Opened {
    /// Returns the environment's fingerprint key.
    pub(super) fn key(&self) -> Result<&FingerprintKey, Refusal> {
        let unreadable = || Refusal::KeyUnreadable(self.read.inventory.environment.clone());
        self.read.known_key().ok_or_else(unreadable)
    }

    /// Tells what the vault has of each secret of a run.
    pub(super) fn standings(&self, run: &Run) -> anyhow::Result<BTreeMap<SecretName, Standing>> {
        let key = self.key()?;
        let standings = run.secrets.iter().map(|(name, before)| {
            let entry = self.read.inventory.entries.get(name);
            let entry = entry.with_context(|| {
                let environment = &self.read.inventory.environment;
                format!(
                    "{name} is being rotated, and is not in the vault any more; \
                     `undrift set {name} -e {environment}` gives it a value again"
                )
            })?;
            Ok((name.clone(), rotation::standing(key, before, entry)))
        });
        standings.collect()
    }

    /// Notes in a run which its new values are, where the vault has them and it does not say so yet. Returns whether
    /// there were any.
    pub(super) fn learn(&self, run: &mut Run) -> Result<bool, Refusal> {
        let (key, entries) = (self.key()?, &self.read.inventory.entries);
        let mut is_changed = false;
        for (name, before) in &mut run.secrets {
            let learned = entries.get(name).and_then(|entry| rotation::learned(key, before, entry));
            is_changed |= learned.is_some();
            before.new = before.new.or(learned);
        }
        Ok(is_changed)
    }
}

/// Refuses an environment that could not be read whole.
pub(super) fn refuse_unread(read: &Environment) -> Result<(), Refusal> {
    if let Some(refusal) = Refusal::locked(read) {
        return Err(refusal);
    }
    let problem = read.inventory.problems.iter().find(|problem| problem.kind.hides_values());
    problem.map_or(Ok(()), |problem| {
        let environment = read.inventory.environment.clone();
        Err(Refusal::Incomplete { environment, problem: problem.to_string() })
    })
}

impl Site {
    /// Reads the environment. What cannot be read whole, or nobody has vouched for, is not rotated.
    pub(super) fn open(&self) -> anyhow::Result<Opened> {
        let (layout, name) = (&self.selection.layout, &self.environment);
        let (read, unfinished) = write::open(layout, name, &self.identities)?;
        refuse_unread(&read)?;
        if read.sealed.is_unsealed() {
            return Err(Refusal::Unsealed(name.clone()).into());
        }
        let runs = file::read(layout, name, &read.sealed)?;
        let opened = Opened { read, runs, unfinished };
        opened.key()?;
        Ok(opened)
    }

    /// Returns the options that name the environment for a write.
    pub(super) fn flags(&self) -> String {
        self.selection.write_flags(&self.environment)
    }

    /// Refuses to go on where the value of a secret is neither the old nor the new one.
    pub(super) fn neither(&self, name: SecretName) -> Refusal {
        Refusal::NeitherValue { environment: self.environment.clone(), name, flags: self.flags() }
    }

    /// Refuses an overlap where another secret has the name of the old value.
    pub(super) fn refuse_taken(&self, opened: &Opened, name: &SecretName) -> Result<(), Refusal> {
        let taken = name.previous().filter(|previous| opened.read.inventory.entries.contains_key(previous));
        taken.map_or(Ok(()), |previous| {
            let (environment, name) = (self.environment.clone(), name.clone());
            Err(Refusal::PreviousTaken { environment, name, previous })
        })
    }

    /// Returns the places that have one of these secrets.
    pub(super) fn places(&self, scope: &BTreeSet<SecretName>) -> Vec<String> {
        let project = &self.selection.project;
        let has = |place: &_| project.bindings(place).iter().any(|binding| scope.contains(&binding.secret));
        let places = project.places(&self.environment).into_iter().filter(has);
        let places: Vec<String> = places.map(|place| place.location.to_string()).collect();
        if places.is_empty() { vec!["no place but the vault".to_owned()] } else { places }
    }

    /// Returns the files with values.
    pub(super) fn groups(&self) -> anyhow::Result<Vec<GroupFile>> {
        let name = &self.environment;
        self.selection.layout.groups(name).with_context(|| format!("cannot read vault/{name}"))
    }

    /// Writes the runs that are open.
    pub(super) fn save(&self, opened: &Opened, runs: &[Run]) -> anyhow::Result<()> {
        let mut sealing = self.sealing(opened)?;
        file::write(&self.selection.layout, &self.environment, runs, &mut sealing)?;
        Ok(())
    }

    /// Notes how far a run is; one that is over is open no longer.
    pub(super) fn note(&self, opened: &Opened, run: &Run) -> anyhow::Result<()> {
        let is_it = |other: &Run| other.begun == run.begun && other.secrets.keys().eq(run.secrets.keys());
        let mut runs = opened.runs.clone();
        runs.retain_mut(|other| {
            if is_it(other) {
                other.clone_from(run);
            }
            !is_it(other) || !run.stage.is_over()
        });
        if runs == opened.runs { Ok(()) } else { self.save(opened, &runs) }
    }

    /// Changes values, all those of one file at once.
    pub(super) fn change(&self, opened: &Opened, changes: &[(&SecretName, Change<'_>)]) -> anyhow::Result<()> {
        let mut sealing = self.sealing(opened)?;
        let recipients = opened.read.recipients.as_ref().map_err(|error| anyhow::anyhow!("{error}"));
        let recipients =
            recipients.with_context(|| format!("cannot read vault/{}/recipients.txt", self.environment))?;
        let mut files: BTreeMap<&str, Vec<(&SecretName, Change<'_>)>> = BTreeMap::new();
        for (name, change) in changes {
            let entry = &opened.read.inventory.entries[*name];
            files.entry(&entry.source.file).or_default().push((name, *change));
        }
        let groups = self.groups()?;
        for (shown, changes) in files {
            let Some(group) = groups.iter().find(|group| group.shown == shown) else {
                anyhow::bail!("{shown} is gone since it was read");
            };
            staging::apply(group, &changes, &self.identities, recipients, &mut sealing)?;
        }
        Ok(())
    }

    fn sealing<'a>(&'a self, opened: &'a Opened) -> anyhow::Result<Sealing<'a>> {
        let (layout, key) = (&self.selection.layout, opened.read.known_key());
        Ok(Sealing::open(layout, &self.environment, key, &opened.read.sealed)?)
    }
}
