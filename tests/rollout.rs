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
    for (kind, state, words) in [
        (FaultKind::status(422, "{}"), "roll-out failed", "it takes the name or the value for invalid"),
        (FaultKind::ResetBefore, "roll-out uncertain", "the connection broke"),
        (FaultKind::ResetAfter, "roll-out uncertain", "the connection broke"),
    ] {
        let (fly, _github, world, mut machines) = running(3, "machines");
        machines.sort();
        fly.inject(
            Fault::new(kind).method("POST").path_contains(&format!("/machines/{}", machines[1])).skip(1).times(1),
        );
        let push = world.run(&["push", "-e", "staging", "--yes"]).status(2);
        assert!(push.output.replace('\n', " ").contains(state), "{}", push.transcript());
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
    assert!(squeezed.contains("is leased by somebody else; no machine was touched"), "{}", push.transcript());
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

#[test]
fn a_removal_whose_answer_was_lost_is_rolled_out_by_the_next_push() {
    let (fly, _github, world, machines) = running(2, "machines");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let smtp = "[secrets.SMTP_PASSWORD]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n";
    world.write("undrift.toml", world.read("undrift.toml").replace(smtp, ""));
    fly.clock().advance(Duration::from_secs(5));
    fly.inject(Fault::new(FaultKind::ResetAfter).method("POST").path_contains("/secrets").times(1));
    let _ = world.run(&["push", "-e", "staging", "--yes", "--prune"]).status(2);
    assert!(!fly.values(APP).contains_key("SMTP_PASSWORD"));
    assert!(fly.running_values(APP, &machines[0]).contains_key("SMTP_PASSWORD"));
    // An audit knows it from the journal, and writes nothing.
    let before = world.read("vault/staging/receipts.toml");
    let audit = world.run(&["audit", "-t", "web", "-e", "staging"]).status(1);
    assert!(audit.output.contains("in sync, staged"), "{}", audit.transcript());
    assert_eq!(world.read("vault/staging/receipts.toml"), before);
    let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
    assert!(machines.iter().all(|machine| !fly.running_values(APP, machine).contains_key("SMTP_PASSWORD")));
}

/// What a roll-out meets, and what it says: its outcome, its words, how many machines were updated, and how many still
/// lack something afterwards.
type Meets = (&'static str, fn(&FlyTwin, &[String]), &'static str, &'static str, usize, usize);

/// The machines are told apart by `[0]`, `[1]` and `[2]`; the second one is where it goes wrong.
const FAULTS: [Meets; 9] = [
    (
        "a lease of somebody else",
        |fly, machines| fly.lease(APP, &machines[1], "eve@example.com", Duration::from_secs(250)),
        "failed",
        "machine [1] is leased by eve@example.com until 2099-01-05 08:04:10 UTC; no machine was touched",
        0,
        3,
    ),
    (
        "a host that is not well",
        |fly, machines| {
            fly.edit_machine(APP, &machines[1], |machine| "unreachable".clone_into(&mut machine.host_status));
        },
        "failed",
        "the host of machine [1] is not well (`unreachable`), so that its configuration is not known whole; \
         no machine was touched",
        0,
        3,
    ),
    (
        "an update that is refused",
        |fly, machines| fly.inject(update_of(&machines[1], FaultKind::status(422, "{}"))),
        "failed",
        "machine [1]: the request was refused (422): it takes the name or the value for invalid; \
         1 of 3 machines was updated",
        1,
        2,
    ),
    (
        "an update of what somebody has leased since",
        |fly, machines| fly.inject(update_of(&machines[1], FaultKind::status(409, "{}"))),
        "failed",
        "machine [1] is leased by dev@example.com until 2099-01-05 08:03:00 UTC; 1 of 3 machines was updated",
        1,
        2,
    ),
    (
        "a connection that is lost before",
        |fly, machines| fly.inject(update_of(&machines[1], FaultKind::ResetBefore)),
        "uncertain",
        "machine [1]: the connection broke before the answer was complete; it may or may not have been updated; \
         1 of 3 machines was updated",
        1,
        2,
    ),
    (
        "a connection that is lost after",
        |fly, machines| fly.inject(update_of(&machines[1], FaultKind::ResetAfter)),
        "uncertain",
        "machine [1]: the connection broke before the answer was complete; it may or may not have been updated; \
         1 of 3 machines was updated",
        2,
        1,
    ),
    (
        "a rate limit that does not end",
        |fly, machines| fly.inject(update_of(&machines[1], FaultKind::status(429, "{}")).always()),
        "failed",
        "machine [1]: the rate limit",
        1,
        2,
    ),
    (
        "a machine that does not start",
        |fly, machines| fly.edit_machine(APP, &machines[1], |machine| machine.fails_to_start = true),
        "failed",
        "machine [1] was updated and did not start in time; 2 of 3 machines were updated",
        2,
        1,
    ),
    (
        "a check that does not pass",
        |fly, machines| {
            let check = serde_json::json!({ "name": "servicecheck-00-http-8080", "status": "critical" });
            fly.edit_machine(APP, &machines[1], |machine| machine.checks = vec![check]);
        },
        "failed",
        "machine [1] was updated, and its check `servicecheck-00-http-8080` does not pass; \
         2 of 3 machines were updated",
        2,
        1,
    ),
];

/// What befalls the update of a machine, and not the lease before it.
fn update_of(machine: &str, kind: FaultKind) -> Fault {
    Fault::new(kind).method("POST").path_contains(&format!("/machines/{machine}")).skip(1).times(1)
}

#[test]
fn every_fault_of_a_roll_out_has_its_own_words_and_leaves_the_rest_alone() {
    for (what, arrange, outcome, words, updated, lacking) in FAULTS {
        let (fly, _github, world, mut machines) = running(3, "machines");
        machines.sort();
        // Later than the machines, whenever this runs.
        fly.clock().pin("2099-01-05T08:00:00Z".parse().unwrap());
        fly.clock().set_tick(Duration::ZERO);
        arrange(&fly, &machines);
        let push = world.run(&["push", "-e", "staging", "-t", "web", "--yes", "--format", "json"]).status(2).json();
        let rolled = &push["roll_outs"][0];
        let said = machines.iter().enumerate().fold(rolled["detail"].as_str().unwrap().to_owned(), |said, (i, id)| {
            said.replace(id.as_str(), &format!("[{i}]"))
        });
        assert_eq!((rolled["outcome"].as_str().unwrap(), push["roll_outs"].as_array().unwrap().len()), (outcome, 1));
        assert!(said.starts_with(words), "{what}: {said}");
        let has = |machine: &String| {
            let mut has = false;
            fly.edit_machine(APP, machine, |machine| has = machine.loaded.contains_key("API_TOKEN"));
            has
        };
        let have: Vec<bool> = machines.iter().map(has).collect();
        assert_eq!(have.iter().filter(|has| **has).count(), updated, "{what}: {have:?}");
        assert!(!have[2], "{what}: a later machine was touched");
        let ours: Vec<String> = fly.leased(APP).into_iter().filter(|_| what != "a lease of somebody else").collect();
        assert_eq!(ours, Vec::<String>::new(), "{what}: a lease was left");
        // The audit names each machine that lacks something.
        let audit = world.run(&["audit", "-e", "staging", "-t", "web", "--format", "json"]).status(1).json();
        let entry = &audit["entries"][0];
        let detail = entry["detail"].as_str().unwrap();
        if lacking == 3 {
            assert_eq!(entry["rollout"], "staged", "{what}");
        } else {
            assert_eq!(entry["rollout"], "partial", "{what}");
            let verb = if lacking == 1 { "machines still runs" } else { "machines still run" };
            assert!(detail.starts_with(&format!("{lacking} of 3 {verb} the older value: ")), "{what}: {detail}");
            for (machine, has) in machines.iter().zip(&have) {
                assert_eq!(detail.contains(machine.as_str()), !has, "{what}: {detail}");
            }
        }
        assert_eq!(entry["next"], "undrift push -e staging -t web");
        // What stood in the way is gone, and the same push does the rest.
        fly.clear_faults();
        fly.clock().advance(Duration::from_secs(301));
        fly.edit_machine(APP, &machines[1], |machine| {
            "ok".clone_into(&mut machine.host_status);
            machine.fails_to_start = false;
            machine.checks = vec![serde_json::json!({ "name": "http", "status": "passing" })];
        });
        let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
        let _ = world.run(&["audit", "-e", "staging", "-t", "web"]).status(0);
        assert!(machines.iter().all(has), "{what}");
    }
}

#[test]
fn a_rate_limit_that_ends_is_waited_for() {
    let (fly, _github, world, mut machines) = running(2, "machines");
    machines.sort();
    fly.inject(update_of(&machines[0], FaultKind::status(429, "{}")).times(2));
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(fly.running_values(APP, &machines[0])["API_TOKEN"], "token-1");
}

#[test]
fn a_roll_out_that_is_interrupted_gives_its_leases_back() {
    let (fly, _github, world, machines) = running(3, "machines");
    fly.latency(Duration::from_millis(40));
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("undrift"))
        .env_clear()
        .envs(&world.variables)
        .current_dir(world.path(""))
        .args(["push", "-e", "staging", "-t", "web", "--yes"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while updates(&fly, &machines) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::sleep(Duration::from_millis(1));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("it was interrupted"));
    assert_eq!(fly.leased(APP), Vec::<String>::new());
    assert!(updates(&fly, &machines) < 3);
    fly.latency(Duration::ZERO);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit", "-e", "staging"]).status(0);
}

#[test]
fn digests_that_all_changed_are_never_written_over_by_one_option() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    fly.set_digest_width(32);
    let push = ["push", "-e", "staging", "-t", "web", "--yes", "--take-vault"];
    assert_snapshot!("digests_changed", world.run(&push).status(1).transcript());
    let by_name = [&push[..], &["--overwrite", "API_TOKEN"]].concat();
    let one = world.run(&by_name);
    assert!(one.output.contains("API_TOKEN") && one.output.contains("1 held"), "{}", one.transcript());
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

#[test]
fn a_machine_that_no_deployment_made_is_unknown_and_stops_the_roll_out() {
    let (fly, _github, world, machines) = running(1, "machines");
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let loose = fly.add_machine(APP);
    fly.edit_machine(APP, &loose, |machine| machine.config["metadata"] = serde_json::json!({}));
    world.set("SMTP_PASSWORD", "password-2");
    fly.clear_requests();
    assert_snapshot!(
        "push_loose",
        world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).transcript().replace(&loose, "[loose]")
    );
    assert_eq!(updates(&fly, &machines) + updates(&fly, std::slice::from_ref(&loose)), 0);
    let audit = world.run(&["audit", "-t", "web", "--format", "json"]).status(1).json();
    let states: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().filter_map(|row| row["rollout"].as_str()).collect();
    assert!(states.iter().all(|state| *state != "live"), "{audit:#}");
    // Once it is gone, the next push goes on.
    fly.edit_machine(APP, &loose, |machine| machine.state = "destroyed".to_owned());
    let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
    assert_eq!(fly.running_values(APP, &machines[0])["SMTP_PASSWORD"], "password-2");
}
