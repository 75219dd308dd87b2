//! Waiting for a condition, with an end. Never sleeps for a fixed time in the hope that something has happened.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Asks until there is an answer; `what` says what was waited for when there is none in time.
pub async fn until<T>(
    what: &str,
    at_most: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        let trouble = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            // An API server that stumbles is looked at again; if it goes on, the last error is told.
            Err(error) => Some(error),
        };
        if begun.elapsed() >= at_most {
            let last = trouble.map(|error| format!("; the last look failed: {error:#}")).unwrap_or_default();
            bail!("{what}: not within {} s{last}", at_most.as_secs());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Time since `begun`, for printing.
pub fn millis(begun: Instant) -> u128 {
    begun.elapsed().as_millis()
}
