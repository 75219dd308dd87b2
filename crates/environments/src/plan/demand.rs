//! What a revision asks of the cluster: pods, CPU, memory and storage, summed over its parts.

use api::plan::Demand;
use api::revision::EnvironmentRevision;
use serde_json::Value;

/// The sum of what the revision's pods and volumes request.
pub fn of(revision: &EnvironmentRevision) -> Demand {
    let mut sum = Demand::default();
    for part in &revision.parts {
        let replicas = i64::from(part.replicas.unwrap_or(1));
        for object in &part.objects {
            let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array);
            let Some(containers) = containers else { continue };
            sum.pods += replicas;
            for container in containers {
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

/// A Kubernetes quantity in thousandths, as far as `outboard.yaml` lets one be written.
fn thousandths(quantity: &str) -> Option<i64> {
    let end = quantity.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(end);
    let factor: f64 = match unit {
        "m" => 1.0,
        "" => 1e3,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "Ki" => 1e3 * 1024.0,
        "Mi" => 1e3 * 1024.0 * 1024.0,
        "Gi" => 1e3 * 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1e3 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    // At most 4 digits of Ti: far from where a float or an i64 ends.
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and a conversion of floats saturates")]
    number.parse::<f64>().ok().map(|number| (number * factor).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_unit_that_a_file_may_use() {
        assert_eq!(thousandths("50m"), Some(50));
        assert_eq!(thousandths("1.5"), Some(1500));
        assert_eq!(thousandths("1Gi"), Some(1_073_741_824_000));
        assert_eq!(thousandths("2k"), Some(2_000_000));
        assert_eq!(thousandths("many"), None);
    }
}
