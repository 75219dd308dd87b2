//! Asking whether something listens or answers, cheaply enough to ask often: one waits for conditions, never for a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub fn listens(address: &str) -> bool {
    address
        .parse::<SocketAddr>()
        .is_ok_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

/// Whether `GET http://address/path` answers 200.
pub fn answers(address: &str, path: &str) -> bool {
    status(address, path) == Some(200)
}

/// The status of `GET http://address/path`, if there is any answer.
pub fn status(address: &str, path: &str) -> Option<u16> {
    let ask = || -> std::io::Result<[u8; 12]> {
        let socket: SocketAddr = address.parse().map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&socket, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head)
    };
    let head = ask().ok()?;
    std::str::from_utf8(head.get(9..)?).ok()?.parse().ok()
}
