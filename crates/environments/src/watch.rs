//! Watches everything outboard made, remembers as little of it as decisions need, and wakes the environment that an
//! object is part of.
//!
//! Each kind has a watch of its own, so that one that fails does not hold up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::marks::{self, Home, Marks, Owner};
use api::{Environment, HostClaim, Part, Project};
use apply::kinds::Kind;
use apply::watch::Retry;
use apply::{Seen, View};
use futures::channel::mpsc;
use futures::{Stream, StreamExt};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::warn;

use crate::memory::{Item, Memory};
use crate::plan::diagnose::{self, Unready};

/// Below every idle limit that a load balancer is known to have.
const WATCH_SECONDS: u32 = 200;

/// What the watches last saw.
#[derive(Clone)]
pub struct Watches {
    objects: Arc<Vec<(Kind, Arc<Memory<Seen>>)>>,
    /// Those that are not ready: the others explain nothing.
    pods: Arc<Memory<Unready>>,
    autoscalers: Arc<Memory<(Kind, String)>>,
    namespaces: Store<Namespace>,
    projects: Store<Project>,
    hosts: Store<HostClaim>,
}

/// A stream of what has to be looked at again.
pub type Triggers<K> = mpsc::UnboundedReceiver<ObjectRef<K>>;

impl Watches {
    /// Starts every watch into `tasks`.
    pub fn start(
        client: &Client,
        install: &str,
        tasks: &mut JoinSet<()>,
    ) -> (Self, Triggers<Environment>, Triggers<Project>) {
        let (sender, triggers) = mpsc::unbounded();
        let (projects_sender, projects_to_see) = mpsc::unbounded();
        let all = watcher::Config::default().timeout(WATCH_SECONDS);
        let ours = all.clone().labels(&format!("{}={install}", marks::INSTALL));

        let (namespaces, writer) = reflector::store();
        let stream = lean::<Namespace>(watcher(Api::all(client.clone()), ours.clone()));
        let wake = Wake { sender, projects: projects_sender, namespaces: namespaces.clone() };
        let woken = wake.clone();
        tasks.spawn(keep("Namespace", reflector::reflector(writer, stream), move |namespace| {
            woken.by_labels(namespace.labels());
        }));
        let (projects, writer) = reflector::store();
        let stream = lean::<Project>(watcher(Api::all(client.clone()), all.clone()));
        tasks.spawn(keep("Project", reflector::reflector(writer, stream), |_| {}));

        let (hosts, writer) = reflector::store();
        let stream = lean::<HostClaim>(watcher(Api::all(client.clone()), ours.clone()));
        let woken = wake.clone();
        tasks.spawn(keep("HostClaim", reflector::reflector(writer, stream), move |claim| {
            woken.by_labels(claim.labels());
        }));

        let pods = Arc::new(Memory::default());
        let known = pods.clone();
        let stream = watcher(Api::<Pod>::all(client.clone()), ours.clone());
        let reduce = move |pod: Pod| {
            let (namespace, name) = place(&pod);
            let before = known.get(&namespace, &name);
            Item { namespace, name, value: diagnose::unready(pod, before.as_deref(), Timestamp::now()) }
        };
        tasks.spawn(follow("Pod", stream, pods.clone(), reduce, wake.clone()));

        let autoscalers = Arc::new(Memory::default());
        let stream = watcher(Api::<HorizontalPodAutoscaler>::all(client.clone()), all);
        tasks.spawn(follow("HorizontalPodAutoscaler", stream, autoscalers.clone(), scaled, wake.clone()));

        let mut objects = Vec::new();
        for kind in Kind::ALL {
            let memory = Arc::new(Memory::default());
            let stream =
                watcher(Api::<DynamicObject>::all_with(client.clone(), &kind.resource()), ours.clone());
            let reduce = move |object: DynamicObject| {
                let (namespace, name) = place(&object);
                Item { namespace, name, value: Some(Seen::of(kind, &object)) }
            };
            tasks.spawn(follow(kind.name(), stream, memory.clone(), reduce, wake.clone()));
            objects.push((kind, memory));
        }
        let watches = Self { objects: Arc::new(objects), pods, autoscalers, namespaces, projects, hosts };
        (watches, triggers, projects_to_see)
    }

    /// Resolves once every kind has been listed; says which one keeps it waiting.
    pub async fn ready(&self) {
        for (kind, memory) in self.objects.iter() {
            while tokio::time::timeout(Duration::from_secs(10), memory.listed()).await.is_err() {
                warn!(kind = kind.name(), "still cannot list {}; is its definition installed?", kind.name());
                if *kind == Kind::HttpRoute {
                    // Not Kubernetes' own: without it everything but routes works, letting go included.
                    break;
                }
            }
        }
        self.pods.listed().await;
        self.autoscalers.listed().await;
        // A writer lives as long as its watch; when it is gone the process is ending.
        let _ = self.projects.wait_until_ready().await;
        let _ = self.namespaces.wait_until_ready().await;
    }

    /// Everything of ours in one namespace.
    pub fn view(&self, namespace: &str) -> View {
        let mut view = View::default();
        for (_, memory) in self.objects.iter() {
            for seen in memory.of(namespace).into_values() {
                view.insert(seen);
            }
        }
        for target in self.autoscalers.of(namespace).into_values() {
            view.insert_autoscaled(target.0, target.1.clone());
        }
        if let Some(found) = self.namespaces.get(&ObjectRef::new(namespace)) {
            view.set_namespace(found.uid().unwrap_or_default(), found.labels());
        }
        view
    }

    /// The UID of a namespace that was seen to be `home`'s as it was `before`, with all its marks: nothing is left to claim.
    pub fn held(&self, namespace: &str, home: Home<'_>, before: Option<&str>) -> Option<String> {
        let found = self.namespaces.get(&ObjectRef::new(namespace))?;
        let uid = found.uid().filter(|uid| before == Some(uid))?;
        let marked =
            home.namespace_labels().iter().all(|(key, value)| found.labels().get(key) == Some(value));
        (marked && found.metadata.deletion_timestamp.is_none()).then_some(uid)
    }

    pub fn namespace_labels(&self, namespace: &str) -> Option<BTreeMap<String, String>> {
        Some(self.namespaces.get(&ObjectRef::new(namespace))?.labels().clone())
    }

    /// A project as it is now.
    pub fn project(&self, namespace: &str, project: &str) -> Option<Arc<Project>> {
        self.projects.get(&ObjectRef::new(project).within(namespace))
    }

    /// The hosts that an environment was last seen to have. One that is missing here is looked up, not given up.
    pub fn hosts(&self, owner: &Owner) -> BTreeSet<String> {
        let of_slice = |claim: &HostClaim| {
            claim.labels().get(marks::SLICE).is_some_and(|slice| slice == marks::SLICE_ENVIRONMENTS)
        };
        let theirs = self.hosts.state_filter(|claim| owner.owns(claim.labels()) && of_slice(claim));
        theirs.iter().map(|claim| claim.name_any()).collect()
    }

    /// The pods of one part that are not ready, made from the template it has now.
    pub fn unready_pods(&self, namespace: &str, part: &Part) -> Vec<Arc<Unready>> {
        let of_part = |unready: &Arc<Unready>| {
            let label = |key: &str| unready.pod.labels().get(key).map(String::as_str);
            label(marks::PART) == Some(&part.name) && label(marks::TEMPLATE) == part.template()
        };
        self.pods.of(namespace).into_values().filter(of_part).collect()
    }
}

fn place(object: &impl ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// What an autoscaler scales, whoever made it.
fn scaled(autoscaler: HorizontalPodAutoscaler) -> Item<(Kind, String)> {
    let (namespace, name) = place(&autoscaler);
    let target = autoscaler.spec.scale_target_ref;
    let kind = Kind::ALL.into_iter().find(|kind| kind.scales() && kind.name() == target.kind);
    Item { namespace, name, value: kind.map(|kind| (kind, target.name)) }
}

/// Without the record of who wrote which field: the larger half of many objects, and nobody here reads it.
pub fn lean<K: ResourceExt>(
    stream: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<Event<K>>> {
    stream.map(|event| event.map(|event| event.modify(|object| object.managed_fields_mut().clear())))
}

/// Drives one watch for ever and remembers what it shows.
async fn follow<K, V>(
    kind: &'static str,
    stream: impl Stream<Item = watcher::Result<Event<K>>>,
    memory: Arc<Memory<V>>,
    reduce: impl Fn(K) -> Item<V>,
    wake: Wake,
) where
    K: Resource + DeserializeOwned,
{
    let mut stream = std::pin::pin!(stream.backoff(Retry::default()));
    let mut listing = None;
    // Of a list that is not whole yet: only then there is something to look at.
    let mut waiting = Vec::new();
    while let Some(next) = stream.next().await {
        let event = match next {
            Ok(event) => event,
            Err(error) => {
                warn!(kind, %error, "lost the watch on {kind}, trying again");
                continue;
            }
        };
        let event = match event {
            Event::Init => {
                waiting.clear();
                Event::Init
            }
            Event::InitDone => Event::InitDone,
            Event::InitApply(object) => {
                waiting.push(wake.found(&object));
                Event::InitApply(reduce(object))
            }
            Event::Apply(object) => {
                waiting.push(wake.found(&object));
                Event::Apply(reduce(object))
            }
            Event::Delete(object) => {
                waiting.push(wake.found(&object));
                Event::Delete(reduce(object))
            }
        };
        let whole = !matches!(event, Event::Init | Event::InitApply(_));
        for namespace in memory.take(event, &mut listing) {
            wake.by_namespace(&namespace);
        }
        if whole {
            waiting.drain(..).flatten().for_each(|environment| wake.send(environment));
        }
    }
}

/// Drives one watch for ever whose objects are kept.
async fn keep<K: Resource + Clone>(
    kind: &'static str,
    stream: impl Stream<Item = watcher::Result<Event<K>>>,
    wake: impl Fn(K),
) {
    let mut stream = std::pin::pin!(stream.backoff(Retry::default()).touched_objects());
    while let Some(next) = stream.next().await {
        match next {
            Ok(object) => wake(object),
            Err(error) => warn!(kind, %error, "lost the watch on {kind}, trying again"),
        }
    }
}

/// Wakes environments.
#[derive(Clone)]
struct Wake {
    sender: mpsc::UnboundedSender<ObjectRef<Environment>>,
    projects: mpsc::UnboundedSender<ObjectRef<Project>>,
    namespaces: Store<Namespace>,
}

impl Wake {
    /// Whose an object is: by the marks of its namespace, since somebody may have removed its own.
    fn found<K: Resource>(&self, object: &K) -> Option<ObjectRef<Environment>> {
        let namespace = object.meta().namespace.as_deref();
        let found = namespace.and_then(|name| self.namespaces.get(&ObjectRef::new(name)));
        match found {
            Some(namespace) => environment(namespace.labels()),
            None => {
                let labels = object.meta().labels.as_ref()?;
                if let Some(project) = project(labels) {
                    // The receiver is gone only when the process ends.
                    let _ = self.projects.unbounded_send(project);
                }
                environment(labels)
            }
        }
    }

    fn by_namespace(&self, namespace: &str) {
        if let Some(found) = self.namespaces.get(&ObjectRef::new(namespace)) {
            self.by_labels(found.labels());
        }
    }

    fn by_labels(&self, labels: &BTreeMap<String, String>) {
        if let Some(environment) = environment(labels) {
            self.send(environment);
        }
    }

    fn send(&self, environment: ObjectRef<Environment>) {
        // The receiver is gone only when the process ends.
        let _ = self.sender.unbounded_send(environment);
    }
}

/// The project that an object of a control namespace is of: one that names no environment.
fn project(labels: &BTreeMap<String, String>) -> Option<ObjectRef<Project>> {
    let (namespace, name) = (labels.get(marks::CONTROL_NAMESPACE)?, labels.get(marks::PROJECT)?);
    (!labels.contains_key(marks::ENVIRONMENT)).then(|| ObjectRef::new(name).within(namespace))
}

fn environment(labels: &BTreeMap<String, String>) -> Option<ObjectRef<Environment>> {
    let (namespace, name) = (labels.get(marks::CONTROL_NAMESPACE)?, labels.get(marks::ENVIRONMENT)?);
    Some(ObjectRef::new(name).within(namespace))
}
