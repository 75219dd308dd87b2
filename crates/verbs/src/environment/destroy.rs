//! `env destroy`: deletes an environment, watches it go, and says what is gone.

use std::time::Duration;

use api::{Cause, Environment, EnvironmentStatus, KeptVolume, Teardown};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::history::Retained;
use super::progress::changes;
use super::remains::{Remains, remains};
use super::{history, read};
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result, Sink, project};

/// What destroying came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Destroyed {
    /// There was no such environment.
    Missing { environment: String, namespace: String },
    /// The order is given; nobody waited for it.
    Started { environment: String, namespace: String },
    /// It is gone, and so is what it was made of.
    Gone {
        environment: String,
        namespace: String,
        /// The namespace it ran in; `None`: it never had one.
        ran_in: Option<String>,
        /// Whether that namespace was seen to be gone; `None`: we may not look.
        namespace_gone: Option<bool>,
        /// Volumes that went with it, as `claim (size)`.
        volumes: Vec<String>,
        /// Volumes that were kept as its class says, each with its date.
        kept_volumes: Vec<KeptVolume>,
        /// Its revisions, and until when they are kept; `None`: there are none, or we may not look.
        kept: Option<Retained>,
        /// What else is left of it.
        #[serde(flatten)]
        remains: Remains,
    },
}

/// What is to be destroyed.
#[derive(Clone, Copy, Debug)]
pub struct Doomed<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Only the very one that somebody saw; none: whichever has the name.
    pub uid: Option<&'a str>,
    /// Also if its class is protected.
    pub protected: bool,
}

/// Destroys an environment. One that does not exist is as good as destroyed.
pub async fn destroy(
    cluster: &Cluster,
    doomed: Doomed<'_>,
    wait: bool,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Destroyed> {
    let Doomed { namespace, name, uid, protected } = doomed;
    let (environment, control) = (name.to_owned(), namespace.to_owned());
    let Some(existing) = read::find(cluster, namespace, name).await? else {
        return match read::unknown(cluster, namespace, name).await {
            Error::NotFound { .. } => Ok(Destroyed::Missing { environment, namespace: control }),
            error => Err(error),
        };
    };
    if uid.is_some_and(|uid| existing.metadata.uid.as_deref() != Some(uid)) {
        return Err(Error::Another { environment });
    }
    if !protected
        && existing.metadata.deletion_timestamp.is_none()
        && is_protected(cluster, namespace, &existing).await?
    {
        return Err(Error::Protected { environment, class: existing.spec.class });
    }
    delete(cluster, namespace, &existing).await?;
    if !wait {
        return Ok(Destroyed::Started { environment, namespace: control });
    }
    let last = gone(cluster, namespace, &existing, timeout, events).await?;
    let namespace_gone = match &last.namespace {
        Some(ran_in) => is_gone(cluster, ran_in).await,
        None => Some(true),
    };
    let Teardown { volumes, kept: kept_volumes, .. } = last.teardown.unwrap_or_default();
    let kept = history::retained(cluster, namespace, &existing).await;
    let ran_in = last.namespace;
    let remains = remains(cluster, namespace, &existing, ran_in.as_deref(), &kept_volumes).await;
    Ok(Destroyed::Gone {
        environment,
        namespace: control,
        ran_in,
        namespace_gone,
        volumes,
        kept_volumes,
        kept,
        remains,
    })
}

/// By the project revision that it has. Without that record nothing says so, and an environment must not stay for ever.
pub(crate) async fn is_protected(cluster: &Cluster, namespace: &str, existing: &Environment) -> Result<bool> {
    let spec = &existing.spec;
    match project::revision(cluster, namespace, &spec.project, &spec.project_revision).await {
        Ok(revision) => Ok(revision.spec.class(&spec.class).is_some_and(|class| class.protected)),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Only the very object that was read: one of the same name made meanwhile is somebody else's.
async fn delete(cluster: &Cluster, namespace: &str, existing: &Environment) -> Result<()> {
    if existing.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let only = Preconditions { uid: existing.uid(), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    match read::api(cluster, namespace).delete(&existing.name_any(), &parameters).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(cluster.explain(error)),
    }
}

/// Waits until the object is gone; answers with the fullest that was seen of its status.
async fn gone(
    cluster: &Cluster,
    namespace: &str,
    existing: &Environment,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<EnvironmentStatus> {
    let name = existing.name_any();
    let uid = existing.uid();
    let mut seen = existing.status.clone().unwrap_or_default();
    let mut told = seen.clone();
    told.teardown = None;
    let what = format!("destroying {name}");
    Wait { cluster, api: read::api(cluster, namespace), name: &name, what, timeout }
        .until(events, |now, events| {
            let Some(now) = now.filter(|now| now.uid() == uid) else { return Ok(Look::Done(())) };
            for event in changes(&told, &now).into_iter().filter(is_teardown) {
                events(event);
            }
            let status = now.status.unwrap_or_default();
            if let Some(verdict) =
                status.verdict.as_ref().filter(|verdict| verdict.cause == Cause::NamespaceStuck)
            {
                return Err(Error::Verdict { environment: name.clone(), verdict: Box::new(verdict.clone()) });
            }
            let look = if status.teardown.is_some() { Look::Wait } else { Look::Lagging };
            told = status.clone();
            remember(&mut seen, status);
            Ok(look)
        })
        .await?;
    Ok(seen)
}

fn is_teardown(event: &crate::Event) -> bool {
    matches!(event, crate::Event::Teardown { .. })
}

/// Volumes leave the status one by one; the receipt names all of them.
fn remember(seen: &mut EnvironmentStatus, status: EnvironmentStatus) {
    let Teardown { mut volumes, mut kept, .. } = seen.teardown.take().unwrap_or_default();
    for volume in status.teardown.iter().flat_map(|teardown| &teardown.volumes) {
        if !volumes.contains(volume) {
            volumes.push(volume.clone());
        }
    }
    for volume in status.teardown.iter().flat_map(|teardown| &teardown.kept) {
        kept.retain(|known| known.volume != volume.volume);
        kept.push(volume.clone());
    }
    // Whatever was thought of them first.
    volumes.retain(|volume| kept.iter().all(|kept| *volume != format!("{} ({})", kept.claim, kept.size)));
    let step = status.teardown.as_ref().map(|teardown| teardown.step.clone()).unwrap_or_default();
    let namespace = status.namespace.clone().or_else(|| seen.namespace.take());
    *seen = EnvironmentStatus { teardown: Some(Teardown { step, volumes, kept }), namespace, ..status };
}

async fn is_gone(cluster: &Cluster, namespace: &str) -> Option<bool> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    namespaces.get_opt(namespace).await.ok().map(|found| found.is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(volumes: &[&str]) -> EnvironmentStatus {
        let volumes = volumes.iter().map(|volume| (*volume).to_owned()).collect();
        let teardown = Some(Teardown { step: "volumes".into(), volumes, kept: vec![] });
        EnvironmentStatus { teardown, namespace: Some("shop-qa-43".into()), ..EnvironmentStatus::default() }
    }

    #[tokio::test]
    async fn one_that_was_made_anew_under_the_name_stays() {
        let cluster = crate::fake::cluster(|asked, _| {
            // It is read, and nothing else is asked for.
            (asked == 0).then(|| {
                let spec = json!({"project": "shop", "projectRevision": "p-1", "class": "qa"});
                let metadata = json!({"name": "qa", "namespace": "shop", "uid": "new"});
                let (version, kind) = ("outboard.dev/v1alpha1", "Environment");
                (200, json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}))
            })
        });
        let doomed = Doomed { namespace: "shop", name: "qa", uid: Some("old"), protected: true };
        let outcome = destroy(&cluster, doomed, false, None, &mut |_| {}).await;
        assert!(matches!(outcome, Err(Error::Another { .. })), "{outcome:?}");
    }

    #[test]
    fn the_receipt_names_every_volume_that_was_ever_seen() {
        let mut seen = EnvironmentStatus::default();
        remember(&mut seen, status(&["data-db-0 (1Gi)", "data-queue-0 (2Gi)"]));
        remember(&mut seen, status(&["data-queue-0 (2Gi)"]));
        remember(&mut seen, EnvironmentStatus::default());
        assert_eq!(seen.teardown.unwrap().volumes, ["data-db-0 (1Gi)", "data-queue-0 (2Gi)"]);
        assert_eq!(seen.namespace.as_deref(), Some("shop-qa-43"));
    }
}
