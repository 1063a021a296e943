//! Bindings: which values go to which place, and which may not.

use std::collections::{BTreeMap, BTreeSet};

use super::declaration::{Binding, Project};
use super::finding::{Problem, ProblemKind};
use super::inventory::Inventory;
use super::name::{RemoteName, SecretName};
use super::place::{Location, Place};
use super::row::Bindings;

/// Returns the secrets that lack a value, and the values that lack a declaration.
pub fn declared(project: &Project, inventory: &Inventory) -> Vec<Problem> {
    let places = project.places(&inventory.environment);
    let pushed: BTreeSet<SecretName> =
        places.iter().flat_map(|place| project.bindings(place)).map(|binding| binding.secret).collect();
    let without_value = project
        .secrets
        .keys()
        // A value may stand in a file that could not be read; then it is that file's problem.
        .filter(|_| inventory.is_complete())
        .filter(|secret| project.expects(secret, &inventory.environment) && !inventory.entries.contains_key(*secret))
        .map(|secret| {
            let kind = ProblemKind::NoValue { is_pushed: pushed.contains(secret) };
            Problem { file: None, line: None, secret: Some(secret.to_string()), kind }
        });
    let without_declaration = inventory
        .entries
        .iter()
        .filter(|(secret, _)| !inventory.beside.contains(*secret))
        .filter(|(secret, _)| !project.expects(secret, &inventory.environment) && !project.is_token(secret))
        .map(|(secret, entry)| Problem {
            file: Some(entry.source.file.clone()),
            line: Some(entry.source.line),
            secret: Some(secret.to_string()),
            kind: ProblemKind::NotDeclared,
        });
    without_value.chain(without_declaration).collect()
}

/// The places that several environments share, found once for all of them.
#[derive(Debug)]
pub struct Shared(BTreeMap<Location, Vec<Place>>);

impl Shared {
    /// Finds them.
    pub fn of(project: &Project) -> Self {
        let mut places: BTreeMap<Location, Vec<Place>> = BTreeMap::new();
        for place in project.environments.keys().flat_map(|environment| project.places(environment)) {
            places.entry(place.location.clone()).or_default().push(place);
        }
        places.retain(|_, places| places.len() > 1);
        Self(places)
    }

    /// Returns the names that other environments have at the same place.
    fn of_others(&self, project: &Project, place: &Place) -> BTreeSet<RemoteName> {
        let here = self.0.get(&place.location).into_iter().flatten();
        let of_others = here.filter(|other| other.environment != place.environment).flat_map(|other| {
            let bindings = project.bindings(other);
            // Whether a rotation lasts there, only their vault tells.
            let overlapping = bindings.iter().filter(|binding| project.overlaps(&binding.secret));
            let beside: Vec<Binding> = overlapping.filter_map(|binding| binding.previous(other)).collect();
            bindings.into_iter().chain(beside)
        });
        of_others.map(|binding| binding.remote_name).collect()
    }
}

/// Returns the secrets that belong at a place, parted into those that may be written there and those that may not,
/// with a problem for each of the latter. Every name is checked before anything is written anywhere.
pub fn bind(project: &Project, shared: &Shared, place: &Place, inventory: &Inventory) -> (Bindings, Vec<Problem>) {
    let mut bindings = Bindings {
        of_others: shared.of_others(project, place),
        mode: project.rollout_mode(place),
        ..Bindings::default()
    };
    let mut problems = Vec::new();
    let mut by_name: BTreeMap<RemoteName, Vec<SecretName>> = BTreeMap::new();
    let mut all = project.bindings(place);
    let is_rotating = !(inventory.beside.is_empty() && inventory.over.is_empty());
    let previous: Vec<Binding> = all.iter().filter(|_| is_rotating).filter_map(|it| it.previous(place)).collect();
    for previous in previous {
        if inventory.beside.contains(&previous.secret) {
            all.push(previous);
        } else if inventory.over.contains(&previous.secret) {
            bindings.over.insert(previous.remote_name, previous.secret);
        }
    }
    for Binding { secret, remote_name } in &all {
        by_name.entry(remote_name.clone()).or_default().push(secret.clone());
    }
    for binding in all {
        match fault(place, &binding, &by_name[&binding.remote_name], inventory) {
            None => bindings.usable.push(binding),
            Some(kind) => {
                let entry = inventory.entries.get(&binding.secret);
                problems.push(Problem {
                    file: entry.map(|entry| entry.source.file.clone()),
                    line: entry.map(|entry| entry.source.line),
                    secret: Some(binding.secret.to_string()),
                    kind,
                });
                bindings.blocked.push(binding);
            }
        }
    }
    (bindings, problems)
}

fn fault(place: &Place, binding: &Binding, same_name: &[SecretName], inventory: &Inventory) -> Option<ProblemKind> {
    let at = || Box::new(place.clone());
    let name = || binding.remote_name.clone();
    if let Err(rule) = place.location.check_name(&binding.remote_name) {
        return Some(ProblemKind::IllegalThere { name: name(), place: at(), rule });
    }
    if let Some(other) = same_name.iter().find(|other| **other != binding.secret) {
        return Some(ProblemKind::Collision { name: name(), place: at(), other: other.clone() });
    }
    let limit = place.location.largest_value();
    let size = inventory.entries.get(&binding.secret).map_or(0, |entry| entry.value.expose().len());
    (size > limit).then(|| ProblemKind::TooLargeThere { limit, place: at() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::declaration;
    use crate::domain::finding::Severity;
    use crate::domain::finding::Source;
    use crate::domain::inventory::Entry;
    use crate::domain::name::EnvironmentName;
    use crate::domain::secret::SecretValue;

    fn inventory(values: &[(&str, &str)]) -> Inventory {
        let entry = |value: &str| Entry {
            value: SecretValue::copied_from(value),
            template: None,
            previous: None,
            rotated: None,
            expires: None,
            source: Source { file: "vault/staging/a.toml.age".to_owned(), line: 3 },
        };
        Inventory {
            environment: EnvironmentName::parse("staging").expect("a name"),
            entries: values
                .iter()
                .map(|(name, value)| (SecretName::parse(name).expect("a name"), entry(value)))
                .collect(),
            beside: BTreeSet::new(),
            over: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    fn project(secrets: &str) -> Project {
        let text = format!(
            "version = 1\n[environments.staging]\n[targets.ci]\nkind = \"github\"\nrepository = \"acme/shop\"\n{secrets}"
        );
        declaration::check(&toml::from_str(&text).expect("toml")).expect("a project")
    }

    #[test]
    fn what_would_be_pushed_nowhere_is_missed_by_nobody() {
        let text = "[secrets.A]\n[secrets.B]\ntargets = []\n";
        let found = declared(&project(text), &inventory(&[]));
        let shown: Vec<_> = found.iter().map(|p| (p.secret.as_deref(), p.kind.severity())).collect();
        assert_eq!(shown, [(Some("A"), Severity::Warning), (Some("B"), Severity::Note)]);
    }

    #[test]
    fn says_what_is_declared_without_value_and_the_other_way_round() {
        let found = declared(&project("[secrets.A]\n[secrets.B]\n"), &inventory(&[("B", "1"), ("C", "2")]));
        let shown: Vec<_> = found.iter().map(|p| (p.secret.as_deref(), p.kind.code(), p.line)).collect();
        assert_eq!(shown, [(Some("A"), "UD306", None), (Some("C"), "UD307", Some(3))]);
    }

    #[test]
    fn names_that_another_environment_has_at_the_same_place_are_known_as_its_own() {
        let text = "version = 1\n[environments.staging]\n[environments.production]\n[targets.ci]\nkind = \"github\"\n\
                    repository = \"acme/shop\"\nname = \"{ENVIRONMENT}_{name}\"\n[targets.web]\nkind = \"fly\"\n\
                    app = \"shop-{environment}\"\n[secrets.A]\n";
        let project = declaration::check(&toml::from_str(text).expect("toml")).expect("a project");
        let inventory = inventory(&[("A", "1")]);
        let shared = Shared::of(&project);
        let of_others = |place: &Place| {
            let names = bind(&project, &shared, place, &inventory).0.of_others;
            names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        let places = project.places(&inventory.environment);
        let [ci, web] = places.as_slice() else { panic!("{places:?}") };
        assert_eq!((of_others(ci), of_others(web)), (vec!["PRODUCTION_A".to_owned()], vec![]));
    }

    #[test]
    fn an_old_value_stands_beside_the_new_one_and_is_no_business_of_another_environment() {
        let text = "version = 1\n[environments.staging]\n[environments.production]\n[targets.ci]\nkind = \"github\"\n\
                    repository = \"acme/shop\"\nname = \"{ENVIRONMENT}_{name}\"\n[secrets.A]\noverlap = true\n\
                    [secrets.B]\n";
        let project = declaration::check(&toml::from_str(text).expect("toml")).expect("a project");
        let bound = |inventory: &Inventory| {
            let place = &project.places(&inventory.environment)[0];
            let (bindings, problems) = bind(&project, &Shared::of(&project), place, inventory);
            assert_eq!(problems, []);
            let usable: Vec<String> = bindings.usable.iter().map(|it| it.remote_name.to_string()).collect();
            let over: Vec<String> = bindings.over.keys().map(ToString::to_string).collect();
            let of_others: Vec<String> = bindings.of_others.iter().map(ToString::to_string).collect();
            (usable, over, of_others)
        };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let previous = SecretName::parse("A_PREVIOUS").expect("a name");
        let both = ["STAGING_A", "STAGING_B"];
        let others = names(&["PRODUCTION_A", "PRODUCTION_A_PREVIOUS", "PRODUCTION_B"]);
        let mut vault = inventory(&[("A", "1"), ("B", "2")]);
        assert_eq!(bound(&vault), (names(&both), names(&[]), others.clone()));
        vault.over.insert(previous.clone());
        assert_eq!(bound(&vault), (names(&both), names(&["STAGING_A_PREVIOUS"]), others.clone()));
        vault = inventory(&[("A", "1"), ("A_PREVIOUS", "0"), ("B", "2")]);
        vault.beside.insert(previous);
        assert_eq!(bound(&vault), (names(&["STAGING_A", "STAGING_B", "STAGING_A_PREVIOUS"]), names(&[]), others));
        assert_eq!(declared(&project, &vault), []);
    }

    #[test]
    fn blocks_names_and_values_that_the_place_does_not_take() {
        let project = project("[secrets.foo]\n[secrets.FOO]\n[secrets.GITHUB_TOKEN]\n[secrets.BIG]\n[secrets.GOOD]\n");
        let big = "x".repeat(48 * 1024 + 1);
        let inventory = inventory(&[("foo", "1"), ("FOO", "2"), ("GITHUB_TOKEN", "3"), ("BIG", &big), ("GOOD", "5")]);
        let place = &project.places(&inventory.environment)[0];
        let (bindings, problems) = bind(&project, &Shared::of(&project), place, &inventory);
        let usable: Vec<_> = bindings.usable.iter().map(|b| b.secret.as_str()).collect();
        assert_eq!(usable, ["GOOD"]);
        let shown: Vec<_> = problems.iter().map(|p| (p.secret.as_deref(), p.kind.code())).collect();
        assert_eq!(
            shown,
            [(Some("BIG"), "UD315"), (Some("FOO"), "UD313"), (Some("GITHUB_TOKEN"), "UD308"), (Some("foo"), "UD313"),]
        );
    }
}
