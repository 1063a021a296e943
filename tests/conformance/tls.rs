//! An encrypted service that nobody vouches for, played by `openssl`: the twins speak plain HTTP.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use undrift::domain::place::{GithubHolder, GithubStore};
use undrift::domain::secret::SecretValue;
use undrift::targets::client::Client;
use undrift::targets::error::{Broken, Unusable};
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{AnyTarget, Effect, Target, TargetError};

use super::{hasty, run, write};
use crate::tools;

/// A server with a certificate that it signed itself. It ends when it is dropped.
pub(crate) struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        let made = Command::new("openssl")
            .current_dir(folder)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .output();
        assert!(made.expect("openssl runs").status.success(), "openssl makes a certificate");
        let mut process = Command::new("openssl")
            .current_dir(folder)
            .args(["s_server", "-accept", "127.0.0.1:0", "-key", "key.pem", "-cert", "certificate.pem"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let output = BufReader::new(process.stdout.take().expect("its output is piped"));
        Self { process, output }
    }

    pub(crate) fn port(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).is_ok_and(|length| length > 0) {
            if let Some(address) = line.strip_prefix("ACCEPT") {
                return address.trim().rsplit(':').next().unwrap_or_default().to_owned();
            }
            line.clear();
        }
        panic!("openssl never said where it listens");
    }

    /// Ends the server, and returns what it was told.
    pub(crate) fn heard(mut self) -> Vec<u8> {
        self.process.kill().expect("openssl can be ended");
        let mut heard = Vec::new();
        self.output.read_to_end(&mut heard).expect("its output can be read");
        heard
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_token() {
    if !tools::has("openssl", "a certificate that nobody vouches for") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for a certificate");
    let mut server = Server::start(folder.path());
    let token = SecretValue::copied_from("canary-4711");
    let settings = GithubSettings {
        api_url: format!("https://localhost:{}", server.port()),
        store: GithubStore::Actions,
        holder: GithubHolder::Repository { repository: "acme/shop".to_owned() },
        access: None,
        token: &token,
        of_workflow: false,
    };
    let outcome = GithubPlace::new(&Client::new(&hasty()), settings).map(|place| {
        let target = AnyTarget::Github(place);
        (run(target.observe()).map(|_| ()), run(write(&target, "A", "canary-4711")))
    });
    assert!(!String::from_utf8_lossy(&server.heard()).contains("canary"), "nothing was sent");
    match outcome {
        Ok((read, written)) => {
            assert!(matches!(read, Err(TargetError::Unreachable(Broken::Certificate))), "{read:?}");
            let refused = matches!(written, Effect::Refused(TargetError::Unreachable(Broken::Certificate)));
            assert!(refused, "{written:?}");
        }
        // A machine without any certificates trusts nobody at all.
        Err(error) => assert!(matches!(error, TargetError::Unusable(Unusable::Transport)), "{error:?}"),
    }
}
