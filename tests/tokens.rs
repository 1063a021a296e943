//! Where a token comes from, and where it never goes.

use twins::{FLY_TOKEN, GITHUB_TOKEN};

use crate::world::{SHOP, World, twins};

/// Returns why a target could not be read, or nothing when it could.
fn failure(world: &World, target: &str) -> Option<String> {
    let report = world.run(&["audit", "-e", "staging", "-t", target, "--format", "json"]).json();
    report["failures"].get(0).map(|failure| failure["message"].as_str().unwrap().to_owned())
}

#[test]
fn a_token_is_found_where_it_is_said_to_be() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    for variable in ["FLY_API_TOKEN", "GH_TOKEN"] {
        world.variables.remove(variable);
    }
    let none = Some("no token for it was found".to_owned());
    assert_eq!((failure(&world, "web"), failure(&world, "ci")), (none.clone(), none.clone()));
    for (target, variable, token) in [
        ("web", "FLY_ACCESS_TOKEN", FLY_TOKEN),
        ("web", "FLY_API_TOKEN", FLY_TOKEN),
        ("ci", "GH_TOKEN", GITHUB_TOKEN),
        ("ci", "GITHUB_TOKEN", GITHUB_TOKEN),
    ] {
        world.variables.insert(variable.to_owned(), token.into());
        assert_eq!(failure(&world, target), None, "{variable}");
        world.variables.insert(variable.to_owned(), "".into());
        assert_eq!(failure(&world, target), none, "an empty {variable}");
        world.variables.remove(variable);
    }
    world.write("undrift.toml", SHOP.replace("kind = \"github\"", "kind = \"github\"\ntoken = \"env:OUR_TOKEN\""));
    world.variables.insert("OUR_TOKEN".to_owned(), GITHUB_TOKEN.into());
    assert_eq!(failure(&world, "ci"), None);
    world.write("undrift.toml", SHOP.replace("kind = \"fly\"", "kind = \"fly\"\ntoken = \"vault:DEPLOY_TOKEN\""));
    assert_eq!(failure(&world, "web"), none);
    let _ = world.run_with(&["set", "DEPLOY_TOKEN", "-e", "staging"], FLY_TOKEN).status(0);
    assert_eq!(failure(&world, "web"), None);
    // What opens a target is no secret of that target.
    let plan = world.run(&["plan", "-e", "staging", "-t", "web"]).status(1);
    assert!(!plan.output.contains("DEPLOY_TOKEN"), "{}", plan.output);
}

#[test]
fn an_address_from_a_file_gets_nobodys_usual_token() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let elsewhere = "kind = \"github\"\napi-url = \"https://127.0.0.1:1\"";
    world.write("undrift.toml", SHOP.replace("kind = \"github\"", elsewhere));
    assert_eq!(failure(&world, "ci"), Some("no token for it was found".to_owned()));
    let with_token = format!("{elsewhere}\ntoken = \"env:GH_TOKEN\"");
    world.write("undrift.toml", SHOP.replace("kind = \"github\"", &with_token));
    assert_eq!(failure(&world, "ci"), Some("no connection could be made".to_owned()));
}

#[test]
fn a_machine_that_the_person_has_named_gets_what_is_for_it() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    // Nothing listens there, so a token that is found shows as a connection that is not made.
    let elsewhere = "kind = \"github\"\napi-url = \"https://127.0.0.1:1/api/v3\"";
    world.write("undrift.toml", SHOP.replace("kind = \"github\"", elsewhere));
    let (none, tried) = ("no token for it was found", "no connection could be made");
    let mut told = |named: &[(&str, &str)]| {
        for variable in ["GH_HOST", "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"] {
            world.variables.remove(variable);
        }
        for (variable, value) in named {
            world.variables.insert((*variable).to_owned(), (*value).into());
        }
        failure(&world, "ci")
    };
    let here = ("GH_HOST", "127.0.0.1:1");
    for (named, expected) in [
        (&[("GH_ENTERPRISE_TOKEN", "x")][..], none),
        (&[("GH_ENTERPRISE_TOKEN", "x"), ("GH_HOST", "ghe.example.com")], none),
        (&[("GH_TOKEN", "x"), here], none),
        (&[("GH_ENTERPRISE_TOKEN", "x"), here], tried),
        (&[("GITHUB_ENTERPRISE_TOKEN", "x"), here], tried),
    ] {
        assert_eq!(told(named).as_deref(), Some(expected), "{named:?}");
    }
    assert_eq!(told(&[]).as_deref(), Some(none));
    let login = |host: &str| {
        let folder = world.home().join(".config/gh");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("hosts.yml"), format!("{host}:\n    oauth_token: x\n")).unwrap();
        failure(&world, "ci")
    };
    assert_eq!(login("github.com").as_deref(), Some(none));
    assert_eq!(login("\"127.0.0.1:1\"").as_deref(), Some(tried));
}

#[test]
fn an_address_that_is_not_safe_is_refused_before_anything_is_sent() {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    world.variables.insert("GITHUB_API_URL".to_owned(), "http://github.example.invalid".into());
    let refused = world.run(&["audit"]).status(2);
    assert_eq!(
        refused.talk,
        "error: GITHUB_API_URL must be an https address; http is for this machine's own addresses only\n"
    );
    assert!(fly.requests().is_empty() && github.requests().is_empty());
}
