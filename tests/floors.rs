//! Imports point down only, and rooms of one floor do not know each other but where the house says so.

use std::path::Path;

/// The floors from the bottom; a room may import rooms of lower floors, and those named after it.
const ROOMS: &[(&str, u8, &[&str])] = &[
    ("domain", 1, &[]),
    ("vault", 2, &[]),
    ("targets", 2, &[]),
    ("flow", 3, &[]),
    // Reports are made of what a flow returns, and progress is drawn from its events.
    ("report", 4, &[]),
    ("ui", 4, &[]),
    ("cli", 4, &[]),
    ("error", 5, &[]),
    ("settings", 6, &[]),
    ("commands", 7, &[]),
];

fn room(name: &str) -> Option<&'static (&'static str, u8, &'static [&'static str])> {
    ROOMS.iter().find(|(room, _, _)| *room == name)
}

/// Returns the rooms that a source text imports.
fn imports(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

fn violations(folder: &Path, own: &(&str, u8, &[&str]), found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            violations(&path, own, found);
        } else {
            check(&path, own, found);
        }
    }
}

fn check(path: &Path, own: &(&str, u8, &[&str]), found: &mut Vec<String>) {
    let (name, floor, beside) = own;
    for import in imports(&std::fs::read_to_string(path).unwrap()) {
        let Some((other, height, _)) = room(import) else {
            found.push(format!("{}: imports `{import}`, which is no room of the house", path.display()));
            continue;
        };
        if other != name && height >= floor && !beside.contains(other) {
            found.push(format!("{}: `{name}` imports `{other}`", path.display()));
        }
    }
}

#[test]
fn imports_point_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for own in ROOMS {
        let folder = source.join(own.0);
        if folder.is_dir() {
            violations(&folder, own, &mut found);
        } else {
            check(&folder.with_extension("rs"), own, &mut found);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_is_on_a_floor() {
    let library = include_str!("../src/lib.rs");
    let rooms = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for name in rooms {
        assert!(room(name).is_some(), "`{name}` stands on no floor");
    }
}

#[test]
fn an_upward_import_would_be_found() {
    assert_eq!(
        imports("use crate::flow::apply;\n// crate::ui\nlet x = crate::domain::plan::Plan;"),
        ["flow", "domain"]
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rs"), "use crate::flow::apply;").unwrap();
    let mut found = Vec::new();
    violations(folder.path(), room("domain").unwrap(), &mut found);
    assert_eq!(found.len(), 1);
}
