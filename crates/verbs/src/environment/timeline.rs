//! `env events`: what has happened to an environment, put together from what is kept: Kubernetes' Events (for about an hour), pods'
//! restarts, revisions, verdicts, copies of data. Stores nothing.

mod fold;
mod told;

use api::{DataCopy, Environment};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{history, read};
use crate::{Cluster, Result};

/// So many are told; older ones are not.
const MOST: usize = 200;
/// Long lists are read page by page, …
const PAGE: u32 = 500;
/// … and no further than this: somebody is waiting.
const READ: usize = 4_000;

/// What has happened to an environment, the newest first.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    pub environment: String,
    pub entries: Vec<Happening>,
    /// Older ones are left out.
    pub cut: bool,
    /// There is so much that not all of it was read: also newer ones may be missing.
    pub partial: bool,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub unread: Vec<Unread>,
}

/// One thing that happened; what was repeated is one.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happening {
    /// When; of what was repeated, the last time, …
    pub at: String,
    /// … and the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    pub count: u64,
    pub source: Source,
    pub tone: Tone,
    /// In a word or two.
    pub what: String,
    /// The object or part, as `Pod web-5d9f7c-x2x4z`; none: the environment itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    pub message: String,
    /// The person, or the part of Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
}

/// Where it is known from.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// An Event of Kubernetes.
    Event,
    /// A container of a pod that is there.
    Restart,
    Verdict,
    Revision,
    Copy,
    Password,
}

#[derive(Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}

/// What could not be read.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Unread {
    pub what: String,
    pub why: String,
}

/// Everything that was read.
#[derive(Default)]
struct Found {
    revisions: Vec<k8s_openapi::api::apps::v1::ControllerRevision>,
    events: Vec<Event>,
    pods: Vec<Pod>,
    copies: Vec<DataCopy>,
    unread: Vec<Unread>,
    partial: bool,
}

impl Found {
    /// What was read of one kind; that it cannot be is told beside the rest.
    fn taken<T>(&mut self, what: &str, read: Result<(Vec<T>, bool)>) -> Vec<T> {
        match read {
            Ok((all, more)) => {
                self.partial |= more;
                all
            }
            Err(error) => {
                self.unread.push(Unread { what: what.to_owned(), why: error.to_string() });
                vec![]
            }
        }
    }
}

/// Reads what has happened; also to one that was destroyed, as long as something is kept of it.
pub async fn timeline(cluster: &Cluster, namespace: &str, name: &str) -> Result<Timeline> {
    timeline_with(cluster, namespace, name, None).await
}

/// The same where copies of data to or from it are known already.
pub async fn timeline_with(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    copies: Option<Vec<DataCopy>>,
) -> Result<Timeline> {
    let environment = read::find(cluster, namespace, name).await?;
    let found = found(cluster, namespace, name, environment.as_ref(), copies).await;
    if environment.is_none() && found.revisions.is_empty() {
        return Err(read::unknown(cluster, namespace, name).await);
    }
    let mut all = told::revisions(&found.revisions, environment.as_ref());
    all.extend(told::verdicts(&found.revisions, environment.as_ref()));
    all.extend(told::copies(&found.copies, name));
    all.extend(environment.iter().flat_map(told::passwords));
    all.extend(told::restarts(&found.pods));
    all.extend(told::events(&found.events, &found.revisions));
    let mut entries = fold::folded(all);
    let cut = entries.len() > MOST;
    entries.truncate(MOST);
    let (partial, unread) = (found.partial, found.unread);
    Ok(Timeline { environment: name.to_owned(), entries, cut, partial, unread })
}

async fn found(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    environment: Option<&Environment>,
    copies: Option<Vec<DataCopy>>,
) -> Found {
    let inside = environment.and_then(|environment| environment.status.as_ref()?.namespace.clone());
    let of_it = format!("involvedObject.kind=Environment,involvedObject.name={name}");
    let copies = async {
        match copies {
            Some(known) => Ok((known, false)),
            None => pages::<DataCopy>(cluster, Some(namespace), ListParams::default()).await,
        }
    };
    let (revisions, own, within, pods, copies) = futures::join!(
        history::stored(cluster, namespace, name),
        pages::<Event>(cluster, Some(namespace), ListParams::default().fields(&of_it)),
        pages::<Event>(cluster, inside.as_deref(), ListParams::default()),
        pages::<Pod>(cluster, inside.as_deref(), ListParams::default()),
        copies,
    );
    let mut found = Found::default();
    found.revisions = found.taken("revisions and verdicts", revisions.map(|all| (all, false)));
    found.events = found.taken("events of the environment", own);
    // One of the same name that was destroyed before has its Events still.
    let made = environment.and_then(ResourceExt::creation_timestamp).map(|time| time.0);
    found.events.retain(|event| made.is_none_or(|made| told::moment(event).is_none_or(|at| at >= made)));
    let within = found.taken("events in its namespace", within);
    found.events.extend(within);
    found.pods = found.taken("its pods", pods);
    found.copies = found.taken("copies of data", copies);
    found
}

/// As much as is read at most, and whether there is more.
async fn pages<K>(cluster: &Cluster, namespace: Option<&str>, params: ListParams) -> Result<(Vec<K>, bool)>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(namespace) = namespace else { return Ok((vec![], false)) };
    let api = Api::<K>::namespaced(cluster.client.clone(), namespace);
    let (mut all, mut params) = (vec![], params.limit(PAGE));
    loop {
        let list = api.list(&params).await.map_err(|error| cluster.explain(error))?;
        all.extend(list.items);
        let next = list.metadata.continue_.filter(|token| !token.is_empty());
        match next {
            Some(token) if all.len() < READ => params = params.continue_token(&token),
            next => return Ok((all, next.is_some())),
        }
    }
}

#[cfg(test)]
mod tests;
