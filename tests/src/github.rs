//! GitHub's API, as far as a sweep asks it, on this machine for the time of a story. It wants a token, and errs as GitHub does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub const TOKEN: &str = "a-token-of-a-story";

pub struct GitHub {
    address: String,
    shared: Arc<Mutex<Shared>>,
    serving: AbortHandle,
}

#[derive(Default)]
struct Shared {
    /// By number: whether it is open.
    pulls: BTreeMap<u64, bool>,
    /// Says that it was asked too often.
    tired: bool,
    asked: Vec<String>,
}

impl GitHub {
    /// Of one repository.
    pub async fn begin(repository: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (known, repository) = (shared.clone(), repository.to_owned());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever hangs up in the middle gets nothing.
                let _ = answer(stream, &repository, &known).await;
            }
        });
        Ok(Self { address, shared, serving: serving.abort_handle() })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn pull(&self, number: u64, open: bool) {
        lock(&self.shared).pulls.insert(number, open);
    }

    pub fn tired(&self, tired: bool) {
        lock(&self.shared).tired = tired;
    }

    pub fn asked(&self) -> usize {
        lock(&self.shared).asked.len()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn answer(mut stream: TcpStream, repository: &str, shared: &Mutex<Shared>) -> Result<()> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, more, body) = {
        let mut shared = lock(shared);
        shared.asked.push(path.clone());
        let place = format!("/repos/{repository}");
        let number = path.strip_prefix(&format!("{place}/pulls/")).and_then(|number| number.parse().ok());
        match number.map(|number: u64| shared.pulls.get(&number)) {
            _ if !head.contains(&format!("authorization: bearer {TOKEN}")) => ("401 Unauthorized", "", "{}"),
            _ if shared.tired => ("403 Forbidden", "x-ratelimit-remaining: 0\r\n", "{}"),
            Some(Some(true)) => ("200 OK", "", r#"{"state": "open"}"#),
            Some(Some(false)) => ("200 OK", "", r#"{"state": "closed", "merged": true}"#),
            None if path == place => ("200 OK", "", "{}"),
            _ => ("404 Not Found", "", r#"{"message": "Not Found"}"#),
        }
    };
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}
