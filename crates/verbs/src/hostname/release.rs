//! `hostname release`: the host's records of this cluster go, then its route, then the claim.

use std::time::Duration;

use ::hostnames::Name;
use api::condition::{self, DNS_READY};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};

use super::api;
use super::list::{Summary, summary};
use crate::suggest::nearest;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Event, Result, Sink};

/// Ends once nothing of it is left, unless nobody waits; what it was.
pub async fn release(
    cluster: &Cluster,
    namespace: &str,
    host: &str,
    waits: bool,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Summary> {
    // A name that leads elsewhere is none.
    let name = Name::host(host).map_err(Error::Hostname)?;
    let (api, host) = (api(cluster, namespace), name.as_str());
    let Some(found) = api.get_opt(host).await.map_err(|error| cluster.explain(error))? else {
        let all = api.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
        let known: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
        return Err(Error::NotFound {
            kind: "named host",
            name: host.to_owned(),
            place: format!("namespace `{namespace}`"),
            nearest: nearest(host, known.iter().map(String::as_str)),
            known,
        });
    };
    api.delete(host, &DeleteParams::default()).await.map_err(|error| cluster.explain(error))?;
    let line = summary(&found);
    if !waits {
        return Ok(line);
    }
    let uid = found.uid();
    let mut told = None;
    let wait = Wait { cluster, api, name: host, what: format!("host {host}"), timeout };
    wait.until(events, |hostname, events| {
        // A namesake that somebody made meanwhile is another one.
        let Some(hostname) = hostname.filter(|hostname| hostname.uid() == uid) else {
            return Ok(Look::Done(()));
        };
        let status = hostname.status.clone().unwrap_or_default();
        if let Some(verdict) = status.verdict.filter(|verdict| verdict.terminal && told.is_some()) {
            return Err(Error::HostnameVerdict { host: host.to_owned(), verdict: Box::new(verdict) });
        }
        let ready = condition::find(&status.conditions, DNS_READY).cloned();
        if let Some(ready) = ready.filter(|ready| !ready.is_true())
            && told.as_ref() != Some(&ready.message)
        {
            told = Some(ready.message.clone());
            events(Event::Hostname { host: host.to_owned(), condition: ready });
        }
        Ok(Look::Wait)
    })
    .await?;
    Ok(line)
}
