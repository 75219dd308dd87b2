//! A provider for tests: it signs, and errs, as real ones do. Codes are good once, PKCE and secrets are looked at, device codes
//! pend, refresh tokens are turned over. Shares no code with what it checks, and is never part of the binary.
#![expect(clippy::unwrap_used, reason = "for tests: a panic is how it fails")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

type Fields = HashMap<String, String>;

/// A key that signs.
pub struct Signer {
    id: Option<String>,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..Self::nameless() }
    }

    pub fn nameless() -> Self {
        let (random, how) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self { id: None, pair: EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap() }
    }

    pub fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": text(x), "y": text(y)})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as("JWT", claims)
    }

    /// A token that says of itself to be of that kind.
    pub fn sign_as(&self, kind: &str, claims: &Value) -> String {
        let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message =
            format!("{}.{}", text(&json!({"alg": "ES256", "typ": kind, "kid": self.id})), text(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

pub const CLIENT: &str = "outboard";
pub const SECRET: &str = "a secret: with %";
pub const TERMINAL: &str = "outboard-cli";

struct Code {
    nonce: Value,
    challenge: String,
    back: String,
}

pub struct Inside {
    issuer: String,
    pub signer: Signer,
    /// Who sits at the browser.
    pub claims: Value,
    codes: HashMap<String, Code>,
    /// By device code: how often it has been asked for.
    devices: HashMap<String, u32>,
    refresh: u32,
    /// Answers everything with this.
    pub away: Option<u16>,
    /// What is said instead of its own name.
    pub calls_itself: Option<String>,
    /// Another nonce than it was asked for.
    pub replays: bool,
    /// How often its keys were asked for.
    pub keys_read: u32,
}

/// One that listens on this machine.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<Inside>>);

impl Fake {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, &at)
    }

    /// One that is reached otherwise than where it listens: `at`, as its issuer says.
    pub async fn start_at(listen: &str, at: &str) -> Self {
        Self::serve(tokio::net::TcpListener::bind(listen).await.unwrap(), at)
    }

    fn serve(listener: tokio::net::TcpListener, at: &str) -> Self {
        let issuer = format!("{at}/dex");
        let fake = Self(Arc::new(Mutex::new(Inside {
            issuer,
            signer: Signer::new("one"),
            claims: json!({"email": "ann@example.com", "email_verified": true, "groups": ["dev"]}),
            codes: HashMap::new(),
            devices: HashMap::new(),
            refresh: 0,
            away: None,
            calls_itself: None,
            replays: false,
            keys_read: 0,
        })));
        let router = Router::new()
            .route("/dex/.well-known/openid-configuration", get(discovery))
            .route("/dex/keys", get(keys))
            .route("/dex/auth", get(authorize))
            .route("/dex/token", post(token))
            .route("/dex/device", post(device))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    pub fn issuer(&self) -> String {
        self.inside().issuer.clone()
    }

    /// Where somebody is sent back to who was sent here: the query that comes with them.
    pub fn authorize(&self, address: &str) -> String {
        let query = address.split_once('?').unwrap().1;
        let said: Fields = serde_urlencoded::from_str(query).unwrap();
        let mut inside = self.inside();
        let code = inside.code(&said);
        format!("code={code}&state={}", said["state"])
    }

    /// A token as it gives it to a client, with other claims where they are said.
    pub fn token(&self, more: &Value) -> String {
        self.token_as("JWT", more)
    }

    /// One that says of itself to be of that kind.
    pub fn token_as(&self, kind: &str, more: &Value) -> String {
        let inside = self.inside();
        inside.signer.sign_as(kind, &inside.with(more))
    }
}

impl Inside {
    fn code(&mut self, said: &Fields) -> String {
        let text = |name: &str| said.get(name).cloned().unwrap_or_default();
        let nonce = if self.replays { json!("of another") } else { json!(text("nonce")) };
        let code = format!("code-{}", Signer::nameless().jwk()["x"].as_str().unwrap_or_default());
        let kept = Code { nonce, challenge: text("code_challenge"), back: text("redirect_uri") };
        self.codes.insert(code.clone(), kept);
        code
    }

    fn with(&self, more: &Value) -> Value {
        let now = Timestamp::now().as_second();
        let mut claims =
            json!({"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 3600});
        for (name, value) in self.claims.as_object().into_iter().chain(more.as_object()).flatten() {
            claims[name] = value.clone();
        }
        claims
    }
}

fn no(status: u16, error: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({"error": error, "error_description": format!("it is {error}")}))).into_response()
}

async fn discovery(State(fake): State<Fake>) -> Response {
    let inside = fake.inside();
    if let Some(status) = inside.away {
        return no(status, "away");
    }
    let at = |path: &str| format!("{}/{path}", inside.issuer);
    let issuer = inside.calls_itself.as_ref().unwrap_or(&inside.issuer);
    Json(json!({"issuer": issuer, "authorization_endpoint": at("auth"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "device_authorization_endpoint": at("device")}))
    .into_response()
}

async fn keys(State(fake): State<Fake>) -> Response {
    let mut inside = fake.inside();
    inside.keys_read += 1;
    match inside.away {
        Some(status) => no(status, "away"),
        // With one that nobody here understands, as real ones have.
        None => {
            Json(json!({"keys": [{"kty": "XYZ", "kid": "strange"}, inside.signer.jwk()]})).into_response()
        }
    }
}

async fn authorize(State(fake): State<Fake>, Query(said): Query<Fields>) -> Response {
    let text = |name: &str| said.get(name).cloned().unwrap_or_default();
    if text("client_id") != CLIENT
        || text("response_type") != "code"
        || text("code_challenge_method") != "S256"
    {
        return no(400, "invalid_request");
    }
    let code = fake.inside().code(&said);
    Redirect::to(&format!("{}?code={code}&state={}", text("redirect_uri"), text("state"))).into_response()
}

/// Id and secret of the client, form-encoded before they are base64.
fn is_client(headers: &HeaderMap) -> bool {
    let said = headers.get(header::AUTHORIZATION).and_then(|said| said.to_str().ok()?.strip_prefix("Basic "));
    let said = said.and_then(|said| BASE64_STANDARD.decode(said).ok());
    said.is_some_and(|said| said == format!("{CLIENT}:{}", "a+secret%3A+with+%25").as_bytes())
}

async fn token(State(fake): State<Fake>, headers: HeaderMap, Form(said): Form<Fields>) -> Response {
    let text = |name: &str| said.get(name).cloned().unwrap_or_default();
    let mut inside = fake.inside();
    if let Some(status) = inside.away {
        return no(status, "away");
    }
    match text("grant_type").as_str() {
        "authorization_code" => {
            if !is_client(&headers) {
                return no(401, "invalid_client");
            }
            // Good once, whatever becomes of it.
            let Some(code) = inside.codes.remove(&text("code")) else { return no(400, "invalid_grant") };
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
            if challenge != code.challenge || text("redirect_uri") != code.back {
                return no(400, "invalid_grant");
            }
            let token = inside.signer.sign(&inside.with(&json!({"nonce": code.nonce})));
            Json(json!({"access_token": "x", "token_type": "bearer", "id_token": token})).into_response()
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            let Some(asked) = inside.devices.get_mut(&text("device_code")) else {
                return no(400, "expired_token");
            };
            *asked += 1;
            match asked {
                1 => no(400, "authorization_pending"),
                _ => granted(&mut inside),
            }
        }
        "refresh_token" if text("refresh_token") == format!("refresh-{}", inside.refresh) => {
            granted(&mut inside)
        }
        "refresh_token" => no(400, "invalid_grant"),
        _ => no(400, "unsupported_grant_type"),
    }
}

fn granted(inside: &mut Inside) -> Response {
    inside.refresh += 1;
    let token = inside.signer.sign(&inside.with(&json!({"aud": TERMINAL})));
    let refresh = format!("refresh-{}", inside.refresh);
    Json(json!({"access_token": "x", "id_token": token, "refresh_token": refresh})).into_response()
}

async fn device(State(fake): State<Fake>, Form(said): Form<Fields>) -> Response {
    if said.get("client_id").map(String::as_str) != Some(TERMINAL) {
        return no(401, "invalid_client");
    }
    let mut inside = fake.inside();
    let code = format!("device-{}", inside.devices.len());
    inside.devices.insert(code.clone(), 0);
    let page = format!("{}/device", inside.issuer);
    Json(json!({"device_code": code, "user_code": "ABCD-EFGH", "verification_uri": page, "interval": 0,
        "verification_uri_complete": format!("{page}?user_code=ABCD-EFGH"), "expires_in": 300}))
    .into_response()
}
