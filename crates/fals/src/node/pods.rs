//! The pods of environments on this node, by a watch of their names and labels, and those that are gone until their
//! logs are, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::marks;
use api::names::{self, EnvironmentName, ProjectName};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt};

/// A pod of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub project: String,
    pub environment: String,
    pub component: String,
    gone: bool,
}

#[derive(Clone, Default)]
pub struct Pods(Arc<Mutex<BTreeMap<String, Known>>>);

impl Pods {
    /// Follows the pods of this node as long as the process lives.
    pub fn watch(client: Client, node: &str) -> Self {
        let pods = Self::default();
        let ours = format!("app.kubernetes.io/managed-by=outboard,{}", marks::ENVIRONMENT);
        let config = Config::default().fields(&format!("spec.nodeName={node}")).labels(&ours);
        let told = pods.clone();
        tokio::spawn(async move {
            let stream = watcher(Api::<PartialObjectMeta<Pod>>::all(client), config).default_backoff();
            let mut stream = std::pin::pin!(stream);
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => told.take(event),
                    Err(error) => tracing::warn!("Kubernetes does not tell which pods there are: {error}"),
                }
            }
        });
        pods
    }

    fn take(&self, event: Event<PartialObjectMeta<Pod>>) {
        let mut pods = self.lock();
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => {
                if let Some(known) = known(&pod) {
                    pods.insert(known.uid.clone(), known);
                }
            }
            Event::Delete(pod) => {
                if let Some(known) = pods.get_mut(&pod.uid().unwrap_or_default()) {
                    known.gone = true;
                }
            }
            // Whoever is not named again from now on is gone.
            Event::Init => pods.values_mut().for_each(|pod| pod.gone = true),
            Event::InitDone => {}
        }
    }

    pub fn known(&self) -> Vec<Known> {
        self.lock().values().cloned().collect()
    }

    /// Lets go of those that are gone, and of which nothing is left.
    pub fn forget(&self, nothing_left: impl Fn(&Known) -> bool) {
        self.lock().retain(|_, pod| !(pod.gone && nothing_left(pod)));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a pod by its labels. Of no use to whoever may make pods in one environment and names another. A
/// one-off pod is none of the environment's parts: what it writes goes to whoever runs it.
fn known(pod: &PartialObjectMeta<Pod>) -> Option<Known> {
    let label = |key: &str| pod.labels().get(key).cloned();
    let (project, environment) = (label(marks::PROJECT)?, label(marks::ENVIRONMENT)?);
    let theirs =
        names::namespace(&ProjectName::parse(&project).ok()?, &EnvironmentName::parse(&environment).ok()?);
    Some(Known {
        namespace: pod.namespace().filter(|namespace| *namespace == theirs)?,
        name: pod.name_any(),
        uid: pod.uid()?,
        project,
        environment,
        component: label(marks::PART)?,
        gone: false,
    })
}

#[cfg(test)]
impl Pods {
    pub fn of(known: Known) -> Self {
        Self(Arc::new(Mutex::new(BTreeMap::from([(known.uid.clone(), known)]))))
    }

    pub fn end(&self) {
        self.lock().values_mut().for_each(|pod| pod.gone = true);
    }
}

#[cfg(test)]
pub fn example(namespace: &str, name: &str, uid: &str) -> Known {
    let text = |text: &str| text.to_owned();
    Known {
        namespace: text(namespace),
        name: text(name),
        uid: text(uid),
        project: text("shop"),
        environment: text("qa"),
        component: text("web"),
        gone: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, labels: &serde_json::Value) -> PartialObjectMeta<Pod> {
        let metadata = json!({"name": "web-1", "namespace": "shop-qa", "uid": uid, "labels": labels});
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})).unwrap()
    }

    fn labels() -> serde_json::Value {
        json!({marks::PROJECT: "shop", marks::ENVIRONMENT: "qa", marks::PART: "web"})
    }

    #[test]
    fn a_pod_that_is_gone_is_remembered_until_its_logs_are() {
        let pods = Pods::default();
        pods.take(Event::Apply(pod("1", &labels())));
        pods.take(Event::Delete(pod("1", &labels())));
        pods.forget(|_| false);
        assert_eq!(pods.known().len(), 1);
        pods.forget(|_| true);
        assert!(pods.known().is_empty());
    }

    #[test]
    fn whoever_is_not_named_in_a_new_list_is_gone() {
        let pods = Pods::default();
        for uid in ["1", "2"] {
            pods.take(Event::Apply(pod(uid, &labels())));
        }
        pods.take(Event::Init);
        pods.take(Event::InitApply(pod("2", &labels())));
        pods.take(Event::InitDone);
        pods.forget(|_| true);
        assert_eq!(pods.known().iter().map(|pod| pod.uid.as_str()).collect::<Vec<_>>(), ["2"]);
    }

    #[test]
    fn pods_that_are_no_part_of_the_environment_of_their_namespace_are_left_alone() {
        let pods = Pods::default();
        for labels in [
            json!({marks::ENVIRONMENT: "qa"}),
            json!({marks::PROJECT: "shop", marks::ENVIRONMENT: "qa", marks::RUN: "web"}),
            json!({marks::PROJECT: "shop", marks::ENVIRONMENT: "production", marks::PART: "web"}),
            json!({marks::PROJECT: "", marks::ENVIRONMENT: "qa", marks::PART: "web"}),
        ] {
            pods.take(Event::Apply(pod("1", &labels)));
        }
        assert!(pods.known().is_empty());
    }
}
