//! Signing in and out, and going on with what was interrupted by a session's end.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use super::{Address, Shell, html, who};
use crate::actor::Actor;
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::door::site::{Back, Site};
use crate::failure::Failure;

/// Only where people sign in.
pub fn router() -> Router<App> {
    Router::new()
        .route("/sign-in", get(begin))
        .route("/sign-in/back", get(back))
        .route("/sign-out", post(leave))
        .route("/signed-out", get(left))
        .route("/go-on/{id}", get(go_on))
        .route("/who", get(who::page))
        .route("/healthz", get(async || "ok"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    to: String,
}

fn site(app: &App) -> Result<&Site> {
    app.door.site().ok_or_else(Failure::nowhere)
}

async fn begin(State(app): State<App>, Address(to): Address<To>) -> Result<Response> {
    let (address, cookie) = site(&app)?.begin(&to.to).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&address)).into_response())
}

async fn back(State(app): State<App>, headers: HeaderMap, Address(said): Address<Back>) -> Result<Response> {
    let site = site(&app)?;
    let (session, to) = site.end(&headers, &said).await?;
    let cookies = site.cookies(&session)?.map(|cookie| (header::SET_COOKIE, cookie));
    let actor = Actor::new(session.person, Some(session.until));
    actor.note("signed in".to_owned());
    let mut response = (AppendHeaders(cookies), Redirect::to(&to)).into_response();
    response.extensions_mut().insert(Arc::new(actor));
    Ok(response)
}

async fn leave(Mine(app): Mine, headers: HeaderMap) -> Result<Response> {
    let cookie = site(&app)?.leave(&headers);
    app.note("signed out".to_owned());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/signed-out")).into_response())
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct Left {
    shell: Shell,
}

async fn left() -> Result<Response> {
    html(&Left { shell: Shell::bare("Signed out", false) })
}

#[derive(Template)]
#[template(path = "interrupted.html")]
struct Interrupted<'a> {
    shell: Shell,
    id: &'a str,
}

/// What somebody sees whose session ended before they sent a form.
pub fn interrupted(id: &str) -> Response {
    let page = Interrupted { shell: Shell::bare("Sign in and go on", false), id };
    let text = page.render().unwrap_or_else(|_| "Sign in, then go on.".to_owned());
    (StatusCode::UNAUTHORIZED, Html(text)).into_response()
}

#[derive(Template)]
#[template(path = "go_on.html")]
struct GoOn {
    shell: Shell,
    path: String,
    fields: Vec<(String, String)>,
}

/// The form as it was filled in, to be sent by whoever filled it in.
async fn go_on(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    Path(id): Path<String>,
) -> Result<Response> {
    let by = app.actor.as_ref().map(|actor| actor.key.as_str()).unwrap_or_default();
    let parked = site(&app)?.parked(&id, by).ok_or_else(|| {
        let sentence = "what was kept is not there any more, or was somebody else's; nothing was done";
        Failure::said(sentence, "begin at the list of environments").with(StatusCode::GONE)
    })?;
    let shell = Shell::new(&app, &guest, "Go on", "");
    html(&GoOn { shell, path: parked.path, fields: parked.fields })
}
