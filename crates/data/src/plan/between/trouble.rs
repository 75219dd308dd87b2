//! Why a copy's pod does not start, told from what Kubernetes says of it.

use api::{Cause, Verdict};
use k8s_openapi::api::core::v1::Pod;

use super::verdict::waits;

pub fn of(pod: &Pod) -> Option<Verdict> {
    let status = pod.status.as_ref()?;
    let scheduled = status.conditions.iter().flatten().find(|found| found.type_ == "PodScheduled");
    if let Some(found) = scheduled.filter(|found| found.status == "False") {
        let why = found.message.clone().unwrap_or_default();
        return Some(waits(
            Cause::Unschedulable,
            "the copy's pod".to_owned(),
            format!("no node takes the copy's pod: {why}"),
            "make room: it asks for 100m of CPU and 128Mi of memory".to_owned(),
        ));
    }
    let waiting = status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .flatten()
        .find_map(|container| container.state.as_ref()?.waiting.as_ref())?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let cause = match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" => Cause::ImageNotFound,
        "CreateContainerConfigError" | "CreateContainerError" => Cause::Refused,
        _ => return None,
    };
    Some(waits(
        cause,
        "the copy's pod".to_owned(),
        format!(
            "the copy's pod does not start: {reason}: {}",
            waiting.message.as_deref().unwrap_or_default()
        ),
        "it runs outboard's own image, and of a backup that of the service: see that nodes can pull what `outboard install` was given"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_waits_for_room_or_for_its_image_says_so() {
        let pod = |status| serde_json::from_value::<Pod>(json!({"status": status})).unwrap();
        let full =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]});
        assert_eq!(of(&pod(full)).map(|verdict| verdict.cause), Some(Cause::Unschedulable));
        let waits = |reason: &str| {
            json!({"containerStatuses": [{"name": "copy", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                   "state": {"waiting": {"reason": reason}}}]})
        };
        assert_eq!(
            of(&pod(waits("ImagePullBackOff"))).map(|verdict| verdict.cause),
            Some(Cause::ImageNotFound)
        );
        assert_eq!(of(&pod(waits("ContainerCreating"))), None);
    }
}
