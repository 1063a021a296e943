use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::domain::finding::Source;
use crate::domain::name::EnvironmentName;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

/// An environment in which texts that contain `${` are templates.
fn inventory(values: &[(&str, &str)]) -> Inventory {
    let entry = |line: usize, text: &str| Entry {
        value: SecretValue::copied_from(text),
        template: text.contains("${").then(|| Template::parse(text).expect("a template")),
        previous: None,
        rotated: None,
        expires: None,
        source: Source { file: "vault/staging/a.toml.age".to_owned(), line },
    };
    let entries = values.iter().enumerate().map(|(index, (text, value))| (name(text), entry(index + 1, value)));
    Inventory {
        environment: EnvironmentName::parse("staging").expect("a name"),
        entries: entries.collect(),
        beside: BTreeSet::new(),
        over: BTreeSet::new(),
        problems: Vec::new(),
    }
}

/// Composes an environment, and shows what is in it and what is not.
fn composed(values: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
    let mut inventory = inventory(values);
    compose(&mut inventory);
    let values = inventory.entries.iter().map(|(name, entry)| (name.to_string(), entry.value.expose().to_owned()));
    (values.collect(), inventory.problems.iter().map(|it| format!("{it} ({})", it.kind.code())).collect())
}

#[test]
fn values_stand_in_place_of_names() {
    let (values, problems) = composed(&[
        ("DB_PASSWORD", "p@ss/w:rd"),
        ("DB_USER", "shop"),
        ("URL", "postgres://${DB_USER}:${DB_PASSWORD:url}@db/${DB_USER}"),
        ("ALL", "${URL}?x=$${DB_USER}&y=$5"),
    ]);
    assert_eq!(problems, Vec::<String>::new());
    let value = |wanted: &str| values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!(value("URL"), Some("postgres://shop:p%40ss%2Fw%3Ard@db/shop"));
    assert_eq!(value("ALL"), Some("postgres://shop:p%40ss%2Fw%3Ard@db/shop?x=${DB_USER}&y=$5"));
}

#[test]
fn a_name_without_a_value_is_named_with_the_nearest() {
    let (values, problems) = composed(&[("DB_USER", "u"), ("URL", "x://${DB_USR}"), ("Z", "${URL}")]);
    assert_eq!(values, [("DB_USER".to_owned(), "u".to_owned())]);
    assert_eq!(
        problems,
        [
            "vault/staging/a.toml.age:2: URL is composed of `DB_USR`, which has no value here; did you mean `DB_USER`? \
             (UD241)",
            "vault/staging/a.toml.age:3: Z is composed of `URL`, which could not be composed (UD241)",
        ]
    );
}

#[test]
fn a_circle_is_shown_whole_from_each_of_its_names() {
    let (values, problems) = composed(&[
        ("A", "${B}"),
        ("B", "${C}${PLAIN}"),
        ("C", "${A}"),
        ("OUTSIDE", "${B}"),
        ("PLAIN", "1"),
        ("SELF", "x${SELF}"),
    ]);
    assert_eq!(values, [("PLAIN".to_owned(), "1".to_owned())]);
    let without_place: Vec<_> = problems.iter().filter_map(|text| text.split_once(": ")).map(|(_, it)| it).collect();
    assert_eq!(
        without_place,
        [
            "A is composed of itself: A -> B -> C -> A (UD242)",
            "B is composed of itself: B -> C -> A -> B (UD242)",
            "C is composed of itself: C -> A -> B -> C (UD242)",
            "OUTSIDE is composed of `B`, which could not be composed (UD241)",
            "SELF is composed of itself: SELF -> SELF (UD242)",
        ]
    );
}

#[test]
fn steps_and_size_are_limited() {
    let chain = |length: usize| -> Vec<(String, String)> {
        let link = |index: usize| (format!("N{index:03}"), format!("${{N{:03}}}", index - 1));
        std::iter::once(("N000".to_owned(), "x".to_owned())).chain((1..=length).map(link)).collect()
    };
    let run = |chain: &[(String, String)]| {
        composed(&chain.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>()).1
    };
    assert_eq!(run(&chain(DEEPEST)), Vec::<String>::new());
    let problems = run(&chain(DEEPEST + 1));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].ends_with("N017 is composed over more than 16 steps (UD243)"), "{problems:?}");
    // Each step is a hundred times the one before it.
    let grown: Vec<(String, String)> = std::iter::once(("N000".to_owned(), "x".to_owned()))
        .chain((1..5).map(|index| (format!("N{index:03}"), format!("${{N{:03}}}", index - 1).repeat(100))))
        .collect();
    let problems = run(&grown);
    assert!(problems[0].contains("N004 would be larger than 1048576 bytes"), "{problems:?}");
}

#[test]
fn what_is_no_template_is_refused_and_not_repeated() {
    for (text, error) in [
        ("canary${", TemplateError::Unclosed),
        ("canary${A", TemplateError::Unclosed),
        ("${}", TemplateError::NoName),
        ("${canary-4711}", TemplateError::NoName),
        ("${A:canary}", TemplateError::UnknownForm),
        ("${A:}", TemplateError::UnknownForm),
        ("", TemplateError::NoParts),
        ("canary $A $${B}", TemplateError::NoParts),
    ] {
        let found = Template::parse(text).expect_err("no template");
        assert_eq!(found, error, "{text}");
        assert!(!found.to_string().contains("canary"));
    }
    assert!(!format!("{:?}", Template::parse("canary${A}")).contains("canary"));
}

proptest! {
    /// Whatever refers to whatever, everything comes to an end, and what is left is composed wholly.
    #[test]
    fn every_net_of_names_comes_to_an_end(links in prop::collection::vec(prop::collection::vec(0_usize..12, 0..4), 0..12)) {
        let texts: Vec<(String, String)> = links.iter().enumerate().map(|(index, parts)| {
            let mut text = "v".to_owned();
            for part in parts {
                let _ = write!(text, "${{N{part}}}");
            }
            (format!("N{index}"), text)
        }).collect();
        let borrowed: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let (values, problems) = composed(&borrowed);
        prop_assert_eq!(values.len() + problems.len(), texts.len());
        prop_assert!(values.iter().all(|(_, value)| value.chars().all(|c| c == 'v')));
    }
}
