//! What serves pages and API to people who sign in: a Deployment with its account, its rights, and the route to it.

mod pod;

use serde_json::{Map, Value, json};

use super::{Options, admission, rights};
use crate::operator::NAMESPACE;

/// Name of the Deployment, its Service, account, roles and route.
pub(super) const NAME: &str = "outboard-server";
const PORT: u16 = 8090;
/// Where whoever looks after it asks, so that no crowd stands before them.
const HEALTH: u16 = 8091;
/// Where Envoy Gateway runs its proxies, unless told to run them beside their Gateway.
const PROXIES: &str = "envoy-gateway-system";
/// What Envoy Gateway puts on the pods of a Gateway: by these they are told from others of their namespace.
const OF_GATEWAY: [&str; 2] =
    ["gateway.envoyproxy.io/owning-gateway-name", "gateway.envoyproxy.io/owning-gateway-namespace"];

/// How the server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host that people open, by https.
    pub host: String,
    /// The provider where they sign in.
    pub issuer: String,
    pub client_id: String,
    /// Secret of its namespace with `session-key` and, but for public clients, `client-secret`.
    pub secret: String,
    /// Whether that has a secret of the client.
    pub has_client_secret: bool,
    /// The client that terminals sign in with.
    pub terminal: Option<String>,
    /// ConfigMap of its namespace with `issuers.yaml`.
    pub issuers: Option<String>,
    /// Groups that count, as the provider says them; none: all of them. Named, they are all that its account may act with.
    pub groups: Vec<String>,
    /// The Gateway's listener that speaks TLS; none: whichever takes the host.
    pub listener: Option<String>,
    /// Labels of the Gateway's pods; none said: those that Envoy Gateway gives them. Empty: every pod of its namespaces.
    pub gateway_pods: Option<Vec<(String, String)>>,
    /// ConfigMap of its namespace with `ca.crt`: an authority besides those that everybody trusts, for providers.
    pub authority: Option<String>,
    /// The IAM role that it may assume, on EKS: to store its records in a bucket.
    pub aws_role: Option<String>,
    /// Environment variables that it has besides.
    pub env: Vec<(String, String)>,
    /// Secrets of its namespace whose keys are environment variables of it.
    pub env_from: Vec<String>,
    /// Proxies before it that say where a request came from, the Gateway among them.
    pub proxies: u8,
    /// More of its own flags, each as `--name=value`.
    pub flags: Vec<String>,
}

/// Everything of it, in the order in which to apply it.
pub(super) fn objects(options: &Options) -> Vec<Value> {
    let Some(server) = &options.server else { return Vec::new() };
    // What it may not is there before what it may.
    let mut objects = records().to_vec();
    objects.extend(rights::of_server(NAME, &server.groups, server.aws_role.as_deref()));
    let metadata = json!({"name": NAME, "namespace": NAMESPACE});
    objects.extend([
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": selector(options), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }),
        // Nobody else gets to a pod, not even to the first for a moment.
        policy(options, server),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                // Plans that were shown are kept in memory: with two, people would have to come back to the same one.
                "replicas": 1,
                "revisionHistoryLimit": 2,
                "selector": {"matchLabels": selector(options)},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {"metadata": {"labels": labels(options)}, "spec": pod::spec(options, server)},
            },
        }),
        route(options, server),
    ]);
    objects
}

/// Its right to write ConfigMaps is for its records alone: RBAC knows no names that begin alike.
fn records() -> [Value; 2] {
    let account = format!("system:serviceaccount:{NAMESPACE}:{NAME}");
    let object = |kind: &str, spec: Value| json!({"apiVersion": admission::API, "kind": kind, "metadata": {"name": NAME}, "spec": spec});
    [
        object(
            "ValidatingAdmissionPolicy",
            json!({
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["configmaps"],
                }]},
                "matchConditions": [
                    {"name": "the-server", "expression": format!("request.userInfo.username == '{account}'")},
                ],
                "validations": [{
                    "expression": format!("request.name.startsWith('{}')", crate::audit::BEGIN),
                    "reason": "Forbidden",
                    "message": "the server writes its own records and nothing else",
                }],
            }),
        ),
        object(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": NAME, "validationActions": ["Deny"]}),
        ),
    ]
}

/// Kinds and names of what there is only while there is a server.
pub(super) fn identities() -> Vec<Value> {
    let cluster = |kind: &str| json!({"apiVersion": rights::RBAC, "kind": kind, "metadata": {"name": NAME}});
    let inside = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE}});
    let policy = |kind: &str| json!({"apiVersion": admission::API, "kind": kind, "metadata": {"name": NAME}});
    vec![
        inside("gateway.networking.k8s.io/v1", "HTTPRoute"),
        inside("apps/v1", "Deployment"),
        inside("networking.k8s.io/v1", "NetworkPolicy"),
        inside("v1", "Service"),
        inside(rights::RBAC, "RoleBinding"),
        inside(rights::RBAC, "Role"),
        cluster("ClusterRoleBinding"),
        cluster("ClusterRole"),
        policy("ValidatingAdmissionPolicyBinding"),
        policy("ValidatingAdmissionPolicy"),
        inside("v1", "ServiceAccount"),
    ]
}

fn selector(options: &Options) -> Value {
    json!({"app.kubernetes.io/name": NAME, "outboard.dev/install": options.settings.install})
}

fn labels(options: &Options) -> Value {
    let mut labels = json!(options.labels());
    labels["app.kubernetes.io/name"] = json!(NAME);
    labels
}

/// Only the Gateway's proxies get there: whoever else did could say where a request came from.
fn policy(options: &Options, server: &Server) -> Value {
    let settings = &options.settings;
    let mut namespaces = vec![settings.gateway_namespace.as_str(), PROXIES];
    namespaces.dedup();
    let labels: Map<String, Value> = match &server.gateway_pods {
        Some(labels) => labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect(),
        None => {
            let values = [&settings.gateway_name, &settings.gateway_namespace];
            OF_GATEWAY.iter().zip(values).map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
        }
    };
    let from: Vec<Value> = namespaces
        .iter()
        .map(|name| {
            let namespace = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
            json!({"namespaceSelector": namespace, "podSelector": {"matchLabels": labels}})
        })
        .collect();
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": selector(options)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": from, "ports": [{"protocol": "TCP", "port": PORT}]},
                {"ports": [{"protocol": "TCP", "port": HEALTH}]},
            ],
        },
    })
}

fn route(options: &Options, server: &Server) -> Value {
    let settings = &options.settings;
    let mut gateway = json!({
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "namespace": settings.gateway_namespace,
        "name": settings.gateway_name,
    });
    if let Some(listener) = &server.listener {
        gateway["sectionName"] = json!(listener);
    }
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [server.host],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": NAME, "port": 80}],
                // Pages and logs that are live go on for as long as somebody looks.
                "timeouts": {"request": "0s"},
            }],
        },
    })
}
