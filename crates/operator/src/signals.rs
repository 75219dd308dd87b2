//! SIGTERM and SIGINT as one future.

use tokio::signal::unix::{SignalKind, signal};

use crate::Error;

/// Starts to listen now; the future resolves at the first signal.
pub(crate) fn shutdown() -> Result<impl Future<Output = ()>, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
