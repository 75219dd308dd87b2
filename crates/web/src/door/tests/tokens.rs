//! Programs and terminals: tokens that are good, and each way in which one is not.

use axum::http::{StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oidc_fake::{Fake, Signer, TERMINAL};
use serde_json::{Value, json};

use super::world::World;
use crate::door::site::Limits;

pub(super) fn bearer(token: &str) -> String {
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
