//! The part of Kubernetes' API that the command line needs, for whoever brings a token: `/kube`. Everything is done as they.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use verbs::proxy::{self, Asked, Barred};

use crate::app::{App, Mine};
use crate::door::limit::Room;
use crate::failure::Failure;

const ROOT: &str = "/kube";
/// No object that Kubernetes takes is longer.
const LONGEST: usize = 3 << 20;
/// Longer bodies are read and sent a few at once, since each takes its memory.
const LARGE: u64 = 64 << 10;
static LARGE_AT_ONCE: Semaphore = Semaphore::const_new(16);
/// Whoever sends one sends it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A way into a container that nothing moves on is nobody's any more.
const IDLE: Duration = Duration::from_secs(60 * 60);

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
        Err(barred) => {
            if let Barred::Resource { verb, resource } = &barred {
                app.note(format!("{verb} {resource}"));
            }
            return status(&refused(&barred));
        }
    };
    if let Some(asked) = asked.as_ref().filter(|asked| !app.shows(asked)) {
        app.note(asked.to_string());
        let (sentence, hint) = ("this server shows another namespace", "ask within the one that it is for");
        return status(&Failure::door(StatusCode::FORBIDDEN, sentence, hint.to_owned()));
    }
    let said = request.headers().get(header::UPGRADE).map(|to| to.to_str().unwrap_or_default());
    let upgrade = match (said, &asked) {
        (None, _) => false,
        (Some(to), Some(asked)) if asked.may_upgrade(to) => true,
        _ => {
            let hint = "ask without `Upgrade`; exec, attach and portforward take websocket";
            return status(&Failure::door(
                StatusCode::BAD_REQUEST,
                "that changes no protocol here",
                hint.to_owned(),
            ));
        }
    };
    let to = if query.is_empty() { path } else { format!("{path}?{query}") };
    let theirs = upgrade.then(|| hyper::upgrade::on(&mut request));
    let room = request.extensions().get::<Room>().cloned();
    let (mut parts, body) = request.into_parts();
    let makes = asked.as_ref().is_some_and(Asked::makes);
    // Before the body, so that it is on record whatever comes of that.
    let mut changes = asked.filter(Asked::changes);
    note(&app, changes.as_ref());
    if makes && !proxy::speak_json(&mut parts.headers) {
        let (sentence, hint) = ("what is made here is said in JSON", "send it as application/json");
        return status(&Failure::door(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence, hint.to_owned()));
    }
    let Large { body, held } = match read(&app, body).await {
        Ok(read) => read,
        Err(failure) => return status(&failure),
    };
    if let Some(changes) = &changes {
        app.differs(changes.fields_in(parts.headers.get(header::CONTENT_TYPE), &body));
    }
    let exact = changes.as_mut().is_none_or(|changes| changes.name_in(&body));
    note(&app, changes.as_ref());
    let sent = proxy::send(&app.cluster, parts.method, &to, &parts.headers, upgrade, body.into()).await;
    drop(held);
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return status(&Failure::from(error)),
    };
    let code = answer.status();
    if code == StatusCode::SWITCHING_PROTOCOLS {
        return match theirs {
            Some(theirs) => switched(&app, theirs, answer, room),
            None => status(&Failure::otherwise()),
        };
    }
    let headers = proxy::going_on(answer.headers(), false);
    let Some(mut changes) = changes.filter(|_| !exact && code.is_success()) else {
        return (code, headers, Body::new(answer.into_body())).into_response();
    };
    // Kubernetes drew the name.
    match to_bytes(Body::new(answer.into_body()), LONGEST).await {
        Ok(body) => {
            changes.name_in(&body);
            note(&app, Some(&changes));
            (code, headers, body).into_response()
        }
        Err(_) => status(&Failure::late()),
    }
}

fn note(app: &App, changes: Option<&Asked>) {
    if let Some(changes) = changes {
        app.note(changes.to_string());
    }
}

/// Hands bytes on in both directions until one of both hangs up, nothing has moved for long, or a session would have ended. It takes
/// its room for so long.
fn switched(
    app: &App,
    theirs: hyper::upgrade::OnUpgrade,
    mut answer: axum::http::Response<proxy::Body>,
    room: Option<Room>,
) -> Response {
    let headers = proxy::going_on(answer.headers(), true);
    let code = answer.status();
    let ours = hyper::upgrade::on(&mut answer);
    let longest = app.longest();
    tokio::spawn(async move {
        // There is nobody to tell.
        let _ = timeout(longest, async {
            if let (Ok(theirs), Ok(ours)) = tokio::join!(theirs, ours) {
                carry(TokioIo::new(theirs), TokioIo::new(ours), IDLE).await;
            }
        })
        .await;
        drop(room);
    });
    (code, headers).into_response()
}

/// Until one of both has ended, or nothing has come from either for so long: of a laptop that was closed nobody hears.
async fn carry<A, B>(theirs: A, ours: B, idle: Duration)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let moved = AtomicBool::new(false);
    let (mut theirs, mut ours) =
        (Noticed { inner: theirs, moved: &moved }, Noticed { inner: ours, moved: &moved });
    let quiet = async {
        loop {
            tokio::time::sleep(idle).await;
            if !moved.swap(false, Ordering::Relaxed) {
                return;
            }
        }
    };
    tokio::select! {
        // There is nobody to tell.
        _ = tokio::io::copy_bidirectional(&mut theirs, &mut ours) => {}
        () = quiet => {}
    }
}

/// One end, of which is noticed that something came.
struct Noticed<'a, S> {
    inner: S,
    moved: &'a AtomicBool,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noticed<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        if into.filled().len() > before {
            self.moved.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noticed<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// A body, and the room that a large one takes.
struct Large {
    body: Bytes,
    held: Option<(Room, SemaphorePermit<'static>)>,
}

/// All of a body. Large ones of one person come one after the other, so that no person keeps others waiting.
async fn read(app: &App, body: Body) -> Result<Large, Failure> {
    let large = HttpBody::size_hint(&body).upper().is_none_or(|length| length > LARGE);
    let reading = async {
        let held = if large { app.room_for_large(&LARGE_AT_ONCE).await } else { None };
        let body = to_bytes(body, LONGEST).await;
        body.map(|body| Large { body, held })
    };
    match timeout(PATIENCE, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(_)) => {
            let sentence = "that is more than Kubernetes takes";
            Err(Failure::door(StatusCode::PAYLOAD_TOO_LARGE, sentence, "say less at once".to_owned()))
        }
        Err(_) => Err(Failure::late()),
    }
}

fn refused(barred: &Barred) -> Failure {
    let (code, hint) = match barred {
        Barred::Query => (StatusCode::BAD_REQUEST, "say plain names, no `;`, and two digits after each `%`"),
        _ => (StatusCode::FORBIDDEN, "use a kubeconfig for what is not done through the server"),
    };
    Failure::door(code, &barred.to_string(), hint.to_owned())
}

/// A failure in the words of Kubernetes, which are what clients of it understand.
pub fn status(failure: &Failure) -> Response {
    let hint = failure.words.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let reason = match failure.status {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_nothing_moves_on_ends_and_what_something_does_goes_on() {
        let ((near, theirs), (ours, mut far)) = (duplex(64), duplex(64));
        let (mut near, begun) = (near, tokio::time::Instant::now());
        let carrying = tokio::spawn(carry(theirs, ours, IDLE));
        for _ in 0..3 {
            near.write_all(b"x").await.unwrap();
            assert_eq!(far.read_u8().await.unwrap(), b'x');
            tokio::time::sleep(IDLE * 3 / 4).await;
            assert!(!carrying.is_finished());
        }
        carrying.await.unwrap();
        let took = begun.elapsed();
        assert!((IDLE * 3..IDLE * 5).contains(&took), "{took:?}");
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0, "both ends hear of it");
    }
}
