//! What is told of what has happened, in which order, and what is told when some of it may not be read.

use serde_json::{Value, json};

use super::*;
use crate::fake;

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items})
}

fn environment() -> Value {
    json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
        "metadata": {"name": "qa", "namespace": "shop", "uid": "u", "creationTimestamp": "2026-11-26T09:00:00Z"},
        "spec": {"project": "shop", "projectRevision": "p-0123456789", "class": "qa"},
        "status": {"namespace": "shop-qa", "revision": 1, "rotations": {"db": {"request": "1", "phase": "Done",
            "rotatedAt": "2026-11-26T11:00:00Z"}}}})
}

fn event(name: &str, about: (&str, &str), what: (&str, &str), at: &str, count: i32) -> Value {
    let (kind, object) = about;
    let (reason, message) = what;
    json!({"metadata": {"name": name, "namespace": "shop-qa"}, "involvedObject": {"kind": kind, "name": object},
        "reason": reason, "message": message, "type": if reason == "BackOff" { "Warning" } else { "Normal" },
        "firstTimestamp": "2026-11-26T09:30:00Z", "lastTimestamp": at, "count": count, "source": {"component": "kubelet"}})
}

fn revision() -> Value {
    let verdict = json!([{"verdict": {"cause": "CrashLoop", "about": "component web", "message": "web keeps crashing",
        "fix": "mend it", "terminal": true}, "at": "2026-11-26T09:40:00Z", "until": "2026-11-26T09:50:00Z"}]);
    json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {"name": "qa-r1", "namespace": "shop", "creationTimestamp": "2026-11-26T09:00:01Z",
            "labels": {"outboard.dev/project": "shop"},
            "annotations": {"outboard.dev/verdicts": verdict.to_string(), "outboard.dev/ready-since": "2026-11-26T09:50:00Z"}},
        "data": {}})
}

fn pod() -> Value {
    json!({"metadata": {"name": "web-5d9f7c6b84-x2x4z", "namespace": "shop-qa"}, "status": {"containerStatuses": [
        {"name": "web", "image": "web:1", "imageID": "", "ready": true, "restartCount": 4, "lastState": {"terminated":
            {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-26T09:45:00Z"}}}]}})
}

fn copy() -> Value {
    json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "DataCopy",
        "metadata": {"name": "qa-x7k2p", "namespace": "shop", "creationTimestamp": "2026-11-26T10:00:00Z"},
        "spec": {"from": {"environment": "production"}, "to": {"environment": "qa"}, "requestedBy": "ann"},
        "status": {"phase": "Done", "finished": "2026-11-26T10:10:00Z"}})
}

fn world(address: &str) -> fake::Answer {
    let path = address.split('?').next().unwrap_or_default();
    let body = match path {
        path if path.ends_with("/environments/qa") => environment(),
        path if path.ends_with("/controllerrevisions") => list("ControllerRevisionList", &[revision()]),
        path if path.ends_with("/namespaces/shop/events") => list(
            "EventList",
            &[
                event(
                    "old",
                    ("Environment", "qa"),
                    ("DriftFound", "of one before"),
                    "2026-11-26T08:00:00Z",
                    1,
                ),
                event(
                    "told",
                    ("Environment", "qa"),
                    ("CrashLoop", "web keeps crashing"),
                    "2026-11-26T09:40:00Z",
                    1,
                ),
            ],
        ),
        path if path.ends_with("/namespaces/shop-qa/events") => list(
            "EventList",
            &[
                event(
                    "a",
                    ("Pod", "web-5d9f7c6b84-x2x4z"),
                    ("BackOff", "restarts"),
                    "2026-11-26T09:41:00Z",
                    3,
                ),
                event(
                    "b",
                    ("Pod", "web-5d9f7c6b84-zzzzz"),
                    ("BackOff", "restarts"),
                    "2026-11-26T09:42:00Z",
                    2,
                ),
            ],
        ),
        path if path.ends_with("/pods") => list("PodList", &[pod()]),
        path if path.ends_with("/datacopies") => list("DataCopyList", &[copy()]),
        _ => return fake::status(404, "not found", "NotFound"),
    };
    Some((200, body))
}

fn lines(timeline: &Timeline) -> Vec<String> {
    let line = |one: &Happening| {
        format!(
            "{} {}× {} [{}] {}",
            &one.at[11..19],
            one.count,
            one.what,
            one.about.clone().unwrap_or_default(),
            one.message
        )
    };
    timeline.entries.iter().map(line).collect()
}

#[tokio::test]
async fn all_that_is_kept_is_told_the_newest_first_and_what_was_repeated_once() {
    let cluster = fake::cluster(|_, address| world(address));
    let told = timeline(&cluster, "shop", "qa").await.unwrap();
    insta::assert_yaml_snapshot!(lines(&told));
    assert_eq!((told.cut, told.partial, told.unread.len()), (false, false, 0));
    let backs: Vec<_> = told.entries.iter().filter(|one| one.what == "BackOff").collect();
    assert_eq!(backs[0].since.as_deref(), Some("2026-11-26T09:30:00Z"));
}

#[tokio::test]
async fn what_somebody_may_not_read_is_said_and_the_rest_is_told() {
    let cluster = fake::cluster(|_, address| {
        if address.contains("/events") {
            return fake::status(
                403,
                "events is forbidden: User \"vera\" cannot list resource \"events\"",
                "Forbidden",
            );
        }
        world(address)
    });
    let told = timeline(&cluster, "shop", "qa").await.unwrap();
    assert!(told.entries.iter().all(|one| one.source != Source::Event) && !told.entries.is_empty());
    let what: Vec<&str> = told.unread.iter().map(|unread| unread.what.as_str()).collect();
    assert_eq!(what, ["events of the environment", "events in its namespace"]);
}

#[tokio::test]
async fn long_lists_are_read_page_by_page_and_no_further_than_somebody_waits() {
    let cluster = fake::cluster(|_, address| {
        if !address.contains("/namespaces/shop-qa/events") {
            return world(address);
        }
        let name = |index: usize| format!("{index}");
        let page: Vec<Value> = (0..500)
            .map(|index| {
                event(&name(index), ("Pod", &format!("p{index}")), ("Pulled", "x"), "2026-11-26T09:41:00Z", 1)
            })
            .collect();
        let mut list = list("EventList", &page);
        list["metadata"]["continue"] = json!("more");
        Some((200, list))
    });
    let told = timeline(&cluster, "shop", "qa").await.unwrap();
    assert!(told.cut && told.partial && told.entries.len() == MOST, "{}", told.entries.len());
}

#[tokio::test]
async fn copies_that_are_known_already_are_not_read_again() {
    let cluster = fake::cluster(|_, address| {
        assert!(!address.contains("/datacopies"), "{address}");
        world(address)
    });
    let known = serde_json::from_value(copy()).unwrap();
    let told = timeline_with(&cluster, "shop", "qa", Some(vec![known])).await.unwrap();
    assert!(told.entries.iter().any(|one| one.copy.as_deref() == Some("qa-x7k2p")));
}

#[tokio::test]
async fn an_environment_that_nobody_knows_is_an_error() {
    let cluster = fake::cluster(|_, address| match address {
        address if address.contains("/environments?") => Some((200, list("EnvironmentList", &[]))),
        address if address.contains("/controllerrevisions") => {
            Some((200, list("ControllerRevisionList", &[])))
        }
        _ => fake::status(404, "not found", "NotFound"),
    });
    assert!(matches!(timeline(&cluster, "shop", "nope").await, Err(crate::Error::NotFound { .. })));
}
