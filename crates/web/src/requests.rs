//! Requests from the door to the answer, against a cluster that is told what to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tower::ServiceExt;
use verbs::{Cluster, Watched};

use crate::app::{App, Inside};
use crate::desk::Desk;
use crate::door::Door;
use crate::door::local::Local;
use crate::drawn::Drawn;
use crate::fake::{self, list, object, refusal, settings};
use crate::sight::Reviews;
use crate::token;

mod lines;
mod node;
mod programs;
mod resumed;
mod returned;

const ADDRESS: &str = "127.9.8.7:4000";

struct Page {
    router: Router,
    token: String,
    /// Writes that reached the cluster.
    writes: Arc<Mutex<Vec<String>>>,
}

/// A cluster whose watches know nothing yet, and that has these objects when it is asked for one.
async fn page(objects: &[(&'static str, Value)]) -> Page {
    let writes = Arc::new(Mutex::new(vec![]));
    let (objects, written) = (objects.to_vec(), writes.clone());
    let cluster = fake::cluster(move |method, address| {
        let path = address.split('?').next().unwrap_or_default().to_owned();
        let found = objects.iter().find(|(end, _)| path.ends_with(*end)).map(|(_, object)| object.clone());
        let reads = method == Method::GET;
        if !reads {
            written.lock().unwrap().push(format!("{method} {path}"));
        }
        async move {
            match (address.contains("watch=true"), found) {
                (true, _) => std::future::pending().await,
                (_, Some(object)) if reads => (200, object),
                _ if path.ends_with("/environments") => (200, list("Environment", &[])),
                _ if path.ends_with("/datacopies") => (200, list("DataCopy", &[])),
                _ => refusal(404, "NotFound"),
            }
        }
    });
    over(cluster, writes).await
}

async fn over(cluster: Cluster, writes: Arc<Mutex<Vec<String>>>) -> Page {
    let watched = Watched::begin(&cluster, Some("shop")).await.unwrap();
    let token = token::draw();
    let (door, _) = Local::new(ADDRESS.parse().unwrap(), Some(token::mark(&token)));
    let app = App::new(Inside {
        own: cluster,
        namespace: Some("shop".to_owned()),
        who: None,
        watched,
        copies: OnceCell::new(),
        projects: OnceCell::new(),
        clusters: None,
        kept: tokio::sync::Mutex::default(),
        reviews: Reviews::default(),
        drawn: Drawn::default(),
        desk: Desk::default(),
        archives: None,
        door: Door::Local(door),
    });
    Page { router: crate::serve::router(app), token, writes }
}

impl Page {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let bearer = format!("Bearer {}", self.token);
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, ADDRESS);
        request = request.header(header::AUTHORIZATION, bearer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// What a stream sends first.
    async fn first(&self, path: &str) -> String {
        let answer = self.ask(Method::GET, path, &[], "").await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let event = answer.into_body().into_data_stream().next().await.unwrap().unwrap();
        String::from_utf8(event.to_vec()).unwrap()
    }
}

fn qa() -> (&'static str, Value) {
    ("/environments/qa", object("Environment", "qa", &settings(), &json!({})))
}

#[tokio::test]
async fn an_environment_that_the_watch_does_not_know_yet_is_not_told_as_gone() {
    let page = page(&[qa()]).await;
    let event = page.first("/api/v1/environments/shop/qa/events").await;
    assert!(event.contains(r#""name":"qa""#), "{event}");
    let event = page.first("/environments/shop/qa/live").await;
    assert!(!event.contains("is gone") && event.contains("Class"), "{event}");
    let event = page.first("/environments/shop/nope/live").await;
    assert!(event.contains("nope is gone"), "{event}");
}

#[tokio::test]
async fn whoever_looks_at_a_copy_learns_that_it_is_kept_no_more() {
    let event = page(&[]).await.first("/copies/shop/qa-x7k2p/live").await;
    assert!(event.contains("not kept any more"), "{event}");
}

#[tokio::test]
async fn what_is_not_looked_at_is_refused_and_nothing_is_destroyed() {
    let page = page(&[qa()]).await;
    let path = "/api/v1/environments/shop/qa";
    let steer = ("/api/v1/copies/shop/qa-x", r#"{"action": "cancel"}"#);
    for (method, path, headers, body) in [
        (Method::DELETE, format!("{path}?dryRun=true"), vec![], ""),
        (Method::DELETE, path.to_owned(), vec![("if-unmodified-since", "0")], ""),
        (
            Method::PATCH,
            steer.0.to_owned(),
            vec![("if-unmodified-since", "0"), ("content-type", "application/json")],
            steer.1,
        ),
        (Method::GET, "/api/v1/environments?clas=qa".to_owned(), vec![], ""),
        (Method::GET, "/api/v1/environments?state=perfect".to_owned(), vec![], ""),
        (Method::GET, "/api/v1/copies?limit=0".to_owned(), vec![], ""),
        (Method::GET, format!("{path}/revisions?limt=1"), vec![], ""),
        (Method::GET, format!("{path}/logs?limit=0"), vec![], ""),
        (Method::GET, format!("{path}/logs?levl=error"), vec![], ""),
    ] {
        let answer = page.ask(method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
    assert!(page.writes.lock().unwrap().iter().all(|write| write.contains("selfsubject")));
    let other = page.ask(Method::DELETE, &format!("{path}?uid=another"), &[], "").await;
    assert_eq!(other.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_body_is_refused_for_what_is_wrong_with_it() {
    let page = page(&[]).await;
    let json = [("content-type", "application/json")];
    let long = format!("\"{}\"", "x".repeat(300 << 10));
    for (headers, body, status) in [
        (&[][..], "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (&json[..], "{", StatusCode::BAD_REQUEST),
        (&json[..], long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
        (&json[..], r#"{"namespace": "shop"}"#, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = page.ask(Method::POST, "/api/v1/plans", headers, body).await;
        assert_eq!(answer.status(), status, "{}", &body[..body.len().min(40)]);
    }
    let stranger =
        Request::get("/api/v1/projects").header(header::HOST, ADDRESS).body(Body::empty()).unwrap();
    let stranger = page.router.clone().oneshot(stranger).await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.headers()[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn a_plan_that_is_not_known_says_nothing_about_what_was_done_before() {
    let answer = page(&[]).await.ask(Method::POST, "/api/v1/plans/0/carry-out", &[], "").await;
    assert_eq!(answer.status(), StatusCode::GONE);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("revisions tell")), "{problem}");
}

/// A page, as its text.
async fn text(answer: Response<Body>) -> String {
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_read_is_said_on_its_page_and_the_rest_is_shown() {
    let revisions = ("/controllerrevisions", list("ControllerRevision", &[]));
    let page = page(&[qa(), revisions]).await;
    let events = page.ask(Method::GET, "/environments/shop/qa/events", &[], "").await;
    assert_eq!(events.status(), StatusCode::OK);
    let events = text(events).await;
    assert!(
        events.contains("Not shown: events of the environment") && events.contains("env events qa"),
        "{events}"
    );
    let clusters = page.ask(Method::GET, "/clusters", &[], "").await;
    assert_eq!(clusters.status(), StatusCode::OK);
    let clusters = text(clusters).await;
    assert!(clusters.contains("Not shown: its nodes") && clusters.contains("--clusters DIR"), "{clusters}");
    let told = text(page.ask(Method::GET, "/api/v1/clusters", &[], "").await).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told.get("files").is_none() && told["here"]["unread"].as_array().unwrap().len() > 1, "{told}");
    let data = text(page.ask(Method::GET, "/environments/shop/qa/data", &[], "").await).await;
    assert!(data.contains("There is no backup of qa yet"), "{data}");
    let passwords = text(page.ask(Method::GET, "/environments/shop/qa/passwords", &[], "").await).await;
    assert!(
        passwords.contains("env rotate qa") && !passwords.contains("Change the passwords"),
        "{passwords}"
    );
}

#[tokio::test]
async fn what_was_not_confirmed_or_leads_elsewhere_reaches_no_cluster() {
    let page = page(&[qa()]).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json = [("content-type", "application/json")];
    let restore = "/environments/shop/qa/restore";
    let backup = "backup=qa-20261126t030000z";
    let asked = [
        (restore, format!("{backup}&copy=qa-x7k2p"), &form),
        (restore, "sure=1&copy=qa-x7k2p&backup=..%2Fx".to_owned(), &form),
        (restore, format!("sure=1&{backup}&copy=..%2Fx"), &form),
        ("/environments/shop/qa/passwords", "revision=1".to_owned(), &form),
        ("/environments/shop/qa/passwords", "revision=1&service=db".to_owned(), &form),
        ("/environments/shop/qa/data", "action=backup".to_owned(), &form),
        ("/environments/shop/qa/data", "action=backup&at=2020-01-01T00%3A00%3A00Z".to_owned(), &form),
        ("/environments/shop/qa/change", "action=promote".to_owned(), &form),
        ("/environments/shop/qa/change", "action=promote&into=..%2Fx".to_owned(), &form),
        ("/api/v1/backups", r#"{"namespace": "shop", "environment": "../x"}"#.to_owned(), &json),
        ("/api/v1/backups", r#"{"namespace": "shop", "environment": "qa", "force": true}"#.to_owned(), &json),
        ("/api/v1/environments/shop/qa/passwords", r#"{"service": ["db"]}"#.to_owned(), &json),
        (
            "/api/v1/copies",
            r#"{"namespace": "shop", "from": "a", "to": "qa", "backup": "../x"}"#.to_owned(),
            &json,
        ),
    ];
    for (path, body, headers) in &asked {
        let answer = page.ask(Method::POST, path, *headers, body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}");
    }
    for path in ["/environments/shop/qa/revisions/0", "/environments/shop/qa/revisions/x", "/api/v1/backups"]
    {
        let answer = page.ask(Method::GET, path, &[], "").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    let elsewhere = page.ask(Method::GET, "/api/v1/backups?namespace=vault", &[], "").await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
    assert!(page.writes.lock().unwrap().iter().all(|write| write.contains("selfsubject")));
}

#[tokio::test]
async fn a_field_for_a_version_is_filled_in_though_nothing_is_told_of_its_registry() {
    let spec = json!({"components": {"web": {"image": "r.example/shop/web"}}, "classes": {"qa": {}}});
    let page = page(&[("/projects/shop", object("Project", "shop", &spec, &json!({})))]).await;
    let path = "/projects/shop/shop/components/web/versions?class=qa&has=1&version.web=1";
    let answer = page.ask(Method::GET, path, &[], "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("untold") && body.contains("datalist"), "{body}");
    let asked = page.writes.lock().unwrap().clone();
    assert_eq!(asked, ["POST /apis/outboard.dev/v1alpha1/namespaces/shop/versionqueries"]);
    // The same is a problem for programs, and what is no address asks nobody.
    let api = "/api/v1/projects/shop/shop/components/web/versions";
    assert_eq!(page.ask(Method::GET, api, &[], "").await.status(), StatusCode::NOT_FOUND);
    for wrong in [
        format!("{api}?limit=0"),
        format!("{api}?limit=51"),
        format!("{api}?clas=qa"),
        api.replace("web", "We_b"),
    ] {
        let answer = page.ask(Method::GET, &wrong, &[], "").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(page.writes.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn of_several_each_is_done_or_says_why_not() {
    let page = page(&[qa()]).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let told = async |path: &str, body: &str| {
        let answer = page.ask(Method::POST, path, &form, body).await;
        (answer.status(), text(answer).await)
    };
    let done = "/environments/several/carry-out";
    let (status, lost) = told(done, "action=restart&pick=shop%2Fqa%2F0&pick=shop%2Fqa-2%2F0").await;
    assert_eq!(status, StatusCode::OK);
    assert!(lost.contains("2 of 2 did not work"), "{lost}");
    assert_eq!(lost.matches("not known any more").count(), 2, "{lost}");
    let (_, refused) = told("/environments/several", "action=restart&pick=shop%2Fnope").await;
    assert!(
        refused.contains("1 of 1 cannot be done here") && !refused.contains("nothing to do"),
        "{refused}"
    );
    // What was chosen is still there to be confirmed.
    let (status, again) = told(done, "action=destroy&count=2&pick=shop%2Fqa").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.contains("was not typed") && again.contains("/environments/shop/qa"), "{again}");
    assert!(page.writes.lock().unwrap().iter().all(|write| write.contains("selfsubject")));
}

#[tokio::test]
async fn what_was_typed_for_a_new_environment_stays_whatever_it_starts_from() {
    let spec = json!({
        "components": {"web": {"image": "r.example/shop/web", "version": "1"}},
        "classes": {"qa": {}, "live": {}},
        "masks": {"db": {"users.email": "email"}},
    });
    let project = object("Project", "shop", &spec, &json!({}));
    let parts = json!([{"name": "web", "role": "component", "version": "7", "state": "ready"}]);
    let golden = object("Environment", "golden", &settings(), &json!({"parts": parts}));
    let page = page(&[
        ("/projects", list("Project", std::slice::from_ref(&project))),
        ("/projects/shop", project),
        ("/environments", list("Environment", &[golden])),
    ])
    .await;
    let get = async |address: &str| {
        let answer = page.ask(Method::GET, address, &[], "").await;
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        text(answer).await
    };
    // What nobody touched follows; the rest stays.
    let follows = "from=golden&class=qa&was-class=qa&name=qa-9&was.web=1&version.web=1&data=golden";
    let there = get(&format!("/environments/new?{follows}")).await;
    for part in [
        r#"name="version.web" value="7""#,
        r#"value="qa-9""#,
        r#"<option value="golden" selected>of golden"#,
        "users.email: email",
        "outboard -n shop env clone golden qa-9 --class qa --data",
    ] {
        assert!(there.contains(part), "{part}: {there}");
    }
    // What is not there any more is told.
    let typed = "class=old&was-class=qa&name=qa-9&was.web=1&version.web=5&data=gone";
    let there = get(&format!("/environments/new?{typed}")).await;
    for part in
        [r#"name="version.web" value="5""#, "no class <code>old</code>", "no data of <code>gone</code>"]
    {
        assert!(there.contains(part), "{part}: {there}");
    }
    // What was chosen stays so, however often the form is drawn anew: the page would choose another.
    let there = get("/environments/new?class=live&was-class=qa").await;
    for part in [r#"name="was-class" value="qa""#, "<option selected>live</option>"] {
        assert!(there.contains(part), "{part}: {there}");
    }
    let command = get(&format!("/commands/new?project=shop%2Fshop&{follows}&masks=none")).await;
    assert_eq!(command, "outboard -n shop env clone golden qa-9 --class qa --data --mask none");
    assert_eq!(get("/commands/new?name=qa").await, "");

    // Without JavaScript, and after a refusal.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let start = format!("token=t&use=start&project=shop%2Fshop&from=golden&{typed}");
    let again = page.ask(Method::POST, "/environments/new", &form, &start).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let there = again.headers()[header::LOCATION].to_str().unwrap();
    assert!(
        there.contains("version.web=5") && there.contains("name=qa-9") && !there.contains("token"),
        "{there}"
    );
    let refused =
        page.ask(Method::POST, "/environments/new", &form, "project=shop%2Fshop&version.web=5").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = text(refused).await;
    assert!(
        refused.contains("version.web=5\"") && refused.contains("Back to what you filled in"),
        "{refused}"
    );
}

/// A cluster with an environment that somebody else changes as soon as something was planned for it.
fn raced() -> Cluster {
    let planned = Arc::new(AtomicBool::new(false));
    fake::cluster(move |method, address| {
        let planned = planned.clone();
        async move {
            let path = address.split('?').next().unwrap_or_default();
            let is = |said: Method, end: &str| method == said && path.ends_with(end);
            let plan =
                object("Plan", "qa-1", &json!({"environment": "qa", "wanted": settings()}), &json!({}));
            if address.contains("watch=true") {
                std::future::pending().await
            } else if is(Method::POST, "/plans") {
                planned.store(true, Ordering::SeqCst);
                (201, plan)
            } else if is(Method::GET, "/plans") {
                (200, list("Plan", &[plan]))
            } else if is(Method::GET, "/environments") {
                (200, list("Environment", &[]))
            } else if is(Method::GET, "/environments/qa") {
                let mut spec = settings();
                if planned.load(Ordering::SeqCst) {
                    spec["versions"] = json!({"web": "9"});
                }
                (200, object("Environment", "qa", &spec, &json!({})))
            } else if is(Method::GET, "/controllerrevisions/p-0123456789") {
                let spec = json!({"components": {"web": {"image": "shop/web", "version": "1"}}});
                (
                    200,
                    json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
                        "metadata": {"name": "p-0123456789", "namespace": "shop"},
                        "data": {"project": "shop", "spec": spec}}),
                )
            } else {
                refusal(404, "NotFound")
            }
        }
    })
}

#[tokio::test]
async fn a_plan_that_is_not_carried_out_leads_on() {
    let page = over(raced(), Arc::default()).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let change = "/environments/shop/qa/change";
    let planned = page.ask(Method::POST, change, &form, "action=restart&component=web").await;
    assert_eq!(planned.status(), StatusCode::SEE_OTHER);
    let plan = planned.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let shown = text(page.ask(Method::GET, &plan, &[], "").await).await;
    assert!(shown.contains("/environments/shop/qa/change?component=web#restart"), "{shown}");
    let late = page.ask(Method::POST, &format!("{plan}/carry-out"), &form, "").await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let late = text(late).await;
    assert!(late.contains("Plan it again") && late.contains(&format!("{plan}/again")), "{late}");
    assert!(late.contains("othing of yours was written") && !late.contains("/carry-out"), "{late}");
    let anew = page.ask(Method::POST, &format!("{plan}/again"), &form, "").await;
    assert_eq!(anew.status(), StatusCode::SEE_OTHER);
    assert_ne!(anew.headers()[header::LOCATION].to_str().unwrap(), plan);
    // What is refused before there is a plan leads back to its form.
    let refused = page.ask(Method::POST, change, &form, "action=restart&component=nope").await;
    assert!(refused.status().is_client_error());
    let refused = text(refused).await;
    assert!(refused.contains("/environments/shop/qa/change?component=nope#restart"), "{refused}");
}

#[tokio::test]
async fn a_form_of_data_that_was_not_confirmed_comes_back_as_it_was() {
    let spec = json!({
        "components": {},
        "services": {"db": {"type": "mariadb"}},
        "classes": {"qa": {}},
        "masks": {"db": {"users.email": "email"}},
    });
    let revision = json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {"name": "p-0123456789", "namespace": "shop"}, "data": {"project": "shop", "spec": spec}});
    let golden = object("Environment", "golden", &settings(), &json!({}));
    let live = object("Environment", "live", &settings(), &json!({}));
    let page = page(&[
        qa(),
        ("/environments", list("Environment", &[golden, live])),
        ("/projects/shop", object("Project", "shop", &spec, &json!({}))),
        ("/controllerrevisions/p-0123456789", revision),
    ])
    .await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let data = "/environments/shop/qa/data";
    let said = "token=t&action=copy&copy=qa-x7k2p&from=live&service=db&masks=none&protected=1";
    let refused = page.ask(Method::POST, data, &form, said).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let back = format!("{data}?from=live&service=db&masks=none");
    let refused = text(refused).await.replace("&#38;", "&").replace("&amp;", "&");
    assert!(refused.contains(&format!("href=\"{back}\"")), "{refused}");
    let there = text(page.ask(Method::GET, &back, &[], "").await).await;
    for part in [
        "<option selected>live",
        r#"value="db" checked"#,
        r#"value="none" selected"#,
        "users.email: email",
        "data copy --from live --to qa --only db --mask none",
    ] {
        assert!(there.contains(part), "{part}: {there}");
    }
    // What has to be confirmed is confirmed anew.
    assert!(!there.contains(r#"name="sure" value="1" checked"#), "{there}");
}

#[tokio::test]
async fn data_is_reset_to_where_it_came_from_and_only_if_that_was_shown_and_confirmed() {
    let spec = json!({"components": {}, "services": {"db": {"type": "mariadb"}}, "classes": {"qa": {}}});
    let revision = json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
        "metadata": {"name": "p-0123456789", "namespace": "shop"}, "data": {"project": "shop", "spec": spec}});
    let between = json!({"from": {"environment": "golden"}, "to": {"environment": "qa"}});
    let done = json!({"phase": "Done", "finished": "2026-11-26T03:00:00Z"});
    // What is listed is gone once it is asked for.
    let golden = object("Environment", "golden", &settings(), &json!({}));
    let page = page(&[
        qa(),
        ("/environments", list("Environment", &[golden])),
        ("/datacopies", list("DataCopy", &[object("DataCopy", "qa-1", &between, &done)])),
        ("/controllerrevisions/p-0123456789", revision),
    ])
    .await;
    let data = "/environments/shop/qa/data";
    let there = text(page.ask(Method::GET, data, &[], "").await).await;
    assert!(there.contains("Reset data") && there.contains(r#"name="source" value="golden""#), "{there}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reset = async |more: &str| {
        let body = format!("action=reset&copy=qa-x7k2p&{more}");
        page.ask(Method::POST, data, &form, &body).await.status()
    };
    assert!(there.contains(r#"name="was-masks" value="project""#), "{there}");
    assert_eq!(reset("source=golden&was-masks=project").await, StatusCode::UNPROCESSABLE_ENTITY);
    for other in ["source=live&was-masks=project", "source=golden&was-masks=none", "source=golden"] {
        assert_eq!(reset(&format!("{other}&sure=1")).await, StatusCode::CONFLICT, "{other}");
    }
    assert!(page.writes.lock().unwrap().iter().all(|write| write.contains("selfsubject")));
    // Its source is not there any more: nothing is written.
    assert_eq!(reset("source=golden&was-masks=project&sure=1").await, StatusCode::NOT_FOUND);
    let command = page.ask(Method::GET, "/commands/shop/qa/data?action=reset&protected=1", &[], "").await;
    assert_eq!(text(command).await, "outboard -n shop data reset qa --protected");
    // Programs are told the same, and what is not known is refused.
    let json = [("content-type", "application/json")];
    for (body, status) in
        [("{}", StatusCode::NOT_FOUND), (r#"{"sure": true}"#, StatusCode::UNPROCESSABLE_ENTITY)]
    {
        let answer = page.ask(Method::POST, "/api/v1/environments/shop/qa/reset", &json, body).await;
        assert_eq!(answer.status(), status, "{body}");
    }
}
