//! Two machines: clones of one project by the real git, with no lock in common.
//!
//! The places themselves are all that the two share, so that what one has written is what the other finds. Then git puts
//! their receipts together.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assert_cmd::prelude::*;
use twins::{Fault, FaultKind, FlyTwin, GitHubTwin, Server};

use crate::tools;
use crate::world::{SHOP, World, files, repository, twins};

const RECEIPTS: &str = "vault/staging/receipts.toml";

/// A project that git keeps, and a clone of it with the same identity.
struct Machines {
    fly: FlyTwin,
    github: GitHubTwin,
    first: World,
    second: World,
}

pub(crate) fn git(world: &World, arguments: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Alice", "-c", "user.email=alice@example.com", "-c", "init.defaultBranch=main"]);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", world.home());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").current_dir(world.path(""));
    command.output().unwrap().status.success()
}

pub(crate) fn commit(world: &World, message: &str) {
    assert!(git(world, &["add", "-A"]) && git(world, &["commit", "-qm", message]), "{message}");
}

impl Machines {
    /// Two machines with what `prepare` leaves behind, or nothing where there is no git.
    fn start(check: &str, prepare: impl FnOnce(&World)) -> Option<Self> {
        if !tools::has("git", check) {
            return None;
        }
        let (fly, github) = twins();
        let (first, second) = (World::with_twins(&fly, &github), World::with_twins(&fly, &github));
        first.shop();
        prepare(&first);
        assert!(git(&first, &["init", "-q"]));
        commit(&first, "a project");
        for (path, content) in files(&first.home()) {
            let path = second.home().join(path.strip_prefix(first.home()).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        assert!(git(&second, &["clone", "-q", &first.path("").display().to_string(), "."]));
        assert!(!second.path(".undrift").exists(), "what is this machine's own is not shared");
        Some(Self { fly, github, first, second })
    }

    fn server(&self, target: &str) -> &Server {
        if target == "web" { &self.fly } else { &self.github }
    }

    /// What a target holds of the name that both machines write.
    fn there(&self, target: &str) -> String {
        if target == "web" {
            self.fly.values("shop-staging")["API_TOKEN"].clone()
        } else {
            String::from_utf8(self.github.values(&repository())["SHOP_TOKEN"].clone()).unwrap()
        }
    }

    /// Starts a push of the first machine, and returns once one of its requests is held.
    fn start_push(&self, target: &str, held: Fault) -> Child {
        let server = self.server(target);
        server.inject(held);
        let before = server.held();
        let mut command = Command::cargo_bin("undrift").unwrap();
        command.env_clear().envs(&self.first.variables).current_dir(self.first.path(""));
        command.args(["push", "-e", "staging", "-t", target, "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        while server.held() == before {
            assert!(child.try_wait().unwrap().is_none(), "the push ended before it was held");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }
}

fn pushed(world: &World) {
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
}

/// One of the looks, from 0, before the write of a machine whose listing was read before.
fn look(target: &str, number: usize) -> Fault {
    let fault = Fault::new(FaultKind::Hold).method("GET").times(1);
    if target == "web" {
        fault.path_contains("/secrets").skip(number + 1)
    } else {
        fault.path_contains("/SHOP_TOKEN").skip(number)
    }
}

#[test]
fn of_two_machines_that_plan_the_same_step_the_later_one_is_stale() {
    for target in ["web", "ci"] {
        let Some(machines) = Machines::start("two machines that push at once", pushed) else { return };
        machines.first.set("API_TOKEN", "of the first");
        machines.second.set("API_TOKEN", "of the second");
        let child = machines.start_push(target, look(target, 0));
        let second = machines.second.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(0);
        assert!(second.output.contains("updated"), "{}", second.transcript());
        machines.server(target).release();
        let first = child.wait_with_output().unwrap();
        let output = String::from_utf8(first.stdout).unwrap();
        assert_eq!(first.status.code(), Some(1), "{target}: {output}");
        assert!(output.contains("update stale"), "{target}: {output}");
        assert_eq!(machines.there(target), "of the second");
        // From here on it is like the write of anybody else: held until somebody names it.
        let held = machines.first.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(1);
        assert!(held.output.contains("held until you choose"), "{}", held.transcript());
        assert_eq!(machines.there(target), "of the second");
        let _ = machines.second.run(&["audit", "-e", "staging", "-t", target]).status(0);
    }
}

#[test]
fn of_two_machines_that_make_the_same_name_the_later_one_is_stale() {
    for target in ["web", "ci"] {
        let Some(machines) = Machines::start("two machines that make the same name", |_| {}) else { return };
        machines.first.set("API_TOKEN", "of the first");
        machines.second.set("API_TOKEN", "of the second");
        let child = machines.start_push(target, look(target, 0));
        let _ = machines.second.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(0);
        machines.server(target).release();
        let first = child.wait_with_output().unwrap();
        let output = String::from_utf8(first.stdout).unwrap();
        assert_eq!(first.status.code(), Some(1), "{target}: {output}");
        assert!(output.contains("stale"), "{target}: {output}");
        assert_eq!(machines.there(target), "of the second");
    }
}

#[test]
fn what_moves_while_a_limit_is_waited_for_is_looked_at_before_the_write_is_sent_again() {
    for (target, method, path) in [("web", "POST", "/secrets"), ("ci", "PUT", "/SHOP_TOKEN")] {
        let Some(machines) = Machines::start("a write between two tries", pushed) else { return };
        machines.first.set("API_TOKEN", "of the first");
        machines.second.set("API_TOKEN", "of the second");
        let headers = vec![("retry-after".to_owned(), "0".to_owned())];
        let limited = FaultKind::Status { code: 429, headers, body: "{}".to_owned() };
        machines.server(target).inject(Fault::new(limited).method(method).path_contains(path).times(1));
        let child = machines.start_push(target, look(target, 1));
        let _ = machines.second.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(0);
        machines.server(target).release();
        let first = child.wait_with_output().unwrap();
        let output = String::from_utf8(first.stdout).unwrap();
        assert_eq!(first.status.code(), Some(1), "{target}: {output}");
        assert!(output.contains("stale"), "{target}: {output}");
        assert_eq!(machines.there(target), "of the second");
    }
}

/// Neither platform has a write that asks for what must still be there, so that a moment is left between the last look
/// and the write. Who writes in it is written over, and told so by the next audit.
#[test]
fn a_write_in_the_last_moment_is_lost_and_never_unnoticed() {
    for (target, method, path) in [("web", "POST", "/secrets"), ("ci", "PUT", "/SHOP_TOKEN")] {
        let Some(machines) = Machines::start("two writes in one moment", pushed) else { return };
        machines.first.set("API_TOKEN", "of the first");
        machines.second.set("API_TOKEN", "of the second");
        let write = Fault::new(FaultKind::Hold).method(method).path_contains(path).times(1);
        let child = machines.start_push(target, write);
        let _ = machines.second.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(0);
        machines.server(target).release();
        let first = child.wait_with_output().unwrap();
        assert_eq!(first.status.code(), Some(0), "{target}: {}", String::from_utf8_lossy(&first.stdout));
        assert_eq!(machines.there(target), "of the first");
        let _ = machines.first.run(&["audit", "-e", "staging", "-t", target]).status(0);
        let audit = machines.second.run(&["audit", "-e", "staging", "-t", target]).status(1);
        assert!(audit.output.contains("changed remotely"), "{target}: {}", audit.transcript());
        let held = machines.second.run(&["push", "-e", "staging", "-t", target, "--yes"]).status(1);
        assert!(held.output.contains("held until you choose"), "{target}: {}", held.transcript());
    }
}

#[test]
fn what_somebody_writes_right_after_us_is_neither_ours_nor_written_over() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    github.clock().advance(Duration::from_secs(60));
    world.set("STRIPE_KEY", "stripe-2");
    github.clear_requests();
    // Our write is answered; somebody writes in the next second; only then do we see what is there.
    github.inject(Fault::new(FaultKind::Hold).method("GET").path_contains("/STRIPE_KEY").skip(1).times(1));
    let push = ["push", "-e", "staging", "-t", "ci", "--yes"];
    let held = github.held();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            while github.held() == held {
                std::thread::yield_now();
            }
            github.clock().advance(Duration::from_secs(1));
            github.set(&repository(), "STRIPE_KEY", "theirs");
            github.release();
        });
        world.run(&push)
    });
    let told = ran.status(2);
    assert!(told.output.contains("it was written, and somebody"), "{}", told.transcript());
    let audit = world.run(&["audit", "-e", "staging", "-t", "ci"]).status(1);
    assert!(audit.output.contains("conflict"), "{}", audit.transcript());
    let _ = world.run(&push).status(1);
    assert_eq!(github.values(&repository())["STRIPE_KEY"], b"theirs");
}

/// The receipts of both machines after git has put them together, or nothing where it could not.
fn merged(machines: &Machines) -> bool {
    commit(&machines.first, "the receipts of the first");
    commit(&machines.second, "the receipts of the second");
    assert!(git(&machines.first, &["fetch", "-q", &machines.second.path("").display().to_string(), "main:other"]));
    git(&machines.first, &["merge", "-q", "-m", "both", "other"])
}

fn all_proved(world: &World) {
    let audit = world.run(&["audit", "-e", "staging", "--all"]).status(0);
    assert!(audit.output.contains("4 in sync (4 proved)"), "{}", audit.transcript());
    let log = world.run(&["log", "-e", "staging"]).status(0);
    assert!(log.output.contains("the chain is whole"), "{}", log.transcript());
    let push = world.run(&["push", "-e", "staging", "--yes", "--format", "json"]).status(0);
    assert_eq!(push.json()["steps"], serde_json::json!([]));
}

/// What a project has before both push, and what that is called.
type Case<'a> = (&'a str, &'a dyn Fn(&World));

#[test]
fn receipts_of_pushes_to_different_places_merge() {
    // Each place has its receipts already, and they change.
    let changed = |world: &World| {
        pushed(world);
        for (name, value) in [("API_TOKEN", "token-2"), ("SMTP_PASSWORD", "password-2"), ("STRIPE_KEY", "stripe-2")] {
            world.set(name, value);
        }
    };
    // One place has receipts already, which change, and those of another are made before or behind them.
    let before = |world: &World| {
        let _ = world.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(0);
        world.set("STRIPE_KEY", "stripe-2");
    };
    let behind = |world: &World| {
        let _ = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
        world.set("SMTP_PASSWORD", "password-2");
    };
    let cases: [Case<'_>; 3] = [("changed", &changed), ("made before", &before), ("made behind", &behind)];
    for (what, prepare) in cases {
        let Some(machines) = Machines::start("receipts that git merges", prepare) else { return };
        let _ = machines.first.run(&["push", "-e", "staging", "-t", "web", "--yes"]).status(0);
        let _ = machines.second.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(0);
        assert!(merged(&machines), "{what}: {}", machines.first.read(RECEIPTS));
        all_proved(&machines.first);
        assert!(git(&machines.second, &["pull", "-q", &machines.first.path("").display().to_string(), "main"]));
        all_proved(&machines.second);
    }
}

#[test]
fn receipts_of_different_names_at_one_place_merge_where_they_changed() {
    let prepare = |world: &World| {
        pushed(world);
        for (name, value) in [("API_TOKEN", "token-2"), ("SMTP_PASSWORD", "password-2"), ("STRIPE_KEY", "stripe-2")] {
            world.set(name, value);
        }
    };
    let Some(machines) = Machines::start("receipts of one place that git merges", prepare) else { return };
    push_without(&machines.first, "SMTP_PASSWORD");
    push_without(&machines.second, "API_TOKEN");
    let _ = machines.first.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(0);
    assert!(merged(&machines), "{}", machines.first.read(RECEIPTS));
    all_proved(&machines.first);
}

/// Each machine sets a value of its own, so that the seals of the two differ, which is for a person to look at. The receipts
/// merge, even of the last name of the file.
#[test]
fn receipts_merge_where_the_seals_do_not() {
    let names = ["A_FIRST", "M_MIDDLE", "Z_LAST"];
    let set = |world: &World, name: &str, value: &str| {
        let _ = world.run_with(&["set", name, "-e", "staging", "-g", name], value).status(0);
    };
    let prepare = |world: &World| {
        for name in names {
            set(world, name, "begin");
        }
        pushed(world);
    };
    let Some(machines) = Machines::start("receipts and seals that git merges", prepare) else { return };
    set(&machines.first, names[0], "changed");
    pushed(&machines.first);
    set(&machines.second, names[2], "changed");
    // What the first one has pushed meanwhile is held here.
    let _ = machines.second.run(&["push", "-e", "staging", "--yes"]).status(1);
    assert!(!merged(&machines));
    assert!(!machines.first.read(RECEIPTS).contains("<<<<<<<"), "{}", machines.first.read(RECEIPTS));
    assert!(machines.first.read("vault/staging/seal.toml").contains("<<<<<<<"));
    machines.first.seal();
    let audit = machines.first.run(&["audit", "-e", "staging"]).status(0);
    assert!(audit.output.contains("none drifted"), "{}", audit.transcript());
}

/// Pushes to the app while one name is declared for nothing.
fn push_without(world: &World, name: &str) {
    let nowhere = format!("[secrets.{name}]\nenvironments = [\"production\"]\n");
    let declared = SHOP.split(&format!("[secrets.{name}]")).next().unwrap();
    let rest = SHOP.split(&format!("[secrets.{name}]")).nth(1).unwrap();
    let rest = rest.split_once("\n[secrets").map_or(String::new(), |(_, rest)| format!("[secrets{rest}"));
    world.write("undrift.toml", format!("{declared}{nowhere}{rest}"));
    let ran = world.run(&["push", "-e", "staging", "-t", "web", "--yes"]);
    assert!(ran.status < 2, "{}", ran.transcript());
    world.write("undrift.toml", SHOP);
}

/// New receipts that stand side by side are one place of the file that both have changed. Git says so, undrift reads
/// nothing of such a file, and both sides belong in it.
#[test]
fn new_receipts_side_by_side_conflict_and_both_sides_are_kept_by_hand() {
    let Some(machines) = Machines::start("receipts that conflict", |_| {}) else { return };
    push_without(&machines.first, "SMTP_PASSWORD");
    push_without(&machines.second, "API_TOKEN");
    let _ = machines.first.run(&["push", "-e", "staging", "-t", "ci", "--yes"]).status(0);
    assert!(!merged(&machines), "{}", machines.first.read(RECEIPTS));
    let conflicted = machines.first.read(RECEIPTS);
    assert!(conflicted.contains("<<<<<<< "), "{conflicted}");
    machines.fly.clear_requests();
    machines.github.clear_requests();
    for verb in [&["audit"][..], &["push", "-e", "staging", "--yes", "--take-vault"]] {
        let ran = machines.first.run(verb).status(2);
        assert!(ran.talk.contains("vault/staging/receipts.toml:"), "{}", ran.talk);
    }
    let requests = machines.fly.requests().into_iter().chain(machines.github.requests());
    assert!(requests.into_iter().all(|request| request.method == "GET"), "nothing is written without receipts");
    machines.first.write(RECEIPTS, both_sides(&machines.first));
    commit(&machines.first, "both");
    all_proved(&machines.first);
}

/// The tables of both branches, each once and whole, as a person would keep them.
fn both_sides(world: &World) -> String {
    let side = |branch: &str| {
        let shown = Command::new("git")
            .args(["show", &format!("{branch}:{RECEIPTS}")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(world.path(""))
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let (ours, theirs) = (side("main"), side("other"));
    let new = theirs.split("\n[").skip(1).filter(|table| !ours.contains(table.split(']').next().unwrap()));
    new.fold(ours.clone(), |both, table| format!("{}\n\n[{}\n", both.trim_end(), table.trim_end()))
}

/// The same value at the same place: the later machine finds it there and cannot know it, until git brings the receipt.
#[test]
fn what_the_other_machine_has_pushed_is_known_once_its_receipts_are_here() {
    let prepare = |world: &World| {
        pushed(world);
        world.set("API_TOKEN", "token-2");
    };
    let Some(machines) = Machines::start("receipts that are pulled", prepare) else { return };
    pushed(&machines.first);
    let held = machines.second.run(&["push", "-e", "staging", "--yes"]).status(1);
    assert!(held.output.contains("held until you choose"), "{}", held.transcript());
    commit(&machines.first, "the receipts");
    assert!(git(&machines.second, &["checkout", "-q", "."]));
    assert!(git(&machines.second, &["pull", "-q", &machines.first.path("").display().to_string(), "main"]));
    machines.fly.clear_requests();
    machines.github.clear_requests();
    all_proved(&machines.second);
    let requests = machines.fly.requests().into_iter().chain(machines.github.requests());
    assert!(requests.into_iter().all(|request| request.method == "GET"));
}

#[test]
fn what_the_other_machine_wrote_is_settled_once_it_is_named() {
    let (fly, github) = twins();
    let first = World::with_twins(&fly, &github);
    first.shop();
    let second = World::with_twins(&fly, &github);
    second.copy_files_of(&first.folder());
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
