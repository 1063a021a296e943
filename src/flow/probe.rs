//! Asking whether a value is alive, as its probe says.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use super::program::{Unended, attended, declared};
use crate::domain::name::{EnvironmentName, SecretName};
use crate::domain::probe::{Heard, Probe, Request, Told, Unasked, decide};
use crate::domain::secret::SecretValue;
use crate::targets::client::{Client, Question};

/// How long a program may take: it asks one question.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Somebody asked us to end while a program was asked, and it was ended, too.
#[derive(Debug, thiserror::Error)]
#[error("the program that tells whether a value of {0} is alive was stopped, for somebody wants this to end")]
pub struct Interrupted(pub SecretName);

/// Who asks.
#[derive(Debug)]
pub struct Prober<'a> {
    /// The client.
    pub client: Client,
    /// The folder that programs run in.
    pub folder: &'a Path,
    /// The variables that they inherit.
    pub variables: Vec<(&'a OsStr, &'a OsStr)>,
    /// How long a program is waited for.
    pub longest: Duration,
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
    ) -> Result<Told, Interrupted> {
        Ok(decide(&match probe {
            Probe::Request(request) => match self.send(request, subject.value, secret).await {
                Ok(heard) => heard,
                Err(unasked) => Heard::Nothing(unasked.to_string()),
            },
            Probe::Command(command) => self.run(command, subject).await?,
        }))
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
    async fn run<'r>(&self, command: &[String], subject: &Subject<'_>) -> Result<Heard<'r>, Interrupted> {
        let mut command = declared(command, self.folder, &self.variables, subject.name, subject.environment);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let wait = async |running: &mut Child| {
            if let Some(mut input) = running.stdin.take() {
                // One that does not want the value closes its end.
                let _ = input.write_all(subject.value.expose().as_bytes()).await;
            }
            running.wait().await
        };
        Ok(match attended(command, self.longest, wait).await {
            Ok(Ok(status)) => Heard::Ended(status.code()),
            Ok(Err(error)) => Heard::Nothing(format!("nobody could wait for the program: {error}")),
            Err(Unended::Unstartable(error)) => Heard::Nothing(format!("the program cannot be started: {error}")),
            Err(Unended::TooLong) => {
                let seconds = self.longest.as_secs();
                Heard::Nothing(format!("the program took longer than {seconds} s, and was ended"))
            }
            Err(Unended::Interrupted) => return Err(Interrupted(subject.name.clone())),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::program::tests::is_gone;
    use super::*;
    use crate::domain::probe::Answer;
    use crate::targets::client::ClientSettings;

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "sleep 600 & echo $! > number; exec sleep 600";
        let probe = Probe::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
        let prober = Prober {
            client: Client::new(&ClientSettings::default()),
            folder: folder.path(),
            variables: vec![(OsStr::new("PATH"), OsStr::new("/usr/bin:/bin"))],
            longest: Duration::from_secs(1),
        };
        let (name, staging) = (SecretName::parse("API_TOKEN"), EnvironmentName::parse("staging"));
        let (name, staging) = (name.expect("a name"), staging.expect("a name"));
        let value = SecretValue::copied_from("token-1");
        let subject = Subject { name: &name, environment: &staging, value: &value };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let told = runtime.block_on(prober.ask(&probe, &subject, |_| None)).expect("an answer");
        assert_eq!((told.answer, &*told.reason), (Answer::Unknown, "the program took longer than 1 s, and was ended"));
        assert!(is_gone(folder.path()));
    }
}
