//! What `plan --out` and `push --plan` have in common: a plan that was reviewed is done exactly, or not at all.

use std::path::{Path, PathBuf};

use anyhow::Context;
use vault_schema::saved_plan::{self as schema, SavedPlan};

use super::survey::Survey;
use crate::cli::Choices;
use crate::domain::name::{EnvironmentName, TargetName};
use crate::domain::plan::Plan;
use crate::error::Refusal;
use crate::flow::saved::{self, Made};
use crate::report::TOOL;
use crate::settings::{Selection, World};
use crate::vault::saved_plan::{self, SavedPlanError};

/// Saves a plan.
pub(super) fn save(path: &Path, survey: &Survey, choices: &Choices, plan: &Plan, world: &World) -> anyhow::Result<()> {
    for name in survey.subjects.keys() {
        survey.refuse_without_key(name)?;
        // A key of this run alone would be gone when the plan is to be done.
        if survey.keyless.contains(name) {
            return Err(Refusal::Keyless(name.clone()).into());
        }
    }
    let plan = made(survey, choices, plan).saved().context("cannot save the plan")?;
    Ok(saved_plan::write(&world.folder, path, plan, &saved::keys(&survey.subjects))?)
}

fn made<'a>(survey: &'a Survey, choices: &Choices, plan: &'a Plan) -> Made<'a> {
    Made {
        tool: TOOL,
        at: survey.at,
        subjects: &survey.subjects,
        targets: &survey.selection.targets,
        rows: &survey.rows,
        choices: schema::Choices {
            take_vault: choices.take_vault,
            overwrite: choices.overwrite.clone(),
            prune: choices.prune,
            max_deletes: choices.max_deletes,
            allow_shrink: choices.allow_shrink,
        },
        plan,
    }
}

/// A plan that was saved, and where.
pub(super) struct Saved {
    path: PathBuf,
    plan: SavedPlan,
}

impl Saved {
    /// Reads a plan, and narrows what is meant to what it was made for.
    pub(super) fn open(path: &Path, selection: &mut Selection, world: &World) -> anyhow::Result<Self> {
        let plan = saved_plan::read(&world.folder, path)?;
        let named: Vec<&str> = selection.environments.iter().map(EnvironmentName::as_str).collect();
        if !plan.environments.keys().map(String::as_str).eq(named.iter().copied()) {
            let planned = plan.environments.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (file, named) = (path.display().to_string(), named.join(", "));
            return Err(SavedPlanError::OtherEnvironments { file, planned, named }.into());
        }
        for name in &plan.targets {
            let declared = TargetName::parse(name).ok().filter(|name| selection.project.targets.contains_key(name));
            let declared = declared.with_context(|| {
                format!("{} was made for the target `{name}`, which is no longer declared", path.display())
            })?;
            selection.targets.push(declared);
        }
        Ok(Self { path: path.to_owned(), plan })
    }

    /// Returns what a person had decided.
    pub(super) fn choices(&self) -> Choices {
        let schema::Choices { take_vault, overwrite, prune, max_deletes, allow_shrink } = self.plan.choices.clone();
        Choices { take_vault, overwrite, prune, max_deletes, allow_shrink }
    }

    /// Refuses a file that was changed, or that another project's key made.
    pub(super) fn verify(&self, survey: &Survey) -> Result<(), SavedPlanError> {
        saved_plan::verify(&self.path, &self.plan, &saved::keys(&survey.subjects))
    }

    /// Refuses a plan that would not be made again as it is.
    pub(super) fn compare(&self, survey: &Survey, plan: &Plan) -> anyhow::Result<()> {
        let changes = made(survey, &self.choices(), plan).changes(&self.plan).context("cannot compare the plan")?;
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
        Err(Refusal::PlanMoved { file: self.path.display().to_string(), changes }.into())
    }
}
