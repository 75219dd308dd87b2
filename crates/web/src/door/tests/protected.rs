//! Somebody who develops, and a program of CI: over every route they change what is theirs, and nothing that is protected.

use axum::http::{Method, StatusCode};
use oidc_fake::Fake;
use serde_json::json;

use super::matrix::{body, write, writes};
use super::tokens::bearer;
use super::world::{ORIGIN, World, parts};
use crate::door::site::Limits;

/// What they are called for Kubernetes, and how they come in.
async fn people(ci: &Fake) -> (World, [(&'static str, String); 2]) {
    let rules = format!(
        "issuers: [{{issuer: {}, audiences: [{ORIGIN}], prefix: 'github:', \
         people: [{{when: {{repository: shop/shop, repository_id: '41', ref: refs/heads/main, event_name: push}}, \
         name: '${{repository}}'}}]}}]",
        ci.issuer()
    );
    let world = World::with(Limits::of(1e9, 1e9, 1e9), true, &rules).await;
    let run = json!({"aud": ORIGIN, "repository": "shop/shop", "repository_id": "41", "event_name": "push",
        "ref": "refs/heads/main", "sub": "repo:shop/shop:ref:refs/heads/main"});
    let people =
        [("oidc:dora", bearer(&world.token("dora"))), ("oidc:github:shop/shop", bearer(&ci.token(&run)))];
    (world, people)
}

/// What only plans something changes nothing.
fn plans(path: &str) -> bool {
    ["/change", "/plans", "/new", "/several", "/several/carry-out", "/again"]
        .iter()
        .any(|end| path.ends_with(end))
}

#[tokio::test]
async fn what_is_theirs_is_changed_as_they() {
    let ci = Fake::start().await;
    let (world, people) = people(&ci).await;
    let mut done = 0;
    for (who, token) in &people {
        for (path, method) in writes() {
            let Some(write) = write(&path, &method) else { continue };
            let (body, kind) = body(&path, "");
            let before = world.reached().len();
            let headers = [("authorization", token.as_str()), kind];
            let (status, _, page) = parts(world.ask(method.clone(), &path, &headers, &body).await).await;
            let reached = world.reached().split_off(before);
            assert!(
                reached.contains(&format!("{who} {write}")),
                "{who} {method} {path}: {page} {reached:#?}"
            );
            // The project itself is none of theirs.
            let barred = path.starts_with("/api/v1/projects/");
            assert_eq!(status == StatusCode::FORBIDDEN, barred, "{who} {method} {path}: {page}");
            assert!(barred || status.is_success() || status.is_redirection(), "{status} {path}: {page}");
            done += 1;
        }
    }
    assert!(done >= 20, "{done}");
}

#[tokio::test]
async fn what_is_protected_stays_as_it_is_and_they_are_told_so() {
    let ci = Fake::start().await;
    let (world, people) = people(&ci).await;
    let mut refused = 0;
    for (who, token) in &people {
        let headers = |kind| [("authorization", token.as_str()), kind];
        for (path, method) in writes().into_iter().filter(|(path, _)| path != "/sign-out") {
            let live = path.replace("/shop/qa", "/shop/live");
            let (said, kind) = body(&path, "");
            let said = said.replace("qa", "live");
            let (status, _, page) =
                parts(world.ask(method.clone(), &live, &headers(kind), &said).await).await;
            let told = status.is_client_error() || plans(&path);
            assert!(told, "{who} {method} {live}: {status} {page}");
            refused += usize::from(status == StatusCode::FORBIDDEN);
        }
        // Also if they say that they mean it.
        for (method, path, said, write) in [
            (Method::DELETE, "/api/v1/environments/shop/live?protected=true", "", "DELETE"),
            (Method::DELETE, "/api/v1/environments/shop/live/freeze?heal=true", "", "PATCH"),
            (
                Method::POST,
                "/api/v1/backups",
                r#"{"namespace": "shop", "environment": "live", "protected": true}"#,
                "POST",
            ),
        ] {
            let before = world.reached().len();
            let json = headers(("content-type", "application/json"));
            let (status, _, page) = parts(world.ask(method.clone(), path, &json, said).await).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{who} {method} {path}: {page}");
            let reached = world.reached().split_off(before);
            assert!(reached.iter().any(|line| line.starts_with(&format!("{who} {write} "))), "{reached:#?}");
        }
    }
    assert!(refused >= 10, "{refused}");
}
