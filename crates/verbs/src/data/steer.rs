//! What may change about a copy while it runs: it pauses, goes on, ends, goes slower or faster.

use api::datacopy::DataCopy;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::read::{api, get};
use crate::{Change, Cluster, Error, Result};

/// Other limits; what is not said stays, and an inner none takes a limit away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub bytes_per_second: Option<Option<u64>>,
    pub connections: Option<u32>,
    pub threads_running: Option<u64>,
    pub latency_millis: Option<u64>,
    pub cpu_percent: Option<u64>,
    pub transfers: Option<u32>,
    pub requests_per_second: Option<Option<u64>>,
}

pub async fn pause(cluster: &Cluster, namespace: &str, name: &str) -> Result<(DataCopy, Change)> {
    steer(cluster, namespace, name, &json!({"paused": true})).await
}

pub async fn resume(cluster: &Cluster, namespace: &str, name: &str) -> Result<(DataCopy, Change)> {
    steer(cluster, namespace, name, &json!({"paused": false})).await
}

/// Ends it; of one that has ended already nothing is changed.
pub async fn cancel(cluster: &Cluster, namespace: &str, name: &str) -> Result<(DataCopy, Change)> {
    steer(cluster, namespace, name, &json!({"cancelled": true})).await
}

pub async fn limit(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    limits: Limits,
) -> Result<(DataCopy, Change)> {
    let mut patch = json!({});
    let mut set = |key: &str, value: Value| patch[key] = value;
    if let Some(rate) = limits.bytes_per_second {
        // A merge patch takes away what it says is null.
        set("bytesPerSecond", json!(rate));
    }
    if let Some(rate) = limits.requests_per_second {
        set("requestsPerSecond", json!(rate));
    }
    let numbers = [
        ("connections", limits.connections.map(u64::from)),
        ("threadsRunning", limits.threads_running),
        ("latencyMillis", limits.latency_millis),
        ("cpuPercent", limits.cpu_percent),
        ("transfers", limits.transfers.map(u64::from)),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            set(key, json!(value));
        }
    }
    steer(cluster, namespace, name, &json!({"limits": patch})).await
}

async fn steer(cluster: &Cluster, namespace: &str, name: &str, spec: &Value) -> Result<(DataCopy, Change)> {
    let copy = get(cluster, namespace, name).await?;
    let phase = copy.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let (have, ends) = (json!(copy.spec), spec["cancelled"] == true);
    if phase.is_final() && !(ends && copy.spec.cancelled) {
        return Err(Error::CopyEnded { copy: name.to_owned(), phase: phase.as_str() });
    }
    if stands(&have, spec) {
        return Ok((copy, Change::Unchanged));
    }
    // Each field has this one writer; of two at once the last one counts.
    let patch = Patch::Merge(json!({"spec": spec}));
    let patched = api(cluster, namespace).patch(&copy.name_any(), &PatchParams::default(), &patch).await;
    Ok((patched.map_err(|error| cluster.explain(error))?, Change::Updated))
}

/// Whether everything that a patch says is so already.
fn stands(have: &Value, patch: &Value) -> bool {
    match patch {
        Value::Object(fields) => fields.iter().all(|(key, value)| stands(&have[key], value)),
        _ => have == patch,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::fake::{cluster, status};

    fn copy(phase: &str) -> Value {
        json!({
            "apiVersion": "outboard.dev/v1alpha1", "kind": "DataCopy",
            "metadata": {"name": "qa-42-x7k2p", "namespace": "shop", "resourceVersion": "7"},
            "spec": {"from": {"environment": "production"}, "to": {"environment": "qa-42"}},
            "status": {"phase": phase},
        })
    }

    #[tokio::test]
    async fn a_running_copy_is_paused_and_one_that_has_ended_is_told_how() {
        let asked = Arc::new(Mutex::new(0));
        let seen = asked.clone();
        let running = cluster(move |count, _| {
            *seen.lock().unwrap() = count + 1;
            Some((200, copy("Copying")))
        });
        let (_, change) = pause(&running, "shop", "qa-42-x7k2p").await.unwrap();
        assert_eq!((change, *asked.lock().unwrap()), (Change::Updated, 2));
        let (_, change) = resume(&running, "shop", "qa-42-x7k2p").await.unwrap();
        assert_eq!((change, *asked.lock().unwrap()), (Change::Unchanged, 3));

        let ended = cluster(|_, _| Some((200, copy("Done"))));
        let error = cancel(&ended, "shop", "qa-42-x7k2p").await.unwrap_err();
        assert!(matches!(error, Error::CopyEnded { phase: "done", .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_mistyped_name_is_told_with_the_nearest() {
        let cluster = cluster(|_, uri| match uri {
            uri if uri.contains("/qa-42-x7k2q") => {
                status(404, "datacopies.outboard.dev \"qa-42-x7k2q\" not found", "NotFound")
            }
            _ => Some((
                200,
                json!({
                    "kind": "DataCopyList", "apiVersion": "outboard.dev/v1alpha1", "metadata": {}, "items": [copy("Done")],
                }),
            )),
        });
        let error = pause(&cluster, "shop", "qa-42-x7k2q").await.unwrap_err();
        assert!(
            matches!(&error, Error::NotFound { kind: "copy", nearest: Some(near), .. } if near == "qa-42-x7k2p"),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        let have = json!({"paused": true, "limits": {"connections": 4}});
        assert!(stands(&have, &json!({"paused": true})));
        assert!(stands(&have, &json!({"limits": {"bytesPerSecond": null, "connections": 4}})));
        assert!(!stands(&have, &json!({"limits": {"connections": 2}})));
        assert!(!stands(&have, &json!({"cancelled": true})));
    }
}
