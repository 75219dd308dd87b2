//! Reads what there is, in order of time, and ends.

use futures::{AsyncBufReadExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};
use tokio::sync::mpsc;

use super::containers::{containers, part};
use super::follow::{first, template};
use super::line::{Line, split};
use super::merge::Merge;
use super::{Ended, Entry, Query};
use crate::{Cluster, Result};

/// Every line that the environment's present containers have written.
pub async fn read(
    cluster: &Cluster,
    runs_in: &str,
    query: &Query,
    out: mpsc::Sender<Entry>,
) -> Result<Ended> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), runs_in);
    let list = pods.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    let mut sources = vec![];
    for pod in &list {
        let Some(part) = part(pod) else { continue };
        if !query.parts.is_empty() && !query.parts.iter().any(|wanted| wanted == part) {
            continue;
        }
        for container in containers(pod).into_iter().filter(|container| container.snapshot.started) {
            let template = template(&query.environment, part, pod, &container.name);
            sources.push(lines(cluster, &pods, query, template).await?);
        }
    }
    let mut merged = Merge::new(sources).await?;
    while let Some(line) = merged.next().await? {
        if out.send(Entry::Line(line)).await.is_err() {
            return Ok(Ended::Unheard);
        }
    }
    Ok(Ended::Complete)
}

/// One container's lines. A log that is gone by now is an empty one.
async fn lines(
    cluster: &Cluster,
    pods: &Api<Pod>,
    query: &Query,
    template: Line,
) -> Result<impl Stream<Item = Result<Line>> + Unpin + use<>> {
    let parameters =
        LogParams { container: Some(template.container.clone()), timestamps: true, ..first(query) };
    let log = match pods.log_stream(&template.pod, &parameters).await {
        Ok(log) => Some(log),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 404) => None,
        Err(error) => return Err(cluster.explain(error)),
    };
    let cluster = cluster.clone();
    let unread = stream::iter(log).flat_map(move |log| {
        let (cluster, template) = (cluster.clone(), template.clone());
        stream::unfold(Box::pin(log), |mut log| async {
            let mut raw = vec![];
            match log.read_until(b'\n', &mut raw).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(raw), log)),
                Err(error) => Some((Err(error), log)),
            }
        })
        .filter_map(move |raw| {
            let line = match raw {
                Ok(raw) => split(&raw).map(|(time, line)| Ok(Line { time, line, ..template.clone() })),
                Err(error) => Some(Err(cluster.explain(kube::Error::ReadEvents(error)))),
            };
            std::future::ready(line)
        })
    });
    Ok(Box::pin(unread))
}
