//! What is made of a registry's answers: by value, and against one that speaks the protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

mod listing;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
/// `AWS:t0ken`
const ECR_LOGIN: &str = "Basic QVdTOnQwa2Vu";
/// `ci:s3cret`
const LOGIN: &str = "Basic Y2k6czNjcmV0";

#[test]
fn a_login_is_found_however_its_registry_is_written() {
    let config = br#"{"auths": {
        "https://index.docker.io/v1/": {"auth": "YW5uOnMzY3IzdA=="},
        "registry.example.com": {"username": "ci", "password": "pw"}
    }}"#;
    let credentials = Credentials::parse(config);
    assert_eq!(credentials.of("docker.io"), Some(RegistryAuth::Basic("ann".into(), "s3cr3t".into())));
    let ci = RegistryAuth::Basic("ci".into(), "pw".into());
    assert_eq!(credentials.of("registry.example.com"), Some(ci));
    assert_eq!(credentials.of("ghcr.io"), None);
    assert!(Credentials::parse(b"no json").0.is_empty());
}

#[test]
fn only_an_answer_that_names_the_image_says_that_it_does_not_exist() {
    let server = |code| OciError::ServerError { code, url: "u".into(), message: String::new() };
    assert_eq!(sort(&server(404)), Failure::Missing);
    assert_eq!(sort(&server(403)), Failure::Denied);
    assert!(matches!(sort(&server(503)), Failure::Unreachable(_)));
    assert!(matches!(sort(&server(429)), Failure::Limited(_)));
}

#[tokio::test]
async fn a_registry_that_wants_a_password_gives_the_digest_to_whoever_has_it() {
    let registry = Registry::serve(Challenge::Basic).await;
    assert_eq!(registry.ask("web", Some("ci:s3cret")).await, Ok(DIGEST.to_owned()));
    assert_eq!(registry.ask("web", Some("ci:wrong")).await, Err(Failure::Denied));
    assert_eq!(registry.ask("web", None).await, Err(Failure::Denied));
    assert_eq!(registry.ask("nope", Some("ci:s3cret")).await, Err(Failure::Missing));
}

#[tokio::test]
async fn a_registry_with_a_token_service_gives_the_digest_to_whoever_got_a_token() {
    let registry = Registry::serve(Challenge::Bearer).await;
    assert_eq!(registry.ask("web", Some("ci:s3cret")).await, Ok(DIGEST.to_owned()));
    assert_eq!(registry.ask("web", Some("ci:wrong")).await, Err(Failure::Denied));
    assert_eq!(registry.ask("web", None).await, Err(Failure::Denied));
    assert_eq!(registry.ask("nope", Some("ci:s3cret")).await, Err(Failure::Missing));
}

#[tokio::test]
async fn a_registry_that_was_asked_too_often_is_neither_away_nor_without_the_image() {
    for challenge in [Challenge::None, Challenge::Bearer] {
        let registry = Registry::serve(challenge).await;
        let Err(Failure::Limited(words)) = registry.ask("busy", Some("busy:busy")).await else {
            panic!("{challenge:?} did not say so")
        };
        assert!(words.contains("pull rate limit"), "{words}");
    }
}

#[tokio::test]
async fn an_image_of_ecr_is_looked_up_with_the_login_that_aws_gives_unless_somebody_gave_one() {
    let registry = Registry::serve(Challenge::Ecr).await;
    let aws = Aws::at(&format!("http://{}", registry.address));
    let known: Vec<String> = ["web", "web", "nope"].map(|name| format!("{ECR}/{name}:1")).into();
    let found = registry.digests(ECR, known, &Credentials::default(), &aws).await;
    assert_eq!(found[&format!("{ECR}/web:1")], Ok(DIGEST.to_owned()));
    assert_eq!(found[&format!("{ECR}/nope:1")], Err(Failure::Missing));
    registry.digests(ECR, vec![format!("{ECR}/web:2")], &Credentials::default(), &aws).await;
    assert_eq!(registry.logins.load(Ordering::Relaxed), 1, "one login serves them all");

    // A repository that the role may not read, and a login that a person gave: it is the one that counts.
    let closed = vec![format!("{ECR}/closed:1")];
    let found = registry.digests(ECR, closed.clone(), &Credentials::default(), &aws).await;
    assert_eq!(found[&closed[0]], Err(Failure::NoRight));
    let wrong = json!({"auths": {ECR: {"username": "AWS", "password": "old"}}}).to_string();
    let web = vec![format!("{ECR}/web:1")];
    let found = registry.digests(ECR, web.clone(), &Credentials::parse(wrong.as_bytes()), &aws).await;
    assert_eq!(found[&web[0]], Err(Failure::Denied));
}

#[tokio::test]
async fn that_aws_gives_no_login_is_told_in_its_words() {
    let registry = Registry::serve(Challenge::Basic).await;
    // There a registry answers, and no AWS.
    let aws = Aws::at(&format!("http://{}/refuses", registry.address));
    let web = vec![format!("{ECR}/web:1")];
    let found = registry.digests(ECR, web.clone(), &Credentials::default(), &aws).await;
    let Err(Failure::NoLogin(aws::Failure::Denied(words))) = &found[&web[0]] else { panic!("{found:?}") };
    assert!(words.contains("ecr:GetAuthorizationToken"), "{words}");
}

#[tokio::test]
async fn a_registry_that_nobody_runs_is_away() {
    let registry = Registry { address: "127.0.0.1:1".to_owned(), logins: Arc::default() };
    let Err(Failure::Unreachable(why)) = registry.ask("web", None).await else { panic!("somebody answers") };
    assert!(why.to_lowercase().contains("refused"), "{why}");
}

/// How it asks who somebody is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Challenge {
    None,
    Basic,
    Bearer,
    /// As ECR asks.
    Ecr,
}

/// A registry with one image, `web:1`.
struct Registry {
    address: String,
    /// How many AWS gave.
    logins: Arc<AtomicU32>,
}

impl Registry {
    async fn serve(challenge: Challenge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let logins = Arc::<AtomicU32>::default();
        let door = Arc::new(Door { challenge, address: address.clone(), logins: logins.clone() });
        let router = Router::new()
            .route("/v2/", get(base))
            .route("/v2/{name}/manifests/{tag}", get(manifest))
            .route("/v2/{name}/tags/list", get(list))
            .route("/token", get(token))
            .route("/", post(ecr))
            .route("/refuses/", post(ecr_refuses))
            .with_state(door);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, logins }
    }

    async fn ask(&self, name: &str, login: Option<&str>) -> Result<String, Failure> {
        let registry = "registry.example.com";
        let logins = login.and_then(|login| login.split_once(':'));
        let logins = logins
            .map(|(user, password)| json!({"auths": {registry: {"username": user, "password": password}}}));
        let credentials = logins.map(|logins| Credentials::parse(logins.to_string().as_bytes()));
        let reference = format!("{registry}/{name}:1");
        let (credentials, aws) = (credentials.unwrap_or_default(), Aws::default());
        let mut found = self.digests(registry, vec![reference.clone()], &credentials, &aws).await;
        found.remove(&reference).unwrap()
    }

    /// The digests of images of `registry`, which is this one.
    async fn digests(
        &self,
        registry: &str,
        references: Vec<String>,
        credentials: &Credentials,
        aws: &Aws,
    ) -> BTreeMap<String, Result<String, Failure>> {
        // As the process does that asks: TLS is never left to chance.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings {
            registries: [(registry.to_owned(), format!("http://{}", self.address))].into(),
            ..Settings::default()
        };
        digests(references, &settings, credentials, aws).await
    }
}

struct Door {
    challenge: Challenge,
    address: String,
    logins: Arc<AtomicU32>,
}

impl Door {
    /// The answer to whoever may not come in.
    fn closed(&self, headers: &HeaderMap) -> Option<Response> {
        let (key, challenge) = match self.challenge {
            Challenge::None => return None,
            Challenge::Basic => (LOGIN, "Basic realm=\"registry\"".to_owned()),
            Challenge::Ecr => {
                (ECR_LOGIN, "Basic realm=\"https://ecr/\",service=\"ecr.amazonaws.com\"".to_owned())
            }
            Challenge::Bearer => (
                "Bearer t0ken",
                format!("Bearer realm=\"http://{}/token\",service=\"registry\"", self.address),
            ),
        };
        if presented(headers) == key {
            return None;
        }
        let challenge = HeaderValue::from_str(&challenge).unwrap();
        let refusal = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]});
        Some(
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], Json(refusal))
                .into_response(),
        )
    }
}

fn presented(headers: &HeaderMap) -> &str {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn base(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    door.closed(&headers).unwrap_or_else(|| StatusCode::OK.into_response())
}

async fn manifest(
    State(door): State<Arc<Door>>,
    Path((name, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = door.closed(&headers) {
        return refused;
    }
    match name.as_str() {
        "web" => ([("docker-content-digest", DIGEST)], "").into_response(),
        "busy" => too_often(),
        "closed" => {
            let denied = json!({"errors": [{"code": "DENIED", "message": "not authorized to perform: ecr:BatchGetImage"}]});
            (StatusCode::FORBIDDEN, Json(denied)).into_response()
        }
        _ => {
            let unknown = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
            (StatusCode::NOT_FOUND, Json(unknown)).into_response()
        }
    }
}

async fn list(State(door): State<Arc<Door>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = door.closed(&headers) {
        return refused;
    }
    if name == "closed" {
        let denied =
            json!({"errors": [{"code": "DENIED", "message": "not authorized to perform: ecr:ListImages"}]});
        return (StatusCode::FORBIDDEN, Json(denied)).into_response();
    }
    Json(json!({"name": name, "tags": ["1"]})).into_response()
}

async fn token(headers: HeaderMap) -> Response {
    match presented(&headers) {
        LOGIN => Json(json!({"token": "t0ken"})).into_response(),
        // `busy:busy`
        "Basic YnVzeTpidXN5" => too_often(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// What AWS itself is asked.
async fn ecr(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    assert!(target.ends_with(".GetAuthorizationToken"), "{target}");
    door.logins.fetch_add(1, Ordering::Relaxed);
    let ends = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 12 * 3600;
    // `AWS:t0ken`
    let data =
        json!({"authorizationToken": "QVdTOnQwa2Vu", "expiresAt": ends, "proxyEndpoint": "https://ecr"});
    Json(json!({"authorizationData": [data]})).into_response()
}

async fn ecr_refuses() -> Response {
    let words = "User: arn:aws:sts::123456789012:assumed-role/outboard/x is not authorized to perform: \
                 ecr:GetAuthorizationToken on resource: *";
    let refusal = json!({"__type": "AccessDeniedException", "Message": words});
    (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
}

fn too_often() -> Response {
    let words = "You have reached your pull rate limit";
    let refusal = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": words}]});
    (StatusCode::TOO_MANY_REQUESTS, Json(refusal)).into_response()
}
