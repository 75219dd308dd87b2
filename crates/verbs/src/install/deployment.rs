//! The operator's Deployment, and the Service under which its metrics are found.

use serde_json::{Value, json};

use super::{OPERATOR, Options};
use crate::error::duration;
use crate::operator::NAMESPACE;

/// Where the operator serves health and metrics.
const PORT: u16 = 8081;

/// Which pods are the operator's; immutable in a Deployment, so nothing that an upgrade changes.
fn selector(options: &Options) -> Value {
    json!({"app.kubernetes.io/name": "outboard", "outboard.dev/install": options.settings.install})
}

pub(super) fn objects(options: &Options) -> Vec<Value> {
    let metadata = json!({"name": OPERATOR, "namespace": NAMESPACE});
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": selector(options),
                "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
            },
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": options.replicas,
                "revisionHistoryLimit": 2,
                "selector": {"matchLabels": selector(options)},
                // The new pod stands by until the old one gives its lease back, so two may live at once.
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": {
                    "metadata": {"labels": options.labels()},
                    "spec": pod(options),
                },
            },
        }),
    ]
}

fn pod(options: &Options) -> Value {
    json!({
        "serviceAccountName": OPERATOR,
        "automountServiceAccountToken": true,
        "enableServiceLinks": false,
        // The operator itself stops within 10 s.
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(options)},
        }],
        "containers": [container(options)],
    })
}

fn container(options: &Options) -> Value {
    // Its name in the lease: a container that starts again in the same pod leads again at once.
    let mut env =
        vec![json!({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})];
    env.extend(options.env.iter().map(|(name, value)| json!({"name": name, "value": literal(value)})));
    let mut container = json!({
        "name": OPERATOR,
        "image": options.settings.image,
        "args": arguments(options),
        "env": env,
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
        "resources": {
            "requests": {"cpu": "20m", "memory": "32Mi"},
            "limits": {"memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if !options.env_from.is_empty() {
        let secrets = options.env_from.iter().map(|name| json!({"secretRef": {"name": name}}));
        container["envFrom"] = secrets.collect();
    }
    container
}

/// Kubernetes would expand `$(NAME)`; nobody who typed the value meant that.
pub(super) fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}

fn arguments(options: &Options) -> Vec<String> {
    let settings = &options.settings;
    let mut arguments = vec![
        "operator".to_owned(),
        format!("--install={}", settings.install),
        format!("--image={}", settings.image),
        format!("--domain={}", settings.domain),
        format!("--url-scheme={}", settings.url_scheme),
        format!("--gateway={}/{}", settings.gateway_namespace, settings.gateway_name),
        format!("--concurrency={}", settings.concurrency),
        format!("--retention={}", duration(settings.retention)),
        format!("--listen=0.0.0.0:{PORT}"),
    ];
    let hostnames = &options.hostnames;
    if !hostnames.zones.is_empty() {
        arguments.extend(hostnames.zones.iter().map(|zone| format!("--hosted-zone={zone}")));
        arguments.push(format!("--cluster={}", hostnames.cluster));
        arguments.push(format!("--dns-policy={}", hostnames.policy.as_str()));
        arguments.push(format!("--dns-at-once={}", hostnames.at_once));
        arguments.extend(hostnames.issuer.iter().map(|issuer| format!("--certificate-issuer={issuer}")));
    }
    arguments.extend(settings.url_port.map(|port| format!("--url-port={port}")));
    arguments
        .extend(settings.registries.iter().map(|(registry, url)| format!("--registry={registry}={url}")));
    arguments.extend(settings.managers.iter().map(|manager| format!("--allow-manager={manager}")));
    arguments.extend(settings.labels.iter().map(|(key, value)| format!("--label={key}={value}")));
    arguments
}
