//! A receiver of webhooks on this machine for the time of a story, where pods reach it, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What it was told once.
#[derive(Clone, Debug)]
pub struct Told {
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    /// It said that it has it.
    pub taken: bool,
}

pub struct Receiver {
    address: String,
    shared: Arc<Mutex<Shared>>,
    serving: AbortHandle,
}

#[derive(Default)]
struct Shared {
    away: bool,
    told: Vec<Told>,
}

impl Receiver {
    pub async fn begin() -> Result<Self> {
        let listener = TcpListener::bind((testbed::HOST, 0)).await?;
        let address = format!("http://{}/hook", listener.local_addr()?);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let known = shared.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever hangs up in the middle has told nothing.
                let _ = hear(stream, &known).await;
            }
        });
        Ok(Self { address, shared, serving: serving.abort_handle() })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on it takes nothing, or takes it again.
    pub fn away(&self, away: bool) {
        lock(&self.shared).away = away;
    }

    pub fn told(&self) -> Vec<Told> {
        lock(&self.shared).told.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn hear(mut stream: TcpStream, shared: &Mutex<Shared>) -> Result<()> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").context("a message without length")?.parse()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let status = {
        let mut shared = lock(shared);
        let taken = !shared.away;
        shared.told.push(Told { headers, body: serde_json::from_slice(&body)?, taken });
        if taken { "204 No Content" } else { "503 Service Unavailable" }
    };
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}
