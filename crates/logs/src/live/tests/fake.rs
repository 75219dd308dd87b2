//! A node's logs behind an API server, which err as the real ones do: a log ends although the container runs, is cut off
//! in the middle of a line, falls silent after a rotation, or has lost its oldest lines to one.
//!
//! Time is the test's own: nothing here waits for a clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

/// How a cut looks to whoever reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// As if the log had ended.
    Clean,
    InALine,
    /// Nothing comes any more, and nothing says so.
    Silent,
}

#[derive(Clone, Debug, Default)]
struct Run {
    lines: Vec<(Timestamp, Vec<u8>)>,
    /// The node has rotated away what is before.
    kept_from: usize,
    exit: Option<i32>,
}

#[derive(Clone, Debug)]
struct Container {
    /// The last one is present; of those before the node keeps one.
    runs: Vec<Run>,
}

#[derive(Default)]
struct State {
    pods: BTreeMap<String, Container>,
    now: i64,
    cuts: u64,
    kind: Option<Cut>,
    /// Requests are refused as if nobody was there.
    away: bool,
    version: u64,
    asked: Vec<String>,
}

/// The world of one test. Every pod has one container, called `web`.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

const CHUNK: usize = 1000;

type Chunk = Result<Frame<Bytes>, std::io::Error>;

impl Fake {
    pub fn new() -> Self {
        Self { state: Arc::default(), changed: watch::Sender::new(0) }
    }

    pub fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            fake.answer(request.uri().path(), request.uri().query().unwrap_or_default())
        });
        Client::new(service, "ns")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.version += 1;
        let changed = change(&mut state);
        let version = state.version;
        drop(state);
        self.changed.send_replace(version);
        changed
    }

    pub fn pod(&self, name: &str) {
        self.change(|state| state.pods.insert(name.into(), Container { runs: vec![Run::default()] }));
    }

    pub fn gone(&self, name: &str) {
        self.change(|state| state.pods.remove(name));
    }

    pub fn all_gone(&self) {
        self.change(|state| state.pods.clear());
    }

    /// The next line comes so much later.
    pub fn pass(&self, milliseconds: i64) {
        self.lock().now += milliseconds * 1_000_000;
    }

    pub fn write(&self, pod: &str, text: &str) {
        self.change(|state| {
            state.now += 1;
            let time = time(state.now);
            if let Some(run) = state.pods.get_mut(pod).and_then(|pod| pod.runs.last_mut()) {
                run.lines.push((time, text.as_bytes().to_vec()));
            }
        });
    }

    /// The node keeps only the lines after this many of the present run.
    pub fn rotate(&self, pod: &str, kept_from: usize) {
        self.change(|state| {
            if let Some(run) = state.pods.get_mut(pod).and_then(|pod| pod.runs.last_mut()) {
                run.kept_from = kept_from.min(run.lines.len()).max(run.kept_from);
            }
        });
    }

    pub fn written(&self, pod: &str) -> usize {
        self.lock().pods.get(pod).and_then(|pod| pod.runs.last()).map_or(0, |run| run.lines.len())
    }

    pub fn exit(&self, pod: &str, code: i32) {
        self.change(|state| {
            if let Some(run) = state.pods.get_mut(pod).and_then(|pod| pod.runs.last_mut()) {
                run.exit = Some(code);
            }
        });
    }

    pub fn start_again(&self, pod: &str) {
        self.change(|state| {
            if let Some(pod) = state.pods.get_mut(pod) {
                pod.runs.push(Run::default());
            }
        });
    }

    /// Every log that is open.
    pub fn cut(&self, kind: Cut) {
        self.change(|state| {
            state.cuts += 1;
            state.kind = Some(kind);
        });
    }

    pub fn away(&self, away: bool) {
        self.change(|state| state.away = away);
    }

    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn answer(
        &self,
        path: &str,
        query: &str,
    ) -> impl Future<Output = Result<Response<Answer>, std::io::Error>> + use<> {
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":")))
            .collect();
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let fake = self.clone();
        async move {
            if fake.lock().away {
                return Err(std::io::Error::other("connection refused"));
            }
            let steps: Vec<&str> = path.iter().map(String::as_str).collect();
            Ok(match steps.as_slice() {
                [.., "pods", pod, "log"] => fake.log(pod, &query),
                [.., "pods"] if query.contains_key("watch") => fake.watch(),
                [.., "pods"] => whole(200, fake.list().to_string()),
                other => panic!("nobody asks for {other:?}"),
            })
        }
    }

    fn list(&self) -> Value {
        let state = self.lock();
        let pods: Vec<Value> =
            state.pods.iter().map(|(name, pod)| object(name, pod, state.version)).collect();
        json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": state.version.to_string()}, "items": pods})
    }

    /// Every change of any pod, from now on.
    fn watch(&self) -> Response<Answer> {
        let (fake, changes) = (self.clone(), self.changed.subscribe());
        let seen: BTreeMap<String, Value> = BTreeMap::new();
        let events = stream::unfold((fake, changes, seen), |(fake, mut changes, mut seen)| async move {
            loop {
                changes.borrow_and_update();
                let mut text = String::new();
                {
                    let state = fake.lock();
                    if state.away {
                        return Some((
                            Err(std::io::Error::other("gone away")),
                            (fake.clone(), changes, seen),
                        ));
                    }
                    let now: BTreeMap<String, Value> = state
                        .pods
                        .iter()
                        .map(|(name, pod)| (name.clone(), object(name, pod, state.version)))
                        .collect();
                    for (name, pod) in &now {
                        if seen.get(name).map(|pod| &pod["status"]) != Some(&pod["status"]) {
                            text.push_str(&format!("{}\n", json!({"type": "MODIFIED", "object": pod})));
                        }
                    }
                    for (name, pod) in seen.iter().filter(|(name, _)| !now.contains_key(*name)) {
                        let _ = name;
                        text.push_str(&format!("{}\n", json!({"type": "DELETED", "object": pod})));
                    }
                    seen = now;
                }
                if !text.is_empty() {
                    return Some((Ok(Frame::data(Bytes::from(text))), (fake, changes, seen)));
                }
                changes.changed().await.ok()?;
            }
        });
        Response::new(StreamBody::new(events.boxed()))
    }

    fn log(&self, pod: &str, query: &BTreeMap<String, String>) -> Response<Answer> {
        let mut state = self.lock();
        let asked: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        state.asked.push(asked.join("&"));
        let flag = |key: &str| query.get(key).is_some_and(|value| value == "true");
        let Some(container) = state.pods.get(pod) else { return status(404, "pods \"x\" not found") };
        let present = container.runs.len() - 1;
        let run = match (flag("previous"), present) {
            (false, _) => present,
            (true, 0) => return status(400, "previous terminated container \"web\" not found"),
            (true, _) => present - 1,
        };
        let since: Option<Timestamp> = query.get("sinceTime").map(|since| since.parse().unwrap());
        assert!(since.is_none_or(|since| since.subsec_nanosecond() == 0), "it would be rounded");
        let tail = query.get("tailLines").map(|tail| tail.parse::<usize>().unwrap());
        let kept = &container.runs[run];
        let first =
            tail.map_or(kept.kept_from, |tail| kept.lines.len().saturating_sub(tail).max(kept.kept_from));
        let reader = Reader {
            pod: pod.to_owned(),
            run,
            next: first,
            since,
            cuts: state.cuts,
            follow: flag("follow"),
            broken: false,
        };
        let parts = (self.clone(), self.changed.subscribe(), reader);
        let chunks = stream::unfold(parts, |(fake, mut changes, mut reader)| async move {
            loop {
                changes.borrow_and_update();
                match reader.step(&fake.lock()) {
                    Step::Chunk(chunk) => return Some((chunk, (fake.clone(), changes, reader))),
                    Step::End => return None,
                    Step::Wait => {}
                }
                changes.changed().await.ok()?;
            }
        });
        Response::new(StreamBody::new(chunks.boxed()))
    }
}

type Answer = StreamBody<stream::BoxStream<'static, Chunk>>;

struct Reader {
    pod: String,
    run: usize,
    next: usize,
    since: Option<Timestamp>,
    cuts: u64,
    follow: bool,
    broken: bool,
}

enum Step {
    Chunk(Chunk),
    End,
    Wait,
}

impl Reader {
    fn step(&mut self, state: &State) -> Step {
        if self.broken {
            return Step::Chunk(Err(std::io::Error::other("cut off")));
        }
        let run = state.pods.get(&self.pod).and_then(|pod| pod.runs.get(self.run));
        if state.cuts > self.cuts {
            match state.kind {
                Some(Cut::Silent) => return Step::Wait,
                Some(Cut::InALine) => {
                    self.broken = true;
                    let half = run.and_then(|run| run.lines.get(self.next)).map(raw);
                    return match half {
                        Some(half) => Step::Chunk(Ok(Frame::data(half.slice(..half.len() - 1)))),
                        None => Step::Chunk(Err(std::io::Error::other("cut off"))),
                    };
                }
                Some(Cut::Clean) | None => return Step::End,
            }
        }
        let Some(run) = run else { return Step::End };
        let mut chunk = vec![];
        // A follower keeps the file that it has open: rotation takes nothing from it.
        for line in run.lines.iter().skip(self.next) {
            // A node sends little at a time.
            if chunk.len() > CHUNK {
                break;
            }
            self.next += 1;
            if self.since.is_none_or(|since| line.0 >= since) {
                chunk.extend_from_slice(&raw(line));
            }
        }
        if !chunk.is_empty() {
            return Step::Chunk(Ok(Frame::data(Bytes::from(chunk))));
        }
        if !self.follow || run.exit.is_some() { Step::End } else { Step::Wait }
    }
}

fn raw((time, text): &(Timestamp, Vec<u8>)) -> Bytes {
    let mut line = format!("{time:.9} ").into_bytes();
    line.extend_from_slice(text);
    line.push(b'\n');
    Bytes::from(line)
}

pub fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(1_800_000_000_000_000_000 + i128::from(nanoseconds)).unwrap()
}

fn object(name: &str, pod: &Container, version: u64) -> Value {
    let present = pod.runs.last().unwrap();
    let ended = |run: &Run| {
        run.exit.map(|code| json!({"terminated": {"exitCode": code, "reason": if code == 137 { "OOMKilled" } else { "Error" }}}))
    };
    let before = pod.runs.len().checked_sub(2).and_then(|before| ended(&pod.runs[before]));
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}"), "labels": {"outboard.dev/part": "web"},
            "resourceVersion": version.to_string()},
        "spec": {"containers": [{"name": "web"}], "restartPolicy": "Always"},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "web", "image": "", "imageID": "", "ready": true, "restartCount": pod.runs.len() - 1,
            "state": ended(present).unwrap_or_else(|| json!({"running": {}})),
            "lastState": before.unwrap_or_else(|| json!({})),
        }]},
    })
}

fn whole(code: u16, text: String) -> Response<Answer> {
    let body = stream::iter([Ok(Frame::data(Bytes::from(text)))]).boxed();
    Response::builder().status(code).body(StreamBody::new(body)).unwrap()
}

fn status(code: u16, message: &str) -> Response<Answer> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "message": message, "reason": "BadRequest"});
    whole(code, body.to_string())
}
