//! The server's pod: what it runs with, and what it reads.

use serde_json::{Value, json};

use super::{HEALTH, NAME, PORT, Server};
use crate::install::Options;
use crate::install::deployment::literal;

const SECRETS: &str = "/run/outboard/secrets";
const ISSUERS: &str = "/run/outboard/issuers";
const AUTHORITY: &str = "/run/outboard/authority";
/// Changes that are under way are finished, and what is on record is written.
const DRAIN_SECONDS: u32 = 25;

pub(super) fn spec(options: &Options, server: &Server) -> Value {
    let mut volumes = vec![json!({"name": "secrets", "secret": {"secretName": server.secret}})];
    volumes.extend(maps(server).map(|(name, map, _)| json!({"name": name, "configMap": {"name": map}})));
    json!({
        "serviceAccountName": NAME,
        "automountServiceAccountToken": true,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            // So that files of Secrets are readable for it, whoever they belong to.
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(options, server)],
        "volumes": volumes,
    })
}

fn container(options: &Options, server: &Server) -> Value {
    let probe = json!({"path": "/healthz", "port": "health"});
    let mut mounts = vec![json!({"name": "secrets", "mountPath": SECRETS, "readOnly": true})];
    mounts.extend(
        maps(server).map(|(name, _, path)| json!({"name": name, "mountPath": path, "readOnly": true})),
    );
    let mut container = json!({
        "name": "server",
        "image": options.settings.image,
        "args": arguments(server),
        "ports": [{"name": "http", "containerPort": PORT}, {"name": "health", "containerPort": HEALTH}],
        "readinessProbe": {"httpGet": probe, "periodSeconds": 2},
        "livenessProbe": {"httpGet": probe, "periodSeconds": 10},
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"memory": memory(server)},
        },
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if !server.env.is_empty() {
        container["env"] =
            server.env.iter().map(|(name, value)| json!({"name": name, "value": literal(value)})).collect();
    }
    if !server.env_from.is_empty() {
        container["envFrom"] =
            server.env_from.iter().map(|name| json!({"secretRef": {"name": name}})).collect();
    }
    container
}

/// Two searches of archives at once are held besides.
fn memory(server: &Server) -> &'static str {
    let searches =
        server.flags.iter().any(|flag| flag == "--log-archive" || flag.starts_with("--log-archive="));
    if searches { "512Mi" } else { "256Mi" }
}

/// ConfigMaps that it reads: as which volume, and where.
fn maps(server: &Server) -> impl Iterator<Item = (&'static str, &String, &'static str)> {
    let all = [("issuers", &server.issuers, ISSUERS), ("authority", &server.authority, AUTHORITY)];
    all.into_iter().filter_map(|(name, map, path)| Some((name, map.as_ref()?, path)))
}

fn arguments(server: &Server) -> Vec<String> {
    let mut arguments = vec![
        "server".to_owned(),
        format!("--url=https://{}", server.host),
        format!("--issuer={}", literal(&server.issuer)),
        format!("--client-id={}", literal(&server.client_id)),
        format!("--session-key-file={SECRETS}/session-key"),
        format!("--listen=0.0.0.0:{PORT}"),
        format!("--health=0.0.0.0:{HEALTH}"),
        format!("--proxies={}", server.proxies),
    ];
    arguments
        .extend(server.has_client_secret.then(|| format!("--client-secret-file={SECRETS}/client-secret")));
    arguments.extend(server.terminal.as_ref().map(|client| format!("--cli-client-id={}", literal(client))));
    if !server.groups.is_empty() {
        arguments.push(format!("--only-groups={}", literal(&server.groups.join(","))));
    }
    arguments.extend(server.issuers.as_ref().map(|_| format!("--issuers={ISSUERS}/issuers.yaml")));
    arguments.extend(server.authority.as_ref().map(|_| format!("--ca-file={AUTHORITY}/ca.crt")));
    arguments.extend(server.flags.iter().map(|flag| literal(flag)));
    arguments
}
