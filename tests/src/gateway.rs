//! Requests through the gateway over real connections, one at a time or as a small steady load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Where it is reached on this machine.
pub const GATEWAY: &str = "127.0.0.1:8080";
/// One request may take so long before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two requests of one connection of a load.
const PACE: Duration = Duration::from_millis(20);
/// A load ends by itself, should nobody stop it.
const LONGEST_LOAD: Duration = Duration::from_secs(300);
const KEPT_FAILURES: usize = 10;

type Connection = SendRequest<Full<Bytes>>;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Of the shop that answered.
    pub version: Option<String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON ({}): {}", self.status, self.body))
    }
}

/// One request on a connection of its own; with a body it is a POST.
pub async fn ask(host: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
    let mut connection = connect().await?;
    send(&mut connection, host, path, body).await
}

/// The same, with so much time for the answer.
pub async fn ask_for(host: &str, path: &str, at_most: Duration) -> Result<Answer> {
    let mut connection = connect().await?;
    let request = Request::get(path).header("host", host).body(Full::default())?;
    answered_within(&mut connection, request, at_most).await
}

/// Sends what a browser sends for a form, with so much time for the answer.
pub async fn post_form(host: &str, path: &str, form: &str, at_most: Duration) -> Result<Answer> {
    let mut connection = connect().await?;
    let request = Request::post(path)
        .header("host", host)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form.to_owned())))?;
    answered_within(&mut connection, request, at_most).await
}

/// Puts a text there.
pub async fn put(host: &str, path: &str, text: &str) -> Result<Answer> {
    let mut connection = connect().await?;
    let request = Request::builder().method(Method::PUT).uri(path).header("host", host);
    answered(&mut connection, request.body(Full::new(Bytes::from(text.to_owned())))?).await
}

async fn connect() -> Result<Connection> {
    let stream = timeout(PATIENCE, TcpStream::connect(GATEWAY)).await.context("no connection in time")??;
    stream.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; what went wrong is told to the request.
    tokio::spawn(driver);
    Ok(sender)
}

async fn send(connection: &mut Connection, host: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let bytes = body.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .header("content-type", "application/json")
        .body(Full::new(bytes))?;
    answered(connection, request).await
}

async fn answered(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<Answer> {
    answered_within(connection, request, PATIENCE).await
}

async fn answered_within(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    at_most: Duration,
) -> Result<Answer> {
    let asked = request.uri().to_string();
    timeout(at_most, async {
        let response = connection.send_request(request).await?;
        let status = response.status().as_u16();
        let version = response.headers().get("x-shop-version").and_then(|value| value.to_str().ok());
        let version = version.map(str::to_owned);
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, version, body: String::from_utf8_lossy(&body).into_owned() })
    })
    .await
    .with_context(|| format!("no answer from {asked} within {} s", at_most.as_secs()))?
}

/// What a load met.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub good: usize,
    pub failed: usize,
    /// The first failures, with the moment since the load began.
    pub failures: Vec<String>,
    /// Good answers by the version that gave them.
    pub by_version: BTreeMap<String, usize>,
    pub slowest: Duration,
    pub took: Duration,
}

/// Requests that go on until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    connections: JoinSet<Tally>,
    begun: Instant,
}

impl Load {
    /// `GET path` over so many connections, each asking some forty times a second.
    pub fn begin(host: &str, path: &str, connections: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(keep_asking(host.to_owned(), path.to_owned(), stop.clone(), begun));
        }
        Self { stop, connections: tasks, begun }
    }

    pub async fn end(mut self) -> Result<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally { took: self.begun.elapsed(), ..Tally::default() };
        while let Some(one) = self.connections.join_next().await {
            let one = one?;
            all.good += one.good;
            all.failed += one.failed;
            all.failures.extend(one.failures);
            all.failures.truncate(KEPT_FAILURES);
            all.slowest = all.slowest.max(one.slowest);
            for (version, count) in one.by_version {
                *all.by_version.entry(version).or_default() += count;
            }
        }
        println!(
            "load: {} good, {} failed in {:.1} s, slowest {} ms, by version {:?}",
            all.good,
            all.failed,
            all.took.as_secs_f32(),
            all.slowest.as_millis(),
            all.by_version
        );
        Ok(all)
    }
}

async fn keep_asking(host: String, path: String, stop: Arc<AtomicBool>, begun: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) && begun.elapsed() < LONGEST_LOAD {
        let asked = Instant::now();
        match once(&mut connection, &host, &path).await {
            Ok(version) => {
                tally.good += 1;
                *tally.by_version.entry(version).or_default() += 1;
                tally.slowest = tally.slowest.max(asked.elapsed());
            }
            Err(error) => {
                connection = None;
                tally.failed += 1;
                if tally.failures.len() < KEPT_FAILURES {
                    tally.failures.push(format!("after {} ms: {error:#}", begun.elapsed().as_millis()));
                }
            }
        }
        tokio::time::sleep(PACE).await;
    }
    tally
}

/// Connections are kept, as browsers keep them; one that the gateway closed in peace is opened anew.
async fn once(kept: &mut Option<Connection>, host: &str, path: &str) -> Result<String> {
    let mut connection = match kept.take().filter(|connection| !connection.is_closed()) {
        Some(connection) => connection,
        None => connect().await?,
    };
    connection.ready().await?;
    let answer = send(&mut connection, host, path, None).await?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    *kept = Some(connection);
    Ok(answer.version.unwrap_or_default())
}
