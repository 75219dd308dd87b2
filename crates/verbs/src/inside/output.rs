//! Copies what one container writes, byte for byte, until it has ended: through cut connections, nothing twice.

use std::pin::pin;
use std::time::Duration;

use futures::AsyncBufReadExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use logs::live::position::{Position, Sight};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::error::Trouble;
use crate::{Cluster, Result};

/// Until a cut connection is opened again.
const RETRY: Duration = Duration::from_millis(500);
/// Until a log that ended by itself is asked once more, unless the container's end is known before.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// One container's log, and where it goes.
pub struct Output<'a> {
    pub cluster: &'a Cluster,
    pub pods: &'a Api<Pod>,
    pub pod: &'a str,
    pub container: &'a str,
    /// Whether the container has ended.
    pub ended: watch::Receiver<bool>,
}

impl Output<'_> {
    /// Returns when the container has ended and everything it wrote has been copied.
    pub async fn copy(mut self, out: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<()> {
        let mut position = Position::default();
        loop {
            let had_ended = *self.ended.borrow_and_update();
            let whole = self.reading(&mut position, out, true).await?;
            if had_ended {
                return Ok(());
            }
            // What ended by itself has most likely ended for good: the pod will say so in a moment.
            let pause = if whole { ASK_AGAIN } else { RETRY };
            if tokio::time::timeout(pause, self.ended.changed()).await.is_ok_and(|alive| alive.is_err()) {
                return Ok(());
            }
        }
    }

    /// Copies what has been written until now.
    pub async fn so_far(self, out: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<()> {
        self.reading(&mut Position::default(), out, false).await.map(|_| ())
    }

    /// Reads once; answers whether it came to an end by itself.
    async fn reading(
        &self,
        position: &mut Position,
        out: &mut (dyn AsyncWrite + Send + Unpin),
        follow: bool,
    ) -> Result<bool> {
        let parameters = LogParams {
            container: Some(self.container.to_owned()),
            follow,
            timestamps: true,
            since_time: position.since(),
            ..LogParams::default()
        };
        let stream = match self.pods.log_stream(self.pod, &parameters).await {
            Ok(stream) => stream,
            Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
                return Err(self.cluster.explain(kube::Error::Api(status)));
            }
            Err(error) => {
                tracing::debug!(pod = self.pod, %error, "failed to open a log");
                return Ok(false);
            }
        };
        let mut stream = pin!(stream);
        let mut resume = position.resume();
        let mut raw = vec![];
        loop {
            raw.clear();
            match stream.read_until(b'\n', &mut raw).await {
                Ok(0) => return Ok(true),
                Err(error) => {
                    tracing::debug!(pod = self.pod, %error, "a log was cut off");
                    return Ok(false);
                }
                Ok(_) => {}
            }
            let Some((time, text)) = split(&raw) else { continue };
            if resume.look(time) == Sight::Told {
                continue;
            }
            out.write_all(text).await.map_err(Trouble::Output)?;
            out.flush().await.map_err(Trouble::Output)?;
            position.told(time);
        }
    }
}

/// Splits `2026-11-23T10:00:00.123456789Z text`, and leaves the text as it is.
fn split(raw: &[u8]) -> Option<(Timestamp, &[u8])> {
    let space = raw.iter().position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(&raw[..space]).ok()?.parse().ok()?;
    Some((time, &raw[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_line_stay_as_they_are() {
        let (_, text) = split(b"2026-11-23T10:00:00.1Z  \xff x\r\n").unwrap();
        assert_eq!(text, b" \xff x\r\n");
        assert_eq!(split(b"2026-11-23T10:00:00Z no end").unwrap().1, b"no end");
    }
}
