//! A stream of server-sent events, as a page or a program that looks on reads it: what comes can be waited for.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// It may take so long until a stream begins.
const BEGINS: Duration = Duration::from_secs(30);

pub struct Events {
    body: Incoming,
    /// What has come and is no whole event yet.
    begun: Vec<u8>,
    /// Without it the connection would end.
    _sender: SendRequest<Empty<Bytes>>,
}

impl Events {
    /// Opens a stream of a server.
    pub async fn open(host: &str, path: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let opening = async {
            let (mut sender, driver) = handshake(TokioIo::new(TcpStream::connect(host).await?)).await?;
            tokio::spawn(driver);
            let mut request = Request::get(path).header("host", host).header("accept", "text/event-stream");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = sender.send_request(request.body(Empty::new())?).await?;
            ensure!(response.status().as_u16() == 200, "{path} was answered with {}", response.status());
            Ok(Self { body: response.into_body(), begun: vec![], _sender: sender })
        };
        timeout(BEGINS, opening).await.with_context(|| format!("no answer for {path} in time"))?
    }

    /// Waits for an event whose data is as wanted; answers with it. Those before it are passed over.
    pub async fn sees(
        &mut self,
        what: &str,
        at_most: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut last = String::new();
        let seeing = async {
            loop {
                last = self.next().await?;
                if wanted(&last) {
                    return Ok::<_, anyhow::Error>(last.clone());
                }
            }
        };
        match timeout(at_most, seeing).await {
            Ok(seen) => seen.with_context(|| what.to_owned()),
            Err(_) => bail!("{what}: not within {} s; the last that came:\n{last}", at_most.as_secs()),
        }
    }

    /// The data of the next event. What only keeps the line open is none.
    async fn next(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.begun.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.begun.drain(..end + 2).collect();
                let event = String::from_utf8(event)?;
                let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                if data.is_empty() {
                    continue;
                }
                let lines: Vec<&str> =
                    data.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
                return Ok(lines.join("\n"));
            }
            let frame = self.body.frame().await.context("the stream has ended")??;
            if let Ok(data) = frame.into_data() {
                self.begun.extend_from_slice(&data);
            }
        }
    }
}
