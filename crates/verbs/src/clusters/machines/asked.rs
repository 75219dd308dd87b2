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
        self.cpu_millis = self.cpu_millis.saturating_add(whole(of(pod, "cpu")));
        self.memory_bytes = self.memory_bytes.saturating_add(whole(of(pod, "memory") / 1000));
        self.pods += 1;
    }
}

/// In thousandths: what its containers ask for together, or the largest of those that come before them, if that is more.
fn of(pod: &PodSpec, what: &str) -> i64 {
    let asks = |container: &Container| {
        amount(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()), what)
    };
    let before = pod.init_containers.as_deref().unwrap_or_default();
    let (mut stays, mut highest) = (0_i64, 0_i64);
    for container in before {
        // One that is restarted stays beside the others.
        if container.restart_policy.as_deref() == Some("Always") {
            stays = stays.saturating_add(asks(container));
            highest = highest.max(stays);
        } else {
            highest = highest.max(stays.saturating_add(asks(container)));
        }
    }
    let together = pod.containers.iter().map(asks).fold(stays, i64::saturating_add);
    together.max(highest).saturating_add(amount(pod.overhead.as_ref(), what))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_asks_for_all_there_is_twice_is_counted_and_breaks_nothing() {
        let asks =
            |name: &str| json!({"name": name, "resources": {"requests": {"cpu": "9E", "memory": "9Ei"}}});
        let pod: PodSpec = serde_json::from_value(json!({"containers": [asks("a"), asks("b")]})).unwrap();
        let mut sum = Demand::default();
        (0..3).for_each(|_| sum.add(&pod));
        assert_eq!(sum.pods, 3);
        assert!(sum.cpu_millis >= u64::try_from(i64::MAX).unwrap(), "{sum:?}");
    }
}
