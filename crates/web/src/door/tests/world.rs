//! A server with a provider and a cluster that says, as Kubernetes does, who may do what: by whom a request names.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use identity::{Client, Gate, Known, Naming, Person, Provider, Rules, Trust};
use jiff::{SignedDuration, Timestamp};
use oidc_fake::{CLIENT, Fake, SECRET, TERMINAL};
use serde_json::{Value, json};
use tokio::sync::{Notify, OnceCell, mpsc, watch};
use tower::{BoxError, ServiceExt};
use verbs::audit::Record;
use verbs::logs::served::Archives;
use verbs::{Cluster, Watched};

use crate::app::{App, Inside};
use crate::audit::Audit;
use crate::desk::Desk;
use crate::door::Door;
use crate::door::seal::Keys;
use crate::door::session::Session;
use crate::door::site::{Limits, Memory, Public, Site, Terminal};
use crate::drawn::Drawn;
use crate::fake::{self, Asked, list, object, refusal, settings};
use crate::sight::Reviews;
use crate::token;

pub const HOST: &str = "outboard.example.com";
pub const ORIGIN: &str = "https://outboard.example.com";
/// So long a slow Kubernetes takes for each answer.
pub const SLOW: Duration = Duration::from_secs(20);
const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

pub struct World {
    pub provider: Fake,
    pub seen: Arc<Mutex<Vec<Asked>>>,
    pub lines: mpsc::Receiver<Record>,
    pub app: App,
    pub kubernetes: watch::Sender<Kubernetes>,
    /// Environments called `slow` are answered once somebody says so.
    pub slow: Arc<Notify>,
    router: Router,
    /// A file of a cluster, which is broken.
    _folder: tempfile::TempDir,
    keys: Keys,
    now: Arc<AtomicI64>,
}

/// How Kubernetes is just now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kubernetes {
    Well,
    Slow,
    /// It takes what is asked, and never says anything.
    Silent,
    /// Nobody listens there, and what was under way is cut.
    Away,
}

/// A cluster that is so.
fn being(own: Cluster, how: watch::Receiver<Kubernetes>) -> Cluster {
    let inner = own.client.clone();
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let (inner, mut how) = (inner.clone(), how.clone());
        async move {
            let refused = || BoxError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
            let now = *how.borrow();
            match now {
                Kubernetes::Well => {}
                Kubernetes::Slow => tokio::time::sleep(SLOW).await,
                Kubernetes::Silent => std::future::pending().await,
                Kubernetes::Away => return Err(refused()),
            }
            tokio::select! {
                answer = inner.send(request) => Ok(answer?),
                () = gone(&mut how) => Err(refused()),
            }
        }
    });
    Cluster { client: kube::Client::new(service, "shop"), ..own }
}

async fn gone(how: &mut watch::Receiver<Kubernetes>) {
    if how.wait_for(|how| *how == Kubernetes::Away).await.is_err() {
        // The test is over.
        std::future::pending::<()>().await;
    }
}

/// `dora` and CI develop in `shop` and `vera` looks on there; `sam` may do nothing. Nobody may look into `vault`.
fn may(user: &str, verb: &str, namespace: Option<&str>) -> bool {
    let reads = matches!(verb, "get" | "list" | "watch");
    match user {
        "oidc:dora" | "oidc:github:shop/shop" => namespace == Some("shop"),
        "oidc:vera" => namespace == Some("shop") && reads,
        "oidc:root" => true,
        _ => false,
    }
}

/// What no developer may, as roles and the policies of an installation say: projects, and whatever is about `live`, whose class is
/// protected, or would make another of that class.
fn is_barred(asked: &Asked, path: &str) -> bool {
    let spec = &asked.body["spec"];
    let ends = [&spec["environment"], &spec["to"]["environment"], &spec["from"]["environment"]];
    // A plan changes nothing, whatever it is about.
    let about = !path.ends_with("/plans") && ends.into_iter().any(|name| name == "live");
    about
        || path.ends_with("/environments/live")
        || path.ends_with("/projects")
        || spec["class"] == "production"
}

/// The namespace that an address is in.
fn namespace(path: &str) -> Option<&str> {
    path.split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next())
}

fn answer(asked: &Asked, reviews: bool) -> Option<(u16, Value)> {
    let path = asked.address.split('?').next().unwrap_or_default();
    let user = asked.headers.get("impersonate-user").and_then(|user| user.to_str().ok()).unwrap_or_default();
    if path.ends_with("/selfsubjectaccessreviews") {
        if !reviews {
            return Some(refusal(503, "ServiceUnavailable"));
        }
        let wanted = &asked.body["spec"]["resourceAttributes"];
        let allowed = may(user, wanted["verb"].as_str().unwrap_or_default(), wanted["namespace"].as_str());
        return Some((
            201,
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "metadata": {}, "spec": {}, "status": {"allowed": allowed}}),
        ));
    }
    if asked.address.contains("watch=true") {
        return None;
    }
    if path.ends_with("/version") {
        return Some((200, json!({"major": "1", "minor": "36"})));
    }
    let reads = asked.method == Method::GET;
    // By itself the server only watches.
    let watched = !path.contains("/namespaces/") || path.ends_with("/namespaces/shop/environments");
    let own = user.is_empty() && reads && watched;
    if !own && !may(user, if reads { "get" } else { "create" }, namespace(path)) {
        return Some(refusal(403, "Forbidden"));
    }
    if !reads && user != "oidc:root" && is_barred(asked, path) {
        return Some(refusal(403, "Forbidden"));
    }
    let mut vault = object("Environment", "gold", &settings(), &json!({}));
    vault["metadata"]["namespace"] = json!("vault");
    let qa = object("Environment", "qa", &settings(), &json!({"namespace": "shop-qa", "revision": 1}));
    let mut live = object("Environment", "live", &settings(), &json!({"revision": 1}));
    live["spec"]["class"] = json!("production");
    if asked.method == Method::POST {
        let mut made = asked.body.clone();
        made["metadata"]["name"] = json!("drawn-x7");
        return Some((201, made));
    }
    Some(match path {
        path if path.ends_with("/environments") && namespace(path).is_some() => {
            (200, list("Environment", &[qa]))
        }
        path if path.ends_with("/environments") => (200, list("Environment", &[qa, vault])),
        path if path.ends_with("/environments/qa") => (200, qa),
        path if path.ends_with("/environments/live") => (200, live),
        path if path.ends_with("/plans") => {
            let planned = json!({"environment": "qa", "wanted": settings()});
            (200, list("Plan", &[object("Plan", "drawn-x7", &planned, &json!({}))]))
        }
        path if path.ends_with("/controllerrevisions/p-0123456789") => (
            200,
            json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
                "metadata": {"name": "p-0123456789", "namespace": "shop"},
                "data": {"project": "shop", "spec": {"components": {"web": {"image": "shop/web", "version": "1"}},
                    "services": {"db": {"type": "mariadb"}}, "classes": {"qa": {}, "production": {"protected": true}}}}}),
        ),
        path if path.ends_with("/controllerrevisions/qa-r1")
            || path.ends_with("/controllerrevisions/live-r1") =>
        {
            (
                200,
                json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
                "metadata": {"name": path.rsplit('/').next(), "namespace": "shop"},
                "data": {"project": "shop", "projectRevision": "p-0123456789", "class": "qa", "requested": {}, "versions": {},
                    "renderer": "0", "urls": {}, "secrets": [],
                    "parts": [{"name": "db", "role": "service", "rotates": "mariadb", "objects": []}]}}),
            )
        }
        path if path.ends_with("/api/v1/nodes") => (
            200,
            json!({"apiVersion": "v1", "kind": "NodeList", "metadata": {},
                "items": [{"metadata": {"name": "node-1"}, "status": {}}]}),
        ),
        path if path.ends_with("/datacopies") => {
            let of_qa = json!({"from": {"environment": "qa"}, "to": {"environment": "qa"}, "backup": true});
            (200, list("DataCopy", &[object("DataCopy", "b", &of_qa, &json!({"phase": "Done"}))]))
        }
        path if path.ends_with("/hostnames") => (200, list("Hostname", &[])),
        path if path.ends_with("/projects") => (200, list("Project", &[])),
        _ => refusal(404, "NotFound"),
    })
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::of(1e9, 1e9, 1e9), true, "issuers: []").await
    }

    /// One that shows a control namespace and no other.
    pub async fn of_namespace(namespace: &str) -> Self {
        Self::build(Limits::of(1e9, 1e9, 1e9), true, "issuers: []", Some(namespace.to_owned())).await
    }

    pub async fn with(limits: Limits, reviews: bool, rules: &str) -> Self {
        Self::build(limits, reviews, rules, None).await
    }

    async fn build(limits: Limits, reviews: bool, rules: &str, namespace: Option<String>) -> Self {
        let provider = Fake::start().await;
        let seen = Arc::<Mutex<Vec<Asked>>>::default();
        let (kept, slow) = (seen.clone(), Arc::new(Notify::new()));
        let waits = slow.clone();
        let own = fake::reading(move |asked| {
            kept.lock().unwrap().push(asked.clone());
            let waits = waits.clone();
            async move {
                if asked.address.contains("/environments/slow") {
                    waits.notified().await;
                }
                assert!(!asked.address.contains("/environments/broken"), "something of ours breaks");
                match answer(&asked, reviews) {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        });
        let (kubernetes, how) = watch::channel(Kubernetes::Well);
        let own = being(own, how);
        let watched = Watched::begin(&own, namespace.as_deref()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hidden.yaml"), "kind: Cluster\nspec: [\n").unwrap();
        let people = Known {
            provider: Provider::new(&provider.issuer()).unwrap(),
            audiences: vec![CLIENT.into(), TERMINAL.into()],
            naming: Naming::default(),
        };
        let now = Arc::new(AtomicI64::new(Timestamp::now().as_second()));
        let (clock, (audit, lines)) = (now.clone(), Audit::new());
        let site = Site {
            gate: Gate::new(people, Rules::parse(rules).unwrap(), &Trust::default()).unwrap(),
            client: Client {
                id: CLIENT.into(),
                secret: Some(SECRET.into()),
                back: format!("{ORIGIN}/sign-in/back"),
                scopes: vec!["openid".into(), "email".into()],
            },
            address: Public::parse(ORIGIN).unwrap(),
            keys: RwLock::new(Arc::new(Keys::parse(KEY).unwrap())),
            clock: Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap()),
            lasts: SignedDuration::from_hours(8),
            proxies: 1,
            contact: Some("#outboard-help".into()),
            terminal: Some(Terminal {
                issuer: provider.issuer(),
                client_id: TERMINAL.into(),
                scopes: vec!["openid".into()],
            }),
            audit,
            limits,
            memory: Memory::default(),
            under_way: Arc::default(),
        };
        let app = App::new(Inside {
            own,
            namespace,
            who: None,
            watched,
            copies: OnceCell::new(),
            projects: OnceCell::new(),
            clusters: Some(folder.path().to_owned()),
            kept: tokio::sync::Mutex::default(),
            reviews: Reviews::default(),
            drawn: Drawn::default(),
            desk: Desk::default(),
            archives: Some(Arc::new(Archives::new(vec![]))),
            door: Door::Site(Box::new(site)),
        });
        seen.lock().unwrap().clear();
        Self {
            provider,
            seen,
            lines,
            router: crate::serve::router(app.clone()),
            app,
            _folder: folder,
            kubernetes,
            slow,
            keys: Keys::parse(KEY).unwrap(),
            now,
        }
    }

    pub fn later(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// The cookie of somebody who signed in, and what their forms carry.
    pub fn signed(&self, name: &str) -> (String, String) {
        let person = Person::new(name, ["dev".to_owned()]).unwrap();
        let session = Session::begin(person, self.now(), SignedDuration::from_hours(8));
        let cookie = format!(
            "__Host-outboard-session={}",
            session.seal(&self.keys, &self.app.door.site().unwrap().bound("session")).unwrap()
        );
        (cookie, token::of_forms(&session.id))
    }

    /// A token of the provider for somebody.
    pub fn token(&self, name: &str) -> String {
        self.provider.token(&json!({"email": name}))
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        parts(self.ask(Method::GET, path, headers, "").await).await
    }

    /// A form of a page of ours.
    pub async fn post(&self, path: &str, cookie: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        let headers = [
            ("cookie", cookie),
            ("origin", ORIGIN),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        parts(self.ask(Method::POST, path, &headers, body).await).await
    }

    /// What reached Kubernetes as somebody, and everything that the server itself would have changed.
    pub fn reached(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let told = seen.iter().map(|asked| {
            let user = asked.headers.get("impersonate-user").map(|user| user.to_str().unwrap().to_owned());
            let path = asked.address.split('?').next().unwrap_or_default().to_owned();
            (user.unwrap_or_default(), asked.method.clone(), path)
        });
        let theirs = told.filter(|(user, method, path)| {
            let asks = path.ends_with("/selfsubjectaccessreviews") || path.ends_with("/selfsubjectreviews");
            !(asks || (user.is_empty() && *method == Method::GET))
        });
        theirs.map(|(user, method, path)| format!("{user} {method} {path}")).collect()
    }

    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

pub async fn parts(response: Response) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let streams = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    // What is live does not end.
    let body = if streams { Vec::new() } else { to_bytes(body, usize::MAX).await.unwrap().to_vec() };
    (parts.status, parts.headers, String::from_utf8(body).unwrap())
}
