//! What keeps a run open for ever unless a person does something: a place that does not take a value, or a name that an
//! ignore rule takes out of every push.

use std::collections::BTreeSet;

use super::site::Site;
use crate::commands::survey::Survey;
use crate::domain::finding::{Problem, ProblemKind};
use crate::domain::name::SecretName;
use crate::domain::row::Row;

/// Says what no further attempt brings about, and what a person can do.
pub(super) fn stuck(site: &Site, survey: &Survey, scope: &BTreeSet<SecretName>) -> Vec<String> {
    let flags = site.flags();
    let end = |secret: &str| {
        format!("`targets` in `[secrets.{secret}]` of undrift.toml, then `undrift rotate --continue{flags}`")
    };
    let is_meant = |problem: &&Problem| problem.secret.as_deref().is_some_and(|name| scope.contains(name));
    let problems = survey.subjects.get(&site.environment).into_iter().flat_map(|subject| &subject.inventory.problems);
    let blocked = problems.filter(is_meant).filter_map(|problem| {
        let secret = problem.secret.as_deref().unwrap_or_default();
        let advice = match problem.kind {
            ProblemKind::TooLargeThere { .. } => {
                format!(
                    "`undrift rotate --rollback{flags}` brings the old value back; or take the place out of {}",
                    end(secret)
                )
            }
            ProblemKind::IllegalThere { .. } | ProblemKind::Collision { .. } => {
                format!("give it a name of its own there, or take the place out, in {}", end(secret))
            }
            _ => return None,
        };
        Some(format!("the run stays open, for {secret} {}: {advice}", problem.kind))
    });
    let is_left_out = |row: &&Row| row.ignored && row.secret.as_ref().is_some_and(|secret| scope.contains(secret));
    let ignored = survey.rows.iter().filter(is_left_out).map(|row| {
        let (name, place) = (&row.remote_name, &row.place.location);
        let secret = row.secret.as_ref().map_or("", |secret| secret.as_str());
        format!(
            "the run stays open, for an `[[ignore]]` rule covers {name} at {place}, and nothing is written there: \
             remove the rule, or take the place out of {}",
            end(secret)
        )
    });
    blocked.chain(ignored).collect()
}
