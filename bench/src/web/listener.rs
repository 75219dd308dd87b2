//! Those who look on: each has the live table open, as a browser has, and says when a row of it is another than before.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::served::Served;

const BEGIN: Duration = Duration::from_secs(60);

/// Which row is looked at, and for which time.
#[derive(Clone, Default)]
struct Sought {
    round: usize,
    row: String,
}

pub struct Audience {
    count: usize,
    sought: watch::Sender<Sought>,
    /// The round, and when it was seen.
    seen: mpsc::UnboundedReceiver<(usize, Instant)>,
    /// They leave with this.
    listeners: JoinSet<anyhow::Result<()>>,
}

impl Audience {
    /// Returns once everybody has the table.
    pub async fn begin(served: &Served, count: usize, page: &str) -> anyhow::Result<Self> {
        let (sought, receiver) = watch::channel(Sought::default());
        let (tell, seen) = mpsc::unbounded_channel();
        let mut listeners = JoinSet::new();
        for person in 0..count {
            let (host, bearer, path) = (served.host.clone(), served.bearer(person), format!("{page}/live"));
            let as_whom = (bearer, Served::address(person));
            listeners.spawn(listen(host, as_whom, path, receiver.clone(), tell.clone()));
        }
        let mut audience = Self { count, sought, seen, listeners };
        audience.seen(Instant::now(), BEGIN).await?;
        Ok(audience)
    }

    pub fn look_at(&mut self, row: &str) {
        self.sought.send_modify(|sought| *sought = Sought { round: sought.round + 1, row: row.to_owned() });
    }

    /// How many milliseconds after that moment each of them had it.
    pub async fn seen(&mut self, from: Instant, at_most: Duration) -> anyhow::Result<Vec<f64>> {
        let (end, round) = (tokio::time::Instant::now() + at_most, self.sought.borrow().round);
        let mut took = vec![];
        while took.len() < self.count {
            let heard = timeout_at(end, async {
                tokio::select! {
                    heard = self.seen.recv() => heard.ok_or_else(|| anyhow!("nobody listens")),
                    Some(ended) = self.listeners.join_next() => {
                        Err(anyhow!("somebody was sent away: {ended:?}"))
                    }
                }
            });
            let of = format!("{} of {} saw it", took.len(), self.count);
            let (which, at) = heard.await.context(of)??;
            if which == round {
                took.push(at.duration_since(from).as_secs_f64() * 1000.0);
            }
        }
        Ok(took)
    }
}

async fn listen(
    host: String,
    (bearer, from): (String, String),
    path: String,
    sought: watch::Receiver<Sought>,
    tell: mpsc::UnboundedSender<(usize, Instant)>,
) -> anyhow::Result<()> {
    let (mut sender, driver) = handshake(TokioIo::new(TcpStream::connect(&host).await?)).await?;
    tokio::spawn(driver);
    let request = Request::get(path)
        .header("host", host)
        .header("authorization", bearer)
        .header("accept", "text/event-stream")
        .header("x-forwarded-for", from)
        .header("x-forwarded-proto", "https")
        .body(Empty::<Bytes>::new())?;
    let mut response = sender.send_request(request).await?;
    ensure!(response.status() == 200, "it is answered with {}", response.status());
    let (mut text, mut before, mut told) = (Vec::new(), Vec::new(), None);
    while let Some(frame) = response.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(&data);
        while let Some(end) = memchr::memmem::find(&text, b"\n\n") {
            let rest = text.split_off(end + 2);
            let event = std::mem::replace(&mut text, rest);
            // What keeps the line open is a comment.
            if !event.starts_with(b":") {
                let sought = sought.borrow().clone();
                let other = before.is_empty() || row(&event, &sought.row) != row(&before, &sought.row);
                if other && told != Some(sought.round) {
                    told = Some(sought.round);
                    tell.send((sought.round, Instant::now()))?;
                }
                before = event;
            }
        }
    }
    Err(anyhow!("the stream has ended"))
}

/// A row of the table, as it stands there.
fn row<'a>(event: &'a [u8], name: &str) -> &'a [u8] {
    let begin = format!("id=\"row-{name}\"");
    let Some(at) = memchr::memmem::find(event, begin.as_bytes()).filter(|_| !name.is_empty()) else {
        return b"";
    };
    let end = memchr::memmem::find(&event[at..], b"</tr>").unwrap_or(event.len() - at);
    &event[at..at + end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_told_from_its_neighbours() {
        let event = br#"data: <tr id="row-a/b"><td>1</td></tr><tr id="row-a/bc"><td>2</td></tr>"#;
        assert_eq!(row(event, "a/b"), br#"id="row-a/b"><td>1</td>"#);
        assert_eq!(row(event, "a/bc"), br#"id="row-a/bc"><td>2</td>"#);
        assert_eq!(row(event, "a/x"), b"");
    }
}
