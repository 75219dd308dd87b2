//! Searches for others: an archive behind a server that answers as S3 does, and a cluster that says who may read what.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::Error;
use crate::logs::served::{Archives, Served};

const KEY: &str = "fals/2024/11/25/10/delivered";

#[derive(Clone, Copy)]
enum Mood {
    Answers,
    Denies,
    Hangs,
}

fn record(project: &str, environment: &str, text: &str) -> String {
    json!({
        "Project": project, "Env": environment, "Component": "web", "Text": text,
        "Time": "2024-11-25T10:00:01Z", "Pod": "web-1", "Container": "web", "Stream": "stdout",
    })
    .to_string()
}

/// Where it is asked, and what it was asked for.
async fn store(mood: Mood) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let told = asked.clone();
    tokio::spawn(async move {
        let lines = [
            record("shop", "qa", "mine"),
            record("shop", "production", "of another environment"),
            record("other", "qa", "of another project"),
        ];
        let object = lines.join("\n");
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (told, object) = (told.clone(), object.clone());
            tokio::spawn(async move {
                let mut head = vec![];
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap().to_owned();
                told.lock().unwrap().push(path.clone());
                let prefix = path.split("prefix=").nth(1).map(|rest| rest.split('&').next().unwrap());
                let held = prefix.is_some_and(|prefix| KEY.starts_with(&prefix.replace("%2F", "/")));
                let contents = format!("<Contents><Key>{KEY}</Key><Size>{}</Size></Contents>", object.len());
                let (status, body) = match (mood, prefix) {
                    (Mood::Hangs, _) => return std::future::pending().await,
                    (Mood::Denies, _) => (
                        "403 Forbidden",
                        "<Error><Code>AccessDenied</Code><Message>no</Message></Error>".to_owned(),
                    ),
                    (Mood::Answers, Some(_)) => (
                        "200 OK",
                        format!(
                            "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
                            if held { contents.as_str() } else { "" }
                        ),
                    ),
                    (Mood::Answers, None) => ("200 OK", object),
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            });
        }
    });
    (endpoint, asked)
}

/// Somebody who may read logs in these namespaces sees an environment, unless it was destroyed.
fn cluster(may: &[&str], destroyed: bool) -> Cluster {
    let may: Arc<BTreeSet<String>> = Arc::new(may.iter().map(|name| (*name).to_owned()).collect());
    let service = tower::service_fn(move |request: Request<Body>| {
        let may = may.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            let (code, body) = answer(parts.uri.path(), &asked, &may, destroyed);
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(Response::builder().status(code).body(body).unwrap())
        }
    });
    let plain = crate::fake::cluster(|_, _| None);
    Cluster { client: Client::new(service, "shop"), acting: true, ..plain }
}

fn answer(path: &str, asked: &Value, may: &BTreeSet<String>, destroyed: bool) -> (u16, Value) {
    let kind = "outboard.dev/v1alpha1";
    if path.ends_with("/selfsubjectaccessreviews") {
        let wanted = &asked["spec"]["resourceAttributes"];
        let reads = wanted["verb"] == "get" && wanted["resource"] == "pods" && wanted["subresource"] == "log";
        let allowed = reads && may.contains(wanted["namespace"].as_str().unwrap_or_default());
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
            "spec": {}, "status": {"allowed": allowed}});
        return (201, review);
    }
    let metadata = |name: &str| json!({"name": name, "namespace": "shop"});
    let spec = json!({"project": "shop", "projectRevision": "p-0123456789", "class": "qa"});
    let archive = json!({"bucket": "shop-logs", "prefix": "fals/"});
    match path {
        path if path.ends_with("/environments/qa") && !destroyed => (
            200,
            json!({"apiVersion": kind, "kind": "Environment", "metadata": metadata("qa"), "spec": spec,
                "status": {"namespace": "shop-qa"}}),
        ),
        path if path.ends_with("/projects/shop") => (
            200,
            json!({"apiVersion": kind, "kind": "Project", "metadata": metadata("shop"), "spec": {
                "components": {"web": {"image": "shop/web", "version": "1"}}, "classes": {"qa": {}},
                "logs": {"archive": archive}}}),
        ),
        "/version" => (200, json!({})),
        path if path.ends_with("/namespaces/shop-qa/pods") => {
            (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
        }
        _ => (
            404,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404,
                "message": path, "reason": "NotFound", "details": {}}),
        ),
    }
}

fn wanted(endpoint: &str) -> Search {
    let served = Served::parse(&format!("shop/shop=s3://shop-logs/fals/?endpoint={endpoint}")).unwrap();
    let archives = Archives::new(vec![served]).at(endpoint);
    Search {
        query: Query {
            environment: "qa".into(),
            since: Some(Moment::At("2024-11-25T09:00:00Z".parse().unwrap())),
            until: Some(Moment::At("2024-11-25T12:00:00Z".parse().unwrap())),
            ..Query::default()
        },
        project: Some("shop".into()),
        limit: 10,
        bounds: Some(Bounds {
            bytes: 1 << 20,
            requests: 100,
            memory: 1 << 20,
            time: Duration::from_secs(10),
        }),
        asker: Some(Asker { archives: Arc::new(archives), who: "ann".into() }),
        ..Search::default()
    }
}

async fn texts(cluster: &Cluster, wanted: &Search) -> Result<(Vec<String>, Found)> {
    let (out, mut answers) = mpsc::channel(WAITING);
    let listening = async {
        let mut texts = vec![];
        while let Some(answer) = answers.recv().await {
            if let Answer::Line(line) = answer {
                texts.push(line.text);
            }
        }
        texts
    };
    let (found, texts) = tokio::join!(Box::pin(search(cluster, "shop", wanted, out)), listening);
    Ok((texts, found?.unwrap()))
}

#[tokio::test]
async fn whoever_may_read_its_logs_gets_the_archived_lines_of_this_environment_and_of_no_other() {
    let (endpoint, _) = store(Mood::Answers).await;
    for destroyed in [false, true] {
        let (texts, found) =
            texts(&cluster(&["shop", "shop-qa"], destroyed), &wanted(&endpoint)).await.unwrap();
        assert_eq!((texts.as_slice(), found.destroyed), (&["mine".to_owned()][..], destroyed));
        assert!(found.unread.is_none() && found.archive.is_some_and(|archive| archive.bucket == "shop-logs"));
    }
}

#[tokio::test]
async fn for_whoever_may_not_the_archive_is_not_even_asked() {
    let (endpoint, asked) = store(Mood::Answers).await;
    for (may, lacking) in [(vec!["shop"], "shop-qa"), (vec!["shop-qa"], "shop"), (vec![], "shop-qa")] {
        let (texts, found) = texts(&cluster(&may, false), &wanted(&endpoint)).await.unwrap();
        assert_eq!(texts, Vec::<String>::new());
        assert_eq!(found.unread, Some(Unread::Forbidden { namespace: lacking.to_owned() }));
    }
    // What it once ran in is gone, so its name alone opens nothing.
    let gone = texts(&cluster(&["shop-qa"], true), &wanted(&endpoint)).await;
    assert!(matches!(gone, Err(Error::Unread { why: Unread::Forbidden { .. }, .. })));
    let nobody = Search { asker: None, ..wanted(&endpoint) };
    let (_, found) = texts(&cluster(&["shop", "shop-qa"], false), &nobody).await.unwrap();
    assert!(matches!(found.unread, Some(Unread::Unserved { .. })));
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_what_is_live_is_told_all_the_same() {
    let all = ["shop", "shop-qa"];
    let (denied, _) = store(Mood::Denies).await;
    let (_, found) = texts(&cluster(&all, false), &wanted(&denied)).await.unwrap();
    let why = found.unread.unwrap().to_string();
    assert!(found.archive.is_none() && why.contains("bucket `shop-logs`: access is denied"), "{why}");
    assert!(matches!(
        texts(&cluster(&all, true), &wanted(&denied)).await,
        Err(Error::Unread { why: Unread::Failed(_), .. })
    ));
    let (slow, _) = store(Mood::Hangs).await;
    let short = Bounds { bytes: 1 << 20, requests: 100, memory: 1 << 20, time: Duration::from_millis(100) };
    let late = Search { bounds: Some(short), ..wanted(&slow) };
    let (_, found) = texts(&cluster(&all, false), &late).await.unwrap();
    assert_eq!(found.unread, Some(Unread::Late { seconds: 0 }));
    let (endpoint, _) = store(Mood::Answers).await;
    let small = Bounds { bytes: 10, requests: 100, memory: 1 << 20, time: Duration::from_secs(10) };
    let big = Search { bounds: Some(small), ..wanted(&endpoint) };
    let (lines, found) = texts(&cluster(&all, false), &big).await.unwrap();
    assert!(lines.is_empty() && matches!(found.unread, Some(Unread::Big(_))), "{:?}", found.unread);
}

#[tokio::test]
async fn a_time_that_takes_too_many_lists_is_refused_before_the_first() {
    let (endpoint, asked) = store(Mood::Answers).await;
    let mut ever = wanted(&endpoint);
    ever.query.since = Some(Moment::At("0001-01-01T00:00:00Z".parse().unwrap()));
    let (_, found) = texts(&cluster(&["shop", "shop-qa"], false), &ever).await.unwrap();
    let why = found.unread.unwrap().to_string();
    assert!(why.contains("requests") && asked.lock().unwrap().iter().all(|path| !path.contains("prefix=")));
}

#[test]
fn live_lines_stop_where_their_room_ends() {
    let line = |second: i64| Line {
        time: Timestamp::from_second(second).unwrap(),
        project: "shop".into(),
        environment: "qa".into(),
        component: "web".into(),
        pod: String::new(),
        container: String::new(),
        file: None,
        text: "x".repeat(1000),
        origin: logs::Origin::Live,
    };
    let mut newest = Newest { room: 3 * line(0).weight(), ..Newest::default() };
    for second in 0..10 {
        newest.push(line(second), 100);
        assert!(newest.bytes <= newest.room);
    }
    assert_eq!((newest.lines.len(), newest.limit(100), newest.limit(2)), (3, 3, 2));
}

#[test]
fn a_line_without_room_by_itself_hides_no_other() {
    let line = |text: &str| Line {
        time: Timestamp::from_second(0).unwrap(),
        project: "shop".into(),
        environment: "qa".into(),
        component: "web".into(),
        pod: String::new(),
        container: String::new(),
        file: None,
        text: text.into(),
        origin: logs::Origin::Live,
    };
    let mut newest = Newest { room: 8 * line("short").weight(), ..Newest::default() };
    for text in ["short", &"x".repeat(100_000), "short", "short"] {
        newest.push(line(text), 100);
    }
    assert_eq!((newest.lines.len(), newest.limit(100), newest.passed_over), (3, 100, true));
}

#[tokio::test]
async fn lines_are_counted_by_the_same_rules() {
    let (endpoint, _) = store(Mood::Answers).await;
    let count = async |may: &[&str]| {
        let (out, _listening) = mpsc::channel(WAITING);
        let counted =
            crate::logs::histogram::histogram(&cluster(may, false), "shop", &wanted(&endpoint), 10, out)
                .await;
        let counted = counted.unwrap().unwrap();
        (counted.histogram.lines(), counted.unread)
    };
    assert_eq!(count(&["shop", "shop-qa"]).await, (1, None));
    assert_eq!(count(&["shop"]).await, (0, Some(Unread::Forbidden { namespace: "shop-qa".into() })));
}
