//! One container's log at the API server: opened, and read piece by piece.

use std::pin::Pin;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt, FutureExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::position::whole_second;
use super::stamp::Stamps;

/// Answers to small questions come within this time, or not at all.
const ANSWER: Duration = Duration::from_secs(5);

/// Which run's log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Run {
    /// The one that runs, or ended last.
    Present,
    Before,
}

/// From where to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct From {
    pub since: Option<Timestamp>,
    pub tail: Option<u32>,
}

/// Where a container's logs are.
#[derive(Clone, Debug)]
pub struct Place {
    pub pods: Api<Pod>,
    pub pod: String,
    pub container: String,
}

/// What the newest line of a log says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Newest {
    Line(Timestamp),
    /// The log is empty.
    None,
    /// Nobody answered.
    Unknown,
}

impl Place {
    pub fn open(&self, run: Run, from: From, follow: bool) -> Log {
        let parameters = LogParams {
            container: Some(self.container.clone()),
            follow,
            previous: run == Run::Before,
            timestamps: true,
            since_time: from.since.map(whole_second),
            tail_lines: from.tail.map(i64::from),
            ..LogParams::default()
        };
        let Self { pods, pod, .. } = self.clone();
        // A node says nothing at all, not even that it will, before the first line: so opening may last for hours.
        Log::Opening(Box::pin(async move {
            let log = pods.log_stream(&pod, &parameters).await?;
            Ok(Box::pin(log) as Reading)
        }))
    }

    pub async fn newest(&self) -> Newest {
        let parameters = LogParams {
            container: Some(self.container.clone()),
            tail_lines: Some(1),
            timestamps: true,
            ..LogParams::default()
        };
        let asked = tokio::time::timeout(ANSWER, self.pods.logs(&self.pod, &parameters)).await;
        let Ok(Ok(text)) = asked else { return Newest::Unknown };
        let last = text.lines().next_back();
        let time = last.and_then(|line| Some(Stamps::default().split(line.as_bytes())?.0));
        time.map_or(Newest::None, Newest::Line)
    }
}

type Reading = Pin<Box<dyn AsyncBufRead + Send>>;

/// A log that is being opened, or is open.
pub enum Log {
    Opening(Pin<Box<dyn Future<Output = kube::Result<Reading>> + Send>>),
    Open(Reading),
}

impl Log {
    /// Waits until there is something, or the end. May be given up and asked again.
    pub async fn ready(&mut self) -> kube::Result<()> {
        if let Self::Opening(opening) = self {
            *self = Self::Open(opening.await?);
        }
        if let Self::Open(reading) = self {
            reading.fill_buf().await.map_err(kube::Error::ReadEvents)?;
        }
        Ok(())
    }

    /// What there is, once it is ready; nothing: the end.
    pub fn piece(&mut self) -> &[u8] {
        match self {
            Self::Opening(_) => &[],
            Self::Open(reading) => reading.fill_buf().now_or_never().and_then(Result::ok).unwrap_or_default(),
        }
    }

    /// Past so many bytes of it.
    pub fn consume(&mut self, length: usize) {
        if let Self::Open(reading) = self {
            reading.consume_unpin(length);
        }
    }
}
