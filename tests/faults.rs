//! Every fault at every verb and every kind of place, held against a model of what must be true.
//!
//! A cell of the matrix is one fault that meets one place while one verb runs. Whatever happens: what is somebody
//! else's stays, a value is the old one or the new one and never lost, nothing is called in sync that is not, status 0
//! means that all is done, nothing is written twice without need, and once the fault is gone one push puts all right.

#![expect(clippy::print_stdout, reason = "how much was tried is worth knowing")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use twins::{Fault, FaultKind, FlyTwin, GitHubPlace, GitHubTwin};

use crate::world::{Ran, World};

const PROJECT: &str = r#"version = 1
[environments.staging]

[targets.web]
kind = "fly"
app = "shop-staging"

[targets.ci]
kind = "github"
repository = "acme/shop"

[targets.deploy]
kind = "github"
repository = "acme/shop"
scope = "environment"
environment = "staging"

[secrets.A]
[secrets.B]

[[ignore]]
name = "THEIRS"
reason = "not ours"
"#;

/// The place that the fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Fly,
    Repository,
    Environment,
}

/// What runs while it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Audit,
    Plan,
    Create,
    Update,
    Delete,
}

/// Which of the requests to that place it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Number(usize),
    Always,
}

struct Trouble {
    name: &'static str,
    kind: FaultKind,
    /// The method it is about; every one when absent.
    method: Option<&'static str>,
    /// Whether a write that meets it may have happened, so that it may be needed again.
    may_have_happened: bool,
    /// Whether no run that always meets it can end well.
    is_fatal: bool,
    /// Whether it makes a place seem to have moved.
    is_a_lie: bool,
}

impl Trouble {
    /// Whether a place says that it has done what it has not, which is the worst that it can do.
    fn is_said_to_be_done(&self) -> bool {
        self.name.ends_with("said to be done")
    }
}

const VERBS: [Verb; 5] = [Verb::Audit, Verb::Plan, Verb::Create, Verb::Update, Verb::Delete];

/// Where and when a fault can meet a verb. Every day one of these ways is tried for each fault and verb, and all of them
/// when `UNDRIFT_TRIALS` is set.
fn ways(verb: Verb) -> Vec<(At, When)> {
    let mut ways = Vec::new();
    for at in [At::Fly, At::Repository, At::Environment] {
        for when in [When::Number(0), When::Number(1), When::Number(2), When::Number(3), When::Always] {
            // An audit asks a place once.
            if !matches!(verb, Verb::Audit | Verb::Plan) || matches!(when, When::Number(0) | When::Always) {
                ways.push((at, when));
            }
        }
    }
    ways
}

fn troubles() -> Vec<Trouble> {
    let limited = |code: u16, headers: &[(&str, &str)]| FaultKind::Status {
        code,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: "{\"message\":\"You have exceeded a secondary rate limit\"}".to_owned(),
    };
    let mut all = Vec::new();
    for code in [400, 401, 403, 404, 409, 412, 422] {
        let name: &'static str = format!("status {code}").leak();
        all.push(Trouble {
            name,
            kind: FaultKind::status(code, "{}"),
            method: None,
            may_have_happened: false,
            is_fatal: true,
            is_a_lie: code == 404,
        });
    }
    let mut add = |name: &'static str, kind, method, may_have_happened, is_fatal| {
        let is_a_lie = name.contains("listing");
        all.push(Trouble { name, kind, method, may_have_happened, is_fatal, is_a_lie });
    };
    for code in [408, 500, 502, 503] {
        add(format!("status {code}").leak(), FaultKind::status(code, "oops"), None, true, true);
    }
    add("limit by 429", limited(429, &[]), None, false, true);
    add("limit by 429 that says when", limited(429, &[("retry-after", "0")]), None, false, true);
    add("limit by 403", limited(403, &[("retry-after", "0")]), None, false, true);
    add("limit for an hour", limited(429, &[("retry-after", "3600")]), None, false, true);
    add("reset before", FaultKind::ResetBefore, None, true, true);
    add("reset after", FaultKind::ResetAfter, None, true, true);
    add("silence", FaultKind::Hang, None, true, true);
    add("an answer too late", FaultKind::Delay(Duration::from_millis(150)), None, true, true);
    add("a cut answer", FaultKind::CutBody, None, true, true);
    add("garbage", FaultKind::Garbage, None, true, true);
    add("a huge answer", FaultKind::HugeBody(32 * 1024 * 1024), Some("GET"), false, true);
    add("a redirect to another host", FaultKind::Redirect("http://127.0.0.1:9/".to_owned()), None, true, true);
    add("errors with status 200", FaultKind::status(200, "{\"errors\":[{\"message\":\"no\"}]}"), None, true, true);
    add("an empty object", FaultKind::status(200, "{}"), None, true, false);
    add("a list", FaultKind::status(200, "[]"), None, true, true);
    add("an empty listing", FaultKind::status(200, "{\"total_count\":0,\"secrets\":[]}"), Some("GET"), false, false);
    let item = |name: &str, digest: &str, second: u8| {
        let at = format!("2026-11-19T08:00:{second:02}Z");
        serde_json::json!({ "name": name, "digest": digest, "created_at": at, "updated_at": at })
    };
    let listing = |items: &[serde_json::Value]| {
        let listing = serde_json::json!({ "total_count": items.len(), "secrets": items });
        FaultKind::status(200, listing.to_string())
    };
    let (one, other) = ("0123456789abcdef", "fedcba9876543210");
    for (name, items) in [
        ("a listing that has a name twice", vec![item("A", one, 1), item("A", other, 2)]),
        ("a listing of another place", vec![item("X", one, 1), item("Y", other, 2), item("Z", one, 3)]),
        ("a listing with other values", vec![item("A", one, 1), item("B", other, 2), item("THEIRS", one, 3)]),
    ] {
        add(name, listing(&items), Some("GET"), true, false);
    }
    let short = "{\"total_count\":7,\"secrets\":[]}";
    add("a listing cut short", FaultKind::status(200, short), Some("GET"), false, false);
    add("a write that is only said to be done", FaultKind::status(204, ""), Some("PUT"), true, false);
    add("a removal that is only said to be done", FaultKind::status(204, ""), Some("DELETE"), true, false);
    let lie = "{\"secrets\":[],\"version\":7}";
    add("a bulk write that is only said to be done", FaultKind::status(200, lie), Some("POST"), true, false);
    all
}

fn place(at: At) -> GitHubPlace {
    match at {
        At::Environment => GitHubPlace::environment("acme/shop", "staging"),
        At::Fly | At::Repository => GitHubPlace::repository("acme/shop"),
    }
}

/// The twins and the project of one cell.
struct Cell {
    fly: FlyTwin,
    github: GitHubTwin,
    world: World,
}

type Values = BTreeMap<String, String>;

impl Cell {
    fn new(template: &Path, number: usize) -> Self {
        let (fly, github) = (FlyTwin::start(), GitHubTwin::start());
        fly.create_app("shop-staging");
        github.create_repository("acme/shop");
        github.create_environment("acme/shop", "staging");
        // The clock of GitHub is ten minutes off, in one direction or the other.
        let skew = if number.is_multiple_of(2) { "2026-11-20T07:50:00Z" } else { "2026-11-20T08:10:00Z" };
        github.clock().pin(skew.parse().unwrap());
        fly.set("shop-staging", "THEIRS", "untouched");
        github.set(&place(At::Repository), "THEIRS", "untouched");
        github.set(&place(At::Environment), "THEIRS", "untouched");
        let mut world = World::with_twins(&fly, &github);
        world.copy_files_of(template);
        world.network.secondary_wait = Duration::from_millis(1);
        Self { fly, github, world }
    }

    fn values(&self, at: At) -> Values {
        match at {
            At::Fly => self.fly.values("shop-staging"),
            At::Repository | At::Environment => {
                let values = self.github.values(&place(at)).into_iter();
                values.map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
            }
        }
    }

    fn inject(&self, trouble: &Trouble, at: At, when: When) {
        let path = match at {
            At::Fly => "/secrets",
            At::Repository => "/actions/secrets",
            At::Environment => "/environments/staging/secrets",
        };
        let mut fault = Fault::new(trouble.kind.clone()).path_contains(path);
        if let Some(method) = trouble.method {
            fault = fault.method(method);
        }
        let fault = match when {
            When::Number(number) => fault.skip(number).times(1),
            When::Always => fault.always(),
        };
        match at {
            At::Fly => self.fly.inject(fault),
            At::Repository | At::Environment => self.github.inject(fault),
        }
    }

    fn clear(&self) {
        self.fly.clear_faults();
        self.github.clear_faults();
    }

    fn forget_requests(&self) {
        self.fly.clear_requests();
        self.github.clear_requests();
    }

    /// How often each name was written, as far as the places saw it.
    fn writes(&self) -> BTreeMap<String, usize> {
        let mut writes = BTreeMap::new();
        for request in self.github.requests().iter().filter(|request| request.method == "PUT") {
            *writes.entry(request.path.clone()).or_default() += 1;
        }
        for request in self.fly.requests().iter().filter(|request| request.method == "POST") {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            for name in body["values"].as_object().unwrap().keys() {
                *writes.entry(format!("fly {name}")).or_default() += 1;
            }
        }
        writes
    }

    /// Brings the project to where the verb begins, and returns what is to be at every place in the end.
    fn prepare(&self, verb: Verb) -> Values {
        let mut end =
            Values::from([("A", "a1"), ("B", "b1"), ("THEIRS", "untouched")].map(|(n, v)| (n.into(), v.into())));
        if verb != Verb::Create {
            let _ = self.world.run(&["push", "-e", "staging", "--yes"]).status(0);
        }
        match verb {
            Verb::Audit | Verb::Plan | Verb::Create => {}
            Verb::Update => {
                let _ = self.world.run_with(&["set", "A", "-e", "staging"], "a2").status(0);
                end.insert("A".to_owned(), "a2".to_owned());
            }
            Verb::Delete => {
                self.world.write("undrift.toml", PROJECT.replace("[secrets.B]\n", ""));
                end.remove("B");
            }
        }
        end
    }

    fn run(&self, verb: Verb) -> Ran {
        match verb {
            Verb::Audit => self.world.run(&["audit", "--format", "json"]),
            Verb::Plan => self.world.run(&["plan", "-e", "staging", "--format", "json"]),
            Verb::Create | Verb::Update => self.world.run(&["push", "-e", "staging", "--yes", "--format", "json"]),
            Verb::Delete => self.world.run(&["push", "-e", "staging", "--yes", "--prune", "--format", "json"]),
        }
    }

    /// Checks that what an audit calls in sync is.
    fn claims(&self, audit: &Ran, end: &Values) -> Result<(), String> {
        let report: serde_json::Value = serde_json::from_str(&audit.output).map_err(|error| error.to_string())?;
        for entry in report["entries"].as_array().unwrap() {
            let at = match entry["target"].as_str().unwrap() {
                "web" => At::Fly,
                "ci" => At::Repository,
                _ => At::Environment,
            };
            let name = entry["remote_name"].as_str().unwrap();
            if entry["verdict"] == "in-sync" && self.values(at).get(name) != end.get(name) {
                return Err(format!("{name} at {at:?} is called in sync"));
            }
        }
        Ok(())
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn trial(template: &Path, number: usize, trouble: &Trouble, verb: Verb, at: At, when: When) -> Result<(), String> {
    let mut cell = Cell::new(template, number);
    let end = cell.prepare(verb);
    let places = [At::Fly, At::Repository, At::Environment];
    let begin: Vec<Values> = places.iter().map(|place| cell.values(*place)).collect();
    cell.forget_requests();
    cell.inject(trouble, at, when);
    if matches!(trouble.kind, FaultKind::Hang | FaultKind::Delay(_)) {
        cell.world.network.request_timeout = Duration::from_millis(100);
    }
    let ran = cell.run(verb);
    let writes_here = matches!(verb, Verb::Create | Verb::Update | Verb::Delete);
    for (place, begin) in places.iter().zip(&begin) {
        let now = cell.values(*place);
        for name in ["A", "B", "THEIRS"] {
            let (before, wanted, found) = (begin.get(name), end.get(name), now.get(name));
            let is_right = if writes_here { found == before || found == wanted } else { found == before };
            ensure(is_right, || format!("{name} at {place:?} is {found:?}"))?;
        }
        if ran.status == 0 {
            ensure(now == end, || format!("status 0, and {place:?} holds {now:?}"))?;
        }
    }
    if verb == Verb::Audit {
        cell.claims(&ran, &end)?;
    }
    if writes_here {
        ensure(ran.status != 1 || trouble.is_a_lie, || "a fault is trouble, and nothing to decide".to_owned())?;
    }
    if when == When::Always && trouble.is_fatal && trouble.method.is_none() {
        ensure(ran.status == 2, || "it always fails, and the status is not 2".to_owned())?;
    }
    cell.clear();
    cell.world.network.request_timeout = Duration::from_secs(5);
    let audit = cell.world.run(&["audit", "--format", "json"]);
    cell.claims(&audit, &end)?;
    let again = cell.run(if writes_here { verb } else { Verb::Create });
    let shown = || format!("{}\n== again\n{}", ran.transcript(), again.transcript());
    ensure(again.status == 0, || format!("the push after it ends with status {}", again.status))
        .map_err(|e| e + &shown())?;
    for place in places {
        ensure(cell.values(place) == end, || format!("{place:?} holds {:?}", cell.values(place)))?;
    }
    for (name, count) in cell.writes() {
        // One request may be sent four times by itself when a limit turns it away, which writes nothing.
        let turned_away = trouble.name.starts_with("limit");
        let most = if trouble.may_have_happened { 2 } else { 1 } + if turned_away { 4 } else { 0 };
        let refused = usize::from(!trouble.may_have_happened);
        ensure(count <= most + refused, || format!("{name} was written {count} times"))?;
    }
    let clean = cell.world.run(&["audit"]);
    ensure(clean.output.contains("none drifted"), || clean.transcript())?;
    cell.forget_requests();
    let _ = cell.run(Verb::Create);
    ensure(cell.writes().is_empty(), || "a push of nothing wrote something".to_owned())
}

/// The project of every cell, made once.
fn template() -> World {
    let template = World::new();
    let _ = template.run(&["init", "staging"]).status(0);
    for (name, value) in [("A", "a1"), ("B", "b1")] {
        let _ = template.run_with(&["set", name, "-e", "staging"], value).status(0);
    }
    template.write("undrift.toml", PROJECT);
    template
}

#[test]
fn every_fault_at_every_verb_and_place_leaves_what_must_be_true() {
    let template = template();
    let troubles = troubles();
    let is_all = std::env::var_os("UNDRIFT_TRIALS").is_some();
    let mut cells = Vec::new();
    for (number, trouble) in troubles.iter().enumerate() {
        for (verb_number, verb) in VERBS.into_iter().enumerate() {
            let ways = ways(verb);
            let chosen = (number * VERBS.len() + verb_number) % ways.len();
            for (way, (at, when)) in ways.into_iter().enumerate() {
                if is_all || way == chosen || trouble.is_said_to_be_done() {
                    cells.push((trouble, verb, at, when));
                }
            }
        }
    }
    println!("{} cells of {} faults", cells.len(), troubles.len());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let folder = template.folder();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) * 2 {
            scope.spawn(|| {
                while let Some((trouble, verb, at, when)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let number = next.load(Ordering::Relaxed);
                    if let Err(fault) = trial(&folder, number, trouble, *verb, *at, *when) {
                        let cell = format!("{} while {verb:?} at {at:?}, {when:?}", trouble.name);
                        faults.lock().unwrap().push(format!("{cell}: {fault}"));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {} cells failed:\n{}", faults.len(), cells.len(), faults.join("\n"));
}

/// Listings that lag behind the writes, by fewer reads than a push has patience for and by more.
#[test]
fn a_listing_that_lags_is_waited_for_or_told() {
    let template = template();
    for verb in [Verb::Create, Verb::Update, Verb::Delete] {
        for lag in [1, 2, 4, 50] {
            let cell = Cell::new(&template.folder(), lag);
            let end = cell.prepare(verb);
            cell.forget_requests();
            cell.github.list_lag(lag);
            let ran = cell.run(verb);
            let what = || format!("{verb:?} behind {lag} reads: {}", ran.transcript());
            assert_eq!(ran.status, if lag == 50 { 2 } else { 0 }, "{}", what());
            for place in [At::Fly, At::Repository, At::Environment] {
                let (found, is_told) = (cell.values(place), ran.status == 2);
                assert!(found == end || is_told, "{}", what());
                assert_eq!(found.get("THEIRS"), end.get("THEIRS"), "{}", what());
            }
            assert!(cell.writes().values().all(|count| *count == 1), "{}", what());
            // The listing has caught up by the time of the next push.
            cell.github.list_lag(0);
            for place in [At::Repository, At::Environment] {
                cell.github.set(&self::place(place), "THEIRS", "untouched");
            }
            assert_eq!(cell.run(verb).status, 0, "{}", what());
            for place in [At::Fly, At::Repository, At::Environment] {
                assert_eq!(cell.values(place), end, "{}", what());
            }
            cell.forget_requests();
            assert_eq!(cell.run(Verb::Create).status, 0, "{}", what());
            assert!(cell.writes().is_empty(), "{}", what());
        }
    }
}
