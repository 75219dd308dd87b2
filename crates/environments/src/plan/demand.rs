//! What a revision asks of the cluster: pods, CPU, memory and storage, summed over its parts.

use api::plan::Demand;
use api::revision::EnvironmentRevision;
use serde_json::Value;

use super::pod;
use super::quantity::thousandths;

/// The sum of what the revision's pods and volumes request.
pub fn of(revision: &EnvironmentRevision) -> Demand {
    let mut sum = Demand::default();
    for part in &revision.parts {
        let replicas = i64::from(part.replicas.unwrap_or(1));
        for object in &part.objects {
            let Some(spec) = object.pointer("/spec/template/spec") else { continue };
            sum.pods += replicas;
            for container in pod::running(spec) {
                let request = |name: &str| {
                    container.pointer(&format!("/resources/requests/{name}")).and_then(Value::as_str)
                };
                sum.cpu_millis += replicas * request("cpu").and_then(thousandths).unwrap_or(0);
                sum.memory_bytes += replicas * request("memory").and_then(thousandths).unwrap_or(0) / 1000;
            }
            let claims = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
            for claim in claims.into_iter().flatten() {
                let size = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
                sum.storage_bytes += replicas * size.and_then(thousandths).unwrap_or(0) / 1000;
            }
        }
    }
    sum
}
