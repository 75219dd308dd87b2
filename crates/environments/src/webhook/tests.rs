//! What a receiver is sent, against one that listens.

use std::sync::{Arc, Mutex, PoisonError};

use api::condition::ANNOUNCED;
use api::{Condition, ConditionStatus};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Status, header::LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

/// The key of standardwebhooks.com's own example.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn hear(State((answer, heard)): State<(Status, Heard)>, headers: HeaderMap, body: Bytes) -> Response {
    heard.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
    (answer, [(LOCATION, "/elsewhere")]).into_response()
}

async fn receiver(answer: Status) -> (String, Heard) {
    let heard = Heard::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
    let router = Router::new().route("/{*path}", post(hear)).with_state((answer, heard.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, heard)
}

fn message() -> Message {
    let taken = Condition {
        r#type: ANNOUNCED.to_owned(),
        status: ConditionStatus::True,
        reason: "CrashLoop".to_owned(),
        message: "component web".to_owned(),
        observed_generation: 1,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    };
    Message { id: "msg_1".to_owned(), body: json!({"type": "verdict.given"}), taken }
}

async fn send(url: &str) -> Result<(), String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sender = Sender::new(Webhook::read(url, Some(KEY)).unwrap()).unwrap();
    sender.send(&message(), Timestamp::from_second(1_614_265_330).unwrap()).await
}

#[test]
fn a_signature_is_the_one_of_the_specification() {
    let key = STANDARD.decode(KEY.trim_start_matches(KEY_PREFIX)).unwrap();
    let body = r#"{"test": 2432232314}"#;
    assert_eq!(
        signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

#[tokio::test]
async fn a_receiver_gets_the_message_once_with_its_id_time_and_signature() {
    let (url, heard) = receiver(Status::NO_CONTENT).await;
    send(&url).await.unwrap();
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let [(headers, body)] = heard.as_slice() else { panic!("{} messages", heard.len()) };
    assert_eq!(body.as_ref(), br#"{"type":"verdict.given"}"#);
    let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!((of("webhook-id"), of("webhook-timestamp")), ("msg_1", "1614265330"));
    assert_eq!(of("content-type"), "application/json");
    assert!(of("webhook-signature").starts_with("v1,"));
}

#[tokio::test]
async fn whoever_does_not_take_it_is_told_in_words_without_the_address() {
    for answer in [Status::INTERNAL_SERVER_ERROR, Status::NOT_FOUND, Status::GONE, Status::PERMANENT_REDIRECT]
    {
        let (url, heard) = receiver(answer).await;
        let why = send(&url).await.unwrap_err();
        assert!(why.contains(answer.as_str()) && !why.contains("s3cret"), "{why}");
        assert_eq!(heard.lock().unwrap_or_else(PoisonError::into_inner).len(), 1, "no redirect is followed");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let why = send(&format!("http://{nobody}/hook/s3cret")).await.unwrap_err();
    assert!(why.contains("refused") && !why.contains("s3cret"), "{why}");
}

#[test]
fn what_is_no_webhook_is_refused_without_saying_what_was_given() {
    for (url, key) in [
        ("hooks.example.com/s3cret", None),
        ("ftp://hooks.example.com/s3cret", None),
        ("", None),
        ("https://hooks.example.com/s3cret", Some("whsec_not base64 s3cret")),
        ("https://hooks.example.com/s3cret", Some("whsec_czNjcmV0")),
    ] {
        let why = Webhook::read(url, key).unwrap_err();
        assert!(!why.contains("s3cret") && !why.contains("czNj"), "{why}");
    }
    let good = Webhook::read(" https://hooks.example.com/s3cret\n", Some("")).unwrap();
    assert!(good.key.is_none());
    assert!(!format!("{good:?}").contains("s3cret"));
}
