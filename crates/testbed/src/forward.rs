//! The way in: copies bytes between 127.0.0.1:8080 and the gateway's Service, both directions, each closed by itself.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{self, Backlog};

use crate::cache::Cache;
use crate::itself;
use crate::node::GATEWAY_IP;
use crate::process::Daemon;

pub const LISTEN: &str = "127.0.0.1:8080";

/// A copying thread needs next to nothing, and a load test wants many.
const STACK: usize = 64 * 1024;

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "forward", itself::copy(cache, "forward")?)
        .arg("forward")
        .arg(LISTEN)
        .arg(target()))
}

fn target() -> String {
    format!("{GATEWAY_IP}:80")
}

pub fn ready() -> bool {
    // Without a route Envoy answers 404: any answer came all the way.
    crate::wait::status(LISTEN, "/").is_some()
}

pub fn run(listen: &str, target: &str) -> anyhow::Result<()> {
    // The usual limit is a thousand files, and a connection takes two.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let listener = TcpListener::bind(listen).with_context(|| format!("failed to listen on {listen}"))?;
    // The standard library's queue of 128 makes the clients of a load test try again, a second later.
    socket::listen(&listener, Backlog::new(4096)?)?;
    serve(&listener, target)
}

fn serve(listener: &TcpListener, target: &str) -> anyhow::Result<()> {
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) => {
                // Out of file descriptors, say: connections that end make room.
                eprintln!("failed to accept: {error}");
                thread::sleep(Duration::from_millis(20));
                continue;
            }
        };
        let target = target.to_owned();
        let spawned = thread::Builder::new().stack_size(STACK).spawn(move || connect(&client, &target));
        if let Err(error) = spawned {
            eprintln!("failed to start a thread: {error}");
        }
    }
}

fn connect(client: &TcpStream, target: &str) {
    let server = match TcpStream::connect(target) {
        Ok(server) => server,
        Err(error) => return eprintln!("failed to connect to {target}: {error}"),
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    thread::scope(|scope| {
        let up = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || copy(client, &server));
        if up.is_err() {
            // With one direction only, both sides would wait for ever.
            let _ = client.shutdown(Shutdown::Both);
        }
        copy(&server, client);
    });
}

/// Copies until the reader's end, then ends only the writer's side: the other direction may still have much to say.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    if std::io::copy(&mut from, &mut to).is_err() {
        // A reset must reach both sides, or the other waits for ever.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    } else {
        let _ = to.shutdown(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn an_answer_arrives_after_the_client_has_closed_its_side() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = server.local_addr().unwrap().to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, &target));
        thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut asked = String::new();
            stream.read_to_string(&mut asked).unwrap();
            write!(stream, "you said {asked}").unwrap();
        });
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "you said hello");
    }
}
