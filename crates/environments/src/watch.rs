//! Watches everything outboard made, keeps it at hand, and wakes the environment that an object is part of.
//!
//! Each kind has a watch of its own, so that one that fails does not hold up the others.

use std::sync::Arc;
use std::time::Duration;

use api::{Environment, Part, Project, marks};
use apply::View;
use apply::kinds::Kind;
use futures::channel::mpsc;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::Api;
use kube::core::{DynamicObject, TypeMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use tokio::task::JoinSet;
use tracing::warn;

/// Below every idle limit that a load balancer is known to have.
const WATCH_SECONDS: u32 = 200;

/// What the watches last saw.
#[derive(Clone)]
pub struct Watches {
    objects: Arc<Vec<(Kind, Store<DynamicObject>)>>,
    pods: Store<Pod>,
    namespaces: Store<Namespace>,
    projects: Store<Project>,
}

/// A stream of environments that have to be looked at again.
pub type Triggers = mpsc::UnboundedReceiver<ObjectRef<Environment>>;

impl Watches {
    /// Starts every watch into `tasks`.
    pub fn start(client: &Client, install: &str, tasks: &mut JoinSet<()>) -> (Self, Triggers) {
        let (sender, triggers) = mpsc::unbounded();
        let config = watcher::Config::default()
            .labels(&format!("{}={install}", marks::INSTALL))
            .timeout(WATCH_SECONDS);

        let (namespaces, writer) = reflector::store();
        let stream = watcher(Api::<Namespace>::all(client.clone()), config.clone());
        let wake = sender.clone();
        tasks.spawn(follow(
            "Namespace",
            reflector::reflector(writer, stream),
            move |namespace: Namespace| {
                send(&wake, namespace.labels());
            },
        ));

        let (pods, writer) = reflector::store();
        let stream = watcher(Api::<Pod>::all(client.clone()), config.clone()).map(|event| event.map(slim));
        tasks.spawn(follow("Pod", reflector::reflector(writer, stream), by_namespace(&sender, &namespaces)));

        let (projects, writer) = reflector::store();
        let stream =
            watcher(Api::<Project>::all(client.clone()), watcher::Config::default().timeout(WATCH_SECONDS));
        tasks.spawn(follow("Project", reflector::reflector(writer, stream), |_: Project| {}));

        let mut objects = Vec::new();
        for kind in Kind::ALL {
            let resource = kind.resource();
            let writer = reflector::store::Writer::new(resource.clone());
            objects.push((kind, writer.as_reader()));
            let stream = watcher(Api::<DynamicObject>::all_with(client.clone(), &resource), config.clone())
                .map(move |event| event.map(|event| name_kind(event, kind)));
            let wake = by_namespace(&sender, &namespaces);
            tasks.spawn(follow(kind.name(), reflector::reflector(writer, stream), wake));
        }
        (Self { objects: Arc::new(objects), pods, namespaces, projects }, triggers)
    }

    /// Resolves once every kind has been listed; says which one keeps it waiting.
    pub async fn ready(&self) {
        for (kind, store) in self.objects.iter() {
            while tokio::time::timeout(Duration::from_secs(10), store.wait_until_ready()).await.is_err() {
                warn!(kind = kind.name(), "still cannot list {}; is its definition installed?", kind.name());
                if *kind == Kind::HttpRoute {
                    // Not Kubernetes' own: without it everything but routes works, letting go included.
                    break;
                }
            }
        }
        // A writer lives as long as its watch; when it is gone the process is ending.
        let _ = self.pods.wait_until_ready().await;
        let _ = self.projects.wait_until_ready().await;
        let _ = self.namespaces.wait_until_ready().await;
    }

    /// Everything of ours in one namespace.
    pub fn view(&self, namespace: &str) -> View {
        let mut view = View::default();
        for (kind, store) in self.objects.iter() {
            for object in store.state_filter(|object| object.metadata.namespace.as_deref() == Some(namespace))
            {
                view.insert(*kind, object);
            }
        }
        view
    }

    /// The newest revision of a project, as the operator has stored it.
    pub fn project_revision(&self, namespace: &str, project: &str) -> Option<String> {
        let found = self.projects.get(&ObjectRef::new(project).within(namespace))?;
        found.status.as_ref()?.revision.clone()
    }

    /// The pods of one part, made from the template it has now.
    pub fn pods(&self, namespace: &str, part: &Part) -> Vec<Arc<Pod>> {
        self.pods.state_filter(|pod| {
            let label = |key: &str| pod.labels().get(key).map(String::as_str);
            pod.metadata.namespace.as_deref() == Some(namespace)
                && label(marks::PART) == Some(&part.name)
                && label(marks::TEMPLATE) == part.template()
        })
    }
}

/// Drives one watch for ever.
async fn follow<K>(
    kind: &'static str,
    stream: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
    wake: impl Fn(K),
) where
    K: Resource + Clone,
{
    let stream = stream.backoff(Retry::default()).touched_objects();
    let mut stream = std::pin::pin!(stream);
    while let Some(next) = stream.next().await {
        match next {
            Ok(object) => wake(object),
            Err(error) => warn!(kind, %error, "lost the watch on {kind}, trying again"),
        }
    }
}

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

/// Wakes by the namespace's marks, since somebody may have removed the object's own.
fn by_namespace<K: Resource>(
    sender: &mpsc::UnboundedSender<ObjectRef<Environment>>,
    namespaces: &Store<Namespace>,
) -> impl Fn(K) + use<K> {
    let (sender, namespaces) = (sender.clone(), namespaces.clone());
    move |object: K| {
        let found = object.meta().namespace.as_deref().and_then(|name| namespaces.get(&ObjectRef::new(name)));
        match found {
            Some(namespace) => send(&sender, namespace.labels()),
            None => {
                send(&sender, object.meta().labels.as_ref().unwrap_or(&std::collections::BTreeMap::new()));
            }
        }
    }
}

fn send(
    sender: &mpsc::UnboundedSender<ObjectRef<Environment>>,
    labels: &std::collections::BTreeMap<String, String>,
) {
    if let (Some(namespace), Some(name)) =
        (labels.get(marks::CONTROL_NAMESPACE), labels.get(marks::ENVIRONMENT))
    {
        // The receiver is gone only when the process ends.
        let _ = sender.unbounded_send(ObjectRef::new(name).within(namespace));
    }
}

/// Objects of a list come without their kind; those of a watch, and those we wrote, have it. Decisions read it.
fn name_kind(event: watcher::Event<DynamicObject>, kind: Kind) -> watcher::Event<DynamicObject> {
    event.modify(|object| {
        let resource = kind.resource();
        object.types = Some(TypeMeta { api_version: resource.api_version, kind: resource.kind });
    })
}

/// Pods without what no decision reads.
fn slim(event: watcher::Event<Pod>) -> watcher::Event<Pod> {
    event.modify(|pod| {
        pod.metadata.managed_fields = None;
        pod.metadata.annotations = None;
        pod.spec = None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_a_list_learns_its_kind() {
        let object: DynamicObject =
            serde_json::from_value(serde_json::json!({"metadata": {"name": "db"}})).unwrap();
        let watcher::Event::InitApply(object) =
            name_kind(watcher::Event::InitApply(object), Kind::StatefulSet)
        else {
            unreachable!("the event stays what it is")
        };
        assert_eq!(Kind::of(&object), Some(Kind::StatefulSet));
    }
}
