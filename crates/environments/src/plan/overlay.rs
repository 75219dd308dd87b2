//! Merges what the project says in Kubernetes' own words, as Kubernetes merges a strategic patch: maps key by key, lists
//! that have a key item by item, other lists as a whole; `null` removes.

use serde_json::{Map, Value};

/// By which field the items of a pod's lists are told apart.
fn merge_key(list: &str) -> Option<&'static str> {
    Some(match list {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => {
            "name"
        }
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" => "containerPort",
        "hostAliases" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        "resourceClaims" | "schedulingGates" => "name",
        _ => return None,
    })
}

/// Merges `patch` into `base`.
pub fn merge(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, value) in patch {
                merge_field(base, key, value);
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

fn merge_field(base: &mut Map<String, Value>, key: &str, value: &Value) {
    if value.is_null() {
        base.remove(key);
        return;
    }
    let Some(there) = base.get_mut(key) else {
        base.insert(key.to_owned(), value.clone());
        return;
    };
    match (there, value, merge_key(key)) {
        (Value::Array(there), Value::Array(items), Some(by)) => {
            for item in items {
                let same = there.iter_mut().find(|known| !item[by].is_null() && known[by] == item[by]);
                match same {
                    Some(same) => merge(same, item),
                    None => there.push(item.clone()),
                }
            }
        }
        (there, value, _) => merge(there, value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sidecar_is_added_and_the_components_own_container_is_merged_by_name() {
        let mut pod = json!({
            "containers": [{"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}], "resources": {"requests": {"cpu": "50m"}}}],
            "terminationGracePeriodSeconds": 30,
        });
        merge(
            &mut pod,
            &json!({
                "nodeSelector": {"disk": "ssd"},
                "terminationGracePeriodSeconds": null,
                "containers": [
                    {"name": "web", "env": [{"name": "B", "value": "2"}], "resources": {"limits": {"nvidia.com/gpu": 1}}},
                    {"name": "proxy", "image": "proxy:1"},
                ],
            }),
        );
        assert_eq!(
            pod,
            json!({
                "containers": [
                    {
                        "name": "web", "image": "web:1",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "resources": {"requests": {"cpu": "50m"}, "limits": {"nvidia.com/gpu": 1}},
                    },
                    {"name": "proxy", "image": "proxy:1"},
                ],
                "nodeSelector": {"disk": "ssd"},
            })
        );
    }

    #[test]
    fn a_list_without_a_key_is_replaced() {
        let mut pod = json!({"tolerations": [{"key": "a"}]});
        merge(&mut pod, &json!({"tolerations": [{"key": "b"}]}));
        assert_eq!(pod, json!({"tolerations": [{"key": "b"}]}));
    }
}
