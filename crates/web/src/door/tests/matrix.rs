//! Every route × method × who asks × how: made from the routes themselves, so that none is forgotten.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::world::{ORIGIN, World, parts};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Path and method of every page, as it stands in the source, and of every route of the API, as it is described.
pub(super) fn routes() -> BTreeSet<(String, Method)> {
    let filled = |path: &str| {
        let named = path.replace("{namespace}", "shop").replace("{name}", "qa").replace("{word}", "pause");
        let named = named.replace("{revision}", "1");
        named
            .replace("{id}", "0123456789abcdef")
            .replace("{version}", "0")
            .replace("{component}", "web")
            .replace("{host}", "www.example.com")
            .replace("{backup}", "b")
    };
    let mut routes = BTreeSet::new();
    for source in [include_str!("../../pages.rs"), include_str!("../../pages/sign.rs")] {
        for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').unwrap();
            for (word, method) in [("get(", Method::GET), ("post(", Method::POST)] {
                if handlers.contains(word) {
                    routes.insert((filled(path), method));
                }
            }
        }
    }
    let document = serde_json::to_value(crate::document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            routes.insert((filled(path), method.to_uppercase().parse().unwrap()));
        }
    }
    routes
}

pub(super) fn is_open(path: &str) -> bool {
    let all = ["/sign-in", "/sign-in/back", "/signed-out", "/healthz", "/api/v1/sign-in"];
    all.contains(&path) || path.starts_with("/assets/")
}

pub(super) fn writes() -> Vec<(String, Method)> {
    routes().into_iter().filter(|(_, method)| *method != Method::GET).collect()
}

pub(super) fn body(path: &str, token: &str) -> (String, (&'static str, &'static str)) {
    if path.starts_with("/api/") {
        let wanted = match path {
            "/api/v1/plans" => {
                r#"{"namespace": "shop", "change": {"action": "restart", "environment": "qa"}}"#
            }
            "/api/v1/copies" => r#"{"namespace": "shop", "from": "qa", "to": "qa", "backup": "b"}"#,
            "/api/v1/backups" => r#"{"namespace": "shop", "environment": "qa"}"#,
            path if path.ends_with("/reset") => "{}",
            path if path.ends_with("/passwords") => r#"{"services": ["db"]}"#,
            path if path.starts_with("/api/v1/copies/") => r#"{"action": "pause"}"#,
            path if path.ends_with("/freeze") => r#"{"for": "2h", "reason": "I look at it"}"#,
            path if path.starts_with("/api/v1/hostnames/") => r#"{"environment": "qa", "route": "web"}"#,
            "/api/v1/previews" => {
                r#"{"namespace": "shop", "repository": "acme/shop", "pull": 1, "like": "qa"}"#
            }
            path if path.ends_with("/components/web") => {
                r#"{"file": "image: registry.example.com/web\nversion: '1'\n"}"#
            }
            path if path.starts_with("/api/v1/projects/") => PROJECT,
            _ => "",
        };
        return (wanted.to_owned(), JSON);
    }
    let action = if path.ends_with("/data") { "backup" } else { "restart" };
    let fields = "name=qa&pick=shop/qa&project=shop/shop&from=a&count=1&fresh=qa-x&sure=1&service=db&backup=b&copy=qa-x&request=0a1b";
    (format!("action={action}&{fields}&at={}&token={token}", Timestamp::now()), FORM)
}

const SHOP: &str = "/apis/outboard.dev/v1alpha1/namespaces/shop";
const PROJECT: &str = r#"{"file": "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {name: qa}\nspec: {components: {web: {image: registry.example.com/web, version: '1'}}}\n"}"#;

/// What is asked of Kubernetes in the end, where nothing before it stands in the way of whoever may look: method and address.
pub(super) fn write(path: &str, method: &Method) -> Option<String> {
    let end = path.trim_start_matches("/api/v1").trim_start_matches("/environments/shop/qa");
    let (method, of) = match end {
        "/freeze" if *method == Method::PUT => ("PATCH", "environments/qa"),
        "/hostnames/shop/www.example.com" if *method == Method::PUT => ("POST", "hostnames"),
        "/projects/shop/qa" => ("POST", "projects"),
        "/previews" => ("POST", "plans"),
        "/data" | "/restore" | "/copies" | "/backups" => ("POST", "datacopies"),
        "/passwords" => ("PATCH", "environments/qa"),
        "/destroy" => ("DELETE", "environments/qa"),
        _ => return None,
    };
    Some(format!("{method} {SHOP}/{of}"))
}

#[test]
fn the_matrix_has_every_route() {
    let (all, writes) = (routes(), writes());
    assert!(all.len() >= 45 && writes.len() >= 14, "{} routes, {} writes", all.len(), writes.len());
    for (path, method) in [
        ("/environments/shop/qa/destroy", Method::POST),
        ("/api/v1/environments/shop/qa", Method::DELETE),
        ("/api/v1/copies/shop/qa", Method::PATCH),
        ("/plans/0123456789abcdef/carry-out", Method::POST),
        ("/sign-out", Method::POST),
    ] {
        assert!(all.contains(&(path.to_owned(), method.clone())), "{method} {path}");
    }
}

#[tokio::test]
async fn nobody_comes_in_without_being_known() {
    let world = World::new().await;
    let (cookie, _) = world.signed("root");
    world.later(48 * 3600);
    let forged = cookie.replace('A', "B");
    let tokens = ["Bearer", "Bearer x.y.z", "Basic cm9vdDp4"];
    let mut who: Vec<Vec<(&str, &str)>> = vec![vec![], vec![("cookie", &cookie)], vec![("cookie", &forged)]];
    who.extend(tokens.iter().map(|token| vec![("authorization", *token)]));
    let mut asked = 0;
    for (path, method) in routes().into_iter().filter(|(path, _)| !is_open(path)) {
        let (body, kind) = body(&path, "x");
        for headers in &who {
            let headers: Vec<_> = headers.iter().copied().chain([kind, ("origin", ORIGIN)]).collect();
            let (status, _, page) = parts(world.ask(method.clone(), &path, &headers, &body).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}: {page}");
            asked += 1;
        }
    }
    assert!(asked > 250, "{asked}");
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let world = World::new().await;
    let (cookie, forms) = world.signed("root");
    let (_, others) = world.signed("vera");
    let cookie = ("cookie", cookie.as_str());
    for (path, method) in writes() {
        for (token, origin) in [
            ("", Some(ORIGIN)),
            ("guess", Some(ORIGIN)),
            (others.as_str(), Some(ORIGIN)),
            (forms.as_str(), Some("https://evil.example")),
            (forms.as_str(), Some("https://evil.outboard.example.com")),
            (forms.as_str(), Some("http://outboard.example.com")),
            (forms.as_str(), Some("null")),
            (forms.as_str(), None),
        ] {
            let (body, kind) = body(&path, token);
            let mut headers = vec![cookie, kind];
            headers.extend(origin.map(|origin| ("origin", origin)));
            if kind == JSON && !token.is_empty() {
                headers.push(("x-form-token", token));
            }
            let (status, _, page) = parts(world.ask(method.clone(), &path, &headers, &body).await).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} {origin:?}: {page}");
        }
        // By a browser that says where it comes from, though all else is right.
        let (body, kind) = body(&path, &forms);
        let headers =
            [cookie, kind, ("origin", ORIGIN), ("x-form-token", &forms), ("sec-fetch-site", "cross-site")];
        let (status, ..) = parts(world.ask(method.clone(), &path, &headers, &body).await).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} cross-site");
    }
    assert_eq!(world.reached(), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing_and_is_told_so() {
    let world = World::new().await;
    let mut done = vec![];
    for name in ["vera", "sam"] {
        let (cookie, forms) = world.signed(name);
        let bearer = format!("Bearer {}", world.token(name));
        for (path, method) in writes().into_iter().filter(|(path, _)| path != "/sign-out") {
            let (body, kind) = body(&path, &forms);
            let api = kind == JSON;
            let mut ways = vec![vec![
                ("cookie", cookie.as_str()),
                kind,
                ("origin", ORIGIN),
                ("x-form-token", forms.as_str()),
            ]];
            ways.push(vec![("authorization", bearer.as_str()), kind]);
            for headers in ways {
                let before = world.reached().len();
                let (status, _, page) = parts(world.ask(method.clone(), &path, &headers, &body).await).await;
                // What several are asked for at once is answered with a page that says for each why not.
                let several = path.starts_with("/environments/several") && status == StatusCode::OK;
                assert!(status.is_client_error() || several, "{name} {method} {path}: {status} {page}");
                if let Some(write) = write(&path, &method).filter(|_| name == "vera") {
                    let (reached, write) = (world.reached().split_off(before), format!("oidc:vera {write}"));
                    assert!(reached.contains(&write), "{path}: {status} {page} {reached:#?}");
                    assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {page}");
                }
                if api {
                    assert!(serde_json::from_str::<Value>(&page).is_ok(), "{page}");
                }
                if several {
                    done.push(page);
                }
            }
        }
    }
    for page in done {
        assert!(!page.contains("is being destroyed") && !page.contains("is on its way"), "{page}");
    }
    // Whatever was tried reached Kubernetes as they, so that Kubernetes could refuse.
    let reached = world.reached();
    assert!(reached.iter().any(|line| line.contains(" POST ") || line.contains(" PATCH ")), "{reached:#?}");
    for line in reached {
        assert!(line.starts_with("oidc:vera ") || line.starts_with("oidc:sam "), "{line}");
    }
}

#[tokio::test]
async fn whoever_may_only_look_is_told_before_they_fill_in_a_form() {
    let world = World::new().await;
    for (page, told) in [
        ("/destroy", "You may look at this environment, not destroy it"),
        ("/data", "You may look at this environment, not copy or back up its data"),
        ("/restore", "You may look at this environment, not copy or back up its data"),
        ("/passwords", "You may look at this environment, not change it"),
    ] {
        for (name, barred) in [("vera", true), ("dora", false)] {
            let (cookie, _) = world.signed(name);
            let path = format!("/environments/shop/qa{page}");
            let (status, _, page) = world.get(&path, &[("cookie", &cookie), ("accept", "text/html")]).await;
            assert_eq!(status, StatusCode::OK, "{name} {path}: {page}");
            assert_eq!(
                page.contains(told) && page.contains("Ask: #outboard-help"),
                barred,
                "{name} {path}: {page}"
            );
            assert_eq!(page.contains(" disabled>"), barred, "{name} {path}: {page}");
        }
    }
}

#[tokio::test]
async fn other_methods_than_those_there_are_do_nothing() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.token("root"));
    let headers = [("authorization", bearer.as_str())];
    world.get("/api/v1/projects", &headers).await;
    world.forget();
    let all = routes();
    let paths: BTreeSet<String> =
        all.iter().map(|(path, _)| path.clone()).filter(|path| !is_open(path)).collect();
    for path in paths {
        for method in
            [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS, Method::TRACE]
        {
            if all.contains(&(path.clone(), method.clone())) {
                continue;
            }
            let (status, ..) = parts(world.ask(method.clone(), &path, &headers, "").await).await;
            assert!(
                status == StatusCode::METHOD_NOT_ALLOWED || status == StatusCode::NOT_FOUND,
                "{method} {path}: {status}"
            );
        }
    }
    assert_eq!(world.reached(), Vec::<String>::new());
}
