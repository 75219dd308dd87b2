//! Edits objects as people do behind an operator's back, and times each from the answer to the edit until a watch
//! shows the object as it was.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Place, Size};

const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub enum Edit {
    Image,
    Variable,
    Replicas,
    Label,
    StrangeLabel,
    Delete,
}

impl Edit {
    pub const ALL: [Self; 6] =
        [Self::Image, Self::Variable, Self::Replicas, Self::Label, Self::StrangeLabel, Self::Delete];

    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image changed",
            Self::Variable => "variable added",
            Self::Replicas => "replicas changed",
            Self::Label => "label changed",
            Self::StrangeLabel => "label added",
            Self::Delete => "deleted",
        }
    }

    fn patch(self, container: &str) -> Value {
        let container = |mut fields: Value| {
            fields["name"] = json!(container);
            json!({"spec": {"template": {"spec": {"containers": [fields]}}}})
        };
        match self {
            Self::Image => container(json!({"image": "registry.invalid/drift:1"})),
            Self::Variable => container(json!({"env": [{"name": "DRIFT", "value": "1"}]})),
            Self::Replicas => json!({"spec": {"replicas": 3}}),
            Self::Label => json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}),
            Self::StrangeLabel | Self::Delete => json!({"metadata": {"labels": {super::DRIFT: "1"}}}),
        }
    }
}

/// Seconds of each edit until it was undone.
pub async fn run(client: &Client, control: &str, size: &Size) -> anyhow::Result<Vec<(Edit, f64)>> {
    let mut latencies = Vec::new();
    for number in 0..size.edits {
        let edit = Edit::ALL[number % Edit::ALL.len()];
        let place = size.place(control, &mut |below| rand::rng().random_range(0..below));
        let took = one(client, edit, &place)
            .await
            .with_context(|| format!("{} of {} in {}", edit.name(), place.name, place.namespace))?;
        latencies.push((edit, took.as_secs_f64()));
    }
    Ok(latencies)
}

async fn one(client: &Client, edit: Edit, place: &Place) -> anyhow::Result<Duration> {
    let api = Api::<Deployment>::namespaced(client.clone(), &place.namespace);
    let only = format!("metadata.name={}", place.name);
    // The version of a list is that of now; that of an object which stood still for long is forgotten by watches.
    let listed = api.list(&ListParams::default().fields(&only)).await?;
    let mut seen = listed.metadata.resource_version.context("a list has a version")?;
    let before = listed.items.into_iter().next().context("it is not there")?;
    // The watch stands before the edit is sent: nothing of what follows can be missed or come late.
    let only = WatchParams::default().fields(&only);
    let mut events = api.watch(&only, &seen).await?.boxed();
    let answered = change(&api, edit, place).await?;
    let restored = async {
        let mut changed = false;
        loop {
            while let Some(event) = events.try_next().await? {
                match event {
                    WatchEvent::Deleted(_) => changed = true,
                    WatchEvent::Added(now) | WatchEvent::Modified(now) => {
                        let same = now.spec == before.spec && now.labels() == before.labels();
                        if changed && same {
                            return anyhow::Ok(answered.elapsed());
                        }
                        changed |= !same;
                        seen = now.resource_version().unwrap_or(seen);
                    }
                    WatchEvent::Error(error) => bail!("the watch was refused: {}", error.message),
                    WatchEvent::Bookmark(_) => {}
                }
            }
            // A busy API server ends watches: it goes on behind the last event.
            events = api.watch(&only, &seen).await?.boxed();
        }
    };
    timeout(LIMIT, restored).await.with_context(|| format!("not undone within {} s", LIMIT.as_secs()))?
}

/// Edits it; when that was answered.
pub async fn change(api: &Api<Deployment>, edit: Edit, place: &Place) -> anyhow::Result<Instant> {
    if matches!(edit, Edit::Delete) {
        api.delete(&place.name, &DeleteParams::background()).await?;
    } else {
        let params = PatchParams { field_manager: Some("bench-edit".to_owned()), ..PatchParams::default() };
        api.patch(&place.name, &params, &Patch::Strategic(edit.patch(&place.name))).await?;
    }
    Ok(Instant::now())
}
