//! A Firehose that refuses, throttles, breaks down and hangs up; and keeps its own limits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws::Firehose;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::plan::batch::{Batch, Limits};
use crate::send::deliver;

/// What it does with one call.
#[derive(Clone, Debug)]
enum Mood {
    /// Takes all but these.
    Refuses(Vec<usize>),
    Fails(u16, &'static str),
    /// Takes all and never says so.
    HangsUp,
}

#[derive(Default)]
struct Fake {
    moods: Mutex<VecDeque<Mood>>,
    calls: Mutex<Vec<Vec<String>>>,
    taken: Mutex<Vec<String>>,
}

async fn put(State(fake): State<Arc<Fake>>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["x-amz-target"], "Firehose_20150804.PutRecordBatch");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["DeliveryStreamName"], "logs");
    let records: Vec<Vec<u8>> = body["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap())
        .collect();
    let limits = Limits::FIREHOSE;
    let all: usize = records.iter().map(Vec::len).sum();
    if records.is_empty()
        || records.len() > limits.records
        || all > limits.bytes
        || records.iter().any(|record| record.is_empty() || record.len() > limits.record)
    {
        return fail(400, "InvalidArgumentException");
    }
    let records: Vec<String> = records.into_iter().map(|record| String::from_utf8(record).unwrap()).collect();
    fake.calls.lock().unwrap().push(records.clone());
    let mood = fake.moods.lock().unwrap().pop_front().unwrap_or(Mood::Refuses(vec![]));
    let refused = match mood {
        Mood::Fails(status, kind) => return fail(status, kind),
        Mood::HangsUp => {
            fake.taken.lock().unwrap().extend(records);
            return Response::builder().header("content-length", "100").body("{".into()).unwrap();
        }
        Mood::Refuses(refused) => refused,
    };
    let mut answers = vec![];
    for (index, record) in records.into_iter().enumerate() {
        if refused.contains(&index) {
            answers.push(json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}));
        } else {
            fake.taken.lock().unwrap().push(record);
            answers.push(json!({"RecordId": format!("id-{index}")}));
        }
    }
    let answer = json!({"FailedPutCount": refused.len(), "Encrypted": false, "RequestResponses": answers});
    ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

fn fail(status: u16, kind: &str) -> Response {
    let body = json!({"__type": kind, "message": "in its own words"}).to_string();
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/x-amz-json-1.1")], body)
        .into_response()
}

async fn fake(moods: Vec<Mood>) -> (Arc<Fake>, Arc<Firehose>) {
    let fake = Arc::new(Fake { moods: Mutex::new(moods.into()), ..Fake::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/", post(put))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (fake, Arc::new(Firehose::at(&format!("http://{address}"), "logs").await.unwrap()))
}

fn records(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{{\"Text\":\"{number}\"}}\n").into_bytes()).collect()
}

const MARKED: &str = ",\"Resent\":true}\n";

#[tokio::test]
async fn only_the_refused_records_are_sent_again_and_unmarked() {
    let (fake, firehose) = fake(vec![Mood::Refuses(vec![1, 3]), Mood::Refuses(vec![0])]).await;
    let metrics = Metrics::default();
    deliver(firehose, records(4), metrics.clone()).await;
    let calls: Vec<usize> = fake.calls.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(calls, [4, 2, 1]);
    let mut taken = fake.taken.lock().unwrap().clone();
    taken.sort();
    assert_eq!(
        taken,
        ["{\"Text\":\"0\"}\n", "{\"Text\":\"1\"}\n", "{\"Text\":\"2\"}\n", "{\"Text\":\"3\"}\n"]
    );
    assert_eq!((metrics.records.get(), metrics.refused_records.get(), metrics.calls.get()), (4, 3, 3));
}

#[tokio::test]
async fn what_may_have_arrived_is_marked_and_what_can_not_have_is_not() {
    for (mood, marked) in [
        (Mood::Fails(400, "ThrottlingException"), false),
        (Mood::Fails(400, "ResourceNotFoundException"), false),
        (Mood::Fails(403, "AccessDeniedException"), false),
        (Mood::Fails(500, "InternalFailure"), true),
        (Mood::Fails(503, "ServiceUnavailableException"), true),
        (Mood::HangsUp, true),
    ] {
        let (fake, firehose) = fake(vec![mood.clone()]).await;
        deliver(firehose, records(2), Metrics::default()).await;
        let calls = fake.calls.lock().unwrap();
        assert_eq!(calls.len(), 2, "{mood:?}");
        assert!(calls[1].iter().all(|record| record.ends_with(MARKED) == marked), "{mood:?}: {calls:?}");
    }
}

#[tokio::test]
async fn nothing_is_marked_while_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let firehose = Firehose::at(&format!("http://{address}"), "logs").await.unwrap();
    let error = firehose.put(&[b"{}\n"]).await.unwrap_err();
    assert!(!error.perhaps, "{error:?}");
}

#[tokio::test]
async fn the_fullest_parcel_is_within_every_limit() {
    let mut batch = Batch::new(Limits::FIREHOSE);
    let object = format!("{{\"Text\":\"{}\"}}\n", "x".repeat(1_023_900));
    while batch.push(object.as_bytes()) {}
    while batch.push(b"{\"Text\":\"\"}\n") {}
    let (fake, firehose) = fake(vec![Mood::Fails(500, "InternalFailure")]).await;
    deliver(firehose, batch.take_records(), Metrics::default()).await;
    let taken = fake.taken.lock().unwrap();
    assert!(taken.len() >= 4);
    assert!(taken.iter().all(|record| record.ends_with(MARKED)));
}
