//! A plan is carried out once, whoever waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use serde_json::json;
use tokio::sync::Notify;
use verbs::environment::Wish;

use super::*;
use crate::fake::{self, list, object, refusal, settings};

/// What the cluster was asked for, and whether it may answer.
#[derive(Default)]
struct Gate {
    asked: Notify,
    open: Notify,
    created: AtomicUsize,
}

/// Plans are answered at once. A new environment is refused `refused` times; then it is made, once the gate is open.
fn cluster(gate: &Arc<Gate>, refused: usize) -> Cluster {
    let gate = gate.clone();
    fake::cluster(move |method, address| {
        let gate = gate.clone();
        async move {
            let plan =
                object("Plan", "qa-1", &json!({"environment": "qa", "wanted": settings()}), &json!({}));
            let is = |said: &Method, end: &str| {
                method == *said && address.split('?').next().is_some_and(|path| path.ends_with(end))
            };
            if is(&Method::POST, "/plans") {
                (201, plan)
            } else if address.contains("watch=true") {
                std::future::pending().await
            } else if is(&Method::GET, "/plans") {
                (200, list("Plan", &[plan]))
            } else if is(&Method::POST, "/environments") {
                let before = gate.created.fetch_add(1, Ordering::SeqCst);
                if before < refused {
                    return refusal(403, "Forbidden");
                }
                gate.asked.notify_one();
                gate.open.notified().await;
                (201, object("Environment", "qa", &settings(), &json!({})))
            } else {
                refusal(404, "NotFound")
            }
        }
    })
}

async fn planned(cluster: &Cluster) -> Planned {
    let wish = Wish {
        environment: "qa".into(),
        base: None,
        wanted: serde_json::from_value(settings()).unwrap(),
        refresh: vec![],
        promotes: None,
        action: "create".into(),
        thaws: false,
        previews: None,
        notes: vec![],
    };
    environment::plan(cluster, "shop", wish, &mut |_: Event| {}).await.unwrap()
}

fn sheet(id: &str, planned: &Planned, done: Option<Change>) -> Arc<Sheet> {
    sheet_of("", id, planned, done)
}

fn sheet_of(by: &str, id: &str, planned: &Planned, done: Option<Change>) -> Arc<Sheet> {
    let text = r#"{"action": "create", "environment": "qa"}"#;
    Arc::new(Sheet {
        id: id.to_owned(),
        by: by.to_owned(),
        namespace: "shop".into(),
        ask: serde_json::from_str(text).unwrap(),
        planned: planned.clone(),
        copy: None,
        made: Instant::now(),
        done: Mutex::new(done),
    })
}

#[tokio::test]
async fn a_change_whose_asker_left_is_finished_and_remembered() {
    let gate = Arc::new(Gate::default());
    let (cluster, desk) = (cluster(&gate, 0), Desk::default());
    let sheet = sheet("1", &planned(&cluster).await, None);
    tokio::select! {
        _ = desk.carry_out(&cluster, &sheet) => unreachable!("the gate is closed"),
        () = gate.asked.notified() => {}
    }
    gate.open.notify_one();
    assert_eq!(desk.carry_out(&cluster, &sheet).await.unwrap(), Change::Created);
    assert_eq!(gate.created.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whoever_ends_waits_for_what_is_under_way() {
    let gate = Arc::new(Gate::default());
    let (cluster, desk) = (cluster(&gate, 0), Desk::default());
    let sheet = sheet("1", &planned(&cluster).await, None);
    tokio::select! {
        _ = desk.carry_out(&cluster, &sheet) => unreachable!("the gate is closed"),
        () = gate.asked.notified() => {}
    }
    let mut quiet = Box::pin(desk.quiet());
    assert!(futures::poll!(&mut quiet).is_pending());
    gate.open.notify_one();
    drop(quiet.await);
    assert_eq!(*sheet.done.lock().await, Some(Change::Created));
}

#[tokio::test]
async fn a_refusal_is_tried_again_and_what_was_done_is_not() {
    let gate = Arc::new(Gate::default());
    let (cluster, desk) = (cluster(&gate, 1), Desk::default());
    let sheet = sheet("1", &planned(&cluster).await, None);
    let refused = desk.carry_out(&cluster, &sheet).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    gate.open.notify_one();
    for _ in 0..2 {
        assert_eq!(desk.carry_out(&cluster, &sheet).await.unwrap(), Change::Created);
    }
    assert_eq!(gate.created.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn plans_that_nobody_carried_out_do_not_push_out_what_was_done() {
    let planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    let desk = Desk::default();
    desk.sheets().put(sheet("done", &planned, Some(Change::Created)));
    for number in 0..=MOST {
        desk.sheets().put(sheet(&number.to_string(), &planned, None));
    }
    assert!(desk.find("done", "").is_ok());
    assert_eq!(desk.find("0", "").map(|sheet| sheet.id.clone()).unwrap_err().status, StatusCode::GONE);
    assert!(desk.find("1", "").is_ok() && desk.find(&MOST.to_string(), "").is_ok());
}

#[tokio::test]
async fn a_key_is_taken_while_its_plan_is_drawn_and_as_long_as_that_is_kept() {
    let planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    let desk = Desk::default();
    let first = desk.keyed("a");
    assert!(Arc::ptr_eq(&first, &desk.keyed("a")) && !Arc::ptr_eq(&first, &desk.keyed("b")));
    let sheet = sheet("1", &planned, None);
    desk.sheets().put(sheet.clone());
    first.set(sheet).ok().unwrap();
    drop(first);
    assert_eq!(desk.keyed("a").get().map(|sheet| sheet.id.as_str()), Some("1"));
    desk.sheets().by_id.clear();
    assert!(desk.keyed("a").get().is_none());
}

#[tokio::test]
async fn a_plan_is_for_whoever_asked_and_pushes_out_nobody_elses() {
    let planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    let desk = Desk::default();
    desk.sheets().put(sheet_of("dora", "doras", &planned, None));
    assert!(desk.find("doras", "dora").is_ok());
    for other in ["vera", ""] {
        assert_eq!(
            desk.find("doras", other).map(|sheet| sheet.id.clone()).unwrap_err().status,
            StatusCode::GONE
        );
    }
    for number in 0..MOST + 1 {
        desk.sheets().put(sheet_of("vera", &number.to_string(), &planned, None));
    }
    assert!(desk.find("doras", "dora").is_ok());
    assert!(desk.find("0", "vera").is_err() && desk.find(&MOST.to_string(), "vera").is_ok());
}

#[tokio::test]
async fn as_many_as_are_planned_at_once_are_kept_for_whoever_asked() {
    let planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    let desk = Desk::default();
    for number in 0..2 * PAGE {
        desk.sheets().put(sheet_of("vera", &number.to_string(), &planned, None));
    }
    assert!((0..2 * PAGE).all(|number| desk.find(&number.to_string(), "vera").is_ok()));
}

#[tokio::test]
async fn what_was_carried_out_is_found_by_whoever_did_it_until_something_else_is_asked_for() {
    let mut planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    planned.status.hash = Some("what-is-wanted".to_owned());
    let hash = planned.status.hash.clone();
    let desk = Desk::default();
    desk.sheets().put(sheet_of("vera", "shown", &planned, None));
    let qa = |name: &str| Place { namespace: "shop".into(), name: name.into() };
    assert!(desk.carried("vera", &qa("qa"), hash.as_deref()).is_none());
    desk.sheets().put(sheet_of("vera", "done", &planned, Some(Change::Created)));
    let found = desk.carried("vera", &qa("qa"), hash.as_deref()).map(|sheet| sheet.id.clone());
    assert_eq!(found.as_deref(), Some("done"));
    for (by, name, hash) in
        [("dora", "qa", hash.as_deref()), ("vera", "qa-2", hash.as_deref()), ("vera", "qa", Some("other"))]
    {
        assert!(desk.carried(by, &qa(name), hash).is_none(), "{by} {name} {hash:?}");
    }
    // What has no hash is not the same as something else that has none.
    planned.status.hash = None;
    desk.sheets().put(sheet_of("vera", "unknown", &planned, Some(Change::Created)));
    assert!(desk.carried("vera", &qa("qa"), None).is_none());
}

#[tokio::test]
async fn an_environment_that_was_made_and_has_no_copy_yet_is_carried_out_again_not_planned_again() {
    let planned = planned(&cluster(&Arc::new(Gate::default()), 0)).await;
    // Others write the environment whenever the copy is to take its hold over.
    let cluster = fake::cluster(|method, address| async move {
        let mut made = object("Environment", "qa", &settings(), &json!({}));
        made["metadata"]["managedFields"] = json!([{"manager": "m", "operation": "Update", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:overlays": {}}}}]);
        let path = address.split('?').next().unwrap_or_default().to_owned();
        match method {
            Method::POST if path.ends_with("/environments") => (201, made),
            Method::GET if path.ends_with("/environments/qa") => (200, made),
            Method::PATCH if path.ends_with("/environments/qa") => refusal(409, "Conflict"),
            _ => refusal(404, "NotFound"),
        }
    });
    let text = r#"{"action": "create", "environment": "qa", "data": "live"}"#;
    let sheet = Sheet {
        id: "1".to_owned(),
        by: String::new(),
        namespace: "shop".into(),
        ask: serde_json::from_str(text).unwrap(),
        planned,
        copy: Some(data::Wanted::between("qa-1".to_owned(), "live", "qa")),
        made: Instant::now(),
        done: Mutex::new(None),
    };
    let refused = sheet.carry_out(&cluster).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.words.sentence);
    assert!(refused.words.details.iter().any(|detail| detail.contains("carry the plan out again")));
}
