//! `undrift rotate`: every place gets the new value, whatever befalls the run, and the vault knows every value meanwhile.

mod due;
mod emergency;
mod faults;
mod kills;
mod merges;
mod overlap;
mod probes;
#[cfg(target_os = "linux")]
mod terminals;

use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};
use undrift::domain::name::EnvironmentName;
use undrift::domain::secret::SecretValue;
use undrift::vault::{self, identity::IdentityChain, layout::Layout};

use crate::world::{Ran, SHOP, World, repository, twins};

/// A project after one push, an hour ago.
fn pushed() -> (FlyTwin, GitHubTwin, World) {
    let (fly, github) = twins();
    let mut world = World::with_twins(&fly, &github);
    world.shop();
    world
        .write("undrift.toml", SHOP.replace("[secrets.STRIPE_KEY]\n", "[secrets.STRIPE_KEY]\ngenerate = \"hex:16\"\n"));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    world.now = "2026-11-20T09:00:00Z".parse().unwrap();
    github.clock().advance(Duration::from_secs(3600));
    fly.clear_requests();
    github.clear_requests();
    (fly, github, world)
}

fn rotate(world: &World, value: &str) -> Ran {
    world.run_with(&["rotate", "API_TOKEN", "-e", "staging", "--yes"], value)
}

fn go_on(world: &World) -> Ran {
    world.run(&["rotate", "--continue", "-e", "staging", "--yes"])
}

fn roll_back(world: &World) -> Ran {
    world.run(&["rotate", "--rollback", "-e", "staging", "--yes"])
}

/// Returns the value of a secret of staging and the one beside it.
fn values(world: &World, name: &str) -> (String, Option<String>) {
    let identity = world.home().join(".config/undrift/identity.txt");
    let identities = IdentityChain { files: vec![identity], ..IdentityChain::default() }.load().unwrap();
    let staging = EnvironmentName::parse("staging").unwrap();
    let read = vault::read::environments(&Layout::at(&world.path("")), &[staging], &identities);
    let entry = &read[0].inventory.entries[name];
    let text = |value: &SecretValue| value.expose().to_owned();
    (text(&entry.value), entry.previous.as_ref().map(text))
}

/// Writes a program for a shell into the project's folder.
fn script(world: &World, name: &str, lines: &str) {
    world.write(name, format!("#!/bin/sh\n{lines}\n"));
    std::fs::set_permissions(world.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// What Fly and GitHub have of `API_TOKEN`.
fn there(fly: &FlyTwin, github: &GitHubTwin) -> [String; 2] {
    let stored = github.values(&repository())["SHOP_TOKEN"].clone();
    [fly.values("shop-staging")["API_TOKEN"].clone(), String::from_utf8(stored).unwrap()]
}

fn writes(fly: &FlyTwin, github: &GitHubTwin) -> usize {
    fly.requests().iter().chain(&github.requests()).filter(|request| request.method != "GET").count()
}

#[test]
fn a_new_value_goes_everywhere_and_the_old_one_is_gone() {
    let (fly, github, world) = pushed();
    assert_snapshot!("finished", rotate(&world, "token-2\n").status(0).transcript());
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    // One bulk write for the app, one sealed box for GitHub, and nothing else is touched.
    assert_eq!(writes(&fly, &github), 2);
    assert_eq!(world.run(&["audit"]).status(0).talk, "");
    assert_snapshot!("log", world.run(&["log", "-e", "staging"]).status(0).output);
    assert_snapshot!("status_none", world.run(&["rotate", "--status", "-e", "staging"]).status(0).transcript());
    let listed = world.run(&["list", "-e", "staging", "--format", "json"]).status(0).output;
    assert!(listed.contains("2026-11-20"), "{listed}");
}

#[test]
fn several_values_are_made_and_change_together() {
    let (fly, github, world) = pushed();
    let declared = world
        .read("undrift.toml")
        .replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\ngenerate = \"alphanumeric:40\"\n");
    world.write("undrift.toml", declared);
    let json = world
        .run(&["rotate", "API_TOKEN", "STRIPE_KEY", "-e", "staging", "--yes", "--format", "json"])
        .status(0)
        .json();
    assert_eq!((&json["schema"], &json["runs"][0]["stage"]), (&"undrift/rotation/1".into(), &"finished".into()));
    assert_eq!(json["runs"][0]["secrets"].as_array().unwrap().len(), 2);
    let [at_fly, at_github] = there(&fly, &github);
    assert_eq!((at_fly.len(), &at_fly), (40, &at_github));
    assert_eq!(values(&world, "API_TOKEN").0, at_fly);
    assert_eq!(github.values(&repository())["STRIPE_KEY"].len(), 32);
    // Two values over one stream are not taken for one.
    let two = world.run_with(&["rotate", "API_TOKEN", "SMTP_PASSWORD", "-e", "staging", "--yes"], "x").status(0);
    assert_eq!(values(&world, "SMTP_PASSWORD").0, "x", "{}", two.transcript());
    world.write("undrift.toml", SHOP);
    let before = world.read("vault/staging/seal.toml");
    let two = world.run_with(&["rotate", "API_TOKEN", "SMTP_PASSWORD", "-e", "staging", "--yes"], "x").status(2);
    assert_snapshot!("several_asked", two.transcript());
    assert_eq!(world.read("vault/staging/seal.toml"), before);
}

#[test]
fn what_changes_together_is_one_run_whichever_is_named() {
    let (fly, github, mut world) = pushed();
    let declared = world.read("undrift.toml").replace(
        "[secrets.SMTP_PASSWORD]\n",
        "[secrets.SMTP_PASSWORD]\ngenerate = \"hex:16\"\nrotate-every = \"30d\"\n",
    );
    world.write("undrift.toml", format!("{declared}[rotation]\ntogether = [[\"SMTP_PASSWORD\", \"STRIPE_KEY\"]]\n"));
    let run = ["rotate", "STRIPE_KEY", "-e", "staging", "--yes", "--format", "json"];
    let ran = world.run(&run).status(0);
    assert_eq!(ran.json()["runs"][0]["secrets"], serde_json::json!(["SMTP_PASSWORD", "STRIPE_KEY"]));
    assert!(ran.talk.contains("note: SMTP_PASSWORD changes together with STRIPE_KEY"), "{}", ran.talk);
    assert_ne!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
    // One is due, and both get new values.
    world.now = "2026-12-24T09:00:00Z".parse().unwrap();
    github.clock().advance(Duration::from_secs(34 * 24 * 3600));
    let run = ["rotate", "--due", "-e", "staging", "--yes", "--format", "json"];
    let ran = world.run(&run).status(0).json();
    assert_eq!(ran["runs"][0]["secrets"], serde_json::json!(["SMTP_PASSWORD", "STRIPE_KEY"]));
    // Where one of them cannot have a new value now, the other does not get one.
    let declared = world.read("undrift.toml").replace("generate = \"hex:16\"\nrotate-every", "rotate-every");
    world.write("undrift.toml", declared.replace("SMTP_PASSWORD]\nrotate-every = \"30d\"", "SMTP_PASSWORD]"));
    let (before, run) =
        (values(&world, "STRIPE_KEY"), ["rotate", "--at", "ci", "-e", "staging", "--yes", "--format", "json"]);
    let ran = world.run(&run).status(1).json();
    let why =
        ran["left_out"].as_array().unwrap().iter().find(|it| it["secret"] == "STRIPE_KEY").unwrap()["why"].clone();
    assert_eq!(
        why,
        "changes together with SMTP_PASSWORD, and SMTP_PASSWORD is issued by somebody, and has to be given: \
         `undrift rotate SMTP_PASSWORD -e staging`"
    );
    assert_eq!(values(&world, "STRIPE_KEY"), before);
}

#[test]
fn what_is_composed_of_it_follows() {
    let (fly, github, world) = pushed();
    let url = "\n[secrets.URL]\ntargets = [\"web\", \"ci\"]\nenvironments = [\"staging\"]\n";
    world.write("undrift.toml", format!("{}{url}", world.read("undrift.toml")));
    let mut editing = world.below("");
    let script = editing.home().join("editor");
    std::fs::write(&script, "#!/bin/sh\necho '[URL]\ncompose = \"https://u:${SMTP_PASSWORD}@mail\"' >> \"$1\"\n")
        .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    editing.variables.insert("EDITOR".to_owned(), script.into());
    editing.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let _ = editing.run(&["edit", "-e", "staging", "secrets"]).status(0);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let refused = world.run_with(&["rotate", "URL", "-e", "staging", "--yes"], "x").status(2);
    assert!(refused.talk.contains("URL is composed of SMTP_PASSWORD"), "{}", refused.talk);
    let _ = world.run_with(&["rotate", "SMTP_PASSWORD", "-e", "staging", "--yes"], "password-2").status(0);
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-2");
    assert_eq!(fly.values("shop-staging")["URL"], "https://u:password-2@mail");
    assert_eq!(github.values(&repository())["URL"], b"https://u:password-2@mail");
    assert_eq!(values(&world, "SMTP_PASSWORD").1, None);
}

#[test]
fn nothing_else_that_has_drifted_is_written() {
    let (fly, github, world) = pushed();
    world.set("SMTP_PASSWORD", "password-2");
    let _ = rotate(&world, "token-2").status(0);
    assert_eq!(there(&fly, &github), ["token-2", "token-2"]);
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "password-1");
    let _ = world.run(&["audit"]).status(1);
}

#[test]
fn machines_that_a_person_updates_keep_the_run_open() {
    let (fly, github, world) = pushed();
    let machine = fly.add_machine("shop-staging");
    assert_snapshot!("waits_for_machines", rotate(&world, "token-2").status(1).transcript());
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    assert_eq!(fly.running_values("shop-staging", &machine)["API_TOKEN"], "token-1");
    let _ = go_on(&world).status(1);
    fly.deploy("shop-staging");
    let _ = go_on(&world).status(0);
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), None));
    drop(github);
}

#[test]
fn machines_that_undrift_updates_are_part_of_the_run() {
    let (fly, github, world) = pushed();
    let web = "[targets.web]\nkind = \"fly\"\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(web, &format!("{web}rollout = \"machines\"\n")));
    let machines = [fly.add_machine("shop-staging"), fly.add_machine("shop-staging")];
    let finished = rotate(&world, "token-2").status(0);
    assert!(finished.output.contains("rolled out"), "{}", finished.transcript());
    for machine in &machines {
        assert_eq!(fly.running_values("shop-staging", machine)["API_TOKEN"], "token-2");
    }
    drop(github);
}

#[test]
fn a_second_run_on_the_same_name_is_refused_and_one_on_another_is_not() {
    let (fly, github, world) = pushed();
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").path_contains("SHOP_TOKEN").always());
    let _ = rotate(&world, "token-2").status(2);
    fly.clear_requests();
    github.clear_requests();
    assert_snapshot!("second", rotate(&world, "token-3").status(2).transcript());
    assert_eq!((fly.requests().len(), github.requests().len()), (0, 0));
    assert_eq!(values(&world, "API_TOKEN"), ("token-2".to_owned(), Some("token-1".to_owned())));
    let _ = world.run_with(&["rotate", "SMTP_PASSWORD", "-e", "staging", "--yes"], "password-2").status(0);
    assert_snapshot!("status_open", world.run(&["rotate", "--status", "-e", "staging"]).status(1).transcript());
    let other = world.run(&["rotate", "--continue", "SMTP_PASSWORD", "-e", "staging", "--yes"]).status(2);
    assert!(other.talk.contains("no such rotation is under way in `staging`"), "{}", other.talk);
}

#[test]
fn what_cannot_be_rotated_is_refused_before_anything_is_written() {
    let (fly, github, world) = pushed();
    let before = crate::world::files(&world.path("vault"));
    for (arguments, value, said) in [
        (&["rotate", "API_TOKEN", "--yes"][..], "x", "say which one environment is meant"),
        (&["rotate", "API_TOKEN", "-e", "staging", "-t", "web", "--yes"], "x", "a rotation is of every target"),
        (&["rotate", "API_TOKE", "-e", "staging", "--yes"], "x", "did you mean `API_TOKEN`?"),
        (&["rotate", "API_TOKEN=x", "-e", "staging", "--yes"], "x", "a value is never given on the command line"),
        (&["rotate", "API_TOKEN", "-e", "staging", "--yes"], "", "the value is empty"),
        (&["rotate", "API_TOKEN", "-e", "staging", "--yes"], "token-1\n", "the value is the one that it has"),
        (&["rotate", "API_TOKEN", "-e", "staging"], "x", "there is no terminal to ask on"),
        (&["rotate", "API_TOKEN", "-e", "production", "--yes"], "x", "`production` is protected"),
        (&["rotate", "--continue", "-e", "staging", "--yes"], "", "no such rotation is under way in `staging`"),
        (&["rotate", "--rollback", "-e", "staging", "--yes"], "", "no such rotation is under way in `staging`"),
        (&["rotate", "-e", "staging"], "", "NAME"),
    ] {
        let refused = world.run_with(arguments, value).status(2);
        assert!(refused.talk.contains(said), "{arguments:?}: {}", refused.transcript());
    }
    assert!(crate::world::files(&world.path("vault")) == before);
    assert_eq!(writes(&fly, &github), 0);
}

#[test]
fn a_value_in_a_dotenv_file_has_no_room_for_another_beside_it() {
    let (fly, github, world) = pushed();
    let recipient = world.read("vault/staging/recipients.txt");
    let recipient: age::x25519::Recipient = recipient.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    world.write("vault/staging/old.env.age", age::encrypt_and_armor(&recipient, b"LEGACY=old\n").unwrap());
    world.seal();
    let refused = world.run_with(&["rotate", "LEGACY", "-e", "staging", "--yes"], "x").status(2);
    assert_snapshot!("dotenv", refused.transcript());
    drop((fly, github));
}

#[test]
fn a_program_issues_a_new_value_and_one_that_fails_changes_nothing() {
    let (fly, github, mut world) = pushed();
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), world.read("../home/.config/undrift/identity.txt").into());
    let token = world.variables["FLY_API_TOKEN"].clone();
    for variable in ["OUR_FLY", "FLY_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"] {
        let token = if variable.starts_with('G') { world.variables["GH_TOKEN"].clone() } else { token.clone() };
        world.variables.insert(variable.to_owned(), token);
    }
    let declared = "[secrets.API_TOKEN]\ncommand = [\"./issue\", \"--fresh\"]\n";
    world.write("undrift.toml", world.read("undrift.toml").replace("[secrets.API_TOKEN]\n", declared));
    let script = |lines: &str| {
        world.write("issue", format!("#!/bin/sh\n{lines}\n"));
        std::fs::set_permissions(world.path("issue"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    script("cat > old; echo \"the old one was `cat old`\" >&2; echo no more today >&2; exit 3");
    let failed = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
    assert_snapshot!("issuer_failed", failed.transcript());
    script("echo '{\"token\": \"lost-token\"}'; echo made lost-token >&2; exit 3");
    let failed = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
    assert!(!failed.talk.contains("lost-token") && failed.talk.contains("exit status: 3"), "{}", failed.talk);
    let _ = world.run(&["rotate", "--status", "-e", "staging"]).status(0);
    // One that ends well may have issued a value, whatever can be had of it.
    script("exit 0");
    let empty = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
    assert_snapshot!("issuer_empty", empty.transcript());
    let _ = world.run(&["rotate", "--status", "-e", "staging"]).status(1);
    let _ = roll_back(&world).status(0);
    // What will be run is shown before anybody is asked.
    let asked = world.run(&["rotate", "API_TOKEN", "-e", "staging"]).status(2);
    let program = "a new value of API_TOKEN is what this program issues: ./issue --fresh API_TOKEN staging\n";
    assert!(asked.talk.starts_with(program), "{}", asked.talk);
    assert_eq!(values(&world, "API_TOKEN"), ("token-1".to_owned(), None));
    assert_eq!(writes(&fly, &github), 0);
    let declared = world.read("undrift.toml").replace("app = ", "token = \"env:OUR_FLY\"\napp = ");
    world.write("undrift.toml", declared);
    script(
        "given=$(env | grep -c -e TOKEN= -e ^OUR_ -e IDENTITY=); \
         echo \"issued-$(cat)-$1-$2-$3-$given\"; echo one of two left >&2",
    );
    let issued = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(0);
    assert_eq!(
        issued.talk,
        "hint: nobody has asked whether the old value of API_TOKEN still works: revoke it where it was issued\n"
    );
    let value = "issued-token-1---fresh-API_TOKEN-staging-0".to_owned();
    assert_eq!(there(&fly, &github), [value.clone(), value.clone()]);
    assert_eq!(values(&world, "API_TOKEN"), (value, None));
    for (command, said) in [
        ("command = []", "`command` is a program and its arguments"),
        ("command = [\"x\"]\ngenerate = \"uuid\"", "`generate` and `command` exclude each other"),
    ] {
        world
            .write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", &format!("[secrets.API_TOKEN]\n{command}\n")));
        let refused = world.run(&["rotate", "API_TOKEN", "-e", "staging", "--yes"]).status(2);
        assert!(refused.talk.contains(said), "{}", refused.talk);
    }
}

#[test]
fn what_one_program_has_issued_is_kept_where_the_next_one_fails() {
    let (fly, github, mut world) = pushed();
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    let mut declared = world.read("undrift.toml");
    for name in ["API_TOKEN", "SMTP_PASSWORD"] {
        let section = format!("[secrets.{name}]\n");
        declared = declared.replace(&section, &format!("{section}command = [\"./issue\"]\n"));
    }
    world.write("undrift.toml", declared);
    let script = |lines: &str| {
        world.write("issue", format!("#!/bin/sh\necho $1 >> issued\n{lines}\n"));
        std::fs::set_permissions(world.path("issue"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    script("[ $1 = API_TOKEN ] || exit 3; echo issued-1");
    let failed = world.run(&["rotate", "API_TOKEN", "SMTP_PASSWORD", "-e", "staging", "--yes"]).status(2);
    assert_snapshot!("second_issuer_failed", failed.transcript());
    assert_eq!(values(&world, "API_TOKEN"), ("issued-1".to_owned(), Some("token-1".to_owned())));
    let _ = world.run(&["rotate", "--status", "-e", "staging"]).status(1);
    script("echo issued-2");
    let _ = go_on(&world).status(0);
    assert_eq!(there(&fly, &github), ["issued-1", "issued-1"]);
    assert_eq!(values(&world, "SMTP_PASSWORD"), ("issued-2".to_owned(), None));
    assert_eq!(world.read("issued"), "API_TOKEN\nSMTP_PASSWORD\nSMTP_PASSWORD\n");
}

#[test]
fn the_audit_names_an_open_run_with_its_age_and_what_it_waits_for() {
    let (_fly, github, mut world) = pushed();
    github.inject(Fault::new(FaultKind::status(500, "{}")).method("PUT").always());
    let _ = rotate(&world, "token-2").status(2);
    world.now = "2026-11-23T09:00:00Z".parse().unwrap();
    let audit = world.run(&["audit", "-e", "staging", "--format", "json"]).status(1).json();
    let findings: Vec<_> = audit["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "UD253").collect();
    let [finding] = findings[..] else { panic!("{audit:#}") };
    assert_eq!(
        (&finding["severity"], &finding["message"], &finding["next"]),
        (
            &"note".into(),
            &"has a rotation of API_TOKEN, under way, that began 3 days ago, on 2026-11-20; it waits for github:acme/shop".into(),
            &"`undrift rotate --status -e staging`".into()
        )
    );
}
