//! A client of a few lines, so that nothing between the test and the wire smooths over what a twin does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use serde_json::{Value, json};

/// An answer, as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Returns the addresses of the `Link` header by their relation.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        self.header("link")?.split(", ").find_map(|link| {
            let (address, found) = link.split_once("; ")?;
            (found == format!("rel=\"{relation}\"")).then(|| address.trim_matches(['<', '>']).to_owned())
        })
    }
}

/// A client with the credentials of one token.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) authorization: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, authorization: &str) -> Self {
        Self { address, authorization: authorization.to_owned() }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], None)
    }

    pub(crate) fn delete(&self, target: &str) -> Answer {
        self.send("DELETE", target, &[], None)
    }

    pub(crate) fn post(&self, target: &str, body: &Value) -> Answer {
        self.send("POST", target, &[], Some(body))
    }

    pub(crate) fn put(&self, target: &str, body: &Value) -> Answer {
        self.send("PUT", target, &[], Some(body))
    }

    pub(crate) fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        self.try_send(method, target, headers, body).unwrap()
    }

    pub(crate) fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let bytes = self.exchange(&mut stream, method, target, headers, body)?;
        Ok(parse(&bytes))
    }

    /// Sends one request over a connection of any kind and reads until its end.
    pub(crate) fn exchange(
        &self,
        stream: &mut (impl Read + Write),
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> io::Result<Vec<u8>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: behaviour\r\n\
             Authorization: {}\r\nContent-Length: {}\r\n",
            self.address,
            self.authorization,
            body.len()
        );
        for &(name, value) in headers {
            for part in [name, ": ", value, "\r\n"] {
                request.push_str(part);
            }
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Seals a value for the public key of a list of secrets, as a request body.
    pub(crate) fn seal(&self, list: &str, value: &[u8]) -> Value {
        let key = self.get(&format!("{list}/public-key")).json();
        let public = STANDARD.decode(key["key"].as_str().unwrap()).unwrap();
        let public = PublicKey::from(<[u8; 32]>::try_from(public).unwrap());
        let sealed = public.seal(&mut OsRng, value).unwrap();
        json!({ "encrypted_value": STANDARD.encode(sealed), "key_id": key["key_id"] })
    }

    /// Writes a secret of GitHub's and returns the status.
    pub(crate) fn write(&self, list: &str, name: &str, value: &[u8]) -> u16 {
        self.put(&format!("{list}/{name}"), &self.seal(list, value)).status
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body }
}
