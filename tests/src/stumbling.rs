//! A way to a server that stumbles as S3 does: whoever tells a story says which requests are answered with `SlowDown` or
//! not to their end, and all others get through. One request a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stumble {
    No,
    /// It is answered with 503.
    SlowDown,
    /// With 500.
    InternalError,
    /// With 403: clocks differ by more than S3 allows.
    Skewed,
    /// It is carried out, and so much of its answer gets through.
    CutAfter(usize),
}

/// Method, path with its query, and the number of requests before.
pub type Rule = Arc<dyn Fn(&str, &str, u64) -> Stumble + Send + Sync>;

pub struct Stumbling {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    stumbled: Arc<AtomicU64>,
}

impl Stumbling {
    /// Listens on the loopback for connections to this port of it.
    pub async fn before(port: u16, rule: Rule) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (asked, stumbled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counted = stumbled.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (rule, asked, stumbled) = (rule.clone(), asked.clone(), counted.clone());
                // Whoever is on either side notices what happens to its connection.
                tokio::spawn(async move { serve(client, port, &rule, &asked, &stumbled).await });
            }
        });
        Ok(Self { address, accepting, stumbled })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often it did.
    pub fn stumbled(&self) -> u64 {
        self.stumbled.load(Ordering::Relaxed)
    }
}

impl Drop for Stumbling {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    port: u16,
    rule: &Rule,
    asked: &AtomicU64,
    stumbled: &AtomicU64,
) -> Result<()> {
    let mut bytes = vec![];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = end + length.unwrap_or(0);
    let stumble = rule(&method, path, asked.fetch_add(1, Ordering::Relaxed));
    if stumble != Stumble::No {
        stumbled.fetch_add(1, Ordering::Relaxed);
    }
    let refusal = match stumble {
        Stumble::SlowDown => Some((503, "SlowDown", "Please reduce your request rate.")),
        Stumble::InternalError => Some((500, "InternalError", "We encountered an internal error.")),
        Stumble::Skewed => Some((
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        )),
        Stumble::No | Stumble::CutAfter(_) => None,
    };
    if let Some((status, code, message)) = refusal {
        while bytes.len() < whole && client.read_buf(&mut bytes).await? > 0 {}
        let body =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let body = if method == "HEAD" { String::new() } else { body };
        let answer = format!(
            "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await?;
        return Ok(());
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    let (line, rest) = head.split_once("\r\n").context("a request has a first line")?;
    server.write_all(format!("{line}\r\nConnection: close\r\n{rest}").as_bytes()).await?;
    server.write_all(&bytes[end..]).await?;
    if let Stumble::CutAfter(most) = stumble {
        let mut sent = bytes.len();
        let mut piece = vec![0; 1 << 16];
        while sent < whole {
            let length = client.read(&mut piece).await?;
            server.write_all(&piece[..length]).await?;
            sent += length.max(1);
        }
        let mut answer = vec![];
        server.read_to_end(&mut answer).await?;
        answer.truncate(most);
        client.write_all(&answer).await?;
        return Ok(());
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
