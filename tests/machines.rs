//! Two machines with one project and no lock in common.

use twins::{FlyTwin, GitHubTwin};

use crate::world::{World, twins};

/// A copy of a project on another machine.
fn copy(world: &World, fly: &FlyTwin, github: &GitHubTwin) -> World {
    let second = World::with_twins(fly, github);
    second.copy_files_of(&world.folder());
    second
}

#[test]
fn what_the_other_machine_wrote_is_settled_once_it_is_named() {
    let (fly, github) = twins();
    let first = World::with_twins(&fly, &github);
    first.shop();
    let second = copy(&first, &fly, &github);
    first.set("SMTP_PASSWORD", "password-2");
    let _ = first.run(&["push", "-e", "staging", "--yes"]).status(0);
    first.set("SMTP_PASSWORD", "password-1");
    let held = second.run(&["push", "-e", "staging", "--yes", "-t", "web", "--take-vault"]).status(0);
    assert!(held.output.contains("SMTP_PASSWORD"), "{}", held.transcript());
    // The first one finds its own value there, and a receipt of another one.
    let _ = first.run(&["audit", "-e", "staging", "-t", "web"]).status(1);
    let _ = first.run(&["push", "-e", "staging", "--yes", "-t", "web", "--overwrite", "SMTP_PASSWORD"]).status(0);
    let _ = first.run(&["push", "-e", "staging", "--yes", "-t", "web"]).status(0);
}
