//! A mail by SMTP. What is said to a server off this machine is encrypted, or nothing is.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::domain::declaration::{Encryption, MailServer};
use crate::domain::secret::SecretValue;

/// Why a mail was not sent. What the server said is left out: it may repeat what it was told.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server refuses it for good.
    #[error("the mail server refuses it ({0})")]
    Refused(u16),
    /// The server does not take it now.
    #[error("the mail server does not take it now ({0})")]
    Later(u16),
    /// The server lacks something.
    #[error("the mail server offers no encryption, or no way to log in that is known here; nothing was sent")]
    Lacking,
    /// No encrypted connection was made.
    #[error("no encrypted connection to the mail server could be made; nothing was sent")]
    Tls,
    /// No answer in time.
    #[error("no answer of the mail server within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// No connection, or one that broke.
    #[error("the mail server could not be reached, or broke off")]
    Unreachable,
    /// Not what a mail can be made of.
    #[error("no mail can be made of these addresses")]
    Unusable,
}

/// How mail is sent.
#[derive(Debug)]
pub struct Mailer {
    /// The server.
    pub server: MailServer,
    /// The name to log in with, and the password.
    pub login: Option<(String, SecretValue)>,
    /// How long a step may take.
    pub timeout: Duration,
}

/// One mail.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// Who it comes from.
    pub from: &'a str,
    /// Who gets it.
    pub to: &'a [String],
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub text: &'a str,
    /// When it was written.
    pub at: Timestamp,
}

impl Mailer {
    /// Sends a mail.
    pub async fn send(&self, envelope: &Envelope<'_>) -> Result<(), MailError> {
        let mail = mail(envelope)?;
        // Somebody else may have chosen a provider before us, and theirs does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let MailServer { host, port, encryption } = &self.server;
        let tls = match encryption {
            Encryption::None => Tls::None,
            Encryption::Implicit => Tls::Wrapper(TlsParameters::new(host.clone()).map_err(|_| MailError::Tls)?),
            Encryption::StartTls => Tls::Required(TlsParameters::new(host.clone()).map_err(|_| MailError::Tls)?),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str());
        let mut builder = builder.port(*port).tls(tls).timeout(Some(self.timeout));
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        // The timeout of the library is one for each step, and a server may be slow at every one of them.
        let transport: AsyncSmtpTransport<Tokio1Executor> = builder.build();
        match tokio::time::timeout(self.timeout, transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.told(&error)),
            Err(_) => Err(MailError::Timeout(self.timeout)),
        }
    }

    fn told(&self, error: &Error) -> MailError {
        match error.status().map(u16::from) {
            Some(code) if error.is_permanent() => MailError::Refused(code),
            Some(code) => MailError::Later(code),
            None if error.is_client() => MailError::Lacking,
            None if error.is_tls() => MailError::Tls,
            None if error.is_timeout() => MailError::Timeout(self.timeout),
            None => MailError::Unreachable,
        }
    }
}

fn mail(envelope: &Envelope<'_>) -> Result<Message, MailError> {
    let address = |text: &str| text.parse::<Address>().map_err(|_| MailError::Unusable);
    let from = address(envelope.from)?;
    let mut number = [0; 16];
    getrandom::fill(&mut number).map_err(|_| MailError::Unusable)?;
    let id = format!("<{}@{}>", hex::encode(number), from.domain());
    // So that no machine answers (RFC 3834).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let mut builder = Message::builder()
        .from(from.into())
        .subject(envelope.subject)
        .date(SystemTime::from(envelope.at))
        .message_id(Some(id))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN);
    for to in envelope.to {
        builder = builder.to(address(to)?.into());
    }
    builder.body(envelope.text.to_owned()).map_err(|_| MailError::Unusable)
}
