//! Follows one pod until what is waited for can be said, through short outages of the API server.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::time::Instant;

use crate::error::{is_outage, root_cause};
use crate::wait::OUTAGE;
use crate::{Cluster, Error, Result};

/// How often to look again at a pod that says nothing new: some of what is said of it depends on time.
const AGAIN: Duration = Duration::from_secs(1);

/// Calls `look` with every state of the pod (`None`: it does not exist) until it has an answer.
pub async fn follow<T>(
    cluster: &Cluster,
    pods: &Api<Pod>,
    name: &str,
    mut look: impl FnMut(Option<&Pod>) -> Result<Option<T>>,
) -> Result<T> {
    let mut states = pin!(watcher::watch_object(pods.clone(), name).default_backoff());
    let mut tick = tokio::time::interval(AGAIN);
    let mut seen: Option<Option<Pod>> = None;
    let mut lost: Option<Instant> = None;
    loop {
        tokio::select! {
            state = states.next() => match state {
                Some(Ok(state)) => {
                    seen = Some(state);
                    lost = None;
                }
                Some(Err(error)) => {
                    let since = *lost.get_or_insert_with(Instant::now);
                    trouble(cluster, error, seen.is_some(), since)?;
                    continue;
                }
                None => return Err(went_away(cluster, 0, "the watch ended".to_owned())),
            },
            _ = tick.tick() => {}
        }
        if let Some(state) = &seen
            && let Some(answer) = look(state.as_ref())?
        {
            return Ok(answer);
        }
    }
}

/// A refusal at the very start is final, later ones are outages until they last too long.
fn trouble(cluster: &Cluster, error: watcher::Error, answered: bool, since: Instant) -> Result<()> {
    let error = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        // Too old, or ended by the server: it starts again by itself.
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => return Ok(()),
    };
    if !answered && !is_outage(&error) {
        return Err(cluster.explain(error));
    }
    let silent = since.elapsed();
    if silent < OUTAGE { Ok(()) } else { Err(went_away(cluster, silent.as_secs(), root_cause(&error))) }
}

fn went_away(cluster: &Cluster, seconds: u64, reason: String) -> Error {
    Error::WentAway { server: cluster.server.clone(), seconds, reason }
}
