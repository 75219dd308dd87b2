//! A WebSocket through the gateway that stays open while things change behind it.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::gateway::GATEWAY;

/// An answer may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
}

impl Socket {
    pub async fn open(host: &str, path: &str) -> Result<Self> {
        let (mut sender, driver) = handshake(TokioIo::new(TcpStream::connect(GATEWAY).await?)).await?;
        tokio::spawn(driver.with_upgrades());
        let request = Request::get(path)
            .header("host", host)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            // Any sixteen bytes.
            .header("sec-websocket-key", "b3V0Ym9hcmQgc3Rvcmllcw==")
            .body(Empty::<Bytes>::new())?;
        let response =
            timeout(PATIENCE, sender.send_request(request)).await.context("no answer in time")??;
        ensure!(response.status().as_u16() == 101, "{host}{path} does not upgrade: {}", response.status());
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await?);
        Ok(Self { stream: WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await })
    }

    /// Says something and waits for the answer.
    pub async fn say(&mut self, words: &str) -> Result<String> {
        self.stream.send(Message::text(words)).await.context("the socket takes nothing")?;
        match timeout(PATIENCE, self.stream.next()).await.context("the socket does not answer")? {
            Some(Ok(Message::Text(answer))) => Ok(answer.to_string()),
            other => bail!("the socket answers {other:?}"),
        }
    }

    /// Waits for its end; answers with the code that the server gave as its reason.
    pub async fn ended(mut self, at_most: Duration) -> Result<u16> {
        match timeout(at_most, self.stream.next()).await.context("the socket stays open")? {
            Some(Ok(Message::Close(Some(farewell)))) => Ok(farewell.code.into()),
            other => bail!("the socket ends without a reason: {other:?}"),
        }
    }
}
