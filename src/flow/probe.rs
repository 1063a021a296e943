//! Asking whether a value is alive, as its probe says.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::program::declared;
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::probe::{Heard, Probe, Request, Told, Unasked, decide};
use crate::domain::secret::SecretValue;
use crate::targets::client::{Client, Question};

/// How long a program may take: it asks one question.
const LONGEST: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Debug)]
pub struct Prober<'a> {
    /// The client.
    pub client: Client,
    /// The folder that programs run in.
    pub folder: &'a Path,
    /// The variables that they inherit.
    pub variables: Vec<(&'a OsStr, &'a OsStr)>,
}

/// The value in question.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Whose value it is.
    pub name: &'a SecretName,
    /// Its environment.
    pub environment: &'a EnvironmentName,
    /// The value.
    pub value: &'a SecretValue,
}

impl Prober<'_> {
    /// Asks once. `secret` finds the other secrets that a probe may need.
    pub async fn ask<'v>(
        &self,
        probe: &Probe,
        subject: &Subject<'_>,
        secret: impl Fn(&SecretName) -> Option<&'v SecretValue>,
    ) -> Told {
        decide(&match probe {
            Probe::Request(request) => match self.send(request, subject.value, secret).await {
                Ok(heard) => heard,
                Err(unasked) => Heard::Nothing(unasked.to_string()),
            },
            Probe::Command(command) => self.run(command, subject).await,
        })
    }

    async fn send<'r, 'v>(
        &self,
        request: &'r Request,
        value: &SecretValue,
        secret: impl Fn(&SecretName) -> Option<&'v SecretValue>,
    ) -> Result<Heard<'r>, Unasked> {
        let url = request.address.filled(&secret)?;
        let headers = request.headers.iter().map(|(name, text)| Ok((name.as_str(), text.filled(value, &secret)?)));
        let question = Question {
            method: request.method,
            url: &url,
            headers: headers.collect::<Result<_, _>>()?,
            body: request.body.as_ref().map(|text| text.filled(value, &secret)).transpose()?,
        };
        Ok(match self.client.ask(&question).await {
            Ok(status) => Heard::Status(status, &request.meaning),
            Err(error) => Heard::Nothing(error.to_string()),
        })
    }

    /// Runs a program. Nobody hears what it says: it may repeat the value, in any form.
    async fn run<'r>(&self, command: &[String], subject: &Subject<'_>) -> Heard<'r> {
        let mut child = declared(command, self.folder, &self.variables, subject.name, subject.environment);
        let mut running = match child.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(running) => running,
            Err(error) => return Heard::Nothing(format!("the program cannot be started: {error}")),
        };
        let input = running.stdin.take();
        let ended = timeout(LONGEST, async {
            if let Some(mut input) = input {
                // One that does not want the value closes its end.
                let _ = input.write_all(subject.value.expose().as_bytes()).await;
            }
            running.wait().await
        });
        match ended.await {
            Ok(Ok(status)) => Heard::Ended(status.code()),
            Ok(Err(error)) => Heard::Nothing(format!("nobody could wait for the program: {error}")),
            Err(_) => Heard::Nothing(format!("the program took longer than {} s, and was ended", LONGEST.as_secs())),
        }
    }
}
