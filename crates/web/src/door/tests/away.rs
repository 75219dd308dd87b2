//! Kubernetes that is away, says nothing or is slow: whoever asks hears so in time, and whoever looks on goes on looking.

use axum::body::BodyDataStream;
use axum::http::{HeaderMap, Method, StatusCode, header};
use futures::StreamExt;
use serde_json::Value;
use tokio::time::{Duration, Instant, pause, timeout};

use super::matrix::{is_open, routes};
use super::world::{Kubernetes, SLOW, World};
use crate::door::{LONGEST_WAIT, READ_WAIT};

/// The sentence of a failure, in whichever shape it has to be told there.
fn sentence(path: &str, headers: &HeaderMap, body: &str) -> String {
    let kind = headers[header::CONTENT_TYPE].to_str().unwrap();
    let said = |field: &str| {
        let told: Value = serde_json::from_str(body).unwrap();
        told[field].as_str().unwrap().to_owned()
    };
    if path.starts_with("/api/") {
        assert_eq!(kind, "application/problem+json", "{path}: {body}");
        said("detail")
    } else if path.starts_with("/kube/") {
        assert_eq!(kind, "application/json", "{path}: {body}");
        said("message")
    } else {
        assert!(kind.starts_with("text/html"), "{path}: {kind}: {body}");
        body.to_owned()
    }
}

#[tokio::test]
async fn whatever_is_asked_while_kubernetes_is_away_is_answered_with_a_sentence() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    pause();
    world.kubernetes.send_replace(Kubernetes::Away);
    let mut failed = 0;
    for (path, _) in routes().into_iter().filter(|(path, method)| *method == Method::GET && !is_open(path)) {
        let (status, headers, body) = world.get(&path, &[("cookie", &cookie), ("accept", "text/html")]).await;
        if !status.is_server_error() {
            continue;
        }
        let known = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        assert!(known.contains(&status), "{path}: {status} {body}");
        let told = sentence(&path, &headers, &body);
        assert!(told.contains("the cluster at") || told.contains("it took too long"), "{path}: {told}");
        failed += 1;
    }
    assert!(failed > 10, "{failed}");
}

#[tokio::test]
async fn whoever_asks_a_kubernetes_that_says_nothing_hears_so_in_time() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    let token = format!("Bearer {}", world.token("vera"));
    let (cookie, token) = (("cookie", cookie.as_str()), ("authorization", token.as_str()));
    let kube = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";
    // The provider's keys are known from here on.
    assert_eq!(world.get(kube, &[token]).await.0, StatusCode::OK);
    pause();
    world.kubernetes.send_replace(Kubernetes::Silent);
    for (path, who) in [
        ("/environments", cookie),
        ("/environments/shop/qa", cookie),
        ("/api/v1/environments", cookie),
        ("/api/v1/environments/shop/qa", token),
        (kube, token),
    ] {
        let begun = Instant::now();
        let (status, headers, body) = world.get(path, &[who]).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{path}: {body}");
        // The command line has patience of its own.
        let longest = if path == kube { LONGEST_WAIT } else { READ_WAIT };
        assert!(begun.elapsed() <= longest + Duration::from_secs(1), "{path}: {:?}", begun.elapsed());
        assert!(sentence(path, &headers, &body).contains("it took too long"), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_slow_kubernetes_is_waited_for() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    pause();
    world.kubernetes.send_replace(Kubernetes::Slow);
    for path in ["/environments", "/api/v1/environments"] {
        let begun = Instant::now();
        let (status, _, body) = world.get(path, &[("cookie", &cookie)]).await;
        assert!(status == StatusCode::OK && body.contains("qa"), "{path}: {status} {body}");
        // What was answered for the first is believed for the second.
        assert!(path != "/environments" || begun.elapsed() >= SLOW, "{path}: {:?}", begun.elapsed());
    }
}

/// The next that is sent and is so.
async fn sent(live: &mut BodyDataStream, wanted: impl Fn(&str) -> bool) {
    let looking = async {
        while let Some(piece) = live.next().await {
            let text = String::from_utf8(piece.unwrap().to_vec()).unwrap();
            if text.contains("data:") && wanted(&text) {
                return true;
            }
        }
        false
    };
    assert_eq!(timeout(Duration::from_secs(120), looking).await, Ok(true), "it ended, or nothing came");
}

#[tokio::test]
async fn whoever_looks_on_learns_that_kubernetes_is_away_and_that_it_is_back() {
    let world = World::new().await;
    let (cookie, _) = world.signed("vera");
    pause();
    let look = async || {
        let answer = world.ask(Method::GET, "/environments/live", &[("cookie", &cookie)], "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().into_data_stream()
    };
    let silent = |text: &str| text.contains("has not answered") && text.contains("qa");
    let well = |text: &str| !text.contains("has not answered") && text.contains("qa");
    let mut live = look().await;
    sent(&mut live, well).await;
    world.kubernetes.send_replace(Kubernetes::Away);
    sent(&mut live, silent).await;
    // Whoever comes back meanwhile sees what was known.
    sent(&mut look().await, silent).await;
    world.kubernetes.send_replace(Kubernetes::Well);
    sent(&mut live, well).await;
    sent(&mut look().await, well).await;
}
