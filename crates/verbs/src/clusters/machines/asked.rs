//! What a pod asks its node for, as Kubernetes' scheduler counts it. Pure.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::amount;

/// Of all pods of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    pub pods: u64,
}

impl Demand {
    pub fn add(&mut self, pod: &PodSpec) {
        let whole = |thousandths: i64| u64::try_from(thousandths).unwrap_or_default();
        self.cpu_millis += whole(of(pod, "cpu"));
        self.memory_bytes += whole(of(pod, "memory") / 1000);
        self.pods += 1;
    }
}

/// In thousandths: what its containers ask for together, or the largest of those that come before them, if that is more.
fn of(pod: &PodSpec, what: &str) -> i64 {
    let asks = |container: &Container| {
        amount(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()), what)
    };
    let before = pod.init_containers.as_deref().unwrap_or_default();
    let (mut stays, mut highest) = (0, 0);
    for container in before {
        // One that is restarted stays beside the others.
        if container.restart_policy.as_deref() == Some("Always") {
            stays += asks(container);
            highest = highest.max(stays);
        } else {
            highest = highest.max(stays + asks(container));
        }
    }
    let together = pod.containers.iter().map(asks).sum::<i64>() + stays;
    together.max(highest) + amount(pod.overhead.as_ref(), what)
}
