use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::inventory::Entry;

fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).expect("a name")
}

/// `environment name value file[!rank]`, the file's letter telling its age: `z` is the newest.
fn candidate(line: usize, text: &str) -> Candidate {
    let words: Vec<&str> = text.split(' ').collect();
    let [place, name, value, file] = words.as_slice() else { panic!("{text}") };
    let (file, rank) = file.split_once('!').map_or((*file, None), |(file, rank)| (file, rank.parse().ok()));
    let days = i64::from(file.bytes().next().expect("a file has a name"));
    Candidate {
        environment: environment(place),
        group: GroupName::parse("api").expect("a name"),
        name: SecretName::parse(name).expect("a name"),
        value: SecretValue::copied_from(value),
        source: Source { file: file.to_owned(), line },
        modified: Timestamp::from_second(days * 86_400).expect("a time"),
        rank,
        disputed: None,
    }
}

fn candidates(texts: &[&str]) -> Vec<Candidate> {
    texts.iter().enumerate().map(|(index, text)| candidate(index + 1, text)).collect()
}

fn vault(texts: &[&str]) -> BTreeMap<EnvironmentName, Inventory> {
    let empty = |name: &str| {
        let environment = environment(name);
        (
            environment.clone(),
            Inventory {
                environment,
                entries: BTreeMap::new(),
                beside: BTreeSet::new(),
                over: BTreeSet::new(),
                problems: Vec::new(),
            },
        )
    };
    let mut vault: BTreeMap<_, _> = ["staging", "production"].into_iter().map(empty).collect();
    for text in texts {
        let entry = candidate(1, text);
        let inventory = vault.get_mut(&entry.environment).expect("it was made");
        let (name, value, source) = (entry.name, entry.value, entry.source);
        inventory
            .entries
            .insert(name, Entry { value, template: None, previous: None, rotated: None, expires: None, source });
    }
    vault
}

#[test]
fn one_name_is_decided_by_what_was_found_and_what_the_vault_holds() {
    let table: &[(&[&str], &[&str], Ruling)] = &[
        (&["staging A 1 a"], &[], Ruling::Add(0)),
        (&["staging A 1 a", "staging A 1 b"], &[], Ruling::Add(0)),
        (&["staging A 1 a", "staging A 2 b"], &[], Ruling::Conflict),
        (&["staging A 1 a", "staging A 2 a"], &[], Ruling::Conflict),
        (&["staging A 1 a", "staging A 2 b!0"], &[], Ruling::Add(1)),
        (&["staging A 1 a!1", "staging A 2 b!0"], &[], Ruling::Add(1)),
        (&["staging A 1 a!0", "staging A 2 b!1"], &[], Ruling::Add(0)),
        (&["staging A 1 a!0", "staging A 2 a!0"], &[], Ruling::Conflict),
        (&["staging A 1 a!0", "staging A 2 a!0", "staging A 2 b!1"], &[], Ruling::Conflict),
        (&["staging A 1 a"], &["staging A 1 v"], Ruling::Keep(0)),
        (&["staging A 1 a"], &["staging A 9 v"], Ruling::VaultDiffers),
        (&["staging A 1 a!0"], &["staging A 9 v"], Ruling::Replace(0)),
        (&["staging A 1 a!0"], &["staging A 1 v"], Ruling::Keep(0)),
        (&["staging A 1 a"], &["production A 9 v"], Ruling::Add(0)),
        (&["staging A 1 a", "staging A 2 b"], &["staging A 2 v"], Ruling::Conflict),
        (&["staging A 1 a", "staging A 2 b"], &["staging A 9 v"], Ruling::Conflict),
        (&["staging A 1 a!0", "staging A 2 b"], &["staging A 2 v"], Ruling::Replace(0)),
        (&["staging A 1 a", "staging A 2 b!0"], &["staging A 2 v"], Ruling::Keep(1)),
        (&["staging A xxx a"], &[], Ruling::NoValue),
        (&["staging A xxx a!0"], &[], Ruling::NoValue),
        (&["staging A xxx a"], &["staging A 9 v"], Ruling::Settled),
        (&["staging A xxx a", "staging A 1 b"], &[], Ruling::Add(0)),
        (&["staging A xxx a!0", "staging A 1 b"], &[], Ruling::Add(0)),
        (&["staging A xxx a", "staging A 1 b"], &["staging A 1 v"], Ruling::Keep(0)),
    ];
    for (found, held, expected) in table {
        let (found, held) = (candidates(found), vault(held));
        let decisions = decide(&found, &held);
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].ruling, *expected, "{decisions:?}");
    }
}

#[test]
fn environments_and_names_are_decided_apart() {
    let found = candidates(&["staging A 1 a", "production A 2 b", "staging B 1 a", "qa A 3 c"]);
    let held = vault(&[]);
    let decisions = decide(&found, &held);
    let seen: Vec<_> = decisions.iter().map(|d| format!("{} {} {:?}", d.environment, d.name, d.ruling)).collect();
    assert_eq!(seen, ["production A Add(0)", "staging A Add(0)", "staging B Add(0)"]);
}

#[test]
fn equal_values_are_told_across_environments() {
    let found = candidates(&[
        "staging A 1 a",
        "production A 1 b",
        "staging B 1 a",
        "production B 2 b",
        "staging C 3 a",
        "staging C 4 b",
        "production C 3 b",
        "staging D xxx a",
        "production D xxx b",
    ]);
    let held = vault(&[]);
    let told = shared(&decide(&found, &held)).into_iter().map(|(name, places)| (name.as_str(), places.len()));
    assert_eq!(told.collect::<Vec<_>>(), [("A", 2)]);
}

#[test]
fn only_a_clear_age_is_advised_and_the_advice_decides() {
    let found = candidates(&[
        "staging A 1 a",
        "staging A 2 b",
        "staging B 1 b",
        "staging B 2 c",
        "staging C 1 a",
        "staging C 2 c",
        "staging D 1 d",
        "staging D 2 d",
        "staging E 1 e1",
        "staging E 2 e2",
        "staging F 1 f",
    ]);
    let held = vault(&[]);
    let decisions = decide(&found, &held);
    let newest = newest_files(&decisions);
    assert_eq!(newest, ["c", "b"]);
    let mut again = candidates(&[
        "staging A 1 a",
        "staging A 2 b",
        "staging B 1 b",
        "staging B 2 c",
        "staging C 1 a",
        "staging C 2 c",
    ]);
    for candidate in &mut again {
        candidate.rank = newest.iter().position(|file| *file == candidate.source.file);
    }
    for decision in decide(&again, &held) {
        assert_eq!(decision.ruling, Ruling::Add(1), "{decision:?}");
    }
}

#[test]
fn ages_are_told_in_days() {
    let at = |second| Timestamp::from_second(second).expect("a time");
    for (older, expected) in [
        (0, Age::Same),
        (60, Age::Same),
        (61, Age::Hours),
        (86_399, Age::Hours),
        (86_400, Age::Days(1)),
        (165 * 86_400 + 5, Age::Days(165)),
    ] {
        assert_eq!(age(at(1_800_000_000), at(1_800_000_000 - older)), expected, "{older}");
    }
}

#[test]
fn new_names_are_declared_for_the_environments_that_speak_of_them() {
    let mut project = Project::default();
    for name in ["staging", "production"] {
        project.environments.insert(environment(name), crate::domain::declaration::EnvironmentRules::default());
    }
    let known = SecretName::parse("KNOWN").expect("a name");
    project.secrets.insert(known, crate::domain::declaration::Declaration::default());
    let found = candidates(&[
        "staging BOTH 1 a",
        "production BOTH 2 b",
        "staging ONE 1 a",
        "staging KNOWN 1 a",
        "staging EMPTY xxx a",
        "staging HALF 1 a",
        "production HALF xxx b",
        "staging OPEN 1 a",
        "staging OPEN 2 b",
    ]);
    let held = vault(&[]);
    let told = undeclared(&found, &decide(&found, &held), &project);
    let told: Vec<_> = told.iter().map(|(name, places)| (name.as_str(), places.as_slice())).collect();
    assert_eq!(told, [("BOTH", &[][..]), ("HALF", &[]), ("ONE", &[environment("staging")])]);
}
