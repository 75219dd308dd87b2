//! Writes what an admission policy judges by parameters: an API server that has just started does not know those yet, refuses
//! everything until it does, and is asked again meanwhile.

use std::time::{Duration, Instant};

use kube::core::Status;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::event::{Event, Sink};

/// Kubernetes looks for kinds that it did not know twice a minute.
const LONGEST: Duration = Duration::from_secs(90);
const AGAIN: Duration = Duration::from_millis(500);

/// Whether an API server has not found or read yet what a policy is to go by.
pub(crate) fn is_unready_policy(status: &Status) -> bool {
    let said = ["failed to configure policy", "not yet synced to use for admission"];
    said.iter().any(|said| status.message.contains(said))
}

pub(crate) async fn admitted<T, F: Future<Output = kube::Result<T>>>(
    cluster: &Cluster,
    events: Sink<'_>,
    write: impl Fn() -> F,
) -> kube::Result<T> {
    let (begun, mut told) = (Instant::now(), false);
    loop {
        let reason = match write().await {
            Err(kube::Error::Api(status)) if is_unready_policy(&status) && begun.elapsed() < LONGEST => {
                status.message
            }
            outcome => return outcome,
        };
        if !told {
            let (server, retry_seconds) = (cluster.server.clone(), LONGEST.as_secs());
            events(Event::ServerSilent { server, reason, retry_seconds });
            told = true;
        }
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;

    use super::*;
    use crate::fake::{cluster, status};

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_know_projects_yet_is_asked_again_and_told_once() {
        let unready =
            "denied request: failed to configure policy: failed to find resource referenced by paramKind";
        let here = cluster(move |count, _| match count {
            0..3 => status(422, unready, "Invalid"),
            _ => Some((
                200,
                serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}),
            )),
        });
        let mut told = 0;
        let namespaces = Api::<Namespace>::all(here.client.clone());
        let outcome = admitted(&here, &mut |_| told += 1, || namespaces.get("a")).await;
        assert!(outcome.is_ok());
        assert_eq!(told, 1);
    }

    #[tokio::test]
    async fn what_a_policy_refuses_is_refused_at_once() {
        let here = cluster(|_, _| status(403, "denied request: a releaser changes it", "Forbidden"));
        let namespaces = Api::<Namespace>::all(here.client.clone());
        let outcome = admitted(&here, &mut |_| {}, || namespaces.get("a")).await;
        assert!(matches!(outcome, Err(kube::Error::Api(status)) if status.code == 403));
    }
}
