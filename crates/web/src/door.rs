//! Who may come in: requests to this very address, with a session or a script's token, and for writes from our own pages.
//! Decides nothing about environments: what somebody may do there, Kubernetes says.

mod headers;
mod request;

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use crate::app::App;
use crate::failure::{Failure, answer};
use crate::token::{self, Mark};

/// No form of ours is longer, and no JSON.
const LONGEST: usize = 256 << 10;
/// People who came in and stay: the oldest has to come in again.
const SESSIONS: usize = 64;

pub struct Door {
    address: SocketAddr,
    /// What lets in a browser once.
    entrance: Mutex<Mark>,
    entrances: watch::Sender<String>,
    sessions: Mutex<Vec<Mark>>,
    scripts: Option<Mark>,
}

/// How somebody came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Guest {
    /// With a cookie; the token that forms have to carry.
    Browser { forms: String },
    /// With a token in a header, which no page of others can add.
    Script,
}

impl Door {
    pub fn new(address: SocketAddr, scripts: Option<Mark>) -> (Self, watch::Receiver<String>) {
        let (entrances, told) = watch::channel(String::new());
        let nobody = Mutex::new(token::mark(&token::draw()));
        let door = Self { address, entrance: nobody, entrances, sessions: Mutex::default(), scripts };
        door.open();
        (door, told)
    }

    /// Draws the next address that lets in.
    fn open(&self) {
        let token = token::draw();
        *lock(&self.entrance) = token::mark(&token);
        self.entrances.send_replace(format!("http://{}/enter?token={token}", self.address));
    }

    /// Cookies know no ports: another server of this address must not take ours for its own.
    fn cookie(&self) -> String {
        format!("outboard-{}", self.address.port())
    }

    /// The cookie of a new session, if the token lets in.
    pub fn enter(&self, token: &str) -> Option<String> {
        let known = {
            let mut entrance = lock(&self.entrance);
            let known = *entrance == token::mark(token);
            if known {
                // At once, so that no second request comes in with it.
                *entrance = token::mark(&token::draw());
            }
            known
        };
        if !known {
            return None;
        }
        self.open();
        let session = token::draw();
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= SESSIONS {
            sessions.remove(0);
        }
        sessions.push(token::mark(&session));
        Some(format!("{}={session}; Path=/; HttpOnly; SameSite=Strict", self.cookie()))
    }

    fn guest(&self, headers: &HeaderMap) -> Option<Guest> {
        if let Some(token) = request::bearer(headers) {
            return self.scripts.filter(|known| *known == token::mark(token)).map(|_| Guest::Script);
        }
        let session = request::cookie(headers, &self.cookie())?;
        let known = lock(&self.sessions).contains(&token::mark(session));
        known.then(|| Guest::Browser { forms: token::of_forms(session) })
    }
}

/// A poisoned lock holds nothing half done: every change under it is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Puts the door before everything else.
pub fn before(router: Router, app: App) -> Router {
    router
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(from_fn_with_state(app, let_in))
        .layer(from_fn(headers::add))
}

async fn let_in(State(app): State<App>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    match checked(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(failure) if api => crate::json::problem(&failure).into_response(),
        Err(failure) => answer(&failure),
    }
}

async fn checked(app: &App, mut request: Request) -> Result<Request, Failure> {
    if !request::is_for(request.headers(), app.door.address) {
        return Err(Failure::door(
            StatusCode::MISDIRECTED_REQUEST,
            "this server answers by its own address only",
            format!("open http://{}", app.door.address),
        ));
    }
    let path = request.uri().path();
    // What everybody may see: how it looks, and the way in.
    if path.starts_with("/assets/") || path == "/enter" {
        return Ok(request);
    }
    let Some(guest) = app.door.guest(request.headers()) else {
        return Err(Failure::door(
            StatusCode::UNAUTHORIZED,
            "you have not come in yet, or have been here too long",
            "open the address that `outboard ui` printed last; it lets in once".to_owned(),
        ));
    };
    request.extensions_mut().insert(guest.clone());
    match guest {
        Guest::Browser { forms } if !is_safe(request.method()) => of_our_pages(request, &forms).await,
        _ => Ok(request),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A write with a cookie has to come from a page of ours: by where the browser says that it comes from, and by what only our
/// pages know.
async fn of_our_pages(request: Request, forms: &str) -> Result<Request, Failure> {
    let forged = || {
        Failure::door(
            StatusCode::FORBIDDEN,
            "this request does not come from a page of outboard",
            "go back, load the page again, and try once more".to_owned(),
        )
    };
    if !request::is_of_same_origin(request.headers()) {
        return Err(forged());
    }
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, LONGEST).await.map_err(|_| {
        Failure::door(StatusCode::PAYLOAD_TOO_LARGE, "that is too much", "say less at once".to_owned())
    })?;
    let form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let said = match parts.headers.get("x-form-token") {
        Some(said) => said.to_str().ok().map(str::to_owned),
        None if form => request::field(&body, "token"),
        None => None,
    };
    if said.as_deref().map(token::mark) != Some(token::mark(forms)) {
        return Err(forged());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}
