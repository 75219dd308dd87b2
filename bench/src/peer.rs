//! The peer: kubectl applying the same objects, either stage by stage as a careful person would script it, or
//! all at once, until the host answers through the gateway.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::tools::kubectl;

/// How the objects are handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Services, wait; job, wait; components, wait; route.
    Staged,
    /// One apply of everything, then one wait for each.
    AtOnce,
}

const LIMIT: Duration = Duration::from_secs(120);

/// Applies the objects of `revision` into `namespace`; how long until its host answers. Cleans up after itself.
pub fn run(namespace: &str, revision: &Value, order: Order) -> anyhow::Result<Duration> {
    let revision = moved(revision, namespace)?;
    let mut prerequisites = vec![namespace_object(namespace), credentials(namespace)];
    let names =
        revision["secrets"].as_array().into_iter().flatten().filter_map(|secret| secret["name"].as_str());
    prerequisites.extend(names.filter(|name| name.contains("-env-")).map(|name| url(namespace, name)));
    let of_role = |role: &str| {
        let parts = revision["parts"].as_array().into_iter().flatten();
        let objects: Vec<Value> = parts
            .filter(|part| part["role"] == role)
            .flat_map(|part| part["objects"].as_array().cloned().unwrap_or_default())
            .map(with_replicas)
            .collect();
        objects
    };
    let begun = Instant::now();
    apply(&list(&prerequisites))?;
    match order {
        Order::Staged => {
            apply(&list(&of_role("service")))?;
            wait(namespace, &["rollout", "status", "statefulset/db", "--timeout=120s"])?;
            apply(&list(&of_role("job")))?;
            wait(namespace, &["wait", "--for=condition=complete", "job", "--all", "--timeout=120s"])?;
            apply(&list(&of_role("component")))?;
            wait(namespace, &["rollout", "status", "deployment/web", "--timeout=120s"])?;
            apply(&list(&of_role("route")))?;
        }
        Order::AtOnce => {
            let all: Vec<Value> =
                ["service", "job", "component", "route"].into_iter().flat_map(&of_role).collect();
            apply(&list(&all))?;
            wait(namespace, &["rollout", "status", "statefulset/db", "--timeout=120s"])?;
            wait(namespace, &["wait", "--for=condition=complete", "job", "--all", "--timeout=120s"])?;
            wait(namespace, &["rollout", "status", "deployment/web", "--timeout=120s"])?;
        }
    }
    let host = format!("web-{namespace}.localhost");
    while !answers(&host) {
        ensure!(begun.elapsed() < LIMIT, "{host} did not answer within {} s", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed();
    kubectl(&["delete", "namespace", namespace, "--wait=true"], None)?;
    Ok(took)
}

fn apply(objects: &str) -> anyhow::Result<()> {
    kubectl(&["apply", "--server-side", "-f", "-"], Some(objects)).map(drop)
}

fn wait(namespace: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut all = vec!["-n", namespace];
    all.extend_from_slice(arguments);
    kubectl(&all, None).map(drop)
}

fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

/// The same objects in another namespace, under another host.
fn moved(revision: &Value, namespace: &str) -> anyhow::Result<Value> {
    let part = &revision["parts"][0]["objects"][0]["metadata"];
    let from = part["namespace"].as_str().context("a rendered object has a namespace")?;
    let environment =
        part["labels"]["outboard.dev/environment"].as_str().context("a rendered object has marks")?;
    let project = revision["project"].as_str().context("a revision has a project")?;
    let text = revision
        .to_string()
        .replace(&format!("web-{environment}-{project}.localhost"), &format!("web-{namespace}.localhost"))
        .replace(&format!("\"namespace\":\"{from}\""), &format!("\"namespace\":\"{namespace}\""))
        // Not ours any more: the operator must not look at what the peer made.
        .replace("outboard.dev/install", "bench/install");
    Ok(serde_json::from_str(&text)?)
}

fn with_replicas(mut object: Value) -> Value {
    if object["kind"] == "Deployment" {
        object["spec"]["replicas"] = json!(2);
    }
    object
}

fn namespace_object(namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
}

fn credentials(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db-credentials", "namespace": namespace},
        "stringData": {"user": "app", "name": "app", "host": "db", "port": "3306", "password": "benchmark"},
    })
}

fn url(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "stringData": {"DATABASE_URL": "mysql://app:benchmark@db:3306/app"},
    })
}

/// Whether the host answers with success through the gateway.
fn answers(host: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect("127.0.0.1:8080")?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(
            format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
