//! A node with two containers that write logs, behind a cluster that has one environment.

use futures::{Stream, stream};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;

use super::*;

/// What containers wrote: pod, second, text.
#[derive(Clone)]
pub struct Node(watch::Sender<Vec<(&'static str, u32, &'static str)>>);

impl Node {
    pub fn new() -> Self {
        Self(watch::Sender::new(vec![]))
    }

    pub fn write(&self, pod: &'static str, second: u32, text: &'static str) {
        self.0.send_modify(|lines| lines.push((pod, second, text)));
    }

    /// A pod's log from a moment on; who follows gets what is written to it from now on, too.
    fn log(
        &self,
        pod: &str,
        since: Option<Timestamp>,
        follows: bool,
    ) -> impl Stream<Item = Result<String, std::io::Error>> + use<> {
        let begun = (self.0.subscribe(), 0_usize, pod.to_owned());
        stream::unfold(begun, move |(mut lines, mut next, pod)| async move {
            loop {
                let mut text = String::new();
                {
                    let lines = lines.borrow_and_update();
                    for (of, second, line) in lines.iter().skip(next) {
                        let time = format!("2024-11-25T10:00:{second:02}.000000000Z");
                        let asked = since.is_none_or(|since| time.parse::<Timestamp>().unwrap() >= since);
                        if *of == pod && asked {
                            text.push_str(&format!("{time} {line}\n"));
                        }
                    }
                    next = lines.len();
                }
                if !text.is_empty() {
                    return Some((Ok(text), (lines, next, pod)));
                }
                if !follows {
                    return None;
                }
                lines.changed().await.ok()?;
            }
        })
    }

    pub fn cluster(&self) -> Cluster {
        let node = self.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let answer = node.answer(&request.uri().to_string());
            async move { Ok::<_, std::io::Error>(answer) }
        });
        let plain = fake::cluster(|_, _| std::future::ready(refusal(404, "NotFound")));
        Cluster { client: Client::new(service, "shop"), ..plain }
    }

    fn answer(&self, address: &str) -> Response<Body> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let steps: Vec<&str> = path.split('/').collect();
        let whole = |value: Value| Response::new(Body::from(value.to_string()));
        let environment = object("Environment", "qa", &settings(), &json!({"namespace": "shop-qa"}));
        match steps.as_slice() {
            [.., "pods", pod, "log"] if !query.contains("previous=true") => {
                let since = query.split('&').find_map(|said| said.strip_prefix("sinceTime="));
                let since = since.map(|since| since.replace("%3A", ":").parse().unwrap());
                Response::new(Body::from_stream(self.log(pod, since, query.contains("follow=true"))))
            }
            _ if query.contains("watch=true") => {
                Response::new(Body::from_stream(stream::pending::<Result<String, std::io::Error>>()))
            }
            [.., "pods"] => {
                let pods: Vec<Value> = ["web-1", "worker-1"].map(pod).into();
                whole(
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": pods}),
                )
            }
            [.., "environments"] => whole(list("Environment", &[environment])),
            [.., "environments", "qa"] => whole(environment),
            _ => {
                let (_, body) = refusal(404, "NotFound");
                Response::builder().status(404).body(Body::from(body.to_string())).unwrap()
            }
        }
    }
}

fn pod(name: &str) -> Value {
    let component = name.split('-').next();
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "shop-qa", "uid": format!("uid-{name}"), "resourceVersion": "1",
            "labels": {"outboard.dev/part": component}},
        "spec": {"containers": [{"name": "main"}], "restartPolicy": "Always"},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}, "lastState": {},
        }]},
    })
}
