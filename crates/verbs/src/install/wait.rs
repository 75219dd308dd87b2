//! Waits until what was installed is ready, and ends early when it can't become so.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use tokio::time::{Instant, sleep};

use super::{Error, OPERATOR, Options, logs, server};
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
    let daemon_sets = Api::<DaemonSet>::namespaced(cluster.client.clone(), NAMESPACE);
    let ours = ListParams::default().labels(&format!("outboard.dev/install={}", options.settings.install));
    let deadline = Instant::now() + at_most;
    loop {
        let deployment = deployments.get(OPERATOR).await.map_err(|error| cluster.explain(error))?;
        let shipping = match &options.logs {
            Some(_) => shipping(&daemon_sets.get(logs::NAME).await.map_err(|error| cluster.explain(error))?),
            None => None,
        };
        let serving = match &options.server {
            Some(_) => {
                unfinished(&deployments.get(server::NAME).await.map_err(|error| cluster.explain(error))?)
            }
            None => None,
        };
        let serving = serving.map(|waiting| waiting.replace("the operator", "the server"));
        let Some(waiting) = unfinished(&deployment).or(shipping).or(serving) else { return Ok(()) };
        let pods = pods.list(&ours).await.map_err(|error| cluster.explain(error))?;
        for pod in &pods.items {
            let Some(reason) = hopeless(pod, &options.settings.image) else { continue };
            let name = pod.labels().get("app.kubernetes.io/name").map(String::as_str);
            return Err(match name {
                Some(logs::NAME) => Error::ShippingFails { reason },
                Some(server::NAME) => Error::ServerFails { reason },
                _ => Error::OperatorFails { reason },
            });
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
        return Some(format!("{} of {wanted} replicas of the operator are ready", available.min(updated)));
    }
    (all > updated).then(|| "the operator's former replicas are still stopping".to_owned())
}

/// What shipping logs still waits for; `None` once every node does it.
pub(super) fn shipping(set: &DaemonSet) -> Option<String> {
    let status = set.status.clone().unwrap_or_default();
    if status.observed_generation < set.metadata.generation {
        return Some("Kubernetes has not looked at what ships logs yet".to_owned());
    }
    let wanted = status.desired_number_scheduled;
    let updated = status.updated_number_scheduled.unwrap_or_default();
    let available = status.number_available.unwrap_or_default();
    (updated < wanted || available < wanted)
        .then(|| format!("{} of {wanted} nodes ship their logs", available.min(updated)))
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
