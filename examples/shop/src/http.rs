//! What the web answers: routes and handlers, and the access log around them.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::access_log::{AccessLog, Line};
use crate::database::{Database, NewOrder, Unavailable};
use crate::page::Place;
use crate::queue::Queue;
use crate::uploads::{Uploads, valid_key};
use crate::{Version, page};

/// What every handler may use.
#[derive(Debug)]
pub struct Shop {
    pub version: Version,
    pub place: Place,
    pub database: Database,
    pub queue: Option<Queue>,
    pub uploads: Option<Uploads>,
    /// Says "not ready" for ever, on demand.
    pub unready: bool,
    pub log: AccessLog,
}

type Shared = State<&'static Shop>;

const LARGEST_UPLOAD: usize = 16 << 20;
const LONGEST_NAP: u64 = 30_000;

pub fn router(shop: &'static Shop) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/healthz", get(healthz))
        .route("/version", get(version))
        .route("/slow", get(slow))
        .route("/api/products", get(products))
        .route("/api/orders", get(orders).post(order))
        .route("/api/uploads/{key}", get(download).put(upload))
        .layer(DefaultBodyLimit::max(LARGEST_UPLOAD))
        .layer(from_fn_with_state(shop, record))
        .with_state(shop)
}

async fn record(State(shop): Shared, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let version = shop.version.name();
    response.headers_mut().insert("x-shop-version", HeaderValue::from_static(version));
    let (status, milliseconds) = (response.status().as_u16(), start.elapsed().as_millis());
    shop.log.write(&Line {
        time: jiff::Timestamp::now().to_string(),
        method: method.as_str(),
        path: &path,
        status,
        milliseconds: u64::try_from(milliseconds).unwrap_or(u64::MAX),
        version,
    });
    // Probes come every few seconds for ever: they are in the access log, that is enough.
    if path != "/healthz" || status != 200 {
        tracing::info!("{method} {path} {status} {milliseconds} ms");
    }
    response
}

async fn home(State(shop): Shared) -> Response {
    let place = &shop.place;
    match tokio::try_join!(shop.database.products(), shop.database.count_orders()) {
        Ok((products, orders)) => Html(page::render(shop.version, place, &products, orders)).into_response(),
        Err(Unavailable(reason)) => {
            let page = page::trouble(shop.version, place, &reason);
            (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response()
        }
    }
}

async fn healthz(State(shop): Shared) -> Response {
    if shop.unready {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "warming up: cache is cold");
    }
    match shop.database.ping().await {
        Ok(()) => Json(json!({"status": "ok", "version": shop.version.name()})).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn version(State(shop): Shared) -> Response {
    Json(json!({"version": shop.version.name()})).into_response()
}

#[derive(Debug, Deserialize)]
struct Slow {
    #[serde(default)]
    ms: u64,
}

async fn slow(Query(slow): Query<Slow>) -> Response {
    let ms = slow.ms.min(LONGEST_NAP);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Json(json!({"slept_ms": ms})).into_response()
}

async fn products(State(shop): Shared) -> Result<Response, Unavailable> {
    Ok(Json(shop.database.products().await?).into_response())
}

async fn orders(State(shop): Shared) -> Result<Response, Unavailable> {
    Ok(Json(shop.database.orders().await?).into_response())
}

async fn order(State(shop): Shared, Json(new): Json<NewOrder>) -> Result<Response, Unavailable> {
    if !(1..=100).contains(&new.quantity) {
        return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "quantity is not between 1 and 100"));
    }
    let Some(order) = shop.database.order(new).await? else {
        return Ok(problem(StatusCode::NOT_FOUND, "there is no such product"));
    };
    let mut answer = json!(order);
    if let Some(queue) = &shop.queue {
        // The order stands whether or not the queue takes it; the answer tells.
        let pushed = queue.push(&answer.to_string()).await;
        if let Err(error) = &pushed {
            tracing::warn!("order {} is not queued: Redis: {error}", order.id);
        }
        answer["queued"] = json!(pushed.is_ok());
    }
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

async fn upload(State(shop): Shared, Path(key): Path<String>, body: Bytes) -> Response {
    let Some(uploads) = &shop.uploads else { return no_uploads() };
    if !valid_key(&key) {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "a key is letters, digits, dots, dashes and underscores",
        );
    }
    match uploads.put(&key, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => problem(StatusCode::BAD_GATEWAY, &reason),
    }
}

async fn download(State(shop): Shared, Path(key): Path<String>) -> Response {
    let Some(uploads) = &shop.uploads else { return no_uploads() };
    if !valid_key(&key) {
        return problem(StatusCode::NOT_FOUND, "there is no such upload");
    }
    match uploads.get(&key).await {
        Ok(Some(bytes)) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no such upload"),
        Err(reason) => problem(StatusCode::BAD_GATEWAY, &reason),
    }
}

fn no_uploads() -> Response {
    problem(
        StatusCode::NOT_IMPLEMENTED,
        "uploads are not configured: set S3_ENDPOINT and the other S3 variables",
    )
}

fn problem(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"error": reason}))).into_response()
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        problem(StatusCode::SERVICE_UNAVAILABLE, &self.0)
    }
}
