//! Waits until the installed operator is ready, and ends early when it can't become so.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::api::{Api, ListParams};
use tokio::time::{Instant, sleep};

use super::{Error, OPERATOR, Options};
use crate::Cluster;
use crate::operator::NAMESPACE;

const PAUSE: Duration = Duration::from_millis(300);

/// Reasons for which a container does not start that waiting alone does not mend.
const HOPELESS: &[&str] =
    &["ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"];

/// Returns once every replica runs what was installed and the old ones are gone.
pub async fn wait(cluster: &Cluster, options: &Options, at_most: Duration) -> Result<(), Error> {
    let deployments = Api::<Deployment>::namespaced(cluster.client.clone(), NAMESPACE);
    let pods = Api::<Pod>::namespaced(cluster.client.clone(), NAMESPACE);
    let ours = ListParams::default().labels(&format!("outboard.dev/install={}", options.settings.install));
    let deadline = Instant::now() + at_most;
    loop {
        let deployment = deployments.get(OPERATOR).await.map_err(|error| cluster.explain(error))?;
        let Some(waiting) = unfinished(&deployment) else { return Ok(()) };
        let pods = pods.list(&ours).await.map_err(|error| cluster.explain(error))?;
        if let Some(reason) = pods.items.iter().find_map(|pod| hopeless(pod, &options.image)) {
            return Err(Error::OperatorFails { reason });
        }
        if Instant::now() >= deadline {
            return Err(Error::Timeout { waiting, after: at_most });
        }
        sleep(PAUSE).await;
    }
}

/// What the Deployment still waits for; `None` once it is rolled out.
pub(super) fn unfinished(deployment: &Deployment) -> Option<String> {
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return Some("Kubernetes has not looked at it yet".to_owned());
    }
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let updated = status.updated_replicas.unwrap_or_default();
    let available = status.available_replicas.unwrap_or_default();
    let all = status.replicas.unwrap_or_default();
    if updated < wanted || available < wanted {
        return Some(format!("{} of {wanted} replicas are ready", available.min(updated)));
    }
    (all > updated).then(|| "the former replicas are still stopping".to_owned())
}

/// Why a pod of this image can't start, in Kubernetes' words.
pub(super) fn hopeless(pod: &Pod, image: &str) -> Option<String> {
    let container = pod.spec.as_ref()?.containers.first()?;
    if container.image.as_deref() != Some(image) {
        return None;
    }
    let state: &ContainerState = pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()?;
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    HOPELESS
        .contains(&reason)
        .then(|| format!("{reason}: {}", waiting.message.as_deref().unwrap_or("no further reason")))
}
