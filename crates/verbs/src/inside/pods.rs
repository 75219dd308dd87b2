//! Which pod of a part is meant.

use api::marks;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::enter::{self, Inside};
use super::error::Trouble;
use crate::suggest::nearest;
use crate::{Cluster, Error, Result};

pub fn api(cluster: &Cluster, inside: &Inside) -> Api<Pod> {
    Api::namespaced(cluster.client.clone(), &inside.namespace)
}

/// Pods of the part that are not on their way out. One-off pods carry another mark and are none of them.
pub async fn of_part(cluster: &Cluster, inside: &Inside) -> Result<Vec<Pod>> {
    let ours = ListParams::default().labels(&format!("{}={}", marks::PART, inside.part.name));
    let found = api(cluster, inside).list(&ours).await.map_err(|error| cluster.explain(error))?;
    Ok(found.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

/// The pod that was named, else one that is ready.
pub async fn entered(cluster: &Cluster, inside: &Inside, named: Option<&str>) -> Result<Pod> {
    let pods = of_part(cluster, inside).await?;
    match named {
        Some(name) => called(inside, pods, name),
        None => choose(&pods).cloned().ok_or_else(|| none_ready(inside, &pods)),
    }
}

/// The pod of this name.
pub fn called(inside: &Inside, pods: Vec<Pod>, name: &str) -> Result<Pod> {
    let known: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
    pods.into_iter().find(|pod| pod.name_any() == name).ok_or_else(|| Error::NotFound {
        kind: "pod",
        name: name.to_owned(),
        place: inside.part_words(),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known,
    })
}

pub fn none_ready(inside: &Inside, pods: &[Pod]) -> Error {
    Trouble::NotRunning {
        part: inside.part_words(),
        environment: enter::name(inside),
        pods: pods.iter().map(|pod| format!("pod {}: {}", pod.name_any(), state(pod))).collect(),
    }
    .into()
}

/// A ready pod: of the newest template if there is one, and the youngest of those.
pub fn choose(pods: &[Pod]) -> Option<&Pod> {
    let wanted = newest(pods).and_then(template);
    pods.iter().filter(|pod| is_ready(pod)).max_by_key(|pod| (template(pod) == wanted, age(pod)))
}

/// The youngest pod, however it is.
pub fn newest(pods: &[Pod]) -> Option<&Pod> {
    pods.iter().max_by_key(|pod| age(pod))
}

/// Later is younger; the name decides between pods of one second, so that the choice stays the same.
fn age(pod: &Pod) -> (i64, String) {
    let created = pod.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    (created, pod.name_any())
}

fn template(pod: &Pod) -> Option<&str> {
    pod.labels().get(marks::TEMPLATE).map(String::as_str)
}

pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// In a word or two: `CrashLoopBackOff`, `not ready`.
fn state(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let waits = status
        .into_iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    match (waits, phase) {
        (Some(reason), _) => reason,
        (None, "Running") => "running, not ready".to_owned(),
        (None, phase) => phase.to_lowercase(),
    }
}

/// The part's own container: the one of its name, else the first.
pub fn container<'a>(pod: &'a Pod, part: &str) -> Option<&'a Container> {
    let containers = &pod.spec.as_ref()?.containers;
    containers.iter().find(|container| container.name == part).or(containers.first())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, second: u32, template: &str, ready: bool) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": name,
                "creationTimestamp": format!("2026-11-23T10:00:{second:02}Z"),
                "labels": {"outboard.dev/part": "web", "outboard.dev/template": template},
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_ready_pod_of_the_newest_template_is_chosen() {
        let pods = [pod("a", 3, "old", true), pod("b", 1, "new", true), pod("c", 4, "new", false)];
        assert_eq!(choose(&pods).map(ResourceExt::name_any).as_deref(), Some("b"));
    }

    #[test]
    fn while_the_newest_template_is_not_ready_the_old_one_still_serves() {
        let pods = [pod("a", 1, "old", true), pod("b", 2, "new", false)];
        assert_eq!(choose(&pods).map(ResourceExt::name_any).as_deref(), Some("a"));
    }

    #[test]
    fn none_is_chosen_where_none_is_ready_and_the_newest_is_known() {
        let pods = [pod("a", 1, "old", false), pod("b", 2, "new", false)];
        assert!(choose(&pods).is_none());
        assert_eq!(newest(&pods).map(ResourceExt::name_any).as_deref(), Some("b"));
        assert_eq!(state(&pods[0]), "running, not ready");
    }
}
