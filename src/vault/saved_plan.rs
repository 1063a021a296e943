//! Saved plans: written with a MAC of each environment, and read back only when it still holds.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use vault_schema::saved_plan::{FAMILY, SCHEMA, SavedPlan};

use super::store::{self, ReadError};
use crate::domain::fingerprint::{Fingerprint, FingerprintKey};
use crate::domain::name::EnvironmentName;

/// Why a saved plan is not used.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// The operating system refused.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: ReadError,
    },
    /// Not a plan that undrift saved.
    #[error("{file} is not a plan that undrift saved")]
    NotOne {
        /// The file.
        file: String,
    },
    /// A plan with a line that no undrift wrote.
    #[error("{file}:{line}: is not what undrift wrote there")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A version this program does not read.
    #[error("{file} has the format `{schema}`, and this undrift reads `{SCHEMA}`")]
    Version {
        /// The file.
        file: String,
        /// Its format.
        schema: String,
    },
    /// A plan for other environments than those that were named.
    #[error("{file} is a plan for {planned}, and not for {named}")]
    OtherEnvironments {
        /// The file.
        file: String,
        /// Those it is for.
        planned: String,
        /// Those that were named.
        named: String,
    },
    /// A plan under another key.
    #[error(
        "{file} was made under another fingerprint key of `{environment}`: it is another project's, or the key was replaced"
    )]
    OtherKey {
        /// The file.
        file: String,
        /// The environment.
        environment: EnvironmentName,
    },
    /// A plan that was changed after it was saved.
    #[error("{file} was changed after undrift saved it")]
    Altered {
        /// The file.
        file: String,
    },
    /// A file that is no saved plan stands where one should go.
    #[error("{file} is there already, and is no saved plan")]
    InTheWay {
        /// The file.
        file: String,
    },
    /// It could not be written.
    #[error("cannot write {file}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// The keys of the environments that a plan is for.
pub type Keys<'a> = BTreeMap<EnvironmentName, &'a FingerprintKey>;

#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// Writes a plan: a new file, or in place of another saved plan, but never of anything else. `path` is shown as it is,
/// and lies in `folder` unless it is absolute.
pub fn write(folder: &Path, path: &Path, mut plan: SavedPlan, keys: &Keys<'_>) -> Result<(), SavedPlanError> {
    let file = path.display().to_string();
    let content = unsealed(&plan);
    for (name, key) in keys {
        if let Some(environment) = plan.environments.get_mut(name.as_str()) {
            environment.mac = key.saved_plan(&content).to_string();
        }
    }
    let text = text(&plan);
    let path = &folder.join(path);
    let present = store::read_if_present(path);
    let present = present.map_err(|source| SavedPlanError::Unreadable { file: file.clone(), source })?;
    let written = match present {
        None => store::create(path, text.as_bytes()),
        Some(old) if serde_json::from_slice::<Head>(&old).is_ok_and(|head| head.schema.starts_with(FAMILY)) => {
            store::replace(path, text.as_bytes())
        }
        Some(_) => return Err(SavedPlanError::InTheWay { file }),
    };
    written.map_err(|source| SavedPlanError::Unwritable { file, source })
}

/// Reads a plan. Nothing in it may be believed before [`verify`]. `path` is as for [`write()`].
pub fn read(folder: &Path, path: &Path) -> Result<SavedPlan, SavedPlanError> {
    let file = path.display().to_string();
    let content =
        store::read(&folder.join(path)).map_err(|source| SavedPlanError::Unreadable { file: file.clone(), source })?;
    let Ok(Head { schema }) = serde_json::from_slice(&content) else { return Err(SavedPlanError::NotOne { file }) };
    if !schema.starts_with(FAMILY) {
        return Err(SavedPlanError::NotOne { file });
    }
    if schema != SCHEMA {
        return Err(SavedPlanError::Version { file, schema });
    }
    // What serde says repeats what is written there, which anybody may have chosen.
    serde_json::from_slice(&content).map_err(|error| SavedPlanError::Malformed { file, line: error.line() })
}

/// Checks that a plan is as it was when somebody with these keys saved it.
pub fn verify(path: &Path, plan: &SavedPlan, keys: &Keys<'_>) -> Result<(), SavedPlanError> {
    let file = || path.display().to_string();
    let content = unsealed(plan);
    for (name, key) in keys {
        let environment =
            plan.environments.get(name.as_str()).ok_or_else(|| SavedPlanError::Altered { file: file() })?;
        if environment.key_id != key.id() {
            return Err(SavedPlanError::OtherKey { file: file(), environment: name.clone() });
        }
        if Fingerprint::parse(&environment.mac) != Some(key.saved_plan(&content)) {
            return Err(SavedPlanError::Altered { file: file() });
        }
    }
    Ok(())
}

/// What the MACs cover: everything but themselves.
fn unsealed(plan: &SavedPlan) -> String {
    let mut plan = plan.clone();
    for environment in plan.environments.values_mut() {
        environment.mac.clear();
    }
    text(&plan)
}

fn text(plan: &SavedPlan) -> String {
    // The model has string keys and plain values only, so it always serialises.
    serde_json::to_string_pretty(plan).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> FingerprintKey {
        FingerprintKey::new(Zeroizing::new([byte; 32]))
    }

    fn plan(key: &FingerprintKey) -> SavedPlan {
        let environment = vault_schema::saved_plan::Environment { key_id: key.id(), ..Default::default() };
        SavedPlan {
            schema: SCHEMA.to_owned(),
            tool: "undrift".to_owned(),
            at: "2026-11-20T08:00:00Z".parse().expect("a time"),
            environments: BTreeMap::from([("staging".to_owned(), environment)]),
            targets: Vec::new(),
            places: Vec::new(),
            choices: vault_schema::saved_plan::Choices {
                take_vault: false,
                overwrite: Vec::new(),
                prune: false,
                max_deletes: 10,
                allow_shrink: false,
            },
            steps: Vec::new(),
            roll_outs: Vec::new(),
        }
    }

    #[test]
    fn any_edit_is_seen_and_another_key_is_told_from_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        let staging = EnvironmentName::parse("staging").expect("a name");
        let (ours, theirs) = (key(1), key(2));
        let keys = Keys::from([(staging.clone(), &ours)]);
        write(folder.path(), &path, plan(&ours), &keys).expect("writing");
        let saved = std::fs::read_to_string(&path).expect("a file");
        let check = |text: &str| {
            std::fs::write(&path, text).expect("writing");
            read(folder.path(), &path).and_then(|plan| verify(&path, &plan, &keys))
        };
        assert!(check(&saved).is_ok());
        for (from, to) in [
            ("10", "11"),
            ("false", "true"),
            ("08:00", "08:01"),
            ("\"undrift\"", "\"other\""),
            ("\"targets\": []", "\"targets\": [\"a\"]"),
        ] {
            assert!(saved.contains(from), "{from}");
            let edited = check(&saved.replacen(from, to, 1));
            assert!(matches!(edited, Err(SavedPlanError::Altered { .. })), "{from}: {edited:?}");
        }
        let foreign = verify(&path, &plan(&ours), &Keys::from([(staging, &theirs)]));
        assert!(matches!(foreign, Err(SavedPlanError::OtherKey { .. })));
        let more = check(&saved.replacen('{', "{ \"more\": 1,", 1));
        assert!(matches!(more, Err(SavedPlanError::Malformed { line: 1, .. })), "{more:?}");
        assert!(matches!(check(&saved.replace("plan/1", "plan/2")), Err(SavedPlanError::Version { .. })));
        assert!(matches!(check("{}"), Err(SavedPlanError::NotOne { .. })));
    }

    #[test]
    fn replaces_a_saved_plan_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        let ours = key(1);
        let keys = Keys::from([(EnvironmentName::parse("staging").expect("a name"), &ours)]);
        write(folder.path(), &path, plan(&ours), &keys).expect("writing");
        write(folder.path(), &path, plan(&ours), &keys).expect("writing again");
        std::fs::write(&path, "{\"schema\": \"undrift/plan/1\"}").expect("writing");
        let refused = write(folder.path(), &path, plan(&ours), &keys);
        assert!(matches!(refused, Err(SavedPlanError::InTheWay { .. })), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "{\"schema\": \"undrift/plan/1\"}");
    }
}
