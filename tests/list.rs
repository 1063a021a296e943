//! `undrift list`: a matrix that fits, with what is missing and what is too old.

use insta::assert_snapshot;

use crate::world::{SHOP, World};

fn world() -> World {
    let mut world = World::new();
    world.now = "2026-01-10T08:00:00Z".parse().unwrap();
    world.shop();
    let declared = SHOP
        .replace("targets = [\"ci\"]\nenvironments = [\"staging\"]\n", "targets = [\"ci\"]\nrotate-every = \"90d\"\n")
        .replace("targets = [\"web\"]\nenvironments = [\"staging\"]\n", "targets = [\"web\"]\nrotate-every = \"1y\"\n");
    world.write("undrift.toml", declared);
    // Values with dates, as `undrift edit` or another tool would write them.
    let text = world.read("vault/staging/recipients.txt");
    let recipient: age::x25519::Recipient =
        text.lines().find(|line| line.starts_with("age1")).unwrap().parse().unwrap();
    let dated = "[STRIPE_KEY]\nvalue = \"stripe-2\"\nrotated = 2026-08-01\n\n\
                 [SMTP_PASSWORD]\nvalue = \"password-2\"\nrotated = 2026-08-01\nexpires = 2026-11-20\n";
    world.write("vault/production/dated.toml.age", age::encrypt_and_armor(&recipient, dated.as_bytes()).unwrap());
    let _ = world.run(&["seal", "-e", "production", "--confirm", "production", "--yes"]).status(0);
    world.now = "2026-11-20T08:00:00Z".parse().unwrap();
    world
}

#[test]
fn missing_overdue_and_expired_values_are_told_apart() {
    let mut world = world();
    assert_snapshot!("list_matrix", world.run(&["list"]).status(1).transcript());
    assert_snapshot!("list_matrix_json", world.run(&["list", "--format", "json"]).status(1).transcript());
    world.width = 40;
    assert_snapshot!("list_matrix_narrow", world.run(&["list"]).status(1).transcript());
    // A new value is dated, and good.
    let _ = world.run_with(&["set", "STRIPE_KEY", "-e", "production"], "stripe-3").status(0);
    assert!(!world.run(&["list"]).status(1).output.contains("overdue"));
}

#[test]
fn an_audit_reports_what_is_too_old() {
    let (fly, github) = crate::world::twins();
    let world = world();
    let mut there = World::with_twins(&fly, &github);
    there.now = world.now;
    there.copy_files_of(&world.folder());
    let json = there.run(&["audit", "-e", "production", "--format", "json"]).json();
    let found: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|it| (&it["code"], &it["secret"], &it["message"])).collect();
    for expected in [
        ("UD250", "STRIPE_KEY", "was due to be made new by 2026-10-30"),
        ("UD252", "SMTP_PASSWORD", "has expired on 2026-11-20"),
    ] {
        assert!(
            found.iter().any(|(code, secret, message)| (code.as_str(), secret.as_str(), message.as_str())
                == (Some(expected.0), Some(expected.1), Some(expected.2))),
            "{found:?}"
        );
    }
}

#[test]
fn a_wrong_interval_is_named_by_its_line() {
    let world = World::new();
    world.shop();
    world.write("undrift.toml", format!("{SHOP}rotate-every = \"90 days\"\n"));
    let refused = world.run(&["list"]).status(2);
    assert!(
        refused.talk.contains(": `rotate-every` is a number of days, weeks, months or years: `90d`"),
        "{}",
        refused.talk
    );
}
