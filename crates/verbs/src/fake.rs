//! A small API server for tests, which errs as the real one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::Cluster;

/// What the fake does with a request: answers with a code and a body, or is not there.
pub type Answer = Option<(u16, Value)>;

pub fn cluster(answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Cluster {
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer(count.fetch_add(1, Ordering::SeqCst), &request.uri().to_string());
        async move {
            let (code, body) = answer.ok_or_else(|| std::io::Error::other("connection refused"))?;
            Ok::<_, std::io::Error>(
                Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap(),
            )
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

pub fn status(code: u16, message: &str, reason: &str) -> Answer {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "message": message, "reason": reason, "details": {}});
    Some((code, body))
}
