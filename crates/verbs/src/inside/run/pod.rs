//! The one-off pod: a component's pod template without what makes it a server.

use api::{Part, marks};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// What only a server has.
const SERVERS_ONLY: &[&str] = &["livenessProbe", "readinessProbe", "startupProbe", "ports", "lifecycle"];

/// What a pod is made from and for.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub namespace: &'a str,
    pub control_namespace: &'a str,
    pub project: &'a str,
    pub environment: &'a str,
    pub revision: i64,
    pub part: &'a Part,
    /// Instead of what the image starts; empty: what the component itself runs.
    pub command: &'a [String],
    pub stdin: bool,
    pub terminal: bool,
    /// Who runs it.
    pub by: &'a str,
}

/// The pod; `None` where the part has no pod template.
///
/// Its labels say whose it is, and neither select it for a Service nor let the operator count it: no part, no
/// template, no installation.
pub fn build(wanted: &Wanted<'_>) -> Option<Pod> {
    let part = wanted.part;
    let template = part.pod_template()?.get("spec")?;
    let mut spec = template.clone();
    let container = own_container(&spec, &part.name)?;
    spec["containers"] = json!([one_off(container, wanted)]);
    spec["restartPolicy"] = json!("Never");
    if let Some(prepare) = spec["initContainers"].as_array() {
        // One that goes on beside the component is a server too.
        let ends = prepare.iter().filter(|container| container["restartPolicy"] != "Always");
        spec["initContainers"] = ends.cloned().collect();
    }
    serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": wanted.name,
            "namespace": wanted.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "outboard",
                marks::CONTROL_NAMESPACE: wanted.control_namespace,
                marks::PROJECT: wanted.project,
                marks::ENVIRONMENT: wanted.environment,
                marks::RUN: part.name,
            },
            "annotations": {
                marks::RUN_BY: wanted.by,
                marks::RUN_REVISION: wanted.revision.to_string(),
            },
        },
        "spec": spec,
    }))
    .ok()
}

fn own_container(spec: &Value, part: &str) -> Option<Value> {
    let containers = spec["containers"].as_array()?;
    containers.iter().find(|container| container["name"] == part).or(containers.first()).cloned()
}

fn one_off(mut container: Value, wanted: &Wanted<'_>) -> Value {
    if let Some(fields) = container.as_object_mut() {
        fields.retain(|field, _| !SERVERS_ONLY.contains(&field.as_str()));
        if !wanted.command.is_empty() {
            fields.shift_remove("args");
            fields.insert("command".to_owned(), json!(wanted.command));
        }
        if wanted.stdin {
            fields.insert("stdin".to_owned(), json!(true));
            // It ends where ours ends.
            fields.insert("stdinOnce".to_owned(), json!(true));
        }
        if wanted.terminal {
            fields.insert("tty".to_owned(), json!(true));
        }
    }
    container
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> Part {
        serde_json::from_value(json!({
            "name": "web", "role": "component",
            "objects": [
                {"kind": "Service", "spec": {"selector": {marks::PART: "web"}}},
                {"kind": "Deployment", "spec": {"template": {
                    "metadata": {"labels": {marks::PART: "web", marks::INSTALL: "outboard", marks::TEMPLATE: "0123456789"}},
                    "spec": {
                        "initContainers": [
                            {"name": "prepare", "image": "r/web:1"},
                            {"name": "ship", "image": "r/fals:1", "restartPolicy": "Always"},
                        ],
                        "containers": [
                            {"name": "beside", "image": "r/beside:1"},
                            {
                                "name": "web", "image": "r/web:1", "args": ["serve"],
                                "env": [
                                    {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "web-env-1", "key": "DATABASE_URL"}}},
                                    {"name": "PUBLIC_URL", "value": "http://web"},
                                ],
                                "ports": [{"name": "http", "containerPort": 8080}],
                                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
                                "startupProbe": {"httpGet": {"path": "/", "port": "http"}},
                                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
                                "securityContext": {"allowPrivilegeEscalation": false},
                            },
                        ],
                        "restartPolicy": "Always",
                        "terminationGracePeriodSeconds": 30,
                        "automountServiceAccountToken": false,
                        "enableServiceLinks": false,
                        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                    },
                }}},
            ],
        }))
        .unwrap()
    }

    fn built(part: &Part, command: &[&str], interactive: bool) -> Pod {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        build(&Wanted {
            name: "web-run-abcde",
            namespace: "shop-qa",
            control_namespace: "shop",
            project: "shop",
            environment: "qa",
            revision: 7,
            part,
            command: &command,
            stdin: interactive,
            terminal: interactive,
            by: "ann",
        })
        .unwrap()
    }

    #[test]
    fn a_one_off_pod_has_everything_of_its_component_but_what_makes_it_a_server() {
        insta::assert_yaml_snapshot!(built(&web(), &["rake", "db:migrate"], false));
    }

    #[test]
    fn at_a_terminal_it_reads_from_there_and_without_a_command_it_runs_the_components_own() {
        insta::assert_yaml_snapshot!(built(&web(), &[], true).spec.map(|spec| spec.containers));
    }

    #[test]
    fn no_service_selects_it_and_the_operator_does_not_count_it() {
        let pod = built(&web(), &[], false);
        let labels = pod.metadata.labels.unwrap_or_default();
        for mark in [marks::PART, marks::TEMPLATE, marks::INSTALL, marks::SLICE] {
            assert!(!labels.contains_key(mark), "{mark}");
        }
    }

    #[test]
    fn a_part_without_pods_makes_none() {
        let part = Part { objects: vec![], ..web() };
        let wanted = Wanted {
            name: "x",
            namespace: "x",
            control_namespace: "x",
            project: "x",
            environment: "x",
            revision: 1,
            part: &part,
            command: &[],
            stdin: false,
            terminal: false,
            by: "ann",
        };
        assert!(build(&wanted).is_none());
    }
}
