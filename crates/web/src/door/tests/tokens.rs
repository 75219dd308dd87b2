//! Programs and terminals: tokens that are good, each way in which one is not, and Kubernetes' API behind the server.

use axum::http::{Method, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oidc_fake::{Fake, Signer, TERMINAL};
use serde_json::{Value, json};

use super::world::{World, parts};
use crate::door::site::Limits;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_token_of_the_provider_lets_a_program_in() {
    let world = World::new().await;
    let token = bearer(&world.provider.token(&json!({"email": "vera", "aud": TERMINAL})));
    let (status, _, listed) = world.get("/api/v1/environments", &[("authorization", &token)]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(listed.contains("qa") && !listed.contains("gold"), "{listed}");
}

#[tokio::test]
async fn every_bad_token_is_refused_for_what_is_wrong_with_it() {
    let world = World::new().await;
    let now = world.now().as_second();
    let good = world.token("vera");
    let parted: Vec<&str> = good.split('.').collect();
    let header = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let with = |more: Value| world.provider.token(&more);
    let stranger = Signer::new("one")
        .sign(&json!({"iss": world.provider.issuer(), "aud": "outboard", "exp": now + 60, "email": "vera"}));
    let cases = [
        ("nonsense".to_owned(), "this is no token"),
        (format!("{}.{}.", header(json!({"alg": "none"})), parted[1]), "signed by `none`"),
        (format!("{}.{}.{}", header(json!({"alg": "HS256"})), parted[1], parted[2]), "signed by `HS256`"),
        (format!("{}.{}.{}", parted[0], parted[1], BASE64_URL_SAFE_NO_PAD.encode([0_u8; 64])), "signature"),
        (stranger, "signature"),
        (with(json!({"email": "vera", "exp": now - 60})), "was good until"),
        (with(json!({"email": "vera", "nbf": now + 120})), "is good from"),
        (with(json!({"email": "vera", "aud": "another"})), "was for `another`"),
        (with(json!({"email": "vera", "iss": "https://evil.example"})), "issued by `https://evil.example`"),
        (with(json!({"email": "vera", "email_verified": false})), "nobody has checked"),
        (with(json!({"email": "system:admin"})), "begins with `system:`"),
        (with(json!({"email": "vera", "groups": ["system:masters"]})), "begins with `system:`"),
        (with(json!({"email": "vera\r\nImpersonate-Group: system:masters"})), "characters"),
        (with(json!({"email": "vera", "groups": 7})), "shape"),
    ];
    let mut told = std::collections::BTreeSet::new();
    for (token, wanted) in cases {
        let (status, headers, body) =
            world.get("/api/v1/environments", &[("authorization", &bearer(&token))]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wanted}: {body}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
        let problem: Value = serde_json::from_str(&body).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(wanted), "{wanted}: {detail}");
        assert!(problem["hint"].is_string() && !body.contains(parted[2]), "{body}");
        told.insert(detail.to_owned());
    }
    assert!(told.len() >= 11, "{told:#?}");
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bad_token_is_not_made_good_by_a_cookie() {
    let world = World::new().await;
    let (cookie, _) = world.signed("root");
    for said in ["Bearer x", "Basic dmVyYTp4", "Bearer", "bearer  "] {
        let (status, ..) =
            world.get("/api/v1/environments", &[("cookie", &cookie), ("authorization", said)]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{said}");
    }
    let two =
        [("authorization", bearer(&world.token("vera"))), ("authorization", bearer(&world.token("root")))];
    let two: Vec<(&str, &str)> = two.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(world.get("/api/v1/environments", &two).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_as_that_and_lets_nobody_in() {
    let world = World::new().await;
    let token = bearer(&world.token("vera"));
    world.provider.inside().away = Some(502);
    let (status, _, body) = world.get("/api/v1/environments", &[("authorization", &token)]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    let (status, _, page) = world.get("/sign-in", &[("accept", "text/html")]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
    // Whoever has a session needs no provider.
    let (cookie, _) = world.signed("vera");
    assert_eq!(world.get("/who", &[("cookie", &cookie)]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_program_of_another_issuer_comes_in_by_its_rule() {
    let ci = Fake::start().await;
    let rules = format!(
        "issuers: [{{issuer: {}, audiences: [https://outboard.example.com], prefix: 'github:', \
         people: [{{when: {{repository: shop/shop, repository_id: '41', ref: refs/heads/main, event_name: push}}, \
         name: '${{repository}}'}}]}}]",
        ci.issuer()
    );
    let world = World::with(Limits::of(1e9, 1e9, 1e9), true, &rules).await;
    ci.inside().claims = json!({"repository": "shop/shop", "repository_id": "41", "event_name": "push",
        "ref": "refs/heads/main", "sub": "repo:shop/shop:ref:refs/heads/main"});
    let aud = "https://outboard.example.com";
    let token = bearer(&ci.token(&json!({"aud": aud})));
    let (status, ..) = world.get("/api/v1/projects", &[("authorization", &token)]).await;
    assert_eq!(status, StatusCode::OK);
    let named = world.seen.lock().unwrap().iter().any(|asked| {
        asked.headers.get("impersonate-user").is_some_and(|user| user == "oidc:github:shop/shop")
    });
    assert!(named);
    for other in [
        json!({"aud": aud, "ref": "refs/heads/evil"}),
        // A stranger's pull request begins these, on the branch that it is for.
        json!({"aud": aud, "event_name": "pull_request_target"}),
        json!({"aud": aud, "event_name": "issue_comment"}),
        // Somebody else took the name.
        json!({"aud": aud, "repository_id": "42"}),
    ] {
        let token = bearer(&ci.token(&other));
        let (status, _, body) = world.get("/api/v1/projects", &[("authorization", &token)]).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
        assert!(body.contains("no rule says"), "{body}");
    }
}

#[tokio::test]
async fn guesses_are_counted_as_sign_ins_are() {
    let world = World::with(Limits::of(1e9, 3.0, 1e9), true, "issuers: []").await;
    let from = ("x-forwarded-for", "203.0.113.1");
    for wanted in [StatusCode::UNAUTHORIZED; 3].into_iter().chain([StatusCode::TOO_MANY_REQUESTS]) {
        let (status, ..) = world.get("/api/v1/projects", &[from, ("authorization", "Bearer x")]).await;
        assert_eq!(status, wanted);
    }
    // Others at that address sign in all the same.
    assert_eq!(world.get("/sign-in", &[from, ("accept", "text/html")]).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_terminal_is_told_where_to_sign_in() {
    let world = World::new().await;
    let (status, _, body) = world.get("/api/v1/sign-in", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["issuer"], &told["clientId"]), (&json!(world.provider.issuer()), &json!(TERMINAL)));
    assert!(!body.contains("secret"), "{body}");
}

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
