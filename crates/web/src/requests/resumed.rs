//! Streams that are cut off and taken up again with the id of the last event: nothing is missing then, and nothing comes twice.

use std::time::Duration;

use futures::{Stream, stream};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;

/// Longer than anything that comes takes, and how long it is listened for what must not come.
const SOON: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_millis(700);
const LOGS: &str = "/api/v1/environments/shop/qa/logs/events";

/// What containers wrote: pod, second, text.
#[derive(Clone)]
struct Node(watch::Sender<Vec<(&'static str, u32, &'static str)>>);

impl Node {
    fn write(&self, pod: &'static str, second: u32, text: &'static str) {
        self.0.send_modify(|lines| lines.push((pod, second, text)));
    }

    /// A pod's log from a moment on, and what is written to it from now on.
    fn log(
        &self,
        pod: &str,
        since: Option<Timestamp>,
    ) -> impl Stream<Item = Result<String, std::io::Error>> + use<> {
        let begun = (self.0.subscribe(), 0_usize, pod.to_owned(), since);
        stream::unfold(begun, |(mut lines, mut next, pod, since)| async move {
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
                    return Some((Ok(text), (lines, next, pod, since)));
                }
                lines.changed().await.ok()?;
            }
        })
    }

    fn cluster(&self) -> Cluster {
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
            [.., "pods", pod, "log"] if query.contains("follow=true") => {
                let since = query.split('&').find_map(|said| said.strip_prefix("sinceTime="));
                let since = since.map(|since| since.replace("%3A", ":").parse().unwrap());
                Response::new(Body::from_stream(self.log(pod, since)))
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

/// Texts of so many events, and the id of the last.
async fn told(page: &Page, path: &str, last: Option<&str>, count: usize) -> (Vec<String>, String) {
    let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
    let answer = page.ask(Method::GET, path, &headers, "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = answer.into_body().into_data_stream();
    let (mut texts, mut id, mut rest) = (vec![], String::new(), String::new());
    while texts.len() < count {
        let piece = timeout(SOON, body.next()).await.expect("an event is missing").unwrap().unwrap();
        rest.push_str(std::str::from_utf8(&piece).unwrap());
        while let Some((event, after)) = rest.clone().split_once("\n\n") {
            rest = after.to_owned();
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            id = field("id: ").unwrap_or(id);
            let Some(data) = field("data: ") else { continue };
            let line: Value = serde_json::from_str(&data).unwrap_or_default();
            texts.push(line["text"].as_str().map_or(data, str::to_owned));
        }
    }
    // What came twice would come now.
    let more = timeout(QUIET, body.next()).await;
    assert!(more.is_err(), "{more:?}");
    (texts, id)
}

#[tokio::test]
async fn lines_go_on_after_a_cut_with_none_twice_and_none_lost_though_one_comes_late() {
    let node = Node(watch::Sender::new(vec![]));
    node.write("web-1", 1, "one");
    node.write("worker-1", 2, "two");
    node.write("web-1", 20, "three");
    let page = over(node.cluster(), Arc::default()).await;
    let (first, id) = told(&page, LOGS, None, 3).await;
    assert_eq!(first, ["one", "two", "three"]);
    // While nobody listens: one that is older than the newest that was told, and one of the same moment.
    node.write("worker-1", 15, "late");
    node.write("web-1", 20, "four");
    node.write("web-1", 21, "five");
    let (mut again, id) = told(&page, LOGS, Some(&id), 3).await;
    again.sort();
    assert_eq!(again, ["five", "four", "late"]);
    node.write("worker-1", 22, "six");
    let (last, _) = told(&page, LOGS, Some(&id), 1).await;
    assert_eq!(last, ["six"]);
}

#[tokio::test]
async fn an_id_that_is_none_of_ours_is_answered_by_saying_that_lines_begin_again() {
    let node = Node(watch::Sender::new(vec![]));
    node.write("web-1", 1, "one");
    let page = over(node.cluster(), Arc::default()).await;
    let (told, _) = told(&page, LOGS, Some("of-another-server"), 2).await;
    assert!(told[0].contains("not known here") && told[1] == "one", "{told:?}");
}

#[tokio::test]
async fn what_is_sent_whole_is_sent_again_only_to_whoever_has_another() {
    let node = Node(watch::Sender::new(vec![]));
    let page = over(node.cluster(), Arc::default()).await;
    for path in ["/api/v1/environments/shop/qa/events", "/environments/shop/qa/live"] {
        let begun = async |last: Option<&str>, patience: Duration| {
            let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
            let answer = page.ask(Method::GET, path, &headers, "").await;
            let mut body = answer.into_body().into_data_stream();
            let piece = timeout(patience, body.next()).await.ok()?.unwrap().unwrap();
            Some(String::from_utf8(piece.to_vec()).unwrap())
        };
        let first = begun(None, SOON).await.expect("nothing is sent");
        let id = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("it has no id").to_owned();
        assert_eq!(begun(Some(&id), QUIET).await, None, "{path}: they have it already");
        let other = begun(Some("of-before"), SOON).await.expect("nothing is sent");
        assert!(other.contains(&id), "{path}: they had another");
    }
}
