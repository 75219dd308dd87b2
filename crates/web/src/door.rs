//! Who may come in: requests to this very address, by somebody who is known, and for writes from our own pages. Decides nothing
//! about environments: what somebody may do there, Kubernetes says.
//!
//! There are two doors: that of one's own machine ([`local`]), and that of a server, where people sign in ([`site`]).

mod headers;
pub mod limit;
pub mod local;
mod parked;
mod request;
pub mod seal;
mod session;
pub mod site;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::timeout;

use crate::actor::Actor;
use crate::app::App;
use crate::failure::{Failure, answer};
use crate::{audit, proxy, token};

use local::Local;
use site::Site;

/// No form of ours is longer, and no JSON.
const LONGEST: usize = 256 << 10;
/// Whoever sends a body sends it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer no answer begins: plans wait for the operator and for registries.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What is only looked at is given up before whoever looks gives up. Versions of a registry take the longest.
const READ_WAIT: Duration = Duration::from_secs(90);

pub enum Door {
    Local(Local),
    Site(Box<Site>),
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
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    pub fn site(&self) -> Option<&Site> {
        match self {
            Self::Local(_) => None,
            Self::Site(site) => Some(site),
        }
    }

    /// What browsers say as the origin of our own pages.
    pub fn origin(&self) -> String {
        match self {
            Self::Local(local) => format!("http://{}", local.address),
            Self::Site(site) => site.address.origin(),
        }
    }
}

/// Puts the door before everything else.
pub fn before(router: Router, app: App) -> Router {
    router
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(from_fn_with_state(app.clone(), let_in))
        .layer(from_fn_with_state(app, headers::add))
}

async fn let_in(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let asked = audit::Asked::of(&app, &request).map(Arc::new).zip(app.door.site());
    let known = Arc::<OnceLock<Arc<Actor>>>::default();
    let Some((asked, site)) = asked else { return answered(&app, request, next, &known).await };
    request.extensions_mut().insert(asked.clone());
    let under_way = site.under_way.clone().read_owned().await;
    // What is on record is so though whoever asked hangs up, and so is what came of it.
    let doing = tokio::spawn({
        let app = app.clone();
        async move {
            // One that breaks on the way may have changed something before: it is on record, too.
            let doing = tokio::spawn({
                let (app, known) = (app.clone(), known.clone());
                async move { answered(&app, request, next, &known).await }
            });
            let response = doing.await.unwrap_or_else(|error| answer(&Failure::ours(&error)));
            if let Some(site) = app.door.site() {
                site.audit.keep(asked.answered(known.get().map(Arc::as_ref), &response));
            }
            drop(under_way);
            response
        }
    });
    doing.await.unwrap_or_else(|error| answer(&Failure::ours(&error)))
}

/// The answer. Who it is for is known as soon as it is found.
async fn answered(app: &App, request: Request, next: Next, known: &OnceLock<Arc<Actor>>) -> Response {
    let path = request.uri().path();
    let (api, kube) = (path.starts_with("/api/"), proxy::is_of(path));
    let told = |failure: &Failure| match (api, kube) {
        (true, _) => crate::json::problem(failure),
        (_, true) => proxy::status(failure),
        _ => answer(failure),
    };
    // Whoever runs this for themselves may wait as long as they like.
    let longest = match request.method() {
        _ if app.door.is_local() => Duration::MAX,
        &Method::GET if !kube => READ_WAIT,
        _ => LONGEST_WAIT,
    };
    let response = match checked(app, request, known).await {
        Ok(mut request) => {
            // Whoever has too much under way can leave all the same.
            let leaves = request.method() == Method::POST && request.uri().path() == "/sign-out";
            let takes = (!leaves).then(|| known.get().zip(app.door.site())).flatten();
            let room = match takes.map(|(actor, site)| site.limits.room(actor)) {
                Some(None) => return told(&Failure::often(1)),
                room => room.flatten(),
            };
            // What becomes a connection of another protocol takes it along.
            if let Some(room) = &room {
                request.extensions_mut().insert(room.clone());
            }
            match timeout(longest, next.run(request)).await {
                Ok(response) => limit::holding(response, room),
                Err(_) => told(&Failure::late()),
            }
        }
        Err(Refusal::Failure(failure)) => told(&failure),
        Err(Refusal::Answer(response)) => *response,
    };
    if let (None, Some(site), true) = (known.get(), app.door.site(), response.status().is_client_error()) {
        site.audit.stranger();
    }
    response
}

/// Why a request does not come in.
enum Refusal {
    Failure(Failure),
    /// Not by a failure, but by the way to sign in.
    Answer(Box<Response>),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

async fn checked(app: &App, mut request: Request, known: &OnceLock<Arc<Actor>>) -> Result<Request, Refusal> {
    let guest = match &app.door {
        Door::Local(local) => {
            if !request::is_for(request.headers(), &local.address.to_string()) {
                return Err(misdirected(&format!("http://{}", local.address)).into());
            }
            // What everybody may see: how it looks, and the way in.
            if is_asset(request.uri().path()) || request.uri().path() == "/enter" {
                return Ok(request);
            }
            local.guest(request.headers()).ok_or_else(|| {
                Failure::door(
                    StatusCode::UNAUTHORIZED,
                    "you have not come in yet, or have been here too long",
                    "open the address that `outboard ui` printed last; it lets in once".to_owned(),
                )
            })?
        }
        Door::Site(site) => match site.checked(&mut request).await? {
            site::Known::Everybody => return Ok(request),
            site::Known::Actor(guest, actor) => {
                let asked = request.extensions().get::<Arc<audit::Asked>>().cloned();
                let actor = Arc::new(actor.asking(asked));
                // It is found once for each request.
                let actor = known.get_or_init(|| actor).clone();
                site.limits.often(&actor, site.now())?;
                actor.begins();
                request.extensions_mut().insert(actor);
                guest
            }
            site::Known::Over(session) => return Err(over(app, site, session, request).await),
        },
    };
    request.extensions_mut().insert(guest.clone());
    match guest {
        Guest::Browser { forms } if !is_safe(request.method()) => {
            Ok(of_our_pages(request, &forms, &app.door.origin()).await?)
        }
        _ => Ok(request),
    }
}

fn misdirected(address: &str) -> Failure {
    Failure::door(
        StatusCode::MISDIRECTED_REQUEST,
        "this server answers by its own address only",
        format!("open {address}"),
    )
}

fn is_asset(path: &str) -> bool {
    path.starts_with("/assets/")
}

/// Somebody whose session has ended. What they were about to do is kept for them, if it came from a page of theirs.
async fn over(app: &App, site: &Site, session: session::Session, request: Request) -> Refusal {
    let path = request.uri().path().to_owned();
    if is_safe(request.method()) || path.starts_with("/api/") {
        return site.to_sign_in(&request).into();
    }
    let checked = of_our_pages(request, &token::of_forms(&session.id), &app.door.origin()).await;
    let body = match checked {
        Ok(request) => to_bytes(request.into_body(), LONGEST).await.unwrap_or_default(),
        Err(failure) => return failure.into(),
    };
    match site.park(&session, path, &body) {
        Some(id) => Refusal::Answer(Box::new(crate::pages::sign::interrupted(&id))),
        None => Failure::strange().into(),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A write with a cookie has to come from a page of ours: by where the browser says that it comes from, and by what only our
/// pages know.
async fn of_our_pages(request: Request, forms: &str, origin: &str) -> Result<Request, Failure> {
    let forged = || {
        Failure::door(
            StatusCode::FORBIDDEN,
            "this request does not come from a page of outboard",
            "go back, load the page again, and try once more".to_owned(),
        )
    };
    if !request::is_of_same_origin(request.headers(), origin) {
        return Err(forged());
    }
    let (parts, body) = request.into_parts();
    let body: Bytes = read(body).await?;
    let said = form_token(&parts.headers, &body);
    if said.as_deref().map(token::mark) != Some(token::mark(forms)) {
        return Err(forged());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// All of a body, if it is none too long and comes in time.
async fn read(body: Body) -> Result<Bytes, Failure> {
    match timeout(PATIENCE, to_bytes(body, LONGEST)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let sentence = "that is too much";
            Err(Failure::door(StatusCode::PAYLOAD_TOO_LARGE, sentence, "say less at once".to_owned()))
        }
        Err(_) => Err(Failure::late()),
    }
}

fn form_token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    match headers.get("x-form-token") {
        Some(said) => said.to_str().ok().map(str::to_owned),
        None if form => request::field(body, "token"),
        None => None,
    }
}
