//! `undrift rm`: a name leaves the vault, everything else stays, and what the targets hold is said.

use insta::assert_snapshot;

use crate::world::{SHOP, World, twins};

#[test]
fn a_name_is_taken_out_and_what_is_left_elsewhere_is_said() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_snapshot!("rm", world.run(&["rm", "API_TOKEN", "-e", "staging", "--yes"]).status(0).transcript());
    let again = world.run(&["rm", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
    assert!(again.talk.starts_with("error: `staging` has no secret `API_TOKEN`\n"), "{}", again.talk);
    assert_eq!(world.value("staging", "SMTP_PASSWORD"), "password-1");
    // The targets keep it until the command that was named has run.
    assert!(fly.values("shop-staging").contains_key("API_TOKEN"));
    let _ = world.run(&["push", "-e", "staging", "--prune", "--yes"]).status(0);
    assert!(!fly.values("shop-staging").contains_key("API_TOKEN"));
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.contains("remove"), "{}", log.output);
    let _ = world.run(&["seal", "-e", "staging"]).status(0);
}

#[test]
fn nothing_goes_unless_every_name_is_there_and_somebody_agrees() {
    let world = World::new();
    world.shop();
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "production"], "token-2").status(0);
    let before = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    for (arguments, line) in [
        (&["rm", "API_TOKEN"][..], "error: say which environment is meant; a write has no default one"),
        (&["rm", "API_TOKEN", "-e", "staging"], "error: there is no terminal to ask on"),
        (&["rm", "API_TOKEN", "API_TOKNE", "-e", "staging", "--yes"], "error: `staging` has no secret `API_TOKNE`"),
        (&["rm", "API_TOKEN=token-1", "-e", "staging", "--yes"], "error: a value is never given on the command line"),
        (&["rm", "API_TOKEN", "-e", "production", "--yes"], "error: `production` is protected"),
        (
            &["rm", "STRIPE_KEY", "-e", "staging", "-e", "production", "--confirm", "production", "--yes"],
            "error: `production` has no secret `STRIPE_KEY`",
        ),
    ] {
        let refused = world.run(arguments).status(2);
        assert!(refused.talk.contains(line), "{}", refused.talk);
    }
    assert_eq!(std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap(), before);
    let both = ["rm", "API_TOKEN", "-e", "staging", "-e", "production", "--confirm", "production", "--yes"];
    assert_snapshot!("rm_both", world.run(&both).status(0).transcript());
}

#[test]
fn a_name_that_other_environments_keep_is_narrowed_and_not_undeclared() {
    let world = World::new();
    world.shop();
    world.write(
        "undrift.toml",
        SHOP.replace("targets = [\"ci\"]\nenvironments = [\"staging\"]\n", "targets = [\"ci\"]\n"),
    );
    let ran = world.run(&["rm", "STRIPE_KEY", "-e", "staging", "--yes"]).status(0);
    assert!(
        ran.talk.contains("write `environments = [\"production\"]` in `[secrets.STRIPE_KEY]` of undrift.toml"),
        "{}",
        ran.talk
    );
    world.write(
        "undrift.toml",
        format!("{SHOP}\n[targets.other]\nkind = \"fly\"\napp = \"other\"\ntoken = \"vault:API_TOKEN\"\n"),
    );
    let ran = world.run(&["rm", "API_TOKEN", "-e", "staging", "--yes"]).status(0);
    assert!(ran.talk.contains("note: the token of `other` is `vault:API_TOKEN`"), "{}", ran.talk);
}
