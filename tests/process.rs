//! The program as a process: real streams, real status, nothing in its arguments.

use std::process::{Command, Stdio};

use assert_cmd::prelude::*;
use clap::CommandFactory;
use insta::assert_snapshot;

use crate::world::{World, twins};

pub(crate) fn undrift(world: &World) -> Command {
    let mut command = Command::cargo_bin("undrift").unwrap();
    command.env_clear().envs(&world.variables).current_dir(world.path(""));
    command
}

#[test]
fn every_help_text_is_as_it_was_read() {
    let world = World::new();
    assert_snapshot!("help", world.run(&["--help"]).status(0).output);
    for verb in undrift::cli::Cli::command().get_subcommands().map(clap::Command::get_name) {
        assert_snapshot!(format!("help_{verb}"), world.run(&[verb, "--help"]).status(0).output);
    }
    assert_snapshot!("usage", world.run(&["adit"]).status(2).transcript());
}

#[test]
fn does_the_main_job_over_real_streams() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    undrift(&world).args(["init", "staging", "production"]).assert().code(0).stdout("");
    world.write("undrift.toml", crate::world::SHOP);
    for name in ["API_TOKEN", "SMTP_PASSWORD", "STRIPE_KEY"] {
        assert_cmd::Command::from_std({
            let mut command = undrift(&world);
            command.args(["set", name, "-e", "staging"]);
            command
        })
        .write_stdin("value\n")
        .assert()
        .code(0);
    }
    undrift(&world).arg("audit").assert().code(1);
    undrift(&world).args(["push", "-e", "staging", "--yes"]).assert().code(0);
    undrift(&world)
        .arg("audit")
        .assert()
        .code(0)
        .stdout("4 checked: 4 in sync (4 proved), none drifted, none ignored, none unreadable\n")
        .stderr("");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let world = World::new();
    undrift(&world).args(["init", "staging"]).assert().code(0);
    let mut child = undrift(&world).arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_trouble() {
    let world = World::new();
    undrift(&world).args(["init", "staging"]).assert().code(0);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    undrift(&world).args(["list", "--format", "json"]).stdout(full).assert().code(2);
}
