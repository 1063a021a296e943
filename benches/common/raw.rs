//! Requests over plain sockets: what the program's own are measured against.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) fn send(address: SocketAddr, token: &str, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    let headers = format!("Host: twin\r\nUser-Agent: bench\r\nAuthorization: Bearer {token}\r\nConnection: close");
    socket.write_all(format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).unwrap();
    socket
}

pub(crate) fn receive(mut socket: TcpStream) {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
