//! Waiting against a small API server that errs as the real one does.

use api::Environment;
use serde_json::json;

use super::*;
use crate::fake::{Answer, cluster, status};

fn one_environment() -> Answer {
    let environment = json!({
        "apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
        "metadata": {"name": "qa-42", "namespace": "shop", "resourceVersion": "7"},
        "spec": {"project": "shop", "projectRevision": "p-0123456789", "class": "qa"},
    });
    Some((
        200,
        json!({"kind": "EnvironmentList", "apiVersion": "outboard.dev/v1alpha1",
        "metadata": {"resourceVersion": "7"}, "items": [environment]}),
    ))
}

/// Waits for what never comes, and tells how that ended and what was said meanwhile.
async fn wait(cluster: &Cluster, timeout: Option<Duration>, lagging: bool) -> (Error, Vec<Event>) {
    let api: Api<Environment> = Api::namespaced(cluster.client.clone(), "shop");
    let mut said = vec![];
    let ended = Wait { cluster, api, name: "qa-42", what: "environment qa-42".into(), timeout }
        .until::<()>(&mut |event| said.push(event), |_, _| {
            Ok(if lagging { Look::Lagging } else { Look::Wait })
        })
        .await;
    (ended.unwrap_err(), said)
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_goes_away_is_waited_for_visibly_and_then_given_up() {
    let cluster = cluster(|count, _| if count == 0 { one_environment() } else { None });
    let start = Instant::now();
    let (error, said) = wait(&cluster, None, false).await;
    assert!(matches!(error, Error::WentAway { seconds: 30.., .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(40));
    assert!(matches!(&said[..], [Event::ServerSilent { .. }]), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_comes_back_is_believed_though_nothing_changed() {
    let cluster = cluster(|count, uri| match count {
        0 => one_environment(),
        1..5 => None,
        // The object itself: the watch stays silent.
        _ if uri.contains("/qa-42") => Some((200, one_environment().unwrap().1["items"][0].clone())),
        _ => status(503, "starting", "ServiceUnavailable"),
    });
    let (error, said) = wait(&cluster, Some(Duration::from_secs(120)), false).await;
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(said.iter().any(|event| matches!(event, Event::ServerBack { .. })), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_the_start_is_final_but_later_only_if_it_lasts() {
    const REFUSAL: &str = "environments.outboard.dev is forbidden: User \"ann\" cannot list resource \"environments\" \
                           in API group \"outboard.dev\" in the namespace \"shop\"";
    let start = Instant::now();
    let (error, _) = wait(&cluster(|_, _| status(403, REFUSAL, "Forbidden")), None, false).await;
    assert!(matches!(&error, Error::Forbidden(told) if told.user.as_deref() == Some("ann")), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(1));

    let later =
        cluster(|count, _| if count == 0 { one_environment() } else { status(403, REFUSAL, "Forbidden") });
    let (error, _) = wait(&later, None, false).await;
    assert!(matches!(error, Error::Forbidden(_)), "{error:?}");
    assert!(start.elapsed() >= OUTAGE, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_the_definitions_outboard_is_not_installed() {
    let cluster = cluster(|_, _| status(404, "the server could not find the requested resource", "NotFound"));
    let (error, _) = wait(&cluster, None, false).await;
    assert!(matches!(error, Error::NotInstalled { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_without_a_lease_ends_the_wait_for_it_after_a_few_seconds() {
    let cluster = cluster(|_, uri| match uri {
        uri if uri.contains("/leases/") => {
            status(404, "leases.coordination.k8s.io \"outboard-operator\" not found", "NotFound")
        }
        uri if uri.contains("watch=true") => status(500, "no watch here", "InternalError"),
        uri if uri.contains("/qa-42") => Some((200, one_environment().unwrap().1["items"][0].clone())),
        _ => one_environment(),
    });
    let start = Instant::now();
    let (error, _) = wait(&cluster, None, true).await;
    assert!(matches!(error, Error::NoOperator { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_time_allowed_is_kept() {
    let cluster = cluster(|_, uri| match uri {
        uri if uri.contains("/qa-42") => Some((200, one_environment().unwrap().1["items"][0].clone())),
        _ => one_environment(),
    });
    let start = Instant::now();
    let (error, _) = wait(&cluster, Some(Duration::from_secs(60)), false).await;
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 60);
}
