//! Every name that a person can type: a slip is answered with the nearest one, and a value is never repeated.

use crate::world::{World, twins};

/// What looks like a token, and what is no legal name at all.
const VALUES: [&str; 2] = ["ghp_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5", "pass word!4711"];

#[test]
fn a_slip_is_answered_with_the_nearest_name() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write("plain/api_staging.env", "NEW=1\n");
    github.set(&crate::world::repository(), "CODECOV_TOKEN", "theirs");
    let cases: [(&[&str], &str); 19] = [
        (&["audit", "-e", "stagin"], "staging"),
        (&["audit", "-t", "wbe"], "web"),
        (&["log", "-e", "prod"], "production"),
        (&["get", "API_TOKNE", "-e", "staging"], "API_TOKEN"),
        (&["export", "-e", "staging", "--only", "API_TOKNE"], "API_TOKEN"),
        (&["run", "-e", "staging", "--only", "API_TOKNE", "--", "true"], "API_TOKEN"),
        (&["rm", "API_TOKNE", "-e", "staging", "--yes"], "API_TOKEN"),
        (&["rename", "API_TOKNE", "NEW", "--yes"], "API_TOKEN"),
        (&["adopt", "STRIPE_KYE", "-e", "staging", "-t", "ci", "--yes"], "STRIPE_KEY"),
        (&["plan", "--overwrite", "STRIPE_KYE"], "STRIPE_KEY"),
        (&["push", "-e", "staging", "--overwrite", "STRIPE_KYE", "--yes"], "STRIPE_KEY"),
        (&["push", "-e", "staging", "--confirm", "prodution", "--yes"], "production"),
        (&["seal", "-e", "staging", "--confirm", "prodution", "--yes"], "production"),
        (&["ignore", "CODECOV_TOKNE", "-t", "ci", "--reason", "theirs", "--yes"], "CODECOV_TOKEN"),
        (&["import", "plain", "--prefer", "plain/api_stagin.env", "--dry-run"], "plain/api_staging.env"),
        (&["explain", "UD1044"], "UD104"),
        (&["man", "audti"], "audit"),
        (&["audti"], "audit"),
        (&["diff", "-e", "stagin"], "staging"),
    ];
    for (arguments, nearest) in cases {
        let ran = world.run(arguments).status(2);
        let is_told =
            [format!("did you mean `{nearest}`?"), format!("'{nearest}'")].iter().any(|it| ran.talk.contains(it));
        assert!(is_told, "{arguments:?}: {}", ran.talk);
    }
    // A new group is no mistake, and one that nearly has the name of another is said.
    let ran = world.run_with(&["set", "NEW", "-e", "staging", "-g", "secrtes"], "x").status(0);
    assert!(ran.talk.contains("did you mean `secrets`?"), "{}", ran.talk);
}

#[test]
fn a_value_in_the_place_of_a_name_is_not_repeated() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    for value in VALUES {
        let cases: [&[&str]; 18] = [
            &["audit", "-e", value],
            &["audit", "-t", value],
            &["set", "NEW", "-e", value],
            &["set", "NEW", "-e", "staging", "-g", value],
            &["edit", "-e", "staging", value],
            &["get", value, "-e", "staging"],
            &["export", "-e", "staging", "--only", value],
            &["rm", value, "-e", "staging", "--yes"],
            &["rename", value, "NEW", "--yes"],
            &["rename", "API_TOKEN", value, "--yes"],
            &["adopt", value, "-e", "staging", "-t", "ci", "--yes"],
            &["plan", "--overwrite", value],
            &["push", "-e", "staging", "--confirm", value, "--yes"],
            &["ignore", value, "-t", "ci", "--reason", "theirs", "--yes"],
            &["explain", value],
            &["man", value],
            &["init", value],
            &["diff", value],
        ];
        for arguments in cases {
            let ran = world.run_with(arguments, "x").status(2);
            assert!(!ran.transcript().contains(value), "{arguments:?}: {}", ran.transcript());
        }
    }
    let refused = world.run(&["audit", "-e", VALUES[0]]).status(2);
    assert_eq!(
        refused.talk,
        "error: there is no environment of that name in undrift.toml\n\
         hint: what was typed is not repeated, for it may be a value; if it is one, the shell's history has it: change it\n"
    );
}
