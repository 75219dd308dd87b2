//! The way in: an address that lets in once, for a cookie.

use askama::Template;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Address, Shell, html};
use crate::app::{App, Result};
use crate::door::Door;
use crate::failure::Failure;

#[derive(Deserialize)]
pub struct Entrance {
    #[serde(default)]
    token: String,
}

#[derive(Template)]
#[template(path = "enter.html")]
struct Entered {
    shell: Shell,
}

/// Answers with a page that goes on by itself, not with a redirect: after one that began elsewhere, browsers would hold the
/// cookie back.
pub async fn enter(
    method: Method,
    State(app): State<App>,
    Address(entrance): Address<Entrance>,
) -> Result<Response> {
    let Door::Local(local) = &app.door else { return Err(Failure::nowhere()) };
    let cookie = if method == Method::GET { local.enter(&entrance.token) } else { None };
    let Some(cookie) = cookie else {
        return Err(Failure::door(
            StatusCode::UNAUTHORIZED,
            "this address has let somebody in already, or never did",
            "open the address that `outboard ui` printed last".to_owned(),
        ));
    };
    let page = html(&Entered { shell: Shell::bare("Come in", false) })?;
    Ok(([(header::SET_COOKIE, cookie)], page).into_response())
}
