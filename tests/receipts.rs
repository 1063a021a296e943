//! What the receipts are believed, and what becomes of those that nothing else speaks of.

use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, repository, twins};

const FILE: &str = "vault/staging/receipts.toml";

fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    (fly, github, world)
}

fn findings(world: &World, code: &str) -> Vec<serde_json::Value> {
    let report = world.run(&["audit", "--format", "json"]).json();
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).cloned().collect()
}

/// Returns the table of a name at the repository.
fn table<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("[receipts.\"github:acme/shop\".{name}]")).unwrap();
    let end = text[start + 1..].find("\n[").map_or(text.len(), |end| start + 1 + end + 1);
    &text[start..end]
}

#[test]
fn a_receipt_that_somebody_forged_vouches_for_nothing_and_removes_nothing() {
    let (_fly, github, world) = pushed();
    github.clock().advance(std::time::Duration::from_secs(600));
    github.set(&repository(), "STRIPE_KEY", "of a stranger");
    github.set(&repository(), "CODECOV_TOKEN", "of the platform team");
    let at = |name: &str| github.secret(&repository(), name).unwrap().updated_at.to_string();
    let text = world.read(FILE);
    let ours = table(&text, "STRIPE_KEY");
    let dated = |text: &str, key: &str, time: &str| -> String {
        let line =
            |line: &str| if line.starts_with(key) { format!("{key} = \"{time}\"\n") } else { format!("{line}\n") };
        text.lines().map(line).collect()
    };
    let updated = dated(ours, "updated", &at("STRIPE_KEY"));
    let moved = dated(&dated(ours, "updated", &at("CODECOV_TOKEN")), "created", &at("CODECOV_TOKEN"));
    let moved = moved.replace("STRIPE_KEY", "CODECOV_TOKEN");
    world.write(FILE, text.replace(ours, &format!("{updated}{moved}")));
    let found = findings(&world, "UD334");
    assert_eq!(found.len(), 2, "{found:#?}");
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune", "--allow-shrink"]).status(2);
    let there = github.values(&repository());
    assert_eq!(there["CODECOV_TOKEN"], b"of the platform team");
    assert_eq!(there["STRIPE_KEY"], b"of a stranger");
    let held = world.run(&["audit", "-e", "staging", "-t", "ci"]).status(1);
    insta::assert_snapshot!("forged_receipt", held.transcript());
}

#[test]
fn what_was_pushed_to_a_place_that_is_no_target_any_more_is_not_forgotten() {
    let (fly, _github, world) = pushed();
    let web = "[targets.web]\nkind = \"fly\"\napp = \"shop-{environment}\"\n\n";
    let without = SHOP.replace(web, "").replace("\"web\", ", "").replace("[\"web\"]", "[]");
    world.write("undrift.toml", &without);
    insta::assert_snapshot!("left_behind", world.run(&["audit", "-e", "staging"]).status(1).transcript());
    // Every selection of targets says so as well, and a push that has nothing to do there keeps what is known.
    assert!(world.run(&["audit", "-t", "ci"]).status(1).output.contains("UD404"));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]);
    assert_eq!(fly.values("shop-staging").len(), 2);
    // The way out that it names: the target comes back, and what was pushed there goes.
    world.write("undrift.toml", without.replace("[targets.ci]", &format!("{web}[targets.ci]")));
    assert_eq!(findings(&world, "UD404"), [] as [serde_json::Value; 0]);
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune", "--allow-shrink"]).status(0);
    assert_eq!(fly.values("shop-staging").len(), 0);
    world.write("undrift.toml", &without);
    assert_eq!(findings(&world, "UD404"), [] as [serde_json::Value; 0]);
}

#[test]
fn an_empty_listing_makes_nothing_forgotten_where_nothing_is_declared_any_more() {
    let (_fly, github, world) = pushed();
    let elsewhere = SHOP.replace("[\"web\", { target = \"ci\", name = \"SHOP_TOKEN\" }]", "[\"web\"]");
    world.write("undrift.toml", elsewhere.replace("targets = [\"ci\"]", "targets = []"));
    let empty = FaultKind::status(200, "{\"total_count\":0,\"secrets\":[]}");
    github.inject(Fault::new(empty).method("GET").path_contains("acme/shop/actions/secrets").times(1));
    let refused = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(refused.output.contains("has lost 2 of the 2"), "{}", refused.transcript());
    assert_eq!(world.read(FILE).matches("[receipts.\"github:acme/shop\"").count(), 2);
    // What is there is known for ours when the listing is whole again.
    let audit = world.run(&["audit", "-e", "staging", "-t", "ci"]).status(1);
    assert_eq!(audit.output.matches("orphaned").count(), 2, "{}", audit.transcript());
}

#[test]
fn what_a_file_that_cannot_be_read_may_hold_keeps_its_receipt() {
    let (_fly, github, world) = pushed();
    let whole = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    world.write("vault/staging/secrets.toml.age", "garbage");
    github.remove(&repository(), "STRIPE_KEY");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert_eq!(world.read(FILE).matches("[receipts.").count(), 4, "{}", world.read(FILE));
    std::fs::write(world.path("vault/staging/secrets.toml.age"), whole).unwrap();
    let audit = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(audit.output.contains("removed there since"), "{}", audit.transcript());
}
