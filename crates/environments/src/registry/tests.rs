//! What is made of a registry's answers: by value, and against one that speaks the protocol.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
/// `ci:s3cret`
const LOGIN: &str = "Basic Y2k6czNjcmV0";

#[test]
fn a_login_is_found_however_its_registry_is_written() {
    let config = br#"{"auths": {
        "https://index.docker.io/v1/": {"auth": "YW5uOnMzY3IzdA=="},
        "registry.example.com": {"username": "ci", "password": "pw"}
    }}"#;
    let credentials = Credentials::parse(config);
    assert_eq!(credentials.of("docker.io"), RegistryAuth::Basic("ann".into(), "s3cr3t".into()));
    assert_eq!(credentials.of("registry.example.com"), RegistryAuth::Basic("ci".into(), "pw".into()));
    assert_eq!(credentials.of("ghcr.io"), RegistryAuth::Anonymous);
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
async fn a_registry_that_nobody_runs_is_away() {
    let registry = Registry { address: "127.0.0.1:1".to_owned() };
    let Err(Failure::Unreachable(why)) = registry.ask("web", None).await else { panic!("somebody answers") };
    assert!(why.to_lowercase().contains("refused"), "{why}");
}

/// How it asks who somebody is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Challenge {
    None,
    Basic,
    Bearer,
}

/// A registry with one image, `web:1`.
struct Registry {
    address: String,
}

impl Registry {
    async fn serve(challenge: Challenge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let door = Arc::new(Door { challenge, address: address.clone() });
        let router = Router::new()
            .route("/v2/", get(base))
            .route("/v2/{name}/manifests/{tag}", get(manifest))
            .route("/token", get(token))
            .with_state(door);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address }
    }

    async fn ask(&self, name: &str, login: Option<&str>) -> Result<String, Failure> {
        // As the process does that asks: TLS is never left to chance.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings {
            registries: [("registry.example.com".to_owned(), format!("http://{}", self.address))].into(),
            ..Settings::default()
        };
        let logins = login.and_then(|login| login.split_once(':'));
        let logins = logins.map(|(user, password)| {
            json!({"auths": {"registry.example.com": {"username": user, "password": password}}})
        });
        let credentials = logins.map(|logins| Credentials::parse(logins.to_string().as_bytes()));
        let reference = format!("registry.example.com/{name}:1");
        let mut found = digests(vec![reference.clone()], &settings, &credentials.unwrap_or_default()).await;
        found.remove(&reference).unwrap()
    }
}

struct Door {
    challenge: Challenge,
    address: String,
}

impl Door {
    /// The answer to whoever may not come in.
    fn closed(&self, headers: &HeaderMap) -> Option<Response> {
        let (key, challenge) = match self.challenge {
            Challenge::None => return None,
            Challenge::Basic => (LOGIN, "Basic realm=\"registry\"".to_owned()),
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
        _ => {
            let unknown = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
            (StatusCode::NOT_FOUND, Json(unknown)).into_response()
        }
    }
}

async fn token(headers: HeaderMap) -> Response {
    match presented(&headers) {
        LOGIN => Json(json!({"token": "t0ken"})).into_response(),
        // `busy:busy`
        "Basic YnVzeTpidXN5" => too_often(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn too_often() -> Response {
    let words = "You have reached your pull rate limit";
    let refusal = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": words}]});
    (StatusCode::TOO_MANY_REQUESTS, Json(refusal)).into_response()
}
