//! Every verb with what should not be: it says what is wrong, names the file or the word, and leaves every file as it is.

use std::fs;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;
use twins::{FlyTwin, GitHubTwin};

use crate::process::undrift;
use crate::world::{World, files, twins};

const CANARY: &str = "canary-of-bad-input-1";

/// What is typed for each verb that works on a project.
const VERBS: &[&str] = &[
    "audit",
    "plan -e staging",
    "push -e staging --yes",
    "list",
    "get API_TOKEN -e staging",
    "export -e staging",
    "run -e staging -- true",
    "set API_TOKEN -e staging",
    "edit -e staging secrets",
    "rm API_TOKEN -e staging --yes",
    "rename API_TOKEN NEW_TOKEN -e staging --yes",
    "import plain.env -e staging --yes",
    "grant bob age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p -e staging --yes",
    "revoke bob -e staging --yes",
    "access -e staging",
    "rotate API_TOKEN -e staging --yes",
    "probe API_TOKEN -e staging",
    "rotate --leaked API_TOKEN -e staging --yes",
    "seal -e staging --yes",
    "log -e staging",
    "history",
    "ci github --action acme/undrift@3d3c42e5aac5ba805825da76410c181273ba90b1",
    "adopt API_TOKEN -e staging -t web --yes",
    "ignore OTHER -t web --reason because --yes",
];

/// Verbs that need no project, and `diff`, which needs a repository before anything else.
const OTHERS: [&str; 9] = ["init", "diff", "login", "logout", "doctor", "explain", "completions", "man", "report"];

/// Verbs that need nothing of the vault but its declarations.
const DECLARATIONS_ALONE: [&str; 3] = ["ci", "history", "ignore"];

fn verb(typed: &str) -> &str {
    typed.split(' ').next().unwrap()
}

fn world(fly: &FlyTwin, github: &GitHubTwin) -> World {
    let world = World::with_twins(fly, github);
    world.shop();
    fly.set("shop-staging", "API_TOKEN", "somebody's");
    world.write("plain.env", format!("NEW_NAME={CANARY}\n"));
    world
}

/// Runs a verb with a value on its standard input.
fn run(world: &World, typed: &str) -> Output {
    world.write("input", format!("{CANARY}\n"));
    let mut command = undrift(world);
    command.env("EDITOR", "/bin/true");
    command.args(typed.split(' ')).stdin(fs::File::open(world.path("input")).unwrap());
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(!text.contains(CANARY), "{text}");
    text
}

#[test]
fn every_verb_is_tried() {
    let verbs = undrift::cli::Cli::command();
    let verbs = verbs.get_subcommands().map(|verb| verb.get_name().to_owned());
    let is_known = |name: &String| VERBS.iter().any(|typed| verb(typed) == name) || OTHERS.contains(&name.as_str());
    let missed: Vec<String> = verbs.filter(|name| !is_known(name)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// What is wrong, who need not mind, and what must be named.
type Wrong<'a> = (&'a str, &'a [&'a str], &'a str, &'a dyn Fn(&World));

#[test]
fn what_is_wrong_is_named_and_nothing_is_changed() {
    let garbage = || (0..400_u32).map(|byte| u8::try_from(byte * 167 % 256).unwrap()).collect::<Vec<u8>>();
    let identity = |world: &World| world.home().join(".config/undrift/identity.txt");
    let cases: [Wrong<'_>; 9] = [
        ("no declarations", &[], "undrift.toml", &|world| fs::remove_file(world.path("undrift.toml")).unwrap()),
        ("declarations of garbage", &[], "undrift.toml", &|world| world.write("undrift.toml", garbage())),
        ("half of the declarations", &[], "undrift.toml:", &|world| {
            world.write("undrift.toml", "version = 1\n[environments.stag");
        }),
        ("no vault", &DECLARATIONS_ALONE, "staging", &|world| fs::remove_dir_all(world.path("vault")).unwrap()),
        ("a file of garbage", &["log", "ci", "history", "ignore"], "vault/staging/secrets.toml.age", &|world| {
            world.write("vault/staging/secrets.toml.age", garbage());
        }),
        ("half a file", &["log", "ci", "history", "ignore"], "vault/staging/secrets.toml.age", &|world| {
            let whole = world.read("vault/staging/secrets.toml.age");
            world.write("vault/staging/secrets.toml.age", &whole[..whole.len() / 2]);
        }),
        ("a key of garbage", &DECLARATIONS_ALONE, "staging", &|world| {
            world.write("vault/staging/key.age", garbage());
        }),
        ("no identity", &["ci", "history", "ignore", "access"], "identity", &|world| {
            fs::remove_file(identity(world)).unwrap();
        }),
        ("an identity of garbage", &DECLARATIONS_ALONE, "identity.txt", &|world| {
            fs::write(identity(world), garbage()).unwrap();
        }),
    ];
    let (fly, github) = twins();
    for (what, spared, named, spoil) in cases {
        let world = world(&fly, &github);
        spoil(&world);
        world.write("input", format!("{CANARY}\n"));
        let before = files(&world.folder());
        for typed in VERBS.iter().filter(|typed| !spared.contains(&verb(typed))) {
            let output = run(&world, typed);
            let text = told(&output);
            assert_eq!(output.status.code(), Some(2), "{what}: {typed}\n{text}");
            assert!(text.contains(named), "{what}: {typed}\n{text}");
            let mut after = files(&world.folder());
            // What a place was seen to hold is this machine's own.
            after.remove(&world.path(".undrift/etags.json"));
            assert!(after == before, "{what}: {typed} changed a file\n{text}");
        }
    }
    let written = |method: &str| method != "GET";
    assert!(!fly.requests().iter().chain(&github.requests()).any(|request| written(&request.method)));
}

#[test]
fn a_name_that_is_none_is_refused_by_every_verb_that_takes_one() {
    let (fly, github) = twins();
    let world = world(&fly, &github);
    let long = "A".repeat(300);
    for name in ["A=B", "A B", "ÄPFEL", "", "../X", "-", "1A", "A\u{7}B", &long] {
        for arguments in [
            &["get", "NAME", "-e", "staging"][..],
            &["set", "NAME", "-e", "staging"],
            &["adopt", "NAME", "-e", "staging", "-t", "web", "--yes"],
            &["export", "-e", "staging", "--only", "NAME"],
            &["run", "-e", "staging", "--only", "NAME", "--", "true"],
            &["rm", "NAME", "-e", "staging", "--yes"],
            &["rename", "NAME", "NEW", "--yes"],
            &["rotate", "NAME", "-e", "staging", "--yes"],
            &["rotate", "--continue", "NAME", "-e", "staging", "--yes"],
            &["rename", "API_TOKEN", "NAME", "--yes"],
        ] {
            let before = files(&world.path("vault"));
            let mut command = undrift(&world);
            command.args(arguments.iter().map(|word| if *word == "NAME" { name } else { word }));
            let output = command.stdin(Stdio::null()).output().unwrap();
            let text = told(&output);
            assert_eq!(output.status.code(), Some(2), "{name:?} {arguments:?}\n{text}");
            assert!(text.starts_with("error: "), "{name:?} {arguments:?}\n{text}");
            assert!(!text.contains('\u{7}') && text.len() < 1000, "{name:?} {arguments:?}\n{text}");
            assert!(files(&world.path("vault")) == before, "{name:?} {arguments:?}");
        }
    }
}

/// A shell runs the verb with its streams, or its limits, as the line before it says.
fn in_shell(world: &World, script: &str, typed: &str) -> Output {
    world.write("input", format!("{CANARY}\n"));
    let program = undrift(world).get_program().to_owned();
    let mut command = Command::new("sh");
    command.env_clear().envs(&world.variables).env("UNDRIFT", program).current_dir(world.path(""));
    command.args(["-c", &script.replace("UNDRIFT", &format!("\"$UNDRIFT\" {typed}"))]).output().unwrap()
}

#[test]
fn output_that_nobody_takes_is_told_and_a_reader_that_leaves_is_not_an_error() {
    let (fly, github) = twins();
    let mut world = world(&fly, &github);
    world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
    for typed in [
        "audit",
        "plan -e staging",
        "list",
        "get API_TOKEN -e staging",
        "export -e staging",
        "log -e staging",
        "explain",
        "man",
        "completions bash",
        "--help",
    ] {
        let full = in_shell(&world, "UNDRIFT > /dev/full < /dev/null", typed);
        let text = told(&full);
        assert_eq!(full.status.code(), Some(2), "{typed}: {text}");
        assert!(text.contains("cannot write the output"), "{typed}: {text}");
        let left = in_shell(&world, "{ sleep 0.1; UNDRIFT < /dev/null; echo $? >&2; } | true", typed);
        let text = told(&left);
        assert!(!text.contains("error") && !text.contains("panic"), "{typed}: {text}");
    }
}

/// A limit on the size of files is how a full disk looks to a program that may not be given one of its own.
#[test]
fn a_disk_that_takes_nothing_loses_nothing() {
    let (fly, github) = twins();
    for typed in VERBS {
        let mut world = world(&fly, &github);
        world.variables.insert("PATH".to_owned(), "/usr/bin:/bin".into());
        world.write("input", format!("{CANARY}\n"));
        let before = files(&world.path(""));
        let output = in_shell(&world, "trap '' XFSZ; ulimit -f 0; UNDRIFT < input", typed);
        let text = told(&Output { stdout: Vec::new(), ..output });
        assert!(files(&world.path("")) == before, "{typed} changed a file\n{text}");
        if matches!(verb(typed), "set" | "rm" | "rename" | "rotate" | "import" | "seal" | "push" | "adopt" | "ignore") {
            assert!(text.contains("error: "), "{typed}: {text}");
        }
    }
}
