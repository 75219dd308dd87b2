//! Reads one container's log for as long as the container lives: through restarts, cut connections and rotation.

use std::pin::pin;
use std::time::Duration;

use futures::AsyncBufReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::{mpsc, watch};

use super::Entry;
use super::containers::Snapshot;
use super::line::{Line, split};
use super::position::Position;
use crate::error::is_outage;
use crate::{Cluster, Result};

/// Until a cut connection is opened again.
const RETRY: Duration = Duration::from_millis(500);
/// Until a log that ended by itself is asked once more, unless the pod's state changes before.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// One container of one pod.
pub struct Source {
    pub cluster: Cluster,
    pub pods: Api<Pod>,
    /// A line to copy everything but time and text from.
    pub template: Line,
    /// Where to begin; afterwards the position decides.
    pub first: LogParams,
    pub state: watch::Receiver<Snapshot>,
    pub out: mpsc::Sender<Entry>,
}

/// How one reading ended.
enum End {
    Clean,
    Cut,
    Unheard,
}

impl Source {
    /// Follows until the container has ended for good and everything it wrote has been told.
    pub async fn follow(mut self) -> Result<()> {
        let mut position = Position::default();
        loop {
            if self.state.wait_for(|state| state.started || state.gone).await.is_err() {
                return Ok(());
            }
            let before = self.state.borrow_and_update().clone();
            let (end, rest) = self.reading(&mut position, true, false).await?;
            let now = self.state.borrow().clone();
            match end {
                End::Unheard => return Ok(()),
                _ if before.gone => return self.tell_rest(rest).await,
                // It had ended before we began, and we read to the end: that was all.
                End::Clean if before.ended => return self.tell_rest(rest).await,
                End::Clean => {
                    let _ = tokio::time::timeout(ASK_AGAIN, self.state.changed()).await;
                }
                End::Cut => {
                    tokio::time::sleep(RETRY).await;
                    // Restarted while we could not read: what the last run wrote is now the previous log.
                    if now.restarts > before.restarts {
                        self.reading(&mut position, false, true).await?;
                    }
                }
            }
        }
    }

    async fn tell_rest(&self, rest: Option<Line>) -> Result<()> {
        if let Some(line) = rest {
            let _ = self.out.send(Entry::Line(line)).await;
        }
        Ok(())
    }

    /// Reads once. A last line without its end is given back, not told: it may be half of one.
    async fn reading(
        &self,
        position: &mut Position,
        follow: bool,
        previous: bool,
    ) -> Result<(End, Option<Line>)> {
        let parameters = LogParams {
            container: Some(self.template.container.clone()),
            follow,
            previous,
            timestamps: true,
            since_time: position.since(),
            since_seconds: self.first.since_seconds.filter(|_| position.since().is_none()),
            tail_lines: self.first.tail_lines.filter(|_| position.since().is_none()),
            ..LogParams::default()
        };
        let stream = match self.pods.log_stream(&self.template.pod, &parameters).await {
            Ok(stream) => stream,
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
                return Err(self.cluster.explain(kube::Error::Api(status)));
            }
            Err(error) => {
                tracing::debug!(pod = self.template.pod, %error, outage = is_outage(&error), "failed to open a log");
                return Ok((End::Cut, None));
            }
        };
        let mut stream = pin!(stream);
        let mut resume = position.resume();
        let mut raw = vec![];
        loop {
            raw.clear();
            match stream.read_until(b'\n', &mut raw).await {
                Ok(0) => return Ok((End::Clean, None)),
                Err(error) => {
                    tracing::debug!(pod = self.template.pod, %error, "a log was cut off");
                    return Ok((End::Cut, None));
                }
                Ok(_) => {}
            }
            let Some((time, text)) = split(&raw) else { continue };
            if !resume.is_new(time) {
                continue;
            }
            let line = Line { time, line: text, ..self.template.clone() };
            if raw.last() != Some(&b'\n') {
                return Ok((End::Clean, Some(line)));
            }
            if self.out.send(Entry::Line(line)).await.is_err() {
                return Ok((End::Unheard, None));
            }
            position.told(time);
        }
    }
}
