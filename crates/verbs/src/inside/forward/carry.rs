//! One connection: finds a pod that is ready, and carries bytes both ways until a side has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::ResourceExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::enter::{self, Inside};
use super::pods;
use crate::{Cluster, Error, Result, environment};

/// A pod that is being replaced has a successor within about this time; a connection waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// After our side has said its last word, the other may answer for as long as it says something this often.
const LAST_ANSWER: Duration = Duration::from_secs(30);
const CHUNK: usize = 32 * 1024;

/// What is worth telling of a connection.
#[derive(Debug)]
pub enum Carried {
    Refused { pod: Option<String>, reason: String },
    Destroyed,
}

#[derive(Clone)]
pub struct Carrier {
    cluster: Cluster,
    control: String,
    inside: Arc<Inside>,
    port: u16,
    out: mpsc::Sender<Carried>,
}

impl Carrier {
    pub fn new(
        cluster: &Cluster,
        control: &str,
        inside: Inside,
        port: u16,
        out: mpsc::Sender<Carried>,
    ) -> Self {
        Self { cluster: cluster.clone(), control: control.to_owned(), inside: Arc::new(inside), port, out }
    }

    /// Carries one connection to its end.
    pub async fn carry(self, connection: TcpStream) {
        let begun = Instant::now();
        let reason = loop {
            let reason = match self.try_ready_pod().await {
                Ok((pod, forwarder)) => return self.through(&pod, forwarder, connection).await,
                // A lacking right does not come by waiting.
                Err(Error::Forbidden(forbidden)) => break forbidden.message,
                Err(error) => error.to_string(),
            };
            if begun.elapsed() >= PATIENCE {
                break reason;
            }
            sleep(LOOK_AGAIN).await;
        };
        let name = enter::name(&self.inside);
        let news = match environment::get(&self.cluster, &self.control, &name).await {
            Err(Error::NotFound { .. }) => Carried::Destroyed,
            _ => Carried::Refused { pod: None, reason },
        };
        self.tell(news).await;
    }

    /// A connection to a ready pod; else why there is none.
    async fn try_ready_pod(&self) -> Result<(String, kube::api::Portforwarder)> {
        let found = pods::of_part(&self.cluster, &self.inside).await?;
        let pod = pods::choose(&found).ok_or_else(|| pods::none_ready(&self.inside, &found))?.name_any();
        let opened = pods::api(&self.cluster, &self.inside).portforward(&pod, &[self.port]).await;
        opened.map(|forwarder| (pod, forwarder)).map_err(|error| self.cluster.explain(error))
    }

    async fn through(&self, pod: &str, mut forwarder: kube::api::Portforwarder, connection: TcpStream) {
        let (Some(stream), Some(refusal)) =
            (forwarder.take_stream(self.port), forwarder.take_error(self.port))
        else {
            return;
        };
        let carrying = both_ways(connection, stream);
        let mut refusal = Box::pin(refusal);
        tokio::select! {
            biased;
            // Without an error it resolves when the connection ends.
            Some(reason) = &mut refusal => {
                self.tell(Carried::Refused { pod: Some(pod.to_owned()), reason: in_short(&reason, self.port) }).await;
            }
            ended = carrying => {
                if let Err(error) = ended {
                    tracing::debug!(pod, %error, "a forwarded connection broke");
                }
                // The refusal may come on the heels of the end.
                if let Ok(Some(reason)) = timeout(LOOK_AGAIN, refusal).await {
                    self.tell(Carried::Refused { pod: Some(pod.to_owned()), reason: in_short(&reason, self.port) }).await;
                }
            }
        }
        forwarder.abort();
    }

    async fn tell(&self, news: Carried) {
        // Nobody listens only when the forward itself ends.
        let _ = self.out.send(news).await;
    }
}

/// Copies both ways. That our side has said everything must not end the other's answer: the connection to the
/// pod knows no half of an end, so it is only ended when the answer is complete.
async fn both_ways(connection: TcpStream, pod: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let (mut from_us, mut to_us) = connection.into_split();
    let (mut from_pod, mut to_pod) = tokio::io::split(pod);
    let said_everything = AtomicBool::new(false);
    let asking = async {
        let copied = tokio::io::copy(&mut from_us, &mut to_pod).await;
        said_everything.store(true, Ordering::Relaxed);
        copied
    };
    let answering = async {
        let mut bytes = vec![0; CHUNK];
        loop {
            match timeout(LAST_ANSWER, from_pod.read(&mut bytes)).await {
                Ok(read) => match read? {
                    0 => return to_us.shutdown().await,
                    length => to_us.write_all(&bytes[..length]).await?,
                },
                Err(_) if said_everything.load(Ordering::Relaxed) => return Ok(()),
                Err(_) => {}
            }
        }
    };
    tokio::select! {
        answered = answering => answered,
        Err(error) = asking => Err(error),
    }
}

/// The kubelet says it at length, with its own addresses.
fn in_short(reason: &str, port: u16) -> String {
    if reason.contains("connection refused") {
        format!("nothing listens on port {port} there")
    } else {
        reason.trim().to_owned()
    }
}
