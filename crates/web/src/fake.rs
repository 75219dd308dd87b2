//! A cluster for tests, which answers as it is told and lets wait as long as it is told.

use std::sync::Arc;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use verbs::Cluster;

pub const KIND: &str = "outboard.dev/v1alpha1";

/// Code and body by method and address.
pub fn cluster<A>(answer: impl Fn(Method, String) -> A + Send + Sync + 'static) -> Cluster
where
    A: Future<Output = (u16, Value)> + Send + 'static,
{
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer(request.method().clone(), request.uri().to_string());
        async move {
            let (code, body) = answer.await;
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Cluster {
        client: Client::new(service, "shop"),
        server: "https://here:6443".into(),
        context_namespace: None,
    }
}

pub fn object(kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    let metadata =
        json!({"name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "resourceVersion": "1"});
    json!({"apiVersion": KIND, "kind": kind, "metadata": metadata, "spec": spec, "status": status})
}

pub fn list(kind: &str, items: &[Value]) -> Value {
    json!({"apiVersion": KIND, "kind": format!("{kind}List"), "metadata": {"resourceVersion": "1"}, "items": items})
}

pub fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "message": reason, "reason": reason, "details": {}});
    (code, status)
}

/// The settings of an environment.
pub fn settings() -> Value {
    json!({"project": "shop", "projectRevision": "p-0123456789", "class": "qa"})
}
