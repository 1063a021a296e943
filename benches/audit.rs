//! What an audit of a hundred places costs beyond the round trips that have to follow each other.
//!
//! Fifty Fly apps and fifty GitHub repositories are twins on loopback that answer after 50 ms. The floor is as many raw
//! requests as have to follow each other, sent one after the other over plain sockets to the same twins. Counts of
//! requests are asserted; times are only told.
#![expect(clippy::unwrap_used, reason = "a bench that cannot make its fixtures has nothing to measure")]
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

mod common;
#[path = "common/project.rs"]
mod project;
#[path = "common/raw.rs"]
mod raw;

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubTwin, Request};

use common::{in_turns, milliseconds, ratio};
use project::Project;
use raw::{receive, send};

/// The program wipes what it frees, so what is measured here has to as well. The twins live in this process and pay
/// for it too, which no real platform would do to us.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

const APPS: usize = 50;
const REPOSITORIES: usize = 50;
const LATENCY: Duration = Duration::from_millis(50);

/// What the Fly apps are like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fleet {
    /// Nothing runs: the secrets and the machines are asked for at once, and that is all.
    Stored,
    /// Two machines run in each app, so its releases are asked for when the machines are known.
    Running,
    /// `rollout = "unchecked"`: the secrets alone are asked for.
    Unchecked,
}

impl Fleet {
    const fn words(self) -> &'static str {
        match self {
            Self::Stored => "no machines",
            Self::Running => "two machines an app",
            Self::Unchecked => "rollout unchecked",
        }
    }

    /// How many requests have to follow each other.
    const fn rounds(self) -> usize {
        match self {
            Self::Stored | Self::Unchecked => 1,
            Self::Running => 2,
        }
    }

    const fn requests_an_app(self) -> usize {
        match self {
            Self::Unchecked => 1,
            Self::Stored => 2,
            Self::Running => 3,
        }
    }
}

/// A project of a hundred places, and the twins that are these places.
struct Bench {
    fleet: Fleet,
    project: Project,
}

impl Bench {
    /// Makes the vault and pushes it once, so that every place is in sync.
    fn new(fleet: Fleet) -> Self {
        let (fly, github) = (FlyTwin::start(), GitHubTwin::start());
        for number in 0..APPS {
            fly.create_app(&format!("app-{number}"));
        }
        for number in 0..REPOSITORIES {
            github.create_repository(&format!("acme/repository-{number}"));
        }
        let names = ["SHARED", "FIRST", "SECOND", "THIRD"];
        let bench = Self { fleet, project: Project::new(fly, github, &declarations(fleet), &names) };
        bench.project.run(&["push", "-e", "bench", "--yes"], "");
        if fleet == Fleet::Running {
            for number in 0..APPS {
                let app = format!("app-{number}");
                bench.project.fly.add_machine(&app);
                bench.project.fly.add_machine(&app);
            }
        }
        bench
    }

    fn audit(&self) {
        self.project.run(&["audit"], "");
    }

    fn audit_as_process(&self) {
        let mut command = self.project.process(&[env!("CARGO_BIN_EXE_undrift"), "audit"]);
        assert!(command.stderr(Stdio::null()).status().unwrap().success());
    }

    /// As many requests as have to follow each other, over plain sockets.
    fn round_trips(&self) {
        for _ in 0..self.fleet.rounds() {
            receive(send(self.project.fly.address(), FLY_TOKEN, "/v1/apps/app-0/secrets"));
        }
    }

    /// The very requests of an audit over plain sockets, each round at once: what the twins and the kernel take, which
    /// share the processors with us.
    fn all_requests(&self) {
        let of_every_app = |what: &str| {
            let path = |number| format!("/v1/apps/app-{number}/{what}");
            (0..APPS).map(|number| send(self.project.fly.address(), FLY_TOKEN, &path(number))).collect::<Vec<_>>()
        };
        let mut sockets = of_every_app("secrets");
        if self.fleet != Fleet::Unchecked {
            sockets.extend(of_every_app("machines"));
        }
        sockets.extend((0..REPOSITORIES).map(|number| {
            let path = format!("/repos/acme/repository-{number}/actions/secrets?per_page=100");
            send(self.project.github.address(), GITHUB_TOKEN, &path)
        }));
        sockets.into_iter().for_each(receive);
        if self.fleet == Fleet::Running {
            let path = |number| format!("/api/v1/apps/app-{number}/releases?limit=20");
            let releases = (0..APPS).map(|number| send(self.project.fly.address(), FLY_TOKEN, &path(number)));
            releases.collect::<Vec<_>>().into_iter().for_each(receive);
        }
    }

    /// Insists that an audit asks for nothing twice, and that a second push writes nothing.
    fn check_requests(&self) {
        self.project.forget_requests();
        self.audit();
        let (fly, github) = (self.project.fly.requests(), self.project.github.requests());
        assert_eq!(fly.len(), APPS * self.fleet.requests_an_app());
        assert_eq!(github.len(), REPOSITORIES);
        self.project.run(&["push", "-e", "bench", "--yes"], "");
        let is_write = |request: &Request| request.method != "GET";
        assert!(
            !self.project.fly.requests().iter().chain(&self.project.github.requests()).any(is_write),
            "a second push wrote"
        );
    }

    /// Returns the largest memory of the whole process in KiB, if GNU time is installed.
    fn memory(&self, arguments: &[&str]) -> Option<String> {
        let words = [&["/usr/bin/time", "-f", "%M", env!("CARGO_BIN_EXE_undrift")], arguments].concat();
        let mut command = self.project.process(&words);
        let output = command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        text.lines().last().filter(|_| output.status.success()).map(str::to_owned)
    }
}

fn declarations(fleet: Fleet) -> String {
    let mut text = "version = 1\n\n[environments.bench]\n".to_owned();
    let rollout = if fleet == Fleet::Unchecked { "rollout = \"unchecked\"\n" } else { "" };
    let mut apps = Vec::new();
    for number in 0..APPS {
        apps.push(format!("\"fly-{number}\""));
        let target = format!("[targets.fly-{number}]\nkind = \"fly\"\napp = \"app-{number}\"\n{rollout}");
        write!(text, "\n{target}").unwrap();
    }
    for number in 0..REPOSITORIES {
        let target =
            format!("[targets.github-{number}]\nkind = \"github\"\nrepository = \"acme/repository-{number}\"\n");
        write!(text, "\n{target}").unwrap();
    }
    // One secret goes to every place. Repositories get no more than that, because undrift writes no more than eighty
    // secrets a minute to GitHub.
    text.push_str("\n[secrets.SHARED]\n");
    for name in ["FIRST", "SECOND", "THIRD"] {
        write!(text, "\n[secrets.{name}]\ntargets = [{}]\n", apps.join(", ")).unwrap();
    }
    text
}

fn main() {
    // Without `--bench` (`cargo test --benches`) only the counts are checked.
    let measures = std::env::args().any(|argument| argument == "--bench");
    if measures {
        println!(
            "| {APPS} Fly apps and {REPOSITORIES} repositories | by round trips | by raw requests | audit | at once |"
        );
        println!("| --- | --- | --- | --- | --- |");
    }
    for fleet in [Fleet::Stored, Fleet::Running, Fleet::Unchecked] {
        let bench = Bench::new(fleet);
        bench.check_requests();
        if !measures {
            continue;
        }
        bench.project.latency(LATENCY);
        let mut raw = || bench.all_requests();
        let [audit, process, floor, raw] = in_turns(
            20,
            [&mut || bench.audit(), &mut || bench.audit_as_process(), &mut || bench.round_trips(), &mut raw],
        );
        let peaks = format!("{} + {}", bench.project.fly.in_flight_peak(), bench.project.github.in_flight_peak());
        for (how, audit) in [("in this process", audit), ("as a process", process)] {
            let (floor, raw, audit) = (ratio(&audit, &floor), ratio(&audit, &raw), milliseconds(&audit));
            println!("| {}, {how} | {floor} | {raw} | {audit} | {peaks} |", fleet.words());
        }
        if fleet == Fleet::Running
            && let (Some(audit), Some(version)) = (bench.memory(&["audit"]), bench.memory(&["--version"]))
        {
            println!("largest memory of the process: {audit} KiB, of which starting takes {version} KiB");
        }
    }
}
