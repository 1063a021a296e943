//! Roll-outs after a push: by our own update of the machines, or by `fly secrets deploy`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use insta::assert_snapshot;
use twins::{Fault, FaultKind, FlyTwin, GitHubTwin};

use crate::world::{SHOP, World, twins};

const APP: &str = "shop-staging";

/// A project whose app runs on this many machines, pushed and rolled out once.
fn running(machines: usize, mode: &str) -> (FlyTwin, GitHubTwin, World, Vec<String>) {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    declare(&world, mode);
    let machines: Vec<String> = (0..machines).map(|_| fly.add_machine(APP)).collect();
    (fly, github, world, machines)
}

fn declare(world: &World, mode: &str) {
    let web = "[targets.web]\nkind = \"fly\"\napp = \"shop-{environment}\"\n";
    world.write("undrift.toml", SHOP.replace(web, &format!("{web}rollout = \"{mode}\"\n")));
}

fn updates(fly: &FlyTwin, machines: &[String]) -> usize {
    let ends = |path: &str| machines.iter().any(|machine| path.ends_with(&format!("/machines/{machine}")));
    fly.requests().iter().filter(|request| request.method == "POST" && ends(&request.path)).count()
}

fn leases(fly: &FlyTwin) -> (usize, usize) {
    let count = |method: &str| {
        fly.requests().iter().filter(|request| request.method == method && request.path.ends_with("/lease")).count()
    };
    (count("POST"), count("DELETE"))
}

#[test]
fn a_push_updates_the_machines_once_and_only_those_that_lack_something() {
    let (fly, _github, world, machines) = running(3, "machines");
    assert_snapshot!("plan", world.run(&["plan", "-e", "staging"]).status(1).transcript());
    assert_snapshot!("push", world.run(&["push", "-e", "staging", "--yes"]).status(0).transcript());
    for machine in &machines {
        assert_eq!(fly.running_values(APP, machine)["API_TOKEN"], "token-1");
    }
    assert_eq!((updates(&fly, &machines), leases(&fly)), (3, (3, 3)));
    assert_snapshot!("audit_after", world.run(&["audit"]).status(0).transcript());
    fly.clear_requests();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert!(fly.requests().iter().all(|request| request.method == "GET"));
    // A machine that was added since, and one that somebody deployed, lack nothing.
    world.set("SMTP_PASSWORD", "password-2");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(fly.running_values(APP, &machines[2])["SMTP_PASSWORD"], "password-2");
}

#[test]
fn what_was_staged_before_is_rolled_out_by_the_next_push() {
    let (fly, _github, world, machines) = running(2, "manual");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert!(!fly.running_values(APP, &machines[0]).contains_key("API_TOKEN"));
    fly.deploy_machine(APP, &machines[0]);
    declare(&world, "machines");
    assert_snapshot!("audit_partial", world.run(&["audit", "-t", "web"]).status(1).transcript());
    fly.clear_requests();
    assert_snapshot!("push_partial", world.run(&["push", "-e", "staging", "--yes"]).status(0).transcript());
    // The first one has it from the deployment of somebody else.
    assert_eq!(updates(&fly, &machines), 1);
    assert_eq!(fly.running_values(APP, &machines[1])["API_TOKEN"], "token-1");
    let _ = world.run(&["audit"]).status(0);
}

#[test]
fn the_configuration_goes_back_whole_and_stopped_machines_stay_stopped() {
    let (fly, _github, world, machines) = running(2, "machines");
    fly.edit_machine(APP, &machines[1], |machine| {
        machine.state = "stopped".to_owned();
        machine.config["services"] = serde_json::json!([{ "internal_port": 8080, "unknown": { "to": ["us"] } }]);
    });
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    fly.edit_machine(APP, &machines[1], |machine| {
        assert_eq!(machine.state, "stopped");
        assert_eq!(machine.config["services"][0]["unknown"]["to"][0], "us");
        assert_eq!(machine.config["metadata"]["fly_process_group"], "app");
        assert_eq!(machine.loaded["API_TOKEN"], "token-1");
        assert!(machine.config["metadata"]["undrift_secrets_at"].is_string());
    });
}

#[test]
fn a_machine_whose_host_is_not_well_stops_it_before_anything_is_touched() {
    let (fly, _github, world, machines) = running(2, "machines");
    fly.edit_machine(APP, &machines[1], |machine| machine.host_status = "unreachable".to_owned());
    let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(push.output.contains("roll-out failed"), "{}", push.transcript());
    assert!(push.output.contains("is not well"), "{}", push.transcript());
    assert_eq!((updates(&fly, &machines), leases(&fly)), (0, (0, 0)));
    // What was written stays written, and is staged.
    assert_eq!(fly.values(APP)["API_TOKEN"], "token-1");
    let _ = world.run(&["audit"]).status(1);
}

#[test]
fn the_first_failure_ends_the_roll_out_and_the_next_push_goes_on() {
    for (kind, words) in [
        (FaultKind::status(422, "{}"), "it takes the name or the value for invalid"),
        (FaultKind::ResetBefore, "the connection broke"),
        (FaultKind::ResetAfter, "the connection broke"),
    ] {
        let (fly, _github, world, mut machines) = running(3, "machines");
        machines.sort();
        fly.inject(
            Fault::new(kind).method("POST").path_contains(&format!("/machines/{}", machines[1])).skip(1).times(1),
        );
        let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
        assert!(push.output.replace('\n', " ").contains("roll-out failed"), "{}", push.transcript());
        let squeezed = push.output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(words), "{}", push.transcript());
        assert!(!fly.running_values(APP, &machines[2]).contains_key("API_TOKEN"));
        let (taken, given) = leases(&fly);
        assert_eq!(taken, given, "a lease was left");
        fly.clear_requests();
        let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
        assert!(updates(&fly, &machines) <= 2);
        for machine in &machines {
            assert_eq!(fly.running_values(APP, machine)["API_TOKEN"], "token-1");
        }
        let _ = world.run(&["audit"]).status(0);
    }
}

#[test]
fn a_machine_that_somebody_else_has_taken_is_left_alone() {
    let (fly, _github, world, machines) = running(1, "machines");
    fly.inject(Fault::new(FaultKind::status(409, "{\"error\":\"lease held\"}")).path_contains("/lease").times(1));
    let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    let squeezed = push.output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("is taken by somebody else for a change of theirs"), "{}", push.transcript());
    assert_eq!(updates(&fly, &machines), 0);
}

#[test]
fn a_version_that_has_not_reached_the_host_is_waited_for() {
    let (fly, _github, world, machines) = running(1, "machines");
    let not_yet = FaultKind::status(412, "{\"error\":\"min_secrets_version 1 is not yet available\"}");
    fly.inject(
        Fault::new(not_yet).method("POST").path_contains(&format!("/machines/{}", machines[0])).skip(1).times(3),
    );
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(fly.running_values(APP, &machines[0])["API_TOKEN"], "token-1");
}

#[test]
fn what_was_removed_is_known_to_run_until_the_machines_are_updated() {
    let (fly, _github, world, machines) = running(2, "manual");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    fly.clock().advance(Duration::from_secs(5));
    fly.deploy(APP);
    let _ = world.run(&["audit"]).status(0);
    let without = world
        .read("undrift.toml")
        .replace("[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n", "");
    world.write("undrift.toml", &without);
    fly.clock().advance(Duration::from_secs(5));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(0);
    assert!(!fly.values(APP).contains_key("SMTP_PASSWORD"));
    assert!(fly.running_values(APP, &machines[0]).contains_key("SMTP_PASSWORD"));
    assert_snapshot!("audit_removed", world.run(&["audit"]).status(1).transcript());
    fly.clock().advance(Duration::from_secs(5));
    fly.deploy_machine(APP, &machines[0]);
    let partial = world.run(&["audit"]).status(1);
    assert!(partial.output.contains("removed, and 1 of 2"), "{}", partial.output);
    // Once undrift may, it finishes that as well.
    world.write("undrift.toml", without.replace("rollout = \"manual\"", "rollout = \"machines\""));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert!(!fly.running_values(APP, &machines[1]).contains_key("SMTP_PASSWORD"));
    let after = world.run(&["audit", "-e", "staging", "--all"]).status(1);
    assert!(!after.output.contains("removed"), "{}", after.output);
    let _ = world.run(&["push", "-e", "staging", "--yes"]);
    assert!(
        !world.read("vault/staging/receipts.toml").contains("[removed"),
        "{}",
        world.read("vault/staging/receipts.toml")
    );
}

/// Puts a program called `fly` on the world's path, which notes how it was called.
fn fly_on_path(world: &mut World, script: &str) {
    let folder = world.home().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("fly");
    std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.variables.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", folder.display()).into());
}

#[test]
fn flyctl_is_run_once_an_app_with_the_token_in_its_environment() {
    let (fly, _github, mut world, machines) = running(2, "flyctl");
    let log = world.home().join("log");
    // The real one asks the platform; this one tells the twin through a file that the test watches.
    let script = format!(
        "echo \"$@\" >> {0}; env | grep -c canary-identity >> {0}; echo $FLY_API_TOKEN >> {0}; exit 0\n",
        log.display()
    );
    fly_on_path(&mut world, &script);
    world.variables.insert("UNDRIFT_IDENTITY_NOTE".to_owned(), "x".into());
    let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(push.output.contains("roll-out unconfirmed"), "{}", push.transcript());
    let called = std::fs::read_to_string(&log).unwrap();
    assert_eq!(called, "secrets deploy --app shop-staging\n0\nfly-test-token\n");
    // It said that all is well, and the machines say otherwise; once they are updated, all is.
    fly.deploy(APP);
    let _ = world.run(&["audit"]).status(0);
    assert_eq!(fly.running_values(APP, &machines[0])["API_TOKEN"], "token-1");
    fly_on_path(&mut world, "echo oops >&2; exit 3\n");
    world.set("API_TOKEN", "token-2");
    assert_snapshot!("flyctl_fails", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    world.variables.insert("PATH".to_owned(), "/nowhere".into());
    let none = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    assert!(none.output.contains("neither `fly` nor"), "{}", none.transcript());
}
