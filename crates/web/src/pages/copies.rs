//! Every copy of data, in a table that keeps up with the cluster.

use askama::Template;
use axum::Extension;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::{Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::copy::Copies;
use crate::view::table::said;
use crate::{command, live};

#[derive(Template)]
#[template(path = "copies.html")]
struct Page {
    shell: Shell,
    copies: Copies,
}

async fn copies(app: &App) -> Result<Copies> {
    let (watched, now) = (app.copies().await?, Timestamp::now());
    let all = watched.all().iter().map(|copy| verbs::data::summary(copy)).collect();
    let silence = watched.news().borrow().silence.as_ref().map(|silence| said(silence, now));
    Ok(Copies::of(all, silence, now))
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>) -> Result<Response> {
    let shell = Shell::new(&app, &guest, "Copies of data", "copies");
    let shell = shell.does(command::copies(&app.places("datacopies").await?));
    html(&Page { shell, copies: copies(&app).await? })
}

pub async fn live(Mine(app): Mine, headers: HeaderMap) -> Result<Response> {
    let news = app.copies().await?.news();
    let sent = live::of(app, news, &headers, |app| async move {
        copies(&app).await?.render().map_err(|error| Failure::ours(&error))
    });
    Ok(sent.into_response())
}
