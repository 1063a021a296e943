//! A twin of a mail server, as far as one program sends mail: it speaks SMTP without encryption, and keeps what it takes.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who it says it comes from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// Its headers and its text, as sent.
    pub content: String,
}

/// What a [`MailSink`] does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// It takes nothing from this sender (550).
    RefusesSender,
    /// It takes nothing now (451).
    TakesNothingNow,
    /// It says nothing at all.
    Hangs,
}

#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    /// Everything that was said to it, line by line.
    said: Vec<String>,
    /// The name and the password that it wants.
    login: Option<(String, String)>,
    fault: Option<MailFault>,
}

/// A mail server that lives on loopback. It stops when it is dropped.
#[derive(Debug)]
pub struct MailSink {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MailSink {
    /// Starts one on a free port that takes mail from everybody.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (state, stopped) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (state, stopped) = (Arc::clone(&state), Arc::clone(&stopped));
            move || {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let state = Arc::clone(&state);
                    // A client that goes away in the middle has ended the conversation.
                    std::thread::spawn(move || drop(converse(&stream, &state)));
                }
            }
        });
        Self { state, address, stopped, thread: Some(thread) }
    }

    /// Returns the address as undrift.toml has it: `smtp://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Takes mail only after a login with these.
    pub fn want_login(&self, user: &str, password: &str) {
        self.state().login = Some((user.to_owned(), password.to_owned()));
    }

    /// Does this wrong from now on, or nothing.
    pub fn fail(&self, fault: Option<MailFault>) {
        self.state().fault = fault;
    }

    /// Returns the mails that were taken, and forgets them.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.state().mails)
    }

    /// Returns every line that was said to it, and forgets them.
    pub fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.state().said)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the state panics")
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The listener looks at the flag once more when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn converse(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let lock = || state.lock().expect("no holder of the state panics");
    let mut lines = BufReader::new(stream).lines();
    let say = |text: &str| (&mut &*stream).write_all(format!("{text}\r\n").as_bytes());
    if lock().fault == Some(MailFault::Hangs) {
        // The other side gives up.
        while lines.next().transpose()?.is_some() {}
        return Ok(());
    }
    say("220 twin ESMTP")?;
    let mut mail = Mail { from: String::new(), to: Vec::new(), content: String::new() };
    let mut is_known = lock().login.is_none();
    while let Some(line) = lines.next().transpose()? {
        lock().said.push(line.clone());
        let fault = lock().fault;
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if is_known => say("250 twin")?,
            "EHLO" => say("250-twin\r\n250 AUTH PLAIN")?,
            "AUTH" => {
                let sent = STANDARD.decode(rest.trim_start_matches("PLAIN ")).unwrap_or_default();
                let wanted = lock().login.clone().map(|(user, password)| format!("\0{user}\0{password}").into_bytes());
                is_known = wanted == Some(sent);
                // Some servers repeat what they were told.
                say(if is_known { "235 welcome".to_owned() } else { format!("535 not {rest}") }.as_str())?;
            }
            "MAIL" if fault == Some(MailFault::RefusesSender) => say(&format!("550 not from {rest}"))?,
            "MAIL" if fault == Some(MailFault::TakesNothingNow) => say("451 later")?,
            "MAIL" if !is_known => say("530 log in first")?,
            "MAIL" => {
                address(rest).clone_into(&mut mail.from);
                say("250 ok")?;
            }
            "RCPT" => {
                mail.to.push(address(rest).to_owned());
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                while let Some(line) = lines.next().transpose()? {
                    if line == "." {
                        break;
                    }
                    mail.content += line.strip_prefix('.').unwrap_or(&line);
                    mail.content.push('\n');
                }
                lock().mails.push(mail.clone());
                say("250 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("502 unknown")?,
        }
    }
    Ok(())
}

fn address(rest: &str) -> &str {
    rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address)
}
