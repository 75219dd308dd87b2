//! Watches that outlive whoever they ask.

use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use tracing::warn;

/// Doubles from 200 ms up to three seconds: a watch that is late is drift that is not seen.
#[derive(Clone, Debug, Default)]
pub struct Retry {
    failures: u32,
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = Duration::from_millis(200 << self.failures.min(4));
        self.failures += 1;
        Some(delay.min(Duration::from_secs(3)))
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Goes on after errors, which are told and do not come out: a controller pauses all of its watches for each that it
/// hears, longer and longer, so that a few of them after an outage make it deaf for minutes.
pub fn steady<K: Resource<DynamicType = ()>>(
    stream: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> {
    stream.backoff(Retry::default()).filter_map(async |event| {
        let told =
            event.inspect_err(|error| warn!(%error, "lost the watch on {}, trying again", K::kind(&())));
        told.ok().map(Ok)
    })
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::api::core::v1::Pod;
    use kube::runtime::watcher::{Error, Event};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whatever_happened_between_the_next_event_comes_within_seconds_and_no_error_does() {
        let outage = (0..12).map(|_| Err(Error::NoResourceVersion));
        let events = outage.chain([Ok(Event::Apply(Pod::default()))]);
        let begun = tokio::time::Instant::now();
        let seen: Vec<_> = steady(stream::iter(events)).collect().await;
        assert!(matches!(seen.as_slice(), [Ok(Event::Apply(_))]), "{seen:?}");
        assert!(begun.elapsed() < Duration::from_secs(36), "{:?}", begun.elapsed());
    }
}
