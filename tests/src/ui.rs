//! `outboard ui` as a story has it: started, asked over HTTP as browsers and scripts ask, ended.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::{Running, World, dns};

/// An answer may take so long; a plan asks registries.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Ui {
    running: Running,
    host: String,
    token_file: PathBuf,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(said, _)| said == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON ({}): {}", self.status, self.body))
    }
}

impl Ui {
    pub async fn begin(world: &World) -> Result<Self> {
        Self::with(world, &[]).await
    }

    /// The same, told of more.
    pub async fn with(world: &World, more: &[&str]) -> Result<Self> {
        let token_file = world.directory().join("token");
        let file = token_file.to_str().context("a path that is no text")?;
        let told = [&["ui", "-o", "json", "--token-file", file], more].concat();
        let mut running = Running::begin(world, &told, b"")?;
        let entrance = running.says("the entrance", |said| entrances(said).pop()).await?;
        let host = entrance.split('/').nth(2).context("an entrance without an address")?.to_owned();
        Ok(Self { running, host, token_file })
    }

    /// The address that lets in now; `used`: another than that.
    pub async fn entrance(&mut self, used: Option<&str>) -> Result<String> {
        let newest = |said: &str| entrances(said).pop().filter(|address| Some(address.as_str()) != used);
        self.running.says("another entrance", newest).await
    }

    pub fn host(&self) -> String {
        self.host.clone()
    }

    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Asks; `headers` come in the place of those that would be sent anyway.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Page> {
        visit(&self.host(), method, path, headers, body).await
    }

    /// Asks as a script with its token.
    pub async fn api(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Page> {
        let bearer = format!("Bearer {}", std::fs::read_to_string(&self.token_file)?);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        self.ask(method, path, &headers, &body).await
    }

    /// Comes in as a browser does; the cookie that it has from then on.
    pub async fn enter(&mut self) -> Result<String> {
        let entrance = self.entrance(None).await?;
        let (_, way_in) = entrance.split_once(&self.host).context("an entrance of another address")?;
        let entered = self.ask(Method::GET, way_in, &[], "").await?;
        let cookie = entered.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        Ok(cookie.with_context(|| format!("it let nobody in: {entered:?}"))?.to_owned())
    }

    /// A page, as somebody sees it who has come in.
    pub async fn see(&self, path: &str, cookie: &str) -> Result<Page> {
        self.ask(Method::GET, path, &[("accept", "text/html"), ("cookie", cookie)], "").await
    }

    /// Sends a form, as a page of its own does.
    pub async fn send(&self, path: &str, cookie: &str, body: &str) -> Result<Page> {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", cookie),
            ("origin", &origin),
        ];
        self.ask(Method::POST, path, &headers, body).await
    }

    pub async fn end(self) -> Result<()> {
        self.running.signal(Signal::SIGTERM)?;
        let output = self.running.ended().await?;
        ensure!(output.code == 0, "it ended with {}: {}", output.code, output.stderr);
        ensure!(!output.stderr.contains("panicked"), "something of it panicked: {}", output.stderr);
        Ok(())
    }
}

/// Asks a server; `headers` come in the place of those that would be sent anyway.
pub async fn visit(
    host: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Page> {
    let asked = async {
        let stream = TcpStream::connect(host).await?;
        exchange(stream, host, method, path, headers, body).await
    };
    timeout(PATIENCE, asked).await.with_context(|| format!("no answer for {path} in time"))?
}

/// The same over TLS, by the host's name in the testbed's zone.
pub async fn visit_tls(
    host: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Page> {
    let asked = async {
        let stream = dns::connect(&std::fs::read(testbed::authority()?)?, host).await?;
        exchange(stream, host, method, path, headers, body).await
    };
    timeout(PATIENCE, asked).await.with_context(|| format!("no answer for {path} in time"))?
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Page> {
    let (mut sender, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", host);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
    let headers = headers.collect();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(Page { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn entrances(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(line["url"].as_str()?.to_owned())).collect()
}

/// Where pictures of pages are kept: `$SHOTS`, else beside what is built.
pub fn shots() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("SHOTS") {
        return Ok(folder.into());
    }
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(3).context("no target directory")?.join("shots"))
}

/// Runs a script in the browser of `testbed tools browser`; what it says is printed, and it has to end well.
pub async fn browse(script: &str, variables: &[(&str, &str)], at_most: Duration) -> Result<()> {
    let browser = testbed::tool("browser")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("web").join(script);
    let mut command = Command::new("timeout");
    command.arg(at_most.as_secs().to_string()).arg(browser).arg(path).envs(variables.iter().copied());
    let status = spawn_blocking(move || command.status()).await?.context("failed to start the browser")?;
    ensure!(status.success(), "the browser's script ended with {status}");
    Ok(())
}
