//! Requests of programs: what is begun once, lists part by part, changes of what was seen only. Looks at no page.

use axum::http::HeaderMap;

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn header_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// Two environments, and copies that can be made.
async fn copying() -> Page {
    let writes = Arc::new(Mutex::new(vec![]));
    let written = writes.clone();
    let cluster = fake::reading(move |asked| {
        let path = asked.address.split('?').next().unwrap_or_default().to_owned();
        let made = asked.method == Method::POST && path.ends_with("/datacopies");
        if made {
            written.lock().unwrap().push(asked.body["metadata"]["name"].to_string());
        }
        async move {
            if asked.address.contains("watch=true") {
                std::future::pending().await
            } else if made {
                let mut copy = asked.body;
                copy["metadata"]["uid"] = json!("uid");
                copy["metadata"]["namespace"] = json!("shop");
                (201, copy)
            } else if path.ends_with("/environments") {
                (200, list("Environment", &[]))
            } else if let Some((_, name)) = path.split_once("/environments/") {
                (200, object("Environment", name, &settings(), &json!({})))
            } else {
                refusal(404, "NotFound")
            }
        }
    });
    over(cluster, writes).await
}

#[tokio::test]
async fn a_copy_without_a_name_is_begun_once_by_its_key_and_answered_as_before() {
    let page = copying().await;
    let body = r#"{"namespace": "shop", "from": "production", "to": "qa"}"#;
    let ask = async |key: &str, path: &str, body: &str| {
        let answer = page.ask(Method::POST, path, &[JSON, ("idempotency-key", key)], body).await;
        let place = header_of(answer.headers(), header::LOCATION);
        (answer.status(), place, text(answer).await)
    };
    let first = ask("build 1001", "/api/v1/copies", body).await;
    assert_eq!(first.0, StatusCode::CREATED, "{}", first.2);
    assert!(first.1.as_deref().is_some_and(|place| place.starts_with("/api/v1/copies/shop/qa-")));
    assert_eq!(ask("build 1001", "/api/v1/copies", body).await, first);
    assert_eq!(page.writes.lock().unwrap().len(), 1);
    let other = ask("build 1001", "/api/v1/copies", &body.replace("production", "dev")).await;
    assert_eq!(other.0, StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere =
        ask("build 1001", "/api/v1/backups", r#"{"namespace": "shop", "environment": "qa"}"#).await;
    assert_eq!(elsewhere.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", elsewhere.2);
    assert_eq!(ask(&"x".repeat(65), "/api/v1/copies", body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.writes.lock().unwrap().len(), 1);
    // Another request begins another copy.
    let next = ask("build 1002", "/api/v1/copies", body).await;
    assert_eq!(next.0, StatusCode::CREATED);
    assert_ne!(next.1, first.1);
}

#[tokio::test]
async fn a_list_is_read_part_by_part_by_what_its_link_says() {
    let spec = json!({"components": {"web": {"image": "r.example/shop/web"}}});
    let projects: Vec<Value> =
        ["blog", "shop", "wiki"].map(|name| object("Project", name, &spec, &json!({}))).into();
    let page = page(&[("/projects", list("Project", &projects))]).await;
    let (mut at, mut seen) = (Some("/api/v1/projects?limit=2".to_owned()), vec![]);
    while let Some(path) = at {
        let answer = page.ask(Method::GET, &path, &[], "").await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let link = header_of(answer.headers(), header::LINK);
        at = link.map(|link| link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned());
        let part = value(&text(answer).await);
        seen.extend(part.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, ["blog", "shop", "wiki"]);
    let lost = page.ask(Method::GET, "/api/v1/projects?after=shop%2Fgone", &[], "").await;
    assert_eq!(lost.status(), StatusCode::GONE);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_to_events_gets_nothing_that_they_have() {
    let page = page(&[qa()]).await;
    let path = "/api/v1/environments/shop/qa/events";
    let next = async |seen: &str| {
        let answer = page.ask(Method::GET, path, &[("last-event-id", seen)], "").await;
        let event = answer.into_body().into_data_stream().next().await.unwrap().unwrap();
        String::from_utf8(event.to_vec()).unwrap()
    };
    let first = next("0").await;
    let id = first.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim();
    assert!(first.contains("data:"), "{first}");
    // Only that the line is still open.
    let again = next(id).await;
    assert!(again.starts_with(':') && !again.contains("data:"), "{again}");
}

#[tokio::test]
async fn what_is_another_than_was_seen_is_left_as_it_is() {
    let page = page(&[qa()]).await;
    let path = "/api/v1/environments/shop/qa";
    let freeze = format!("{path}/freeze");
    let wanted = r#"{"for": "2h", "reason": "I look at it"}"#;
    let seen = page.ask(Method::GET, path, &[], "").await;
    let tag = header_of(seen.headers(), header::ETAG).unwrap();
    let backup = r#"{"namespace": "shop", "environment": "qa"}"#;
    let passwords = format!("{path}/passwords");
    let heal = format!("{freeze}?heal=true");
    for (method, at, body) in [
        (Method::DELETE, path, ""),
        (Method::PUT, freeze.as_str(), wanted),
        (Method::DELETE, heal.as_str(), ""),
        (Method::POST, passwords.as_str(), "{}"),
    ] {
        let answer = page.ask(method.clone(), at, &[JSON, ("if-match", "\"0\"")], body).await;
        assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED, "{method} {at}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
    // Where nothing can be looked at before, no condition is taken.
    let refused = page.ask(Method::POST, "/api/v1/backups", &[JSON, ("if-match", "*")], backup).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let patches = || {
        let writes = page.writes.lock().unwrap();
        writes.iter().filter(|write| !write.contains("selfsubject")).cloned().collect::<Vec<_>>()
    };
    assert!(patches().is_empty(), "{:?}", patches());
    page.ask(Method::PUT, &freeze, &[JSON, ("if-match", &tag)], wanted).await;
    assert_eq!(patches(), ["PATCH /apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_told_before_anything_is_asked_of_the_cluster() {
    let page = page(&[qa()]).await;
    let path = "/api/v1/environments/shop/qa";
    let preview = r#"{"namespace": "shop", "repository": "acme/shop"}"#;
    let host = r#"{"environment": "qa"}"#;
    for (method, at, body) in [
        (Method::PUT, format!("{path}/freeze"), r#"{"for": "long", "reason": "x"}"#),
        (Method::PUT, format!("{path}/freeze"), r#"{"for": "2h", "reason": " "}"#),
        (Method::DELETE, format!("{path}/freeze"), ""),
        (Method::GET, format!("{path}/export?as=zip"), ""),
        (Method::GET, format!("{path}/export?as=environment&revision=1"), ""),
        (Method::GET, format!("{path}/export?as=manifests&withSecrets=true"), ""),
        (Method::PUT, "/api/v1/hostnames/shop/no_host".to_owned(), host),
        (Method::PUT, "/api/v1/hostnames/shop/*.example.com".to_owned(), host),
        (Method::DELETE, "/api/v1/hostnames/shop/..%2f..%2fx".to_owned(), ""),
        (Method::POST, "/api/v1/previews".to_owned(), preview),
        (Method::PUT, "/api/v1/projects/shop/shop".to_owned(), r#"{"file": "kind: Project"}"#),
        (Method::PUT, "/api/v1/projects/shop/shop/components/web".to_owned(), r#"{"file": "[]"}"#),
        (Method::GET, "/api/v1/leftovers?namespace=..".to_owned(), ""),
    ] {
        let answer = page.ask(method.clone(), &at, &[JSON], body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{method} {at}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
    assert!(page.writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_is_refused_with_the_line_of_each_problem_and_stored_under_its_own_name_only() {
    let page = page(&[]).await;
    let ask = async |file: &str| {
        let body = json!({"file": file, "dryRun": true}).to_string();
        let answer = page.ask(Method::PUT, "/api/v1/projects/shop/shop", &[JSON], &body).await;
        (answer.status(), value(&text(answer).await))
    };
    let file = "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata:\n  name: NAME\nspec:\n  components:\n    web:\n      image: registry.example.com/web\n      version: \"1\"\n";
    let (status, told) = ask(&file.replace("NAME", "shop")).await;
    assert_eq!((status, &told["change"]), (StatusCode::OK, &json!("created")), "{told}");
    let (status, told) = ask(&file.replace("NAME", "other")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("project `other`")), "{told}");
    let (status, told) = ask(&file.replace("NAME", "shop").replace("image", "imag")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let details = told["details"].as_array().unwrap();
    assert!(details.iter().any(|one| one.as_str().unwrap().starts_with("line ")), "{told}");
    // What would unfold without end ends nobody else's requests.
    let aliases: String =
        (1..200).map(|number| format!("a{number}: &a{number} [[[*a{}]]]\n", number - 1)).collect();
    for endless in ["- ".repeat(100_000), format!("a0: &a0 1\n{aliases}")] {
        assert_eq!(ask(&endless).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(page.writes.lock().unwrap().is_empty());
}
