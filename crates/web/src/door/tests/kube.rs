//! Kubernetes' API behind the server: what goes through, as whom, and what is on record of it.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::tokens::bearer;
use super::world::{World, parts};

#[tokio::test]
async fn kubernetes_is_reached_as_whoever_brings_the_token_and_by_nothing_that_they_add() {
    let mut world = World::new().await;
    let token = bearer(&world.token("vera"));
    let (status, _, body) = world.get("/kube/version", &[("authorization", &token)]).await;
    assert_eq!((status, body.contains("36")), (StatusCode::OK, true), "{body}");
    world.forget();
    let headers = [
        ("authorization", token.as_str()),
        ("impersonate-user", "system:admin"),
        ("impersonate-group", "system:masters"),
        ("impersonate-uid", "0"),
        ("x-remote-user", "system:admin"),
        ("cookie", "a=b"),
    ];
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";
    let (status, _, body) = world.get(path, &headers).await;
    assert_eq!((status, body.contains("uid-of-qa")), (StatusCode::OK, true), "{body}");
    let asked = world.seen.lock().unwrap().pop().unwrap();
    let said: Vec<String> =
        asked.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(said, ["impersonate-user: oidc:vera", "impersonate-group: oidc:dev"], "{said:?}");
    // Kubernetes refuses, in its own words, and it is on record.
    let answer = world.ask(Method::DELETE, path, &[("authorization", &token)], "").await;
    let (status, _, body) = parts(answer).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["kind"], "Status");
    let line = world.lines.try_recv().unwrap();
    assert_eq!((line.who.as_str(), line.by, line.status), ("vera", "kube", 403));
    assert_eq!(line.what.as_deref(), Some("delete environments.outboard.dev shop/qa"));
    assert!(world.lines.try_recv().is_err(), "what only reads is not kept");
}

#[tokio::test]
async fn what_is_not_listed_is_not_there_whoever_asks() {
    let mut world = World::new().await;
    let token = bearer(&world.token("root"));
    world.get("/kube/version", &[("authorization", &token)]).await;
    world.forget();
    for path in [
        "/kube/api/v1/namespaces/shop/secrets",
        "/kube/api/v1/namespaces/shop/pods/../secrets",
        "/kube/api/v1/namespaces/shop/%73ecrets",
        "/kube/api/v1/namespaces/shop/pods/web/proxy/x",
        "/kube/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/kube/metrics",
        "/kube/",
        "/kube",
        "/kube//api/v1/namespaces/shop/pods",
    ] {
        let (status, _, body) = world.get(path, &[("authorization", &token)]).await;
        assert!(
            status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND,
            "{path}: {status} {body}"
        );
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["kind"], "Status", "{path}: {body}");
    }
    assert_eq!(world.reached(), Vec::<String>::new());
    let tried: Vec<_> = std::iter::from_fn(|| world.lines.try_recv().ok()).collect();
    assert!(
        tried.iter().any(|line| line.what.as_deref() == Some("list secrets") && line.status == 403),
        "{tried:?}"
    );
}

#[tokio::test]
async fn who_asks_who_they_are_and_what_they_may_fills_no_record() {
    let mut world = World::new().await;
    let token = bearer(&world.token("root"));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    for path in
        ["authentication.k8s.io/v1/selfsubjectreviews", "authorization.k8s.io/v1/selfsubjectaccessreviews"]
    {
        let body = r#"{"metadata": {}, "spec": {"resourceAttributes": {}}}"#;
        let answer = world.ask(Method::POST, &format!("/kube/apis/{path}"), &headers, body).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{path}");
    }
    assert!(world.lines.try_recv().is_err());
}

#[tokio::test]
async fn a_cookie_is_no_good_at_kubernetes_api() {
    let world = World::new().await;
    let (cookie, forms) = world.signed("root");
    let headers =
        [("cookie", cookie.as_str()), ("x-form-token", forms.as_str()), ("origin", super::world::ORIGIN)];
    for method in [Method::GET, Method::POST, Method::DELETE, Method::PATCH] {
        let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";
        let (status, _, body) = parts(world.ask(method.clone(), path, &headers, "{}").await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {body}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["reason"], "Unauthorized");
    }
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_made_is_on_record_with_its_name_also_where_kubernetes_drew_it() {
    let mut world = World::new().await;
    let token = bearer(&world.token("dora"));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/plans";
    let body = r#"{"metadata": {"generateName": "drawn-"}}"#;
    let (status, _, answer) = parts(world.ask(Method::POST, path, &headers, body).await).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert!(answer.contains("drawn-x7"), "it is answered whole: {answer}");
    let line = world.lines.try_recv().unwrap();
    assert_eq!(line.what.as_deref(), Some("create plans.outboard.dev shop/drawn-x7"));
    // Refused, it is on record by what was sent.
    let token = bearer(&world.token("vera"));
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    parts(world.ask(Method::POST, path, &headers, body).await).await;
    let line = world.lines.try_recv().unwrap();
    assert_eq!((line.what.as_deref(), line.status), (Some("create plans.outboard.dev shop/drawn-*"), 403));
}

#[tokio::test]
async fn no_shape_of_body_or_answer_keeps_a_name_off_the_record() {
    let mut world = World::new().await;
    let token = bearer(&world.token("dora"));
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/plans";
    for kind in ["application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"] {
        let headers = [("authorization", token.as_str()), ("content-type", kind)];
        let (status, _, body) =
            parts(world.ask(Method::POST, path, &headers, "metadata: {name: hidden}").await).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["reason"], "UnsupportedMediaType");
        let line = world.lines.try_recv().unwrap();
        assert_eq!((line.what.as_deref(), line.status), (Some("create plans.outboard.dev shop"), 415));
    }
    assert_eq!(world.reached(), Vec::<String>::new());
    let table = "application/json;as=Table;g=meta.k8s.io;v=v1";
    let headers =
        [("authorization", token.as_str()), ("content-type", "application/json"), ("accept", table)];
    let body = r#"{"metadata": {"generateName": "drawn-"}}"#;
    assert_eq!(world.ask(Method::POST, path, &headers, body).await.status(), StatusCode::CREATED);
    let sent = world.seen.lock().unwrap().pop().unwrap();
    assert_eq!(sent.headers["accept"], "application/json");
    let line = world.lines.try_recv().unwrap();
    assert_eq!(line.what.as_deref(), Some("create plans.outboard.dev shop/drawn-x7"));
}

#[tokio::test]
async fn a_query_that_says_two_things_is_refused_before_kubernetes_hears_of_it() {
    let world = World::new().await;
    let token = bearer(&world.token("root"));
    world.get("/kube/version", &[("authorization", &token)]).await;
    world.forget();
    for query in ["dryRun=All;", "dryRun=All%zz", "%77atch=1"] {
        let path = format!("/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa?{query}");
        let answer = world.ask(Method::DELETE, &path, &[("authorization", &token)], "").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_by_the_command_line_is_under_way_until_kubernetes_answered() {
    let mut world = World::new().await;
    let token = bearer(&world.token("dora"));
    let under_way = world.app.door.site().unwrap().under_way.clone();
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/slow";
    {
        let headers = [("authorization", token.as_str())];
        let mut asking = Box::pin(world.ask(Method::DELETE, path, &headers, ""));
        assert!(futures::poll!(&mut asking).is_pending());
        // Whoever asked has gone.
    }
    let ended = under_way.clone().write_owned();
    tokio::pin!(ended);
    assert!(futures::poll!(&mut ended).is_pending(), "it is waited for");
    world.slow.notify_one();
    ended.await;
    assert_eq!(
        world.lines.try_recv().unwrap().what.as_deref(),
        Some("delete environments.outboard.dev shop/slow")
    );
}

#[tokio::test]
async fn what_breaks_on_the_way_is_on_record_too() {
    let mut world = World::new().await;
    let token = bearer(&world.token("dora"));
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/broken";
    let answer = world.ask(Method::DELETE, path, &[("authorization", &token)], "").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let line = world.lines.try_recv().unwrap();
    assert_eq!((line.who.as_str(), line.status), ("dora", 500));
    assert_eq!(line.what.as_deref(), Some("delete environments.outboard.dev shop/broken"));
    // Nothing waits for it at the end.
    assert!(world.app.door.site().unwrap().under_way.clone().try_write_owned().is_ok());
}

#[tokio::test]
async fn large_bodies_of_one_person_come_one_after_the_other_and_of_others_at_once() {
    let world = World::new().await;
    let limits = &world.app.door.site().unwrap().limits;
    let actor = |name| crate::actor::Actor::new(identity::Person::new(name, []).unwrap(), None);
    let (ann, bob) = (actor("ann"), actor("bob"));
    let first = limits.large(&ann).await;
    assert!(first.is_some());
    assert!(futures::poll!(Box::pin(limits.large(&ann))).is_pending());
    assert!(futures::poll!(Box::pin(limits.large(&bob))).is_ready());
    drop(first);
    assert!(limits.large(&ann).await.is_some());
}

#[tokio::test]
async fn no_protocol_but_that_of_a_way_into_a_container_is_changed_to() {
    let world = World::new().await;
    let token = bearer(&world.token("root"));
    for (path, to) in [
        ("/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa", "websocket"),
        ("/kube/api/v1/namespaces/shop/pods/web-1/exec", "SPDY/3.1"),
        ("/kube/api/v1/namespaces/shop/pods/web-1/exec", "h2c"),
        ("/kube/version", "websocket"),
    ] {
        let headers = [("authorization", token.as_str()), ("connection", "Upgrade"), ("upgrade", to)];
        let (status, ..) = world.get(path, &headers).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {to}");
    }
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_for_one_namespace_hands_on_nothing_of_others() {
    let mut world = World::of_namespace("shop").await;
    let token = bearer(&world.token("dora"));
    let headers = [("authorization", token.as_str())];
    let ours = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments";
    assert_eq!(world.get(ours, &headers).await.0, StatusCode::OK);
    // Where an environment of it runs.
    world.get("/kube/api/v1/namespaces/shop-qa/pods", &headers).await;
    let reached = world.reached();
    assert!(reached.iter().any(|told| told.ends_with("/namespaces/shop-qa/pods")), "{reached:?}");
    world.forget();
    for path in [
        "/kube/apis/outboard.dev/v1alpha1/namespaces/safe/environments",
        "/kube/apis/outboard.dev/v1alpha1/environments",
        "/kube/api/v1/pods",
        "/kube/api/v1/namespaces",
        "/kube/api/v1/namespaces/safe",
        "/kube/api/v1/namespaces/safe/pods/web/log",
        "/kube/apis/outboard.dev/v1alpha1/hostclaims",
        "/kube/api/v1/persistentvolumes",
        "/kube/api/v1/persistentvolumes?watch=true",
        "/kube/apis/coordination.k8s.io/v1/namespaces/outboard-system/leases/another",
        "/kube/apis/apps/v1/namespaces/outboard-system/deployments/another",
        "/kube/apis/apps/v1/namespaces/outboard-system/deployments",
        "/kube/api/v1/namespaces/outboard-system/configmaps/outboard-operator",
    ] {
        let (status, _, body) = world.get(path, &headers).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path} {body}");
    }
    let claim = "/kube/apis/outboard.dev/v1alpha1/hostclaims/web.example.com";
    assert_eq!(world.ask(Method::DELETE, claim, &headers, "").await.status(), StatusCode::FORBIDDEN);
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/safe/environments/qa";
    assert_eq!(world.ask(Method::DELETE, path, &headers, "").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.reached(), Vec::<String>::new());
    let mut line = None;
    while let Ok(next) = world.lines.try_recv() {
        line = Some(next);
    }
    assert_eq!(line.and_then(|line| line.what).as_deref(), Some("delete environments.outboard.dev safe/qa"));
    // What is asked for by its name Kubernetes decides about, and whether the operator is there everybody may ask.
    for path in [
        claim,
        "/kube/api/v1/persistentvolumes/pv-1",
        "/kube/apis/coordination.k8s.io/v1/namespaces/outboard-system/leases/outboard-operator",
        "/kube/apis/apps/v1/namespaces/outboard-system/deployments/outboard-operator",
    ] {
        world.get(path, &headers).await;
        let reached = world.reached();
        assert_eq!(reached, [format!("oidc:dora GET {}", path.trim_start_matches("/kube"))]);
        world.forget();
    }
}

#[tokio::test]
async fn a_patch_is_on_record_with_its_fields_and_who_has_much_under_way_can_leave() {
    let mut world = World::new().await;
    let token = bearer(&world.token("dora"));
    let headers = [("authorization", token.as_str()), ("content-type", "application/merge-patch+json")];
    let path = "/kube/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";
    world.ask(Method::PATCH, path, &headers, r#"{"spec": {"versions": {"web": "hunter2"}}}"#).await;
    let line = world.lines.try_recv().unwrap();
    assert_eq!(line.diff.as_deref(), Some("versions.web"));

    let (cookie, forms) = world.signed("ann");
    let person = identity::Person::new("ann", ["dev".to_owned()]).unwrap();
    let ann = crate::actor::Actor::new(person, None);
    let limits = &world.app.door.site().unwrap().limits;
    let rooms: Vec<_> = (0..100).map_while(|_| limits.room(&ann)).collect();
    for path in ["/environments", "/sign-out"] {
        assert_eq!(world.get(path, &[("cookie", &cookie)]).await.0, StatusCode::TOO_MANY_REQUESTS, "{path}");
    }
    let (status, ..) = world.post("/sign-out", &cookie, &format!("token={forms}")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    drop(rooms);
}
