//! `undrift ignore`: what is somebody else's is accepted, with a reason, and what is ours never is.

use insta::assert_snapshot;
use twins::{FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, repository, twins};

/// A shop where everything of ours is in step, and two names of somebody else's stand beside it.
fn shared() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    github.set(&repository(), "CODECOV_URL", "theirs");
    fly.set("shop-staging", "SENTRY_DSN", "theirs");
    (fly, github, world)
}

#[test]
fn a_pattern_covers_what_it_means_and_keeps_the_file_as_it_was() {
    let (_fly, _github, world) = shared();
    world.write("undrift.toml", SHOP.replace("[targets.ci]", "# the build\n[targets.ci]"));
    let arguments = ["ignore", "CODECOV_*", "-t", "ci", "--reason", "owned by the platform team"];
    assert_snapshot!("ignore_pattern", world.run(&[&arguments[..], &["--yes"]].concat()).status(0).transcript());
    let expected = "\n[[ignore]]\ntarget = \"ci\"\nname = \"CODECOV_*\"\nreason = \"owned by the platform team\"\n";
    let text = world.read("undrift.toml");
    assert_eq!(text, format!("{}{expected}", SHOP.replace("[targets.ci]", "# the build\n[targets.ci]")));
    // What is covered already gets no second rule.
    assert_snapshot!("ignore_again", world.run(&[&arguments[..], &["--yes"]].concat()).status(0).transcript());
    assert_eq!(world.read("undrift.toml"), text);
    let audit = world.run(&["audit", "-t", "ci"]).status(0);
    assert!(audit.output.contains("2 ignored"), "{}", audit.output);
}

#[test]
fn everything_that_is_unmanaged_today_is_accepted_until_a_day() {
    let (_fly, github, mut world) = shared();
    assert_snapshot!("audit_unmanaged", world.run(&["audit", "-e", "staging"]).status(1).transcript());
    let arguments = ["ignore", "--from-current", "--reason", "there before undrift", "--until", "2027-03-31", "--yes"];
    assert_snapshot!("ignore_current", world.run(&arguments).status(0).transcript());
    assert_snapshot!("ignore_current_toml", world.read("undrift.toml").strip_prefix(SHOP).unwrap());
    let _ = world.run(&["audit", "-e", "staging"]).status(0);
    github.set(&repository(), "NEW_TOKEN", "theirs");
    let narrow = ["ignore", "--from-current", "--reason", "new", "-e", "staging", "-t", "web", "--yes"];
    assert!(world.run(&narrow).status(0).talk.contains("nothing unmanaged is left"));
    // A rule that is over covers nothing, and says so.
    world.now = "2027-04-01T08:00:00Z".parse().unwrap();
    assert_snapshot!("audit_rule_ended", world.run(&["audit", "-e", "staging", "-t", "web"]).status(1).transcript());
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    let (_fly, github, world) = shared();
    let reason = ["--reason", "theirs", "--yes"];
    let mut talk = String::new();
    for arguments in [
        &["ignore", "CODECOV_TOKEM", "-t", "ci"][..],
        &["ignore", "CODECOV_TOKEN"],
        &["ignore", "CODECOV_TOKEN", "-t", "ci", "-t", "web"],
        &["ignore", "CODECOV_TOKEN", "-t", "cii"],
        &["ignore", "SHOP_*", "-t", "ci"],
        &["ignore", "CODECOV_TOKEN", "-t", "ci", "--until", "2026-11-19"],
    ] {
        talk += &world.run(&[arguments, &reason].concat()).status(2).transcript();
    }
    talk += &world.run(&["ignore", "CODECOV_TOKEN", "-t", "ci", "--reason", " ", "--yes"]).status(2).transcript();
    talk += &world.run(&["ignore", "CODECOV_TOKEN", "-t", "ci"]).status(2).transcript();
    talk += &world.run(&["ignore", "CODECOV_TOKEN", "-t", "ci", "--reason", "theirs"]).status(2).transcript();
    github.remove_repository("acme/shop");
    talk += &world.run(&[&["ignore", "--from-current"][..], &reason].concat()).status(2).transcript();
    assert_snapshot!("ignore_mistakes", talk);
    assert_eq!(world.read("undrift.toml"), SHOP);
}

#[test]
fn a_name_that_is_ours_elsewhere_is_left_out() {
    let (fly, _github, world) = shared();
    // Unmanaged at staging, and pushed by us to production's place of the same target.
    fly.set("shop-staging", "LIVE_KEY", "theirs");
    let declared = format!("{SHOP}\n[secrets.LIVE_KEY]\ntargets = [\"web\"]\nenvironments = [\"production\"]\n");
    world.write("undrift.toml", &declared);
    let ran = world.run(&["ignore", "--from-current", "-t", "web", "--reason", "theirs", "--yes"]).status(0);
    assert_snapshot!("ignore_ours_elsewhere", ran.transcript());
    assert!(!world.read("undrift.toml").strip_prefix(declared.as_str()).unwrap().contains("LIVE_KEY"));
}

#[test]
fn a_rule_that_has_ended_is_renewed_where_it_stands() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.set(&repository(), "CODECOV_TOKEN", "theirs");
    let ignore = ["ignore", "CODECOV_TOKEN", "-t", "ci", "--reason", "the platform team", "--until"];
    let _ = world.run(&[&ignore[..], &["2026-11-25", "--yes"]].concat()).status(0);
    world.write("undrift.toml", world.read("undrift.toml") + "# The end.\n");
    world.now = "2026-12-01T08:00:00Z".parse().unwrap();
    assert!(world.run(&["audit", "-e", "staging"]).status(1).output.contains("UD220"));
    let again = ["ignore", "--from-current", "--reason", "still theirs", "--yes"];
    let _ = world.run(&again).status(0);
    let _ = world.run(&["audit", "-e", "staging"]).status(0);
    let text = world.read("undrift.toml");
    assert_eq!(text.matches("[[ignore]]").count(), 1, "{text}");
    assert!(text.contains("still theirs") && !text.contains("until") && text.ends_with("# The end.\n"), "{text}");
}
