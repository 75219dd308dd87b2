//! One copy of data: how far each service is, what became of it, and pausing, going on, ending.

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use verbs::data;

use super::barred::{Forms, barred};
use super::{CopyPlace, Shell, html};
use crate::app::{App, Mine, Result};
use crate::door::Guest;
use crate::failure::Failure;
use crate::view::copy::Body;
use crate::view::table::said;
use crate::{command, live};

#[derive(Template)]
#[template(path = "copy.html")]
struct Page {
    shell: Shell,
    place: CopyPlace,
    body: Body,
}

#[derive(Template)]
#[template(path = "_copy_gone.html")]
struct Gone<'a> {
    place: &'a CopyPlace,
}

/// What the forms of a fragment carry.
pub fn token(guest: &Guest) -> String {
    match guest {
        Guest::Browser { forms } => forms.clone(),
        Guest::Script => String::new(),
    }
}

/// One that was made a moment ago may have to be asked for.
async fn body(app: &App, place: &CopyPlace, token: String) -> Result<Body> {
    let now = Timestamp::now();
    let watched = app.copies().await?;
    let detail = match watched.find(&place.namespace, &place.name) {
        Some(copy) => data::detail(&copy),
        None => data::show(&app.cluster, &place.namespace, &place.name).await?,
    };
    let silence = watched.news().borrow().silence.as_ref().map(|silence| said(silence, now));
    let barred = barred(app, &place.namespace, Forms::Copy).await.is_some();
    Ok(Body { barred, ..Body::of(detail, silence, token, now) })
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: CopyPlace) -> Result<Response> {
    let body = body(&app, &place, token(&guest)).await?;
    let shell = Shell::new(&app, &guest, &place.name, "copies");
    let shell = shell.command(command::copy(&place.namespace, &place.name));
    let shell = shell.with(&app, &place.namespace, Forms::Copy).await;
    html(&Page { shell, place, body })
}

pub async fn live(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    headers: HeaderMap,
    place: CopyPlace,
) -> Result<Response> {
    let (news, token) = (app.copies().await?.news(), token(&guest));
    let sent = live::of(app, news, &headers, move |app| {
        let (place, token) = (place.clone(), token.clone());
        async move {
            let drawn = match body(&app, &place, token).await {
                Err(failure) if failure.status == StatusCode::NOT_FOUND => Gone { place: &place }.render(),
                body => body?.render(),
            };
            drawn.map_err(|error| Failure::ours(&error))
        }
    });
    Ok(sent.into_response())
}

/// What may become of a copy that is under way.
pub async fn steer(
    Mine(app): Mine,
    path: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<Response> {
    let Path((namespace, name, word)) = path.map_err(|_| Failure::nowhere())?;
    let place = CopyPlace::parse(&namespace, &name)?;
    app.within(&place.namespace)?;
    let (cluster, namespace, name) = (&app.cluster, &place.namespace, &place.name);
    app.note(command::steered(namespace, &word, name));
    match word.as_str() {
        "pause" => data::pause(cluster, namespace, name).await?,
        "resume" => data::resume(cluster, namespace, name).await?,
        "cancel" => data::cancel(cluster, namespace, name).await?,
        _ => return Err(Failure::nowhere()),
    };
    Ok(Redirect::to(&place.path()).into_response())
}
