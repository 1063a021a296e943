//! What a rotation at twenty targets takes, by the longest that one of them takes alone, and by a loop of a shell.
//!
//! Ten Fly apps with two machines each and ten GitHub repositories are twins on loopback that answer after 100 ms. A run
//! writes the new value, brings it to the machines, sees that every place runs it, and drops the old one. The loop, of the
//! real `gh` and `curl`, only writes. Counts of requests are asserted; times are only told.
#![expect(clippy::unwrap_used, reason = "a bench that cannot make its fixtures has nothing to measure")]
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

mod common;
#[path = "common/project.rs"]
mod project;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubTwin};

use common::{in_turns, milliseconds, ratio};
use project::Project;

/// The program wipes what it frees, so what is measured here has to as well.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

const LATENCY: Duration = Duration::from_millis(100);

/// A project whose one secret has been pushed to so many places of each kind.
fn pushed(apps: usize, repositories: usize) -> Project {
    let (fly, github) = (FlyTwin::start(), GitHubTwin::start());
    let mut text =
        "version = 1\n\n[environments.bench]\n\n[secrets.TOKEN]\ngenerate = \"alphanumeric:40\"\n".to_owned();
    for number in 0..apps {
        let app = format!("app-{number}");
        fly.create_app(&app);
        fly.add_machine(&app);
        fly.add_machine(&app);
        let target = format!("[targets.fly-{number}]\nkind = \"fly\"\napp = \"{app}\"\nrollout = \"machines\"\n");
        write!(text, "\n{target}").unwrap();
    }
    for number in 0..repositories {
        let repository = format!("acme/repository-{number}");
        github.create_repository(&repository);
        write!(text, "\n[targets.github-{number}]\nkind = \"github\"\nrepository = \"{repository}\"\n").unwrap();
    }
    let project = Project::new(fly, github, &text, &["TOKEN"]);
    project.run(&["push", "-e", "bench", "--yes"], "");
    project
}

fn rotate(project: &Project) {
    project.run(&["rotate", "TOKEN", "-e", "bench", "--yes"], "");
}

/// Insists that a rotation writes nothing twice, and returns how often it reads.
fn reads(project: &Project, apps: usize, repositories: usize) -> usize {
    project.forget_requests();
    rotate(project);
    let all: Vec<_> = project.fly.requests().into_iter().chain(project.github.requests()).collect();
    let of = |method: &str| all.iter().filter(|request| request.method == method).count();
    // One request for the secrets of an app; each of two machines is leased, updated and let go.
    assert_eq!([of("PUT"), of("POST"), of("DELETE")], [repositories, apps * 5, apps * 2]);
    of("GET")
}

/// The same writes by hand: one `gh secret set` a repository, one request an app, and no look at what came of it.
fn shell_loop(project: &Project, apps: usize, repositories: usize) -> Command {
    let script = format!(
        "for n in $(seq 0 {}); do gh secret set TOKEN --repo acme/repository-$n --body by-hand || exit 1; done\n\
         for n in $(seq 0 {}); do curl -sf -X POST -H \"Authorization: Bearer {FLY_TOKEN}\" \
         -d '{{\"values\":{{\"TOKEN\":\"by-hand\"}}}}' {}/v1/apps/app-$n/secrets || exit 1; done",
        repositories - 1,
        apps - 1,
        project.fly.url()
    );
    let mut command = project.process(&["sh", "-c", &script]);
    command.env("PATH", "/usr/bin:/bin").env("GH_HOST", "github.localhost").env("GH_TOKEN", GITHUB_TOKEN);
    command.env("http_proxy", project.github.url()).env("no_proxy", "127.0.0.1").stderr(Stdio::null());
    command
}

fn main() {
    // Without `--bench` (`cargo test --benches`) only the counts are checked.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (twenty, app) = (pushed(10, 10), pushed(1, 0));
    println!("twenty targets are written once each, and read {} times", reads(&twenty, 10, 10));
    println!("one app is written once, and read {} times", reads(&app, 1, 0));
    if !measures {
        return;
    }
    // The loop writes at a project of its own: what somebody else wrote would be held in ours.
    let theirs = pushed(10, 10);
    for project in [&twenty, &app, &theirs] {
        project.latency(LATENCY);
    }
    let has_loop = shell_loop(&theirs, 10, 10).status().is_ok_and(|status| status.success());
    let mut by_loop = || {
        if has_loop {
            let _ = shell_loop(&theirs, 10, 10).status().unwrap();
        }
    };
    let [all, one, by_hand] = in_turns(7, [&mut || rotate(&twenty), &mut || rotate(&app), &mut by_loop]);
    println!("twenty targets: {}; one app alone: {}", milliseconds(&all), milliseconds(&one));
    println!("by the longest single target: {}", ratio(&all, &one));
    if has_loop {
        println!("the loop: {}; the loop by ours: {}", milliseconds(&by_hand), ratio(&by_hand, &all));
    } else {
        println!("left out for want of gh and curl: the loop of a shell");
    }
}
