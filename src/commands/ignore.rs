//! `undrift ignore`: names that are somebody else's are accepted, by a rule in `undrift.toml` with a reason.

use std::collections::BTreeMap;

use anyhow::Context;
use vault_schema::verdict::Verdict;

use super::survey::{Survey, survey};
use crate::cli::{Global, Ignore};
use crate::domain::declaration::IgnoreRule;
use crate::domain::name::{RemoteName, SecretName, TargetName};
use crate::domain::row::Row;
use crate::domain::suggest::nearest;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::report::intake::count;
use crate::settings::{Selection, World};
use crate::ui::AskError;
use crate::vault::layout::PROJECT_FILE;
use crate::vault::{declare, lock};

pub(super) fn run(arguments: &Ignore, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    if arguments.reason.trim().is_empty() {
        return Err(Refusal::BadRule("an ignore rule needs a reason").into());
    }
    if arguments.name.is_some() {
        selection.one_target("ignore")?;
    }
    // The rules are added to what the file has now: two at once would lose those of one.
    let _lock = lock::acquire_patiently(&selection.layout, &world.who(), (world.clock)())?;
    let survey = survey(selection, global, world)?;
    if arguments.until.is_some_and(|last| last < survey.today()) {
        return Err(Refusal::BadRule("`--until` is a day that has passed").into());
    }
    survey.refuse_unread()?;
    let rule = |target: &TargetName, name: &str| IgnoreRule {
        target: Some(target.clone()),
        name: name.to_owned(),
        reason: arguments.reason.clone(),
        until: arguments.until,
    };
    let (rules, names) = match (&arguments.name, survey.selection.targets.as_slice()) {
        (Some(name), [target]) => named(&survey, rule(target, name))?,
        _ => current(&survey, rule, world),
    };
    if rules.is_empty() {
        world.ui.say("nothing unmanaged is left that no rule covers");
        return Ok(Exit::Clean);
    }
    for (place, name) in names {
        world.ui.write(&format!("{place}  {name}\n"));
    }
    let (rules_text, until) = (count(rules.len(), "rule"), arguments.until);
    let until = until.map_or_else(String::new, |day| format!(" until {day}"));
    if !arguments.yes && !world.ui.confirm(&format!("ignore these{until}, by {rules_text} in {PROJECT_FILE}?"))? {
        return Err(AskError::Declined.into());
    }
    declare::ignore(&survey.selection.layout, &rules).with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
    world.ui.say(&format!("added {rules_text} to {PROJECT_FILE}"));
    Ok(Exit::Clean)
}

/// The rules that are to be added, and the places and names that they cover today.
type Chosen = (Vec<IgnoreRule>, Vec<(String, RemoteName)>);

fn unmanaged(survey: &Survey) -> impl Iterator<Item = &Row> {
    survey.rows.iter().filter(|row| row.judgement.verdict == Verdict::Unmanaged && row.secret.is_none())
}

/// Returns the one rule that was asked for, unless everything it means is covered already.
fn named(survey: &Survey, rule: IgnoreRule) -> Result<Chosen, Refusal> {
    if let Some((name, secret)) = ours(survey, &rule) {
        return Err(Refusal::Ours { pattern: rule.name, name, secret });
    }
    let covered: Vec<&Row> =
        unmanaged(survey).filter(|row| rule.covers(&row.place, &row.remote_name, survey.today())).collect();
    if covered.is_empty()
        && let Some(target) = rule.target
    {
        let nearest = nearest(&rule.name, unmanaged(survey).map(|row| row.remote_name.as_str())).map(str::to_owned);
        return Err(Refusal::NotUnmanaged { name: Typed::new(rule.name), target, nearest });
    }
    let open: Vec<_> = covered.into_iter().filter(|row| !row.ignored).map(shown).collect();
    Ok(if open.is_empty() { Chosen::default() } else { (vec![rule], open) })
}

/// Returns a rule for each unmanaged name at a target that no rule covers. What is ours elsewhere is left, and said.
fn current(survey: &Survey, rule: impl Fn(&TargetName, &str) -> IgnoreRule, world: &mut World) -> Chosen {
    let mut rows: BTreeMap<(&TargetName, &RemoteName), Vec<&Row>> = BTreeMap::new();
    for row in unmanaged(survey).filter(|row| !row.ignored) {
        rows.entry((&row.place.target, &row.remote_name)).or_default().push(row);
    }
    let mut chosen = Chosen::default();
    for ((target, name), rows) in rows {
        let rule = rule(target, name.as_str());
        if let Some((name, secret)) = ours(survey, &rule) {
            world.ui.say(&format!("note: left out: {name} at `{target}`, which is {secret} in another environment"));
        } else {
            chosen.0.push(rule);
            chosen.1.extend(rows.into_iter().map(shown));
        }
    }
    chosen
}

fn shown(row: &Row) -> (String, RemoteName) {
    (row.place.location.to_string(), row.remote_name.clone())
}

/// Returns a name that the rule covers although it is ours: one that we push there in any environment, or have pushed.
fn ours(survey: &Survey, rule: &IgnoreRule) -> Option<(RemoteName, SecretName)> {
    let (project, today) = (&survey.selection.project, survey.today());
    let mut declared =
        project.environments.keys().flat_map(|environment| project.places(environment)).flat_map(|place| {
            let bindings = project.bindings(&place).into_iter();
            bindings.map(move |binding| (place.clone(), binding.remote_name, binding.secret)).collect::<Vec<_>>()
        });
    let pushed =
        || survey.rows.iter().filter_map(|row| Some((row.place.clone(), row.remote_name.clone(), row.secret.clone()?)));
    let covers = |(place, name, _): &(_, RemoteName, SecretName)| rule.covers(place, name, today);
    declared.find(covers).or_else(|| pushed().find(covers)).map(|(_, name, secret)| (name, secret))
}
