//! What an audit of a large fleet costs: two thousand places with fifty secrets each, of which as many are GitHub repositories
//! as may be asked in one minute, and the others Fly apps.
//!
//! The limit is the very same requests over plain sockets, as many at once as undrift sends to one host. Counts of requests are
//! asserted, and that the second audit of GitHub is answered for nothing; times and memory are only told.
#![expect(clippy::unwrap_used, reason = "a bench that cannot make its fixtures has nothing to measure")]
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

mod common;
#[path = "common/project.rs"]
mod project;
#[path = "common/raw.rs"]
mod raw;

use std::fmt::Write as _;
use std::time::Duration;

use twins::{FLY_TOKEN, FlyTwin, GITHUB_TOKEN, GitHubPlace, GitHubTwin};
use undrift::targets::client::ClientSettings;

use common::{in_turns, milliseconds, ratio};
use project::Project;
use raw::{receive, send};

const SECRETS: usize = 50;
const LATENCY: Duration = Duration::from_millis(50);

/// How many places there are.
#[derive(Clone, Copy)]
struct Size {
    apps: usize,
    repositories: usize,
}

/// A project whose places are twins.
struct Bench {
    size: Size,
    project: Project,
}

impl Bench {
    /// Makes the vault and pushes it to Fly. GitHub takes no more than eighty writes a minute, so its secrets are there
    /// already, and nobody knows what they are.
    fn new(size: Size) -> Self {
        let (fly, github) = (FlyTwin::start(), GitHubTwin::start());
        let names: Vec<String> = (0..SECRETS).map(|secret| format!("SECRET_{secret}")).collect();
        for number in 0..size.apps {
            fly.create_app(&format!("app-{number}"));
        }
        for number in 0..size.repositories {
            let repository = format!("acme/repository-{number}");
            github.create_repository(&repository);
            for name in &names {
                github.set(&GitHubPlace::repository(&repository), name, "theirs");
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let bench = Self { size, project: Project::new(fly, github, &declarations(size, &names), &names) };
        bench.run(&["push", "-e", "bench", "--yes"], 1);
        bench
    }

    /// Runs the program as a person starts it, and insists on its status.
    fn run(&self, arguments: &[&str], status: i32) {
        let words: Vec<&str> = [env!("CARGO_BIN_EXE_undrift")].iter().chain(arguments).copied().collect();
        let output = self.project.process(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn audit(&self) {
        self.run(&["audit", "--format", "json"], 1);
    }

    /// The same requests over plain sockets, as many at once to each host.
    fn all_requests(&self) {
        let (fly, github) = (self.project.fly.address(), self.project.github.address());
        let of_fly = (0..self.size.apps).map(|number| format!("/v1/apps/app-{number}/secrets"));
        let of_github = |number| format!("/repos/acme/repository-{number}/actions/secrets?per_page=100");
        let of_github = (0..self.size.repositories).map(of_github);
        let (of_fly, of_github): (Vec<_>, Vec<_>) = (of_fly.collect(), of_github.collect());
        let most = ClientSettings::default().concurrency;
        for round in 0..of_fly.len().max(of_github.len()).div_ceil(most) {
            let now = |paths: &[String]| paths.iter().skip(round * most).take(most).cloned().collect::<Vec<_>>();
            let mut sent: Vec<_> = now(&of_fly).iter().map(|path| send(fly, FLY_TOKEN, path)).collect();
            sent.extend(now(&of_github).iter().map(|path| send(github, GITHUB_TOKEN, path)));
            sent.into_iter().for_each(receive);
        }
    }

    /// Insists that each page is asked for once, and that GitHub has nothing to tell the second time.
    fn check_requests(&self) {
        let most = ClientSettings::default().concurrency;
        // The push has listed everything already.
        std::fs::remove_file(self.project.folder().join(".undrift/etags.json")).unwrap();
        for expected in [200, 304] {
            self.project.forget_requests();
            self.audit();
            let (fly, github) = (self.project.fly.requests(), self.project.github.requests());
            assert_eq!((fly.len(), github.len()), (self.size.apps, self.size.repositories));
            assert!(github.iter().all(|request| request.status == expected), "not all were {expected}");
        }
        assert!(self.project.fly.in_flight_peak() <= most && self.project.github.in_flight_peak() <= most);
    }

    /// Returns the largest memory of a run in MiB, if GNU time is installed.
    fn memory(&self, arguments: &[&str]) -> Option<usize> {
        let program = ["/usr/bin/time", "-f", "%M", env!("CARGO_BIN_EXE_undrift")];
        let words: Vec<&str> = program.iter().chain(arguments).copied().collect();
        let output = self.project.process(&words).output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        text.lines().last().and_then(|line| line.parse::<usize>().ok()).map(|kibibytes| kibibytes / 1024)
    }
}

fn declarations(size: Size, names: &[&str]) -> String {
    let mut text = "version = 1\n\n[environments.bench]\n".to_owned();
    for number in 0..size.apps {
        let spec = format!("kind = \"fly\"\napp = \"app-{number}\"\nrollout = \"unchecked\"\n");
        write!(text, "\n[targets.fly-{number}]\n{spec}").unwrap();
    }
    for number in 0..size.repositories {
        let spec = format!("kind = \"github\"\nrepository = \"acme/repository-{number}\"\n");
        write!(text, "\n[targets.github-{number}]\n{spec}").unwrap();
    }
    for name in names {
        write!(text, "\n[secrets.{name}]\n").unwrap();
    }
    text
}

fn main() {
    // Without `--bench` (`cargo test --benches`) only the counts are checked, of a small fleet.
    let measures = std::env::args().any(|argument| argument == "--bench");
    if !measures {
        Bench::new(Size { apps: 20, repositories: 20 }).check_requests();
        return;
    }
    println!("| places | by raw requests | audit | raw requests | memory | an eighth | as a page | --version |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (apps, repositories) in [(250, 250), (1100, 900)] {
        let bench = Bench::new(Size { apps, repositories });
        bench.check_requests();
        bench.project.latency(LATENCY);
        // Requests over plain sockets have no cache, and GitHub takes five thousand an hour.
        let rounds = if repositories > 500 { 2 } else { 5 };
        let [audit, raw] = in_turns(rounds, [&mut || bench.audit(), &mut || bench.all_requests()]);
        let memory = |arguments: &[&str]| bench.memory(arguments).map_or("?".to_owned(), |it| format!("{it} MiB"));
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            apps + repositories,
            ratio(&audit, &raw),
            milliseconds(&audit),
            milliseconds(&raw),
            memory(&["audit", "--format", "json"]),
            memory(&["audit", "--format", "json", "--shard", "1/8"]),
            memory(&["audit", "--format", "html"]),
            memory(&["--version"]),
        );
    }
}
