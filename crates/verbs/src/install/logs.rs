//! What ships the logs of environments: a DaemonSet, its account and its one right.

use serde_json::{Value, json};

use super::deployment::literal;
use super::{Options, rights};
use crate::operator::NAMESPACE;

/// Name of the DaemonSet, its ServiceAccount and its role.
pub(super) const NAME: &str = "outboard-fals";
/// Where it keeps, on its node, how far it has shipped.
const STATE: &str = "/var/lib/outboard-fals";
const PORT: u16 = 8082;
/// Time to send what is there.
const DRAIN_SECONDS: u32 = 20;

/// How logs are shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The delivery stream of Firehose.
    pub stream: String,
    /// None: the one that the AWS chain finds.
    pub region: Option<String>,
    /// The IAM role that it may assume, on EKS.
    pub role: Option<String>,
    /// Where the kubelet keeps pods' logs.
    pub pods: String,
    /// Environment variables that it has besides.
    pub env: Vec<(String, String)>,
    /// Secrets of its namespace whose keys are environment variables of it.
    pub env_from: Vec<String>,
}

/// Everything of it, in the order in which to apply it.
pub(super) fn objects(options: &Options) -> Vec<Value> {
    let Some(logs) = &options.logs else { return Vec::new() };
    let mut objects = rights::of_logs(NAME, logs.role.as_deref());
    objects.push(daemon_set(options, logs));
    objects
}

/// Kinds and names of what there is only while logs are shipped.
pub(super) fn identities() -> Vec<Value> {
    let binding = |kind: &str| json!({"apiVersion": rights::RBAC, "kind": kind, "metadata": {"name": NAME}});
    let inside = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE}});
    vec![
        inside("apps/v1", "DaemonSet"),
        binding("ClusterRoleBinding"),
        binding("ClusterRole"),
        inside("v1", "ServiceAccount"),
    ]
}

fn daemon_set(options: &Options, logs: &Logs) -> Value {
    let selector = json!({"app.kubernetes.io/name": NAME, "outboard.dev/install": options.settings.install});
    let mut labels = json!(options.labels());
    labels["app.kubernetes.io/name"] = json!(NAME);
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": selector},
            "revisionHistoryLimit": 2,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {"metadata": {"labels": labels}, "spec": pod(options, logs)},
        },
    })
}

fn pod(options: &Options, logs: &Logs) -> Value {
    let host =
        |name: &str, path: &str, kind: &str| json!({"name": name, "hostPath": {"path": path, "type": kind}});
    json!({
        "serviceAccountName": NAME,
        "automountServiceAccountToken": true,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 5,
        // Environments run on every node that takes them.
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(options, logs)],
        "volumes": [
            host("pods", &logs.pods, "Directory"),
            host("state", STATE, "DirectoryOrCreate"),
        ],
    })
}

fn container(options: &Options, logs: &Logs) -> Value {
    let mut args = vec![
        "fals".to_owned(),
        "node".to_owned(),
        format!("--stream={}", logs.stream),
        format!("--pods={}", logs.pods),
        format!("--state={STATE}"),
        format!("--drain={DRAIN_SECONDS}s"),
        format!("--metrics=0.0.0.0:{PORT}"),
    ];
    args.extend(logs.region.as_ref().map(|region| format!("--region={region}")));
    let mut env =
        vec![json!({"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})];
    env.extend(logs.env.iter().map(|(name, value)| json!({"name": name, "value": literal(value)})));
    let mut container = json!({
        "name": "fals",
        "image": options.settings.image,
        "args": args,
        "env": env,
        "ports": [{"name": "http", "containerPort": PORT}],
        // Not ready: somebody has to do something before Firehose takes records.
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 20},
        "resources": {
            "requests": {"cpu": "20m", "memory": "48Mi"},
            "limits": {"memory": "192Mi"},
        },
        "volumeMounts": [
            {"name": "pods", "mountPath": logs.pods, "readOnly": true},
            {"name": "state", "mountPath": STATE},
        ],
        // Logs are root's. As their owner it needs no capability to read them.
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if !logs.env_from.is_empty() {
        let secrets = logs.env_from.iter().map(|name| json!({"secretRef": {"name": name}}));
        container["envFrom"] = secrets.collect();
    }
    container
}
