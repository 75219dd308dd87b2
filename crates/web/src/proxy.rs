//! The part of Kubernetes' API that the command line needs, for whoever brings a token: `/kube`. Everything is done as they.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use verbs::proxy::{self, Asked, Barred};

use crate::app::{App, Mine};
use crate::failure::Failure;

const ROOT: &str = "/kube";
/// No object that Kubernetes takes is longer.
const LONGEST: usize = 3 << 20;
/// Bodies that are read at once.
static LARGE: Semaphore = Semaphore::const_new(16);
/// Whoever sends one sends it.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn is_of(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub fn router() -> Router<App> {
    Router::new()
        .route("/kube/{*rest}", any(through))
        .route("/kube/", any(async || status(&Failure::nowhere())))
        .route("/kube", any(async || status(&Failure::nowhere())))
}

async fn through(Mine(app): Mine, mut request: Request) -> Response {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let path = path.strip_prefix(ROOT).unwrap_or_default().to_owned();
    let asked = match Asked::read(request.method(), &path, query) {
        Ok(asked) => asked,
        Err(barred) => return status(&refused(&barred)),
    };
    let said = request.headers().get(header::UPGRADE).map(|to| to.to_str().unwrap_or_default());
    let upgrade = match (said, &asked) {
        (None, _) => false,
        (Some(to), Some(asked)) if asked.may_upgrade(to) => true,
        _ => {
            let hint = "ask without `Upgrade`; exec, attach and portforward take websocket and SPDY/3.1";
            return status(&Failure::door(
                StatusCode::BAD_REQUEST,
                "that changes no protocol here",
                hint.to_owned(),
            ));
        }
    };
    if let Some(asked) = asked.filter(Asked::changes) {
        app.note(asked.to_string());
    }
    let to = if query.is_empty() { path } else { format!("{path}?{query}") };
    let theirs = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(failure) => return status(&failure),
    };
    let sent = proxy::send(&app.cluster, parts.method, &to, &parts.headers, upgrade, body.to_vec()).await;
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) => return status(&Failure::from(error)),
    };
    let code = answer.status();
    let headers = proxy::going_on(answer.headers(), code == StatusCode::SWITCHING_PROTOCOLS);
    if code == StatusCode::SWITCHING_PROTOCOLS {
        let Some(theirs) = theirs else { return status(&Failure::otherwise()) };
        let ours = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            // Whoever hangs up first ends it; there is nobody to tell.
            if let (Ok(theirs), Ok(ours)) = tokio::join!(theirs, ours) {
                let _ =
                    tokio::io::copy_bidirectional(&mut TokioIo::new(theirs), &mut TokioIo::new(ours)).await;
            }
        });
        return (code, headers).into_response();
    }
    (code, headers, Body::new(answer.into_body())).into_response()
}

/// All of a body. Few at once, since each may be as long as an object, and whoever sends one sends it.
async fn read(body: Body) -> Result<Bytes, Failure> {
    let _room = LARGE.acquire().await.map_err(|error| Failure::ours(&error))?;
    match timeout(PATIENCE, to_bytes(body, LONGEST)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let sentence = "that is more than Kubernetes takes";
            Err(Failure::door(StatusCode::PAYLOAD_TOO_LARGE, sentence, "say less at once".to_owned()))
        }
        Err(_) => Err(Failure::late()),
    }
}

fn refused(barred: &Barred) -> Failure {
    let hint = "use a kubeconfig for what is not done through the server";
    Failure::door(StatusCode::FORBIDDEN, &barred.to_string(), hint.to_owned())
}

/// A failure in the words of Kubernetes, which are what clients of it understand.
pub fn status(failure: &Failure) -> Response {
    let hint = failure.words.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let reason = match failure.status {
        StatusCode::UNAUTHORIZED => "Unauthorized",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        _ => "",
    };
    let told = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "reason": reason,
        "code": failure.status.as_u16(), "message": format!("{}{hint}", failure.words.sentence)});
    let mut response = (failure.status, axum::Json(told)).into_response();
    failure.mark(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
