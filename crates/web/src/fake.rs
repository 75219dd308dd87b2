//! A cluster for tests, which answers as it is told and lets wait as long as it is told.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response};
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
    reading(move |asked| answer(asked.method, asked.address))
}

/// A request, with all that it says.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub address: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The same by all that a request says.
pub fn reading<A>(answer: impl Fn(Asked) -> A + Send + Sync + 'static) -> Cluster
where
    A: Future<Output = (u16, Value)> + Send + 'static,
{
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let (code, body) = answer(Asked {
                method: parts.method,
                address: parts.uri.to_string(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
            .await;
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    Cluster {
        client: Client::new(service, "shop"),
        server: "https://here:6443".into(),
        context_namespace: None,
        through: false,
        acting: false,
        kept: Default::default(),
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
