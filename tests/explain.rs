//! `undrift explain`: every code that a report may show is explained, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use insta::assert_snapshot;

use crate::world::World;

/// Collects what stands in quotes and looks like a code.
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("explain") {
                codes(&path, found);
            }
        } else if !path.ends_with("explain.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.split('"').filter(|word| is_code(word)).map(str::to_owned));
        }
    }
}

fn is_code(word: &str) -> bool {
    word.strip_prefix("UD").is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn every_code_is_explained_and_no_other() {
    let mut used = BTreeSet::new();
    codes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let explained: BTreeSet<String> = undrift::report::explain::CODES.iter().map(|code| code.code.to_owned()).collect();
    assert_eq!(used, explained);
}

#[test]
fn explains_one_code_and_lists_all() {
    let world = World::new();
    assert_snapshot!("explain_one", world.run(&["explain", "ud104"]).status(0).transcript());
    assert_snapshot!("explain_unknown", world.run(&["explain", "UD999"]).status(2).transcript());
    assert!(world.run(&["explain"]).status(0).output.starts_with("UD101  missing\nUD102  behind\n"));
}
